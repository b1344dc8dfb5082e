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
/// How much their bodies may take together, in bytes.
const MOST_BYTES: usize = 32 * 1024 * 1024;
/// A larger answer is not kept, in bytes. A page of a hundred comments has some hundred thousand.
const LARGEST_ENTRY: usize = 2 * 1024 * 1024;

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
    bytes: usize,
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

    /// Keeps an answer in place of an older one, unless it is too large.
    pub(super) fn put(&mut self, key: Key, kept: Kept) {
        self.remove(&key);
        if kept.body.len() > LARGEST_ENTRY {
            return;
        }
        self.uses += 1;
        self.bytes += kept.body.len();
        let used = self.uses;
        self.entries.insert(key, Entry { kept, used });
        while self.entries.len() > MOST_ENTRIES || self.bytes > MOST_BYTES {
            self.remove_oldest();
        }
    }

    fn remove(&mut self, key: &Key) {
        if let Some(entry) = self.entries.remove(key) {
            self.bytes -= entry.kept.body.len();
        }
    }

    fn remove_oldest(&mut self) {
        let oldest = self
            .entries
            .iter()
            .min_by_key(|(_, entry)| entry.used)
            .map(|(key, _)| key.clone());
        if let Some(oldest) = oldest {
            self.remove(&oldest);
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
        assert_eq!(cache.bytes, 0);
    }

    #[test]
    fn the_bodies_together_stay_within_bounds() {
        let mut cache = EtagCache::default();
        for n in 0..20 {
            cache.put(key(n), kept(LARGEST_ENTRY));
            // Again, which takes no more.
            cache.put(key(n), kept(LARGEST_ENTRY));
        }
        assert_eq!(cache.bytes, MOST_BYTES);
        assert_eq!(cache.entries.len(), MOST_BYTES / LARGEST_ENTRY);
        assert!(cache.get(&key(19)).is_some());
        assert!(cache.get(&key(0)).is_none());
    }
}
