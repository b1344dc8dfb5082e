environment = "prod"
account_id  = "222222222222"
region      = "eu-central-1"

# Made first, from infra/04-slipway: else Slipway could not change the roles made here.
permissions_boundary_arn = "arn:aws:iam::222222222222:policy/slipway-boundary"

cluster_name        = "shop-prod"
compute             = "auto-mode"
deletion_protection = true

# A NAT gateway per zone: no zone takes another along.
zones    = ["eu-central-1a", "eu-central-1b", "eu-central-1c"]
vpc_cidr = "10.20.0.0/16"
nat      = "per-zone"

# What pods and nodes call all the time stays off the internet.
interface_endpoints = ["ecr.api", "ecr.dkr", "eks-auth", "logs", "secretsmanager", "sts"]

# REPLACE: the address that people call from, `curl https://checkip.amazonaws.com`. Terraform refuses this one. With a
# VPN into the VPC: endpoint_public_access = false, and no addresses.
endpoint_public_access = true
public_access_cidrs    = ["203.0.113.0/32"]

cluster_admins = ["arn:aws:iam::222222222222:role/OrganizationAccountAccessRole"]

control_plane_log_days = 365
flow_log_days          = 90
