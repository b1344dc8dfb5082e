# ── Where ────────────────────────────────────────────────────────────────────────────────────────

variable "environment" {
  description = "dev or prod; also the Terraform workspace."
  type        = string

  validation {
    condition     = contains(["dev", "prod"], var.environment)
    error_message = "The environment is dev or prod."
  }

  validation {
    # The values of one environment in the state of the other would replace everything.
    condition     = var.environment == terraform.workspace
    error_message = "The workspace is ${terraform.workspace}: terraform workspace select ${var.environment}"
  }
}

variable "account_id" {
  description = "The AWS account. Terraform stops if its credentials are for another one."
  type        = string

  validation {
    condition     = can(regex("^[0-9]{12}$", var.account_id))
    error_message = "An account id has twelve digits."
  }
}

variable "region" {
  description = "The region of the cluster and its database."
  type        = string
}

variable "assume_role_arn" {
  description = "A role to assume in the account, for people who work from another account. Null when Slipway runs this: it has the role already."
  type        = string
  default     = null

  validation {
    condition     = var.assume_role_arn == null || can(regex("^arn:aws:iam::${var.account_id}:role/", var.assume_role_arn))
    error_message = "The role is one of the account ${var.account_id}."
  }
}

variable "permissions_boundary_arn" {
  description = "The permissions boundary of each role made here: slipway-boundary of infra/04-slipway, without which Slipway may not change them. Null: none."
  type        = string
  default     = null
}

# ── Who uses it ──────────────────────────────────────────────────────────────────────────────────

variable "cluster_name" {
  description = "The EKS cluster whose pods may connect; the database goes into its VPC."
  type        = string
}

variable "service" {
  description = "The service that the database is for. Its database, database user, IAM role, namespace and service account all have this name."
  type        = string
  default     = "shop"

  validation {
    condition     = can(regex("^[a-z][a-z0-9_]{0,30}$", var.service)) && !contains(["admin", "postgres", "rdsadmin"], var.service)
    error_message = "Lower-case letters, digits and underscores, and no name that PostgreSQL or RDS has for itself."
  }
}

variable "workload_identity" {
  description = "How the service's pods get their IAM role: pod-identity, or irsa where they run on Fargate."
  type        = string
  default     = "pod-identity"

  validation {
    condition     = contains(["pod-identity", "irsa"], var.workload_identity)
    error_message = "workload_identity is pod-identity or irsa."
  }
}

# ── The database ─────────────────────────────────────────────────────────────────────────────────

variable "engine" {
  description = "postgres (RDS: one machine, and a standby with multi_az) or aurora-postgresql (Aurora Serverless v2: sized by load). To change it makes a new, empty database."
  type        = string
  default     = "postgres"

  validation {
    condition     = contains(["postgres", "aurora-postgresql"], var.engine)
    error_message = "engine is postgres or aurora-postgresql."
  }
}

variable "postgres_version" {
  description = "The major version of PostgreSQL. Minor versions come by themselves in the maintenance window."
  type        = string
  default     = "17"

  validation {
    condition     = can(regex("^[0-9]{2}$", var.postgres_version))
    error_message = "A major version such as 17."
  }
}

variable "multi_az" {
  description = "Whether a second machine in another zone takes over when the first fails: a standby (RDS) or a reader (Aurora)."
  type        = bool
}

variable "instance_class" {
  description = "With postgres: the machine."
  type        = string
  default     = "db.t4g.micro"

  validation {
    condition     = startswith(var.instance_class, "db.")
    error_message = "A class such as db.t4g.micro."
  }
}

variable "storage_gb" {
  description = "With postgres: the disk in GB, and how far it may grow by itself."
  type = object({
    initial = number
    max     = number
  })
  default = { initial = 20, max = 100 }

  validation {
    condition     = var.storage_gb.initial >= 20 && var.storage_gb.max >= ceil(var.storage_gb.initial * 1.1)
    error_message = "At least 20 GB of gp3, and room to grow by a tenth or more."
  }
}

variable "aurora_capacity" {
  description = "With aurora-postgresql: the least and most capacity units (ACU, 2 GiB of memory each). A minimum of 0 lets it pause when nobody connects, and the next connection waits."
  type = object({
    min = number
    max = number
  })
  default = { min = 0.5, max = 4 }

  validation {
    condition     = var.aurora_capacity.min >= 0 && var.aurora_capacity.max >= 1 && var.aurora_capacity.max <= 256 && var.aurora_capacity.min <= var.aurora_capacity.max
    error_message = "0 <= min <= max, and max between 1 and 256."
  }
}

variable "backup_days" {
  description = "How many days back the database can be restored to any second."
  type        = number

  validation {
    condition     = var.backup_days >= 1 && var.backup_days <= 35
    error_message = "Between 1 and 35 days."
  }
}

variable "backup_window" {
  description = "When the daily snapshot is taken, UTC."
  type        = string
  default     = "02:00-02:30"
}

variable "maintenance_window" {
  description = "When AWS may patch and restart it, UTC."
  type        = string
  default     = "sun:03:00-sun:04:00"
}

variable "deletion_protection" {
  description = "Whether AWS refuses to delete it until this is false again. With it a last snapshot is taken, and the automatic backups outlive the database."
  type        = bool
}

variable "apply_immediately" {
  description = "Whether changes that restart the database happen at once, and not in the maintenance window."
  type        = bool
  default     = false
}

variable "log_days" {
  description = "How long the database's logs are kept."
  type        = number
  default     = 30

  validation {
    condition     = contains([1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096], var.log_days)
    error_message = "CloudWatch keeps logs for 1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731 or 1096 days."
  }
}
