//! Answers as small trees, written as XML or as JSON: STS speaks both, S3 only XML.
//!
//! A writer is enough. Nothing in the sandbox reads XML.

use jiff::Timestamp;
use serde_json::Value;

/// A field's content.
#[derive(Clone, Debug)]
pub(super) enum Node {
    /// Text, escaped on writing.
    Text(String),
    /// An instant: ISO 8601 in XML, seconds since 1970 in JSON.
    Time(Timestamp),
    /// Named fields in order. XML may repeat a name; JSON keeps the last one.
    Fields(Vec<Field>),
}

/// A name and its content.
pub(super) type Field = (&'static str, Node);

/// A field that holds text.
pub(super) fn text(name: &'static str, value: impl Into<String>) -> Field {
    (name, Node::Text(value.into()))
}

/// A field that holds fields.
pub(super) fn fields(name: &'static str, inner: Vec<Field>) -> Field {
    (name, Node::Fields(inner))
}

/// The instant as AWS writes it in XML, with milliseconds only where the service has them.
pub(super) fn iso8601(at: Timestamp, milliseconds: bool) -> String {
    let form = if milliseconds {
        "%Y-%m-%dT%H:%M:%S.%3fZ"
    } else {
        "%Y-%m-%dT%H:%M:%SZ"
    };
    at.strftime(form).to_string()
}

/// One XML element, with a default namespace if the service has one.
pub(super) fn xml(root: &Field, namespace: Option<&str>) -> String {
    let attribute = namespace.map_or_else(String::new, |uri| format!(" xmlns=\"{uri}\""));
    let (name, node) = root;
    let mut out = format!("<{name}{attribute}>");
    write_content(&mut out, node);
    out.push_str(&format!("</{name}>"));
    out
}

fn write_content(out: &mut String, node: &Node) {
    match node {
        Node::Text(text) => escape(out, text),
        Node::Time(at) => out.push_str(&iso8601(*at, false)),
        Node::Fields(fields) => {
            for (name, inner) in fields {
                out.push_str(&format!("<{name}>"));
                write_content(out, inner);
                out.push_str(&format!("</{name}>"));
            }
        }
    }
}

fn escape(out: &mut String, text: &str) {
    for character in text.chars() {
        match character {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            // A bare carriage return would be read back as a line feed.
            '\r' => out.push_str("&#13;"),
            other => out.push(other),
        }
    }
}

/// The same tree as a JSON object.
pub(super) fn json(root: &Field) -> Value {
    let (name, node) = root;
    serde_json::json!({ *name: json_content(node) })
}

fn json_content(node: &Node) -> Value {
    match node {
        Node::Text(text) => Value::from(text.as_str()),
        Node::Time(at) => Value::from(at.as_second()),
        Node::Fields(fields) => fields
            .iter()
            .map(|(name, inner)| ((*name).to_owned(), json_content(inner)))
            .collect::<serde_json::Map<_, _>>()
            .into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn xml_escapes_what_would_be_markup() {
        let root = fields("A", vec![text("B", "x < y & \"z\"\r"), text("B", "")]);
        assert_eq!(
            xml(&root, Some("urn:x")),
            "<A xmlns=\"urn:x\"><B>x &lt; y &amp; &quot;z&quot;&#13;</B><B></B></A>"
        );
    }

    #[test]
    fn times_are_iso_in_xml_and_seconds_in_json() {
        let at = Timestamp::from_second(1_440_938_160).unwrap();
        let root = fields("A", vec![("At", Node::Time(at))]);
        assert_eq!(xml(&root, None), "<A><At>2015-08-30T12:36:00Z</At></A>");
        assert_eq!(json(&root), serde_json::json!({"A": {"At": 1_440_938_160}}));
    }
}
