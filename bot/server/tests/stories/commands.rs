//! Commands: what is one, how what is none or wrong is answered, and those that change no world.

use std::time::Duration;

use slipway_sandbox::github::DeliveryFault;
use slipway_sandbox::world::REPO;

use crate::bot::{Story, tell};

const DEV: &str = "infra/01-network/dev.tfvars";
const OTHER_CIDR: &str = "environment = \"dev\"\ncidr        = \"10.9.0.0/16\"\n";

/// A pull request that touches no stack.
async fn words(story: &Story) -> anyhow::Result<u64> {
    let pr = story
        .open("ana", "words", "Words", &[("README.md", "# The shop\n")])
        .await?;
    story.check(&story.head(pr), "plan prod").await?;
    Ok(pr)
}

// --- what is a command

#[test]
fn what_is_no_command_is_met_with_silence() {
    tell(|story| async {
        let pr = words(&story).await?;
        for said in [
            "Looks good to me!",
            "Let's /plan this tomorrow",
            " /plan",
            "`/plan`",
            "> /plan",
            "First line\n/plan",
            "/hold",
            "/retest",
            "/",
            "//plan",
            "/etc/passwd",
        ] {
            story.ask_in_vain("ana", pr, said).await?;
        }
        Ok(story)
    });
}

#[test]
fn only_new_comments_of_people_on_pull_requests_count() {
    tell(|mut story| async {
        let github = story.world.github.clone();
        let pr = words(&story).await?;
        let said = story.say("ana", pr, "What can it do?").await?;
        github.edit_comment(REPO, said, "ana", "/help").await?;
        story.quiet().await?;
        assert!(story.replies(pr).is_empty());
        assert!(story.reactions(said).is_empty());
        // The bot's own comments, even if they begin like a command.
        let bot = github.bot_login();
        github.comment(REPO, pr, &bot, "/help").await?;
        story.quiet().await?;
        let own = story.replies(pr);
        assert_eq!(own.len(), 1);
        assert!(story.reactions(own[0].id).is_empty());
        github.delete_comment(REPO, own[0].id, &bot).await?;
        let issue = github.open_issue(REPO, "ana", "Help", "How?").await?;
        story.ask_in_vain("ana", issue, "/help").await?;
        // A comment that is gone when its turn comes.
        github.delivery_fault(DeliveryFault::Hold {
            event: Some("issue_comment".to_owned()),
        });
        let said = story.say("ana", pr, "/where").await?;
        github.delete_comment(REPO, said, "ana").await?;
        github.clear_faults();
        github.release_deliveries(slipway_sandbox::github::Order::AsHappened);
        story.reads(pr, "What is live where").await?;
        story.quiet().await?;
        Ok(story)
    });
}

#[test]
fn case_and_spaces_do_not_matter() {
    tell(|mut story| async {
        let pr = words(&story).await?;
        insta::assert_snapshot!(story.ask("ana", pr, "/PLAN   DEV   Network  \r\nplease").await?, @r#"
        (eyes rocket)
        ### Plan · `COMMIT` onto `main@COMMIT`

        |  | stack | changes |
        | --- | --- | --- |
        | dev | [network](http://HERE/runs/RUN) | +1 |

        <details><summary>dev · network: full plan (+1)</summary>

        ```diff
        + terraform_data.vpc
        +   id = (known after apply)
        +   input.cidr = "10.1.0.0/16"
        +   input.name = "shop-dev"
        +   output = (known after apply)

        # outputs
        + vpc = (known after apply)
        ```

        </details>

        dev as `slipway-plan` in 111111111111 (session `slipway-acme.shop-1-ana`) · valid until head or base moves · next: `/apply dev` · blocked? `/explain dev` · [run](http://HERE/runs/RUN)
        "#);
        let two = [
            story.say("ana", pr, "/lock dev one").await?,
            story.say("ana", pr, "/unlock dev").await?,
        ];
        story.quiet().await?;
        story.reads(pr, "is yours").await?;
        story.reads(pr, "dev is free").await?;
        for said in two {
            assert_eq!(
                story.reactions(said).first().map(String::as_str),
                Some("eyes")
            );
        }
        Ok(story)
    });
}

#[test]
fn what_is_wrong_with_a_command_is_said() {
    tell(|mut story| async {
        let pr = words(&story).await?;
        insta::assert_snapshot!(story.ask("ana", pr, "/aply dev").await?, @r#"
        (eyes confused)
        ### 😕 Not understood
        There is no command `/aply`. Did you mean `/apply`?

        It is written `/apply [ENV] [STACK…]`, for example `/apply dev`. All commands: `/help`
        "#);
        insta::assert_snapshot!(story.ask("ana", pr, "/deploy staging").await?, @r#"
        (eyes confused)
        ### 😕 Not understood
        There is no environment `staging`.

        The environments here: `dev`, `prod`

        It is written `/deploy ENV [SERVICE] [--sha SHA]`, for example `/deploy dev`. All commands: `/help`
        "#);
        insta::assert_snapshot!(story.ask("ana", pr, "/plan staging").await?, @r#"
        (eyes confused)
        ### 😕 Not understood
        There is no environment or stack `staging`.

        The environments here: `dev`, `prod`

        The stacks here: `network`, `database`

        It is written `/plan [ENV] [STACK…] [-- FLAG…]`, for example `/plan dev eks`. All commands: `/help`
        "#);
        insta::assert_snapshot!(story.ask("ana", pr, "/deploy dev shopp").await?, @r#"
        (eyes confused)
        ### 😕 Not understood
        There is no service `shopp`. Did you mean `shop`?

        The services here: `shop`

        It is written `/deploy ENV [SERVICE] [--sha SHA]`, for example `/deploy dev`. All commands: `/help`
        "#);
        insta::assert_snapshot!(story.ask("ana", pr, "/deploy").await?, @r#"
        (eyes confused)
        ### 😕 Not understood
        `/deploy` is missing `ENV`.

        It is written `/deploy ENV [SERVICE] [--sha SHA]`, for example `/deploy dev`. All commands: `/help`
        "#);
        insta::assert_snapshot!(story.ask("ana", pr, "/lock dev \"DB migration").await?, @r#"
        (eyes confused)
        ### 😕 Not understood
        The quote that opens at `"DB migration` is never closed.

        It is written `/lock ENV [REASON…] [--for TIME]`, for example `/lock prod --for 2h DB migration`. All commands: `/help`
        "#);
        insta::assert_snapshot!(story.ask("ana", pr, "/plan ../../etc").await?, @r#"
        (eyes confused)
        ### 😕 Not understood
        `../../etc` can't be `ENV`: it takes 1 to 40 letters, digits and inner hyphens.

        It is written `/plan [ENV] [STACK…] [-- FLAG…]`, for example `/plan dev eks`. All commands: `/help`
        "#);
        insta::assert_snapshot!(story.ask("ana", pr, "/plan dev /etc/passwd").await?, @r#"
        (eyes confused)
        ### 😕 Not understood
        `/etc/passwd` can't be `STACK`: it takes 1 to 40 letters, digits and inner hyphens.

        It is written `/plan [ENV] [STACK…] [-- FLAG…]`, for example `/plan dev eks`. All commands: `/help`
        "#);
        insta::assert_snapshot!(story.ask("ana", pr, "/plan dev;reboot").await?, @r#"
        (eyes confused)
        ### 😕 Not understood
        `dev;reboot` can't be `ENV`: it takes 1 to 40 letters, digits and inner hyphens.

        It is written `/plan [ENV] [STACK…] [-- FLAG…]`, for example `/plan dev eks`. All commands: `/help`
        "#);
        insta::assert_snapshot!(story.ask("ana", pr, "/plan $(reboot) `reboot`").await?, @r#"
        (eyes confused)
        ### 😕 Not understood
        `$(reboot)` can't be `ENV`: it takes 1 to 40 letters, digits and inner hyphens.

        It is written `/plan [ENV] [STACK…] [-- FLAG…]`, for example `/plan dev eks`. All commands: `/help`
        "#);
        insta::assert_snapshot!(story.ask("ana", pr, "/deploy dev --force").await?, @r#"
        (eyes confused)
        ### 😕 Not understood
        `/deploy` has no flag `--force`.

        It is written `/deploy ENV [SERVICE] [--sha SHA]`, for example `/deploy dev`. All commands: `/help`
        "#);
        insta::assert_snapshot!(story.ask("ana", pr, "/lock dev --for soon").await?, @r#"
        (eyes confused)
        ### 😕 Not understood
        `soon` can't be `--for`: it takes a length of time from 1m to 30d, like 90s, 30m or 2h.

        It is written `/lock ENV [REASON…] [--for TIME]`, for example `/lock prod --for 2h DB migration`. All commands: `/help`
        "#);
        insta::assert_snapshot!(story.ask("ana", pr, "/deploy dev --sha main").await?, @r#"
        (eyes confused)
        ### 😕 Not understood
        `main` can't be `--sha`: it takes 7 to 40 hexadecimal digits.

        It is written `/deploy ENV [SERVICE] [--sha SHA]`, for example `/deploy dev`. All commands: `/help`
        "#);
        insta::assert_snapshot!(story.ask("ana", pr, "/promote dev dev").await?, @r#"
        (eyes confused)
        ### 😕 Not understood
        `dev` can't be promoted to itself.

        It is written `/promote FROM TO [SERVICE]`, for example `/promote dev prod`. All commands: `/help`
        "#);
        insta::assert_snapshot!(story.ask("ana", pr, "/confirm").await?, @r#"
        (eyes confused)
        ### 😕 Not understood
        `/confirm` is missing `CODE`.

        It is written `/confirm CODE`, for example `/confirm K7QX`. All commands: `/help`
        "#);
        Ok(story)
    });
}

#[test]
fn a_very_long_comment_is_answered_briefly() {
    tell(|mut story| async {
        let pr = words(&story).await?;
        let line = format!("/plan dev {}", "network ".repeat(7_500));
        insta::assert_snapshot!(story.ask("ana", pr, &line).await?, @r#"
        (eyes confused)
        ### 😕 Not understood
        The line is too long: `/plan` takes at most 1000 characters.

        It is written `/plan [ENV] [STACK…] [-- FLAG…]`, for example `/plan dev eks`. All commands: `/help`
        "#);
        let text = format!("/where\n{}", "Much more to say. ".repeat(3_300));
        let answer = story.ask("ana", pr, &text).await?;
        assert!(answer.starts_with("(eyes rocket)"), "{answer}");
        let name = "x".repeat(900);
        let answer = story.ask("ana", pr, &format!("/plan {name}")).await?;
        assert!(answer.len() < 2_000, "{answer}");
        Ok(story)
    });
}

#[test]
fn a_delivery_that_comes_thrice_is_answered_once() {
    tell(|mut story| async {
        let github = story.world.github.clone();
        let pr = words(&story).await?;
        let said = story.say("ana", pr, "/where").await?;
        story.quiet().await?;
        let deliveries = github.deliveries();
        let asked = |body: &str| body.contains("\"/where\"");
        let delivery = deliveries.iter().find(|d| asked(&d.body));
        let guid = delivery.map(|d| d.guid.clone()).unwrap_or_default();
        github.redeliver(&guid).await?;
        github.redeliver(&guid).await?;
        story.quiet().await?;
        story.reads(pr, "What is live where").await?;
        assert_eq!(story.replies(pr).len(), 1);
        assert_eq!(story.reactions(said), ["eyes", "rocket"]);
        let answers: Vec<String> = github
            .deliveries()
            .into_iter()
            .filter(|d| d.guid == guid)
            .map(|d| format!("{} {}", d.status_code, d.answer))
            .collect();
        insta::assert_snapshot!(answers.join("\n"), @r#"
        202 {"result":"stored"}
        202 {"result":"known","because":"this delivery was stored before"}
        202 {"result":"known","because":"this delivery was stored before"}
        "#);
        Ok(story)
    });
}

#[test]
fn commands_on_a_closed_pull_request() {
    tell(|mut story| async {
        let pr = story
            .open("ana", "cidr", "Another network", &[(DEV, OTHER_CIDR)])
            .await?;
        story.settles(pr, "valid until").await?;
        story.world.github.close(REPO, pr, "ana").await?;
        story.quiet().await?;
        insta::assert_snapshot!(story.ask("ana", pr, "/apply dev").await?, @r#"
        (eyes -1)
        ### ⛔ Not applied in dev

        | gate | state | what opens it |
        | --- | --- | --- |
        | pull request | closed without a merge | reopen it |
        "#);
        insta::assert_snapshot!(story.ask("ana", pr, "/plan dev").await?, @r#"
        (eyes -1)
        ### ⛔ Not planned

        This pull request was closed without a merge. Reopen it first: it is planned by itself then.
        "#);
        insta::assert_snapshot!(story.ask("ana", pr, "/deploy dev").await?, @r#"
        (eyes -1)
        ### ⛔ Not deployed to dev

        | gate | state | what opens it |
        | --- | --- | --- |
        | pull request | closed without a merge | reopen it, or deploy from another pull request |
        "#);
        insta::assert_snapshot!(story.ask("ana", pr, "/where").await?, @r#"
        (eyes rocket)
        ### What is live where

        |  | service | commit | digest | by | since | behind |
        | --- | --- | --- | --- | --- | --- | --- |
        | dev | shop | never deployed | – | – | – | – |
        | prod | shop | never deployed | – | – | – | – |
        "#);
        Ok(story)
    });
}

// --- commands that change nothing

#[test]
fn help_knows_this_repository() {
    tell(|mut story| async {
        let pr = words(&story).await?;
        insta::assert_snapshot!(story.ask("mallory", pr, "/help").await?, @r"
        (eyes rocket)
        ### Slipway in this repository

        | command | does | who |
        | --- | --- | --- |
        | `/plan [dev\|prod] [network\|database…] [-- FLAG…]` | plan the stacks that this pull request touches, or those named | who may plan |
        | `/apply [dev\|prod] [network\|database…]` | apply exactly the plans shown | who may apply |
        | `/deploy dev\|prod [shop] [--sha SHA]` | roll out this pull request's image | who may deploy |
        | `/promote dev\|prod dev\|prod [shop]` | roll out in TO the very digest that is live in FROM | who may deploy |
        | `/rollback dev\|prod [shop] [--to SHA]` | roll out the previous good release, and set a hold | who may deploy |
        | `/resume dev\|prod` | lift the hold, so that merges deploy again | who may deploy |
        | `/lock dev\|prod [REASON…] [--for TIME]` | claim an environment | who may deploy |
        | `/unlock dev\|prod` | free an environment | who may deploy |
        | `/force-unlock dev\|prod network\|database ID` | force the state lock of a stack open | who may force-unlock |
        | `/override dev\|prod REASON…` | let the plans of this pull request be applied although policies deny them | who may override policies |
        | `/where` | show what runs where | anyone |
        | `/explain dev\|prod` | show every gate with its state and what would open it | anyone |
        | `/confirm CODE` | take the second step of a run that asks for one | who may start that run |
        | `/cancel [RUN]` | stop a queued or running run | who may start that run |
        | `/retry` | run the last run again | who may start that run |
        | `/help` | show the commands, environments, stacks and rules of this repository | anyone |

        Said as the first line of a new comment on a pull request.

        #### Environments

        | | in | plan | apply | deploy | on merge | gates |
        | --- | --- | --- | --- | --- | --- | --- |
        | **dev** | 111111111111 eu-central-1 | `write` | `write` | `write` | applies, deploys | none |
        | **prod** (production) | 222222222222 eu-central-1 | `write` | `maintain` | `team:acme/releasers` | nothing | live in dev for 4s first · 1 approval · checks `test` · merged · confirmed |

        #### Stacks

        | | directory | in | after |
        | --- | --- | --- | --- |
        | **network** | `infra/01-network` | dev, prod |  |
        | **database** | `infra/02-database` | dev, prod | network |

        #### Services

        | | image | touched by | after the stacks |
        | --- | --- | --- | --- |
        | **shop** | `ghcr.io/acme/shop:sha-{sha}` | `app/**` | database |

        <details><summary>More about each command</summary>

        - `/plan dev eks`: Without an environment it plans everywhere. On a draft, on a pull request from a fork, or on one by somebody without the right to plan, nothing is planned until this is said; it covers the head commit it was said about. For one stack in one environment, `--` and flags may follow: `-target=ADDR`, `-replace=ADDR`, `-refresh-only`, `-destroy` (which takes a right of its own) and no others. Such a plan is applied only by `/apply ENV STACK`, and never counts as all of the stack.
        - `/apply dev`: Where the head, the base or a plan has changed since, it plans again and says so instead. The stacks that one depends on are applied before it, or along with it.
        - `/deploy dev`: The image of the head commit; once merged, of the merge commit; or of the commit that `--sha` names. Without a service it rolls out all that the pull request touches.
        - `/promote dev prod`: The gates of TO apply.
        - `/rollback prod`: Nothing is deployed there automatically until `/resume`. `--to` names the commit of an older release.
        - `/resume prod`: It deploys nothing by itself.
        - `/lock prod --for 2h DB migration`: Nobody else deploys or applies there until `/unlock`, or until the time given with `--for` is over (`90s`, `30m`, `2h`, `1d`).
        - `/unlock prod`: A lock is freed by its holder or by an administrator of the repository.
        - `/force-unlock dev eks UUID`: For a lock that a dead Terraform left behind; its id is shown where a plan or an apply ended at it. Make sure that nobody is at work under it: two at once can spoil the state. The backend is read from the default branch, and the role is the one of applies.
        - `/override prod the bucket was emptied in #41`: It covers what is denied in that environment at the head commit it was said about, and nothing else: another commit, or another denial, needs another word. The reason is kept and shown.
        - `/where`: For each environment and service: digest, commit, pull request, who, when, hold, commits behind; and each lock with those who wait for it.
        - `/explain prod`: It changes nothing.
        - `/confirm K7QX`: The code is shown with the request, is good for that run alone, and runs out.
        - `/cancel 9f3c2b1a`: Without an id it stops all runs of this pull request.
        - `/retry`: The gates are asked again.
        - `/help`

        </details>
        ");
        Ok(story)
    });
}

#[test]
fn where_says_that_nothing_is_live_yet() {
    tell(|mut story| async {
        let pr = words(&story).await?;
        insta::assert_snapshot!(story.ask("mallory", pr, "/where").await?, @r#"
        (eyes rocket)
        ### What is live where

        |  | service | commit | digest | by | since | behind |
        | --- | --- | --- | --- | --- | --- | --- |
        | dev | shop | never deployed | – | – | – | – |
        | prod | shop | never deployed | – | – | – | – |
        "#);
        story.ask("cleo", pr, "/lock prod --for 2h Audit").await?;
        insta::assert_snapshot!(story.ask("mallory", pr, "/where").await?, @r#"
        (eyes rocket)
        ### What is live where

        |  | service | commit | digest | by | since | behind |
        | --- | --- | --- | --- | --- | --- | --- |
        | dev | shop | never deployed | – | – | – | – |
        | prod 🔒 | shop | never deployed | – | – | – | – |

        | 🔒 | held by | since | free | in line |
        | --- | --- | --- | --- | --- |
        | prod | `cleo` (#1): "Audit" | N s ago | in 1 h 59 min or `/unlock prod` | – |
        "#);
        story.ask("cleo", pr, "/unlock prod").await?;
        Ok(story)
    });
}

#[test]
fn explain_names_every_gate_and_what_opens_it() {
    tell(|mut story| async {
        let pr = story
            .open("ana", "cidr", "Another network", &[(DEV, OTHER_CIDR)])
            .await?;
        story.settles(pr, "valid until").await?;
        insta::assert_snapshot!(story.ask("ana", pr, "/explain dev").await?, @"
        (eyes rocket)
        ### dev: every gate is open

        |  | gate | state | what opens it |
        | --- | --- | --- | --- |
        | ✅ | right (apply) | ana may apply |  |
        | ✅ | pull request (apply, deploy shop) | open |  |
        | ✅ | lock (apply, deploy shop) | free |  |
        | ✅ | plan of network (apply) | fresh |  |
        | ✅ | right (deploy shop) | ana may deploy |  |
        | ✅ | hold (deploy on merge) | none |  |
        ");
        insta::assert_snapshot!(story.ask("ana", pr, "/explain prod").await?, @r#"
        (eyes rocket)
        ### prod: 5 of 6 gates are closed

        |  | gate | state | what opens it |
        | --- | --- | --- | --- |
        | ⛔ | right (deploy shop) | ana may not deploy in prod | somebody with `team:acme/releasers` |
        | ⛔ | pull request (deploy shop) | open | merge it first |
        | ⛔ | approval (deploy shop) | 0 of 1 | a review of `COMMIT` by someone other than ana |
        | ⛔ | checks (deploy shop) | `test` has not reported | success of each on `COMMIT` |
        | ⛔ | order (deploy shop) | dev runs no good release of shop | `/deploy dev` first |
        | ✅ | lock (deploy shop) | free |  |
        "#);
        story.ask("cleo", pr, "/lock dev Audit").await?;
        insta::assert_snapshot!(story.ask("ana", pr, "/explain dev").await?, @"
        (eyes rocket)
        ### dev: every gate is open

        |  | gate | state | what opens it |
        | --- | --- | --- | --- |
        | ✅ | right (apply) | ana may apply |  |
        | ✅ | pull request (apply, deploy shop) | open |  |
        | ✅ | lock (apply, deploy shop) | held by this pull request |  |
        | ✅ | plan of network (apply) | fresh |  |
        | ✅ | right (deploy shop) | ana may deploy |  |
        | ✅ | hold (deploy on merge) | none |  |
        ");
        story.ask("cleo", pr, "/unlock dev").await?;
        Ok(story)
    });
}

// --- locks

#[test]
fn a_lock_is_taken_with_a_reason_and_freed_by_its_holder_or_an_admin() {
    tell(|mut story| async {
        let pr = words(&story).await?;
        insta::assert_snapshot!(story.ask("ana", pr, "/unlock dev").await?, @r#"
        (eyes -1)
        ### dev is not locked

        `/lock dev` claims it.
        "#);
        insta::assert_snapshot!(story.ask("mallory", pr, "/lock dev Mine").await?, @r#"
        (eyes -1)
        ### ⛔ Not allowed to lock dev

        | gate | state | what opens it |
        | --- | --- | --- |
        | right | mallory may not deploy in dev | somebody with `write` |
        "#);
        insta::assert_snapshot!(story.ask("ana", pr, "/lock prod Mine").await?, @r#"
        (eyes -1)
        ### ⛔ Not allowed to lock prod

        | gate | state | what opens it |
        | --- | --- | --- |
        | right | ana may not deploy in prod | somebody with `team:acme/releasers` |
        "#);
        insta::assert_snapshot!(story.ask("ana", pr, "/lock dev --for 2h DB migration | @cleo <b>").await?, @r#"
        (eyes rocket)
        ### 🔒 dev is yours, @ana: "DB migration &#124; @&#8203;cleo &lt;b&gt;"

        It frees itself in 2 h · free it: `/unlock dev`
        "#);
        story.pass(Duration::from_secs(70 * 60)).await?;
        insta::assert_snapshot!(story.ask("ben", pr, "/lock dev Mine").await?, @r#"
        (eyes -1)
        ### 🔒 dev is locked by @ana (#1) for 1 h 10 min: "DB migration &#124; @&#8203;cleo &lt;b&gt;"

        Free it: `/unlock dev` (@ana or an admin) · frees itself in 49 min
        "#);
        insta::assert_snapshot!(story.ask("ben", pr, "/unlock dev").await?, @r#"
        (eyes -1)
        ### 🔒 dev is locked by @ana (#1) for 1 h 10 min: "DB migration &#124; @&#8203;cleo &lt;b&gt;"

        Free it: `/unlock dev` (@ana or an admin) · frees itself in 49 min
        "#);
        insta::assert_snapshot!(story.ask("ana", pr, "/unlock dev").await?, @r#"
        (eyes rocket)
        ### 🔓 dev is free

        @ana held it for 1 h 10 min.
        "#);
        insta::assert_snapshot!(story.ask("ana", pr, "/lock dev").await?, @r#"
        (eyes rocket)
        ### 🔒 dev is yours, @ana

        It stays until it is freed · free it: `/unlock dev`
        "#);
        insta::assert_snapshot!(story.ask("cleo", pr, "/unlock dev").await?, @r#"
        (eyes rocket)
        ### 🔓 dev is free

        `cleo` freed the lock of @ana, held for N s.
        "#);
        Ok(story)
    });
}

#[test]
fn a_lock_frees_itself_when_its_time_is_over() {
    tell(|mut story| async {
        let pr = words(&story).await?;
        story
            .ask("ana", pr, "/lock dev --for 30m Migration")
            .await?;
        story.pass(Duration::from_secs(29 * 60)).await?;
        let refused = story.ask("ben", pr, "/lock dev Mine").await?;
        assert!(refused.starts_with("(eyes -1)"), "{refused}");
        story.pass(Duration::from_secs(2 * 60)).await?;
        insta::assert_snapshot!(story.ask("ben", pr, "/lock dev Mine").await?, @r#"
        (eyes rocket)
        ### 🔒 dev is yours, @ben: "Mine"

        It stays until it is freed · free it: `/unlock dev`
        "#);
        story.ask("ben", pr, "/unlock dev").await?;
        Ok(story)
    });
}

// --- stopping

#[test]
fn a_plan_is_cancelled_whether_it_waits_or_is_under_way() {
    tell(|mut story| async {
        story.valve.shut("plan")?;
        let database = "environment = \"dev\"\nsize        = \"medium\"\n";
        let files = [
            (DEV, OTHER_CIDR),
            ("infra/02-database/dev.tfvars", database),
        ];
        let pr = story.open("ana", "both", "Both", &files).await?;
        let waiting = story.valve.reached("plan").await?;
        let said = story.say("mallory", pr, "/cancel").await?;
        story.sees(said, "-1").await?;
        let refused = story.reads(pr, "Not cancelled").await?;
        insta::assert_snapshot!(refused, @r#"
        ### ⛔ Not cancelled in dev

        | gate | state | what opens it |
        | --- | --- | --- |
        | right | mallory may not plan in dev | somebody with `write` |
        "#);
        let said = story.say("ana", pr, "/cancel").await?;
        story.sees(said, "rocket").await?;
        waiting.release();
        insta::assert_snapshot!(story.reads(pr, "✋").await?, @r#"
        ### ✋ Cancelled

        - plan of `network` in dev (`RUN`): stops after the step in hand
        - plan of `database` in dev (`RUN`)
        "#);
        insta::assert_snapshot!(story.settles(pr, "### Plan ·").await?, @r#"
        ### Plan · `COMMIT` onto `main@COMMIT`

        |  | stack | changes |
        | --- | --- | --- |
        | dev | [network](http://HERE/runs/RUN) | cancelled |
        | dev | [database](http://HERE/runs/RUN) | cancelled |

        dev as `slipway-plan` in 111111111111 (session `slipway-acme.shop-1-ana`) · [run](http://HERE/runs/RUN)
        "#);
        story.quiet().await?;
        insta::assert_snapshot!(story.checks(&story.head(pr)), @"
        plan dev: cancelled, Cancelled
        plan prod: success, Nothing to do
        slipway: action_required, Not planned: somebody with the plan right says /plan
        ");
        insta::assert_snapshot!(story.ask("ana", pr, "/cancel").await?, @r#"
        (eyes -1)
        ### Nothing to cancel

        No run of this pull request is queued or under way.
        "#);
        insta::assert_snapshot!(story.ask("ana", pr, "/cancel 0123abcd").await?, @r#"
        (eyes -1)
        ### Nothing to cancel

        No run `RUN` is queued or under way.
        "#);
        let said = story.say("ana", pr, "/retry").await?;
        story.sees(said, "rocket").await?;
        story.quiet().await?;
        insta::assert_snapshot!(story.checks(&story.head(pr)), @"
        plan dev: success, +2
        plan prod: success, Nothing to do
        slipway: success, All is planned
        ");
        Ok(story)
    });
}
