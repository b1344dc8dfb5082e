//! Understanding, one step at a time.
