//! Every gate open, closed and unread.

use super::*;
use crate::facts::{Permission, Verdict as Says};
use crate::testing::{
    Situation, actor, ago, at, config, digest, env, login, now, service, sha, situation, toml,
    unread,
};

/// Gates in lines.
fn shown(gates: &[Gate]) -> String {
    gates
        .iter()
        .map(|gate| {
            let row = &gate.row;
            let waits = gate
                .waits
                .map_or_else(String::new, |waits| format!(" ({waits:?})"));
            if row.open {
                format!("{}: {}", row.gate, row.state)
            } else {
                format!("{} CLOSED: {} -> {}{waits}", row.gate, row.state, row.opens)
            }
        })
        .collect::<Vec<_>>()
        .join("\n")
}

/// The gates of a name among those of a deploy of `shop` to prod, which has these rules.
fn deploy_gate(name: &str, rules: &str, situation: Situation) -> String {
    let situation = situation.config(&toml("", rules));
    let what = Candidate {
        commit: sha('a'),
        digest: None,
    };
    one(
        name,
        &deploy_gates(&situation.facts, &what, Asked::ByPerson),
    )
}

fn deploy_gates(facts: &Facts, what: &Candidate, asked: Asked) -> Vec<Gate> {
    for_deploy(prod(facts), &service("shop"), what, facts, asked)
}

fn prod(facts: &Facts) -> &Environment {
    let ConfigFacts::Valid(config) = &facts.config else {
        panic!("no config");
    };
    config.environment(&env("prod")).unwrap()
}

fn one(name: &str, gates: &[Gate]) -> String {
    let of_name: Vec<Gate> = gates
        .iter()
        .filter(|gate| gate.row.gate == name)
        .cloned()
        .collect();
    shown(&of_name)
}

/// The right gate of a deploy to prod under `allow.deploy`.
fn right_of(allow: &str, actor: Option<&ActorFacts>) -> String {
    let text = toml("", "").replace(
        "[stacks.network]",
        &format!("[environments.prod.allow]\ndeploy = {allow}\n[stacks.network]"),
    );
    let config = config(&text);
    let prod = config.environment(&env("prod")).unwrap();
    shown(&[right(Operation::Deploy, prod, actor)])
}

// --- rights

#[test]
fn each_permission_lets_in_itself_and_what_is_above() {
    let order = [
        Permission::None,
        Permission::Read,
        Permission::Triage,
        Permission::Write,
        Permission::Maintain,
        Permission::Admin,
    ];
    for (word, needed) in [
        ("read", Permission::Read),
        ("write", Permission::Write),
        ("maintain", Permission::Maintain),
        ("admin", Permission::Admin),
    ] {
        for permission in order {
            let shown = right_of(&format!("[\"{word}\"]"), Some(&actor("ben", permission)));
            let open = !shown.contains("CLOSED");
            assert_eq!(open, permission >= needed, "{word} {permission:?}");
        }
    }
}

#[test]
fn a_person_is_let_in_by_name_whatever_their_permission_and_case() {
    let mut ben = actor("Ben", Permission::None);
    ben.permission = unread();
    ben.teams = unread();
    insta::assert_snapshot!(right_of(r#"["admin", "user:ben"]"#, Some(&ben)), @"right: Ben may deploy");
    let ana = actor("ana", Permission::Maintain);
    insta::assert_snapshot!(right_of(r#"["admin", "user:ben"]"#, Some(&ana)), @"right CLOSED: ana may not deploy in prod -> somebody with `admin` or `user:ben`");
}

#[test]
fn a_team_lets_in_its_members_whatever_the_case() {
    let mut ben = actor("ben", Permission::Read);
    insta::assert_snapshot!(right_of(r#"["team:acme/releasers"]"#, Some(&ben)), @"right CLOSED: ben may not deploy in prod -> somebody with `team:acme/releasers`");
    ben.teams = Ok(["acme/other".to_owned()].into());
    assert!(right_of(r#"["team:acme/releasers"]"#, Some(&ben)).contains("CLOSED"));
    ben.teams = Ok(["acme/releasers".to_owned()].into());
    assert!(!right_of(r#"["team:acme/releasers"]"#, Some(&ben)).contains("CLOSED"));
    assert!(!right_of(r#"["team:Acme/Releasers"]"#, Some(&ben)).contains("CLOSED"));
}

#[test]
fn a_right_that_cannot_be_read_is_not_given() {
    let mut ben = actor("ben", Permission::Admin);
    ben.permission = unread();
    insta::assert_snapshot!(right_of(r#"["write"]"#, Some(&ben)), @"right CLOSED: could not be read: GitHub: 502 -> try again in a minute; what can't be read is not passed");
    let mut ben = actor("ben", Permission::Read);
    ben.teams = unread();
    insta::assert_snapshot!(right_of(r#"["write", "team:acme/x"]"#, Some(&ben)), @"right CLOSED: could not be read: GitHub: 502 -> try again in a minute; what can't be read is not passed");
    // What was read is enough where it lets the person in.
    let mut ben = actor("ben", Permission::Write);
    ben.teams = unread();
    assert!(!right_of(r#"["team:acme/x", "write"]"#, Some(&ben)).contains("CLOSED"));
}

#[test]
fn nobody_has_no_right() {
    insta::assert_snapshot!(right_of(r#"["read"]"#, None), @"right CLOSED: nobody is known to ask -> ask by a comment");
}

#[test]
fn plan_apply_and_deploy_are_rights_of_their_own() {
    let text = toml("", "").replace(
        "[stacks.network]",
        "[environments.prod.allow]\nplan = [\"read\"]\napply = [\"write\"]\ndeploy = [\"admin\"]\n[stacks.network]",
    );
    let config = config(&text);
    let prod = config.environment(&env("prod")).unwrap();
    let open =
        |operation, permission| right(operation, prod, Some(&actor("ben", permission))).is_open();
    assert!(open(Operation::Plan, Permission::Read));
    assert!(!open(Operation::Apply, Permission::Read));
    assert!(open(Operation::Apply, Permission::Write));
    assert!(!open(Operation::Deploy, Permission::Maintain));
    assert!(open(Operation::Deploy, Permission::Admin));
    assert!(may_plan(prod, &actor("ben", Permission::Read)));
    assert!(!may_plan(prod, &actor("ben", Permission::None)));
}

// --- the pull request

#[test]
fn a_deploy_asks_how_far_the_pull_request_is() {
    let gate = |rules, situation| deploy_gate("pull request", rules, situation);
    let open = "pull_request = \"open\"";
    let merged = "pull_request = \"merged\"";
    assert_eq!(gate(open, situation()), "pull request: open");
    assert_eq!(gate(open, situation().merged('c')), "pull request: merged");
    assert_eq!(
        gate(merged, situation().merged('c')),
        "pull request: merged"
    );
    insta::assert_snapshot!(gate(merged, situation()), @"pull request CLOSED: open -> merge it first");
    insta::assert_snapshot!(gate(open, situation().draft()), @"pull request CLOSED: draft -> mark it ready for review");
    insta::assert_snapshot!(gate(open, situation().closed()), @"pull request CLOSED: closed without a merge -> reopen it, or deploy from another pull request");
}

#[test]
fn an_apply_asks_how_far_the_pull_request_is() {
    let gate = |situation: Situation| {
        let facts = &situation.facts;
        one(
            "pull request",
            &for_apply(prod(facts), facts, Asked::ByPerson),
        )
    };
    assert_eq!(gate(situation()), "pull request: open");
    assert_eq!(gate(situation().merged('c')), "pull request: merged");
    insta::assert_snapshot!(gate(situation().draft()), @"pull request CLOSED: draft -> mark it ready for review");
    insta::assert_snapshot!(gate(situation().closed()), @"pull request CLOSED: closed without a merge -> reopen it");
}

#[test]
fn a_pull_request_that_is_gone_passes_nothing() {
    let gone = situation().but(|facts| facts.pr = None);
    let what = Candidate {
        commit: sha('a'),
        digest: None,
    };
    insta::assert_snapshot!(one("pull request", &deploy_gates(&gone.facts, &what, Asked::ByPerson)), @"pull request CLOSED: gone -> ask again on a pull request that is there");
    insta::assert_snapshot!(
        one("pull request", &for_apply(prod(&gone.facts), &gone.facts, Asked::ByItself)), @"pull request CLOSED: gone -> ask again on a pull request that is there");
}

// --- approvals

fn approval_of(needed: u32, situation: Situation) -> String {
    deploy_gate("approval", &format!("approvals = {needed}"), situation)
}

#[test]
fn no_approval_is_asked_for_by_default() {
    assert_eq!(approval_of(0, situation()), "");
}

#[test]
fn an_approval_of_the_head_by_another_person_counts() {
    let approved = situation().review("ben", Says::Approved, Some('a'));
    assert_eq!(approval_of(1, approved), "approval: 1 of 1");
    insta::assert_snapshot!(approval_of(1, situation()), @"approval CLOSED: 0 of 1 -> a review of `aaaaaaa` by someone other than ana");
}

#[test]
fn the_author_does_not_approve_of_their_own_change() {
    let own = situation().review("ana", Says::Approved, Some('a'));
    assert!(approval_of(1, own).contains("CLOSED: 0 of 1"));
    let shouted = situation().review("ANA", Says::Approved, Some('a'));
    assert!(approval_of(1, shouted).contains("CLOSED: 0 of 1"));
}

#[test]
fn an_approval_of_an_older_commit_is_told_but_does_not_count() {
    let older = situation().review("ben", Says::Approved, Some('e'));
    insta::assert_snapshot!(approval_of(1, older), @"approval CLOSED: 0 of 1 (1 of an older commit) -> a review of `aaaaaaa` by someone other than ana");
    let unknown = situation().review("ben", Says::Approved, None);
    assert!(approval_of(1, unknown).contains("CLOSED"));
}

#[test]
fn the_latest_verdict_of_each_reviewer_counts() {
    let dismissed = situation().review("ben", Says::Approved, Some('a')).review(
        "ben",
        Says::Dismissed,
        Some('a'),
    );
    assert!(approval_of(1, dismissed).contains("CLOSED: 0 of 1"));
    let commented = situation().review("ben", Says::Approved, Some('a')).review(
        "ben",
        Says::Commented,
        Some('a'),
    );
    assert_eq!(approval_of(1, commented), "approval: 1 of 1");
    let twice = situation().review("ben", Says::Approved, Some('a')).review(
        "ben",
        Says::Approved,
        Some('a'),
    );
    assert!(approval_of(2, twice).contains("CLOSED: 1 of 2"));
    let reconsidered = situation()
        .review("ben", Says::ChangesRequested, Some('a'))
        .review("ben", Says::Approved, Some('a'));
    assert_eq!(approval_of(1, reconsidered), "approval: 1 of 1");
}

#[test]
fn requested_changes_close_it_however_many_approve() {
    let against = situation().review("ben", Says::Approved, Some('a')).review(
        "cleo",
        Says::ChangesRequested,
        Some('e'),
    );
    insta::assert_snapshot!(approval_of(1, against), @"approval CLOSED: cleo requests changes -> an approval by cleo, or their review dismissed");
}

#[test]
fn several_approvals_take_several_people() {
    let two = situation().review("ben", Says::Approved, Some('a')).review(
        "cleo",
        Says::Approved,
        Some('a'),
    );
    assert_eq!(approval_of(2, two.clone()), "approval: 2 of 2");
    assert_eq!(approval_of(1, two.clone()), "approval: 2 of 1");
    insta::assert_snapshot!(approval_of(3, two.review("dan", Says::Approved, Some('e'))), @"approval CLOSED: 2 of 3 (1 of an older commit) -> a review of `aaaaaaa` by someone other than ana");
}

#[test]
fn reviews_that_cannot_be_read_are_no_approval() {
    let blind = situation().but(|facts| facts.pr.as_mut().unwrap().reviews = unread());
    insta::assert_snapshot!(approval_of(1, blind.clone()), @"approval CLOSED: could not be read: GitHub: 502 -> try again in a minute; what can't be read is not passed");
    assert_eq!(approval_of(0, blind), "");
}

// --- checks

fn checks_of(rule: &str, situation: Situation) -> String {
    deploy_gate("checks", &format!("checks = {rule}"), situation)
}

#[test]
fn no_check_is_asked_for_by_default() {
    let failed = situation().check("ci", CheckState::Failed);
    assert_eq!(deploy_gate("checks", "", failed), "");
}

#[test]
fn all_means_every_check_that_is_there() {
    let all = |situation| checks_of(r#""all""#, situation);
    assert_eq!(all(situation()), "checks: 0 passed");
    let good = situation().check("ci", CheckState::Passed);
    assert_eq!(all(good.clone()), "checks: 1 passed");
    insta::assert_snapshot!(
        all(good.check("lint", CheckState::Pending).check("e2e", CheckState::Failed)), @"checks CLOSED: `e2e` failed, `lint` is pending -> success of each on `aaaaaaa`");
}

#[test]
fn required_means_those_of_the_base_branch() {
    let required = |situation| checks_of(r#""required""#, situation);
    let other_failed = situation()
        .check("ci", CheckState::Passed)
        .check("flaky", CheckState::Failed)
        .required(&["ci"]);
    assert_eq!(required(other_failed), "checks: 1 passed");
    insta::assert_snapshot!(required(situation().required(&["ci"])), @"checks CLOSED: `ci` has not reported -> success of each on `aaaaaaa`");
    assert_eq!(required(situation()), "checks: 0 passed");
    let blind = situation().but(|facts| facts.pr.as_mut().unwrap().required_checks = unread());
    insta::assert_snapshot!(required(blind), @"checks CLOSED: could not be read: GitHub: 502 -> try again in a minute; what can't be read is not passed");
}

#[test]
fn named_means_those_named() {
    let named = |situation| checks_of(r#"["ci", "e2e | all"]"#, situation);
    let both = situation()
        .check("ci", CheckState::Passed)
        .check("e2e | all", CheckState::Passed)
        .check("lint", CheckState::Failed);
    assert_eq!(named(both), "checks: 2 passed");
    insta::assert_snapshot!(named(situation().check("ci", CheckState::Failed)), @"checks CLOSED: `ci` failed, <code>e2e &#124; all</code> has not reported -> success of each on `aaaaaaa`");
    // What the branch requires can't be read, but isn't asked for either.
    let blind = situation()
        .check("ci", CheckState::Passed)
        .check("e2e | all", CheckState::Passed)
        .but(|facts| facts.pr.as_mut().unwrap().required_checks = unread());
    assert_eq!(named(blind), "checks: 2 passed");
}

#[test]
fn checks_that_cannot_be_read_are_not_passed() {
    for rule in [r#""all""#, r#""required""#, r#"["ci"]"#] {
        let blind = situation().but(|facts| facts.pr.as_mut().unwrap().checks = unread());
        let gate = checks_of(rule, blind);
        assert!(gate.contains("CLOSED: could not be read"), "{rule}: {gate}");
    }
}

#[test]
fn the_worst_of_the_checks_of_one_name_counts() {
    for states in [
        [CheckState::Failed, CheckState::Passed],
        [CheckState::Passed, CheckState::Failed],
    ] {
        let twice = situation().check("ci", states[0]).check("ci", states[1]);
        let gate = checks_of(r#""all""#, twice);
        assert!(gate.contains("`ci` failed"), "{gate}");
    }
    let pending = situation()
        .check("ci", CheckState::Pending)
        .check("ci", CheckState::Passed);
    assert!(checks_of(r#""all""#, pending).contains("`ci` is pending"));
}

#[test]
fn checks_of_the_bot_never_count() {
    let own = |state| {
        situation()
            .check("ci", CheckState::Passed)
            .own_check("plan prod", state)
            .required(&["ci", "plan prod"])
    };
    for state in [CheckState::Failed, CheckState::Pending, CheckState::Passed] {
        assert_eq!(checks_of(r#""all""#, own(state)), "checks: 1 passed");
        assert_eq!(checks_of(r#""required""#, own(state)), "checks: 1 passed");
        assert_eq!(
            checks_of(r#"["ci", "plan prod"]"#, own(state)),
            "checks: 1 passed"
        );
    }
}

#[test]
fn a_check_of_the_bot_that_is_required_but_not_there_yet_locks_nobody_out() {
    // `deploy shop to prod` only comes to be by the very deploy that would wait for it.
    let waiting = situation().check("ci", CheckState::Passed).required(&[
        "ci",
        "plan dev",
        "apply prod",
        "deploy shop to prod",
        "slipway / deploy.toml",
    ]);
    assert_eq!(checks_of(r#""required""#, waiting), "checks: 1 passed");
    // Names that no environment or service of deploy.toml leads to are other people's.
    let foreign = situation().required(&["plan staging", "deploy api to prod"]);
    insta::assert_snapshot!(checks_of(r#""required""#, foreign), @"checks CLOSED: `plan staging` has not reported, `deploy api to prod` has not reported -> success of each on `aaaaaaa`");
    // Somebody else's check of such a name counts.
    let taken = situation()
        .check("plan dev", CheckState::Failed)
        .required(&["plan dev"]);
    assert!(checks_of(r#""required""#, taken).contains("`plan dev` failed"));
}

// --- up to date

#[test]
fn the_head_has_to_contain_its_base() {
    let gate = |situation| deploy_gate("up to date", "up_to_date = true", situation);
    let behind = |n| situation().but(move |facts| facts.pr.as_mut().unwrap().behind_by = n);
    assert_eq!(gate(behind(Ok(0))), "up to date: contains `main`");
    insta::assert_snapshot!(gate(behind(Ok(2))), @"up to date CLOSED: 2 behind `main` -> merge `main` into the pull request");
    insta::assert_snapshot!(gate(behind(unread())), @"up to date CLOSED: could not be read: GitHub: 502 -> try again in a minute; what can't be read is not passed");
    assert_eq!(gate(behind(Ok(2)).merged('c')), "");
    assert_eq!(deploy_gate("up to date", "", behind(Ok(2))), "");
}

// --- windows

fn window_of(rules: &str, moment: &str) -> String {
    deploy_gate("window", rules, situation().at(moment))
}

const OFFICE: &str = "windows = [\"Mon-Thu 09:00-16:00 Europe/Berlin\"]";

#[test]
fn without_windows_it_is_always_open() {
    assert_eq!(window_of("", "2026-03-07T03:00:00Z"), "");
}

#[test]
fn a_window_opens_and_closes_to_the_second() {
    for (moment, open) in [
        ("2026-03-04T07:59:59Z", false),
        ("2026-03-04T08:00:00Z", true),
        ("2026-03-04T14:59:59Z", true),
        ("2026-03-04T15:00:00Z", false),
        ("2026-03-06T10:00:00Z", false),
    ] {
        let gate = window_of(OFFICE, moment);
        assert_eq!(gate == "window: open", open, "{moment}: {gate}");
    }
}

#[test]
fn outside_it_waits_for_the_next_opening() {
    insta::assert_snapshot!(window_of(OFFICE, "2026-03-05T15:00:00Z"), @"window CLOSED: outside the windows -> by itself at 2026-03-09 08:00 UTC (At(2026-03-09T08:00:00Z))");
}

#[test]
fn outside_it_is_refused_where_deploy_toml_says_so() {
    insta::assert_snapshot!(
        window_of(&format!("{OFFICE}\noutside = \"refuse\""), "2026-03-05T15:00:00Z"), @"window CLOSED: outside the windows -> ask again at 2026-03-09 08:00 UTC");
}

#[test]
fn windows_follow_summer_time() {
    // On Sunday 2026-03-29 clocks in Berlin go from UTC+1 to UTC+2.
    for (moment, open) in [
        ("2026-03-26T08:00:00Z", true),
        ("2026-03-26T15:00:00Z", false),
        ("2026-03-30T06:59:59Z", false),
        ("2026-03-30T07:00:00Z", true),
        ("2026-03-30T14:00:00Z", false),
    ] {
        assert_eq!(
            window_of(OFFICE, moment) == "window: open",
            open,
            "{moment}"
        );
    }
    let gate = window_of(OFFICE, "2026-03-27T12:00:00Z");
    assert!(gate.contains("At(2026-03-30T07:00:00Z)"), "{gate}");
}

// --- lock and hold

#[test]
fn a_lock_of_somebody_else_is_waited_for() {
    assert_eq!(deploy_gate("lock", "", situation()), "lock: free");
    insta::assert_snapshot!(deploy_gate("lock", "", situation().lock("prod", "cleo", 41)), @"lock CLOSED: held by cleo (#41) for 2 h 10 min: “DB migration” -> `/unlock prod` by cleo or an admin (Freed)");
}

#[test]
fn a_lock_lets_its_holder_and_its_pull_request_through() {
    let gate = |situation| deploy_gate("lock", "", situation);
    assert_eq!(
        gate(situation().lock("prod", "ana", 41)),
        "lock: held by you"
    );
    assert_eq!(
        gate(situation().lock("prod", "ANA", 41)),
        "lock: held by you"
    );
    assert_eq!(
        gate(situation().lock("prod", "cleo", 42)),
        "lock: held by this pull request"
    );
}

#[test]
fn other_locks_are_no_matter() {
    let gate = |situation| deploy_gate("lock", "", situation);
    assert_eq!(gate(situation().lock("dev", "cleo", 41)), "lock: free");
    assert_eq!(
        gate(situation().stack_lock("eks", "prod", "cleo", 41)),
        "lock: free"
    );
}

#[test]
fn a_lock_without_a_pull_request_is_nobodys_but_its_holders() {
    let gone = situation()
        .lock("prod", "cleo", 41)
        .but(|facts| facts.store.locks[0].pr = None);
    assert!(deploy_gate("lock", "", gone.clone()).contains("CLOSED"));
    let no_pr = gone.but(|facts| facts.pr = None);
    assert!(deploy_gate("lock", "", no_pr).contains("CLOSED"));
}

#[test]
fn a_lock_that_ran_out_is_free() {
    let until = |moment| {
        situation()
            .lock("prod", "cleo", 41)
            .but(move |facts| facts.store.locks[0].until = Some(moment))
    };
    assert_eq!(deploy_gate("lock", "", until(now())), "lock: free");
    assert!(deploy_gate("lock", "", until(ago(-1))).contains("CLOSED"));
}

#[test]
fn a_hold_stops_automation_alone() {
    let held = situation().hold("prod").merged('c');
    let what = Candidate {
        commit: sha('a'),
        digest: None,
    };
    insta::assert_snapshot!(one("hold", &deploy_gates(&held.facts, &what, Asked::ByItself)), @"hold CLOSED: set by cleo: rolled back -> `/resume prod`");
    assert_eq!(
        one("hold", &deploy_gates(&held.facts, &what, Asked::ByPerson)),
        ""
    );
    let elsewhere = situation().hold("dev");
    assert_eq!(
        one(
            "hold",
            &deploy_gates(&elsewhere.facts, &what, Asked::ByItself)
        ),
        "hold: none"
    );
}

#[test]
fn a_stack_lock_is_another_pull_requests() {
    let of = |situation: Situation| {
        let lock = stack_lock(&situation.facts, &env("dev"), &crate::testing::stack("eks"));
        lock.map(|lock| lock.holder.clone())
    };
    assert_eq!(of(situation()), None);
    assert_eq!(
        of(situation().stack_lock("eks", "dev", "cleo", 41)),
        Some(login("cleo"))
    );
    assert_eq!(of(situation().stack_lock("eks", "dev", "cleo", 42)), None);
    assert_eq!(of(situation().stack_lock("eks", "prod", "cleo", 41)), None);
    assert_eq!(
        of(situation().stack_lock("network", "dev", "cleo", 41)),
        None
    );
    assert_eq!(of(situation().lock("dev", "cleo", 41)), None);
}

// --- order and soak

const AFTER_DEV: &str = "after = [\"dev\"]\nsoak = \"30m\"";

fn order_of(situation: Situation) -> String {
    let situation = situation.config(&toml("", AFTER_DEV));
    let what = Candidate {
        commit: sha('a'),
        digest: None,
    };
    let gates = deploy_gates(&situation.facts, &what, Asked::ByPerson);
    [one("order", &gates), one("soak", &gates)].join("\n")
}

#[test]
fn nothing_comes_before_by_default() {
    assert_eq!(deploy_gate("order", "", situation()), "");
    assert_eq!(deploy_gate("soak", "", situation()), "");
}

#[test]
fn the_same_release_has_to_be_live_before() {
    insta::assert_snapshot!(order_of(situation()), @"order CLOSED: dev runs no good release of shop -> `/deploy dev` first");
    insta::assert_snapshot!(order_of(situation().release("dev", 'e', 60)), @"order CLOSED: dev runs `eeeeeee`, this is `aaaaaaa` -> `/deploy dev` first");
    insta::assert_snapshot!(order_of(situation().release("dev", 'a', 60)), @"
    order: live in dev
    soak: 1 h in dev
    ");
    insta::assert_snapshot!(order_of(situation().bad_release("dev", 'a', 60)), @"order CLOSED: dev runs no good release of shop -> `/deploy dev` first");
    // It was live, but is not any more.
    let moved_on = situation().release("dev", 'a', 60).release("dev", 'e', 40);
    assert!(order_of(moved_on).contains("dev runs `eeeeeee`, this is `aaaaaaa`"));
    // Live in prod is not live in dev.
    assert!(order_of(situation().release("prod", 'a', 60)).contains("CLOSED"));
}

#[test]
fn it_has_to_have_soaked_to_the_second() {
    for (live_at, open) in [
        (at("2026-03-04T09:30:00Z"), true),
        (at("2026-03-04T09:30:01Z"), false),
        // A clock that is behind does not make a soak.
        (at("2026-03-04T10:05:00Z"), false),
    ] {
        let situation = situation()
            .release("dev", 'a', 60)
            .but(|facts| facts.store.releases[0].live_at = live_at);
        let gate = order_of(situation);
        assert_eq!(!gate.contains("CLOSED"), open, "{live_at}: {gate}");
    }
    insta::assert_snapshot!(order_of(situation().release("dev", 'a', 10)), @"
    order: live in dev
    soak CLOSED: 10 min of 30 min in dev -> ask again in 20 min
    ");
}

#[test]
fn a_known_digest_has_to_be_the_very_same() {
    let order = |digest| {
        let situation = situation()
            .config(&toml("", AFTER_DEV))
            .release("dev", 'a', 60);
        let what = Candidate {
            commit: sha('e'),
            digest: Some(digest),
        };
        one(
            "order",
            &deploy_gates(&situation.facts, &what, Asked::ByPerson),
        )
    };
    // An image may stand for several commits; the digest is what runs.
    assert_eq!(order(digest('a')), "order: live in dev");
    assert!(order(digest('e')).contains("CLOSED"));
}

#[test]
fn another_commit_that_is_the_same_commit_by_another_digest_is_told_by_its_digest() {
    let situation = situation()
        .config(&toml("", AFTER_DEV))
        .release("dev", 'a', 60);
    let what = Candidate {
        commit: sha('a'),
        digest: Some(digest('e')),
    };
    insta::assert_snapshot!(one("order", &deploy_gates(&situation.facts, &what, Asked::ByPerson)), @"order CLOSED: dev runs `sha256:aaaaaaaa`, this is `sha256:eeeeeeee` -> `/deploy dev` first");
}

// --- together

#[test]
fn a_rollback_asks_for_a_right_and_the_lock_alone() {
    let closed_all_over = situation()
        .config(&toml(
            "",
            "production = true\nafter = [\"dev\"]\nwindows = [\"Sun 01:00-02:00 UTC\"]",
        ))
        .closed()
        .hold("prod")
        .lock("prod", "ana", 42);
    let facts = &closed_all_over.facts;
    insta::assert_snapshot!(shown(&for_rollback(prod(facts), facts)), @"
    right: ana may deploy
    lock: held by you
    ");
}

#[test]
fn all_gates_of_a_careful_environment() {
    let careful = situation().config(&toml(
        "",
        "production = true\nafter = [\"dev\"]\nsoak = \"30m\"\nwindows = [\"Sun 01:00-02:00 UTC\"]",
    ));
    let what = Candidate {
        commit: sha('a'),
        digest: None,
    };
    insta::assert_snapshot!(shown(&deploy_gates(&careful.facts, &what, Asked::ByItself)), @"
    pull request CLOSED: open -> merge it first
    approval CLOSED: 0 of 1 -> a review of `aaaaaaa` by someone other than ana
    checks: 0 passed
    up to date: contains `main`
    order CLOSED: dev runs no good release of shop -> `/deploy dev` first
    window CLOSED: outside the windows -> by itself at 2026-03-08 01:00 UTC (At(2026-03-08T01:00:00Z))
    lock: free
    hold: none
    ");
    insta::assert_snapshot!(shown(&for_apply(prod(&careful.facts), &careful.facts, Asked::ByPerson)), @"
    right: ana may apply
    pull request: open
    approval CLOSED: 0 of 1 -> a review of `aaaaaaa` by someone other than ana
    checks: 0 passed
    up to date: contains `main`
    window CLOSED: outside the windows -> by itself at 2026-03-08 01:00 UTC (At(2026-03-08T01:00:00Z))
    lock: free
    ");
}

#[test]
fn a_base_branch_of_ones_own_has_no_rules_to_pass_by() {
    let onto = |rules: &str, branch: &str| {
        let situation = situation().config(&toml("", rules)).base(branch, 'b');
        let what = Candidate {
            commit: sha('a'),
            digest: None,
        };
        let facts = &situation.facts;
        let base = |gates: &[Gate]| one("base", gates);
        (
            base(&for_apply(prod(facts), facts, Asked::ByPerson)),
            base(&deploy_gates(facts, &what, Asked::ByPerson)),
        )
    };
    let closed =
        "base CLOSED: the pull request goes into `mine` -> the same on a pull request into `main`";
    let (open, closed) = (String::new(), closed.to_owned());
    for asks in [
        "codeowners = true",
        "checks = \"required\"",
        "up_to_date = true",
        "production = true",
    ] {
        assert_eq!(
            onto(asks, "mine"),
            (closed.clone(), closed.clone()),
            "{asks}"
        );
        assert_eq!(onto(asks, "main"), (open.clone(), open.clone()), "{asks}");
    }
    let merged = "pull_request = \"merged\"";
    assert_eq!(onto(merged, "mine"), (open.clone(), closed));
    for asks in ["", "approvals = 1\nchecks = [\"test\"]"] {
        assert_eq!(onto(asks, "mine"), (open.clone(), open.clone()), "{asks}");
    }
}

fn gate(name: &str, state: Option<Option<OpensByItself>>) -> Gate {
    match state {
        None => Gate::open(name, "fine"),
        Some(waits) => Gate {
            waits,
            ..Gate::closed(name, "shut", "a key")
        },
    }
}

#[test]
fn open_gates_pass() {
    assert_eq!(verdict(&[]), Verdicts::Pass);
    assert_eq!(verdict(&[gate("a", None), gate("b", None)]), Verdicts::Pass);
}

#[test]
fn one_gate_that_does_not_open_by_itself_refuses_and_all_closed_ones_are_named() {
    let gates = [
        gate("open", None),
        gate("lock", Some(Some(OpensByItself::Freed))),
        gate("approval", Some(None)),
        gate("window", Some(Some(OpensByItself::At(now())))),
    ];
    let Verdicts::Refuse(rows) = verdict(&gates) else {
        panic!("not refused");
    };
    let names: Vec<&str> = rows.iter().map(|row| row.gate.as_str()).collect();
    assert_eq!(names, ["lock", "approval", "window"]);
    assert_eq!(super::rows(&gates).len(), 4);
}

#[test]
fn gates_that_open_by_themselves_are_waited_for_until_the_last_opens() {
    let (early, late) = (ago(-10), ago(-20));
    let lock = gate("lock", Some(Some(OpensByItself::Freed)));
    let at = |moment| gate("window", Some(Some(OpensByItself::At(moment))));
    assert_eq!(
        verdict(std::slice::from_ref(&lock)),
        Verdicts::Queue { not_before: None }
    );
    assert_eq!(
        verdict(&[at(late), lock, at(early), gate("open", None)]),
        Verdicts::Queue {
            not_before: Some(late)
        }
    );
}

// --- freezes

fn frozen(rules: &str, moment: &str) -> String {
    let text = format!(
        "{}\n[[freeze]]\nfrom = \"2026-12-21 18:00\"\nto = \"2027-01-04 08:00\"\n\
         timezone = \"Europe/Berlin\"\nreason = \"Christmas, says @ana\"\nenvironments = [\"prod\"]\n",
        toml("", rules)
    );
    let situation = situation().config(&text).at(moment);
    let what = Candidate {
        commit: sha('a'),
        digest: None,
    };
    let facts = &situation.facts;
    let deploy = one("freeze", &deploy_gates(facts, &what, Asked::ByItself));
    let apply = one("freeze", &for_apply(prod(facts), facts, Asked::ByPerson));
    let of_drift = one(
        "freeze",
        &drift::for_drift(prod(facts), facts, Asked::ByItself),
    );
    assert!(
        deploy == apply && deploy == of_drift,
        "{deploy} {apply} {of_drift}"
    );
    assert_eq!(one("freeze", &for_rollback(prod(facts), facts)), "");
    let ConfigFacts::Valid(config) = &facts.config else {
        panic!("no config");
    };
    let dev = config.environment(&env("dev")).unwrap();
    assert_eq!(one("freeze", &for_apply(dev, facts, Asked::ByPerson)), "");
    deploy
}

#[test]
fn a_freeze_closes_and_opens_to_the_second() {
    let told = [
        "2026-12-21T16:59:59Z",
        "2026-12-21T17:00:00Z",
        "2027-01-04T06:59:59Z",
        "2027-01-04T07:00:00Z",
    ]
    .map(|moment| frozen("", moment));
    insta::assert_snapshot!(told.join("\n"), @"
    freeze: none now; next 2026-12-21 18:00 to 2027-01-04 08:00 Europe/Berlin: Christmas, says @&#8203;ana
    freeze CLOSED: frozen 2026-12-21 18:00 to 2027-01-04 08:00 Europe/Berlin: Christmas, says @&#8203;ana -> by itself at 2027-01-04 07:00 UTC (At(2027-01-04T07:00:00Z))
    freeze CLOSED: frozen 2026-12-21 18:00 to 2027-01-04 08:00 Europe/Berlin: Christmas, says @&#8203;ana -> by itself at 2027-01-04 07:00 UTC (At(2027-01-04T07:00:00Z))
    ");
}

#[test]
fn a_freeze_refuses_where_what_is_outside_is_refused_and_ends_with_a_window() {
    insta::assert_snapshot!(frozen("outside = \"refuse\"", "2026-12-24T12:00:00Z"), @"freeze CLOSED: frozen 2026-12-21 18:00 to 2027-01-04 08:00 Europe/Berlin: Christmas, says @&#8203;ana -> ask again at 2027-01-04 07:00 UTC");
    insta::assert_snapshot!(frozen("windows = [\"Fri 09:00-12:00 UTC\"]", "2026-12-25T10:00:00Z"), @"freeze CLOSED: frozen 2026-12-21 18:00 to 2027-01-04 08:00 Europe/Berlin: Christmas, says @&#8203;ana -> by itself at 2027-01-08 09:00 UTC (At(2027-01-08T09:00:00Z))");
}
