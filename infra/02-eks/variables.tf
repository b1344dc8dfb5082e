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
  description = "The region of the cluster."
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

# ── Network ──────────────────────────────────────────────────────────────────────────────────────

variable "vpc_cidr" {
  description = "The addresses of the VPC. Three quarters of it go to the three private subnets, where pods have addresses of their own."
  type        = string

  validation {
    condition     = can(cidrhost(var.vpc_cidr, 0)) && tonumber(split("/", var.vpc_cidr)[1]) >= 16 && tonumber(split("/", var.vpc_cidr)[1]) <= 20
    error_message = "An IPv4 range between /16 and /20."
  }
}

variable "zones" {
  description = "The three availability zones. Named, not looked up: a zone that AWS adds shall not move anything."
  type        = list(string)

  validation {
    condition     = length(distinct(var.zones)) == 3 && alltrue([for zone in var.zones : startswith(zone, var.region)])
    error_message = "Three different zones of ${var.region}: aws ec2 describe-availability-zones --region ${var.region}"
  }
}

variable "nat" {
  description = "How private subnets reach the internet: none, single (one NAT gateway; its zone takes the others along) or per-zone."
  type        = string

  validation {
    condition     = contains(["none", "single", "per-zone"], var.nat)
    error_message = "nat is none, single or per-zone."
  }
}

variable "interface_endpoints" {
  description = "AWS services that the VPC reaches without the internet, by their endpoint's name (ecr.api). Each costs by the hour in each of three zones. S3 is always there and free."
  type        = set(string)
  default     = []

  validation {
    condition     = !contains(var.interface_endpoints, "s3")
    error_message = "S3 has a gateway endpoint already."
  }
}

variable "flow_log_days" {
  description = "How long the network's flow logs are kept."
  type        = number
  default     = 30

  validation {
    condition     = contains([1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096], var.flow_log_days)
    error_message = "CloudWatch keeps logs for 1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731 or 1096 days."
  }
}

# ── Cluster ──────────────────────────────────────────────────────────────────────────────────────

variable "cluster_name" {
  description = "The cluster's name: what deploy.toml calls it."
  type        = string

  validation {
    condition     = can(regex("^[a-zA-Z0-9][a-zA-Z0-9_-]{0,99}$", var.cluster_name))
    error_message = "Letters, digits, hyphens and underscores, beginning with a letter or digit."
  }
}

variable "kubernetes_version" {
  description = "The Kubernetes version, e.g. 1.36. EKS goes one minor version at a time, and never back."
  type        = string
  default     = "1.36"

  validation {
    condition     = can(regex("^1\\.[0-9]{2}$", var.kubernetes_version))
    error_message = "A minor version such as 1.36."
  }
}

variable "endpoint_public_access" {
  description = "Whether the Kubernetes API can be reached from outside of the VPC. From inside it always can."
  type        = bool
}

variable "public_access_cidrs" {
  description = "From where the public endpoint can be reached; each caller still needs an IAM principal with an access entry."
  type        = list(string)
  default     = []

  validation {
    condition     = alltrue([for cidr in var.public_access_cidrs : can(cidrhost(cidr, 0))])
    error_message = "Ranges in CIDR notation; one address is ADDRESS/32."
  }

  validation {
    condition     = alltrue([for cidr in var.public_access_cidrs : !startswith(cidr, "203.0.113.")])
    error_message = "203.0.113.0/24 belongs to nobody (RFC 5737): put the address here that you call from, as `curl https://checkip.amazonaws.com` shows it, and /32."
  }

  validation {
    condition     = !var.endpoint_public_access || length(var.public_access_cidrs) > 0
    error_message = "A public endpoint needs public_access_cidrs: AWS takes an empty list for the whole internet."
  }
}

variable "cluster_admins" {
  description = "IAM principals with all rights in the cluster. Nobody else has any: not even who made it."
  type        = set(string)

  validation {
    condition     = length(var.cluster_admins) > 0
    error_message = "Without an admin nobody could put anything into the cluster."
  }

  validation {
    condition     = alltrue([for arn in var.cluster_admins : can(regex("^arn:aws:iam::[0-9]{12}:(role|user)/", arn))])
    error_message = "ARNs of IAM roles or users; of an assumed role the role's (arn:aws:iam::…:role/…), not the session's."
  }
}

variable "deletion_protection" {
  description = "Whether AWS refuses to delete the cluster until this is false again."
  type        = bool
}

variable "control_plane_log_days" {
  description = "How long the control plane's logs are kept, its audit log among them."
  type        = number
  default     = 90

  validation {
    condition     = contains([1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096], var.control_plane_log_days)
    error_message = "CloudWatch keeps logs for 1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731 or 1096 days."
  }
}

# ── Compute ──────────────────────────────────────────────────────────────────────────────────────

variable "compute" {
  description = "What pods run on: auto-mode (AWS makes, sizes and patches the nodes), fargate (a machine per pod, no nodes at all) or managed-nodes (a node group of fixed machines)."
  type        = string
  default     = "auto-mode"

  validation {
    condition     = contains(["auto-mode", "fargate", "managed-nodes"], var.compute)
    error_message = "compute is auto-mode, fargate or managed-nodes."
  }
}

variable "fargate_namespaces" {
  description = "With fargate: the namespaces whose pods find a machine. A pod of any other namespace waits for ever."
  type        = set(string)
  default     = ["kube-system", "shop", "slipway"]

  validation {
    condition     = contains(var.fargate_namespaces, "kube-system")
    error_message = "CoreDNS runs in kube-system."
  }
}

variable "node_instance_types" {
  description = "With managed-nodes: which machines the node group may use. Images are built for amd64."
  type        = list(string)
  default     = ["m6i.large"]
}

variable "node_count" {
  description = "With managed-nodes: how many machines there are at first, at least and at most. Nothing here changes the number by itself; a cluster autoscaler would."
  type = object({
    desired = number
    min     = number
    max     = number
  })
  default = { desired = 3, min = 3, max = 6 }

  validation {
    condition     = var.node_count.min <= var.node_count.desired && var.node_count.desired <= var.node_count.max
    error_message = "min <= desired <= max."
  }
}
