//! What GitHub is to show, and how far it does.
//!
//! A report has a version that grows with every change and remembers the version that was sent:
//! it is due while the two differ. Whatever changes during a write therefore stays due, and many
//! changes before a write are one write.
//!
//! `due_at` is a floor: a change makes a report due at once, but not before the moment that the
//! last write (or its failure) asked for.

use std::time::Duration;

use jiff::Timestamp;
use slipway_core::event::RepoRef;
use slipway_core::ids::{CommitSha, EnvName, InstallationId, PrNumber, RepoName};
use slipway_core::intent::{Content, ReportKey, reports_of};
use slipway_core::ports::{SentReport, TakenReport, WorkerId};
use slipway_core::run::{Run, Work};
use sqlx::{Row, SqlitePool};

use super::error::{Fault, Result, exactly_one};
use super::open::{Conn, SqlStore};
use super::rows::{self, Reading, json, lease_end, ms, run_columns, signed};
use super::runs;

/// Makes reports due that show runs, new ones among them. A report that said something of its own
/// before ("nothing to do") is a projection from now on.
pub(super) async fn touch(
    conn: &mut Conn,
    repo: &RepoRef,
    keys: &[ReportKey],
    now: Timestamp,
) -> Result<()> {
    for key in keys {
        sqlx::query(
            "INSERT INTO reports (repo, report_key, installation, version, due_at)
             VALUES ($1, $2, $3, 1, $4)
             ON CONFLICT (repo, report_key) DO UPDATE SET
                 installation = excluded.installation,
                 content = CASE WHEN $5 = 1 THEN reports.content ELSE NULL END,
                 version = reports.version + 1,
                 attempts = 0,
                 due_at = CASE
                     WHEN reports.sent_version < reports.version THEN reports.due_at
                     WHEN reports.due_at > excluded.due_at THEN reports.due_at
                     ELSE excluded.due_at END",
        )
        .bind(repo.name.as_str())
        .bind(key.to_string())
        .bind(signed(repo.installation.0)?)
        .bind(ms(now))
        .bind(i64::from(key.keeps_content()))
        .execute(&mut *conn)
        .await?;
    }
    Ok(())
}

/// Makes the reports due that show a run.
pub(super) async fn touch_run(conn: &mut Conn, run: &Run, now: Timestamp) -> Result<()> {
    let keys = stirred_by(conn, run).await?;
    touch(conn, &run.order.repo, &keys, now).await
}

/// Makes the reports due that show a run, at once: it ended, and people wait to hear how.
pub(super) async fn hurry_run(conn: &mut Conn, run: &Run, now: Timestamp) -> Result<()> {
    for key in stirred_by(conn, run).await? {
        refresh(conn, &run.order.repo, &key, now).await?;
    }
    Ok(())
}

/// The reports that a move of a run makes due. What shows several plans is written when they are
/// asked for and once the last of them has ended, not for each on its way: a pull request that
/// touches fifty stacks must cost no more of GitHub's limits than one that touches two.
async fn stirred_by(conn: &mut Conn, run: &Run) -> Result<Vec<ReportKey>> {
    let mut keys = reports_of(&run.id, &run.order);
    if !matches!(run.order.work, Work::Plan(_)) {
        return Ok(keys);
    }
    let rows = sqlx::query(
        "SELECT id, commit_sha, env FROM runs
         WHERE repo = $1 AND pr = $2 AND kind = 'plan' AND state IN ('queued', 'running')",
    )
    .bind(run.order.repo.name.as_str())
    .bind(rows::signed_pr(run.order.pr)?)
    .fetch_all(&mut *conn)
    .await?;
    let mut under_way = Vec::new();
    for row in &rows {
        let row = Reading::named(row, "run", "id")?;
        let plan: (CommitSha, EnvName) = (row.parsed("commit_sha")?, row.parsed("env")?);
        under_way.push(plan);
    }
    keys.retain(|key| {
        !under_way.iter().any(|(commit, env)| match key {
            ReportKey::PlanComment(_) => true,
            ReportKey::PlanCheck(_, sha, of) => sha == commit && of == env,
            ReportKey::SummaryCheck(_, sha) => sha == commit,
            _ => false,
        })
    });
    Ok(keys)
}

/// Makes the reports due of all runs that wait in an environment: they show their place in line.
pub(super) async fn touch_queue(
    conn: &mut Conn,
    repo: &RepoName,
    env: &str,
    now: Timestamp,
) -> Result<()> {
    let waiting = sqlx::query(concat!(
        "SELECT ",
        run_columns!(),
        " FROM runs WHERE repo = $1 AND env = $2 AND state = 'queued' ORDER BY seq"
    ))
    .bind(repo.as_str())
    .bind(env)
    .fetch_all(&mut *conn)
    .await?;
    for row in &waiting {
        touch_run(conn, &rows::run(row)?, now).await?;
    }
    Ok(())
}

/// Makes the reports due of those behind a run that leaves the line: they move up. Plans stand in no
/// line.
pub(super) async fn touch_line(conn: &mut Conn, run: &Run, now: Timestamp) -> Result<()> {
    if matches!(run.order.work, Work::Plan(_)) {
        return Ok(());
    }
    let behind = sqlx::query(concat!(
        "SELECT ",
        run_columns!(),
        " FROM runs
         WHERE repo = $1 AND env = $2 AND kind = $3 AND subject = $4 AND state = 'queued'
         ORDER BY seq"
    ))
    .bind(run.order.repo.name.as_str())
    .bind(run.order.env.as_str())
    .bind(runs::kind(&run.order.work))
    .bind(run.order.subject())
    .fetch_all(&mut *conn)
    .await?;
    for row in &behind {
        touch_run(conn, &rows::run(row)?, now).await?;
    }
    Ok(())
}

/// Makes a report due now, whatever asked it to wait: somebody waits for it.
pub(super) async fn refresh(
    conn: &mut Conn,
    repo: &RepoRef,
    key: &ReportKey,
    now: Timestamp,
) -> Result<()> {
    touch(conn, repo, std::slice::from_ref(key), now).await?;
    sqlx::query("UPDATE reports SET due_at = $1 WHERE repo = $2 AND report_key = $3")
        .bind(ms(now))
        .bind(repo.name.as_str())
        .bind(key.to_string())
        .execute(conn)
        .await?;
    Ok(())
}

/// Says something once. Saying the same again changes nothing.
pub(super) async fn say(
    conn: &mut Conn,
    repo: &RepoRef,
    key: &ReportKey,
    content: &Content,
    now: Timestamp,
) -> Result<()> {
    sqlx::query(
        "INSERT INTO reports (repo, report_key, installation, content, version, due_at)
         VALUES ($1, $2, $3, $4, 1, $5)
         ON CONFLICT (repo, report_key) DO UPDATE SET
             installation = excluded.installation,
             content = excluded.content,
             version = reports.version + 1,
             attempts = 0,
             due_at = CASE
                 WHEN reports.due_at > excluded.due_at THEN reports.due_at
                 ELSE excluded.due_at END
         WHERE reports.content IS NULL OR reports.content <> excluded.content",
    )
    .bind(repo.name.as_str())
    .bind(key.to_string())
    .bind(signed(repo.installation.0)?)
    .bind(json(content)?)
    .bind(ms(now))
    .execute(conn)
    .await?;
    Ok(())
}

/// Says something once, in a transaction of its own.
pub(super) async fn say_now(
    store: &SqlStore,
    repo: &RepoRef,
    key: &ReportKey,
    content: &Content,
    now: Timestamp,
) -> Result<()> {
    let mut tx = store.write().await?;
    say(&mut tx, repo, key, content, now).await?;
    Ok(tx.commit().await?)
}

const DUE: &str = "
    SELECT repo, report_key, installation, content, version, remote_id, maybe_created, sent_hash,
        sent_count, attempts
    FROM reports
    WHERE sent_version < version AND due_at <= $1 AND (lease_until IS NULL OR lease_until <= $1)
    ORDER BY due_at, report_key
    LIMIT 1";

/// Takes the report that is due for longest.
pub(super) async fn take(
    store: &SqlStore,
    worker: &WorkerId,
    now: Timestamp,
    lease: Duration,
) -> Result<Option<TakenReport>> {
    if nothing_due(store.read(), now).await? {
        return Ok(None);
    }
    let mut tx = store.write().await?;
    let report = loop {
        let Some(row) = sqlx::query(DUE)
            .bind(ms(now))
            .fetch_optional(&mut *tx)
            .await?
        else {
            tx.commit().await?;
            return Ok(None);
        };
        match taken(&row) {
            Ok(report) => break report,
            // Of an earlier version, say. It must not keep all others from being written.
            Err(error @ Fault::Unreadable { .. }) => set_aside(&mut tx, &row, &error).await?,
            Err(error) => return Err(error),
        }
    };
    sqlx::query(
        "UPDATE reports SET lease_owner = $1, lease_until = $2
         WHERE repo = $3 AND report_key = $4",
    )
    .bind(&worker.0)
    .bind(lease_end(now, lease))
    .bind(report.repo.name.as_str())
    .bind(report.key.to_string())
    .execute(&mut *tx)
    .await?;
    tx.commit().await?;
    Ok(Some(report))
}

/// Looks without the writer's lock, so that idle workers keep nobody off.
async fn nothing_due(readers: &SqlitePool, now: Timestamp) -> Result<bool> {
    Ok(sqlx::query(DUE)
        .bind(ms(now))
        .fetch_optional(readers)
        .await?
        .is_none())
}

/// Counts a report that can't be read as written, with what is wrong with it.
async fn set_aside(conn: &mut Conn, row: &sqlx::sqlite::SqliteRow, error: &Fault) -> Result<()> {
    let (repo, key): (String, String) = (row.try_get("repo")?, row.try_get("report_key")?);
    tracing::error!(%repo, %key, %error, "a report can't be read and is not written");
    sqlx::query(
        "UPDATE reports SET sent_version = version, last_error = $1
         WHERE repo = $2 AND report_key = $3",
    )
    .bind(error.to_string())
    .bind(repo)
    .bind(key)
    .execute(conn)
    .await?;
    Ok(())
}

fn taken(row: &sqlx::sqlite::SqliteRow) -> Result<TakenReport> {
    let name: String = row.try_get("repo")?;
    let key: String = row.try_get("report_key")?;
    let row = Reading::new(row, format!("report {key} of {name}"));
    Ok(TakenReport {
        repo: RepoRef {
            installation: InstallationId(row.count("installation")?),
            name: row.parsed("repo")?,
        },
        key: ReportKey::parse(&key).map_err(|error| row.unreadable("report_key", &error))?,
        content: row.maybe_json("content")?,
        version: row.get("version")?,
        remote_id: row.maybe_count("remote_id")?,
        maybe_created: row.get::<i64>("maybe_created")? != 0,
        sent_hash: row.get("sent_hash")?,
        sent_count: row.count("sent_count")?,
        attempts: row.count("attempts")?,
    })
}

fn lost(report: &TakenReport) -> impl FnOnce() -> String {
    let name = format!("{} of {}", report.key, report.repo.name);
    move || format!("the lease on report {name} is lost")
}

/// Records that the report may be on GitHub from now on.
pub(super) async fn about_to_create(
    store: &SqlStore,
    worker: &WorkerId,
    report: &TakenReport,
) -> Result<()> {
    let mut tx = store.write().await?;
    let done = sqlx::query(
        "UPDATE reports SET maybe_created = 1
         WHERE repo = $1 AND report_key = $2 AND lease_owner = $3",
    )
    .bind(report.repo.name.as_str())
    .bind(report.key.to_string())
    .bind(&worker.0)
    .execute(&mut *tx)
    .await?;
    exactly_one(&done, lost(report))?;
    Ok(tx.commit().await?)
}

/// Records the id that GitHub gave; none: what was there is gone, or has no id.
pub(super) async fn created(
    store: &SqlStore,
    worker: &WorkerId,
    report: &TakenReport,
    remote_id: Option<u64>,
) -> Result<()> {
    let mut tx = store.write().await?;
    let done = sqlx::query(
        "UPDATE reports SET remote_id = $1, maybe_created = 0
         WHERE repo = $2 AND report_key = $3 AND lease_owner = $4",
    )
    .bind(remote_id.map(signed).transpose()?)
    .bind(report.repo.name.as_str())
    .bind(report.key.to_string())
    .bind(&worker.0)
    .execute(&mut *tx)
    .await?;
    exactly_one(&done, lost(report))?;
    Ok(tx.commit().await?)
}

/// Records what was written. Only the version that was taken counts as sent.
pub(super) async fn finish(
    store: &SqlStore,
    worker: &WorkerId,
    report: &TakenReport,
    sent: &SentReport,
    not_before: Timestamp,
) -> Result<()> {
    let mut tx = store.write().await?;
    let done = sqlx::query(
        "UPDATE reports SET sent_version = $1, remote_id = COALESCE($2, remote_id),
             maybe_created = 0, sent_hash = $3, sent_count = $4, due_at = $5, attempts = 0,
             last_error = NULL, lease_owner = NULL, lease_until = NULL
         WHERE repo = $6 AND report_key = $7 AND lease_owner = $8",
    )
    .bind(report.version)
    .bind(sent.remote_id.map(signed).transpose()?)
    .bind(&sent.hash)
    .bind(i64::from(sent.count))
    .bind(ms(not_before))
    .bind(report.repo.name.as_str())
    .bind(report.key.to_string())
    .bind(&worker.0)
    .execute(&mut *tx)
    .await?;
    exactly_one(&done, lost(report))?;
    Ok(tx.commit().await?)
}

/// Gives a report back.
pub(super) async fn postpone(
    store: &SqlStore,
    worker: &WorkerId,
    report: &TakenReport,
    error: &str,
    again_at: Timestamp,
) -> Result<()> {
    let mut tx = store.write().await?;
    let done = sqlx::query(
        "UPDATE reports SET attempts = attempts + 1, last_error = $1, due_at = $2,
             lease_owner = NULL, lease_until = NULL
         WHERE repo = $3 AND report_key = $4 AND lease_owner = $5",
    )
    .bind(error)
    .bind(ms(again_at))
    .bind(report.repo.name.as_str())
    .bind(report.key.to_string())
    .bind(&worker.0)
    .execute(&mut *tx)
    .await?;
    exactly_one(&done, lost(report))?;
    Ok(tx.commit().await?)
}

/// Gives this version of a report up.
pub(super) async fn abandon(
    store: &SqlStore,
    worker: &WorkerId,
    report: &TakenReport,
    error: &str,
) -> Result<()> {
    let mut tx = store.write().await?;
    let done = sqlx::query(
        "UPDATE reports SET sent_version = $1, attempts = 0, last_error = $2,
             lease_owner = NULL, lease_until = NULL
         WHERE repo = $3 AND report_key = $4 AND lease_owner = $5",
    )
    .bind(report.version)
    .bind(error)
    .bind(report.repo.name.as_str())
    .bind(report.key.to_string())
    .bind(&worker.0)
    .execute(&mut *tx)
    .await?;
    exactly_one(&done, lost(report))?;
    Ok(tx.commit().await?)
}

/// How many reports are due or taken.
pub(super) async fn pending(store: &SqlStore) -> Result<u64> {
    let row = sqlx::query("SELECT COUNT(*) AS pending FROM reports WHERE sent_version < version")
        .fetch_one(store.read())
        .await?;
    Reading::new(&row, "the reports that are due").count("pending")
}

/// Whether the ground of a head's summary check was laid, which is done when the head arrives.
pub(super) async fn is_known_head(
    store: &SqlStore,
    repo: &RepoRef,
    pr: PrNumber,
    head: &CommitSha,
) -> Result<bool> {
    let key = ReportKey::SummaryCheck(pr, head.clone());
    let row = sqlx::query("SELECT 1 FROM reports WHERE repo = $1 AND report_key = $2")
        .bind(repo.name.as_str())
        .bind(key.to_string())
        .fetch_optional(store.read())
        .await?;
    Ok(row.is_some())
}
