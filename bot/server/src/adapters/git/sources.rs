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

/// A file of a tree.
pub(super) struct Entry<'a> {
    pub(super) is_link: bool,
    pub(super) object: &'a str,
    pub(super) size: u64,
    pub(super) path: &'a str,
}

/// The files of `MODE TYPE OBJECT SIZE<tab>PATH`, each ended by a zero byte. A path that is no text
/// can't be written in Terraform, or in deploy.toml.
pub(super) fn entries(output: &[u8]) -> impl Iterator<Item = Entry<'_>> {
    output.split(|byte| *byte == 0).filter_map(|entry| {
        let (meta, path) = std::str::from_utf8(entry).ok()?.split_once('\t')?;
        let mut fields = meta.split_ascii_whitespace();
        let (mode, kind) = (fields.next()?, fields.next()?);
        let (object, size) = (fields.next()?, fields.next()?.parse().ok()?);
        (kind == "blob").then_some(Entry {
            is_link: mode == "120000",
            object,
            size,
            path,
        })
    })
}

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
        match self.entries(git, commit).await {
            Ok(entries) => Ok(Listing::parse(&entries)),
            // More than git may answer: a tree of more than about a hundred thousand files.
            Err(error) if error.kind == PortErrorKind::Invalid => Ok(Listing {
                truncated: true,
                ..Listing::default()
            }),
            Err(error) => Err(error),
        }
    }

    /// What `ls-tree` says of all files of a commit, for [`entries`] to read.
    pub(super) async fn entries(&self, git: &Git<'_>, commit: &CommitSha) -> PortResult<Vec<u8>> {
        let doing = format!("listing the files of {}", self.name);
        let mut args = ["ls-tree", "-r", "-z", "--full-tree", "--long"]
            .map(OsString::from)
            .to_vec();
        args.push("--end-of-options".into());
        args.push(commit.as_str().into());
        let ended = self.call(git, &doing, args, vec![], None).await?;
        if !ended.how.is_exit(0) {
            return Err(failure::of(&doing, &ended));
        }
        Ok(ended.stdout)
    }

    /// The contents of objects. git gives them one after the other and nothing in between.
    pub(super) async fn texts(
        &self,
        git: &Git<'_>,
        objects: &BTreeMap<String, u64>,
    ) -> PortResult<BTreeMap<String, String>> {
        if objects.is_empty() {
            return Ok(BTreeMap::new());
        }
        let doing = format!("reading files of {}", self.name);
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
    fn parse(output: &[u8]) -> Self {
        let mut listing = Self::default();
        for Entry {
            is_link,
            object,
            size,
            path,
        } in entries(output)
        {
            let it = (object.to_owned(), size);
            if is_link {
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
