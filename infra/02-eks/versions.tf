terraform {
  required_version = ">= 1.11.0, < 2.0.0"

  required_providers {
    aws = {
      source  = "hashicorp/aws"
      version = "~> 6.69"
    }
  }

  # The rest is in ENVIRONMENT.s3.tfbackend.
  backend "s3" {}
}
