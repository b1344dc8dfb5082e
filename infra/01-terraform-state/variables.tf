variable "environment" {
  description = "What the account is for: dev or prod. Only tags and the check of the workspace use it."
  type        = string

  validation {
    condition     = contains(["dev", "prod"], var.environment)
    error_message = "The environment is dev or prod."
  }

  validation {
    # There is one bucket per account, so one workspace. All other stacks use the workspace ENVIRONMENT.
    condition     = var.environment == "" || terraform.workspace == "default"
    error_message = "This stack is in the workspace default, not in ${terraform.workspace}."
  }
}

variable "account_id" {
  description = "The AWS account that the bucket is made in. Terraform stops if its credentials are for another one."
  type        = string

  validation {
    condition     = can(regex("^[0-9]{12}$", var.account_id))
    error_message = "An account id has twelve digits."
  }
}

variable "region" {
  description = "The region of the bucket and its key."
  type        = string
}

variable "assume_role_arn" {
  description = "A role to assume in the account, for people who work from another account. Null: the credentials are used as they are."
  type        = string
  default     = null

  validation {
    condition     = var.assume_role_arn == null || can(regex("^arn:aws:iam::${var.account_id}:role/", var.assume_role_arn))
    error_message = "The role is one of the account ${var.account_id}."
  }
}

variable "bucket_prefix" {
  description = "What the bucket's name starts with; the account id follows. The name is unique among all of AWS."
  type        = string

  validation {
    condition     = can(regex("^[a-z0-9][a-z0-9-]{1,48}[a-z0-9]$", var.bucket_prefix))
    error_message = "3 to 50 lower-case letters, digits and hyphens, no hyphen at either end."
  }
}

variable "noncurrent_days" {
  description = "How many days an overwritten state can still be brought back."
  type        = number
  default     = 90

  validation {
    condition     = var.noncurrent_days >= 7
    error_message = "At least a week: a broken state may not be noticed on the same day."
  }
}

variable "noncurrent_versions" {
  description = "How many overwritten states are kept however old they are."
  type        = number
  default     = 20

  validation {
    condition     = var.noncurrent_versions >= 1 && var.noncurrent_versions <= 100
    error_message = "S3 keeps between 1 and 100 versions by number."
  }
}

variable "access_log_bucket" {
  description = "A bucket in the same account and region for S3 server access logs, if there is one. Null: none are written."
  type        = string
  default     = null
}
