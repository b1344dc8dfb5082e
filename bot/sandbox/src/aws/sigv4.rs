//! Signature Version 4, the verifying side.
//!
//! Reads the claim that a request makes (who signed what, when, for which service) from its
//! `Authorization` header or its presigned query, and recomputes the signature from the bytes
//! received. It knows no identities: whose secret a key id means is asked of the world by
//! `authenticate`. Rules:
//! <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html>.
//!
//! Requests are dated by `X-Amz-Date` alone, which every SDK sends; a bare `Date` is refused.

use axum::http::HeaderName;
use hmac::{Hmac, KeyInit, Mac};
use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};
use sha2::{Digest, Sha256};

use super::request::{Incoming, encode, encode_path};

const ALGORITHM: &str = "AWS4-HMAC-SHA256";
/// How far a request's date may be from the service's clock.
const SKEW: SignedDuration = SignedDuration::from_mins(15);
/// The longest life that a presigned request may ask for: seven days.
const LONGEST_LIFE: i64 = 7 * 24 * 60 * 60;
/// The payload "hash" of a request whose body isn't signed.
pub(super) const UNSIGNED: &str = "UNSIGNED-PAYLOAD";

/// Why a request is not believed. The services name these differently; see `failure`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum AuthError {
    /// Nothing is signed at all.
    Missing,
    /// The signature's parts are not all there or make no sense.
    Malformed(String),
    /// No such access key.
    UnknownKey,
    /// The session token is missing, not this key's, or there should be none.
    WrongToken,
    /// The temporary credentials have ended.
    ExpiredToken,
    /// The request's date is too far from the service's clock; the text says which way.
    Skewed(String),
    /// A presigned request is past its life.
    PresignExpired,
    /// The signature is not the one that this secret makes of this request.
    Mismatch,
    /// A header that must be signed is not.
    UnsignedHeader(String),
    /// S3: `x-amz-content-sha256` is missing.
    NoPayloadHash,
    /// S3: the body is not the one whose hash was signed.
    WrongPayload,
}

/// Where the signature stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Form {
    Header,
    /// In the query, good for so many seconds.
    Presigned(i64),
}

/// What a request says of its own signature.
#[derive(Clone, Debug)]
pub(super) struct Claim {
    pub(super) access_key_id: String,
    pub(super) token: Option<String>,
    pub(super) region: String,
    pub(super) service: String,
    form: Form,
    date: String,
    at: Timestamp,
    signed_headers: Vec<String>,
    signature: String,
}

/// A verified signature, and what is needed to verify those of the chunks that follow from it.
#[derive(Clone, Debug)]
pub(super) struct Seed {
    key: [u8; 32],
    date: String,
    scope: String,
    pub(super) signature: String,
}

impl Claim {
    /// Reads the claim; checks its shape only.
    pub(super) fn read(incoming: &Incoming) -> Result<Self, AuthError> {
        if incoming.param("X-Amz-Algorithm").is_some() {
            return Self::read_query(incoming);
        }
        match incoming.header("authorization") {
            Some(header) => Self::read_header(incoming, &header),
            None => Err(AuthError::Missing),
        }
    }

    fn read_header(incoming: &Incoming, header: &str) -> Result<Self, AuthError> {
        let parts = header
            .strip_prefix(ALGORITHM)
            .ok_or_else(|| malformed("Unsupported AWS 'algorithm'"))?;
        let part = |name: &str| {
            let found = parts.split(',').find_map(|part| {
                let (key, value) = part.trim().split_once('=')?;
                (key == name).then_some(value)
            });
            found.ok_or_else(|| {
                AuthError::Malformed(format!("Authorization header requires '{name}' parameter."))
            })
        };
        let date = incoming.header("x-amz-date").ok_or_else(|| {
            malformed("Authorization header requires existence of either a 'X-Amz-Date' or a 'Date' header.")
        })?;
        Self::assemble(
            Form::Header,
            part("Credential")?,
            date,
            part("SignedHeaders")?,
            part("Signature")?,
            incoming.header("x-amz-security-token"),
        )
    }

    fn read_query(incoming: &Incoming) -> Result<Self, AuthError> {
        let part = |name: &str| {
            let missing = || {
                AuthError::Malformed(format!(
                    "AWS query-string parameters must include '{name}'."
                ))
            };
            incoming.param(name).ok_or_else(missing)
        };
        if part("X-Amz-Algorithm")? != ALGORITHM {
            return Err(malformed("Unsupported AWS 'algorithm'"));
        }
        let life = part("X-Amz-Expires")?.parse::<i64>().ok();
        let life = life.filter(|seconds| (1..=LONGEST_LIFE).contains(seconds));
        let life = life.ok_or_else(|| {
            malformed("X-Amz-Expires must be a number between 1 and 604800 seconds")
        })?;
        Self::assemble(
            Form::Presigned(life),
            part("X-Amz-Credential")?,
            part("X-Amz-Date")?.to_owned(),
            part("X-Amz-SignedHeaders")?,
            part("X-Amz-Signature")?,
            incoming.param("X-Amz-Security-Token").map(str::to_owned),
        )
    }

    fn assemble(
        form: Form,
        credential: &str,
        date: String,
        signed_headers: &str,
        signature: &str,
        token: Option<String>,
    ) -> Result<Self, AuthError> {
        let parts: Vec<&str> = credential.split('/').collect();
        let [access_key_id, day, region, service, "aws4_request"] = parts[..] else {
            return Err(malformed(
                "Credential must have exactly 5 slash-delimited elements and end with 'aws4_request'",
            ));
        };
        let at = read_date(&date).ok_or_else(|| {
            malformed("Date must be in ISO-8601 'basic format'. See http://en.wikipedia.org/wiki/ISO_8601")
        })?;
        if !date.starts_with(day) || day.len() != 8 {
            return Err(malformed(
                "Date in Credential scope does not match YYYYMMDD from ISO-8601 version of date from HTTP",
            ));
        }
        let signed_headers: Vec<String> = signed_headers.split(';').map(str::to_owned).collect();
        if !signed_headers.iter().any(|name| name == "host") {
            return Err(malformed(
                "'Host' or ':authority' must be a 'SignedHeader' in the AWS Authorization.",
            ));
        }
        Ok(Self {
            access_key_id: access_key_id.to_owned(),
            token,
            region: region.to_owned(),
            service: service.to_owned(),
            form,
            at,
            date,
            signed_headers,
            signature: signature.to_owned(),
        })
    }

    /// Checks the request's date against the service's clock.
    pub(super) fn check_time(&self, now: Timestamp) -> Result<(), AuthError> {
        let age = now.duration_since(self.at);
        let [date, now] = [self.at, now].map(|at| at.strftime("%Y%m%dT%H%M%SZ").to_string());
        if age < -SKEW {
            return Err(AuthError::Skewed(format!(
                "Signature not yet current: {date} is still later than {now} + 15 min."
            )));
        }
        match self.form {
            // STS's presigned requests are good for 15 minutes whatever they ask for, which is
            // what makes EKS tokens of 60 seconds work:
            // https://github.com/kubernetes-sigs/aws-iam-authenticator (pkg/token/token.go).
            Form::Presigned(seconds) if self.service != "sts" => {
                if age > SignedDuration::from_secs(seconds) {
                    return Err(AuthError::PresignExpired);
                }
            }
            Form::Header | Form::Presigned(_) => {
                if age > SKEW {
                    return Err(AuthError::Skewed(format!(
                        "Signature expired: {date} is now earlier than {now} - 15 min."
                    )));
                }
            }
        }
        Ok(())
    }

    /// Checks that `secret` makes this signature of this request, body included.
    pub(super) fn check_signature(
        &self,
        incoming: &Incoming,
        secret: &str,
    ) -> Result<Seed, AuthError> {
        if self.service == "s3" {
            self.check_signed_headers(incoming)?;
        }
        let canonical = self.canonical_request(incoming)?;
        let day = self.date.get(..8).unwrap_or_default();
        let scope = format!("{day}/{}/{}/aws4_request", self.region, self.service);
        let to_sign = format!(
            "{ALGORITHM}\n{}\n{scope}\n{}",
            self.date,
            sha256_hex(canonical.as_bytes())
        );
        let key = signing_key(secret, day, &self.region, &self.service);
        let signature = hex::encode(hmac_sha256(&key, to_sign.as_bytes()));
        if signature != self.signature {
            return Err(AuthError::Mismatch);
        }
        Ok(Seed {
            key,
            date: self.date.clone(),
            scope,
            signature,
        })
    }

    /// S3 refuses `x-amz-*` headers that the signature doesn't cover.
    fn check_signed_headers(&self, incoming: &Incoming) -> Result<(), AuthError> {
        let mut names = incoming.headers.keys().map(HeaderName::as_str);
        let unsigned = names.find(|name| name.starts_with("x-amz-") && !self.signs(name));
        match unsigned {
            Some(name) => Err(AuthError::UnsignedHeader(name.to_owned())),
            None => Ok(()),
        }
    }

    fn signs(&self, header: &str) -> bool {
        self.signed_headers.iter().any(|name| name == header)
    }

    fn canonical_request(&self, incoming: &Incoming) -> Result<String, AuthError> {
        let mut headers = String::new();
        for name in &self.signed_headers {
            // A header that was signed but didn't arrive can't give the same signature.
            let value = incoming.header(name).ok_or(AuthError::Mismatch)?;
            headers.push_str(&format!("{name}:{value}\n"));
        }
        let path = if self.service == "s3" {
            encode_path(&incoming.decoded_path())
        } else {
            encode_path(&normalized(&incoming.path))
        };
        Ok(format!(
            "{}\n{path}\n{}\n{headers}\n{}\n{}",
            incoming.method,
            self.canonical_query(incoming),
            self.signed_headers.join(";"),
            self.payload_hash(incoming)?
        ))
    }

    fn canonical_query(&self, incoming: &Incoming) -> String {
        let signed = incoming.query.iter().filter(|(name, _)| {
            !(matches!(self.form, Form::Presigned(_)) && name == "X-Amz-Signature")
        });
        let mut pairs: Vec<(String, String)> = signed
            .map(|(name, value)| (encode(name), encode(value)))
            .collect();
        pairs.sort();
        let pairs: Vec<String> = pairs
            .into_iter()
            .map(|(name, value)| format!("{name}={value}"))
            .collect();
        pairs.join("&")
    }

    /// What the canonical request ends with. S3 takes the sender's word and holds the body to it;
    /// the others hash what arrived.
    fn payload_hash(&self, incoming: &Incoming) -> Result<String, AuthError> {
        if self.service != "s3" {
            return Ok(sha256_hex(&incoming.body));
        }
        let stated = incoming.header("x-amz-content-sha256");
        let stated = match (stated, self.form) {
            (Some(stated), _) => stated,
            (None, Form::Presigned(_)) => incoming
                .param("X-Amz-Content-Sha256")
                .unwrap_or(UNSIGNED)
                .to_owned(),
            (None, Form::Header) => return Err(AuthError::NoPayloadHash),
        };
        let unhashed = stated == UNSIGNED || stated.starts_with("STREAMING-");
        if !unhashed && stated != sha256_hex(&incoming.body) {
            return Err(AuthError::WrongPayload);
        }
        Ok(stated)
    }
}

impl Seed {
    /// The signature of the next chunk after one signed `previous`:
    /// <https://docs.aws.amazon.com/AmazonS3/latest/API/sigv4-streaming.html>.
    pub(super) fn of_chunk(&self, previous: &str, chunk: &[u8]) -> String {
        let hashes = format!("{}\n{}", sha256_hex(b""), sha256_hex(chunk));
        self.follow("AWS4-HMAC-SHA256-PAYLOAD", previous, &hashes)
    }

    /// The signature of the trailing headers (`name:value\n` each).
    pub(super) fn of_trailer(&self, previous: &str, trailer: &str) -> String {
        let hash = sha256_hex(trailer.as_bytes());
        self.follow("AWS4-HMAC-SHA256-TRAILER", previous, &hash)
    }

    fn follow(&self, algorithm: &str, previous: &str, hashes: &str) -> String {
        let to_sign = format!(
            "{algorithm}\n{}\n{}\n{previous}\n{hashes}",
            self.date, self.scope
        );
        hex::encode(hmac_sha256(&self.key, to_sign.as_bytes()))
    }
}

fn malformed(why: &str) -> AuthError {
    AuthError::Malformed(why.to_owned())
}

fn read_date(date: &str) -> Option<Timestamp> {
    let civil = DateTime::strptime("%Y%m%dT%H%M%SZ", date).ok()?;
    TimeZone::UTC.to_timestamp(civil).ok()
}

/// RFC 3986's removal of dot segments, and of empty ones: all services but S3 sign that path.
fn normalized(path: &str) -> String {
    let mut kept: Vec<&str> = Vec::new();
    for segment in path.split('/') {
        match segment {
            "" | "." => {}
            ".." => {
                kept.pop();
            }
            other => kept.push(other),
        }
    }
    let directory = path.ends_with('/') && !kept.is_empty();
    format!("/{}{}", kept.join("/"), if directory { "/" } else { "" })
}

fn signing_key(secret: &str, day: &str, region: &str, service: &str) -> [u8; 32] {
    let mut key = hmac_sha256(format!("AWS4{secret}").as_bytes(), day.as_bytes());
    for part in [region, service, "aws4_request"] {
        key = hmac_sha256(&key, part.as_bytes());
    }
    key
}

#[expect(clippy::expect_used, reason = "HMAC takes keys of any length")]
fn hmac_sha256(key: &[u8], message: &[u8]) -> [u8; 32] {
    let mut mac = Hmac::<Sha256>::new_from_slice(key).expect("a key of any length");
    mac.update(message);
    mac.finalize().into_bytes().into()
}

/// Lower-case hex, as signatures spell it.
pub(super) fn sha256_hex(bytes: &[u8]) -> String {
    hex::encode(Sha256::digest(bytes))
}
