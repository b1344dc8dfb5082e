# slipway-plan: sees how the account is set up, and not the data in it.
#
# A plan runs code of a pull request (providers, `external` data sources). What this role can read,
# the author of a pull request can read.
resource "aws_iam_role" "plan" {
  name                 = "slipway-plan"
  description          = "Slipway plans with it: reads configuration and Terraform state, locks the state."
  assume_role_policy   = data.aws_iam_policy_document.trust.json
  max_session_duration = var.max_session_duration
}

resource "aws_iam_role_policy_attachment" "plan_reads" {
  role       = aws_iam_role.plan.name
  policy_arn = "arn:aws:iam::aws:policy/ReadOnlyAccess"
}

resource "aws_iam_role_policy" "plan_state" {
  name   = "state"
  role   = aws_iam_role.plan.name
  policy = data.aws_iam_policy_document.plan_state.json
}

resource "aws_iam_role_policy" "plan_no_data" {
  name   = "no-data"
  role   = aws_iam_role.plan.name
  policy = data.aws_iam_policy_document.plan_no_data.json
}

data "aws_iam_policy_document" "plan_state" {
  statement {
    sid       = "FindTheState"
    actions   = ["s3:ListBucket"]
    resources = [local.state_bucket_arn]
  }

  statement {
    sid       = "ReadTheState"
    actions   = ["s3:GetObject"]
    resources = ["${local.state_bucket_arn}/*"]
  }

  # The lock is a file beside the state. It can be taken and given back; the state can't be written.
  statement {
    sid       = "LockTheState"
    actions   = ["s3:PutObject", "s3:DeleteObject"]
    resources = ["${local.state_bucket_arn}/*.tflock"]
  }

  # S3 names the bucket or the object in the encryption context, so the key need not be known here.
  statement {
    sid       = "UseTheKeyOfTheState"
    actions   = ["kms:Decrypt", "kms:GenerateDataKey"]
    resources = ["arn:aws:kms:${var.region}:${var.account_id}:key/*"]

    condition {
      test     = "StringEquals"
      variable = "kms:ViaService"
      values   = ["s3.${var.region}.amazonaws.com"]
    }

    condition {
      test     = "StringLike"
      variable = "kms:EncryptionContext:aws:s3:arn"
      values   = [local.state_bucket_arn, "${local.state_bucket_arn}/*"]
    }
  }
}

# ReadOnlyAccess reads data as well as configuration, and AWS adds to it. These are the ways to data
# that we know of; an explicit deny also holds against the policies of buckets, keys and queues.
data "aws_iam_policy_document" "plan_no_data" {
  statement {
    sid           = "NoObjectsButTheState"
    effect        = "Deny"
    actions       = ["s3:GetObject*"]
    not_resources = ["${local.state_bucket_arn}/*"]
  }

  statement {
    sid       = "NoDecryptionButOfTheState"
    effect    = "Deny"
    actions   = ["kms:Decrypt", "kms:ReEncryptFrom"]
    resources = ["*"]

    # True where the key is missing, too: a Decrypt that did not come from S3.
    condition {
      test     = "StringNotLike"
      variable = "kms:EncryptionContext:aws:s3:arn"
      values   = [local.state_bucket_arn, "${local.state_bucket_arn}/*"]
    }
  }

  # AWS's own public parameters (the newest machine image and the like) are in no account.
  statement {
    sid           = "NoParametersButPublicOnes"
    effect        = "Deny"
    actions       = ["ssm:GetParameter*"]
    not_resources = ["arn:aws:ssm:*::parameter/aws/service/*"]
  }

  statement {
    sid    = "NoSecretsRecordsMessagesOrLogs"
    effect = "Deny"
    actions = [
      "secretsmanager:BatchGetSecretValue",
      "secretsmanager:GetSecretValue",

      "dynamodb:BatchGetItem",
      "dynamodb:GetItem",
      "dynamodb:GetRecords",
      "dynamodb:PartiQLSelect",
      "dynamodb:Query",
      "dynamodb:Scan",
      "cassandra:Select",
      "timestream:Select",
      "athena:GetQueryResults*",
      "rds:Download*",
      "ebs:GetSnapshotBlock",

      "kinesis:GetRecords",
      "sqs:ReceiveMessage",

      "logs:FilterLogEvents",
      "logs:GetLogEvents",
      "logs:GetLogRecord",
      "logs:GetQueryResults",
      "logs:StartLiveTail",
      "logs:StartQuery",
      "logs:Unmask",

      "ec2:GetConsoleOutput",
      "ec2:GetConsoleScreenshot",
      "ec2:GetPasswordData",
      "ecr:GetDownloadUrlForLayer",

      # Another role would not be held to any of this.
      "sts:AssumeRole*",
    ]
    resources = ["*"]
  }
}
