//! A deploy run: the image by digest, the manifests of its commit, a rollout watched to its end.

use std::time::Duration;

use jiff::SignedDuration;
use slipway_core::config::Provenance;
use slipway_core::facts::Release;
use slipway_core::gates::Candidate;
use slipway_core::ids::Digest;
use slipway_core::outcome::{Deployed, Outcome, PreviousRelease};
use slipway_core::ports::{
    ClusterAccess, Image, PortErrorKind, Revision, RolloutEnd, RunEnd, Session, Stop,
};
use slipway_core::run::{DeployWork, ImageToDeploy, StepName};

use crate::render::{Render, RenderError};

use super::{FIRST_PAUSE, Failure, Halt, Hand, LONGEST_PAUSE, succeeded};

/// A refusal after less time than this is one of the role, not of a token that has run out.
const TOKEN_LIFE: SignedDuration = SignedDuration::from_mins(10);

/// A place to look for an image that may not be there yet.
enum Wanted<'a> {
    Tag(&'a str),
    Digest(&'a Digest),
}

pub(super) async fn run(hand: &Hand<'_>, work: &DeployWork) -> Result<RunEnd, Halt> {
    let order = &hand.run.order;
    let before = hand.release_before(&order.env, &work.service.name).await?;
    let image = find_image(hand, work).await?;
    hand.remember(|so_far| so_far.digest = Some(image.digest.clone()));
    hand.progress("the image is found").await?;
    let what = Candidate {
        commit: order.commit.clone(),
        digest: Some(image.digest.clone()),
    };
    if work.rollback.is_some() {
        hand.gates_of_rollback().await?;
    } else {
        hand.gates_of_deploy(&work.service.name, &what).await?;
    }
    let manifests = render(hand, work, &image.digest).await?;
    let session = hand.credentials().await?;
    let access = cluster(hand, work, &session).await?;
    hand.pause()?;
    hand.progress("rolling out").await?;
    if !hand.done_before.contains(&StepName::Manifests) {
        apply(hand, work, &access, &manifests).await?;
    }
    let ready = rollout(hand, work, access, &manifests).await?;
    Ok(live(hand, work, &image, ready, before, &session))
}

/// Waits for the image and proves where it comes from.
async fn find_image(hand: &Hand<'_>, work: &DeployWork) -> Result<Image, Halt> {
    hand.step(StepName::Image, async {
        let image = match &work.image {
            ImageToDeploy::Tag(tag) => wait_for(hand, work, Wanted::Tag(tag)).await?,
            ImageToDeploy::Digest(digest) => wait_for(hand, work, Wanted::Digest(digest)).await?,
        };
        prove(hand, work, &image)?;
        let line = format!("{}@{}", work.service.image, image.digest);
        Ok((image, line))
    })
    .await
}

async fn wait_for(hand: &Hand<'_>, work: &DeployWork, wanted: Wanted<'_>) -> Result<Image, Halt> {
    let ports = &hand.runner.ports;
    let name = &work.service.image;
    let began = hand.run.started_at.unwrap_or(hand.run.created_at);
    let mut pause = FIRST_PAUSE;
    loop {
        let found = match wanted {
            Wanted::Tag(tag) => ports.registry.resolve(name, tag).await,
            Wanted::Digest(digest) => ports.registry.inspect(name, digest).await,
        };
        let (told, fix) = match found {
            Ok(Some(image)) => return Ok(image),
            Ok(None) => (
                "CI has not published it".to_owned(),
                "look at the workflow that publishes it, then `/retry`",
            ),
            Err(error) if error.is_passing() => {
                if let PortErrorKind::Unavailable {
                    retry_after: Some(wait),
                } = error.kind
                {
                    pause = wait.min(Duration::from_secs(120));
                }
                (error.to_string(), "it may pass: `/retry`")
            }
            Err(error) => return Err(error.into()),
        };
        let waited = ports
            .clock
            .now()
            .duration_since(began)
            .max(SignedDuration::ZERO);
        let reference = match wanted {
            Wanted::Tag(tag) => format!("{name}:{tag}"),
            Wanted::Digest(digest) => format!("{name}@{digest}"),
        };
        if waited.unsigned_abs() >= work.service.image_wait {
            return Err(Failure::new(
                format!(
                    "`{reference}` did not come within {}: {told}",
                    slipway_core::report::markdown::duration(work.service.image_wait)
                ),
                fix,
            )
            .into());
        }
        hand.log.say(&format!("waiting for {reference}: {told}"));
        tokio::select! {
            () = tokio::time::sleep(pause) => {}
            () = hand.runner.bells.images.notified() => {}
            () = hand.stop.asked() => return Err(Halt::Stopped),
            () = hand.runner.closing.cancelled() => return Err(Halt::Stopped),
        }
        pause = (pause * 2).min(LONGEST_PAUSE);
    }
}

/// The label that CI sets must name the commit: a tag alone proves nothing.
fn prove(hand: &Hand<'_>, work: &DeployWork, image: &Image) -> Result<(), Halt> {
    if work.service.provenance == Provenance::Off {
        return Ok(());
    }
    let commit = hand.run.order.commit.as_str();
    match image.revision.as_deref() {
        Some(revision) if revision == commit => Ok(()),
        Some(revision) => Err(Failure::new(
            format!(
                "the image says that it was built from `{}`, not from `{}`",
                revision
                    .chars()
                    .take(64)
                    .collect::<String>()
                    .replace('`', ""),
                hand.run.order.commit.short()
            ),
            "find out what pushed this tag: the workflow must build each commit's image itself",
        )
        .into()),
        None => Err(Failure::new(
            "the image does not say which commit it was built from",
            "have CI set the label `org.opencontainers.image.revision`, or set `provenance = \
             \"off\"` for this service",
        )
        .into()),
    }
}

async fn render(
    hand: &Hand<'_>,
    work: &DeployWork,
    digest: &Digest,
) -> Result<Vec<serde_json::Value>, Halt> {
    let commit = &hand.run.order.commit;
    let worktree = hand.checkout(Revision::Commit(commit.clone())).await?;
    hand.step(StepName::Render, async {
        let render = Render {
            renderer: &*hand.runner.ports.renderer,
            root: worktree.path(),
            stop: &hand.harmless,
        };
        let (service, run) = (&work.service, &hand.run.id);
        let manifests = hand
            .patiently(|| async {
                match render.pinned(service, digest, commit, run).await {
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
        let line = format!(
            "{} manifests, pinned to {}",
            manifests.len(),
            digest.short()
        );
        Ok((manifests, line))
    })
    .await
}

async fn cluster(
    hand: &Hand<'_>,
    work: &DeployWork,
    session: &Session,
) -> Result<ClusterAccess, Halt> {
    hand.step(StepName::Cluster, async {
        let (cloud, name) = (&hand.runner.ports.cloud, &work.service.cluster);
        let access = hand.patiently(|| cloud.cluster(session, name)).await?;
        let line = format!("{} at {}", access.name, access.endpoint);
        Ok((access, line))
    })
    .await
}

async fn apply(
    hand: &Hand<'_>,
    work: &DeployWork,
    access: &ClusterAccess,
    manifests: &[serde_json::Value],
) -> Result<(), Halt> {
    hand.step(StepName::Manifests, async {
        let cluster = &hand.runner.ports.cluster;
        let namespace = &work.service.namespace;
        // Server-side apply of the same manifests once more changes nothing.
        let names = hand
            .patiently(|| cluster.apply(access, namespace, manifests))
            .await?;
        Ok(((), format!("applied {}", names.join(", "))))
    })
    .await
}

/// Watches the rollout. The cluster's token lives for 15 minutes, a rollout may take longer: when
/// the cluster refuses the old token, it is reached anew, with the time that is left.
async fn rollout(
    hand: &Hand<'_>,
    work: &DeployWork,
    access: ClusterAccess,
    manifests: &[serde_json::Value],
) -> Result<u32, Halt> {
    hand.step(StepName::Rollout, async {
        let ports = &hand.runner.ports;
        let began = ports.clock.now();
        let mut access = access;
        let mut renewed_at = began;
        let end = loop {
            let now = ports.clock.now();
            let passed = now.duration_since(began).max(SignedDuration::ZERO);
            let watched = ports
                .cluster
                .rollout(
                    &access,
                    &work.service.namespace,
                    manifests,
                    work.service.rollout.saturating_sub(passed.unsigned_abs()),
                    &*hand.log,
                    &*hand.stop,
                )
                .await;
            match watched {
                Err(error) if error.kind == PortErrorKind::Denied => {
                    let now = ports.clock.now();
                    if now.duration_since(renewed_at) < TOKEN_LIFE {
                        return Err(error.into());
                    }
                    renewed_at = now;
                    let session = ports.cloud.assume(&super::assume(&hand.run.order)).await?;
                    access = ports.cloud.cluster(&session, &work.service.cluster).await?;
                }
                ended => break ended?,
            }
        };
        match end {
            RolloutEnd::Ready { pods } => Ok((pods, format!("{pods} ready"))),
            RolloutEnd::Failed { why, pods } => {
                let mut failure = Failure::new(why, "");
                failure.pods = pods;
                Err(failure.into())
            }
        }
    })
    .await
}

fn live(
    hand: &Hand<'_>,
    work: &DeployWork,
    image: &Image,
    ready: u32,
    before: Option<Release>,
    session: &Session,
) -> RunEnd {
    let order = &hand.run.order;
    let now = hand.runner.ports.clock.now();
    let began = hand.run.started_at.unwrap_or(hand.run.created_at);
    let release = Release {
        env: order.env.clone(),
        service: work.service.name.clone(),
        commit: order.commit.clone(),
        digest: image.digest.clone(),
        pr: work.brought_by,
        actor: order.actor.clone(),
        run: hand.run.id.clone(),
        live_at: now,
        good: true,
    };
    succeeded(
        Outcome::Deployed(Box::new(Deployed {
            digest: image.digest.clone(),
            proven: work.service.provenance == Provenance::Label,
            ready,
            took: now
                .duration_since(began)
                .max(SignedDuration::ZERO)
                .unsigned_abs(),
            previous: before.map(|release| PreviousRelease {
                commit: release.commit,
                pr: release.pr,
            }),
            evidence: session.evidence.clone(),
            at: now,
        })),
        Some(release),
    )
}
