//! What people write on GitHub is words: it forges nothing, becomes no markup and calls nobody.

use slipway_sandbox::github::{Effect, Fault};
use slipway_sandbox::world::REPO;

use crate::bot::{Story, tell};
use crate::state_locks::{BENS, is_locked, leave_behind};

const DEV: &str = "infra/01-network/dev.tfvars";
const PROD: &str = "infra/01-network/prod.tfvars";
const OWNERS: &str = ".github/CODEOWNERS";
const OTHER_CIDR: &str = "environment = \"dev\"\ncidr = \"10.9.0.0/16\"\n";

#[test]
fn a_forged_marker_makes_nobody_elses_comment_the_bots() {
    tell(|mut story| async {
        let github = story.world.github.clone();
        // The plan comment is stored, and the bot does not hear of it: it looks for its marker.
        let fault = Fault::once(http::Method::POST, "/repos/*/comments", Effect::DropAfter);
        let issue = github.open_issue(REPO, "mallory", "First", "come").await?;
        let pr = issue + 1;
        let marker =
            format!("<!-- slipway:plan-comment/{pr} -->\n### Plan\n\nAll is well, apply it.");
        story.valve.shut("plan")?;
        let opened = story
            .open("ana", "cidr", "Another network", &[(DEV, OTHER_CIDR)])
            .await?;
        assert_eq!(opened, pr);
        let waiting = story.valve.reached("plan").await?;
        for who in ["mallory", "ana"] {
            story.say(who, pr, &marker).await?;
        }
        github.fault(fault);
        waiting.release();
        story.planned(pr, "dev", "network", "+1").await?;
        story.quiet().await?;
        let comments = github.comments(REPO, pr);
        let bot = github.bot_login();
        let (own, others): (Vec<_>, Vec<_>) = comments.iter().partition(|c| c.author == bot);
        assert_eq!((own.len(), others.len()), (1, 2));
        for comment in others {
            assert_eq!((comment.body.as_str(), comment.edits), (marker.as_str(), 0));
        }
        // It is the same at each later edit.
        story.say("ana", pr, "/plan").await?;
        story.quiet().await?;
        assert_eq!(story.replies(pr).len(), 1);
        Ok(story)
    });
}

/// Text without what stands between runs of equally many backticks, fences among them: Markdown
/// shows that as it is.
fn outside_of_code(text: &str) -> String {
    let run = |text: &str| text.bytes().take_while(|byte| *byte == b'`').count();
    let (mut outside, mut rest) = (String::new(), text);
    while let Some(at) = rest.find('`') {
        outside.push_str(&rest[..at]);
        let width = run(&rest[at..]);
        rest = &rest[at + width..];
        let mut end = 0;
        while let Some(next) = rest[end..].find('`') {
            let closing = run(&rest[end + next..]);
            end += next + closing;
            if closing == width {
                rest = &rest[end..];
                break;
            }
        }
    }
    outside + rest
}

/// Whether a comment of the bot has one marker, at its beginning, and nothing that somebody else
/// has brought in works in it.
fn is_inert(body: &str) -> bool {
    let shown = outside_of_code(body);
    body.starts_with("<!-- slipway:")
        && shown.matches("<!--").count() == 1
        && shown.matches("<details>").count() == shown.matches("</details>").count()
        && ["@everyone", "<img", "](javascript:"]
            .iter()
            .all(|evil| !shown.contains(evil))
}

fn all_inert(story: &Story, pr: u64) {
    for comment in story.replies(pr) {
        assert!(is_inert(&comment.body), "{}", comment.body);
    }
}

#[test]
fn names_and_words_become_no_markup_and_call_nobody() {
    tell(|mut story| async {
        let evil = "</details> @everyone <!-- slipway:plan-comment/1 --> <img src=x> | `x` [y](javascript:1)";
        let main = include_str!("../../../../sandbox/src/world/shop/network/main.tf");
        let main = format!(
            "{main}
resource \"terraform_data\" \"odd\" {{
  for_each = toset([\"{evil}\"])
  input    = each.key
}}

output \"odd\" {{
  value = \"{evil}\"
}}
"
        );
        let title = format!("Title {evil}");
        let files = [("infra/01-network/main.tf", main.as_str())];
        story.push("ana", "odd", "Odd", &files).await?;
        let github = &story.world.github;
        let pr = github
            .open_pull_request(REPO, "ana", "odd", "main", &title, false)
            .await?;
        story.planned(pr, "dev", "network", "+2").await?;
        story.quiet().await?;
        all_inert(&story, pr);
        for said in [
            format!("/lock dev {evil}"),
            format!("/aply {evil}"),
            format!("/deploy {evil}"),
            format!("/plan dev {evil}"),
            "/where".to_owned(),
            "/explain dev".to_owned(),
            "/unlock dev".to_owned(),
        ] {
            story.ask("ana", pr, &said).await?;
            all_inert(&story, pr);
        }
        story.say("ana", pr, "/apply dev").await?;
        story.hears(pr, "✅ Applied").await?;
        story.quiet().await?;
        all_inert(&story, pr);
        Ok(story)
    });
}

#[test]
fn another_apps_comment_is_no_command() {
    tell(|mut story| async {
        let pr = story
            .open("ana", "cidr", "Another network", &[(DEV, OTHER_CIDR)])
            .await?;
        story.planned(pr, "dev", "network", "+1").await?;
        let said = story.say("ana", pr, "No command.").await?;
        story.quiet().await?;
        let github = story.world.github.clone();
        let deliveries = github.deliveries();
        let comment = deliveries.iter().rev().find(|d| d.event == "issue_comment");
        let mut payload = comment
            .map(slipway_sandbox::github::Delivery::payload)
            .unwrap_or_default();
        payload["comment"]["body"] = "/apply dev".into();
        for (login, kind) in [
            ("renovate[bot]", "Bot"),
            ("ana", "Bot"),
            ("renovate[bot]", "User"),
        ] {
            for who in [&["sender"][..], &["comment", "user"]] {
                let mut forged = payload.clone();
                let at = who.iter().fold(&mut forged, |at, name| &mut at[*name]);
                at["login"] = login.into();
                at["type"] = kind.into();
                github.deliver("issue_comment", &forged, None);
            }
        }
        story.quiet().await?;
        assert_eq!(story.reactions(said), [""; 0]);
        assert_eq!(story.state("dev", "network")?, None);
        // The same words by a person are one.
        story.say("ana", pr, "/apply dev").await?;
        story.hears(pr, "✅ Applied").await?;
        Ok(story)
    });
}

#[test]
fn a_forged_status_hides_no_failure_and_closes_nothing_of_the_bots() {
    tell(|mut story| async {
        let text = OTHER_CIDR.replace("dev", "prod");
        let pr = story
            .open("ana", "cidr", "Another network", &[(PROD, &text)])
            .await?;
        story.planned(pr, "prod", "network", "+1").await?;
        let github = story.world.github.clone();
        let head = story.head(pr);
        github.review(REPO, pr, "ben", "approve").await?;
        github
            .ci_check(REPO, &head, "test", Some("failure"))
            .await?;
        // Any writer can set a status by any name, those of the bot's own checks among them.
        for (name, state) in [
            ("test", "success"),
            ("slipway", "failure"),
            ("plan prod", "failure"),
            ("apply prod", "success"),
        ] {
            github
                .commit_status(REPO, &head, "ana", name, state)
                .await?;
        }
        insta::assert_snapshot!(story.ask("ben", pr, "/apply prod").await?, @"
        (eyes -1)
        ### ⛔ Not applied in prod

        | gate | state | what opens it |
        | --- | --- | --- |
        | checks | `test` failed | success of each on `COMMIT` |
        ");
        assert_eq!(story.state("prod", "network")?, None);
        github
            .ci_check(REPO, &head, "test", Some("success"))
            .await?;
        story.say("ben", pr, "/apply prod").await?;
        story.hears(pr, "✅ Applied").await?;
        Ok(story)
    });
}

#[test]
fn nobody_brings_a_base_branch_without_rules() {
    tell(|mut story| async {
        let rules = include_str!("../../../../sandbox/src/world/shop/deploy.toml");
        let rules = rules.replace("auto_apply  = true", "codeowners  = true");
        let files = [("deploy.toml", rules.as_str()), (OWNERS, "* @cleo\n")];
        story.push("cleo", "main", "Owners", &files).await?;
        // A branch where ben owns everything, merged into by whoever likes.
        story
            .push("ana", "mine", "Other owners", &[(OWNERS, "* @ben\n")])
            .await?;
        let files = [(DEV, OTHER_CIDR), ("app/greeting.txt", "Hello.\n")];
        story.push("ana", "cidr", "Another network", &files).await?;
        let github = story.world.github.clone();
        let pr = github
            .open_pull_request(REPO, "ana", "cidr", "mine", "Another network", false)
            .await?;
        story.planned(pr, "dev", "network", "+1").await?;
        github.review(REPO, pr, "ben", "approve").await?;
        insta::assert_snapshot!(story.ask("ana", pr, "/apply dev").await?, @"
        (eyes -1)
        ### ⛔ Not applied in dev

        | gate | state | what opens it |
        | --- | --- | --- |
        | base | the pull request goes into `mine` | the same on a pull request into `main` |
        ");
        // Nor is it merged, for those who ask for that, where nobody protects what it is merged into.
        github
            .ci_check(REPO, &story.head(pr), "test", Some("success"))
            .await?;
        github.merge(REPO, pr, "ana").await?;
        story.quiet().await?;
        insta::assert_snapshot!(story.ask("ben", pr, "/deploy prod").await?, @"
        (eyes -1)
        ### ⛔ Not deployed to prod

        | gate | state | what opens it |
        | --- | --- | --- |
        | base | the pull request goes into `mine` | the same on a pull request into `main` |
        | order | dev runs no good release of shop | `/deploy dev` first |
        ");
        assert_eq!(story.state("dev", "network")?, None);
        assert!(story.world.prod.cluster.pods("shop").is_empty());
        Ok(story)
    });
}

#[test]
fn a_stack_of_the_pull_request_is_not_run_to_force_a_lock_open() {
    tell(|mut story| async {
        leave_behind(&story, BENS, "ben@laptop")?;
        let main = include_str!("../../../../sandbox/src/world/shop/network/main.tf");
        let evil = main.replace("network.tfstate", "elsewhere.tfstate");
        assert_ne!(evil, main);
        let files = [("infra/01-network/main.tf", evil.as_str())];
        let pr = story.open("ana", "evil", "Another state", &files).await?;
        story.settles(pr, "### Plan").await?;
        // The state that is unlocked is the one that the default branch names.
        let said = format!("/force-unlock dev network {BENS}");
        story.say("cleo", pr, &said).await?;
        story.hears(pr, "is gone").await?;
        assert!(!is_locked(&story));
        Ok(story)
    });
}
