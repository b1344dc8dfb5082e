//! Where the App was installed: nothing to do, but worth a line in the log.

use serde::Deserialize;

use super::{Account, Delivery, PayloadError, RepositoryPart, Translated, ignored};

/// How many repositories the reason of an ignored installation names.
const NAMED_REPOSITORIES: usize = 10;

#[derive(Deserialize)]
struct InstallationPart {
    installation: Option<Installation>,
    #[serde(default)]
    repositories: Option<Vec<RepositoryPart>>,
    #[serde(default)]
    repositories_added: Option<Vec<RepositoryPart>>,
    #[serde(default)]
    repositories_removed: Option<Vec<RepositoryPart>>,
}

#[derive(Deserialize)]
struct Installation {
    account: Option<Account>,
}

impl InstallationPart {
    fn owner(&self) -> &str {
        self.installation
            .as_ref()
            .and_then(|installation| installation.account.as_ref())
            .and_then(|account| account.login.as_deref())
            .unwrap_or("an unnamed account")
    }
}

fn names(repositories: Option<&Vec<RepositoryPart>>) -> String {
    let all: Vec<&str> = repositories
        .into_iter()
        .flatten()
        .filter_map(|repository| repository.full_name.as_deref())
        .collect();
    let (named, more) = all.split_at(all.len().min(NAMED_REPOSITORIES));
    match (named, more.len()) {
        ([], _) => "no repository".to_owned(),
        (named, 0) => named.join(", "),
        (named, more) => format!("{} and {more} more", named.join(", ")),
    }
}

pub(super) fn installation(delivery: &Delivery<'_>) -> Result<Translated, PayloadError> {
    let action = delivery.action()?;
    let part: InstallationPart = delivery.read()?;
    let owner = part.owner();
    Ok(ignored(match action.as_str() {
        "created" => format!(
            "the App was installed on {owner}: {}",
            names(part.repositories.as_ref())
        ),
        "deleted" => format!("the App was removed from {owner}"),
        "suspend" => format!("the App was suspended on {owner}"),
        "unsuspend" => format!("the App works on {owner} again"),
        "new_permissions_accepted" => format!("{owner} accepted new permissions of the App"),
        _ => return Ok(delivery.ignored_action(&action)),
    }))
}

pub(super) fn installation_repositories(
    delivery: &Delivery<'_>,
) -> Result<Translated, PayloadError> {
    let part: InstallationPart = delivery.read()?;
    Ok(ignored(format!(
        "the App on {} gained {} and lost {}",
        part.owner(),
        names(part.repositories_added.as_ref()),
        names(part.repositories_removed.as_ref()),
    )))
}
