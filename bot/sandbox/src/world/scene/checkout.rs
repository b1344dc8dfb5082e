//! A checkout of Slipway's own repository, as far as a machine without AWS can run it: its
//! `deploy.toml`, its manifests and policies, the variables, values and backends of its stacks. The resources of
//! the stacks are stood in for by Terraform's built-in ones, since the AWS provider would need AWS.

use std::collections::BTreeSet;
use std::path::Path;
use std::time::Duration;

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

/// The check of `ci.yml`.
const CHECK: &str = "make check";

/// An address that belongs to nobody, which `prod.tfvars` holds until people put their own there, and
/// which its stack refuses; and one that it takes.
const NOBODY: (&str, &str) = ("203.0.113.0/32", "198.51.100.7/32");

/// What half an hour of soaking becomes, for people who watch.
const SOAK: Duration = Duration::from_secs(4);

impl Scene {
    /// The repository `acme/slipway`, read from a checkout of it.
    ///
    /// Two rules of `deploy.toml` are put aside, because nobody wants to watch them: `soak` becomes
    /// four seconds, and `windows` are left out.
    ///
    /// # Errors
    /// When the checkout lacks a file, or a file what the world is made from.
    pub fn of_checkout(root: &Path) -> anyhow::Result<Self> {
        let deploy = read(root, "deploy.toml")?;
        let rules: toml::Table = deploy.parse().context("deploy.toml of the checkout")?;
        let text = |path: &[&str]| text_at(&rules, path);
        let image = text(&["services", "shop", "image"])?;
        let image = image
            .strip_prefix("ghcr.io/")
            .with_context(|| format!("the image {image} is not on ghcr.io"))?;
        let owner = image.split('/').next().unwrap_or(image);
        let aws = ["dev", "prod"].map(|env| {
            let account = text(&["environments", env, "aws", "account"])?;
            let external_id = text(&["environments", env, "aws", "external_id"])?;
            anyhow::Ok((account, external_id))
        });
        let [dev, prod] = aws;
        let ((dev, external_id), (prod, _)) = (dev?, prod?);
        let mut files = vec![
            ("deploy.toml".to_owned(), hurried(&deploy)?),
            (
                "app/greeting.txt".to_owned(),
                "Welcome to the shop.\n".to_owned(),
            ),
        ];
        for directory in ["app/k8s", "bot/k8s", "infra/policy", ".github"] {
            collect(root, directory, &|_| true, &mut files)?;
        }
        let buckets = ["dev", "prod"].map(|env| {
            let path = format!("{}/{env}.s3.tfbackend", STACKS[0].0);
            let backend: toml::Table = read(root, &path)?.parse().context(path)?;
            text_at(&backend, &["bucket"])
        });
        let [in_dev, in_prod] = buckets;
        let buckets = [in_dev?, in_prod?];
        for (directory, _, resources) in STACKS {
            let mut kept = Vec::new();
            collect(root, directory, &is_kept, &mut kept)?;
            files.extend(
                kept.into_iter()
                    .map(|(path, text)| (path, text.replace(NOBODY.0, NOBODY.1))),
            );
            files.push((format!("{directory}/main.tf"), resources.to_owned()));
        }
        Ok(Self {
            repo: format!("{owner}/slipway"),
            image: image.to_owned(),
            external_id,
            accounts: [dev, prod],
            buckets,
            files,
            workspaces: STACKS[1..]
                .iter()
                .map(|(_, stack, _)| (*stack).to_owned())
                .collect(),
            teams: owning_teams(&read(root, ".github/CODEOWNERS")?, owner),
            check: CHECK.to_owned(),
            soak: SOAK,
            protection: Some(Protection {
                required_checks: vec![CHECK.to_owned()],
                ..Protection::default()
            }),
        })
    }
}

fn text_at(table: &toml::Table, path: &[&str]) -> anyhow::Result<String> {
    let (last, tables) = path.split_last().context("an empty path")?;
    let mut table = Some(table);
    for name in tables {
        table = table.and_then(|table| table.get(*name)?.as_table());
    }
    let text = table.and_then(|table| table.get(*last)?.as_str());
    Ok(text
        .with_context(|| format!("{} is missing", path.join(".")))?
        .to_owned())
}

/// The teams of an organisation that CODEOWNERS names, by slug.
fn owning_teams(codeowners: &str, owner: &str) -> Vec<String> {
    let lines = codeowners.lines().filter(|line| !line.starts_with('#'));
    let words = lines.flat_map(str::split_whitespace);
    let teams = words.filter_map(|word| {
        word.strip_prefix('@')?
            .strip_prefix(owner)?
            .strip_prefix('/')
    });
    let teams: BTreeSet<&str> = teams.collect();
    teams.into_iter().map(str::to_owned).collect()
}

/// What of a stack needs no provider.
fn is_kept(name: &str) -> bool {
    name == "variables.tf" || name.ends_with(".tfvars") || name.ends_with(".s3.tfbackend")
}

/// `deploy.toml` with a shorter soak and without windows.
fn hurried(deploy: &str) -> anyhow::Result<String> {
    let (mut soaks, mut windows) = (0, 0);
    let lines = deploy.lines().map(|line| {
        let key = line.split('=').next().unwrap_or_default().trim();
        match key {
            "soak" => {
                soaks += 1;
                format!("soak       = \"{}s\"\n", SOAK.as_secs())
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
