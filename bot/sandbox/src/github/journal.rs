//! The record of every request, for tests that ask "what did the bot call, and with what right?".

use http::Method;
use jiff::Timestamp;

use super::auth::Caller;

/// One answered request.
#[derive(Clone, Debug)]
pub struct JournalEntry {
    /// When it was answered.
    pub at: Timestamp,
    /// The method.
    pub method: Method,
    /// The path, without `/api/v3` and without the query.
    pub path: String,
    /// The query, without its question mark.
    pub query: String,
    /// Who asked.
    pub caller: Caller,
    /// The status it got.
    pub status: u16,
    /// Whether GitHub knows such an endpoint.
    pub known: bool,
    /// The `X-GitHub-Request-Id` of the answer.
    pub request_id: String,
    /// The body that was sent, as text.
    pub body: String,
}

impl JournalEntry {
    /// `METHOD /path STATUS`, as error messages show it.
    #[must_use]
    pub fn line(&self) -> String {
        format!("{} {} {}", self.method, self.path, self.status)
    }
}
