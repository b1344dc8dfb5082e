"""Checks Terraform against the schema of the AWS provider, without the provider or an account.

See tools/terraform-schema. `hcl` reads the language, `provider` the schema; `schema_check` holds blocks to the schema
and `module` a whole module to itself. `stand_in` serves the schema to the real Terraform.
"""
