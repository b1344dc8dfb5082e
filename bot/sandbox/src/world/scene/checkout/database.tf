terraform {
  backend "s3" {}
}

# RDS makes this one by itself.
variable "master_password" {
  type      = string
  default   = "correct-horse-battery-staple"
  sensitive = true
}

resource "terraform_data" "instance" {
  input = {
    name        = var.cluster_name
    class       = var.instance_class
    multi_az    = var.multi_az
    backup_days = var.backup_days
    password    = var.master_password
  }
}
