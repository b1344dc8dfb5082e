environment = "dev"
account_id  = "111111111111"
region      = "eu-central-1"

state_bucket = "acme-terraform-state-111111111111"
cluster_name = "shop-dev"

# The Slipway that works runs in prod and comes over from there.
slipway_principal_arn = "arn:aws:iam::222222222222:role/slipway"
external_id           = "acme-slipway"
repositories          = ["acme/slipway"]

# The one that runs here is a rehearsal: it may assume nothing.
assumable_role_arns = []

secret_recovery_days = 7
