terraform {
  # 1.11: the s3 backend locks with a file of its own (use_lockfile), without DynamoDB.
  required_version = ">= 1.11.0, < 2.0.0"

  required_providers {
    aws = {
      source  = "hashicorp/aws"
      version = "~> 6.69"
    }
  }

  # The rest is in ENVIRONMENT.s3.tfbackend. There is no `encrypt = true`: it would ask S3 for AES256
  # instead of the key that is the bucket's own default.
  backend "s3" {}
}
