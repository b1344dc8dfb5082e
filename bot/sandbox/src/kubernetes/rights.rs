//! Who may do what in a cluster: what EKS access entries and RBAC come down to.

use serde_json::{Value, json};

use super::discovery::Resource;
use super::status::Refusal;

/// One permission. `*` stands for everything.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rule {
    /// Namespaces; cluster-wide objects need `*`.
    pub namespaces: Vec<String>,
    /// Plural resource names, subresources after a slash: `deployments`, `pods/log`.
    pub resources: Vec<String>,
    /// `get`, `list`, `watch`, `create`, `update`, `patch`, `delete`, `deletecollection`.
    pub verbs: Vec<String>,
}

impl Rule {
    /// A rule from words.
    #[must_use]
    pub fn new(namespaces: &[&str], resources: &[&str], verbs: &[&str]) -> Self {
        let owned = |words: &[&str]| words.iter().map(|word| (*word).to_owned()).collect();
        Self {
            namespaces: owned(namespaces),
            resources: owned(resources),
            verbs: owned(verbs),
        }
    }
}

/// A set of permissions.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Rights(Vec<Rule>);

/// What `AmazonEKSEditPolicy` lets people write, as far as this API server has it.
const EDITABLE: &[&str] = &[
    "configmaps",
    "cronjobs",
    "daemonsets",
    "deployments",
    "deployments/scale",
    "horizontalpodautoscalers",
    "ingresses",
    "jobs",
    "networkpolicies",
    "persistentvolumeclaims",
    "poddisruptionbudgets",
    "pods",
    "replicasets",
    "replicasets/scale",
    "secrets",
    "serviceaccounts",
    "services",
    "statefulsets",
    "statefulsets/scale",
];

const READING: &[&str] = &["get", "list", "watch"];

impl Rights {
    /// No right at all beyond discovery.
    #[must_use]
    pub fn none() -> Self {
        Self::default()
    }

    /// Everything everywhere: `AmazonEKSClusterAdminPolicy`.
    #[must_use]
    pub fn admin() -> Self {
        Self::none().with(Rule::new(&["*"], &["*"], &["*"]))
    }

    /// Workloads and their configuration in some namespaces, without roles: `AmazonEKSEditPolicy`.
    #[must_use]
    pub fn edit(namespaces: &[&str]) -> Self {
        Self::view(namespaces).with(Rule::new(namespaces, EDITABLE, &["*"]))
    }

    /// Reading in some namespaces, without secrets: `AmazonEKSViewPolicy`.
    #[must_use]
    pub fn view(namespaces: &[&str]) -> Self {
        let readable: Vec<&str> = EDITABLE
            .iter()
            .copied()
            .filter(|resource| *resource != "secrets")
            .chain([
                "events",
                "namespaces",
                "pods/log",
                "resourcequotas",
                "limitranges",
            ])
            .collect();
        Self::none().with(Rule::new(namespaces, &readable, READING))
    }

    /// These rights and one more.
    #[must_use]
    pub fn with(mut self, rule: Rule) -> Self {
        self.0.push(rule);
        self
    }

    fn allow(&self, verb: &str, resource: &str, namespace: &str) -> bool {
        let has = |words: &[String], word: &str| words.iter().any(|w| w == "*" || w == word);
        self.0.iter().any(|rule| {
            has(&rule.verbs, verb)
                && has(&rule.resources, resource)
                && has(&rule.namespaces, namespace)
        })
    }
}

/// Someone whose token was accepted.
#[derive(Clone, Debug)]
pub(super) struct Identity {
    pub(super) user: String,
    pub(super) rights: Rights,
}

impl Identity {
    /// Whether this person may do this.
    ///
    /// # Errors
    /// A 403 in the words of the API server's authorizer.
    pub(super) fn check(
        &self,
        verb: &str,
        resource: &Resource,
        subresource: &str,
        namespace: &str,
        name: &str,
    ) -> Result<(), Refusal> {
        let slash = if subresource.is_empty() { "" } else { "/" };
        let full = format!("{}{slash}{subresource}", resource.plural);
        if self.rights.allow(verb, &full, namespace) {
            return Ok(());
        }
        let scope = if namespace.is_empty() || !resource.namespaced {
            " at the cluster scope".to_owned()
        } else {
            format!(" in the namespace \"{namespace}\"")
        };
        let quoted = if name.is_empty() {
            String::new()
        } else {
            format!(" \"{name}\"")
        };
        let message = format!(
            "{}{quoted} is forbidden: User \"{}\" cannot {verb} resource \"{full}\" in API group \"{}\"{scope}",
            resource.qualified(),
            self.user,
            resource.group,
        );
        let refusal = Refusal::new(403, "Forbidden", message);
        Err(refusal.about(resource.plural, resource.group, name))
    }
}

/// Where people ask what they may do.
pub(super) const REVIEWS: &str = "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews";

/// Answers a `SelfSubjectAccessReview`.
pub(super) fn review(identity: &Identity, mut review: Value) -> Value {
    let wish = &review["spec"]["resourceAttributes"];
    let word = |name: &str| wish[name].as_str().unwrap_or_default();
    let slash = if word("subresource").is_empty() {
        ""
    } else {
        "/"
    };
    let resource = format!("{}{slash}{}", word("resource"), word("subresource"));
    let allowed = identity
        .rights
        .allow(word("verb"), &resource, word("namespace"));
    review["status"] = json!({"allowed": allowed});
    review
}
