# What the AWS Load Balancer Controller needs to make an ALB of an Ingress. Auto Mode has one built in. For the other
# two this makes its role; the controller itself is installed with Helm (output load_balancer_controller_install).

resource "aws_iam_role" "load_balancer_controller" {
  count = local.auto ? 0 : 1

  name                 = "${var.cluster_name}-load-balancer-controller"
  description          = "AWS Load Balancer Controller of ${var.cluster_name}"
  assume_role_policy   = local.fargate ? data.aws_iam_policy_document.load_balancer_controller_irsa.json : data.aws_iam_policy_document.addon_trust.json
  permissions_boundary = var.permissions_boundary_arn
}

data "aws_iam_policy_document" "load_balancer_controller_irsa" {
  statement {
    actions = ["sts:AssumeRoleWithWebIdentity"]

    principals {
      type        = "Federated"
      identifiers = [aws_iam_openid_connect_provider.this.arn]
    }

    condition {
      test     = "StringEquals"
      variable = "${local.oidc_issuer}:aud"
      values   = ["sts.amazonaws.com"]
    }

    condition {
      test     = "StringEquals"
      variable = "${local.oidc_issuer}:sub"
      values   = ["system:serviceaccount:kube-system:aws-load-balancer-controller"]
    }
  }
}

locals {
  oidc_issuer = trimprefix(aws_eks_cluster.this.identity[0].oidc[0].issuer, "https://")
}

resource "aws_iam_policy" "load_balancer_controller" {
  count = local.auto ? 0 : 1

  name        = "${var.cluster_name}-load-balancer-controller"
  description = "AWS Load Balancer Controller of ${var.cluster_name}"
  policy      = file("${path.module}/load_balancer_controller_policy.json")
}

resource "aws_iam_role_policy_attachment" "load_balancer_controller" {
  count = local.auto ? 0 : 1

  role       = aws_iam_role.load_balancer_controller[0].name
  policy_arn = aws_iam_policy.load_balancer_controller[0].arn
}

resource "aws_eks_pod_identity_association" "load_balancer_controller" {
  count = local.nodes ? 1 : 0

  cluster_name    = aws_eks_cluster.this.name
  namespace       = "kube-system"
  service_account = "aws-load-balancer-controller"
  role_arn        = aws_iam_role.load_balancer_controller[0].arn
}
