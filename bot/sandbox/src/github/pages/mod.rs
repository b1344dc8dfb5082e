//! Pages for people.

use super::model::Model;
use super::server::{Asked, Reply};

/// Answers a request for a page; nothing if it is not one.
pub(super) fn answer(_: &mut Model, _: &Asked) -> Option<Reply> {
    None
}
