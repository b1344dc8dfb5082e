//! What somebody tries, line by line of the threat model in docs/security.md, and the test that shows
//! what comes of it. Most have their story where the feature has its own; the others are below. Paths
//! are those of this directory, or of `bot/`.
//!
//! | line | test |
//! | --- | --- |
//! | A fork's pull request, or one by | planning/who::a_fork_is_planned_when_somebody_with_the_right_says_so_and_only_then, planning/who::a_member_without_the_right_is_not_planned_in_that_environment, attacks/strangers::a_head_that_comes_between_the_look_and_the_word_is_not_planned, configuring::a_fork_gets_the_check_and_nothing_of_it_is_run, server/src/adapters/git/tests.rs::terraform_files_of_both_sides_are_read_without_a_worktree, core/src/stacks/graph/tests.rs::deep_nesting_is_refused_quickly |
//! | Terraform and its providers get an empty environment | planning/roles::terraform_is_led_to_the_credentials_of_one_role_and_gets_nothing_of_the_bot |
//! | That way is an endpoint on 127.0.0.1 | attacks/strangers::whoever_guesses_at_the_door_of_a_terraform_process_is_given_nothing, planning/roles::terraform_is_led_to_the_credentials_of_one_role_and_gets_nothing_of_the_bot |
//! | The endpoint hands out the next session | credentials::an_apply_goes_on_when_its_session_ends, credentials::keys_in_the_environment_end_with_their_session |
//! | The plan role is read-only | planning/roles::every_environment_is_planned_with_its_own_role, agreement::terraform_makes_the_roles_and_they_ask_for_the_external_id |
//! | git runs without hooks, filters, submodules | attacks/strangers::what_a_head_brings_for_git_is_not_run_and_no_link_leads_out, server/src/adapters/git/tests.rs::nothing_in_the_repository_or_around_it_is_executed, server/src/adapters/git/tests.rs::links_that_lead_out_become_plain_files |
//! | Kustomizations that name anything outside | kustomize::what_is_not_in_the_repository_is_refused, kustomize::what_leads_out_of_the_repository_is_refused |
//! | Nothing from a comment, a branch name or a file | attacks/strangers::no_name_reaches_a_shell |
//! | With `isolation = "bubblewrap"` | isolation::code_of_a_pull_request_sees_its_own_run_and_no_more, isolation::without_isolation_code_of_a_pull_request_sees_what_the_bot_sees |
//! | With `aws.state_role`, code of a run | state_role::plans_and_applies_reach_a_state_in_another_account, state_role::a_role_that_turns_out_to_be_of_another_account_is_refused |
//! | Behind `/plan ENV STACK --` four flags | targeted::nothing_else_reaches_terraform, core/src/plan_flags/tests.rs::only_four_flags_are_handed_on |
//! | What follows `-target=` and `-replace=` | core/src/plan_flags/tests.rs::nothing_else_is_an_address, core/src/plan_flags/tests.rs::what_is_kept_is_judged_once_more |
//! | The flags are part of what a saved plan | core/src/identity.rs::whatever_differs_is_told_and_gives_another_text |
//! | `-destroy` takes a right of its own | targeted::a_stack_is_destroyed_only_by_those_who_may |
//! | A partial apply never turns the check | targeted::a_merge_right_after_a_partial_apply_applies_nothing_unseen, targeted::a_part_of_a_stack_is_applied_and_then_the_rest |
//! | It is the same case as above | server/src/adapters/terraform/tests.rs::a_reviewed_lock_file_is_not_changed, core/src/stacks/tests.rs::a_file_touches_the_stack_whose_directory_it_is_in |
//! | Runs share the cache of providers | server/src/adapters/terraform/tests/providers.rs::another_provider_under_its_name_is_not_kept, server/src/adapters/terraform/tests/providers.rs::a_lock_file_with_sums_of_archives_only_is_not_served |
//! | An apply runs exactly the saved plan file | plan_files::a_plan_in_the_place_of_another_is_not_applied, plan_files::a_plan_of_another_terraform_is_made_again, applying::an_altered_plan_file_is_not_applied, applying::a_plan_of_an_older_head_is_not_applied_but_made_anew, applying::a_plan_onto_an_older_base_is_not_applied_but_made_anew, core/src/identity.rs::whatever_differs_is_told_and_gives_another_text |
//! | Rights are those of GitHub | applying::a_person_without_the_right_is_refused, rollback::a_press_is_refused_to_who_may_not |
//! | Production asks for more than one person | applying::prod_opens_gate_by_gate, deploying::prod_names_every_closed_gate_at_once, deploying::a_question_is_answered_by_who_asked_with_the_right_code |
//! | What policies deny takes somebody of | policies::what_a_policy_denies_is_applied_only_once_somebody_answers_for_it, policies::a_push_takes_the_override_away |
//! | The author of a pull request never counts | core/src/gates/tests.rs::the_author_does_not_approve_of_their_own_change, codeowners::nobody_makes_themselves_an_owner_of_their_own_change, commands::only_new_comments_of_people_on_pull_requests_count, attacks/people::another_apps_comment_is_no_command |
//! | A pull request can be turned to a branch | attacks/people::nobody_brings_a_base_branch_without_rules, core/src/gates/tests.rs::a_base_branch_of_ones_own_has_no_rules_to_pass_by |
//! | On the issue about an environment's drift | drift::what_somebody_changed_by_hand_is_told_and_put_back, drift::comments_on_other_issues_are_nobodys_business |
//! | Two at work on one state can spoil it | state_locks::a_lock_that_was_left_behind_is_forced_open_by_an_admin_who_names_it |
//! | It needs the apply role for a moment | attacks/people::a_stack_of_the_pull_request_is_not_run_to_force_a_lock_open |
//! | Any writer can set a commit status | attacks/people::a_forged_status_hides_no_failure_and_closes_nothing_of_the_bots |
//! | Authorship of commits is never used | attacks/strangers::a_commit_in_somebody_elses_name_is_still_the_strangers, webhooks::nothing_is_let_in_that_github_did_not_sign |
//! | Webhooks are unordered and can be replayed | webhooks::a_replayed_delivery_is_known_and_nothing_is_done_twice, faults::deliveries_come_twice_and_backwards |
//! | Sensitive values are masked where | planning/shown::a_sensitive_value_is_never_shown_and_its_change_is, applying::sensitive_outputs_are_not_shown, attacks/leaks::a_sensitive_value_stays_unseen_within_others_and_in_what_fails |
//! | Policies look at the plan as it is | core/src/policy/tests/mod.rs::sensitive_values_are_looked_at_and_never_told, core/src/policy/tests/mod.rs::what_is_marked_as_sensitive_is_denied_all_the_same, policies::a_pull_request_is_held_to_the_policies_of_the_default_branch |
//! | What people, names and values bring | attacks/people::names_and_words_become_no_markup_and_call_nobody, attacks/people::a_forged_marker_makes_nobody_elses_comment_the_bots, core/src/report/tests/hostile_plan.rs::no_part_of_a_plan_breaks_out |
//! | Pages of runs are found by | attacks/leaks::the_page_of_a_run_is_found_by_its_whole_id_alone |
//! | `GET /api/explain/…` is guarded | explaining::who_was_not_shown_a_run_learns_nothing |
//! | A release is a digest | deploying::a_tag_that_moves_does_not_move_what_runs, deploying::a_promotion_moves_the_very_digest |
//! | `provenance = "label"` compares | deploying::an_image_of_another_commit_is_refused, deploying::an_image_without_a_label_is_refused |
//! | Manifests come from the released commit | kustomize::what_is_rendered_stays_in_its_namespace, server/src/adapters/kubernetes/tests.rs::nothing_is_applied_before_all_is_known_to_belong |
//! | A kustomization may name files of its own | kustomize::what_is_not_in_the_repository_is_refused, server/src/adapters/kustomize/tests.rs::it_gets_its_files_and_nothing_else, core/src/manifests/kustomization/tests.rs::programs_are_refused |
//! | Its own identity can do one thing | planning/roles::every_environment_is_planned_with_its_own_role, core/src/session.rs::a_source_identity_says_who |
//! | The roles trust that one identity | identity::the_tags_of_a_pod_have_to_be_let_in, agreement::terraform_makes_the_roles_and_they_ask_for_the_external_id |
//! | The App writes issues for one thing | server/src/adapters/github/tests/tokens.rs::each_call_has_only_the_right_that_it_needs |
//! | Its deploy role may edit two namespaces | agreement::terraform_makes_the_cluster_and_opens_the_namespaces, deploying::a_role_of_dev_reaches_nothing_in_prod |
//! | Its secrets are files, variables or entries | identity::under_pod_identity_with_every_secret_in_secrets_manager |
//! | Saved plan files hold secrets | plan_files::a_saved_plan_says_nothing_to_whoever_reads_the_disk, plan_files::a_plan_in_the_place_of_another_is_not_applied, plan_files::an_old_plan_is_deleted_and_made_again |

mod leaks;
mod people;
mod strangers;

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::{Context as _, ensure};

/// How lines begin that say what there is no defence against.
const LIMITS: [&str; 2] = ["What is left: ", "Isolation does not limit the network"];

/// The rows of the table above: the beginning of a line, and its tests.
fn table() -> BTreeMap<&'static str, Vec<&'static str>> {
    let rows = include_str!("attacks.rs")
        .lines()
        .filter_map(|line| line.strip_prefix("//! | ")?.strip_suffix(" |"))
        .skip(2);
    rows.filter_map(|row| row.split_once(" | "))
        .map(|(line, tests)| (line, tests.split(", ").collect()))
        .collect()
}

/// The lines of the threat model that claim something.
fn claims() -> anyhow::Result<Vec<String>> {
    let docs = include_str!("../../../../docs/security.md");
    let (_, model) = docs
        .split_once("\n## Threat model\n")
        .context("no threat model")?;
    let model = model.split("\n## ").next().unwrap_or_default();
    let lines = model
        .lines()
        .filter_map(|line| line.strip_prefix("- "))
        .filter(|line| !LIMITS.iter().any(|limit| line.starts_with(limit)));
    Ok(lines.map(str::to_owned).collect())
}

/// Whether there is such a test.
fn is_there(test: &str) -> anyhow::Result<()> {
    let (place, name) = test.split_once("::").context("not file::name")?;
    let bot = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let path = match place.strip_suffix(".rs") {
        Some(_) => bot.join(place),
        None => bot.join(format!("server/tests/stories/{place}.rs")),
    };
    let text = std::fs::read_to_string(&path).with_context(|| path.display().to_string())?;
    let (before, _) = text
        .split_once(&format!("fn {name}("))
        .with_context(|| format!("{place} has no {name}"))?;
    let attributes = before.rsplit("\n\n").next().unwrap_or_default();
    ensure!(attributes.contains("test]"), "{test} is no test");
    Ok(())
}

#[test]
fn every_line_of_the_threat_model_has_its_test() {
    let (table, claims) = (table(), claims().unwrap());
    assert!(claims.len() > 30, "{claims:?}");
    for claim in &claims {
        let of_it = table.keys().filter(|line| claim.starts_with(*line)).count();
        assert_eq!(of_it, 1, "{of_it} rows for the line: {claim}");
    }
    for (line, tests) in &table {
        let is_claimed = claims.iter().any(|claim| claim.starts_with(line));
        assert!(is_claimed, "docs/security.md does not say: {line}");
        for test in tests {
            is_there(test).unwrap_or_else(|error| panic!("{line}: {test}: {error:#}"));
        }
    }
}
