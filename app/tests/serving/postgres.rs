//! A PostgreSQL server of the tests' own, on 127.0.0.1, which takes nothing but TLS.

use std::fs;
use std::io::{BufRead as _, BufReader};
use std::net::TcpListener;
use std::os::unix::process::CommandExt as _;
use std::path::PathBuf;
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::OnceLock;

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use sqlx::postgres::{PgConnectOptions, PgSslMode};
use sqlx::{AssertSqlSafe, Connection as _, PgConnection};
use tempfile::TempDir;

/// Somebody else may take a free port between its being found and the server's taking it.
const TRIES: usize = 2;

/// Who may come, and how they prove who they are: the user `iam_user` as RDS has it, with a password in
/// clear text inside TLS.
const DOOR: &str = "hostssl all iam_user 127.0.0.1/32 password\n\
                    hostssl all all 127.0.0.1/32 scram-sha-256\n";

/// What `shop` and `iam_user` may do: what the database's owner may.
const ROLES: &str = "CREATE ROLE shop LOGIN PASSWORD 'p@ss/word'; CREATE ROLE iam_user LOGIN";

pub(crate) struct Server {
    pub(crate) port: u16,
    /// The authority of its certificate, which is for 127.0.0.1 and nothing else.
    pub(crate) ca: PathBuf,
    /// An authority that has nothing to do with it.
    pub(crate) other_ca: PathBuf,
    /// Ends the server when it is closed: by the end of this process, at the latest.
    _until: ChildStdin,
    _tool: Child,
}

/// The server of this process, started when it is first asked for.
pub(crate) async fn server() -> &'static Server {
    static SERVER: OnceLock<Server> = OnceLock::new();
    static ROLES_MADE: tokio::sync::OnceCell<()> = tokio::sync::OnceCell::const_new();
    let server = SERVER.get_or_init(|| {
        (0..TRIES)
            .find_map(|_| start())
            .unwrap_or_else(|| panic!("no PostgreSQL could be started; what it said is above"))
    });
    let made = ROLES_MADE.get_or_init(async || server.admin(ROLES).await);
    made.await;
    server
}

fn start() -> Option<Server> {
    // Removed by the tool.
    let folder = TempDir::with_prefix("shop-postgres-").unwrap().keep();
    let file = |name: &str| folder.join(name);
    let (authority, other) = (authority("tests"), authority("others"));
    let key = KeyPair::generate().unwrap();
    let certificate = CertificateParams::new(["127.0.0.1".to_owned()])
        .unwrap()
        .signed_by(&key, &authority)
        .unwrap();
    fs::write(file("ca.pem"), authority.pem()).unwrap();
    fs::write(file("other-ca.pem"), other.pem()).unwrap();
    fs::write(file("server.crt"), certificate.pem()).unwrap();
    fs::write(file("server.key"), key.serialize_pem()).unwrap();
    fs::write(file("pg_hba.conf"), DOOR).unwrap();

    let free = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = free.local_addr().unwrap().port();
    drop(free);

    let tool = concat!(env!("CARGO_MANIFEST_DIR"), "/../tools/postgres");
    let mut tool = Command::new(tool)
        .arg("serve")
        .arg(&folder)
        .arg(port.to_string())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        // A group of its own: what ends the tests must not end it before it has ended the server.
        .process_group(0)
        .spawn()
        .unwrap();
    let until = tool.stdin.take().unwrap();
    let mut said = String::new();
    let stdout = tool.stdout.take().unwrap();
    BufReader::new(stdout).read_line(&mut said).unwrap();
    let (ca, other_ca) = (file("ca.pem"), file("other-ca.pem"));
    (said == "ready\n").then(|| Server {
        port,
        ca,
        other_ca,
        _until: until,
        _tool: tool,
    })
}

fn authority(name: &str) -> CertifiedIssuer<'static, KeyPair> {
    let mut params = CertificateParams::default();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.distinguished_name.push(
        rcgen::DnType::CommonName,
        format!("authority of the {name}"),
    );
    CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap()
}

impl Server {
    /// Makes an empty database that `owner` owns.
    pub(crate) async fn new_database(&self, owner: &str) -> String {
        let name = format!("shop_{:016x}", rand::random::<u64>());
        self.admin(&format!("CREATE DATABASE {name} OWNER {owner}"))
            .await;
        name
    }

    /// Runs statements as the superuser.
    pub(crate) async fn admin(&self, sql: &str) {
        let options = PgConnectOptions::new_without_pgpass()
            .host("127.0.0.1")
            .port(self.port)
            .username("admin")
            .password("admin")
            .database("postgres")
            .ssl_mode(PgSslMode::VerifyFull)
            .ssl_root_cert(&self.ca);
        let mut connection = PgConnection::connect_with(&options).await.unwrap();
        sqlx::raw_sql(AssertSqlSafe(sql.to_owned()))
            .execute(&mut connection)
            .await
            .unwrap();
        connection.close().await.unwrap();
    }

    /// The URL of a database for the user `shop`.
    pub(crate) fn url(&self, database: &str) -> String {
        format!(
            "postgres://shop:p%40ss%2Fword@127.0.0.1:{}/{database}",
            self.port
        )
    }
}
