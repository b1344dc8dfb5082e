//! What no single value shows: whether names exist, whether anything goes in a circle, whether
//! roles are there where they are needed, whether rules can do what they say.
//!
//! It looks at the file as written, so that one value that can't be parsed hides no finding about
//! another.

use std::collections::BTreeMap;
use std::ops::Range;

use super::build::Tables;
use super::findings::Findings;
use super::raw::{Located, RawFreeze, RawStack, Texts};
use super::read::suggest;
use super::{Config, Invalid};

pub(super) fn check(tables: &Tables<'_>, config: &Config, findings: &mut Findings<'_>) {
    check_names(tables, findings);
    check_references(tables, findings);
    check_circles(tables, findings);
    check_environments(tables, findings);
    check_freezes(tables, findings);
    check_plan_roles(tables, findings);
    check_deploys(tables, findings);
    check_drift(tables, findings);
    if !findings.has_errors() {
        check_states(tables, config, findings);
    }
}

fn names<T>(tables: &[(&Located<String>, T)]) -> Vec<String> {
    tables
        .iter()
        .map(|(name, _)| name.text().to_owned())
        .collect()
}

fn texts(list: Option<&Texts>) -> &[Located<String>] {
    list.map(Vec::as_slice).unwrap_or_default()
}

/// There is something to work with, and its names can be told apart in a command.
fn check_names(tables: &Tables<'_>, findings: &mut Findings<'_>) {
    for (name, stack) in &tables.stacks {
        if tables
            .environments
            .iter()
            .any(|(other, _)| other.text() == name.text())
        {
            let warning = format!(
                "`{0}` is an environment too: `/plan {0}` means the environment",
                name.text()
            );
            findings.warning(name.span(), Invalid::new(warning));
        }
        if stack.environments.as_ref().is_some_and(Vec::is_empty) {
            let error = Invalid::new(format!(
                "stacks.{} is in no environment, so nothing would ever plan it",
                name.text()
            ));
            findings.error(
                name.span(),
                error.with_help("leave `environments` out to have it in all"),
            );
        }
    }
}

/// Every name that is referred to exists, and is referred to once.
fn check_references(tables: &Tables<'_>, findings: &mut Findings<'_>) {
    let environments = names(&tables.environments);
    let stacks = names(&tables.stacks);
    let mut check = |written: Option<&Texts>, what: &str, known: &[String]| {
        let mut seen: Vec<&str> = Vec::new();
        for name in texts(written) {
            if findings.is_full() {
                return;
            }
            if !known.iter().any(|other| other == name.text()) {
                let error = Invalid::new(format!("there is no {what} `{}`", name.text()));
                let help = suggest(name.text(), known.iter().map(String::as_str));
                findings.error(name.span(), error.with_help(help));
            } else if seen.contains(&name.text()) {
                findings.error(
                    name.span(),
                    Invalid::new(format!("`{}` stands here twice", name.text())),
                );
            }
            seen.push(name.text());
        }
    };
    for (_, environment) in &tables.environments {
        check(environment.after.as_ref(), "environment", &environments);
    }
    for (_, stack) in &tables.stacks {
        check(stack.environments.as_ref(), "environment", &environments);
        check(stack.depends_on.as_ref(), "stack", &stacks);
    }
    for (_, service) in &tables.services {
        check(service.after_stacks.as_ref(), "stack", &stacks);
    }
    for freeze in tables.freezes {
        check(freeze.environments.as_ref(), "environment", &environments);
    }
}

/// Nothing waits for itself.
fn check_circles(tables: &Tables<'_>, findings: &mut Findings<'_>) {
    let environments: Vec<_> = tables
        .environments
        .iter()
        .map(|(name, raw)| (*name, texts(raw.after.as_ref())))
        .collect();
    let stacks: Vec<_> = tables
        .stacks
        .iter()
        .map(|(name, raw)| (*name, texts(raw.depends_on.as_ref())))
        .collect();
    for (key, graph) in [("after", environments), ("depends_on", stacks)] {
        if let Some((circle, span)) = find_circle(&graph) {
            let error = Invalid::new(format!("`{key}` goes in a circle: {}", circle.join(" → ")));
            findings.error(span, error.with_help("take one of these steps out"));
        }
    }
}

type Graph<'f> = [(&'f Located<String>, &'f [Located<String>])];

/// The names along a circle, the first once more at its end, and the place of its last step.
fn find_circle(graph: &Graph<'_>) -> Option<(Vec<String>, Range<usize>)> {
    let edges = |name: &str| {
        graph
            .iter()
            .find(|(node, _)| node.text() == name)
            .map(|(_, edges)| *edges)
    };
    let mut done: Vec<&str> = Vec::new();
    for (start, _) in graph {
        // The way from `start`, each name with the number of its steps already gone.
        let mut way: Vec<(&str, usize)> = vec![(start.text(), 0)];
        while let Some((name, gone)) = way.last().copied() {
            let next = edges(name)
                .and_then(|edges| edges.get(gone))
                .filter(|_| !done.contains(&name));
            let Some(next) = next else {
                done.push(name);
                way.pop();
                continue;
            };
            if let Some(last) = way.last_mut() {
                last.1 += 1;
            }
            if let Some(from) = way.iter().position(|(name, _)| *name == next.text()) {
                let circle = way[from..]
                    .iter()
                    .map(|(name, _)| *name)
                    .chain([next.text()]);
                return Some((circle.map(str::to_owned).collect(), next.span()));
            }
            way.push((next.text(), 0));
        }
    }
    None
}

/// A freeze of no environment is a mistake: left out, the list means all.
fn check_freezes(tables: &Tables<'_>, findings: &mut Findings<'_>) {
    let of_none = |freeze: &&RawFreeze| freeze.environments.as_ref().is_some_and(Vec::is_empty);
    for freeze in tables.freezes.iter().filter(of_none) {
        let error = Invalid::new("this freeze holds in no environment");
        findings.error(
            freeze.from.as_ref().map_or(0..0, Located::span),
            error.with_help("leave `environments` out to have it in all"),
        );
    }
}

/// A rule that can't do what it says is no rule.
fn check_environments(tables: &Tables<'_>, findings: &mut Findings<'_>) {
    for (name, environment) in &tables.environments {
        if let Some(soak) = &environment.soak
            && texts(environment.after.as_ref()).is_empty()
        {
            let error = Invalid::new("`soak` without `after` waits for nothing");
            findings.error(
                soak.span(),
                error.with_help("name the environments to wait for, like after = [\"dev\"]"),
            );
        }
        if let Some(outside) = &environment.outside
            && texts(environment.windows.as_ref()).is_empty()
            && !tables.freezes.iter().any(|f| f.holds_in(name.text()))
        {
            findings.warning(
                outside.span(),
                Invalid::new("`outside` without `windows` and `[[freeze]]` has no effect"),
            );
        }
        let Some(aws) = &environment.aws else {
            continue;
        };
        if let Some(written) = aws.state_plan_role.as_ref()
            && aws.state_role.is_none()
        {
            let error = Invalid::new("`state_plan_role` without `state_role` is no rule");
            findings.error(
                written.span(),
                error.with_help("say as whom applies reach the state, in `state_role`"),
            );
        }
        if let Some(on) = environment.auto_apply.as_ref().filter(|on| *on.value())
            && aws.apply_role.is_none()
        {
            let error = Invalid::new(format!(
                "`auto_apply` needs `environments.{}.aws.apply_role`",
                name.text()
            ));
            findings.error(on.span(), error);
        }
        if let Some(on) = environment.auto_deploy.as_ref().filter(|on| *on.value())
            && aws.deploy_role.is_none()
        {
            let error = Invalid::new(format!(
                "`auto_deploy` needs `environments.{}.aws.deploy_role`",
                name.text()
            ));
            findings.error(on.span(), error);
        }
    }
}

fn is_in(stack: &RawStack, environment: &str) -> bool {
    stack
        .environments
        .as_ref()
        .is_none_or(|list| list.iter().any(|name| name.text() == environment))
}

/// Where a stack exists, there is a role to plan it with.
fn check_plan_roles(tables: &Tables<'_>, findings: &mut Findings<'_>) {
    for (name, environment) in &tables.environments {
        let Some(aws) = &environment.aws else {
            continue;
        };
        let stack = tables
            .stacks
            .iter()
            .find(|(_, stack)| is_in(stack, name.text()));
        if let Some((stack, _)) = stack
            && aws.plan_role.is_none()
        {
            let error = Invalid::new(format!(
                "environments.{} has no `aws.plan_role` to plan the stack `{}` with",
                name.text(),
                stack.text()
            ));
            findings.error(
                name.span(),
                error.with_help(
                    "add the role, or leave the environment out of the stack's `environments`",
                ),
            );
        }
    }
}

/// Where services are deployed: nowhere is an error, not everywhere may be meant.
fn check_deploys(tables: &Tables<'_>, findings: &mut Findings<'_>) {
    let Some((service, _)) = tables.services.first() else {
        return;
    };
    let takes_none = |environment: &str| {
        tables.environments.iter().any(|(name, raw)| {
            name.text() == environment
                && raw
                    .aws
                    .as_ref()
                    .is_some_and(|aws| aws.deploy_role.is_none())
        })
    };
    if !tables.environments.is_empty()
        && tables
            .environments
            .iter()
            .all(|(name, _)| takes_none(name.text()))
    {
        let error =
            Invalid::new("no environment has an `aws.deploy_role`, so no service can be deployed");
        findings.error(service.span(), error);
        return;
    }
    for (name, environment) in &tables.environments {
        if takes_none(name.text()) {
            let warning = format!(
                "environments.{} has no `aws.deploy_role`: no service is deployed there",
                name.text()
            );
            findings.warning(name.span(), Invalid::new(warning));
        }
        for before in texts(environment.after.as_ref())
            .iter()
            .filter(|before| takes_none(before.text()))
        {
            let error = Invalid::new(format!(
                "no service is deployed to `{}`, so nothing could ever follow it",
                before.text()
            ));
            findings.error(
                before.span(),
                error.with_help(format!(
                    "give environments.{} an `aws.deploy_role`",
                    before.text()
                )),
            );
        }
    }
}

/// Looking for drift where nothing is planned and nothing deployed finds none, ever.
fn check_drift(tables: &Tables<'_>, findings: &mut Findings<'_>) {
    for (name, environment) in &tables.environments {
        let Some(drift) = &environment.drift else {
            continue;
        };
        let planned = tables.stacks.iter().any(|(_, stack)| {
            stack.environments.is_none()
                || texts(stack.environments.as_ref())
                    .iter()
                    .any(|named| named.text() == name.text())
        });
        let deploys = |aws: &super::raw::RawAws| aws.deploy_role.is_some();
        let deployed = !tables.services.is_empty() && environment.aws.as_ref().is_some_and(deploys);
        if !planned && !deployed {
            let warning = format!(
                "no stack is planned in {} and no service deployed there: there is nothing to look at",
                name.text()
            );
            findings.warning(drift.span(), Invalid::new(warning));
        }
    }
}

/// The most states that are compared: past that, a hint is not worth the memory.
const MOST_STATES: usize = 100_000;

/// Two plans that write one state would undo each other.
fn check_states(tables: &Tables<'_>, config: &Config, findings: &mut Findings<'_>) {
    let mut states: BTreeMap<String, String> = BTreeMap::new();
    for stack in &config.stacks {
        let Some((written, _)) = tables
            .stacks
            .iter()
            .find(|(name, _)| name.text() == stack.name.as_str())
        else {
            continue;
        };
        for environment in &stack.environments {
            let backend: Vec<String> = stack
                .backend_config
                .iter()
                .map(|c| c.render(environment))
                .collect();
            let state = format!(
                "{}\n{}\n{}",
                stack.dir,
                stack.workspace.render(environment),
                backend.join("\n")
            );
            let this = format!("{} in {environment}", stack.name);
            match states.get(&state) {
                Some(other) => {
                    let warning = Invalid::new(format!(
                        "{this} and {other} seem to share one Terraform state"
                    ));
                    let help = "they have the same `dir`, `workspace` and `backend_config`; let one of these differ";
                    findings.warning(written.span(), warning.with_help(help));
                }
                None if states.len() >= MOST_STATES => return,
                None => {
                    states.insert(state, this);
                }
            }
        }
    }
}
