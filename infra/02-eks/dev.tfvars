environment = "dev"
account_id  = "111111111111"
region      = "eu-central-1"

# Made first, from infra/04-slipway: else Slipway could not change the roles made here.
permissions_boundary_arn = "arn:aws:iam::111111111111:policy/slipway-boundary"

cluster_name        = "shop-dev"
compute             = "auto-mode"
deletion_protection = false

# One NAT gateway: if its zone fails, dev has no way out until it is back.
zones    = ["eu-central-1a", "eu-central-1b", "eu-central-1c"]
vpc_cidr = "10.10.0.0/16"
nat      = "single"

# Open to all addresses: people, and Slipway, which calls from prod. IAM decides who is let in. Narrower: your own
# addresses, and those of `terraform output nat_public_ips` in prod.
endpoint_public_access = true
public_access_cidrs    = ["0.0.0.0/0"]

# Whoever works on the cluster by hand: the role behind `aws sts get-caller-identity`, e.g. this one, which
# AWS Organizations makes in each account.
cluster_admins = ["arn:aws:iam::111111111111:role/OrganizationAccountAccessRole"]

control_plane_log_days = 30
flow_log_days          = 7
