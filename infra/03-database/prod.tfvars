environment  = "prod"
account_id   = "222222222222"
region       = "eu-central-1"
cluster_name = "shop-prod"

engine         = "postgres"
instance_class = "db.m7g.large"
multi_az       = true
storage_gb     = { initial = 50, max = 500 }

backup_days         = 30
deletion_protection = true
log_days            = 365

# Made first, from infra/04-slipway: else Slipway could not change the roles made here.
permissions_boundary_arn = "arn:aws:iam::222222222222:policy/slipway-boundary"
