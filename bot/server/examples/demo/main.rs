//! The main job, told as it happens: a sandbox world and the real `slipway` program as two
//! processes, with real git and real Terraform.
//!
//! `demo story` tells it from the first plan to a rollback and exits with 0 only if every step was
//! seen. `demo sandbox` leaves the same world running, to be clicked through in a browser.
#![expect(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "talking to a terminal is what this program is for"
)]

#[path = "../../tests/harness/mod.rs"]
mod harness;

mod narrator;
mod overhead;
mod process;
mod story;

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Instant;

use clap::{Parser, Subcommand};
use slipway_sandbox::world::{Scene, World};

use narrator::Narrator;
use process::Bot;

/// The main job of Slipway, in a world on this machine.
#[derive(Parser)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
    /// The `slipway` program.
    #[arg(long, global = true, default_value = "target/debug/slipway")]
    bot: PathBuf,
    /// The checkout that the world is made from.
    #[arg(long, global = true, default_value = ".")]
    checkout: PathBuf,
    /// The Terraform program.
    #[arg(long, global = true)]
    terraform: Option<PathBuf>,
}

#[derive(Clone, Copy, Subcommand)]
enum Command {
    /// Tell the story.
    Story,
    /// Leave the world running, for a browser.
    Sandbox,
}

#[tokio::main]
async fn main() -> ExitCode {
    match run(Arguments::parse()).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("\n✗ {error:#}");
            ExitCode::FAILURE
        }
    }
}

async fn run(arguments: Arguments) -> anyhow::Result<()> {
    let began = Instant::now();
    let terraform = match arguments.terraform {
        Some(path) => path,
        None => harness::terraform()?,
    };
    let world = World::of(Scene::of_checkout(&arguments.checkout)?).await?;
    let bot = Bot::start(&world, &arguments.bot, &terraform).await?;
    let builder = world.clone();
    let ci = tokio::spawn(async move { builder.run_ci().await });
    let result = match arguments.command {
        Command::Story => {
            let mut narrator = Narrator::new(&world, &bot);
            let told = story::tell(&mut narrator, &terraform).await;
            if told.is_ok() {
                narrator.end(began.elapsed());
            }
            told
        }
        Command::Sandbox => stay(&world, &bot).await,
    };
    ci.abort();
    match result {
        Ok(()) => bot.stop().await,
        Err(error) => Err(error.context(format!("the bot's log is {}", bot.keep_log()?.display()))),
    }
}

async fn stay(world: &World, bot: &Bot) -> anyhow::Result<()> {
    println!("A whole world on this machine; Ctrl-C ends it.\n");
    println!(
        "  GitHub      {}/{}",
        world.github.html_url(),
        world.scene.repo
    );
    println!("  Slipway     {}", bot.url());
    println!("  its log     {}", bot.log().display());
    println!("  AWS         {}", world.aws.url());
    println!("  registry    http://{}", world.registry.host());
    println!(
        "  clusters    {} · {}",
        world.dev.cluster.endpoint(),
        world.prod.cluster.endpoint()
    );
    println!(
        "\nPeople: ana (write), ben (maintain), cleo (admin), mallory (read). Ben and cleo are code owners."
    );
    println!(
        "Open a pull request that changes infra/03-database/dev.tfvars or app/greeting.txt, look"
    );
    println!(
        "at the plan, comment /help, /apply dev, merge. A greeting with “crash” in it crashes."
    );
    tokio::signal::ctrl_c().await?;
    Ok(())
}
