//! Manifests and tags: what is pushed is kept byte for byte; what is asked for must be acceptable.

use axum::response::{IntoResponse, Response};
use http::{HeaderMap, StatusCode, header};
use serde_json::{Value, json};

use super::Shared;
use super::blobs::CONTENT_DIGEST;
use super::errors::Refusal;
use super::faults::with_header;
use super::routes::Asked;
use super::state::{Manifest, Repository, digest_of};

/// An OCI image.
pub(super) const OCI_MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
/// Several OCI images behind one name.
pub(super) const OCI_INDEX: &str = "application/vnd.oci.image.index.v1+json";
const DOCKER_MANIFEST: &str = "application/vnd.docker.distribution.manifest.v2+json";
const DOCKER_LIST: &str = "application/vnd.docker.distribution.manifest.list.v2+json";

/// `GET` and `HEAD` of a manifest by tag or digest.
///
/// A client that does not list the stored type in `Accept` is told 404, as by GHCR and Docker's
/// registry; `*/*` does not count as listing it.
pub(super) fn get(
    shared: &Shared,
    name: &str,
    reference: &str,
    asked: &Asked,
) -> Result<Response, Refusal> {
    let now = shared.clock.now();
    let state = shared.state();
    let repository = state
        .repositories
        .get(name)
        .ok_or_else(Refusal::name_unknown)?;
    let (digest, manifest) = repository
        .resolve(reference, now)
        .and_then(|digest| Some((digest, repository.manifests.get(digest)?)))
        .ok_or_else(|| Refusal::manifest_unknown("manifest unknown"))?;
    if !accepts(&asked.parts.headers, &manifest.media_type) {
        let (found, plural) = match manifest.media_type.as_str() {
            OCI_INDEX => ("OCI index", "OCI indexes"),
            OCI_MANIFEST => ("OCI manifest", "OCI manifests"),
            DOCKER_LIST => ("manifest list", "manifest lists"),
            _ => ("schema 2 manifest", "schema 2 manifests"),
        };
        return Err(Refusal::manifest_unknown(format!(
            "{found} found, but Accept header does not support {plural}"
        )));
    }
    let response = with_header(
        manifest.bytes.clone().into_response(),
        header::CONTENT_TYPE,
        &manifest.media_type,
    );
    let response = with_header(response, header::ETAG, &format!("\"{digest}\""));
    Ok(with_header(response, CONTENT_DIGEST, digest))
}

fn accepts(headers: &HeaderMap, media_type: &str) -> bool {
    headers
        .get_all(header::ACCEPT)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .any(|range| range.split(';').next().unwrap_or_default().trim() == media_type)
}

/// `PUT` of a manifest by tag or digest.
pub(super) fn put(
    shared: &Shared,
    name: &str,
    reference: &str,
    asked: &Asked,
) -> Result<Response, Refusal> {
    let media_type = asked
        .parts
        .headers
        .get(header::CONTENT_TYPE)
        .and_then(|value| value.to_str().ok())
        .unwrap_or_default();
    let document: Value = serde_json::from_slice(&asked.body)
        .map_err(|error| Refusal::manifest_invalid(format!("manifest invalid: {error}")))?;
    let digest = digest_of(&asked.body);
    let by_digest = reference.contains(':');
    if by_digest && reference != digest {
        return Err(Refusal::digest_invalid());
    }
    if !by_digest && !is_tag(reference) {
        return Err(Refusal::new(
            StatusCode::BAD_REQUEST,
            "TAG_INVALID",
            "manifest tag did not match URI",
        ));
    }
    let mut state = shared.state();
    let repository = state.repository(name);
    check_parts(repository, media_type, &document)?;
    let manifest = Manifest {
        media_type: media_type.to_owned(),
        bytes: asked.body.clone(),
    };
    repository.manifests.insert(digest.clone(), manifest);
    if !by_digest {
        repository.tags.insert(reference.to_owned(), digest.clone());
    }
    let response = with_header(
        StatusCode::CREATED.into_response(),
        header::LOCATION,
        &format!("/v2/{name}/manifests/{digest}"),
    );
    Ok(with_header(response, CONTENT_DIGEST, &digest))
}

/// Whether everything that a manifest refers to has been pushed before it.
fn check_parts(repository: &Repository, media_type: &str, document: &Value) -> Result<(), Refusal> {
    if let Some(stated) = document.get("mediaType")
        && stated != media_type
    {
        return Err(Refusal::manifest_invalid(
            "the manifest's mediaType is not its Content-Type",
        ));
    }
    let field = |name: &str| {
        let items = document.get(name).and_then(Value::as_array);
        items.ok_or_else(|| Refusal::manifest_invalid(format!("{name} is missing")))
    };
    let digest_in = |part: &Value| part["digest"].as_str().map(str::to_owned);
    let (parts, known): (Vec<_>, &dyn Fn(&str) -> bool) = match media_type {
        OCI_INDEX | DOCKER_LIST => (
            field("manifests")?.iter().map(digest_in).collect(),
            &|digest| repository.manifests.contains_key(digest),
        ),
        OCI_MANIFEST | DOCKER_MANIFEST => {
            let mut parts: Vec<_> = field("layers")?.iter().map(digest_in).collect();
            parts.push(digest_in(&document["config"]));
            (parts, &|digest| repository.blobs.contains(digest))
        }
        other => {
            let message = format!("unknown media type {other:?}");
            return Err(Refusal::manifest_invalid(message));
        }
    };
    for part in parts {
        let part = part.ok_or_else(|| Refusal::manifest_invalid("a digest is missing"))?;
        if !known(&part) {
            return Err(Refusal::new(
                StatusCode::BAD_REQUEST,
                "MANIFEST_BLOB_UNKNOWN",
                format!("manifest references an unknown blob or manifest: {part}"),
            ));
        }
    }
    Ok(())
}

/// `GET …/tags/list?n=&last=`.
pub(super) fn tags(shared: &Shared, name: &str, asked: &Asked) -> Result<Response, Refusal> {
    let now = shared.clock.now();
    let state = shared.state();
    let repository = state
        .repositories
        .get(name)
        .ok_or_else(Refusal::name_unknown)?;
    let last = asked.query("last").unwrap_or_default();
    let mut tags: Vec<&str> = repository
        .shown_tags(now)
        .filter(|tag| *tag > last.as_str())
        .collect();
    let page = match asked.query("n").map(|n| n.parse::<usize>()) {
        None => tags.len(),
        Some(Ok(page)) => page,
        Some(Err(_)) => {
            let message = "n is not a number";
            return Err(Refusal::new(
                StatusCode::BAD_REQUEST,
                "PAGINATION_NUMBER_INVALID",
                message,
            ));
        }
    };
    let more = page > 0 && tags.len() > page;
    tags.truncate(page);
    let response = axum::Json(json!({"name": name, "tags": tags})).into_response();
    Ok(match tags.last() {
        Some(end) if more => {
            let next = format!("</v2/{name}/tags/list?n={page}&last={end}>; rel=\"next\"");
            with_header(response, header::LINK, &next)
        }
        _ => response,
    })
}

/// Whether a tag is one of the specification's (`[a-zA-Z0-9_][a-zA-Z0-9._-]{0,127}`).
fn is_tag(tag: &str) -> bool {
    let word = |c: char| c.is_ascii_alphanumeric() || c == '_';
    tag.len() <= 128
        && tag.starts_with(word)
        && tag.chars().all(|c| word(c) || c == '.' || c == '-')
}
