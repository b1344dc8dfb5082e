# What pods run on, by var.compute. Auto Mode is in cluster.tf, but for its nodes' role.

# ── Nodes: the role of Auto Mode's and of the node group's machines ──────────────────────────────

locals {
  # Auto Mode: https://docs.aws.amazon.com/eks/latest/userguide/auto-create-node-role.html
  # Node group: the network plugin's policy is with the plugin (addons.tf), not with every pod's machine.
  node_policies = {
    auto-mode     = ["AmazonEKSWorkerNodeMinimalPolicy", "AmazonEC2ContainerRegistryPullOnly"]
    managed-nodes = ["AmazonEKSWorkerNodePolicy", "AmazonEC2ContainerRegistryPullOnly"]
    fargate       = []
  }[var.compute]
}

resource "aws_iam_role" "node" {
  count = local.fargate ? 0 : 1

  name                 = "${var.cluster_name}-node"
  description          = "What a node of ${var.cluster_name} may do; pods have roles of their own"
  assume_role_policy   = data.aws_iam_policy_document.node_trust.json
  permissions_boundary = var.permissions_boundary_arn
}

data "aws_iam_policy_document" "node_trust" {
  statement {
    actions = ["sts:AssumeRole"]

    principals {
      type        = "Service"
      identifiers = ["ec2.amazonaws.com"]
    }
  }
}

resource "aws_iam_role_policy_attachment" "node" {
  for_each = toset(local.node_policies)

  role       = aws_iam_role.node[0].name
  policy_arn = "arn:aws:iam::aws:policy/${each.value}"
}

# ── Managed nodes ────────────────────────────────────────────────────────────────────────────────

resource "aws_launch_template" "node" {
  count = local.nodes ? 1 : 0

  name_prefix            = "${var.cluster_name}-node-"
  description            = "Nodes of ${var.cluster_name}"
  update_default_version = true

  # One hop: a pod does not reach the metadata of its node, and so not the node's role.
  metadata_options {
    http_endpoint               = "enabled"
    http_tokens                 = "required"
    http_put_response_hop_limit = 1
  }

  block_device_mappings {
    device_name = "/dev/xvda"

    ebs {
      volume_type           = "gp3"
      volume_size           = 50
      encrypted             = true
      delete_on_termination = true
    }
  }

  dynamic "tag_specifications" {
    for_each = ["instance", "volume"]

    content {
      resource_type = tag_specifications.value
      tags          = { Name = "${var.cluster_name}-node", Environment = var.environment }
    }
  }

  lifecycle {
    create_before_destroy = true
  }
}

resource "aws_eks_node_group" "this" {
  count = local.nodes ? 1 : 0

  cluster_name           = aws_eks_cluster.this.name
  node_group_name_prefix = "${var.cluster_name}-"
  node_role_arn          = aws_iam_role.node[0].arn
  subnet_ids             = [for subnet in aws_subnet.private : subnet.id]
  ami_type               = "AL2023_x86_64_STANDARD"
  instance_types         = var.node_instance_types
  version                = aws_eks_cluster.this.version

  launch_template {
    id      = aws_launch_template.node[0].id
    version = aws_launch_template.node[0].latest_version
  }

  scaling_config {
    desired_size = var.node_count.desired
    min_size     = var.node_count.min
    max_size     = var.node_count.max
  }

  update_config {
    max_unavailable_percentage = 33
  }

  node_repair_config {
    enabled = true
  }

  lifecycle {
    create_before_destroy = true
    # A cluster autoscaler's to change, once there is one.
    ignore_changes = [scaling_config[0].desired_size]
  }

  # A node is ready only with a network plugin, which needs its agent for the role.
  depends_on = [
    aws_iam_role_policy_attachment.node,
    aws_eks_addon.before_nodes,
  ]
}

# ── Fargate ──────────────────────────────────────────────────────────────────────────────────────

resource "aws_eks_fargate_profile" "this" {
  for_each = local.fargate ? var.fargate_namespaces : []

  cluster_name           = aws_eks_cluster.this.name
  fargate_profile_name   = each.value
  pod_execution_role_arn = aws_iam_role.fargate[0].arn
  subnet_ids             = [for subnet in aws_subnet.private : subnet.id]

  selector {
    namespace = each.value
  }

  depends_on = [aws_iam_role_policy_attachment.fargate]
}

resource "aws_iam_role" "fargate" {
  count = local.fargate ? 1 : 0

  name                 = "${var.cluster_name}-fargate"
  description          = "Pulls images for the Fargate pods of ${var.cluster_name}; pods have roles of their own"
  assume_role_policy   = data.aws_iam_policy_document.fargate_trust.json
  permissions_boundary = var.permissions_boundary_arn
}

data "aws_iam_policy_document" "fargate_trust" {
  statement {
    actions = ["sts:AssumeRole"]

    principals {
      type        = "Service"
      identifiers = ["eks-fargate-pods.amazonaws.com"]
    }

    condition {
      test     = "ArnLike"
      variable = "aws:SourceArn"
      values   = ["arn:aws:eks:${var.region}:${var.account_id}:fargateprofile/${var.cluster_name}/*"]
    }
  }
}

resource "aws_iam_role_policy_attachment" "fargate" {
  count = local.fargate ? 1 : 0

  role       = aws_iam_role.fargate[0].name
  policy_arn = "arn:aws:iam::aws:policy/AmazonEKSFargatePodExecutionRolePolicy"
}
