# dev, and what else `engine` and `workload_identity` can be. No account is needed: the provider is mocked.
#
#   terraform test -filter=tests/dev.tftest.hcl -var-file=dev.tfvars      in the workspace dev

mock_provider "aws" {
  mock_data "aws_eks_cluster" {
    defaults = {
      arn        = "arn:aws:eks:eu-central-1:111111111111:cluster/shop-dev"
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

  mock_resource "aws_db_instance" {
    defaults = {
      address            = "shop-dev.example.eu-central-1.rds.amazonaws.com"
      resource_id        = "db-0"
      master_user_secret = [{ secret_arn = "arn:aws:secretsmanager:eu-central-1:111111111111:secret:rds" }]
    }
    override_during = plan
  }

  mock_resource "aws_rds_cluster" {
    defaults = {
      endpoint            = "shop-dev.cluster-example.eu-central-1.rds.amazonaws.com"
      cluster_resource_id = "cluster-0"
      master_user_secret  = [{ secret_arn = "arn:aws:secretsmanager:eu-central-1:111111111111:secret:rds" }]
    }
    override_during = plan
  }
}

run "dev" {
  command = plan

  assert {
    condition     = length(aws_db_instance.this) == 1 && length(aws_rds_cluster.this) == 0
    error_message = "RDS, and no Aurora."
  }

  assert {
    condition     = aws_db_instance.this[0].storage_encrypted && aws_db_instance.this[0].iam_database_authentication_enabled && !aws_db_instance.this[0].publicly_accessible
    error_message = "Encrypted, private, and with IAM logins."
  }

  assert {
    condition     = aws_db_instance.this[0].manage_master_user_password && aws_db_instance.this[0].password == null
    error_message = "The master user's password is RDS's, not in the state."
  }

  assert {
    condition     = aws_db_instance.this[0].skip_final_snapshot && !aws_db_instance.this[0].deletion_protection
    error_message = "dev can be thrown away."
  }

  assert {
    condition     = aws_vpc_security_group_ingress_rule.cluster.referenced_security_group_id == "sg-cluster" && aws_vpc_security_group_ingress_rule.cluster.cidr_ipv4 == null
    error_message = "Open to the cluster's security group only."
  }

  assert {
    condition     = one([for it in aws_db_parameter_group.this[0].parameter : it.value if it.name == "rds.force_ssl"]) == "1"
    error_message = "TLS only."
  }

  assert {
    condition     = data.aws_iam_policy_document.connect.statement[0].resources == toset(["arn:aws:rds-db:eu-central-1:111111111111:dbuser:db-0/shop"])
    error_message = "The role may log in as this one user of this one database."
  }

  assert {
    condition     = output.database_env == "SHOP_DATABASE_URL=postgres://shop@shop-dev.example.eu-central-1.rds.amazonaws.com:5432/shop?sslmode=verify-full\nSHOP_DATABASE_AUTH=iam\n"
    error_message = "database_env is a file that the app reads as it is."
  }

  assert {
    condition     = strcontains(output.create_user_sql, "GRANT rds_iam TO shop;") && !strcontains(output.create_user_sql, "PASSWORD")
    error_message = "The user logs in by IAM."
  }
}

run "aurora" {
  command = plan

  variables {
    engine   = "aurora-postgresql"
    multi_az = true
  }

  assert {
    condition     = length(aws_db_instance.this) == 0 && length(aws_rds_cluster_instance.this) == 2
    error_message = "Aurora with a writer and a reader, and no RDS."
  }

  assert {
    condition     = aws_rds_cluster.this[0].serverlessv2_scaling_configuration[0].min_capacity == 0.5 && aws_rds_cluster_instance.this[0].instance_class == "db.serverless"
    error_message = "Serverless v2."
  }

  assert {
    condition     = one([for it in aws_rds_cluster_parameter_group.this[0].parameter : it.value if it.name == "rds.force_ssl"]) == "1"
    error_message = "TLS only."
  }

  assert {
    condition     = data.aws_iam_policy_document.connect.statement[0].resources == toset(["arn:aws:rds-db:eu-central-1:111111111111:dbuser:cluster-0/shop"])
    error_message = "The role may log in as this one user of this one database."
  }

  assert {
    condition     = startswith(output.database_env, "SHOP_DATABASE_URL=postgres://shop@shop-dev.cluster-example.")
    error_message = "The app talks to the writer."
  }
}

run "pod_identity" {
  command = plan

  assert {
    condition     = length(aws_eks_pod_identity_association.service) == 1 && aws_eks_pod_identity_association.service[0].namespace == "shop"
    error_message = "The association gives the service account its role."
  }
}

run "irsa" {
  command = plan

  variables {
    workload_identity = "irsa"
  }

  assert {
    condition     = length(aws_eks_pod_identity_association.service) == 0
    error_message = "No association: Fargate has no Pod Identity."
  }

  assert {
    condition     = contains([for it in data.aws_iam_policy_document.irsa_trust[0].statement[0].condition : "${it.variable} ${join(",", it.values)}"], "oidc.eks.eu-central-1.amazonaws.com/id/0:sub system:serviceaccount:shop:shop")
    error_message = "Only this service account is trusted."
  }
}

run "refuses_too_few_subnets" {
  command = plan

  override_data {
    target = data.aws_subnets.database
    values = {
      ids = ["subnet-1"]
    }
  }

  expect_failures = [aws_db_subnet_group.this]
}

run "refuses_values_of_another_environment" {
  command = plan

  variables {
    environment = "prod"
  }

  expect_failures = [var.environment]
}
