//! One HTTP request as AWS looks at it: read whole, with its path and query kept as they were sent.
//!
//! A signature covers the bytes on the wire, so nothing here may be normalised before it is
//! verified; decoding happens on the way out, per field.

use axum::http::{HeaderMap, HeaderValue, Method, Uri};
use bytes::Bytes;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};

/// What AWS leaves as it is: the unreserved characters of RFC 3986.
const RESERVED: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~');
/// The same inside a path, where the slash separates.
const RESERVED_IN_PATH: &AsciiSet = &RESERVED.remove(b'/');

/// A request with its body.
#[derive(Debug)]
pub(super) struct Incoming {
    pub(super) method: Method,
    /// As sent: still percent-encoded.
    pub(super) path: String,
    /// In the order sent, decoded. A `+` is a plus: SDKs write a space as `%20`.
    pub(super) query: Vec<(String, String)>,
    pub(super) headers: HeaderMap,
    pub(super) body: Bytes,
}

impl Incoming {
    pub(super) fn new(method: Method, uri: &Uri, headers: HeaderMap, body: Bytes) -> Self {
        Self {
            method,
            path: uri.path().to_owned(),
            query: uri.query().map(pairs).unwrap_or_default(),
            headers,
            body,
        }
    }

    /// The first query parameter of that name, decoded.
    pub(super) fn param(&self, name: &str) -> Option<&str> {
        let found = self.query.iter().find(|(key, _)| key == name);
        found.map(|(_, value)| value.as_str())
    }

    /// All values of a header as AWS canonicalises them (trimmed, inner blanks folded, joined by
    /// commas), or `None` if the header isn't there.
    pub(super) fn header(&self, name: &str) -> Option<String> {
        let values: Vec<String> = self.headers.get_all(name).iter().map(folded).collect();
        (!values.is_empty()).then(|| values.join(","))
    }

    /// The path, decoded.
    pub(super) fn decoded_path(&self) -> String {
        decode(&self.path)
    }
}

fn folded(value: &HeaderValue) -> String {
    let text = String::from_utf8_lossy(value.as_bytes());
    text.split_ascii_whitespace().collect::<Vec<_>>().join(" ")
}

fn pairs(query: &str) -> Vec<(String, String)> {
    let parts = query.split('&').filter(|part| !part.is_empty());
    parts
        .map(|part| {
            let (name, value) = part.split_once('=').unwrap_or((part, ""));
            (decode(name), decode(value))
        })
        .collect()
}

fn decode(text: &str) -> String {
    percent_decode_str(text).decode_utf8_lossy().into_owned()
}

/// Percent-encodes all but RFC 3986's unreserved characters.
pub(super) fn encode(text: &str) -> String {
    utf8_percent_encode(text, RESERVED).to_string()
}

/// [`encode`], keeping the slashes of a path.
pub(super) fn encode_path(path: &str) -> String {
    utf8_percent_encode(path, RESERVED_IN_PATH).to_string()
}
