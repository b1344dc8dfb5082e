//! A look at a service: which images its workloads run. It changes nothing.

use slipway_core::outcome::{Outcome, Seen};
use slipway_core::ports::{Revision, RunEnd};
use slipway_core::run::{LookWork, StepName};

use super::{Failure, Halt, Hand, succeeded};
use crate::render::{Render, RenderError};

pub(super) async fn run(hand: &Hand<'_>, work: &LookWork) -> Result<RunEnd, Halt> {
    let commit = hand.run.order.commit.clone();
    let worktree = hand.checkout(Revision::Commit(commit)).await?;
    let service = &work.service;
    let manifests = hand
        .step(StepName::Render, async {
            let render = Render {
                renderer: &*hand.runner.ports.renderer,
                root: worktree.path(),
                stop: &hand.harmless,
            };
            let manifests = hand
                .patiently(|| async {
                    match render.as_written(service).await {
                        Err(RenderError::Port(error)) => Err(error),
                        Err(RenderError::Refused(why)) => Ok(Err(why)),
                        Ok(manifests) => Ok(Ok(manifests)),
                    }
                })
                .await?
                .map_err(|why| {
                    let place = &service.manifests;
                    let what = format!("the manifests in {place} can't be used: {why}");
                    Failure::new(what, "mend them and merge")
                })?;
            let line = format!("{} manifests", manifests.len());
            Ok((manifests, line))
        })
        .await?;
    let session = hand.credentials().await?;
    let ports = &hand.runner.ports;
    let access = hand
        .step(StepName::Cluster, async {
            let cluster = ports.cloud.cluster(&session, &service.cluster);
            let access = cluster.await?;
            let line = format!("{} at {}", access.name, access.endpoint);
            Ok((access, line))
        })
        .await?;
    let images = hand
        .step(StepName::Images, async {
            let cluster = &ports.cluster;
            let images = hand
                .patiently(|| cluster.running_images(&access, &service.namespace, &manifests))
                .await?;
            let list: Vec<String> = images
                .iter()
                .map(|(workload, image)| format!("{workload} runs {image}"))
                .collect();
            Ok((images, list.join(", ")))
        })
        .await?;
    Ok(succeeded(
        Outcome::Seen(Box::new(Seen {
            images,
            evidence: session.evidence.clone(),
        })),
        None,
    ))
}
