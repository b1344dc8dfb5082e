//! A whole world on 127.0.0.1: GitHub, AWS (STS, EKS, S3), an OCI registry and a Kubernetes API.
//!
//! It drives the demo and the tests over real sockets and knows nothing of the server: everything
//! that a deployment bot can see of these services is spoken here in their own protocols.

pub mod aws;
pub mod clock;
pub mod github;
pub mod kubernetes;
pub mod registry;
pub mod world;
