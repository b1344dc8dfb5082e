//! The token that an EKS cluster takes: a presigned `GetCallerIdentity` that the cluster sends to
//! STS to learn who is there.
//!
//! The format is the one of aws-iam-authenticator
//! (<https://github.com/kubernetes-sigs/aws-iam-authenticator#api-authorization-from-outside-a-cluster>):
//! the URL is good for 60 seconds by its own word, and the cluster takes it for 15 minutes.

use std::time::{Duration, SystemTime};

use aws_credential_types::Credentials;
use aws_sigv4::http_request::{
    SignableBody, SignableRequest, SignatureLocation, SigningSettings, sign,
};
use aws_sigv4::sign::v4;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use secrecy::SecretString;
use url::Url;

/// Binds the token to one cluster; signed, so that another cluster does not take it.
const CLUSTER_HEADER: &str = "x-k8s-aws-id";
const LIFETIME: Duration = Duration::from_secs(60);

/// Where `GetCallerIdentity` is asked: the region's STS, or the endpoint given.
pub(super) fn sts_url(region: &str, endpoint: Option<&Url>) -> Result<Url, String> {
    let mut url = match endpoint {
        Some(endpoint) => endpoint.clone(),
        None => {
            let suffix = if region.starts_with("cn-") {
                "amazonaws.com.cn"
            } else {
                "amazonaws.com"
            };
            let url = format!("https://sts.{region}.{suffix}/");
            Url::parse(&url).map_err(|error| format!("{url} is not a URL: {error}"))?
        }
    };
    url.query_pairs_mut()
        .clear()
        .append_pair("Action", "GetCallerIdentity")
        .append_pair("Version", "2011-06-15");
    Ok(url)
}

/// Makes the token.
pub(super) fn make(
    url: &Url,
    credentials: &Credentials,
    region: &str,
    cluster: &str,
    now: SystemTime,
) -> Result<SecretString, String> {
    let mut settings = SigningSettings::default();
    settings.signature_location = SignatureLocation::QueryParams;
    settings.expires_in = Some(LIFETIME);
    let identity = credentials.clone().into();
    let params = v4::SigningParams::builder()
        .identity(&identity)
        .region(region)
        .name("sts")
        .time(now)
        .settings(settings)
        .build()
        .map_err(|error| error.to_string())?
        .into();
    let headers = std::iter::once((CLUSTER_HEADER, cluster));
    let request = SignableRequest::new("GET", url.as_str(), headers, SignableBody::Bytes(&[]))
        .map_err(|error| error.to_string())?;
    let (instructions, _) = sign(request, &params)
        .map_err(|error| error.to_string())?
        .into_parts();
    let mut signed = url.clone();
    for (name, value) in instructions.params() {
        signed.query_pairs_mut().append_pair(name, value);
    }
    let token = URL_SAFE_NO_PAD.encode(signed.as_str());
    Ok(format!("k8s-aws-v1.{token}").into())
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use secrecy::ExposeSecret as _;

    use super::*;

    fn token(region: &str) -> Url {
        let keys = Credentials::new("ASIAEXAMPLE", "secret", Some("a+b/c=".into()), None, "test");
        let url = sts_url(region, None).unwrap();
        let now = SystemTime::UNIX_EPOCH + Duration::from_secs(1_700_000_000);
        let token = make(&url, &keys, region, "shop-dev", now).unwrap();
        let url = token.expose_secret().strip_prefix("k8s-aws-v1.").unwrap();
        let url = URL_SAFE_NO_PAD.decode(url).unwrap();
        Url::parse(std::str::from_utf8(&url).unwrap()).unwrap()
    }

    #[test]
    fn a_token_is_a_presigned_question() {
        let url = token("eu-central-1");
        assert_eq!(url.host_str(), Some("sts.eu-central-1.amazonaws.com"));
        let mut query: BTreeMap<_, _> = url.query_pairs().into_owned().collect();
        let signature = query.remove("X-Amz-Signature").unwrap();
        assert!(signature.len() == 64 && signature.bytes().all(|b| b.is_ascii_hexdigit()));
        let query: Vec<_> = query
            .iter()
            .map(|(name, value)| format!("{name}={value}"))
            .collect();
        insta::assert_snapshot!(query.join("\n"), @r#"
        Action=GetCallerIdentity
        Version=2011-06-15
        X-Amz-Algorithm=AWS4-HMAC-SHA256
        X-Amz-Credential=ASIAEXAMPLE/20231114/eu-central-1/sts/aws4_request
        X-Amz-Date=20231114T221320Z
        X-Amz-Expires=60
        X-Amz-Security-Token=a+b/c=
        X-Amz-SignedHeaders=host;x-k8s-aws-id
        "#);
    }

    #[test]
    fn china_has_its_own_domain() {
        assert_eq!(
            token("cn-north-1").host_str(),
            Some("sts.cn-north-1.amazonaws.com.cn")
        );
    }
}
