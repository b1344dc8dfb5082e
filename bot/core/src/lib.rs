//! The functional core of Slipway.
//!
//! What a pull request, a comment or a timer leads to is decided here, as plain functions of an
//! [`event`] and the [`facts`] gathered about it. Nothing in this crate reads a clock, the
//! environment, a file or the network: its `Cargo.toml` names no crate that could. The effects
//! that a decision asks for are described as values and reached through the traits in [`ports`].

pub mod applies;
pub mod backend;
pub mod codeowners;
pub mod command;
pub mod config;
pub mod decide;
pub mod dependency_lock;
pub mod event;
pub mod facts;
pub mod gates;
pub mod identity;
pub mod ids;
pub mod in_part;
pub mod intent;
pub mod manifests;
pub mod outcome;
pub mod plan;
pub mod plan_flags;
pub mod policy;
pub mod ports;
pub mod projection;
pub mod provisional;
pub mod report;
pub mod run;
pub mod session;
pub mod spec;
pub mod stacks;
pub mod summary;
pub mod tool;

#[cfg(test)]
mod testing;
