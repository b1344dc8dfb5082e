//! What holds after whatever happens, in any order.

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;
use slipway_core::event::EventKind;
use slipway_core::ids::{PrNumber, RunId};
use slipway_core::intent::{Intent, NewRun};
use slipway_core::run::{Move, Run, RunState, Work};

use super::world::{World, after, apply, at, deploy, id, lock, plan, repo, start, target};

/// Something that can happen.
#[derive(Clone, Debug)]
enum Happening {
    /// A run is asked for; perhaps one that needs the one before it.
    Asked {
        kind: u8,
        pr: u64,
        subject: usize,
        needy: bool,
    },
    /// A worker has a hand free.
    Taken,
    /// One of the runs under way ends.
    Ended { which: usize, well: bool },
    /// The worker of one of the runs under way shuts down.
    GivenBack { which: usize },
    /// A person stops one of all runs.
    Cancelled { which: usize },
    /// A pull request gives its stack up.
    Unlocked { subject: usize },
    /// Somebody else claims the environment, or leaves it.
    Claimed(bool),
}

const SUBJECTS: [&str; 2] = ["eks", "db"];

fn happening() -> impl Strategy<Value = Happening> {
    prop_oneof![
        4 => (0..3_u8, 1..4_u64, 0..2_usize, any::<bool>()).prop_map(
            |(kind, pr, subject, needy)| Happening::Asked { kind, pr, subject, needy }
        ),
        5 => Just(Happening::Taken),
        4 => (any::<usize>(), any::<bool>())
            .prop_map(|(which, well)| Happening::Ended { which, well }),
        1 => any::<usize>().prop_map(|which| Happening::GivenBack { which }),
        1 => any::<usize>().prop_map(|which| Happening::Cancelled { which }),
        1 => (0..2_usize).prop_map(|subject| Happening::Unlocked { subject }),
        1 => any::<bool>().prop_map(Happening::Claimed),
    ]
}

/// A store and what is expected of it.
struct Watched {
    world: World,
    runs: Vec<RunId>,
    claimed: bool,
    seconds: i64,
}

impl Watched {
    async fn all(&self) -> Vec<Run> {
        let mut all = Vec::new();
        for run in &self.runs {
            all.push(self.world.store.run(run).await.unwrap().unwrap());
        }
        all
    }

    async fn under_way(&self, which: usize) -> Option<RunId> {
        let mut running = self.all().await;
        running.retain(|run| run.state == RunState::Running);
        let count = running.len().max(1);
        running.get(which % count).map(|run| run.id.clone())
    }

    async fn let_happen(&mut self, happening: Happening) {
        self.seconds += 1;
        let now = at(self.seconds);
        let (world, store) = (&self.world, &self.world.store);
        match happening {
            Happening::Asked {
                kind,
                pr,
                subject,
                needy,
            } => {
                let make: fn(u64, &str) -> NewRun = [plan, apply, deploy][usize::from(kind)];
                let name = SUBJECTS[subject];
                let first = self.runs.len() as u128 + 1;
                let mut intents = vec![start(make(pr, name))];
                if needy {
                    intents.push(start(after(deploy(pr, name), &[0])));
                }
                let ids: Vec<_> = (first..).take(intents.len()).collect();
                world.decide(now, &intents, &ids).await;
                self.runs.extend(ids.into_iter().map(id));
            }
            Happening::Taken => {
                if let Some(taken) = world.take(now).await {
                    self.check_start(&taken.run).await;
                }
            }
            Happening::Ended { which, well } => {
                if let Some(run) = self.under_way(which).await {
                    let mv = if well { Move::Succeed } else { Move::Fail };
                    let end = super::world::ending(mv);
                    store.end_run(&world.worker, &run, &end, now).await.unwrap();
                }
            }
            Happening::GivenBack { which } => {
                if let Some(run) = self.under_way(which).await {
                    store.requeue_run(&run, now).await.unwrap();
                }
            }
            Happening::Cancelled { which } => {
                let all = self.all().await;
                if let Some(run) = all.get(which % all.len().max(1)) {
                    let cancel = Intent::End {
                        run: run.id.clone(),
                        mv: Move::Cancel,
                        outcome: None,
                    };
                    let done = world.try_decide(now, &[cancel], &[]).await;
                    assert_eq!(done.is_ok(), !run.state.is_final());
                }
            }
            Happening::Unlocked { subject } => {
                let free = Intent::Unlock(target("dev", Some(SUBJECTS[subject])));
                world.decide(now, &[free], &[]).await;
            }
            Happening::Claimed(claimed) => {
                let intent = if claimed {
                    Intent::Lock(lock(target("dev", None), "bob", None))
                } else {
                    Intent::Unlock(target("dev", None))
                };
                world.decide(now, &[intent], &[]).await;
                self.claimed = claimed;
            }
        }
    }

    /// A run was taken: it may have been.
    async fn check_start(&self, started: &Run) {
        let all = self.all().await;
        for needed in &started.after {
            let needed = all.iter().find(|run| run.id == *needed).unwrap();
            assert_eq!(needed.state, RunState::Succeeded);
        }
        let is_plan = matches!(started.order.work, Work::Plan(_));
        assert!(is_plan || !self.claimed, "started in a locked environment");
        if matches!(started.order.work, Work::Apply(_)) {
            let holders = self.holders().await;
            assert_eq!(
                holders.get(started.order.subject()).copied(),
                started.order.pr
            );
        }
    }

    async fn holders(&self) -> BTreeMap<String, PrNumber> {
        let locks = self
            .world
            .store
            .locks(&repo("shop"), at(self.seconds))
            .await
            .unwrap();
        locks
            .into_iter()
            .filter_map(|lock| Some((lock.target.stack?.to_string(), lock.pr?)))
            .collect()
    }

    /// No two changes of one thing are under way.
    async fn check_exclusion(&self) {
        let mut seen = BTreeSet::new();
        for run in self.all().await {
            let is_plan = matches!(run.order.work, Work::Plan(_));
            if run.state == RunState::Running && !is_plan {
                let thing = (run.order.kind(), run.order.subject().to_owned());
                assert!(seen.insert(thing), "two at once: {run:?}");
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig {
        failure_persistence: None,
        ..ProptestConfig::with_cases(24)
    })]

    #[test]
    fn runs_keep_to_the_rules(happenings in prop::collection::vec(happening(), 1..60)) {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .unwrap();
        runtime.block_on(async {
            let (_directory, store) = super::fresh().await;
            let mut watched = Watched {
                world: World::new(store),
                runs: Vec::new(),
                claimed: false,
                seconds: 0,
            };
            let mut told = Vec::new();
            for happening in happenings {
                // Before a decision works the inbox off by the way.
                told.extend(watched.world.drain(at(watched.seconds)).await);
                watched.let_happen(happening).await;
                watched.check_exclusion().await;
            }
            told.extend(watched.world.drain(at(watched.seconds)).await);
            let mut told: Vec<_> = told
                .into_iter()
                .map(|kind| match kind {
                    EventKind::RunEnded { run } => run,
                    other => panic!("nothing else is left in the inbox: {other:?}"),
                })
                .collect();
            told.sort();
            let mut over = watched.all().await;
            over.retain(|run| run.state.is_final());
            let mut over: Vec<_> = over.into_iter().map(|run| run.id).collect();
            over.sort();
            assert_eq!(told, over, "each end is told exactly once");
        });
    }
}
