//! What is known of a namespace while a rollout is watched, and the verdict on it.
//!
//! Kept up to date from list-and-watch streams; nothing here waits or asks. A cut watch leaves what
//! was known last, and a new list replaces it as a whole.

use std::collections::BTreeMap;

use k8s_openapi::api::apps::v1::{DaemonSet, Deployment, ReplicaSet, StatefulSet};
use k8s_openapi::api::batch::v1::Job;
use k8s_openapi::api::core::v1::Pod;
use kube::ResourceExt;
use kube::runtime::watcher::Event;
use serde_json::Value;

use super::apply::is_watched;
use super::pods::{self, Trouble};
use super::workload::{self, Failure, Standing};

/// The objects of one kind, by name.
#[derive(Debug)]
pub(super) struct Shelf<K> {
    items: BTreeMap<String, K>,
    /// A list that is still coming in.
    incoming: BTreeMap<String, K>,
    /// Whether a list came in whole.
    listed: bool,
}

impl<K> Default for Shelf<K> {
    fn default() -> Self {
        Self {
            items: BTreeMap::new(),
            incoming: BTreeMap::new(),
            listed: false,
        }
    }
}

impl<K: ResourceExt> Shelf<K> {
    pub(super) fn take(&mut self, event: Event<K>) {
        match event {
            Event::Init => self.incoming.clear(),
            Event::InitApply(object) => {
                self.incoming.insert(object.name_any(), object);
            }
            Event::InitDone => {
                self.items = std::mem::take(&mut self.incoming);
                self.listed = true;
            }
            Event::Apply(object) => {
                self.items.insert(object.name_any(), object);
            }
            Event::Delete(object) => {
                self.items.remove(&object.name_any());
            }
        }
    }
}

/// The kinds whose rollout is watched.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Kind {
    Deployment,
    StatefulSet,
    DaemonSet,
    Job,
}

/// One workload of the release.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Workload {
    pub(super) kind: Kind,
    pub(super) name: String,
}

impl Workload {
    /// The workloads among manifests.
    pub(super) fn among(manifests: &[Value]) -> Vec<Self> {
        let all = manifests.iter().filter(|manifest| is_watched(manifest));
        all.filter_map(|manifest| {
            let kind = match manifest.get("kind")?.as_str()? {
                "Deployment" => Kind::Deployment,
                "StatefulSet" => Kind::StatefulSet,
                "DaemonSet" => Kind::DaemonSet,
                "Job" => Kind::Job,
                _ => return None,
            };
            let name = manifest.pointer("/metadata/name")?.as_str()?.to_owned();
            Some(Self { kind, name })
        })
        .collect()
    }

    /// `Deployment/shop`.
    pub(super) fn title(&self) -> String {
        format!("{:?}/{}", self.kind, self.name)
    }
}

/// What is known of the namespace.
#[derive(Debug, Default)]
pub(super) struct World {
    pub(super) deployments: Shelf<Deployment>,
    pub(super) stateful_sets: Shelf<StatefulSet>,
    pub(super) daemon_sets: Shelf<DaemonSet>,
    pub(super) jobs: Shelf<Job>,
    pub(super) replica_sets: Shelf<ReplicaSet>,
    pub(super) pods: Shelf<Pod>,
}

/// How a rollout stands as a whole.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Verdict {
    pub(super) ready: u32,
    pub(super) wanted: u32,
    /// Whether every workload is done.
    pub(super) done: bool,
    /// What can't mend itself.
    pub(super) failures: Vec<Wrong>,
    /// Pods without a node, for which one may still come.
    pub(super) unscheduled: Vec<Wrong>,
}

/// One thing that is wrong, with a workload or with a pod of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Wrong {
    pub(super) workload: Workload,
    pub(super) trouble: Trouble,
}

impl World {
    /// Whether all that the workloads depend on was listed once.
    pub(super) fn is_known(&self, workloads: &[Workload]) -> bool {
        self.pods.listed
            && workloads.iter().all(|workload| match workload.kind {
                Kind::Deployment => self.deployments.listed && self.replica_sets.listed,
                Kind::StatefulSet => self.stateful_sets.listed,
                Kind::DaemonSet => self.daemon_sets.listed,
                Kind::Job => self.jobs.listed,
            })
    }

    /// The verdict on all workloads.
    pub(super) fn judge(&self, workloads: &[Workload]) -> Verdict {
        let mut verdict = Verdict {
            done: true,
            ..Verdict::default()
        };
        for workload in workloads {
            let Some(standing) = self.standing(workload) else {
                verdict.done = false;
                let message = "somebody deleted it".to_owned();
                let gone = Failure {
                    reason: "NotFound".to_owned(),
                    message,
                };
                verdict.failures.push(of_workload(workload, gone));
                continue;
            };
            verdict.ready += standing.ready;
            verdict.wanted += standing.wanted;
            verdict.done &= standing.done;
            if standing.observed && !standing.done {
                self.look_for_trouble(workload, standing.failed, &mut verdict);
            }
        }
        verdict
    }

    fn look_for_trouble(
        &self,
        workload: &Workload,
        failed: Option<Failure>,
        verdict: &mut Verdict,
    ) {
        let before = verdict.failures.len();
        for pod in self.new_pods(workload) {
            let Some(trouble) = pods::trouble(pod) else {
                continue;
            };
            // A Job counts its crashes itself, up to its `backoffLimit`.
            if workload.kind == Kind::Job && trouble.reason == "CrashLoopBackOff" {
                continue;
            }
            let wrong = Wrong {
                workload: workload.clone(),
                trouble,
            };
            if wrong.trouble.reason == pods::UNSCHEDULABLE {
                verdict.unscheduled.push(wrong);
            } else {
                verdict.failures.push(wrong);
            }
        }
        // What the pods say is closer to the cause than what their controller says.
        if verdict.failures.len() == before {
            let refused = self
                .new_replica_set(workload)
                .and_then(workload::replica_set_failure);
            let failure = failed.or(refused);
            verdict
                .failures
                .extend(failure.map(|failure| of_workload(workload, failure)));
        }
    }

    fn standing(&self, workload: &Workload) -> Option<Standing> {
        let name = workload.name.as_str();
        match workload.kind {
            Kind::Deployment => self.deployments.items.get(name).map(workload::deployment),
            Kind::StatefulSet => self
                .stateful_sets
                .items
                .get(name)
                .map(workload::stateful_set),
            Kind::DaemonSet => self.daemon_sets.items.get(name).map(workload::daemon_set),
            Kind::Job => self.jobs.items.get(name).map(workload::job),
        }
    }

    /// What keeps each new pod from being ready, or the workloads that have no new pod at all.
    pub(super) fn laggards(&self, workloads: &[Workload]) -> Vec<Wrong> {
        let mut wrong = Vec::new();
        for workload in workloads {
            if self
                .standing(workload)
                .is_some_and(|standing| standing.done)
            {
                continue;
            }
            let pods = self.new_pods(workload);
            if pods.is_empty() {
                let message = "no pod of the new template came to be".to_owned();
                let failure = Failure {
                    reason: "NoPods".to_owned(),
                    message,
                };
                wrong.push(of_workload(workload, failure));
            }
            let late = pods.into_iter().filter_map(pods::not_ready);
            wrong.extend(late.map(|trouble| Wrong {
                workload: workload.clone(),
                trouble,
            }));
        }
        wrong
    }

    /// The pods of a workload's newest template; those of older ones may be in any state.
    fn new_pods(&self, workload: &Workload) -> Vec<&Pod> {
        let name = workload.name.as_str();
        match workload.kind {
            Kind::Deployment => {
                let set = self.new_replica_set(workload);
                set.map(|set| self.owned_by(set)).unwrap_or_default()
            }
            Kind::StatefulSet => {
                let Some(set) = self.stateful_sets.items.get(name) else {
                    return Vec::new();
                };
                let newest = set
                    .status
                    .as_ref()
                    .and_then(|it| it.update_revision.as_deref());
                let all = self.owned_by(set).into_iter();
                all.filter(|pod| label(*pod, "controller-revision-hash") == newest)
                    .collect()
            }
            Kind::DaemonSet => {
                let Some(set) = self.daemon_sets.items.get(name) else {
                    return Vec::new();
                };
                self.owned_by(set)
                    .into_iter()
                    .filter(|pod| is_of_template(set, pod))
                    .collect()
            }
            Kind::Job => self
                .jobs
                .items
                .get(name)
                .map(|job| self.owned_by(job))
                .unwrap_or_default(),
        }
    }

    fn owned_by<K: ResourceExt>(&self, owner: &K) -> Vec<&Pod> {
        let uid = owner.uid();
        self.pods
            .items
            .values()
            .filter(|pod| is_owned(*pod, uid.as_deref()))
            .collect()
    }

    /// The ReplicaSet whose template is the Deployment's, found as its controller finds it; of
    /// several the oldest.
    fn new_replica_set(&self, workload: &Workload) -> Option<&ReplicaSet> {
        if workload.kind != Kind::Deployment {
            return None;
        }
        let deployment = self.deployments.items.get(&workload.name)?;
        let template = &deployment.spec.as_ref()?.template;
        let uid = deployment.uid();
        let owned = self
            .replica_sets
            .items
            .values()
            .filter(|set| is_owned(*set, uid.as_deref()));
        let same = owned.filter(|set| {
            let own = set.spec.as_ref().and_then(|spec| spec.template.clone());
            own.is_some_and(|mut own| {
                if let Some(labels) = own.metadata.as_mut().and_then(|it| it.labels.as_mut()) {
                    labels.remove("pod-template-hash");
                }
                own == *template
            })
        });
        same.min_by_key(|set| set.metadata.creation_timestamp.clone())
    }
}

fn of_workload(workload: &Workload, failure: Failure) -> Wrong {
    Wrong {
        trouble: Trouble {
            pod: workload.title(),
            container: None,
            reason: failure.reason,
            message: failure.message,
            exit_code: None,
            restarts: 0,
            log: pods::LogOf::Nothing,
        },
        workload: workload.clone(),
    }
}

fn is_owned<K: ResourceExt>(object: &K, uid: Option<&str>) -> bool {
    let owners = object.owner_references();
    uid.is_some_and(|uid| {
        owners
            .iter()
            .any(|owner| owner.controller == Some(true) && owner.uid == uid)
    })
}

fn label<'a, K: ResourceExt>(object: &'a K, name: &str) -> Option<&'a str> {
    object.labels().get(name).map(String::as_str)
}

/// A DaemonSet's pods carry the generation of their template, which the set notes in an
/// annotation that its controller still keeps.
fn is_of_template(set: &DaemonSet, pod: &Pod) -> bool {
    let generation = set
        .annotations()
        .get("deprecated.daemonset.template.generation");
    let generation = generation.map(String::as_str);
    generation.is_none() || label(pod, "pod-template-generation") == generation
}
