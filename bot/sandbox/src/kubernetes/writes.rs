//! Creating, replacing, patching and deleting objects.

use serde_json::{Value, json};

use super::apply::{self, Author};
use super::controllers::name_suffix;
use super::discovery::{NAMESPACE, POD};
use super::fields::Path;
use super::place::Place;
use super::status::{Cause, Refusal};
use super::store::text;
use super::world::World;
use super::{defaults, patches, pod_security, typed, validation};

/// A write under way: where, by whom, and whether it is only tried.
#[derive(Clone, Copy, Debug)]
pub(super) struct Write<'a> {
    pub(super) place: &'a Place,
    pub(super) author: Author<'a>,
    pub(super) dry_run: bool,
    /// Whether unknown fields are refused (`fieldValidation=Strict`) or dropped.
    pub(super) strict: bool,
}

/// The kinds of patch, by media type.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Patch {
    Apply { force: bool },
    Merge,
    Strategic,
    Json,
}

type Answer = Result<(u16, Value), Refusal>;

/// Stores a new object.
pub(super) fn create(world: &mut World, write: Write<'_>, body: Value) -> Answer {
    let mut object = body;
    if text(&object, "/metadata/name").is_empty() {
        let prefix = text(&object, "/metadata/generateName").to_owned();
        if prefix.is_empty() {
            let hint = "name or generateName is required";
            return Err(invalid(write.place, "", "metadata.name", hint));
        }
        let seed = json!([prefix, world.store.version()]);
        object["metadata"]["name"] = format!("{prefix}{}", name_suffix(&seed)).into();
    }
    let name = text(&object, "/metadata/name").to_owned();
    let place = Place {
        name,
        ..write.place.clone()
    };
    let write = Write {
        place: &place,
        ..write
    };
    if world.store.get(&place.key()).is_some() {
        return Err(Refusal::already_exists(place.resource, &place.name));
    }
    let version = text(&object, "/metadata/resourceVersion");
    if !version.is_empty() {
        let message = "resourceVersion should not be set on objects to be created";
        return Err(Refusal::bad_request(message));
    }
    let mut object = prepare(world, write, None, &object)?;
    apply::track(&Value::Null, &mut object, write.author);
    Ok((201, store(world, write, object)))
}

/// Replaces an object.
pub(super) fn replace(world: &mut World, write: Write<'_>, body: &Value) -> Answer {
    let place = write.place;
    let live = world.store.get(&place.key()).cloned();
    let live = live.ok_or_else(|| Refusal::not_found(place.resource, &place.name))?;
    if place.subresource == "scale" {
        return scale(world, write, &live, body);
    }
    let mut object = prepare(world, write, Some(&live), body)?;
    if place.subresource.is_empty() {
        apply::track(&live, &mut object, write.author);
    }
    Ok((200, store(world, write, object)))
}

/// Patches an object; an apply makes it if it is not there.
pub(super) fn patch(world: &mut World, write: Write<'_>, kind: Patch, body: &Value) -> Answer {
    let place = write.place;
    let live = world.store.get(&place.key()).cloned();
    if let Patch::Apply { force } = kind {
        return server_side_apply(world, write, live.as_deref(), body, force);
    }
    let live = live.ok_or_else(|| Refusal::not_found(place.resource, &place.name))?;
    if place.subresource == "scale" {
        return scale(world, write, &live, body);
    }
    let mut object = Value::clone(&live);
    match kind {
        Patch::Json => patches::json(&mut object, body)?,
        Patch::Strategic => patches::strategic(&mut object, body, &Path::default()),
        Patch::Merge | Patch::Apply { .. } => patches::merge(&mut object, body),
    }
    let mut object = prepare(world, write, Some(&live), &object)?;
    if place.subresource.is_empty() {
        apply::track(&live, &mut object, write.author);
    }
    Ok((200, store(world, write, object)))
}

fn server_side_apply(
    world: &mut World,
    write: Write<'_>,
    live: Option<&Value>,
    body: &Value,
    force: bool,
) -> Answer {
    let managed = body.pointer("/metadata/managedFields");
    if managed.is_some_and(|managed| !managed.is_null()) {
        return Err(Refusal::bad_request("metadata.managedFields must be nil"));
    }
    identify(write.place, body)?;
    let mut wish = typed::normalize(body);
    if let [unknown, ..] = typed::drop_unknown(write.place.resource, &mut wish)?.as_slice() {
        return Err(untyped(write.place, unknown));
    }
    if live.is_none() && !text(body, "/metadata/resourceVersion").is_empty() {
        return Err(Refusal::modified(write.place.resource, &write.place.name));
    }
    let merged = apply::apply(live.unwrap_or(&Value::Null), &wish, write.author, force)?;
    let object = prepare(world, write, live, &merged)?;
    let code = if live.is_some() { 200 } else { 201 };
    Ok((code, store(world, write, object)))
}

/// Removes an object and what it owns.
pub(super) fn delete(world: &mut World, write: Write<'_>, orphan: bool) -> Answer {
    let place = write.place;
    let live = world.store.get(&place.key()).cloned();
    let live = live.ok_or_else(|| Refusal::not_found(place.resource, &place.name))?;
    if place.resource == &NAMESPACE && matches!(place.name.as_str(), "default" | "kube-system") {
        let message = format!(
            "namespaces \"{}\" is forbidden: this namespace may not be deleted",
            place.name
        );
        return Err(Refusal::new(403, "Forbidden", message));
    }
    if !write.dry_run {
        if orphan {
            world.store.remove(&place.key());
        } else {
            world.remove(&place.key());
        }
    }
    if place.resource == &POD {
        return Ok((200, Value::clone(&live)));
    }
    let mut details = json!({
        "name": place.name,
        "kind": place.resource.plural,
        "uid": live["metadata"]["uid"],
    });
    if !place.resource.group.is_empty() {
        details["group"] = place.resource.group.into();
    }
    Ok((
        200,
        json!({
            "kind": "Status",
            "apiVersion": "v1",
            "metadata": {},
            "status": "Success",
            "details": details,
        }),
    ))
}

/// The `Scale` of a workload.
pub(super) fn scale_of(object: &Value) -> Value {
    let metadata = &object["metadata"];
    let labels = object["spec"]["selector"]["matchLabels"].as_object();
    let selector: Vec<String> = labels
        .into_iter()
        .flatten()
        .map(|(name, value)| format!("{name}={}", value.as_str().unwrap_or_default()))
        .collect();
    json!({
        "kind": "Scale",
        "apiVersion": "autoscaling/v1",
        "metadata": {
            "name": metadata["name"],
            "namespace": metadata["namespace"],
            "uid": metadata["uid"],
            "resourceVersion": metadata["resourceVersion"],
            "creationTimestamp": metadata["creationTimestamp"],
        },
        "spec": {"replicas": object["spec"]["replicas"]},
        "status": {
            "replicas": object["status"]["replicas"].as_i64().unwrap_or(0),
            "selector": selector.join(","),
        },
    })
}

fn scale(world: &mut World, write: Write<'_>, live: &Value, body: &Value) -> Answer {
    let mut object = live.clone();
    if !body["spec"]["replicas"].is_null() {
        object["spec"]["replicas"] = body["spec"]["replicas"].clone();
    }
    validation::check(write.place.resource, Some(live), &object)?;
    apply::track(live, &mut object, write.author);
    Ok((200, scale_of(&store(world, write, object))))
}

fn invalid(place: &Place, name: &str, field: &str, hint: &str) -> Refusal {
    let cause = Cause::required(field, hint);
    Refusal::invalid(place.resource.kind, place.resource.group, name, &[cause])
}

/// An apply of a field that the type does not have fails without a reason, whatever
/// `fieldValidation` says: the API server reports the schema's error as it is.
fn untyped(place: &Place, field: &str) -> Refusal {
    let object = if place.resource.namespaced {
        format!("{}/{}", place.namespace, place.name)
    } else {
        format!("/{}", place.name)
    };
    let message = format!(
        "failed to create typed patch object ({object}; {}, Kind={}): .{field}: field not declared in schema",
        place.resource.api_version(),
        place.resource.kind,
    );
    Refusal::new(500, "", message)
}

/// Whether an object says that it is what the URL says.
fn identify(place: &Place, object: &Value) -> Result<(), Refusal> {
    let expected = place.resource.api_version();
    let stated = text(object, "/apiVersion");
    if stated != expected {
        return Err(Refusal::bad_request(format!(
            "the API version in the data ({stated}) does not match the expected API version ({expected})"
        )));
    }
    let kind = text(object, "/kind");
    if kind != place.resource.kind {
        return Err(Refusal::bad_request(format!(
            "{kind} in version \"{}\" cannot be handled as a {}: converting ({expected}.{kind}) is not known",
            place.resource.version, place.resource.kind
        )));
    }
    let name = text(object, "/metadata/name");
    if name != place.name {
        return Err(Refusal::bad_request(format!(
            "the name of the object ({name}) does not match the name on the URL ({})",
            place.name
        )));
    }
    let namespace = text(object, "/metadata/namespace");
    if place.resource.namespaced && !namespace.is_empty() && namespace != place.namespace {
        return Err(Refusal::bad_request(
            "the namespace of the provided object does not match the namespace sent on the request",
        ));
    }
    Ok(())
}

/// Makes an object ready to be stored: what the client may not set is put back, defaults are
/// filled in, rules are checked.
fn prepare(
    world: &World,
    write: Write<'_>,
    live: Option<&Value>,
    object: &Value,
) -> Result<Value, Refusal> {
    let place = write.place;
    let mut object = decode(write, live.is_some(), object)?;
    if place.resource.namespaced {
        if !world.has_namespace(&place.namespace) {
            return Err(Refusal::not_found(&NAMESPACE, &place.namespace));
        }
        object["metadata"]["namespace"] = place.namespace.as_str().into();
    } else if let Some(metadata) = object["metadata"].as_object_mut() {
        metadata.remove("namespace");
    }
    if let Some(live) = live {
        check_preconditions(place, live, &object)?;
        if place.subresource == "status" {
            let status = object["status"].take();
            object = live.clone();
            object["status"] = status;
            return Ok(object);
        }
    }
    match live.and_then(|live| live.get("status")) {
        Some(status) => object["status"] = status.clone(),
        None => {
            if let Some(members) = object.as_object_mut() {
                members.remove("status");
            }
        }
    }
    if place.resource == &POD
        && live.is_none()
        && let Some(message) = pod_security::refusal(world, &object)
    {
        let refusal = Refusal::new(403, "Forbidden", message);
        return Err(refusal.about("pods", "", &place.name));
    }
    defaults::fill(place.resource, &mut object);
    validation::check(place.resource, live, &object)?;
    Ok(object)
}

/// The object as its type takes it. A change may leave out what kind of object it is.
fn decode(write: Write<'_>, change: bool, object: &Value) -> Result<Value, Refusal> {
    let resource = write.place.resource;
    let mut object = typed::normalize(object);
    if change && text(&object, "/kind").is_empty() {
        object["kind"] = resource.kind.into();
        object["apiVersion"] = resource.api_version().into();
    }
    identify(write.place, &object)?;
    let unknown = typed::drop_unknown(resource, &mut object)?;
    if !write.strict || unknown.is_empty() {
        return Ok(object);
    }
    let told: Vec<String> = unknown
        .iter()
        .map(|field| format!("unknown field \"{field}\""))
        .collect();
    Err(Refusal::bad_request(format!(
        "{kind} in version \"{}\" cannot be handled as a {kind}: strict decoding error: {}",
        resource.version,
        told.join(", "),
        kind = resource.kind,
    )))
}

/// Whether the version and the uid that a change names, if any, are those of the live object.
fn check_preconditions(place: &Place, live: &Value, object: &Value) -> Result<(), Refusal> {
    for field in ["/metadata/resourceVersion", "/metadata/uid"] {
        let stated = text(object, field);
        if !stated.is_empty() && stated != text(live, field) {
            return Err(Refusal::modified(place.resource, &place.name));
        }
    }
    Ok(())
}

fn store(world: &mut World, write: Write<'_>, object: Value) -> Value {
    if write.dry_run {
        return object;
    }
    Value::clone(&world.put(write.place.resource, object))
}
