//! The artifacts adapter.
