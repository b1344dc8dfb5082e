//! One adapter per outside system. Each imports the core and its own SDK, never another adapter
//! and never the loop; the types of an SDK do not leave its adapter.

pub mod artifacts;
pub mod aws;
pub mod clock;
pub mod git;
pub mod github;
pub mod kubernetes;
pub mod kustomize;
pub mod registry;
pub mod store;
pub mod terraform;
