//! Which stacks a change touches, and in which order they are worked on.

pub mod graph;
mod uses;

use std::collections::{BTreeMap, BTreeSet};

use crate::config::{Config, Stack};
use crate::facts::ChangedFiles;
use crate::ids::{EnvName, StackName};
use graph::Modules;

/// The stacks that a change touches, each with the environments that it touches them in: by a file
/// below its directory, of one of its modules, or that one of them names.
#[must_use]
pub fn touched(
    config: &Config,
    files: &ChangedFiles,
    modules: &Modules,
) -> BTreeMap<StackName, BTreeSet<EnvName>> {
    // GitHub lists 3,000 files at the most: what isn't listed may be anywhere.
    let paths = match files.truncated {
        true => None,
        false => modules.with_aliases(&files.paths),
    };
    config
        .stacks
        .iter()
        .map(|stack| {
            let environments = match &paths {
                Some(paths) => touched_environments(stack, paths, modules),
                None => stack.environments.iter().cloned().collect(),
            };
            (stack.name.clone(), environments)
        })
        .filter(|(_, environments)| !environments.is_empty())
        .collect()
}

/// Every stack that a stack needs, near and far.
#[must_use]
pub fn before<'c>(config: &'c Config, stack: &StackName) -> BTreeSet<&'c StackName> {
    let needs = |name: &StackName| config.stack(name).map(|stack| &stack.depends_on);
    let mut found = BTreeSet::new();
    let mut next: Vec<&StackName> = needs(stack).into_iter().flatten().collect();
    while let Some(name) = next.pop() {
        if found.insert(name) {
            next.extend(needs(name).into_iter().flatten());
        }
    }
    found
}

fn touched_environments(
    stack: &Stack,
    paths: &BTreeSet<String>,
    modules: &Modules,
) -> BTreeSet<EnvName> {
    if paths.iter().any(|path| modules.touches(stack, path)) {
        return stack.environments.iter().cloned().collect();
    }
    paths
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
