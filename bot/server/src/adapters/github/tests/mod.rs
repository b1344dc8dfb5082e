//! The adapter against the sandbox GitHub, over real sockets.

mod failures;
mod reads;
mod tokens;
mod writes;

use jiff::Timestamp;
use slipway_core::facts::{Permission, PullRequest};
use slipway_core::ids::{CommentId, CommitSha, EnvName, InstallationId, Login, PrNumber};
use slipway_core::ports::{
    DeploymentStatus, Forge, ForgeWriter, NewDeployment, PortError, PortErrorKind, PortResult,
    Reaction,
};
use slipway_core::report::check::CheckOutput;
use slipway_sandbox::clock::WorldClock;
use slipway_sandbox::github::{Caller, GitHub as Sandbox, GitHubConfig, JournalEntry};

use super::*;

const REPO: &str = "acme/shop";

/// The sandbox's clock as the port.
#[derive(Debug)]
struct SandboxClock(WorldClock);

impl Clock for SandboxClock {
    fn now(&self) -> Timestamp {
        self.0.now()
    }
}

/// A sandbox GitHub with one repository, and the adapter on it.
struct World {
    sandbox: Sandbox,
    clock: WorldClock,
    github: GitHub,
    repo: RepoRef,
}

impl World {
    async fn new() -> Self {
        Self::with(|_| ()).await
    }

    async fn with(adjust: impl FnOnce(&mut GitHubConfig)) -> Self {
        let clock = WorldClock::default();
        let mut config = GitHubConfig {
            clock: clock.clone(),
            ..GitHubConfig::default()
        };
        adjust(&mut config);
        let sandbox = Sandbox::start(config).await.unwrap();
        let files = [("README.md", "hello\n"), ("infra/a b/main.tf", "# tf ä\n")];
        sandbox.create_repo(REPO, &files).await.unwrap();
        for (login, right) in [("ana", "write"), ("bo", "admin"), ("cy", "maintain")] {
            sandbox.set_permission(REPO, login, right).await.unwrap();
        }
        let github = adapter(&sandbox, &clock, Duration::from_secs(20));
        let name = RepoName::parse(REPO).unwrap();
        let installation = github.installation(&name).await.unwrap();
        Self {
            sandbox,
            clock,
            github,
            repo: RepoRef { installation, name },
        }
    }

    /// A pull request of `ana` from `topic` with one file, and its head.
    async fn pull(&self) -> (PrNumber, CommitSha) {
        let head = self.commit("topic", &[("new.txt", Some("1\n"))]).await;
        let number = self.open("ana", "topic").await;
        (number, head)
    }

    async fn open(&self, author: &str, head: &str) -> PrNumber {
        let number = self
            .sandbox
            .open_pull_request(REPO, author, head, "main", "Add a file", false)
            .await
            .unwrap();
        PrNumber(number)
    }

    async fn commit(&self, branch: &str, files: &[(&str, Option<&str>)]) -> CommitSha {
        let sha = self
            .sandbox
            .commit(REPO, branch, "ana", "Add a file", files)
            .await
            .unwrap();
        CommitSha::parse(sha).unwrap()
    }

    fn main(&self) -> CommitSha {
        CommitSha::parse(self.sandbox.branch(REPO, "main").unwrap()).unwrap()
    }

    /// The calls whose path ends like this, oldest first.
    fn calls(&self, end: &str) -> Vec<JournalEntry> {
        let mut journal = self.sandbox.journal();
        journal.retain(|entry| entry.path.ends_with(end));
        journal
    }

    fn statuses(&self, end: &str) -> Vec<u16> {
        self.calls(end).iter().map(|entry| entry.status).collect()
    }

    /// Fails if the adapter called what GitHub does not have.
    fn assert_all_known(&self) {
        let unknown: Vec<String> = self
            .sandbox
            .unexpected_calls()
            .iter()
            .map(JournalEntry::line)
            .collect();
        assert_eq!(unknown, Vec::<String>::new());
    }
}

fn adapter(sandbox: &Sandbox, clock: &WorldClock, timeout: Duration) -> GitHub {
    GitHub::new(settings(sandbox, clock, timeout)).unwrap()
}

fn settings(sandbox: &Sandbox, clock: &WorldClock, timeout: Duration) -> GitHubSettings {
    GitHubSettings {
        api_url: format!("{}/api/v3", sandbox.url()).parse().unwrap(),
        web_url: None,
        app_id: sandbox.app_id(),
        private_key_pem: sandbox.private_key_pem().into(),
        clock: Arc::new(SandboxClock(clock.clone())),
        timeout,
    }
}

fn login(text: &str) -> Login {
    Login::parse(text).unwrap()
}

/// What a token of a call may do, as `name:level`.
fn rights(entry: &JournalEntry) -> Vec<String> {
    match &entry.caller {
        Caller::Installation { permissions, .. } => permissions
            .iter()
            .map(|(name, level)| format!("{name}:{}", level.as_str()))
            .collect(),
        other => panic!("{} was called by {other:?}", entry.line()),
    }
}

fn failed<T: fmt::Debug>(result: PortResult<T>) -> PortError {
    result.unwrap_err()
}

#[test]
fn the_web_is_found_from_the_api() {
    for (api, web, clone) in [
        (
            "https://api.github.com",
            "https://github.com/",
            "https://github.com/acme/shop.git",
        ),
        (
            "https://ghe.corp.test/api/v3/",
            "https://ghe.corp.test/",
            "https://ghe.corp.test/acme/shop.git",
        ),
        (
            "https://api.acme.ghe.com/",
            "https://acme.ghe.com/",
            "https://acme.ghe.com/acme/shop.git",
        ),
        (
            "http://127.0.0.1:8080/api/v3",
            "http://127.0.0.1:8080/",
            "http://127.0.0.1:8080/acme/shop.git",
        ),
    ] {
        let derived = web_url(&api.parse().unwrap());
        assert_eq!(derived.as_str(), web);
        assert_eq!(clone_url(&derived, &RepoName::parse(REPO).unwrap()), clone);
    }
}

#[tokio::test]
async fn bad_settings_are_told() {
    let world = World::new().await;
    let good = settings(&world.sandbox, &world.clock, Duration::from_secs(1));
    let no_key = GitHubSettings {
        private_key_pem: "no key".to_owned().into(),
        ..good.clone()
    };
    assert!(matches!(
        GitHub::new(no_key),
        Err(GitHubSettingsError::Key(_))
    ));
    let no_url = GitHubSettings {
        api_url: "file:///etc".parse().unwrap(),
        ..good.clone()
    };
    assert!(matches!(
        GitHub::new(no_url),
        Err(GitHubSettingsError::Url(_))
    ));
    let other_app = GitHub::new(GitHubSettings { app_id: 1, ..good }).unwrap();
    let error = failed(other_app.app().await);
    assert_eq!(error.kind, PortErrorKind::Denied, "{error}");
}

#[tokio::test]
async fn an_api_without_a_folder_works_as_well() {
    let world = World::new().await;
    let github = GitHub::new(GitHubSettings {
        api_url: world.sandbox.url().parse().unwrap(),
        ..settings(&world.sandbox, &world.clock, Duration::from_secs(20))
    })
    .unwrap();
    let repository = github.repository(&world.repo).await.unwrap();
    assert_eq!(repository.default_branch, "main");
}

/// GitHub hands out PKCS #1; the sandbox has PKCS #8, of which the other is a part.
#[tokio::test]
async fn a_key_in_githubs_own_form_is_taken() {
    use base64::Engine as _;
    let world = World::new().await;
    let engine = base64::engine::general_purpose::STANDARD;
    let body: String = world
        .sandbox
        .private_key_pem()
        .lines()
        .filter(|line| !line.starts_with('-'))
        .collect();
    let der = engine.decode(body).unwrap();
    // RFC 5208: version, algorithm (rsaEncryption), then the PKCS #1 key as an octet string.
    let pem = format!(
        "-----BEGIN RSA PRIVATE KEY-----\n{}\n-----END RSA PRIVATE KEY-----\n",
        engine.encode(&der[26..])
    );
    let github = GitHub::new(GitHubSettings {
        private_key_pem: pem.into(),
        ..settings(&world.sandbox, &world.clock, Duration::from_secs(20))
    })
    .unwrap();
    assert_eq!(github.app().await.unwrap().slug, "slipway");
}
