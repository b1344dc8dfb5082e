# slipway/github: what the bot shows to GitHub and GHCR. Terraform makes the secret, a person puts
# the value (README.md); it is in no state and no plan.
resource "aws_secretsmanager_secret" "github" {
  # checkov:skip=CKV2_AWS_57: GitHub makes the App's key and the token, and only by hand; see README.md
  name                    = "slipway/github"
  description             = "JSON: private_key and webhook_secret of the GitHub App, ghcr_token."
  kms_key_id              = aws_kms_key.secret.arn
  recovery_window_in_days = var.secret_recovery_days
}

# Nobody but the bot reads it, administrators included: they would have to take this policy away
# first, which CloudTrail shows.
resource "aws_secretsmanager_secret_policy" "github" {
  secret_arn          = aws_secretsmanager_secret.github.arn
  policy              = data.aws_iam_policy_document.secret.json
  block_public_policy = true
}

data "aws_iam_policy_document" "secret" {
  statement {
    sid       = "OnlyTheBotReads"
    effect    = "Deny"
    actions   = ["secretsmanager:BatchGetSecretValue", "secretsmanager:GetSecretValue"]
    resources = ["*"]

    principals {
      type        = "AWS"
      identifiers = ["*"]
    }

    condition {
      test     = "ArnNotEquals"
      variable = "aws:PrincipalArn"
      values   = [aws_iam_role.bot.arn]
    }
  }
}

resource "aws_kms_key" "secret" {
  description             = "Encrypts slipway/github."
  enable_key_rotation     = true
  deletion_window_in_days = 30
  policy                  = data.aws_iam_policy_document.secret_key.json
}

resource "aws_kms_alias" "secret" {
  name          = "alias/slipway"
  target_key_id = aws_kms_key.secret.key_id
}

# The account's own IAM policies decide, as AWS's default policy has it.
data "aws_iam_policy_document" "secret_key" {
  # checkov:skip=CKV_AWS_109: a key's policy speaks of that key only
  # checkov:skip=CKV_AWS_111: the same
  # checkov:skip=CKV_AWS_356: the same
  statement {
    sid       = "TheAccountDecides"
    actions   = ["kms:*"]
    resources = ["*"]

    principals {
      type        = "AWS"
      identifiers = ["${local.iam}:root"]
    }
  }
}

# Versions are listed without their values.
check "secret_has_a_value" {
  data "aws_secretsmanager_secret_versions" "github" {
    secret_id = aws_secretsmanager_secret.github.id
  }

  assert {
    condition     = length(data.aws_secretsmanager_secret_versions.github.versions) > 0
    error_message = "The secret slipway/github has no value yet, so Slipway can't start: put one, see README.md."
  }
}
