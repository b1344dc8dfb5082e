//! Policies in regorus: read, looked through, asked.

use std::collections::BTreeMap;
use std::num::{NonZeroU32, NonZeroUsize};
use std::time::Duration;

use regorus::unstable::{Expr, Module, NodeRef, Rule, RuleHead};
use regorus::utils::limits::ExecutionTimerConfig;
use regorus::{Engine, PolicyLengthConfig, Value};

use super::faults::Fault;
use super::{MOST_RULES, PolicyFile, recursion};

/// The package whose rules are asked.
const PACKAGE: &str = "data.main";

/// What a rule says, with which severity.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Finding {
    /// The rule: `deny_public`.
    pub(super) rule: String,
    /// Whether it denies or only warns.
    pub(super) denies: bool,
    /// Its words.
    pub(super) message: String,
}

/// Policies that are ready to be asked.
pub(super) struct Engines {
    engine: Engine,
    /// The rules to ask, each with a place where it stands.
    rules: BTreeMap<String, (String, u32)>,
}

impl Engines {
    /// Reads the files. Each may be written in Rego v1 or, as before OPA 1.0, in v0.
    pub(super) fn load(files: &[PolicyFile]) -> Result<Self, Vec<Fault>> {
        let mut engine = read(files)?;
        let modules = engine.get_modules().clone();
        let mut faults = Vec::new();
        let mut rules = BTreeMap::new();
        let count: usize = modules.iter().map(|module| module.policy.len()).sum();
        if count > MOST_RULES {
            return Err(vec![Fault::new(format!(
                "the policies have {count} rules; {MOST_RULES} are the most"
            ))]);
        }
        for module in modules.iter().filter(|module| package(module) == PACKAGE) {
            for rule in &module.policy {
                let Some((name, is_set)) = asked(rule) else {
                    continue;
                };
                let span = rule.span();
                let (file, line) = (span.source.file().clone(), span.line);
                if !is_set {
                    faults.push(Fault::at(
                        &file,
                        line,
                        format!("{name} is no set of messages: `{name} contains msg if {{ … }}`"),
                    ));
                }
                rules.entry(name).or_insert((file, line));
            }
        }
        faults.extend(recursion::find(&modules));
        if faults.is_empty() && rules.is_empty() {
            faults.push(Fault::new(
                "no policy has a rule `deny`, `violation` or `warn` in the package `main`",
            ));
        }
        if faults.is_empty() {
            Ok(Self { engine, rules })
        } else {
            Err(faults)
        }
    }

    /// How many rules are asked.
    pub(super) fn rules(&self) -> usize {
        self.rules.len()
    }

    /// What the rules say of an input. With `strict`, a built-in function that can't do its work is
    /// an error, and not an answer that is left out.
    pub(super) fn ask(
        &self,
        input: Value,
        limit: Duration,
        strict: bool,
    ) -> Result<Vec<Finding>, Fault> {
        let mut engine = self.engine.clone();
        engine.set_strict_builtin_errors(strict);
        engine.set_execution_timer_config(timer(limit));
        engine.set_input(input);
        let names: Vec<&String> = self.rules.keys().collect();
        let query: Vec<String> = names
            .iter()
            .enumerate()
            .map(|(place, name)| format!("answer_{place} := {PACKAGE}.{name}"))
            .collect();
        let results = engine
            .eval_query(query.join("; "), false)
            .map_err(|error| Fault::of(&error))?;
        let Some(result) = results.result.first() else {
            return Err(Fault::new("the rules have no answer"));
        };
        let mut findings = Vec::new();
        for (place, name) in names.into_iter().enumerate() {
            let answer = &result.bindings[&Value::from(format!("answer_{place}"))];
            let Ok(messages) = answer.as_set() else {
                return Err(self.fault(name, "gives no set of messages"));
            };
            for message in messages {
                let Some(message) = words(message) else {
                    return Err(self.fault(
                        name,
                        "gives a message that is neither a text nor an object with a text `msg`",
                    ));
                };
                findings.push(Finding {
                    rule: name.clone(),
                    denies: !is_named(name, "warn"),
                    message,
                });
            }
        }
        Ok(findings)
    }

    fn fault(&self, rule: &str, what: &str) -> Fault {
        let what = format!("{rule} {what}");
        match self.rules.get(rule) {
            Some((file, line)) => Fault::at(file, *line, what),
            None => Fault::new(what),
        }
    }
}

/// How often the clock is looked at: each unit of work is a few microseconds at the most.
pub(super) fn timer(limit: Duration) -> ExecutionTimerConfig {
    ExecutionTimerConfig {
        limit,
        check_interval: NonZeroU32::MIN.saturating_add(255),
    }
}

/// An engine with these files in it, or what is wrong with each of them.
pub(super) fn read(files: &[PolicyFile]) -> Result<Engine, Vec<Fault>> {
    let mut engine = Engine::new();
    // Nobody reads what a policy prints; and it must not go to the bot's own output.
    engine.set_gather_prints(true);
    engine.set_policy_length_config(PolicyLengthConfig {
        max_col: NonZeroU32::MIN.saturating_add(4_095),
        max_file_bytes: NonZeroUsize::MIN.saturating_add(1024 * 1024),
        max_lines: NonZeroUsize::MIN.saturating_add(20_000),
    });
    let mut faults = Vec::new();
    for file in files {
        faults.extend(add(&mut engine, file).err());
    }
    if faults.is_empty() {
        Ok(engine)
    } else {
        Err(faults)
    }
}

/// A file that lacks the keywords of Rego v1 was written for v0, and is read as that.
fn add(engine: &mut Engine, file: &PolicyFile) -> Result<(), Fault> {
    let mut add_as = |is_v0| {
        engine.set_rego_v0(is_v0);
        engine
            .add_policy(file.path.clone(), file.text.clone())
            .map_err(|error| Fault::of(&error))
    };
    match add_as(false) {
        Err(fault) if fault.says("keyword is required") => add_as(true).map(|_| ()),
        other => other.map(|_| ()),
    }
}

/// The path of a module's package: `data.main`.
pub(super) fn package(module: &Module) -> String {
    format!("data.{}", module.package.refr.span().text())
}

/// The name of a rule that is asked, and whether it is a set.
fn asked(rule: &NodeRef<Rule>) -> Option<(String, bool)> {
    let (refr, is_set) = match rule.as_ref() {
        Rule::Spec { head, .. } => match head {
            RuleHead::Set { refr, .. } => (refr, matches!(refr.as_ref(), Expr::Var { .. })),
            RuleHead::Compr { refr, .. } | RuleHead::Func { refr, .. } => (refr, false),
        },
        Rule::Default { refr, .. } => (refr, false),
    };
    let text = refr.span().text();
    let end = text.find(|c: char| !c.is_ascii_alphanumeric() && c != '_');
    let name = &text[..end.unwrap_or(text.len())];
    let is_asked = ["deny", "violation", "warn"]
        .iter()
        .any(|word| is_named(name, word));
    is_asked.then(|| (name.to_owned(), is_set))
}

/// conftest's `^deny(_[a-zA-Z0-9]+)*$`.
fn is_named(name: &str, word: &str) -> bool {
    let Some(rest) = name.strip_prefix(word) else {
        return false;
    };
    rest.is_empty()
        || rest.strip_prefix('_').is_some_and(|rest| {
            rest.split('_').all(|part| {
                !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_alphanumeric())
            })
        })
}

/// The text of a message, by itself or as `msg` of an object.
fn words(message: &Value) -> Option<String> {
    let text = match message {
        Value::String(text) => text,
        Value::Object(fields) => match fields.get(&Value::from("msg")) {
            Some(Value::String(text)) => text,
            _ => return None,
        },
        _ => return None,
    };
    Some(text.to_string())
}
