//! Watches workloads until they run, or can't.
//!
//! One list-and-watch stream per kind (kube's own: it resumes cut watches, lists anew on `410 Gone`
//! and backs off on errors) feeds a [`World`], which is judged after every change. Races that this
//! lives with: a stream may be behind another, so a verdict is only ever about what the objects
//! themselves say (`observedGeneration`, owners, template); and it may be cut at any time, which is
//! told in the log once and otherwise only costs time.

use std::time::Duration;

use futures::stream::{BoxStream, SelectAll};
use futures::{FutureExt as _, StreamExt as _, TryStreamExt as _};
use k8s_openapi::NamespaceResourceScope;
use k8s_openapi::api::apps::v1::{DaemonSet, Deployment, ReplicaSet, StatefulSet};
use k8s_openapi::api::batch::v1::Job;
use k8s_openapi::api::core::v1::Pod;
use kube::api::Api;
use kube::runtime::WatchStreamExt as _;
use kube::runtime::watcher::{self, Event, watcher};
use serde::de::DeserializeOwned;
use serde_json::Value;
use slipway_core::ports::{PortError, PortErrorKind, PortResult, RolloutEnd, RunLog, Stop};
use slipway_core::report::markdown::duration;
use tokio::time::{Instant, sleep_until};

use super::KubernetesSettings;
use super::client::Connection;
use super::diagnosis;
use super::error::{Doing, port_error};
use super::world::{Kind, Verdict, Workload, World, Wrong};

/// One piece of news from the cluster.
enum News {
    Deployment(Event<Deployment>),
    StatefulSet(Event<StatefulSet>),
    DaemonSet(Event<DaemonSet>),
    Job(Event<Job>),
    ReplicaSet(Event<ReplicaSet>),
    Pod(Event<Pod>),
}

/// News of a kind of resource, or why there is none.
type Heard = Result<News, (&'static str, watcher::Error)>;

/// A rollout being watched.
pub(super) struct Rollout<'a> {
    connection: &'a Connection,
    settings: KubernetesSettings,
    allowed: Duration,
    log: &'a dyn RunLog,
    stop: &'a dyn Stop,
}

/// What is remembered between two verdicts.
struct Memory {
    shown: Option<(u32, u32)>,
    /// Since when some pod finds no node.
    unscheduled_since: Option<Instant>,
    /// What went wrong with the watch last.
    last_error: Option<PortError>,
}

impl<'a> Rollout<'a> {
    pub(super) fn new(
        connection: &'a Connection,
        settings: KubernetesSettings,
        allowed: Duration,
        log: &'a dyn RunLog,
        stop: &'a dyn Stop,
    ) -> Self {
        Self {
            connection,
            settings,
            allowed,
            log,
            stop,
        }
    }

    /// Watches the workloads among the manifests to their end.
    pub(super) async fn watch(&self, manifests: &[Value]) -> PortResult<RolloutEnd> {
        let workloads = Workload::among(manifests);
        if workloads.is_empty() {
            return Ok(RolloutEnd::Ready { pods: 0 });
        }
        let titles: Vec<String> = workloads.iter().map(Workload::title).collect();
        self.log.line(&format!("Watching {}", titles.join(", ")));
        let mut heard = self.listen(&workloads);
        let mut world = World::default();
        let mut memory = Memory {
            shown: None,
            unscheduled_since: None,
            last_error: None,
        };
        let deadline = Instant::now() + self.allowed;
        loop {
            let patience = memory
                .unscheduled_since
                .map(|at| at + self.settings.unschedulable_after);
            tokio::select! {
                () = self.stop.asked() => return Err(self.stopped()),
                () = sleep_until(deadline) => return self.too_late(&world, &workloads, memory).await,
                () = sleep_until(patience.unwrap_or(deadline)), if patience.is_some() => {}
                news = heard.next() => {
                    self.take(&mut world, &mut memory, news)?;
                    // What came in the same breath is judged together.
                    while let Some(Some(news)) = heard.next().now_or_never() {
                        self.take(&mut world, &mut memory, Some(news))?;
                    }
                }
            }
            if !world.is_known(&workloads) {
                continue;
            }
            let verdict = world.judge(&workloads);
            self.show(&mut memory, &verdict);
            if verdict.done {
                return Ok(RolloutEnd::Ready {
                    pods: verdict.ready,
                });
            }
            if let Some(wrong) = self.hopeless(&mut memory, verdict) {
                return Ok(self.failed(why(&wrong), &wrong).await);
            }
        }
    }

    fn listen(&self, workloads: &[Workload]) -> SelectAll<BoxStream<'static, Heard>> {
        let mut all = SelectAll::new();
        all.push(self.stream("pods", News::Pod));
        let any = |kind| workloads.iter().any(|workload| workload.kind == kind);
        if any(Kind::Deployment) {
            all.push(self.stream("deployments", News::Deployment));
            all.push(self.stream("replicasets", News::ReplicaSet));
        }
        if any(Kind::StatefulSet) {
            all.push(self.stream("statefulsets", News::StatefulSet));
        }
        if any(Kind::DaemonSet) {
            all.push(self.stream("daemonsets", News::DaemonSet));
        }
        if any(Kind::Job) {
            all.push(self.stream("jobs", News::Job));
        }
        all
    }

    fn stream<K>(
        &self,
        plural: &'static str,
        news: fn(Event<K>) -> News,
    ) -> BoxStream<'static, Heard>
    where
        K: kube::Resource<DynamicType = (), Scope = NamespaceResourceScope>
            + Clone
            + DeserializeOwned
            + std::fmt::Debug
            + Send
            + 'static,
    {
        let api: Api<K> =
            Api::namespaced(self.connection.client.clone(), &self.connection.namespace);
        watcher(api, watcher::Config::default())
            .default_backoff()
            .map_ok(news)
            .map_err(move |error| (plural, error))
            .boxed()
    }

    /// Takes in what was heard. Only a refusal of the credentials ends the watch.
    fn take(&self, world: &mut World, memory: &mut Memory, heard: Option<Heard>) -> PortResult<()> {
        match heard {
            Some(Ok(News::Deployment(event))) => world.deployments.take(event),
            Some(Ok(News::StatefulSet(event))) => world.stateful_sets.take(event),
            Some(Ok(News::DaemonSet(event))) => world.daemon_sets.take(event),
            Some(Ok(News::Job(event))) => world.jobs.take(event),
            Some(Ok(News::ReplicaSet(event))) => world.replica_sets.take(event),
            Some(Ok(News::Pod(event))) => world.pods.take(event),
            Some(Err((plural, error))) => {
                let error = self.translate(plural, &error);
                if error.kind == PortErrorKind::Denied {
                    return Err(error);
                }
                if memory.last_error.as_ref() != Some(&error) {
                    self.log.line(&format!("{error}; trying again"));
                }
                memory.last_error = Some(error);
            }
            // The streams go on for ever.
            None => {}
        }
        Ok(())
    }

    fn translate(&self, plural: &'static str, error: &watcher::Error) -> PortError {
        let title = format!("{plural} in {}", self.connection.namespace);
        let doing = Doing {
            verb: "watch",
            resource: plural,
            title: &title,
        };
        match error {
            watcher::Error::InitialListFailed(error)
            | watcher::Error::WatchStartFailed(error)
            | watcher::Error::WatchFailed(error) => doing.failed(self.connection, error),
            watcher::Error::WatchError(status) => doing.refused(self.connection, status),
            watcher::Error::NoResourceVersion => port_error(
                &doing.to_string(),
                error.to_string(),
                PortErrorKind::Invalid,
            ),
        }
    }

    fn show(&self, memory: &mut Memory, verdict: &Verdict) {
        let counted = (verdict.ready, verdict.wanted);
        if memory.shown != Some(counted) {
            memory.shown = Some(counted);
            self.log.progress(&ready_of(counted), Some(counted));
        }
    }

    /// What makes the rollout hopeless, if anything does. A pod without a node is given time.
    fn hopeless(&self, memory: &mut Memory, verdict: Verdict) -> Option<Vec<Wrong>> {
        if verdict.unscheduled.is_empty() {
            memory.unscheduled_since = None;
        } else if memory.unscheduled_since.is_none() {
            memory.unscheduled_since = Some(Instant::now());
            if let Some(Wrong { trouble, .. }) = verdict.unscheduled.first() {
                self.log.line(&format!(
                    "{} finds no node: {}",
                    trouble.pod, trouble.message
                ));
            }
        }
        let waited = memory.unscheduled_since.map(|since| since.elapsed());
        let mut wrong = verdict.failures;
        if waited.is_some_and(|waited| waited >= self.settings.unschedulable_after) {
            wrong.extend(verdict.unscheduled);
        }
        (!wrong.is_empty()).then_some(wrong)
    }

    async fn failed(&self, why: String, wrong: &[Wrong]) -> RolloutEnd {
        self.log.line(&why);
        let pods = diagnosis::diagnose(self.connection, wrong).await;
        RolloutEnd::Failed { why, pods }
    }

    /// The deadline passed. If the cluster could not be seen, nothing is said about the rollout.
    async fn too_late(
        &self,
        world: &World,
        workloads: &[Workload],
        memory: Memory,
    ) -> PortResult<RolloutEnd> {
        if !world.is_known(workloads) {
            let kind = PortErrorKind::Unavailable { retry_after: None };
            let doing = format!("watching {}", self.connection.namespace);
            let unseen = || port_error(&doing, "the cluster did not answer in time", kind);
            return Err(memory.last_error.unwrap_or_else(unseen));
        }
        let counted = memory.shown.unwrap_or_default();
        let allowed = duration(self.allowed);
        let why = format!("not ready within {allowed}: {}", ready_of(counted));
        Ok(self.failed(why, &world.laggards(workloads)).await)
    }

    fn stopped(&self) -> PortError {
        let doing = format!("watching {}", self.connection.namespace);
        port_error(
            &doing,
            "somebody asked to stop; the cluster goes on",
            PortErrorKind::Stopped,
        )
    }
}

fn ready_of((ready, wanted): (u32, u32)) -> String {
    format!("{ready} of {wanted} ready")
}

/// The first thing that is wrong, in a sentence.
fn why(wrong: &[Wrong]) -> String {
    let Some(Wrong { workload, trouble }) = wrong.first() else {
        return String::new();
    };
    let place = match &trouble.container {
        Some(container) => format!("{}, container {container}", workload.title()),
        None => workload.title(),
    };
    if trouble.message.is_empty() {
        format!("{place}: {}", trouble.reason)
    } else {
        format!(
            "{place}: {}: {}",
            trouble.reason,
            diagnosis::clean(&trouble.message)
        )
    }
}
