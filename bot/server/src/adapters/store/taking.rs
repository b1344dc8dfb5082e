//! Which queued run may start, and who has it then.
//!
//! All of it happens inside one writing transaction, so the races are won by whoever begins first:
//! two workers never take one run, two applies never both find a stack free, and a lock that
//! somebody sets is seen by every run that starts after it.

use std::time::Duration;

use jiff::Timestamp;
use slipway_core::facts::{Lock, LockTarget};
use slipway_core::ids::{EnvName, Login, PrNumber, RepoName, RunId};
use slipway_core::ports::{TakenRun, WorkerId};
use slipway_core::run::{Move, Run, RunState, Work};
use sqlx::sqlite::SqliteRow;

use super::error::{Fault, Result, exactly_one};
use super::open::{Conn, SqlStore};
use super::rows::{Reading, lease_end, ms};
use super::{locks, reports, runs, steps};

/// What excludes what.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Plan,
    Apply,
    Deploy,
    ForceUnlock,
}

/// A run that waits or is under way, as far as its start matters.
#[derive(Clone, Debug)]
struct Candidate {
    id: RunId,
    repo: RepoName,
    env: EnvName,
    kind: Kind,
    subject: String,
    pr: Option<PrNumber>,
    actor: Login,
}

/// What stands in the way of runs.
struct Ways {
    locks: Vec<(RepoName, Lock)>,
    running: Vec<Candidate>,
}

impl Ways {
    fn are_free_for(&self, run: &Candidate) -> bool {
        let locked = self
            .locks
            .iter()
            .filter(|(repo, lock)| *repo == run.repo && lock.target.env == run.env)
            .any(|(_, lock)| keeps_off(lock, run));
        let busy = self.running.iter().any(|other| excludes(other, run));
        !locked && !busy
    }
}

/// Whether a lock in the run's environment is somebody else's and concerns the run.
fn keeps_off(lock: &Lock, run: &Candidate) -> bool {
    let same_pr = lock.pr.is_some() && lock.pr == run.pr;
    // GitHub's logins do not differ in case.
    let same_person = lock
        .holder
        .as_str()
        .eq_ignore_ascii_case(run.actor.as_str());
    match (&lock.target.stack, run.kind) {
        (_, Kind::Plan) | (Some(_), Kind::Deploy | Kind::ForceUnlock) => false,
        (None, Kind::Apply | Kind::Deploy | Kind::ForceUnlock) => !same_person && !same_pr,
        (Some(stack), Kind::Apply) => {
            // A stack is claimed for a pull request, not for the person who asked.
            let mine = if lock.pr.is_some() {
                same_pr
            } else {
                same_person
            };
            stack.as_str() == run.subject && !mine
        }
    }
}

/// Whether a run under way keeps another from starting beside it. Plans change nothing, so they
/// go beside each other and keep nobody off; but a plan made in the middle of an apply would show
/// a world that is gone a moment later. A plan under way holds the state lock: nobody forces that open.
fn excludes(running: &Candidate, run: &Candidate) -> bool {
    let same_room = running.repo == run.repo && running.env == run.env;
    let clash = match (running.kind, run.kind) {
        (Kind::Apply | Kind::ForceUnlock, Kind::Apply | Kind::Plan | Kind::ForceUnlock)
        | (Kind::Plan, Kind::ForceUnlock)
        | (Kind::Deploy, Kind::Deploy) => true,
        (Kind::Plan, _) | (Kind::Apply | Kind::ForceUnlock, Kind::Deploy) | (Kind::Deploy, _) => {
            false
        }
    };
    same_room && clash && running.subject == run.subject
}

const QUEUED: &str = "
    SELECT id, repo, env, kind, forces_unlock, subject, pr, actor
    FROM runs
    WHERE state = 'queued' AND (not_before IS NULL OR not_before <= $1) AND NOT EXISTS (
        SELECT 1 FROM run_after JOIN runs AS needed ON needed.id = run_after.needs
        WHERE run_after.run = runs.id AND needed.state <> 'succeeded')
    ORDER BY seq";

const RUNNING: &str = "
    SELECT id, repo, env, kind, forces_unlock, subject, pr, actor
    FROM runs
    WHERE state = 'running'
    ORDER BY seq";

fn candidate(row: &SqliteRow) -> Result<Candidate> {
    let row = Reading::named(row, "run", "id")?;
    let kind = match row.get::<&str>("kind")? {
        "plan" => Kind::Plan,
        "apply" if row.get::<i64>("forces_unlock")? != 0 => Kind::ForceUnlock,
        "apply" => Kind::Apply,
        "deploy" => Kind::Deploy,
        other => return Err(row.unreadable("kind", &other)),
    };
    Ok(Candidate {
        id: row.parsed("id")?,
        repo: row.parsed("repo")?,
        env: row.parsed("env")?,
        kind,
        subject: row.get("subject")?,
        pr: row.pr()?,
        actor: row.parsed("actor")?,
    })
}

/// Takes the oldest run that may start.
pub(super) async fn take(
    store: &SqlStore,
    worker: &WorkerId,
    now: Timestamp,
    lease: Duration,
) -> Result<Option<TakenRun>> {
    // A look without the writer's lock first, so that idle workers keep nobody off.
    let waiting = sqlx::query(QUEUED).bind(ms(now));
    if waiting.fetch_optional(store.read()).await?.is_none() {
        return Ok(None);
    }
    let mut tx = store.write().await?;
    locks::remove_expired(&mut tx, now).await?;
    let chosen = choose(&mut tx, now).await?;
    let taken = match chosen {
        Some(id) => Some(start(&mut tx, &id, worker, now, lease).await?),
        None => None,
    };
    tx.commit().await?;
    Ok(taken)
}

/// The oldest run that nothing stands in the way of.
async fn choose(conn: &mut Conn, now: Timestamp) -> Result<Option<RunId>> {
    let ways = Ways {
        locks: locks::all(conn).await?,
        running: sqlx::query(RUNNING)
            .fetch_all(&mut *conn)
            .await?
            .iter()
            .map(candidate)
            .collect::<Result<_>>()?,
    };
    let queued = sqlx::query(QUEUED)
        .bind(ms(now))
        .fetch_all(conn)
        .await?
        .iter()
        .map(candidate)
        .collect::<Result<Vec<_>>>()?;
    Ok(queued
        .into_iter()
        .find(|run| ways.are_free_for(run))
        .map(|run| run.id))
}

async fn start(
    conn: &mut Conn,
    id: &RunId,
    worker: &WorkerId,
    now: Timestamp,
    lease: Duration,
) -> Result<TakenRun> {
    let queued = runs::load_to_move(conn, id).await?;
    let to = runs::legal(&queued, Move::Take)?;
    let done = sqlx::query(
        "UPDATE runs SET state = $1, started_at = COALESCE(started_at, $2), lease_owner = $3,
             lease_until = $4
         WHERE id = $5 AND state = $6",
    )
    .bind(to.as_str())
    .bind(ms(now).max(end_of_needs(conn, id).await?))
    .bind(&worker.0)
    .bind(lease_end(now, lease))
    .bind(id.as_str())
    .bind(queued.state.as_str())
    .execute(&mut *conn)
    .await?;
    exactly_one(&done, || format!("run {id} moved meanwhile"))?;
    lock_stack(conn, &queued, now).await?;
    reports::touch_line(conn, &queued, now).await?;
    reports::touch_run(conn, &queued, now).await?;
    taken(conn, id).await
}

/// When the last of the runs that a run comes after ended. The worker looked at its clock before
/// it had the store to itself: a run must not seem to have begun before what it waited for.
async fn end_of_needs(conn: &mut Conn, id: &RunId) -> Result<i64> {
    let row = sqlx::query(
        "SELECT COALESCE(MAX(needed.ended_at), 0) AS ended_at
         FROM run_after JOIN runs AS needed ON needed.id = run_after.needs
         WHERE run_after.run = $1",
    )
    .bind(id.as_str())
    .fetch_one(conn)
    .await?;
    Reading::new(&row, "the end of what a run needs").get("ended_at")
}

/// Takes the lock on the stack of an apply for its pull request, which keeps it until it is merged
/// or closed. An apply without a pull request takes none: nothing would ever free it.
async fn lock_stack(conn: &mut Conn, run: &Run, now: Timestamp) -> Result<()> {
    let Work::Apply(work) = &run.order.work else {
        return Ok(());
    };
    let repo = &run.order.repo.name;
    let target = LockTarget {
        env: run.order.env.clone(),
        stack: Some(work.stack.name.clone()),
    };
    let held = locks::all(conn)
        .await?
        .iter()
        .any(|(in_repo, lock)| in_repo == repo && lock.target == target);
    if run.order.pr.is_none() || held {
        return Ok(());
    }
    let lock = Lock {
        target,
        holder: run.order.actor.clone(),
        pr: run.order.pr,
        reason: None,
        since: now,
        until: None,
    };
    locks::set(conn, repo, &lock, now).await
}

async fn taken(conn: &mut Conn, id: &RunId) -> Result<TakenRun> {
    let run = runs::load_to_move(conn, id).await?;
    if run.state != RunState::Running {
        return Err(Fault::Conflict(format!("run {id} moved meanwhile")));
    }
    let steps = steps::load(conn, id).await?;
    Ok(TakenRun { run, steps })
}

/// Keeps the leases of the runs in hand.
pub(super) async fn keep(store: &SqlStore, worker: &WorkerId, until: Timestamp) -> Result<()> {
    let mut tx = store.write().await?;
    sqlx::query("UPDATE runs SET lease_until = $1 WHERE state = 'running' AND lease_owner = $2")
        .bind(ms(until))
        .bind(&worker.0)
        .execute(&mut *tx)
        .await?;
    Ok(tx.commit().await?)
}

/// Takes over the runs whose worker is gone. A worker never takes over from itself: a process that
/// slept past its leases still has its runs in hand.
pub(super) async fn take_lost(
    store: &SqlStore,
    worker: &WorkerId,
    now: Timestamp,
    lease: Duration,
) -> Result<Vec<TakenRun>> {
    let mut tx = store.write().await?;
    let rows = sqlx::query(
        "SELECT id FROM runs
         WHERE state = 'running' AND (lease_until IS NULL OR lease_until <= $1)
             AND (lease_owner IS NULL OR lease_owner <> $2)
         ORDER BY seq",
    )
    .bind(ms(now))
    .bind(&worker.0)
    .fetch_all(&mut *tx)
    .await?;
    let mut lost = Vec::new();
    for row in &rows {
        let id: RunId = Reading::named(row, "run", "id")?.parsed("id")?;
        sqlx::query("UPDATE runs SET lease_owner = $1, lease_until = $2 WHERE id = $3")
            .bind(&worker.0)
            .bind(lease_end(now, lease))
            .bind(id.as_str())
            .execute(&mut *tx)
            .await?;
        lost.push(taken(&mut tx, &id).await?);
    }
    tx.commit().await?;
    Ok(lost)
}

/// Takes everything out of every hand.
pub(super) async fn break_leases(store: &SqlStore, now: Timestamp) -> Result<()> {
    let mut tx = store.write().await?;
    for sql in [
        "UPDATE runs SET lease_owner = NULL, lease_until = $1 WHERE state = 'running'",
        "UPDATE inbox SET lease_owner = NULL, lease_until = $1 WHERE state = 'stored'",
        "UPDATE reports SET lease_owner = NULL, lease_until = $1 WHERE lease_owner IS NOT NULL",
    ] {
        sqlx::query(sql).bind(ms(now)).execute(&mut *tx).await?;
    }
    Ok(tx.commit().await?)
}
