//! Stories: people, GitHub and the bot, end to end over real sockets, with real git and Terraform.

#[path = "../harness/mod.rs"]
mod harness;

mod applying;
mod bot;
mod commands;
mod planning;
mod terraform;
mod valve;
mod webhooks;
