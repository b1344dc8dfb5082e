//! Stacks and services: what is planned, applied and deployed.

use std::collections::BTreeSet;

use crate::ids::{EnvName, StackName};
use crate::report::markdown::duration;

use super::super::model::{Provenance, Service, Stack};
use super::super::path::Globs;
use super::{Change, Config, Effect, Findings, Subject, list, shown, whole};

pub(super) fn stack_added(stack: &Stack) -> Change {
    let words = format!(
        "is new: {} in {}",
        shown(&stack.dir),
        list(&stack.environments)
    );
    whole(Subject::Stack(stack.name.clone()), Effect::Alters, words)
}

pub(super) fn stack_changed(was: &Stack, is: &Stack, old: &Config, new: &Config) -> Vec<Change> {
    let mut findings = Findings::of(Subject::Stack(is.name.clone()));
    findings.value("dir", (&was.dir, &is.dir), Effect::Alters, shown);
    places(was, is, old, new, &mut findings);
    let pair = (&was.workspace, &is.workspace);
    findings.value("workspace", pair, Effect::Alters, shown);
    let pair = (was.var_files.as_slice(), is.var_files.as_slice());
    findings.ordered("var_files", pair, Effect::Alters);
    let pair = (was.backend_config.as_slice(), is.backend_config.as_slice());
    findings.ordered("backend_config", pair, Effect::Alters);
    let still = still_there(&was.depends_on, new);
    let pair = (still.as_slice(), is.depends_on.as_slice());
    findings.required("depends_on", pair, "comes first");
    let pair = (was.when_modified.patterns(), is.when_modified.patterns());
    findings.ordered("when_modified", pair, Effect::Alters);
    let pair = (was.terraform.as_ref(), is.terraform.as_ref());
    findings.optional("terraform", pair, Effect::Alters);
    findings.list
}

/// Where a stack exists. That it is not where an environment is new or goes is told with that.
fn places(was: &Stack, is: &Stack, old: &Config, new: &Config, findings: &mut Findings) {
    let names = |stack: &Stack| stack.environments.iter().cloned().collect::<BTreeSet<_>>();
    let (before, now) = (names(was), names(is));
    let stays = |env: &&EnvName| old.environment(env).is_some() && new.environment(env).is_some();
    let gained: Vec<&EnvName> = now.difference(&before).filter(stays).collect();
    let lost: Vec<&EnvName> = before.difference(&now).filter(stays).collect();
    let mut words = Vec::new();
    if !gained.is_empty() {
        words.push(format!("also in {} now", list(&gained)));
    }
    if !lost.is_empty() {
        words.push(format!("no longer in {}", list(&lost)));
    }
    if !words.is_empty() {
        findings.tell("environments", Effect::Alters, words.join("; "));
    }
}

pub(super) fn service_added(service: &Service) -> Change {
    let words = format!(
        "is new: {} from {} in namespace {} of cluster {}",
        shown(&service.image),
        shown(&service.manifests),
        shown(&service.namespace),
        shown(&service.cluster)
    );
    whole(
        Subject::Service(service.name.clone()),
        Effect::Alters,
        words,
    )
}

pub(super) fn service_changed(was: &Service, is: &Service, new: &Config) -> Vec<Change> {
    let mut findings = Findings::of(Subject::Service(is.name.clone()));
    findings.value("image", (&was.image, &is.image), Effect::Opens, shown);
    findings.value("tag", (&was.tag, &is.tag), Effect::Alters, shown);
    findings.value("paths", (&was.paths, &is.paths), Effect::Alters, touching);
    let pair = (&was.manifests, &is.manifests);
    findings.value("manifests", pair, Effect::Alters, shown);
    findings.value(
        "cluster",
        (&was.cluster, &is.cluster),
        Effect::Alters,
        shown,
    );
    let pair = (&was.namespace, &is.namespace);
    findings.value("namespace", pair, Effect::Alters, shown);
    let still = still_there(&was.after_stacks, new);
    let pair = (still.as_slice(), is.after_stacks.as_slice());
    findings.required("after_stacks", pair, "comes first");
    let (wait, rollout) = (
        (&was.image_wait, &is.image_wait),
        (&was.rollout, &is.rollout),
    );
    findings.value("image_wait", wait, Effect::Alters, |time| duration(*time));
    findings.value("rollout", rollout, Effect::Alters, |time| duration(*time));
    if was.provenance != is.provenance {
        let (effect, words) = match is.provenance {
            Provenance::Off => (
                Effect::Opens,
                "no image has to prove any more which commit it was made from",
            ),
            Provenance::Label => (
                Effect::Closes,
                "every image has to carry the label of the commit that it was made from",
            ),
        };
        findings.tell("provenance", effect, words);
    }
    findings.list
}

/// A stack that goes no longer comes first; that is told where it goes.
fn still_there(stacks: &[StackName], new: &Config) -> Vec<StackName> {
    let is_there = |stack: &&StackName| new.stack(stack).is_some();
    stacks.iter().filter(is_there).cloned().collect()
}

fn touching(paths: &Option<Globs>) -> String {
    match paths {
        Some(globs) => list(globs.patterns()),
        None => "every file".to_owned(),
    }
}
