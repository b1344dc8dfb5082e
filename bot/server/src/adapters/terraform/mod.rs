//! The terraform adapter.
