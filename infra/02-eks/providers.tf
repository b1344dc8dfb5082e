provider "aws" {
  region              = var.region
  allowed_account_ids = [var.account_id]

  dynamic "assume_role" {
    for_each = var.assume_role_arn == null ? [] : [var.assume_role_arn]

    content {
      role_arn     = assume_role.value
      session_name = "eks"
    }
  }

  default_tags {
    tags = {
      Environment = var.environment
      Stack       = "eks"
      ManagedBy   = "terraform"
    }
  }
}
