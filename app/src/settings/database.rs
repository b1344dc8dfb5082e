//! Where the shop keeps its data, and how it proves to the database who it is. Reads the settings and
//! the certificate file; opens no connection.

use std::borrow::Cow;
use std::path::PathBuf;
use std::{fmt, fs};

use percent_encoding::percent_decode_str;
use rustls::RootCertStore;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;
use url::Url;

use super::{Given, InvalidSetting};

const URL: &str = "SHOP_DATABASE_URL";
const AUTH: &str = "SHOP_DATABASE_AUTH";
const CA: &str = "SHOP_DATABASE_CA";
const REGION: &str = "AWS_REGION";

const URL_EXPECTED: &str =
    "postgres://USER@HOST:5432/DATABASE?sslmode=verify-full or sqlite://FILE";
const MODE_EXPECTED: &str = "a URL with sslmode verify-full, require or disable";
const CA_EXPECTED: &str = "a file of PEM certificates, for Amazon RDS those of its region";

/// Which database.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum DatabaseSettings {
    /// SQLite in memory, gone with the process: when `SHOP_DATABASE_URL` is not set.
    Memory,
    /// SQLite in this file, which is made if it is missing: `sqlite://FILE`.
    File(PathBuf),
    /// A PostgreSQL server: `postgres://…`.
    Server(ServerSettings),
}

/// How to reach a PostgreSQL server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServerSettings {
    /// Where it listens and who the shop is there.
    pub endpoint: Endpoint,
    /// The name of the database.
    pub database: String,
    /// How the shop proves who it is.
    pub login: Login,
    /// What protects the connection.
    pub transport: Transport,
}

/// A server and a user of it: what an IAM token is made for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Endpoint {
    /// A host name or address.
    pub host: String,
    /// 5432 unless said otherwise.
    pub port: u16,
    /// The database user.
    pub user: String,
}

/// `SHOP_DATABASE_AUTH`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Login {
    /// `password`, the default: with the URL's password, or with none if it has none.
    Password(Option<Password>),
    /// `iam`: with a token for Amazon RDS.
    Iam {
        /// The AWS region of the database: `AWS_REGION`, else the one in the host's name.
        region: String,
    },
}

/// A password; not shown by `Debug`.
#[derive(Clone, PartialEq, Eq)]
pub struct Password(String);

impl Password {
    pub(crate) fn reveal(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Password {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Password(…)")
    }
}

/// The URL's `sslmode`, with `SHOP_DATABASE_CA`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Transport {
    /// `disable`: plain text.
    Plain,
    /// `require`: TLS with whoever answers. Keeps listeners out, but not impostors.
    Unverified,
    /// `verify-full`, the default: TLS with a server whose certificate is for that host and comes
    /// from one of these authorities, or from a public one.
    Verified(Option<Certificates>),
}

/// Certificates of authorities, as PEM; each can be used to verify with.
#[derive(Clone, PartialEq, Eq)]
pub struct Certificates(Vec<u8>);

impl Certificates {
    pub(crate) fn pem(&self) -> &[u8] {
        &self.0
    }

    fn read(path: &str) -> Result<Self, InvalidSetting> {
        let bad = |fault: String| InvalidSetting::new(CA, fault, CA_EXPECTED);
        let pem =
            fs::read(path).map_err(|e| bad(format!("is `{path}`, which can't be read ({e})")))?;
        let mut roots = RootCertStore::empty();
        for certificate in CertificateDer::pem_slice_iter(&pem) {
            certificate
                .map_err(|e| e.to_string())
                .and_then(|it| roots.add(it).map_err(|e| e.to_string()))
                .map_err(|e| {
                    bad(format!(
                        "is `{path}`, which has a certificate that is unusable ({e})"
                    ))
                })?;
        }
        if roots.is_empty() {
            return Err(bad(format!("is `{path}`, which has no certificate in it")));
        }
        Ok(Self(pem))
    }
}

impl fmt::Debug for Certificates {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Certificates({} bytes)", self.0.len())
    }
}

pub(super) fn read(given: &Given<'_>) -> Result<DatabaseSettings, InvalidSetting> {
    let iam = match given.get(AUTH).as_deref() {
        None | Some("password") => false,
        Some("iam") => true,
        Some(other) => return Err(InvalidSetting::value(AUTH, other, "password or iam")),
    };
    let settings = match given.get(URL) {
        None => DatabaseSettings::Memory,
        Some(text) => match text.strip_prefix("sqlite://") {
            Some("") => return Err(InvalidSetting::new(URL, "names no file", URL_EXPECTED)),
            Some(file) => DatabaseSettings::File(PathBuf::from(file)),
            None => DatabaseSettings::Server(server(&text, iam, given)?),
        },
    };
    if iam && !matches!(settings, DatabaseSettings::Server(_)) {
        return Err(InvalidSetting::value(
            AUTH,
            "iam",
            "password unless SHOP_DATABASE_URL is a postgres:// URL",
        ));
    }
    Ok(settings)
}

/// Faults of the URL never repeat it: it may hold a password.
fn server(text: &str, iam: bool, given: &Given<'_>) -> Result<ServerSettings, InvalidSetting> {
    let bad = |fault: &str| InvalidSetting::new(URL, fault, URL_EXPECTED);
    let url = Url::parse(text).map_err(|e| bad(&format!("is not a URL ({e})")))?;
    if !matches!(url.scheme(), "postgres" | "postgresql") {
        return Err(bad("is a URL of another kind"));
    }
    let decoded = |part: &str| {
        let text = percent_decode_str(part).decode_utf8();
        text.map(Cow::into_owned).map_err(|_| bad("is not UTF-8"))
    };
    let endpoint = Endpoint {
        // Brackets are the URL's way to write an IPv6 address, not part of it.
        host: url
            .host_str()
            .filter(|host| !host.is_empty())
            .map(|host| host.trim_matches(['[', ']']).to_owned())
            .ok_or_else(|| bad("names no host"))?,
        port: url.port().unwrap_or(5432),
        user: decoded(url.username())?,
    };
    if endpoint.user.is_empty() {
        return Err(bad("names no user"));
    }
    let database = decoded(url.path().trim_start_matches('/'))?;
    if database.is_empty() {
        return Err(bad("names no database"));
    }
    let password = url.password().map(decoded).transpose()?.map(Password);
    let transport = transport(&url, given)?;
    let login = if iam {
        if password.is_some() {
            return Err(InvalidSetting::new(
                URL,
                "has a password",
                "without one where SHOP_DATABASE_AUTH is iam",
            ));
        }
        iam_login(&endpoint, &transport, given)?
    } else {
        Login::Password(password)
    };
    Ok(ServerSettings {
        endpoint,
        database,
        login,
        transport,
    })
}

fn transport(url: &Url, given: &Given<'_>) -> Result<Transport, InvalidSetting> {
    let mut mode = None;
    for (name, value) in url.query_pairs() {
        if name != "sslmode" {
            let fault = format!("has the parameter `{name}`");
            return Err(InvalidSetting::new(
                URL,
                fault,
                "a URL with no parameter but sslmode",
            ));
        }
        mode = Some(value.into_owned());
    }
    match mode.as_deref() {
        Some("disable") => Ok(Transport::Plain),
        Some("require") => Ok(Transport::Unverified),
        None | Some("verify-full") => {
            let ca = given.get(CA).map(|path| Certificates::read(&path));
            Ok(Transport::Verified(ca.transpose()?))
        }
        Some(other) => {
            let fault = format!("has the sslmode `{other}`");
            Err(InvalidSetting::new(URL, fault, MODE_EXPECTED))
        }
    }
}

/// A token is a password that is sent as it is, so it goes to nobody but the database: the server must
/// have proven itself before, against authorities that were chosen for it.
fn iam_login(
    endpoint: &Endpoint,
    transport: &Transport,
    given: &Given<'_>,
) -> Result<Login, InvalidSetting> {
    match transport {
        Transport::Verified(Some(_)) => {}
        Transport::Verified(None) => {
            return Err(InvalidSetting::new(
                CA,
                "is not set while SHOP_DATABASE_AUTH is iam",
                CA_EXPECTED,
            ));
        }
        Transport::Plain | Transport::Unverified => {
            return Err(InvalidSetting::new(
                URL,
                "has an sslmode that does not verify the server",
                "a URL with sslmode=verify-full where SHOP_DATABASE_AUTH is iam",
            ));
        }
    }
    let region = given
        .get(REGION)
        .or_else(|| region_of(&endpoint.host).map(str::to_owned))
        .ok_or_else(|| {
            InvalidSetting::new(
                REGION,
                "is not set, and the host's name in SHOP_DATABASE_URL does not tell it",
                "the AWS region of the database, such as eu-central-1",
            )
        })?;
    let plausible = region
        .bytes()
        .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-');
    if !plausible {
        return Err(InvalidSetting::value(
            REGION,
            region,
            "an AWS region such as eu-central-1",
        ));
    }
    Ok(Login::Iam { region })
}

/// `NAME.ID.REGION.rds.amazonaws.com`: where RDS names its endpoints.
fn region_of(host: &str) -> Option<&str> {
    host.strip_suffix(".rds.amazonaws.com")
        .and_then(|rest| rest.rsplit('.').next())
}

#[cfg(test)]
mod tests {
    use super::*;

    const RDS: &str = "postgres://shop@shop.abc123.eu-central-1.rds.amazonaws.com/shop";
    const BUNDLE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/certs/rds-eu-central-1.pem");

    fn settings(pairs: &[(&str, &str)]) -> Result<DatabaseSettings, String> {
        let found = |name: &str| pairs.iter().find(|(key, _)| *key == name);
        let lookup = |name: &str| found(name).map(|(_, value)| (*value).to_owned());
        read(&Given(&lookup)).map_err(|fault| fault.to_string())
    }

    fn server(pairs: &[(&str, &str)]) -> ServerSettings {
        match settings(pairs).unwrap() {
            DatabaseSettings::Server(server) => server,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_url_says_which_database() {
        assert_eq!(settings(&[]), Ok(DatabaseSettings::Memory));
        assert_eq!(
            settings(&[(URL, "sqlite://data/shop.db")]),
            Ok(DatabaseSettings::File("data/shop.db".into()))
        );
        let there = server(&[(
            URL,
            "postgres://a%40b:p%2Fw@[::1]:6543/shop?sslmode=disable",
        )]);
        assert_eq!(
            there,
            ServerSettings {
                endpoint: Endpoint {
                    host: "::1".into(),
                    port: 6543,
                    user: "a@b".into(),
                },
                database: "shop".into(),
                login: Login::Password(Some(Password("p/w".into()))),
                transport: Transport::Plain,
            }
        );
        assert!(!format!("{there:?}").contains("p/w"), "{there:?}");
    }

    #[test]
    fn the_server_is_verified_unless_said_otherwise() {
        assert_eq!(server(&[(URL, RDS)]).transport, Transport::Verified(None));
        let with_ca = server(&[(URL, RDS), (CA, BUNDLE)]);
        assert!(matches!(with_ca.transport, Transport::Verified(Some(_))));
    }

    #[test]
    fn iam_takes_the_region_from_the_setting_or_the_name() {
        let region = |pairs: &[(&str, &str)]| match server(pairs).login {
            Login::Iam { region } => region,
            Login::Password(_) => panic!("not IAM"),
        };
        let iam = [(URL, RDS), (AUTH, "iam"), (CA, BUNDLE)];
        assert_eq!(region(&iam), "eu-central-1");
        assert_eq!(
            region(&[&iam[..], &[(REGION, "eu-west-1")]].concat()),
            "eu-west-1"
        );
    }

    #[test]
    fn iam_is_refused_where_the_server_is_not_verified() {
        let said = |url: &str, more: &[(&str, &str)]| {
            settings(&[&[(URL, url), (AUTH, "iam")], more].concat()).unwrap_err()
        };
        assert_eq!(
            said(&format!("{RDS}?sslmode=require"), &[(CA, BUNDLE)]),
            "SHOP_DATABASE_URL has an sslmode that does not verify the server, but must be a URL with \
             sslmode=verify-full where SHOP_DATABASE_AUTH is iam"
        );
        assert_eq!(
            said(RDS, &[]),
            "SHOP_DATABASE_CA is not set while SHOP_DATABASE_AUTH is iam, but must be a file of PEM \
             certificates, for Amazon RDS those of its region"
        );
        assert_eq!(
            said("postgres://shop@db.example.com/shop", &[(CA, BUNDLE)]),
            "AWS_REGION is not set, and the host's name in SHOP_DATABASE_URL does not tell it, but \
             must be the AWS region of the database, such as eu-central-1"
        );
        assert_eq!(
            said(
                "postgres://shop:hunter2@db.example.com/shop",
                &[(CA, BUNDLE)]
            ),
            "SHOP_DATABASE_URL has a password, but must be without one where SHOP_DATABASE_AUTH is iam"
        );
        assert_eq!(
            settings(&[(AUTH, "iam")]).unwrap_err(),
            "SHOP_DATABASE_AUTH is `iam`, but must be password unless SHOP_DATABASE_URL is a \
             postgres:// URL"
        );
    }

    #[test]
    fn a_bad_url_is_told_without_its_password() {
        for (url, fault) in [
            ("postgres://shop:hunter2@/shop", "is not a URL (empty host)"),
            ("postgres://shop:hunter2@db", "names no database"),
            ("postgres://:hunter2@db/shop", "names no user"),
            ("mysql://shop:hunter2@db/shop", "is a URL of another kind"),
            ("hunter2", "is not a URL (relative URL without a base)"),
            ("sqlite://", "names no file"),
        ] {
            assert_eq!(
                settings(&[(URL, url)]).unwrap_err(),
                format!("SHOP_DATABASE_URL {fault}, but must be {URL_EXPECTED}")
            );
        }
        assert_eq!(
            settings(&[(URL, "postgres://shop:hunter2@db/shop?sslmode=prefer")]).unwrap_err(),
            "SHOP_DATABASE_URL has the sslmode `prefer`, but must be a URL with sslmode verify-full, \
             require or disable"
        );
        assert_eq!(
            settings(&[(URL, "postgres://shop@db/shop?sslrootcert=x")]).unwrap_err(),
            "SHOP_DATABASE_URL has the parameter `sslrootcert`, but must be a URL with no parameter \
             but sslmode"
        );
    }

    #[test]
    fn a_file_without_certificates_is_refused() {
        let said = |path| settings(&[(URL, RDS), (CA, path)]).unwrap_err();
        let manifest = concat!(env!("CARGO_MANIFEST_DIR"), "/Cargo.toml");
        assert_eq!(
            said(manifest),
            format!(
                "SHOP_DATABASE_CA is `{manifest}`, which has no certificate in it, but must be {CA_EXPECTED}"
            )
        );
        assert!(said("/nowhere.pem").contains("can't be read"));
    }
}
