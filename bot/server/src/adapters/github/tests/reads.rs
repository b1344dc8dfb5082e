//! Every read of the port.

use std::collections::BTreeSet;

use slipway_core::facts::{CheckState, PullState, Verdict};
use slipway_sandbox::github::{Change, DeliveryFault, Effect, Fault, Protection};

use super::*;

#[tokio::test]
async fn the_app_and_the_repository() {
    let world = World::new().await;
    let app = world.github.app().await.unwrap();
    assert_eq!(app.id, world.sandbox.app_id());
    assert_eq!(app.login.as_str(), world.sandbox.bot_login());
    world.github.app().await.unwrap();
    assert_eq!(world.statuses("/app"), [200]);
    let repository = world.github.repository(&world.repo).await.unwrap();
    assert_eq!(repository.default_branch, "main");
    world.assert_all_known();
}

#[tokio::test]
async fn files() {
    let world = World::new().await;
    let first = world.main();
    world
        .commit("feature/x#y%z", &[("README.md", Some("changed\n"))])
        .await;
    let file = async |path: &str, at: &str| world.github.file(&world.repo, path, at).await;
    assert_eq!(
        file("README.md", first.as_str()).await.unwrap().unwrap(),
        "hello\n"
    );
    assert_eq!(
        file("README.md", "feature/x#y%z").await.unwrap().unwrap(),
        "changed\n"
    );
    assert_eq!(
        file("infra/a b/main.tf", "main").await.unwrap().unwrap(),
        "# tf ä\n"
    );
    assert_eq!(file("deploy.toml", "main").await, Ok(None));
    assert_eq!(file("infra", "main").await, Ok(None));
    // No such commit is something else than no such file.
    let error = failed(file("README.md", "nowhere").await);
    assert_eq!(error.kind, PortErrorKind::NotFound);
    insta::assert_snapshot!(error, @"GitHub: reading README.md of acme/shop at nowhere: No commit found for the ref nowhere");
    for odd in ["../other/contents/x", "a/../b", "", "/etc", "a//b", "."] {
        let error = failed(file(odd, "main").await);
        assert_eq!(error.kind, PortErrorKind::Invalid, "{odd}");
    }
    world.assert_all_known();
}

#[tokio::test]
async fn files_that_are_no_text_or_too_large() {
    let world = World::new().await;
    let changes = vec![
        Change::Write("binary".to_owned(), vec![0xff, 0xfe, 0]),
        Change::Write("large".to_owned(), vec![b'x'; 1024 * 1024 + 1]),
    ];
    world
        .sandbox
        .commit_changes(REPO, "main", "bo", "Add", changes)
        .await
        .unwrap();
    for (path, why) in [
        ("binary", "the file is no UTF-8 text"),
        ("large", "the file is larger than 1 MB"),
    ] {
        let error = failed(world.github.file(&world.repo, path, "main").await);
        assert_eq!(
            (error.kind, error.said.as_str()),
            (PortErrorKind::Invalid, why)
        );
    }
}

#[tokio::test]
async fn branches_and_commits() {
    let world = World::new().await;
    let tip = world.commit("feature/x", &[("a", Some("b"))]).await;
    let github = &world.github;
    assert_eq!(
        github.branch_tip(&world.repo, "feature/x").await,
        Ok(tip.clone())
    );
    let error = failed(github.branch_tip(&world.repo, "gone").await);
    assert_eq!(error.kind, PortErrorKind::NotFound);
    for name in [tip.as_str(), tip.short(), "feature/x"] {
        let found = github.commit(&world.repo, name).await;
        assert_eq!(found, Ok(Some(tip.clone())), "{name}");
    }
    for name in ["0000000", "gone", &"0".repeat(40)] {
        let found = github.commit(&world.repo, name).await;
        assert_eq!(found, Ok(None), "{name}");
    }
    let compare = async |base: &str, head: &str| {
        let compared = github.compare(&world.repo, base, head).await.unwrap();
        (compared.ahead_by, compared.behind_by)
    };
    assert_eq!(compare("main", "feature/x").await, (1, 0));
    assert_eq!(compare("feature/x", "main").await, (0, 1));
    assert_eq!(compare(tip.as_str(), tip.as_str()).await, (0, 0));
    world.assert_all_known();
}

#[tokio::test]
async fn a_pull_request_through_its_life() {
    let world = World::new().await;
    let (number, head) = world.pull().await;
    let pull = world.github.pull_request(&world.repo, number).await;
    assert_eq!(
        pull,
        Ok(PullRequest {
            number,
            title: "Add a file".to_owned(),
            author: login("ana"),
            head: head.clone(),
            head_ref: "topic".to_owned(),
            fork: false,
            base_ref: "main".to_owned(),
            compared_with: world.main(),
            state: PullState::Open,
            draft: false,
        })
    );
    let of = async |sha: &CommitSha| {
        world
            .github
            .pull_requests_of(&world.repo, sha)
            .await
            .unwrap()
    };
    assert_eq!(of(&head).await, [number]);
    assert_eq!(
        world.github.open_pull_requests(&world.repo, "main").await,
        Ok(vec![number])
    );
    assert_eq!(
        world.github.open_pull_requests(&world.repo, "other").await,
        Ok(vec![])
    );
    let merged = world.sandbox.squash(REPO, number.0, "bo").await.unwrap();
    let merged = CommitSha::parse(merged).unwrap();
    let pull = world.github.pull_request(&world.repo, number).await;
    assert_eq!(pull.unwrap().state, PullState::Merged(merged.clone()));
    assert_eq!(of(&merged).await, [number]);
    assert_eq!(
        world.github.open_pull_requests(&world.repo, "main").await,
        Ok(vec![])
    );
    let error = failed(world.github.pull_request(&world.repo, PrNumber(999)).await);
    assert_eq!(error.kind, PortErrorKind::NotFound);
    insta::assert_snapshot!(error, @"GitHub: reading acme/shop#999: Not Found");
    world.assert_all_known();
}

#[tokio::test]
async fn a_commit_below_the_head_is_of_no_pull_request() {
    let world = World::new().await;
    let below = world.commit("topic", &[("a", Some("1"))]).await;
    let head = world.commit("topic", &[("a", Some("2"))]).await;
    let number = world.open("ana", "topic").await;
    let github = &world.github;
    assert_eq!(
        github.pull_requests_of(&world.repo, &head).await,
        Ok(vec![number])
    );
    assert_eq!(
        github.pull_requests_of(&world.repo, &below).await,
        Ok(vec![])
    );
}

#[tokio::test]
async fn a_fork_is_told_and_found_by_its_head() {
    let world = World::new().await;
    world.sandbox.set_private(REPO, false).await.unwrap();
    let fork = world.sandbox.fork(REPO, "eve").await.unwrap();
    let head = world
        .sandbox
        .commit(&fork, "topic", "eve", "Add", &[("x", Some("y"))])
        .await
        .unwrap();
    let head = CommitSha::parse(head).unwrap();
    let number = world.open("eve", "eve:topic").await;
    let pull = world.github.pull_request(&world.repo, number).await;
    assert!(pull.unwrap().fork);
    // GitHub may leave it out of the list of the commit's pull requests.
    world.sandbox.fault(Fault::once(
        http::Method::GET,
        "/repos/acme/shop/commits/*/pulls",
        Effect::Respond {
            status: 200,
            headers: Vec::new(),
            body: "[]".to_owned(),
        },
    ));
    assert_eq!(
        world.github.pull_requests_of(&world.repo, &head).await,
        Ok(vec![number])
    );
    world.assert_all_known();
}

#[tokio::test]
async fn changed_files_count_both_names_and_all_pages() {
    let world = World::new().await;
    let mut changes: Vec<Change> = (0..150)
        .map(|n| Change::Write(format!("many/{n}"), format!("{n}\n").into_bytes()))
        .collect();
    changes.push(Change::Rename(
        "README.md".to_owned(),
        "docs/readme.md".to_owned(),
    ));
    world
        .sandbox
        .commit_changes(REPO, "topic", "ana", "Add", changes)
        .await
        .unwrap();
    let number = world.open("ana", "topic").await;
    let files = world.github.changed_files(&world.repo, number).await;
    let files = files.unwrap();
    assert!(!files.truncated);
    let mut expected: BTreeSet<String> = (0..150).map(|n| format!("many/{n}")).collect();
    expected.insert("README.md".to_owned());
    expected.insert("docs/readme.md".to_owned());
    assert_eq!(files.paths, expected);
    assert_eq!(world.statuses("/files"), [200, 200]);
}

#[tokio::test]
async fn more_files_than_github_lists_are_told() {
    let world = World::new().await;
    let changes = (0..3001)
        .map(|n| Change::Write(format!("many/{n}"), Vec::new()))
        .collect();
    world
        .sandbox
        .commit_changes(REPO, "topic", "ana", "Add", changes)
        .await
        .unwrap();
    let number = world.open("ana", "topic").await;
    let files = world.github.changed_files(&world.repo, number).await;
    let files = files.unwrap();
    assert!(files.truncated);
    assert_eq!(files.paths.len(), 3000);
}

#[tokio::test]
async fn reviews_oldest_first() {
    let world = World::new().await;
    let (number, head) = world.pull().await;
    for (who, verdict) in [
        ("bo", "comment"),
        ("cy", "request_changes"),
        ("bo", "approve"),
    ] {
        world
            .sandbox
            .review(REPO, number.0, who, verdict)
            .await
            .unwrap();
    }
    let dismissed = world.sandbox.review(REPO, number.0, "cy", "approve").await;
    world
        .sandbox
        .dismiss_review(REPO, number.0, dismissed.unwrap(), "bo")
        .await
        .unwrap();
    let reviews = world.github.reviews(&world.repo, number).await.unwrap();
    let told: Vec<(&str, Verdict)> = reviews
        .iter()
        .map(|review| (review.author.as_str(), review.verdict))
        .collect();
    assert_eq!(
        told,
        [
            ("bo", Verdict::Commented),
            ("cy", Verdict::ChangesRequested),
            ("bo", Verdict::Approved),
            ("cy", Verdict::Dismissed),
        ]
    );
    assert!(
        reviews
            .iter()
            .all(|review| review.commit.as_ref() == Some(&head))
    );
    world.assert_all_known();
}

#[tokio::test]
async fn checks_of_everybody() {
    let world = World::new().await;
    let (_, head) = world.pull().await;
    let github = &world.github;
    let sandbox = &world.sandbox;
    for (name, conclusion) in [
        ("build", Some("success")),
        ("lint", Some("skipped")),
        ("test", Some("timed_out")),
        ("slow", None),
    ] {
        sandbox
            .ci_check(REPO, head.as_str(), name, conclusion)
            .await
            .unwrap();
    }
    for n in 0..120 {
        let name = format!("matrix {n}");
        sandbox
            .ci_check(REPO, head.as_str(), &name, Some("success"))
            .await
            .unwrap();
    }
    for (context, state) in [
        ("ci/a", "failure"),
        ("ci/b", "success"),
        ("ci/c", "pending"),
        ("ci/a", "success"),
    ] {
        sandbox
            .commit_status(REPO, head.as_str(), "ana", context, state)
            .await
            .unwrap();
    }
    let own = writes::output("slipway / dev", 0);
    github
        .create_check(&world.repo, &head, "key", "http://run.test/1", &own)
        .await
        .unwrap();
    let checks = github.checks(&world.repo, &head).await.unwrap();
    let told = |name: &str| -> Vec<(CheckState, bool)> {
        checks
            .iter()
            .filter(|check| check.name == name)
            .map(|check| (check.state, check.own))
            .collect()
    };
    assert_eq!(told("build"), [(CheckState::Passed, false)]);
    assert_eq!(told("lint"), [(CheckState::Passed, false)]);
    assert_eq!(told("test"), [(CheckState::Failed, false)]);
    assert_eq!(told("slow"), [(CheckState::Pending, false)]);
    assert_eq!(told("matrix 0"), [(CheckState::Passed, false)]);
    assert_eq!(told("matrix 119"), [(CheckState::Passed, false)]);
    assert_eq!(told("ci/a"), [(CheckState::Passed, false)]);
    assert_eq!(told("ci/b"), [(CheckState::Passed, false)]);
    assert_eq!(told("ci/c"), [(CheckState::Pending, false)]);
    assert_eq!(told("slipway / dev"), [(CheckState::Pending, true)]);
    world.assert_all_known();
}

#[tokio::test]
async fn required_checks_are_those_of_protection_and_rules() {
    let world = World::new().await;
    let required = || world.github.required_checks(&world.repo, "main");
    assert_eq!(required().await, Ok(vec![]));
    let rules = Protection {
        required_checks: vec!["test".to_owned(), "build".to_owned()],
        ..Protection::default()
    };
    world
        .sandbox
        .protect_branch(REPO, "main", rules)
        .await
        .unwrap();
    let both = Ok(vec!["build".to_owned(), "test".to_owned()]);
    assert_eq!(required().await, both);
    let rules = "/repos/acme/shop/rules/branches/main";
    let answer =
        |status, message| Fault::once(http::Method::GET, rules, Fault::status(status, message));
    // A plan or a server without rulesets has no rules …
    let upgrade = "Upgrade to GitHub Pro or make this repository public to enable this feature.";
    for fault in [answer(403, upgrade), answer(404, "Not Found")] {
        world.sandbox.fault(fault);
        assert_eq!(required().await, both);
    }
    // … but what can't be read is not "none".
    for fault in [
        answer(403, "Resource not accessible by integration"),
        answer(500, "Oops"),
    ] {
        world.sandbox.fault(fault);
        required().await.unwrap_err();
    }
    world.sandbox.fault(Fault::once(
        http::Method::GET,
        "/repos/acme/shop/branches/main",
        Effect::Respond {
            status: 200,
            headers: Vec::new(),
            body: json!({ "commit": { "sha": world.main() }, "protected": true }).to_string(),
        },
    ));
    let error = failed(required().await);
    assert_eq!(error.kind, PortErrorKind::Invalid);
    insta::assert_snapshot!(error, @"GitHub: reading which checks acme/shop requires on main: the branch is protected, but GitHub does not show what it requires");
    world.assert_all_known();
}

#[tokio::test]
async fn rights_of_people() {
    let world = World::new().await;
    for (who, word) in [("ro", "read"), ("tri", "triage"), ("no", "none")] {
        world.sandbox.set_permission(REPO, who, word).await.unwrap();
    }
    let right = async |who: &str| {
        world
            .github
            .permission(&world.repo, &login(who))
            .await
            .unwrap()
    };
    assert_eq!(right("bo").await, Permission::Admin);
    assert_eq!(right("cy").await, Permission::Maintain);
    assert_eq!(right("ana").await, Permission::Write);
    assert_eq!(right("tri").await, Permission::Triage);
    assert_eq!(right("ro").await, Permission::Read);
    assert_eq!(right("no").await, Permission::None);
    assert_eq!(right("nobody-at-all").await, Permission::None);
    // A custom role is told by the right that it is built on.
    let role = |permission: &str, role: &str| {
        Fault::once(
            http::Method::GET,
            "/repos/acme/shop/collaborators/ana/permission",
            Effect::Respond {
                status: 200,
                headers: Vec::new(),
                body: json!({ "permission": permission, "role_name": role }).to_string(),
            },
        )
    };
    world.sandbox.fault(role("write", "release captain"));
    assert_eq!(right("ana").await, Permission::Write);
    world.sandbox.fault(role("odd", "release captain"));
    let ana = login("ana");
    let odd = world.github.permission(&world.repo, &ana);
    assert_eq!(failed(odd.await).kind, PortErrorKind::Invalid);
    world.assert_all_known();
}

#[tokio::test]
async fn teams() {
    let world = World::new().await;
    world
        .sandbox
        .add_team_member("acme", "ops", "ana")
        .await
        .unwrap();
    let is_in = async |org: &str, team: &str, who: &str| {
        world
            .github
            .is_team_member(&world.repo, org, team, &login(who))
            .await
    };
    assert_eq!(is_in("acme", "ops", "ana").await, Ok(true));
    assert_eq!(is_in("acme", "ops", "bo").await, Ok(false));
    assert_eq!(is_in("acme", "no-team", "ana").await, Ok(false));
    let error = failed(is_in("other", "ops", "ana").await);
    assert_eq!(error.kind, PortErrorKind::Denied);
    insta::assert_snapshot!(error, @"GitHub: reading whether @ana is in other/ops: the App as installed on acme sees the teams of acme only, not those of other");
    // An invitation is no membership.
    world.sandbox.fault(Fault::once(
        http::Method::GET,
        "/orgs/acme/teams/ops/memberships/ana",
        Effect::Respond {
            status: 200,
            headers: Vec::new(),
            body: json!({ "state": "pending", "role": "member" }).to_string(),
        },
    ));
    assert_eq!(is_in("acme", "ops", "ana").await, Ok(false));
    world.assert_all_known();
}

#[tokio::test]
async fn missed_deliveries_are_those_that_never_got_through() {
    let world = World::new().await;
    let since = world.clock.now() - jiff::SignedDuration::from_secs(1);
    let patience = Duration::from_secs(20);
    // Nobody listens at the hook's address: all fail. More than a page of them.
    let dead = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let hook = format!("http://{}/hook", dead.local_addr().unwrap());
    drop(dead);
    world.sandbox.delivery_fault(DeliveryFault::Drop {
        event: None,
        times: 200,
    });
    world.sandbox.set_hook_url(&hook);
    for n in 0..120 {
        let guid = format!("00000000-0000-4000-8000-{n:012}");
        world.sandbox.deliver("push", &json!({}), Some(&guid));
    }
    world.sandbox.idle(patience).await.unwrap();
    let missed = world.github.missed_deliveries(since).await.unwrap();
    let last: Vec<&str> = missed
        .iter()
        .rev()
        .take(120)
        .map(|missed| missed.guid.as_str())
        .collect();
    let expected: Vec<String> = (0..120)
        .rev()
        .map(|n| format!("00000000-0000-4000-8000-{n:012}"))
        .collect();
    assert_eq!(last, expected);
    let calls = world.calls("/app/hook/deliveries").len();
    assert_eq!(calls, 2);

    // Tried again in vain, it is missed still, and known by the newest attempt.
    let first = missed
        .iter()
        .find(|missed| missed.guid.as_str() == expected[119])
        .unwrap();
    world.github.redeliver(first.id).await.unwrap();
    world.sandbox.idle(patience).await.unwrap();
    let again = world.github.missed_deliveries(since).await.unwrap();
    assert_eq!(again.len(), missed.len());
    let newest = again
        .iter()
        .find(|missed| missed.guid == first.guid)
        .unwrap();
    assert!(newest.id > first.id);

    // Nothing is missed since later.
    world.clock.advance(Duration::from_secs(10));
    let later = world.clock.now();
    assert_eq!(world.github.missed_deliveries(later).await, Ok(vec![]));
    let error = failed(world.github.redeliver(1).await);
    assert_eq!(error.kind, PortErrorKind::NotFound);
    world.assert_all_known();
}

#[tokio::test]
async fn a_delivery_that_got_through_later_is_not_missed() {
    let world = World::new().await;
    let since = world.clock.now() - jiff::SignedDuration::from_secs(1);
    let attempts = json!([
        { "id": 5, "guid": "b", "delivered_at": world.clock.now(), "status_code": 502 },
        { "id": 4, "guid": "a", "delivered_at": world.clock.now(), "status_code": 200 },
        { "id": 3, "guid": "b", "delivered_at": world.clock.now(), "status_code": 0 },
        { "id": 2, "guid": "a", "delivered_at": world.clock.now(), "status_code": 0 },
    ]);
    world.sandbox.fault(Fault::once(
        http::Method::GET,
        "/app/hook/deliveries",
        Effect::Respond {
            status: 200,
            headers: Vec::new(),
            body: attempts.to_string(),
        },
    ));
    let missed = world.github.missed_deliveries(since).await.unwrap();
    let told: Vec<(&str, u64)> = missed
        .iter()
        .map(|missed| (missed.guid.as_str(), missed.id))
        .collect();
    assert_eq!(told, [("b", 5)]);
}
