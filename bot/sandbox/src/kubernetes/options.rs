//! The query parameters of an API call, and the form that its answer is wanted in.

use std::time::Duration;

use http::header;
use http::request::Parts;

use super::selectors::Selector;
use super::status::Refusal;
use super::table;

/// What a query asks for, as far as this server heeds it.
#[derive(Clone, Debug, Default)]
pub(super) struct Options {
    pub(super) selector: Selector,
    pub(super) table: bool,
    pub(super) watch: bool,
    pub(super) bookmarks: bool,
    pub(super) initial_events: bool,
    pub(super) resource_version: String,
    pub(super) timeout: Option<Duration>,
    pub(super) limit: usize,
    pub(super) from: String,
    pub(super) field_manager: String,
    pub(super) force: bool,
    pub(super) dry_run: bool,
    pub(super) strict: bool,
    pub(super) container: String,
    pub(super) tail_lines: Option<usize>,
    pub(super) previous: bool,
    pub(super) timestamps: bool,
    pub(super) orphan: bool,
}

impl Options {
    pub(super) fn parse(parts: &Parts) -> Result<Self, Refusal> {
        let mut options = Self {
            table: table::is_wanted(&parts.headers),
            ..Self::default()
        };
        let (mut labels, mut fields) = (String::new(), String::new());
        let query = parts.uri.query().unwrap_or_default();
        for (name, value) in url::form_urlencoded::parse(query.as_bytes()) {
            let on = matches!(value.as_ref(), "true" | "1");
            match name.as_ref() {
                "labelSelector" => labels = value.into_owned(),
                "fieldSelector" => fields = value.into_owned(),
                "watch" => options.watch = on,
                "allowWatchBookmarks" => options.bookmarks = on,
                "sendInitialEvents" => options.initial_events = on,
                "resourceVersion" => options.resource_version = value.into_owned(),
                "timeoutSeconds" => {
                    options.timeout = Some(Duration::from_secs(number(&name, &value)?));
                }
                "limit" => options.limit = number(&name, &value)?,
                "continue" => options.from = value.into_owned(),
                "fieldManager" => options.field_manager = value.into_owned(),
                "force" => options.force = on,
                "fieldValidation" => options.strict = value == "Strict",
                "dryRun" => options.dry_run = value == "All",
                "container" => options.container = value.into_owned(),
                "tailLines" => options.tail_lines = Some(number(&name, &value)?),
                "previous" => options.previous = on,
                "timestamps" => options.timestamps = on,
                "propagationPolicy" => options.orphan = value == "Orphan",
                _ => {}
            }
        }
        options.selector = Selector::parse(&labels, &fields)?;
        Ok(options)
    }
}

fn number<T: std::str::FromStr>(name: &str, value: &str) -> Result<T, Refusal> {
    let message = || format!("invalid value for query parameter {name}: \"{value}\"");
    value.parse().map_err(|_| Refusal::bad_request(message()))
}

/// Who manages the fields of a plain write: the stated manager, else the program's name.
pub(super) fn manager<'a>(parts: &'a Parts, options: &'a Options) -> &'a str {
    if !options.field_manager.is_empty() {
        return &options.field_manager;
    }
    parts
        .headers
        .get(header::USER_AGENT)
        .and_then(|value| value.to_str().ok())
        .and_then(|agent| agent.split('/').next())
        .filter(|name| !name.is_empty())
        .unwrap_or("unknown")
}
