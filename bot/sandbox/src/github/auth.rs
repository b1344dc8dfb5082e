//! Who is calling: the App by its JWT, an installation by its token, a person by theirs.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::OnceLock;

use base64::Engine as _;
use http::HeaderMap;
use jiff::{SignedDuration, Timestamp};
use jsonwebtoken::{Algorithm, DecodingKey, Validation};
use rand::Rng as _;
use rcgen::{KeyPair, PKCS_RSA_SHA256};
use serde::Deserialize;
use serde_json::Value;

use super::model::Model;
use super::refusal::{Outcome, Refusal};

/// The longest life of an App's JWT, in seconds.
const JWT_LIFE: i64 = 600;
/// How far an App's clock may be ahead, in seconds.
const JWT_DRIFT: i64 = 60;
/// How long an installation token lives.
const TOKEN_LIFE: SignedDuration = SignedDuration::from_hours(1);

/// How much of something a token may do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    /// Look.
    Read,
    /// Change.
    Write,
    /// Rule.
    Admin,
}

impl Level {
    /// Reads GitHub's word for it.
    #[must_use]
    pub fn parse(word: &str) -> Option<Self> {
        Some(match word {
            "read" => Self::Read,
            "write" => Self::Write,
            "admin" => Self::Admin,
            _ => return None,
        })
    }

    /// GitHub's word for it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Read => "read",
            Self::Write => "write",
            Self::Admin => "admin",
        }
    }
}

/// Permissions by name, such as `checks: write`.
pub type Permissions = BTreeMap<String, Level>;

/// The App's key pair.
#[derive(Clone, Debug)]
pub(super) struct AppKey {
    pub(super) private_pem: String,
    pub(super) public_pem: String,
}

impl AppKey {
    /// The key of this process. Making one takes a moment, and every sandbox may share it.
    pub(super) fn of_process() -> anyhow::Result<Self> {
        static KEY: OnceLock<AppKey> = OnceLock::new();
        if let Some(key) = KEY.get() {
            return Ok(key.clone());
        }
        let pair = KeyPair::generate_for(&PKCS_RSA_SHA256)?;
        let key = Self {
            private_pem: pair.serialize_pem(),
            public_pem: pair.public_key_pem(),
        };
        Ok(KEY.get_or_init(|| key).clone())
    }
}

/// The App on one owner's repositories.
#[derive(Clone, Debug)]
pub struct Installation {
    /// Its number.
    pub id: u64,
    /// The owner's login.
    pub owner: String,
    /// The repositories it may reach.
    pub repositories: BTreeSet<u64>,
    /// What the owner granted.
    pub permissions: Permissions,
    /// When it was made.
    pub created_at: Timestamp,
}

/// An installation token.
#[derive(Clone, Debug)]
pub(super) struct Token {
    pub(super) secret: String,
    pub(super) installation: u64,
    pub(super) repositories: BTreeSet<u64>,
    pub(super) narrowed: bool,
    pub(super) permissions: Permissions,
    pub(super) expires_at: Timestamp,
}

/// Tokens of people: each may do what the person may.
#[derive(Clone, Debug, Default)]
pub(super) struct Access {
    people: BTreeMap<String, String>,
}

/// Who a request comes from.
#[derive(Clone, Debug)]
pub enum Caller {
    /// No credentials.
    Nobody,
    /// The App itself, by JWT.
    App,
    /// An installation, by token.
    Installation {
        /// Its number.
        id: u64,
        /// The repositories that the token reaches.
        repositories: BTreeSet<u64>,
        /// What the token may do.
        permissions: Permissions,
    },
    /// A person, by their own token.
    Person(String),
}

impl Caller {
    /// Whether an installation's token reaches a repository with at least this permission.
    pub(super) fn is_granted(&self, repo: u64, permission: &str, least: Level) -> bool {
        match self {
            Self::Installation {
                repositories,
                permissions,
                ..
            } => {
                let level = permissions.get(permission);
                repositories.contains(&repo) && level.is_some_and(|level| *level >= least)
            }
            Self::Nobody | Self::App | Self::Person(_) => false,
        }
    }
}

#[derive(Deserialize)]
struct Claims {
    iss: Value,
    iat: Option<i64>,
    exp: Option<i64>,
}

pub(super) fn random_token(prefix: &str) -> String {
    let mut rng = rand::rng();
    let tail: String = (0..36)
        .map(|_| char::from(rng.sample(rand::distr::Alphanumeric)))
        .collect();
    format!("{prefix}_{tail}")
}

impl Model {
    /// Finds out who is calling. Wrong credentials are an error; none at all are not.
    pub(super) fn authenticate(&self, headers: &HeaderMap) -> Outcome<Caller> {
        let Some(header) = headers.get(http::header::AUTHORIZATION) else {
            return Ok(Caller::Nobody);
        };
        let bad = || Refusal::unauthorized("Bad credentials");
        let (scheme, rest) = header
            .to_str()
            .ok()
            .and_then(|text| text.split_once(' '))
            .ok_or_else(bad)?;
        match scheme.to_ascii_lowercase().as_str() {
            "bearer" | "token" => self.by_secret(rest.trim()),
            "basic" => {
                let pair = base64::engine::general_purpose::STANDARD
                    .decode(rest.trim())
                    .ok()
                    .and_then(|bytes| String::from_utf8(bytes).ok())
                    .ok_or_else(bad)?;
                let (_, password) = pair.split_once(':').ok_or_else(bad)?;
                self.by_secret(password)
            }
            _ => Err(bad()),
        }
    }

    fn by_secret(&self, secret: &str) -> Outcome<Caller> {
        if let Some(token) = self.tokens.iter().find(|token| token.secret == secret) {
            if token.expires_at <= self.now() {
                return Err(Refusal::unauthorized("Bad credentials"));
            }
            let live = self
                .installations
                .iter()
                .find(|installation| installation.id == token.installation)
                .ok_or_else(|| Refusal::unauthorized("Bad credentials"))?;
            // A token that was not narrowed follows the installation's repositories.
            let repositories = if token.narrowed {
                token.repositories.clone()
            } else {
                live.repositories.clone()
            };
            return Ok(Caller::Installation {
                id: token.installation,
                repositories,
                permissions: token.permissions.clone(),
            });
        }
        if let Some(login) = self.access.people.get(secret) {
            return Ok(Caller::Person(login.clone()));
        }
        if secret.split('.').count() == 3 {
            self.check_jwt(secret)?;
            return Ok(Caller::App);
        }
        Err(Refusal::unauthorized("Bad credentials"))
    }

    /// Verifies an App's JWT by GitHub's rules and this world's clock.
    fn check_jwt(&self, jwt: &str) -> Outcome<()> {
        let undecodable = || Refusal::unauthorized("A JSON web token could not be decoded");
        let key =
            DecodingKey::from_rsa_pem(self.key.public_pem.as_bytes()).map_err(|_| undecodable())?;
        let mut rules = Validation::new(Algorithm::RS256);
        // The times are checked below: the library would ask the machine's clock.
        rules.validate_exp = false;
        rules.validate_nbf = false;
        rules.validate_aud = false;
        rules.required_spec_claims.clear();
        let claims = jsonwebtoken::decode::<Claims>(jwt, &key, &rules)
            .map_err(|_| undecodable())?
            .claims;
        let issuer = match &claims.iss {
            Value::String(text) => text.clone(),
            other => other.to_string(),
        };
        if issuer != self.config.app_id.to_string() && issuer != self.config.client_id {
            return Err(Refusal::unauthorized(
                "'Issuer' claim ('iss') must be an Integer",
            ));
        }
        let now = self.now().as_second();
        let issued = claims.iat.filter(|iat| *iat <= now + JWT_DRIFT).ok_or_else(|| {
            Refusal::unauthorized("'Issued at' claim ('iat') must be an Integer representing the time that the assertion was issued")
        })?;
        let expires = claims.exp.filter(|exp| *exp > now).ok_or_else(|| {
            Refusal::unauthorized("'Expiration time' claim ('exp') must be a numeric value representing the future time at which the assertion expires")
        })?;
        if expires - issued > JWT_LIFE {
            return Err(Refusal::unauthorized(
                "'Expiration time' claim ('exp') is too far in the future",
            ));
        }
        Ok(())
    }

    /// A token with which a person may push and call.
    pub(super) fn person_token(&mut self, login: &str) -> String {
        self.meet(login);
        let secret = random_token("ghp");
        self.access.people.insert(secret.clone(), login.to_owned());
        secret
    }

    pub(super) fn installation_of(&self, repo: u64) -> Option<&Installation> {
        self.installations
            .iter()
            .find(|installation| installation.repositories.contains(&repo))
    }

    /// Installs the App on a repository: a new installation for a new owner.
    pub(super) fn install(&mut self, owner: &str, repo: u64) -> Outcome<u64> {
        let known = self
            .installations
            .iter_mut()
            .find(|installation| installation.owner.eq_ignore_ascii_case(owner));
        if let Some(installation) = known {
            installation.repositories.insert(repo);
            let id = installation.id;
            self.emit_repositories(id, "added", repo)?;
            return Ok(id);
        }
        let (id, now) = (self.new_id(), self.now());
        self.installations.push(Installation {
            id,
            owner: owner.to_owned(),
            repositories: BTreeSet::from([repo]),
            permissions: self.config.permissions.clone(),
            created_at: now,
        });
        self.emit_installed(id)?;
        Ok(id)
    }

    /// Takes the App off a repository.
    pub(super) fn uninstall(&mut self, repo: u64) -> Outcome<()> {
        let Some(id) = self.installation_of(repo).map(|found| found.id) else {
            return Ok(());
        };
        for installation in &mut self.installations {
            installation.repositories.remove(&repo);
        }
        self.emit_repositories(id, "removed", repo)
    }

    /// Gives out a token for an installation, no wider than the installation itself.
    pub(super) fn issue_token(
        &mut self,
        installation: u64,
        repositories: Option<BTreeSet<u64>>,
        permissions: Option<Permissions>,
    ) -> Outcome<Token> {
        let found = self
            .installations
            .iter()
            .find(|found| found.id == installation)
            .ok_or_else(Refusal::not_found)?;
        if let Some(asked) = &repositories
            && !asked.is_subset(&found.repositories)
        {
            return Err(Refusal::unprocessable(
                "There is at least one repository that does not exist or is not accessible to the parent installation.",
            ));
        }
        if let Some(asked) = &permissions {
            let wider = asked.iter().any(|(name, level)| {
                let granted = if name == "metadata" {
                    Some(&Level::Read)
                } else {
                    found.permissions.get(name)
                };
                granted.is_none_or(|granted| granted < level)
            });
            if wider {
                return Err(Refusal::unprocessable(
                    "The permissions requested are not granted to this installation.",
                ));
            }
        }
        let mut permissions = permissions.unwrap_or_else(|| found.permissions.clone());
        permissions.insert("metadata".to_owned(), Level::Read);
        let token = Token {
            secret: random_token("ghs"),
            installation,
            narrowed: repositories.is_some(),
            repositories: repositories.unwrap_or_else(|| found.repositories.clone()),
            permissions,
            expires_at: self.now() + TOKEN_LIFE,
        };
        self.tokens.push(token.clone());
        Ok(token)
    }
}
