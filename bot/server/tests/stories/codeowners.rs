//! `codeowners = true`: whoever answers for a file by CODEOWNERS approves its change.

use slipway_sandbox::github::Fault;
use slipway_sandbox::world::REPO;

use crate::bot::{Story, tell};

const DEV: &str = "infra/01-network/dev.tfvars";
const OTHER_CIDR: &str = "environment = \"dev\"\ncidr        = \"10.9.0.0/16\"\n";
const RULES: &str = include_str!("../../../sandbox/src/world/shop/deploy.toml");
const PLACE: &str = ".github/CODEOWNERS";

/// Owners are asked in dev, by the word of people, and this is who they are.
async fn owned(story: &Story, codeowners: &[(&str, &str)]) -> anyhow::Result<()> {
    let text = RULES.replace("auto_apply  = true", "codeowners = true");
    assert_ne!(text, RULES);
    let mut files = vec![("deploy.toml", text.as_str())];
    files.extend(codeowners);
    story.push("cleo", "main", "Owners", &files).await?;
    Ok(())
}

async fn another_network(story: &mut Story) -> anyhow::Result<u64> {
    let pr = story
        .open(
            "ana",
            "cidr",
            "Another network",
            &[(DEV, OTHER_CIDR), ("docs/network.md", "It is wider.\n")],
        )
        .await?;
    story.planned(pr, "dev", "network", "+1").await?;
    Ok(pr)
}

#[test]
fn an_owner_of_each_file_approves_of_the_head() {
    tell(|mut story| async {
        let text = "* @ana @ben\n/infra/ @acme/releasers\n/docs/ @mallory @cleo # words\n";
        owned(&story, &[(PLACE, text)]).await?;
        let pr = another_network(&mut story).await?;
        insta::assert_snapshot!(story.ask("ana", pr, "/apply dev").await?, @"
        (eyes -1)
        ### ⛔ Not applied in dev

        | gate | state | what opens it |
        | --- | --- | --- |
        | code owners | `docs/network.md` waits for `@mallory` or `@cleo`; `infra/01-network/dev.tfvars` waits for `@acme/releasers` | an approval of `COMMIT` by an owner of each, other than ana |
        ");
        // Somebody who may only read the repository approves of nothing, whatever the file says.
        let github = story.world.github.clone();
        github.review(REPO, pr, "mallory", "approve").await?;
        github.review(REPO, pr, "ben", "approve").await?;
        insta::assert_snapshot!(story.ask("ana", pr, "/explain dev").await?, @"
        (eyes rocket)
        ### dev: 1 of 7 gates is closed

        |  | gate | state | what opens it |
        | --- | --- | --- | --- |
        | ✅ | right (apply) | ana may apply |  |
        | ✅ | pull request (apply, deploy shop) | open |  |
        | ⛔ | code owners (apply, deploy shop) | `docs/network.md` waits for `@mallory` or `@cleo` | an approval of `COMMIT` by an owner of each, other than ana |
        | ✅ | lock (apply, deploy shop) | free |  |
        | ✅ | plan of network (apply) | fresh |  |
        | ✅ | right (deploy shop) | ana may deploy |  |
        | ✅ | hold (deploy on merge) | none |  |
        ");
        github.review(REPO, pr, "cleo", "approve").await?;
        story.say("ana", pr, "/apply dev").await?;
        story.hears(pr, "✅ Applied").await?;
        Ok(story)
    });
}

#[test]
fn an_owners_approval_that_is_dismissed_before_the_effect_stops_it() {
    tell(|mut story| async {
        owned(&story, &[("CODEOWNERS", "/infra @ben\n")]).await?;
        let pr = another_network(&mut story).await?;
        let github = story.world.github.clone();
        let review = github.review(REPO, pr, "ben", "approve").await?;
        story.valve.shut("init")?;
        story.say("ana", pr, "/apply dev").await?;
        let waiting = story.valve.reached("init").await?;
        github.dismiss_review(REPO, pr, review, "cleo").await?;
        waiting.release();
        insta::assert_snapshot!(story.hears(pr, "⛔").await?, @"
        ### ⛔ Not applied in dev: `COMMIT` · asked for by `ana`

        | stack | outcome |
        | --- | --- |
        | network | ⛔ not applied: the gate code owners is closed |

        | gate | state | what opens it |
        | --- | --- | --- |
        | code owners | `infra/01-network/dev.tfvars` waits for `@ben` | an approval of `COMMIT` by an owner of each, other than ana |

        next: `/retry` or `/explain dev` · [run](http://HERE/runs/RUN)
        ");
        assert_eq!(story.state("dev", "network")?, None);
        Ok(story)
    });
}

#[test]
fn nobody_makes_themselves_an_owner_of_their_own_change() {
    tell(|mut story| async {
        owned(&story, &[("docs/CODEOWNERS", "* @cleo\n")]).await?;
        let pr = story
            .open(
                "ana",
                "cidr",
                "Another network",
                &[(DEV, OTHER_CIDR), (PLACE, "* @ben\n")],
            )
            .await?;
        story.planned(pr, "dev", "network", "+1").await?;
        let github = story.world.github.clone();
        github.review(REPO, pr, "ben", "approve").await?;
        insta::assert_snapshot!(story.ask("ana", pr, "/apply dev").await?, @"
        (eyes -1)
        ### ⛔ Not applied in dev

        | gate | state | what opens it |
        | --- | --- | --- |
        | code owners | `.github/CODEOWNERS`, `infra/01-network/dev.tfvars` wait for `@cleo` | an approval of `COMMIT` by an owner of each, other than ana |
        ");
        // Now the base has the new file, and still it is not this change that it speaks for.
        github.merge(REPO, pr, "ana").await?;
        story.quiet().await?;
        insta::assert_snapshot!(story.ask("ana", pr, "/apply dev").await?, @"
        (eyes -1)
        ### ⛔ Not applied in dev

        | gate | state | what opens it |
        | --- | --- | --- |
        | code owners | `.github/CODEOWNERS`, `infra/01-network/dev.tfvars` wait for `@cleo` | an approval of `COMMIT` by an owner of each, other than ana |
        ");
        assert_eq!(story.state("dev", "network")?, None);
        Ok(story)
    });
}

#[test]
fn owners_that_cannot_be_known_keep_the_gate_closed() {
    tell(|mut story| async {
        owned(&story, &[]).await?;
        let pr = another_network(&mut story).await?;
        let github = story.world.github.clone();
        github.review(REPO, pr, "ben", "approve").await?;
        insta::assert_snapshot!(story.ask("ana", pr, "/apply dev").await?, @"
        (eyes -1)
        ### ⛔ Not applied in dev

        | gate | state | what opens it |
        | --- | --- | --- |
        | code owners | `main` has no CODEOWNERS | a file `.github/CODEOWNERS` there, or `codeowners` taken out of deploy.toml |
        ");
        let mail = "/infra/ network@example.com\n";
        story
            .push("cleo", "main", "Owners", &[(PLACE, mail)])
            .await?;
        insta::assert_snapshot!(story.ask("ana", pr, "/explain dev").await?, @"
        (eyes rocket)
        ### dev: 2 of 7 gates are closed

        |  | gate | state | what opens it |
        | --- | --- | --- | --- |
        | ✅ | right (apply) | ana may apply |  |
        | ✅ | pull request (apply, deploy shop) | open |  |
        | ⛔ | code owners (apply, deploy shop) | `infra/01-network/dev.tfvars` waits for `network@example.com` | another owner in `.github/CODEOWNERS`, where only the author or an e-mail address is one; nobody can tell whose an e-mail address is: name an account or a team |
        | ✅ | lock (apply, deploy shop) | free |  |
        | ⛔ | plan of network (apply) | onto `COMMIT`, `main` is at `COMMIT` now | a new plan |
        | ✅ | right (deploy shop) | ana may deploy |  |
        | ✅ | hold (deploy on merge) | none |  |
        ");
        let faulty = "* @ben\n!/docs/\n/infra/[0-9]* @ben\n";
        story
            .push("cleo", "main", "Owners", &[(PLACE, faulty)])
            .await?;
        insta::assert_snapshot!(story.ask("ana", pr, "/explain dev").await?, @"
        (eyes rocket)
        ### dev: 2 of 7 gates are closed

        |  | gate | state | what opens it |
        | --- | --- | --- | --- |
        | ✅ | right (apply) | ana may apply |  |
        | ✅ | pull request (apply, deploy shop) | open |  |
        | ⛔ | code owners (apply, deploy shop) | `.github/CODEOWNERS` of `main` can't be read: line 2: `!` takes nothing back in CODEOWNERS; line 3: `[` and `]` have no meaning in CODEOWNERS | each of its lines mended: what can't be read is not passed |
        | ✅ | lock (apply, deploy shop) | free |  |
        | ⛔ | plan of network (apply) | onto `COMMIT`, `main` is at `COMMIT` now | a new plan |
        | ✅ | right (deploy shop) | ana may deploy |  |
        | ✅ | hold (deploy on merge) | none |  |
        ");
        let team = "/infra/ @acme/releasers\n";
        story
            .push("cleo", "main", "Owners", &[(PLACE, team)])
            .await?;
        github.fault(Fault {
            method: Some(http::Method::GET),
            path: "/orgs/acme/teams/releasers/memberships/ben*".to_owned(),
            times: None,
            effect: Fault::status(502, "Server Error"),
        });
        insta::assert_snapshot!(story.ask("ana", pr, "/explain dev").await?, @"
        (eyes rocket)
        ### dev: 2 of 7 gates are closed

        |  | gate | state | what opens it |
        | --- | --- | --- | --- |
        | ✅ | right (apply) | ana may apply |  |
        | ✅ | pull request (apply, deploy shop) | open |  |
        | ⛔ | code owners (apply, deploy shop) | `infra/01-network/dev.tfvars` waits for `@acme/releasers`; could not be read: GitHub: reading whether @&#8203;ben is in acme/releasers: Server Error | try again in a minute; what can't be read is not passed; an approval of `COMMIT` by an owner of each, other than ana |
        | ✅ | lock (apply, deploy shop) | free |  |
        | ⛔ | plan of network (apply) | onto `COMMIT`, `main` is at `COMMIT` now | a new plan |
        | ✅ | right (deploy shop) | ana may deploy |  |
        | ✅ | hold (deploy on merge) | none |  |
        ");
        github.clear_faults();
        insta::assert_snapshot!(story.ask("ana", pr, "/explain dev").await?, @"
        (eyes rocket)
        ### dev: 1 of 7 gates is closed

        |  | gate | state | what opens it |
        | --- | --- | --- | --- |
        | ✅ | right (apply) | ana may apply |  |
        | ✅ | pull request (apply, deploy shop) | open |  |
        | ✅ | code owners (apply, deploy shop) | 1 owned file approved |  |
        | ✅ | lock (apply, deploy shop) | free |  |
        | ⛔ | plan of network (apply) | onto `COMMIT`, `main` is at `COMMIT` now | a new plan |
        | ✅ | right (deploy shop) | ana may deploy |  |
        | ✅ | hold (deploy on merge) | none |  |
        ");
        Ok(story)
    });
}
