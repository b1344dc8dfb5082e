terraform {
  # 1.11: the s3 backend locks with a file of its own (use_lockfile), without DynamoDB.
  required_version = ">= 1.11.0, < 2.0.0"

  required_providers {
    aws = {
      source  = "hashicorp/aws"
      version = "~> 6.69"
    }
  }

  # The rest is in ENVIRONMENT.s3.tfbackend. The first apply of all has no bucket yet: see README.md.
  backend "s3" {}
}
