//! What a merge leads to.
