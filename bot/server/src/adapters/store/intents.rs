//! Carrying a decision out: all of its intents and "delivery done", or nothing.

use jiff::Timestamp;
use slipway_core::ids::RunId;
use slipway_core::intent::{Intent, NewRun};
use slipway_core::outcome::Outcome;
use slipway_core::ports::{Delivery, Touched, WorkerId};
use slipway_core::run::{Move, RunState};

use super::error::{Fault, Result};
use super::open::{Conn, SqlStore};
use super::{drift, inbox, locks, overrides, plans, releases, reports, runs};

/// Marks a delivery done and carries out its intents.
pub(super) async fn complete(
    store: &SqlStore,
    worker: &WorkerId,
    delivery: &Delivery,
    intents: &[Intent],
    run_ids: &[RunId],
    note: &str,
    now: Timestamp,
) -> Result<Touched> {
    let mut tx = store.write().await?;
    inbox::finish(&mut tx, worker, delivery, note, now).await?;
    let mut carrying = Carrying {
        conn: &mut tx,
        delivery,
        run_ids,
        started: 0,
        touched: Touched::default(),
        now,
    };
    for intent in intents {
        carrying.carry_out(intent).await?;
    }
    let Carrying {
        started, touched, ..
    } = carrying;
    if started != run_ids.len() {
        let ids = run_ids.len();
        return Err(Fault::Nonsense(format!(
            "{ids} ids were given for {started} runs"
        )));
    }
    tx.commit().await?;
    Ok(touched)
}

/// A decision that is being carried out.
struct Carrying<'a> {
    conn: &'a mut Conn,
    delivery: &'a Delivery,
    run_ids: &'a [RunId],
    /// How many runs were made.
    started: usize,
    touched: Touched,
    now: Timestamp,
}

impl Carrying<'_> {
    async fn carry_out(&mut self, intent: &Intent) -> Result<()> {
        let repo = &self.delivery.event.repo;
        let conn = &mut *self.conn;
        let now = self.now;
        match intent {
            Intent::Start(new) => self.start(new).await,
            Intent::End { run, mv, outcome } => self.end(run, *mv, outcome.as_ref()).await,
            Intent::Confirm(run) => runs::confirm(conn, run, now).await,
            Intent::Lock(lock) => locks::set(conn, &repo.name, lock, now).await,
            Intent::Unlock(target) => locks::free(conn, &repo.name, target, now).await,
            Intent::Hold(hold) => locks::hold(conn, &repo.name, hold).await,
            Intent::Resume(env) => locks::resume(conn, &repo.name, env).await,
            Intent::TakeTurns(turn) => drift::take_turns(conn, repo, turn).await,
            Intent::EndTurns(env) => drift::end_turns(conn, repo, env).await,
            Intent::Disgrace(run) => self.disgrace(run).await,
            Intent::Bless(head) => releases::bless(conn, &repo.name, head).await,
            Intent::Override(word) => overrides::keep(conn, &repo.name, word).await,
            Intent::DropPlans(pr) => plans::drop_of(conn, &repo.name, *pr).await,
            Intent::Say(key, content) => reports::say(conn, repo, key, content, now).await,
            Intent::Refresh(key) => reports::refresh(conn, repo, key, now).await,
            Intent::LookForImages => {
                self.touched.look_for_images = true;
                Ok(())
            }
        }
    }

    async fn start(&mut self, new: &NewRun) -> Result<()> {
        let id_at = |place: usize| {
            self.run_ids
                .get(place)
                .ok_or_else(|| Fault::Nonsense(format!("no id was given for run {place}")))
        };
        let id = id_at(self.started)?;
        let after = new
            .after
            .iter()
            .map(|place| id_at(*place).cloned())
            .collect::<Result<Vec<_>>>()?;
        self.started += 1;
        runs::insert(self.conn, id, new, &after, self.now).await
    }

    async fn end(&mut self, id: &RunId, mv: Move, outcome: Option<&Outcome>) -> Result<()> {
        // Anything else is for the worker of a run to say.
        if !matches!(
            mv,
            Move::Cancel | Move::Supersede | Move::Skip | Move::Refuse
        ) {
            return Err(Fault::Nonsense(format!("a decision can't {mv:?} a run")));
        }
        let run = runs::load_to_move(self.conn, id).await?;
        if run.state == RunState::Running {
            runs::ask_to_stop(self.conn, &run, mv, outcome).await?;
            reports::touch_run(self.conn, &run, self.now).await?;
            self.touched.stopped.push(id.clone());
            Ok(())
        } else {
            runs::end(self.conn, &run, mv, outcome, self.now).await
        }
    }

    async fn disgrace(&mut self, id: &RunId) -> Result<()> {
        releases::disgrace(self.conn, id).await?;
        match runs::load(self.conn, id).await? {
            Some(run) => reports::touch_run(self.conn, &run, self.now).await,
            None => Ok(()),
        }
    }
}
