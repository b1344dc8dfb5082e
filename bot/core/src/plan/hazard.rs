//! What an apply takes away: destroys and replacements, those that hold data first.

use serde::{Deserialize, Serialize};

use super::model::{Action, Mode, Plan, Reason, ResourceChange};

/// A resource that an apply destroys or replaces.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hazard {
    /// The resource's address.
    pub address: String,
    /// The resource type.
    pub resource_type: String,
    /// Destroyed or replaced.
    pub kind: HazardKind,
    /// True when the type is known to hold data or identity that does not come back.
    pub stateful: bool,
    /// Paths of the attributes whose change forces a replacement.
    pub forced_by: Vec<String>,
    /// Why, in Terraform's word.
    pub reason: Option<Reason>,
}

/// What happens to the resource.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum HazardKind {
    /// It is destroyed.
    Destroy,
    /// It is destroyed and made anew.
    Replace {
        /// The new one is made first.
        create_first: bool,
    },
}

/// Types whose loss loses data, keys, or an identity that others hold on to. Matched as a whole.
const STATEFUL: &[&str] = &[
    "aws_acm_certificate",
    "aws_backup_vault",
    "aws_cloudwatch_log_group",
    "aws_cognito_user_pool",
    "aws_db_cluster_snapshot",
    "aws_db_instance",
    "aws_db_snapshot",
    "aws_docdb_cluster",
    "aws_docdb_cluster_instance",
    "aws_dynamodb_global_table",
    "aws_dynamodb_table",
    "aws_ebs_snapshot",
    "aws_ebs_volume",
    "aws_ecr_repository",
    "aws_efs_file_system",
    "aws_eip",
    "aws_eks_cluster",
    "aws_elasticache_cluster",
    "aws_elasticache_replication_group",
    "aws_elasticsearch_domain",
    "aws_fsx_lustre_file_system",
    "aws_fsx_ontap_file_system",
    "aws_fsx_openzfs_file_system",
    "aws_fsx_windows_file_system",
    "aws_glacier_vault",
    "aws_keyspaces_table",
    "aws_kinesis_stream",
    "aws_kms_key",
    "aws_memorydb_cluster",
    "aws_mq_broker",
    "aws_msk_cluster",
    "aws_neptune_cluster",
    "aws_opensearch_domain",
    "aws_rds_cluster",
    "aws_rds_cluster_instance",
    "aws_rds_global_cluster",
    "aws_redshift_cluster",
    "aws_route53_zone",
    "aws_s3_bucket",
    "aws_s3_object",
    "aws_secretsmanager_secret",
    "aws_sqs_queue",
    "aws_ssm_parameter",
    "aws_timestreamwrite_database",
    "aws_timestreamwrite_table",
    "aws_vpc",
    "kubernetes_namespace",
    "kubernetes_namespace_v1",
    "kubernetes_persistent_volume",
    "kubernetes_persistent_volume_claim",
    "kubernetes_persistent_volume_claim_v1",
    "kubernetes_persistent_volume_v1",
    "kubernetes_secret",
    "kubernetes_secret_v1",
    "random_password",
    "tls_private_key",
];

impl Plan {
    /// Destroys and replacements: types that hold data first, then by address.
    #[must_use]
    pub fn hazards(&self) -> Vec<Hazard> {
        let mut hazards: Vec<Hazard> = self.resources.iter().filter_map(hazard).collect();
        hazards.sort_by(|a, b| (!a.stateful, &a.address).cmp(&(!b.stateful, &b.address)));
        hazards
    }
}

fn hazard(resource: &ResourceChange) -> Option<Hazard> {
    let kind = match resource.action {
        Action::Delete => HazardKind::Destroy,
        Action::Replace { create_first } => HazardKind::Replace { create_first },
        Action::NoOp
        | Action::Create
        | Action::Read
        | Action::Update
        | Action::Forget
        | Action::Other(_) => return None,
    };
    (resource.mode == Mode::Managed).then(|| Hazard {
        address: resource.address.clone(),
        resource_type: resource.kind.clone(),
        kind,
        stateful: STATEFUL.binary_search(&resource.kind.as_str()).is_ok(),
        forced_by: resource.replace_paths.clone(),
        reason: resource.reason.clone(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_is_sorted_so_that_it_can_be_searched() {
        assert!(STATEFUL.is_sorted());
    }
}
