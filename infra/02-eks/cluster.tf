locals {
  auto    = var.compute == "auto-mode"
  fargate = var.compute == "fargate"
  nodes   = var.compute == "managed-nodes"
}

resource "aws_eks_cluster" "this" {
  #checkov:skip=CKV_AWS_339:checkov's own list ends before the versions of today; checks.tf asks AWS for the supported ones.
  #checkov:skip=CKV_AWS_38:public_access_cidrs decides, has no default of 0.0.0.0/0, and must name something when the endpoint is public.
  #checkov:skip=CKV_AWS_39:endpoint_public_access decides: without a VPN a public endpoint is the only way in, guarded by IAM and public_access_cidrs.
  name                      = var.cluster_name
  version                   = var.kubernetes_version
  role_arn                  = aws_iam_role.cluster.arn
  enabled_cluster_log_types = ["api", "audit", "authenticator", "controllerManager", "scheduler"]
  deletion_protection       = var.deletion_protection

  # Auto Mode brings its own; for the others addons.tf has them, versioned. To change this replaces the cluster.
  bootstrap_self_managed_addons = false

  access_config {
    # Access entries only, no aws-auth ConfigMap that one typing error locks everybody out with.
    authentication_mode = "API"
    # Else whoever applies this first, Slipway's apply role perhaps, would silently be admin for ever.
    bootstrap_cluster_creator_admin_permissions = false
  }

  vpc_config {
    subnet_ids              = [for subnet in aws_subnet.private : subnet.id]
    endpoint_private_access = true
    endpoint_public_access  = var.endpoint_public_access
    public_access_cidrs     = var.endpoint_public_access ? var.public_access_cidrs : null
  }

  encryption_config {
    resources = ["secrets"]

    provider {
      key_arn = aws_kms_key.secrets.arn
    }
  }

  upgrade_policy {
    # At the end of standard support AWS upgrades the cluster; EXTENDED would cost six times as much instead.
    support_type = "STANDARD"
  }

  # AWS wants these three on together or off together, and off must be said: a missing block changes nothing.
  compute_config {
    enabled       = local.auto
    node_pools    = local.auto ? ["general-purpose", "system"] : null
    node_role_arn = local.auto ? aws_iam_role.node[0].arn : null
  }

  kubernetes_network_config {
    ip_family = "ipv4"

    elastic_load_balancing {
      enabled = local.auto
    }
  }

  storage_config {
    block_storage {
      enabled = local.auto
    }
  }

  # The role must be able to do its work while the cluster is made, and until it is gone.
  depends_on = [
    aws_iam_role_policy_attachment.cluster,
    aws_iam_role_policy.cluster_secrets_key,
    aws_iam_role_policy_attachment.node,
    aws_cloudwatch_log_group.control_plane,
    aws_route.private_nat,
  ]
}

# ── The key for Kubernetes secrets ───────────────────────────────────────────────────────────────

resource "aws_kms_key" "secrets" {
  description             = "Kubernetes secrets of ${var.cluster_name}"
  enable_key_rotation     = true
  rotation_period_in_days = 365
  deletion_window_in_days = 30
  policy                  = data.aws_iam_policy_document.secrets_key.json
}

resource "aws_kms_alias" "secrets" {
  name          = "alias/${var.cluster_name}-secrets"
  target_key_id = aws_kms_key.secrets.key_id
}

data "aws_iam_policy_document" "secrets_key" {
  #checkov:skip=CKV_AWS_109:A key policy has to let the account manage the key; else nobody could any more. IAM decides who.
  #checkov:skip=CKV_AWS_111:The same statement: it is about this one key, which "*" stands for in a key policy.
  #checkov:skip=CKV_AWS_356:In a key policy "*" is the key itself.
  statement {
    sid       = "AccountDecidesByIAM"
    actions   = ["kms:*"]
    resources = ["*"]

    principals {
      type        = "AWS"
      identifiers = ["arn:aws:iam::${var.account_id}:root"]
    }
  }
}

# ── The cluster's role ───────────────────────────────────────────────────────────────────────────

locals {
  # https://docs.aws.amazon.com/eks/latest/userguide/auto-cluster-iam-role.html
  cluster_policies = concat(["AmazonEKSClusterPolicy"], local.auto ? [
    "AmazonEKSComputePolicy",
    "AmazonEKSBlockStoragePolicy",
    "AmazonEKSLoadBalancingPolicy",
    "AmazonEKSNetworkingPolicy",
  ] : [])
}

resource "aws_iam_role" "cluster" {
  name                 = "${var.cluster_name}-cluster"
  description          = "What the EKS control plane of ${var.cluster_name} does in this account"
  assume_role_policy   = data.aws_iam_policy_document.cluster_trust.json
  permissions_boundary = var.permissions_boundary_arn
}

data "aws_iam_policy_document" "cluster_trust" {
  statement {
    # Auto Mode tags its sessions.
    actions = ["sts:AssumeRole", "sts:TagSession"]

    principals {
      type        = "Service"
      identifiers = ["eks.amazonaws.com"]
    }
  }
}

resource "aws_iam_role_policy_attachment" "cluster" {
  for_each = toset(local.cluster_policies)

  role       = aws_iam_role.cluster.name
  policy_arn = "arn:aws:iam::aws:policy/${each.value}"
}

# For the key of Kubernetes secrets. Whoever makes the cluster needs kms:CreateGrant on it, too.
resource "aws_iam_role_policy" "cluster_secrets_key" {
  name   = "secrets-key"
  role   = aws_iam_role.cluster.id
  policy = data.aws_iam_policy_document.cluster_secrets_key.json
}

data "aws_iam_policy_document" "cluster_secrets_key" {
  statement {
    actions   = ["kms:Encrypt", "kms:Decrypt", "kms:DescribeKey", "kms:ListGrants"]
    resources = [aws_kms_key.secrets.arn]
  }
}

# ── Who may do what in the cluster ───────────────────────────────────────────────────────────────
# The deploy role's entry is in infra/04-slipway, where the role is. Auto Mode and Fargate make entries for their
# own node roles by themselves; so does a managed node group.

resource "aws_eks_access_entry" "admin" {
  for_each = var.cluster_admins

  cluster_name  = aws_eks_cluster.this.name
  principal_arn = each.value
  type          = "STANDARD"
}

resource "aws_eks_access_policy_association" "admin" {
  for_each = aws_eks_access_entry.admin

  cluster_name  = aws_eks_cluster.this.name
  principal_arn = each.value.principal_arn
  policy_arn    = "arn:aws:eks::aws:cluster-access-policy/AmazonEKSClusterAdminPolicy"

  access_scope {
    type = "cluster"
  }
}

# ── Identity of pods ─────────────────────────────────────────────────────────────────────────────
# Pod Identity needs nothing here but its agent (addons.tf; Auto Mode has it). Where it does not work, on
# Fargate, roles trust this provider instead (IRSA).

resource "aws_iam_openid_connect_provider" "this" {
  url            = aws_eks_cluster.this.identity[0].oidc[0].issuer
  client_id_list = ["sts.amazonaws.com"]

  tags = { Name = var.cluster_name }
}
