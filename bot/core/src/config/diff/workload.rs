//! Stacks and services: what is planned, applied and deployed.

use std::collections::BTreeSet;

use crate::ids::{EnvName, StackName};
use crate::report::markdown::duration;

use super::super::model::{Provenance, Service, Stack};
use super::super::path::Globs;
use super::{Change, Config, Effect, Findings, Subject, list, shown, whole};

/// A new stack is code that runs with the roles of its environments.
pub(super) fn stack_added(stack: &Stack) -> Change {
    let words = format!(
        "is new: {} in {}",
        shown(&stack.dir),
        list(&stack.environments)
    );
    whole(Subject::Stack(stack.name.clone()), Effect::Opens, words)
}

pub(super) fn stack_changed(was: &Stack, is: &Stack, old: &Config, new: &Config) -> Vec<Change> {
    // Every field, so that a new one is not forgotten here.
    let Stack {
        name,
        dir,
        environments: _,
        workspace,
        var_files,
        backend_config,
        depends_on,
        when_modified,
        terraform,
        policies,
    } = is;
    let mut findings = Findings::of(Subject::Stack(name.clone()));
    // Another place, or another state, may be anybody's.
    findings.value("dir", (&was.dir, dir), Effect::Opens, shown);
    places(was, is, old, new, &mut findings);
    let pair = (&was.workspace, workspace);
    findings.value("workspace", pair, Effect::Opens, shown);
    let pair = (was.var_files.as_slice(), var_files.as_slice());
    findings.ordered("var_files", pair, Effect::Alters);
    let pair = (was.backend_config.as_slice(), backend_config.as_slice());
    findings.ordered("backend_config", pair, Effect::Opens);
    let still = still_there(&was.depends_on, new);
    let pair = (still.as_slice(), depends_on.as_slice());
    findings.required("depends_on", pair, "comes first");
    let pair = (was.when_modified.patterns(), when_modified.patterns());
    findings.ordered("when_modified", pair, Effect::Alters);
    let pair = (was.terraform.as_ref(), terraform.as_ref());
    findings.optional("terraform", pair, Effect::Alters);
    let pair = (was.policies.as_slice(), policies.as_slice());
    findings.required("policies", pair, "asked about its plans");
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
        let effect = Effect::opens_if(!gained.is_empty());
        findings.tell("environments", effect, words.join("; "));
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
    whole(Subject::Service(service.name.clone()), Effect::Opens, words)
}

pub(super) fn service_changed(was: &Service, is: &Service, new: &Config) -> Vec<Change> {
    // Every field, so that a new one is not forgotten here.
    let Service {
        name,
        image,
        tag,
        paths,
        manifests,
        cluster,
        namespace,
        after_stacks,
        image_wait,
        rollout,
        provenance,
    } = is;
    let mut findings = Findings::of(Subject::Service(name.clone()));
    // What runs, and where: nobody can tell from the file whose the other place is.
    findings.value("image", (&was.image, image), Effect::Opens, shown);
    findings.value("tag", (&was.tag, tag), Effect::Opens, shown);
    findings.value("paths", (&was.paths, paths), Effect::Alters, touching);
    let pair = (&was.manifests, manifests);
    findings.value("manifests", pair, Effect::Opens, shown);
    findings.value("cluster", (&was.cluster, cluster), Effect::Opens, shown);
    let pair = (&was.namespace, namespace);
    findings.value("namespace", pair, Effect::Opens, shown);
    let still = still_there(&was.after_stacks, new);
    let pair = (still.as_slice(), after_stacks.as_slice());
    findings.required("after_stacks", pair, "comes first");
    let pair = (&was.image_wait, image_wait);
    findings.value("image_wait", pair, Effect::Alters, |time| duration(*time));
    let pair = (&was.rollout, rollout);
    findings.value("rollout", pair, Effect::Alters, |time| duration(*time));
    if was.provenance != *provenance {
        let (effect, words) = match provenance {
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
