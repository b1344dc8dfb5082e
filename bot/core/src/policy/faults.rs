//! What is wrong with policies, each with its place.

use std::fmt;

/// Why policies can't be asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Fault {
    /// `policy/network.rego:12`, where there is one.
    place: Option<String>,
    what: String,
}

impl Fault {
    pub(super) fn new(what: impl Into<String>) -> Self {
        Self {
            place: None,
            what: what.into(),
        }
    }

    pub(super) fn at(file: &str, line: u32, what: impl Into<String>) -> Self {
        Self {
            place: Some(format!("{file}:{line}")),
            what: what.into(),
        }
    }

    /// What regorus says:
    ///
    /// ```text
    /// --> policy/network.rego:12:26
    ///   |
    /// 12 | deny contains msg if { x := ; msg := "a" }
    ///   |                          ^
    /// error: expecting expression
    /// ```
    pub(super) fn of(error: &impl fmt::Display) -> Self {
        let text = error.to_string();
        if text.contains("exceeded time limit") {
            return Self::new("they took too long");
        }
        let place = text
            .lines()
            .find_map(|line| line.trim_start().strip_prefix("--> "));
        let place = place.and_then(|place| place.rsplit_once(':').map(|(place, _)| place));
        let what = text
            .lines()
            .find_map(|line| line.strip_prefix("error: "))
            .or_else(|| text.lines().find(|line| !line.trim().is_empty()));
        Self {
            place: place.map(str::to_owned),
            what: what
                .map_or("they can't be evaluated", |what| {
                    what.trim_matches([' ', ':'])
                })
                .to_owned(),
        }
    }

    /// Without what may quote a value.
    pub(super) fn place_only(&self) -> String {
        let place = self.place.as_deref().unwrap_or("a policy");
        format!("{place}: can't be evaluated; the reason may hold a sensitive value")
    }

    pub(super) fn says(&self, what: &str) -> bool {
        self.what.contains(what)
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.place {
            Some(place) => write!(f, "{place}: {}", self.what),
            None => f.write_str(&self.what),
        }
    }
}
