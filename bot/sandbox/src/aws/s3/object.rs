//! One object: get, head, put, delete, with the conditions of RFC 9110 that S3 knows.

use axum::body::Body;
use axum::http::{HeaderMap, HeaderName, HeaderValue, Response, StatusCode, header};
use axum::response::IntoResponse;
use bytes::Bytes;
use jiff::Timestamp;
use jiff::fmt::rfc2822::DateTimePrinter;

use super::super::document::text;
use super::super::failure::Failure;
use super::super::request::Incoming;
use super::super::world::Call;
use super::checksum::{Algorithm, etag};
use super::{Bucket, payload};

/// Headers of an upload that come back with the object.
const KEPT_HEADERS: [HeaderName; 5] = [
    header::CACHE_CONTROL,
    header::CONTENT_DISPOSITION,
    header::CONTENT_LANGUAGE,
    header::CONTENT_TYPE,
    header::EXPIRES,
];
/// Headers that would change what an upload means.
const UNSUPPORTED: [&str; 7] = [
    "x-amz-copy-source",
    "x-amz-write-offset-bytes",
    "x-amz-object-lock-mode",
    "x-amz-object-lock-legal-hold",
    "x-amz-server-side-encryption-customer-algorithm",
    "x-amz-website-redirect-location",
    "x-amz-tagging",
];
const ENCRYPTION: &str = "x-amz-server-side-encryption";

/// What a key holds.
#[derive(Clone, Debug)]
pub(in super::super) struct Object {
    pub(in super::super) body: Bytes,
    /// Quoted.
    pub(super) etag: String,
    pub(super) modified: Timestamp,
    pub(super) checksums: Vec<(Algorithm, String)>,
    headers: HeaderMap,
}

impl Object {
    /// An object that nobody uploaded.
    pub(in super::super) fn laid(body: Bytes, at: Timestamp) -> Self {
        Self {
            etag: etag(&body),
            body,
            modified: at,
            checksums: Vec::new(),
            headers: HeaderMap::new(),
        }
    }
}

/// Answers `GetObject` and `HeadObject`, whose answers differ only in the body that HTTP drops.
pub(super) fn get(
    bucket: &Bucket,
    key: &str,
    incoming: &Incoming,
) -> Result<Response<Body>, Failure> {
    for name in ["if-modified-since", "if-unmodified-since"] {
        if incoming.header(name).is_some() {
            return Err(Failure::not_implemented(name));
        }
    }
    let object = bucket.objects.get(key).ok_or_else(|| no_such_key(key))?;
    if let Some(wanted) = incoming.header("if-match")
        && !names(&wanted, &object.etag)
    {
        return Err(precondition_failed("If-Match"));
    }
    if let Some(known) = incoming.header("if-none-match")
        && names(&known, &object.etag)
    {
        return Err(Failure::new(StatusCode::NOT_MODIFIED, "NotModified", ""));
    }
    let mut headers = object.headers.clone();
    set(&mut headers, header::ETAG, &object.etag);
    if let Ok(date) = DateTimePrinter::new().timestamp_to_rfc9110_string(&object.modified) {
        set(&mut headers, header::LAST_MODIFIED, &date);
    }
    headers.insert(header::ACCEPT_RANGES, HeaderValue::from_static("bytes"));
    let Some(range) = incoming.header("range") else {
        if incoming.header("x-amz-checksum-mode").as_deref() == Some("ENABLED") {
            show_checksums(&mut headers, &object.checksums);
        }
        headers.insert(header::CONTENT_LENGTH, HeaderValue::from(object.body.len()));
        return Ok((headers, object.body.clone()).into_response());
    };
    let total = object.body.len();
    let (start, end) = span(&range, total).ok_or_else(|| {
        Failure::new(
            StatusCode::RANGE_NOT_SATISFIABLE,
            "InvalidRange",
            "The requested range is not satisfiable",
        )
        .with(text("ActualObjectSize", total.to_string()))
    })?;
    let shown = format!("bytes {start}-{}/{total}", end - 1);
    set(&mut headers, header::CONTENT_RANGE, &shown);
    let part = object.body.slice(start..end);
    headers.insert(header::CONTENT_LENGTH, HeaderValue::from(part.len()));
    Ok((StatusCode::PARTIAL_CONTENT, headers, part).into_response())
}

/// Answers `PutObject`.
pub(super) fn put(
    bucket: &mut Bucket,
    key: &str,
    call: &Call<'_>,
) -> Result<Response<Body>, Failure> {
    let incoming = call.incoming;
    if let Some(name) = UNSUPPORTED
        .iter()
        .find(|name| incoming.headers.contains_key(**name))
    {
        return Err(Failure::not_implemented(name));
    }
    let upload = payload::read(call)?;
    check_write(bucket, key, incoming)?;
    let etag = etag(&upload.body);
    let mut answer = HeaderMap::new();
    set(&mut answer, header::ETAG, &etag);
    show_checksums(&mut answer, &upload.checksums);
    let encryption = incoming.header(ENCRYPTION);
    let encryption = encryption.unwrap_or_else(|| "AES256".to_owned());
    set(
        &mut answer,
        HeaderName::from_static(ENCRYPTION),
        &encryption,
    );

    let mut headers = kept_headers(&incoming.headers);
    if let Some(encoding) = &upload.encoding {
        set(&mut headers, header::CONTENT_ENCODING, encoding);
    }
    set(
        &mut headers,
        HeaderName::from_static(ENCRYPTION),
        &encryption,
    );
    bucket.objects.insert(
        key.to_owned(),
        Object {
            body: upload.body,
            etag,
            modified: call.at,
            checksums: upload.checksums,
            headers,
        },
    );
    Ok(answer.into_response())
}

/// Answers `DeleteObject`. Deleting what isn't there succeeds, as it does in S3.
pub(super) fn delete(
    bucket: &mut Bucket,
    key: &str,
    incoming: &Incoming,
) -> Result<Response<Body>, Failure> {
    check_write(bucket, key, incoming)?;
    bucket.objects.remove(key);
    Ok(StatusCode::NO_CONTENT.into_response())
}

/// The conditions of a write:
/// <https://docs.aws.amazon.com/AmazonS3/latest/userguide/conditional-writes.html>.
fn check_write(bucket: &Bucket, key: &str, incoming: &Incoming) -> Result<(), Failure> {
    let present = bucket.objects.get(key);
    match incoming.header("if-none-match").as_deref() {
        Some("*") if present.is_some() => return Err(precondition_failed("If-None-Match")),
        None | Some("*") => {}
        Some(_) => return Err(Failure::not_implemented("If-None-Match with an ETag")),
    }
    let Some(wanted) = incoming.header("if-match") else {
        return Ok(());
    };
    let present = present.ok_or_else(|| no_such_key(key))?;
    if names(&wanted, &present.etag) {
        Ok(())
    } else {
        Err(precondition_failed("If-Match"))
    }
}

/// Whether a list of ETags names this one. SDKs may leave the quotes out.
fn names(list: &str, etag: &str) -> bool {
    let bare = etag.trim_matches('"');
    list.split(',')
        .map(|item| item.trim().trim_matches('"'))
        .any(|item| item == "*" || item == bare)
}

/// Start and end (exclusive) of a `Range`, or `None` if it lies outside.
fn span(range: &str, total: usize) -> Option<(usize, usize)> {
    let (first, last) = range.strip_prefix("bytes=")?.split_once('-')?;
    let (start, end) = match (first, last) {
        ("", suffix) => (total.saturating_sub(suffix.parse().ok()?), total),
        (first, "") => (first.parse().ok()?, total),
        (first, last) => {
            let last: usize = last.parse().ok()?;
            (first.parse().ok()?, last.saturating_add(1).min(total))
        }
    };
    (start < end).then_some((start, end))
}

fn kept_headers(sent: &HeaderMap) -> HeaderMap {
    let is_kept =
        |name: &HeaderName| KEPT_HEADERS.contains(name) || name.as_str().starts_with("x-amz-meta-");
    let kept = sent.iter().filter(|(name, _)| is_kept(name));
    let mut headers: HeaderMap = kept
        .map(|(name, value)| (name.clone(), value.clone()))
        .collect();
    headers
        .entry(header::CONTENT_TYPE)
        .or_insert(HeaderValue::from_static("binary/octet-stream"));
    headers
}

fn show_checksums(headers: &mut HeaderMap, checksums: &[(Algorithm, String)]) {
    for (algorithm, value) in checksums {
        set(headers, HeaderName::from_static(algorithm.header()), value);
    }
    if !checksums.is_empty() {
        let kind = HeaderName::from_static("x-amz-checksum-type");
        headers.insert(kind, HeaderValue::from_static("FULL_OBJECT"));
    }
}

/// Sets a header from text that came out of headers or numbers and so always fits.
fn set(headers: &mut HeaderMap, name: HeaderName, value: &str) {
    if let Ok(value) = HeaderValue::from_str(value) {
        headers.insert(name, value);
    }
}

fn no_such_key(key: &str) -> Failure {
    Failure::new(
        StatusCode::NOT_FOUND,
        "NoSuchKey",
        "The specified key does not exist.",
    )
    .with(text("Key", key))
}

fn precondition_failed(condition: &str) -> Failure {
    Failure::new(
        StatusCode::PRECONDITION_FAILED,
        "PreconditionFailed",
        "At least one of the pre-conditions you specified did not hold",
    )
    .with(text("Condition", condition))
}
