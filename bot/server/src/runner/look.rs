//! A run died inside an effect: look at the world, tell, and leave it to people.

use slipway_core::outcome::{Outcome, Stopped};
use slipway_core::ports::{PortError, Revision, RunEnd};
use slipway_core::run::{DeployWork, ImageToDeploy, Move, Run, Step, StepName, StepResult, Work};

use super::Runner;
use crate::bells::StopFlag;
use crate::render::Render;

/// What a step recorded of its end, if it came to it.
fn recorded(steps: &[Step], name: StepName) -> Option<&str> {
    steps.iter().find_map(|step| match &step.result {
        Some(StepResult::Done(line)) if step.name == name => Some(line.as_str()),
        _ => None,
    })
}

impl Runner {
    /// What can be told about a run that died inside a step.
    pub async fn look(&self, run: &Run, steps: &[Step], step: StepName) -> RunEnd {
        let env = &run.order.env;
        let (found, fix) = match &run.order.work {
            Work::Deploy(work) => (
                match self.running(run, work).await {
                    Ok(found) => found,
                    Err(error) => format!("the cluster could not be looked at: {error}"),
                },
                format!("`/retry` rolls the same out again, `/rollback {env}` goes back"),
            ),
            Work::Apply(work) => (
                match recorded(steps, step) {
                    Some(line) => format!("Terraform had ended well before: {line}"),
                    None => format!(
                        "Terraform was changing {}; the state may hold a lock, and some of the \
                         changes may have been made",
                        work.stack.name
                    ),
                },
                format!(
                    "`/plan {env} {}` shows what is left to do, or the state lock with its id",
                    work.stack.name
                ),
            ),
            Work::ForceUnlock(work) => (
                format!("the state lock {} may be there yet or not", work.id),
                format!("`/plan {env} {}` shows it if it is", work.stack.name),
            ),
            Work::Plan(_) | Work::Look(_) => {
                ("the plan was cut off".to_owned(), "`/plan`".to_owned())
            }
        };
        RunEnd {
            mv: Move::Interrupt,
            outcome: Outcome::Stopped(Box::new(Stopped {
                what: format!("the bot died in the step {}: {found}", step.as_str()),
                fix,
                step: Some(step),
                reached_the_world: true,
                ..Stopped::default()
            })),
            release: None,
        }
    }

    /// Which images the workloads run, compared with the one that was being rolled out.
    async fn running(&self, run: &Run, work: &DeployWork) -> Result<String, String> {
        let ports = &self.ports;
        let order = &run.order;
        let text = |error: PortError| error.to_string();
        let access = ports.forge.clone_access(&order.repo).await.map_err(text)?;
        let revision = Revision::Commit(order.commit.clone());
        let never = StopFlag::default();
        let worktree = ports
            .source
            .checkout(&order.repo, &access, &revision, &never)
            .await
            .map_err(text)?;
        let render = Render {
            renderer: &*ports.renderer,
            root: worktree.path(),
            stop: &never,
        };
        let written = render.as_written(&work.service).await;
        let manifests = written.map_err(|error| error.to_string())?;
        let session = ports
            .cloud
            .assume(&super::assume(order))
            .await
            .map_err(text)?;
        let cluster = ports
            .cloud
            .cluster(&session, &work.service.cluster)
            .await
            .map_err(text)?;
        let images = ports
            .cluster
            .running_images(&cluster, &work.service.namespace, &manifests)
            .await
            .map_err(text)?;
        let list: Vec<String> = images
            .iter()
            .map(|(workload, image)| format!("{workload} runs {image}"))
            .collect();
        let wanted = match &work.image {
            ImageToDeploy::Tag(tag) => format!("the image of {tag}"),
            ImageToDeploy::Digest(digest) => digest.to_string(),
        };
        Ok(if list.is_empty() {
            format!("nothing of it runs in {}", work.service.namespace)
        } else {
            format!("{wanted} was wanted; {}", list.join(", "))
        })
    }
}
