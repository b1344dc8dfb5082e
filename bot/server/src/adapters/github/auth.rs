//! Who the adapter is to GitHub: the App itself by a JWT, or one installation by a token.
//!
//! A token reaches one repository and may do only what its [`Access`] names, so that a token that
//! leaks from one place is no use in another. Tokens live in memory only and are never logged.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use jiff::{SignedDuration, Timestamp};
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use secrecy::{ExposeSecret as _, SecretString};
use serde::Serialize;
use slipway_core::event::RepoRef;
use slipway_core::ports::{Clock, PortErrorKind};

use super::errors::{Failure, Outcome};

/// How far GitHub's clock may be behind ours.
const DRIFT: SignedDuration = SignedDuration::from_secs(60);
/// How long a JWT lives. With the drift it spans the ten minutes that GitHub takes at most
/// ("Generating a JSON Web Token (JWT) for a GitHub App").
const JWT_LIFE: SignedDuration = SignedDuration::from_mins(9);
/// How long before its end a JWT is no longer used.
const JWT_MARGIN: SignedDuration = SignedDuration::from_mins(1);
/// How long a token is used; GitHub gives it an hour.
const TOKEN_LIFE: SignedDuration = SignedDuration::from_mins(50);

/// What a token is for, and so what it may do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Access {
    /// Read what decisions look at.
    Read,
    /// Read who is in a team. Apart, because an App without this permission can do all the rest.
    Members,
    /// Clone.
    Clone,
    /// Write comments, checks and deployments.
    Report,
    /// Write issues, and comments on them. Apart, because an App without this permission can do all
    /// the rest.
    Issues,
}

impl Access {
    /// The permissions that GitHub is asked for. `metadata: read` comes with every token.
    ///
    /// Comments on pull requests and reactions to them take `pull_requests: write`, those on plain
    /// issues `issues: write`.
    pub(super) fn permissions(self) -> &'static [(&'static str, &'static str)] {
        match self {
            Self::Read => &[
                ("checks", "read"),
                ("contents", "read"),
                ("metadata", "read"),
                ("pull_requests", "read"),
                ("statuses", "read"),
            ],
            Self::Members => &[("members", "read"), ("metadata", "read")],
            Self::Issues => &[("issues", "write"), ("metadata", "read")],
            Self::Clone => &[("contents", "read"), ("metadata", "read")],
            Self::Report => &[
                ("checks", "write"),
                ("deployments", "write"),
                ("metadata", "read"),
                ("pull_requests", "write"),
            ],
        }
    }

    /// The permissions as people read them.
    fn names(self) -> String {
        let names: Vec<String> = self
            .permissions()
            .iter()
            .map(|(name, level)| format!("`{name}: {level}`"))
            .collect();
        names.join(", ")
    }
}

/// As whom a call is made.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) enum Scope {
    /// The App.
    App,
    /// An installation, in one repository, for one purpose.
    Repo(RepoRef, Access),
}

/// A credential and when it is to be replaced.
struct Dated {
    secret: SecretString,
    until: Timestamp,
}

impl Dated {
    fn is_good(&self, now: Timestamp) -> bool {
        now < self.until
    }
}

/// The right to ask for a token of one scope: many reads begin at once, and one token does.
pub(super) type Turn = Arc<tokio::sync::Mutex<()>>;

#[derive(Serialize)]
struct Claims {
    iat: i64,
    exp: i64,
    iss: String,
}

/// The App's key and the credentials that were made from it.
pub(super) struct Credentials {
    app_id: u64,
    key: EncodingKey,
    clock: Arc<dyn Clock>,
    held: Mutex<HashMap<Scope, Dated>>,
    turns: Mutex<HashMap<Scope, Turn>>,
}

impl Credentials {
    /// Reads the App's private key, PEM as GitHub hands it out (PKCS #1) or PKCS #8.
    pub(super) fn new(
        app_id: u64,
        private_key_pem: &SecretString,
        clock: Arc<dyn Clock>,
    ) -> Result<Self, jsonwebtoken::errors::Error> {
        let key = EncodingKey::from_rsa_pem(private_key_pem.expose_secret().as_bytes())?;
        Ok(Self {
            app_id,
            key,
            clock,
            held: Mutex::default(),
            turns: Mutex::default(),
        })
    }

    /// A credential that is still good.
    pub(super) fn held(&self, scope: &Scope) -> Option<SecretString> {
        let now = self.clock.now();
        let held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
        held.get(scope)
            .filter(|dated| dated.is_good(now))
            .map(|dated| dated.secret.clone())
    }

    /// The turn of a scope, to be waited for before a token is asked for.
    pub(super) fn turn(&self, scope: &Scope) -> Turn {
        let mut turns = self.turns.lock().unwrap_or_else(PoisonError::into_inner);
        turns.retain(|_, turn| Arc::strong_count(turn) > 1);
        Arc::clone(turns.entry(scope.clone()).or_default())
    }

    /// Forgets a credential that GitHub refused; not one that replaced it meanwhile.
    pub(super) fn forget(&self, scope: &Scope, refused: &SecretString) {
        let mut held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
        if held
            .get(scope)
            .is_some_and(|dated| dated.secret.expose_secret() == refused.expose_secret())
        {
            held.remove(scope);
        }
    }

    /// Makes a JWT for the App and holds it.
    pub(super) fn sign(&self) -> Outcome<SecretString> {
        let now = self.clock.now();
        let claims = Claims {
            iat: (now - DRIFT).as_second(),
            exp: (now + JWT_LIFE).as_second(),
            iss: self.app_id.to_string(),
        };
        let jwt = jsonwebtoken::encode(&Header::new(Algorithm::RS256), &claims, &self.key)
            .map_err(|error| {
                Failure::new(
                    PortErrorKind::Denied,
                    format!("the App's private key signs nothing: {error}"),
                )
            })?;
        let secret = SecretString::from(jwt);
        self.hold(Scope::App, &secret, now + JWT_LIFE - JWT_MARGIN);
        Ok(secret)
    }

    /// Holds an installation token that GitHub just gave.
    pub(super) fn hold_token(&self, scope: Scope, token: &SecretString) {
        self.hold(scope, token, self.clock.now() + TOKEN_LIFE);
    }

    fn hold(&self, scope: Scope, secret: &SecretString, until: Timestamp) {
        let now = self.clock.now();
        let mut held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
        // Whatever is over goes here, so that repositories of long ago take no memory.
        held.retain(|_, dated| dated.is_good(now));
        let secret = secret.clone();
        held.insert(scope, Dated { secret, until });
    }
}

/// What a refusal to give out a token means for the people who installed the App.
pub(super) fn explain_refusal(failure: Failure, repo: &RepoRef, access: Access) -> Failure {
    let (name, owner) = (&repo.name, repo.name.owner());
    if failure.is_not_found() {
        return Failure::new(
            PortErrorKind::NotFound,
            format!(
                "the App is not installed on {name} (any more): an owner of {owner} installs it and gives it this repository"
            ),
        );
    }
    if failure.says("suspended") {
        return Failure::new(
            PortErrorKind::Denied,
            format!(
                "the installation of the App on {owner} is suspended: an owner lifts that in its settings under \"GitHub Apps\""
            ),
        );
    }
    if !failure.is(http::StatusCode::UNPROCESSABLE_ENTITY) {
        return failure.on_the_way();
    }
    if failure.says("permission") {
        return Failure::new(
            PortErrorKind::Denied,
            format!(
                "the App lacks a permission on {name}; this takes {}: set it in the settings of the App, and have an owner of {owner} accept it",
                access.names()
            ),
        );
    }
    Failure::new(
        PortErrorKind::NotFound,
        format!(
            "the App is installed on {owner}, but not on {name}: an owner adds this repository to the installation"
        ),
    )
}

#[cfg(test)]
mod tests {
    use super::Access;
    use crate::registration::PERMISSIONS;

    #[test]
    fn no_token_asks_for_more_than_the_app_is_registered_with() {
        for access in [Access::Read, Access::Members, Access::Clone, Access::Report] {
            for (name, level) in access.permissions() {
                let granted = PERMISSIONS.iter().find(|(granted, ..)| granted == name);
                let Some((_, granted, _)) = granted else {
                    panic!("{access:?} wants {name}, which the App has not");
                };
                assert!(
                    granted == level || *granted == "write",
                    "{access:?} wants {name}: {level}"
                );
            }
        }
    }
}
