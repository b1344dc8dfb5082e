# Who may take on slipway-plan, slipway-apply and slipway-deploy: the one Slipway, and only for runs
# of the repositories named.
#
# The principal is the account, narrowed to the role by a condition. IAM would turn a role's ARN in
# the principal into the id of that very role: the stack could not be applied before the role is
# there, and a role that is made anew would be shut out without a word. Nobody gains by it: whoever
# can make a role of that name in that account can also change the trust of the one that is there.
data "aws_iam_policy_document" "trust" {
  statement {
    sid     = "TheSlipwayForItsRepositories"
    actions = ["sts:AssumeRole"]

    principals {
      type        = "AWS"
      identifiers = [local.slipway_account_arn]
    }

    condition {
      test     = "ArnEquals"
      variable = "aws:PrincipalArn"
      values   = [var.slipway_principal_arn]
    }

    condition {
      test     = "StringEquals"
      variable = "sts:ExternalId"
      values   = [var.external_id]
    }

    # Slipway names the person and the repository in each session, in lower case: ana@acme.slipway. Without this,
    # any repository that the App is installed on could name the role in its own deploy.toml.
    condition {
      test     = "StringLike"
      variable = "sts:SourceIdentity"
      values   = [for name in var.repositories : "*@${lower(replace(name, "/", "."))}"]
    }
  }

  # AssumeRole asks for these two besides, and they open nothing by themselves: SetSourceIdentity
  # because Slipway sends one, TagSession because EKS Pod Identity puts session tags (cluster,
  # namespace, pod) on the bot's own credentials and makes them transitive, so that they come along
  # unasked. A statement of their own, because AWS documents sts:ExternalId for AssumeRole only.
  statement {
    sid     = "WhatItBrings"
    actions = ["sts:SetSourceIdentity", "sts:TagSession"]

    principals {
      type        = "AWS"
      identifiers = [local.slipway_account_arn]
    }

    condition {
      test     = "ArnEquals"
      variable = "aws:PrincipalArn"
      values   = [var.slipway_principal_arn]
    }
  }
}

locals {
  # arn:aws:iam::ACCOUNT:role/NAME -> arn:aws:iam::ACCOUNT:root
  slipway_account_arn = "${join(":", slice(split(":", var.slipway_principal_arn), 0, 5))}:root"
}
