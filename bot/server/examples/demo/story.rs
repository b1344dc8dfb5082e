//! The story: plan, approval, apply, merge, deploy, prod behind its gates, a bad image, rollback.

use std::path::Path;

use anyhow::{Context, ensure};
use slipway_sandbox::world::Scene;

use crate::narrator::Narrator;
use crate::overhead;

/// The variable that says how big the database is, and what ana makes of it.
const SIZE: &str = "instance_class";
const BIGGER_IN_DEV: &str = "\"db.t4g.large\"";
const BIGGER_IN_PROD: &str = "\"db.r7g.xlarge\"";

pub(crate) async fn tell(n: &mut Narrator<'_>, terraform: &Path) -> anyhow::Result<()> {
    let (pr, head) = plan(n).await?;
    overhead::measure(n, terraform).await?;
    apply(n, pr, &head).await?;
    let merge = merge(n, pr).await?;
    prod_refused(n, pr).await?;
    prod_applied(n, pr).await?;
    prod_deployed(n, pr, &merge).await?;
    bad_image(n, &merge).await
}

async fn plan(n: &mut Narrator<'_>) -> anyhow::Result<(u64, String)> {
    n.step("ana opens a pull request: longer flow logs, a bigger database, a friendlier greeting");
    let github = &n.world.github;
    let scene = &n.world.scene;
    let files = [
        with(scene, "infra/02-eks/dev.tfvars", "flow_log_days", "14")?,
        with(scene, "infra/02-eks/prod.tfvars", "flow_log_days", "120")?,
        with(scene, "infra/03-database/dev.tfvars", SIZE, BIGGER_IN_DEV)?,
        with(scene, "infra/03-database/prod.tfvars", SIZE, BIGGER_IN_PROD)?,
        (
            "app/greeting.txt",
            "Welcome to the shop. Take your time.\n".to_owned(),
        ),
    ];
    let files: Vec<_> = files
        .iter()
        .map(|(path, text)| (*path, Some(text.as_str())))
        .collect();
    let title = "Bigger database, friendlier greeting";
    let head = github
        .commit(&n.world.scene.repo, "bigger", "ana", title, &files)
        .await?;
    let pr = github
        .open_pull_request(&n.world.scene.repo, "ana", "bigger", "main", title, false)
        .await?;
    let body = n
        .reads(pr, &["Plan ·", "valid until", "/apply dev", "/apply prod"])
        .await?;
    ensure!(
        !body.contains("correct-horse"),
        "a sensitive value is in the comment"
    );
    n.check(&head, "plan dev", "success").await?;
    n.check(&head, "plan prod", "success").await?;
    Ok((pr, head))
}

/// A file of the scene, with another value for one of the variables that it sets.
pub(crate) fn with<'p>(
    scene: &Scene,
    path: &'p str,
    variable: &str,
    value: &str,
) -> anyhow::Result<(&'p str, String)> {
    let mut found = 0;
    let lines = scene.file(path)?.lines().map(|line| {
        let (name, _) = line.split_once('=').unwrap_or_default();
        if name.trim() == variable {
            found += 1;
            format!("{name}= {value}\n")
        } else {
            format!("{line}\n")
        }
    });
    let text = lines.collect();
    ensure!(found == 1, "{path} sets {variable} {found} times");
    Ok((path, text))
}

async fn apply(n: &mut Narrator<'_>, pr: u64, head: &str) -> anyhow::Result<()> {
    n.step("ben, a code owner, approves; ana says /apply dev");
    let github = &n.world.github;
    github
        .review(&n.world.scene.repo, pr, "ben", "approve")
        .await?;
    github
        .comment(&n.world.scene.repo, pr, "ana", "/apply dev")
        .await?;
    n.reads(pr, &["Applied", "database"]).await?;
    n.check(head, "apply dev", "success").await?;
    let state = n
        .world
        .aws
        .object(&n.world.dev.bucket, "env:/dev/database/terraform.tfstate");
    let state = state.context("there is no state of the database")?;
    ensure!(
        String::from_utf8_lossy(&state).contains(BIGGER_IN_DEV.trim_matches('"')),
        "the state is not the applied one"
    );
    n.seen("the state in dev's bucket holds the database");
    Ok(())
}

async fn merge(n: &mut Narrator<'_>, pr: u64) -> anyhow::Result<String> {
    n.step("ben merges; CI publishes the image; dev gets it by digest");
    let merge = n.world.github.merge(&n.world.scene.repo, pr, "ben").await?;
    n.reads(pr, &["shop is live in dev", "undo"]).await?;
    n.check(&merge, "deploy shop to dev", "success").await?;
    n.deployment("dev", &merge, &["queued", "in_progress", "success"])
        .await?;
    let digest = n
        .world
        .registry
        .digest_of(&n.world.scene.image, &format!("sha-{merge}"));
    let digest = digest.context("CI published no image")?;
    let runs = n.world.dev.cluster.running_image("shop", "shop");
    ensure!(
        runs == Some(format!("ghcr.io/{}@{digest}", n.world.scene.image)),
        "dev runs {runs:?}, not {digest}"
    );
    n.seen(&format!(
        "the pods in dev run ghcr.io/{}@{digest}",
        n.world.scene.image
    ));
    Ok(merge)
}

async fn prod_refused(n: &mut Narrator<'_>, pr: u64) -> anyhow::Result<()> {
    n.step("ana wants it in prod at once: every closed gate is named");
    n.world
        .github
        .comment(&n.world.scene.repo, pr, "ana", "/deploy prod")
        .await?;
    n.reads(pr, &["Not deployed to prod", "soak", "right"])
        .await?;
    ensure!(
        n.world.prod.cluster.pods("shop").is_empty(),
        "prod was touched"
    );
    n.seen("nothing runs in prod");
    Ok(())
}

async fn prod_applied(n: &mut Narrator<'_>, pr: u64) -> anyhow::Result<()> {
    n.step("ben applies prod's stacks: planned again on the merge commit, same as reviewed");
    n.world
        .github
        .comment(&n.world.scene.repo, pr, "ben", "/apply prod")
        .await?;
    n.reads(pr, &["Applied", "in prod"]).await?;
    Ok(())
}

async fn prod_deployed(n: &mut Narrator<'_>, pr: u64, merge: &str) -> anyhow::Result<()> {
    n.step("dev has soaked; ben says /deploy prod and confirms");
    n.until_soaked("dev", merge).await?;
    n.world
        .github
        .comment(&n.world.scene.repo, pr, "ben", "/deploy prod")
        .await?;
    let body = n.reads(pr, &["are you sure", "/confirm"]).await?;
    let code = confirm_code(&body).context("there is no code to confirm with")?;
    let confirm = format!("/confirm {code}");
    n.world
        .github
        .comment(&n.world.scene.repo, pr, "ben", &confirm)
        .await?;
    n.reads(pr, &["shop is live in prod"]).await?;
    n.check(merge, "deploy shop to prod", "success").await?;
    n.deployment("prod", merge, &["queued", "in_progress", "success"])
        .await?;
    let dev = n.world.dev.cluster.running_image("shop", "shop");
    let prod = n.world.prod.cluster.running_image("shop", "shop");
    ensure!(
        dev.is_some() && dev == prod,
        "dev runs {dev:?}, prod runs {prod:?}"
    );
    n.seen("prod runs the very digest that dev runs");
    Ok(())
}

fn confirm_code(body: &str) -> Option<String> {
    let (_, rest) = body.split_once("/confirm ")?;
    Some(
        rest.chars()
            .take_while(char::is_ascii_alphanumeric)
            .collect(),
    )
}

async fn bad_image(n: &mut Narrator<'_>, good: &str) -> anyhow::Result<()> {
    n.step("ana's next change crashes: dev notices, says why, and goes back");
    let github = &n.world.github;
    let title = "Currency in the configuration";
    let files = [("app/greeting.txt", Some("Welcome (this one will crash).\n"))];
    let head = github
        .commit(&n.world.scene.repo, "currency", "ana", title, &files)
        .await?;
    let pr = github
        .open_pull_request(&n.world.scene.repo, "ana", "currency", "main", title, false)
        .await?;
    n.check(&head, "plan dev", "success").await?;
    let bad = github.merge(&n.world.scene.repo, pr, "ben").await?;
    n.reads(
        pr,
        &[
            "is back on",
            "CrashLoopBackOff",
            "unknown key",
            "/resume dev",
        ],
    )
    .await?;
    n.check(&bad, "deploy shop to dev", "failure").await?;
    n.deployment("dev", &bad, &["queued", "in_progress", "failure"])
        .await?;
    let digest = n
        .world
        .registry
        .digest_of(&n.world.scene.image, &format!("sha-{good}"));
    let runs = n.world.dev.cluster.running_image("shop", "shop");
    ensure!(
        runs == digest.map(|digest| format!("ghcr.io/{}@{digest}", n.world.scene.image)),
        "dev runs {runs:?} after the rollback"
    );
    n.seen("dev runs the good digest again");
    n.step("cleo looks at the board and lifts the hold");
    github
        .comment(&n.world.scene.repo, pr, "cleo", "/where")
        .await?;
    n.reads(pr, &["What is live where", "⏸️"]).await?;
    github
        .comment(&n.world.scene.repo, pr, "cleo", "/resume dev")
        .await?;
    n.reads(pr, &["dev is resumed"]).await?;
    Ok(())
}
