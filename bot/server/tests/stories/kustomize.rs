//! Services whose manifests are a kustomization, rendered by the real kubectl.

use serde_json::Value;
use slipway_sandbox::kubernetes::Fault;
use slipway_sandbox::world::ci::Build;

use crate::bot::{PATIENCE, Story, tell};
use crate::ship::pinned;

const OVERLAY: &str = "\
namePrefix: eu-
resources:
  - ../base
configMapGenerator:
  - name: settings
    behavior: merge
    envs: [settings.env]
replicas:
  - name: shop
    count: 2
";

const BASE: &str = "\
resources:
  - deployment.yaml
configMapGenerator:
  - name: settings
    literals: [COLOUR=blue, SHAPE=round]
";

const DEPLOYMENT: &str = "\
apiVersion: apps/v1
kind: Deployment
metadata:
  name: shop
spec:
  selector:
    matchLabels: {app: shop}
  template:
    metadata:
      labels: {app: shop}
    spec:
      containers:
        - name: shop
          image: ghcr.io/acme/shop
          envFrom:
            - configMapRef: {name: settings}
";

/// Makes the manifests of the shop a kustomization, with these files written otherwise.
async fn kustomize(story: &Story, others: &[(&str, &str)]) -> anyhow::Result<()> {
    let mut files = vec![
        ("app/k8s/dev/kustomization.yaml", OVERLAY),
        ("app/k8s/dev/settings.env", "COLOUR=green\n"),
        ("app/k8s/base/kustomization.yaml", BASE),
        ("app/k8s/base/deployment.yaml", DEPLOYMENT),
    ];
    files.retain(|(path, _)| others.iter().all(|(other, _)| other != path));
    files.extend(others);
    story.push("cleo", "main", "Kustomize", &files).await?;
    Ok(())
}

/// Ships an image, and reads why it did not go live.
async fn refused(story: &mut Story, others: &[(&str, &str)]) -> anyhow::Result<String> {
    kustomize(story, others).await?;
    let (pr, _, _) = story.ship("hello", Build::Good).await?;
    let told = story.reads(pr, "did not go live").await?;
    // Nothing was rendered, so no role was needed.
    assert!(story.roles().is_empty());
    Ok(told)
}

/// An object of the shop in dev.
fn object(story: &Story, kind: &str, name: &str) -> Option<Value> {
    story.world.dev.cluster.object(kind, "shop", name)
}

fn running(story: &Story) -> Option<String> {
    story.world.dev.cluster.running_image("shop", "eu-shop")
}

#[test]
fn an_overlay_is_rendered_pinned_and_rolled_out() {
    tell(|mut story| async {
        kustomize(&story, &[]).await?;
        let (pr, _, digest) = story.ship("hello", Build::Good).await?;
        insta::assert_snapshot!(story.reads(pr, "is live in dev").await?, @"
        ### 🚀 shop is live in dev: `COMMIT` (#1), `sha256:DIGEST…`, in N s

        2 of 2 ready · image proven from this commit · as `slipway-deploy` in 111111111111 (session `slipway-acme.shop-1-ana`) · [dev.shop.example.com](https://dev.shop.example.com) · [run](http://HERE/runs/RUN) · undo: `/rollback dev`
        ");
        assert_eq!(running(&story), Some(pinned(&digest)));
        let deployment = object(&story, "Deployment", "eu-shop").unwrap();
        let container = &deployment["spec"]["template"]["spec"]["containers"][0];
        let name = container["envFrom"][0]["configMapRef"]["name"]
            .as_str()
            .unwrap();
        let settings = object(&story, "ConfigMap", name).unwrap();
        assert!(name.starts_with("eu-settings-"), "{name}");
        assert_eq!(
            settings["data"],
            serde_json::json!({"COLOUR": "green", "SHAPE": "round"})
        );
        let manager = &settings["metadata"]["labels"]["app.kubernetes.io/managed-by"];
        assert_eq!(manager, "slipway");
        Ok(story)
    });
}

#[test]
fn what_is_not_in_the_repository_is_refused() {
    tell(|mut story| async {
        let overlay = format!("{OVERLAY}components:\n  - https://example.com/acme/more?ref=v1\n");
        let told = refused(&mut story, &[("app/k8s/dev/kustomization.yaml", &overlay)]).await?;
        insta::assert_snapshot!(told, @"
        ### ❌ shop did not go live in dev: `COMMIT` (#1)

        The manifests in app/k8s/dev can't be used: app/k8s/dev/kustomization.yaml:12: `components` names https://example.com/acme/more?ref=v1, which is not in this repository (a release holds all that it applies: commit a copy of it and name that).

        Nothing was deployed.

        Mend them and merge.

        `sha256:DIGEST…` · [run](http://HERE/runs/RUN)
        ");
        Ok(story)
    });
}

#[test]
fn what_leads_out_of_the_repository_is_refused() {
    tell(|mut story| async {
        let base = format!("{BASE}    files: [../../../../../etc/hostname]\n");
        let told = refused(&mut story, &[("app/k8s/base/kustomization.yaml", &base)]).await?;
        insta::assert_snapshot!(told, @"
        ### ❌ shop did not go live in dev: `COMMIT` (#1)

        The manifests in app/k8s/dev can't be used: app/k8s/base/kustomization.yaml:6: `configMapGenerator` names ../../../../../etc/hostname, which leads out of this repository (a release holds all that it applies: move it into this repository).

        Nothing was deployed.

        Mend them and merge.

        `sha256:DIGEST…` · [run](http://HERE/runs/RUN)
        ");
        Ok(story)
    });
}

#[test]
fn a_file_that_is_missing_is_named() {
    tell(|mut story| async {
        let overlay = format!("{OVERLAY}patches:\n  - path: debug.yaml\n");
        let told = refused(&mut story, &[("app/k8s/dev/kustomization.yaml", &overlay)]).await?;
        insta::assert_snapshot!(told, @"
        ### ❌ shop did not go live in dev: `COMMIT` (#1)

        The manifests in app/k8s/dev can't be used: app/k8s/dev/kustomization.yaml:12: `patches.path` names debug.yaml, but there is no app/k8s/dev/debug.yaml in this commit (correct the name, or commit the file).

        Nothing was deployed.

        Mend them and merge.

        `sha256:DIGEST…` · [run](http://HERE/runs/RUN)
        ");
        Ok(story)
    });
}

#[test]
fn what_kustomize_can_not_render_is_told_with_its_place() {
    tell(|mut story| async {
        let broken = DEPLOYMENT.replacen("kind: Deployment", "kind Deployment", 1);
        let told = refused(&mut story, &[("app/k8s/base/deployment.yaml", &broken)]).await?;
        insta::assert_snapshot!(told, @"
        ### ❌ shop did not go live in dev: `COMMIT` (#1)

        The manifests in app/k8s/dev can't be used: app/k8s/base: accumulating resources from 'deployment.yaml': MalformedYAMLError: yaml: line 2: could not find expected ':' in File: deployment.yaml.

        Nothing was deployed.

        Mend them and merge.

        `sha256:DIGEST…` · [run](http://HERE/runs/RUN)
        ");
        Ok(story)
    });
}

#[test]
fn what_is_rendered_stays_in_its_namespace() {
    tell(|mut story| async {
        let overlay = format!("{OVERLAY}namespace: kube-system\n");
        let told = refused(&mut story, &[("app/k8s/dev/kustomization.yaml", &overlay)]).await?;
        insta::assert_snapshot!(told, @"
        ### ❌ shop did not go live in dev: `COMMIT` (#1)

        The manifests in app/k8s/dev can't be used: app/k8s/dev (rendered):1: ConfigMap/eu-settings-9b8fg4mkm5 is meant for namespace kube-system, the service's is shop (leave `metadata.namespace` out: it is filled in).

        Nothing was deployed.

        Mend them and merge.

        `sha256:DIGEST…` · [run](http://HERE/runs/RUN)
        ");
        Ok(story)
    });
}

#[test]
fn without_kubectl_plain_manifests_go_on() {
    tell(|mut story| async {
        let told = crate::harness::program("KUBECTL", "kubectl")?;
        let there = format!("kustomize = \"{}\"", told.display());
        story
            .with_settings(&there, "kustomize = \"/opt/missing/kubectl\"")
            .await?;
        story.live("plain").await?;
        kustomize(&story, &[]).await?;
        let (pr, _, _) = story.ship("hello", Build::Good).await?;
        insta::assert_snapshot!(story.reads(pr, "did not go live").await?, @r"
        ### ❌ shop did not go live in dev: `COMMIT` (#2)

        kustomize: rendering app/k8s/dev: there is no program `/opt/missing/kubectl` (looked at /opt/missing/kubectl); install kubectl 1\.27 or newer there, or set `kustomize` under \[kubernetes\] in the bot's settings to the path of kubectl or kustomize.

        The release before is still serving.

        Mend the cause, then `/retry`.

        `sha256:DIGEST…` · [run](http://HERE/runs/RUN)
        ");
        Ok(story)
    });
}

#[test]
fn after_a_crash_the_rendered_objects_are_looked_at() {
    tell(|mut story| async {
        kustomize(&story, &[]).await?;
        let (_, _, digest) = {
            let shipped = story.ship("first", Build::Good).await?;
            story.reads(shipped.0, "is live in dev").await?;
            shipped
        };
        let process = story.start_process().await?;
        let cluster = story.world.dev.cluster.clone();
        // The cluster asks for patience in the middle of the apply, and the bot has it.
        let fault = Fault {
            retry_after: Some(45),
            ..Fault::once("patch", 503).on("/deployments/")
        };
        cluster.fail_next(fault);
        let (pr, _, _) = story.ship("second", Build::Good).await?;
        cluster
            .until("the deployment to be refused", PATIENCE, |view| {
                let mut calls = view.journal().iter();
                calls.any(|call| call.status == 503).then_some(())
            })
            .await?;
        process.kill().await?;
        let process = story.start_process().await?;
        // A full stop is escaped after a digit, and a digest may end in one.
        let told = story
            .reads(pr, "was interrupted")
            .await?
            .replace("\\.", ".");
        insta::assert_snapshot!(told, @"
        ### ⚠️ shop in dev: the rollout of `COMMIT` (#2) was interrupted

        The bot died in the step manifests: the image of sha-COMMIT was wanted; Deployment/eu-shop runs ghcr.io/acme/shop@&#8203;sha256:DIGEST. `/retry` rolls the same out again, `/rollback dev` goes back.

        Nothing is done by itself from here. Next: `/retry` or `/rollback dev`

        [run](http://HERE/runs/RUN)
        ");
        assert_eq!(running(&story), Some(pinned(&digest)));
        story.rest(process).await?;
        Ok(story)
    });
}
