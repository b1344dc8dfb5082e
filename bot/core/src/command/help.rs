//! The reply to `/help`, and the commands' page of the docs.

use crate::config::{Checks, Config, Environment, PullRequest, Who, format_duration};
use crate::ids::{EnvName, StackName};

use super::error::code;
use super::table::{Argument, COMMANDS, Kind, Right, Spec};

/// More names than this make a usage unreadable; then their kind stands for them.
const MOST_NAMES: usize = 4;

/// The commands, with the names and rules of this repository where it has a valid deploy.toml.
#[must_use]
pub fn help(config: Option<&Config>) -> String {
    let mut reply =
        "### Slipway in this repository\n\n| command | does | who |\n| --- | --- | --- |\n"
            .to_owned();
    for spec in COMMANDS {
        let usage = spec.usage(|argument| argument_name(argument, config));
        reply.push_str(&row(&[&code(&usage), spec.summary, who_says(spec)]));
    }
    reply.push_str("\nSaid as the first line of a new comment on a pull request.\n");
    match config {
        Some(config) => {
            reply.push_str(&environments(config));
            reply.push_str(&stacks(config));
            reply.push_str(&services(config));
        }
        None => reply.push_str("\nThere is no valid `deploy.toml` on the default branch yet, so nothing can be planned or deployed.\n"),
    }
    reply.push_str("\n<details><summary>More about each command</summary>\n\n");
    for spec in COMMANDS {
        reply.push_str(&details(spec));
    }
    reply.push_str("\n</details>\n");
    reply
}

/// The commands as a Markdown table, for the docs.
#[must_use]
pub fn docs_table() -> String {
    let mut table =
        "| command | does | who | for example |\n| --- | --- | --- | --- |\n".to_owned();
    for spec in COMMANDS {
        let usage = spec.usage(|argument| argument.name.to_owned());
        let does = if spec.help.is_empty() {
            spec.summary.to_owned()
        } else {
            format!("{}. {}", spec.summary, spec.help)
        };
        table.push_str(&row(&[
            &code(&usage),
            &does,
            who_says(spec),
            &code(spec.example),
        ]));
    }
    table
}

fn row(cells: &[&str]) -> String {
    // A bar ends a cell even inside code (GitHub Flavored Markdown, §4.10 "Tables").
    let cells: Vec<String> = cells.iter().map(|cell| cell.replace('|', "\\|")).collect();
    format!("| {} |\n", cells.join(" | "))
}

fn details(spec: &Spec) -> String {
    let mut text = format!("- {}", code(spec.example));
    if !spec.help.is_empty() {
        text.push_str(&format!(": {}", spec.help));
    }
    text.push('\n');
    text
}

fn who_says(spec: &Spec) -> &'static str {
    match spec.right {
        Right::Anyone => "anyone",
        Right::Plan => "who may plan",
        Right::Apply => "who may apply",
        Right::Deploy => "who may deploy",
        Right::ForceUnlock => "who may force-unlock",
        Right::Override => "who may override policies",
        Right::OfTheRun => "who may start that run",
    }
}

fn argument_name(argument: &Argument, config: Option<&Config>) -> String {
    let names: Vec<&str> = match (argument.kind, config) {
        (Kind::Environment, Some(config)) => config
            .environments
            .iter()
            .map(|e| e.name.as_str())
            .collect(),
        (Kind::Stack, Some(config)) => config.stacks.iter().map(|s| s.name.as_str()).collect(),
        (Kind::Service, Some(config)) => config.services.iter().map(|s| s.name.as_str()).collect(),
        _ => Vec::new(),
    };
    if (1..=MOST_NAMES).contains(&names.len()) {
        names.join("|")
    } else {
        argument.name.to_owned()
    }
}

fn environments(config: &Config) -> String {
    let mut text = "\n#### Environments\n\n| | in | plan | apply | deploy | on merge | gates |\n| --- | --- | --- | --- | --- | --- | --- |\n".to_owned();
    for environment in &config.environments {
        let name = if environment.production {
            format!("**{}** (production)", environment.name)
        } else {
            format!("**{}**", environment.name)
        };
        let home = format!("{} {}", environment.aws.account, environment.aws.region);
        let allow = &environment.allow;
        text.push_str(&row(&[
            &name,
            &home,
            &people(&allow.plan),
            &people(&allow.apply),
            &people(&allow.deploy),
            on_merge(environment),
            &gates(environment),
        ]));
    }
    text
}

fn people(who: &[Who]) -> String {
    if who.is_empty() {
        return "nobody".to_owned();
    }
    who.iter()
        .map(|who| code(&who.to_string()))
        .collect::<Vec<_>>()
        .join(", ")
}

fn on_merge(environment: &Environment) -> &'static str {
    match (environment.auto_apply, environment.auto_deploy) {
        (true, true) => "applies, deploys",
        (true, false) => "applies",
        (false, true) => "deploys",
        (false, false) => "nothing",
    }
}

/// The gates of an environment in a few words each.
fn gates(environment: &Environment) -> String {
    let mut gates = Vec::new();
    for other in &environment.after {
        let soak = if environment.soak.is_zero() {
            String::new()
        } else {
            format!(" for {}", format_duration(environment.soak))
        };
        gates.push(format!("live in {other}{soak} first"));
    }
    match environment.approvals {
        0 => {}
        1 => gates.push("1 approval".to_owned()),
        many => gates.push(format!("{many} approvals")),
    }
    if environment.codeowners {
        gates.push("approved by code owners".to_owned());
    }
    match &environment.checks {
        Checks::None => {}
        Checks::All => gates.push("all checks".to_owned()),
        Checks::Required => gates.push("required checks".to_owned()),
        Checks::Named(names) => {
            let names: Vec<String> = names.iter().map(|name| code(name)).collect();
            gates.push(format!("checks {}", names.join(", ")));
        }
    }
    if environment.up_to_date {
        gates.push("up to date with its base".to_owned());
    }
    if environment.pull_request == PullRequest::Merged {
        gates.push("merged".to_owned());
    }
    if !environment.windows.is_empty() {
        let windows: Vec<String> = environment
            .windows
            .iter()
            .map(ToString::to_string)
            .collect();
        gates.push(format!("within {}", windows.join(" or ")));
    }
    if !environment.freezes.is_empty() {
        gates.push(format!("outside its freezes ({})", code("/where")));
    }
    if environment.confirm {
        gates.push("confirmed".to_owned());
    }
    if gates.is_empty() {
        "none".to_owned()
    } else {
        gates.join(" · ")
    }
}

fn stacks(config: &Config) -> String {
    if config.stacks.is_empty() {
        return String::new();
    }
    let mut text =
        "\n#### Stacks\n\n| | directory | in | after |\n| --- | --- | --- | --- |\n".to_owned();
    for stack in &config.stacks {
        let environments: Vec<&str> = stack.environments.iter().map(EnvName::as_str).collect();
        let after: Vec<&str> = stack.depends_on.iter().map(StackName::as_str).collect();
        text.push_str(&row(&[
            &format!("**{}**", stack.name),
            &code(stack.dir.as_str()),
            &environments.join(", "),
            &after.join(", "),
        ]));
    }
    text
}

fn services(config: &Config) -> String {
    if config.services.is_empty() {
        return String::new();
    }
    let mut text = "\n#### Services\n\n| | image | touched by | after the stacks |\n| --- | --- | --- | --- |\n".to_owned();
    for service in &config.services {
        let paths = match &service.paths {
            Some(globs) => globs
                .patterns()
                .iter()
                .map(|p| code(p))
                .collect::<Vec<_>>()
                .join(", "),
            None => "every file".to_owned(),
        };
        let after: Vec<&str> = service.after_stacks.iter().map(StackName::as_str).collect();
        text.push_str(&row(&[
            &format!("**{}**", service.name),
            &code(&format!("{}:{}", service.image, service.tag)),
            &paths,
            &after.join(", "),
        ]));
    }
    text
}
