//! Terraform plan JSON to changes, hazards and masked diffs.
