//! What a world's repository holds before anybody opens a pull request.

mod checkout;

use std::time::Duration;

use anyhow::Context as _;

use crate::github::Protection;

/// A repository and what goes with it.
#[derive(Clone, Debug)]
pub struct Scene {
    /// `owner/name`.
    pub repo: String,
    /// The image that its CI builds, without its host.
    pub image: String,
    /// The check that its CI reports.
    pub check: String,
    /// How long a release has to be live in dev before prod takes it.
    pub soak: Duration,
    /// What the bot's roles ask for.
    pub external_id: String,
    /// Its files. Terraform backends (`*.s3.tfbackend`) are told besides where the world's S3 is.
    pub files: Vec<(String, String)>,
    /// The accounts of dev and prod.
    pub accounts: [String; 2],
    /// The buckets with the state of dev and prod.
    pub buckets: [String; 2],
    /// The stacks (by the folder of their state's key) for which somebody has made the environments'
    /// workspaces already.
    pub workspaces: Vec<String>,
    /// Teams of its owner, by slug, that ben and cleo are in.
    pub teams: Vec<String>,
    /// The rules of its default branch.
    pub protection: Option<Protection>,
}

impl Scene {
    /// `acme/shop`: two stacks and a service, small enough to be read at a glance.
    #[must_use]
    pub fn shop() -> Self {
        Self {
            repo: super::REPO.to_owned(),
            image: super::IMAGE.to_owned(),
            check: "test".to_owned(),
            soak: Duration::from_secs(4),
            external_id: "acme-shop".to_owned(),
            files: shop_files(),
            accounts: ["111111111111", "222222222222"].map(str::to_owned),
            buckets: ["dev", "prod"].map(|env| format!("acme-shop-{env}-state")),
            workspaces: Vec::new(),
            teams: vec!["releasers".to_owned()],
            protection: None,
        }
    }

    /// A file, as it was at first.
    ///
    /// # Errors
    /// When there is none of that name.
    pub fn file(&self, path: &str) -> anyhow::Result<&str> {
        let mut files = self.files.iter();
        let found = files.find(|(name, _)| name == path);
        let (_, text) = found.with_context(|| format!("the scene has no file {path}"))?;
        Ok(text)
    }
}

fn shop_files() -> Vec<(String, String)> {
    let mut files = vec![
        file("deploy.toml", include_str!("shop/deploy.toml")),
        file("README.md", "# shop\n\nSells things.\n"),
        file(
            "infra/01-network/main.tf",
            include_str!("shop/network/main.tf"),
        ),
        file(
            "infra/02-database/main.tf",
            include_str!("shop/database/main.tf"),
        ),
        file("app/greeting.txt", "Welcome to the shop.\n"),
    ];
    for (env, replicas, cidr, size) in [
        ("dev", "2", "10.1.0.0/16", "small"),
        ("prod", "3", "10.2.0.0/16", "large"),
    ] {
        for stack in ["01-network", "02-database"] {
            files.push((
                format!("infra/{stack}/{env}.s3.tfbackend"),
                format!(
                    "bucket                      = \"acme-shop-{env}-state\"\n\
                     region                      = \"eu-central-1\"\n\
                     use_lockfile                = true\n"
                ),
            ));
        }
        files.push((
            format!("infra/01-network/{env}.tfvars"),
            format!("environment = \"{env}\"\ncidr        = \"{cidr}\"\n"),
        ));
        files.push((
            format!("infra/02-database/{env}.tfvars"),
            format!("environment = \"{env}\"\nsize        = \"{size}\"\n"),
        ));
        files.push((
            format!("app/k8s/{env}/shop.yaml"),
            include_str!("shop/k8s/shop.yaml")
                .replace("{{replicas}}", replicas)
                .replace("{{environment}}", env),
        ));
    }
    files
}

fn file(path: &str, text: &str) -> (String, String) {
    (path.to_owned(), text.to_owned())
}
