//! Reads the policies of a commit out of a mirror, without a worktree.

use std::collections::BTreeMap;

use slipway_core::config::Globs;
use slipway_core::ids::CommitSha;
use slipway_core::ports::{MOST_POLICY_BYTES, MOST_POLICY_FILES, PortResult};

use super::failure::invalid;
use super::mirror::Mirror;
use super::program::Git;
use super::sources::{Entry, entries};

impl Mirror {
    /// The files of a commit that match, by path. A link is refused rather than followed: it could
    /// stand for a file that nobody reviews as a policy.
    pub(super) async fn policies(
        &self,
        git: &Git<'_>,
        commit: &CommitSha,
        patterns: &Globs,
    ) -> PortResult<BTreeMap<String, String>> {
        let doing = format!("reading the policies of {}", self.name);
        let listed = self.entries(git, commit).await?;
        let mut objects = BTreeMap::new();
        let mut paths = BTreeMap::new();
        let mut bytes = 0;
        for Entry {
            is_link,
            object,
            size,
            path,
        } in entries(&listed).filter(|entry| patterns.matches(entry.path))
        {
            if is_link {
                return Err(invalid(&doing, format!("{path} is a symbolic link")));
            }
            bytes += size;
            if paths.len() == MOST_POLICY_FILES || bytes > MOST_POLICY_BYTES {
                let said = format!(
                    "the patterns match more than {MOST_POLICY_FILES} files or {} MiB",
                    MOST_POLICY_BYTES / (1024 * 1024)
                );
                return Err(invalid(&doing, said));
            }
            objects.insert(object.to_owned(), size);
            paths.insert(path.to_owned(), object.to_owned());
        }
        let texts = self.texts(git, &objects).await?;
        Ok(paths
            .into_iter()
            .filter_map(|(path, object)| Some((path, texts.get(&object)?.clone())))
            .collect())
    }
}
