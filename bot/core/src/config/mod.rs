//! The deploy.toml model and its validation.
//!
//! [`Config::parse`] is the only door: text in, either a [`Config`] in which every value is parsed
//! and every name exists, or [`Diagnostic`]s that point at the lines to change. It reads no file.

mod aws;
mod build;
mod check;
mod diagnostic;
mod diff;
mod duration;
mod findings;
mod freeze;
mod image;
mod invalid;
mod model;
mod parse;
mod path;
mod raw;
mod read;
mod schedule;
mod schema;
mod template;
mod unenforced;
mod values;
mod who;
mod window;

pub use aws::{AccountId, Aws, Region, RoleArn};
pub use diagnostic::{Diagnostic, Severity};
pub use diff::{Change, Effect, Subject, all_of, diff};
pub use duration::{format_duration, parse_duration, parse_duration_within};
pub use findings::MOST_FINDINGS;
pub use freeze::Freeze;
pub use image::{ImageRepository, Tool, ToolVersion};
pub use invalid::Invalid;
pub use model::{
    Checks, Config, Environment, OnFailure, Outside, Provenance, PullRequest, Service, Stack,
};
pub use parse::{Checked, LONGEST_FILE};
pub use path::{Globs, RepoPath};
pub use schedule::Schedule;
pub use schema::schema;
pub use template::{TagTemplate, Template};
pub use who::{Allow, Who};
pub use window::Window;

#[cfg(test)]
mod tests;
