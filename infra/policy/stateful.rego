# What holds data or identity is not destroyed or replaced in production, unless somebody who may
# override policies answers for it.
package main

import rego.v1

import data.plans

stateful_types := {
	"aws_db_cluster_snapshot",
	"aws_db_instance",
	"aws_dynamodb_table",
	"aws_ebs_volume",
	"aws_ecr_repository",
	"aws_efs_file_system",
	"aws_eks_cluster",
	"aws_kms_key",
	"aws_rds_cluster",
	"aws_s3_bucket",
	"aws_secretsmanager_secret",
	"aws_sqs_queue",
}

deny_stateful contains msg if {
	input.slipway.production
	some resource in plans.taken
	resource.type in stateful_types
	msg := sprintf("%s would be destroyed in production; what it holds is gone then", [resource.address])
}
