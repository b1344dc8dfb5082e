//! The git adapter.
