//! Whoever opens a pull request brings files, names and code, and nothing of it is run but Terraform.

use std::os::unix::fs::symlink;
use std::path::Path;
use std::process::Command;

use anyhow::ensure;
use slipway_sandbox::github::{DeliveryFault, Order};
use slipway_sandbox::world::REPO;

use crate::bot::tell;

/// Whether a file of that name lies anywhere below.
fn is_below(dir: &Path, name: &str) -> anyhow::Result<bool> {
    for entry in std::fs::read_dir(dir)? {
        let entry = entry?;
        if entry.file_name() == name {
            return Ok(true);
        }
        if entry.file_type()?.is_dir() && is_below(&entry.path(), name)? {
            return Ok(true);
        }
    }
    Ok(false)
}

#[test]
fn no_name_reaches_a_shell() {
    tell(|mut story| async {
        let dir = "infra/it's $(touch pwned); `touch pwned` & so on";
        let toml = include_str!("../../../../sandbox/src/world/shop/deploy.toml");
        let toml = format!(
            "{toml}\n[stacks.odd]\ndir = \"{dir}\"\nenvironments = [\"dev\"]\nworkspace = \"default\"\n"
        );
        let path = format!("{dir}/main.tf");
        let text = |input: &str| {
            format!("resource \"terraform_data\" \"it\" {{\n  input = \"{input}\"\n}}\n")
        };
        let (before, after) = (text("before"), text("$${IFS}; touch pwned"));
        let files = [("deploy.toml", toml.as_str()), (path.as_str(), &before)];
        story.push("cleo", "main", "An odd name", &files).await?;

        let branch = "x;touch$IFS$9pwned;$(touch$IFS$9pwned)&";
        let title = "$(touch pwned) `touch pwned` @everyone <!-- slipway:plan-comment/1 -->";
        let odd = format!("{dir}/$(touch pwned).tf");
        let files = [(path.as_str(), after.as_str()), (&odd, "# nothing\n")];
        let pr = story.open("ana", branch, title, &files).await?;
        story.planned(pr, "dev", "odd", "+1").await?;
        story.quiet().await?;
        story.say("ana", pr, "/apply dev odd").await?;
        story.hears(pr, "✅ Applied").await?;
        story.quiet().await?;
        let deeds = ["pwned", "pwned)"];
        for deed in deeds {
            assert!(!is_below(&story.data_dir(), deed)?, "{deed}");
            assert!(!Path::new(deed).exists(), "{deed}");
        }
        // A title that looks like a marker misleads nobody: the plans are in one comment.
        let plans = story.world.github.look(|model| {
            let all = model.repository(REPO).into_iter();
            let plans = all.flat_map(|repository| repository.comments(pr));
            plans
                .filter(|comment| comment.body.contains("### Plan"))
                .count()
        });
        assert_eq!(plans, 1);
        Ok(story)
    });
}

/// Runs git as somebody at their own machine.
fn git(dir: &Path, args: &[&str]) -> anyhow::Result<()> {
    let output = Command::new("git")
        .args(["-c", "user.name=ana", "-c", "user.email=ana@example.com"])
        .args(args)
        .current_dir(dir)
        .env("GIT_CONFIG_NOSYSTEM", "1")
        .env("GIT_CONFIG_GLOBAL", "/dev/null")
        .output()?;
    let said = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "git {}: {said}", args.join(" "));
    Ok(())
}

#[test]
fn what_a_head_brings_for_git_is_not_run_and_no_link_leads_out() {
    tell(|mut story| async {
        let dir = tempfile::tempdir()?;
        let deed = dir.path().join("deed");
        let touch = format!("touch '{}'", deed.display());
        let clone = dir.path().join("clone");
        let token = story.world.github.person_token("ana");
        let url = story.world.github.clone_url(REPO);
        let url = url.replace("http://", &format!("http://ana:{token}@"));
        git(dir.path(), &["clone", "--quiet", &url, "clone"])?;
        git(&clone, &["switch", "--quiet", "--create", "evil"])?;

        // Filters, drivers, hooks and a submodule, as far as a commit can carry them.
        let attributes = "* filter=evil diff=evil merge=evil\n";
        std::fs::write(clone.join(".gitattributes"), attributes)?;
        let config =
            format!("[filter \"evil\"]\n\tsmudge = {touch}\n[core]\n\thooksPath = hooks\n");
        std::fs::write(clone.join(".gitconfig"), config)?;
        std::fs::create_dir(clone.join("hooks"))?;
        let hook = clone.join("hooks/post-checkout");
        std::fs::write(&hook, format!("#!/bin/sh\n{touch}\n"))?;
        let modules = "[submodule \"more\"]\n\tpath = more\n\turl = ext::sh -c touch% pwned\n";
        std::fs::write(clone.join(".gitmodules"), modules)?;
        let head = "0123456789012345678901234567890123456789,more";
        git(
            &clone,
            &[
                "update-index",
                "--add",
                "--cacheinfo",
                &format!("160000,{head}"),
            ],
        )?;
        // Variables that lie outside: what the bot keeps, and what its machine does.
        let network = clone.join("infra/01-network");
        std::fs::remove_file(network.join("dev.tfvars"))?;
        symlink(story.settings_path(), network.join("dev.tfvars"))?;
        symlink("/etc", network.join("etc"))?;
        git(&clone, &["add", "."])?;
        git(&clone, &["commit", "--quiet", "--message", "Harmless"])?;
        git(&clone, &["push", "--quiet", "origin", "evil"])?;

        let github = &story.world.github;
        let pr = github
            .open_pull_request(REPO, "ana", "evil", "main", "Harmless", false)
            .await?;
        let told = story.settles(pr, "### Plan").await?;
        insta::assert_snapshot!(told.replace(&story.settings_path().display().to_string(), "SETTINGS"), @"
        ### Plan · `COMMIT` onto `main@COMMIT`

        |  | stack | changes |
        | --- | --- | --- |
        | dev | [network](http://HERE/runs/RUN) | ❌ failed at `plan` |

        - ❌ dev · network failed at `plan`: Argument or block definition required (`dev.tfvars:1`)

        <details><summary>dev · network: what Terraform says</summary>

        ```
        Error: Argument or block definition required
          on dev.tfvars:1
            | SETTINGS
          An argument or block definition is required here.
        ```

        </details>

        dev as `slipway-plan` in 111111111111 (session `slipway-acme.shop-1-ana`) · [run](http://HERE/runs/RUN)
        ");
        let written = story.everything_written().await?;
        let settings = std::fs::read_to_string(story.settings_path())?;
        for line in settings.lines().filter(|line| line.contains('=')) {
            assert!(!written.contains(line), "{line}");
        }
        assert!(!deed.exists());
        assert!(!is_below(&story.data_dir(), "pwned")?);
        Ok(story)
    });
}

#[test]
fn whoever_guesses_at_the_door_of_a_terraform_process_is_given_nothing() {
    tell(|mut story| async {
        let text = "environment = \"dev\"\ncidr = \"10.9.0.0/16\"\n";
        story.valve.shut("plan")?;
        let files = [("infra/01-network/dev.tfvars", text)];
        let pr = story.open("ana", "cidr", "Another network", &files).await?;
        let waiting = story.valve.reached("plan").await?;
        let environments = story.valve.environments()?;
        let last = |variable: &str| {
            let lines = environments.lines().rev();
            lines
                .filter_map(|line| line.strip_prefix(variable)?.strip_prefix('='))
                .next()
                .unwrap_or_default()
                .to_owned()
        };
        let door = last("AWS_CONTAINER_CREDENTIALS_FULL_URI");
        let token = last("AWS_CONTAINER_AUTHORIZATION_TOKEN");
        let ask = |door: String, token: Option<String>| async move {
            let request = reqwest::Client::new().get(door);
            let request = match token {
                Some(token) => request.header("Authorization", token),
                None => request,
            };
            let answer = request.send().await?;
            anyhow::Ok((answer.status().as_u16(), answer.text().await?))
        };
        let mut wrong = token.clone();
        let last = if wrong.pop() == Some('0') { '1' } else { '0' };
        wrong.push(last);
        let bearer = format!("Bearer {token}");
        for guess in [
            None,
            Some(String::new()),
            Some(wrong),
            Some(bearer),
            Some(token.to_uppercase()),
        ] {
            // An uppercase token may be the very same only if it has no letter.
            if guess.as_ref() == Some(&token) {
                continue;
            }
            let (status, said) = ask(door.clone(), guess).await?;
            assert_eq!(status, 401, "{said}");
            assert!(!said.contains("AccessKeyId"), "{said}");
        }
        let (status, _) = ask(door.replace("/credentials", "/"), Some(token.clone())).await?;
        assert_eq!(status, 404);
        let (status, given) = ask(door.clone(), Some(token.clone())).await?;
        assert_eq!(status, 200);
        assert!(given.contains("AccessKeyId"));
        waiting.release();
        story.settles(pr, "valid until").await?;
        assert!(
            ask(door, Some(token.clone())).await.is_err(),
            "it is still open"
        );
        assert!(!story.everything_written().await?.contains(&token));
        Ok(story)
    });
}

#[test]
fn a_head_that_comes_between_the_look_and_the_word_is_not_planned() {
    tell(|mut story| async {
        let github = story.world.github.clone();
        let fork = github.fork(REPO, "mallory").await?;
        let dev = "infra/01-network/dev.tfvars";
        let network = |cidr: &str| format!("environment = \"dev\"\ncidr = \"{cidr}\"\n");
        let harmless = network("10.9.0.0/16");
        github
            .commit(&fork, "cidr", "mallory", "Help", &[(dev, Some(&harmless))])
            .await?;
        let pr = github
            .open_pull_request(REPO, "mallory", "mallory:cidr", "main", "Help", false)
            .await?;
        story.check(&story.head(pr), "plan dev").await?;
        let looked_at = story.head(pr);
        // ben has looked at it and writes; mallory is faster, and the bot hears of both at once.
        github.delivery_fault(DeliveryFault::Hold {
            event: Some("pull_request".to_owned()),
        });
        let evil = network("10.6.0.0/16");
        github
            .commit(&fork, "cidr", "mallory", "Evil", &[(dev, Some(&evil))])
            .await?;
        insta::assert_snapshot!(story.ask("ben", pr, "/plan").await?, @"
        (eyes -1)
        ### ⛔ Not planned

        Slipway did not know the head `COMMIT` yet when that was said: it may be newer than what was looked at. Look at it, then `/plan` once more.
        ");
        // Nor is a button of what was looked at a word about what was not.
        let checks = github.check_runs(REPO, &looked_at);
        for check in checks
            .iter()
            .filter(|check| check.name != "slipway / deploy.toml")
        {
            github.rerequest_check("ben", check.id).await?;
            story.quiet().await?;
            story.hears(pr, "That check is of").await?;
        }
        assert_eq!(story.roles(), [""; 0]);
        github.clear_faults();
        github.release_deliveries(Order::AsHappened);
        story.quiet().await?;
        story.say("ben", pr, "/plan").await?;
        story.planned(pr, "dev", "network", "+1").await?;
        Ok(story)
    });
}

#[test]
fn a_commit_in_somebody_elses_name_is_still_the_strangers() {
    tell(|story| async {
        let github = &story.world.github;
        let fork = github.fork(REPO, "mallory").await?;
        let dir = tempfile::tempdir()?;
        let token = github.person_token("mallory");
        let url = github.clone_url(&fork);
        let url = url.replace("http://", &format!("http://mallory:{token}@"));
        git(dir.path(), &["clone", "--quiet", &url, "clone"])?;
        let clone = dir.path().join("clone");
        git(&clone, &["switch", "--quiet", "--create", "cidr"])?;
        let text = "environment = \"dev\"\ncidr = \"10.9.0.0/16\"\n";
        std::fs::write(clone.join("infra/01-network/dev.tfvars"), text)?;
        // `git` commits as ana, who may plan.
        git(
            &clone,
            &["commit", "--quiet", "--all", "--message", "By ana"],
        )?;
        git(&clone, &["push", "--quiet", "origin", "cidr"])?;
        let pr = github
            .open_pull_request(REPO, "mallory", "mallory:cidr", "main", "By ana", false)
            .await?;
        let check = story.check(&story.head(pr), "plan dev").await?;
        assert_eq!(check.conclusion.as_deref(), Some("action_required"));
        story.quiet().await?;
        assert_eq!(story.roles(), [""; 0]);
        Ok(story)
    });
}
