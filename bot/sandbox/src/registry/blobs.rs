//! Blobs: reading, and pushing them whole or in chunks (distribution-spec, "Pushing Blobs").

use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use http::{HeaderName, StatusCode, header};

use super::Shared;
use super::errors::Refusal;
use super::faults::with_header;
use super::routes::Asked;
use super::state::{State, Upload, digest_of, random_id};

/// The header that names the digest of what is answered or stored.
pub(super) const CONTENT_DIGEST: HeaderName = HeaderName::from_static("docker-content-digest");

/// `GET` and `HEAD` of a blob.
pub(super) fn get(shared: &Shared, name: &str, digest: &str) -> Result<Response, Refusal> {
    let state = shared.state();
    let repository = state
        .repositories
        .get(name)
        .ok_or_else(Refusal::name_unknown)?;
    let blob = repository
        .blobs
        .get(digest)
        .and_then(|digest| state.blobs.get(digest))
        .ok_or_else(Refusal::blob_unknown)?;
    let response = (
        [(header::CONTENT_TYPE, "application/octet-stream")],
        blob.clone(),
    );
    Ok(with_header(
        response.into_response(),
        CONTENT_DIGEST,
        digest,
    ))
}

/// `POST …/blobs/uploads/`: a cross-repository mount, a whole blob, or the start of an upload.
pub(super) fn start(shared: &Shared, name: &str, asked: &Asked) -> Result<Response, Refusal> {
    let mut state = shared.state();
    if let (Some(digest), Some(from)) = (asked.query("mount"), asked.query("from")) {
        let readable = state
            .repositories
            .get(&from)
            .is_some_and(|from| !from.private && from.blobs.contains(&digest));
        if readable {
            state.repository(name).blobs.insert(digest.clone());
            return Ok(created(name, &digest));
        }
    } else if let Some(digest) = asked.query("digest") {
        return store(&mut state, name, &digest, asked.body.clone());
    }
    let id = random_id();
    let upload = Upload {
        repository: name.to_owned(),
        bytes: Vec::new(),
    };
    state.uploads.insert(id.clone(), upload);
    Ok(accepted(name, &id, 0))
}

/// `GET` of an upload: how far it is.
pub(super) fn progress(shared: &Shared, name: &str, id: &str) -> Result<Response, Refusal> {
    let mut state = shared.state();
    let length = upload(&mut state, name, id)?.bytes.len();
    let mut response = accepted(name, id, length);
    *response.status_mut() = StatusCode::NO_CONTENT;
    Ok(response)
}

/// `PATCH` of an upload: one more chunk, in order.
pub(super) fn append(
    shared: &Shared,
    name: &str,
    id: &str,
    asked: &Asked,
) -> Result<Response, Refusal> {
    let mut state = shared.state();
    let upload = upload(&mut state, name, id)?;
    if let Some(range) = asked.parts.headers.get(header::CONTENT_RANGE) {
        let start = range
            .to_str()
            .ok()
            .and_then(|range| range.split_once('-'))
            .and_then(|(start, _)| start.parse::<usize>().ok())
            .ok_or_else(|| Refusal::upload_invalid("malformed Content-Range"))?;
        if start != upload.bytes.len() {
            let mut response = accepted(name, id, upload.bytes.len());
            *response.status_mut() = StatusCode::RANGE_NOT_SATISFIABLE;
            return Ok(response);
        }
    }
    upload.bytes.extend_from_slice(&asked.body);
    let length = upload.bytes.len();
    Ok(accepted(name, id, length))
}

/// `PUT …?digest=` of an upload: the last chunk, if any, and the digest to hold it to.
pub(super) fn finish(
    shared: &Shared,
    name: &str,
    id: &str,
    asked: &Asked,
) -> Result<Response, Refusal> {
    let digest = asked
        .query("digest")
        .ok_or_else(|| Refusal::upload_invalid("the digest is missing"))?;
    let mut state = shared.state();
    let upload = upload(&mut state, name, id)?;
    let mut bytes = std::mem::take(&mut upload.bytes);
    state.uploads.remove(id);
    bytes.extend_from_slice(&asked.body);
    store(&mut state, name, &digest, bytes.into())
}

/// `DELETE` of an upload.
pub(super) fn cancel(shared: &Shared, name: &str, id: &str) -> Result<Response, Refusal> {
    let mut state = shared.state();
    upload(&mut state, name, id)?;
    state.uploads.remove(id);
    Ok(StatusCode::NO_CONTENT.into_response())
}

fn upload<'a>(state: &'a mut State, name: &str, id: &str) -> Result<&'a mut Upload, Refusal> {
    state
        .uploads
        .get_mut(id)
        .filter(|upload| upload.repository == name)
        .ok_or_else(Refusal::upload_unknown)
}

fn store(state: &mut State, name: &str, digest: &str, content: Bytes) -> Result<Response, Refusal> {
    if digest_of(&content) != digest {
        return Err(Refusal::digest_invalid());
    }
    state.blobs.insert(digest.to_owned(), content);
    state.repository(name).blobs.insert(digest.to_owned());
    Ok(created(name, digest))
}

fn created(name: &str, digest: &str) -> Response {
    let response = with_header(
        StatusCode::CREATED.into_response(),
        header::LOCATION,
        &format!("/v2/{name}/blobs/{digest}"),
    );
    with_header(response, CONTENT_DIGEST, digest)
}

fn accepted(name: &str, id: &str, length: usize) -> Response {
    let response = with_header(
        StatusCode::ACCEPTED.into_response(),
        header::LOCATION,
        &format!("/v2/{name}/blobs/uploads/{id}"),
    );
    let response = with_header(response, HeaderName::from_static("docker-upload-uuid"), id);
    with_header(
        response,
        header::RANGE,
        &format!("0-{}", length.saturating_sub(1)),
    )
}
