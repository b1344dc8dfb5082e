//! The check of a changed deploy.toml, as people read it.

use crate::facts::{Facts, Permission};
use crate::projection::config_check;
use crate::report::CHECK_LIMIT;
use crate::report::check::CheckOutput;
use crate::testing::{Situation, apply, deploy, plan, situation, toml};

fn output(facts: &Facts) -> CheckOutput {
    let pr = facts.pr.as_ref().unwrap();
    config_check(pr, pr.proposed_config.as_ref().unwrap(), facts)
}

/// All of the check: conclusion, title, summary, text, annotations.
fn shown(situation: &Situation) -> String {
    let output = output(&situation.facts);
    let mut text = format!(
        "{}: {:?}: {}\n{}",
        output.name,
        output.conclusion.unwrap(),
        output.title,
        output.summary
    );
    if !output.text.is_empty() {
        text.push_str(&format!("---\n{}", output.text));
    }
    for note in &output.annotations {
        text.push_str(&format!(
            "@ {}:{}-{} {:?} {:?}: {}: {}\n",
            note.path,
            note.start_line,
            note.end_line,
            note.columns,
            note.level,
            note.title,
            note.message
        ));
    }
    text
}

#[test]
fn wider_rights_and_looser_rules_come_first() {
    let new = toml(
        "url = \"https://x.example.com\"",
        "approvals = 0\nallow.apply = [\"read\"]",
    );
    let old = toml("", "approvals = 2\nconfirm = true");
    insta::assert_snapshot!(shown(&situation().config(&old).proposes(Some(&new))), @"
    slipway / deploy.toml: Success: ⚠️ 3 changes widen rights or loosen rules, 1 other
    What is in force is `main`'s `deploy.toml` until this is merged.

    **Wider rights and looser rules**

    - ⚠️ prod · `allow.apply`: everyone with `read` may apply now
    - ⚠️ prod · `approvals`: nobody has to approve any more (was 2)
    - ⚠️ prod · `confirm`: nobody is asked for a second step any more

    **Other changes**

    - dev · `url`: `https://x.example.com/` instead of none
    ");
    insta::assert_snapshot!(shown(&situation().config(&new).proposes(Some(&old))), @"
    slipway / deploy.toml: Success: 4 changes, none that widens rights or loosens rules
    What is in force is `main`'s `deploy.toml` until this is merged.

    **Changes**

    - dev · `url`: none instead of `https://x.example.com/`
    - prod · `allow.apply`: everyone with `read` may no longer apply
    - prod · `approvals`: 2 instead of 0
    - prod · `confirm`: a second step is asked for now
    ");
}

#[test]
fn comments_and_layout_change_nothing() {
    let new = format!("# A comment\n{}", toml("approvals = 0", ""));
    insta::assert_snapshot!(shown(&situation().proposes(Some(&new))), @"
    slipway / deploy.toml: Success: No rule changes (comments or layout only)
    What is in force is `main`'s `deploy.toml` until this is merged.
    ");
    insta::assert_snapshot!(shown(&situation().proposes(Some(&new)).behind(3)), @"
    slipway / deploy.toml: Success: No rule changes (comments or layout only)
    What is in force is `main`'s `deploy.toml` until this is merged. The head is 3 commits behind `main`: rules that changed there since show here as if this took them back.
    ");
    let elsewhere = situation()
        .proposes(Some(&new))
        .base("release", 'd')
        .behind(3);
    insta::assert_snapshot!(shown(&elsewhere), @"
    slipway / deploy.toml: Success: No rule changes (comments or layout only)
    What is in force is `main`'s `deploy.toml` until this is merged. This pull request is aimed at `release`: rules count from `main` only.
    ");
}

#[test]
fn errors_are_told_as_slipway_check_does_and_on_their_lines() {
    let new = toml("aprovals = 1", "soak = \"soon\"\nafter = [\"dev\"]");
    insta::assert_snapshot!(shown(&situation().proposes(Some(&new))), @r#"
    slipway / deploy.toml: Failure: deploy.toml has 2 errors
    What is in force is `main`'s `deploy.toml` until this is merged.

    Merged like this, nothing would be planned, applied or deployed until it is mended. `slipway check` says the same before a push.
    ---
    ```
    deploy.toml:3:1: error: unknown key `aprovals` in environments.dev
      |
    3 | aprovals = 1
      | ^^^^^^^^
      = help: did you mean `approvals`?

    deploy.toml:11:8: error: "soon" is not a length of time
       |
    11 | soak = "soon"
       |        ^^^^^^
       = help: write it like "90s", "30m", "1h" or "1h30m"
    ```
    @ deploy.toml:3-3 Some((1, 8)) Failure: unknown key `aprovals` in environments.dev: did you mean `approvals`?
    @ deploy.toml:11-11 Some((8, 13)) Failure: "soon" is not a length of time: write it like "90s", "30m", "1h" or "1h30m"
    "#);
}

#[test]
fn warnings_do_not_make_it_bad() {
    let new = toml("outside = \"refuse\"", "");
    insta::assert_snapshot!(shown(&situation().proposes(Some(&new))), @r#"
    slipway / deploy.toml: Success: 1 change, none that widens rights or loosens rules
    What is in force is `main`'s `deploy.toml` until this is merged.

    **Changes**

    - dev · `outside`: a change outside the windows or in a freeze is refused, and does not wait
    ---
    ```
    deploy.toml:3:11: warning: `outside` without `windows` and `[[freeze]]` has no effect
      |
    3 | outside = "refuse"
      |           ^^^^^^^^
    ```
    @ deploy.toml:3-3 Some((11, 18)) Warning: `outside` without `windows` and `[[freeze]]` has no effect: `outside` without `windows` and `[[freeze]]` has no effect
    "#);
}

#[test]
fn a_first_file_and_one_that_mends_are_told_as_a_whole() {
    let new = toml("", "production = true");
    let first = situation().without_config().proposes(Some(&new));
    insta::assert_snapshot!(shown(&first), @"
    slipway / deploy.toml: Success: The first deploy.toml: 2 environments, 3 stacks, 1 service
    `main` has no `deploy.toml`: nothing is planned, applied or deployed until one is merged.

    **What it says**

    - dev is new: account 111111111111 in `eu-central-1`; everyone with `write` may plan as `slipway-plan`, everyone with `write` may apply as `slipway-apply`, everyone with `admin` may force-unlock as `slipway-apply`, everyone with `write` may deploy as `slipway-deploy`; no gates; stacks `network`, `eks`, `database`
    - prod is new: account 222222222222 in `eu-central-1`; everyone with `write` may plan as `slipway-plan`, everyone with `write` may apply as `slipway-apply`, everyone with `admin` may force-unlock as `slipway-apply`, everyone with `write` may deploy as `slipway-deploy`; gates: 1 approval, checks: those that the base branch requires, up to date, merged, confirmed; stacks `network`, `eks`
    - stack `network` is new: `infra/network` in `dev`, `prod`
    - stack `eks` is new: `infra/eks` in `dev`, `prod`
    - stack `database` is new: `infra/database` in `dev`
    - service `shop` is new: `ghcr.io/acme/shop` from `k8s/{environment}` in namespace `shop` of cluster `shop-{environment}`
    ");
    let mending = situation().with_broken_config().proposes(Some(&new));
    insta::assert_snapshot!(shown(&mending), @"
    slipway / deploy.toml: Success: deploy.toml is good again: 2 environments, 3 stacks, 1 service
    `main`'s `deploy.toml` has errors: there is nothing to compare with, and nothing is planned, applied or deployed until it is mended there.

    **What it says**

    - dev is new: account 111111111111 in `eu-central-1`; everyone with `write` may plan as `slipway-plan`, everyone with `write` may apply as `slipway-apply`, everyone with `admin` may force-unlock as `slipway-apply`, everyone with `write` may deploy as `slipway-deploy`; no gates; stacks `network`, `eks`, `database`
    - prod is new: account 222222222222 in `eu-central-1`; everyone with `write` may plan as `slipway-plan`, everyone with `write` may apply as `slipway-apply`, everyone with `admin` may force-unlock as `slipway-apply`, everyone with `write` may deploy as `slipway-deploy`; gates: 1 approval, checks: those that the base branch requires, up to date, merged, confirmed; stacks `network`, `eks`
    - stack `network` is new: `infra/network` in `dev`, `prod`
    - stack `eks` is new: `infra/eks` in `dev`, `prod`
    - stack `database` is new: `infra/database` in `dev`
    - service `shop` is new: `ghcr.io/acme/shop` from `k8s/{environment}` in namespace `shop` of cluster `shop-{environment}`
    ");
}

/// Something of every kind that may be there.
fn in_use() -> Situation {
    situation()
        .release("prod", 'd', 90)
        .release("prod", 'e', 10)
        .release("dev", 'e', 20)
        .lock("prod", "ben", 41)
        .stack_lock("eks", "prod", "ana", 42)
        .stack_lock("network", "dev", "ana", 42)
        .hold("prod")
        .run(plan(1, "eks", "prod").running())
        .run(apply(2, "network", "dev", 9))
        .run(deploy(3, "dev").running())
}

#[test]
fn what_would_be_left_without_rules_is_told() {
    let (head, rest) = toml("", "")
        .split_once("[environments.prod]")
        .map(|(head, rest)| {
            let (_, stacks) = rest.split_once("[stacks.network]").unwrap();
            (head.to_owned(), format!("[stacks.network]{stacks}"))
        })
        .unwrap();
    let without_prod = format!("{head}{rest}");
    insta::assert_snapshot!(shown(&in_use().proposes(Some(&without_prod))), @"
    slipway / deploy.toml: Success: 1 change, none that widens rights or loosens rules; ⚠️ what goes is still in use
    What is in force is `main`'s `deploy.toml` until this is merged.

    **Changes**

    - prod goes: nothing is planned, applied or deployed there any more

    ⚠️ **Without rules once this is merged, and still there**

    - `shop` is live in prod (`eeeeeee`)
    - prod is locked by ben (#41)
    - `eks` in prod is locked by ana (#42)
    - prod is on hold, set by cleo
    - the plan of `eks` in prod (`00000001`) is under way
    ");
    let not_in_dev = toml("", "").replace(
        "dir = \"infra/network\"",
        "dir = \"infra/network\"\nenvironments = [\"prod\"]",
    );
    insta::assert_snapshot!(shown(&in_use().proposes(Some(&not_in_dev))), @"
    slipway / deploy.toml: Success: 1 change, none that widens rights or loosens rules; ⚠️ what goes is still in use
    What is in force is `main`'s `deploy.toml` until this is merged.

    **Changes**

    - stack `network` · `environments`: no longer in `dev`

    ⚠️ **Without rules once this is merged, and still there**

    - `network` in dev is locked by ana (#42)
    - the apply of `network` in dev (`00000002`) waits
    ");
    insta::assert_snapshot!(shown(&in_use().proposes(None)), @"
    slipway / deploy.toml: Neutral: ⚠️ deploy.toml goes, and with it all that Slipway does here
    What is in force is `main`'s `deploy.toml` until this is merged.

    Merged, this ends all that Slipway does in this repository: nothing is planned, applied or deployed any more. If the file was only to be moved: it is looked for at the root, by this name, and nowhere else.

    ⚠️ **Without rules once this is merged, and still there**

    - `shop` is live in dev (`eeeeeee`)
    - `shop` is live in prod (`eeeeeee`)
    - prod is locked by ben (#41)
    - `eks` in prod is locked by ana (#42)
    - `network` in dev is locked by ana (#42)
    - prod is on hold, set by cleo
    - the plan of `eks` in prod (`00000001`) is under way
    - the apply of `network` in dev (`00000002`) waits
    - the deploy of `shop` in dev (`00000003`) is under way
    ");
}

#[test]
fn what_can_t_be_read_is_told() {
    insta::assert_snapshot!(shown(&situation().proposal_unread()), @"
    slipway / deploy.toml: Failure: deploy.toml could not be read
    What is in force is `main`'s `deploy.toml` until this is merged.

    GitHub: 502. Nothing of it was checked. Once that is mended, re-run this check.
    ");
    let huge = "#".repeat(crate::config::LONGEST_FILE + 1);
    insta::assert_snapshot!(shown(&situation().proposes(Some(&huge))).replace(&"#".repeat(1000), ""), @"
    slipway / deploy.toml: Failure: deploy.toml has 1 error
    What is in force is `main`'s `deploy.toml` until this is merged.

    Merged like this, nothing would be planned, applied or deployed until it is mended. `slipway check` says the same before a push.
    ---
    ```
    deploy.toml:1:1: error: this file has 131073 bytes
      |
    ```

    … 3 more lines left out, too long for GitHub.
    @ deploy.toml:1-1 Some((1, 1)) Failure: this file has 131073 bytes: a deploy.toml has at most 131072
    ");
}

#[test]
fn what_a_stranger_writes_stays_text() {
    let nasty = "@acme/everyone #1 <img src=x> [a](https://e.vil) | ` ``` \\u202e";
    let check = format!("checks = [{nasty:?}]");
    let valid = shown(&situation().proposes(Some(&toml("", &check))));
    assert!(!valid.contains("@acme"), "{valid}");
    insta::assert_snapshot!(valid, @r"
    slipway / deploy.toml: Success: 1 change, none that widens rights or loosens rules
    What is in force is `main`'s `deploy.toml` until this is merged.

    **Changes**

    - prod · `checks`: <code>@&#8203;acme/everyone #&#8203;1 &lt;img src=x&gt; \[a\](https://e.vil) &#124; \` \`\`\` \\u202e</code> instead of none
    ");
    let invalid = situation().actor("mallory", Permission::Read).fork();
    insta::assert_snapshot!(shown(&invalid.proposes(Some(&format!("[{nasty:?}]\n```\n")))), @"
    slipway / deploy.toml: Failure: deploy.toml has 1 error
    What is in force is `main`'s `deploy.toml` until this is merged.

    Merged like this, nothing would be planned, applied or deployed until it is mended. `slipway check` says the same before a push.
    ---
    ````
    deploy.toml:2:4: error: key with no value, expected `=`
      |
    2 | ```
      |    ^
    ````
    @ deploy.toml:2-2 Some((4, 4)) Failure: key with no value, expected `=`: key with no value, expected `=`
    ");
}

#[test]
fn the_limits_of_github_hold_whatever_is_in_the_file() {
    let many: String = (0..9_000).map(|i| format!("k{i} = 1\n")).collect();
    let wide = format!("{} = 1\n", "x".repeat(100_000));
    let stacks: String = (0..1_500)
        .map(|i| format!("[stacks.s{i}]\ndir = \"infra/{}{i}\"\n", "d".repeat(30)))
        .collect();
    let good = format!("{}{stacks}", toml("", ""));
    for text in [many.as_str(), &wide, &good, "", "\u{feff}", "\0", "[[[["] {
        let output = output(&situation().proposes(Some(text)).facts);
        let head = text.get(..10);
        assert!(output.summary.len() <= CHECK_LIMIT, "{head:?}");
        assert!(output.text.len() <= CHECK_LIMIT, "{head:?}");
        assert!(output.annotations.len() <= 100, "{head:?}");
        assert!(
            output
                .annotations
                .iter()
                .all(|a| a.title.chars().count() <= 255)
        );
        assert!(!output.title.is_empty() && !output.summary.is_empty());
    }
    insta::assert_snapshot!(output(&situation().proposes(Some(&many)).facts).title, @"deploy.toml has 200 errors or more");
    insta::assert_snapshot!(output(&situation().proposes(Some(&good)).facts).title, @"⚠️ 1500 changes widen rights or loosen rules");
}
