//! Slipway, the imperative shell around `slipway-core`.
//!
//! It gathers facts, has the core decide, and does what was decided through adapters. Start
//! reading at [`wire`], then [`worker`].

pub mod adapters;
pub mod bells;
pub mod capacity;
pub mod cli;
pub mod gather;
pub mod intake;
pub mod ports;
pub mod process;
pub mod registration;
pub mod render;
pub mod reporter;
pub mod runner;
pub mod secrets;
pub mod session;
pub mod settings;
pub mod shelf;
pub mod signals;
pub mod telemetry;
pub mod web;
pub mod wire;
pub mod worker;
