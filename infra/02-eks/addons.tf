# What a cluster needs besides the control plane. Auto Mode has all of it built in but for the metrics server, which
# the HorizontalPodAutoscalers of app/k8s ask. Versions: EKS takes its default one for the cluster's Kubernetes
# version when an addon is made, and raises none by itself; README.md says how.

locals {
  addon_table = {
    # The network of pods, their services, and their identity: a node is not ready without.
    vpc-cni                = { when = local.nodes, first = true, policy = "AmazonEKS_CNI_Policy", service_account = "aws-node" }
    kube-proxy             = { when = local.nodes, first = true, policy = null, service_account = null }
    eks-pod-identity-agent = { when = local.nodes, first = true, policy = null, service_account = null }

    aws-ebs-csi-driver = { when = local.nodes, first = false, policy = "AmazonEBSCSIDriverPolicyV2", service_account = "ebs-csi-controller-sa" }
    # Fargate pods have their network from AWS, but no DNS.
    coredns        = { when = !local.auto, first = false, policy = null, service_account = null }
    metrics-server = { when = true, first = false, policy = null, service_account = null }
  }

  addons_first   = { for name, addon in local.addon_table : name => addon if addon.when && addon.first }
  addons_later   = { for name, addon in local.addon_table : name => addon if addon.when && !addon.first }
  addon_policies = { for name, addon in local.addon_table : name => addon.policy if addon.when && addon.policy != null }
}

resource "aws_eks_addon" "before_nodes" {
  for_each = local.addons_first

  cluster_name = aws_eks_cluster.this.name
  addon_name   = each.key
  # Else NetworkPolicies are taken, and nobody enforces them. Auto Mode: cluster/auto-mode says it.
  configuration_values        = each.key == "vpc-cni" ? jsonencode({ enableNetworkPolicy = "true" }) : null
  resolve_conflicts_on_create = "OVERWRITE"
  resolve_conflicts_on_update = "OVERWRITE"

  dynamic "pod_identity_association" {
    for_each = each.value.policy == null ? [] : [each.value]

    content {
      role_arn        = aws_iam_role.addon[each.key].arn
      service_account = pod_identity_association.value.service_account
    }
  }

  depends_on = [aws_iam_role_policy_attachment.addon]
}

resource "aws_eks_addon" "after_nodes" {
  for_each = local.addons_later

  cluster_name                = aws_eks_cluster.this.name
  addon_name                  = each.key
  configuration_values        = each.key == "coredns" && local.fargate ? jsonencode({ computeType = "Fargate" }) : null
  resolve_conflicts_on_create = "OVERWRITE"
  resolve_conflicts_on_update = "OVERWRITE"

  dynamic "pod_identity_association" {
    for_each = each.value.policy == null ? [] : [each.value]

    content {
      role_arn        = aws_iam_role.addon[each.key].arn
      service_account = pod_identity_association.value.service_account
    }
  }

  # Their pods have to run somewhere before EKS calls them active.
  depends_on = [
    aws_iam_role_policy_attachment.addon,
    aws_eks_node_group.this,
    aws_eks_fargate_profile.this,
  ]
}

resource "aws_iam_role" "addon" {
  for_each = local.addon_policies

  name                 = "${var.cluster_name}-${each.key}"
  description          = "The addon ${each.key} of ${var.cluster_name}"
  assume_role_policy   = data.aws_iam_policy_document.addon_trust.json
  permissions_boundary = var.permissions_boundary_arn
}

# Only pods of this cluster's kube-system, by the tags that EKS puts on their sessions.
data "aws_iam_policy_document" "addon_trust" {
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
      values   = ["kube-system"]
    }
  }
}

resource "aws_iam_role_policy_attachment" "addon" {
  for_each = local.addon_policies

  role       = aws_iam_role.addon[each.key].name
  policy_arn = "arn:aws:iam::aws:policy/${each.value}"
}

locals {
  cluster_arn = "arn:aws:eks:${var.region}:${var.account_id}:cluster/${var.cluster_name}"
}
