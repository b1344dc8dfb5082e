# The service's own role: all that it may is to log in to its database as its user, with a token instead of a password.

locals {
  cluster_arn = data.aws_eks_cluster.this.arn
  irsa        = var.workload_identity == "irsa"
  issuer      = trimprefix(data.aws_eks_cluster.this.identity[0].oidc[0].issuer, "https://")
  resource_id = local.aurora ? aws_rds_cluster.this[0].cluster_resource_id : aws_db_instance.this[0].resource_id
}

resource "aws_iam_role" "service" {
  name                 = var.service
  description          = "The pods of ${var.service} in ${var.cluster_name}"
  assume_role_policy   = local.irsa ? data.aws_iam_policy_document.irsa_trust[0].json : data.aws_iam_policy_document.pod_identity_trust.json
  permissions_boundary = var.permissions_boundary_arn
}

# Only pods with this service account, by the tags that EKS puts on their sessions.
data "aws_iam_policy_document" "pod_identity_trust" {
  statement {
    actions = ["sts:AssumeRole", "sts:TagSession"]

    principals {
      type        = "Service"
      identifiers = ["pods.eks.amazonaws.com"]
    }

    condition {
      test     = "StringEquals"
      variable = "aws:RequestTag/eks-cluster-arn"
      values   = [local.cluster_arn]
    }

    condition {
      test     = "StringEquals"
      variable = "aws:RequestTag/kubernetes-namespace"
      values   = [var.service]
    }

    condition {
      test     = "StringEquals"
      variable = "aws:RequestTag/kubernetes-service-account"
      values   = [var.service]
    }
  }
}

resource "aws_eks_pod_identity_association" "service" {
  count = local.irsa ? 0 : 1

  cluster_name    = var.cluster_name
  namespace       = var.service
  service_account = var.service
  role_arn        = aws_iam_role.service.arn
}

data "aws_iam_openid_connect_provider" "this" {
  count = local.irsa ? 1 : 0

  url = data.aws_eks_cluster.this.identity[0].oidc[0].issuer
}

data "aws_iam_policy_document" "irsa_trust" {
  count = local.irsa ? 1 : 0

  statement {
    actions = ["sts:AssumeRoleWithWebIdentity"]

    principals {
      type        = "Federated"
      identifiers = [data.aws_iam_openid_connect_provider.this[0].arn]
    }

    condition {
      test     = "StringEquals"
      variable = "${local.issuer}:aud"
      values   = ["sts.amazonaws.com"]
    }

    condition {
      test     = "StringEquals"
      variable = "${local.issuer}:sub"
      values   = ["system:serviceaccount:${var.service}:${var.service}"]
    }
  }
}

resource "aws_iam_role_policy" "connect" {
  name   = "connect"
  role   = aws_iam_role.service.id
  policy = data.aws_iam_policy_document.connect.json
}

data "aws_iam_policy_document" "connect" {
  statement {
    actions   = ["rds-db:connect"]
    resources = ["arn:aws:rds-db:${var.region}:${var.account_id}:dbuser:${local.resource_id}/${var.service}"]
  }
}
