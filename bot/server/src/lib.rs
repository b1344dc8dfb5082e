//! Slipway, the imperative shell around `slipway-core`.
//!
//! It gathers facts, has the core decide, and does what was decided through adapters.

pub mod adapters;
pub mod intake;
