//! Mirrors as things that can be fetched again.

use std::sync::{Arc, MutexGuard, PoisonError};

use async_trait::async_trait;
use slipway_core::ids::RepoName;
use slipway_core::ports::{PortResult, Shelf, ShelfItem};

use super::failure::unmet;
use super::mirror::{self, Mirror};
use super::{GitSource, HashMap};

impl GitSource {
    /// To be held by whoever reads a mirror or fetches into it.
    pub(super) fn reader(&self, name: &RepoName) -> Arc<()> {
        Arc::clone(self.readers().entry(name.clone()).or_default())
    }

    /// Puts a mirror out of sight that nobody reads.
    fn put_aside(&self, name: &RepoName) -> std::io::Result<Option<tempfile::TempDir>> {
        let mut readers = self.readers();
        let is_read = readers
            .get(name)
            .is_some_and(|token| Arc::strong_count(token) > 1);
        if is_read {
            return Ok(None);
        }
        readers.remove(name);
        Mirror::of(&self.settings.data_dir, name).put_aside()
    }

    fn readers(&self) -> MutexGuard<'_, HashMap<RepoName, Arc<()>>> {
        self.readers.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[async_trait]
impl Shelf for GitSource {
    async fn items(&self) -> PortResult<Vec<ShelfItem>> {
        let doing = "looking through the mirrors";
        let data_dir = self.settings.data_dir.clone();
        let found = super::worktree::off_thread(doing, move || Ok(mirror::all(&data_dir)));
        let mut items = Vec::new();
        for (name, mirror) in found.await?? {
            let read = super::worktree::off_thread(doing, move || mirror.use_and_size()).await;
            let (used_at, bytes) = read?;
            items.push(ShelfItem {
                key: name.to_string(),
                what: format!("the git mirror of {name}"),
                bytes,
                used_at,
            });
        }
        Ok(items)
    }

    async fn discard(&self, key: &str) -> PortResult<bool> {
        let Ok(name) = RepoName::parse(key) else {
            return Ok(false);
        };
        let turn = self.turn(&name);
        // It may be being packed.
        let Ok(_turn) = turn.try_lock() else {
            return Ok(false);
        };
        let aside = self.put_aside(&name);
        let aside = aside.map_err(|error| unmet("removing a mirror", &error))?;
        match aside {
            Some(gone) => super::worktree::off_thread("removing a mirror", move || gone.close())
                .await
                .map(|()| true),
            None => Ok(false),
        }
    }
}
