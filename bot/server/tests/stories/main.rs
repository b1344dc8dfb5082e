//! Stories: people, GitHub and the bot, end to end over real sockets, with real git and Terraform.

#[path = "../harness/mod.rs"]
mod harness;

mod bot;
mod planning;
