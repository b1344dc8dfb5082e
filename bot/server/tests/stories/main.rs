//! Stories: people, GitHub and the bot, end to end over real sockets, with real git and Terraform.

#[path = "../harness/mod.rs"]
mod harness;

mod applying;
mod bot;
mod deploying;
mod faults;
mod merging;
mod planning;
mod valve;
mod rollback;
mod ship;
