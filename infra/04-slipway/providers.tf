provider "aws" {
  region              = var.region
  allowed_account_ids = [var.account_id]

  # Slipway holds the role already. A person who logs in elsewhere names the one to take on.
  dynamic "assume_role" {
    for_each = var.assume_role_arn == null ? [] : [var.assume_role_arn]

    content {
      role_arn     = assume_role.value
      session_name = "slipway"
    }
  }

  default_tags {
    tags = {
      Environment = var.environment
      Stack       = "slipway"
      ManagedBy   = "terraform"
    }
  }
}
