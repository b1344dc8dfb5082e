//! What every store must do, whatever database is behind it.
//!
//! Each check takes the port and nothing else; the list at the end says over which store they run.
//! What only a database in a file can show (a process that dies, two processes at once) is apart.

mod deliveries;
mod drift;
mod files;
mod invariants;
mod plans;
mod reporting;
mod starting;
mod working;
mod world;

use std::sync::Arc;

use slipway_core::ports::Store;

use super::SqlStore;

/// A store of its own for one check, and the directory that must live as long.
async fn fresh() -> (tempfile::TempDir, Arc<dyn Store>) {
    let directory = tempfile::tempdir().unwrap();
    let store = SqlStore::open(&url(&directory)).await.unwrap();
    (directory, Arc::new(store))
}

fn url(directory: &tempfile::TempDir) -> String {
    format!("sqlite://{}/data/slipway.db", directory.path().display())
}

/// Runs checks over SQLite, each over a database of its own.
macro_rules! over_sqlite {
    ($($room:ident: $($check:ident),+;)+) => {
        $(mod $room {
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $check() {
                let (_directory, store) = super::super::fresh().await;
                super::super::$room::$check(super::super::world::World::new(store)).await;
            })+
        })+
    };
}

mod sqlite {
    over_sqlite! {
        deliveries:
            a_delivery_is_kept_once,
            one_delivery_of_a_repository_is_in_hand_at_a_time,
            many_workers_take_each_delivery_once,
            a_postponed_delivery_comes_again_and_an_abandoned_one_never,
            a_lost_lease_changes_nothing,
            a_lease_lost_to_oneself_is_lost_too,
            a_decision_is_carried_out_as_a_whole_or_not_at_all,
            a_thousand_deliveries_are_no_burden;
        starting:
            the_oldest_run_starts_first_and_each_once,
            a_state_lock_is_forced_open_beside_no_other_run_of_the_stack,
            racing_applies_have_one_winner_and_then_wait_in_line,
            a_run_waits_for_the_success_of_those_it_needs,
            a_run_waits_for_its_moment_and_its_second_step,
            a_locked_environment_lets_plans_and_its_holder_through,
            a_lock_that_ran_out_is_gone,
            a_deploy_waits_for_another_of_its_service,
            repositories_do_not_keep_each_other_off;
        working:
            a_run_is_read_back_as_it_was_ordered,
            steps_are_kept_in_order_and_may_be_begun_again,
            the_end_of_a_run_is_told_once,
            a_run_under_way_is_asked_to_stop,
            a_run_asked_to_stop_is_not_queued_again,
            lost_runs_are_taken_over_with_their_steps,
            a_log_ends_where_it_is_full,
            releases_are_told_by_their_order,
            locks_holds_and_blessings_are_kept,
            overrides_are_kept_for_good,
            notes_are_remembered;
        drift:
            a_turn_is_taken_once_and_by_one_process,
            turns_change_and_end,
            an_issue_leads_back_to_its_environment;
        plans:
            a_plan_file_is_needed_until_it_is_of_no_use,
            the_plans_of_a_closed_pull_request_go,
            old_logs_go_and_say_so;
        reporting:
            a_report_is_written_once_for_many_changes,
            changes_during_a_write_stay_due,
            many_plans_are_told_twice,
            what_is_said_twice_is_written_once,
            failures_are_counted_and_given_up,
            what_github_has_is_remembered,
            only_the_holder_of_a_report_may_record,
            whoever_waits_for_a_lock_is_shown_anew,
            those_behind_one_who_leaves_the_line_are_shown_anew,
            the_deployment_before_turns_inactive;
    }
}
