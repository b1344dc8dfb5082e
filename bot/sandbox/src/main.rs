//! The world of `acme/shop` as a program of its own, for whatever bot wants to live in it: starts
//! it, says in JSON where everything is, and runs CI until it is ended.
#![expect(
    clippy::print_stdout,
    reason = "saying where the world is, is what this program is for"
)]

use std::path::PathBuf;

use anyhow::Context;
use clap::Parser;
use serde_json::json;
use slipway_sandbox::world::{REGISTRY, REGISTRY_PASSWORD, REGISTRY_USER, REPO, World};

/// GitHub, AWS, a registry and two clusters on 127.0.0.1.
#[derive(Parser)]
struct Arguments {
    /// Where GitHub sends webhooks.
    #[arg(long)]
    hook: Option<String>,
    /// Where the App's private key is written, for the bot to read.
    #[arg(long)]
    key: Option<PathBuf>,
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let arguments = Arguments::parse();
    let world = World::start().await?;
    if let Some(path) = &arguments.key {
        std::fs::write(path, world.github.private_key_pem())
            .with_context(|| format!("writing the App's key to {}", path.display()))?;
    }
    if let Some(hook) = &arguments.hook {
        world.github.set_hook_url(hook);
    }
    let place = |place: &slipway_sandbox::world::Place| {
        json!({
            "account": place.account,
            "bucket": place.bucket,
            "cluster": place.cluster.name(),
            "endpoint": place.cluster.endpoint(),
        })
    };
    let facts = json!({
        "github": {
            "api_url": world.github.url(),
            "web_url": world.github.html_url(),
            "repository": REPO,
            "app_id": world.github.app_id(),
            "webhook_secret": world.github.webhook_secret(),
        },
        "aws": {
            "endpoint_url": world.aws.url(),
            "access_key_id": world.bot_keys.access_key_id,
            "secret_access_key": world.bot_keys.secret_access_key,
        },
        "registry": {
            "host": world.registry.host(),
            "mirrors": REGISTRY,
            "username": REGISTRY_USER,
            "password": REGISTRY_PASSWORD,
        },
        "environments": { "dev": place(&world.dev), "prod": place(&world.prod) },
    });
    println!("{}", serde_json::to_string_pretty(&facts)?);
    tokio::select! {
        ended = world.run_ci() => ended,
        interrupted = tokio::signal::ctrl_c() => Ok(interrupted?),
    }
}
