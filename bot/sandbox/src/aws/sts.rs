//! The Security Token Service: `AssumeRole` and `GetCallerIdentity`, over the Query protocol.
//!
//! Who may assume what is decided here by the role's trust alone: every user and role of this AWS
//! is taken to be allowed `sts:AssumeRole` on its own side. Transitive tags that a session has are
//! passed on and take `sts:TagSession`
//! (<https://docs.aws.amazon.com/IAM/latest/UserGuide/id_session-tags.html#id_session-tags_role-chaining>).
//! Session policies, MFA and setting transitive tags aren't there; asking for them is refused,
//! never ignored.
//! API: <https://docs.aws.amazon.com/STS/latest/APIReference/API_AssumeRole.html>.

use std::collections::BTreeMap;
use std::time::Duration;

use axum::body::Body;
use axum::http::{Response, header};
use axum::response::IntoResponse;
use jiff::Timestamp;

use super::document::{Field, Node, fields, json, text, xml};
use super::failure::{Failure, STS_NAMESPACE};
use super::identity::{Keys, Principal, Role, session_arn};
use super::journal::AssumedRole;
use super::params::{Params, check_pattern, duration, invalid, required, session_name, tags};
use super::request::Incoming;
use super::world::{Call, Operation, World};

pub(super) const VERSION: &str = "2011-06-15";
/// A session assumed from another session lives an hour at most:
/// <https://docs.aws.amazon.com/IAM/latest/UserGuide/id_roles.html#iam-term-role-chaining>.
const CHAINED_LIMIT: i64 = 3600;
/// What the sandbox doesn't do with an assumed role.
const UNSUPPORTED: [&str; 6] = [
    "Policy",
    "PolicyArns",
    "ProvidedContexts",
    "SerialNumber",
    "TokenCode",
    "TransitiveTagKeys",
];

pub(super) fn operation(incoming: &Incoming) -> Operation {
    let params = Params::of(incoming);
    let [action, resource] = ["Action", "RoleArn"].map(|name| params.get(name).unwrap_or_default());
    Operation {
        action: action.to_owned(),
        resource: resource.to_owned(),
    }
}

/// STS answers JSON to a client that accepts it, as aws-iam-authenticator does.
pub(super) fn wants_json(incoming: &Incoming) -> bool {
    let accepted = incoming.header("accept").unwrap_or_default();
    accepted.contains("application/json")
}

pub(super) fn answer(world: &mut World, call: &Call<'_>) -> Result<Response<Body>, Failure> {
    let params = Params::of(call.incoming);
    let action = params.get("Action").unwrap_or_default();
    let known = params.get("Version") == Some(VERSION);
    match action {
        "GetCallerIdentity" if known => Ok(respond(
            call.incoming,
            call.request_id,
            ["GetCallerIdentityResponse", "GetCallerIdentityResult"],
            vec![
                text("Arn", call.caller.arn.as_str()),
                text("UserId", call.caller.user_id.as_str()),
                text("Account", call.caller.account.as_str()),
            ],
        )),
        "AssumeRole" if known => {
            let wish = Wish::read(&params)?;
            let granted = assume(world, call, wish)?;
            Ok(respond(
                call.incoming,
                call.request_id,
                ["AssumeRoleResponse", "AssumeRoleResult"],
                granted,
            ))
        }
        _ => {
            let version = params.get("Version").unwrap_or_default();
            let why = format!("Could not find operation {action} for version {version}");
            Err(Failure::bad("InvalidAction", why))
        }
    }
}

pub(super) fn respond(
    incoming: &Incoming,
    request_id: &str,
    [outer, inner]: [&'static str; 2],
    result: Vec<Field>,
) -> Response<Body> {
    let metadata = vec![text("RequestId", request_id)];
    let document = fields(
        outer,
        vec![fields(inner, result), fields("ResponseMetadata", metadata)],
    );
    if wants_json(incoming) {
        return axum::Json(json(&document)).into_response();
    }
    let body = xml(&document, Some(STS_NAMESPACE));
    ([(header::CONTENT_TYPE, "text/xml")], body).into_response()
}

/// What a caller of `AssumeRole` asks for, valid by itself.
struct Wish {
    role_arn: String,
    session_name: String,
    seconds: Option<i64>,
    external_id: Option<String>,
    source_identity: Option<String>,
    tags: BTreeMap<String, String>,
}

impl Wish {
    fn read(params: &Params) -> Result<Self, Failure> {
        let is_unsupported = |name: &str| {
            UNSUPPORTED.iter().any(|of| {
                let rest = name.strip_prefix(of);
                rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
            })
        };
        if let Some((name, _)) = params.0.iter().find(|(name, _)| is_unsupported(name)) {
            return Err(Failure::not_implemented(name));
        }
        let role_arn = required(params, "RoleArn", "roleArn")?;
        if role_arn.len() < 20 || !role_arn.starts_with("arn:aws:iam::") {
            return Err(invalid(format!("{role_arn} is invalid")));
        }
        let session_name = session_name(params)?;
        let external_id = params.get("ExternalId");
        if let Some(id) = external_id {
            check_pattern("externalId", id, 2..=1224, ":/")?;
        }
        let source_identity = params.get("SourceIdentity");
        if let Some(identity) = source_identity {
            check_pattern("sourceIdentity", identity, 2..=64, "")?;
        }
        Ok(Self {
            role_arn: role_arn.to_owned(),
            session_name: session_name.to_owned(),
            seconds: duration(params)?,
            external_id: external_id.map(str::to_owned),
            source_identity: source_identity.map(str::to_owned),
            tags: tags(params)?,
        })
    }
}

/// Hands out a session of the role, if its trust allows.
fn assume(world: &mut World, call: &Call<'_>, wish: Wish) -> Result<Vec<Field>, Failure> {
    // A role that isn't there and one that doesn't trust look the same from outside.
    let entry = world.roles.get(&wish.role_arn);
    let entry = entry.ok_or_else(|| denied(call.caller, "AssumeRole", &wish.role_arn))?;
    let role = &entry.role;
    let source_identity = check_trust(role, call.caller, &wish)?;
    let seconds = session_seconds(role, call.caller, wish.seconds)?;
    let expires = call
        .at
        .saturating_add(jiff::SignedDuration::from_secs(seconds));
    let expires = expires.unwrap_or(Timestamp::MAX);

    let mut principal = Principal::session(role, &entry.id, &wish.session_name);
    principal.source_identity.clone_from(&source_identity);
    let inherited = &call.caller.transitive_tags;
    principal.transitive_tags.clone_from(inherited);
    let mut tags = wish.tags;
    tags.extend(inherited.clone());
    let shown_arn = session_arn(&role.account, &role.name, &wish.session_name);
    let keys = world.admit(principal.clone(), Some(expires));
    let answer = granted(&keys, expires, &shown_arn, &principal);
    world.assumed.push(AssumedRole {
        role_arn: wish.role_arn,
        session_name: wish.session_name,
        source_identity,
        external_id: wish.external_id,
        tags,
        duration: Duration::from_secs(seconds.unsigned_abs()),
        by: call.caller.arn.clone(),
        at: call.at,
        access_key_id: keys.access_key_id,
    });
    Ok(answer)
}

/// Checks the trust's conditions; says which source identity the session will carry.
fn check_trust(role: &Role, caller: &Principal, wish: &Wish) -> Result<Option<String>, Failure> {
    let trust = &role.trust;
    let deny = |action| denied(caller, action, &wish.role_arn);
    let id_fits = trust.external_id.is_none() || trust.external_id == wish.external_id;
    if !role.trusts(caller) || !id_fits {
        return Err(deny("AssumeRole"));
    }
    let inherited = caller.source_identity.as_ref();
    let wanted = wish.source_identity.as_ref();
    if let (Some(inherited), Some(wanted)) = (inherited, wanted)
        && inherited != wanted
    {
        return Err(deny("SetSourceIdentity"));
    }
    let source_identity = wanted.or(inherited);
    if source_identity.is_some() && !trust.set_source_identity {
        return Err(deny("SetSourceIdentity"));
    }
    let inherited = &caller.transitive_tags;
    if !(wish.tags.is_empty() && inherited.is_empty() || trust.tag_session) {
        return Err(deny("TagSession"));
    }
    if wish.tags.keys().any(|key| {
        inherited
            .keys()
            .any(|other| other.eq_ignore_ascii_case(key))
    }) {
        return Err(Failure::bad(
            "InvalidParameterValue",
            "One of the specified transitive tag keys can't be set because it conflicts with a transitive tag key from the calling session.",
        ));
    }
    Ok(source_identity.cloned())
}

fn session_seconds(role: &Role, caller: &Principal, asked: Option<i64>) -> Result<i64, Failure> {
    let seconds = seconds_of(role, asked)?;
    if caller.is_session() && seconds > CHAINED_LIMIT {
        return Err(invalid(
            "The requested DurationSeconds exceeds the 1 hour session limit for roles assumed by role chaining".to_owned(),
        ));
    }
    Ok(seconds)
}

/// How long a session of the role lasts, however it is come by.
pub(super) fn seconds_of(role: &Role, asked: Option<i64>) -> Result<i64, Failure> {
    let longest = i64::try_from(role.max_session.as_secs()).unwrap_or(i64::MAX);
    let seconds = asked.unwrap_or(3600);
    if seconds > longest {
        return Err(invalid(
            "The requested DurationSeconds exceeds the MaxSessionDuration set for this role."
                .to_owned(),
        ));
    }
    Ok(seconds)
}

fn denied(caller: &Principal, action: &str, resource: &str) -> Failure {
    let why = format!(
        "User: {} is not authorized to perform: sts:{action} on resource: {resource}",
        caller.arn
    );
    Failure::forbidden("AccessDenied", why)
}

/// The part of an answer that every way into a role has.
pub(super) fn granted(
    keys: &Keys,
    expires: Timestamp,
    arn: &str,
    principal: &Principal,
) -> Vec<Field> {
    let token = keys.session_token.as_deref().unwrap_or_default();
    let mut answer = vec![
        fields(
            "AssumedRoleUser",
            vec![
                text("AssumedRoleId", principal.user_id.as_str()),
                text("Arn", arn),
            ],
        ),
        fields(
            "Credentials",
            vec![
                text("AccessKeyId", keys.access_key_id.as_str()),
                text("SecretAccessKey", keys.secret_access_key.as_str()),
                text("SessionToken", token),
                ("Expiration", Node::Time(expires)),
            ],
        ),
    ];
    if let Some(identity) = &principal.source_identity {
        answer.push(text("SourceIdentity", identity.as_str()));
    }
    answer
}
