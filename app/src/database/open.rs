//! Makes the pool that the settings ask for, and keeps its login fresh. Connects only when the pool is
//! first used.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use sqlx::PgPool;
use sqlx::postgres::{PgConnectOptions, PgPoolOptions, PgSslMode};
use sqlx::sqlite::{SqliteConnectOptions, SqlitePoolOptions};

use super::iam::{IamFault, IamLogin, Token};
use super::{Database, Pool};
use crate::clock::Clock;
use crate::limits::Limits;
use crate::settings::{DatabaseSettings, Login, ServerSettings, Transport};

/// Connections of one process. Ten pods then stay well under the hundred or so that the smallest
/// RDS instances take.
const CONNECTIONS: u32 = 8;

/// How soon a token that could not be renewed is tried again.
const RETRY_AFTER: Duration = Duration::from_secs(10);

/// A database, and what has to run beside it.
#[derive(Debug)]
pub struct Opened {
    /// The database.
    pub database: Database,
    /// To be run for as long as the database is used.
    pub renewal: Renewal,
}

/// Keeps the login of new connections fresh.
#[derive(Debug)]
pub struct Renewal(Option<Iam>);

struct Iam {
    pool: PgPool,
    options: PgConnectOptions,
    login: IamLogin,
    limits: Limits,
    wait: Duration,
}

/// Opens the database that `settings` name. The AWS credentials for an IAM login come from the default
/// chain: in EKS, Pod Identity or IRSA.
///
/// # Errors
/// When IAM is asked for and no first token can be made.
pub async fn open(
    settings: &DatabaseSettings,
    limits: Limits,
    clock: Arc<dyn Clock>,
) -> Result<Opened, IamFault> {
    let login = match settings {
        DatabaseSettings::Server(ServerSettings {
            endpoint,
            login: Login::Iam { region },
            ..
        }) => Some(IamLogin::from_chain(endpoint.clone(), region, clock).await?),
        _ => None,
    };
    open_as(settings, limits, login).await
}

impl Opened {
    /// Opens the database of `server` with tokens of `login`.
    ///
    /// # Errors
    /// When no first token can be made.
    pub async fn with_iam(
        server: ServerSettings,
        limits: Limits,
        login: IamLogin,
    ) -> Result<Self, IamFault> {
        open_as(&DatabaseSettings::Server(server), limits, Some(login)).await
    }
}

async fn open_as(
    settings: &DatabaseSettings,
    limits: Limits,
    login: Option<IamLogin>,
) -> Result<Opened, IamFault> {
    let sqlite = match settings {
        DatabaseSettings::Memory => memory(limits),
        DatabaseSettings::File(file) => SqlitePoolOptions::new()
            .max_connections(CONNECTIONS)
            .acquire_timeout(limits.connection)
            .connect_lazy_with(sqlite_options(
                SqliteConnectOptions::new()
                    .filename(file)
                    .create_if_missing(true),
                limits,
            )),
        DatabaseSettings::Server(server) => return postgres(server, limits, login).await,
    };
    Ok(Opened {
        database: Database {
            pool: Pool::Sqlite(sqlite),
            limits,
        },
        renewal: Renewal(None),
    })
}

/// One connection that is never given up: it is the database.
fn memory(limits: Limits) -> sqlx::SqlitePool {
    SqlitePoolOptions::new()
        .max_connections(1)
        .min_connections(1)
        .acquire_timeout(limits.connection)
        .idle_timeout(None)
        .max_lifetime(None)
        .connect_lazy_with(sqlite_options(
            SqliteConnectOptions::new().in_memory(true),
            limits,
        ))
}

/// With SQLite's own journal: the step into its write-ahead log does not wait its turn, so shops that
/// start at once would fail.
fn sqlite_options(options: SqliteConnectOptions, limits: Limits) -> SqliteConnectOptions {
    options.foreign_keys(true).busy_timeout(limits.connection)
}

async fn postgres(
    server: &ServerSettings,
    limits: Limits,
    login: Option<IamLogin>,
) -> Result<Opened, IamFault> {
    let options = postgres_options(server);
    let first = match &login {
        Some(login) => Some(token(login, limits).await?),
        None => None,
    };
    let first_options = match &first {
        Some(token) => options.clone().password(token.reveal()),
        None => options.clone(),
    };
    let pool = PgPoolOptions::new()
        .max_connections(CONNECTIONS)
        .acquire_timeout(limits.connection)
        .after_connect(move |connection, _| {
            Box::pin(async move {
                sqlx::query("SELECT set_config('statement_timeout', $1, false)")
                    .bind(format!("{}ms", limits.statement.as_millis()))
                    .execute(connection)
                    .await
                    .map(|_| ())
            })
        })
        .connect_lazy_with(first_options);
    let renewal = login.zip(first).map(|(login, first)| Iam {
        pool: pool.clone(),
        options,
        login,
        limits,
        wait: first.renew_in(),
    });
    Ok(Opened {
        database: Database {
            pool: Pool::Postgres(pool),
            limits,
        },
        renewal: Renewal(renewal),
    })
}

/// Sets all that the settings decide, since the driver takes what it is not told from `PG…` variables.
fn postgres_options(server: &ServerSettings) -> PgConnectOptions {
    let options = PgConnectOptions::new_without_pgpass()
        .host(&server.endpoint.host)
        .port(server.endpoint.port)
        .username(&server.endpoint.user)
        .database(&server.database)
        .application_name("shop");
    let options = match &server.login {
        Login::Password(Some(password)) => options.password(password.reveal()),
        Login::Password(None) | Login::Iam { .. } => options,
    };
    match &server.transport {
        Transport::Plain => options.ssl_mode(PgSslMode::Disable),
        Transport::Unverified => options.ssl_mode(PgSslMode::Require),
        Transport::Verified(ca) => {
            let options = options.ssl_mode(PgSslMode::VerifyFull);
            match ca {
                Some(ca) => options.ssl_root_cert_from_pem(ca.pem().to_vec()),
                None => options,
            }
        }
    }
}

async fn token(login: &IamLogin, limits: Limits) -> Result<Token, IamFault> {
    let made = tokio::time::timeout(limits.start, login.token()).await;
    made.unwrap_or(Err(IamFault::Slow(limits.start)))
}

impl Renewal {
    /// Gives the pool a new token well before the last one ends, for as long as it is polled. Never
    /// returns. Connections that are open stay so: a token is only looked at when one is made.
    pub async fn run(self) {
        let Some(mut iam) = self.0 else {
            return std::future::pending().await;
        };
        loop {
            tokio::time::sleep(iam.wait).await;
            iam.renew().await;
        }
    }

    /// Gives the pool a new token now, whatever the time: for those who own the clock.
    pub async fn renew_now(&mut self) {
        if let Some(iam) = &mut self.0 {
            iam.renew().await;
        }
    }
}

/// Without the connection's options: the driver shows passwords.
impl fmt::Debug for Iam {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { login, wait, .. } = self;
        f.debug_struct("Iam")
            .field("login", login)
            .field("wait", wait)
            .finish_non_exhaustive()
    }
}

impl Iam {
    async fn renew(&mut self) {
        match token(&self.login, self.limits).await {
            Ok(token) => {
                self.give(&token);
                self.wait = token.renew_in();
                tracing::info!(
                    again_in_s = self.wait.as_secs(),
                    "the database login is renewed"
                );
                metrics::counter!("shop_database_login_renewals_total", "outcome" => "ok")
                    .increment(1);
            }
            Err(fault) => {
                self.wait = RETRY_AFTER;
                let error = anyhow::Error::new(fault);
                tracing::error!(
                    error = format!("{error:#}"),
                    again_in_s = self.wait.as_secs(),
                    "the database login could not be renewed"
                );
                metrics::counter!("shop_database_login_renewals_total", "outcome" => "failed")
                    .increment(1);
            }
        }
    }

    fn give(&self, token: &Token) {
        self.pool
            .set_connect_options(self.options.clone().password(token.reveal()));
    }
}
