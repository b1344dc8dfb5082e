//! What the kinds of Kubernetes objects are, as far as a deploy has to know.

/// The workloads whose rollout is watched.
#[must_use]
pub fn is_workload(api_version: &str, kind: &str) -> bool {
    matches!(
        (api_version, kind),
        ("apps/v1", "Deployment" | "StatefulSet" | "DaemonSet") | ("batch/v1", "Job")
    )
}

/// The place of a kind in the order of applying: what others need comes first, pods come last, so
/// that no pod starts with yesterday's configuration.
#[must_use]
pub fn apply_order(kind: &str) -> u8 {
    match kind {
        "Namespace" => 0,
        "ResourceQuota" | "LimitRange" => 1,
        "ServiceAccount" => 2,
        "Secret" | "ConfigMap" => 3,
        "Role" => 4,
        "RoleBinding" => 5,
        "PersistentVolumeClaim" => 6,
        "Service" | "NetworkPolicy" | "PodDisruptionBudget" => 7,
        "Ingress" => 9,
        "Pod"
        | "ReplicaSet"
        | "ReplicationController"
        | "Deployment"
        | "StatefulSet"
        | "DaemonSet" => 10,
        "Job" | "CronJob" => 11,
        // They scale a workload that should be there.
        "HorizontalPodAutoscaler" => 12,
        _ => 8,
    }
}

/// Whether Kubernetes itself defines this kind outside of any namespace.
#[must_use]
pub fn is_cluster_scoped(api_version: &str, kind: &str) -> bool {
    let group = api_version.rsplit_once('/').map_or("", |(group, _)| group);
    matches!(
        (group, kind),
        (
            "",
            "Namespace" | "Node" | "PersistentVolume" | "ComponentStatus"
        ) | (
            "rbac.authorization.k8s.io",
            "ClusterRole" | "ClusterRoleBinding"
        ) | ("apiextensions.k8s.io", "CustomResourceDefinition")
            | ("apiregistration.k8s.io", "APIService")
            | ("scheduling.k8s.io", "PriorityClass")
            | ("node.k8s.io", "RuntimeClass")
            | (
                "networking.k8s.io",
                "IngressClass" | "IPAddress" | "ServiceCIDR"
            )
            | ("certificates.k8s.io", _)
            | ("flowcontrol.apiserver.k8s.io", _)
            | (
                "storage.k8s.io",
                "StorageClass" | "VolumeAttachment" | "CSIDriver" | "CSINode"
            )
            | (
                "admissionregistration.k8s.io",
                "MutatingWebhookConfiguration"
                    | "ValidatingWebhookConfiguration"
                    | "ValidatingAdmissionPolicy"
                    | "ValidatingAdmissionPolicyBinding"
                    | "MutatingAdmissionPolicy"
                    | "MutatingAdmissionPolicyBinding"
            )
    )
}
