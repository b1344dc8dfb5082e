//! Stories: people, GitHub and the bot, end to end over real sockets, with real git and Terraform.
#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a story fails by panicking, and its runner shows what it printed"
)]

#[path = "../harness/mod.rs"]
mod harness;

mod agreement;
mod applying;
mod attacks;
mod bot;
mod budget;
mod codeowners;
mod commands;
mod configuring;
mod crashes;
mod credentials;
mod dependencies;
mod deploying;
mod drift;
mod explaining;
mod faults;
mod freezes;
mod identity;
mod isolation;
mod kustomize;
mod locks;
mod merging;
mod mid_apply;
mod modules;
mod moves;
mod plan_files;
mod planning;
mod plans;
mod policies;
mod process;
mod provisional;
mod queue;
mod repository;
mod rollback;
mod ship;
mod state_locks;
mod state_role;
mod stopping;
mod summary;
mod targeted;
mod valve;
mod versions;
mod webhooks;
