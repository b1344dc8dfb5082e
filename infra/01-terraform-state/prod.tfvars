environment   = "prod"
account_id    = "222222222222"
region        = "eu-central-1"
bucket_prefix = "acme-terraform-state"
