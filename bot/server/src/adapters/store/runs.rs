//! Runs: how they are made, read, moved and ended.
//!
//! Every move goes through [`transition`] and is a compare-and-set on the state that it was decided
//! from, so that an illegal or outdated move changes nothing.

use jiff::Timestamp;
use slipway_core::event::RepoRef;
use slipway_core::ids::RunId;
use slipway_core::intent::NewRun;
use slipway_core::outcome::{Outcome, Progress};
use slipway_core::ports::{RunEnd, RunsOf, StopRequest, WorkerId};
use slipway_core::run::{Move, Run, RunOrder, RunState, Work, transition};

use super::error::{Fault, Result, exactly_one};
use super::open::{Conn, SqlStore};
use super::rows::{self, Reading, json, ms, run_columns, signed, signed_pr};
use super::{inbox, releases, reports};

/// One run.
pub(super) async fn load(conn: &mut Conn, id: &RunId) -> Result<Option<Run>> {
    let row = sqlx::query(concat!(
        "SELECT ",
        run_columns!(),
        " FROM runs WHERE id = $1"
    ))
    .bind(id.as_str())
    .fetch_optional(&mut *conn)
    .await?;
    let Some(row) = row else {
        return Ok(None);
    };
    let mut run = rows::run(&row)?;
    let needs = sqlx::query("SELECT needs FROM run_after WHERE run = $1 ORDER BY place")
        .bind(id.as_str())
        .fetch_all(conn)
        .await?;
    for row in &needs {
        run.after
            .push(Reading::named(row, "the need of", "needs")?.parsed("needs")?);
    }
    Ok(Some(run))
}

/// One run that a move is decided for.
pub(super) async fn load_to_move(conn: &mut Conn, id: &RunId) -> Result<Run> {
    load(conn, id)
        .await?
        .ok_or_else(|| Fault::Conflict(format!("there is no run {id}")))
}

/// One run under way by a worker.
async fn load_in_hand(conn: &mut Conn, worker: &WorkerId, id: &RunId) -> Result<Run> {
    assert_in_hand(conn, worker, id).await?;
    load_to_move(conn, id).await
}

/// Makes sure that a run is under way by this worker, as every write of a worker must.
pub(super) async fn assert_in_hand(conn: &mut Conn, worker: &WorkerId, id: &RunId) -> Result<()> {
    let row =
        sqlx::query("SELECT 1 FROM runs WHERE id = $1 AND state = 'running' AND lease_owner = $2")
            .bind(id.as_str())
            .bind(&worker.0)
            .fetch_optional(conn)
            .await?;
    row.map(|_| ())
        .ok_or_else(|| Fault::Conflict(format!("the lease on run {id} is lost")))
}

/// Where a move leads.
pub(super) fn legal(run: &Run, mv: Move) -> Result<RunState> {
    transition(run.state, mv).map_err(|error| Fault::Conflict(format!("run {}: {error}", run.id)))
}

/// The two queries for a list of runs: the runs, and what each comes after.
macro_rules! run_list {
    ($where:literal, $order:literal) => {
        (
            concat!(
                "SELECT ",
                run_columns!(),
                " FROM runs WHERE ",
                $where,
                " ORDER BY runs.seq ",
                $order
            ),
            concat!(
                "SELECT run_after.run, run_after.needs FROM run_after
                 JOIN runs ON runs.id = run_after.run
                 WHERE ",
                $where,
                " ORDER BY run_after.run, run_after.place"
            ),
        )
    };
}

/// Several runs.
pub(super) async fn list(store: &SqlStore, repo: &RepoRef, which: &RunsOf) -> Result<Vec<Run>> {
    let (runs, needs) = match which {
        RunsOf::Pr(_) => run_list!("runs.repo = $1 AND runs.pr = $2", "DESC"),
        RunsOf::Cause(_) => run_list!("runs.repo = $1 AND runs.cause = $2", "ASC"),
        RunsOf::Active => run_list!(
            "runs.repo = $1 AND runs.state IN ('unconfirmed', 'queued', 'running')",
            "ASC"
        ),
        RunsOf::Drift(_) => run_list!(
            "runs.id IN (
                SELECT id FROM runs
                WHERE repo = $1 AND env = $2 AND (kind = 'plan' AND pr IS NULL OR kind = 'apply')
                ORDER BY seq DESC LIMIT 300)",
            "DESC"
        ),
    };
    let bound = |sql: &'static str| -> Result<_> {
        let query = sqlx::query(sql).bind(repo.name.as_str());
        Ok(match which {
            RunsOf::Pr(pr) => query.bind(signed(pr.0)?),
            RunsOf::Cause(cause) => query.bind(cause.as_str().to_owned()),
            RunsOf::Drift(env) => query.bind(env.as_str().to_owned()),
            RunsOf::Active => query,
        })
    };
    // What a run needs never changes, so the second query fits whatever the first one saw.
    let mut list = Vec::new();
    for row in bound(runs)?.fetch_all(store.read()).await? {
        list.push(rows::run(&row)?);
    }
    for row in bound(needs)?.fetch_all(store.read()).await? {
        let row = Reading::named(&row, "the needs of run", "run")?;
        let id: RunId = row.parsed("run")?;
        if let Some(run) = list.iter_mut().find(|run| run.id == id) {
            run.after.push(row.parsed("needs")?);
        }
    }
    Ok(list)
}

/// The word for the kind of work: a rollback is a deploy, and forcing a state lock open is an apply;
/// they exclude each other.
pub(super) fn kind(work: &Work) -> &'static str {
    match work {
        // A look changes nothing and waits for nobody, like a plan.
        Work::Plan(_) | Work::Look(_) => "plan",
        Work::Apply(_) | Work::ForceUnlock(_) => "apply",
        Work::Deploy(_) => "deploy",
    }
}

/// What a run is about, so that a service is never taken for a stack of its name.
fn subject(order: &RunOrder) -> String {
    match order.work {
        Work::Look(_) => format!("service/{}", order.subject()),
        Work::Plan(_) | Work::Apply(_) | Work::Deploy(_) | Work::ForceUnlock(_) => {
            order.subject().to_owned()
        }
    }
}

/// Makes a run and makes its reports due.
pub(super) async fn insert(
    conn: &mut Conn,
    id: &RunId,
    new: &NewRun,
    after: &[RunId],
    now: Timestamp,
) -> Result<()> {
    if !matches!(new.state, RunState::Queued | RunState::Unconfirmed) {
        let state = new.state.as_str();
        return Err(Fault::Nonsense(format!("a run can't begin as {state}")));
    }
    let order = &new.order;
    sqlx::query(
        "INSERT INTO runs (id, repo, env, kind, subject, pr, commit_sha, cause, actor, not_before,
             work_order, state, created_at, forces_unlock)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14)",
    )
    .bind(id.as_str())
    .bind(order.repo.name.as_str())
    .bind(order.env.as_str())
    .bind(kind(&order.work))
    .bind(subject(order))
    .bind(signed_pr(order.pr)?)
    .bind(order.commit.as_str())
    .bind(order.cause.as_str())
    .bind(order.actor.as_str())
    .bind(order.not_before.map(ms))
    .bind(json(order)?)
    .bind(new.state.as_str())
    .bind(ms(now))
    .bind(i64::from(matches!(order.work, Work::ForceUnlock(_))))
    .execute(&mut *conn)
    .await?;
    for (place, needs) in (0_i64..).zip(after) {
        sqlx::query(
            "INSERT INTO run_after (run, needs, place) VALUES ($1, $2, $3)
             ON CONFLICT (run, needs) DO NOTHING",
        )
        .bind(id.as_str())
        .bind(needs.as_str())
        .bind(place)
        .execute(&mut *conn)
        .await?;
    }
    let keys = slipway_core::intent::reports_of(id, order);
    reports::touch(conn, &order.repo, &keys, now).await
}

/// Takes the second step of a run.
pub(super) async fn confirm(conn: &mut Conn, id: &RunId, now: Timestamp) -> Result<()> {
    let run = load_to_move(conn, id).await?;
    let to = legal(&run, Move::Confirm)?;
    let done = sqlx::query("UPDATE runs SET state = $1 WHERE id = $2 AND state = $3")
        .bind(to.as_str())
        .bind(id.as_str())
        .bind(run.state.as_str())
        .execute(&mut *conn)
        .await?;
    exactly_one(&done, || format!("run {id} moved meanwhile"))?;
    reports::touch_run(conn, &run, now).await
}

/// Ends a run: its state and outcome, the news of it in the inbox, and its reports.
pub(super) async fn end(
    conn: &mut Conn,
    run: &Run,
    mv: Move,
    outcome: Option<&Outcome>,
    now: Timestamp,
) -> Result<()> {
    let to = legal(run, mv)?;
    if !to.is_final() {
        return Err(Fault::Nonsense(format!("{mv:?} does not end a run")));
    }
    let done = sqlx::query(
        "UPDATE runs SET state = $1, outcome = COALESCE($2, outcome), ended_at = $3,
             lease_owner = NULL, lease_until = NULL, stop_move = NULL, stop_outcome = NULL
         WHERE id = $4 AND state = $5",
    )
    .bind(to.as_str())
    .bind(outcome.map(json).transpose()?)
    .bind(ms(now))
    .bind(run.id.as_str())
    .bind(run.state.as_str())
    .execute(&mut *conn)
    .await?;
    exactly_one(&done, || format!("run {} moved meanwhile", run.id))?;
    inbox::put_run_ended(conn, run, now).await?;
    if run.state == RunState::Queued {
        reports::touch_line(conn, run, now).await?;
    }
    reports::hurry_run(conn, run, now).await
}

/// Cancels the runs whose second step nobody took in time.
pub(super) async fn cancel_unconfirmed(
    store: &SqlStore,
    before: Timestamp,
    outcome: &Outcome,
    now: Timestamp,
) -> Result<u64> {
    const STALE: &str =
        "SELECT id FROM runs WHERE state = 'unconfirmed' AND created_at < $1 ORDER BY seq";
    // A look without the writer's lock first, so that idle workers keep nobody off.
    let stale = sqlx::query(STALE).bind(ms(before));
    if stale.fetch_optional(store.read()).await?.is_none() {
        return Ok(0);
    }
    let mut tx = store.write().await?;
    let rows = sqlx::query(STALE)
        .bind(ms(before))
        .fetch_all(&mut *tx)
        .await?;
    let mut count = 0;
    for row in &rows {
        let id: RunId = Reading::named(row, "run", "id")?.parsed("id")?;
        let run = load_to_move(&mut tx, &id).await?;
        end(&mut tx, &run, Move::Cancel, Some(outcome), now).await?;
        count += 1;
    }
    tx.commit().await?;
    Ok(count)
}

/// Ends a run on behalf of its worker, with the release that it made live.
pub(super) async fn end_by_worker(
    store: &SqlStore,
    worker: &WorkerId,
    id: &RunId,
    how: &RunEnd,
    now: Timestamp,
) -> Result<()> {
    let mut tx = store.write().await?;
    let run = load_in_hand(&mut tx, worker, id).await?;
    end(&mut tx, &run, how.mv, Some(&how.outcome), now).await?;
    if let Some(release) = &how.release {
        let repo = &run.order.repo.name;
        let live = releases::live(&mut tx, repo, &release.env, &release.service).await?;
        releases::add(&mut tx, repo, release).await?;
        // What was live before is shown as inactive from now on.
        for before in live {
            if let Some(before) = load(&mut tx, &before).await? {
                reports::touch_run(&mut tx, &before, now).await?;
            }
        }
    }
    Ok(tx.commit().await?)
}

/// Asks a run under way to stop. The latest word counts.
pub(super) async fn ask_to_stop(
    conn: &mut Conn,
    run: &Run,
    mv: Move,
    outcome: Option<&Outcome>,
) -> Result<()> {
    legal(run, mv)?;
    let done = sqlx::query(
        "UPDATE runs SET stop_move = $1, stop_outcome = $2 WHERE id = $3 AND state = 'running'",
    )
    .bind(json(&mv)?)
    .bind(outcome.map(json).transpose()?)
    .bind(run.id.as_str())
    .execute(conn)
    .await?;
    exactly_one(&done, || format!("run {} moved meanwhile", run.id))
}

/// Runs under way by a worker that were asked to stop.
pub(super) async fn stop_requests(store: &SqlStore, worker: &WorkerId) -> Result<Vec<StopRequest>> {
    let rows = sqlx::query(
        "SELECT id, stop_move, stop_outcome FROM runs
         WHERE state = 'running' AND lease_owner = $1 AND stop_move IS NOT NULL
         ORDER BY seq",
    )
    .bind(&worker.0)
    .fetch_all(store.read())
    .await?;
    rows.iter()
        .map(|row| {
            let row = Reading::named(row, "run", "id")?;
            Ok(StopRequest {
                run: row.parsed("id")?,
                mv: row.json("stop_move")?,
                outcome: row.maybe_json("stop_outcome")?,
            })
        })
        .collect()
}

/// Puts a run back into the queue; or ends it, if it was asked to stop while it was under way.
pub(super) async fn requeue(store: &SqlStore, id: &RunId, now: Timestamp) -> Result<()> {
    let mut tx = store.write().await?;
    let run = load(&mut tx, id)
        .await?
        .ok_or_else(|| Fault::Missing(format!("run {id}")))?;
    let to = legal(&run, Move::Requeue)?;
    let row = sqlx::query("SELECT id, stop_move, stop_outcome FROM runs WHERE id = $1")
        .bind(id.as_str())
        .fetch_one(&mut *tx)
        .await?;
    let asked = Reading::named(&row, "run", "id")?;
    if let Some(mv) = asked.maybe_json::<Move>("stop_move")? {
        let outcome: Option<Outcome> = asked.maybe_json("stop_outcome")?;
        end(&mut tx, &run, mv, outcome.as_ref(), now).await?;
    } else {
        let done = sqlx::query(
            "UPDATE runs SET state = $1, outcome = NULL, lease_owner = NULL, lease_until = NULL
             WHERE id = $2 AND state = $3",
        )
        .bind(to.as_str())
        .bind(id.as_str())
        .bind(run.state.as_str())
        .execute(&mut *tx)
        .await?;
        exactly_one(&done, || format!("run {id} moved meanwhile"))?;
        reports::touch_run(&mut tx, &run, now).await?;
    }
    Ok(tx.commit().await?)
}

/// Records how far a run is.
pub(super) async fn record_progress(
    store: &SqlStore,
    worker: &WorkerId,
    id: &RunId,
    progress: &Progress,
) -> Result<()> {
    let mut tx = store.write().await?;
    let run = load_in_hand(&mut tx, worker, id).await?;
    sqlx::query("UPDATE runs SET outcome = $1 WHERE id = $2")
        .bind(json(&Outcome::Progress(progress.clone()))?)
        .bind(id.as_str())
        .execute(&mut *tx)
        .await?;
    // The moment only orders reports that are due anyway, so that of the start is good enough.
    let since = run.started_at.unwrap_or(run.created_at);
    reports::touch_run(&mut tx, &run, since).await?;
    Ok(tx.commit().await?)
}

/// Reads one run outside any transaction of the caller.
pub(super) async fn read(store: &SqlStore, id: &RunId) -> Result<Option<Run>> {
    let mut conn = store.read().acquire().await?;
    load(&mut conn, id).await
}
