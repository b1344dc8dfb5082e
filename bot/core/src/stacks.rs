//! Which stacks a change touches, and in which order they are worked on.

use std::collections::{BTreeMap, BTreeSet};

use crate::config::{Config, Stack};
use crate::facts::ChangedFiles;
use crate::ids::{EnvName, StackName};

/// The stacks that a change touches, each with the environments that it touches them in.
#[must_use]
pub fn touched(config: &Config, files: &ChangedFiles) -> BTreeMap<StackName, BTreeSet<EnvName>> {
    config
        .stacks
        .iter()
        .map(|stack| (stack.name.clone(), touched_environments(stack, files)))
        .filter(|(_, environments)| !environments.is_empty())
        .collect()
}

fn touched_environments(stack: &Stack, files: &ChangedFiles) -> BTreeSet<EnvName> {
    // GitHub lists 3,000 files at the most: what isn't listed may be anywhere.
    if files.truncated {
        return stack.environments.iter().cloned().collect();
    }
    files
        .paths
        .iter()
        .filter_map(|path| stack.dir.strip(path))
        .flat_map(|path| environments_of(stack, path))
        .collect()
}

/// The environments that one file below the stack's directory touches. A file that only some
/// environments are planned with (`prod.tfvars`) touches only these.
fn environments_of(stack: &Stack, path: &str) -> BTreeSet<EnvName> {
    let own: BTreeSet<EnvName> = stack
        .environments
        .iter()
        .filter(|env| {
            stack
                .var_files
                .iter()
                .chain(&stack.backend_config)
                .any(|template| template.render(env) == path)
        })
        .cloned()
        .collect();
    if !own.is_empty() {
        return own;
    }
    if stack.when_modified.matches(path) {
        return stack.environments.iter().cloned().collect();
    }
    BTreeSet::new()
}

/// The stacks among `names`, dependencies before dependants, otherwise in the order of deploy.toml.
/// (deploy.toml with a cycle was refused when it was read.)
#[must_use]
pub fn in_order<'c>(config: &'c Config, names: &BTreeSet<StackName>) -> Vec<&'c Stack> {
    let mut ordered = Vec::new();
    let mut seen = BTreeSet::new();
    for stack in &config.stacks {
        visit(config, stack, &mut seen, &mut ordered);
    }
    ordered.retain(|stack| names.contains(&stack.name));
    ordered
}

fn visit<'c>(
    config: &'c Config,
    stack: &'c Stack,
    seen: &mut BTreeSet<&'c StackName>,
    ordered: &mut Vec<&'c Stack>,
) {
    if !seen.insert(&stack.name) {
        return;
    }
    for needed in &stack.depends_on {
        if let Some(needed) = config.stack(needed) {
            visit(config, needed, seen, ordered);
        }
    }
    ordered.push(stack);
}

#[cfg(test)]
mod tests;
