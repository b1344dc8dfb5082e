//! What the bot adds to a plan: from the delivery to the finished comment, less what the same git
//! and Terraform commands take by themselves. And how fast it acknowledges deliveries meanwhile.

use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Context, ensure};
use tokio::process::Command;

use crate::narrator::Narrator;
use crate::story;

/// What the bot is to add at the most.
const ADDED: Duration = Duration::from_millis(500);

/// How fast a delivery is to be acknowledged while plans run.
const ACKNOWLEDGED: Duration = Duration::from_millis(50);

pub(crate) async fn measure(n: &mut Narrator<'_>, terraform: &Path) -> anyhow::Result<()> {
    n.step("What does the bot add to a plan?");
    let github = &n.world.github;
    let (path, text) = story::with(
        &n.world.scene,
        "infra/02-eks/dev.tfvars",
        "flow_log_days",
        "30",
    )?;
    let files = [(path, Some(text.as_str()))];
    let title = "One stack in one environment";
    github
        .commit(&n.world.scene.repo, "measured", "ana", title, &files)
        .await?;
    let sent = n.world.clock.now();
    let pr = github
        .open_pull_request(&n.world.scene.repo, "ana", "measured", "main", title, false)
        .await?;
    let done = github
        .until(
            "the plan of the measured pull request",
            Duration::from_secs(60),
            |model| {
                let bot = model.bot_login();
                let repository = model.repository(&n.world.scene.repo)?;
                repository
                    .comments(pr)
                    .find(|comment| comment.author == bot && comment.body.contains("valid until"))
                    .map(|comment| comment.updated_at)
            },
        )
        .await?;
    let whole = done.duration_since(sent).unsigned_abs();
    github.idle(Duration::from_secs(10)).await?;
    let acknowledged: Vec<Duration> = github
        .deliveries()
        .iter()
        .filter(|delivery| delivery.succeeded() && delivery.event != "ping")
        .map(|delivery| Duration::from_secs_f64(delivery.duration))
        .collect();
    let slowest = acknowledged.iter().max().copied().unwrap_or_default();
    let bare = bare(n, terraform).await?;
    let added = whole.saturating_sub(bare);
    let ms = |time: Duration| time.as_millis();
    // Figures, not conditions: a busy machine makes any figure large.
    let verdict = |time: Duration, limit: Duration| {
        let word = if time < limit { "under" } else { "OVER" };
        format!("{} ms, {word} the aim of {} ms", ms(time), ms(limit))
    };
    n.seen(&format!(
        "from delivery to comment {} ms; the git and Terraform commands alone {} ms; the bot adds {}",
        ms(whole),
        ms(bare),
        verdict(added, ADDED)
    ));
    n.seen(&format!(
        "the slowest of {} deliveries was acknowledged within {}",
        acknowledged.len(),
        verdict(slowest, ACKNOWLEDGED)
    ));
    github.close(&n.world.scene.repo, pr, "ana").await?;
    Ok(())
}

/// The same work by hand: bring the commit, check it out, init, select the workspace, plan, show.
async fn bare(n: &Narrator<'_>, terraform: &Path) -> anyhow::Result<Duration> {
    let dir = tempfile::tempdir()?;
    let path = dir.path();
    let (mirror, tree) = (path.join("mirror.git"), path.join("tree"));
    let repo = &n.world.scene.repo;
    let token = n.world.github.installation_token(repo).await?;
    let url = n.world.github.clone_url(repo);
    let url = url.replace("http://", &format!("http://x-access-token:{token}@"));
    // The bot has its mirror already: the first clone is not part of a plan.
    let mirror_text = mirror.to_string_lossy();
    let clone = ["clone", "--quiet", "--mirror", &url, &mirror_text];
    run("git", &clone, path, &[]).await?;
    std::fs::create_dir(&tree)?;
    let env = plan_environment(n)?;
    let env: Vec<(&str, &str)> = env.iter().map(|(k, v)| (*k, v.as_str())).collect();
    let git_dir = format!("--git-dir={}", mirror.display());
    let work_tree = format!("--work-tree={}", tree.display());
    let stack = tree.join("infra/02-eks");
    let program = terraform.to_string_lossy();

    let began = Instant::now();
    for args in [
        ["fetch", "--quiet"].as_slice(),
        &["merge-tree", "--write-tree", "main", "measured"],
        &[&work_tree, "checkout", "--force", "--quiet", "measured"],
    ] {
        let args = [&[git_dir.as_str()], args].concat();
        run("git", &args, path, &[]).await?;
    }
    for line in [
        "init -input=false -no-color -backend-config=dev.s3.tfbackend",
        "workspace select -no-color dev",
        "plan -input=false -no-color -json -out=plan -var-file=dev.tfvars",
        "show -json plan",
    ] {
        let args: Vec<&str> = line.split(' ').collect();
        run(&program, &args, &stack, &env).await?;
    }
    Ok(began.elapsed())
}

/// What Terraform is told to plan in dev.
fn plan_environment(n: &Narrator<'_>) -> anyhow::Result<[(&'static str, String); 6]> {
    let role = format!("arn:aws:iam::{}:role/slipway-plan", n.world.dev.account);
    let aws = &n.world.aws;
    let keys = aws.session_keys(&role, "by-hand", Duration::from_secs(900))?;
    let token = keys.session_token.context("a session has a token")?;
    Ok([
        ("AWS_ACCESS_KEY_ID", keys.access_key_id),
        ("AWS_SECRET_ACCESS_KEY", keys.secret_access_key),
        ("AWS_SESSION_TOKEN", token),
        ("AWS_REGION", "eu-central-1".to_owned()),
        ("TF_IN_AUTOMATION", "1".to_owned()),
        ("CHECKPOINT_DISABLE", "1".to_owned()),
    ])
}

async fn run(program: &str, args: &[&str], dir: &Path, env: &[(&str, &str)]) -> anyhow::Result<()> {
    let output = Command::new(program)
        .args(args)
        .current_dir(dir)
        .env_clear()
        .env("PATH", "/usr/local/bin:/usr/bin:/bin")
        .env("HOME", dir)
        .envs(env.iter().copied())
        .output()
        .await
        .with_context(|| format!("starting {program}"))?;
    ensure!(
        output.status.success(),
        "{program} {} failed:\n{}{}",
        args.join(" "),
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    );
    Ok(())
}
