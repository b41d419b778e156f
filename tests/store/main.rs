//! The store: one suite over the traits, run on every kind of store there is, and what only one of them can get wrong.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::cloned_ref_to_slice_refs, missing_docs)]

mod crash;
mod faults;
mod incidents;
mod killed_replicas;
mod postgres;
mod postgres_faults;
mod replicas;
mod retention;
mod suite;
mod support;
mod transfer;

use support::Place;

/// Runs every story of the suite on every kind of store.
macro_rules! suite {
    ($($room:ident::$story:ident)*) => {
        mod on_sqlite {
            $(
                #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
                async fn $story() {
                    let Some(place) = <crate::support::File as crate::Place>::make().await else { return };
                    crate::$room::$story(&place).await;
                }
            )*
        }

        mod on_postgres {
            $(
                #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
                async fn $story() {
                    let Some(place) = <crate::postgres::Database as crate::Place>::make().await else { return };
                    crate::$room::$story(&place).await;
                }
            )*
        }
    };
}

suite! {
    suite::a_proposal_comes_back_as_it_was
    suite::a_pending_proposal_survives_a_restart
    suite::of_two_steps_from_the_same_state_one_is_saved
    suite::codes_find_proposals_of_their_conversation
    suite::an_execution_is_opened_by_one_of_many
    suite::what_is_not_executing_is_never_opened
    suite::a_target_is_changed_by_one_process_at_a_time
    suite::an_execution_is_closed_once
    suite::while_everything_is_halted_nothing_is_opened
    suite::a_message_is_handled_once
    suite::a_note_stands_until_another_takes_its_place
    suite::conversations_remember
    suite::misses_are_kept_until_they_are_settled_or_old
    suite::events_are_found
    suite::a_receipt_tells_all_of_one_proposal
    suite::many_writers_make_one_chain
    suite::a_command_that_no_longer_fits_is_reported
    suite::a_restart_puts_an_end_to_what_was_left
    suite::what_cannot_be_read_is_ended_too
    suite::a_living_process_is_left_alone
    suite::what_another_has_saved_is_not_opened
    suite::texts_may_hold_anything
    incidents::an_incident_lives_from_its_opening_to_its_end
    incidents::the_worst_incident_comes_first_and_the_latest_end
    incidents::what_comes_twice_is_done_once
    incidents::numbers_follow_one_another_whoever_opens
    retention::what_is_old_goes_and_the_rest_is_proven
    retention::what_has_not_ended_stays_with_all_that_follows
    retention::a_proposal_of_which_a_row_is_left_stays
}
