//! A run died inside an effect: look at the world, tell, and leave it to people.

use slipway_core::outcome::{Outcome, Stopped};
use slipway_core::ports::{AssumeRole, PortResult, RunEnd};
use slipway_core::run::{DeployWork, ImageToDeploy, Move, Run, StepName, Work};

use super::Runner;

impl Runner {
    /// What can be told about a run that died inside a step.
    pub async fn look(&self, run: &Run, step: StepName) -> RunEnd {
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
                format!(
                    "Terraform was changing {} when the bot died; the state may hold a lock, and \
                     some of the changes may have been made",
                    work.stack.name
                ),
                format!(
                    "`/plan {env} {}` shows what is left to do, or the state lock with its id",
                    work.stack.name
                ),
            ),
            Work::Plan(_) => ("the plan was cut off".to_owned(), "`/plan`".to_owned()),
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
    async fn running(&self, run: &Run, work: &DeployWork) -> PortResult<String> {
        let aws = run.order.aws();
        let names = crate::session::names(&run.order);
        let request = AssumeRole {
            role: aws.role.clone(),
            account: aws.account.clone(),
            region: aws.region.clone(),
            session_name: names.session_name,
            source_identity: names.source_identity,
            external_id: aws.external_id.clone(),
            duration: aws.session,
        };
        let session = self.ports.cloud.assume(&request).await?;
        let access = self
            .ports
            .cloud
            .cluster(&session, &work.service.cluster)
            .await?;
        let images = self
            .ports
            .cluster
            .running_images(&access, &work.service.namespace, &work.service.image)
            .await?;
        let list: Vec<String> = images
            .iter()
            .map(|(workload, image)| format!("{workload} runs {image}"))
            .collect();
        let wanted = match &work.image {
            ImageToDeploy::Tag(tag) => format!("the image of {tag}"),
            ImageToDeploy::Digest(digest) => digest.to_string(),
        };
        Ok(if list.is_empty() {
            format!("no workload in {} runs {}", work.service.namespace, work.service.image)
        } else {
            format!("{wanted} was wanted; {}", list.join(", "))
        })
    }
}
