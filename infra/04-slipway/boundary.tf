# slipway-boundary: the most that slipway-apply can do, and every role that it makes.
#
# A role that it makes carries the boundary or is not made, so that nothing can be reached by way of
# a new role that is out of reach directly.
#
# It is the first thing that is made in an account and the last that goes (README.md), since the
# roles of 02-eks and 03-database carry it: so it speaks of everything by name and refers to nothing.
resource "aws_iam_policy" "boundary" {
  name        = "slipway-boundary"
  description = "The most that slipway-apply and the roles it makes can do. Changed by people only."
  policy      = data.aws_iam_policy_document.boundary.json

  lifecycle {
    # Blanks left out, as IAM counts.
    precondition {
      condition     = length(replace(data.aws_iam_policy_document.boundary.minified_json, " ", "")) <= 6144
      error_message = "The boundary is longer than the 6144 characters that IAM takes: shorten protected_roles."
    }
  }
}

locals {
  protected_role_arns = [for name in concat(["slipway", "slipway-*"], var.protected_roles) : "${local.iam}:role/${name}"]
}

data "aws_iam_policy_document" "boundary" {
  # checkov:skip=CKV_AWS_1: a boundary grants nothing, it caps what other policies grant
  # checkov:skip=CKV_AWS_49: the same
  # checkov:skip=CKV_AWS_107: the same
  # checkov:skip=CKV_AWS_108: the same
  # checkov:skip=CKV_AWS_109: the same
  # checkov:skip=CKV_AWS_110: the same
  # checkov:skip=CKV_AWS_111: the same
  # checkov:skip=CKV_AWS_356: the same
  statement {
    sid       = "AllButWhatFollows"
    actions   = ["*"]
    resources = ["*"]
  }

  # Also for roles that were there before: one without the boundary gets no further policy.
  statement {
    sid    = "RolesCarryTheBoundary"
    effect = "Deny"
    actions = [
      "iam:AttachRolePolicy",
      "iam:CreateRole",
      "iam:DeleteRolePolicy",
      "iam:DetachRolePolicy",
      "iam:PutRolePermissionsBoundary",
      "iam:PutRolePolicy",
    ]
    resources = ["*"]

    condition {
      test     = "StringNotEquals"
      variable = "iam:PermissionsBoundary"
      values   = [local.boundary_arn]
    }
  }

  statement {
    sid       = "TheyKeepIt"
    effect    = "Deny"
    actions   = ["iam:DeleteRolePermissionsBoundary"]
    resources = ["*"]
  }

  # PassRole is among them: without this, a Pod Identity association could hand the bot's own role
  # to any pod.
  statement {
    sid         = "SlipwayAndThePeopleAreOutOfReach"
    effect      = "Deny"
    not_actions = ["iam:Get*", "iam:List*", "iam:Simulate*"]
    resources   = concat([local.boundary_arn], local.protected_role_arns)
  }

  statement {
    sid    = "ItsSecretIsOutOfReach"
    effect = "Deny"
    not_actions = [
      "secretsmanager:DescribeSecret",
      "secretsmanager:GetResourcePolicy",
      "secretsmanager:ListSecretVersionIds",
    ]
    resources = ["arn:aws:secretsmanager:*:${var.account_id}:secret:slipway/*"]
  }

  # Taking the alias away needs the right to the key as well, so this can't be slipped off.
  statement {
    sid         = "AndItsKey"
    effect      = "Deny"
    not_actions = ["kms:Describe*", "kms:Get*", "kms:List*"]
    resources   = ["arn:aws:kms:*:${var.account_id}:key/*"]

    condition {
      test     = "ForAnyValue:StringEquals"
      variable = "kms:ResourceAliases"
      values   = ["alias/slipway"]
    }
  }

  # Whoever may write access entries is an administrator of the cluster, and in prod the bot runs in
  # it. EKS makes those of nodes by itself.
  statement {
    sid    = "WhoAdministersClustersIsForPeople"
    effect = "Deny"
    actions = [
      "eks:AssociateAccessPolicy",
      "eks:CreateAccessEntry",
      "eks:DeleteAccessEntry",
      "eks:DisassociateAccessPolicy",
      "eks:UpdateAccessEntry",
    ]
    resources = ["*"]
  }

  # People come through the identity provider, programs through roles.
  statement {
    sid    = "NoUsersAndNoLastingKeys"
    effect = "Deny"
    actions = [
      "iam:AddUserToGroup",
      "iam:AttachGroupPolicy",
      "iam:AttachUserPolicy",
      "iam:CreateAccessKey",
      "iam:CreateGroup",
      "iam:CreateLoginProfile",
      "iam:CreateSAMLProvider",
      "iam:CreateServiceSpecificCredential",
      "iam:CreateUser",
      "iam:DeleteUserPermissionsBoundary",
      "iam:PutGroupPolicy",
      "iam:PutUserPermissionsBoundary",
      "iam:PutUserPolicy",
      "iam:UpdateAccessKey",
      "iam:UpdateAccountPasswordPolicy",
      "iam:UpdateLoginProfile",
      "iam:UpdateSAMLProvider",
      "iam:UploadSSHPublicKey",
      "iam:UploadSigningCertificate",
    ]
    resources = ["*"]
  }

  statement {
    sid    = "NeitherOrganisationNorAccountNorBills"
    effect = "Deny"
    actions = [
      "account:*",
      "aws-portal:*",
      "billing:*",
      "identitystore:*",
      "organizations:*",
      "payments:*",
      "sso:*",
      "sso-directory:*",
      "tax:*",
    ]
    resources = ["*"]
  }

  statement {
    sid    = "TheTrailStays"
    effect = "Deny"
    actions = [
      "cloudtrail:DeleteTrail",
      "cloudtrail:PutEventSelectors",
      "cloudtrail:StopLogging",
      "cloudtrail:UpdateTrail",
    ]
    resources = ["*"]
  }
}
