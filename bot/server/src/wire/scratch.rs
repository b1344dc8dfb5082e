//! What runs that were killed left in their scratch directories: plans in clear text.

use std::path::Path;

use slipway_core::ports::ERRORED_STATE;

/// Removes the scratch directories of an earlier process. One that holds a state that no backend
/// took is not emptied of that: whoever loses it loses track of what was made.
pub(super) fn clear(data_dir: &Path) -> std::io::Result<()> {
    let runs = match std::fs::read_dir(data_dir.join("scratch")) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(()),
        other => other?,
    };
    for run in runs {
        let run = run?.path();
        let state = run.join(ERRORED_STATE);
        if !state.try_exists()? {
            std::fs::remove_dir_all(&run)?;
            continue;
        }
        tracing::warn!(
            state = %state.display(),
            "a killed run left a state that its backend did not take: `terraform state push` it, \
             then remove it"
        );
        for entry in std::fs::read_dir(&run)? {
            let entry = entry?;
            if entry.file_type()?.is_dir() {
                std::fs::remove_dir_all(entry.path())?;
            } else if entry.path() != state {
                std::fs::remove_file(entry.path())?;
            }
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_state_that_nobody_else_has_is_left() {
        let dir = tempfile::tempdir().unwrap();
        clear(dir.path()).unwrap();
        let (one, two) = (dir.path().join("scratch/1"), dir.path().join("scratch/2"));
        for run in [&one, &two] {
            std::fs::create_dir_all(run.join("data")).unwrap();
            std::fs::write(run.join("saved.tfplan"), "hunter2").unwrap();
            std::fs::write(run.join("data/plan.json"), "hunter2").unwrap();
        }
        std::fs::write(two.join(ERRORED_STATE), "{}").unwrap();
        clear(dir.path()).unwrap();
        assert!(!one.exists());
        let left: Vec<_> = std::fs::read_dir(&two)
            .unwrap()
            .map(|entry| entry.unwrap().file_name())
            .collect();
        assert_eq!(left, [ERRORED_STATE]);
    }
}
