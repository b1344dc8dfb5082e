//! The sandbox OCI registry.
