terraform {
  backend "s3" {}
}

resource "terraform_data" "vpc" {
  input = {
    cidr          = var.vpc_cidr
    nat           = var.nat
    flow_log_days = var.flow_log_days
  }
}

resource "terraform_data" "cluster" {
  input = {
    name                   = var.cluster_name
    version                = var.kubernetes_version
    compute                = var.compute
    control_plane_log_days = var.control_plane_log_days
    deletion_protection    = var.deletion_protection
  }
}
