//! The adapter against a registry that insists on tokens.

use slipway_sandbox::clock::WorldClock;
use slipway_sandbox::registry::{
    Answer, Fault, Image as Built, Registry as Sandbox, RegistryConfig,
};

use super::*;

const REVISION: &str = "0123456789012345678901234567890123456789";

async fn sandbox() -> Sandbox {
    Sandbox::start(RegistryConfig {
        clock: WorldClock::default(),
    })
    .await
    .unwrap()
}

/// The bot's view: `name` is how images name the registry, which is asked at the sandbox.
fn registry(sandbox: &Sandbox, name: &str, login: Option<(&str, &str)>) -> OciRegistry {
    let host = RegistryHost {
        username: login.map(|(user, _)| user.to_owned()),
        password: login.map(|(_, password)| password.to_owned().into()),
        endpoint: Some(Url::parse(&format!("http://{}", sandbox.host())).unwrap()),
    };
    OciRegistry::new(RegistrySettings {
        hosts: BTreeMap::from([(name.to_owned(), host)]),
        timeout: Duration::from_secs(20),
    })
    .unwrap()
}

fn fault(path: &str, answer: Answer) -> Fault {
    Fault {
        path: path.to_owned(),
        times: 1,
        answer,
    }
}

#[tokio::test]
async fn a_tag_is_resolved_to_digest_and_revision() {
    let sandbox = sandbox().await;
    let digest = sandbox
        .push_image("acme/shop", "sha-1", Built::of(REVISION))
        .await
        .unwrap();
    let registry = registry(&sandbox, "ghcr.io", None);
    let image = registry
        .resolve("ghcr.io/acme/shop", "sha-1")
        .await
        .unwrap()
        .unwrap();
    assert_eq!(image.digest.as_str(), digest);
    assert_eq!(image.revision.as_deref(), Some(REVISION));
    let again = registry
        .inspect("ghcr.io/acme/shop", &image.digest)
        .await
        .unwrap();
    assert_eq!(again, Some(image));
}

#[tokio::test]
async fn what_is_not_there_is_none() {
    let sandbox = sandbox().await;
    let registry = registry(&sandbox, "ghcr.io", None);
    sandbox
        .push_image("acme/shop", "sha-1", Built::default())
        .await
        .unwrap();
    assert_eq!(
        registry.resolve("ghcr.io/acme/shop", "sha-2").await,
        Ok(None)
    );
    assert_eq!(
        registry.resolve("ghcr.io/acme/nothing", "sha-1").await,
        Ok(None)
    );
    let gone = Digest::parse(format!("sha256:{}", "0".repeat(64))).unwrap();
    assert_eq!(registry.inspect("ghcr.io/acme/shop", &gone).await, Ok(None));
    let unlabelled = registry
        .resolve("ghcr.io/acme/shop", "sha-1")
        .await
        .unwrap()
        .unwrap();
    assert_eq!(unlabelled.revision, None);
}

#[tokio::test]
async fn an_index_is_deployed_as_a_whole() {
    let sandbox = sandbox().await;
    let arm = sandbox
        .push_image("acme/shop", "arm", Built::of("other"))
        .await
        .unwrap();
    let amd = sandbox
        .push_image("acme/shop", "amd", Built::of(REVISION))
        .await
        .unwrap();
    let platforms = [
        ("linux", "arm64", arm.as_str()),
        ("linux", "amd64", amd.as_str()),
    ];
    let index = sandbox
        .push_index("acme/shop", "sha-1", &platforms)
        .await
        .unwrap();
    let registry = registry(&sandbox, "ghcr.io", None);
    let image = registry
        .resolve("ghcr.io/acme/shop", "sha-1")
        .await
        .unwrap()
        .unwrap();
    assert_eq!(image.digest.as_str(), index);
    assert_eq!(image.revision.as_deref(), Some(REVISION));
}

#[tokio::test]
async fn a_private_image_takes_credentials() {
    let sandbox = sandbox().await;
    sandbox
        .push_image("acme/shop", "sha-1", Built::of(REVISION))
        .await
        .unwrap();
    sandbox.add_user("ana", "s3cret", ["acme/shop"]);
    let let_in = registry(&sandbox, "ghcr.io", Some(("ana", "s3cret")));
    assert!(
        let_in
            .resolve("ghcr.io/acme/shop", "sha-1")
            .await
            .unwrap()
            .is_some()
    );
    assert!(sandbox.journal().iter().any(|call| call.user == "ana"));
    // The second look needs no second token.
    let tokens = |sandbox: &Sandbox| {
        sandbox
            .journal()
            .iter()
            .filter(|call| call.path.contains("token"))
            .count()
    };
    let before = tokens(&sandbox);
    assert!(
        let_in
            .resolve("ghcr.io/acme/shop", "sha-1")
            .await
            .unwrap()
            .is_some()
    );
    assert_eq!(tokens(&sandbox), before);

    for login in [None, Some(("ana", "wrong"))] {
        let left_out = registry(&sandbox, "ghcr.io", login);
        let error = left_out
            .resolve("ghcr.io/acme/shop", "sha-1")
            .await
            .unwrap_err();
        assert_eq!(error.kind, PortErrorKind::Denied);
        assert!(error.said.contains("`read:packages`"), "{error}");
        assert!(!error.to_string().contains("wrong"), "{error}");
    }
}

#[tokio::test]
async fn an_ended_token_is_replaced() {
    let sandbox = sandbox().await;
    sandbox
        .push_image("acme/shop", "sha-1", Built::of(REVISION))
        .await
        .unwrap();
    let registry = registry(&sandbox, "ghcr.io", None);
    assert!(
        registry
            .resolve("ghcr.io/acme/shop", "sha-1")
            .await
            .unwrap()
            .is_some()
    );
    sandbox.fail_next(fault("/manifests/", Answer::Unauthorized));
    assert!(
        registry
            .resolve("ghcr.io/acme/shop", "sha-1")
            .await
            .unwrap()
            .is_some()
    );
}

#[tokio::test]
async fn a_registry_in_trouble_is_asked_later() {
    let sandbox = sandbox().await;
    sandbox
        .push_image("acme/shop", "sha-1", Built::of(REVISION))
        .await
        .unwrap();
    for path in ["/manifests/", "/blobs/"] {
        // A new one each time has no token yet.
        let asked = || registry(&sandbox, "ghcr.io", None);
        sandbox.fail_next(fault(path, Answer::TooManyRequests { retry_after: 7 }));
        let error = asked()
            .resolve("ghcr.io/acme/shop", "sha-1")
            .await
            .unwrap_err();
        let seven = Some(Duration::from_secs(7));
        assert_eq!(
            error.kind,
            PortErrorKind::Unavailable { retry_after: seven },
            "{path}"
        );
        sandbox.fail_next(fault(path, Answer::Unavailable));
        let error = asked()
            .resolve("ghcr.io/acme/shop", "sha-1")
            .await
            .unwrap_err();
        assert!(error.is_passing(), "{path}: {error}");
    }
    // A token server in trouble is not a wrong password.
    let overloaded = token_server(http::StatusCode::SERVICE_UNAVAILABLE).await;
    let error = overloaded
        .resolve("ghcr.io/acme/shop", "sha-1")
        .await
        .unwrap_err();
    let seven = Some(Duration::from_secs(7));
    assert_eq!(
        error.kind,
        PortErrorKind::Unavailable { retry_after: seven }
    );
    let strict = token_server(http::StatusCode::FORBIDDEN).await;
    let error = strict
        .resolve("ghcr.io/acme/shop", "sha-1")
        .await
        .unwrap_err();
    assert_eq!(error.kind, PortErrorKind::Denied);

    let closed = std::net::TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap();
    let host = RegistryHost {
        endpoint: Some(Url::parse(&format!("http://{closed}")).unwrap()),
        ..RegistryHost::default()
    };
    let settings = RegistrySettings {
        hosts: BTreeMap::from([("ghcr.io".to_owned(), host)]),
        timeout: Duration::from_secs(20),
    };
    let nobody = OciRegistry::new(settings).unwrap();
    assert!(
        nobody
            .resolve("ghcr.io/acme/shop", "sha-1")
            .await
            .unwrap_err()
            .is_passing()
    );
}

/// A registry whose token server answers like this.
async fn token_server(status: http::StatusCode) -> OciRegistry {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/", listener.local_addr().unwrap());
    let challenge = format!("Bearer realm=\"{url}token\",service=\"it\"");
    let router = axum::Router::new()
        .route(
            "/token",
            axum::routing::get(move || async move { (status, [("retry-after", "7")]) }),
        )
        .fallback(move || async move {
            (
                http::StatusCode::UNAUTHORIZED,
                [("www-authenticate", challenge)],
            )
        });
    tokio::spawn(async move { axum::serve(listener, router).await });
    let endpoint = Some(Url::parse(&url).unwrap());
    let host = RegistryHost {
        endpoint,
        ..RegistryHost::default()
    };
    OciRegistry::new(RegistrySettings {
        hosts: BTreeMap::from([("ghcr.io".to_owned(), host)]),
        timeout: Duration::from_secs(20),
    })
    .unwrap()
}

#[tokio::test]
async fn nonsense_is_refused_before_anything_is_asked() {
    let sandbox = sandbox().await;
    let registry = registry(&sandbox, "ghcr.io", None);
    for (image, tag) in [
        ("ghcr.io/Acme/shop", "a"),
        ("ghcr.io/acme/shop", "a b"),
        ("ghcr.io/acme/shop", "../x"),
    ] {
        let error = registry.resolve(image, tag).await.unwrap_err();
        assert_eq!(error.kind, PortErrorKind::Invalid, "{image}:{tag}");
    }
    assert!(sandbox.journal().is_empty());
}
