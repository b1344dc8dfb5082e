# prod: what differs from dev. No account is needed: the provider is mocked.
#
#   terraform test -filter=tests/prod.tftest.hcl -var-file=prod.tfvars      in the workspace prod

mock_provider "aws" {
  mock_data "aws_eks_cluster_versions" {
    defaults = {
      cluster_versions = [{ cluster_version = "1.36" }]
    }
  }
}

# Whoever sets this repository up puts their own address into prod.tfvars.
variables {
  public_access_cidrs = ["198.51.100.7/32"]
}

run "prod" {
  command = plan

  assert {
    condition     = aws_eks_cluster.this.name == "shop-prod" && aws_eks_cluster.this.deletion_protection
    error_message = "The cluster is shop-prod, and protected."
  }

  assert {
    condition     = toset(keys(aws_nat_gateway.this)) == toset(var.zones) && length(aws_route.private_nat) == 3
    error_message = "Each zone has its own NAT gateway."
  }

  assert {
    condition     = keys(aws_vpc_endpoint.interface) == ["ecr.api", "ecr.dkr", "eks-auth", "logs", "secretsmanager", "sts"]
    error_message = "What pods and nodes call all the time stays off the internet."
  }

  assert {
    condition     = aws_cloudwatch_log_group.control_plane.retention_in_days == 365
    error_message = "The audit log is kept for a year."
  }
}

run "refuses_the_address_of_nobody" {
  command = plan

  variables {
    public_access_cidrs = ["203.0.113.0/32"]
  }

  expect_failures = [var.public_access_cidrs]
}

run "warns_of_less_than_prod_should_have" {
  command = plan

  variables {
    nat = "single"
  }

  expect_failures = [check.production]
}
