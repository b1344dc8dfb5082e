//! A plan held against the policies of its stack. They are always those of the default branch: a
//! pull request can't switch off what it is held to.

use std::time::Duration;

use slipway_core::config::Globs;
use slipway_core::facts::ConfigFacts;
use slipway_core::ids::CommitSha;
use slipway_core::policy::{
    self, Context, LARGEST_PLAN, Policies, PullRequestContext, Ruling, STACK_SIZE, TIME_LIMIT,
};
use slipway_core::ports::{PortError, PortErrorKind};
use slipway_core::report::markdown::code;
use slipway_core::run::StepName;
use slipway_core::spec::StackSpec;

use super::gates::void;
use super::{Failure, Halt, Hand};

/// How long the thread of an evaluation is waited for. It ends by itself long before, unless a file
/// takes that long to parse (brackets in brackets in …) or a single built-in function does.
const PATIENCE: Duration = Duration::from_secs(60);

/// What the policies of a stack say of a plan; `None` where it has none.
pub(super) async fn ruling(
    hand: &Hand<'_>,
    stack: &StackSpec,
    plan: Vec<u8>,
) -> Result<Option<Ruling>, Halt> {
    if stack.policies.is_empty() {
        return Ok(None);
    }
    hand.step(StepName::Policy, async {
        let commit = hand.tip().await?;
        let context = context(hand, &commit, stack).await?;
        let ruling = match hand.policies(&commit, stack).await? {
            Ok(policies) => judged(policies, plan, context).await,
            Err(ruling) => ruling,
        };
        let line = ruling.line();
        Ok((Some(ruling), line))
    })
    .await
}

/// A saved plan is only good while its policies are the ones that were asked. Where the pull request
/// is aimed at the default branch a change of them moves its base as well; elsewhere only this tells.
pub(super) async fn unchanged(
    hand: &Hand<'_>,
    stack: &StackSpec,
    ruling: Option<&Ruling>,
) -> Result<(), Halt> {
    let Some(ruling) = ruling else {
        return Ok(());
    };
    hand.step(StepName::Policy, async {
        let tip = hand.tip().await?;
        let line = format!("asked at {}, not changed since", ruling.commit.short());
        if tip == ruling.commit {
            return Ok(((), line));
        }
        let asked = hand.policies(&ruling.commit, stack).await?;
        let now = hand.policies(&tip, stack).await?;
        let files = |read: Result<Policies, Ruling>| read.ok().map(|policies| policies.files);
        match (files(asked), files(now)) {
            (Some(asked), Some(now)) if asked == now => Ok(((), line)),
            _ => Err(Halt::Refused(vec![void(format!(
                "made when the policies were those of {}, they are others at {}",
                code(ruling.commit.short()),
                code(tip.short())
            ))])),
        }
    })
    .await
}

/// Evaluates on a thread of its own, with the stack that it may need.
async fn judged(policies: Policies, plan: Vec<u8>, context: Context) -> Ruling {
    let commit = policies.commit.clone();
    let unusable = |why: &str| Ruling::unusable(commit.clone(), vec![why.to_owned()]);
    if plan.len() > LARGEST_PLAN {
        // Told in the words of the one who knows why.
        return policy::judge(&policies, &plan, &context, TIME_LIMIT);
    }
    let (tell, told) = tokio::sync::oneshot::channel();
    let began = std::thread::Builder::new()
        .name("policies".to_owned())
        .stack_size(STACK_SIZE)
        .spawn(move || {
            // Nobody listens any more if it took too long.
            let _ = tell.send(policy::judge(&policies, &plan, &context, TIME_LIMIT));
        });
    if let Err(error) = began {
        return unusable(&format!("no thread to evaluate them on: {error}"));
    }
    match tokio::time::timeout(PATIENCE, told).await {
        Ok(Ok(ruling)) => ruling,
        Ok(Err(_)) => unusable("their evaluation broke off"),
        Err(_) => unusable("they took too long"),
    }
}

async fn context(hand: &Hand<'_>, commit: &CommitSha, stack: &StackSpec) -> Result<Context, Halt> {
    let order = &hand.run.order;
    let runner = hand.runner;
    let pull = match order.pr {
        Some(number) => Some(
            hand.patiently(|| runner.ports.forge.pull_request(&order.repo, number))
                .await?,
        ),
        None => None,
    };
    let config = hand
        .patiently(|| runner.gather.config_at(&order.repo, commit.as_str()))
        .await?;
    let ConfigFacts::Valid(config) = config else {
        return Err(Failure::new(
            "deploy.toml of the default branch is missing or has errors now",
            "mend it, then `/plan`",
        )
        .into());
    };
    let env = config.environment(&order.env);
    Ok(Context {
        environment: order.env.clone(),
        // Nothing is known of an environment that is gone: it is held to the stricter rules.
        production: env.is_none_or(|env| env.production),
        stack: stack.name.clone(),
        workspace: stack.workspace.clone(),
        actor: order.actor.clone(),
        pull_request: pull.map(|pull| PullRequestContext {
            number: pull.number,
            author: pull.author,
            base: pull.base_ref,
            head: order.commit.clone(),
        }),
    })
}

impl Hand<'_> {
    /// The tip of the default branch.
    async fn tip(&self) -> Result<CommitSha, Halt> {
        let repo = &self.run.order.repo;
        let forge = &self.runner.ports.forge;
        self.patiently(|| async {
            let branch = forge.repository(repo).await?.default_branch;
            forge.branch_tip(repo, &branch).await
        })
        .await
    }

    /// The policies of a stack as a commit has them; or the ruling that they can't be read, where
    /// trying again does not help.
    async fn policies(
        &self,
        commit: &CommitSha,
        stack: &StackSpec,
    ) -> Result<Result<Policies, Ruling>, Halt> {
        let repo = &self.run.order.repo;
        let ports = &self.runner.ports;
        let unusable = |why: String| Ok(Err(Ruling::unusable(commit.clone(), vec![why])));
        let patterns = match Globs::parse(&stack.policies) {
            Ok(patterns) => patterns,
            Err((_, error)) => return unusable(error.to_string()),
        };
        let read = self
            .patiently(|| async {
                let access = ports.forge.clone_access(repo).await?;
                let policies =
                    ports
                        .source
                        .policies(repo, &access, commit, &patterns, &self.harmless);
                match policies.await {
                    // Too many, too large or a link: it will be so the next time.
                    Err(PortError {
                        said,
                        kind: PortErrorKind::Invalid,
                        ..
                    }) => Ok(Err(said)),
                    other => other.map(Ok),
                }
            })
            .await?;
        match read {
            Ok(files) => Ok(Ok(Policies {
                commit: commit.clone(),
                patterns: stack.policies.clone(),
                files,
            })),
            Err(said) => unusable(said),
        }
    }
}
