package main_test

import rego.v1

test_tags_missing if {
	data.main.warn_tags == {"aws_kms_key.this has no tags ManagedBy, Stack"} with input as made("aws_kms_key", {"tags_all": {"Environment": "dev"}})
}

test_tags_there if {
	count(data.main.warn_tags) == 0 with input as made("aws_kms_key", {"tags_all": {"Environment": "dev", "ManagedBy": "terraform", "Stack": "eks"}})
}

test_what_takes_no_tags if {
	count(data.main.warn_tags) == 0 with input as made("aws_iam_role_policy", {"policy": "{}"})
}
