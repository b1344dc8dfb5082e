# slipway-deploy: finds the cluster, and changes what is in the namespaces of the services.
resource "aws_iam_role" "deploy" {
  name                 = "slipway-deploy"
  description          = "Slipway deploys with it: edits the namespaces of the services in ${var.cluster_name}."
  assume_role_policy   = data.aws_iam_policy_document.trust.json
  max_session_duration = var.max_session_duration
}

resource "aws_iam_role_policy" "deploy_finds_the_cluster" {
  name   = "cluster"
  role   = aws_iam_role.deploy.name
  policy = data.aws_iam_policy_document.deploy_finds_the_cluster.json
}

data "aws_iam_policy_document" "deploy_finds_the_cluster" {
  statement {
    sid       = "FindTheCluster"
    actions   = ["eks:DescribeCluster"]
    resources = [data.aws_eks_cluster.this.arn]
  }
}

resource "aws_eks_access_entry" "deploy" {
  cluster_name  = var.cluster_name
  principal_arn = aws_iam_role.deploy.arn
  type          = "STANDARD"
}

# Workloads, Services, Ingresses, ConfigMaps, Secrets and the like; no Roles, no custom resources,
# nothing that belongs to the whole cluster.
resource "aws_eks_access_policy_association" "deploy" {
  cluster_name  = var.cluster_name
  principal_arn = aws_eks_access_entry.deploy.principal_arn
  policy_arn    = "arn:aws:eks::aws:cluster-access-policy/AmazonEKSEditPolicy"

  access_scope {
    type       = "namespace"
    namespaces = var.deploy_namespaces
  }
}
