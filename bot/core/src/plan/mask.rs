//! One tree from a value and its sensitive and unknown marks, and the difference of two such trees.
//!
//! This is the only place that sees sensitive values. [`Node`] keeps them, to compare and to hash;
//! it must not leave the module `plan`, has no `Debug` and no serde. What leaves is [`AttributeDiff`].

use std::collections::{BTreeMap, HashMap};

use serde_json::Value;
use similar::{Algorithm, DiffOp, capture_diff_slices};

use super::model::{AttributeDiff, Shown};
use super::secrets::{SHORTEST_INSIDE, Secrets};

/// What stands for a sensitive value inside a list.
pub(super) const SENSITIVE: &str = "(sensitive)";
/// What stands for an unknown value inside a list.
const UNKNOWN: &str = "(known after apply)";

/// Where more elements than this lie between the first and the last that differ, both sides together,
/// they are not matched: that takes a time which grows with the square of the difference, and a plan
/// may hold thousands of lists and texts.
const MATCHED: usize = 4_000;

/// A value merged with its marks. Null, absent and "null because unknown" are told apart here.
#[derive(Clone, PartialEq, Eq, Hash)]
pub(super) enum Node {
    Null,
    /// A bool, number or string.
    Scalar(Value),
    List(Vec<Node>),
    Map(BTreeMap<String, Node>),
    Unknown,
    Sensitive(Box<Node>),
}

impl Node {
    /// Merges a value with the structures that mark parts of it: `true` marks the whole part.
    pub(super) fn merge(value: Value, unknown: &Value, sensitive: &Value) -> Self {
        if sensitive == &Value::Bool(true) {
            return Self::Sensitive(Box::new(Self::merge(value, unknown, &Value::Null)));
        }
        if unknown == &Value::Bool(true) {
            return Self::Unknown;
        }
        match value {
            Value::Object(_) | Value::Null if has_fields(unknown) || value.is_object() => {
                Self::merge_map(value, unknown, sensitive)
            }
            Value::Array(_) | Value::Null if has_items(unknown) || value.is_array() => {
                Self::merge_list(value, unknown, sensitive)
            }
            Value::Null => Self::Null,
            scalar => Self::Scalar(scalar),
        }
    }

    fn merge_map(value: Value, unknown: &Value, sensitive: &Value) -> Self {
        let mut fields = match value {
            Value::Object(fields) => fields,
            _ => serde_json::Map::new(),
        };
        if let Value::Object(marks) = unknown {
            // Terraform leaves out of the value what is unknown.
            for key in marks.keys() {
                fields.entry(key.clone()).or_insert(Value::Null);
            }
        }
        let merged = fields.into_iter().map(|(key, field)| {
            let unknown = unknown.get(&key).unwrap_or(&Value::Null);
            let sensitive = sensitive.get(&key).unwrap_or(&Value::Null);
            let node = Self::merge(field, unknown, sensitive);
            (key, node)
        });
        // In a plan null and absent mean the same: not set.
        Self::Map(merged.filter(|(_, node)| *node != Self::Null).collect())
    }

    /// Calls `see` with every text that is marked sensitive.
    pub(super) fn sensitive_texts(&self, marked: bool, see: &mut impl FnMut(&str)) {
        match self {
            Self::Scalar(Value::String(text)) if marked => see(text),
            Self::Scalar(Value::Number(number)) if marked => {
                let digits = number.to_string();
                if digits.len() >= SHORTEST_INSIDE {
                    see(&digits);
                }
            }
            Self::Sensitive(inner) => inner.sensitive_texts(true, see),
            Self::List(items) => {
                for item in items {
                    item.sensitive_texts(marked, see);
                }
            }
            Self::Map(fields) => {
                for field in fields.values() {
                    field.sensitive_texts(marked, see);
                }
            }
            Self::Null | Self::Scalar(_) | Self::Unknown => {}
        }
    }

    /// Marks as sensitive every text that holds one of the secrets.
    pub(super) fn mark(self, secrets: &Secrets) -> Self {
        match self {
            Self::Scalar(scalar) if secrets.occur_in_scalar(&scalar) => {
                Self::Sensitive(Box::new(Self::Scalar(scalar)))
            }
            // A name can't be masked by itself: the whole goes.
            Self::Map(fields) if fields.keys().any(|key| secrets.occur_in_key(key)) => {
                Self::Sensitive(Box::new(Self::Map(fields)))
            }
            Self::List(items) => Self::List(items.into_iter().map(|i| i.mark(secrets)).collect()),
            Self::Map(fields) => Self::Map(
                fields
                    .into_iter()
                    .map(|(k, v)| (k, v.mark(secrets)))
                    .collect(),
            ),
            Self::Null | Self::Scalar(_) | Self::Unknown | Self::Sensitive(_) => self,
        }
    }

    /// Without any mark, so that two values are equal when what they mark is.
    pub(super) fn unmarked(&self) -> Self {
        match self {
            Self::Sensitive(inner) => inner.unmarked(),
            Self::List(items) => Self::List(items.iter().map(Self::unmarked).collect()),
            Self::Map(fields) => Self::Map(
                fields
                    .iter()
                    .map(|(k, v)| (k.clone(), v.unmarked()))
                    .collect(),
            ),
            Self::Null | Self::Scalar(_) | Self::Unknown => self.clone(),
        }
    }

    fn merge_list(value: Value, unknown: &Value, sensitive: &Value) -> Self {
        let mut items = match value {
            Value::Array(items) => items,
            _ => Vec::new(),
        };
        if let Value::Array(marks) = unknown
            && marks.len() > items.len()
        {
            items.resize(marks.len(), Value::Null);
        }
        let merged = items.into_iter().enumerate().map(|(i, item)| {
            let unknown = unknown.get(i).unwrap_or(&Value::Null);
            let sensitive = sensitive.get(i).unwrap_or(&Value::Null);
            Self::merge(item, unknown, sensitive)
        });
        Self::List(merged.collect())
    }

    /// True for a value that is shown on one line of its own, a list of scalars included. Elements
    /// that are not shown go on lines of their own: else two lists could look the same and differ.
    fn is_leaf(&self) -> bool {
        match self {
            Self::Map(fields) => fields.is_empty(),
            Self::List(items) => items
                .iter()
                .all(|item| matches!(item, Self::Null | Self::Scalar(_))),
            Self::Null | Self::Scalar(_) | Self::Unknown | Self::Sensitive(_) => true,
        }
    }

    /// The value as it may be shown; `other` is what it is compared with.
    fn shown(&self, other: Option<&Self>) -> Option<Shown> {
        match self {
            Self::Null => None,
            Self::Unknown => Some(Shown::Unknown),
            Self::Sensitive(_) => Some(Shown::Sensitive {
                changed: other.is_some_and(|o| o.unmarked() != self.unmarked()),
            }),
            Self::Scalar(_) | Self::List(_) | Self::Map(_) => Some(Shown::Value(self.masked())),
        }
    }

    fn masked(&self) -> Value {
        match self {
            Self::Null => Value::Null,
            Self::Scalar(scalar) => scalar.clone(),
            Self::List(items) => Value::Array(items.iter().map(Self::masked).collect()),
            Self::Map(fields) => Value::Object(
                fields
                    .iter()
                    .map(|(k, v)| (k.clone(), v.masked()))
                    .collect(),
            ),
            Self::Unknown => UNKNOWN.into(),
            Self::Sensitive(_) => SENSITIVE.into(),
        }
    }
}

fn has_fields(marks: &Value) -> bool {
    marks.as_object().is_some_and(|m| !m.is_empty())
}

fn has_items(marks: &Value) -> bool {
    marks.as_array().is_some_and(|m| !m.is_empty())
}

/// A path of names and indexes as Terraform writes it.
pub(super) fn path_text(path: &[Value]) -> String {
    path.iter().fold(String::new(), |text, step| match step {
        Value::String(name) => field(&text, name),
        other => format!("{text}[{other}]"),
    })
}

fn field(path: &str, name: &str) -> String {
    let plain = !name.is_empty()
        && name
            .chars()
            .all(|c| c.is_alphanumeric() || c == '_' || c == '-')
        && !name.starts_with(|c: char| c.is_ascii_digit());
    match (plain, path.is_empty()) {
        (true, true) => name.to_owned(),
        (true, false) => format!("{path}.{name}"),
        (false, _) => format!("{path}[{}]", Value::from(name)),
    }
}

/// The leaves that differ, and how many top-level attributes don't.
pub(super) fn diff(
    before: &Node,
    after: &Node,
    replace_paths: &[String],
) -> (Vec<AttributeDiff>, usize) {
    let mut found = Differences {
        leaves: Vec::new(),
        replace_paths,
    };
    found.compare("", Some(before), Some(after));
    let unchanged = match (before, after) {
        (Node::Map(before), Node::Map(after)) => before
            .iter()
            .filter(|(key, value)| after.get(*key) == Some(value))
            .count(),
        _ => 0,
    };
    (found.leaves, unchanged)
}

struct Differences<'a> {
    leaves: Vec<AttributeDiff>,
    replace_paths: &'a [String],
}

impl Differences<'_> {
    fn compare(&mut self, path: &str, before: Option<&Node>, after: Option<&Node>) {
        let (before, after) = (before.unwrap_or(&Node::Null), after.unwrap_or(&Node::Null));
        if before == after {
            return;
        }
        match (before, after) {
            (Node::Map(b), Node::Map(a)) => self.maps(path, b, a),
            (Node::Map(b), Node::Null) if !b.is_empty() => self.maps(path, b, &BTreeMap::new()),
            (Node::Null, Node::Map(a)) if !a.is_empty() => self.maps(path, &BTreeMap::new(), a),
            (Node::List(b), Node::List(a)) if !(before.is_leaf() && after.is_leaf()) => {
                self.lists(path, b, a);
            }
            (Node::List(b), Node::Null) if !before.is_leaf() => self.lists(path, b, &[]),
            (Node::Null, Node::List(a)) if !after.is_leaf() => self.lists(path, &[], a),
            _ => self.leaf(path, before, after),
        }
    }

    fn maps(
        &mut self,
        path: &str,
        before: &BTreeMap<String, Node>,
        after: &BTreeMap<String, Node>,
    ) {
        let only_after = after.keys().filter(|key| !before.contains_key(*key));
        let mut keys: Vec<&String> = before.keys().chain(only_after).collect();
        keys.sort_unstable();
        for key in keys {
            self.compare(&field(path, key), before.get(key), after.get(key));
        }
    }

    /// Elements that stay are matched first, so that one that is taken out of the middle does not
    /// show as a change of all that follow. Indexes are those of the new list, of the old one for
    /// what is removed.
    fn lists(&mut self, path: &str, before: &[Node], after: &[Node]) {
        if !can_be_matched(before, after) {
            for index in 0..before.len().max(after.len()) {
                self.compare(
                    &format!("{path}[{index}]"),
                    before.get(index),
                    after.get(index),
                );
            }
            return;
        }
        let mut numbers = HashMap::new();
        let (old, new) = (
            numbered(before, &mut numbers),
            numbered(after, &mut numbers),
        );
        for op in capture_diff_slices(Algorithm::Myers, &old, &new) {
            if matches!(op, DiffOp::Equal { .. }) {
                continue;
            }
            let (old, new) = (op.old_range(), op.new_range());
            for i in 0..old.len().max(new.len()) {
                let (b, a) = (old.clone().nth(i), new.clone().nth(i));
                let index = a.or(b).unwrap_or_default();
                let (b, a) = (b.and_then(|b| before.get(b)), a.and_then(|a| after.get(a)));
                self.compare(&format!("{path}[{index}]"), b, a);
            }
        }
    }

    fn leaf(&mut self, path: &str, before: &Node, after: &Node) {
        let forces_replacement = self
            .replace_paths
            .iter()
            .any(|forcing| is_within(path, forcing));
        self.leaves.push(AttributeDiff {
            path: path.to_owned(),
            before: before.shown(None),
            after: after.shown((*before != Node::Null).then_some(before)),
            forces_replacement,
        });
    }
}

/// True when there are few enough differing elements to look for the shortest way from one side to the
/// other.
pub(super) fn can_be_matched<T: PartialEq>(before: &[T], after: &[T]) -> bool {
    if before.is_empty() || after.is_empty() {
        return true;
    }
    let ahead = before.iter().zip(after).take_while(|(b, a)| b == a).count();
    let room = before.len().min(after.len()) - ahead;
    let backwards = before.iter().rev().zip(after.iter().rev()).take(room);
    let same = ahead + backwards.take_while(|(b, a)| b == a).count();
    before.len() + after.len() - 2 * same <= MATCHED
}

/// Equal nodes get equal numbers, so that they can be compared at no cost.
fn numbered<'a>(nodes: &'a [Node], numbers: &mut HashMap<&'a Node, usize>) -> Vec<usize> {
    let mut list = Vec::with_capacity(nodes.len());
    for node in nodes {
        let next = numbers.len();
        list.push(*numbers.entry(node).or_insert(next));
    }
    list
}

/// True when `path` is `outer` or lies in it.
fn is_within(path: &str, outer: &str) -> bool {
    path.strip_prefix(outer)
        .is_some_and(|rest| rest.is_empty() || rest.starts_with(['.', '[']))
}
