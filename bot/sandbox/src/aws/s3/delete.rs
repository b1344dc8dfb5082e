//! `DeleteObjects`: many keys in one request, each allowed or refused on its own.

use axum::body::Body;
use axum::http::Response;

use super::super::document::{fields, text};
use super::super::failure::Failure;
use super::super::world::Call;
use super::{Bucket, document, payload};

/// The most keys that one request names.
const LIMIT: usize = 1000;

pub(super) fn many(
    bucket: &mut Bucket,
    call: &Call<'_>,
    allowed: &dyn Fn(&str) -> bool,
) -> Result<Response<Body>, Failure> {
    let upload = payload::read(call)?;
    let request = std::str::from_utf8(&upload.body).ok();
    let keys = request.and_then(keys_of).filter(|keys| keys.len() <= LIMIT);
    let keys = keys.ok_or_else(|| {
        Failure::bad(
            "MalformedXML",
            "The XML you provided was not well-formed or did not validate against our published schema",
        )
    })?;
    let quiet = request.is_some_and(|request| request.contains("<Quiet>true</Quiet>"));
    let mut results = Vec::new();
    for key in keys {
        if !allowed(&key) {
            let refused = vec![
                text("Key", key),
                text("Code", "AccessDenied"),
                text("Message", "Access Denied"),
            ];
            results.push(fields("Error", refused));
            continue;
        }
        bucket.objects.remove(&key);
        if !quiet {
            results.push(fields("Deleted", vec![text("Key", key)]));
        }
    }
    Ok(document(&fields("DeleteResult", results)))
}

/// The keys of a `Delete` document. Only this one shape is ever read, so it is cut out rather than
/// parsed; versions and conditions make it unreadable.
fn keys_of(request: &str) -> Option<Vec<String>> {
    let body = request.split_once("<Delete")?.1;
    let mut keys = Vec::new();
    for object in body.split("<Object>").skip(1) {
        let (object, _) = object.split_once("</Object>")?;
        let key = object
            .trim()
            .strip_prefix("<Key>")?
            .strip_suffix("</Key>")?;
        keys.push(unescaped(key));
    }
    (!keys.is_empty()).then_some(keys)
}

fn unescaped(text: &str) -> String {
    [
        ("&lt;", "<"),
        ("&gt;", ">"),
        ("&quot;", "\""),
        ("&apos;", "'"),
        ("&#13;", "\r"),
        ("&#xD;", "\r"),
        ("&#10;", "\n"),
        ("&#xA;", "\n"),
        ("&amp;", "&"),
    ]
    .iter()
    .fold(text.to_owned(), |text, (escape, character)| {
        text.replace(escape, character)
    })
}
