//! The one port: reads a request, believes its signer or not, and hands it to its service.
//!
//! The order is AWS's: who signs, then faults, then what the signer may do. Each request that
//! arrives whole leaves one journal entry, whatever became of it.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderValue, Method, Response, StatusCode, header};
use axum::response::IntoResponse;
use jiff::Timestamp;
use jiff::fmt::rfc2822::DateTimePrinter;

use super::failure::{AnswerForm, Failure};
use super::identity::Principal;
use super::journal::{JournalEntry, Service};
use super::request::Incoming;
use super::sigv4::{AuthError, Claim, Seed};
use super::world::{Call, Operation, Visit, World};
use super::{eks, pods, s3, secrets, sts, web_identity};
use crate::clock::WorldClock;

/// The largest body taken. Terraform states and plans stay far below.
const BODY_LIMIT: usize = 256 * 1024 * 1024;

/// What the handlers share.
#[derive(Debug, Default)]
pub(super) struct Shared {
    pub(super) clock: WorldClock,
    world: Mutex<World>,
}

impl Shared {
    pub(super) fn new(clock: WorldClock) -> Self {
        Self {
            clock,
            world: Mutex::default(),
        }
    }

    /// The world, for a moment. A test that panicked with it in hand leaves it usable: every
    /// change is one step.
    pub(super) fn world(&self) -> MutexGuard<'_, World> {
        self.world.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Answers one request.
pub(super) async fn answer(State(shared): State<Arc<Shared>>, request: Request) -> Response<Body> {
    let (parts, body) = request.into_parts();
    let Ok(body) = axum::body::to_bytes(body, BODY_LIMIT).await else {
        return StatusCode::PAYLOAD_TOO_LARGE.into_response();
    };
    let incoming = Incoming::new(parts.method, &parts.uri, parts.headers, body);
    let at = shared.clock.now();
    let request_id = request_id();

    let claim = Claim::read(&incoming);
    let service = meant_service(&incoming, claim.as_ref().ok());
    let operation = operation(service, &incoming);
    let mut world = shared.world();
    let mut who = None;
    let visit = Visit {
        incoming: &incoming,
        at,
        request_id: &request_id,
    };
    let unsigned = admit(&mut world, service, &operation, &visit);
    let outcome = unsigned.unwrap_or_else(|| {
        believe(&world, claim, &incoming, at)
            .map_err(|error| Failure::of_auth(service, error))
            .and_then(|(caller, region, seed)| {
                who = Some(caller.arn.clone());
                let call = Call {
                    incoming: &incoming,
                    caller: &caller,
                    region: &region,
                    at,
                    seed: &seed,
                    request_id: &request_id,
                };
                perform(&mut world, service, &operation, &call)
            })
    });
    let form = AnswerForm {
        request_id: &request_id,
        json: sts::wants_json(&incoming),
        head: incoming.method == Method::HEAD,
    };
    let error = outcome
        .as_ref()
        .err()
        .map(|failure| failure.code.to_owned());
    let mut response = outcome.unwrap_or_else(|failure| failure.render(service, &form));
    sign_off(response.headers_mut(), service, &request_id, at);
    let entry = JournalEntry {
        at,
        service,
        action: operation.action,
        resource: operation.resource,
        who,
        status: response.status().as_u16(),
        error,
    };
    tracing::debug!(?entry, "AWS answered");
    world.journal.push(entry);
    response
}

/// Whose request this is, the region it was signed for and its signature.
fn believe(
    world: &World,
    claim: Result<Claim, AuthError>,
    incoming: &Incoming,
    at: Timestamp,
) -> Result<(Principal, String, Seed), AuthError> {
    let claim = claim?;
    if Service::of_scope(&claim.service).is_none() {
        let why = format!(
            "Credential should be scoped to correct service, not '{}'.",
            claim.service
        );
        return Err(AuthError::Malformed(why));
    }
    let credential = world
        .credentials
        .get(&claim.access_key_id)
        .ok_or(AuthError::UnknownKey)?;
    if credential.keys.session_token != claim.token {
        return Err(AuthError::WrongToken);
    }
    claim.check_time(at)?;
    let seed = claim.check_signature(incoming, &credential.keys.secret_access_key)?;
    if credential.expires.is_some_and(|end| end <= at) {
        return Err(AuthError::ExpiredToken);
    }
    Ok((credential.principal.clone(), claim.region, seed))
}

fn perform(
    world: &mut World,
    service: Service,
    operation: &Operation,
    call: &Call<'_>,
) -> Result<Response<Body>, Failure> {
    if let Some(fault) = world.faults.take(service, &operation.action) {
        return Err(Failure::of_fault(service, fault));
    }
    match service {
        Service::Sts => sts::answer(world, call),
        Service::Eks => eks::answer(world, call),
        Service::S3 => s3::answer(world, call),
        Service::SecretsManager => secrets::answer(world, call),
        Service::PodIdentity => Err(Failure::not_implemented("a signed request to the agent")),
    }
}

/// Answers what nobody signs, because a token says who asks; `None` if this has to be signed.
fn admit(
    world: &mut World,
    service: Service,
    operation: &Operation,
    visit: &Visit<'_>,
) -> Option<Result<Response<Body>, Failure>> {
    let answer: fn(&mut World, &Visit<'_>) -> Result<Response<Body>, Failure> = match service {
        Service::PodIdentity => pods::answer,
        Service::Sts if operation.action == web_identity::ACTION => web_identity::answer,
        _ => return None,
    };
    Some(match world.faults.take(service, &operation.action) {
        Some(fault) => Err(Failure::of_fault(service, fault)),
        None => answer(world, visit),
    })
}

/// The service that the credential scope names. Without one, a guess by the request's shape: AWS
/// tells its services apart by host name, which one port can't.
fn meant_service(incoming: &Incoming, claim: Option<&Claim>) -> Service {
    let named = claim.and_then(|claim| Service::of_scope(&claim.service));
    named.unwrap_or_else(|| {
        let path = incoming.path.as_str();
        if path == "/clusters" || path.starts_with("/clusters/") {
            Service::Eks
        } else if path == pods::PATH && incoming.method == Method::GET {
            Service::PodIdentity
        } else if incoming.header("x-amz-target").is_some() {
            Service::SecretsManager
        } else if path == "/" && incoming.method != Method::PUT {
            Service::Sts
        } else {
            Service::S3
        }
    })
}

fn operation(service: Service, incoming: &Incoming) -> Operation {
    match service {
        Service::Sts => sts::operation(incoming),
        Service::Eks => eks::operation(incoming),
        Service::S3 => s3::operation(incoming),
        Service::SecretsManager => secrets::operation(incoming),
        Service::PodIdentity => pods::operation(),
    }
}

/// What every answer carries. The date is the world's, so that a client whose clock is the real
/// one can correct itself by it, as SDKs do.
fn sign_off(headers: &mut HeaderMap, service: Service, request_id: &str, at: Timestamp) {
    let id_header = match service {
        Service::Sts | Service::Eks | Service::SecretsManager | Service::PodIdentity => {
            "x-amzn-requestid"
        }
        Service::S3 => "x-amz-request-id",
    };
    if let Ok(id) = HeaderValue::from_str(request_id) {
        headers.insert(id_header, id);
    }
    let date = DateTimePrinter::new().timestamp_to_rfc9110_string(&at);
    if let Some(date) = date.ok().and_then(|date| HeaderValue::from_str(&date).ok()) {
        headers.insert(header::DATE, date);
    }
}

fn request_id() -> String {
    let bytes: [u8; 16] = rand::random();
    let hex = hex::encode(bytes);
    let groups = [0..8, 8..12, 12..16, 16..20, 20..32];
    groups
        .map(|range| hex.get(range).unwrap_or_default().to_owned())
        .join("-")
}
