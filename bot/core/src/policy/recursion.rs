//! What regorus 0.14 can't be trusted with, found by looking through the parsed policies.
//!
//! - Functions that call themselves, directly or by others. Rego forbids them; regorus finds rules
//!   that do so and runs out of stack over functions, which would take the whole process with it.
//! - A package as a whole that lies in several files, by `import data.lib` or `data.lib[name]`. Once
//!   the first of the files is evaluated regorus takes the package for evaluated, and the rules of the
//!   others, which may be what a denial hangs on, are silently undefined.

use std::collections::{BTreeMap, BTreeSet};

use regorus::unstable::{
    Expr, Literal, LiteralStmt, Module, NodeRef, Query, Rule, RuleAssign, RuleBody, RuleHead,
};

use super::evaluate::package;
use super::faults::Fault;

/// All faults of these policies.
pub(super) fn find(modules: &[NodeRef<Module>]) -> Vec<Fault> {
    let mut faults = recursive(modules);
    faults.extend(torn(modules));
    faults
}

/// A fault for each place that evaluates a package as a whole that lies in several files.
fn torn(modules: &[NodeRef<Module>]) -> Vec<Fault> {
    let packages: Vec<Vec<String>> = modules
        .iter()
        .map(|module| components(&package(module)))
        .collect();
    // Another file of the same package, or of one inside it.
    let is_torn = |path: &[String]| {
        let below = || {
            packages
                .iter()
                .enumerate()
                .filter(|(_, p)| p.starts_with(path))
        };
        below().any(|(one, outer)| below().any(|(other, p)| other != one && p.starts_with(outer)))
    };
    let mut faults = Vec::new();
    for module in modules {
        let names = Names::of(module);
        let mut wholes: Vec<(Vec<String>, String, u32)> = Vec::new();
        for import in &module.imports {
            let span = import.refr.span();
            let path = components(span.text());
            wholes.push((path, span.source.file().clone(), span.line));
        }
        for rule in &module.policy {
            wholes.extend(walked(rule, &names).wholes);
        }
        for (path, file, line) in wholes {
            if path.first().is_some_and(|root| root == "data") && is_torn(&path) {
                let name = path.join(".");
                let what = format!(
                    "{name} lies in several files, so it can't be used as a whole: name its rules, \
                     as `{name}.NAME`, or put it into one file"
                );
                faults.push(Fault::at(&file, line, what));
            }
        }
    }
    faults
}

fn components(path: &str) -> Vec<String> {
    path.split('.').map(str::to_owned).collect()
}

/// One function: where it stands first, and what its rules call.
struct Function {
    file: String,
    line: u32,
    calls: BTreeSet<String>,
}

/// A fault for each function that is among those it calls.
fn recursive(modules: &[NodeRef<Module>]) -> Vec<Fault> {
    let mut functions: BTreeMap<String, Function> = BTreeMap::new();
    for module in modules {
        let names = Names::of(module);
        for rule in &module.policy {
            let Some((name, calls)) = function(rule, &names) else {
                continue;
            };
            let span = rule.span();
            functions
                .entry(name)
                .or_insert_with(|| Function {
                    file: span.source.file().clone(),
                    line: span.line,
                    calls: BTreeSet::new(),
                })
                .calls
                .extend(calls);
        }
    }
    functions
        .iter()
        .filter(|(name, function)| reaches(function, name, &functions))
        .map(|(name, function)| {
            let short = name.rsplit('.').next().unwrap_or(name);
            let what = format!("the function {short} calls itself, which Rego forbids");
            Fault::at(&function.file, function.line, what)
        })
        .collect()
}

fn reaches(from: &Function, goal: &str, functions: &BTreeMap<String, Function>) -> bool {
    let mut seen = BTreeSet::new();
    let mut todo: Vec<&str> = from.calls.iter().map(String::as_str).collect();
    while let Some(name) = todo.pop() {
        if name == goal {
            return true;
        }
        if seen.insert(name)
            && let Some(function) = functions.get(name)
        {
            todo.extend(function.calls.iter().map(String::as_str));
        }
    }
    false
}

/// What names stand for in a module.
struct Names {
    package: String,
    imports: BTreeMap<String, String>,
}

impl Names {
    fn of(module: &Module) -> Self {
        let imports = module.imports.iter().map(|import| {
            let path = import.refr.span().text().to_owned();
            let last = path.rsplit('.').next().unwrap_or_default().to_owned();
            let alias = import.r#as.as_ref().map(|span| span.text().to_owned());
            (alias.unwrap_or(last), path)
        });
        Self {
            package: package(module),
            imports: imports.collect(),
        }
    }

    fn full(&self, written: &str) -> String {
        let (first, rest) = match written.split_once('.') {
            Some((first, rest)) => (first, Some(rest)),
            None => (written, None),
        };
        let first = match (first, self.imports.get(first)) {
            ("data", _) => first.to_owned(),
            (_, Some(path)) => path.clone(),
            (_, None) => format!("{}.{first}", self.package),
        };
        rest.map_or_else(|| first.clone(), |rest| format!("{first}.{rest}"))
    }
}

/// The name of a function, and what one of its rules calls.
fn function(rule: &Rule, names: &Names) -> Option<(String, BTreeSet<String>)> {
    let refr = match rule {
        Rule::Spec {
            head: RuleHead::Func { refr, .. },
            ..
        } => refr,
        Rule::Default { refr, args, .. } if !args.is_empty() => refr,
        Rule::Spec { .. } | Rule::Default { .. } => return None,
    };
    Some((names.full(refr.span().text()), walked(rule, names).calls))
}

fn walked<'n>(rule: &Rule, names: &'n Names) -> Walk<'n> {
    let mut walk = Walk {
        names,
        calls: BTreeSet::new(),
        wholes: Vec::new(),
    };
    match rule {
        Rule::Spec { head, bodies, .. } => {
            match head {
                RuleHead::Compr { refr, assign, .. } => {
                    walk.reference(refr);
                    walk.assigned(assign.as_ref());
                }
                RuleHead::Set { refr, key, .. } => {
                    walk.reference(refr);
                    walk.all(key.as_slice());
                }
                RuleHead::Func { args, assign, .. } => {
                    walk.all(args);
                    walk.assigned(assign.as_ref());
                }
            }
            for RuleBody { assign, query, .. } in bodies {
                walk.assigned(assign.as_ref());
                walk.query(query);
            }
        }
        Rule::Default { args, value, .. } => {
            walk.all(args);
            walk.expr(value);
        }
    }
    walk
}

/// Through a rule. The parser bounds how deep expressions lie in one another.
struct Walk<'a> {
    names: &'a Names,
    /// What it calls.
    calls: BTreeSet<String>,
    /// What it names below `data`, as far as that is written out, with file and line.
    wholes: Vec<(Vec<String>, String, u32)>,
}

impl Walk<'_> {
    fn all(&mut self, exprs: &[NodeRef<Expr>]) {
        for expr in exprs {
            self.expr(expr);
        }
    }

    fn assigned(&mut self, assign: Option<&RuleAssign>) {
        if let Some(assign) = assign {
            self.expr(&assign.value);
        }
    }

    fn query(&mut self, query: &Query) {
        for LiteralStmt {
            literal, with_mods, ..
        } in &query.stmts
        {
            for with in with_mods {
                // Another function may be put in the place of one that is called here.
                self.calls.insert(self.names.full(with.r#as.span().text()));
                self.expr(&with.r#as);
            }
            match literal {
                Literal::SomeVars { .. } => {}
                Literal::SomeIn {
                    key,
                    value,
                    collection,
                    ..
                } => {
                    self.all(key.as_slice());
                    self.expr(value);
                    self.expr(collection);
                }
                Literal::Expr { expr, .. } | Literal::NotExpr { expr, .. } => self.expr(expr),
                Literal::Every { domain, query, .. } => {
                    self.expr(domain);
                    self.query(query);
                }
            }
        }
    }

    fn expr(&mut self, expr: &Expr) {
        match expr {
            Expr::String { .. }
            | Expr::RawString { .. }
            | Expr::Number { .. }
            | Expr::Bool { .. }
            | Expr::Null { .. } => {}
            Expr::Var { .. } | Expr::RefDot { .. } | Expr::RefBrack { .. } => self.reference(expr),
            Expr::Array { items, .. } | Expr::Set { items, .. } => self.all(items),
            Expr::Object { fields, .. } => {
                for (_, key, value) in fields {
                    self.expr(key);
                    self.expr(value);
                }
            }
            Expr::ArrayCompr { term, query, .. } | Expr::SetCompr { term, query, .. } => {
                self.expr(term);
                self.query(query);
            }
            Expr::ObjectCompr {
                key, value, query, ..
            } => {
                self.expr(key);
                self.expr(value);
                self.query(query);
            }
            Expr::Call { fcn, params, .. } => {
                self.calls.insert(self.names.full(fcn.span().text()));
                self.all(params);
            }
            Expr::UnaryExpr { expr, .. } => self.expr(expr),
            Expr::BinExpr { lhs, rhs, .. }
            | Expr::BoolExpr { lhs, rhs, .. }
            | Expr::ArithExpr { lhs, rhs, .. }
            | Expr::AssignExpr { lhs, rhs, .. } => {
                self.expr(lhs);
                self.expr(rhs);
            }
            Expr::Membership {
                key,
                value,
                collection,
                ..
            } => {
                self.all(key.as_slice());
                self.expr(value);
                self.expr(collection);
            }
        }
    }

    /// A chain of names and indexes.
    fn reference(&mut self, expr: &Expr) {
        let mut steps = Vec::new();
        let mut inner = expr;
        let root = loop {
            match inner {
                Expr::RefDot { refr, field, .. } => {
                    steps.push(Some(field.0.text().to_owned()));
                    inner = refr;
                }
                Expr::RefBrack { refr, index, .. } => {
                    match index.as_ref() {
                        Expr::String { value, .. } => {
                            steps.push(value.as_string().ok().map(ToString::to_string));
                        }
                        other => {
                            steps.push(None);
                            self.expr(other);
                        }
                    }
                    inner = refr;
                }
                Expr::Var { span, .. } => break span,
                other => return self.expr(other),
            }
        };
        if root.text() == "data" {
            let written = steps.into_iter().rev().map_while(|step| step);
            let path = std::iter::once("data".to_owned()).chain(written).collect();
            self.wholes
                .push((path, root.source.file().clone(), root.line));
        }
    }
}
