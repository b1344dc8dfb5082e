//! The program: settings, wire, serve; and the small offline commands.

use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;

use clap::{Parser, Subcommand};
use slipway::adapters::clock::SystemClock;
use slipway::settings::Settings;
use slipway::wire::{self, Slipway};
use slipway::{cli, signals, telemetry};
use slipway_core::ids::RunId;
use url::Url;

/// GitHub-native deployment: plans, applies and rolls out from pull requests.
#[derive(Parser)]
#[command(name = "slipway", version)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Serve webhooks and work.
    Serve {
        /// The settings; `slipway.example.toml` explains every key.
        #[arg(long, default_value = "/etc/slipway/slipway.toml")]
        settings: PathBuf,
    },
    /// Print the state that the backend of a run did not take, to be pushed by hand.
    State {
        /// The run, as its page and the comment name it.
        run: RunId,
        /// The settings of the bot.
        #[arg(long, default_value = "/etc/slipway/slipway.toml")]
        settings: PathBuf,
    },
    /// Check a deploy.toml and say what is wrong with it, line by line.
    Check {
        /// The file.
        #[arg(default_value = "deploy.toml")]
        file: PathBuf,
    },
    /// Read policies and run their tests, the rules `test_…`: as Slipway reads and asks them.
    Policies {
        /// Files, and directories of them.
        #[arg(default_value = "policy")]
        paths: Vec<PathBuf>,
    },
    /// Print the JSON Schema of deploy.toml, for editors.
    Schema,
    /// Print the link to GitHub's form for a new App, with permissions and events filled in.
    App {
        /// The organisation that the App will belong to.
        #[arg(long)]
        org: String,
        /// How GitHub and people will reach Slipway.
        #[arg(long)]
        url: Url,
        /// The App's name: unique on all of GitHub.
        #[arg(long)]
        name: Option<String>,
        /// GitHub's pages: another address on a GitHub Enterprise Server.
        #[arg(long, default_value = "https://github.com")]
        github: Url,
    },
}

fn main() -> ExitCode {
    cli::end(match Arguments::parse().command {
        Command::Serve { settings } => serve(&settings),
        Command::State { run, settings } => state(&settings, &run),
        Command::Check { file } => cli::check(&file),
        Command::Policies { paths } => cli::policies(&paths),
        Command::Schema => cli::schema(),
        Command::App {
            org,
            url,
            name,
            github,
        } => cli::app(&github, &org, name.as_deref(), &url),
    })
}

#[tokio::main]
async fn serve(settings: &std::path::Path) -> anyhow::Result<ExitCode> {
    telemetry::start()?;
    let slipway = Slipway::start(Settings::load(settings)?, Arc::new(SystemClock)).await?;
    signals::close_on_signal(slipway.handle())?;
    slipway.serve().await?;
    Ok(ExitCode::SUCCESS)
}

#[tokio::main]
async fn state(settings: &std::path::Path, run: &RunId) -> anyhow::Result<ExitCode> {
    let settings = Settings::load(settings)?;
    cli::state(&wire::kept_state(&settings, Arc::new(SystemClock), run).await?)
}
