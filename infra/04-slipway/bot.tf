# slipway: who the bot is. It reads its one secret and assumes the roles above; it can do nothing
# else.
resource "aws_iam_role" "bot" {
  name               = "slipway"
  description        = "The identity of the Slipway that runs in ${var.cluster_name}."
  assume_role_policy = local.is_irsa ? one(data.aws_iam_policy_document.irsa[*].json) : data.aws_iam_policy_document.pod_identity.json
}

locals {
  is_irsa = var.workload_identity == "irsa"
  issuer  = trimprefix(one(data.aws_eks_cluster.this.identity[0].oidc[*].issuer), "https://")
}

# ── By Pod Identity ──────────────────────────────────────────────────────────────────────────────

# The tags are those that EKS itself puts on the session: no association of another namespace,
# ServiceAccount or cluster gets in.
data "aws_iam_policy_document" "pod_identity" {
  statement {
    sid     = "ThePodOfSlipway"
    actions = ["sts:AssumeRole", "sts:TagSession"]

    principals {
      type        = "Service"
      identifiers = ["pods.eks.amazonaws.com"]
    }

    condition {
      test     = "StringEquals"
      variable = "aws:RequestTag/eks-cluster-arn"
      values   = [data.aws_eks_cluster.this.arn]
    }

    condition {
      test     = "StringEquals"
      variable = "aws:RequestTag/kubernetes-namespace"
      values   = [local.namespace]
    }

    condition {
      test     = "StringEquals"
      variable = "aws:RequestTag/kubernetes-service-account"
      values   = [local.service_account]
    }
  }
}

resource "aws_eks_pod_identity_association" "bot" {
  count = local.is_irsa ? 0 : 1

  cluster_name    = var.cluster_name
  namespace       = local.namespace
  service_account = local.service_account
  role_arn        = aws_iam_role.bot.arn
}

# ── By a token of the cluster's OIDC provider ────────────────────────────────────────────────────

data "aws_iam_openid_connect_provider" "cluster" {
  count = local.is_irsa ? 1 : 0

  url = "https://${local.issuer}"
}

data "aws_iam_policy_document" "irsa" {
  count = local.is_irsa ? 1 : 0

  statement {
    sid     = "ThePodOfSlipway"
    actions = ["sts:AssumeRoleWithWebIdentity"]

    principals {
      type        = "Federated"
      identifiers = [one(data.aws_iam_openid_connect_provider.cluster[*].arn)]
    }

    condition {
      test     = "StringEquals"
      variable = "${local.issuer}:sub"
      values   = ["system:serviceaccount:${local.namespace}:${local.service_account}"]
    }

    condition {
      test     = "StringEquals"
      variable = "${local.issuer}:aud"
      values   = ["sts.amazonaws.com"]
    }
  }
}

# ── What it may do ───────────────────────────────────────────────────────────────────────────────

resource "aws_iam_role_policy" "bot_secret" {
  name   = "secret"
  role   = aws_iam_role.bot.name
  policy = data.aws_iam_policy_document.bot_secret.json
}

data "aws_iam_policy_document" "bot_secret" {
  statement {
    sid       = "ReadItsSecret"
    actions   = ["secretsmanager:GetSecretValue"]
    resources = [aws_secretsmanager_secret.github.arn]
  }

  statement {
    sid       = "DecryptItsSecret"
    actions   = ["kms:Decrypt"]
    resources = [aws_kms_key.secret.arn]

    condition {
      test     = "StringEquals"
      variable = "kms:EncryptionContext:SecretARN"
      values   = [aws_secretsmanager_secret.github.arn]
    }
  }
}

resource "aws_iam_role_policy" "bot_roles" {
  count = length(var.assumable_role_arns) > 0 ? 1 : 0

  name   = "roles"
  role   = aws_iam_role.bot.name
  policy = one(data.aws_iam_policy_document.bot_roles[*].json)
}

data "aws_iam_policy_document" "bot_roles" {
  count = length(var.assumable_role_arns) > 0 ? 1 : 0

  statement {
    sid       = "AssumeTheRolesOfTheEnvironments"
    actions   = ["sts:AssumeRole", "sts:SetSourceIdentity", "sts:TagSession"]
    resources = var.assumable_role_arns
  }
}
