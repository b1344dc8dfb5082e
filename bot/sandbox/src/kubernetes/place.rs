//! What a request is about: the path of an API call, read into its parts.

use http::Method;

use super::discovery::{self, NAMESPACE, Resource};
use super::store::Key;

/// The object or collection that a path names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Place {
    pub(super) resource: &'static Resource,
    /// Empty for cluster-wide objects and for a list over all namespaces.
    pub(super) namespace: String,
    /// Empty for a collection.
    pub(super) name: String,
    /// Empty for the object itself.
    pub(super) subresource: String,
}

impl Place {
    /// Reads `/api/v1/…` and `/apis/GROUP/VERSION/…`.
    pub(super) fn parse(path: &str) -> Option<Self> {
        let mut parts = path.split('/').filter(|part| !part.is_empty());
        let (group, version) = match parts.next()? {
            "api" => ("", parts.next()?),
            "apis" => (parts.next()?, parts.next()?),
            _ => return None,
        };
        let rest: Vec<&str> = parts.collect();
        let place = |plural: &str, namespace: &str, name: &str, subresource: &str| {
            let resource = discovery::find(group, version, plural)?;
            let known = subresource.is_empty() || resource.has_subresource(subresource);
            (known && (resource.namespaced || plural == NAMESPACE.plural || namespace.is_empty()))
                .then(|| Self {
                    resource,
                    namespace: namespace.to_owned(),
                    name: name.to_owned(),
                    subresource: subresource.to_owned(),
                })
        };
        match *rest.as_slice() {
            ["namespaces", name] => place("namespaces", name, name, ""),
            ["namespaces", name, "status"] => place("namespaces", name, name, "status"),
            ["namespaces", namespace, plural] => place(plural, namespace, "", ""),
            ["namespaces", namespace, plural, name] => place(plural, namespace, name, ""),
            ["namespaces", namespace, plural, name, subresource] => {
                place(plural, namespace, name, subresource)
            }
            [plural] => place(plural, "", "", ""),
            [plural, name] => place(plural, "", name, "").filter(Self::is_cluster_wide),
            [plural, name, subresource] => {
                place(plural, "", name, subresource).filter(Self::is_cluster_wide)
            }
            _ => None,
        }
    }

    fn is_cluster_wide(&self) -> bool {
        !self.resource.namespaced
    }

    pub(super) fn key(&self) -> Key {
        Key::new(self.resource, &self.namespace, &self.name)
    }

    /// The verb that RBAC knows a request by.
    pub(super) fn verb(&self, method: &Method, watch: bool) -> Option<&'static str> {
        let one = !self.name.is_empty();
        match *method {
            Method::GET if watch => Some("watch"),
            Method::GET if one => Some("get"),
            Method::GET => Some("list"),
            Method::POST if !one => Some("create"),
            Method::PUT if one => Some("update"),
            Method::PATCH if one => Some("patch"),
            Method::DELETE if one => Some("delete"),
            Method::DELETE => Some("deletecollection"),
            _ => None,
        }
    }
}
