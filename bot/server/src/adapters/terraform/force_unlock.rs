//! `force-unlock`. Its errors are no diagnostics but plain text, in which the lock that stands there
//! is told in a block `Lock Info:`.

use slipway_core::ports::TerraformError;

use super::failure::{Step, in_words};
use super::state_lock;
use super::work::{Work, words};
use crate::process::Stdout;

impl Work<'_> {
    /// Forces the lock with this id open; Terraform refuses another one's id.
    pub(super) async fn force_unlock(&self, id: &str) -> Result<(), TerraformError> {
        let mut told = Vec::new();
        let mut on_line = |_, line: &str| {
            if !line.trim().is_empty() {
                self.log(line);
                told.push(line.to_owned());
            }
        };
        let args = words(&["force-unlock", "-force", "--", id]);
        let ended = self
            .run(args, Stdout::Lines, Step::ForceUnlock, &mut on_line)
            .await?;
        let text = told.join("\n");
        match self.failure(Step::ForceUnlock, &ended, Vec::new()) {
            None => Ok(()),
            Some(failure) if ended.cut_short.is_some() => Err(failure),
            Some(mut failure) => {
                failure.state_lock = state_lock::read(&text);
                failure.error.said = in_words(&text);
                Err(failure)
            }
        }
    }
}
