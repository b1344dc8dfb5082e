//! Who a session of an AWS role is for, in the character set that AWS takes.
//!
//! CloudTrail shows both names with every call of the session: the session's name says what work it
//! was, the source identity says who wanted it and stays the same through further roles.

use crate::ids::{Login, PrNumber, RepoName};

/// The longest name that STS takes (`AssumeRole`, `RoleSessionName` and `SourceIdentity`).
const LONGEST: usize = 64;

/// The `RoleSessionName` of work on a repository: `slipway-acme.shop-42-ana`.
///
/// What is too long loses the end of the repository's name first, so that the pull request stays
/// readable, and the end of the login last.
#[must_use]
pub fn session_name(repo: &RepoName, pr: Option<PrNumber>, actor: Option<&Login>) -> String {
    let number = pr.map(|pr| format!("-{pr}")).unwrap_or_default();
    let actor = actor
        .map(|login| format!("-{}", clean(login.as_str())))
        .unwrap_or_default();
    let tail: String = number.chars().chain(actor.chars()).take(40).collect();
    let head = format!("slipway-{}.{}", clean(repo.owner()), clean(repo.name()));
    let room = LONGEST - tail.len();
    format!("{}{tail}", head.get(..room).unwrap_or(&head))
}

/// The `SourceIdentity` of work on a repository: `ana@acme.shop`, or `slipway@acme.shop` for what
/// nobody asked for by hand. A trust policy can hold roles to one repository by it
/// (`"StringLike": {"sts:SourceIdentity": "*@acme.shop"}`), so the repository is never cut short,
/// and is in lower case: IAM tells cases apart, GitHub does not.
#[must_use]
pub fn source_identity(repo: &RepoName, actor: Option<&Login>) -> String {
    let repo = format!("@{}.{}", clean(repo.owner()), clean(repo.name())).to_ascii_lowercase();
    let actor = actor.map_or_else(|| "slipway".to_owned(), |login| clean(login.as_str()));
    let room = LONGEST.saturating_sub(repo.len()).max(1);
    let actor = actor.get(..room).unwrap_or(&actor);
    let whole = format!("{actor}{repo}");
    whole.get(..LONGEST).unwrap_or(&whole).to_owned()
}

/// Keeps what matches `[\w+=,.@-]` in ASCII and writes a hyphen for the rest: `slipway[bot]`
/// becomes `slipway-bot`.
fn clean(text: &str) -> String {
    let kept = text.chars().map(|c| {
        if c.is_ascii_alphanumeric() || "_+=,.@-".contains(c) {
            c
        } else {
            '-'
        }
    });
    kept.collect::<String>().trim_matches('-').to_owned()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn repo(name: &str) -> RepoName {
        RepoName::parse(name).unwrap()
    }

    fn login(name: &str) -> Login {
        Login::parse(name).unwrap()
    }

    #[test]
    fn a_session_says_what_it_is_for() {
        let shop = repo("acme/shop");
        let ana = login("ana");
        assert_eq!(
            session_name(&shop, Some(PrNumber(42)), Some(&ana)),
            "slipway-acme.shop-42-ana"
        );
        assert_eq!(session_name(&shop, None, None), "slipway-acme.shop");
        let bot = login("renovate[bot]");
        assert_eq!(
            session_name(&shop, None, Some(&bot)),
            "slipway-acme.shop-renovate-bot"
        );
    }

    #[test]
    fn what_is_long_keeps_its_pull_request() {
        let long = repo(&format!("acme/{}", "x".repeat(100)));
        let name = session_name(&long, Some(PrNumber(42)), Some(&login("ana")));
        assert_eq!(name.len(), 64);
        assert!(name.ends_with("x-42-ana"), "{name}");
    }

    #[test]
    fn a_source_identity_says_who() {
        let shop = repo("acme/shop");
        assert_eq!(source_identity(&shop, Some(&login("ana"))), "ana@acme.shop");
        assert_eq!(
            source_identity(&shop, Some(&login("slipway[bot]"))),
            "slipway-bot@acme.shop"
        );
        assert_eq!(source_identity(&shop, None), "slipway@acme.shop");
        let long = source_identity(&shop, Some(&login(&"a".repeat(100))));
        assert!(long.len() == 64 && long.ends_with("a@acme.shop"), "{long}");
    }

    proptest! {
        #[test]
        fn aws_takes_every_name(
            owner in "[A-Za-z0-9_.-]{1,100}",
            name in "[A-Za-z0-9_.-]{1,100}",
            pr in proptest::option::of(any::<u64>()),
            actor in proptest::option::of("[A-Za-z0-9_-]{1,100}(\\[bot\\])?"),
        ) {
            let Ok(repo) = RepoName::parse(format!("{owner}/{name}")) else { return Ok(()) };
            let actor = actor.and_then(|actor| Login::parse(actor).ok());
            let session = session_name(&repo, pr.map(PrNumber), actor.as_ref());
            let source = source_identity(&repo, actor.as_ref());
            for text in [session, source] {
                prop_assert!((2..=64).contains(&text.len()), "{}", text);
                prop_assert!(
                    text.bytes().all(|b| b.is_ascii_alphanumeric() || b"_+=,.@-".contains(&b)),
                    "{}", text
                );
            }
        }
    }
}
