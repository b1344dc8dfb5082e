//! Releases, newest first, and the commits whose plans a person let run.

use slipway_core::event::RepoRef;
use slipway_core::facts::Release;
use slipway_core::ids::{CommitSha, EnvName, RepoName, RunId, ServiceName};
use sqlx::sqlite::SqliteRow;

use super::error::Result;
use super::open::{Conn, SqlStore};
use super::rows::{Reading, ms, signed_pr};

/// How many releases of a service in an environment are shown.
const SHOWN: i64 = 20;

fn release(row: &SqliteRow) -> Result<Release> {
    let row = Reading::named(row, "release", "run")?;
    Ok(Release {
        env: row.parsed("env")?,
        service: row.parsed("service")?,
        commit: row.parsed("commit_sha")?,
        digest: row.parsed("digest")?,
        pr: row.pr()?,
        actor: row.parsed("actor")?,
        run: row.parsed("run")?,
        live_at: row.at("live_at")?,
        good: row.get::<i64>("good")? != 0,
    })
}

/// Keeps a release; it is the live one of its service in its environment from now on.
pub(super) async fn add(conn: &mut Conn, repo: &RepoName, release: &Release) -> Result<()> {
    sqlx::query(
        "INSERT INTO releases
             (run, repo, env, service, commit_sha, digest, pr, actor, live_at, good)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)",
    )
    .bind(release.run.as_str())
    .bind(repo.as_str())
    .bind(release.env.as_str())
    .bind(release.service.as_str())
    .bind(release.commit.as_str())
    .bind(release.digest.as_str())
    .bind(signed_pr(release.pr)?)
    .bind(release.actor.as_str())
    .bind(ms(release.live_at))
    .bind(i64::from(release.good))
    .execute(conn)
    .await?;
    Ok(())
}

/// The latest of each service in each environment, newest first.
pub(super) async fn of_repo(store: &SqlStore, repo: &RepoRef) -> Result<Vec<Release>> {
    let rows = sqlx::query(
        "SELECT run, env, service, commit_sha, digest, pr, actor, live_at, good
         FROM (
             SELECT releases.*,
                 ROW_NUMBER() OVER (PARTITION BY env, service ORDER BY seq DESC) AS place
             FROM releases WHERE repo = $1) AS placed
         WHERE place <= $2
         ORDER BY seq DESC",
    )
    .bind(repo.name.as_str())
    .bind(SHOWN)
    .fetch_all(store.read())
    .await?;
    rows.iter().map(release).collect()
}

/// The runs that made the live release of a service in an environment and the latest good one,
/// which may be the same.
pub(super) async fn live(
    conn: &mut Conn,
    repo: &RepoName,
    env: &EnvName,
    service: &ServiceName,
) -> Result<Vec<RunId>> {
    let rows = sqlx::query(
        "SELECT run FROM releases
         WHERE seq IN (
             SELECT MAX(seq) FROM releases WHERE repo = $1 AND env = $2 AND service = $3
             UNION
             SELECT MAX(seq) FROM releases
             WHERE repo = $1 AND env = $2 AND service = $3 AND good = 1)",
    )
    .bind(repo.as_str())
    .bind(env.as_str())
    .bind(service.as_str())
    .fetch_all(conn)
    .await?;
    rows.iter()
        .map(|row| Reading::named(row, "release", "run")?.parsed("run"))
        .collect()
}

/// The latest good release other than that of a run.
pub(super) async fn before(
    store: &SqlStore,
    repo: &RepoRef,
    env: &EnvName,
    service: &ServiceName,
    run: &RunId,
) -> Result<Option<Release>> {
    let row = sqlx::query(
        "SELECT run, env, service, commit_sha, digest, pr, actor, live_at, good
         FROM releases
         WHERE repo = $1 AND env = $2 AND service = $3 AND run <> $4 AND good = 1
         ORDER BY seq DESC LIMIT 1",
    )
    .bind(repo.name.as_str())
    .bind(env.as_str())
    .bind(service.as_str())
    .bind(run.as_str())
    .fetch_optional(store.read())
    .await?;
    row.as_ref().map(release).transpose()
}

/// Marks the release of a run as no longer good. A run that made none has nothing to lose.
pub(super) async fn disgrace(conn: &mut Conn, run: &RunId) -> Result<()> {
    sqlx::query("UPDATE releases SET good = 0 WHERE run = $1")
        .bind(run.as_str())
        .execute(conn)
        .await?;
    Ok(())
}

/// Lets the plans of a commit run.
pub(super) async fn bless(conn: &mut Conn, repo: &RepoName, head: &CommitSha) -> Result<()> {
    sqlx::query(
        "INSERT INTO blessed (repo, commit_sha) VALUES ($1, $2)
         ON CONFLICT (repo, commit_sha) DO NOTHING",
    )
    .bind(repo.as_str())
    .bind(head.as_str())
    .execute(conn)
    .await?;
    Ok(())
}

/// Whether the plans of a commit may run.
pub(super) async fn is_blessed(store: &SqlStore, repo: &RepoRef, head: &CommitSha) -> Result<bool> {
    let row = sqlx::query("SELECT 1 FROM blessed WHERE repo = $1 AND commit_sha = $2")
        .bind(repo.name.as_str())
        .bind(head.as_str())
        .fetch_optional(store.read())
        .await?;
    Ok(row.is_some())
}
