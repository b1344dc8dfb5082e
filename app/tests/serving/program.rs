//! The program itself: its settings, its logs, its health check.

use std::net::SocketAddr;
use std::process::Stdio;

use serde_json::Value;
use tokio::io::{AsyncBufReadExt as _, BufReader, Lines};
use tokio::process::{Child, ChildStdout, Command};

use crate::database::Place;
use crate::http;

on_each_database!(it_serves_what_the_environment_says);

fn shop(place: &Place) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_shop"));
    command
        .env_clear()
        .envs(place.told.iter().cloned())
        .env("SHOP_LISTEN", "127.0.0.1:0")
        .kill_on_drop(true)
        .stdout(Stdio::piped());
    command
}

/// The next line of the log that says `message`.
async fn logged(lines: &mut Lines<BufReader<ChildStdout>>, message: &str) -> Value {
    while let Some(line) = lines.next_line().await.unwrap() {
        let said: Value = serde_json::from_str(&line).unwrap();
        if said["message"] == message {
            return said;
        }
    }
    panic!("the log ends without `{message}`");
}

fn log(child: &mut Child) -> Lines<BufReader<ChildStdout>> {
    BufReader::new(child.stdout.take().unwrap()).lines()
}

async fn it_serves_what_the_environment_says(place: Place) {
    let mut running = shop(&place).env("SHOP_ENVIRONMENT", "dev").spawn().unwrap();
    let mut lines = log(&mut running);
    let serves = logged(&mut lines, "shop serves").await;
    assert_eq!(serves["environment"], "dev");
    let address: SocketAddr = serves["address"].as_str().unwrap().parse().unwrap();

    let headers = [
        ("x-request-id", "probe-1"),
        ("authorization", "Bearer hunter2"),
    ];
    let path = "/api/products/mug?token=hunter2";
    assert_eq!(
        http::request(address, "GET", path, &headers, "")
            .await
            .status,
        200
    );
    let answered = logged(&mut lines, "answered").await;
    assert_eq!(answered["status"], 200);
    assert_eq!(answered["span"]["request_id"], "probe-1");
    assert_eq!(answered["span"]["route"], "/api/products/{id}");
    assert!(!answered.to_string().contains("hunter2"), "{answered}");

    let mut check = shop(&place);
    check
        .arg("healthcheck")
        .env("SHOP_LISTEN", address.to_string());
    assert!(check.status().await.unwrap().success());
    running.kill().await.unwrap();
    let gone = check.output().await.unwrap();
    assert!(!gone.status.success());
    let gone = String::from_utf8(gone.stdout).unwrap();
    assert!(gone.contains("no shop answers at"), "{gone}");
}

#[tokio::test]
async fn it_ends_at_once_with_what_is_wrong() {
    for (name, value, said) in [
        (
            "SHOP_LISTEN",
            "8080",
            "SHOP_LISTEN is `8080`, but must be an address and port",
        ),
        (
            "SHOP_DATABASE_AUTH",
            "magic",
            "SHOP_DATABASE_AUTH is `magic`, but must be password or iam",
        ),
        (
            "SHOP_DATABASE_URL",
            "sqlite:///nowhere/shop.db",
            "unable to open database file",
        ),
    ] {
        let ended = shop(&Place::memory())
            .env(name, value)
            .output()
            .await
            .unwrap();
        assert!(!ended.status.success(), "{name}");
        let log = String::from_utf8(ended.stdout).unwrap();
        assert!(
            log.contains("shop ends with a fault") && log.contains(said),
            "{log}"
        );
    }
    let ended = shop(&Place::memory()).arg("--help").output().await.unwrap();
    let log = String::from_utf8(ended.stdout).unwrap();
    assert!(
        !ended.status.success() && log.contains("shop takes no argument"),
        "{log}"
    );
}
