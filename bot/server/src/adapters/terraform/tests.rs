//! Against the real program, with `terraform_data` and a local backend: no provider is downloaded.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use jiff::Timestamp;
use slipway_core::ids::StackName;
use slipway_core::outcome::Evidence;
use slipway_core::plan::Plan;
use slipway_core::plan::diagnostics::Severity;
use slipway_core::ports::ERRORED_STATE;
use slipway_core::ports::{PortErrorKind, RoleSessions, RunLog, Session, Stop};
use slipway_core::spec::StackSpec;
use tokio::sync::{Notify, mpsc};

use super::places::Places;
use super::*;

mod providers;

const SECRET: &str = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY";
const TOKEN: &str = "IQoJb3JpZ2luX2VjEXAMPLE+session/token==";

/// A line and how much of how much.
type Progress = (String, Option<(u32, u32)>);

/// A log that the test can read and wait for.
struct Log {
    lines: std::sync::Mutex<Vec<String>>,
    progress: std::sync::Mutex<Vec<Progress>>,
    told: mpsc::UnboundedSender<String>,
}

impl RunLog for Log {
    fn line(&self, text: &str) {
        self.lines.lock().unwrap().push(text.to_owned());
        let _ = self.told.send(text.to_owned());
    }

    fn progress(&self, line: &str, counted: Option<(u32, u32)>) {
        self.progress
            .lock()
            .unwrap()
            .push((line.to_owned(), counted));
    }
}

impl Log {
    fn text(&self) -> String {
        self.lines.lock().unwrap().join("\n")
    }
}

/// A session that outlives every test.
struct One(Session);

#[async_trait]
impl RoleSessions for One {
    async fn current(&self) -> PortResult<Session> {
        Ok(self.0.clone())
    }

    fn given(&self) -> Vec<Session> {
        vec![self.0.clone()]
    }
}

#[derive(Default)]
struct Button(AtomicBool, Notify);

impl Button {
    fn press(&self) {
        self.0.store(true, Ordering::SeqCst);
        self.1.notify_waiters();
    }
}

#[async_trait]
impl Stop for Button {
    fn is_asked(&self) -> bool {
        self.0.load(Ordering::SeqCst)
    }

    async fn asked(&self) {
        let pressed = self.1.notified();
        if !self.is_asked() {
            pressed.await;
        }
    }
}

/// A worktree with one stack, and all that a job borrows.
struct World {
    root: tempfile::TempDir,
    scratch: tempfile::TempDir,
    stack: StackSpec,
    sessions: Arc<dyn RoleSessions>,
    log: Log,
    told: mpsc::UnboundedReceiver<String>,
    button: Arc<Button>,
}

impl World {
    /// The stack lives where spaces and dots are in the path.
    fn new(main: &str) -> Self {
        let root = tempfile::tempdir().unwrap();
        let dir = "infra/01. state";
        std::fs::create_dir_all(root.path().join(dir)).unwrap();
        let (tell, told) = mpsc::unbounded_channel();
        let world = Self {
            root,
            scratch: tempfile::tempdir().unwrap(),
            stack: StackSpec {
                name: StackName::parse("state").unwrap(),
                dir: dir.to_owned(),
                workspace: "dev".to_owned(),
                var_files: vec![],
                backend_config: vec![],
                policies: vec![],
                tool: None,
            },
            sessions: Arc::new(One(Session {
                access_key_id: "ASIAEXAMPLE".to_owned(),
                secret_access_key: SECRET.into(),
                session_token: TOKEN.into(),
                expires_at: Timestamp::UNIX_EPOCH,
                region: "eu-central-1".to_owned(),
                evidence: Evidence {
                    role: "slipway-plan".to_owned(),
                    account: "111111111111".to_owned(),
                    session: "s".to_owned(),
                },
            })),
            log: Log {
                lines: Default::default(),
                progress: Default::default(),
                told: tell,
            },
            told,
            button: Arc::default(),
        };
        world.write("main.tf", main);
        world
    }

    fn dir(&self) -> PathBuf {
        self.root.path().join(&self.stack.dir)
    }

    fn write(&self, name: &str, text: &str) {
        std::fs::write(self.dir().join(name), text).unwrap();
    }

    fn job(&self) -> TerraformJob<'_> {
        TerraformJob {
            program: terraform(),
            root: self.root.path(),
            stack: &self.stack,
            sessions: self.sessions.clone(),
            scratch: self.scratch.path(),
            log: &self.log,
            stop: &*self.button,
        }
    }

    /// Waits for a line of the log that holds this.
    async fn until_told(told: &mut mpsc::UnboundedReceiver<String>, what: &str) {
        while !told.recv().await.expect("the log ended").contains(what) {}
    }
}

/// The program that the settings name, where it really is.
fn terraform() -> &'static Path {
    static FOUND: std::sync::OnceLock<PathBuf> = std::sync::OnceLock::new();
    FOUND.get_or_init(|| {
        TerraformSettings::default()
            .find_program("testing")
            .unwrap()
    })
}

fn cli() -> TerraformCli {
    TerraformCli::new(TerraformSettings {
        grace: Duration::from_secs(60),
        timeouts: Timeouts {
            state_lock: Duration::ZERO,
            ..Timeouts::default()
        },
        ..TerraformSettings::default()
    })
    .unwrap()
}

async fn planned(cli: &TerraformCli, world: &World) -> PlanFile {
    cli.init(&world.job()).await.unwrap();
    cli.plan(&world.job(), &PlanFlags::default()).await.unwrap()
}

#[tokio::test]
async fn it_plans_shows_and_applies_in_the_workspace() {
    let mut world = World::new(
        r#"
        terraform {
          backend "local" {}
        }
        variable "size" { type = number }
        resource "terraform_data" "one" {
          input = "${terraform.workspace}-${var.size}"
          provisioner "local-exec" { command = "printf '\\033[31mkey %s\\n' \"$AWS_CONTAINER_AUTHORIZATION_TOKEN\"" }
        }
        resource "terraform_data" "more" {
          count = 2
          input = terraform_data.one.output
        }
        output "name" { value = terraform_data.one.output }
        output "list" { value = [1, "two"] }
        output "hidden" {
          value     = "not to be seen"
          sensitive = true
        }
        "#,
    );
    world.stack.var_files = vec!["dev values.tfvars".to_owned()];
    world.stack.backend_config = vec![
        "workspace_dir=states".to_owned(),
        "dev.local.tfbackend".to_owned(),
    ];
    world.write("dev values.tfvars", "size = 3");
    world.write("dev.local.tfbackend", "path = \"unused.tfstate\"");
    let cli = cli();

    let plan = planned(&cli, &world).await;
    assert_eq!(plan.path.file_name().unwrap(), "plan.tfplan");
    assert!(
        plan.path
            .starts_with(world.scratch.path().canonicalize().unwrap())
    );
    assert_eq!(Plan::parse(&plan.json).unwrap().counts().add, 3);
    assert!(
        world
            .log
            .text()
            .contains("Created and switched to workspace \"dev\"!")
    );
    assert!(world.log.text().contains("terraform_data.more[1]: create"));
    assert_eq!(
        world.log.progress.lock().unwrap().last().unwrap(),
        &("planning: 3 changes so far".to_owned(), None)
    );

    let applied = cli.apply(&world.job(), &plan.path).await.unwrap();
    assert_eq!(
        (
            applied.counts.add,
            applied.counts.change,
            applied.counts.destroy
        ),
        (3, 0, 0)
    );
    assert_eq!(
        applied.outputs,
        [
            ("list".to_owned(), "[1,\"two\"]".to_owned()),
            ("name".to_owned(), "dev-3".to_owned())
        ]
    );
    assert_eq!(
        world.log.progress.lock().unwrap().last().unwrap().1,
        Some((3, 3))
    );
    assert!(world.dir().join("states/dev/terraform.tfstate").is_file());

    // Nothing of Terraform's own stays in the worktree, nothing secret is in the log.
    assert!(!world.dir().join(".terraform").exists());
    let text = world.log.text();
    assert!(text.contains("key [redacted]"), "{text}");
    assert!(!text.contains(SECRET) && !text.contains("not to be seen") && !text.contains('\u{1b}'));

    // The same again changes nothing, and says so with the same success.
    let again = planned(&cli, &world).await;
    assert_eq!(Plan::parse(&again.json).unwrap().counts().add, 0);
    let applied = cli.apply(&world.job(), &again.path).await.unwrap();
    assert_eq!(applied.counts, Default::default());
}

#[tokio::test]
async fn a_plan_is_not_applied_in_another_workspace() {
    let mut world = World::new("resource \"terraform_data\" \"a\" {}");
    let cli = cli();
    let plan = planned(&cli, &world).await;
    world.stack.workspace = "prod".to_owned();
    let error = cli.apply(&world.job(), &plan.path).await.unwrap_err();
    assert_eq!(
        error.to_string(),
        "Terraform: applying state in workspace prod: the workspace is \"dev\" instead of \"prod\"; \
         it must be initialised first"
    );
    assert_eq!(error.error.kind, PortErrorKind::Invalid);
}

#[tokio::test]
async fn the_environment_leads_to_the_session_and_holds_nothing_else() {
    let env = environment_with(CredentialsBy::Endpoint).await;
    // The shell that runs the provisioner says where it is.
    let names: Vec<_> = env.keys().filter(|name| *name != "PWD").collect();
    assert_eq!(
        names,
        [
            "AWS_CONTAINER_AUTHORIZATION_TOKEN",
            "AWS_CONTAINER_CREDENTIALS_FULL_URI",
            "AWS_DEFAULT_REGION",
            "AWS_EC2_METADATA_DISABLED",
            "AWS_REGION",
            "CHECKPOINT_DISABLE",
            "HOME",
            "OPERATORS",
            "PATH",
            "TF_DATA_DIR",
            "TF_INPUT",
            "TF_IN_AUTOMATION",
            "TMPDIR",
        ]
    );
    assert_eq!(env["AWS_REGION"], "eu-central-1");
    assert!(!env.values().any(|value| value == SECRET || value == TOKEN));
}

#[tokio::test]
async fn the_environment_holds_the_session_where_it_is_to() {
    let env = environment_with(CredentialsBy::Environment).await;
    let names: Vec<_> = env.keys().filter(|name| name.starts_with("AWS_")).collect();
    assert_eq!(
        names,
        [
            "AWS_ACCESS_KEY_ID",
            "AWS_DEFAULT_REGION",
            "AWS_EC2_METADATA_DISABLED",
            "AWS_REGION",
            "AWS_SECRET_ACCESS_KEY",
            "AWS_SESSION_TOKEN",
        ]
    );
    assert_eq!(env["AWS_ACCESS_KEY_ID"], "ASIAEXAMPLE");
    assert_eq!(env["AWS_SECRET_ACCESS_KEY"], SECRET);
    assert_eq!(env["AWS_SESSION_TOKEN"], TOKEN);
}

/// The environment of a provisioner, where an operator has set what would be another identity.
async fn environment_with(
    credentials: CredentialsBy,
) -> std::collections::BTreeMap<String, String> {
    let mut world = World::new(
        r#"
        resource "terraform_data" "a" {
          provisioner "local-exec" { command = "env -0 > \"$HOME/env\"" }
        }
        "#,
    );
    world.stack.workspace = "default".to_owned();
    let cli = TerraformCli::new(TerraformSettings {
        extra_env: vec![
            ("OPERATORS".to_owned(), "own".to_owned()),
            ("AWS_REGION".to_owned(), "elsewhere-1".to_owned()),
            ("AWS_ACCESS_KEY_ID".to_owned(), "AKIAOPERATOR".to_owned()),
            ("AWS_PROFILE".to_owned(), "operator".to_owned()),
        ],
        credentials,
        ..TerraformSettings::default()
    })
    .unwrap();
    let plan = planned(&cli, &world).await;
    cli.apply(&world.job(), &plan.path).await.unwrap();

    let scratch = world.scratch.path().canonicalize().unwrap();
    let env = std::fs::read_to_string(scratch.join("home/env")).unwrap();
    let env: std::collections::BTreeMap<String, String> = env
        .split_terminator('\0')
        .filter_map(|line| line.split_once('='))
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .collect();
    assert_eq!(env["PATH"], crate::process::SEARCH_PATH);
    assert_eq!(Path::new(&env["HOME"]), scratch.join("home"));
    assert_eq!(Path::new(&env["TMPDIR"]), scratch.join("tmp"));
    env
}

#[tokio::test]
async fn a_broken_configuration_is_told_with_file_and_line() {
    let world = World::new("resource \"terraform_data\" \"a\" {}\n\nfoo {\n}\n");
    let error = cli().init(&world.job()).await.unwrap_err();
    assert_eq!(
        error.to_string(),
        "Terraform: initialising state in workspace dev: Unsupported block type (main.tf:3): \
         Blocks of type \"foo\" are not expected here."
    );
    assert_eq!(error.error.kind, PortErrorKind::Invalid);
    let range = error.diagnostics[0].range.as_ref().unwrap();
    assert_eq!((range.filename.as_str(), range.start_line), ("main.tf", 3));
    assert_eq!(error.diagnostics.len(), 1);

    let world = World::new("resource \"terraform_data\" \"a\" {\n  input = var.none\n}\n");
    cli().init(&world.job()).await.unwrap();
    let error = cli()
        .plan(&world.job(), &PlanFlags::default())
        .await
        .unwrap_err();
    assert_eq!(
        error.diagnostics[0].summary,
        "Reference to undeclared input variable"
    );
    let range = error.diagnostics[0].range.as_ref().unwrap();
    assert_eq!(
        (
            range.filename.as_str(),
            range.start_line,
            range.start_column
        ),
        ("main.tf", 2, 11)
    );
    assert_eq!(
        error.diagnostics[0].code.as_deref(),
        Some("  input = var.none")
    );
    assert!(error.to_string().contains("(main.tf:2)"), "{error}");
}

#[tokio::test]
async fn an_apply_that_fails_half_way_says_how_far_it_came() {
    let world = World::new(
        r#"
        resource "terraform_data" "a" {}
        resource "terraform_data" "b" {
          depends_on = [terraform_data.a]
          provisioner "local-exec" { command = "exit 5" }
        }
        "#,
    );
    let cli = cli();
    let plan = planned(&cli, &world).await;
    let error = cli.apply(&world.job(), &plan.path).await.unwrap_err();
    assert!(
        error.error.said.ends_with("; 1 of 2 steps were done"),
        "{error}"
    );
    assert_eq!(error.diagnostics[0].severity, Severity::Error);
    assert_eq!(error.diagnostics[0].summary, "local-exec provisioner error");
    assert!(!error.error.is_passing());
}

/// An apply that signals `ready` and then waits in a provisioner for a line from a fifo.
fn waiting(fifo: &Path) -> World {
    assert!(
        std::process::Command::new("mkfifo")
            .arg(fifo)
            .status()
            .unwrap()
            .success()
    );
    World::new(&format!(
        r#"
        resource "terraform_data" "a" {{
          provisioner "local-exec" {{ command = "echo pid $$; read line < '{}'; echo got $line" }}
        }}
        resource "terraform_data" "b" {{ depends_on = [terraform_data.a] }}
        "#,
        fifo.display()
    ))
}

#[tokio::test]
async fn a_state_lock_held_by_another_is_recognised() {
    let fifos = tempfile::tempdir().unwrap();
    let fifo = fifos.path().join("go");
    let world = waiting(&fifo);
    let cli = cli();
    let plan = planned(&cli, &world).await;

    let World {
        root,
        stack,
        sessions,
        scratch,
        log,
        mut told,
        button,
    } = world;
    let job = TerraformJob {
        program: terraform(),
        root: root.path(),
        stack: &stack,
        sessions: sessions.clone(),
        scratch: scratch.path(),
        log: &log,
        stop: &*button,
    };
    let (tell, _ignored) = mpsc::unbounded_channel();
    let other_log = Log {
        lines: Default::default(),
        progress: Default::default(),
        told: tell,
    };
    let other = TerraformJob {
        log: &other_log,
        root: root.path(),
        sessions: sessions.clone(),
        ..job
    };
    let (applied, refused) = tokio::join!(cli.apply(&job, &plan.path), async {
        World::until_told(&mut told, "(local-exec): pid ").await;
        let refused = cli.plan(&other, &PlanFlags::default()).await.unwrap_err();
        std::fs::write(&fifo, "on\n").unwrap();
        refused
    });
    assert_eq!(applied.unwrap().counts.add, 2);
    assert!(log.text().contains("got on"));

    let lock = refused.state_lock.as_ref().unwrap();
    assert_eq!(lock.operation, "OperationTypeApply");
    assert!(lock.who.contains('@') && !lock.created.is_empty());
    assert_eq!(refused.error.kind, PortErrorKind::Conflict);
    assert!(
        refused
            .error
            .said
            .ends_with(&format!("`terraform force-unlock {}`", lock.id)),
        "{refused}"
    );
}

fn is_alive(pid: &str) -> bool {
    std::fs::read_to_string(format!("/proc/{pid}/stat")).is_ok_and(|stat| {
        !stat
            .rsplit(')')
            .next()
            .unwrap()
            .trim_start()
            .starts_with('Z')
    })
}

#[tokio::test]
async fn a_stopped_apply_ends_in_order() {
    let fifos = tempfile::tempdir().unwrap();
    let world = waiting(&fifos.path().join("never"));
    let cli = cli();
    let plan = planned(&cli, &world).await;
    let World {
        root,
        stack,
        sessions,
        scratch,
        log,
        mut told,
        button,
    } = world;
    let job = TerraformJob {
        program: terraform(),
        root: root.path(),
        stack: &stack,
        sessions: sessions.clone(),
        scratch: scratch.path(),
        log: &log,
        stop: &*button,
    };
    let (stopped, pid) = tokio::join!(cli.apply(&job, &plan.path), async {
        let pid = loop {
            let line = told.recv().await.unwrap();
            if let Some((_, pid)) = line.split_once("(local-exec): pid ") {
                break pid.to_owned();
            }
        };
        assert!(is_alive(&pid));
        button.press();
        pid
    });
    let error = stopped.unwrap_err();
    assert_eq!(error.error.kind, PortErrorKind::Stopped);
    assert!(
        error
            .error
            .said
            .starts_with("it was stopped as asked; it ended in order"),
        "{error}"
    );
    assert!(!is_alive(&pid));
    // Terraform itself released its lock and wrote the state.
    let state = stack_state(&root.path().join(&stack.dir));
    assert!(state.is_file());
    assert!(
        !state
            .with_file_name(".terraform.tfstate.lock.info")
            .exists()
    );
}

#[tokio::test]
async fn an_apply_that_was_stopped_before_does_not_begin() {
    let world = World::new("resource \"terraform_data\" \"a\" {}");
    let cli = cli();
    let plan = planned(&cli, &world).await;
    world.button.press();
    let error = cli.apply(&world.job(), &plan.path).await.unwrap_err();
    assert_eq!(error.error.kind, PortErrorKind::Stopped);
    assert!(!stack_state(&world.dir()).exists());
}

fn stack_state(dir: &Path) -> PathBuf {
    dir.join("terraform.tfstate.d/dev/terraform.tfstate")
}

#[tokio::test]
async fn a_plan_that_hangs_is_ended() {
    let fifos = tempfile::tempdir().unwrap();
    let world = waiting(&fifos.path().join("never"));
    let plan = planned(&cli(), &world).await;
    let cli = TerraformCli::new(TerraformSettings {
        timeouts: Timeouts {
            apply: Duration::from_millis(500),
            ..Timeouts::default()
        },
        ..TerraformSettings::default()
    })
    .unwrap();
    let error = cli.apply(&world.job(), &plan.path).await.unwrap_err();
    assert!(
        error
            .error
            .said
            .starts_with("it was not done after 0 s and was stopped"),
        "{error}"
    );
    assert_eq!(error.error.kind, PortErrorKind::Invalid);
}

#[tokio::test]
async fn what_leads_out_of_the_worktree_is_refused() {
    let mut world = World::new("");
    let outside = tempfile::tempdir().unwrap();
    std::os::unix::fs::symlink(outside.path(), world.root.path().join("link")).unwrap();
    for dir in ["link", "..", "infra/../.."] {
        world.stack.dir = dir.to_owned();
        let error = cli().init(&world.job()).await.unwrap_err();
        assert!(
            error.error.said.ends_with("leads out of the repository"),
            "{error}"
        );
        assert_eq!(error.error.kind, PortErrorKind::Invalid);
    }
    world.stack.dir = "infra".to_owned();
    world.stack.var_files = vec!["../../etc/passwd".to_owned()];
    assert!(cli().init(&world.job()).await.is_err());
}

#[tokio::test]
async fn a_reviewed_lock_file_is_not_changed() {
    let world = World::new(
        "terraform {\n  required_providers {\n    aws = { source = \"hashicorp/aws\" }\n  }\n}\n",
    );
    world.write(".terraform.lock.hcl", "# nothing is locked here\n");
    let error = cli().init(&world.job()).await.unwrap_err();
    assert!(!error.diagnostics.is_empty(), "{error}");
    assert_eq!(
        std::fs::read_to_string(world.dir().join(".terraform.lock.hcl")).unwrap(),
        "# nothing is locked here\n"
    );
}

#[tokio::test]
async fn a_state_that_the_backend_refused_is_kept() {
    let world = World::new("");
    let places = Places::of(&world.job(), "testing").unwrap();
    let mode = std::os::unix::fs::PermissionsExt::mode(
        &world.scratch.path().metadata().unwrap().permissions(),
    );
    assert_eq!(mode & 0o777, 0o700);
    assert!(!places.rescue_state());
    world.write(ERRORED_STATE, "{}");
    assert!(places.rescue_state());
    assert!(world.scratch.path().join(ERRORED_STATE).is_file());
    assert!(!world.dir().join(ERRORED_STATE).exists());
}

#[tokio::test]
async fn the_program_is_probed() {
    let version = cli().version().await.unwrap();
    assert!(version.named().starts_with("terraform 1."), "{version}");

    let absent = TerraformCli::new(TerraformSettings {
        program: "/opt/no/terraform".into(),
        ..TerraformSettings::default()
    })
    .unwrap();
    let error = absent.version().await.unwrap_err();
    assert_eq!(
        error.to_string(),
        "Terraform: asking for its version: there is no program `/opt/no/terraform` (looked at \
         /opt/no/terraform); install it there, or set the path of the Terraform program in the bot's settings"
    );
    assert_eq!(error.kind, PortErrorKind::NotFound);

    let other = TerraformCli::new(TerraformSettings {
        program: "true".into(),
        ..TerraformSettings::default()
    })
    .unwrap();
    assert!(
        other
            .version()
            .await
            .unwrap_err()
            .said
            .starts_with("this is neither Terraform nor OpenTofu")
    );
}
