environment   = "dev"
account_id    = "111111111111"
region        = "eu-central-1"
bucket_prefix = "acme-terraform-state"
