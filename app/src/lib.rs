//! The sample service that Slipway deploys: a shop window that says which version of it is running.
//!
//! It shows what a rollout needs of a service: probes that tell "alive" from "ready", the commit it
//! was built from, and an end that loses no request. It may not know anything of Slipway.

mod routes;
mod serve;
mod settings;

pub use routes::routes;
pub use serve::{Drained, Readiness, Shutdown, serve};
pub use settings::{Commit, EnvironmentName, InvalidSetting, Settings, Version};
