//! When the world is not well.
