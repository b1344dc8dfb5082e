//! Who there is: people, bots, organizations, teams, and what each may do in a repository.

use std::collections::BTreeMap;

use super::super::git::Signature;
use super::super::refusal::{Outcome, Refusal};
use super::Model;

/// What kind of account it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AccountKind {
    /// A person.
    User,
    /// An App's own account.
    Bot,
    /// An organization.
    Organization,
}

impl AccountKind {
    /// GitHub's word for it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::User => "User",
            Self::Bot => "Bot",
            Self::Organization => "Organization",
        }
    }
}

/// An account: a person, a bot or an organization.
#[derive(Clone, Debug)]
pub struct Account {
    /// Its number.
    pub id: u64,
    /// Its name.
    pub login: String,
    /// What it is.
    pub kind: AccountKind,
    /// For an organization: the members of its teams, by team slug.
    pub teams: BTreeMap<String, Vec<String>>,
}

/// What someone may do in a repository, weakest first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Permission {
    /// Nothing at all.
    None,
    /// Look and comment.
    Read,
    /// Sort issues.
    Triage,
    /// Push.
    Write,
    /// Run the repository.
    Maintain,
    /// Everything.
    Admin,
}

impl Permission {
    /// Reads GitHub's word for it.
    #[must_use]
    pub fn parse(word: &str) -> Option<Self> {
        Some(match word {
            "none" => Self::None,
            "read" => Self::Read,
            "triage" => Self::Triage,
            "write" => Self::Write,
            "maintain" => Self::Maintain,
            "admin" => Self::Admin,
            _ => return None,
        })
    }

    /// The role's name.
    #[must_use]
    pub fn role(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Read => "read",
            Self::Triage => "triage",
            Self::Write => "write",
            Self::Maintain => "maintain",
            Self::Admin => "admin",
        }
    }

    /// The old four-step scale, which the `permission` field still uses: `maintain` reads
    /// `write` and `triage` reads `read` there.
    #[must_use]
    pub fn legacy(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Read | Self::Triage => "read",
            Self::Write | Self::Maintain => "write",
            Self::Admin => "admin",
        }
    }
}

impl Model {
    pub(super) fn accounts_add(&mut self, login: &str, kind: AccountKind) {
        if self.account(login).is_none() {
            let id = self.new_id();
            self.accounts.insert(
                login.to_ascii_lowercase(),
                Account {
                    id,
                    login: login.to_owned(),
                    kind,
                    teams: BTreeMap::new(),
                },
            );
        }
    }

    /// The account with this login, if there is one.
    #[must_use]
    pub fn account(&self, login: &str) -> Option<&Account> {
        self.accounts.get(&login.to_ascii_lowercase())
    }

    /// Lets a person exist; naming someone in the driver is enough.
    pub(crate) fn meet(&mut self, login: &str) {
        self.accounts_add(login, AccountKind::User);
    }

    pub(crate) fn signature(&self, login: &str) -> Signature {
        let id = self.account(login).map_or(0, |account| account.id);
        Signature {
            name: login.to_owned(),
            email: format!("{id}+{login}@users.noreply.github.com"),
            at: self.now(),
        }
    }

    /// The account behind a commit's email address.
    pub(crate) fn account_by_email(&self, email: &str) -> Option<&Account> {
        let (id, _) = email
            .strip_suffix("@users.noreply.github.com")?
            .split_once('+')?;
        let id: u64 = id.parse().ok()?;
        self.accounts.values().find(|account| account.id == id)
    }

    /// What a person may do in a repository: what was set for them, and admin for its owner.
    #[must_use]
    pub fn permission(&self, repo: u64, login: &str) -> Permission {
        let Some(repo) = self.repositories.get(&repo) else {
            return Permission::None;
        };
        if repo.owner.eq_ignore_ascii_case(login) {
            return Permission::Admin;
        }
        let floor = if repo.private {
            Permission::None
        } else {
            Permission::Read
        };
        repo.permissions
            .get(&login.to_ascii_lowercase())
            .copied()
            .unwrap_or(floor)
    }

    /// Refuses whoever may do less than `least`, as GitHub does: a repository that someone may
    /// not even read is not there.
    pub(crate) fn require(&self, repo: u64, login: &str, least: Permission) -> Outcome<()> {
        let has = self.permission(repo, login);
        if has >= least {
            Ok(())
        } else if has == Permission::None {
            Err(Refusal::not_found())
        } else {
            Err(Refusal::forbidden(format!(
                "{login} must have {} access to the repository",
                least.role()
            )))
        }
    }

    pub(crate) fn add_team_member(&mut self, org: &str, team: &str, login: &str) -> Outcome<()> {
        self.meet(login);
        self.accounts_add(org, AccountKind::Organization);
        let account = self
            .accounts
            .get_mut(&org.to_ascii_lowercase())
            .ok_or_else(Refusal::not_found)?;
        let members = account.teams.entry(team.to_ascii_lowercase()).or_default();
        if !members
            .iter()
            .any(|member| member.eq_ignore_ascii_case(login))
        {
            members.push(login.to_owned());
        }
        Ok(())
    }

    pub(crate) fn remove_team_member(&mut self, org: &str, team: &str, login: &str) -> Outcome<()> {
        let account = self
            .accounts
            .get_mut(&org.to_ascii_lowercase())
            .ok_or_else(Refusal::not_found)?;
        if let Some(members) = account.teams.get_mut(&team.to_ascii_lowercase()) {
            members.retain(|member| !member.eq_ignore_ascii_case(login));
        }
        Ok(())
    }

    pub(crate) fn association(&self, repo: u64, login: &str) -> &'static str {
        let Some(repo) = self.repositories.get(&repo) else {
            return "NONE";
        };
        if repo.owner.eq_ignore_ascii_case(login) {
            return "OWNER";
        }
        let in_team = self.account(&repo.owner).is_some_and(|owner| {
            owner
                .teams
                .values()
                .flatten()
                .any(|member| member.eq_ignore_ascii_case(login))
        });
        if in_team {
            "MEMBER"
        } else if repo.permissions.contains_key(&login.to_ascii_lowercase()) {
            "COLLABORATOR"
        } else {
            "NONE"
        }
    }
}
