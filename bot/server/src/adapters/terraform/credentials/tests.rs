//! The door by itself, and Terraform's real S3 backend at it, with sessions that end under it.

use std::path::Path;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use jiff::{SignedDuration, Timestamp};
use reqwest::StatusCode;
use slipway_core::ids::StackName;
use slipway_core::outcome::Evidence;
use slipway_core::plan_flags::PlanFlags;
use slipway_core::ports::{
    AppliedPlan, PortErrorKind, PortResult, RunLog, Terraform, TerraformError, TerraformJob,
};
use slipway_core::spec::StackSpec;
use slipway_sandbox::aws::{Aws, AwsConfig, Grant, Role, Trust};
use slipway_sandbox::clock::WorldClock;
use tokio::sync::mpsc;

use super::super::{TerraformCli, TerraformSettings};
use super::*;
use crate::process::Unstoppable;

/// Shorter than the five minutes in which an SDK of AWS takes credentials for as good as over: it
/// asks at the door for every request.
const LIFETIME: Duration = Duration::from_secs(240);
const BUCKET: &str = "state";
const STATE: &str = "network.tfstate";

/// Sessions of a role of the sandbox, each used to its end; or a refusal.
struct Short {
    aws: Aws,
    clock: WorldClock,
    role: String,
    given: Mutex<Vec<Session>>,
    refused: Mutex<Option<PortErrorKind>>,
}

impl Short {
    async fn begin() -> Arc<Self> {
        let clock = WorldClock::default();
        let config = AwsConfig {
            clock: clock.clone(),
        };
        let aws = Aws::start(config).await.unwrap();
        let account = aws.add_account("111111111111").unwrap();
        aws.create_bucket(&account, "eu-central-1", BUCKET).unwrap();
        let nobody = Trust::of("arn:aws:iam::111111111111:user/nobody");
        let mut role = Role::new(&account, "slipway-apply", nobody);
        role.grants = vec![
            Grant::ReadBucket(BUCKET.to_owned()),
            Grant::WriteBucket(BUCKET.to_owned()),
        ];
        let role = aws.add_role(role).unwrap();
        Arc::new(Self {
            aws,
            clock,
            role,
            given: Mutex::default(),
            refused: Mutex::default(),
        })
    }

    fn made(&self) -> std::sync::MutexGuard<'_, Vec<Session>> {
        self.given.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn refuse(&self, kind: PortErrorKind) {
        *self.refused.lock().unwrap() = Some(kind);
    }
}

#[async_trait]
impl RoleSessions for Short {
    async fn current(&self) -> PortResult<Session> {
        if let Some(kind) = *self.refused.lock().unwrap() {
            return Err(PortError {
                system: "AWS STS",
                doing: "assuming it anew".to_owned(),
                said: "not today".to_owned(),
                kind,
            });
        }
        let mut made = self.made();
        let now = self.clock.now();
        if let Some(last) = made.last()
            && last.expires_at > now
        {
            return Ok(last.clone());
        }
        let name = format!("run-{}", made.len() + 1);
        let keys = self.aws.session_keys(&self.role, &name, LIFETIME).unwrap();
        let session = Session {
            access_key_id: keys.access_key_id,
            secret_access_key: keys.secret_access_key.into(),
            session_token: keys.session_token.unwrap().into(),
            expires_at: now + SignedDuration::try_from(LIFETIME).unwrap(),
            region: "eu-central-1".to_owned(),
            evidence: Evidence {
                role: "slipway-apply".to_owned(),
                account: "111111111111".to_owned(),
                session: name,
            },
        };
        made.push(session.clone());
        Ok(session)
    }

    fn given(&self) -> Vec<Session> {
        self.made().clone()
    }
}

struct Lines(mpsc::UnboundedSender<String>);

impl RunLog for Lines {
    fn line(&self, text: &str) {
        let _ = self.0.send(text.to_owned());
    }

    fn progress(&self, _: &str, _: Option<(u32, u32)>) {}
}

// --- the door

async fn ask(door: &Door, token: Option<&str>) -> (StatusCode, serde_json::Value) {
    let mut request = reqwest::Client::new().get(&door.url);
    if let Some(token) = token {
        request = request.header("Authorization", token);
    }
    let answer = request.send().await.unwrap();
    let status = answer.status();
    (status, answer.json().await.unwrap_or_default())
}

#[tokio::test]
async fn whoever_knows_the_token_is_answered_while_the_door_is_open() {
    let short = Short::begin().await;
    let redactor = Redactor::default();
    let door = Door::open(short.clone(), redactor.clone()).await.unwrap();
    let token = door.token.expose_secret().to_owned();
    assert_eq!(token.len(), 64);
    assert!(door.url.starts_with("http://127.0.0.1:"));

    let one_off = format!("{}{}", &token[1..], &token[..1]);
    for wrong in [
        None,
        Some(""),
        Some("Bearer"),
        Some(&token[1..]),
        Some(&one_off),
    ] {
        let (status, said) = ask(&door, wrong).await;
        assert_eq!(status, StatusCode::UNAUTHORIZED);
        assert_eq!(said["code"], "InvalidAuthorizationToken");
    }
    assert!(
        short.made().is_empty(),
        "the role was assumed for a stranger"
    );

    let (status, said) = ask(&door, Some(&token)).await;
    assert_eq!(status, StatusCode::OK);
    let session = short.made().last().unwrap().clone();
    assert_eq!(said["AccessKeyId"], session.access_key_id.as_str());
    assert_eq!(said["AccountId"], "111111111111");
    let end: Timestamp = said["Expiration"].as_str().unwrap().parse().unwrap();
    assert_eq!(end, session.expires_at);
    for name in ["SecretAccessKey", "Token"] {
        let secret = said[name].as_str().unwrap();
        assert_eq!(redactor.clean(secret), "[redacted]", "{name}");
    }
    assert_eq!(redactor.clean(&token), "[redacted]");

    // Another door has another token.
    let other = Door::open(short.clone(), redactor).await.unwrap();
    assert_eq!(ask(&other, Some(&token)).await.0, StatusCode::UNAUTHORIZED);
}

#[tokio::test]
async fn a_shut_door_answers_nobody() {
    let short = Short::begin().await;
    let door = Door::open(short.clone(), Redactor::default())
        .await
        .unwrap();
    let (url, token) = (door.url.clone(), door.token.expose_secret().to_owned());
    // A connection that is kept open does not get past it either.
    let kept = reqwest::Client::new();
    let ask = || kept.get(&url).header("Authorization", &token).send();
    assert_eq!(ask().await.unwrap().status(), StatusCode::OK);
    drop(door);
    let after = ask().await.map(|answer| answer.status());
    assert!(
        !matches!(after, Ok(status) if status != StatusCode::UNAUTHORIZED),
        "{after:?}"
    );
}

#[tokio::test]
async fn only_what_may_pass_is_worth_another_try() {
    let short = Short::begin().await;
    let door = Door::open(short.clone(), Redactor::default())
        .await
        .unwrap();
    let token = door.token.expose_secret().to_owned();
    for (kind, status) in [
        (PortErrorKind::Denied, StatusCode::FORBIDDEN),
        (
            PortErrorKind::Unavailable { retry_after: None },
            StatusCode::SERVICE_UNAVAILABLE,
        ),
    ] {
        short.refuse(kind);
        let (answered, said) = ask(&door, Some(&token)).await;
        assert_eq!(answered, status);
        assert_eq!(said["message"], "AWS STS: assuming it anew: not today");
    }
}

// --- Terraform at the door

/// A configuration whose apply waits in the middle, with its state in the sandbox.
fn configuration(short: &Short, fifo: &Path) -> String {
    format!(
        r#"
        terraform {{
          backend "s3" {{
            bucket                      = "{BUCKET}"
            key                         = "{STATE}"
            region                      = "eu-central-1"
            endpoints                   = {{ s3 = "{url}" }}
            use_path_style              = true
            use_lockfile                = true
            skip_credentials_validation = true
            skip_region_validation      = true
            skip_requesting_account_id  = true
            skip_metadata_api_check     = true
          }}
        }}
        resource "terraform_data" "slow" {{
          provisioner "local-exec" {{
            command = "env | grep -e AWS_ | sort; echo here; read line < '{fifo}'"
          }}
        }}
        "#,
        url = short.aws.url().as_str().trim_end_matches('/'),
        fifo = fifo.display(),
    )
}

/// What an apply came to during which its first session ended.
struct Story {
    short: Arc<Short>,
    applied: Result<AppliedPlan, TerraformError>,
    log: String,
    kept: tempfile::TempDir,
}

async fn apply_beyond_a_session(credentials: CredentialsBy) -> Story {
    let short = Short::begin().await;
    let (root, kept) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let fifo = root.path().join("go");
    let made = std::process::Command::new("mkfifo").arg(&fifo).status();
    assert!(made.unwrap().success());
    let main = configuration(&short, &fifo);
    std::fs::write(root.path().join("main.tf"), main).unwrap();
    let stack = StackSpec {
        name: StackName::parse("network").unwrap(),
        dir: ".".to_owned(),
        workspace: "default".to_owned(),
        var_files: vec![],
        backend_config: vec![],
        policies: vec![],
        tool: None,
    };
    let settings = TerraformSettings {
        credentials,
        ..TerraformSettings::default()
    };
    let program = settings.find_program("init").unwrap();
    let (tell, mut told) = mpsc::unbounded_channel();
    let job = TerraformJob {
        program: &program,
        root: root.path(),
        stack: &stack,
        sessions: short.clone(),
        scratch: kept.path(),
        log: &Lines(tell),
        stop: &Unstoppable,
    };
    let cli = TerraformCli::new(settings).unwrap();
    cli.init(&job).await.unwrap();
    let plan = cli.plan(&job, &PlanFlags::default()).await.unwrap();
    let mut log = Vec::new();
    let (applied, ()) = tokio::join!(cli.apply(&job, &plan.path), async {
        loop {
            let line = told.recv().await.expect("the log ended");
            let is_there = line.ends_with("here");
            log.push(line);
            if is_there {
                break;
            }
        }
        short.clock.advance(LIFETIME + Duration::from_secs(1));
        // Terraform has it open already, or will.
        tokio::task::spawn_blocking(move || std::fs::write(fifo, "on\n").unwrap())
            .await
            .unwrap();
    });
    while let Ok(line) = told.try_recv() {
        log.push(line);
    }
    Story {
        short,
        applied,
        log: log.join("\n"),
        kept,
    }
}

#[tokio::test]
async fn an_apply_goes_on_when_its_session_ends_under_it() {
    let story = apply_beyond_a_session(CredentialsBy::Endpoint).await;
    assert_eq!(story.applied.unwrap().counts.add, 1);
    let aws = &story.short.aws;
    assert!(aws.object(BUCKET, STATE).is_some(), "no state was written");
    assert_eq!(aws.keys_in(BUCKET), [STATE], "the lock is gone");
    let sessions = story.short.made().len();
    assert!(sessions >= 2, "{sessions}");
    let written = aws
        .journal()
        .into_iter()
        .filter(|entry| entry.action == "PutObject" && entry.status == 200)
        .filter(|entry| entry.resource == format!("{BUCKET}/{STATE}"))
        .filter_map(|entry| entry.who)
        .next_back();
    let last = format!("slipway-apply/run-{sessions}");
    assert!(written.as_ref().unwrap().ends_with(&last), "{written:?}");
    // The token stood in the environment that was printed.
    let token = "AWS_CONTAINER_AUTHORIZATION_TOKEN=[redacted]";
    assert!(story.log.contains(token), "{}", story.log);
}

/// The same without the door: this is what it is for.
#[tokio::test]
async fn an_apply_with_keys_in_its_environment_ends_with_them() {
    let story = apply_beyond_a_session(CredentialsBy::Environment).await;
    assert!(story.applied.is_err());
    let aws = &story.short.aws;
    let refused = aws.journal().into_iter().filter_map(|entry| entry.error);
    assert!(refused.into_iter().any(|error| error == "ExpiredToken"));
    let rescued = story.kept.path().join(slipway_core::ports::ERRORED_STATE);
    assert!(rescued.is_file(), "{}", story.log);
    for session in story.short.made().iter() {
        for secret in secrets(session) {
            assert!(!story.log.contains(secret), "{}", story.log);
        }
    }
}
