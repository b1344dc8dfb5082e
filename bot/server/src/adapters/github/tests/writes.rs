//! Every write of the port, as GitHub shows it afterwards.

use slipway_core::ports::{DeploymentState, IssueText};
use slipway_core::report::check::{
    Annotation, AnnotationLevel, Button, Buttons, CheckStatus, Conclusion,
};

use super::*;

/// A check run in progress with so many annotations and one button.
pub(super) fn output(name: &str, annotations: u64) -> CheckOutput {
    let mut buttons = Buttons::default();
    buttons
        .push(Button::new("Cancel", "Stop it", "cancel").unwrap())
        .unwrap();
    CheckOutput {
        name: name.to_owned(),
        status: CheckStatus::InProgress,
        conclusion: None,
        title: "Planning".to_owned(),
        summary: "| a | b |".to_owned(),
        text: "all of it".to_owned(),
        annotations: (1..=annotations)
            .map(|line| Annotation {
                path: "infra/main.tf".to_owned(),
                start_line: line,
                // Every other one spans lines, where GitHub takes no columns.
                end_line: line + line % 2,
                columns: Some((1, 5)),
                level: AnnotationLevel::Warning,
                title: "ä".repeat(300),
                message: format!("remark {line} {}", "ö".repeat(40_000)),
            })
            .collect(),
        buttons,
    }
}

#[tokio::test]
async fn a_comment_is_written_found_and_edited() {
    let world = World::new().await;
    let (pr, _) = world.pull().await;
    let github = &world.github;
    let find = || github.find_comment(&world.repo, pr, "<!-- slipway -->");
    // Anybody can write the marker, and much else is said.
    for n in 0..120 {
        let body = format!("{n} <!-- slipway -->");
        world
            .sandbox
            .comment(REPO, pr.0, "ana", &body)
            .await
            .unwrap();
    }
    assert_eq!(find().await, Ok(None));
    assert_eq!(world.statuses("/comments"), [200, 200]);
    github
        .create_comment(&world.repo, pr, "another")
        .await
        .unwrap();
    let id = github
        .create_comment(&world.repo, pr, "plan ä <!-- slipway -->")
        .await
        .unwrap();
    assert_eq!(find().await, Ok(Some(id)));
    github
        .update_comment(&world.repo, id, "done <!-- slipway -->")
        .await
        .unwrap();
    let comment = world.sandbox.comments(REPO, pr.0).pop().unwrap();
    assert_eq!(
        (comment.body.as_str(), comment.edits),
        ("done <!-- slipway -->", 1)
    );
    assert_eq!(comment.author, world.sandbox.bot_login());
    world
        .sandbox
        .delete_comment(REPO, id.0, "bo")
        .await
        .unwrap();
    let error = failed(github.update_comment(&world.repo, id, "x").await);
    assert_eq!(error.kind, PortErrorKind::NotFound);
    assert_eq!(find().await, Ok(None));
    world.assert_all_known();
}

#[tokio::test]
async fn a_comment_that_is_too_long_is_invalid() {
    let world = World::new().await;
    let (pr, _) = world.pull().await;
    let body = "x".repeat(65_537);
    let error = failed(world.github.create_comment(&world.repo, pr, &body).await);
    assert_eq!(error.kind, PortErrorKind::Invalid);
    insta::assert_snapshot!(error, @"GitHub: commenting on acme/shop#1: Validation Failed; body: body is too long (maximum is 65536 characters)");
}

#[tokio::test]
async fn an_issue_is_written_found_edited_and_closed() {
    let world = World::new().await;
    let (pr, _) = world.pull().await;
    let github = &world.github;
    let find = || github.find_issue(&world.repo, "<!-- slipway -->");
    let text = |body: &str, open| IssueText {
        title: "Drift in dev".to_owned(),
        body: body.to_owned(),
        open,
    };
    let marked = text("much <!-- slipway -->", true);
    // Anybody can write the marker.
    let forged = world.sandbox.open_issue(REPO, "ana", "Drift", &marked.body);
    forged.await.unwrap();
    assert_eq!(find().await, Ok(None));
    let number = github.create_issue(&world.repo, &marked).await.unwrap();
    let other = text("else", true);
    github.create_issue(&world.repo, &other).await.unwrap();
    assert_eq!(find().await, Ok(Some(number)));
    let closed = text("none <!-- slipway -->", false);
    github
        .update_issue(&world.repo, number, &closed)
        .await
        .unwrap();
    let issues = world.sandbox.issues(REPO);
    let issue = issues.iter().find(|issue| issue.number == number.0);
    assert!(issue.unwrap().closed_at.is_some());
    assert_eq!(find().await, Ok(Some(number)), "closed ones too");
    // Issues are written with a token that may write nothing else; so is what is said on them.
    let thread = number.thread();
    let id = github.create_comment(&world.repo, thread, "hi").await;
    let id = id.unwrap();
    github
        .react(&world.repo, id, Reaction::Rocket)
        .await
        .unwrap();
    let found = github.find_comment(&world.repo, thread, "hi").await;
    assert_eq!(found, Ok(Some(id)));
    github
        .create_comment(&world.repo, pr, "and here")
        .await
        .unwrap();
    let writes = world.calls("/issues");
    assert!(!writes.is_empty());
    for write in writes {
        assert_eq!(rights(&write), ["issues:write", "metadata:read"]);
    }
    world
        .sandbox
        .delete_issue(REPO, number.0, "bo")
        .await
        .unwrap();
    let error = failed(github.update_issue(&world.repo, number, &closed).await);
    assert_eq!(error.kind, PortErrorKind::NotFound);
    assert_eq!(find().await, Ok(None));
    world.assert_all_known();
}

#[tokio::test]
async fn reactions_are_left_once() {
    let world = World::new().await;
    let (pr, _) = world.pull().await;
    let id = world.sandbox.comment(REPO, pr.0, "ana", "/plan").await;
    let id = CommentId(id.unwrap());
    for reaction in [
        Reaction::Eyes,
        Reaction::Rocket,
        Reaction::ThumbsDown,
        Reaction::Confused,
        Reaction::Eyes,
    ] {
        world.github.react(&world.repo, id, reaction).await.unwrap();
    }
    let comment = world.sandbox.comments(REPO, pr.0).pop().unwrap();
    let left: Vec<&str> = comment
        .reactions
        .iter()
        .map(|reaction| reaction.content.as_str())
        .collect();
    assert_eq!(left, ["eyes", "rocket", "-1", "confused"]);
    assert_eq!(world.statuses("/reactions"), [201, 201, 201, 201, 200]);
    world.assert_all_known();
}

#[tokio::test]
async fn a_check_run_with_more_annotations_than_a_request_takes() {
    let world = World::new().await;
    let (_, head) = world.pull().await;
    let github = &world.github;
    let mut shown = output("slipway / dev", 120);
    let url = "http://run.test/1";
    let id = github
        .create_check(&world.repo, &head, "plan:1", url, &shown)
        .await
        .unwrap();
    let run = || {
        let mut runs = world.sandbox.check_runs(REPO, head.as_str());
        assert_eq!(runs.len(), 1);
        runs.remove(0)
    };
    let created = run();
    assert_eq!(created.external_id, "plan:1");
    assert_eq!(created.details_url.as_deref(), Some(url));
    assert_eq!(created.status, "in_progress");
    assert_eq!(created.output.text.as_deref(), Some("all of it"));
    assert_eq!(created.output.annotations.len(), 120);
    let lines: Vec<u64> = created
        .output
        .annotations
        .iter()
        .map(|remark| remark.start_line)
        .collect();
    assert_eq!(lines, (1..=120).collect::<Vec<_>>());
    let remark = &created.output.annotations[0];
    assert_eq!(remark.title.as_ref().unwrap().chars().count(), 255);
    assert!(remark.message.len() < 64 * 1024);
    assert_eq!(created.actions.len(), 1);

    // Shown anew without annotations: those that are there stay, the button goes.
    shown.status = CheckStatus::Completed;
    shown.conclusion = Some(Conclusion::ActionRequired);
    shown.buttons = Buttons::default();
    shown.text = String::new();
    github
        .update_check(&world.repo, id, url, &shown, false)
        .await
        .unwrap();
    let updated = run();
    assert_eq!(updated.conclusion.as_deref(), Some("action_required"));
    assert_eq!(updated.output.annotations.len(), 120);
    assert_eq!(updated.output.text.as_deref().unwrap_or_default(), "");
    assert!(updated.actions.is_empty());

    github
        .update_check(&world.repo, id, url, &shown, true)
        .await
        .unwrap();
    assert_eq!(run().output.annotations.len(), 240);
    assert_eq!(run().conclusion.as_deref(), Some("action_required"));
    world.assert_all_known();
}

#[tokio::test]
async fn a_check_run_is_found_by_its_key() {
    let world = World::new().await;
    let (_, head) = world.pull().await;
    let github = &world.github;
    let create = async |key: &str| {
        let shown = output("slipway / dev", 0);
        github
            .create_check(&world.repo, &head, key, "http://run.test/1", &shown)
            .await
            .unwrap()
    };
    let first = create("plan:1").await;
    // An older run of the same name is hidden by the newest unless all are asked for.
    create("plan:2").await;
    world
        .sandbox
        .ci_check(REPO, head.as_str(), "build", None)
        .await
        .unwrap();
    let find = |key: &'static str| github.find_check(&world.repo, &head, key);
    assert_eq!(find("plan:1").await, Ok(Some(first)));
    assert_eq!(find("plan:9").await, Ok(None));
    assert_eq!(find("").await, Ok(None));
    world.assert_all_known();
}

#[tokio::test]
async fn a_deployment_passes_by_githubs_own_gates() {
    let world = World::new().await;
    let (_, head) = world.pull().await;
    let github = &world.github;
    // GitHub would answer 409 for this.
    world
        .sandbox
        .ci_check(REPO, head.as_str(), "build", Some("failure"))
        .await
        .unwrap();
    let env = EnvName::parse("prod").unwrap();
    let new = NewDeployment {
        sha: head.clone(),
        env: env.clone(),
        key: "run:1".to_owned(),
        description: "ä".repeat(200),
        production: true,
    };
    let find = |key: &'static str| github.find_deployment(&world.repo, &env, &head, key);
    assert_eq!(find("run:1").await, Ok(None));
    let id = github.create_deployment(&world.repo, &new).await.unwrap();
    assert_eq!(find("run:1").await, Ok(Some(id)));
    assert_eq!(find("run:2").await, Ok(None));
    let dev = EnvName::parse("dev").unwrap();
    let elsewhere = github.find_deployment(&world.repo, &dev, &head, "run:1");
    assert_eq!(elsewhere.await, Ok(None));
    for state in [
        DeploymentState::Queued,
        DeploymentState::InProgress,
        DeploymentState::Success,
        DeploymentState::Failure,
        DeploymentState::Error,
        DeploymentState::Inactive,
    ] {
        let live = state == DeploymentState::Success;
        let status = DeploymentStatus {
            state,
            description: "ö".repeat(200),
            log_url: "http://run.test/1".to_owned(),
            environment_url: live.then(|| "https://shop.test".to_owned()),
        };
        github
            .add_deployment_status(&world.repo, id, &status)
            .await
            .unwrap();
    }
    let deployment = world.sandbox.deployments(REPO).remove(0);
    assert_eq!(deployment.sha, head.as_str());
    assert_eq!(deployment.environment, "prod");
    assert_eq!(deployment.payload, json!({ "slipway": "run:1" }));
    assert_eq!(deployment.description.chars().count(), 140);
    assert!(deployment.production && !deployment.transient);
    assert_eq!(deployment.creator, world.sandbox.bot_login());
    let states: Vec<&str> = deployment
        .statuses
        .iter()
        .map(|status| status.state.as_str())
        .collect();
    assert_eq!(
        states,
        [
            "queued",
            "in_progress",
            "success",
            "failure",
            "error",
            "inactive"
        ]
    );
    let success = &deployment.statuses[2];
    assert_eq!(success.environment_url, "https://shop.test");
    assert_eq!(success.log_url, "http://run.test/1");
    assert_eq!(success.description.chars().count(), 140);
    world.assert_all_known();
}

#[tokio::test]
async fn a_success_makes_no_other_deployment_inactive() {
    let world = World::new().await;
    let (_, head) = world.pull().await;
    for key in ["run:1", "run:2"] {
        let new = NewDeployment {
            sha: head.clone(),
            env: EnvName::parse("dev").unwrap(),
            key: key.to_owned(),
            description: "shop".to_owned(),
            production: false,
        };
        let id = world.github.create_deployment(&world.repo, &new).await;
        let status = DeploymentStatus {
            state: DeploymentState::Success,
            description: String::new(),
            log_url: "http://run.test/1".to_owned(),
            environment_url: None,
        };
        world
            .github
            .add_deployment_status(&world.repo, id.unwrap(), &status)
            .await
            .unwrap();
    }
    let states: Vec<Option<String>> = world
        .sandbox
        .deployments(REPO)
        .iter()
        .map(|deployment| deployment.state().map(str::to_owned))
        .collect();
    let success = Some("success".to_owned());
    assert_eq!(states, [success.clone(), success]);
}
