//! What people do: the hands of a test on the sandbox GitHub.
//!
//! People are named by their login; naming one is enough for them to exist. Every method does what
//! the click or the push would do, with all its consequences, and returns when GitHub would: when
//! the state has changed and the webhooks are queued, not when they were answered.

mod checks;
mod deliveries;
mod pulls;
mod repos;

use super::GitHub;
use super::model::Model;
use super::refusal::Outcome;

/// Takes texts along to another thread.
fn own<const N: usize>(texts: [&str; N]) -> [String; N] {
    texts.map(str::to_owned)
}

impl GitHub {
    /// Changes the state on a thread that may wait for git.
    async fn act<T: Send + 'static>(
        &self,
        act: impl FnOnce(&mut Model) -> Outcome<T> + Send + 'static,
    ) -> anyhow::Result<T> {
        let shared = std::sync::Arc::clone(&self.shared);
        Ok(tokio::task::spawn_blocking(move || shared.change(act)).await??)
    }

    /// As [`Self::act`], in a repository.
    async fn act_in<T: Send + 'static>(
        &self,
        repo: &str,
        act: impl FnOnce(&mut Model, u64) -> Outcome<T> + Send + 'static,
    ) -> anyhow::Result<T> {
        let repo = repo.to_owned();
        self.act(move |model| {
            let id = model.find(&repo)?;
            act(model, id)
        })
        .await
    }
}
