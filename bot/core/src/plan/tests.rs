//! Plans made by Terraform 1.11 with its built-in provider, and some by hand in the shape of AWS.

use super::diff::{DiffLimits, plan_text};
use super::*;

const CREATE: &[u8] = include_bytes!("fixtures/create.json");
const CHANGE: &[u8] = include_bytes!("fixtures/change.json");
const NOOP: &[u8] = include_bytes!("fixtures/noop.json");

fn plan(json: &[u8]) -> Plan {
    Plan::parse(json).unwrap()
}

#[test]
fn a_change_reads_well() {
    insta::assert_snapshot!(plan_text(&plan(CHANGE), &DiffLimits::default()), @"");
}
