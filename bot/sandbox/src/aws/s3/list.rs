//! Listings: `ListObjects` and `ListObjectsV2`, which page differently over the same keys.

use std::ops::Bound;

use axum::body::Body;
use axum::http::Response;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE;

use super::super::document::{Field, fields, iso8601, text};
use super::super::failure::Failure;
use super::super::request::{Incoming, encode_path};
use super::{Bucket, Object, document};

pub(super) const V1_PARAMS: &[&str] =
    &["prefix", "delimiter", "marker", "max-keys", "encoding-type"];
pub(super) const V2_PARAMS: &[&str] = &[
    "list-type",
    "prefix",
    "delimiter",
    "start-after",
    "continuation-token",
    "max-keys",
    "encoding-type",
    "fetch-owner",
];
/// The most that one page holds.
const PAGE: usize = 1000;

/// What both versions ask.
struct Question<'a> {
    prefix: &'a str,
    delimiter: Option<&'a str>,
    /// Only what sorts after this.
    after: String,
    page: usize,
    /// Whether keys are to be percent-encoded, because XML can't hold every character.
    encoded: bool,
}

/// A page of a listing.
struct Page<'a> {
    objects: Vec<(&'a str, &'a Object)>,
    prefixes: Vec<String>,
    /// The last key or prefix on the page, if more follow.
    next: Option<String>,
}

impl<'a> Question<'a> {
    fn read(incoming: &'a Incoming, after: String) -> Result<Self, Failure> {
        let asked = incoming.param("max-keys").map_or(Ok(PAGE), str::parse);
        let asked = asked.map_err(|_| {
            Failure::bad(
                "InvalidArgument",
                "Provided max-keys not an integer or within integer range",
            )
        })?;
        let encoded = match incoming.param("encoding-type") {
            None => false,
            Some("url") => true,
            Some(_) => {
                return Err(Failure::bad(
                    "InvalidArgument",
                    "Invalid Encoding Method specified in Request",
                ));
            }
        };
        Ok(Self {
            prefix: incoming.param("prefix").unwrap_or_default(),
            delimiter: incoming.param("delimiter").filter(|text| !text.is_empty()),
            after,
            page: asked.min(PAGE),
            encoded,
        })
    }

    fn answer(&self, bucket: &'a Bucket) -> Page<'a> {
        let mut page = Page {
            objects: Vec::new(),
            prefixes: Vec::new(),
            next: None,
        };
        let mut last = String::new();
        let from = Bound::Excluded(self.after.as_str());
        for (key, object) in bucket.objects.range::<str, _>((from, Bound::Unbounded)) {
            let Some(rest) = key.strip_prefix(self.prefix) else {
                continue;
            };
            let common = self.delimiter.and_then(|delimiter| {
                let end = rest.find(delimiter)? + delimiter.len();
                Some(format!("{}{}", self.prefix, rest.get(..end)?))
            });
            // Seen on this page, or as the end of the one before.
            if common
                .as_ref()
                .is_some_and(|common| page.prefixes.last() == Some(common) || *common == self.after)
            {
                continue;
            }
            if page.objects.len() + page.prefixes.len() == self.page {
                page.next = (self.page > 0).then_some(last);
                break;
            }
            match common {
                Some(common) => {
                    last.clone_from(&common);
                    page.prefixes.push(common);
                }
                None => {
                    last.clone_from(key);
                    page.objects.push((key, object));
                }
            }
        }
        page
    }

    fn shown(&self, key: &str) -> String {
        if self.encoded {
            encode_path(key)
        } else {
            key.to_owned()
        }
    }

    fn head(&self, name: &str, page: &Page<'_>) -> Vec<Field> {
        let mut head = vec![
            text("Name", name),
            text("Prefix", self.shown(self.prefix)),
            text("MaxKeys", self.page.to_string()),
            text("IsTruncated", page.next.is_some().to_string()),
        ];
        if let Some(delimiter) = self.delimiter {
            head.push(text("Delimiter", self.shown(delimiter)));
        }
        if self.encoded {
            head.push(text("EncodingType", "url"));
        }
        head
    }

    fn entries(&self, page: &Page<'_>) -> Vec<Field> {
        let objects = page.objects.iter().map(|(key, object)| {
            let mut entry = vec![
                text("Key", self.shown(key)),
                text("LastModified", iso8601(object.modified, true)),
                text("ETag", object.etag.as_str()),
                text("Size", object.body.len().to_string()),
                text("StorageClass", "STANDARD"),
            ];
            let algorithms = object.checksums.iter();
            entry.extend(algorithms.map(|(of, _)| text("ChecksumAlgorithm", of.name())));
            fields("Contents", entry)
        });
        let prefixes = page
            .prefixes
            .iter()
            .map(|prefix| fields("CommonPrefixes", vec![text("Prefix", self.shown(prefix))]));
        objects.chain(prefixes).collect()
    }
}

pub(super) fn version_1(
    bucket: &Bucket,
    name: &str,
    incoming: &Incoming,
) -> Result<Response<Body>, Failure> {
    let marker = incoming.param("marker").unwrap_or_default();
    let question = Question::read(incoming, marker.to_owned())?;
    let page = question.answer(bucket);
    let mut body = question.head(name, &page);
    body.push(text("Marker", question.shown(marker)));
    // Without a delimiter the last key serves as the next marker, and S3 doesn't repeat it.
    if let (Some(next), Some(_)) = (&page.next, question.delimiter) {
        body.push(text("NextMarker", question.shown(next)));
    }
    body.extend(question.entries(&page));
    Ok(document(&fields("ListBucketResult", body)))
}

pub(super) fn version_2(
    bucket: &Bucket,
    name: &str,
    incoming: &Incoming,
) -> Result<Response<Body>, Failure> {
    let start_after = incoming.param("start-after").unwrap_or_default();
    let token = incoming.param("continuation-token");
    let after = match token {
        None => start_after.to_owned(),
        Some(token) => read_token(token)?,
    };
    let question = Question::read(incoming, after)?;
    let page = question.answer(bucket);
    let mut body = question.head(name, &page);
    let count = page.objects.len() + page.prefixes.len();
    body.push(text("KeyCount", count.to_string()));
    if let Some(token) = token {
        body.push(text("ContinuationToken", token));
    }
    if let Some(next) = &page.next {
        body.push(text("NextContinuationToken", URL_SAFE.encode(next)));
    }
    if !start_after.is_empty() {
        body.push(text("StartAfter", question.shown(start_after)));
    }
    body.extend(question.entries(&page));
    Ok(document(&fields("ListBucketResult", body)))
}

fn read_token(token: &str) -> Result<String, Failure> {
    let bytes = URL_SAFE.decode(token).ok();
    let key = bytes.and_then(|bytes| String::from_utf8(bytes).ok());
    key.ok_or_else(|| {
        Failure::bad(
            "InvalidArgument",
            "The continuation token provided is incorrect",
        )
    })
}
