//! What can be fetched again is kept within a limit: what was used longest ago goes first, and nothing
//! that a run uses.

use std::sync::Arc;

use slipway_core::ports::{Shelf, ShelfItem};

use super::Worker;

impl Worker {
    /// Removes as much as is too much.
    pub(super) async fn bound_shelves(&self) {
        bound(&self.ports.shelves, self.limits.cache).await;
    }
}

async fn bound(shelves: &[Arc<dyn Shelf>], limit: u64) {
    let mut all: Vec<(&Arc<dyn Shelf>, ShelfItem)> = Vec::new();
    for shelf in shelves {
        match shelf.items().await {
            Ok(items) => all.extend(items.into_iter().map(|item| (shelf, item))),
            Err(error) => tracing::warn!(%error, "what is kept can't be counted"),
        }
    }
    let mut bytes: u64 = all.iter().map(|(_, item)| item.bytes).sum();
    if bytes <= limit {
        tracing::debug!(bytes, limit, "the caches are within their limit");
        return;
    }
    all.sort_by_key(|(_, item)| item.used_at);
    for (shelf, item) in all {
        if bytes <= limit {
            return;
        }
        match shelf.discard(&item.key).await {
            Ok(true) => {
                bytes = bytes.saturating_sub(item.bytes);
                tracing::info!(
                    what = item.what,
                    bytes = item.bytes,
                    last_used = %item.used_at,
                    "removed from the disk to keep within limits.cache; it is fetched again when needed"
                );
            }
            Ok(false) => tracing::debug!(what = item.what, "it is in use and stays"),
            Err(error) => tracing::warn!(what = item.what, %error, "it can't be removed"),
        }
    }
    if bytes > limit {
        tracing::warn!(
            bytes,
            limit,
            "what the runs under way use is more than limits.cache allows"
        );
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use async_trait::async_trait;
    use jiff::Timestamp;
    use slipway_core::ports::PortResult;

    use super::*;

    /// Things of ten bytes, and those of them that are in use.
    #[derive(Debug)]
    struct Tens {
        items: Mutex<Vec<(&'static str, i64)>>,
        used: &'static [&'static str],
    }

    #[async_trait]
    impl Shelf for Tens {
        async fn items(&self) -> PortResult<Vec<ShelfItem>> {
            let items = self.items.lock().unwrap();
            let item = |(key, at): &(&str, i64)| ShelfItem {
                key: (*key).to_owned(),
                what: (*key).to_owned(),
                bytes: 10,
                used_at: Timestamp::from_second(*at).unwrap(),
            };
            Ok(items.iter().map(item).collect())
        }

        async fn discard(&self, key: &str) -> PortResult<bool> {
            if self.used.contains(&key) {
                return Ok(false);
            }
            self.items.lock().unwrap().retain(|(name, _)| *name != key);
            Ok(true)
        }
    }

    async fn left(limit: u64, used: &'static [&'static str]) -> Vec<&'static str> {
        let one = Arc::new(Tens {
            items: Mutex::new(vec![("a4", 4), ("a1", 1)]),
            used,
        });
        let two = Arc::new(Tens {
            items: Mutex::new(vec![("b2", 2), ("b3", 3)]),
            used,
        });
        let shelves: [Arc<dyn Shelf>; 2] = [one.clone(), two.clone()];
        bound(&shelves, limit).await;
        let names = |shelf: &Tens| -> Vec<&'static str> {
            shelf
                .items
                .lock()
                .unwrap()
                .iter()
                .map(|(name, _)| *name)
                .collect()
        };
        [names(&one), names(&two)].concat()
    }

    #[tokio::test]
    async fn what_was_used_longest_ago_goes_first_and_nothing_in_use() {
        assert_eq!(left(40, &[]).await, ["a4", "a1", "b2", "b3"]);
        assert_eq!(left(39, &[]).await, ["a4", "b2", "b3"]);
        assert_eq!(left(20, &[]).await, ["a4", "b3"]);
        assert_eq!(left(20, &["a1"]).await, ["a4", "a1"]);
        assert_eq!(left(0, &["a1", "b3"]).await, ["a1", "b3"]);
    }
}
