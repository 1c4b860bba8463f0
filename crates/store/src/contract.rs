//! The promises of a store as tests. Every backend runs all of them: `contract_tests!(make)`, where `make` gives
//! a [`Fixture`].
//!
//! A test fails by panicking; what it makes stays in its own database.

#![allow(clippy::unwrap_used, missing_docs)]

mod conversations;
mod documents;
mod entities;
mod feed;
mod imports;
mod kept;
mod ledger;
mod reports;

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use crate::store::{Outcome, Place, Store, Write, Writer};
use crate::url::Clock;
use crate::{Id, Json, Owner, Precondition, StoreResult};

pub use conversations::*;
pub use documents::*;
pub use entities::*;
pub use feed::*;
pub use imports::*;
pub use kept::*;
pub use ledger::*;
pub use reports::*;

/// A time that a test moves.
#[derive(Debug, Clone)]
pub struct TestClock(Arc<AtomicI64>);

impl TestClock {
    /// The first of January 2026.
    pub fn new() -> Self {
        Self(Arc::new(AtomicI64::new(1_767_225_600_000)))
    }

    pub fn advance(&self, ms: i64) {
        self.0.fetch_add(ms, Ordering::Relaxed);
    }

    pub fn now(&self) -> i64 {
        self.0.load(Ordering::Relaxed)
    }

    pub fn clock(&self) -> Clock {
        let time = Arc::clone(&self.0);
        Clock::new(move || time.load(Ordering::Relaxed))
    }
}

impl Default for TestClock {
    fn default() -> Self {
        Self::new()
    }
}

/// An empty store for one test.
pub struct Fixture {
    pub store: Arc<dyn Store>,
    pub clock: TestClock,
    pub writer: Writer,
    /// Keeps the database's directory.
    pub guard: Box<dyn std::any::Any>,
}

impl Fixture {
    pub fn owner(&self) -> &Owner {
        &self.writer.owner
    }

    pub async fn apply(&self, write: Write) -> StoreResult<Outcome> {
        Ok(self.store.apply(&self.writer, vec![write]).await?.remove(0))
    }

    pub async fn put_chat(&self, id: &str, text: &str) -> Outcome {
        self.apply(put_chat(id, text)).await.unwrap()
    }

    /// The whole text of a conversation.
    pub async fn chat(&self, id: &str) -> Option<String> {
        self.store.conversation(self.owner(), &self::id(id)).await.unwrap().map(|c| c.text)
    }

    pub async fn document(&self, name: &str) -> Option<crate::document::Document> {
        self.store.document(self.owner(), &id(name), "", false).await.unwrap()
    }

    /// Nothing may be wrong with the database after a test.
    pub async fn expect_sound(&self) {
        for check in self.store.verify().await.unwrap() {
            assert!(check.problems.is_empty(), "{}: {:?}", check.name, check.problems);
        }
    }
}

pub fn id(text: &str) -> Id {
    Id::parse(text).unwrap()
}

pub fn json(text: &str) -> Json {
    Json::parse(text).unwrap()
}

pub fn put_chat(chat: &str, text: &str) -> Write {
    Write::PutConversation {
        id: id(chat),
        body: json(text).into(),
        place: Place::Usual,
        precondition: Precondition::None,
    }
}

/// A conversation with these messages, each `{"id", "text"}`.
pub fn chat_with(chat: &str, messages: &[(&str, &str)]) -> String {
    let messages: Vec<String> = messages.iter().map(|(id, text)| message(id, text)).collect();
    format!(
        r#"{{"id":"{chat}","messages":[{}],"systemPurposeId":"Generic","created":1,"updated":2}}"#,
        messages.join(",")
    )
}

pub fn message(id: &str, text: &str) -> String {
    format!(
        r#"{{"id":"{id}","role":"user","fragments":[{{"ft":"content","fId":"f","part":{{"pt":"text","text":"{text}"}}}}]}}"#
    )
}

/// Declares every test of the contract for a backend.
#[macro_export]
macro_rules! contract_tests {
    ($make:expr) => {
        $crate::contract_tests!(@each $make,
            what_was_put_comes_back_byte_for_byte,
            odd_messages_are_kept_in_the_order_sent,
            a_put_writes_only_the_messages_that_differ,
            messages_that_are_not_sent_are_deleted_and_kept_in_history,
            moved_messages_keep_their_bodies,
            the_same_message_id_in_two_conversations_is_two_messages,
            a_repeated_message_id_is_stored_and_ambiguous,
            an_equal_put_is_unchanged_even_when_stale,
            a_put_with_a_stale_revision_changes_nothing,
            a_conversations_revision_serves_its_messages,
            a_message_goes_where_it_is_asked_to,
            a_used_up_gap_makes_room_and_keeps_the_order,
            messages_moved_again_and_again_stay_themselves,
            appended_text_arrives_in_its_fragment,
            a_patch_of_the_head_keeps_everything_else,
            incognito_conversations_are_refused,
            deleting_what_is_absent_says_so,
            lists_follow_the_order_that_is_asked_for,
            only_what_changed_after_a_revision_is_listed,
            summaries_come_in_pages_and_filters,
            messages_come_in_pages_from_the_newest,
            owners_do_not_see_each_other,
            a_failed_request_leaves_nothing_behind,
            any_json_is_a_document,
            a_missing_version_keeps_the_stored_one,
            what_stands_beside_a_state_is_kept,
            the_chats_document_and_the_chats_are_the_same_rows,
            replacing_the_chats_document_deletes_what_it_leaves_out,
            deleting_most_chats_at_once_must_be_confirmed,
            a_merge_keeps_what_it_does_not_name,
            rows_show_in_a_document_whose_own_json_lacks_them,
            a_stale_write_of_a_document_gives_the_current_one,
            the_models_document_and_its_entities_are_the_same_rows,
            documents_with_secrets_come_back_and_masks_keep_them,
            a_store_revision_covers_deletes,
            device_documents_are_apart,
            concurrent_edits_of_one_entity_all_survive,
            an_entity_goes_where_it_is_asked_to,
            a_deleted_service_takes_its_models_along,
            a_hidden_persona_is_toggled,
            the_deepest_values_are_edited,
            a_stale_write_of_a_masked_service_is_unchanged,
            live_files_are_assigned_and_taken_away,
            folders_list_conversations_in_summaries,
            assets_come_back_with_their_bytes_once,
            an_asset_in_use_is_not_deleted,
            every_change_is_in_the_feed_once_and_in_order,
            a_cursor_of_another_epoch_or_ahead_is_reset,
            idempotent_requests_happen_once,
            overwritten_versions_are_kept_but_for_one_clients_run_of_edits,
            a_deleted_conversation_comes_back_whole_and_to_its_place,
            a_deleted_message_comes_back_to_its_place,
            a_message_without_an_id_comes_back_beside_its_twin,
            a_head_alone_does_not_come_back_as_an_empty_chat,
            cost_entries_are_all_counted_once,
            clearing_a_service_leaves_the_others,
            an_entry_with_a_ledger_key_counts_once_and_when_it_happened,
            copies_of_an_answer_are_one_row_of_the_ledger,
            the_saved_metrics_are_a_baseline,
            reports_come_back_whole_and_newest_first,
            only_the_newest_reports_are_kept_and_no_credentials,
            an_import_session_is_kept_until_it_is_forgotten,
            the_ledger_of_an_import_counts_no_more_when_it_is_void,
            a_shell_goes_without_its_entities,
        );
    };
    (@each $make:expr, $($name:ident),* $(,)?) => {
        $(
            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $name() {
                $crate::contract::$name($make()).await;
            }
        )*
    };
}
