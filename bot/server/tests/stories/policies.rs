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
        insta::assert_snapshot!(story.settles(pr, "### Plan").await?, @r#"
        ### Plan · `COMMIT` onto `main@COMMIT`

        |  | stack | changes | policy |
        | --- | --- | --- | --- |
        | dev | [network](http://HERE/runs/RUN) | +1 | **1 denial**, 1 warning |

        - ⛔ dev · network: a policy denies it: terraform\_data.vpc in dev: 10\.0\.0\.0/8 is \*too\* wide, ask @&#8203;acme/network
        - ⚠️ dev · network: a policy warns: terraform\_data.vpc has no owner

        <details><summary>dev · network: full plan (+1)</summary>

        ```diff
        + terraform_data.vpc
        +   id = (known after apply)
        +   input.cidr = "10.0.0.0/8"
        +   input.name = "shop-dev"
        +   output = (known after apply)

        # outputs
        + vpc = (known after apply)
        ```

        </details>

        dev as `slipway-plan` in 111111111111 (session `slipway-acme.shop-1-ana`) · valid until head or base moves · blocked? `/explain dev` · [run](http://HERE/runs/RUN)
        "#);
        let head = story.head(pr);
        let check = story.check(&head, "plan dev").await?;
        insta::assert_snapshot!(story.shown(&check), @r#"
        plan dev: failure
        # +1; 1 denial by policy
        ### Plan · `COMMIT` onto `main@COMMIT`

        |  | stack | changes | policy |
        | --- | --- | --- | --- |
        | dev | [network](http://HERE/runs/RUN) | +1 | **1 denial**, 1 warning |

        - ⛔ dev · network: a policy denies it: terraform\_data.vpc in dev: 10\.0\.0\.0/8 is \*too\* wide, ask @&#8203;acme/network
        - ⚠️ dev · network: a policy warns: terraform\_data.vpc has no owner

        dev as `slipway-plan` in 111111111111 (session `slipway-acme.shop-1-ana`) · valid until head or base moves · blocked? `/explain dev` · [run](http://HERE/runs/RUN)

        ---
        ### dev · network

        ```diff
        + terraform_data.vpc
        +   id = (known after apply)
        +   input.cidr = "10.0.0.0/8"
        +   input.name = "shop-dev"
        +   output = (known after apply)

        # outputs
        + vpc = (known after apply)
        ```
        "#);
        let summary = story.check(&head, "slipway").await?;
        insta::assert_snapshot!(story.shown(&summary), @"
        slipway: failure
        # 1 stack denied by policies
        What is denied stands in the plan comment; what opens it: `/explain ENV`.

        | environment | stack | state |
        | --- | --- | --- |
        | dev | [network](http://HERE/runs/RUN) | ❌ denied by policies |

        ---
        ");

        insta::assert_snapshot!(story.ask("ana", pr, "/apply dev").await?, @r"
        (eyes -1)
        ### ⛔ Not applied in dev

        | gate | state | what opens it |
        | --- | --- | --- |
        | policy of network | 1 denial: terraform\_data.vpc in dev: 10\.0\.0\.0/8 is \*too\* wide, ask @&#8203;acme/network | a change that it does not deny, or `/override dev REASON` by `team:acme/releasers` |
        ");
        insta::assert_snapshot!(story.ask("ana", pr, "/override dev it is fine").await?, @"
        (eyes -1)
        ### ⛔ Not overridden in dev

        | gate | state | what opens it |
        | --- | --- | --- |
        | right | ana may not override policies in dev | somebody with `team:acme/releasers` |
        ");
        insta::assert_snapshot!(story.ask("ben", pr, "/override prod it is fine").await?, @"
        (eyes -1)
        ### ⛔ Not overridden in prod

        | gate | state | what opens it |
        | --- | --- | --- |
        | right | ben may not override policies in prod | nothing: nobody may |
        ");
        insta::assert_snapshot!(story.ask("ben", pr, "/override dev").await?, @"
        (eyes confused)
        ### 😕 Not understood
        `/override` is missing `REASON`.

        It is written `/override ENV REASON…`, for example `/override prod the bucket was emptied in #41`. All commands: `/help`
        ");
        insta::assert_snapshot!(story.ask("ben", pr, "/override dev a lab, gone by *Friday* @all").await?, @r"
        (eyes rocket)
        ### ⚠️ Policies overridden in dev

        by ben: a lab, gone by \*Friday\* @&#8203;all

        - `network`: terraform\_data.vpc in dev: 10\.0\.0\.0/8 is \*too\* wide, ask @&#8203;acme/network

        This covers `COMMIT` and no other commit, and no other denial. Next: `/apply dev`.
        ");
        insta::assert_snapshot!(story.settles(pr, "### Plan").await?, @r#"
        ### Plan · `COMMIT` onto `main@COMMIT`

        |  | stack | changes | policy |
        | --- | --- | --- | --- |
        | dev | [network](http://HERE/runs/RUN) | +1 | **1 denial overridden**, 1 warning |

        - ⚠️ dev · network: ben overrides what is denied: a lab, gone by \*Friday\* @&#8203;all
        - ⚠️ dev · network: a policy denies it: terraform\_data.vpc in dev: 10\.0\.0\.0/8 is \*too\* wide, ask @&#8203;acme/network
        - ⚠️ dev · network: a policy warns: terraform\_data.vpc has no owner

        <details><summary>dev · network: full plan (+1)</summary>

        ```diff
        + terraform_data.vpc
        +   id = (known after apply)
        +   input.cidr = "10.0.0.0/8"
        +   input.name = "shop-dev"
        +   output = (known after apply)

        # outputs
        + vpc = (known after apply)
        ```

        </details>

        dev as `slipway-plan` in 111111111111 (session `slipway-acme.shop-1-ana`) · valid until head or base moves · next: `/apply dev` · blocked? `/explain dev` · [run](http://HERE/runs/RUN)
        "#);
        let summary = story.check(&head, "slipway").await?;
        insta::assert_snapshot!(story.shown(&summary), @"
        slipway: action_required
        # 1 stack to apply before the merge: /apply dev
        Comment `/apply dev`. What may be in the way, and what opens it: `/explain dev`.

        | environment | stack | state |
        | --- | --- | --- |
        | dev | [network](http://HERE/runs/RUN) | to apply |

        ---
        ");
        insta::assert_snapshot!(story.ask("ana", pr, "/explain dev").await?, @r"
        (eyes rocket)
        ### dev: every gate is open

        |  | gate | state | what opens it |
        | --- | --- | --- | --- |
        | ✅ | right (apply) | ana may apply |  |
        | ✅ | pull request (apply, deploy shop) | open |  |
        | ✅ | lock (apply, deploy shop) | free |  |
        | ✅ | plan of network (apply) | fresh |  |
        | ✅ | policy of network (apply) | 1 denial, overridden by ben: a lab, gone by \*Friday\* @&#8203;all |  |
        | ✅ | right (deploy shop) | ana may deploy |  |
        | ✅ | hold (deploy on merge) | none |  |
        ");

        let said = story.say("ana", pr, "/apply dev").await?;
        story.sees(said, "rocket").await?;
        insta::assert_snapshot!(story.settles(pr, "in dev · asked for by").await?, @r#"
        ### ✅ Applied `COMMIT` in dev · asked for by `ana`

        | stack | outcome |
        | --- | --- |
        | network | ✅ applied +1 in N s |

        <details><summary>network: outputs</summary>

        ```hcl
        vpc = "shop-dev"
        ```

        </details>

        as `slipway-apply` in 111111111111 (session `slipway-acme.shop-1-ana`) · 🔒 network in dev for this pull request until it is merged or closed · [run](http://HERE/runs/RUN)
        "#);
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
        insta::assert_snapshot!(story.ask("ana", pr, "/apply dev").await?, @r"
        (eyes -1)
        ### ⛔ Not applied in dev

        | gate | state | what opens it |
        | --- | --- | --- |
        | policy of network | 1 denial: terraform\_data.vpc in dev: 10\.0\.0\.0/8 is \*too\* wide, ask @&#8203;acme/network | a change that it does not deny, or `/override dev REASON` by `team:acme/releasers` |
        ");
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
        insta::assert_snapshot!(story.shown(&config), @"
        slipway / deploy.toml: success
        # ⚠️ 1 change widens rights or loosens rules, 1 other
        What is in force is `main`'s `deploy.toml` until this is merged.

        **Wider rights and looser rules**

        - ⚠️ stack `network` · `policies`: `policy/*.rego` no longer asked about its plans

        **Other changes**

        - dev · `allow.override`: `team:acme/releasers` may no longer override policies

        ---
        ");
        insta::assert_snapshot!(story.ask("ana", pr, "/apply dev").await?, @r"
        (eyes -1)
        ### ⛔ Not applied in dev

        | gate | state | what opens it |
        | --- | --- | --- |
        | policy of network | 1 denial: terraform\_data.vpc in dev: 10\.0\.0\.0/8 is \*too\* wide, ask @&#8203;acme/network | a change that it does not deny, or `/override dev REASON` by `team:acme/releasers` |
        ");
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
        insta::assert_snapshot!(story.settles(pr, "### Plan").await?, @r#"
        ### Plan · `COMMIT` onto `main@COMMIT`

        |  | stack | changes | policy |
        | --- | --- | --- | --- |
        | dev | [network](http://HERE/runs/RUN) | +1 | 1 warning |

        - ⚠️ dev · network: a policy warns: terraform\_data.vpc has no owner

        <details><summary>dev · network: full plan (+1)</summary>

        ```diff
        + terraform_data.vpc
        +   id = (known after apply)
        +   input.cidr = "10.9.0.0/16"
        +   input.name = "shop-dev"
        +   output = (known after apply)

        # outputs
        + vpc = (known after apply)
        ```

        </details>

        dev as `slipway-plan` in 111111111111 (session `slipway-acme.shop-1-ana`) · valid until head or base moves · next: `/apply dev` · blocked? `/explain dev` · [run](http://HERE/runs/RUN)
        "#);
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
        insta::assert_snapshot!(story.settles(pr, "### Plan").await?, @r#"
        ### Plan · `COMMIT` onto `main@COMMIT`

        |  | stack | changes | policy |
        | --- | --- | --- | --- |
        | dev | [network](http://HERE/runs/RUN) | +1 | **can't be asked** |

        - ⛔ dev · network: its policies can't be asked: policy/network.rego:4: expecting \`}\` while parsing set

        <details><summary>dev · network: full plan (+1)</summary>

        ```diff
        + terraform_data.vpc
        +   id = (known after apply)
        +   input.cidr = "10.9.0.0/16"
        +   input.name = "shop-dev"
        +   output = (known after apply)

        # outputs
        + vpc = (known after apply)
        ```

        </details>

        dev as `slipway-plan` in 111111111111 (session `slipway-acme.shop-1-ana`) · valid until head or base moves · blocked? `/explain dev` · [run](http://HERE/runs/RUN)
        "#);
        insta::assert_snapshot!(story.ask("ana", pr, "/apply dev").await?, @r"
        (eyes -1)
        ### ⛔ Not applied in dev

        | gate | state | what opens it |
        | --- | --- | --- |
        | policy of network | can't be asked: policy/network.rego:4: expecting \`}\` while parsing set | the policies mended on the default branch, then `/plan` |
        ");
        insta::assert_snapshot!(story.ask("cleo", pr, "/override dev never mind").await?, @r"
        (eyes -1)
        ### Nothing to override in dev

        The policies of `network` can't be asked (policy/network.rego:4: expecting \`}\` while parsing set), and nobody can answer for what nobody knows. Mend them on the default branch, then `/plan dev`.
        ");

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
        insta::assert_snapshot!(story.ask("ana", pr, "/explain dev").await?, @r"
        (eyes rocket)
        ### dev: 1 of 7 gates is closed

        |  | gate | state | what opens it |
        | --- | --- | --- | --- |
        | ✅ | right (apply) | ana may apply |  |
        | ✅ | pull request (apply, deploy shop) | open |  |
        | ✅ | lock (apply, deploy shop) | free |  |
        | ✅ | plan of network (apply) | fresh |  |
        | ⛔ | policy of network (apply) | can't be asked: policy/\*.rego: no policy at COMMIT has a path like that | the policies mended on the default branch, then `/plan` |
        | ✅ | right (deploy shop) | ana may deploy |  |
        | ✅ | hold (deploy on merge) | none |  |
        ");
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
        insta::assert_snapshot!(story.settles(pr, "### ⛔ Not applied in dev").await?, @r"
        ### ⛔ Not applied in dev: `COMMIT`

        | stack | outcome |
        | --- | --- |
        | network | ⛔ not applied: the gate policy of network is closed |

        | gate | state | what opens it |
        | --- | --- | --- |
        | policy of network | 1 denial: terraform\_data.vpc in dev: 10\.0\.0\.0/8 is \*too\* wide, ask @&#8203;acme/network | a change that it does not deny; nobody may override it |

        next: `/retry` or `/explain dev` · [run](http://HERE/runs/RUN)
        ");
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
        insta::assert_snapshot!(story.settles(pr, "made when the policies").await?, @"
        ### ⛔ Not applied in dev: `COMMIT` · asked for by `ana`

        | stack | outcome |
        | --- | --- |
        | network | ⛔ not applied: the gate plan is closed |

        | gate | state | what opens it |
        | --- | --- | --- |
        | plan | made when the policies were those of `COMMIT`, they are others at `COMMIT` | a new plan, then `/apply` again |

        next: `/retry` or `/explain dev` · [run](http://HERE/runs/RUN)
        ");
        story.planned(pr, "dev", "network", "**1 denial**").await?;
        Ok(story)
    });
}
