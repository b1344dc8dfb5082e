//! A checkout of Slipway's own repository, as far as a machine without AWS can run it: its
//! `deploy.toml`, its manifests, the variables, values and backends of its stacks. The resources of
//! the stacks are stood in for by Terraform's built-in ones, since the AWS provider would need AWS.

use std::path::Path;

use anyhow::{Context, ensure};

use super::Scene;
use crate::github::Protection;

/// Each stack's directory, the folder of its state's key, and what stands in for its resources.
const STACKS: [(&str, &str, &str); 4] = [
    (
        "infra/01-terraform-state",
        "terraform-state",
        include_str!("checkout/terraform-state.tf"),
    ),
    ("infra/02-eks", "eks", include_str!("checkout/eks.tf")),
    (
        "infra/03-database",
        "database",
        include_str!("checkout/database.tf"),
    ),
    (
        "infra/04-slipway",
        "slipway",
        include_str!("checkout/slipway.tf"),
    ),
];

/// The service's image, which `publish.yml` builds.
const IMAGE: &str = "acme/slipway-shop";

/// The check of `ci.yml`.
const CHECK: &str = "test";

/// What half an hour of soaking becomes, for people who watch.
const SOAK: &str = "4s";

impl Scene {
    /// The repository `acme/slipway`, read from a checkout of it.
    ///
    /// Two rules of `deploy.toml` are put aside, because nobody wants to watch them: `soak` becomes
    /// four seconds, and `windows` are left out.
    ///
    /// # Errors
    /// When the checkout lacks a file, or its `deploy.toml` another image or no such rules.
    pub fn of_checkout(root: &Path) -> anyhow::Result<Self> {
        let deploy = read(root, "deploy.toml")?;
        ensure!(
            deploy.contains(&format!("\"ghcr.io/{IMAGE}\"")),
            "deploy.toml names no image ghcr.io/{IMAGE}"
        );
        let mut files = vec![
            ("deploy.toml".to_owned(), hurried(&deploy)?),
            (
                "app/greeting.txt".to_owned(),
                "Welcome to the shop.\n".to_owned(),
            ),
        ];
        for directory in ["app/k8s", "bot/k8s", ".github"] {
            collect(root, directory, &|_| true, &mut files)?;
        }
        for (directory, _, resources) in STACKS {
            collect(root, directory, &is_kept, &mut files)?;
            files.push((format!("{directory}/main.tf"), resources.to_owned()));
        }
        Ok(Self {
            repo: "acme/slipway".to_owned(),
            image: IMAGE.to_owned(),
            external_id: "acme-slipway".to_owned(),
            files,
            bucket: |_, account| format!("acme-terraform-state-{account}"),
            workspaces: STACKS[1..]
                .iter()
                .map(|(_, stack, _)| (*stack).to_owned())
                .collect(),
            protection: Some(Protection {
                required_checks: vec![CHECK.to_owned()],
                ..Protection::default()
            }),
        })
    }
}

/// What of a stack needs no provider.
fn is_kept(name: &str) -> bool {
    matches!(name, "variables.tf" | "backend.tf")
        || name.ends_with(".tfvars")
        || name.ends_with(".s3.tfbackend")
}

/// `deploy.toml` with a shorter soak and without windows.
fn hurried(deploy: &str) -> anyhow::Result<String> {
    let (mut soaks, mut windows) = (0, 0);
    let lines = deploy.lines().map(|line| {
        let key = line.split('=').next().unwrap_or_default().trim();
        match key {
            "soak" => {
                soaks += 1;
                format!("soak       = \"{SOAK}\"\n")
            }
            "windows" => {
                windows += 1;
                String::new()
            }
            _ => format!("{line}\n"),
        }
    });
    let text: String = lines.collect();
    ensure!(
        soaks == 1 && windows == 1,
        "deploy.toml has {soaks} soaks and {windows} windows, not one of each"
    );
    Ok(text)
}

/// Adds the files of a directory and those below it whose names are wanted.
fn collect(
    root: &Path,
    directory: &str,
    wanted: &dyn Fn(&str) -> bool,
    into: &mut Vec<(String, String)>,
) -> anyhow::Result<()> {
    let entries = std::fs::read_dir(root.join(directory))
        .with_context(|| format!("reading {directory} of the checkout"))?;
    let mut entries = entries.collect::<Result<Vec<_>, _>>()?;
    entries.sort_by_key(std::fs::DirEntry::file_name);
    for entry in entries {
        let name = entry.file_name();
        let name = name
            .to_str()
            .with_context(|| format!("{directory} holds a file whose name is no text"))?;
        let path = format!("{directory}/{name}");
        let kind = entry.file_type()?;
        if kind.is_dir() {
            collect(root, &path, wanted, into)?;
        } else if kind.is_file() && wanted(name) {
            into.push((path.clone(), read(root, &path)?));
        }
    }
    Ok(())
}

fn read(root: &Path, path: &str) -> anyhow::Result<String> {
    std::fs::read_to_string(root.join(path))
        .with_context(|| format!("reading {path} of the checkout"))
}
