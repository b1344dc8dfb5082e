//! The gate of `codeowners = true`: whoever answers for a file approves its change.

use std::collections::{BTreeMap, BTreeSet};

use super::{Gate, latest_reviews, who_is_against};
use crate::codeowners::{CodeOwners, Fault, Owner};
use crate::config::Environment;
use crate::facts::{OwnersFacts, OwnersFile, PullFacts, Unread, Verdict};
use crate::ids::Login;
use crate::report::markdown::{code, counted, prose, text};

/// As shown.
const NAME: &str = "code owners";

/// The most that is told of anything: groups of files, files of a group, owners, faulty lines.
const MOST_TOLD: usize = 4;

/// The most characters of a path or a name that are told.
const LONGEST_TOLD: usize = 100;

/// Whether each changed file that has owners is approved by one of them, on the very head commit.
pub(super) fn codeowners(env: &Environment, pr: &PullFacts) -> Option<Gate> {
    if !env.codeowners {
        return None;
    }
    let files = match &pr.files {
        Ok(files) => files,
        unread => return Gate::unread(NAME, unread),
    };
    if files.truncated {
        return Some(Gate::closed(
            NAME,
            format!(
                "GitHub lists {} of the changed files and not the rest",
                files.paths.len()
            ),
            "a pull request that changes fewer files",
        ));
    }
    let owners = match &pr.owners {
        Ok(owners) => owners,
        unread => return Gate::unread(NAME, unread),
    };
    let file = match &owners.file {
        OwnersFile::Good(file) => file,
        OwnersFile::Missing => return Some(missing(pr)),
        OwnersFile::Faulty(place, faults) => return Some(faulty(pr, place, faults)),
    };
    let reviews = match &pr.reviews {
        Ok(reviews) => latest_reviews(pr, reviews),
        unread => return Gate::unread(NAME, unread),
    };
    // Where approvals are counted, their gate says so.
    if env.approvals == 0
        && let Some(gate) = who_is_against(NAME, &reviews)
    {
        return Some(gate);
    }
    let approvers = reviews
        .values()
        .filter(|review| review.verdict == Verdict::Approved)
        .filter(|review| review.commit.as_ref() == Some(&pr.pull.head))
        .map(|review| &review.author)
        .collect();
    let look = Look {
        pr,
        file,
        owners,
        approvers,
    };
    Some(look.gate(&files.paths))
}

fn missing(pr: &PullFacts) -> Gate {
    Gate::closed(
        NAME,
        format!("{} has no CODEOWNERS", code(&pr.pull.base_ref)),
        format!(
            "a file {} there, or {} taken out of deploy.toml",
            code(".github/CODEOWNERS"),
            code("codeowners")
        ),
    )
}

fn faulty(pr: &PullFacts, place: &str, faults: &[Fault]) -> Gate {
    let told = faults.iter().map(|fault| prose(&cut(&fault.to_string())));
    Gate::closed(
        NAME,
        format!(
            "{} of {} can't be read: {}",
            code(place),
            code(&pr.pull.base_ref),
            some(told, "; ")
        ),
        "each of its lines mended: what can't be read is not passed",
    )
}

/// All that is looked at.
struct Look<'f> {
    pr: &'f PullFacts,
    file: &'f CodeOwners,
    owners: &'f OwnersFacts,
    approvers: BTreeSet<&'f Login>,
}

/// What was found out about a file.
enum Answer<'f> {
    Approved,
    Waits,
    Unread(&'f Unread),
}

impl<'f> Look<'f> {
    fn gate(&self, paths: &'f BTreeSet<String>) -> Gate {
        let mut waiting: BTreeMap<&[Owner], Vec<&str>> = BTreeMap::new();
        let mut unread = None;
        let mut owned = 0;
        for path in paths {
            let owners = self.file.of(path);
            if owners.is_empty() {
                continue;
            }
            owned += 1;
            match self.answer(owners) {
                Answer::Approved => continue,
                Answer::Waits => {}
                Answer::Unread(why) => unread = Some(why),
            }
            waiting.entry(owners).or_default().push(path);
        }
        if waiting.is_empty() {
            let state = match owned {
                0 => "no changed file has any".to_owned(),
                n => format!("{} approved", counted(n, "owned file", "owned files")),
            };
            return Gate::open(NAME, state);
        }
        let groups = waiting
            .iter()
            .map(|(owners, paths)| self.group(owners, paths));
        let mut state = some(groups, "; ");
        if let Some(why) = unread {
            state.push_str(&format!("; could not be read: {}", text(&why.to_string())));
        }
        Gate::closed(NAME, state, self.opens(&waiting, unread))
    }

    fn answer(&self, owners: &[Owner]) -> Answer<'f> {
        let mut answer = Answer::Waits;
        for owner in owners {
            let approved = match owner {
                Owner::User(login) => self.approvers.iter().any(|by| by.is(login)),
                Owner::Team(team) => match self.owners.members.get(team) {
                    Some(Ok(members)) => self.approvers.iter().any(|by| members.contains(*by)),
                    Some(Err(why)) => {
                        answer = Answer::Unread(why);
                        false
                    }
                    None => false,
                },
                Owner::Email(_) => false,
            };
            if approved {
                return Answer::Approved;
            }
        }
        answer
    }

    /// "`a` and `b` wait for `@ana`".
    fn group(&self, owners: &[Owner], paths: &[&str]) -> String {
        let names = some(paths.iter().map(|path| code(&cut(path))), ", ");
        let verb = if paths.len() == 1 { "waits" } else { "wait" };
        let whom = some(
            owners.iter().map(|owner| code(&cut(&owner.to_string()))),
            " or ",
        );
        format!("{names} {verb} for {whom}")
    }

    /// What opens the gate. Where nobody can, CODEOWNERS has to name somebody who can.
    fn opens(&self, waiting: &BTreeMap<&[Owner], Vec<&str>>, unread: Option<&Unread>) -> String {
        let author = &self.pr.pull.author;
        let mut words = Vec::new();
        if unread.is_some() {
            words.push("try again in a minute; what can't be read is not passed".to_owned());
        }
        let groups = || waiting.keys().map(|owners| owners.iter());
        let is_able = |owner: &Owner| match owner {
            Owner::User(login) => !login.is(author),
            Owner::Team(_) => true,
            Owner::Email(_) => false,
        };
        if groups().any(|mut owners| owners.any(is_able)) {
            words.push(format!(
                "an approval of {} by an owner of each, other than {}",
                code(self.pr.pull.head.short()),
                text(author.as_str())
            ));
        }
        if groups().any(|mut owners| !owners.any(is_able)) {
            words.push(format!(
                "another owner in {}, where only the author or an e-mail address is one",
                code(self.file.place())
            ));
        }
        if groups()
            .flatten()
            .any(|owner| matches!(owner, Owner::Email(_)))
        {
            words.push(
                "nobody can tell whose an e-mail address is: name an account or a team".to_owned(),
            );
        }
        words.join("; ")
    }
}

/// The first of many, and how many more there are.
fn some(all: impl ExactSizeIterator<Item = String>, between: &str) -> String {
    let more = all.len().saturating_sub(MOST_TOLD);
    let told = all.take(MOST_TOLD).collect::<Vec<_>>().join(between);
    match more {
        0 => told,
        more => format!("{told} and {more} more"),
    }
}

/// The end of what is longer than anybody reads: of a path, it tells most.
fn cut(long: &str) -> String {
    let length = long.chars().count();
    match length.checked_sub(LONGEST_TOLD) {
        None | Some(0) => long.to_owned(),
        Some(more) => format!("…{}", long.chars().skip(more).collect::<String>()),
    }
}

#[cfg(test)]
mod tests;
