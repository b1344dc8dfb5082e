//! Every reply as people read it, and properties that hold for any text.

mod apply;
mod deploy;
mod fit;
mod fixtures;
mod hostile_plan;
mod markdown;
mod plan;
mod small;

use super::evidence::{Identity, Link, ReleaseRef};
use crate::ids::{CommitSha, Digest, EnvName, Login, PrNumber, ServiceName, StackName};

/// A commit whose short form is the given seven digits.
fn commit(short: &str) -> CommitSha {
    CommitSha::parse(format!("{short}{}", "0".repeat(33))).unwrap()
}

fn env(name: &str) -> EnvName {
    EnvName::parse(name).unwrap()
}

fn stack(name: &str) -> StackName {
    StackName::parse(name).unwrap()
}

fn service(name: &str) -> ServiceName {
    ServiceName::parse(name).unwrap()
}

fn login(name: &str) -> Login {
    Login::parse(name).unwrap()
}

fn identity(role: &str) -> Identity {
    Identity {
        role: role.to_owned(),
        account: "111111111111".to_owned(),
        session: Some("slipway-1a2b3c4d".to_owned()),
    }
}

fn page() -> Link {
    Link::new("run", "https://slipway.example.com/runs/1a2b3c4d")
}

fn release(short: &str, pr: u64) -> ReleaseRef {
    ReleaseRef {
        commit: commit(short),
        pr: Some(PrNumber(pr)),
        digest: Some(Digest::parse(format!("sha256:{}", "9f3c".repeat(16))).unwrap()),
    }
}

/// The faults in a document's structure: a fence or a fold that isn't closed.
fn faults(markdown: &str) -> Option<String> {
    let (mut fence, mut folds) = (None::<usize>, 0_usize);
    for line in markdown.lines() {
        let ticks = line.chars().take_while(|c| *c == '`').count();
        match fence {
            Some(open) => {
                if ticks >= open && line.chars().all(|c| c == '`') {
                    fence = None;
                }
            }
            None if ticks >= 3 => fence = Some(ticks),
            None => {
                folds += usize::from(line.starts_with("<details>"));
                let Some(left) = folds.checked_sub(usize::from(line.starts_with("</details>")))
                else {
                    return Some("a fold is closed that was not open".to_owned());
                };
                folds = left;
            }
        }
    }
    (fence.is_some() || folds > 0).then(|| format!("fence {fence:?}, {folds} folds are open"))
}
