//! The outside world as traits: what the shell must be able to do, in the words of the domain.
//!
//! Types of an SDK never appear here. Every error is a [`PortError`], which knows whether it helps
//! to try again; the one layer that does try again is the shell's.

mod shelf;
mod store;

use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use jiff::Timestamp;
use secrecy::SecretString;
use serde::{Deserialize, Serialize};

use crate::config::{AccountId, Globs, RoleArn, ToolVersion};
use crate::event::RepoRef;
use crate::facts::{ChangedFiles, Check, Comparison, Permission, PullRequest, Repository, Review};
use crate::ids::{
    CheckRunId, CommentId, CommitSha, DeliveryId, DeploymentId, Digest, EnvName, InstallationId,
    IssueNumber, Login, PrNumber,
};
use crate::manifests::kustomization::Kustomization;
use crate::outcome::{Evidence, PodTrouble};
use crate::plan::Diagnostic;
use crate::report::check::CheckOutput;
use crate::stacks::graph::Sources;
use crate::tool::ToolReason;

pub use shelf::*;
pub use store::*;

/// An outside system did not do what was asked of it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{system}: {doing}: {said}")]
pub struct PortError {
    /// Which system, as people call it: `GitHub`, `AWS STS`, `Terraform`, … .
    pub system: &'static str,
    /// What was being done, "reading the reviews of acme/shop#42".
    pub doing: String,
    /// What the system said, without secrets.
    pub said: String,
    /// What kind of failure it is.
    pub kind: PortErrorKind,
}

/// What kind of failure a [`PortError`] is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PortErrorKind {
    /// It may work later; not before this time if the system named one.
    Unavailable {
        /// How long the system asked to wait.
        retry_after: Option<Duration>,
    },
    /// The thing is not there.
    NotFound,
    /// The system refuses these credentials.
    Denied,
    /// The thing changed, or belongs to somebody else.
    Conflict,
    /// The system will never accept this.
    Invalid,
    /// Somebody asked to stop.
    Stopped,
}

impl PortError {
    /// Whether the same call may work later.
    #[must_use]
    pub fn is_passing(&self) -> bool {
        matches!(self.kind, PortErrorKind::Unavailable { .. })
    }
}

/// The result of reaching the outside world.
pub type PortResult<T> = Result<T, PortError>;

/// Tells the time.
pub trait Clock: Send + Sync + fmt::Debug {
    /// The time now.
    fn now(&self) -> Timestamp;
}

/// Tells a step in hand that somebody wants it to end.
#[async_trait]
pub trait Stop: Send + Sync {
    /// Whether it should end.
    fn is_asked(&self) -> bool;
    /// Returns when it should end.
    async fn asked(&self);
}

/// Takes the lines that a run writes, as they come.
pub trait RunLog: Send + Sync {
    /// One line, without its newline; already free of secrets and control characters.
    fn line(&self, text: &str);
    /// How far the run is.
    fn progress(&self, line: &str, counted: Option<(u32, u32)>);
}

// ---------------------------------------------------------------------------------------------
// GitHub

/// Who the App is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AppIdentity {
    /// The id of the App: check runs of this App are the bot's own.
    pub id: u64,
    /// Its slug.
    pub slug: String,
    /// The login that it writes comments as, `slug[bot]`.
    pub login: Login,
}

/// How to clone a repository: a URL without credentials and a token that reads this repository only.
#[derive(Clone, Debug)]
pub struct CloneAccess {
    /// The URL.
    pub url: String,
    /// The token, for `x-access-token`.
    pub token: SecretString,
}

/// A delivery that GitHub could not hand over.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MissedDelivery {
    /// Its GUID.
    pub guid: DeliveryId,
    /// The number by which a redelivery is asked for.
    pub id: u64,
}

/// Reads GitHub.
#[async_trait]
pub trait Forge: Send + Sync {
    /// Who the App is.
    async fn app(&self) -> PortResult<AppIdentity>;
    /// The installation that reaches a repository.
    async fn installation(&self, repo: &crate::ids::RepoName) -> PortResult<InstallationId>;
    /// The repository itself.
    async fn repository(&self, repo: &RepoRef) -> PortResult<Repository>;
    /// A file's text at a commit or branch; `None` if there is no such file.
    async fn file(&self, repo: &RepoRef, path: &str, at: &str) -> PortResult<Option<String>>;
    /// The commit that a branch points at.
    async fn branch_tip(&self, repo: &RepoRef, branch: &str) -> PortResult<CommitSha>;
    /// The full commit that an abbreviation, tag or branch stands for; `None` if unknown.
    async fn commit(&self, repo: &RepoRef, name: &str) -> PortResult<Option<CommitSha>>;
    /// One pull request, live.
    async fn pull_request(&self, repo: &RepoRef, number: PrNumber) -> PortResult<PullRequest>;
    /// The pull requests that a commit is the head or the merge commit of.
    async fn pull_requests_of(&self, repo: &RepoRef, sha: &CommitSha) -> PortResult<Vec<PrNumber>>;
    /// The open pull requests aimed at a branch.
    async fn open_pull_requests(&self, repo: &RepoRef, base: &str) -> PortResult<Vec<PrNumber>>;
    /// The files that a pull request changes; GitHub lists 3,000 at the most.
    async fn changed_files(&self, repo: &RepoRef, number: PrNumber) -> PortResult<ChangedFiles>;
    /// All reviews of a pull request, oldest first.
    async fn reviews(&self, repo: &RepoRef, number: PrNumber) -> PortResult<Vec<Review>>;
    /// Check runs and commit statuses of a commit, the latest of each name.
    async fn checks(&self, repo: &RepoRef, sha: &CommitSha) -> PortResult<Vec<Check>>;
    /// The names of the checks that the rules of a branch require.
    async fn required_checks(&self, repo: &RepoRef, branch: &str) -> PortResult<Vec<String>>;
    /// How two commits (or branches) relate.
    async fn compare(&self, repo: &RepoRef, base: &str, head: &str) -> PortResult<Comparison>;
    /// What a person may do in a repository.
    async fn permission(&self, repo: &RepoRef, login: &Login) -> PortResult<Permission>;
    /// Whether a person is an active member of a team.
    async fn is_team_member(
        &self,
        repo: &RepoRef,
        org: &str,
        team: &str,
        login: &Login,
    ) -> PortResult<bool>;
    /// How to clone the repository.
    async fn clone_access(&self, repo: &RepoRef) -> PortResult<CloneAccess>;
    /// Deliveries since a moment that never got a 2xx answer.
    async fn missed_deliveries(&self, since: Timestamp) -> PortResult<Vec<MissedDelivery>>;
    /// Asks GitHub to hand a delivery over again, with the same GUID.
    async fn redeliver(&self, id: u64) -> PortResult<()>;
}

/// An answer to a comment that is only a sign.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Reaction {
    /// 👀: seen.
    Eyes,
    /// 🚀: done.
    Rocket,
    /// 👎: refused or failed.
    ThumbsDown,
    /// 😕: not understood.
    Confused,
}

/// A GitHub deployment to be created.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct NewDeployment {
    /// The commit.
    pub sha: CommitSha,
    /// The environment.
    pub env: EnvName,
    /// The key by which the bot finds it again, kept in its payload.
    pub key: String,
    /// What it is, for people.
    pub description: String,
    /// Whether the environment is production.
    pub production: bool,
}

/// The states of a GitHub deployment that the bot uses.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DeploymentState {
    /// Accepted, not begun.
    Queued,
    /// Under way.
    InProgress,
    /// Live.
    Success,
    /// Failed.
    Failure,
    /// Could not be tried.
    Error,
    /// Overtaken by another.
    Inactive,
}

/// One status of a GitHub deployment.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeploymentStatus {
    /// The state.
    pub state: DeploymentState,
    /// A line for people, at most 140 characters.
    pub description: String,
    /// The page of the run.
    pub log_url: String,
    /// The URL of the environment.
    pub environment_url: Option<String>,
}

/// An issue as it is to be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IssueText {
    /// Its title.
    pub title: String,
    /// Its text.
    pub body: String,
    /// Whether it is open.
    pub open: bool,
}

/// Writes to GitHub. Only the reporter holds one.
#[async_trait]
pub trait ForgeWriter: Send + Sync {
    /// Finds the bot's own comment that carries a marker.
    async fn find_comment(
        &self,
        repo: &RepoRef,
        pr: PrNumber,
        marker: &str,
    ) -> PortResult<Option<CommentId>>;
    /// Writes a comment.
    async fn create_comment(
        &self,
        repo: &RepoRef,
        pr: PrNumber,
        body: &str,
    ) -> PortResult<CommentId>;
    /// Replaces the text of a comment. [`PortErrorKind::NotFound`] if somebody deleted it.
    async fn update_comment(&self, repo: &RepoRef, id: CommentId, body: &str) -> PortResult<()>;
    /// Adds a reaction to a comment; a no-op if it is there.
    async fn react(&self, repo: &RepoRef, id: CommentId, reaction: Reaction) -> PortResult<()>;
    /// Finds the bot's own issue that carries a marker, open or closed; the newest of several.
    async fn find_issue(&self, repo: &RepoRef, marker: &str) -> PortResult<Option<IssueNumber>>;
    /// Opens an issue.
    async fn create_issue(&self, repo: &RepoRef, issue: &IssueText) -> PortResult<IssueNumber>;
    /// Replaces title, text and state of an issue. [`PortErrorKind::NotFound`] if somebody deleted it.
    async fn update_issue(
        &self,
        repo: &RepoRef,
        number: IssueNumber,
        issue: &IssueText,
    ) -> PortResult<()>;
    /// Finds the bot's own check run of a commit by the key it gave it.
    async fn find_check(
        &self,
        repo: &RepoRef,
        sha: &CommitSha,
        external_id: &str,
    ) -> PortResult<Option<CheckRunId>>;
    /// Creates a check run; annotations past the first 50 are appended by further calls inside.
    async fn create_check(
        &self,
        repo: &RepoRef,
        sha: &CommitSha,
        external_id: &str,
        details_url: &str,
        output: &CheckOutput,
    ) -> PortResult<CheckRunId>;
    /// Replaces what a check run shows. Annotations are sent only if `annotate`, since GitHub
    /// appends them and never removes any.
    async fn update_check(
        &self,
        repo: &RepoRef,
        id: CheckRunId,
        details_url: &str,
        output: &CheckOutput,
        annotate: bool,
    ) -> PortResult<()>;
    /// Finds the deployment that carries a key.
    async fn find_deployment(
        &self,
        repo: &RepoRef,
        env: &EnvName,
        sha: &CommitSha,
        key: &str,
    ) -> PortResult<Option<DeploymentId>>;
    /// Creates a deployment, without GitHub's own gates: the bot's own decide.
    async fn create_deployment(
        &self,
        repo: &RepoRef,
        deployment: &NewDeployment,
    ) -> PortResult<DeploymentId>;
    /// Appends a status to a deployment.
    async fn add_deployment_status(
        &self,
        repo: &RepoRef,
        id: DeploymentId,
        status: &DeploymentStatus,
    ) -> PortResult<()>;
}

// ---------------------------------------------------------------------------------------------
// git

/// What a worktree should hold.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Revision {
    /// Exactly this commit.
    Commit(CommitSha),
    /// A pull request's head merged into its base.
    Merged {
        /// The pull request, whose head may live in a fork.
        pr: PrNumber,
        /// The head.
        head: CommitSha,
        /// The base that it is merged into.
        base: CommitSha,
    },
}

/// A directory with the files of a [`Revision`]; removed when dropped.
pub trait Worktree: Send + Sync {
    /// Where it is.
    fn path(&self) -> &Path;
}

/// Reads repositories by git.
#[async_trait]
pub trait Source: Send + Sync {
    /// Makes a worktree. [`PortErrorKind::Conflict`] if head and base can't be merged.
    async fn checkout(
        &self,
        repo: &RepoRef,
        access: &CloneAccess,
        revision: &Revision,
        stop: &dyn Stop,
    ) -> PortResult<Box<dyn Worktree>>;
    /// Reads the Terraform files of a revision without a worktree: of its commit, or of the head
    /// and the base that would be merged. They are not merged, so they can't be in conflict.
    async fn sources(
        &self,
        repo: &RepoRef,
        access: &CloneAccess,
        revision: &Revision,
        stop: &dyn Stop,
    ) -> PortResult<Vec<Sources>>;
    /// Reads the files of a commit that match one of the patterns, by path, without a worktree.
    /// [`PortErrorKind::Invalid`] if they are more or larger than [`MOST_POLICY_FILES`] and
    /// [`MOST_POLICY_BYTES`], or one is a symbolic link.
    async fn policies(
        &self,
        repo: &RepoRef,
        access: &CloneAccess,
        commit: &CommitSha,
        patterns: &Globs,
        stop: &dyn Stop,
    ) -> PortResult<BTreeMap<String, String>>;
}

/// How many files of policies a stack may have.
pub const MOST_POLICY_FILES: usize = 200;
/// How large they may be together, in bytes.
pub const MOST_POLICY_BYTES: u64 = 2 * 1024 * 1024;

// ---------------------------------------------------------------------------------------------
// AWS

/// A role to be assumed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AssumeRole {
    /// Which.
    pub role: RoleArn,
    /// The account that it must turn out to be.
    pub account: AccountId,
    /// The region whose endpoint is asked.
    pub region: String,
    /// `RoleSessionName`, `[\w+=,.@-]{2,64}`.
    pub session_name: String,
    /// `SourceIdentity`, `[\w+=,.@-]{2,64}`.
    pub source_identity: String,
    /// The external id.
    pub external_id: Option<String>,
    /// How long the credentials are to live.
    pub duration: Duration,
}

/// Short-lived credentials of one role in one account.
#[derive(Clone, Debug)]
pub struct Session {
    /// The access key.
    pub access_key_id: String,
    /// Its secret.
    pub secret_access_key: SecretString,
    /// The session token.
    pub session_token: SecretString,
    /// When they end.
    pub expires_at: Timestamp,
    /// The region that they are used in.
    pub region: String,
    /// Who they are, as `GetCallerIdentity` said.
    pub evidence: Evidence,
}

/// How to reach a cluster.
#[derive(Clone, Debug)]
pub struct ClusterAccess {
    /// Its name.
    pub name: String,
    /// The URL of its API.
    pub endpoint: String,
    /// The certificate of its authority, PEM.
    pub ca_pem: Vec<u8>,
    /// The bearer token; good for some minutes.
    pub token: SecretString,
}

/// AWS: STS and EKS.
#[async_trait]
pub trait Cloud: Send + Sync {
    /// Assumes a role and proves by `GetCallerIdentity` that it is the right account's.
    async fn assume(&self, request: &AssumeRole) -> PortResult<Session>;
    /// Describes a cluster and makes a token for it (`GetCallerIdentity`, presigned).
    async fn cluster(&self, session: &Session, name: &str) -> PortResult<ClusterAccess>;
}

/// The sessions of one run's role, for as long as the run takes: a session may end before it.
#[async_trait]
pub trait RoleSessions: Send + Sync {
    /// A session that is good for some minutes yet: the one at hand, or one of the role assumed
    /// anew.
    async fn current(&self) -> PortResult<Session>;
    /// Every session handed out so far: their secrets are taken out of whatever is printed.
    fn given(&self) -> Vec<Session>;
}

// ---------------------------------------------------------------------------------------------
// Terraform

/// Which Terraform or OpenTofu is wanted.
pub struct ToolRequest<'a> {
    /// The worktree of the repository, whose files may say so.
    pub root: &'a Path,
    /// The stack, for which deploy.toml may say so.
    pub stack: &'a crate::spec::StackSpec,
    /// What made the plan that is to be applied: it, or none.
    pub planned: Option<&'a ToolVersion>,
    /// Takes what is told while it is downloaded.
    pub log: &'a dyn RunLog,
    /// Ends a download early.
    pub stop: &'a dyn Stop,
}

/// The Terraform or OpenTofu that a stack is planned and applied with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ChosenTool {
    /// What it says that it is.
    pub version: ToolVersion,
    /// Why it was chosen.
    pub reason: ToolReason,
    /// Where it is.
    pub program: PathBuf,
}

/// There is no Terraform or OpenTofu to be had as it is wanted.
#[derive(Debug, thiserror::Error)]
pub enum ToolError {
    /// None of those that there are is the one.
    #[error("{what}")]
    Missing {
        /// What was asked for by what, and what there is.
        what: String,
        /// What to do.
        fix: String,
    },
    /// It could not be found out, or not be downloaded.
    #[error(transparent)]
    Port(#[from] PortError),
}

/// Where and as whom Terraform works.
pub struct TerraformJob<'a> {
    /// The program, as [`Terraform::tool`] gave it.
    pub program: &'a Path,
    /// The worktree of the repository.
    pub root: &'a Path,
    /// The root module, workspace, var files and backend.
    pub stack: &'a crate::spec::StackSpec,
    /// The credentials: all that its environment holds besides the bare minimum.
    pub sessions: Arc<dyn RoleSessions>,
    /// A directory of the run's own, for `TF_DATA_DIR`, `HOME` and the plan file.
    pub scratch: &'a Path,
    /// Takes its output.
    pub log: &'a dyn RunLog,
    /// Ends it early: interrupted first, then terminated, then killed.
    pub stop: &'a dyn Stop,
}

/// The file, in the scratch directory of a job, that holds the state after an apply if the backend
/// would not take it. Whoever loses it loses track of what was made.
pub const ERRORED_STATE: &str = "errored.tfstate";

/// What `terraform init` and the choice of the workspace came to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Initialised {
    /// The workspace was not there, and was made.
    pub made_workspace: bool,
}

/// What `terraform plan` left behind.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PlanFile {
    /// The plan file.
    pub path: PathBuf,
    /// What `terraform show -json` says about it. Holds secrets.
    pub json: Vec<u8>,
}

/// Terraform failed.
#[derive(Debug, thiserror::Error)]
#[error("{error}")]
pub struct TerraformError {
    /// What went wrong.
    pub error: PortError,
    /// Its own diagnostics.
    pub diagnostics: Vec<Diagnostic>,
    /// The state lock that stood in the way.
    pub state_lock: Option<StateLock>,
}

/// A state lock held by somebody else.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StateLock {
    /// Its id, for `terraform force-unlock`.
    pub id: String,
    /// Who holds it.
    pub who: String,
    /// Since when, as Terraform writes it.
    pub created: String,
    /// For what: `OperationTypeApply`, … .
    pub operation: String,
}

/// The Terraform program.
#[async_trait]
pub trait Terraform: Send + Sync {
    /// Finds the program and version that a stack asks for, or fetches it.
    async fn tool(&self, request: &ToolRequest<'_>) -> Result<ChosenTool, ToolError>;
    /// `init`, and the workspace selected or made.
    async fn init(&self, job: &TerraformJob<'_>) -> Result<Initialised, TerraformError>;
    /// `plan -out` with these flags, one argument each, and `show -json`.
    async fn plan(
        &self,
        job: &TerraformJob<'_>,
        flags: &crate::plan_flags::PlanFlags,
    ) -> Result<PlanFile, TerraformError>;
    /// `apply` of exactly this plan file; the lines of its `-json` output are told to the log.
    async fn apply(
        &self,
        job: &TerraformJob<'_>,
        plan: &Path,
    ) -> Result<AppliedPlan, TerraformError>;
    /// `force-unlock` of the lock with this id. If another lock is there, that is told in the error.
    async fn force_unlock(&self, job: &TerraformJob<'_>, id: &str) -> Result<(), TerraformError>;
}

/// What Terraform said at the end of an apply.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct AppliedPlan {
    /// Added, changed, destroyed.
    pub counts: crate::plan::Counts,
    /// Outputs that are not sensitive.
    pub outputs: Vec<(String, String)>,
}

// ---------------------------------------------------------------------------------------------
// Registry and cluster

/// What a registry says about an image.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Image {
    /// The digest of its manifest.
    pub digest: Digest,
    /// The label `org.opencontainers.image.revision` of its configuration.
    pub revision: Option<String>,
}

/// An OCI registry.
#[async_trait]
pub trait Registry: Send + Sync {
    /// The image behind a tag; `None` if there is no such tag (yet).
    async fn resolve(&self, image: &str, tag: &str) -> PortResult<Option<Image>>;
    /// The image of a digest; `None` if it is gone.
    async fn inspect(&self, image: &str, digest: &Digest) -> PortResult<Option<Image>>;
}

/// How a rollout ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RolloutEnd {
    /// Every workload is ready.
    Ready {
        /// Ready pods.
        pods: u32,
    },
    /// It can't succeed, or did not in time.
    Failed {
        /// In a sentence.
        why: String,
        /// What is wrong with which pod.
        pods: Vec<PodTrouble>,
    },
}

/// A Kubernetes API.
#[async_trait]
pub trait Cluster: Send + Sync {
    /// Applies manifests on the server, as field manager `slipway`; returns `Kind/name` of each.
    async fn apply(
        &self,
        access: &ClusterAccess,
        namespace: &str,
        manifests: &[serde_json::Value],
    ) -> PortResult<Vec<String>>;
    /// Watches the workloads among the manifests until all are ready or one can't be.
    async fn rollout(
        &self,
        access: &ClusterAccess,
        namespace: &str,
        manifests: &[serde_json::Value],
        deadline: Duration,
        log: &dyn RunLog,
        stop: &dyn Stop,
    ) -> PortResult<RolloutEnd>;
    /// The images that the workloads among the manifests run now, for telling after a crash.
    async fn running_images(
        &self,
        access: &ClusterAccess,
        namespace: &str,
        manifests: &[serde_json::Value],
    ) -> PortResult<Vec<(String, String)>>;
}

// ---------------------------------------------------------------------------------------------
// kustomize

/// Renders kustomizations.
#[async_trait]
pub trait Renderer: Send + Sync {
    /// The manifests that a kustomization comes to, as YAML. The program sees its files and no
    /// others, and reaches nothing outside of this machine.
    ///
    /// [`PortErrorKind::Invalid`] if the kustomization is to blame: what was said begins with the
    /// place in the repository and is for whoever wrote it. [`PortErrorKind::NotFound`] if the
    /// program is not installed.
    async fn render(&self, kustomization: &Kustomization, stop: &dyn Stop) -> PortResult<String>;
}

// ---------------------------------------------------------------------------------------------
// Artifacts

/// What lies under the key of an artifact.
#[derive(Clone, PartialEq, Eq)]
pub enum Kept {
    /// The very bytes that were put there.
    Whole(Vec<u8>),
    /// Nothing.
    Nothing,
    /// Something that is not to be used; why, in a sentence about "it".
    Spoilt(String),
}

/// Shown without the bytes, which hold secrets.
impl fmt::Debug for Kept {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Whole(bytes) => write!(f, "Whole({} bytes)", bytes.len()),
            Self::Nothing => f.write_str("Nothing"),
            Self::Spoilt(why) => write!(f, "Spoilt({why:?})"),
        }
    }
}

/// Keeps plan files, encrypted: each is bound to its key and to what it is about, so that nothing
/// can be put into its place.
#[async_trait]
pub trait Artifacts: Send + Sync {
    /// Keeps bytes under a key. `about` says what they are; it is not kept.
    async fn put(&self, key: &str, about: &str, bytes: Vec<u8>) -> PortResult<()>;
    /// What lies under a key; whole only if it was put there as being about the same.
    async fn get(&self, key: &str, about: &str) -> PortResult<Kept>;
    /// Forgets a key.
    async fn delete(&self, key: &str) -> PortResult<()>;
    /// All keys that begin with a name and `/`, in no order.
    async fn list(&self, under: &str) -> PortResult<Vec<String>>;
}
