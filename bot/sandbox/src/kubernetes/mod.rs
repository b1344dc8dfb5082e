//! The sandbox Kubernetes API.
