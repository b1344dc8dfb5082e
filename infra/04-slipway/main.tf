# What the other files have in common: names, and what is there already.

locals {
  # ARNs are put together from names where a reference would make a circle: the boundary speaks of
  # the roles that carry it.
  iam          = "arn:aws:iam::${var.account_id}"
  boundary_arn = "${local.iam}:policy/slipway-boundary"

  state_bucket_arn = "arn:aws:s3:::${var.state_bucket}"

  namespace       = "slipway"
  service_account = "slipway"
}

data "aws_eks_cluster" "this" {
  name = var.cluster_name
}

# Access entries are the only way in here: the aws-auth ConfigMap is not read.
check "cluster_takes_access_entries" {
  assert {
    condition     = contains(["API", "API_AND_CONFIG_MAP"], one(data.aws_eks_cluster.this.access_config[*].authentication_mode))
    error_message = "Cluster ${var.cluster_name} takes no access entries: set its authentication mode to API in 02-eks."
  }
}
