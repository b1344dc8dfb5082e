//! A SigV4 signer written from AWS's description, sharing no code with the verifier: it works on
//! URLs and header lists, where the verifier works on what arrived.

use hmac::{Hmac, KeyInit, Mac};
use jiff::Timestamp;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use reqwest::Method;
use sha2::{Digest, Sha256};
use url::Url;

use super::super::Keys;

const UNRESERVED: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~');

/// Signs for one service in one region, at one time.
pub(super) struct Signer {
    pub(super) keys: Keys,
    pub(super) service: &'static str,
    pub(super) region: String,
    pub(super) at: Timestamp,
}

/// A request before its signature.
#[derive(Clone)]
pub(super) struct Unsigned {
    pub(super) method: Method,
    pub(super) url: Url,
    pub(super) headers: Vec<(String, String)>,
    pub(super) body: Vec<u8>,
    /// What S3 is told of the payload, if not its hash.
    pub(super) payload: Option<&'static str>,
}

impl Unsigned {
    pub(super) fn new(method: Method, url: Url) -> Self {
        Self {
            method,
            url,
            headers: Vec::new(),
            body: Vec::new(),
            payload: None,
        }
    }

    pub(super) fn header(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    pub(super) fn body(mut self, body: impl Into<Vec<u8>>) -> Self {
        self.body = body.into();
        self
    }

    pub(super) fn payload(mut self, stated: &'static str) -> Self {
        self.payload = Some(stated);
        self
    }

    /// The request as it stands, signed or not.
    pub(super) fn build(self) -> reqwest::Request {
        let mut request = reqwest::Request::new(self.method, self.url);
        for (name, value) in self.headers {
            let name = reqwest::header::HeaderName::from_bytes(name.as_bytes()).unwrap();
            request.headers_mut().append(name, value.parse().unwrap());
        }
        *request.body_mut() = Some(self.body.into());
        request
    }

    pub(super) async fn send(self) -> reqwest::Response {
        reqwest::Client::new().execute(self.build()).await.unwrap()
    }

    fn host(&self) -> String {
        let host = self.url.host_str().unwrap();
        match self.url.port() {
            Some(port) => format!("{host}:{port}"),
            None => host.to_owned(),
        }
    }
}

impl Signer {
    /// Signs in the `Authorization` header and sends.
    pub(super) async fn send(&self, request: Unsigned) -> reqwest::Response {
        self.sign(request).send().await
    }

    /// Signs in the `Authorization` header.
    pub(super) fn sign(&self, mut request: Unsigned) -> Unsigned {
        let mut payload = hex::encode(Sha256::digest(&request.body));
        request = request.header("x-amz-date", &self.date());
        if let Some(token) = &self.keys.session_token {
            request = request.header("x-amz-security-token", token);
        }
        if self.service == "s3" {
            payload = request.payload.map_or(payload, str::to_owned);
            request = request.header("x-amz-content-sha256", &payload);
        }
        let (names, signature) = self.signature(&request, &payload);
        let authorization = format!(
            "AWS4-HMAC-SHA256 Credential={}/{}, SignedHeaders={names}, Signature={signature}",
            self.keys.access_key_id,
            self.scope()
        );
        request.header("authorization", &authorization)
    }

    /// Presigns; the request's headers are signed and have to be sent along.
    pub(super) fn presign(&self, mut request: Unsigned, seconds: u32) -> Url {
        let mut names: Vec<String> = request
            .headers
            .iter()
            .map(|(name, _)| name.to_lowercase())
            .collect();
        names.push("host".to_owned());
        names.sort();
        let credential = format!("{}/{}", self.keys.access_key_id, self.scope());
        let mut query = vec![
            ("X-Amz-Algorithm", "AWS4-HMAC-SHA256".to_owned()),
            ("X-Amz-Credential", credential),
            ("X-Amz-Date", self.date()),
            ("X-Amz-Expires", seconds.to_string()),
            ("X-Amz-SignedHeaders", names.join(";")),
        ];
        if let Some(token) = &self.keys.session_token {
            query.push(("X-Amz-Security-Token", token.clone()));
        }
        for (name, value) in query {
            append(&mut request.url, name, &value);
        }
        let payload = match self.service {
            "s3" => "UNSIGNED-PAYLOAD".to_owned(),
            _ => hex::encode(Sha256::digest(b"")),
        };
        let (_, signature) = self.signature(&request, &payload);
        append(&mut request.url, "X-Amz-Signature", &signature);
        request.url
    }

    /// The next link of an `aws-chunked` chain of signatures.
    pub(super) fn chunk_signature(&self, previous: &str, kind: &str, tail: &str) -> String {
        let text = format!(
            "AWS4-HMAC-SHA256-{kind}\n{}\n{}\n{previous}\n{tail}",
            self.date(),
            self.scope()
        );
        hex::encode(mac(&self.key(), &text))
    }

    fn signature(&self, request: &Unsigned, payload: &str) -> (String, String) {
        let mut headers: Vec<(String, String)> = request
            .headers
            .iter()
            .map(|(name, value)| (name.to_lowercase(), value.trim().to_owned()))
            .collect();
        headers.push(("host".to_owned(), request.host()));
        headers.sort();
        let names: Vec<&str> = headers.iter().map(|(name, _)| name.as_str()).collect();
        let names = names.join(";");
        let lines: String = headers.iter().map(|(n, v)| format!("{n}:{v}\n")).collect();
        let query = request.url.query().unwrap_or_default().split('&');
        let mut query: Vec<String> = query
            .filter(|part| !part.is_empty())
            .map(|part| {
                let end = if part.contains('=') { "" } else { "=" };
                format!("{part}{end}")
            })
            .collect();
        query.sort_unstable();
        // The URLs of these tests are encoded as S3 signs them; all others encode once more.
        let path = match self.service {
            "s3" => request.url.path().to_owned(),
            _ => request.url.path().replace('%', "%25"),
        };
        let canonical = format!(
            "{}\n{path}\n{}\n{lines}\n{names}\n{payload}",
            request.method,
            query.join("&")
        );
        let text = format!(
            "AWS4-HMAC-SHA256\n{}\n{}\n{}",
            self.date(),
            self.scope(),
            hex::encode(Sha256::digest(canonical))
        );
        (names, hex::encode(mac(&self.key(), &text)))
    }

    fn date(&self) -> String {
        self.at.strftime("%Y%m%dT%H%M%SZ").to_string()
    }

    fn scope(&self) -> String {
        let day = self.at.strftime("%Y%m%d");
        format!("{day}/{}/{}/aws4_request", self.region, self.service)
    }

    fn key(&self) -> Vec<u8> {
        let root = format!("AWS4{}", self.keys.secret_access_key).into_bytes();
        let scope = self.scope();
        scope.split('/').fold(root, |key, part| mac(&key, part))
    }
}

fn append(url: &mut Url, name: &str, value: &str) {
    let value = utf8_percent_encode(value, UNRESERVED);
    let query = match url.query() {
        Some(query) => format!("{query}&{name}={value}"),
        None => format!("{name}={value}"),
    };
    url.set_query(Some(&query));
}

fn mac(key: &[u8], text: &str) -> Vec<u8> {
    let mut mac = Hmac::<Sha256>::new_from_slice(key).unwrap();
    mac.update(text.as_bytes());
    mac.finalize().into_bytes().to_vec()
}
