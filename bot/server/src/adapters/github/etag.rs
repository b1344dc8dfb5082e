//! Answers that GitHub said an `ETag` for, so that asking again costs nothing: a 304 does not
//! count against the rate limit (GitHub REST, "Best practices", conditional requests).
//!
//! An answer is kept under the scope of the token that got it, so that what one scope may see
//! never reaches another. (octocrab's own cache knows only the URL.)

use std::collections::HashMap;

use bytes::Bytes;
use url::Url;

use super::auth::Scope;

/// How many answers are kept.
const MOST_ENTRIES: usize = 1000;
/// A larger answer is not kept, in bytes. Together with [`MOST_ENTRIES`] it bounds the memory.
const LARGEST_ENTRY: usize = 64 * 1024;

/// What an answer is kept under.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Key {
    /// Whose token got it.
    pub(super) scope: Scope,
    /// What was asked.
    pub(super) url: Url,
    /// In which form.
    pub(super) accept: &'static str,
}

/// An answer that may still be good.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Kept {
    /// The name of this state of the thing.
    pub(super) etag: String,
    /// The body.
    pub(super) body: Bytes,
    /// Its `Link` header.
    pub(super) link: Option<String>,
}

struct Entry {
    kept: Kept,
    used: u64,
}

/// The kept answers, of which the one unused for longest goes first.
#[derive(Default)]
pub(super) struct EtagCache {
    entries: HashMap<Key, Entry>,
    uses: u64,
}

impl EtagCache {
    /// The answer of a key, if there is one.
    pub(super) fn get(&mut self, key: &Key) -> Option<Kept> {
        self.uses += 1;
        let entry = self.entries.get_mut(key)?;
        entry.used = self.uses;
        Some(entry.kept.clone())
    }

    /// Keeps an answer, unless it is too large.
    pub(super) fn put(&mut self, key: Key, kept: Kept) {
        if kept.body.len() > LARGEST_ENTRY {
            self.entries.remove(&key);
            return;
        }
        self.uses += 1;
        let used = self.uses;
        if self.entries.len() >= MOST_ENTRIES && !self.entries.contains_key(&key) {
            self.drop_oldest();
        }
        self.entries.insert(key, Entry { kept, used });
    }

    fn drop_oldest(&mut self) {
        let oldest = self
            .entries
            .iter()
            .min_by_key(|(_, entry)| entry.used)
            .map(|(key, _)| key.clone());
        if let Some(oldest) = oldest {
            self.entries.remove(&oldest);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(n: usize) -> Key {
        Key {
            scope: Scope::App,
            url: Url::parse(&format!("http://github.test/{n}")).unwrap(),
            accept: "json",
        }
    }

    fn kept(length: usize) -> Kept {
        Kept {
            etag: "\"a\"".to_owned(),
            body: vec![b'x'; length].into(),
            link: None,
        }
    }

    #[test]
    fn the_longest_unused_goes_first() {
        let mut cache = EtagCache::default();
        for n in 0..MOST_ENTRIES {
            cache.put(key(n), kept(1));
        }
        assert!(cache.get(&key(0)).is_some());
        cache.put(key(MOST_ENTRIES), kept(1));
        assert_eq!(cache.entries.len(), MOST_ENTRIES);
        assert!(cache.get(&key(0)).is_some());
        assert!(cache.get(&key(1)).is_none());
    }

    #[test]
    fn a_large_answer_is_not_kept_and_displaces_the_old_one() {
        let mut cache = EtagCache::default();
        cache.put(key(0), kept(1));
        cache.put(key(0), kept(LARGEST_ENTRY + 1));
        assert!(cache.get(&key(0)).is_none());
    }
}
