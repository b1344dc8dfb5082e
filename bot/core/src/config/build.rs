//! The file as it was written to the model: values parsed, defaults filled in.

use std::time::Duration;

use crate::ids::{EnvName, InvalidId, ServiceName, StackName};

use super::aws::{AccountId, Aws, Region, RoleArn};
use super::duration::parse_duration_within;
use super::findings::Findings;
use super::freeze::{self, Freeze};
use super::image::{ImageRepository, ToolVersion};
use super::model::{
    Checks, Environment, OnFailure, Outside, Provenance, PullRequest, Service, Stack,
};
use super::path::{Globs, RepoPath};
use super::raw::{
    Located, Named, RawAllow, RawAws, RawEnvironment, RawFreeze, RawHazards, RawProvenance,
    RawService, RawStack, Texts, WordOrList,
};
use super::schedule::Schedule;
use super::template::{TagTemplate, Template};
use super::values::{
    parse_backend_config, parse_cluster, parse_external_id, parse_manifests, parse_namespace,
    parse_path_template, parse_policies, parse_type_pattern, parse_url, parse_workspace,
};
use super::who::{Allow, Who};
use super::window::Window;
use super::{Config, Invalid};

const SECOND: Duration = Duration::from_secs(1);
const MINUTE: Duration = Duration::from_secs(60);
const HOUR: Duration = Duration::from_secs(60 * 60);
const DAY: Duration = Duration::from_secs(24 * 60 * 60);

/// Which files touch a stack where it does not say so itself.
const WHEN_MODIFIED: [&str; 4] = [
    "**/*.tf",
    "**/*.tf.json",
    "**/*.tfvars",
    ".terraform.lock.hcl",
];

/// The file's tables, each in the order of the text.
pub(super) struct Tables<'f> {
    pub(super) environments: Vec<(&'f Located<String>, &'f RawEnvironment)>,
    pub(super) stacks: Vec<(&'f Located<String>, &'f RawStack)>,
    pub(super) services: Vec<(&'f Located<String>, &'f RawService)>,
    pub(super) freezes: &'f [RawFreeze],
    pub(super) hazards: Option<&'f RawHazards>,
}

pub(super) fn in_order<T>(tables: Option<&Named<T>>) -> Vec<(&Located<String>, &T)> {
    let mut tables: Vec<_> = tables.into_iter().flatten().collect();
    tables.sort_by_key(|(name, _)| name.span().start);
    tables
}

/// Parses every value. What can't be parsed is told; a table that lacks what it needs is left out.
pub(super) fn build(tables: &Tables<'_>, findings: &mut Findings<'_>) -> Config {
    let mut config = Config {
        environments: Vec::new(),
        stacks: Vec::new(),
        services: Vec::new(),
        stateful_types: Vec::new(),
    };
    for (name, raw) in &tables.environments {
        config.environments.extend(environment(name, raw, findings));
    }
    for raw in tables.freezes {
        freeze(raw, &mut config.environments, findings);
    }
    let all: Vec<EnvName> = tables
        .environments
        .iter()
        .filter_map(|(name, _)| EnvName::parse(name.text()).ok())
        .collect();
    for (name, raw) in &tables.stacks {
        config.stacks.extend(stack(name, raw, &all, findings));
    }
    for (name, raw) in &tables.services {
        config.services.extend(service(name, raw, findings));
    }
    let types = tables.hazards.and_then(|raw| raw.types.as_ref());
    config.stateful_types = findings.parse_list(types, parse_type_pattern);
    config
}

fn named<T>(parse: impl Fn(String) -> Result<T, InvalidId>) -> impl Fn(&str) -> Result<T, Invalid> {
    move |text| parse(text.to_owned()).map_err(|error| Invalid::new(error.to_string()))
}

fn lasting(least: Duration, most: Duration) -> impl Fn(&str) -> Result<Duration, Invalid> {
    move |text| parse_duration_within(text, least, most)
}

fn environment(
    name: &Located<String>,
    raw: &RawEnvironment,
    findings: &mut Findings<'_>,
) -> Option<Environment> {
    let production = raw.production.unwrap_or(false);
    let name = findings.parse(name, named(EnvName::parse));
    let aws = raw.aws.as_ref().and_then(|raw| aws(raw, findings));
    let url = findings.parse_optional(raw.url.as_ref(), parse_url);
    let after = findings.parse_list(raw.after.as_ref(), named(EnvName::parse));
    let soak = findings.parse_optional(raw.soak.as_ref(), lasting(Duration::ZERO, 30 * DAY));
    let checks = match &raw.checks {
        Some(written) => checks(written, findings),
        None if production => Some(Checks::Required),
        None => Some(Checks::None),
    };
    let windows = findings.parse_list(raw.windows.as_ref(), Window::parse);
    let drift = findings.parse_optional(raw.drift.as_ref(), Schedule::parse);
    let allow = raw
        .allow
        .as_ref()
        .map(|raw| allow(raw, findings))
        .unwrap_or_default();
    Some(Environment {
        name: name?,
        url,
        production,
        auto_deploy: raw.auto_deploy.as_ref().is_some_and(|on| *on.value()),
        auto_apply: raw.auto_apply.as_ref().is_some_and(|on| *on.value()),
        after,
        soak: soak.unwrap_or(Duration::ZERO),
        approvals: raw.approvals.unwrap_or(u32::from(production)),
        codeowners: raw.codeowners.unwrap_or(false),
        checks: checks?,
        up_to_date: raw.up_to_date.unwrap_or(production),
        pull_request: raw.pull_request.unwrap_or(if production {
            PullRequest::Merged
        } else {
            PullRequest::Open
        }),
        confirm: raw.confirm.unwrap_or(production),
        windows,
        freezes: Vec::new(),
        outside: raw
            .outside
            .as_ref()
            .map_or(Outside::Queue, |outside| *outside.value()),
        on_failure: raw.on_failure.unwrap_or(OnFailure::Rollback),
        drift,
        aws: aws?,
        allow,
    })
}

/// Gives a freeze to the environments that it holds in.
fn freeze(raw: &RawFreeze, environments: &mut [Environment], findings: &mut Findings<'_>) {
    let zone = findings.parse_optional(raw.timezone.as_ref(), freeze::parse_zone);
    if raw.timezone.is_some() && zone.is_none() {
        return;
    }
    let mut end = |written: Option<&Located<String>>, end| {
        findings.parse_optional(written, |text| freeze::parse_end(text, end, zone.as_ref()))
    };
    let from = end(raw.from.as_ref(), freeze::End::From);
    let to = end(raw.to.as_ref(), freeze::End::To);
    let reason = findings.parse_optional(raw.reason.as_ref(), freeze::parse_reason);
    let (Some(from), Some(to), Some(reason)) = (from, to, reason) else {
        return;
    };
    let made = match Freeze::new(from, to, reason) {
        Ok(made) => made,
        Err(error) => {
            let span = raw.to.as_ref().map_or(0..0, Located::span);
            findings.error(span, error);
            return;
        }
    };
    for env in environments {
        if raw.holds_in(env.name.as_str()) {
            env.freezes.push(made.clone());
        }
    }
}

fn checks(written: &Located<WordOrList>, findings: &mut Findings<'_>) -> Option<Checks> {
    match written.value() {
        WordOrList::Word(word) if word == "all" => Some(Checks::All),
        WordOrList::Word(word) if word == "required" => Some(Checks::Required),
        WordOrList::List(names) if names.is_empty() => Some(Checks::None),
        WordOrList::List(names) if names.iter().all(|name| !name.trim().is_empty()) => {
            Some(Checks::Named(names.clone()))
        }
        WordOrList::List(_) => {
            findings.error(written.span(), Invalid::new("a check needs a name"));
            None
        }
        WordOrList::Word(word) => {
            let error = Invalid::new(format!("{word:?} says nothing about checks")).with_help(
                "it takes \"all\", \"required\" or a list of names; an empty list asks for none",
            );
            findings.error(written.span(), error);
            None
        }
    }
}

fn aws(raw: &RawAws, findings: &mut Findings<'_>) -> Option<Aws> {
    let region = findings.parse_optional(raw.region.as_ref(), Region::parse);
    let account = findings.parse_optional(raw.account.as_ref(), AccountId::parse);
    let mut role = |written: Option<&Located<String>>| {
        let role = findings.parse_optional(written, RoleArn::parse)?;
        if let (Some(account), Some(written)) = (&account, written)
            && role.account() != account
        {
            let error = Invalid::new(format!(
                "this role is in account {}, the environment in {account}",
                role.account()
            ));
            findings.error(
                written.span(),
                error.with_help("every role of an environment is in its account"),
            );
        }
        Some(role)
    };
    let plan_role = role(raw.plan_role.as_ref());
    let apply_role = role(raw.apply_role.as_ref());
    let deploy_role = role(raw.deploy_role.as_ref());
    // Of any account: that is what it is for.
    let state_role = findings.parse_optional(raw.state_role.as_ref(), RoleArn::parse);
    let state_plan_role = findings.parse_optional(raw.state_plan_role.as_ref(), RoleArn::parse);
    let external_id = findings.parse_optional(raw.external_id.as_ref(), parse_external_id);
    let session = findings.parse_optional(raw.session.as_ref(), lasting(15 * MINUTE, 12 * HOUR));
    Some(Aws {
        region: region?,
        account: account?,
        plan_role,
        apply_role,
        deploy_role,
        state_role,
        state_plan_role,
        external_id,
        session: session.unwrap_or(HOUR),
    })
}

fn allow(raw: &RawAllow, findings: &mut Findings<'_>) -> Allow {
    let mut list = |written: Option<&Texts>, otherwise: &[Who]| {
        let Some(written) = written else {
            return otherwise.to_vec();
        };
        let mut list: Vec<Who> = Vec::new();
        for text in written {
            let Some(who) = findings.parse(text, Who::parse) else {
                continue;
            };
            if list.iter().any(|other| other.is_same_as(&who)) {
                findings.error(
                    text.span(),
                    Invalid::new(format!("\"{who}\" stands here twice")),
                );
            } else {
                list.push(who);
            }
        }
        list
    };
    Allow {
        plan: list(raw.plan.as_ref(), &[Who::Write]),
        apply: list(raw.apply.as_ref(), &[Who::Write]),
        deploy: list(raw.deploy.as_ref(), &[Who::Write]),
        overrides: list(raw.overrides.as_ref(), &[]),
        destroy: list(raw.destroy.as_ref(), &[]),
        force_unlock: list(raw.force_unlock.as_ref(), &[Who::Admin]),
    }
}

fn stack(
    name: &Located<String>,
    raw: &RawStack,
    all: &[EnvName],
    findings: &mut Findings<'_>,
) -> Option<Stack> {
    let name = findings.parse(name, named(StackName::parse));
    let dir = findings.parse_optional(raw.dir.as_ref(), RepoPath::parse);
    let environments = match &raw.environments {
        Some(written) => findings.parse_list(Some(written), named(EnvName::parse)),
        None => all.to_vec(),
    };
    let workspace = match &raw.workspace {
        Some(written) => findings.parse(written, parse_workspace),
        None => Template::parse("{environment}").ok(),
    };
    let var_files = findings.parse_list(raw.var_files.as_ref(), parse_path_template);
    let backend_config = findings.parse_list(raw.backend_config.as_ref(), parse_backend_config);
    let depends_on = findings.parse_list(raw.depends_on.as_ref(), named(StackName::parse));
    let when_modified = match &raw.when_modified {
        Some(written) => globs(written, findings),
        None => Globs::parse(&WHEN_MODIFIED).ok(),
    };
    let terraform = findings.parse_optional(raw.terraform.as_ref(), ToolVersion::parse);
    let policies = findings.parse_list(raw.policies.as_ref(), parse_policies);
    Some(Stack {
        name: name?,
        dir: dir?,
        environments,
        workspace: workspace?,
        var_files,
        backend_config,
        depends_on,
        when_modified: when_modified?,
        terraform,
        policies,
    })
}

fn globs(written: &Texts, findings: &mut Findings<'_>) -> Option<Globs> {
    let patterns: Vec<&str> = written.iter().map(Located::text).collect();
    match Globs::parse(&patterns) {
        Ok(globs) => Some(globs),
        Err((index, what)) => {
            findings.error(written.get(index).map_or(0..0, Located::span), what);
            None
        }
    }
}

fn service(
    name: &Located<String>,
    raw: &RawService,
    findings: &mut Findings<'_>,
) -> Option<Service> {
    let name = findings.parse(name, named(ServiceName::parse));
    let image = findings.parse_optional(raw.image.as_ref(), ImageRepository::parse);
    let tag = match &raw.tag {
        Some(written) => findings.parse(written, TagTemplate::parse),
        None => TagTemplate::parse("sha-{sha}").ok(),
    };
    let paths = match &raw.paths {
        Some(written) => globs(written, findings).map(Some),
        None => Some(None),
    };
    let manifests = findings.parse_optional(raw.manifests.as_ref(), parse_manifests);
    let cluster = findings.parse_optional(raw.cluster.as_ref(), parse_cluster);
    let namespace = findings.parse_optional(raw.namespace.as_ref(), parse_namespace);
    let after_stacks = findings.parse_list(raw.after_stacks.as_ref(), named(StackName::parse));
    let wait = lasting(SECOND, 6 * HOUR);
    let image_wait = findings.parse_optional(raw.image_wait.as_ref(), &wait);
    let rollout = findings.parse_optional(raw.rollout.as_ref(), &wait);
    let provenance = raw
        .provenance
        .as_ref()
        .map_or(RawProvenance::Label, |written| *written.value());
    Some(Service {
        name: name?,
        image: image?,
        tag: tag?,
        paths: paths?,
        manifests: manifests?,
        cluster: cluster?,
        namespace: namespace?,
        after_stacks,
        image_wait: image_wait.unwrap_or(20 * MINUTE),
        rollout: rollout.unwrap_or(10 * MINUTE),
        provenance: match provenance {
            RawProvenance::Off => Provenance::Off,
            // What asks for more than this version can see to is refused as a whole elsewhere;
            // were it not, the label would still be asked for.
            RawProvenance::Label | RawProvenance::Attestation => Provenance::Label,
        },
    })
}
