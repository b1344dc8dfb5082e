//! Recognises a state lock that somebody else holds.
//!
//! Terraform tells it in the detail of a diagnostic, as a block `Lock Info:` of `Key: value` lines
//! (`statemgr.LockInfo.String` in its source).

use slipway_core::plan::Diagnostic;
use slipway_core::ports::StateLock;

/// The lock that stood in the way, if that is what happened.
pub(super) fn find(diagnostics: &[Diagnostic]) -> Option<StateLock> {
    diagnostics
        .iter()
        .find_map(|diagnostic| read(&diagnostic.detail))
}

/// The lock that a text tells of.
pub(super) fn read(detail: &str) -> Option<StateLock> {
    let (_, block) = detail.split_once("Lock Info:")?;
    let value = |key: &str| {
        block
            .lines()
            .filter_map(|line| line.trim().split_once(':'))
            .find(|(name, _)| *name == key)
            .map(|(_, value)| value.trim().to_owned())
            .unwrap_or_default()
    };
    let lock = StateLock {
        id: value("ID"),
        who: value("Who"),
        created: value("Created"),
        operation: value("Operation"),
    };
    // Without an id nobody could do anything about it.
    (!lock.id.is_empty()).then_some(lock)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_block_is_read_and_prose_is_not() {
        let detail = "resource temporarily unavailable\nLock Info:\n  ID:        4d4d2c61-1\n  Path:      \
                      terraform.tfstate\n  Operation: OperationTypeApply\n  Who:       ana@host\n  Version:   \
                      1.11.4\n  Created:   2025-06-01 10:00:00.1 +0000 UTC\n  Info:      \n\n\nTerraform \
                      acquires a state lock";
        let lock = read(detail).unwrap();
        assert_eq!(lock.id, "4d4d2c61-1");
        assert_eq!(lock.who, "ana@host");
        assert_eq!(lock.operation, "OperationTypeApply");
        assert_eq!(lock.created, "2025-06-01 10:00:00.1 +0000 UTC");
        assert_eq!(read("Lock Info:\n none"), None);
        assert_eq!(read("ID: 1"), None);
    }
}
