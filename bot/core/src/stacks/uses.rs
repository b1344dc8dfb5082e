//! What one Terraform file uses beside itself: local modules, and files that it names.
//!
//! A file is only ever parsed, by a parser that refuses to nest deeply; nothing of it is evaluated.

use std::collections::BTreeSet;

use hcl_edit::expr::{Expression, FuncCall, TraversalOperator};
use hcl_edit::structure::Body;
use hcl_edit::template::{Element, Template};
use hcl_edit::visit::{Visit, visit_func_call};
use serde_json::Value;

/// The functions whose first argument is the path of a file
/// (<https://developer.hashicorp.com/terraform/language/functions>). `fileset` names a pattern.
const READERS: &[&str] = &[
    "file",
    "filebase64",
    "filebase64sha256",
    "filebase64sha512",
    "fileexists",
    "filemd5",
    "filesha1",
    "filesha256",
    "filesha512",
    "templatefile",
];

/// What a path in a file is relative to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Base {
    /// The directory of the module that the file belongs to.
    Module,
    /// The directory of the stack: Terraform runs there.
    Root,
}

/// What a file uses.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Uses {
    /// The sources of local modules, as written.
    pub(super) modules: BTreeSet<String>,
    /// The paths of files, as written.
    pub(super) files: BTreeSet<(Base, String)>,
}

/// Whether Terraform or OpenTofu reads a file of this name as part of the module that its directory
/// is.
pub(super) fn is_source(path: &str) -> bool {
    let name = path.rsplit('/').next().unwrap_or(path);
    let ends = [".tf", ".tf.json", ".tofu", ".tofu.json"]
        .iter()
        .any(|end| name.ends_with(end));
    ends && !name.starts_with('.')
}

impl Uses {
    /// Reads a file; `None` if it can't be told what it uses.
    pub(super) fn of(name: &str, text: &str) -> Option<Self> {
        let mut reader = Reader::default();
        if name.ends_with(".json") {
            reader.json(&serde_json::from_str(text).ok()?);
        } else {
            reader.hcl(&text.parse().ok()?);
        }
        (!reader.unclear).then_some(reader.uses)
    }
}

#[derive(Default)]
struct Reader {
    uses: Uses,
    unclear: bool,
}

impl Reader {
    fn hcl(&mut self, body: &Body) {
        for block in body.blocks().filter(|block| block.has_ident("module")) {
            if let Some(source) = block.body.get_attribute("source") {
                self.source(source.value.as_str());
            }
        }
        self.visit_body(body);
    }

    /// The JSON syntax (<https://developer.hashicorp.com/terraform/language/syntax/json>): what is
    /// an expression in HCL is a template here, and any block may come as a list.
    fn json(&mut self, root: &Value) {
        for modules in each(&root["module"]) {
            for module in modules.as_object().into_iter().flat_map(|it| it.values()) {
                for body in each(module) {
                    if let Some(source) = body.get("source") {
                        self.source(source.as_str().filter(|text| !is_template(text)));
                    }
                }
            }
        }
        self.templates(root);
    }

    fn source(&mut self, source: Option<&str>) {
        match source {
            // OpenTofu evaluates some of them; what comes out can't be known here.
            None => self.unclear = true,
            // Only so begin sources that are directories; all others are fetched.
            Some(text) if text.starts_with("./") || text.starts_with("../") => {
                self.uses.modules.insert(text.to_owned());
            }
            Some(_) => {}
        }
    }

    fn templates(&mut self, value: &Value) {
        match value {
            Value::String(text) if is_template(text) => match text.parse::<Template>() {
                Ok(template) => self.visit_template(&template),
                Err(_) => self.unclear = true,
            },
            Value::Array(items) => items.iter().for_each(|item| self.templates(item)),
            Value::Object(fields) => fields.values().for_each(|field| self.templates(field)),
            Value::String(_) | Value::Null | Value::Bool(_) | Value::Number(_) => {}
        }
    }
}

impl Visit for Reader {
    fn visit_func_call(&mut self, call: &FuncCall) {
        let own = match call.name.namespace.as_slice() {
            [] => true,
            [namespace] => namespace.as_str() == "core",
            _ => false,
        };
        if own
            && READERS.contains(&call.name.name.as_str())
            && let Some(file) = call.args.get(0).and_then(literal)
        {
            self.uses.files.insert(file);
        }
        visit_func_call(self, call);
    }
}

fn each(value: &Value) -> &[Value] {
    match value {
        Value::Array(items) => items,
        one => std::slice::from_ref(one),
    }
}

fn is_template(text: &str) -> bool {
    text.contains("${") || text.contains("%{")
}

/// A path that is written out, if need be after `path.module` or its like.
fn literal(expr: &Expression) -> Option<(Base, String)> {
    let template = match expr {
        Expression::String(text) => return Some((Base::Root, text.to_string())),
        Expression::Parenthesis(inner) => return literal(inner.inner()),
        Expression::StringTemplate(template) => template,
        _ => return None,
    };
    let mut elements = template.iter().peekable();
    let base = match elements.peek()? {
        Element::Interpolation(first) => {
            let base = base(&first.expr)?;
            elements.next();
            Some(base)
        }
        Element::Literal(_) | Element::Directive(_) => None,
    };
    let mut text = String::new();
    for element in elements {
        text.push_str(element.as_literal()?);
    }
    match base {
        None => Some((Base::Root, text)),
        Some(base) => Some((base, text.strip_prefix('/')?.to_owned())),
    }
}

/// `path.module`, `path.root` and `path.cwd`.
fn base(expr: &Expression) -> Option<Base> {
    let Expression::Traversal(traversal) = expr else {
        return None;
    };
    let Expression::Variable(variable) = &traversal.expr else {
        return None;
    };
    let [operator] = traversal.operators.as_slice() else {
        return None;
    };
    let TraversalOperator::GetAttr(field) = operator.value() else {
        return None;
    };
    match (variable.as_str(), field.as_str()) {
        ("path", "module") => Some(Base::Module),
        ("path", "root" | "cwd") => Some(Base::Root),
        _ => None,
    }
}
