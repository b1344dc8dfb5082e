//! Each event by a payload cut down to what matters, in GitHub's own shape.

use proptest::prelude::*;
use serde_json::{Value, json};

use slipway_core::event::PullRequestAction;
use slipway_core::ids::{CheckRunId, CommentId, IssueNumber, PrNumber};

use super::pulls::LONGEST_COMMENT;
use super::*;

const APP: u64 = 4242;
const SHA: &str = "6113728f27ae82c7b1a177c8d03f9e96e0adf246";

/// A payload with what every event has, and these fields.
fn payload(fields: Value) -> Value {
    let mut payload = json!({
        "installation": { "id": 7, "node_id": "MDM=" },
        "repository": { "id": 1, "name": "shop", "full_name": "acme/shop", "private": true },
        "sender": { "login": "ana", "id": 2, "type": "User" },
    });
    let Value::Object(fields) = fields else {
        panic!("{fields} are no fields");
    };
    payload.as_object_mut().unwrap().extend(fields);
    payload
}

fn translated(event: &str, payload: &Value) -> Result<Translated, PayloadError> {
    translate(event, payload.to_string().as_bytes(), APP)
}

/// What an event with these fields means.
fn kind(event: &str, fields: Value) -> EventKind {
    match translated(event, &payload(fields)).unwrap() {
        Translated::Event(event) => event.kind,
        other => panic!("{other:?}"),
    }
}

fn reason(event: &str, fields: Value) -> String {
    match translated(event, &payload(fields)).unwrap() {
        Translated::Ignored(reason) => reason,
        other => panic!("{other:?}"),
    }
}

fn error(event: &str, payload: &Value) -> String {
    translated(event, payload).unwrap_err().to_string()
}

fn sha() -> CommitSha {
    CommitSha::parse(SHA).unwrap()
}

fn comment(body: &str) -> Value {
    json!({
        "action": "created",
        "issue": { "number": 42, "pull_request": { "url": "" } },
        "comment": {
            "id": 99,
            "body": body,
            "user": { "login": "ana", "type": "User" },
            "performed_via_github_app": null,
        },
    })
}

#[test]
fn an_event_says_where_and_who() {
    let fields = json!({ "action": "opened", "pull_request": { "number": 42 } });
    let Translated::Event(event) = translated("pull_request", &payload(fields)).unwrap() else {
        panic!("no event");
    };
    assert_eq!(event.repo.installation, InstallationId(7));
    assert_eq!(event.repo.name.as_str(), "acme/shop");
    let actor = event.actor.unwrap();
    assert_eq!((actor.login.as_str(), actor.is_bot), ("ana", false));
}

#[test]
fn an_app_is_a_bot_and_an_event_may_have_no_sender() {
    let mut body = payload(json!({ "action": "opened", "pull_request": { "number": 42 } }));
    body["sender"] = json!({ "login": "renovate[bot]", "type": "Bot" });
    let Translated::Event(event) = translated("pull_request", &body).unwrap() else {
        panic!("no event");
    };
    assert!(event.actor.unwrap().is_bot);
    body["sender"] = Value::Null;
    let Translated::Event(event) = translated("pull_request", &body).unwrap() else {
        panic!("no event");
    };
    assert_eq!(event.actor, None);
}

#[test]
fn pull_requests() {
    for (action, means) in [
        ("opened", PullRequestAction::Opened),
        ("reopened", PullRequestAction::Reopened),
        ("synchronize", PullRequestAction::Pushed),
        ("ready_for_review", PullRequestAction::Ready),
        ("closed", PullRequestAction::Closed),
    ] {
        let fields = json!({ "action": action, "pull_request": { "number": 42 } });
        let number = PrNumber(42);
        let action = means;
        assert_eq!(
            kind("pull_request", fields),
            EventKind::PullRequest { number, action }
        );
    }
    let mut edited = json!({
        "action": "edited",
        "pull_request": { "number": 42 },
        "changes": { "base": { "ref": { "from": "main" }, "sha": { "from": SHA } } },
    });
    assert_eq!(
        kind("pull_request", edited.clone()),
        EventKind::PullRequest {
            number: PrNumber(42),
            action: PullRequestAction::Retargeted
        }
    );
    edited["changes"] = json!({ "title": { "from": "Old" } });
    insta::assert_snapshot!(reason("pull_request", edited), @"a pull request's words changed, not its base");
    let labeled = json!({ "action": "labeled", "pull_request": { "number": 42 } });
    insta::assert_snapshot!(reason("pull_request", labeled), @r#"`pull_request` "labeled" leads to nothing"#);
}

#[test]
fn a_comment_is_a_new_one_by_a_person_on_a_pull_request() {
    assert_eq!(
        kind("issue_comment", comment("/plan dev")),
        EventKind::Comment {
            pr: PrNumber(42),
            comment: CommentId(99),
            body: "/plan dev".to_owned(),
        }
    );
    for action in ["edited", "deleted"] {
        let mut fields = comment("/plan");
        fields["action"] = json!(action);
        insta::allow_duplicates! {
            insta::assert_snapshot!(reason("issue_comment", fields), @"a comment was edited or deleted: only new ones count");
        }
    }
    let mut fields = comment("/plan");
    // An issue that the bot may have opened: the store knows for sure.
    let body = "<!-- slipway:drift-issue/dev -->\nDrift.";
    let own = json!({ "number": 7, "body": body, "user": { "login": "slipway[bot]" } });
    fields["issue"] = own.clone();
    assert_eq!(
        kind("issue_comment", fields.clone()),
        EventKind::IssueComment {
            issue: IssueNumber(7),
            comment: CommentId(99),
            body: "/plan".to_owned(),
        }
    );
    for (key, other) in [
        ("body", json!("Drift.")),
        ("user", json!({ "login": "ana" })),
    ] {
        fields["issue"] = own.clone();
        fields["issue"][key] = other;
        insta::allow_duplicates! {
            insta::assert_snapshot!(reason("issue_comment", fields.clone()), @"a comment on an issue, not on a pull request");
        }
    }
    fields["issue"] = json!({ "number": 42 });
    insta::assert_snapshot!(reason("issue_comment", fields), @"a comment on an issue, not on a pull request");
    let mut fields = comment("/plan");
    fields["comment"]["performed_via_github_app"] = json!({ "id": 1 });
    insta::assert_snapshot!(reason("issue_comment", fields), @"a comment written through an App");
    let mut fields = comment("/plan");
    fields["comment"]["user"] = json!({ "login": "renovate[bot]", "type": "Bot" });
    insta::assert_snapshot!(reason("issue_comment", fields), @"a comment by a bot");
    let mut fields = comment("/plan");
    fields["sender"] = json!({ "login": "machine", "type": "Bot" });
    insta::assert_snapshot!(reason("issue_comment", fields), @"a comment by a bot");
}

#[test]
fn a_long_comment_is_cut_between_characters() {
    let EventKind::Comment { body, .. } = kind("issue_comment", comment(&"ä".repeat(80_000)))
    else {
        panic!("no comment");
    };
    assert_eq!(body.chars().count(), LONGEST_COMMENT);
}

#[test]
fn reviews() {
    for action in ["submitted", "dismissed"] {
        let fields = json!({ "action": action, "pull_request": { "number": 42 } });
        let pr = PrNumber(42);
        assert_eq!(
            kind("pull_request_review", fields),
            EventKind::Review { pr }
        );
    }
    let fields = json!({ "action": "edited", "pull_request": { "number": 42 } });
    insta::assert_snapshot!(reason("pull_request_review", fields), @r#"`pull_request_review` "edited" leads to nothing"#);
}

#[test]
fn pushes() {
    let fields = json!({ "ref": "refs/heads/feature/x", "after": SHA, "deleted": false });
    assert_eq!(
        kind("push", fields),
        EventKind::Push {
            branch: "feature/x".to_owned(),
            after: sha()
        }
    );
    let fields = json!({ "ref": "refs/tags/v1", "after": SHA });
    insta::assert_snapshot!(reason("push", fields), @"a push of something that is no branch");
    let fields = json!({ "ref": "refs/heads/x", "after": "0".repeat(40), "deleted": true });
    insta::assert_snapshot!(reason("push", fields), @"a branch was deleted");
}

#[test]
fn checks() {
    let run = json!({ "id": 5, "external_id": "plan:1", "app": { "id": APP } });
    let (check, external_id) = (CheckRunId(5), "plan:1".to_owned());
    assert_eq!(
        kind(
            "check_run",
            json!({ "action": "rerequested", "check_run": run })
        ),
        EventKind::CheckRerequested {
            check,
            external_id: external_id.clone()
        }
    );
    assert_eq!(
        kind(
            "check_run",
            json!({
                "action": "requested_action",
                "check_run": run,
                "requested_action": { "identifier": "apply" },
            })
        ),
        EventKind::Button {
            check,
            external_id,
            identifier: "apply".to_owned()
        }
    );
    let foreign = json!({ "id": 5, "external_id": "plan:1", "app": { "id": 1 } });
    let fields = json!({ "action": "rerequested", "check_run": foreign });
    insta::assert_snapshot!(reason("check_run", fields), @"a check run of another App");
    let fields = json!({ "action": "completed", "check_run": run });
    insta::assert_snapshot!(reason("check_run", fields), @r#"`check_run` "completed" leads to nothing"#);

    let suite = json!({ "head_sha": SHA, "app": { "id": APP } });
    assert_eq!(
        kind(
            "check_suite",
            json!({ "action": "rerequested", "check_suite": suite })
        ),
        EventKind::SuiteRerequested { head: sha() }
    );
    let foreign = json!({ "head_sha": SHA, "app": { "id": 1 } });
    let fields = json!({ "action": "rerequested", "check_suite": foreign });
    insta::assert_snapshot!(reason("check_suite", fields), @"a check suite of another App");
}

#[test]
fn merge_groups() {
    let fields = |action: &str, head_ref: &str| {
        json!({
            "action": action,
            "merge_group": { "head_sha": SHA, "head_ref": head_ref, "base_ref": "refs/heads/main" },
        })
    };
    // The branch of a base may have slashes and look like a place itself.
    for base in ["main", "release/pr-1", "pr-7-x"] {
        let name = format!("refs/heads/gh-readonly-queue/{base}/pr-104-{SHA}");
        assert_eq!(
            kind("merge_group", fields("checks_requested", &name)),
            EventKind::MergeGroup {
                pr: PrNumber(104),
                head: sha()
            }
        );
    }
    insta::assert_snapshot!(reason("merge_group", fields("destroyed", "refs/heads/x")), @r#"`merge_group` "destroyed" leads to nothing"#);
    insta::assert_snapshot!(reason("merge_group", fields("checks_requested", "refs/heads/x")), @"a merge group whose branch names no pull request");
}

#[test]
fn images() {
    // A bare `:` where the tag should be is what GitHub sends for an untagged version.
    let image = json!({
        "name": "shop",
        "package_type": "CONTAINER",
        "package_version": { "package_url": "ghcr.io/acme/shop:" },
    });
    for action in ["published", "updated"] {
        let fields = json!({ "action": action, "registry_package": image });
        assert_eq!(kind("registry_package", fields), EventKind::ImageMaybe);
        let fields = json!({ "action": action, "package": image });
        assert_eq!(kind("package", fields), EventKind::ImageMaybe);
    }
    let npm = json!({ "action": "published", "package": { "package_type": "npm" } });
    insta::assert_snapshot!(reason("package", npm), @r#"a package that is no image but "npm""#);
    let unlinked = json!({ "action": "published", "registry_package": image, "repository": null });
    insta::assert_snapshot!(reason("registry_package", unlinked), @"an image that is linked to no repository");
    let fields = json!({ "action": "completed", "workflow_run": { "conclusion": "failure" } });
    assert_eq!(kind("workflow_run", fields), EventKind::ImageMaybe);
    let fields = json!({ "action": "requested", "workflow_run": {} });
    insta::assert_snapshot!(reason("workflow_run", fields), @r#"`workflow_run` "requested" leads to nothing"#);
}

#[test]
fn installations_say_what_was_installed() {
    let many: Vec<Value> = (0..12)
        .map(|n| json!({ "full_name": format!("acme/r{n}") }))
        .collect();
    let installation = json!({ "id": 7, "account": { "login": "acme", "type": "Organization" } });
    let fields = |action: &str, repositories: &[Value]| json!({ "action": action, "installation": installation, "repositories": repositories });
    insta::assert_snapshot!(reason("installation", fields("created", &many)), @"the App was installed on acme: acme/r0, acme/r1, acme/r2, acme/r3, acme/r4, acme/r5, acme/r6, acme/r7, acme/r8, acme/r9 and 2 more");
    insta::assert_snapshot!(reason("installation", fields("suspend", &[])), @"the App was suspended on acme");
    let changed = json!({
        "action": "added",
        "installation": installation,
        "repositories_added": [{ "full_name": "acme/shop" }],
        "repositories_removed": [],
    });
    insta::assert_snapshot!(reason("installation_repositories", changed), @"the App on acme gained acme/shop and lost no repository");
}

#[test]
fn pings_and_the_unknown() {
    assert_eq!(translate("ping", b"{}", APP), Ok(Translated::Ping));
    insta::assert_snapshot!(reason("star", json!({ "action": "created" })), @r#"unknown event "star""#);
}

#[test]
fn an_error_names_the_field() {
    let opened = json!({ "action": "opened", "pull_request": { "number": 42 } });
    let mut body = payload(opened.clone());
    body["installation"] = Value::Null;
    insta::assert_snapshot!(error("pull_request", &body), @"the payload of `pull_request` has no `installation`");
    let mut body = payload(opened.clone());
    body["repository"]["full_name"] = json!("acme/../x");
    insta::assert_snapshot!(error("pull_request", &body), @r#"the payload of `pull_request` has a wrong `repository.full_name`: "acme/../x" is not a valid repository name: it takes `owner/name` of letters, digits, `-`, `_` and `.`"#);
    let mut body = payload(opened);
    body["pull_request"] = json!({});
    insta::assert_snapshot!(error("pull_request", &body), @"the payload of `pull_request` has no `pull_request.number`");
    let body = payload(json!({ "ref": "refs/heads/x", "after": "abc" }));
    insta::assert_snapshot!(error("push", &body), @r#"the payload of `push` has a wrong `after`: "abc" is not a valid commit: it takes 40 or 64 lower-case hexadecimal digits"#);
    insta::assert_snapshot!(error("check_run", &json!({})), @"the payload of `check_run` has no `action`");
    insta::assert_snapshot!(error("push", &json!({ "ref": 1 })), @"the payload of `push` can't be read: invalid type: integer `1`, expected a string at line 1 column 8");
}

#[test]
fn deep_nesting_is_no_crash() {
    let deep = format!("{{\"action\":{}", "[".repeat(200_000));
    assert!(translate("pull_request", deep.as_bytes(), APP).is_err());
    let unread = format!(
        "{{\"x\":{}{},\"ref\":\"refs/tags/a\"}}",
        "[".repeat(100_000),
        "]".repeat(100_000)
    );
    // Either is fine, as long as it returns.
    let _ = translate("push", unread.as_bytes(), APP);
}

const EVENTS: [&str; 14] = [
    "ping",
    "pull_request",
    "issue_comment",
    "pull_request_review",
    "push",
    "merge_group",
    "check_run",
    "check_suite",
    "registry_package",
    "package",
    "workflow_run",
    "installation",
    "installation_repositories",
    "star",
];

/// JSON made of the words that the parser looks for, so that it gets deep.
fn arbitrary_json() -> impl Strategy<Value = Value> {
    let words = prop::sample::select(vec![
        "action",
        "pull_request",
        "number",
        "changes",
        "base",
        "issue",
        "comment",
        "id",
        "body",
        "user",
        "login",
        "type",
        "sender",
        "ref",
        "after",
        "deleted",
        "check_run",
        "check_suite",
        "external_id",
        "app",
        "head_sha",
        "requested_action",
        "identifier",
        "package",
        "registry_package",
        "package_type",
        "repository",
        "full_name",
        "installation",
        "account",
        "repositories",
    ]);
    let texts = prop::sample::select(vec![
        "created",
        "opened",
        "edited",
        "submitted",
        "rerequested",
        "requested_action",
        "published",
        "completed",
        "Bot",
        "container",
        "acme/shop",
        "refs/heads/x",
        SHA,
        "",
    ]);
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        texts.prop_map(Value::from),
        any::<String>().prop_map(Value::from),
    ];
    leaf.prop_recursive(4, 64, 12, move |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::vec((words.clone(), inner), 0..12).prop_map(|fields| fields
                .into_iter()
                .map(|(name, value)| (name.to_owned(), value))
                .collect::<serde_json::Map<_, _>>()
                .into()),
        ]
    })
}

proptest! {
    #[test]
    fn any_bytes_are_survived(
        event in prop::sample::select(EVENTS.to_vec()),
        body in prop::collection::vec(any::<u8>(), 0..200),
    ) {
        let _ = translate(event, &body, APP);
    }

    #[test]
    fn any_json_is_survived(
        event in prop::sample::select(EVENTS.to_vec()),
        body in arbitrary_json(),
    ) {
        let _ = translate(event, body.to_string().as_bytes(), APP);
    }
}

/// What the sandbox GitHub sends, in the order in which it happens.
#[tokio::test]
async fn deliveries_of_a_whole_github_are_understood() {
    use slipway_sandbox::github::{DeliveryFault, GitHub, GitHubConfig};
    const REPO: &str = "acme/shop";
    let github = GitHub::start(GitHubConfig::default()).await.unwrap();
    github.delivery_fault(DeliveryFault::Hold { event: None });
    github.set_hook_url("http://127.0.0.1:9/");
    github.create_repo(REPO, &[("a", "b")]).await.unwrap();
    github.set_permission(REPO, "ana", "admin").await.unwrap();
    github.set_permission(REPO, "bo", "write").await.unwrap();
    let files = [("x", Some("y"))];
    let head = github.commit(REPO, "topic", "ana", "Add", &files).await;
    let head = CommitSha::parse(head.unwrap()).unwrap();
    let number = github
        .open_pull_request(REPO, "ana", "topic", "main", "Add", true)
        .await
        .unwrap();
    let pr = PrNumber(number);
    github.mark_ready(REPO, number, "ana").await.unwrap();
    github.set_title(REPO, number, "ana", "New").await.unwrap();
    let comment = github.comment(REPO, number, "ana", "/plan").await.unwrap();
    github.review(REPO, number, "bo", "approve").await.unwrap();
    let merged = github.merge(REPO, number, "ana").await.unwrap();

    let patience = std::time::Duration::from_secs(20);
    github.idle(patience).await.unwrap();
    let kinds: Vec<EventKind> = github
        .held_deliveries()
        .iter()
        .filter_map(
            |(event, payload)| match translated(event, payload).unwrap() {
                Translated::Event(event) => Some(event.kind),
                Translated::Ignored(_) | Translated::Ping => None,
            },
        )
        .collect();
    let pull = |action| EventKind::PullRequest { number: pr, action };
    let push = |branch: &str, after: CommitSha| EventKind::Push {
        branch: branch.to_owned(),
        after,
    };
    let expected = [
        push("topic", head),
        pull(PullRequestAction::Opened),
        pull(PullRequestAction::Ready),
        EventKind::Comment {
            pr,
            comment: CommentId(comment),
            body: "/plan".to_owned(),
        },
        EventKind::Review { pr },
        pull(PullRequestAction::Closed),
        push("main", CommitSha::parse(merged).unwrap()),
    ];
    assert_eq!(kinds, expected);
}

#[test]
fn every_event_that_the_app_subscribes_to_is_known() {
    for event in crate::registration::EVENTS {
        let translated = translated(event, &serde_json::json!({}));
        assert!(
            !matches!(&translated, Ok(Translated::Ignored(why)) if why.starts_with("unknown")),
            "{event}: {translated:?}"
        );
    }
}
