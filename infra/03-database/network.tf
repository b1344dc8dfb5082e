# infra/02-eks is found by its names and tags, not through its state.

data "aws_eks_cluster" "this" {
  name = var.cluster_name
}

data "aws_subnets" "database" {
  filter {
    name   = "vpc-id"
    values = [data.aws_eks_cluster.this.vpc_config[0].vpc_id]
  }

  filter {
    name   = "tag:Tier"
    values = ["database"]
  }
}

resource "aws_db_subnet_group" "this" {
  name        = local.name
  description = "The database subnets of ${var.cluster_name}"
  subnet_ids  = data.aws_subnets.database.ids

  lifecycle {
    precondition {
      condition     = length(data.aws_subnets.database.ids) >= 2
      error_message = "The VPC of ${var.cluster_name} has no subnets with the tag Tier = database in two zones: is infra/02-eks applied?"
    }
  }
}

resource "aws_security_group" "this" {
  name        = "${local.name}-database"
  description = "PostgreSQL from pods of ${var.cluster_name} only"
  vpc_id      = data.aws_eks_cluster.this.vpc_config[0].vpc_id

  tags = { Name = "${local.name}-database" }
}

# EKS gives this group to nodes and to Fargate pods. Which pods of the cluster may connect is for their
# NetworkPolicies, and for IAM: a connection needs a token of the service's role.
resource "aws_vpc_security_group_ingress_rule" "cluster" {
  security_group_id            = aws_security_group.this.id
  description                  = "PostgreSQL from ${var.cluster_name}"
  referenced_security_group_id = data.aws_eks_cluster.this.vpc_config[0].cluster_security_group_id
  ip_protocol                  = "tcp"
  from_port                    = local.port
  to_port                      = local.port
}
