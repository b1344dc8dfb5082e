# Logs of the network and of the control plane, encrypted with a key of their own.

resource "aws_kms_key" "logs" {
  description             = "CloudWatch logs of ${var.cluster_name}"
  enable_key_rotation     = true
  rotation_period_in_days = 365
  deletion_window_in_days = 30
  policy                  = data.aws_iam_policy_document.logs_key.json
}

resource "aws_kms_alias" "logs" {
  name          = "alias/${var.cluster_name}-logs"
  target_key_id = aws_kms_key.logs.key_id
}

data "aws_iam_policy_document" "logs_key" {
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
      values = [for group in [local.flow_log_group, local.control_plane_log_group] :
        "arn:aws:logs:${var.region}:${var.account_id}:log-group:${group}"
      ]
    }
  }
}

locals {
  flow_log_group = "/aws/vpc/${var.cluster_name}"
  # The name is EKS's. It would make the group itself, but never encrypted and never emptied.
  control_plane_log_group = "/aws/eks/${var.cluster_name}/cluster"
}

resource "aws_cloudwatch_log_group" "control_plane" {
  #checkov:skip=CKV_AWS_338:How long is a variable: prod keeps a year, dev pays for less.
  name              = local.control_plane_log_group
  retention_in_days = var.control_plane_log_days
  kms_key_id        = aws_kms_key.logs.arn
}

resource "aws_cloudwatch_log_group" "flow" {
  #checkov:skip=CKV_AWS_338:Flow logs are for looking into an incident, and by far the largest of all logs.
  name              = local.flow_log_group
  retention_in_days = var.flow_log_days
  kms_key_id        = aws_kms_key.logs.arn
}

resource "aws_flow_log" "this" {
  vpc_id                   = aws_vpc.this.id
  traffic_type             = "ALL"
  log_destination_type     = "cloud-watch-logs"
  log_destination          = aws_cloudwatch_log_group.flow.arn
  iam_role_arn             = aws_iam_role.flow_logs.arn
  max_aggregation_interval = 600

  tags = { Name = local.network_name }
}

resource "aws_iam_role" "flow_logs" {
  name                 = "${var.cluster_name}-flow-logs"
  description          = "Lets the VPC write its flow logs"
  assume_role_policy   = data.aws_iam_policy_document.flow_logs_trust.json
  permissions_boundary = var.permissions_boundary_arn
}

data "aws_iam_policy_document" "flow_logs_trust" {
  statement {
    actions = ["sts:AssumeRole"]

    principals {
      type        = "Service"
      identifiers = ["vpc-flow-logs.amazonaws.com"]
    }

    condition {
      test     = "StringEquals"
      variable = "aws:SourceAccount"
      values   = [var.account_id]
    }

    condition {
      test     = "ArnLike"
      variable = "aws:SourceArn"
      values   = ["arn:aws:ec2:${var.region}:${var.account_id}:vpc-flow-log/*"]
    }
  }
}

resource "aws_iam_role_policy" "flow_logs" {
  name   = "write"
  role   = aws_iam_role.flow_logs.id
  policy = data.aws_iam_policy_document.flow_logs.json
}

data "aws_iam_policy_document" "flow_logs" {
  statement {
    actions = ["logs:CreateLogStream", "logs:PutLogEvents", "logs:DescribeLogStreams"]
    resources = [
      aws_cloudwatch_log_group.flow.arn,
      "${aws_cloudwatch_log_group.flow.arn}:*",
    ]
  }

  # Has no resource to be narrowed to.
  statement {
    actions   = ["logs:DescribeLogGroups"]
    resources = ["*"]
  }
}
