# What RDS and Aurora have in common: names, key, logs, monitoring.

locals {
  name   = "${var.service}-${var.environment}"
  port   = 5432
  aurora = var.engine == "aurora-postgresql"
  # Not "admin", which is reserved, and not the name of the service's own user.
  admin = "${var.service}_admin"

  log_types  = local.aurora ? ["postgresql", "iam-db-auth-error"] : ["postgresql", "upgrade", "iam-db-auth-error"]
  log_prefix = "/aws/rds/${local.aurora ? "cluster" : "instance"}/${local.name}"
  log_groups = [for type in local.log_types : "${local.log_prefix}/${type}"]
}

resource "aws_kms_key" "this" {
  description             = "Database ${local.name}: storage, backups, logs, the master user's password"
  enable_key_rotation     = true
  rotation_period_in_days = 365
  deletion_window_in_days = 30
  policy                  = data.aws_iam_policy_document.key.json
}

resource "aws_kms_alias" "this" {
  name          = "alias/${local.name}-database"
  target_key_id = aws_kms_key.this.key_id
}

data "aws_iam_policy_document" "key" {
  #checkov:skip=CKV_AWS_109:A key policy has to let the account manage the key; else nobody could any more. IAM decides who.
  #checkov:skip=CKV_AWS_111:The same statement: it is about this one key, which "*" stands for in a key policy.
  #checkov:skip=CKV_AWS_356:In a key policy "*" is the key itself.
  statement {
    sid       = "AccountDecidesByIAM"
    actions   = ["kms:*"]
    resources = ["*"]

    principals {
      type        = "AWS"
      identifiers = ["arn:aws:iam::${var.account_id}:root"]
    }
  }

  statement {
    sid       = "CloudWatchLogs"
    actions   = ["kms:Encrypt", "kms:Decrypt", "kms:ReEncrypt*", "kms:GenerateDataKey*", "kms:Describe*"]
    resources = ["*"]

    principals {
      type        = "Service"
      identifiers = ["logs.${var.region}.amazonaws.com"]
    }

    condition {
      test     = "ArnEquals"
      variable = "kms:EncryptionContext:aws:logs:arn"
      values   = [for group in local.log_groups : "arn:aws:logs:${var.region}:${var.account_id}:log-group:${group}"]
    }
  }
}

# RDS would make them itself, but never encrypted and never emptied.
resource "aws_cloudwatch_log_group" "this" {
  #checkov:skip=CKV_AWS_338:How long is a variable: prod keeps a year, dev pays for less.
  for_each = toset(local.log_groups)

  name              = each.value
  retention_in_days = var.log_days
  kms_key_id        = aws_kms_key.this.arn
}

# ── Enhanced monitoring ──────────────────────────────────────────────────────────────────────────

resource "aws_iam_role" "monitoring" {
  name                 = "${local.name}-database-monitoring"
  description          = "Lets RDS write the machine's metrics of ${local.name}"
  assume_role_policy   = data.aws_iam_policy_document.monitoring_trust.json
  permissions_boundary = var.permissions_boundary_arn
}

data "aws_iam_policy_document" "monitoring_trust" {
  statement {
    actions = ["sts:AssumeRole"]

    principals {
      type        = "Service"
      identifiers = ["monitoring.rds.amazonaws.com"]
    }

    condition {
      test     = "StringEquals"
      variable = "aws:SourceAccount"
      values   = [var.account_id]
    }
  }
}

resource "aws_iam_role_policy_attachment" "monitoring" {
  role       = aws_iam_role.monitoring.name
  policy_arn = "arn:aws:iam::aws:policy/service-role/AmazonRDSEnhancedMonitoringRole"
}
