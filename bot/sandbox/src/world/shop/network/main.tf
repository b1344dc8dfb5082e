terraform {
  backend "s3" {
    key = "network.tfstate"
  }
}

variable "environment" {
  type = string
}

variable "cidr" {
  type = string
}

resource "terraform_data" "vpc" {
  input = {
    name = "shop-${var.environment}"
    cidr = var.cidr
  }
}

output "vpc" {
  value = terraform_data.vpc.output.name
}
