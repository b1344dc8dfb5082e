//! Rollouts that fail, and ways back.
