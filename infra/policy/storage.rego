# Buckets are private.
package main

import rego.v1

import data.plans

blocks := ["block_public_acls", "block_public_policy", "ignore_public_acls", "restrict_public_buckets"]

deny_public_bucket contains msg if {
	some resource in plans.made
	resource.type in {"aws_s3_bucket_public_access_block", "aws_s3_account_public_access_block"}
	some name in blocks
	not resource.change.after[name]
	msg := sprintf("%s leaves %s off", [resource.address, name])
}

# What was blocked is not any more.
deny_public_bucket contains msg if {
	some resource in plans.taken
	resource.type in {"aws_s3_bucket_public_access_block", "aws_s3_account_public_access_block"}
	resource.change.actions == ["delete"]
	msg := sprintf("without %s a bucket may be made public", [resource.address])
}

deny_public_bucket contains msg if {
	some resource in plans.made
	resource.type in {"aws_s3_bucket", "aws_s3_bucket_acl"}
	startswith(resource.change.after.acl, "public-")
	msg := sprintf("%s has the ACL %s", [resource.address, resource.change.after.acl])
}

# A bucket's policy that lets in everybody, without any condition.
deny_public_bucket contains msg if {
	some resource in plans.made
	resource.type == "aws_s3_bucket_policy"
	document := json.unmarshal(resource.change.after.policy)
	some statement in document.Statement
	statement.Effect == "Allow"
	not statement.Condition
	lets_in_everybody(statement.Principal)
	msg := sprintf("%s lets in everybody", [resource.address])
}

lets_in_everybody(principal) if principal == "*"

lets_in_everybody(principal) if principal.AWS == "*"

lets_in_everybody(principal) if "*" in principal.AWS
