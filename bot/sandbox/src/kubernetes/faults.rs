//! Bad days on demand: requests that fail, as often as ordered.

/// A failure for the next `times` requests of that kind.
#[derive(Clone, Debug)]
pub struct Fault {
    /// The API verb (`get`, `list`, `watch`, `create`, `update`, `patch`, `delete`); empty: any.
    pub verb: String,
    /// Part of the path, such as `/deployments/shop`; empty: any.
    pub path: String,
    /// How many requests fail.
    pub times: u32,
    /// The HTTP status of the answer; its `Status` says what fits.
    pub status: u16,
    /// `Retry-After` in seconds, if any.
    pub retry_after: Option<u64>,
}

impl Fault {
    /// The next request with this verb fails with this status.
    #[must_use]
    pub fn once(verb: &str, status: u16) -> Self {
        Self {
            verb: verb.to_owned(),
            path: String::new(),
            times: 1,
            status,
            retry_after: None,
        }
    }

    /// The same fault for more requests.
    #[must_use]
    pub fn times(mut self, times: u32) -> Self {
        self.times = times;
        self
    }

    /// The same fault for requests whose path contains this.
    #[must_use]
    pub fn on(mut self, path: &str) -> Self {
        path.clone_into(&mut self.path);
        self
    }
}

/// Takes the first fault that matches, counting it down.
pub(super) fn take(faults: &mut Vec<Fault>, verb: &str, path: &str) -> Option<Fault> {
    let fault = faults.iter_mut().find(|fault| {
        fault.times > 0
            && (fault.verb.is_empty() || fault.verb == verb)
            && path.contains(&fault.path)
    })?;
    fault.times -= 1;
    let taken = fault.clone();
    faults.retain(|fault| fault.times > 0);
    Some(taken)
}
