//! What stacks use outside of their directories, for events that may ask which stacks are touched.

use slipway_core::command::{self, Command, Parsed};
use slipway_core::config::Config;
use slipway_core::event::{Event, EventKind, RepoRef};
use slipway_core::facts::{ChangedFiles, ConfigFacts, Facts, PullFacts, PullState};
use slipway_core::ports::{PortError, PortErrorKind, PortResult, Revision};
use slipway_core::stacks::{self, graph::Modules};

use super::{Gather, unread};
use crate::process::Unstoppable;

/// Whether an event may ask which stacks are touched.
fn asks(event: &Event, config: &Config, state: &PullState) -> bool {
    match &event.kind {
        EventKind::Comment { body, .. } => match command::parse(body) {
            Parsed::Command(request) => matches!(
                request.resolve(config),
                Ok(Command::Plan { .. } | Command::Retry)
            ),
            _ => false,
        },
        EventKind::PullRequest { .. } => match state {
            PullState::Open => true,
            PullState::Merged(_) => config.environments.iter().any(|env| env.auto_apply),
            PullState::Closed => false,
        },
        EventKind::MergeGroup { .. }
        | EventKind::SuiteRerequested { .. }
        | EventKind::CheckRerequested { .. }
        | EventKind::Button { .. } => true,
        EventKind::Review { .. }
        | EventKind::Push { .. }
        | EventKind::IssueComment { .. }
        | EventKind::DriftDue { .. }
        | EventKind::ImageMaybe
        | EventKind::RunEnded { .. } => false,
    }
}

impl Gather {
    /// Follows the modules of all stacks, in the trees that a plan or an apply would be made from.
    /// What is read of them is only parsed, whoever wrote it.
    pub(super) async fn for_stacks(&self, event: &Event, facts: &mut Facts) -> PortResult<()> {
        let (ConfigFacts::Valid(config), Some(pr)) = (&facts.config, &mut facts.pr) else {
            return Ok(());
        };
        let Ok(files) = &pr.files else {
            return Ok(());
        };
        if !asks(event, config, &pr.pull.state) {
            return Ok(());
        }
        pr.modules = match revision(pr) {
            Some(revision) if !all_touched(config, files) => {
                match self.modules(&facts.repo, config, &revision).await {
                    Ok(modules) => Ok(modules),
                    // It may be there in a minute: the whole delivery is tried again.
                    Err(error) if error.is_passing() => return Err(error),
                    Err(error) => Err(unread(&error)),
                }
            }
            _ => Ok(Modules::default()),
        };
        Ok(())
    }

    async fn modules(
        &self,
        repo: &RepoRef,
        config: &Config,
        revision: &Revision,
    ) -> PortResult<Modules> {
        let access = self.forge.clone_access(repo).await?;
        let trees = self
            .source
            .sources(repo, &access, revision, &Unstoppable)
            .await?;
        let config = config.clone();
        let followed = tokio::task::spawn_blocking(move || Modules::of(&config, &trees)).await;
        let modules = followed.map_err(|error| PortError {
            system: "git",
            doing: format!("following the modules of {}", repo.name),
            said: format!("the work did not come to its end: {error}"),
            kind: PortErrorKind::Invalid,
        })?;
        for (stack, why) in modules.unclear() {
            tracing::warn!(
                repo = %repo.name,
                %stack,
                why,
                "any change of Terraform files counts as touching the stack"
            );
        }
        Ok(modules)
    }
}

/// Nothing that the stacks use could add to what is touched anyway.
fn all_touched(config: &Config, files: &ChangedFiles) -> bool {
    let touched = stacks::touched(config, files, &Modules::default());
    config.stacks.iter().all(|stack| {
        let environments = touched.get(&stack.name);
        environments.is_some_and(|found| stack.environments.iter().all(|env| found.contains(env)))
    })
}

/// The trees: head and base, or what they have become by the merge. There the head's own edges need
/// no second look: a file that stopped using something is a changed file of whoever used it.
fn revision(pr: &PullFacts) -> Option<Revision> {
    match &pr.pull.state {
        PullState::Open => Some(Revision::Merged {
            pr: pr.pull.number,
            head: pr.pull.head.clone(),
            base: pr.base.clone(),
        }),
        PullState::Merged(merge) => Some(Revision::Commit(merge.clone())),
        PullState::Closed => None,
    }
}
