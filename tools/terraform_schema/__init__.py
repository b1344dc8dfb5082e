"""Checks Terraform against the schema of the AWS provider, without Terraform, the provider or a network.

See tools/terraform-schema. `hcl` reads the language, `provider` the schema; `schema_check` holds blocks to the schema
and `module` a whole module to itself.
"""
