//! Owners who approved, did not, or can't be known.

use std::collections::BTreeSet;

use super::*;
use crate::codeowners::{PLACES, TeamName};
use crate::config::Config;
use crate::facts::Verdict as Says;
use crate::testing::{Situation, env, login, situation, toml, unread};

/// A pull request that changes these files, with this CODEOWNERS.
fn changes(files: &[&str], codeowners: &str) -> Situation {
    let file = match CodeOwners::parse(PLACES[0], codeowners) {
        Ok(file) => OwnersFile::Good(file),
        Err(faults) => OwnersFile::Faulty(PLACES[0], faults),
    };
    situation().but(|facts| {
        let pr = facts.pr.as_mut().unwrap();
        pr.files.as_mut().unwrap().paths = files.iter().map(|path| (*path).to_owned()).collect();
        pr.owners = Ok(OwnersFacts {
            file,
            members: BTreeMap::new(),
        });
    })
}

fn with_pr(situation: Situation, change: impl FnOnce(&mut PullFacts)) -> Situation {
    situation.but(|facts| change(facts.pr.as_mut().unwrap()))
}

fn team(situation: Situation, slug: &str, members: Result<&[&str], ()>) -> Situation {
    with_pr(situation, |pr| {
        let name = TeamName {
            org: "acme".to_owned(),
            slug: slug.to_owned(),
        };
        let members = match members {
            Ok(members) => Ok(members.iter().map(|name| login(name)).collect()),
            Err(()) => unread(),
        };
        pr.owners.as_mut().unwrap().members.insert(name, members);
    })
}

/// The gate in a line.
fn gate_by(rules: &str, situation: &Situation) -> String {
    let config = Config::parse(&toml("", rules)).unwrap();
    let prod = config.environment(&env("prod")).unwrap();
    let Some(gate) = codeowners(prod, situation.facts.pr.as_ref().unwrap()) else {
        return String::new();
    };
    match gate.row.open {
        true => gate.row.state,
        false => format!("CLOSED: {} -> {}", gate.row.state, gate.row.opens),
    }
}

fn gate(situation: &Situation) -> String {
    gate_by("codeowners = true", situation)
}

#[test]
fn it_is_there_only_where_it_is_asked_for() {
    let change = changes(&["infra/a.tf"], "* @ben");
    assert_eq!(gate_by("", &change), "");
    assert_eq!(gate_by("codeowners = false", &change), "");
    assert!(gate(&change).contains("CLOSED"));
}

#[test]
fn one_owner_of_each_file_is_enough() {
    let change = changes(
        &["app/a.rs", "infra/a.tf", "infra/b.tf", "notes.md"],
        "/infra/ @ben @cleo\n/app/ @dora\n",
    );
    insta::assert_snapshot!(gate(&change), @"CLOSED: `infra/a.tf`, `infra/b.tf` wait for `@ben` or `@cleo`; `app/a.rs` waits for `@dora` -> an approval of `aaaaaaa` by an owner of each, other than ana");
    let half = change.review("Ben", Says::Approved, Some('a'));
    insta::assert_snapshot!(gate(&half), @"CLOSED: `app/a.rs` waits for `@dora` -> an approval of `aaaaaaa` by an owner of each, other than ana");
    let whole = half.review("dora", Says::Approved, Some('a'));
    insta::assert_snapshot!(gate(&whole), @"3 owned files approved");
    insta::assert_snapshot!(gate(&changes(&["notes.md"], "/infra/ @ben\n")), @"no changed file has any");
}

#[test]
fn what_is_no_current_approval_of_another_does_not_count() {
    let change = || changes(&["infra/a.tf"], "* @ana @ben\n");
    for situation in [
        change().review("ana", Says::Approved, Some('a')),
        change().review("ANA", Says::Approved, Some('a')),
        change().review("ben", Says::Approved, Some('c')),
        change().review("ben", Says::Approved, None),
        change().review("ben", Says::Commented, Some('a')),
        change().review("cleo", Says::Approved, Some('a')),
        change()
            .review("ben", Says::Approved, Some('a'))
            .review("ben", Says::Dismissed, Some('a')),
    ] {
        assert!(gate(&situation).contains("CLOSED"), "{}", gate(&situation));
    }
    let words_after =
        change()
            .review("ben", Says::Approved, Some('a'))
            .review("ben", Says::Commented, Some('a'));
    assert!(!gate(&words_after).contains("CLOSED"));
}

#[test]
fn who_requests_changes_closes_it_unless_another_gate_does() {
    let against = changes(&["infra/a.tf"], "* @ben\n")
        .review("ben", Says::Approved, Some('a'))
        .review("cleo", Says::ChangesRequested, Some('a'));
    insta::assert_snapshot!(gate_by("codeowners = true\napprovals = 0", &against), @"CLOSED: cleo requests changes -> an approval by cleo, or their review dismissed");
    insta::assert_snapshot!(gate_by("codeowners = true\napprovals = 1", &against), @"1 owned file approved");
}

#[test]
fn a_team_owns_by_its_members() {
    let change =
        || changes(&["infra/a.tf"], "* @Acme/Platform\n").review("ben", Says::Approved, Some('a'));
    assert!(gate(&change()).contains("CLOSED"));
    insta::assert_snapshot!(gate(&team(change(), "platform", Ok(&["cleo"]))), @"CLOSED: `infra/a.tf` waits for `@acme/platform` -> an approval of `aaaaaaa` by an owner of each, other than ana");
    insta::assert_snapshot!(gate(&team(change(), "platform", Ok(&["ben"]))), @"1 owned file approved");
    insta::assert_snapshot!(gate(&team(change(), "platform", Err(()))), @"CLOSED: `infra/a.tf` waits for `@acme/platform`; could not be read: GitHub: 502 -> try again in a minute; what can't be read is not passed; an approval of `aaaaaaa` by an owner of each, other than ana");
    // Another owner's word is enough.
    let also = changes(&["infra/a.tf"], "* @acme/platform @ben\n").review(
        "ben",
        Says::Approved,
        Some('a'),
    );
    assert!(!gate(&team(also, "platform", Err(()))).contains("CLOSED"));
}

#[test]
fn where_nobody_can_approve_codeowners_has_to_change() {
    insta::assert_snapshot!(gate(&changes(&["a"], "* @ana\n")), @"CLOSED: `a` waits for `@ana` -> another owner in `.github/CODEOWNERS`, where only the author or an e-mail address is one");
    insta::assert_snapshot!(gate(&changes(&["a"], "* ops@example.com\n")), @"CLOSED: `a` waits for `ops@example.com` -> another owner in `.github/CODEOWNERS`, where only the author or an e-mail address is one; nobody can tell whose an e-mail address is: name an account or a team");
    insta::assert_snapshot!(gate(&changes(&["a"], "* ops@example.com @ben\n")), @"CLOSED: `a` waits for `ops@example.com` or `@ben` -> an approval of `aaaaaaa` by an owner of each, other than ana; nobody can tell whose an e-mail address is: name an account or a team");
}

#[test]
fn what_cannot_be_read_is_not_passed() {
    let approved = || changes(&["a"], "* @ben\n").review("ben", Says::Approved, Some('a'));
    assert!(!gate(&approved()).contains("CLOSED"));
    for situation in [
        with_pr(approved(), |pr| pr.files = unread()),
        with_pr(approved(), |pr| pr.owners = unread()),
        with_pr(approved(), |pr| pr.reviews = unread()),
    ] {
        insta::allow_duplicates! {
            insta::assert_snapshot!(gate(&situation), @"CLOSED: could not be read: GitHub: 502 -> try again in a minute; what can't be read is not passed");
        }
    }
    let truncated = with_pr(approved(), |pr| pr.files.as_mut().unwrap().truncated = true);
    insta::assert_snapshot!(gate(&truncated), @"CLOSED: GitHub lists 1 of the changed files and not the rest -> a pull request that changes fewer files");
    let none = with_pr(approved(), |pr| {
        pr.owners.as_mut().unwrap().file = OwnersFile::Missing;
    });
    insta::assert_snapshot!(gate(&none), @"CLOSED: `main` has no CODEOWNERS -> a file `.github/CODEOWNERS` there, or `codeowners` taken out of deploy.toml");
    insta::assert_snapshot!(gate(&changes(&["a"], "* @ben\n!a\n[b] @x\n")), @"CLOSED: `.github/CODEOWNERS` of `main` can't be read: line 2: `!` takes nothing back in CODEOWNERS; line 3: `[` and `]` have no meaning in CODEOWNERS -> each of its lines mended: what can't be read is not passed");
}

#[test]
fn what_waits_is_told_within_bounds() {
    let long = format!("infra/{}/main.tf", "x".repeat(300));
    let files: Vec<String> = (0..900)
        .map(|n| format!("infra/{n}.tf"))
        .chain((0..50).map(|n| format!("app{n}/a.rs")))
        .chain([long])
        .collect();
    let files: Vec<&str> = files.iter().map(String::as_str).collect();
    let mut rules = "/infra/ @a @b @c @d @e @f\n".to_owned();
    for n in 0..50 {
        rules.push_str(&format!("/app{n}/ @user{n}\n"));
    }
    insta::assert_snapshot!(gate(&changes(&files, &rules)), @"CLOSED: `infra/0.tf`, `infra/1.tf`, `infra/10.tf`, `infra/100.tf` and 897 more wait for `@a` or `@b` or `@c` or `@d` and 2 more; `app0/a.rs` waits for `@user0`; `app1/a.rs` waits for `@user1`; `app10/a.rs` waits for `@user10` and 47 more -> an approval of `aaaaaaa` by an owner of each, other than ana");
    let faulty: String = (0..100).map(|n| format!("!{n}\n")).collect();
    insta::assert_snapshot!(gate(&changes(&["a"], &faulty)), @"CLOSED: `.github/CODEOWNERS` of `main` can't be read: line 1: `!` takes nothing back in CODEOWNERS; line 2: `!` takes nothing back in CODEOWNERS; line 3: `!` takes nothing back in CODEOWNERS; line 4: `!` takes nothing back in CODEOWNERS and 96 more -> each of its lines mended: what can't be read is not passed");
}

#[test]
fn nothing_that_is_told_calls_anybody() {
    let change = changes(&["@ben/a"], "* @ben @acme/platform ops@example.com\n");
    let told = gate(&change);
    let outside_of_code: BTreeSet<&str> = told.split('`').step_by(2).collect();
    assert!(
        outside_of_code
            .iter()
            .all(|part| !part.contains("@b") && !part.contains("@acme")),
        "{told}"
    );
}
