locals {
  host       = local.aurora ? aws_rds_cluster.this[0].endpoint : aws_db_instance.this[0].address
  secret_arn = local.aurora ? aws_rds_cluster.this[0].master_user_secret[0].secret_arn : aws_db_instance.this[0].master_user_secret[0].secret_arn
}

output "host" {
  description = "Where the database listens, on port 5432, within the VPC only."
  value       = local.host
}

output "database_env" {
  description = "The file app/k8s/ENVIRONMENT/database.env, as it is: terraform output -raw database_env."
  value       = <<-EOT
    SHOP_DATABASE_URL=postgres://${var.service}@${local.host}:${local.port}/${var.service}?sslmode=verify-full
    SHOP_DATABASE_AUTH=iam
  EOT
}

output "create_user_sql" {
  description = "Makes the service's database user, once, as the master user. It can be run again."
  value       = <<-EOT
    DO $$
    BEGIN
      IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = '${var.service}') THEN
        CREATE ROLE ${var.service} LOGIN;
      END IF;
    END
    $$;
    -- It logs in with a token of the IAM role, never with a password.
    GRANT rds_iam TO ${var.service};
    REVOKE ALL ON DATABASE ${var.service} FROM PUBLIC;
    GRANT CONNECT, TEMPORARY ON DATABASE ${var.service} TO ${var.service};
    -- The service makes and changes its own tables when it starts.
    GRANT USAGE, CREATE ON SCHEMA public TO ${var.service};
  EOT
}

output "admin_connection" {
  description = "For psql, as the master user. The password is in master_user_secret_arn."
  value       = "host=${local.host} port=${local.port} dbname=${var.service} user=${local.admin} sslmode=require"
}

output "master_user_secret_arn" {
  description = "The secret with the master user's password: JSON with username and password, changed by RDS every week."
  value       = local.secret_arn
}

output "role_arn" {
  description = "The role of the service's pods. With irsa its ServiceAccount needs the annotation eks.amazonaws.com/role-arn with it."
  value       = aws_iam_role.service.arn
}
