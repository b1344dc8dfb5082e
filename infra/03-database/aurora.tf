# engine = "aurora-postgresql": Aurora Serverless v2.

data "aws_rds_engine_version" "aurora" {
  count = local.aurora ? 1 : 0

  engine  = "aurora-postgresql"
  version = var.postgres_version
  latest  = true
}

resource "aws_rds_cluster" "this" {
  #checkov:skip=CKV2_AWS_8:Aurora's own backups (backup_days) restore to any second; AWS Backup would be a second copy of the same.
  #checkov:skip=CKV_AWS_139:deletion_protection decides: true in prod, and checks.tf warns where it is not.
  count = local.aurora ? 1 : 0

  cluster_identifier = local.name
  engine             = "aurora-postgresql"
  engine_mode        = "provisioned" # which Serverless v2 is
  engine_version     = data.aws_rds_engine_version.aurora[0].version_actual
  port               = local.port
  database_name      = var.service

  # RDS makes the password, keeps it in Secrets Manager and changes it every week; Terraform never sees it.
  master_username                     = local.admin
  manage_master_user_password         = true
  master_user_secret_kms_key_id       = aws_kms_key.this.key_id
  iam_database_authentication_enabled = true

  storage_encrypted = true
  kms_key_id        = aws_kms_key.this.arn

  db_subnet_group_name            = aws_db_subnet_group.this.name
  vpc_security_group_ids          = [aws_security_group.this.id]
  db_cluster_parameter_group_name = aws_rds_cluster_parameter_group.this[0].name

  backup_retention_period   = var.backup_days
  preferred_backup_window   = var.backup_window
  copy_tags_to_snapshot     = true
  delete_automated_backups  = !var.deletion_protection
  deletion_protection       = var.deletion_protection
  skip_final_snapshot       = !var.deletion_protection
  final_snapshot_identifier = var.deletion_protection ? "${local.name}-final" : null

  preferred_maintenance_window    = var.maintenance_window
  apply_immediately               = var.apply_immediately
  enabled_cloudwatch_logs_exports = local.log_types

  serverlessv2_scaling_configuration {
    min_capacity = var.aurora_capacity.min
    max_capacity = var.aurora_capacity.max
  }

  lifecycle {
    # The newest minor version when it is made; from then on AWS raises it in the maintenance window.
    ignore_changes = [engine_version]
  }

  depends_on = [aws_cloudwatch_log_group.this]
}

resource "aws_rds_cluster_instance" "this" {
  count = local.aurora ? (var.multi_az ? 2 : 1) : 0

  identifier         = "${local.name}-${count.index + 1}"
  cluster_identifier = aws_rds_cluster.this[0].id
  engine             = aws_rds_cluster.this[0].engine
  instance_class     = "db.serverless"
  # Within tiers 0 and 1 a reader is as large as the writer, and can take over at once.
  promotion_tier = 1

  db_subnet_group_name = aws_db_subnet_group.this.name
  publicly_accessible  = false
  ca_cert_identifier   = "rds-ca-rsa2048-g1"

  auto_minor_version_upgrade   = true
  preferred_maintenance_window = var.maintenance_window
  apply_immediately            = var.apply_immediately
  copy_tags_to_snapshot        = true

  monitoring_interval                   = 60
  monitoring_role_arn                   = aws_iam_role.monitoring.arn
  performance_insights_enabled          = true
  performance_insights_retention_period = 7
  performance_insights_kms_key_id       = aws_kms_key.this.arn

  depends_on = [aws_iam_role_policy_attachment.monitoring]
}

resource "aws_rds_cluster_parameter_group" "this" {
  count = local.aurora ? 1 : 0

  name_prefix = "${local.name}-"
  description = "TLS only, slow statements and migrations logged"
  family      = "aurora-postgresql${var.postgres_version}"

  parameter {
    name  = "rds.force_ssl"
    value = "1"
  }

  # Slow statements (milliseconds), and each migration.
  parameter {
    name  = "log_min_duration_statement"
    value = "1000"
  }

  parameter {
    name  = "log_statement"
    value = "ddl"
  }

  parameter {
    name  = "log_lock_waits"
    value = "1"
  }

  lifecycle {
    create_before_destroy = true
  }
}
