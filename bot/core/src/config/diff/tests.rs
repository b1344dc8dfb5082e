//! Every rule that can change, in the words in which it is told.

use proptest::prelude::*;

use super::super::Config;
use super::{Effect, Subject, all_of, diff};

const EXAMPLE: &str = include_str!("../example.toml");

fn config(text: &str) -> Config {
    match Config::parse(text) {
        Ok(config) => config,
        Err(diagnostics) => panic!("{diagnostics:#?}"),
    }
}

/// The changes between two texts, a line for each: `!` opens, `~` alters, `-` closes.
fn changes(old: &str, new: &str) -> String {
    let line = |change: &super::Change| {
        let mark = match change.effect {
            Effect::Opens => '!',
            Effect::Alters => '~',
            Effect::Closes => '-',
        };
        let key = change
            .key
            .map_or_else(String::new, |key| format!(" {key}:"));
        format!("{mark} {}{key} {}\n", change.subject, change.words)
    };
    let changes = diff(&config(old), &config(new));
    changes.iter().map(line).collect()
}

/// The changes that replacements in the example make, and those that taking them back makes.
fn there_and_back(pairs: &[(&str, &str)]) -> String {
    let mut new = EXAMPLE.to_owned();
    for (from, to) in pairs {
        assert_eq!(new.matches(from).count(), 1, "{from:?} in\n{new}");
        new = new.replace(from, to);
    }
    format!(
        "{}and back:\n{}",
        changes(EXAMPLE, &new),
        changes(&new, EXAMPLE)
    )
}

#[test]
fn rights_are_sets_of_people() {
    insta::assert_snapshot!(there_and_back(&[
        ("apply  = [\"team:acme/platform\"]", "apply  = [\"team:acme/platform\", \"write\"]"),
        ("deploy = [\"maintain\", \"user:ana\"]", "deploy = [\"admin\", \"user:Ana\", \"user:ben\"]"),
    ]), @"
    ! prod allow.apply: everyone with `write` may apply now
    ! prod allow.deploy: `user:ben` may deploy now; everyone with `maintain` may no longer deploy
    and back:
    ! prod allow.deploy: everyone with `maintain` may deploy now; `user:ben` may no longer deploy
    - prod allow.apply: everyone with `write` may no longer apply
    ");
    // Those who may maintain may write as well: nobody is let in by this, and nobody kept out.
    insta::assert_snapshot!(changes(
        EXAMPLE,
        &EXAMPLE.replace("plan   = [\"write\"]", "plan   = [\"maintain\", \"write\", \"admin\"]")
    ), @"");
    insta::assert_snapshot!(there_and_back(&[
        ("deploy = [\"write\", \"team:acme/on-call\"]", "deploy = []"),
    ]), @"
    - dev allow.deploy: everyone with `write`, `team:acme/on-call` may no longer deploy
    and back:
    ! dev allow.deploy: everyone with `write`, `team:acme/on-call` may deploy now
    ");
}

#[test]
fn gates_are_looser_or_stricter() {
    insta::assert_snapshot!(there_and_back(&[
        ("approvals    = 1 ", "approvals    = 0 "),
        ("codeowners   = true", "codeowners   = false"),
        ("confirm      = true", "confirm      = false"),
        ("up_to_date   = true", "up_to_date   = false"),
        ("pull_request = \"merged\"", "pull_request = \"open\""),
        ("checks       = \"required\"", "checks       = []"),
        ("soak         = \"30m\"", "soak         = \"5m\""),
        ("outside      = \"queue\"", "outside      = \"refuse\""),
        ("on_failure   = \"rollback\"", "on_failure   = \"stop\""),
        ("url          = \"https://shop.example.com\"", "url          = \"https://www.example.com\""),
    ]), @"
    ! prod approvals: nobody has to approve any more (was 1)
    ! prod codeowners: owners no longer have to approve what changes
    ! prod checks: none instead of those that the base branch requires
    ! prod confirm: nobody is asked for a second step any more
    ! prod soak: 5 min instead of 30 min
    ! prod up_to_date: a branch no longer has to contain its base's tip
    ! prod pull_request: an open pull request is enough now
    ~ prod outside: a change outside the windows or in a freeze is refused, and does not wait
    ~ prod on_failure: a failed rollout stays as it is, for people to look at
    ~ prod url: `https://www.example.com/` instead of `https://shop.example.com/`
    and back:
    - prod approvals: 1 instead of 0
    - prod codeowners: owners have to approve what changes now
    - prod checks: those that the base branch requires instead of none
    - prod confirm: a second step is asked for now
    - prod soak: 30 min instead of 5 min
    - prod up_to_date: a branch has to contain its base's tip now
    - prod pull_request: a pull request has to be merged now
    ~ prod outside: a change outside the windows or in a freeze waits, and is not refused
    ~ prod on_failure: a failed rollout is rolled back by itself now
    ~ prod url: `https://shop.example.com/` instead of `https://www.example.com/`
    ");
    insta::assert_snapshot!(there_and_back(&[
        ("after        = [\"dev\"]", "after        = []"),
        ("soak         = \"30m\"", "#"),
        ("approvals    = 1 ", "approvals    = 3 "),
        ("auto_deploy = true", "auto_deploy = false"),
        ("auto_apply  = true", "auto_apply  = false"),
    ]), @"
    ! prod after: `dev` no longer comes first
    ! prod soak: no time instead of 30 min
    - dev auto_apply: a merge no longer applies by itself
    - dev auto_deploy: a merge no longer deploys by itself
    - prod approvals: 3 instead of 1
    and back:
    ! dev auto_apply: a merge applies by itself now
    ! dev auto_deploy: a merge deploys by itself now
    ! prod approvals: 1 instead of 3
    - prod after: `dev` comes first now
    - prod soak: 30 min instead of no time
    ");
    insta::assert_snapshot!(there_and_back(&[("production   = true", "production   = false")]), @"
    ! prod production: no longer counts as what users depend on
    and back:
    - prod production: users depend on it now
    ");
}

#[test]
fn checks_are_a_set_and_what_a_file_cant_tell_is_looser() {
    let with = |checks: &str| EXAMPLE.replace("\"required\"      #", &format!("{checks} #"));
    for (was, is, expected) in [
        ("[\"a\", \"b\"]", "[\"b\", \"a\"]", ""),
        (
            "[\"a\", \"b\"]",
            "[\"a\"]",
            "! prod checks: `a` instead of `a`, `b`\n",
        ),
        (
            "[\"a\"]",
            "[\"a\", \"b\"]",
            "- prod checks: `a`, `b` instead of `a`\n",
        ),
        ("[]", "\"all\"", "- prod checks: all instead of none\n"),
        (
            "\"all\"",
            "\"required\"",
            "! prod checks: those that the base branch requires instead of all\n",
        ),
        (
            "\"required\"",
            "[\"a\"]",
            "! prod checks: `a` instead of those that the base branch requires\n",
        ),
    ] {
        assert_eq!(changes(&with(was), &with(is)), expected, "{was} to {is}");
    }
}

#[test]
fn windows_are_compared_by_the_hours_that_they_cover() {
    let with = |windows: &str| {
        let now = "[\"Mon-Thu 09:00-16:00 Europe/Berlin\", \"Fri 09:00-12:00 Europe/Berlin\"]";
        assert!(EXAMPLE.contains(now));
        EXAMPLE.replace(now, windows)
    };
    for (was, is, effect) in [
        (
            "[\"Mon-Wed 09:00-16:00 UTC\"]",
            "[\"mon,TUE,Wed  09:00-16:00 UTC\"]",
            None,
        ),
        (
            "[\"Mon 09:00-16:00 UTC\"]",
            "[\"Mon 12:00-16:00 UTC\", \"Mon 09:00-12:00 UTC\"]",
            None,
        ),
        (
            "[\"Sun 22:00-02:00 UTC\"]",
            "[\"Sun 22:00-24:00 UTC\", \"Mon 00:00-02:00 UTC\"]",
            None,
        ),
        (
            "[\"Mon 09:00-16:00 UTC\"]",
            "[\"Mon 09:00-15:59 UTC\"]",
            Some(Effect::Closes),
        ),
        (
            "[\"Mon 09:00-16:00 UTC\"]",
            "[\"Mon 09:00-16:01 UTC\"]",
            Some(Effect::Opens),
        ),
        (
            "[\"Mon-Tue 09:00-16:00 UTC\"]",
            "[\"Tue-Wed 09:00-16:00 UTC\"]",
            Some(Effect::Opens),
        ),
        (
            "[\"Mon 09:00-16:00 UTC\"]",
            "[\"Mon 10:00-11:00 Europe/Berlin\"]",
            Some(Effect::Opens),
        ),
        ("[\"Mon 09:00-16:00 UTC\"]", "[]", Some(Effect::Opens)),
        ("[]", "[\"Mon-Sun 00:00-24:00 UTC\"]", Some(Effect::Closes)),
    ] {
        let found = diff(&config(&with(was)), &config(&with(is)));
        let effects: Vec<Effect> = found.iter().map(|change| change.effect).collect();
        assert_eq!(effects, Vec::from_iter(effect), "{was} to {is}: {found:?}");
    }
    insta::assert_snapshot!(changes(EXAMPLE, &with("[]")), @"! prod windows: at any time instead of `Mon-Thu 09:00-16:00 Europe/Berlin`, `Fri 09:00-12:00 Europe/Berlin`");
}

#[test]
fn another_external_id_is_neither_more_nor_less() {
    let dev = |id: &str| EXAMPLE.replace("external_id = \"slipway-dev\"", id);
    assert_ne!(dev(""), EXAMPLE);
    let found = diff(&config(EXAMPLE), &config(&dev("external_id = \"other\"")));
    let effects: Vec<Effect> = found.iter().map(|change| change.effect).collect();
    assert_eq!(effects, [Effect::Alters], "{found:?}");
}

#[test]
fn another_role_or_account_is_never_told_as_harmless() {
    insta::assert_snapshot!(there_and_back(&[
        (
            "region      = \"eu-central-1\"\naccount     = \"222222222222\"",
            "region      = \"eu-west-1\"\naccount     = \"333333333333\"\nexternal_id = \"other\"\nsession = \"2h\"",
        ),
        ("arn:aws:iam::222222222222:role/slipway-plan", "arn:aws:iam::333333333333:role/slipway-plan"),
        ("arn:aws:iam::222222222222:role/slipway-deploy", "arn:aws:iam::333333333333:role/admin"),
        ("apply_role  = \"arn:aws:iam::222222222222:role/slipway-apply\"", ""),
    ]), @"
    ! prod aws.account: `333333333333` instead of `222222222222`
    ! prod aws.plan_role: `arn:aws:iam::333333333333:role/slipway-plan` instead of `arn:aws:iam::222222222222:role/slipway-plan`
    ! prod aws.deploy_role: `arn:aws:iam::333333333333:role/admin` instead of `arn:aws:iam::222222222222:role/slipway-deploy`
    ! prod aws.session: 2 h instead of 1 h
    ~ prod aws.region: `eu-west-1` instead of `eu-central-1`
    - prod aws.apply_role: none instead of `arn:aws:iam::222222222222:role/slipway-apply`
    - prod aws.external_id: `other` instead of none
    and back:
    ! prod aws.account: `222222222222` instead of `333333333333`
    ! prod aws.plan_role: `arn:aws:iam::222222222222:role/slipway-plan` instead of `arn:aws:iam::333333333333:role/slipway-plan`
    ! prod aws.apply_role: `arn:aws:iam::222222222222:role/slipway-apply` instead of none
    ! prod aws.deploy_role: `arn:aws:iam::222222222222:role/slipway-deploy` instead of `arn:aws:iam::333333333333:role/admin`
    ! prod aws.external_id: none instead of `other`
    ~ prod aws.region: `eu-central-1` instead of `eu-west-1`
    - prod aws.session: 1 h instead of 2 h
    ");
}

#[test]
fn stacks_and_services_say_what_is_other() {
    insta::assert_snapshot!(there_and_back(&[
        ("dir            = \"infra/02-eks\"", "dir            = \"infra/eks\""),
        ("environments   = [\"dev\", \"prod\"] ", "environments   = [\"dev\"] "),
        ("workspace      = \"{environment}\" ", "workspace      = \"default\" "),
        ("var_files      = [\"{environment}.tfvars\"]", "var_files      = []"),
        ("\"encrypt=true\", \"{environment}.s3.tfbackend\"", "\"{environment}.s3.tfbackend\", \"encrypt=true\""),
        ("depends_on     = [\"terraform-state\"]", "depends_on     = []"),
        ("terraform      = \"1.11.4\"", "terraform      = \"opentofu 1.9.0\""),
        ("\"**/*.tfvars\", \".terraform.lock.hcl\"]", "\"**/*.tfvars\"]"),
    ]), @"
    ! stack `eks` dir: `infra/eks` instead of `infra/02-eks`
    ! stack `eks` workspace: `default` instead of `{environment}`
    ! stack `eks` backend_config: `{environment}.s3.tfbackend`, `encrypt=true` instead of `encrypt=true`, `{environment}.s3.tfbackend`
    ! stack `eks` depends_on: `terraform-state` no longer comes first
    - stack `eks` environments: no longer in `prod`
    ~ stack `eks` var_files: none instead of `{environment}.tfvars`
    ~ stack `eks` when_modified: `**/*.tf`, `**/*.tf.json`, `**/*.tfvars` instead of `**/*.tf`, `**/*.tf.json`, `**/*.tfvars`, `.terraform.lock.hcl`
    ~ stack `eks` terraform: `opentofu 1.9.0` instead of `1.11.4`
    and back:
    ! stack `eks` dir: `infra/02-eks` instead of `infra/eks`
    ! stack `eks` environments: also in `prod` now
    ! stack `eks` workspace: `{environment}` instead of `default`
    ! stack `eks` backend_config: `encrypt=true`, `{environment}.s3.tfbackend` instead of `{environment}.s3.tfbackend`, `encrypt=true`
    ~ stack `eks` var_files: `{environment}.tfvars` instead of none
    - stack `eks` depends_on: `terraform-state` comes first now
    ~ stack `eks` when_modified: `**/*.tf`, `**/*.tf.json`, `**/*.tfvars`, `.terraform.lock.hcl` instead of `**/*.tf`, `**/*.tf.json`, `**/*.tfvars`
    ~ stack `eks` terraform: `1.11.4` instead of `opentofu 1.9.0`
    ");
    insta::assert_snapshot!(there_and_back(&[
        ("image        = \"ghcr.io/acme/shop\"", "image        = \"ghcr.io/mallory/shop\""),
        ("tag          = \"sha-{sha}\"", "tag          = \"{short_sha}\""),
        ("paths        = [\"app/**\", \"Cargo.lock\"]", "#"),
        ("manifests    = \"app/k8s/{environment}\"", "manifests    = \"k8s\""),
        ("cluster      = \"shop-{environment}\"", "cluster      = \"shop\""),
        ("namespace    = \"shop\"", "namespace    = \"other\""),
        ("after_stacks = [\"eks\"]", "after_stacks = [\"terraform-state\"]"),
        ("image_wait   = \"20m\"", "image_wait   = \"1h\""),
        ("rollout      = \"10m\"", "rollout      = \"90s\""),
        ("provenance   = \"label\"", "provenance   = \"off\""),
    ]), @"
    ! service `shop` image: `ghcr.io/mallory/shop` instead of `ghcr.io/acme/shop`
    ! service `shop` tag: `{short_sha}` instead of `sha-{sha}`
    ! service `shop` manifests: `k8s` instead of `app/k8s/{environment}`
    ! service `shop` cluster: `shop` instead of `shop-{environment}`
    ! service `shop` namespace: `other` instead of `shop`
    ! service `shop` after_stacks: `eks` no longer comes first; `terraform-state` comes first now
    ! service `shop` provenance: no image has to prove any more which commit it was made from
    ~ service `shop` paths: every file instead of `app/**`, `Cargo.lock`
    ~ service `shop` image_wait: 1 h instead of 20 min
    ~ service `shop` rollout: 90 s instead of 10 min
    and back:
    ! service `shop` image: `ghcr.io/acme/shop` instead of `ghcr.io/mallory/shop`
    ! service `shop` tag: `sha-{sha}` instead of `{short_sha}`
    ! service `shop` manifests: `app/k8s/{environment}` instead of `k8s`
    ! service `shop` cluster: `shop-{environment}` instead of `shop`
    ! service `shop` namespace: `shop` instead of `other`
    ! service `shop` after_stacks: `terraform-state` no longer comes first; `eks` comes first now
    ~ service `shop` paths: `app/**`, `Cargo.lock` instead of every file
    ~ service `shop` image_wait: 20 min instead of 1 h
    ~ service `shop` rollout: 10 min instead of 90 s
    - service `shop` provenance: every image has to carry the label of the commit that it was made from
    ");
}

#[test]
fn types_that_hold_data_are_a_set() {
    insta::assert_snapshot!(there_and_back(&[(
        "[\"google_sql_*\", \"acme_ledger\"]",
        "[\"acme_vault\", \"acme_ledger\", \"acme_ledger\"]",
    )]), @"
    ! all stacks hazards.types: `google_sql_*` no longer counted as stateful; `acme_vault` counted as stateful now
    and back:
    ! all stacks hazards.types: `acme_vault` no longer counted as stateful; `google_sql_*` counted as stateful now
    ");
    assert_eq!(
        changes(
            EXAMPLE,
            &EXAMPLE.replace(
                "[\"google_sql_*\", \"acme_ledger\"]",
                "[\"acme_ledger\", \"google_sql_*\"]"
            )
        ),
        ""
    );
}

#[test]
fn what_comes_and_goes_is_told_as_a_whole() {
    let (head, stacks) = EXAMPLE.split_once("# ── Stacks").unwrap();
    let (dev, _prod) = head.split_once("[environments.prod]").unwrap();
    let without_prod = format!("{dev}# ── Stacks{}", stacks.replace(", \"prod\"]", "]"));
    insta::assert_snapshot!(changes(EXAMPLE, &without_prod), @"- prod goes: nothing is planned, applied or deployed there any more");
    insta::assert_snapshot!(changes(&without_prod, EXAMPLE), @"! prod is new: account 222222222222 in `eu-central-1`; everyone with `write` may plan as `slipway-plan`, `team:acme/platform` may apply as `slipway-apply`, `team:acme/platform` may force-unlock as `slipway-apply`, everyone with `maintain`, `user:ana` may deploy as `slipway-deploy`; gates: after `dev`, 1 approval, approved by the owners of what changes, checks: those that the base branch requires, up to date, merged, confirmed, only `Mon-Thu 09:00-16:00 Europe/Berlin`, `Fri 09:00-12:00 Europe/Berlin`, not `2026-12-21 18:00 to 2027-01-04 08:00 Europe/Berlin`; stacks `terraform-state`, `eks`; Terraform's state is reached as `arn:aws:iam::333333333333:role/slipway-state`, by plans as `arn:aws:iam::333333333333:role/slipway-state-plan`; `user:ana` may destroy stacks");
    let (before, rest) = EXAMPLE.split_once("[stacks.terraform-state]").unwrap();
    let (_, eks) = rest.split_once("[stacks.eks]").unwrap();
    let eks = eks.replace("depends_on     = [\"terraform-state\"]", "#");
    let without_state = format!("{before}[stacks.eks]{eks}");
    insta::assert_snapshot!(changes(EXAMPLE, &without_state), @"- stack `terraform-state` goes: it is not planned or applied any more; what it made stays");
    insta::assert_snapshot!(changes(&without_state, EXAMPLE), @"
    ! stack `terraform-state` is new: `infra/01. terraform-state` in `dev`, `prod`
    - stack `eks` depends_on: `terraform-state` comes first now
    ");
    let (without_shop, _) = EXAMPLE.split_once("[services.shop]").unwrap();
    insta::assert_snapshot!(changes(EXAMPLE, without_shop), @"
    ! dev freeze: no longer frozen: `2026-12-21 18:00 to 2027-01-04 08:00 Europe/Berlin (Christmas)`
    ! prod freeze: no longer frozen: `2026-12-21 18:00 to 2027-01-04 08:00 Europe/Berlin (Christmas)`
    ! all stacks hazards.types: `google_sql_*`, `acme_ledger` no longer counted as stateful
    - service `shop` goes: it is not deployed any more; what runs goes on running
    ");
    insta::assert_snapshot!(changes(without_shop, EXAMPLE), @"
    ! service `shop` is new: `ghcr.io/acme/shop` from `app/k8s/{environment}` in namespace `shop` of cluster `shop-{environment}`
    - dev freeze: frozen now: `2026-12-21 18:00 to 2027-01-04 08:00 Europe/Berlin (Christmas)`
    - prod freeze: frozen now: `2026-12-21 18:00 to 2027-01-04 08:00 Europe/Berlin (Christmas)`
    - all stacks hazards.types: `google_sql_*`, `acme_ledger` counted as stateful now
    ");
}

#[test]
fn a_default_that_is_written_out_is_no_change() {
    let without_defaults: String = EXAMPLE
        .lines()
        .filter(|line| {
            let key = line.split('=').next().unwrap_or_default().trim();
            !matches!(
                key,
                "session"
                    | "workspace"
                    | "tag"
                    | "image_wait"
                    | "rollout"
                    | "provenance"
                    | "when_modified"
                    | "approvals"
                    | "checks"
                    | "up_to_date"
                    | "pull_request"
                    | "confirm"
                    | "outside"
                    | "on_failure"
                    | "environments"
                    | "plan"
            )
        })
        .map(|line| format!("{line}\n"))
        .collect();
    assert!(without_defaults.len() + 1000 < EXAMPLE.len());
    assert_eq!(changes(EXAMPLE, &without_defaults), "");
    assert_eq!(changes(&without_defaults, EXAMPLE), "");
}

#[test]
fn long_values_and_lists_are_cut() {
    let paths: Vec<String> = (0..40)
        .map(|i| format!("\"{i}{}\"", "x".repeat(400)))
        .collect();
    let new = EXAMPLE.replace(
        "[\"app/**\", \"Cargo.lock\"]",
        &format!("[{}]", paths.join(", ")),
    );
    let told = changes(EXAMPLE, &new);
    assert!(
        told.contains("…`") && told.contains("and 28 more"),
        "{told}"
    );
    assert!(told.len() < 4000, "{}", told.len());
}

/// One line of the example left out, or one piece of text in place of another.
fn variants() -> impl Strategy<Value = Config> {
    let lines = EXAMPLE.lines().count();
    let words = prop_oneof![
        Just(("[\"write\"]", "[\"admin\"]")),
        Just(("= true", "= false")),
        Just(("eu-central-1", "eu-west-1")),
        Just(("\"prod\"]", "]")),
        Just(("09:00", "10:00")),
    ];
    (
        proptest::collection::vec(0..lines, 0..6),
        proptest::option::of(words),
    )
        .prop_filter_map("valid", |(dropped, words)| {
            let kept = EXAMPLE.lines().enumerate();
            let text: String = kept
                .filter(|(place, _)| !dropped.contains(place))
                .map(|(_, line)| format!("{line}\n"))
                .collect();
            let text = words.map_or(text.clone(), |(from, to)| text.replace(from, to));
            Config::parse(&text).ok()
        })
}

proptest! {
    #[test]
    fn nothing_differs_from_itself(config in variants()) {
        prop_assert_eq!(diff(&config, &config), Vec::new());
    }

    /// What is equal by its rules has no changes, and what has none is told the same of another.
    #[test]
    fn there_is_a_way_back_for_every_change(old in variants(), new in variants()) {
        let (there, back) = (diff(&old, &new), diff(&new, &old));
        prop_assert_eq!(there.is_empty(), back.is_empty());
        if old == new {
            prop_assert_eq!(&there, &Vec::new());
        }
        // Whatever closes something opens it on the way back.
        let closes = there.iter().filter(|change| change.effect == Effect::Closes);
        for change in closes.filter(|change| change.key.is_some()) {
            let is_opened = back.iter().any(|other| {
                other.subject == change.subject
                    && other.key == change.key
                    && other.effect == Effect::Opens
            });
            prop_assert!(is_opened, "{change:?} in {back:?}");
        }
        let first_other = there.iter().position(|change| change.effect != Effect::Opens);
        let last_opening = there.iter().rposition(|change| change.effect == Effect::Opens);
        if let (Some(first), Some(last)) = (first_other, last_opening) {
            prop_assert!(last < first);
        }
    }

    #[test]
    fn a_first_file_is_new_as_a_whole(config in variants()) {
        let all = all_of(&config);
        let (of_repository, whole): (Vec<_>, Vec<_>) =
            all.iter().partition(|change| change.subject == Subject::Repository);
        let expected = config.environments.len() + config.stacks.len() + config.services.len();
        prop_assert_eq!(whole.len(), expected);
        prop_assert!(whole.iter().all(|change| change.key.is_none()));
        prop_assert_eq!(of_repository.len(), usize::from(!config.stateful_types.is_empty()));
    }
}

#[test]
fn freezes_are_told_by_the_time_that_they_cover() {
    let base = crate::testing::toml("", "");
    let freeze = |from: &str, to: &str, reason: &str| {
        format!(
            "{base}\n[[freeze]]\nfrom = \"2026-12-{from}T00:00Z\"\nto = \"2026-12-{to}T00:00Z\"\n\
             reason = \"{reason}\"\nenvironments = [\"prod\"]\n"
        )
    };
    let christmas = freeze("20", "30", "Christmas");
    let told = [
        changes(&base, &christmas),
        changes(&christmas, &base),
        changes(&christmas, &freeze("19", "30", "Christmas")),
        changes(&christmas, &freeze("20", "29", "Christmas")),
        changes(&christmas, &freeze("20", "30", "Audit")),
        changes(&christmas, &freeze("21", "31", "Christmas")),
        changes(&christmas, &christmas),
    ];
    insta::assert_snapshot!(told.join("--\n"), @"
    - prod freeze: frozen now: `2026-12-20 00:00 to 2026-12-30 00:00 UTC (Christmas)`
    --
    ! prod freeze: no longer frozen: `2026-12-20 00:00 to 2026-12-30 00:00 UTC (Christmas)`
    --
    - prod freeze: no longer frozen: `2026-12-20 00:00 to 2026-12-30 00:00 UTC (Christmas)`; frozen now: `2026-12-19 00:00 to 2026-12-30 00:00 UTC (Christmas)`
    --
    ! prod freeze: no longer frozen: `2026-12-20 00:00 to 2026-12-30 00:00 UTC (Christmas)`; frozen now: `2026-12-20 00:00 to 2026-12-29 00:00 UTC (Christmas)`
    --
    ~ prod freeze: no longer frozen: `2026-12-20 00:00 to 2026-12-30 00:00 UTC (Christmas)`; frozen now: `2026-12-20 00:00 to 2026-12-30 00:00 UTC (Audit)`
    --
    ! prod freeze: no longer frozen: `2026-12-20 00:00 to 2026-12-30 00:00 UTC (Christmas)`; frozen now: `2026-12-21 00:00 to 2026-12-31 00:00 UTC (Christmas)`
    --
    ");
}
