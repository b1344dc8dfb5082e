# ── Where ────────────────────────────────────────────────────────────────────────────────────────

variable "environment" {
  description = "The environment that these roles are for. It is also the name of the workspace."
  type        = string

  validation {
    condition     = can(regex("^[a-z][a-z0-9-]*$", var.environment))
    error_message = "An environment is a name of deploy.toml: lower-case letters, digits and hyphens."
  }
  validation {
    condition     = var.environment == terraform.workspace
    error_message = "The workspace is ${terraform.workspace}: terraform workspace select ${var.environment}"
  }
}

variable "account_id" {
  description = "The AWS account of the environment; the provider refuses every other one."
  type        = string

  validation {
    condition     = can(regex("^[0-9]{12}$", var.account_id))
    error_message = "An account id has twelve digits."
  }
}

variable "region" {
  description = "The region of the cluster and of the secret."
  type        = string
}

variable "assume_role_arn" {
  description = "A role that a person takes on to apply this stack, such as OrganizationAccountAccessRole. Null for whoever is in the account already."
  type        = string
  default     = null

  validation {
    condition     = var.assume_role_arn == null || can(regex("^arn:aws:iam::${var.account_id}:role/", var.assume_role_arn))
    error_message = "The role is one of the account ${var.account_id}."
  }
}

variable "state_bucket" {
  description = "The bucket that holds the state of all stacks of the account, made by 01-terraform-state."
  type        = string
}

variable "cluster_name" {
  description = "The EKS cluster that Slipway deploys to and runs in, made by 02-eks."
  type        = string
}

# ── Who ──────────────────────────────────────────────────────────────────────────────────────────

variable "slipway_principal_arn" {
  description = "The identity of the Slipway that works: the role `slipway` of prod's account. The three roles of each account trust it and nobody else."
  type        = string

  validation {
    condition     = can(regex("^arn:aws:iam::[0-9]{12}:role/[^*?]+$", var.slipway_principal_arn))
    error_message = "It is the ARN of one role, without wildcards: arn:aws:iam::ACCOUNT:role/NAME."
  }
}

variable "external_id" {
  description = "What Slipway has to say when it assumes a role: `external_id` of the environment in deploy.toml. Not a secret."
  type        = string

  validation {
    condition     = can(regex("^[\\w+=,.@:/-]{2,}$", var.external_id)) && length(var.external_id) <= 1224
    error_message = "STS takes 2 to 1224 letters, digits and any of _+=,.@:/-"
  }
}

variable "repositories" {
  description = "The GitHub repositories whose runs may take on the roles, as owner/name. A role that another repository names in its deploy.toml stays closed to it."
  type        = list(string)

  validation {
    condition     = length(var.repositories) > 0 && alltrue([for name in var.repositories : can(regex("^[A-Za-z0-9-]+/[A-Za-z0-9._-]+$", name))])
    error_message = "Name at least one repository, each as owner/name and without wildcards."
  }
}

variable "max_session_duration" {
  description = "The longest session of the three roles, in seconds. AWS caps the sessions of one role that assumes another at one hour, whatever is said here; deploy.toml says `session = \"1h\"`."
  type        = number
  default     = 3600

  validation {
    condition     = var.max_session_duration >= 3600 && var.max_session_duration <= 43200
    error_message = "IAM takes 3600 to 43200 seconds."
  }
}

variable "deploy_namespaces" {
  description = "The Kubernetes namespaces that the deploy role may change."
  type        = list(string)
  default     = ["shop", "slipway"]

  validation {
    condition     = length(var.deploy_namespaces) > 0 && alltrue([for name in var.deploy_namespaces : can(regex("^[a-z0-9]([a-z0-9-]*[a-z0-9])?$", name)) && !startswith(name, "kube-")])
    error_message = "Name at least one namespace, without wildcards and none of Kubernetes' own."
  }
}

variable "protected_roles" {
  description = "Further roles of the account, by name or pattern, that nothing which Slipway applies may assume, pass on or alter: those of the people who administer it."
  type        = list(string)
  default     = ["OrganizationAccountAccessRole", "AWSControlTowerExecution", "aws-reserved/*"]
}

# ── The bot's own identity ───────────────────────────────────────────────────────────────────────

variable "assumable_role_arns" {
  description = "The roles that the Slipway of this account may assume, in whatever account. Empty for a rehearsal, which proves that a version starts and does no work."
  type        = list(string)
  default     = []

  validation {
    condition     = alltrue([for arn in var.assumable_role_arns : can(regex("^arn:aws:iam::[0-9]{12}:role/slipway-(plan|apply|deploy)$", arn))])
    error_message = "Each is the ARN of a role slipway-plan, slipway-apply or slipway-deploy."
  }
}

variable "workload_identity" {
  description = "How the pod proves who it is: `pod-identity` (the default, on nodes of any kind) or `irsa` (a token of the cluster's OIDC provider; the only way on Fargate)."
  type        = string
  default     = "pod-identity"

  validation {
    condition     = contains(["pod-identity", "irsa"], var.workload_identity)
    error_message = "It is pod-identity or irsa."
  }
}

variable "secret_recovery_days" {
  description = "How long a deleted secret can still be recovered; 0 deletes it at once, which only an environment that comes and goes should do."
  type        = number
  default     = 30

  validation {
    condition     = var.secret_recovery_days == 0 || (var.secret_recovery_days >= 7 && var.secret_recovery_days <= 30)
    error_message = "Secrets Manager takes 0, or 7 to 30 days."
  }
}
