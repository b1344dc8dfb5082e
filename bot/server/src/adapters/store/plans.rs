//! Which plan files are needed. The store keeps no list of files: a run that made a plan stands for
//! its file, so that neither can be there without the other being known.

use jiff::Timestamp;
use slipway_core::ids::{PrNumber, RepoName, RunId};

use super::error::Result;
use super::open::{Conn, SqlStore};
use super::rows::{ms, signed_pr};

/// Those of the plans whose files are needed.
pub(super) async fn needed(
    store: &SqlStore,
    runs: &[RunId],
    made_after: Timestamp,
) -> Result<Vec<RunId>> {
    let mut needed = Vec::new();
    for run in runs {
        let row = sqlx::query(
            "SELECT 1 FROM runs AS plan
             WHERE plan.id = $1 AND plan.kind = 'plan' AND (
                 plan.state IN ('unconfirmed', 'queued', 'running')
                 OR EXISTS (
                     SELECT 1 FROM runs AS apply
                     WHERE apply.repo = plan.repo AND apply.pr IS NOT DISTINCT FROM plan.pr
                       AND apply.env = plan.env AND apply.subject = plan.subject
                       AND apply.kind = 'apply'
                       AND apply.state IN ('unconfirmed', 'queued', 'running'))
                 OR (plan.state = 'succeeded' AND plan.plan_dropped = 0 AND plan.ended_at > $2
                     AND NOT EXISTS (
                         SELECT 1 FROM runs AS later
                         WHERE later.repo = plan.repo AND later.pr IS NOT DISTINCT FROM plan.pr
                           AND later.env = plan.env AND later.subject = plan.subject
                           AND later.seq > plan.seq
                           AND (later.kind = 'plan' AND later.state = 'succeeded'
                             OR later.kind = 'apply' AND later.forces_unlock = 0
                                AND later.started_at IS NOT NULL
                                AND later.state <> 'refused'))))",
        )
        .bind(run.as_str())
        .bind(ms(made_after))
        .fetch_optional(store.read())
        .await?;
        if row.is_some() {
            needed.push(run.clone());
        }
    }
    Ok(needed)
}

/// Lets the files of all plans made for a pull request so far go.
pub(super) async fn drop_of(conn: &mut Conn, repo: &RepoName, pr: PrNumber) -> Result<()> {
    sqlx::query("UPDATE runs SET plan_dropped = 1 WHERE repo = $1 AND pr = $2 AND kind = 'plan'")
        .bind(repo.as_str())
        .bind(signed_pr(Some(pr))?)
        .execute(conn)
        .await?;
    Ok(())
}
