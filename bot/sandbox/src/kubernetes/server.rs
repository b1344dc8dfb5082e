//! From an HTTP request to the API call that answers it.

use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::extract::{Request, State};
use axum::response::{IntoResponse, Response};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use bytes::Bytes;
use http::request::Parts;
use http::{Method, StatusCode, header};
use serde_json::{Value, json};

use super::apply::Author;
use super::options::{Options, manager};
use super::place::Place;
use super::status::{Cause, Refusal};
use super::store::Key;
use super::world::{Call, World};
use super::writes::{self, Patch, Write};
use super::{Shared, auth, discovery, faults, logs, rights, table, watch};

/// The largest body that is taken; etcd's limit is 1.5 MiB.
const LARGEST_BODY: usize = 3 << 20;

/// The API server's one route.
pub(super) fn router(shared: Arc<Shared>) -> Router {
    Router::new().fallback(serve).with_state(shared)
}

async fn serve(State(shared): State<Arc<Shared>>, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    let method = parts.method.to_string();
    let path = parts
        .uri
        .path_and_query()
        .map_or_else(|| parts.uri.path().to_owned(), ToString::to_string);
    let mut user = String::new();
    let response = answer(&shared, &parts, body, &mut user)
        .await
        .unwrap_or_else(IntoResponse::into_response);
    let status = response.status().as_u16();
    tracing::debug!(cluster = %shared.name, %method, %path, %user, status, "API server answered");
    shared.world().journal.push(Call {
        method,
        path,
        user,
        status,
    });
    shared.wake();
    response
}

async fn answer(
    shared: &Arc<Shared>,
    parts: &Parts,
    body: Body,
    user: &mut String,
) -> Result<Response, Refusal> {
    let path = parts.uri.path();
    if matches!(path, "/healthz" | "/livez" | "/readyz") {
        return Ok("ok".into_response());
    }
    if path == "/version" {
        return discovery_document(path);
    }
    let identity = auth::authenticate(shared, parts).await?;
    identity.user.clone_into(user);
    if path == rights::REVIEWS && parts.method == Method::POST {
        check_media(parts)?;
        let review = rights::review(&identity, document(&read(body).await?)?);
        return Ok((StatusCode::CREATED, axum::Json(review)).into_response());
    }
    let Some(place) = Place::parse(path) else {
        return discovery_document(path);
    };
    let options = Options::parse(parts)?;
    let verb = place
        .verb(&parts.method, options.watch)
        .ok_or_else(Refusal::method_not_allowed)?;
    if let Some(fault) = faults::take(&mut shared.world().faults, verb, path) {
        return Err(Refusal::of_code(fault.status, fault.retry_after));
    }
    identity.check(
        verb,
        place.resource,
        &place.subresource,
        &place.namespace,
        &place.name,
    )?;
    let body = read(body).await?;
    match parts.method {
        Method::GET if options.watch => watch::answer(shared, place, options),
        Method::GET => get(&shared.world(), &place, &options),
        _ => {
            let written = shared.change(|world| change(world, parts, &place, &options, &body));
            let (code, object) = written?;
            let code = StatusCode::from_u16(code).unwrap_or_default();
            Ok((code, axum::Json(object)).into_response())
        }
    }
}

async fn read(body: Body) -> Result<Bytes, Refusal> {
    let read = axum::body::to_bytes(body, LARGEST_BODY).await;
    read.map_err(|_| {
        let message = "Request entity too large: limit is 3145728";
        Refusal::new(413, "RequestEntityTooLarge", message)
    })
}

fn discovery_document(path: &str) -> Result<Response, Refusal> {
    let document = discovery::document(path).ok_or_else(Refusal::unknown_path)?;
    Ok(axum::Json(document).into_response())
}

fn get(world: &World, place: &Place, options: &Options) -> Result<Response, Refusal> {
    if place.name.is_empty() {
        let list = list(world, place, options)?;
        let items = list["items"].as_array().into_iter().flatten();
        return Ok(if options.table {
            axum::Json(table::of(
                place.resource,
                items,
                &list["metadata"],
                world.now(),
            ))
        } else {
            axum::Json(list)
        }
        .into_response());
    }
    let object = world.store.get(&place.key());
    let object = object.ok_or_else(|| Refusal::not_found(place.resource, &place.name))?;
    Ok(match place.subresource.as_str() {
        "log" => {
            let log = logs::read(world, object, options)?;
            ([(header::CONTENT_TYPE, "text/plain")], log).into_response()
        }
        "scale" => axum::Json(writes::scale_of(object)).into_response(),
        "" if options.table => {
            let one = std::iter::once(object.as_ref());
            axum::Json(table::of(place.resource, one, &json!({}), world.now())).into_response()
        }
        _ => axum::Json(Value::clone(object)).into_response(),
    })
}

fn list(world: &World, place: &Place, options: &Options) -> Result<Value, Refusal> {
    let namespace = Some(place.namespace.as_str()).filter(|namespace| !namespace.is_empty());
    let after = (!options.from.is_empty())
        .then(|| resume_after(&options.from))
        .transpose()?;
    let mut found: Vec<(&Key, &Arc<Value>)> = world
        .store
        .list(place.resource, namespace)
        .filter(|(_, object)| options.selector.matches(object))
        .filter(|(key, _)| {
            let at = [key.namespace.as_str(), key.name.as_str()];
            after
                .as_ref()
                .is_none_or(|after| at > [&*after[0], &*after[1]])
        })
        .collect();
    let mut metadata = json!({"resourceVersion": world.store.version().to_string()});
    if options.limit > 0 && found.len() > options.limit {
        metadata["remainingItemCount"] = (found.len() - options.limit).into();
        found.truncate(options.limit);
        if let Some((key, _)) = found.last() {
            let token = json!([key.namespace, key.name]).to_string();
            metadata["continue"] = URL_SAFE_NO_PAD.encode(token).into();
        }
    }
    let items: Vec<Value> = found
        .into_iter()
        .map(|(_, object)| {
            let mut item = Value::clone(object);
            // The items of a typed list carry neither, as those of a real API server.
            if let Some(members) = item.as_object_mut() {
                members.remove("kind");
                members.remove("apiVersion");
            }
            item
        })
        .collect();
    Ok(json!({
        "kind": format!("{}List", place.resource.kind),
        "apiVersion": place.resource.api_version(),
        "metadata": metadata,
        "items": items,
    }))
}

fn resume_after(token: &str) -> Result<[String; 2], Refusal> {
    let place = URL_SAFE_NO_PAD.decode(token).ok();
    place
        .and_then(|text| serde_json::from_slice(&text).ok())
        .ok_or_else(|| Refusal::bad_request("continue key is not valid"))
}

fn change(
    world: &mut World,
    parts: &Parts,
    place: &Place,
    options: &Options,
    body: &Bytes,
) -> Result<(u16, Value), Refusal> {
    let api_version = place.resource.api_version();
    let write = Write {
        place,
        author: Author {
            manager: manager(parts, options),
            api_version: &api_version,
            now: world.now(),
        },
        dry_run: options.dry_run,
        strict: options.strict,
    };
    if matches!(parts.method, Method::POST | Method::PUT) {
        check_media(parts)?;
    }
    match parts.method {
        Method::POST => writes::create(world, write, document(body)?),
        Method::PUT => writes::replace(world, write, &document(body)?),
        Method::PATCH => {
            let kind = patch_kind(parts, options)?;
            writes::patch(world, write, kind, &document(body)?)
        }
        Method::DELETE if place.name.is_empty() => delete_all(world, write, options),
        Method::DELETE => {
            let stated = document(body).unwrap_or_default();
            let orphan = options.orphan || stated["propagationPolicy"] == "Orphan";
            writes::delete(world, write, orphan)
        }
        _ => Err(Refusal::method_not_allowed()),
    }
}

fn delete_all(
    world: &mut World,
    write: Write<'_>,
    options: &Options,
) -> Result<(u16, Value), Refusal> {
    let found = list(world, write.place, options)?;
    for object in found["items"].as_array().into_iter().flatten() {
        let name = object["metadata"]["name"].as_str().unwrap_or_default();
        let namespace = object["metadata"]["namespace"].as_str().unwrap_or_default();
        let place = Place {
            name: name.to_owned(),
            namespace: namespace.to_owned(),
            ..write.place.clone()
        };
        let write = Write {
            place: &place,
            ..write
        };
        writes::delete(world, write, options.orphan)?;
    }
    Ok((200, found))
}

fn document(body: &[u8]) -> Result<Value, Refusal> {
    serde_json::from_slice(body)
        .ok()
        .or_else(|| serde_yaml_ng::from_slice(body).ok())
        .filter(|document: &Value| document.is_object() || document.is_array())
        .ok_or_else(|| {
            let message = "the object provided is unrecognized (must be of type JSON or YAML)";
            Refusal::bad_request(message)
        })
}

fn media_type(parts: &Parts) -> &str {
    let stated = parts.headers.get(header::CONTENT_TYPE);
    stated
        .and_then(|value| value.to_str().ok())
        .and_then(|value| value.split(';').next())
        .unwrap_or_default()
        .trim()
}

/// Unlike the real API server this one reads no protobuf.
fn check_media(parts: &Parts) -> Result<(), Refusal> {
    match media_type(parts) {
        "" | "application/json" | "application/yaml" => Ok(()),
        _ => Err(Refusal::unsupported_media(
            "application/json, application/yaml",
        )),
    }
}

fn patch_kind(parts: &Parts, options: &Options) -> Result<Patch, Refusal> {
    let refuse = |cause: Cause| {
        let refusal = Refusal::invalid("PatchOptions", "meta.k8s.io", "", &[cause]);
        Err(refusal)
    };
    let kind = match media_type(parts) {
        "application/apply-patch+yaml" => Patch::Apply {
            force: options.force,
        },
        "application/merge-patch+json" => Patch::Merge,
        "application/strategic-merge-patch+json" => Patch::Strategic,
        "application/json-patch+json" => Patch::Json,
        _ => {
            return Err(Refusal::unsupported_media(
                "application/json-patch+json, application/merge-patch+json, \
                 application/strategic-merge-patch+json, application/apply-patch+yaml",
            ));
        }
    };
    match kind {
        Patch::Apply { .. } if options.field_manager.is_empty() => refuse(Cause::required(
            "fieldManager",
            "is required for apply patch",
        )),
        Patch::Merge | Patch::Strategic | Patch::Json if options.force => refuse(Cause {
            field: "force".to_owned(),
            reason: "FieldValueForbidden",
            message: "Forbidden: may not be specified for non-apply patch".to_owned(),
        }),
        _ => Ok(kind),
    }
}
