//! Environments: their accounts and roles, their gates, their rights.

use std::time::Duration;

use crate::ids::StackName;
use crate::report::markdown::{counted, duration, text};

use super::super::aws::{Aws, RoleArn};
use super::super::freeze::Freeze;
use super::super::model::{Checks, Environment, OnFailure, Outside, PullRequest};
use super::super::{freeze, window};
use super::rights::{self, people};
use super::{Change, Effect, Findings, Subject, list, missing, shown, whole};

/// A new environment gives rights in an account that nobody had through it before.
pub(super) fn added(env: &Environment, stacks: &[&StackName]) -> Change {
    let aws = &env.aws;
    let acts = |verb: &str, role: Option<&RoleArn>, who| {
        role.map(|role| format!("{} may {verb} as {}", people(who), shown(role.name())))
    };
    let rights: Vec<String> = [
        acts("plan", aws.plan_role.as_ref(), &env.allow.plan),
        acts("apply", aws.apply_role.as_ref(), &env.allow.apply),
        acts(
            "force-unlock",
            aws.apply_role.as_ref(),
            &env.allow.force_unlock,
        ),
        acts("deploy", aws.deploy_role.as_ref(), &env.allow.deploy),
    ]
    .into_iter()
    .flatten()
    .collect();
    let mut words = format!(
        "is new: account {} in {}; {}; {}",
        text(aws.account.as_str()),
        shown(aws.region.as_str()),
        if rights.is_empty() {
            "nobody may do anything there".to_owned()
        } else {
            rights.join(", ")
        },
        gates(env),
    );
    if !stacks.is_empty() {
        words.push_str(&format!("; stacks {}", list(stacks)));
    }
    if let Some(role) = &aws.state_role {
        let plans = aws.state_plan_role.as_ref().filter(|plans| *plans != role);
        let plans = plans.map(|plans| format!(", by plans as {}", shown(plans)));
        words.push_str(&format!(
            "; Terraform's state is reached as {}{}",
            shown(role),
            plans.unwrap_or_default()
        ));
    }
    if !env.allow.overrides.is_empty() {
        let who = people(&env.allow.overrides);
        words.push_str(&format!("; {who} may override policies"));
    }
    if !env.allow.destroy.is_empty() {
        let who = people(&env.allow.destroy);
        words.push_str(&format!("; {who} may destroy stacks"));
    }
    whole(Subject::Environment(env.name.clone()), Effect::Opens, words)
}

/// The gates of an environment, in a few words.
fn gates(env: &Environment) -> String {
    let mut asked = Vec::new();
    if !env.after.is_empty() {
        asked.push(format!("after {}", list(&env.after)));
    }
    if env.approvals > 0 {
        let approvals = usize::try_from(env.approvals).unwrap_or(usize::MAX);
        asked.push(counted(approvals, "approval", "approvals"));
    }
    if env.codeowners {
        asked.push("approved by the owners of what changes".to_owned());
    }
    if env.checks != Checks::None {
        asked.push(format!("checks: {}", checks(&env.checks)));
    }
    if env.up_to_date {
        asked.push("up to date".to_owned());
    }
    if env.pull_request == PullRequest::Merged {
        asked.push("merged".to_owned());
    }
    if env.confirm {
        asked.push("confirmed".to_owned());
    }
    if !env.windows.is_empty() {
        asked.push(format!("only {}", list(&env.windows)));
    }
    if !env.freezes.is_empty() {
        asked.push(format!("not {}", list(&env.freezes)));
    }
    let by_itself: Vec<&str> = [(env.auto_apply, "applies"), (env.auto_deploy, "deploys")]
        .into_iter()
        .filter_map(|(on, what)| on.then_some(what))
        .collect();
    let gates = if asked.is_empty() {
        "no gates".to_owned()
    } else {
        format!("gates: {}", asked.join(", "))
    };
    if by_itself.is_empty() {
        gates
    } else {
        format!("{gates}; a merge {} by itself", by_itself.join(" and "))
    }
}

pub(super) fn changed(was: &Environment, is: &Environment) -> Vec<Change> {
    // Every field, so that a new one is not forgotten here.
    let Environment {
        name: _,
        aws: _,
        allow: _,
        url: _,
        production: _,
        auto_apply: _,
        auto_deploy: _,
        after: _,
        soak: _,
        approvals: _,
        codeowners: _,
        checks: _,
        up_to_date: _,
        pull_request: _,
        confirm: _,
        windows: _,
        freezes: _,
        outside: _,
        on_failure: _,
        drift: _,
    } = is;
    let mut findings = Findings::of(Subject::Environment(is.name.clone()));
    rights::changed(&was.allow, &is.allow, &mut findings);
    aws(&was.aws, &is.aws, &mut findings);
    people_gates(was, is, &mut findings);
    order_gates(was, is, &mut findings);
    hours(was, is, &mut findings);
    freezes(&was.freezes, &is.freezes, &mut findings);
    switches(was, is, &mut findings);
    let pair = (was.url.as_ref(), is.url.as_ref());
    findings.optional("url", pair, Effect::Alters);
    let pair = (was.drift.as_ref(), is.drift.as_ref());
    findings.optional("drift", pair, Effect::Alters);
    findings.list
}

fn aws(was: &Aws, is: &Aws, findings: &mut Findings) {
    let Aws {
        account: _,
        region: _,
        plan_role: _,
        apply_role: _,
        deploy_role: _,
        state_role: _,
        state_plan_role: _,
        external_id: _,
        session: _,
    } = is;
    let pair = (&was.account, &is.account);
    findings.value("aws.account", pair, Effect::Opens, shown);
    findings.value(
        "aws.region",
        (&was.region, &is.region),
        Effect::Alters,
        shown,
    );
    for (key, was, is) in [
        ("aws.plan_role", &was.plan_role, &is.plan_role),
        ("aws.apply_role", &was.apply_role, &is.apply_role),
        ("aws.deploy_role", &was.deploy_role, &is.deploy_role),
    ] {
        let effect = Effect::opens_if(is.is_some());
        findings.optional(key, (was.as_ref(), is.as_ref()), effect);
    }
    for (key, was, is) in [
        ("aws.state_role", &was.state_role, &is.state_role),
        (
            "aws.state_plan_role",
            &was.state_plan_role,
            &is.state_plan_role,
        ),
    ] {
        let words = |role: &Option<RoleArn>| {
            let own = || "what the run would else be".to_owned();
            role.as_ref().map_or_else(own, shown)
        };
        if was != is {
            let words = format!(
                "Terraform's state is reached as {} instead of {}; plans made before are not applied",
                words(is),
                words(was)
            );
            findings.tell(key, Effect::Opens, words);
        }
    }
    let pair = (was.external_id.as_ref(), is.external_id.as_ref());
    let effect = match (&was.external_id, &is.external_id) {
        (Some(_), Some(_)) => Effect::Alters,
        (_, now) => Effect::opens_if(now.is_none()),
    };
    findings.optional("aws.external_id", pair, effect);
    let effect = Effect::opens_if(is.session > was.session);
    let pair = (&was.session, &is.session);
    findings.value("aws.session", pair, effect, |time| duration(*time));
}

/// What other people have to say first.
fn people_gates(was: &Environment, is: &Environment, findings: &mut Findings) {
    if was.approvals != is.approvals {
        let words = match is.approvals {
            0 => format!("nobody has to approve any more (was {})", was.approvals),
            n => format!("{n} instead of {}", was.approvals),
        };
        let effect = Effect::opens_if(is.approvals < was.approvals);
        findings.tell("approvals", effect, words);
    }
    if was.codeowners != is.codeowners {
        let (effect, words) = if is.codeowners {
            (Effect::Closes, "owners have to approve what changes now")
        } else {
            (
                Effect::Opens,
                "owners no longer have to approve what changes",
            )
        };
        findings.tell("codeowners", effect, words);
    }
    if is_other(&was.checks, &is.checks) {
        let effect = Effect::opens_if(!asks_no_less(&is.checks, &was.checks));
        let words = format!("{} instead of {}", checks(&is.checks), checks(&was.checks));
        findings.tell("checks", effect, words);
    }
    if was.confirm != is.confirm {
        let (effect, words) = if is.confirm {
            (Effect::Closes, "a second step is asked for now")
        } else {
            (Effect::Opens, "nobody is asked for a second step any more")
        };
        findings.tell("confirm", effect, words);
    }
}

/// What has to have happened first.
fn order_gates(was: &Environment, is: &Environment, findings: &mut Findings) {
    let pair = (was.after.as_slice(), is.after.as_slice());
    findings.required("after", pair, "comes first");
    let effect = Effect::opens_if(is.soak < was.soak);
    let words = |time: &Duration| match time.is_zero() {
        true => "no time".to_owned(),
        false => duration(*time),
    };
    findings.value("soak", (&was.soak, &is.soak), effect, words);
    if was.up_to_date != is.up_to_date {
        let (effect, words) = if is.up_to_date {
            (Effect::Closes, "a branch has to contain its base's tip now")
        } else {
            (
                Effect::Opens,
                "a branch no longer has to contain its base's tip",
            )
        };
        findings.tell("up_to_date", effect, words);
    }
    if was.pull_request != is.pull_request {
        let (effect, words) = match is.pull_request {
            PullRequest::Open => (Effect::Opens, "an open pull request is enough now"),
            PullRequest::Merged => (Effect::Closes, "a pull request has to be merged now"),
        };
        findings.tell("pull_request", effect, words);
    }
}

/// When changes are taken.
fn hours(was: &Environment, is: &Environment, findings: &mut Findings) {
    let words = |env: &Environment| match env.windows.as_slice() {
        [] => "at any time".to_owned(),
        windows => list(windows),
    };
    if !window::is_within(&was.windows, &is.windows)
        || !window::is_within(&is.windows, &was.windows)
    {
        let effect = Effect::opens_if(!window::is_within(&is.windows, &was.windows));
        let words = format!("{} instead of {}", words(is), words(was));
        findings.tell("windows", effect, words);
    }
    if was.outside != is.outside {
        let words = match is.outside {
            Outside::Queue => {
                "a change outside the windows or in a freeze waits, and is not refused"
            }
            Outside::Refuse => {
                "a change outside the windows or in a freeze is refused, and does not wait"
            }
        };
        findings.tell("outside", Effect::Alters, words);
    }
}

/// When none are taken all the same. A moment that was frozen and is not any more opens something,
/// whatever else is frozen now; whether it is over, a file can't tell.
fn freezes(was: &[Freeze], is: &[Freeze], findings: &mut Findings) {
    let (gained, lost) = (missing(is, was), missing(was, is));
    if gained.is_empty() && lost.is_empty() {
        return;
    }
    let effect = match (freeze::is_within(was, is), freeze::is_within(is, was)) {
        (false, _) => Effect::Opens,
        (true, false) => Effect::Closes,
        (true, true) => Effect::Alters,
    };
    let told = |freezes: &[&Freeze]| {
        let words = |f: &&Freeze| format!("{} ({})", f.span(), f.reason());
        list(&freezes.iter().map(words).collect::<Vec<_>>())
    };
    let mut words = Vec::new();
    if !lost.is_empty() {
        words.push(format!("no longer frozen: {}", told(&lost)));
    }
    if !gained.is_empty() {
        words.push(format!("frozen now: {}", told(&gained)));
    }
    findings.tell("freeze", effect, words.join("; "));
}

fn switches(was: &Environment, is: &Environment, findings: &mut Findings) {
    for (key, was, is, opens, on, off) in [
        (
            "production",
            was.production,
            is.production,
            false,
            "users depend on it now",
            "no longer counts as what users depend on",
        ),
        (
            "auto_apply",
            was.auto_apply,
            is.auto_apply,
            true,
            "a merge applies by itself now",
            "a merge no longer applies by itself",
        ),
        (
            "auto_deploy",
            was.auto_deploy,
            is.auto_deploy,
            true,
            "a merge deploys by itself now",
            "a merge no longer deploys by itself",
        ),
    ] {
        if was != is {
            let words = if is { on } else { off };
            findings.tell(key, Effect::opens_if(is == opens), words);
        }
    }
    if was.on_failure != is.on_failure {
        let words = match is.on_failure {
            OnFailure::Rollback => "a failed rollout is rolled back by itself now",
            OnFailure::Stop => "a failed rollout stays as it is, for people to look at",
        };
        findings.tell("on_failure", Effect::Alters, words);
    }
}

fn checks(checks: &Checks) -> String {
    match checks {
        Checks::None => "none".to_owned(),
        Checks::All => "all".to_owned(),
        Checks::Required => "those that the base branch requires".to_owned(),
        Checks::Named(names) => list(names),
    }
}

/// Names are a set.
fn is_other(was: &Checks, is: &Checks) -> bool {
    match (was, is) {
        (Checks::Named(was), Checks::Named(is)) => {
            !missing(was, is).is_empty() || !missing(is, was).is_empty()
        }
        (was, is) => was != is,
    }
}

/// Whether the first asks for all that the second does, as far as a file can tell: which checks a
/// branch requires, or a commit has, it can't.
fn asks_no_less(first: &Checks, second: &Checks) -> bool {
    match (first, second) {
        (_, Checks::None) => true,
        (Checks::Named(first), Checks::Named(second)) => missing(second, first).is_empty(),
        (first, second) => first == second,
    }
}
