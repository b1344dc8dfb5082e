//! Keys of deploy.toml that this version does not enforce yet.
//!
//! They are refused: a rule that is written down but never asked would be a gate left open. When
//! one of them is enforced, its entry here goes.

use super::Invalid;
use super::build::Tables;
use super::findings::Findings;
use super::raw::RawProvenance;

pub(super) fn refuse_unenforced(tables: &Tables<'_>, findings: &mut Findings<'_>) {
    let refusal = |what: &str, instead: &str| {
        Invalid::new(format!("{what} not enforced by this version of Slipway")).with_help(format!(
            "a rule that is not asked would be no rule; {instead}"
        ))
    };
    for (_, service) in &tables.services {
        if let Some(written) = &service.provenance
            && *written.value() == RawProvenance::Attestation
        {
            findings.error(
                written.span(),
                refusal("`provenance = \"attestation\"` is", "use \"label\" for now"),
            );
        }
    }
}
