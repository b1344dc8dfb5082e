//! A connection to one cluster, for one namespace of it.

use std::time::Duration;

use kube::config::{AuthInfo, Config};
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;
use slipway_core::ports::{ClusterAccess, PortErrorKind, PortResult};

use super::error::{Doing, port_error};

/// A client, and what it is for.
pub(super) struct Connection {
    pub(super) client: kube::Client,
    /// The cluster's name.
    pub(super) cluster: String,
    pub(super) namespace: String,
    timeout: Duration,
}

impl Connection {
    /// Prepares a client. Nothing is sent yet.
    pub(super) fn open(
        access: &ClusterAccess,
        namespace: &str,
        timeout: Duration,
    ) -> PortResult<Self> {
        let doing = format!("reaching cluster {}", access.name);
        let invalid = |said: String| port_error(&doing, said, PortErrorKind::Invalid);
        let url = access
            .endpoint
            .parse()
            .map_err(|error| invalid(format!("{} is not a URL: {error}", access.endpoint)))?;
        let authorities = CertificateDer::pem_slice_iter(&access.ca_pem)
            .map(|der| der.map(|der| der.to_vec()))
            .collect::<Result<Vec<_>, _>>()
            .map_err(|error| invalid(format!("its certificate is not PEM: {error}")))?;
        if authorities.is_empty() {
            // Without one of its own, kube would trust every public authority.
            return Err(invalid("its certificate is missing".to_owned()));
        }
        let mut config = Config::new(url);
        config.root_cert = Some(authorities);
        config.connect_timeout = Some(timeout);
        config.write_timeout = Some(timeout);
        config.auth_info = AuthInfo {
            token: Some(access.token.clone()),
            ..AuthInfo::default()
        };
        config.default_namespace = namespace.to_owned();
        config.default_retry = false;
        let client = kube::Client::try_from(config).map_err(|error| invalid(error.to_string()))?;
        Ok(Self {
            client,
            cluster: access.name.clone(),
            namespace: namespace.to_owned(),
            timeout,
        })
    }

    /// One short call, within its time.
    pub(super) async fn call<T>(
        &self,
        doing: &Doing<'_>,
        call: impl Future<Output = Result<T, kube::Error>>,
    ) -> PortResult<T> {
        match tokio::time::timeout(self.timeout, call).await {
            Ok(answer) => answer.map_err(|error| doing.failed(self, &error)),
            Err(_) => {
                let kind = PortErrorKind::Unavailable { retry_after: None };
                Err(port_error(&doing.to_string(), "no answer in time", kind))
            }
        }
    }
}
