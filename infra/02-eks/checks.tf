# Warnings at each plan: things that are allowed, but that somebody should know of.

check "kubernetes_version" {
  data "aws_eks_cluster_versions" "standard" {
    version_status = "STANDARD_SUPPORT"
  }

  assert {
    condition     = contains(data.aws_eks_cluster_versions.standard.cluster_versions[*].cluster_version, var.kubernetes_version)
    error_message = "Kubernetes ${var.kubernetes_version} is not in EKS's standard support (${join(", ", data.aws_eks_cluster_versions.standard.cluster_versions[*].cluster_version)}): it is upgraded by AWS soon, or not known yet."
  }
}

check "images" {
  assert {
    condition     = var.nat != "none"
    error_message = "Without NAT no image comes from ghcr.io, and Slipway reaches no GitHub: images must be in ECR, and the endpoints ecr.api, ecr.dkr, sts, logs, ec2, eks-auth and elasticloadbalancing be there."
  }
}

check "production" {
  assert {
    condition     = var.environment != "prod" || (var.deletion_protection && var.nat != "single")
    error_message = "prod without deletion protection, or with one NAT gateway whose zone takes all others along."
  }
}
