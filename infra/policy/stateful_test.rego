package main_test

import rego.v1

plan(type, actions) := {"resource_changes": [{
	"address": sprintf("%s.this", [type]),
	"mode": "managed",
	"type": type,
	"change": {"actions": actions, "before": {}, "after": null},
}]}

in_env(plan, production) := object.union(plan, {"slipway": {"production": production}})

test_destroyed_in_production if {
	data.main.deny_stateful == {"aws_rds_cluster.this would be destroyed in production; what it holds is gone then"} with input as in_env(plan("aws_rds_cluster", ["delete"]), true)
}

test_replaced_in_production if {
	count(data.main.deny_stateful) == 1 with input as in_env(plan("aws_s3_bucket", ["create", "delete"]), true)
}

test_destroyed_elsewhere if {
	count(data.main.deny_stateful) == 0 with input as in_env(plan("aws_rds_cluster", ["delete"]), false)
}

test_updated_in_production if {
	count(data.main.deny_stateful) == 0 with input as in_env(plan("aws_rds_cluster", ["update"]), true)
}

test_what_holds_nothing if {
	count(data.main.deny_stateful) == 0 with input as in_env(plan("aws_iam_role", ["delete"]), true)
}
