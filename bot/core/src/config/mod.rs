//! The deploy.toml model and its validation.
