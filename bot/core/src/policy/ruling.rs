//! What policies said of one plan, as it is kept with the plan and shown.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use super::Finding;
use crate::ids::CommitSha;

/// The most denials, and the most warnings, that are kept with their words.
pub const MOST_LISTED: usize = 20;

/// The most characters of one message that are kept.
const LONGEST_MESSAGE: usize = 300;

/// What policies said of one plan.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ruling {
    /// The commit of the default branch that the policies are of.
    pub commit: CommitSha,
    /// How many rules were asked.
    pub rules: usize,
    /// What is denied, as plain text: the first [`MOST_LISTED`].
    pub denials: Vec<String>,
    /// How many denials there are beside those.
    pub more_denials: usize,
    /// What is warned of, as plain text: the first [`MOST_LISTED`].
    pub warnings: Vec<String>,
    /// How many warnings there are beside those.
    pub more_warnings: usize,
    /// Why the policies could not be asked, as plain text; then nothing else here says anything.
    pub unusable: Vec<String>,
    /// SHA-256 of all that is denied, hexadecimal: an override is about exactly that.
    pub digest: String,
}

impl Ruling {
    /// Policies that could not be asked.
    #[must_use]
    pub fn unusable(commit: CommitSha, mut why: Vec<String>) -> Self {
        why.truncate(MOST_LISTED);
        Self {
            unusable: why.iter().map(|why| cut(why)).collect(),
            ..Self::of(commit, 0, Vec::new(), &[])
        }
    }

    /// What was found, told as far as it would have been `said` without any sensitive value.
    pub(super) fn of(
        commit: CommitSha,
        rules: usize,
        findings: Vec<Finding>,
        said: &[Finding],
    ) -> Self {
        let said: BTreeSet<&Finding> = said.iter().collect();
        let (mut denials, mut warnings) = (Told::default(), Told::default());
        for finding in findings {
            let told = if finding.denies {
                &mut denials
            } else {
                &mut warnings
            };
            if said.contains(&finding) {
                told.shown.insert((finding.message, finding.rule));
            } else {
                *told.hidden.entry(finding.rule).or_default() += 1;
            }
        }
        let digest = denials.digest();
        let (denials, more_denials) = denials.listed();
        let (warnings, more_warnings) = warnings.listed();
        Self {
            commit,
            rules,
            denials,
            more_denials,
            warnings,
            more_warnings,
            unusable: Vec::new(),
            digest,
        }
    }

    /// Whether the plan may not be applied, unless somebody overrides that.
    #[must_use]
    pub fn denies(&self) -> bool {
        !self.denials.is_empty()
    }

    /// All denials, those without words here as well.
    #[must_use]
    pub fn denied(&self) -> usize {
        self.denials.len() + self.more_denials
    }

    /// All warnings.
    #[must_use]
    pub fn warned(&self) -> usize {
        self.warnings.len() + self.more_warnings
    }

    /// A line for people.
    #[must_use]
    pub fn line(&self) -> String {
        if let Some(why) = self.unusable.first() {
            return format!("the policies can't be asked: {why}");
        }
        format!(
            "{} rules at {}: {} denied, {} warned of",
            self.rules,
            self.commit.short(),
            self.denied(),
            self.warned()
        )
    }
}

/// Findings of one severity, in the making.
#[derive(Default)]
struct Told {
    /// Words and rule.
    shown: BTreeSet<(String, String)>,
    /// How many messages of a rule are not shown.
    hidden: BTreeMap<String, usize>,
}

impl Told {
    /// The same for the same findings; of what is not shown the rule and the number count.
    fn digest(&self) -> String {
        let mut hash = Sha256::new();
        let hidden = self.hidden.iter();
        let hidden = hidden.map(|(rule, count)| format!("{rule}\0hidden\0{count}"));
        let shown = self.shown.iter();
        for part in shown
            .map(|(message, rule)| format!("{rule}\0shown\0{message}"))
            .chain(hidden)
        {
            hash.update((part.len() as u64).to_be_bytes());
            hash.update(part);
        }
        hex::encode(hash.finalize())
    }

    /// The first of them, and how many there are beside.
    fn listed(self) -> (Vec<String>, usize) {
        let total = self.shown.len() + self.hidden.values().sum::<usize>();
        let hidden = self.hidden.iter().flat_map(|(rule, count)| {
            let words = format!("{rule}: its words depend on a sensitive value and are not shown");
            std::iter::repeat_n(words, *count)
        });
        let shown = self.shown.iter().map(|(message, _)| cut(message));
        let listed: Vec<String> = hidden.chain(shown).take(MOST_LISTED).collect();
        let more = total - listed.len();
        (listed, more)
    }
}

/// As long as anybody reads.
fn cut(message: &str) -> String {
    match message.char_indices().nth(LONGEST_MESSAGE) {
        Some((end, _)) => format!("{}…", message.get(..end).unwrap_or_default()),
        None => message.to_owned(),
    }
}
