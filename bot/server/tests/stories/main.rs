//! Stories: people, GitHub and the bot, end to end over real sockets, with real git and Terraform.

#[path = "../harness/mod.rs"]
mod harness;

mod bot;
mod commands;
mod planning;
mod terraform;
mod webhooks;
