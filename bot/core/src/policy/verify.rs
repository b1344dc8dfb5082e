//! Tests of policies, as `conftest verify` and `opa test` run them: rules `test_…` that are true.

use std::collections::BTreeSet;
use std::time::Duration;

use regorus::Value;
use regorus::unstable::Rule;

use super::evaluate::{package, read, timer};
use super::{PolicyFile, recursion};

/// A test that does not hold, or a file that can't be read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TestFailure {
    /// `data.main_test.test_…`, or nothing if it is about the files.
    pub test: Option<String>,
    /// What is wrong.
    pub what: String,
}

/// Runs every rule `test_…` of the files, each for `limit` at the most; gives how many there are.
///
/// To be called on a thread with a stack of [`STACK_SIZE`](super::STACK_SIZE).
///
/// # Errors
/// What does not hold, of all tests.
pub fn verify(files: &[PolicyFile], limit: Duration) -> Result<usize, Vec<TestFailure>> {
    let of_files = |what: String| TestFailure { test: None, what };
    let told = |faults: Vec<super::faults::Fault>| -> Vec<TestFailure> {
        let told = faults.iter().map(|fault| of_files(fault.to_string()));
        told.collect()
    };
    let mut engine = read(files).map_err(told)?;
    let modules = engine.get_modules().clone();
    let faults = recursion::find(&modules);
    if !faults.is_empty() {
        return Err(told(faults));
    }
    let mut tests = BTreeSet::new();
    for module in &modules {
        for rule in &module.policy {
            if let Rule::Spec { head, .. } = rule.as_ref()
                && let regorus::unstable::RuleHead::Compr { refr, .. } = head
                && refr.span().text().starts_with("test_")
            {
                tests.insert(format!("{}.{}", package(module), refr.span().text()));
            }
        }
    }
    engine.set_input(Value::new_object());
    let mut failures = Vec::new();
    for test in &tests {
        // What one test has made of the rules is nothing to the next.
        let mut engine = engine.clone();
        engine.set_execution_timer_config(timer(limit));
        let what = match engine.eval_rule(test.clone()) {
            Ok(Value::Bool(true)) => continue,
            Ok(Value::Undefined) => "is undefined".to_owned(),
            Ok(other) => format!("is {other}"),
            Err(error) => super::faults::Fault::of(&error).to_string(),
        };
        failures.push(TestFailure {
            test: Some(test.clone()),
            what,
        });
    }
    if failures.is_empty() {
        Ok(tests.len())
    } else {
        Err(failures)
    }
}
