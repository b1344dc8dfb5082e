//! What to do where bubblewrap can't make its namespaces.

use std::path::Path;

/// What the kernel's settings say about it, below `/proc/sys`; else what containers need.
pub(super) fn about(sys: &Path) -> String {
    let value =
        |name: &str| std::fs::read_to_string(sys.join(name)).map(|text| text.trim().to_owned());
    let is = |name: &str, wanted: &str| value(name).is_ok_and(|value| value == wanted);
    if is("kernel/unprivileged_userns_clone", "0") {
        return "the kernel keeps user namespaces from unprivileged processes: `sysctl -w \
                kernel.unprivileged_userns_clone=1` on the machine (for a container: on its host)"
            .to_owned();
    }
    if is("user/max_user_namespaces", "0") {
        return "the kernel allows no user namespaces: `sysctl -w user.max_user_namespaces=15000` \
                on the machine (for a container: on its host)"
            .to_owned();
    }
    if is("kernel/apparmor_restrict_unprivileged_userns", "1") {
        return "AppArmor keeps user namespaces from programs without a profile (Ubuntu 23.10 and \
                newer): give bwrap a profile with `userns,`, or `sysctl -w \
                kernel.apparmor_restrict_unprivileged_userns=0`; in a container, see what follows: \
                its seccomp and AppArmor profiles must allow namespaces and mounts, and its /proc \
                must not be masked"
            .to_owned();
    }
    "in a container, its seccomp and AppArmor profiles must allow user namespaces and mounts, and \
     its /proc must not be masked (Kubernetes: `hostUsers: false`, `procMount: Unmasked` and \
     profiles `Unconfined` or of your own; see docs/operations.md). `isolation = \"none\"` does \
     without"
        .to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_kernel_setting_that_forbids_it_is_named() {
        let sys = tempfile::tempdir().unwrap();
        let set = |name: &str, value: &str| {
            let path = sys.path().join(name);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, format!("{value}\n")).unwrap();
        };
        let told = || about(sys.path());
        assert!(told().contains("in a container"), "{}", told());
        set("kernel/apparmor_restrict_unprivileged_userns", "1");
        assert!(told().starts_with("AppArmor keeps"), "{}", told());
        set("user/max_user_namespaces", "0");
        assert!(
            told().contains("user.max_user_namespaces=15000"),
            "{}",
            told()
        );
        set("kernel/unprivileged_userns_clone", "0");
        assert!(
            told().contains("kernel.unprivileged_userns_clone=1"),
            "{}",
            told()
        );
        set("kernel/unprivileged_userns_clone", "1");
        set("user/max_user_namespaces", "96365");
        set("kernel/apparmor_restrict_unprivileged_userns", "0");
        assert!(told().starts_with("in a container"), "{}", told());
    }
}
