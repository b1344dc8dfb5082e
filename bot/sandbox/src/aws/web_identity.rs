//! `AssumeRoleWithWebIdentity`: a token instead of a signature (IRSA).
//!
//! The account of the role must know the token's issuer as an OpenID Connect provider, and the role
//! must trust the token's subject. The session carries no tags.
//! API: <https://docs.aws.amazon.com/STS/latest/APIReference/API_AssumeRoleWithWebIdentity.html>.

use axum::body::Body;
use axum::http::Response;
use jiff::{SignedDuration, Timestamp};

use super::document::{Field, text};
use super::failure::Failure;
use super::identity::{AccountId, Principal, session_arn};
use super::params::{self, Params};
use super::sts;
use super::tokens::{Claims, STS_AUDIENCE, TokenError};
use super::world::{Visit, World};
use super::{Aws, SetupError};

pub(super) const ACTION: &str = "AssumeRoleWithWebIdentity";
/// What the sandbox doesn't do with such a role.
const UNSUPPORTED: [&str; 3] = ["Policy", "PolicyArns", "ProviderId"];

impl Aws {
    /// Makes a cluster's issuer an OpenID Connect provider of an account, for the audience
    /// `sts.amazonaws.com`.
    ///
    /// # Errors
    /// [`SetupError::Taken`].
    pub fn trust_issuer(&self, account: &AccountId, issuer: &str) -> Result<(), SetupError> {
        let provider = (account.clone(), issuer.to_owned());
        let mut world = self.shared.world();
        if world.providers.contains(&provider) {
            return Err(SetupError::Taken(issuer.to_owned()));
        }
        world.providers.push(provider);
        Ok(())
    }
}

pub(super) fn answer(world: &mut World, visit: &Visit<'_>) -> Result<Response<Body>, Failure> {
    let params = Params::of(visit.incoming);
    let unsupported = params.0.iter().find(|(name, _)| {
        let rest = UNSUPPORTED.iter().find_map(|of| name.strip_prefix(of));
        rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
    });
    if let Some((name, _)) = unsupported {
        return Err(Failure::not_implemented(name));
    }
    if params.get("Version") != Some(sts::VERSION) {
        let version = params.get("Version").unwrap_or_default();
        let why = format!("Could not find operation {ACTION} for version {version}");
        return Err(Failure::bad("InvalidAction", why));
    }
    let result = assume(world, &params, visit.at)?;
    let names = [
        "AssumeRoleWithWebIdentityResponse",
        "AssumeRoleWithWebIdentityResult",
    ];
    Ok(sts::respond(
        visit.incoming,
        visit.request_id,
        names,
        result,
    ))
}

fn assume(world: &mut World, params: &Params, at: Timestamp) -> Result<Vec<Field>, Failure> {
    let role_arn = params::required(params, "RoleArn", "roleArn")?;
    let name = params::session_name(params)?;
    let asked = params::duration(params)?;
    let token = params::required(params, "WebIdentityToken", "webIdentityToken")?;
    let claims = believe(world, role_arn, token, at)?;

    let refused = || {
        Failure::forbidden(
            "AccessDenied",
            format!("Not authorized to perform sts:{ACTION}"),
        )
    };
    let entry = world.roles.get(role_arn).ok_or_else(refused)?;
    let trust = entry.role.trust.web_identity.as_ref();
    let trust = trust.filter(|trust| trust.issuer == claims.iss && trust.subject == claims.sub);
    trust.ok_or_else(refused)?;
    let seconds = sts::seconds_of(&entry.role, asked)?;
    let expires = at.saturating_add(SignedDuration::from_secs(seconds));
    let expires = expires.unwrap_or(Timestamp::MAX);
    let principal = Principal::session(&entry.role, &entry.id, name);
    let shown_arn = session_arn(&entry.role.account, &entry.role.name, name);
    let provider = provider_arn(&entry.role.account, &claims.iss);
    let keys = world.admit(principal.clone(), Some(expires));
    let mut answer = sts::granted(&keys, expires, &shown_arn, &principal);
    answer.push(text("SubjectFromWebIdentityToken", claims.sub));
    answer.push(text("Audience", STS_AUDIENCE));
    answer.push(text("Provider", provider));
    Ok(answer)
}

fn provider_arn(account: &AccountId, issuer: &str) -> String {
    let host = issuer.trim_start_matches("https://");
    format!("arn:aws:iam::{account}:oidc-provider/{host}")
}

fn believe(world: &World, role_arn: &str, token: &str, at: Timestamp) -> Result<Claims, Failure> {
    let invalid = |why: &str| Failure::bad("InvalidIdentityToken", why);
    let claims = Claims::read(token)
        .ok_or_else(|| invalid("The ID Token provided is not a valid JWT. (You may see this error if you sent an Access Token)"))?;
    let account = role_arn.split(':').nth(4).unwrap_or_default();
    let known =
        |(of, issuer): &(AccountId, String)| of.as_str() == account && *issuer == claims.iss;
    let key = world.issuers.get(&claims.iss);
    let key = key
        .filter(|_| world.providers.iter().any(known))
        .ok_or_else(|| {
            let why = format!(
                "No OpenIDConnect provider found in your account for {}",
                claims.iss
            );
            invalid(&why)
        })?;
    claims.check(token, key, at).map_err(|error| match error {
        TokenError::Forged => invalid("The web identity token that was passed could not be validated by AWS. Get a new identity token from the identity provider and then retry the request."),
        TokenError::Expired => {
            let why = format!(
                "Token expired: current date/time {} must be before the expiration date/time {}",
                at.as_second(),
                claims.exp
            );
            Failure::bad("ExpiredTokenException", why)
        }
    })?;
    if !claims.aud.iter().any(|audience| audience == STS_AUDIENCE) {
        return Err(invalid("Incorrect token audience"));
    }
    Ok(claims)
}
