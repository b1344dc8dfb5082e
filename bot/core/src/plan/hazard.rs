//! What an apply takes away: destroys and replacements, those that hold data first.

use std::fmt;

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

/// A resource type, or several of them with `*` for any part of the name: `aws_foo`,
/// `google_sql_*`. What a repository says holds data, on top of what is known to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TypePattern(String);

impl TypePattern {
    /// The only way in. `None` when it is not the name of a type, or no more than `*`.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        const LONGEST: usize = 128;
        let is_part = |b: u8| b.is_ascii_alphanumeric() || b"_-*".contains(&b);
        let says_something = text.bytes().any(|b| b.is_ascii_alphanumeric());
        (text.len() <= LONGEST && says_something && text.bytes().all(is_part))
            .then(|| Self(text.to_owned()))
    }

    /// Whether it means this type.
    #[must_use]
    pub fn matches(&self, kind: &str) -> bool {
        let Some((start, rest)) = self.0.split_once('*') else {
            return self.0 == kind;
        };
        let Some(kind) = kind.strip_prefix(start) else {
            return false;
        };
        let (middle, end) = rest.rsplit_once('*').unwrap_or(("", rest));
        let Some(mut kind) = kind.strip_suffix(end) else {
            return false;
        };
        middle.split('*').all(|part| match kind.split_once(part) {
            Some((_, after)) => {
                kind = after;
                true
            }
            None => false,
        })
    }
}

impl fmt::Display for TypePattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
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
    "aws_acmpca_certificate_authority",
    "aws_ami",
    "aws_backup_vault",
    "aws_cloudhsm_v2_cluster",
    "aws_cloudwatch_log_group",
    "aws_codeartifact_repository",
    "aws_codecommit_repository",
    "aws_cognito_user_pool",
    "aws_dax_cluster",
    "aws_db_cluster_snapshot",
    "aws_db_instance",
    "aws_db_snapshot",
    "aws_directory_service_directory",
    "aws_docdb_cluster",
    "aws_docdb_cluster_instance",
    "aws_docdb_global_cluster",
    "aws_docdbelastic_cluster",
    "aws_dsql_cluster",
    "aws_dynamodb_global_table",
    "aws_dynamodb_table",
    "aws_dynamodb_table_replica",
    "aws_ebs_snapshot",
    "aws_ebs_snapshot_copy",
    "aws_ebs_volume",
    "aws_ecr_repository",
    "aws_ecrpublic_repository",
    "aws_efs_file_system",
    "aws_eip",
    "aws_eks_cluster",
    "aws_elasticache_cluster",
    "aws_elasticache_global_replication_group",
    "aws_elasticache_replication_group",
    "aws_elasticache_serverless_cache",
    "aws_elasticsearch_domain",
    "aws_fsx_lustre_file_system",
    "aws_fsx_ontap_file_system",
    "aws_fsx_ontap_volume",
    "aws_fsx_openzfs_file_system",
    "aws_fsx_openzfs_volume",
    "aws_fsx_windows_file_system",
    "aws_glacier_vault",
    "aws_glue_catalog_database",
    "aws_glue_catalog_table",
    "aws_iam_access_key",
    "aws_keyspaces_table",
    "aws_kinesis_stream",
    "aws_kinesis_video_stream",
    "aws_kms_external_key",
    "aws_kms_key",
    "aws_kms_replica_key",
    "aws_lightsail_database",
    "aws_lightsail_disk",
    "aws_memorydb_cluster",
    "aws_memorydb_multi_region_cluster",
    "aws_memorydb_snapshot",
    "aws_mq_broker",
    "aws_msk_cluster",
    "aws_msk_serverless_cluster",
    "aws_neptune_cluster",
    "aws_neptune_cluster_instance",
    "aws_neptune_global_cluster",
    "aws_opensearch_domain",
    "aws_opensearchserverless_collection",
    "aws_rds_cluster",
    "aws_rds_cluster_instance",
    "aws_rds_global_cluster",
    "aws_redshift_cluster",
    "aws_redshift_cluster_snapshot",
    "aws_redshiftserverless_namespace",
    "aws_route53_zone",
    "aws_s3_bucket",
    "aws_s3_directory_bucket",
    "aws_s3_object",
    "aws_s3tables_table",
    "aws_s3tables_table_bucket",
    "aws_secretsmanager_secret",
    "aws_secretsmanager_secret_version",
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
        sort(&mut hazards);
        hazards
    }
}

/// Marks as stateful what these types say, too.
pub(crate) fn mark_stateful(hazards: &mut [Hazard], types: &[TypePattern]) {
    for hazard in hazards.iter_mut() {
        hazard.stateful |= types.iter().any(|t| t.matches(&hazard.resource_type));
    }
    sort(hazards);
}

fn sort(hazards: &mut [Hazard]) {
    hazards.sort_by(|a, b| (!a.stateful, &a.address).cmp(&(!b.stateful, &b.address)));
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

    #[test]
    fn a_pattern_means_whole_names() {
        let cases = [
            ("aws_foo", "aws_foo", true),
            ("aws_foo", "aws_foo_bar", false),
            ("google_sql_*", "google_sql_database_instance", true),
            ("google_sql_*", "google_sql_", true),
            ("google_sql_*", "my_google_sql_database", false),
            ("*_bucket", "google_storage_bucket", true),
            ("*_bucket", "google_storage_bucket_object", false),
            ("azurerm_*_database", "azurerm_mssql_database", true),
            ("azurerm_*_database", "azurerm_database", false),
            ("a*b*c", "axxbxxc", true),
            ("a*b*c", "axxcxxb", false),
            ("a*b*c", "ac", false),
            ("ab*ba", "aba", false),
            ("a**c", "ac", true),
        ];
        for (pattern, kind, matches) in cases {
            let told = TypePattern::parse(pattern).unwrap().matches(kind);
            assert_eq!(told, matches, "{pattern} {kind}");
        }
        for text in ["", "*", "aws foo", "aws_db_instance.main", "a\u{e4}", "_-*"] {
            assert_eq!(TypePattern::parse(text), None, "{text:?}");
        }
        assert_eq!(TypePattern::parse(&"a".repeat(129)), None);
    }
}
