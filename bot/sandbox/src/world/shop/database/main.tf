terraform {
  backend "s3" {
    key = "database.tfstate"
  }
}

variable "environment" {
  type = string
}

variable "size" {
  type = string
}

variable "master_password" {
  type      = string
  default   = "correct-horse-battery-staple"
  sensitive = true
}

resource "terraform_data" "instance" {
  input = {
    name     = "shop-${var.environment}"
    size     = var.size
    password = var.master_password
  }
}

output "endpoint" {
  value = "shop-${var.environment}.db.example.com:5432"
}
