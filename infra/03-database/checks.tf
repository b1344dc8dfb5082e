# Warnings at each plan: things that are allowed, but that somebody should know of.

check "production" {
  assert {
    condition     = var.environment != "prod" || (var.multi_az && var.deletion_protection && var.backup_days >= 7)
    error_message = "prod without a second machine, without deletion protection, or with less than a week of backups."
  }
}
