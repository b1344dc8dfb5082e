//! Requests to registries: where they go, how they are let in, and how much of an answer is read.
//!
//! The bearer flow is the one of the distribution project
//! (<https://distribution.github.io/distribution/spec/auth/token/>): ask, be told where tokens are
//! given, fetch one with the host's credentials, ask again. A token is fetched anew for each image
//! looked at; credentials only ever go to the host that they are for and to the realm it names
//! over the same or better transport.

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::sync::PoisonError;

use oci_client::Reference;
use oci_client::manifest::{
    IMAGE_MANIFEST_LIST_MEDIA_TYPE, IMAGE_MANIFEST_MEDIA_TYPE, OCI_IMAGE_INDEX_MEDIA_TYPE,
    OCI_IMAGE_MEDIA_TYPE,
};
use reqwest::header::{ACCEPT, AUTHORIZATION, HeaderMap, HeaderValue, WWW_AUTHENTICATE};
use reqwest::{Response, StatusCode};
use secrecy::{ExposeSecret as _, SecretString};
use serde::Deserialize;
use sha2::{Digest as _, Sha256};
use slipway_core::ports::{PortErrorKind, PortResult};
use url::Url;

use super::error::Call;
use super::{RegistryHost, RegistrySettings};

/// The longest manifest read; the distribution project's own limit.
const LONGEST_MANIFEST: usize = 4 * 1024 * 1024;
/// The longest configuration read.
const LONGEST_CONFIG: usize = 8 * 1024 * 1024;
/// The longest answer of a token server, or error, read.
const LONGEST_TOKEN: usize = 256 * 1024;

/// A manifest as it was sent, and its digest.
#[derive(Debug)]
pub(super) struct Document {
    pub(super) bytes: Vec<u8>,
    pub(super) digest: String,
}

/// The way to all registries.
#[derive(Debug)]
pub(super) struct Door {
    client: reqwest::Client,
    hosts: BTreeMap<String, RegistryHost>,
    /// The `Authorization` that let the bot in last, by host and repository. Only a cache.
    passes: Mutex<BTreeMap<(String, String), SecretString>>,
}

/// What a registry asks for.
enum Challenge {
    Basic,
    Bearer {
        realm: Url,
        service: Option<String>,
        scope: Option<String>,
    },
}

#[derive(Deserialize)]
struct TokenAnswer {
    token: Option<String>,
    access_token: Option<String>,
}

impl Door {
    pub(super) fn new(settings: RegistrySettings) -> PortResult<Self> {
        let client = reqwest::Client::builder()
            .timeout(settings.timeout)
            .connect_timeout(settings.timeout)
            .user_agent(concat!("slipway/", env!("CARGO_PKG_VERSION")))
            .retry(reqwest::retry::never())
            .build()
            .map_err(|error| {
                Call::new("preparing to reach it".to_owned())
                    .error(error.to_string(), PortErrorKind::Invalid)
            })?;
        Ok(Self {
            client,
            hosts: settings.hosts,
            passes: Mutex::default(),
        })
    }

    /// A manifest or index, checked against its digest; `None` if there is none.
    pub(super) async fn manifest(
        &self,
        call: &Call,
        reference: &Reference,
    ) -> PortResult<Option<Document>> {
        let name = reference.digest().or(reference.tag()).unwrap_or("latest");
        let accept = [
            OCI_IMAGE_INDEX_MEDIA_TYPE,
            OCI_IMAGE_MEDIA_TYPE,
            IMAGE_MANIFEST_LIST_MEDIA_TYPE,
            IMAGE_MANIFEST_MEDIA_TYPE,
        ];
        let answer = self
            .get(
                call,
                reference,
                &format!("manifests/{name}"),
                &accept.join(", "),
            )
            .await?;
        if answer.status() == StatusCode::NOT_FOUND {
            return Ok(None);
        }
        let answer = self.expect_ok(call, reference, answer).await?;
        let bytes = body(call, answer, LONGEST_MANIFEST).await?;
        let digest = digest_of(&bytes);
        if let Some(wanted) = reference.digest()
            && wanted != digest
        {
            return Err(call.error(
                format!("it sent another manifest, {digest}"),
                PortErrorKind::Invalid,
            ));
        }
        Ok(Some(Document { bytes, digest }))
    }

    /// A blob, checked against its digest.
    pub(super) async fn blob(
        &self,
        call: &Call,
        reference: &Reference,
        digest: &str,
    ) -> PortResult<Vec<u8>> {
        let answer = self
            .get(call, reference, &format!("blobs/{digest}"), "*/*")
            .await?;
        let answer = self.expect_ok(call, reference, answer).await?;
        let bytes = body(call, answer, LONGEST_CONFIG).await?;
        let sent = digest_of(&bytes);
        if sent != digest {
            let said = format!("it sent {sent} instead of the configuration {digest}");
            return Err(call.error(said, PortErrorKind::Invalid));
        }
        Ok(bytes)
    }

    async fn expect_ok(
        &self,
        call: &Call,
        reference: &Reference,
        answer: Response,
    ) -> PortResult<Response> {
        if answer.status() == StatusCode::OK {
            return Ok(answer);
        }
        Err(refusal(call, reference.registry(), answer).await)
    }

    /// One GET, let in if need be.
    async fn get(
        &self,
        call: &Call,
        reference: &Reference,
        what: &str,
        accept: &str,
    ) -> PortResult<Response> {
        let url = self.url(call, reference, what)?;
        let key = (
            reference.registry().to_owned(),
            reference.repository().to_owned(),
        );
        let pass = self.passes().get(&key).cloned();
        let answer = self.send(call, &url, accept, pass.as_ref()).await?;
        if answer.status() != StatusCode::UNAUTHORIZED {
            return Ok(answer);
        }
        self.passes().remove(&key);
        let Some(challenge) = challenge(&url, answer.headers()) else {
            return Ok(answer);
        };
        let Some(pass) = self.pass(call, reference, &challenge).await? else {
            return Ok(answer);
        };
        self.passes().insert(key, pass.clone());
        self.send(call, &url, accept, Some(&pass)).await
    }

    fn passes(&self) -> std::sync::MutexGuard<'_, BTreeMap<(String, String), SecretString>> {
        self.passes.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn send(
        &self,
        call: &Call,
        url: &Url,
        accept: &str,
        pass: Option<&SecretString>,
    ) -> PortResult<Response> {
        let mut request = self.client.get(url.clone()).header(ACCEPT, accept);
        if let Some(pass) = pass {
            let mut value = HeaderValue::from_str(pass.expose_secret())
                .map_err(|_| call.error("its token is no header", PortErrorKind::Invalid))?;
            value.set_sensitive(true);
            request = request.header(AUTHORIZATION, value);
        }
        request
            .send()
            .await
            .map_err(|error| call.unreachable(&error))
    }

    fn url(&self, call: &Call, reference: &Reference, what: &str) -> PortResult<Url> {
        let host = reference.resolve_registry();
        let endpoint = self
            .hosts
            .get(reference.registry())
            .and_then(|host| host.endpoint.as_ref());
        let base = match endpoint {
            Some(endpoint) => endpoint.as_str().trim_end_matches('/').to_owned(),
            None => format!("https://{host}"),
        };
        let url = format!("{base}/v2/{}/{what}", reference.repository());
        Url::parse(&url).map_err(|error| {
            call.error(
                format!("{url} is not a URL: {error}"),
                PortErrorKind::Invalid,
            )
        })
    }

    /// What answers a challenge: the host's own credentials, or a token bought with them. `None`
    /// if there is nothing to answer with.
    async fn pass(
        &self,
        call: &Call,
        reference: &Reference,
        challenge: &Challenge,
    ) -> PortResult<Option<SecretString>> {
        let known = self.hosts.get(reference.registry());
        let login = known.and_then(|host| Some((host.username.as_ref()?, host.password.as_ref()?)));
        let (realm, service, scope) = match challenge {
            Challenge::Basic => return Ok(login.map(|(user, password)| basic(user, password))),
            Challenge::Bearer {
                realm,
                service,
                scope,
            } => (realm, service, scope),
        };
        let mut url = realm.clone();
        {
            let pull = format!("repository:{}:pull", reference.repository());
            let mut query = url.query_pairs_mut();
            query.append_pair("scope", scope.as_deref().unwrap_or(&pull));
            if let Some(service) = service {
                query.append_pair("service", service);
            }
        }
        let login = login.map(|(user, password)| basic(user, password));
        let answer = self
            .send(call, &url, "application/json", login.as_ref())
            .await?;
        if answer.status() != StatusCode::OK {
            return Err(refusal(call, reference.registry(), answer).await);
        }
        let bytes = body(call, answer, LONGEST_TOKEN).await?;
        let token = serde_json::from_slice::<TokenAnswer>(&bytes).ok();
        let token = token.and_then(|answer| answer.token.or(answer.access_token));
        let token = token
            .filter(|token| !token.is_empty())
            .ok_or_else(|| call.error("its token server gave no token", PortErrorKind::Invalid))?;
        Ok(Some(format!("Bearer {token}").into()))
    }
}

fn basic(user: &str, password: &SecretString) -> SecretString {
    use base64::Engine as _;
    let pair = format!("{user}:{}", password.expose_secret());
    format!(
        "Basic {}",
        base64::engine::general_purpose::STANDARD.encode(pair)
    )
    .into()
}

/// The first challenge that can be answered. A realm that would carry credentials over plain http
/// where the registry itself is reached by https is not followed.
fn challenge(asked: &Url, headers: &HeaderMap) -> Option<Challenge> {
    let values = headers
        .get_all(WWW_AUTHENTICATE)
        .iter()
        .filter_map(|value| value.to_str().ok());
    values
        .flat_map(|value| http_auth::parser::ChallengeParser::new(value).filter_map(Result::ok))
        .find_map(|challenge| {
            if challenge.scheme.eq_ignore_ascii_case("basic") {
                return Some(Challenge::Basic);
            }
            if !challenge.scheme.eq_ignore_ascii_case("bearer") {
                return None;
            }
            let param = |name: &str| {
                let found = challenge
                    .params
                    .iter()
                    .find(|(key, _)| key.eq_ignore_ascii_case(name));
                found.map(|(_, value)| value.to_unescaped())
            };
            let realm = asked.join(&param("realm")?).ok()?;
            let safe = realm.scheme() == "https" || asked.scheme() == "http";
            safe.then(|| Challenge::Bearer {
                realm,
                service: param("service"),
                scope: param("scope"),
            })
        })
}

async fn refusal(call: &Call, host: &str, answer: Response) -> slipway_core::ports::PortError {
    let status = answer.status();
    let headers = answer.headers().clone();
    // The words are a courtesy: an answer that breaks off still has its status.
    let bytes = body(call, answer, LONGEST_TOKEN).await.unwrap_or_default();
    call.refused(host, status, &headers, &bytes)
}

/// Reads a body, up to a limit.
async fn body(call: &Call, mut answer: Response, limit: usize) -> PortResult<Vec<u8>> {
    let mut bytes = Vec::new();
    while let Some(chunk) = answer
        .chunk()
        .await
        .map_err(|error| call.unreachable(&error))?
    {
        if bytes.len() + chunk.len() > limit {
            let said = format!("the answer is longer than {limit} bytes");
            return Err(call.error(said, PortErrorKind::Invalid));
        }
        bytes.extend_from_slice(&chunk);
    }
    Ok(bytes)
}

fn digest_of(bytes: &[u8]) -> String {
    format!("sha256:{}", hex::encode(Sha256::digest(bytes)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn challenged(asked: &str, value: &str) -> Option<Challenge> {
        let mut headers = HeaderMap::new();
        headers.insert(WWW_AUTHENTICATE, value.parse().unwrap());
        challenge(&Url::parse(asked).unwrap(), &headers)
    }

    #[test]
    fn a_bearer_challenge_names_its_token_server() {
        let value = r#"Bearer realm="https://ghcr.io/token",service="ghcr.io",scope="repository:acme/shop:pull""#;
        let Some(Challenge::Bearer {
            realm,
            service,
            scope,
        }) = challenged("https://ghcr.io/v2/", value)
        else {
            panic!("no bearer challenge");
        };
        assert_eq!(realm.as_str(), "https://ghcr.io/token");
        assert_eq!(service.as_deref(), Some("ghcr.io"));
        assert_eq!(scope.as_deref(), Some("repository:acme/shop:pull"));
    }

    #[test]
    fn credentials_are_not_sent_in_the_clear() {
        let value = r#"Bearer realm="http://elsewhere.example/token""#;
        assert!(challenged("https://ghcr.io/v2/", value).is_none());
        assert!(challenged("http://127.0.0.1:5000/v2/", value).is_some());
    }

    #[test]
    fn other_schemes_are_passed_over() {
        assert!(challenged("https://a.example/", "Negotiate").is_none());
        let value = r#"Basic realm="registry""#;
        assert!(matches!(
            challenged("https://a.example/", value),
            Some(Challenge::Basic)
        ));
    }
}
