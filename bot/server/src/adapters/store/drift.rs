//! When environments are looked at for drift, and which issues tell of it.

use jiff::Timestamp;
use sha2::{Digest as _, Sha256};
use slipway_core::config::Schedule;
use slipway_core::event::{Event, EventKind, RepoRef};
use slipway_core::facts::DriftTurn;
use slipway_core::ids::{DeliveryId, EnvName, InstallationId, IssueNumber};
use slipway_core::intent::{DRIFT_ISSUE, ReportKey};

use super::error::{Fault, Result};
use super::inbox;
use super::open::{Conn, SqlStore};
use super::rows::{Reading, ms, signed};

/// The turns of a repository.
pub(super) async fn turns(store: &SqlStore, repo: &RepoRef) -> Result<Vec<DriftTurn>> {
    let rows =
        sqlx::query("SELECT env, schedule, due_at FROM drift_turns WHERE repo = $1 ORDER BY env")
            .bind(repo.name.as_str())
            .fetch_all(store.read())
            .await?;
    rows.iter()
        .map(|row| {
            let row = Reading::named(row, "the turn of", "env")?;
            Ok(DriftTurn {
                env: row.parsed("env")?,
                schedule: row.get("schedule")?,
                due_at: row.at("due_at")?,
            })
        })
        .collect()
}

/// Gives an environment a turn, in place of any.
pub(super) async fn take_turns(conn: &mut Conn, repo: &RepoRef, turn: &DriftTurn) -> Result<()> {
    sqlx::query(
        "INSERT INTO drift_turns (repo, env, installation, schedule, due_at)
         VALUES ($1, $2, $3, $4, $5)
         ON CONFLICT (repo, env) DO UPDATE SET
             installation = excluded.installation,
             schedule = excluded.schedule,
             due_at = excluded.due_at",
    )
    .bind(repo.name.as_str())
    .bind(turn.env.as_str())
    .bind(signed(repo.installation.0)?)
    .bind(&turn.schedule)
    .bind(ms(turn.due_at))
    .execute(conn)
    .await?;
    Ok(())
}

/// Takes all turns from an environment.
pub(super) async fn end_turns(conn: &mut Conn, repo: &RepoRef, env: &EnvName) -> Result<()> {
    sqlx::query("DELETE FROM drift_turns WHERE repo = $1 AND env = $2")
        .bind(repo.name.as_str())
        .bind(env.as_str())
        .execute(conn)
        .await?;
    Ok(())
}

const DUE: &str = "
    SELECT repo, env, installation, schedule, due_at FROM drift_turns
    WHERE due_at <= $1 ORDER BY due_at, repo, env";

/// Begins the turns that are due.
pub(super) async fn begin(store: &SqlStore, now: Timestamp) -> Result<u64> {
    // A look without the writer's lock first, so that idle workers keep nobody off.
    let due = sqlx::query(DUE).bind(ms(now));
    if due.fetch_optional(store.read()).await?.is_none() {
        return Ok(0);
    }
    let mut tx = store.write().await?;
    let due = sqlx::query(DUE).bind(ms(now)).fetch_all(&mut *tx).await?;
    let mut begun = 0;
    for row in &due {
        let row = Reading::named(row, "the turn of", "env")?;
        let repo = RepoRef {
            installation: InstallationId(row.count("installation")?),
            name: row.parsed("repo")?,
        };
        let turn = DriftTurn {
            env: row.parsed("env")?,
            schedule: row.get("schedule")?,
            due_at: row.at("due_at")?,
        };
        let event = Event {
            repo: repo.clone(),
            actor: None,
            kind: EventKind::DriftDue {
                env: turn.env.clone(),
            },
        };
        inbox::put(&mut tx, &name(&repo, &turn)?, &event, now).await?;
        begun += 1;
        match next(&turn, now) {
            Some(due_at) => take_turns(&mut tx, &repo, &DriftTurn { due_at, ..turn }).await?,
            // The next event of the repository reads deploy.toml again.
            None => end_turns(&mut tx, &repo, &turn.env).await?,
        }
    }
    tx.commit().await?;
    Ok(begun)
}

/// The moment after now: those in between were missed, and are not made up one by one.
fn next(turn: &DriftTurn, now: Timestamp) -> Option<Timestamp> {
    Schedule::parse(&turn.schedule).ok()?.next_after(now)
}

/// The name of a turn's event: the same for one moment, whoever makes it.
fn name(repo: &RepoRef, turn: &DriftTurn) -> Result<DeliveryId> {
    let text = format!("{}\n{}\n{}", repo.name, turn.env, ms(turn.due_at));
    let digest = hex::encode(Sha256::digest(text.as_bytes()));
    let short = digest.get(..32).unwrap_or(&digest);
    DeliveryId::parse(format!("drift-{short}")).map_err(|error| Fault::Nonsense(error.to_string()))
}

/// The environment that an issue is about.
pub(super) async fn issue(
    store: &SqlStore,
    repo: &RepoRef,
    issue: IssueNumber,
) -> Result<Option<EnvName>> {
    // A range of the key, so that it is found by the index: `0` comes after `/`.
    let row = sqlx::query(
        "SELECT report_key FROM reports
         WHERE repo = $1 AND report_key > $2 AND report_key < $3 AND remote_id = $4",
    )
    .bind(repo.name.as_str())
    .bind(format!("{DRIFT_ISSUE}/"))
    .bind(format!("{DRIFT_ISSUE}0"))
    .bind(signed(issue.0)?)
    .fetch_optional(store.read())
    .await?;
    let Some(row) = row else {
        return Ok(None);
    };
    let row = Reading::named(&row, "report", "report_key")?;
    let key: String = row.get("report_key")?;
    Ok(match ReportKey::parse(&key) {
        Ok(ReportKey::DriftIssue(env)) => Some(env),
        _ => None,
    })
}
