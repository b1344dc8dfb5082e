//! One call of an endpoint: its parameters, its body, its caller.

use http::StatusCode;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use super::super::auth::Caller;
use super::super::model::Model;
use super::super::refusal::{Outcome, Refusal};
use super::super::server::{Asked, Reply};

/// What an endpoint gets to see.
pub(super) struct Call<'a> {
    pub(super) asked: &'a Asked,
    pub(super) params: Vec<(&'static str, String)>,
    pub(super) query: Vec<(String, String)>,
    pub(super) caller: Caller,
    /// The repository in the path; 0, which none has, where there is none.
    pub(super) repo: u64,
}

impl Call<'_> {
    pub(super) fn param(&self, name: &str) -> &str {
        self.params
            .iter()
            .find(|(known, _)| *known == name)
            .map_or("", |(_, value)| value.as_str())
    }

    /// A numeric parameter; GitHub answers 404 to anything else.
    pub(super) fn number(&self, name: &str) -> Outcome<u64> {
        self.param(name).parse().map_err(|_| Refusal::not_found())
    }

    pub(super) fn query(&self, name: &str) -> Option<&str> {
        self.query
            .iter()
            .find(|(known, _)| known == name)
            .map(|(_, value)| value.as_str())
    }

    /// The JSON body. An empty one is an empty object.
    pub(super) fn body<T: DeserializeOwned>(&self) -> Outcome<T> {
        let bytes: &[u8] = if self.asked.body.is_empty() {
            b"{}"
        } else {
            &self.asked.body
        };
        let value: Value = serde_json::from_slice(bytes)
            .map_err(|_| Refusal::new(StatusCode::BAD_REQUEST, "Problems parsing JSON"))?;
        if !value.is_object() {
            return Err(Refusal::new(
                StatusCode::BAD_REQUEST,
                "Body should be a JSON object",
            ));
        }
        serde_json::from_value(value)
            .map_err(|error| Refusal::unprocessable(format!("Invalid request.\n\n{error}")))
    }

    /// The login under which the caller acts.
    pub(super) fn actor(&self, model: &Model) -> String {
        match &self.caller {
            Caller::Person(login) => login.clone(),
            Caller::Nobody | Caller::App | Caller::Installation { .. } => model.bot_login(),
        }
    }

    pub(super) fn require_app(&self) -> Outcome<()> {
        match self.caller {
            Caller::Installation { .. } => Ok(()),
            Caller::Nobody | Caller::App | Caller::Person(_) => Err(Refusal::forbidden(
                "You must authenticate via a GitHub App.",
            )),
        }
    }
}

pub(super) fn ok(value: &Value) -> Outcome<Reply> {
    Ok(Reply::json(StatusCode::OK, value))
}

pub(super) fn created(value: &Value) -> Outcome<Reply> {
    Ok(Reply::json(StatusCode::CREATED, value))
}

pub(super) fn no_content() -> Outcome<Reply> {
    Ok(Reply::empty(StatusCode::NO_CONTENT))
}

pub(super) fn params(found: &[(&'static str, String)]) -> Vec<(&'static str, String)> {
    found.to_vec()
}

pub(crate) fn query(text: &str) -> Vec<(String, String)> {
    url::form_urlencoded::parse(text.as_bytes())
        .into_owned()
        .collect()
}

/// One page of a list, with the `Link` header that leads to the others. With `wrap` the list sits
/// in an object under that name, next to `total_count`.
pub(super) fn paged<T>(
    model: &Model,
    call: &Call<'_>,
    items: &[T],
    wrap: Option<&str>,
    show: impl Fn(&T) -> Outcome<Value>,
) -> Outcome<Reply> {
    let number = |name: &str, otherwise: usize| {
        call.query(name)
            .and_then(|text| text.parse().ok())
            .unwrap_or(otherwise)
    };
    let size = number("per_page", 30).clamp(1, 100);
    let page = number("page", 1).max(1);
    let last = items.len().div_ceil(size).max(1);
    let shown = items
        .iter()
        .skip((page - 1).saturating_mul(size))
        .take(size)
        .map(show)
        .collect::<Outcome<Vec<Value>>>()?;
    let value = match wrap {
        Some(name) => json!({ "total_count": items.len(), name: shown }),
        None => Value::Array(shown),
    };
    let link = |to: usize, rel: &str| {
        let mut rest = url::form_urlencoded::Serializer::new(String::new());
        for (name, value) in call.query.iter().filter(|(name, _)| name != "page") {
            rest.append_pair(name, value);
        }
        let query = rest.append_pair("page", &to.to_string()).finish();
        format!("<{}?{query}>; rel=\"{rel}\"", model.api(&call.asked.path))
    };
    let mut links = Vec::new();
    if page > 1 {
        links.push(link(page - 1, "prev"));
        links.push(link(1, "first"));
    }
    if page < last {
        links.push(link(page + 1, "next"));
        links.push(link(last, "last"));
    }
    let reply = Reply::json(StatusCode::OK, &value);
    Ok(if links.is_empty() {
        reply
    } else {
        reply.header("link", links.join(", "))
    })
}
