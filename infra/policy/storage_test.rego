package main_test

import rego.v1

all_blocked := {"block_public_acls": true, "block_public_policy": true, "ignore_public_acls": true, "restrict_public_buckets": true}

bucket_policy(statement) := made("aws_s3_bucket_policy", {"policy": json.marshal({"Statement": [statement]})})

test_all_blocked if {
	count(data.main.deny_public_bucket) == 0 with input as made("aws_s3_bucket_public_access_block", all_blocked)
}

test_one_left_off if {
	data.main.deny_public_bucket == {"aws_s3_bucket_public_access_block.this leaves ignore_public_acls off"} with input as made("aws_s3_bucket_public_access_block", object.union(all_blocked, {"ignore_public_acls": false}))
}

test_blocks_taken_away if {
	count(data.main.deny_public_bucket) == 1 with input as plan("aws_s3_bucket_public_access_block", ["delete"])
}

test_public_acl if {
	count(data.main.deny_public_bucket) == 1 with input as made("aws_s3_bucket_acl", {"acl": "public-read"})
}

test_private_acl if {
	count(data.main.deny_public_bucket) == 0 with input as made("aws_s3_bucket_acl", {"acl": "private"})
}

test_policy_for_everybody if {
	count(data.main.deny_public_bucket) == 1 with input as bucket_policy({"Effect": "Allow", "Principal": "*", "Action": "s3:GetObject"})
	count(data.main.deny_public_bucket) == 1 with input as bucket_policy({"Effect": "Allow", "Principal": {"AWS": "*"}, "Action": "s3:GetObject"})
	count(data.main.deny_public_bucket) == 1 with input as bucket_policy({"Effect": "Allow", "Principal": {"AWS": ["*"]}, "Action": "s3:GetObject"})
}

test_policy_for_nobody if {
	count(data.main.deny_public_bucket) == 0 with input as bucket_policy({"Effect": "Deny", "Principal": "*", "Action": "s3:*"})
}

test_policy_that_is_not_known_yet if {
	count(data.main.deny_public_bucket) == 0 with input as made("aws_s3_bucket_policy", {"bucket": "x"})
}
