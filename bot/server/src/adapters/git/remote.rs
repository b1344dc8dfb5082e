//! Where a repository is fetched from, and who may be told the token.

use std::ffi::OsString;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use secrecy::{ExposeSecret, SecretString};
use slipway_core::ids::RepoName;
use slipway_core::ports::{CloneAccess, PortResult};
use url::Url;

use super::failure::invalid;
use crate::process::Redactor;

/// The variable that carries the token to the credential helper.
const TOKEN_VARIABLE: &str = "SLIPWAY_GIT_TOKEN";
/// A credential helper as git runs it by `sh -c` (gitcredentials(7), "Custom helpers"). It is the
/// same text for everybody; the token comes to it as a variable, never as part of the text.
const HELPER: &str = "!f() { test \"$1\" = get && \
    printf 'username=x-access-token\\npassword=%s\\n' \"$SLIPWAY_GIT_TOKEN\"; }; f";

/// A repository's URL with the token for it.
pub(super) struct Remote {
    url: Url,
    name: String,
    token: SecretString,
}

impl Remote {
    /// Takes `http` and `https` URLs without credentials.
    pub(super) fn of(access: &CloneAccess, name: &RepoName) -> PortResult<Self> {
        let doing = format!("fetching {name}");
        let url = Url::parse(&access.url)
            .map_err(|error| invalid(&doing, format!("its clone URL is none: {error}")))?;
        if !matches!(url.scheme(), "http" | "https") || !url.has_host() {
            return Err(invalid(
                &doing,
                "its clone URL is neither http nor https".to_owned(),
            ));
        }
        if !url.username().is_empty() || url.password().is_some() {
            return Err(invalid(
                &doing,
                "its clone URL holds credentials".to_owned(),
            ));
        }
        Ok(Self {
            url,
            name: name.to_string(),
            token: access.token.clone(),
        })
    }

    /// `owner/name`, for sentences.
    pub(super) fn name(&self) -> &str {
        &self.name
    }

    /// The URL; begins with its scheme, so it can't be an option.
    pub(super) fn url(&self) -> &str {
        self.url.as_str()
    }

    /// Configuration by which git asks [`HELPER`] for this origin, and nobody for any other.
    pub(super) fn config(&self) -> (String, String) {
        let origin = self.url.origin().ascii_serialization();
        (format!("credential.{origin}.helper"), HELPER.to_owned())
    }

    /// The variable that the helper reads.
    pub(super) fn variable(&self) -> (OsString, OsString) {
        (TOKEN_VARIABLE.into(), self.token.expose_secret().into())
    }

    /// Takes the token out of what git prints, also as it goes over the wire.
    pub(super) fn redactor(&self) -> Redactor {
        let token = self.token.expose_secret();
        let basic = STANDARD.encode(format!("x-access-token:{token}"));
        Redactor::new([token, basic.as_str()])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn remote(url: &str) -> PortResult<Remote> {
        let access = CloneAccess {
            url: url.to_owned(),
            token: "ghs_abcdef".into(),
        };
        Remote::of(&access, &RepoName::parse("acme/shop").unwrap())
    }

    #[test]
    fn only_plain_web_urls_are_taken() {
        assert!(remote("https://github.com/acme/shop.git").is_ok());
        for url in [
            "ssh://git@github.com/acme/shop",
            "file:///etc",
            "ext::sh -c id",
            "--upload-pack=id",
            "https://u:p@github.com/acme/shop",
            "",
        ] {
            assert!(remote(url).is_err(), "{url}");
        }
    }

    #[test]
    fn the_helper_is_bound_to_the_origin() {
        let (key, value) = remote("https://ghes.example.com:8443/acme/shop.git")
            .unwrap()
            .config();
        assert_eq!(key, "credential.https://ghes.example.com:8443.helper");
        assert!(value.contains(TOKEN_VARIABLE) && !value.contains("ghs_"));
    }
}
