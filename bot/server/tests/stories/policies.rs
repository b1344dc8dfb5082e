//! Rego policies: what they deny is not applied, and who may say otherwise.

use slipway_sandbox::world::REPO;

use crate::bot::{Story, tell};

const DEV: &str = "infra/01-network/dev.tfvars";
const POLICY: &str = "policy/network.rego";
const WIDE: &str = "environment = \"dev\"\ncidr        = \"10.0.0.0/8\"\n";
const NARROW: &str = "environment = \"dev\"\ncidr        = \"10.9.0.0/16\"\n";
const RULES: &str = include_str!("../../../sandbox/src/world/shop/deploy.toml");

/// Denies what is wide, and warns of everything that has no owner.
const NO_WIDE_NETWORKS: &str = r#"package main

deny contains msg if {
	some resource in input.resource_changes
	cidr := resource.change.after.input.cidr
	endswith(cidr, "/8")
	msg := sprintf("%s in %s: %s is *too* wide, ask @acme/network", [resource.address, input.slipway.environment, cidr])
}

warn contains {"msg": msg} if {
	some resource in input.resource_changes
	not resource.change.after.input.owner
	msg := sprintf("%s has no owner", [resource.address])
}
"#;

/// The stack `network` is held to policies; in dev people apply by hand, and releasers may override.
async fn held_to(story: &Story, policy: &str) -> anyhow::Result<()> {
    let rules = RULES
        .replace(
            "auto_apply  = true\n",
            "checks      = []\n",
        )
        .replace(
            "[environments.prod]\n",
            "[environments.dev.allow]\noverride = [\"team:acme/releasers\"]\n\n[environments.prod]\n",
        )
        .replace(
            "[stacks.network]\n",
            "[stacks.network]\npolicies       = [\"policy/*.rego\"]\n",
        );
    story
        .push(
            "cleo",
            "main",
            "Hold networks to policies",
            &[("deploy.toml", &rules), (POLICY, policy)],
        )
        .await?;
    Ok(())
}

#[test]
fn what_a_policy_denies_is_applied_only_once_somebody_answers_for_it() {
    tell(|mut story| async {
        held_to(&story, NO_WIDE_NETWORKS).await?;
        let pr = story
            .open("ana", "wide", "A wide network", &[(DEV, WIDE)])
            .await?;
        insta::assert_snapshot!(story.settles(pr, "### Plan").await?, @"");
        let head = story.head(pr);
        let check = story.check(&head, "slipway / plan dev").await?;
        insta::assert_snapshot!(story.shown(&check), @"");
        let summary = story.check(&head, "slipway").await?;
        insta::assert_snapshot!(story.shown(&summary), @"");

        insta::assert_snapshot!(story.ask("ana", pr, "/apply dev").await?, @"");
        insta::assert_snapshot!(story.ask("ana", pr, "/override dev it is fine").await?, @"");
        insta::assert_snapshot!(story.ask("ben", pr, "/override prod it is fine").await?, @"");
        insta::assert_snapshot!(story.ask("ben", pr, "/override dev").await?, @"");
        insta::assert_snapshot!(story.ask("ben", pr, "/override dev a lab, gone by *Friday* @all").await?, @"");
        insta::assert_snapshot!(story.settles(pr, "### Plan").await?, @"");
        let summary = story.check(&head, "slipway").await?;
        insta::assert_snapshot!(story.shown(&summary), @"");
        insta::assert_snapshot!(story.ask("ana", pr, "/explain dev").await?, @"");

        let said = story.say("ana", pr, "/apply dev").await?;
        story.sees(said, "rocket").await?;
        insta::assert_snapshot!(story.settles(pr, "in dev · asked for by").await?, @"");
        let vpc = story.state("dev", "network")?.unwrap_or_default();
        assert_eq!(vpc["cidr"], "10.0.0.0/8");
        Ok(story)
    });
}

#[test]
fn a_push_takes_the_override_away() {
    tell(|mut story| async {
        held_to(&story, NO_WIDE_NETWORKS).await?;
        let pr = story
            .open("ana", "wide", "A wide network", &[(DEV, WIDE)])
            .await?;
        story.planned(pr, "dev", "network", "1 denial").await?;
        story.ask("cleo", pr, "/override dev a lab").await?;
        story
            .planned(pr, "dev", "network", "1 denial overridden")
            .await?;
        story
            .push("ana", "wide", "A remark", &[("README.md", "Shop.\n")])
            .await?;
        story.quiet().await?;
        story.planned(pr, "dev", "network", "**1 denial**").await?;
        insta::assert_snapshot!(story.ask("ana", pr, "/apply dev").await?, @"");
        Ok(story)
    });
}

#[test]
fn a_pull_request_is_held_to_the_policies_of_the_default_branch() {
    tell(|mut story| async {
        held_to(&story, NO_WIDE_NETWORKS).await?;
        let rules = RULES.replace("auto_apply  = true\n", "checks      = []\n");
        let pr = story
            .open(
                "ana",
                "wide",
                "A wide network, and no rules",
                &[
                    (DEV, WIDE),
                    (
                        POLICY,
                        "package main\n\nwarn contains \"all is well\" if false\n",
                    ),
                    ("deploy.toml", &rules),
                ],
            )
            .await?;
        story.planned(pr, "dev", "network", "**1 denial**").await?;
        story.quiet().await?;
        let config = story
            .check(&story.head(pr), "slipway / deploy.toml")
            .await?;
        insta::assert_snapshot!(story.shown(&config), @"");
        insta::assert_snapshot!(story.ask("ana", pr, "/apply dev").await?, @"");
        Ok(story)
    });
}

#[test]
fn a_warning_is_told_and_closes_nothing() {
    tell(|mut story| async {
        held_to(&story, NO_WIDE_NETWORKS).await?;
        let pr = story
            .open("ana", "narrow", "Another range", &[(DEV, NARROW)])
            .await?;
        insta::assert_snapshot!(story.settles(pr, "### Plan").await?, @"");
        let said = story.say("ana", pr, "/apply dev").await?;
        story.sees(said, "rocket").await?;
        story.settles(pr, "in dev · asked for by").await?;
        Ok(story)
    });
}

#[test]
fn policies_that_can_not_be_asked_close_the_gate() {
    tell(|mut story| async {
        held_to(
            &story,
            "package main\n\ndeny contains msg if {\n\tmsg := \n}\n",
        )
        .await?;
        let pr = story
            .open("ana", "narrow", "Another range", &[(DEV, NARROW)])
            .await?;
        insta::assert_snapshot!(story.settles(pr, "### Plan").await?, @"");
        insta::assert_snapshot!(story.ask("ana", pr, "/apply dev").await?, @"");
        insta::assert_snapshot!(story.ask("cleo", pr, "/override dev never mind").await?, @"");

        // Mended on the default branch, it is asked.
        story
            .push(
                "cleo",
                "main",
                "Mend the policy",
                &[(POLICY, NO_WIDE_NETWORKS)],
            )
            .await?;
        story.say("ana", pr, "/plan dev").await?;
        story.planned(pr, "dev", "network", "1 warning").await?;
        story.quiet().await?;
        // Gone from there, the pattern matches nothing.
        story
            .world
            .github
            .commit(REPO, "main", "cleo", "No policies", &[(POLICY, None)])
            .await?;
        story.say("ana", pr, "/plan dev").await?;
        story
            .planned(pr, "dev", "network", "can't be asked")
            .await?;
        insta::assert_snapshot!(story.ask("ana", pr, "/explain dev").await?, @"");
        Ok(story)
    });
}

#[test]
fn a_merge_applies_nothing_that_is_denied() {
    tell(|mut story| async {
        held_to(&story, NO_WIDE_NETWORKS).await?;
        // As the shop has it: a merge applies in dev.
        let rules = RULES.replace(
            "[stacks.network]\n",
            "[stacks.network]\npolicies       = [\"policy/*.rego\"]\n",
        );
        story
            .push("cleo", "main", "Apply on merge", &[("deploy.toml", &rules)])
            .await?;
        let pr = story
            .open("ana", "wide", "A wide network", &[(DEV, WIDE)])
            .await?;
        story.planned(pr, "dev", "network", "**1 denial**").await?;
        story.quiet().await?;
        story.world.github.merge(REPO, pr, "ana").await?;
        insta::assert_snapshot!(story.settles(pr, "in dev").await?, @"");
        Ok(story)
    });
}

/// A stack on a branch of its own: nothing but the policies tells that they have changed.
#[test]
fn a_plan_is_void_once_its_policies_are_others() {
    tell(|mut story| async {
        held_to(&story, NO_WIDE_NETWORKS).await?;
        story
            .push("cleo", "next", "A branch", &[("README.md", "Next.\n")])
            .await?;
        story
            .push("ana", "narrow", "Another range", &[(DEV, NARROW)])
            .await?;
        let github = story.world.github.clone();
        let pr = github
            .open_pull_request(REPO, "ana", "narrow", "next", "Another range", false)
            .await?;
        story.planned(pr, "dev", "network", "1 warning").await?;
        story.quiet().await?;
        let stricter = NO_WIDE_NETWORKS.replace("/8", "/16");
        story
            .push("cleo", "main", "Stricter", &[(POLICY, &stricter)])
            .await?;
        story.say("ana", pr, "/apply dev").await?;
        insta::assert_snapshot!(story.settles(pr, "in dev · asked for by").await?, @"");
        story.planned(pr, "dev", "network", "**1 denial**").await?;
        Ok(story)
    });
}
