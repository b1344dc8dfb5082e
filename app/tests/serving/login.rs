//! How the shop and a PostgreSQL server prove to each other who they are.

use std::path::Path;
use std::sync::{Arc, Mutex};

use aws_credential_types::Credentials;
use aws_credential_types::provider::SharedCredentialsProvider;
use jiff::{SignedDuration, Timestamp};
use shop::{Clock, DatabaseSettings, IamLogin, Login, Opened, ServerSettings};

use crate::database::{PATIENT, Place};
use crate::postgres;

/// Why a shop can't use a database.
async fn refusal(url: &str, ca: &Path) -> String {
    let fault = Place::told(url, ca)
        .open()
        .await
        .migrate()
        .await
        .unwrap_err();
    format!("{:#}", anyhow::Error::new(fault))
}

#[tokio::test]
async fn a_server_of_another_authority_is_refused() {
    let server = postgres::server().await;
    let url = server.url(&server.new_database("shop").await);
    let fault = refusal(&url, &server.other_ca).await;
    assert!(
        fault.contains("invalid peer certificate: UnknownIssuer"),
        "{fault}"
    );
    Place::told(&url, &server.ca)
        .open()
        .await
        .migrate()
        .await
        .unwrap();
}

#[tokio::test]
async fn a_server_under_another_name_is_refused() {
    let server = postgres::server().await;
    let url = server.url(&server.new_database("shop").await);
    let fault = refusal(&url.replace("127.0.0.1", "localhost"), &server.ca).await;
    assert!(
        fault.contains("certificate not valid for name \"localhost\""),
        "{fault}"
    );
}

#[tokio::test]
async fn a_server_that_wants_tls_gets_no_plain_text() {
    let server = postgres::server().await;
    let url = server.url(&server.new_database("shop").await);
    let fault = refusal(&format!("{url}?sslmode=disable"), &server.ca).await;
    assert!(fault.contains("no encryption"), "{fault}");
    let unverified = Place::told(&format!("{url}?sslmode=require"), &server.other_ca);
    unverified.open().await.migrate().await.unwrap();
}

#[tokio::test]
async fn a_wrong_password_is_told_without_it() {
    let server = postgres::server().await;
    let url = server
        .url(&server.new_database("shop").await)
        .replace("p%40ss", "hunter2");
    let fault = refusal(&url, &server.ca).await;
    assert!(
        fault.contains("password authentication failed for user \"shop\""),
        "{fault}"
    );
    assert!(!fault.contains("hunter2"), "{fault}");
}

/// Stands still until a test moves it.
#[derive(Debug)]
struct HandClock(Mutex<Timestamp>);

impl Clock for HandClock {
    fn now(&self) -> Timestamp {
        *self.0.lock().unwrap()
    }
}

fn login(server: &ServerSettings, clock: &Arc<HandClock>) -> IamLogin {
    let Login::Iam { region } = &server.login else {
        panic!("{server:?}");
    };
    let session = Some("a+session/token=".to_owned());
    let credentials = Credentials::new("ASIAEXAMPLE", "secret", session, None, "test");
    let credentials = SharedCredentialsProvider::new(credentials);
    IamLogin::new(server.endpoint.clone(), region, credentials, clock.clone())
}

/// The server takes at any time only the token of that time, as RDS takes none that is old.
#[tokio::test]
async fn an_iam_token_opens_connections_and_is_renewed() {
    let server = postgres::server().await;
    let database = server.new_database("iam_user").await;
    let mut place = Place::told(
        &format!("postgres://iam_user@127.0.0.1:{}/{database}", server.port),
        &server.ca,
    );
    place.told.push(("SHOP_DATABASE_AUTH", "iam".into()));
    place.told.push(("AWS_REGION", "eu-central-1".into()));
    let DatabaseSettings::Server(settings) = place.settings().database else {
        panic!("not a server");
    };

    let clock = Arc::new(HandClock(Mutex::new(
        "2026-11-02T09:00:00Z".parse().unwrap(),
    )));
    let expect_token_of_now = async || {
        let token = login(&settings, &clock).token().await.unwrap();
        server
            .admin(&format!(
                "ALTER ROLE iam_user PASSWORD '{}'",
                token.reveal()
            ))
            .await;
    };
    expect_token_of_now().await;
    let mut opened = Opened::with_iam(settings.clone(), PATIENT, login(&settings, &clock))
        .await
        .unwrap();

    *clock.0.lock().unwrap() += SignedDuration::from_mins(10);
    expect_token_of_now().await;
    assert!(
        !opened.database.answers(PATIENT.ready).await,
        "the old token is still taken"
    );
    opened.renewal.renew_now().await;
    assert!(
        opened.database.answers(PATIENT.ready).await,
        "the new token is not used"
    );
    opened.database.migrate().await.unwrap();
    assert!(
        !format!("{opened:?}").contains("X-Amz-Signature"),
        "a token can be seen"
    );
}
