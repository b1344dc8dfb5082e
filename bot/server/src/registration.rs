//! What a GitHub App has to be registered with to be Slipway: its permissions and its events, and a
//! link to GitHub's form with all of it filled in.

use std::fmt::Write as _;

use anyhow::{Context, ensure};
use url::Url;

/// What the App may do, by GitHub's names in the link, and what for.
///
/// GitHub ties the event `issue_comment` to `issues`; comments on pull requests are read and written
/// by `pull_requests` all the same.
pub const PERMISSIONS: [(&str, &str, &str); 11] = [
    ("contents", "read", "clone, read `deploy.toml`"),
    (
        "pull_requests",
        "write",
        "read pull requests, comment on them",
    ),
    ("checks", "write", "check runs with buttons"),
    ("deployments", "write", "GitHub's deployments"),
    ("statuses", "read", "the checks that gates wait for"),
    ("merge_queues", "read", "receive the event `merge_group`"),
    (
        "issues",
        "write",
        "receive the event `issue_comment`, the issues about drift",
    ),
    ("packages", "read", "receive the event `registry_package`"),
    ("actions", "read", "receive the event `workflow_run`"),
    ("metadata", "read", "GitHub grants it to every App"),
    (
        "members",
        "read",
        "who is in a team that `deploy.toml` or CODEOWNERS names",
    ),
];

/// The deliveries that the App subscribes to. `installation` and `installation_repositories` come
/// without being asked for.
pub const EVENTS: [&str; 9] = [
    "pull_request",
    "pull_request_review",
    "issue_comment",
    "push",
    "merge_group",
    "check_run",
    "check_suite",
    "registry_package",
    "workflow_run",
];

/// The longest name of an App that GitHub's form takes.
const LONGEST_NAME: usize = 34;

/// The link to GitHub's form for a new App, filled in. Who follows it adds a webhook secret and
/// makes a private key.
///
/// <https://docs.github.com/en/apps/sharing-github-apps/registering-a-github-app-using-url-parameters>
///
/// # Errors
/// When the organisation's name or the URL can't be one.
pub fn link(web: &Url, organisation: &str, name: &str, public_url: &Url) -> anyhow::Result<Url> {
    let plain = |c: char| c.is_ascii_alphanumeric() || c == '-';
    ensure!(
        !organisation.is_empty() && organisation.chars().all(plain),
        "{organisation:?} is not the name of an organisation"
    );
    ensure!(
        public_url.scheme() == "https",
        "{public_url} has to begin with https://, so that nobody reads or changes deliveries on their way"
    );
    let mut form = web
        .join(&format!("organizations/{organisation}/settings/apps/new"))
        .context("the address of GitHub's pages")?;
    ensure!(
        (1..=LONGEST_NAME).contains(&name.chars().count()),
        "{name:?} can't be the App's name: GitHub takes 1 to {LONGEST_NAME} characters; say another by --name"
    );
    let hook = format!(
        "{}/webhooks/github",
        public_url.as_str().trim_end_matches('/')
    );
    {
        let mut query = form.query_pairs_mut();
        query
            .append_pair("name", name)
            .append_pair("url", public_url.as_str())
            .append_pair("public", "false")
            .append_pair("webhook_active", "true")
            .append_pair("webhook_url", &hook);
        for (permission, level, _) in PERMISSIONS {
            query.append_pair(permission, level);
        }
        for event in EVENTS {
            query.append_pair("events[]", event);
        }
    }
    Ok(form)
}

/// Permissions and events as the documentation shows them.
#[must_use]
pub fn table() -> String {
    let mut table = String::from("| permission | level | what for |\n| --- | --- | --- |\n");
    for (permission, level, what_for) in PERMISSIONS {
        // Writing into a string does not fail.
        let _ = writeln!(table, "| `{permission}` | {level} | {what_for} |");
    }
    let events: Vec<String> = EVENTS.iter().map(|event| format!("`{event}`")).collect();
    let _ = writeln!(table, "\nEvents: {}.", events.join(", "));
    table
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(organisation: &str, public_url: &str) -> anyhow::Result<Url> {
        let web = Url::parse("https://github.com").unwrap();
        link(
            &web,
            organisation,
            "Slipway of acme",
            &public_url.parse().unwrap(),
        )
    }

    #[test]
    fn the_link_fills_in_the_form() {
        let link = of("acme", "https://slipway.example.com").unwrap();
        insta::assert_snapshot!(link.as_str().replace('&', "\n&"), @"
        https://github.com/organizations/acme/settings/apps/new?name=Slipway+of+acme
        &url=https%3A%2F%2Fslipway.example.com%2F
        &public=false
        &webhook_active=true
        &webhook_url=https%3A%2F%2Fslipway.example.com%2Fwebhooks%2Fgithub
        &contents=read
        &pull_requests=write
        &checks=write
        &deployments=write
        &statuses=read
        &merge_queues=read
        &issues=write
        &packages=read
        &actions=read
        &metadata=read
        &members=read
        &events%5B%5D=pull_request
        &events%5B%5D=pull_request_review
        &events%5B%5D=issue_comment
        &events%5B%5D=push
        &events%5B%5D=merge_group
        &events%5B%5D=check_run
        &events%5B%5D=check_suite
        &events%5B%5D=registry_package
        &events%5B%5D=workflow_run
        ");
    }

    #[test]
    fn it_leads_to_an_organisation_and_names_a_secure_address() {
        insta::assert_snapshot!(of("acme/../evil", "https://slipway.example.com").unwrap_err(), @r#""acme/../evil" is not the name of an organisation"#);
        let below = of("acme", "https://example.com/slipway/").unwrap();
        assert!(
            below
                .query_pairs()
                .any(|pair| pair.1 == "https://example.com/slipway/webhooks/github")
        );
        insta::assert_snapshot!(of("acme", "http://slipway.example.com").unwrap_err(), @"http://slipway.example.com/ has to begin with https://, so that nobody reads or changes deliveries on their way");
    }

    #[test]
    fn the_documentation_shows_what_the_link_asks_for() {
        let docs = include_str!("../../../docs/getting-started.md");
        assert!(
            docs.contains(&table()),
            "docs/getting-started.md is behind; it should hold:\n{}",
            table()
        );
    }
}
