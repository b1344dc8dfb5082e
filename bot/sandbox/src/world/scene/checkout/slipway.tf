terraform {
  backend "s3" {}
}

resource "terraform_data" "role" {
  for_each = toset(["plan", "apply", "deploy"])

  input = {
    name        = "slipway-${each.key}"
    trusts      = var.slipway_principal_arn
    external_id = var.external_id
  }
}

resource "terraform_data" "namespaces" {
  input = var.deploy_namespaces
}
