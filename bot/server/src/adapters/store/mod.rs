//! The store adapter.
