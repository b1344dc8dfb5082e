//! The body of an upload: unwrapped from `aws-chunked`, held to its signatures and checksums.
//!
//! <https://docs.aws.amazon.com/AmazonS3/latest/API/sigv4-streaming-trailers.html>

use axum::http::header::CONTENT_ENCODING;
use axum::http::{HeaderMap, StatusCode};
use bytes::Bytes;

use super::super::failure::Failure;
use super::super::sigv4::Seed;
use super::super::world::Call;
use super::checksum::{Algorithm, content_md5};

/// An upload that is what its sender said.
pub(super) struct Upload {
    pub(super) body: Bytes,
    pub(super) checksums: Vec<(Algorithm, String)>,
    /// `Content-Encoding` without the wrapping.
    pub(super) encoding: Option<String>,
}

/// How a chunked body is signed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Chunking {
    chunks_signed: bool,
    trailer: bool,
}

/// A chunked body, unwrapped.
struct Unwrapped {
    body: Vec<u8>,
    trailers: Vec<(String, String)>,
}

/// Reads and verifies an upload.
pub(super) fn read(call: &Call<'_>) -> Result<Upload, Failure> {
    let headers = &call.incoming.headers;
    let (body, trailers) = match chunking(call)? {
        None => (call.incoming.body.clone(), Vec::new()),
        Some(chunking) => {
            let Unwrapped { body, trailers } = unwrap(&call.incoming.body, chunking, call.seed)?;
            check_length(call, body.len())?;
            (Bytes::from(body), trailers)
        }
    };
    if let Some(stated) = call.incoming.header("content-md5")
        && stated != content_md5(&body)
    {
        return Err(bad_digest("Content-MD5"));
    }
    let checksums = verified_checksums(call, &trailers, &body)?;
    Ok(Upload {
        body,
        checksums,
        encoding: content_encoding(headers),
    })
}

fn chunking(call: &Call<'_>) -> Result<Option<Chunking>, Failure> {
    let stated = call.incoming.header("x-amz-content-sha256");
    let stated = stated.unwrap_or_default();
    let (chunks_signed, trailer) = match stated.as_str() {
        "STREAMING-UNSIGNED-PAYLOAD-TRAILER" => (false, true),
        "STREAMING-AWS4-HMAC-SHA256-PAYLOAD" => (true, false),
        "STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER" => (true, true),
        other if other.starts_with("STREAMING-") => return Err(Failure::not_implemented(other)),
        _ => return Ok(None),
    };
    Ok(Some(Chunking {
        chunks_signed,
        trailer,
    }))
}

fn check_length(call: &Call<'_>, length: usize) -> Result<(), Failure> {
    let stated = call.incoming.header("x-amz-decoded-content-length");
    let stated = stated.ok_or_else(|| {
        Failure::new(
            StatusCode::LENGTH_REQUIRED,
            "MissingContentLength",
            "You must provide the Content-Length HTTP header.",
        )
    })?;
    if stated.parse() == Ok(length) {
        Ok(())
    } else {
        Err(incomplete())
    }
}

/// `SIZE[;chunk-signature=…]\r\nDATA\r\n` … `0[;…]\r\n` `trailer:value\r\n` … `\r\n`.
fn unwrap(wire: &[u8], chunking: Chunking, seed: &Seed) -> Result<Unwrapped, Failure> {
    let mut rest = wire;
    let mut body = Vec::new();
    let mut previous = seed.signature.clone();
    loop {
        let head = take_line(&mut rest)?;
        let (size, extension) = head.split_once(';').unwrap_or((head, ""));
        let size = usize::from_str_radix(size.trim(), 16).map_err(|_| incomplete())?;
        let (data, after) = rest.split_at_checked(size).ok_or_else(incomplete)?;
        rest = after;
        if chunking.chunks_signed {
            let stated = extension.strip_prefix("chunk-signature=");
            let expected = seed.of_chunk(&previous, data);
            if stated != Some(expected.as_str()) {
                return Err(mismatch());
            }
            previous = expected;
        }
        if size == 0 {
            break;
        }
        body.extend_from_slice(data);
        rest = rest.strip_prefix(b"\r\n").ok_or_else(incomplete)?;
    }
    let trailers = read_trailers(rest, chunking, seed, &previous)?;
    Ok(Unwrapped { body, trailers })
}

fn read_trailers(
    mut rest: &[u8],
    chunking: Chunking,
    seed: &Seed,
    previous: &str,
) -> Result<Vec<(String, String)>, Failure> {
    let mut trailers = Vec::new();
    let mut signature = None;
    while !rest.is_empty() {
        let line = take_line(&mut rest)?;
        let Some((name, value)) = line.split_once(':') else {
            continue;
        };
        let (name, value) = (name.trim().to_ascii_lowercase(), value.trim().to_owned());
        if name == "x-amz-trailer-signature" {
            signature = Some(value);
        } else {
            trailers.push((name, value));
        }
    }
    if chunking.chunks_signed && chunking.trailer {
        let signed: String = trailers
            .iter()
            .map(|(name, value)| format!("{name}:{value}\n"))
            .collect();
        if signature != Some(seed.of_trailer(previous, &signed)) {
            return Err(mismatch());
        }
    }
    Ok(trailers)
}

fn take_line<'a>(rest: &mut &'a [u8]) -> Result<&'a str, Failure> {
    let end = rest.windows(2).position(|pair| pair == b"\r\n");
    let (line, after) = rest.split_at(end.ok_or_else(incomplete)?);
    *rest = after.get(2..).unwrap_or_default();
    std::str::from_utf8(line).map_err(|_| incomplete())
}

/// All checksums stated in headers and announced trailers, each held against the body.
fn verified_checksums(
    call: &Call<'_>,
    trailers: &[(String, String)],
    body: &[u8],
) -> Result<Vec<(Algorithm, String)>, Failure> {
    let announced = call.incoming.header("x-amz-trailer").unwrap_or_default();
    for name in announced
        .split(',')
        .map(str::trim)
        .filter(|name| !name.is_empty())
    {
        if !trailers.iter().any(|(sent, _)| sent == name) {
            return Err(Failure::bad(
                "MalformedTrailerError",
                "The request contained trailing data that was not well-formed or did not conform to our published schema.",
            ));
        }
    }
    if call.incoming.header("x-amz-checksum-sha1").is_some() || announced.ends_with("sha1") {
        return Err(Failure::not_implemented("x-amz-checksum-sha1"));
    }
    let mut verified = Vec::new();
    for algorithm in Algorithm::ALL {
        let name = algorithm.header();
        let trailing = trailers.iter().find(|(sent, _)| sent == name);
        let trailing = trailing.map(|(_, value)| value.clone());
        let Some(stated) = call.incoming.header(name).or(trailing) else {
            continue;
        };
        if stated != algorithm.of(body) {
            return Err(bad_digest(algorithm.name()));
        }
        verified.push((algorithm, stated));
    }
    Ok(verified)
}

fn content_encoding(headers: &HeaderMap) -> Option<String> {
    let stated = headers.get(CONTENT_ENCODING)?.to_str().ok()?;
    let kept: Vec<&str> = stated
        .split(',')
        .map(str::trim)
        .filter(|coding| !coding.is_empty() && *coding != "aws-chunked")
        .collect();
    (!kept.is_empty()).then(|| kept.join(","))
}

fn bad_digest(what: &str) -> Failure {
    let why = format!("The {what} you specified did not match the calculated checksum.");
    Failure::bad("BadDigest", why)
}

fn incomplete() -> Failure {
    Failure::bad("IncompleteBody", "The request body terminated unexpectedly")
}

fn mismatch() -> Failure {
    Failure::forbidden(
        "SignatureDoesNotMatch",
        "The request signature we calculated does not match the signature you provided. Check your key and signing method.",
    )
}
