//! The store: one suite over the traits, run on every kind of store there is, and what only one of them can get wrong.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::cloned_ref_to_slice_refs, missing_docs)]

mod crash;
mod faults;
mod killed_replicas;
mod postgres;
mod postgres_faults;
mod replicas;
mod suite;
mod support;
mod transfer;

use support::Place;

/// Runs every story of the suite on every kind of store.
macro_rules! suite {
    ($($story:ident)*) => {
        mod on_sqlite {
            $(
                #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
                async fn $story() {
                    let Some(place) = <crate::support::File as crate::Place>::make().await else { return };
                    crate::suite::$story(&place).await;
                }
            )*
        }

        mod on_postgres {
            $(
                #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
                async fn $story() {
                    let Some(place) = <crate::postgres::Database as crate::Place>::make().await else { return };
                    crate::suite::$story(&place).await;
                }
            )*
        }
    };
}

suite! {
    a_proposal_comes_back_as_it_was
    a_pending_proposal_survives_a_restart
    of_two_steps_from_the_same_state_one_is_saved
    codes_find_proposals_of_their_conversation
    an_execution_is_opened_by_one_of_many
    what_is_not_executing_is_never_opened
    an_execution_is_closed_once
    while_everything_is_halted_nothing_is_opened
    a_message_is_handled_once
    conversations_remember
    misses_are_kept_until_they_are_settled_or_old
    events_are_found
    many_writers_make_one_chain
    a_command_that_no_longer_fits_is_reported
    a_restart_puts_an_end_to_what_was_left
    what_cannot_be_read_is_ended_too
    a_living_process_is_left_alone
    what_another_has_saved_is_not_opened
    texts_may_hold_anything
}
