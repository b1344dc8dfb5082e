//! Looks for drift, and what is said on the issue about it.

use crate::event::EventKind;
use crate::facts::{ConfigFacts, DriftFacts, DriftTurn, Permission};
use crate::ids::IssueNumber;
use crate::run::{Run, RunState, Trigger, Work};
use crate::testing::{
    COMMENT, RunKit, Situation, ago, applied, at, env, planned, sha, situation, told, toml,
};

const DAILY: &str = "drift = \"daily 06:00 UTC\"";
const ISSUE: IssueNumber = IssueNumber(7);

fn about_drift(kit: RunKit) -> RunKit {
    kit.trigger(Trigger::Schedule).commit('b').but(|run| {
        run.order.pr = None;
        if let Work::Plan(work) = &mut run.order.work {
            work.base = sha('b');
        }
    })
}

/// A look at dev whose plans create so many resources.
fn look(number: u32, stack: &str, creates: usize) -> RunKit {
    about_drift(planned(number, stack, "dev", creates))
}

/// On the issue about dev, whose default branch is at `bbbbbbb`.
fn on_issue(runs: impl IntoIterator<Item = RunKit>) -> Situation {
    let runs: Vec<Run> = runs.into_iter().map(|kit| kit.0).collect();
    situation().config(&toml(DAILY, "")).but(|facts| {
        facts.pr = None;
        facts.drift = Some(DriftFacts {
            env: env("dev"),
            tip: sha('b'),
            issue: Some(ISSUE),
        });
        facts.store.turns = vec![turn("dev", "daily 06:00 UTC")];
        let active = runs.iter().filter(|run| !run.state.is_final());
        facts.store.active = active.cloned().collect();
        facts.store.runs = runs;
    })
}

fn turn(name: &str, schedule: &str) -> DriftTurn {
    DriftTurn {
        env: env(name),
        schedule: schedule.to_owned(),
        due_at: at("2026-03-05T06:00:00Z"),
    }
}

fn says(situation: &Situation, body: &str) -> String {
    told(&situation.decide(EventKind::IssueComment {
        issue: ISSUE,
        comment: COMMENT,
        body: body.to_owned(),
    }))
}

fn due(situation: &Situation) -> String {
    told(&situation.decide(EventKind::DriftDue { env: env("dev") }))
}

fn pushed(situation: &Situation) -> String {
    told(&situation.decide(EventKind::Push {
        branch: "main".to_owned(),
        after: sha('b'),
    }))
}

#[test]
fn turns_follow_deploy_toml() {
    let begins = situation().config(&toml(DAILY, "drift = \"hourly\""));
    insta::assert_snapshot!(pushed(&begins), @"
    look for drift in dev daily 06:00 UTC, next at 2026-03-05T06:00:00Z
    look for drift in prod hourly, next at 2026-03-04T11:00:00Z
    = main moved: plans onto it are found out of date when somebody applies them
    ");
    let kept = begins.but(|facts| {
        facts.store.turns = vec![turn("dev", "daily 06:00 UTC"), turn("prod", "hourly")];
    });
    insta::assert_snapshot!(pushed(&kept), @"= main moved: plans onto it are found out of date when somebody applies them");
    insta::assert_snapshot!(pushed(&kept.clone().config(&toml("drift = \"hourly\"", ""))), @"
    look for drift in dev hourly, next at 2026-03-04T11:00:00Z
    no longer look for drift in prod
    refresh drift-issue/prod
    = main moved: plans onto it are found out of date when somebody applies them
    ");
    // What can't be read changes nothing.
    insta::assert_snapshot!(pushed(&kept.but(|facts| facts.config = ConfigFacts::Invalid(Vec::new()))), @"= main moved: plans onto it are found out of date when somebody applies them");
}

#[test]
fn every_stack_is_looked_at_for_itself() {
    let situation = on_issue([look(1, "eks", 1).state(RunState::Running)]);
    insta::assert_snapshot!(due(&situation), @"
    end 00000001 Supersede: looked at anew / 
    start drift network in dev at bbbbbbb onto main@bbbbbbb, by ana (schedule)
    start drift eks in dev at bbbbbbb onto main@bbbbbbb, by ana (schedule)
    start drift database in dev at bbbbbbb onto main@bbbbbbb, by ana (schedule)
    refresh drift-issue/dev
    = 3 looks for drift in dev
    ");
    let gone = situation.config(&toml("", ""));
    insta::assert_snapshot!(due(&gone), @"
    no longer look for drift in dev
    refresh drift-issue/dev
    = the environment is no longer looked at for drift
    ");
}

#[test]
fn exactly_what_was_seen_is_put_back() {
    let situation = on_issue([
        look(1, "network", 1),
        look(2, "eks", 2),
        look(3, "database", 0),
    ]);
    insta::assert_snapshot!(says(&situation, "/apply"), @"
    start apply network in dev at bbbbbbb from plan 00000001, by ana (comment)
    start apply eks in dev at bbbbbbb from plan 00000002, by ana (comment), after [0]
    = 2 applies of drift
    ");
    insta::assert_snapshot!(says(&situation, "/apply dev eks"), @"
    start apply eks in dev at bbbbbbb from plan 00000002, by ana (comment)
    = 1 applies of drift
    ");
    insta::assert_snapshot!(says(&situation, "/apply database"), @"
    reply
      | ### Nothing to apply in dev
      |
      | - `database` is as the default branch has it
    react 👎
    = nothing to apply
    ");
    insta::assert_snapshot!(says(&situation, "hello"), @"= the comment is not a command");
}

#[test]
fn a_closed_gate_refuses() {
    let situation = on_issue([look(1, "network", 1), look(2, "eks", 2)]);
    let stranger = situation.clone().actor("mallory", Permission::Read);
    insta::assert_snapshot!(says(&stranger, "/apply"), @"
    reply
      | ### ⛔ Not applied in dev
      |
      | | gate | state | what opens it |
      | | --- | --- | --- |
      | | right | mallory may not apply in dev | somebody with `write` |
    react 👎
    = a gate is closed
    ");
    insta::assert_snapshot!(says(&stranger, "/plan"), @"
    reply
      | ### ⛔ Not planned in dev
      |
      | | gate | state | what opens it |
      | | --- | --- | --- |
      | | right | mallory may not plan in dev | somebody with `write` |
    react 👎
    = no right to plan
    ");
    let held = situation
        .clone()
        .hold("dev")
        .stack_lock("eks", "dev", "ben", 12);
    insta::assert_snapshot!(says(&held, "/apply dev eks"), @"
    reply
      | ### ⛔ Not applied in dev
      |
      | | gate | state | what opens it |
      | | --- | --- | --- |
      | | hold | set by cleo: rolled back | `/resume dev`, said on a pull request |
      | | lock of eks | held by #12, which was applied and is not merged | by itself, when #12 is merged or closed |
    react 👎
    = a gate is closed
    ");
    let closed = on_issue([look(1, "network", 1)]).config(&toml(
        &format!("{DAILY}\nwindows = [\"Sat 09:00-10:00 UTC\"]"),
        "",
    ));
    insta::assert_snapshot!(says(&closed, "/apply"), @"
    start apply network in dev at bbbbbbb from plan 00000001, by ana (comment), not before 2026-03-07T09:00:00Z
    = 1 applies of drift
    ");
}

#[test]
fn what_is_no_longer_so_is_looked_at_again() {
    let moved = on_issue([look(1, "network", 1)]).but(|facts| {
        if let Some(drift) = &mut facts.drift {
            drift.tip = sha('c');
        }
    });
    insta::assert_snapshot!(says(&moved, "/apply dev network"), @"
    start drift network in dev at ccccccc onto main@ccccccc, by ana (comment)
    refresh drift-issue/dev
    reply
      | ### ⛔ Not applied in dev
      |
      | | gate | state | what opens it |
      | | --- | --- | --- |
      | | plan of network | of `bbbbbbb`, `main` is at `ccccccc` now | a new look |
      |
      | Looking again now: see what the issue says then, and `/apply` once more.
    react 👎
    = a gate is closed
    ");
    // A pull request applied the stack after the look.
    let by_pull = applied(2, "network", "dev", 9).pr(12).but(|run| {
        run.ended_at = Some(ago(1));
    });
    let overtaken = on_issue([by_pull, look(1, "network", 1)]);
    insta::assert_snapshot!(says(&overtaken, "/apply dev network"), @"
    start drift network in dev at bbbbbbb onto main@bbbbbbb, by ana (comment)
    refresh drift-issue/dev
    reply
      | ### ⛔ Not applied in dev
      |
      | | gate | state | what opens it |
      | | --- | --- | --- |
      | | plan of network | older than an apply | a new look |
      |
      | Looking again now: see what the issue says then, and `/apply` once more.
    react 👎
    = a gate is closed
    ");
    let mended = about_drift(applied(2, "network", "dev", 1));
    let done = on_issue([mended, look(1, "network", 1)]);
    insta::assert_snapshot!(says(&done, "/apply dev network"), @"
    reply
      | ### Nothing to apply in dev
      |
      | - `network` was put back already
    react 👎
    = nothing to apply
    ");
}

#[test]
fn the_issue_takes_two_commands_about_its_environment() {
    let situation = on_issue([look(1, "network", 1)]);
    insta::assert_snapshot!(says(&situation, "/deploy dev"), @"
    reply
      | ### ⛔ Not on this issue
      |
      | It is about what runs in dev, not about a pull request. What works here: `/plan` looks again, `/apply` puts dev back as the default branch has it; both may name stacks.
    react 👎
    = not a command for issues
    ");
    insta::assert_snapshot!(says(&situation, "/apply prod"), @"
    reply
      | ### ⛔ This issue is about dev
      |
      | What works here: `/plan` looks again, `/apply` puts dev back as the default branch has it; both may name stacks.
    react 👎
    = another environment is meant
    ");
    insta::assert_snapshot!(says(&situation, "/aply"), @"
    reply
      | ### 😕 Not understood
      | There is no command `/aply`. Did you mean `/apply`?
      |
      | It is written `/apply [ENV] [STACK…]`, for example `/apply dev`. All commands: `/help`
    react 😕
    = the command was not understood
    ");
    let another = situation.but(|facts| facts.drift = None);
    insta::assert_snapshot!(says(&another, "/apply"), @"= a comment on an issue that is not about drift");
}
