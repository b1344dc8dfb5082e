environment  = "dev"
account_id   = "111111111111"
region       = "eu-central-1"
cluster_name = "shop-dev"

engine            = "postgres"
instance_class    = "db.t4g.micro"
multi_az          = false
storage_gb        = { initial = 20, max = 50 }
apply_immediately = true

backup_days         = 7
deletion_protection = false
log_days            = 30

# Made first, from infra/04-slipway: else Slipway could not change the roles made here.
permissions_boundary_arn = "arn:aws:iam::111111111111:policy/slipway-boundary"
