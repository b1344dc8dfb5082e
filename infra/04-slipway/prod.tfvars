environment = "prod"
account_id  = "222222222222"
region      = "eu-central-1"

state_bucket = "acme-terraform-state-222222222222"
cluster_name = "shop-prod"

slipway_principal_arn = "arn:aws:iam::222222222222:role/slipway"
external_id           = "acme-slipway"
repositories          = ["acme/slipway"]

assumable_role_arns = [
  "arn:aws:iam::111111111111:role/slipway-plan",
  "arn:aws:iam::111111111111:role/slipway-apply",
  "arn:aws:iam::111111111111:role/slipway-deploy",
  "arn:aws:iam::222222222222:role/slipway-plan",
  "arn:aws:iam::222222222222:role/slipway-apply",
  "arn:aws:iam::222222222222:role/slipway-deploy",
]

secret_recovery_days = 30
