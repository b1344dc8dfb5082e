//! Which places outside of its directory a stack uses: local modules, also through one another, and
//! files that any of them names.
//!
//! It is made from the Terraform files of the trees that a plan comes from (head and base of a pull
//! request), taken together: what either of them says that it uses, counts. That is never less than
//! what their merge uses, and what a change stops using is seen on the other side.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use super::uses::{Base, Uses, is_source};
use crate::config::{Config, Stack};
use crate::ids::StackName;

/// How many directories one stack may use. With links, a module can use itself under ever new names.
const MOST_DIRECTORIES: usize = 1000;
/// How many links in a row are followed.
const MOST_LINKS: usize = 40;
/// Through how many links in a row a changed file is looked for under its other names.
const LINK_ROUNDS: usize = 4;
/// How many other names changed files may have together.
const MOST_ALIASES: usize = 5_000;
/// How long a path may get.
const LONGEST_PATH: usize = 1024;

/// What of a tree has to be known to tell which stack uses what.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Sources {
    /// The texts of the files that [`Sources::wants`], by path; `None` for one that is too large.
    pub texts: BTreeMap<String, Option<String>>,
    /// Where symbolic links lead, as they say themselves, by path.
    pub links: BTreeMap<String, String>,
    /// Whether there is more than was read.
    pub truncated: bool,
}

impl Sources {
    /// Whether the text of the file at this path is needed.
    #[must_use]
    pub fn wants(path: &str) -> bool {
        is_source(path)
    }

    /// Where a path leads, once the links on the way are followed.
    fn follow(&self, path: &str) -> String {
        let mut path = path.to_owned();
        for _ in 0..MOST_LINKS {
            let link = prefixes(&path).find_map(|prefix| Some((prefix, self.links.get(prefix)?)));
            let Some((prefix, target)) = link else {
                break;
            };
            let rest = below(prefix, &path).unwrap_or_default();
            let Some(next) = join(parent(prefix), target).and_then(|to| join(&to, rest)) else {
                break;
            };
            path = next;
        }
        path
    }

    /// The Terraform files of a directory by name, with their texts.
    fn module(&self, dir: &str) -> BTreeMap<&str, Option<&str>> {
        let dir = self.follow(dir);
        let texts = within(&self.texts, &dir);
        let mut files: BTreeMap<&str, Option<&str>> =
            texts.map(|(name, text)| (name, text.as_deref())).collect();
        for (name, _) in within(&self.links, &dir).filter(|(name, _)| is_source(name)) {
            let target = self.follow(&child(&dir, name));
            let text = self.texts.get(&target).and_then(Option::as_deref);
            files.insert(name, text);
        }
        files
    }
}

/// What each stack uses outside of its directory.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Modules {
    of: BTreeMap<StackName, Used>,
    /// Links of the trees and where they lead to.
    links: BTreeSet<(String, String)>,
}

/// What one stack uses.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Used {
    /// The directories of its modules, also of those below its own directory.
    dirs: BTreeSet<String>,
    /// Files outside of its directory.
    files: BTreeSet<String>,
    /// Why there may be more.
    unclear: Option<String>,
}

impl Modules {
    /// Follows all stacks through the trees.
    #[must_use]
    pub fn of(config: &Config, trees: &[Sources]) -> Self {
        let mut walk = Walk {
            trees,
            known: BTreeMap::new(),
            read: HashMap::new(),
        };
        let of = config
            .stacks
            .iter()
            .map(|stack| (stack.name.clone(), walk.stack(stack)))
            .collect();
        let links = trees
            .iter()
            .flat_map(|tree| &tree.links)
            .filter_map(|(link, target)| Some((link.clone(), join(parent(link), target)?)))
            .collect();
        Self { of, links }
    }

    /// The stacks of which it can't be said what they use, and why: any change of Terraform files
    /// counts as touching them.
    pub fn unclear(&self) -> impl Iterator<Item = (&StackName, &str)> {
        self.of
            .iter()
            .filter_map(|(name, used)| Some((name, used.unclear.as_deref()?)))
    }

    /// Whether a change of this file touches a stack by something that the stack uses.
    pub(super) fn touches(&self, stack: &Stack, path: &str) -> bool {
        let Some(used) = self.of.get(&stack.name) else {
            return false;
        };
        // A link in place of a directory takes all below it along.
        let above = |place: &String| at_or_below(path, place).is_some();
        used.files.contains(path)
            || used.files.iter().chain(&used.dirs).any(above)
            || used
                .dirs
                .iter()
                .filter_map(|dir| below(dir, path))
                .any(|rest| stack.when_modified.matches(rest))
            || (used.unclear.is_some() && is_source(path))
    }

    /// These paths and all the others that links give the same files; `None` if they are too many.
    pub(super) fn with_aliases(&self, paths: &BTreeSet<String>) -> Option<BTreeSet<String>> {
        let mut all = paths.clone();
        let mut last = paths.clone();
        for _ in 0..LINK_ROUNDS {
            let mut new = BTreeSet::new();
            for path in &last {
                for (link, target) in &self.links {
                    let alias = at_or_below(target, path).and_then(|rest| join(link, rest));
                    if let Some(alias) = alias.filter(|alias| !all.contains(alias)) {
                        new.insert(alias);
                    }
                    if new.len() > MOST_ALIASES {
                        return None;
                    }
                }
            }
            if new.is_empty() {
                break;
            }
            all.extend(new.iter().cloned());
            last = new;
        }
        Some(all)
    }
}

/// What the files of one directory use, in all trees.
#[derive(Clone, Debug, Default)]
struct Module {
    uses: Uses,
    /// A file that could not be read.
    unclear: Option<String>,
}

struct Walk<'t> {
    trees: &'t [Sources],
    /// By directory.
    known: BTreeMap<String, Module>,
    /// By name and text: links can give one file many names, and most are the same in all trees.
    read: HashMap<(&'t str, &'t str), Option<Uses>>,
}

impl<'t> Walk<'t> {
    fn stack(&mut self, stack: &Stack) -> Used {
        let root = match stack.dir.as_str() {
            "." => String::new(),
            dir => dir.to_owned(),
        };
        let mut used = Used::default();
        if self.trees.iter().any(|tree| tree.truncated) {
            let why = "the repository has more Terraform files than are looked into";
            used.unclear = Some(why.to_owned());
        }
        let mut seen = BTreeSet::from([root.clone()]);
        let mut next = vec![root.clone()];
        while let Some(dir) = next.pop() {
            let module = self.module(&dir);
            if let Some(file) = &module.unclear {
                let why = || format!("it can't be told from {file} what it uses");
                used.unclear.get_or_insert_with(why);
            }
            for (base, file) in &module.uses.files {
                let from = match base {
                    Base::Module => &dir,
                    Base::Root => &root,
                };
                let path = join(from, file).filter(|path| below(&root, path).is_none());
                used.files.extend(path);
            }
            for source in &module.uses.modules {
                let Some(dir) = join(&dir, source) else {
                    continue;
                };
                if seen.insert(dir.clone()) {
                    next.push(dir);
                }
            }
            if seen.len() > MOST_DIRECTORIES {
                used.unclear = Some("it uses more modules than are followed".to_owned());
                break;
            }
        }
        seen.remove(&root);
        used.dirs = seen;
        used
    }

    fn module(&mut self, dir: &str) -> &Module {
        let (trees, read) = (self.trees, &mut self.read);
        self.known
            .entry(dir.to_owned())
            .or_insert_with(|| read_module(trees, read, dir))
    }
}

fn read_module<'t>(
    trees: &'t [Sources],
    read: &mut HashMap<(&'t str, &'t str), Option<Uses>>,
    dir: &str,
) -> Module {
    let mut module = Module::default();
    for (name, text) in trees.iter().flat_map(|tree| tree.module(dir)) {
        let uses = text.and_then(|text| {
            let uses = read.entry((name, text));
            uses.or_insert_with(|| Uses::of(name, text)).as_ref()
        });
        match uses {
            Some(uses) => {
                module.uses.modules.extend(uses.modules.iter().cloned());
                module.uses.files.extend(uses.files.iter().cloned());
            }
            None => {
                module.unclear.get_or_insert_with(|| child(dir, name));
            }
        }
    }
    module
}

// --- paths: with `/` between their parts, the root being empty

/// A relative path seen from a directory; `None` if it leads out of the repository.
fn join(dir: &str, path: &str) -> Option<String> {
    if path.starts_with('/') {
        return None;
    }
    let mut parts: Vec<&str> = dir.split('/').filter(|part| !part.is_empty()).collect();
    for part in path.split('/') {
        match part {
            "" | "." => {}
            ".." => {
                parts.pop()?;
            }
            part => parts.push(part),
        }
    }
    let path = parts.join("/");
    (path.len() <= LONGEST_PATH).then_some(path)
}

fn parent(path: &str) -> &str {
    path.rsplit_once('/').map_or("", |(dir, _)| dir)
}

fn child(dir: &str, name: &str) -> String {
    if dir.is_empty() {
        name.to_owned()
    } else {
        format!("{dir}/{name}")
    }
}

/// What is left of a path below a directory.
fn below<'p>(dir: &str, path: &'p str) -> Option<&'p str> {
    at_or_below(dir, path).filter(|rest| !rest.is_empty())
}

/// The same, and the empty path for the directory itself.
fn at_or_below<'p>(dir: &str, path: &'p str) -> Option<&'p str> {
    if dir.is_empty() {
        return Some(path);
    }
    let rest = path.strip_prefix(dir)?;
    if rest.is_empty() {
        Some(rest)
    } else {
        rest.strip_prefix('/')
    }
}

/// The path's directories from the root on, and the path itself.
fn prefixes(path: &str) -> impl Iterator<Item = &str> {
    path.match_indices('/')
        .map(|(at, _)| &path[..at])
        .chain(std::iter::once(path))
}

/// The entries of a directory itself, by name.
fn within<'m, T>(
    map: &'m BTreeMap<String, T>,
    dir: &str,
) -> impl Iterator<Item = (&'m str, &'m T)> {
    let prefix = child(dir, "");
    let start = prefix.clone();
    map.range(start..)
        .map(|(path, it)| (path.as_str(), it))
        .map_while(move |(path, it)| Some((path.strip_prefix(prefix.as_str())?, it)))
        .filter(|(name, _)| !name.contains('/'))
}

#[cfg(test)]
mod tests;
