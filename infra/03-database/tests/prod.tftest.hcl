# prod: what differs from dev. No account is needed: the provider is mocked.
#
#   terraform test -filter=tests/prod.tftest.hcl -var-file=prod.tfvars      in the workspace prod

mock_provider "aws" {
  mock_data "aws_eks_cluster" {
    defaults = {
      vpc_config = [{ vpc_id = "vpc-1", cluster_security_group_id = "sg-cluster" }]
      identity   = [{ oidc = [{ issuer = "https://oidc.eks.eu-central-1.amazonaws.com/id/0" }] }]
    }
  }

  mock_data "aws_subnets" {
    defaults = {
      ids = ["subnet-1", "subnet-2", "subnet-3"]
    }
  }

  mock_data "aws_iam_policy_document" {
    defaults = {
      json = "{}"
    }
  }
}

run "prod" {
  command = plan

  assert {
    condition     = aws_db_instance.this[0].multi_az && aws_db_instance.this[0].deletion_protection && aws_db_instance.this[0].backup_retention_period == 30
    error_message = "A standby, protection, a month of backups."
  }

  assert {
    condition     = !aws_db_instance.this[0].skip_final_snapshot && aws_db_instance.this[0].final_snapshot_identifier == "shop-prod-final" && !aws_db_instance.this[0].delete_automated_backups
    error_message = "What is destroyed can be brought back."
  }

  assert {
    condition     = !aws_db_instance.this[0].apply_immediately
    error_message = "Restarts wait for the maintenance window."
  }
}

run "warns_of_less_than_prod_should_have" {
  command = plan

  variables {
    multi_az = false
  }

  expect_failures = [check.production]
}
