//! Runs the real kubectl or kustomize.

use std::collections::BTreeMap;
use std::os::unix::fs::PermissionsExt as _;

use slipway_core::manifests::kustomization::{Entry, Tree};

use super::*;

struct Files(BTreeMap<String, String>);

impl Tree for Files {
    fn entry(&self, path: &str) -> Result<Option<Entry>, String> {
        if let Some(text) = self.0.get(path) {
            return Ok(Some(Entry::File(text.clone().into_bytes())));
        }
        let below = format!("{path}/");
        let is_dir = self.0.keys().any(|file| file.starts_with(&below));
        Ok(is_dir.then_some(Entry::Dir))
    }
}

fn kustomization(files: &[(&str, &str)]) -> Kustomization {
    let owned = |(path, text): &(&str, &str)| ((*path).to_owned(), (*text).to_owned());
    let files = Files(files.iter().map(owned).collect());
    Kustomization::gather(&files, "k8s/dev").unwrap().unwrap()
}

fn cli(program: &Path) -> (TempDir, KustomizeCli) {
    let dir = tempfile::tempdir().unwrap();
    let settings = KustomizeSettings {
        program: program.to_owned(),
        scratch: dir.path().join("scratch"),
        isolation: None,
    };
    (dir, KustomizeCli::new(settings).unwrap())
}

/// The program that the tests are told to use, else whatever kubectl the adapter finds.
#[expect(clippy::disallowed_methods, reason = "tests are told by their runner")]
fn program() -> PathBuf {
    std::env::var_os("KUBECTL").map_or_else(|| "kubectl".into(), PathBuf::from)
}

async fn rendered(files: &[(&str, &str)]) -> PortResult<String> {
    let (_dir, cli) = cli(&program());
    cli.render(&kustomization(files), &Unstoppable).await
}

/// A program that is a shell script.
fn script(dir: &Path, name: &str, text: &str) -> PathBuf {
    let path = dir.join(name);
    std::fs::write(&path, format!("#!/bin/sh\n{text}\n")).unwrap();
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).unwrap();
    path
}

#[tokio::test]
async fn an_overlay_is_rendered() {
    let files = [
        (
            "k8s/dev/kustomization.yaml",
            "resources: [../base]\nnamePrefix: dev-\n",
        ),
        (
            "k8s/base/kustomization.yaml",
            "configMapGenerator:\n- {name: settings, envs: [settings.env]}\n",
        ),
        ("k8s/base/settings.env", "COLOUR=blue\n"),
    ];
    insta::assert_snapshot!(rendered(&files).await.unwrap(), @"
    apiVersion: v1
    data:
      COLOUR: blue
    kind: ConfigMap
    metadata:
      name: dev-settings-5dhb468ddh
    ");
    let (_dir, cli) = cli(&program());
    let version = cli.version().await.unwrap();
    assert!(version.starts_with('v'), "{version}");
    assert_eq!(std::fs::read_dir(&cli.settings.scratch).unwrap().count(), 0);
}

#[tokio::test]
async fn its_errors_name_the_place_in_the_repository() {
    let overlay = ("k8s/dev/kustomization.yaml", "resources: [../base]\n");
    let base = ("k8s/base/kustomization.yaml", "resources: [shop.yaml]\n");
    let error = rendered(&[overlay, base, ("k8s/base/shop.yaml", "a: b\nc\n")])
        .await
        .unwrap_err();
    assert_eq!(error.kind, PortErrorKind::Invalid);
    insta::assert_snapshot!(error.said, @"k8s/base: accumulating resources from 'shop.yaml': MalformedYAMLError: yaml: line 2: could not find expected ':' in File: shop.yaml");
    let patch = "resources: [shop.yaml]\npatches:\n- patch: |\n    {apiVersion: v1, kind: Service, metadata: {name: b}}\n";
    let service = "apiVersion: v1\nkind: Service\nmetadata: {name: a}\n";
    let error = rendered(&[
        ("k8s/dev/kustomization.yaml", patch),
        ("k8s/dev/shop.yaml", service),
    ])
    .await;
    insta::assert_snapshot!(error.unwrap_err().said, @r#"k8s/dev: no resource matches strategic merge patch "Service.v1.[noGrp]/b.[noNs]": no matches for Id Service.v1.[noGrp]/b.[noNs]; failed to find unique target for patch Service.v1.[noGrp]/b.[noNs]"#);
}

#[tokio::test]
async fn it_gets_its_files_and_nothing_else() {
    let dir = tempfile::tempdir().unwrap();
    let tell = "/usr/bin/env | /usr/bin/sort; pwd; /usr/bin/find . -type f; echo \"$@\"";
    let (_dir, cli) = cli(&script(dir.path(), "kustomize", tell));
    let files = [
        ("k8s/dev/kustomization.yaml", "resources:\n"),
        ("secret", "no"),
    ];
    let said = cli
        .render(&kustomization(&files), &Unstoppable)
        .await
        .unwrap();
    let scratch = cli.settings.scratch.display().to_string();
    let mut lines: Vec<String> = said
        .lines()
        .map(|line| line.replace(&scratch, "SCRATCH"))
        .collect();
    // What a shell sets by itself.
    lines.retain(|line| {
        !["PWD=", "OLDPWD=", "SHLVL=", "_="]
            .iter()
            .any(|own| line.starts_with(own))
    });
    let room = regex::Regex::new("SCRATCH/[^/]+").unwrap();
    let text = lines.join("\n");
    insta::assert_snapshot!(room.replace_all(&text, "ROOM"), @"
    HOME=ROOM/home
    HTTPS_PROXY=http://127.0.0.1:1
    HTTP_PROXY=http://127.0.0.1:1
    TMPDIR=ROOM/tmp
    http_proxy=http://127.0.0.1:1
    https_proxy=http://127.0.0.1:1
    ROOM/tree
    ./k8s/dev/kustomization.yaml
    build ./k8s/dev
    ");
}

#[tokio::test]
async fn a_program_that_is_not_there_is_told_with_the_way_out() {
    let (_dir, cli) = cli(Path::new("/nowhere/kubectl"));
    let error = cli.version().await.unwrap_err();
    assert_eq!(error.kind, PortErrorKind::NotFound);
    insta::assert_snapshot!(error, @"kustomize: asking for its version: there is no program `/nowhere/kubectl` (looked at /nowhere/kubectl); install kubectl 1.27 or newer there, or set `kustomize` under [kubernetes] in the bot's settings to the path of kubectl or kustomize");
}

#[test]
fn an_old_program_is_told_from_a_new_one() {
    for (version, oldest, is) in [
        ("v1.26.9", "1.27", true),
        ("v1.27.0", "1.27", false),
        ("v1.32.4-dispatcher", "1.27", false),
        ("v2.0.0", "1.27", false),
        ("v4.5.7", "5.0", true),
        ("v5.0.0", "5.0", false),
        ("vdevel", "5.0", false),
    ] {
        assert_eq!(is_older(version, oldest), is, "{version}");
    }
}

#[tokio::test]
async fn another_program_is_found_out() {
    let (_dir, cli) = cli(Path::new("/bin/true"));
    insta::assert_snapshot!(cli.version().await.unwrap_err(), @"kustomize: asking for its version: it is neither kubectl nor kustomize: it exited with code 0");
}
