//! Asks a shop on this machine whether it is ready, as the container's health check: the image has
//! nothing else that could.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;

use thiserror::Error;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

/// Under the limit that the Dockerfile gives the check.
const LIMIT: Duration = Duration::from_secs(2);

/// More than the answer ever has.
const ANSWER_LIMIT: u64 = 4096;

/// Why the shop is not ready.
#[derive(Debug, Error)]
pub enum Unhealthy {
    /// Nothing answers.
    #[error("no shop answers at {0}")]
    Silent(SocketAddr, #[source] io::Error),
    /// It took too long.
    #[error("the shop at {0} does not answer within {LIMIT:?}")]
    Slow(SocketAddr),
    /// It says no.
    #[error("the shop says `{0}`")]
    Unready(String),
}

/// Asks the shop that listens on `listen` for `/readyz`.
///
/// # Errors
/// When it is not ready, or not there.
pub async fn healthcheck(listen: SocketAddr) -> Result<(), Unhealthy> {
    let address = reachable(listen);
    let answer = tokio::time::timeout(LIMIT, ask(address))
        .await
        .map_err(|_| Unhealthy::Slow(address))?
        .map_err(|e| Unhealthy::Silent(address, e))?;
    if answer.starts_with("HTTP/1.1 200 ") {
        Ok(())
    } else {
        let said = answer.rsplit("\r\n\r\n").next().unwrap_or_default();
        Err(Unhealthy::Unready(said.trim().to_owned()))
    }
}

async fn ask(address: SocketAddr) -> io::Result<String> {
    let mut stream = TcpStream::connect(address).await?;
    stream
        .write_all(b"GET /readyz HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n")
        .await?;
    let mut answer = String::new();
    stream
        .take(ANSWER_LIMIT)
        .read_to_string(&mut answer)
        .await?;
    Ok(answer)
}

/// Where one that listens on every address can be reached from here.
fn reachable(listen: SocketAddr) -> SocketAddr {
    let ip = match listen.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(ip) if ip.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
        ip => ip,
    };
    SocketAddr::new(ip, listen.port())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_address_is_reached_over_loopback() {
        let reached = |listen: &str| reachable(listen.parse().unwrap()).to_string();
        assert_eq!(reached("0.0.0.0:8080"), "127.0.0.1:8080");
        assert_eq!(reached("[::]:8080"), "[::1]:8080");
        assert_eq!(reached("10.0.0.7:80"), "10.0.0.7:80");
    }
}
