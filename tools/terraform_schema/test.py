"""Shows that the checks find what is wrong, each in a small module of its own, and pass what is right."""

from __future__ import annotations

import tempfile
import textwrap
import unittest
from pathlib import Path

from .__main__ import environment
from .module import Checker, read_module

PROVIDER, FUNCTIONS = environment()

# Uses most of the language, and nothing in it is wrong.
SOUND = """
variable "names" {
  description = "Buckets."
  type        = map(object({ arn = string, days = optional(number, 30) }))

  validation {
    condition     = alltrue([for name, it in var.names : it.days > 0 if name != ""])
    error_message = "No bucket of ${length(var.names)} may keep nothing."
  }
}

locals {
  arns = { for name, it in var.names : name => it.arn... }
}

data "aws_iam_policy_document" "this" {
  dynamic "statement" {
    for_each = local.arns
    iterator = it

    content {
      sid       = it.key
      actions   = ["s3:GetObject"]
      resources = it.value

      condition {
        test     = "Bool"
        variable = "aws:SecureTransport"
        values   = ["true"]
      }
    }
  }
}

resource "aws_s3_bucket" "this" {
  for_each      = var.names
  bucket_prefix = <<-EOT
    a-${each.key}-${lower(data.aws_iam_policy_document.this.json)}
  EOT

  timeouts {
    create = "5m"
  }

  lifecycle {
    ignore_changes = [tags["x"], bucket_prefix]

    postcondition {
      condition     = self.force_destroy == false
      error_message = "%{for name in keys(var.names)}${name}%{endfor}"
    }
  }
}

resource "terraform_data" "this" {
  input = [for bucket in aws_s3_bucket.this : bucket.arn]
}

resource "aws_security_group" "this" {
  count   = 2
  ingress = []
}

output "first" {
  description = "The first group."
  value       = [aws_security_group.this[0].id, aws_security_group.this[*].arn, aws_s3_bucket.this["a"].bucket]
}
"""


def faults(source: str, **files: str) -> list[str]:
    """What is wrong with a module, as `file:line:column: message`. Other files are named with `_` for `.`."""
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder).resolve()
        (root / "main.tf").write_text(textwrap.dedent(source).lstrip("\n"))
        for name, text in files.items():
            (root / name.replace("_", ".")).write_text(text)
        found = []
        report = lambda at, message: found.append((at, message))  # noqa: E731
        Checker(read_module(root, root, report), root, PROVIDER, FUNCTIONS, report).run()
    return [f"{at}: {message}" for at, message in sorted(set(found))]


class Check(unittest.TestCase):
    maxDiff = None

    def test_sound(self):
        self.assertEqual(faults(SOUND, dev_tfvars='names = { a = { arn = "b" } }'), [])

    def test_invented_resource(self):
        self.assertEqual(
            faults("""
            resource "aws_s3_buckett" "this" {
            }
            """),
            [
                f'main.tf:1:10: AWS provider {PROVIDER.version} has no resource "aws_s3_buckett";'
                ' did you mean "aws_s3_bucket"?'
            ],
        )

    def test_invented_data_source(self):
        (fault,) = faults("""
            data "aws_caller" "this" {
            }
            output "x" {
              description = ""
              value = data.aws_caller.this
            }
            """)
        self.assertIn('has no data "aws_caller"', fault)

    def test_invented_argument(self):
        self.assertEqual(
            faults("""
            resource "aws_s3_bucket" "this" {
              buckett = "x"
            }
            """),
            ['main.tf:2:3: resource "aws_s3_bucket": there is no argument "buckett"; did you mean "bucket"?'],
        )

    def test_invented_block(self):
        source = """
            resource "aws_eks_node_group" "this" {
              cluster_name  = ""
              node_role_arn = ""
              subnet_ids    = []
              scaling_config {
                minimum = 1
              }
              scaling {
              }
            }
            """
        where = 'resource "aws_eks_node_group"'
        self.assertEqual(
            faults(source),
            [
                f'main.tf:5:3: {where}, scaling_config: "{name}" is required'
                for name in ("desired_size", "max_size", "min_size")
            ]
            + [
                f'main.tf:6:5: {where}, scaling_config: there is no argument "minimum"',
                f'main.tf:8:3: {where}: there is no block "scaling"; did you mean "scaling_config"?',
            ],
        )

    def test_invented_block_in_dynamic(self):
        source = """
            resource "aws_s3_bucket" "this" {
              dynamic "versions" {
                for_each = []
                content {
                }
              }
            }
            """
        (fault,) = faults(source)
        self.assertTrue(fault.startswith('main.tf:2:11: resource "aws_s3_bucket": there is no block "versions"'), fault)

    def test_required(self):
        self.assertEqual(
            faults("""
            resource "aws_kms_alias" "this" {
            }
            """),
            ['main.tf:1:1: resource "aws_kms_alias": "target_key_id" is required'],
        )

    def test_form(self):
        source = """
            resource "aws_eks_addon" "this" {
              addon_name {
              }
              cluster_name = ""
              arn = ""
              timeouts = {}
            }
            """
        where = 'main.tf:%s: resource "aws_eks_addon": '
        self.assertEqual(
            faults(source),
            [
                where % "1:1" + '"addon_name" is required',
                where % "2:3" + '"addon_name" is an argument, not a block',
                where % "5:3" + '"arn" is set by AWS',
                where % "6:3" + '"timeouts" is a block: write it without "="',
            ],
        )

    def test_twice(self):
        source = """
            resource "aws_sqs_queue" "this" {
              name = ""
              name = ""
            }
            resource "aws_sqs_queue" "this" {
            }
            """
        self.assertEqual(
            faults(source),
            [
                'main.tf:1:1: resource "aws_sqs_queue": "name" may be there once only',
                "main.tf:5:1: declared twice: resource.aws_sqs_queue.this",
            ],
        )

    def test_references(self):
        source = """
        resource "aws_sqs_queue" "one" {
          name   = var.nam
          policy = local.policy
          count  = 1
        }
        resource "aws_sqs_queue" "two" {
          name   = aws_sqs_queue.one.arn
          policy = aws_sqs_queue.two[0]
          tags   = { (each.key) = aws_sqs_queue.one[0].url2, b = aws_sqs_queue.three.arn, c = data.aws_region.x.name }
        }
        """
        self.assertEqual(
            [fault.split(": ", 1)[1] for fault in faults(source)],
            [
                'there is no variable "nam"',
                'there is no local value "policy"',
                '"aws_sqs_queue.one" has instances (count, for_each): which one is meant?',
                '"aws_sqs_queue.two" has no instances (count, for_each) to choose from',
                '"each.key" has no meaning here',
                'aws_sqs_queue.one[…].url2: there is no attribute "url2"; did you mean "url"?',
                'there is no declaration of "aws_sqs_queue.three"; did you mean "aws_sqs_queue.two"?',
                'there is no declaration of "data.aws_region.x"',
            ],
        )

    def test_functions(self):
        source = """
            locals {
              a = cidrsubnets2("")
              b = cidrhost("")
            }
            output "x" {
              description = ""
              value = [local.a, local.b]
            }
            """
        self.assertEqual(
            faults(source),
            [
                'main.tf:2:7: there is no function "cidrsubnets2"; did you mean "cidrsubnets"?',
                "main.tf:3:7: cidrhost() does not take 1 argument(s)",
            ],
        )

    def test_declarations(self):
        source = """
            variable "a" {
              description = ""
            }
            output "b" {
              value = 1
            }
            locals {
              c = 1
            }
            resourc "d" {
            }
            """
        self.assertEqual(
            faults(source),
            [
                'main.tf:1:1: variable "a" has no "type"',
                'main.tf:1:1: variable "a" is not used',
                'main.tf:4:1: output "b" has no "description"',
                'main.tf:8:3: local value "c" is not used',
                'main.tf:10:1: there is no block "resourc"; did you mean "resource"?',
            ],
        )

    def test_values(self):
        source = """
            variable "a" {
              description = ""
              type = string
            }
            output "b" {
              description = ""
              value = var.a
            }
            """
        self.assertEqual(
            faults(source, dev_tfvars='aa = ""', dev_s3_tfbackend='bucket = ""\nlock = true'),
            [
                'dev.s3.tfbackend:2:1: there is no setting of the s3 backend "lock"',
                'dev.tfvars:1:1: there is no variable "aa"; did you mean "a"?',
                'dev.tfvars:1:1: variable "a" has no default and is not set',
            ],
        )

    def test_no_hcl(self):
        self.assertEqual(
            faults("""
            resource "a" {
              b = [
            }
            """),
            ["main.tf:2:3: this is no valid HCL"],
        )


if __name__ == "__main__":
    unittest.main()
