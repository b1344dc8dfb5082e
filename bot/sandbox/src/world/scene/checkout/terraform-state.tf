terraform {
  backend "s3" {}
}

resource "terraform_data" "bucket" {
  input = {
    name            = "${var.bucket_prefix}-${var.account_id}"
    noncurrent_days = var.noncurrent_days
  }
}
