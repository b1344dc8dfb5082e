//! Reads the Terraform files of commits out of a mirror, without a worktree.

use std::collections::BTreeMap;
use std::ffi::OsString;

use slipway_core::ids::CommitSha;
use slipway_core::ports::{PortErrorKind, PortResult};
use slipway_core::stacks::graph::Sources;

use super::failure::{self, invalid};
use super::mirror::Mirror;
use super::program::Git;

/// A larger file is not looked into: nobody writes Terraform by the megabyte.
const LARGEST_FILE: u64 = 512 * 1024;
/// How much is read of all trees together; well below what git may answer.
const MOST_BYTES: u64 = 8 * 1024 * 1024;
/// How many different files are read of all trees together: each is named on the command line.
const MOST_FILES: usize = 10_000;
/// How many links of a tree are followed.
const MOST_LINKS: usize = 2_000;

/// What is kept of the listing of one tree.
#[derive(Debug, Default, PartialEq, Eq)]
struct Listing {
    /// Object and size of every Terraform file, by path.
    files: BTreeMap<String, (String, u64)>,
    /// The object of every symbolic link, by path.
    links: BTreeMap<String, (String, u64)>,
    truncated: bool,
}

impl Mirror {
    /// The sources of each commit.
    pub(super) async fn sources(
        &self,
        git: &Git<'_>,
        commits: &[&CommitSha],
    ) -> PortResult<Vec<Sources>> {
        let mut listings = Vec::new();
        for commit in commits {
            listings.push(self.listing(git, commit).await?);
        }
        let mut wanted = BTreeMap::new();
        let mut bytes = 0;
        for listing in &mut listings {
            for (object, size) in listing.files.values().chain(listing.links.values()) {
                if *size > LARGEST_FILE || wanted.contains_key(object) {
                    continue;
                }
                if wanted.len() == MOST_FILES || bytes + size > MOST_BYTES {
                    listing.truncated = true;
                    break;
                }
                bytes += size;
                wanted.insert(object.clone(), *size);
            }
        }
        let texts = self.texts(git, &wanted).await?;
        Ok(listings
            .into_iter()
            .map(|listing| listing.filled(&texts))
            .collect())
    }

    async fn listing(&self, git: &Git<'_>, commit: &CommitSha) -> PortResult<Listing> {
        let doing = format!("listing the files of {}", self.name);
        let mut args = ["ls-tree", "-r", "-z", "--full-tree", "--long"]
            .map(OsString::from)
            .to_vec();
        args.push("--end-of-options".into());
        args.push(commit.as_str().into());
        let ended = match self.call(git, &doing, args, vec![], None).await {
            Ok(ended) => ended,
            // More than git may answer: a tree of more than about a hundred thousand files.
            Err(error) if error.kind == PortErrorKind::Invalid => {
                return Ok(Listing {
                    truncated: true,
                    ..Listing::default()
                });
            }
            Err(error) => return Err(error),
        };
        if !ended.how.is_exit(0) {
            return Err(failure::of(&doing, &ended));
        }
        Ok(Listing::parse(&ended.stdout))
    }

    /// The contents of objects. git gives them one after the other and nothing in between.
    async fn texts(
        &self,
        git: &Git<'_>,
        objects: &BTreeMap<String, u64>,
    ) -> PortResult<BTreeMap<String, String>> {
        if objects.is_empty() {
            return Ok(BTreeMap::new());
        }
        let doing = format!("reading the Terraform files of {}", self.name);
        let mut args: Vec<OsString> = vec!["show".into(), "--end-of-options".into()];
        args.extend(objects.keys().map(OsString::from));
        let ended = self.call(git, &doing, args, vec![], None).await?;
        if !ended.how.is_exit(0) {
            return Err(failure::of(&doing, &ended));
        }
        let mut texts = BTreeMap::new();
        let mut rest = ended.stdout.as_slice();
        for (object, size) in objects {
            let cut = usize::try_from(*size).ok();
            let Some((text, after)) = cut.and_then(|at| rest.split_at_checked(at)) else {
                return Err(invalid(&doing, "git gave less than it has".to_owned()));
            };
            texts.insert(object.clone(), String::from_utf8_lossy(text).into_owned());
            rest = after;
        }
        if rest.is_empty() {
            Ok(texts)
        } else {
            Err(invalid(&doing, "git gave more than it has".to_owned()))
        }
    }
}

impl Listing {
    /// `MODE TYPE OBJECT SIZE<tab>PATH`, each ended by a zero byte. A path that is no text can't be
    /// written in Terraform.
    fn parse(output: &[u8]) -> Self {
        let mut listing = Self::default();
        for entry in output.split(|byte| *byte == 0) {
            let Some((meta, path)) = std::str::from_utf8(entry)
                .ok()
                .and_then(|entry| entry.split_once('\t'))
            else {
                continue;
            };
            let mut fields = meta.split_ascii_whitespace();
            let (Some(mode), Some("blob"), Some(object), Some(Ok(size))) = (
                fields.next(),
                fields.next(),
                fields.next(),
                fields.next().map(str::parse),
            ) else {
                continue;
            };
            let it = (object.to_owned(), size);
            if mode == "120000" {
                if listing.links.len() < MOST_LINKS {
                    listing.links.insert(path.to_owned(), it);
                } else {
                    listing.truncated = true;
                }
            } else if Sources::wants(path) {
                listing.files.insert(path.to_owned(), it);
            }
        }
        listing
    }

    fn filled(self, texts: &BTreeMap<String, String>) -> Sources {
        let files = self.files.into_iter();
        let links = self.links.into_iter();
        Sources {
            texts: files
                .map(|(path, (object, _))| (path, texts.get(&object).cloned()))
                .collect(),
            links: links
                .filter_map(|(path, (object, _))| Some((path, texts.get(&object)?.clone())))
                .collect(),
            truncated: self.truncated,
        }
    }
}
