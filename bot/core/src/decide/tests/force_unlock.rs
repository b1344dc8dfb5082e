//! `/force-unlock`.

use crate::facts::Permission;
use crate::outcome::{Outcome, Stopped};
use crate::ports::StateLock;
use crate::testing::{RunKit, Situation, now, plan, planned, situation, toml};

/// A plan that ended at somebody's state lock.
fn locked(number: u32, id: &str) -> RunKit {
    let created = now() - jiff::SignedDuration::from_mins(130);
    let outcome = Outcome::Stopped(Box::new(Stopped {
        state_lock: Some(StateLock {
            id: id.to_owned(),
            who: "zoe@ci".to_owned(),
            created: created.strftime("%Y-%m-%d %H:%M:%S +0000 UTC").to_string(),
            operation: "OperationTypeApply".to_owned(),
        }),
        ..Stopped::default()
    }));
    plan(number, "network", "dev")
        .failed_early()
        .outcome(outcome)
}

fn admin() -> Situation {
    situation().actor("cleo", Permission::Admin)
}

#[test]
fn the_lock_that_was_seen_is_forced_open_on_the_base() {
    insta::assert_snapshot!(admin().run(locked(1, "4d4d2c61")).says("/force-unlock dev network 4d4d2c61"), @"
    start force-unlock network in dev at bbbbbbb lock 4d4d2c61, by cleo (comment)
    = a state lock is to be forced
    ");
    // Nobody saw one; Terraform compares.
    insta::assert_snapshot!(admin().says("/force-unlock dev network 4d4d2c61"), @"
    start force-unlock network in dev at bbbbbbb lock 4d4d2c61, by cleo (comment)
    = a state lock is to be forced
    ");
}

#[test]
fn another_id_than_the_one_seen_is_refused_until_a_run_found_the_state_open() {
    let seen = admin().run(locked(1, "4d4d2c61"));
    insta::assert_snapshot!(seen.says("/force-unlock dev network 9d7e5b0e"), @"
    reply
      | ### ⛔ Not unlocked in dev
      |
      | | gate | state | what opens it |
      | | --- | --- | --- |
      | | lock id | the lock that was seen is `4d4d2c61`, held by zoe@&#8203;ci since 2026-03-04 07:50 UTC, for 2 h 10 min (OperationTypeApply) | its id; `/plan dev network` shows whether there is another lock now |
    react 👎
    = the lock is not to be forced
    ");
    // It was seen elsewhere.
    insta::assert_snapshot!(seen.says("/force-unlock prod network 9d7e5b0e"), @"
    start force-unlock network in prod at bbbbbbb lock 9d7e5b0e, by cleo (comment)
    = a state lock is to be forced
    ");
    let open = seen.run(planned(2, "network", "dev", 1));
    insta::assert_snapshot!(open.says("/force-unlock dev network 9d7e5b0e"), @"
    start force-unlock network in dev at bbbbbbb lock 9d7e5b0e, by cleo (comment)
    = a state lock is to be forced
    ");
}

#[test]
fn every_closed_gate_is_told() {
    let writer = situation().lock("dev", "ben", 7).base("release", 'b');
    insta::assert_snapshot!(writer.says("/force-unlock dev network 4d4d2c61"), @"
    reply
      | ### ⛔ Not unlocked in dev
      |
      | | gate | state | what opens it |
      | | --- | --- | --- |
      | | right | ana may not force-unlock in dev | somebody with `admin` |
      | | base | the pull request goes into `release` | the same on a pull request into `main` |
      | | lock | held by ben (#7) for 2 h 10 min: “DB migration” | `/unlock dev` by ben or an admin |
    react 👎
    = the lock is not to be forced
    ");
    let allowed = toml(
        "[environments.dev.allow]\nforce_unlock = [\"user:ana\"]\n",
        "",
    );
    insta::assert_snapshot!(situation().config(&allowed).says("/force-unlock dev network 4d4d2c61"), @"
    start force-unlock network in dev at bbbbbbb lock 4d4d2c61, by ana (comment)
    = a state lock is to be forced
    ");
}

#[test]
fn its_names_and_its_id_are_looked_at() {
    for body in [
        "/force-unlock dev network",
        "/force-unlock dev none 4d4d2c61",
        "/force-unlock dev network -force",
        "/force-unlock dev network 4d4d;reboot",
    ] {
        assert!(admin().says(body).contains("Not understood"), "{body}");
    }
}
