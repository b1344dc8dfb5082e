//! The sample service that Slipway deploys: a small shop that says which version of it is running.
//!
//! It shows what a rollout needs of a service: probes that tell "alive" from "ready", tables that two
//! versions can share, the commit it was built from, and an end that loses no request. It may not know
//! anything of Slipway.

mod clock;
mod database;
mod healthcheck;
mod http;
mod limits;
mod serve;
mod settings;
mod shopping;
mod version;

pub use clock::{Clock, SystemClock};
pub use database::{
    Connections, Database, DatabaseFault, IamFault, IamLogin, Opened, Placed, Refused, Renewal,
    Token, open,
};
pub use healthcheck::{Unhealthy, healthcheck};
pub use http::{Shop, recorder, routes};
pub use limits::Limits;
pub use serve::{Drained, Readiness, Shutdown, serve};
pub use settings::{
    Certificates, DatabaseSettings, Endpoint, InvalidSetting, Login, Password, ServerSettings,
    Settings, Transport,
};
pub use shopping::{
    Basket, Cents, IdempotencyKey, InvalidBasket, Order, OrderId, OrderLine, Product, ProductId,
    Quantity,
};
pub use version::{Commit, EnvironmentName, Version};
