output "plan_role_arn" {
  description = "plan_role of the environment in deploy.toml."
  value       = aws_iam_role.plan.arn
}

output "apply_role_arn" {
  description = "apply_role of the environment in deploy.toml."
  value       = aws_iam_role.apply.arn
}

output "deploy_role_arn" {
  description = "deploy_role of the environment in deploy.toml."
  value       = aws_iam_role.deploy.arn
}

output "slipway_role_arn" {
  description = "The identity of the bot in this account. Prod's is slipway_principal_arn of every account. With IRSA it is also the annotation eks.amazonaws.com/role-arn of the ServiceAccount."
  value       = aws_iam_role.bot.arn
}

output "boundary_arn" {
  description = "The permissions boundary that every role of the other stacks carries."
  value       = aws_iam_policy.boundary.arn
}

output "secret_name" {
  description = "Where the bot reads private_key, webhook_secret and ghcr_token: aws_secret in slipway.toml."
  value       = aws_secretsmanager_secret.github.name
}

output "deploy_toml" {
  description = "The table of the environment for deploy.toml, as it has to be there: terraform output -raw deploy_toml."
  value       = <<-TOML
    [environments.${var.environment}.aws]
    region      = "${var.region}"
    account     = "${var.account_id}"
    plan_role   = "${aws_iam_role.plan.arn}"
    apply_role  = "${aws_iam_role.apply.arn}"
    deploy_role = "${aws_iam_role.deploy.arn}"
    external_id = "${var.external_id}"
  TOML
}
