# slipway-apply: may do what an administrator may, up to the boundary (boundary.tf).
resource "aws_iam_role" "apply" {
  name                 = "slipway-apply"
  description          = "Slipway applies with it: an administrator within slipway-boundary."
  assume_role_policy   = data.aws_iam_policy_document.trust.json
  permissions_boundary = aws_iam_policy.boundary.arn
  max_session_duration = var.max_session_duration
}

resource "aws_iam_role_policy_attachment" "apply_administers" {
  # checkov:skip=CKV_AWS_274: it applies whatever the stacks hold; the boundary says where that ends
  role       = aws_iam_role.apply.name
  policy_arn = "arn:aws:iam::aws:policy/AdministratorAccess"
}

# AdministratorAccess would let it into every role that trusts the whole account. No stack needs
# that: Slipway hands Terraform the role that it is to use.
resource "aws_iam_role_policy" "apply_stays_itself" {
  name   = "stays-itself"
  role   = aws_iam_role.apply.name
  policy = data.aws_iam_policy_document.apply_stays_itself.json
}

data "aws_iam_policy_document" "apply_stays_itself" {
  statement {
    sid       = "NoOtherRole"
    effect    = "Deny"
    actions   = ["sts:AssumeRole"]
    resources = ["*"]
  }
}
