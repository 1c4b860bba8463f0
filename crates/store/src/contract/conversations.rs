//! Conversations and messages.

use super::{Fixture, chat_with, id, json, message, put_chat};
use crate::conversation::{MessageCounts, SummaryFilter};
use crate::store::{Edit, Effect, FragmentRef, Order, Place, Write, Writer};
use crate::{Owner, Precondition, StoreError};

const ODD: &str = r#"{ "messages" : [{"id":"m","n":0.10,"big":9007199254740993,"huge":1e400,"e":1e21,"s":"\u0000\ud800","dup":1,"dup":2}, 7,null,"x",{"id":5},{}] , "id":"c","unknown":{"a":[ ]},"updated":null,"x":-0}"#;

pub async fn what_was_put_comes_back_byte_for_byte(t: Fixture) {
    t.put_chat("c", ODD).await;
    let expected = ODD.replace("}, 7,", "},7,");
    assert_eq!(t.chat("c").await.unwrap(), expected, "whitespace between messages is all that may differ");
    for text in [r#"{"id":"n"}"#, r#"{"id":"n","messages":null}"#, r#"{"id":"n","messages":[]}"#] {
        t.put_chat("n", text).await;
        assert_eq!(t.chat("n").await.unwrap(), text);
    }
    let strange = "a/b%2F ?#🚀";
    t.put_chat(strange, &format!(r#"{{"id":"{strange}"}}"#)).await;
    assert!(t.chat(strange).await.is_some());
    t.expect_sound().await;
}

pub async fn odd_messages_are_kept_in_the_order_sent(t: Fixture) {
    let text = r#"{"id":"c","messages":[{"id":"b","created":9,"role":"tool"},{"created":1},{"id":"a","created":5}]}"#;
    let outcome = t.put_chat("c", text).await;
    assert_eq!(outcome.messages.inserted, 3);
    assert_eq!(t.chat("c").await.unwrap(), text);
    t.expect_sound().await;
}

pub async fn a_put_writes_only_the_messages_that_differ(t: Fixture) {
    t.put_chat("c", &chat_with("c", &[("a", "1"), ("b", "2"), ("c", "3")])).await;
    let outcome = t.put_chat("c", &chat_with("c", &[("a", "1"), ("b", "new"), ("c", "3"), ("d", "4")])).await;
    assert_eq!(outcome.messages, MessageCounts { inserted: 1, updated: 1, deleted: 0, unchanged: 2 });
    let feed = t.store.changes(t.owner(), None, 100, &[]).await.unwrap().changes;
    let later: Vec<_> = feed[4..].iter().map(|c| (c.kind.as_str(), c.id.as_str())).collect();
    assert_eq!(later, [("message", "b"), ("message", "d")], "the head did not change");
    t.expect_sound().await;
}

pub async fn messages_that_are_not_sent_are_deleted_and_kept_in_history(t: Fixture) {
    t.put_chat("c", &chat_with("c", &[("a", "1"), ("b", "2")])).await;
    let outcome = t.put_chat("c", &chat_with("c", &[("b", "2")])).await;
    assert_eq!(outcome.messages, MessageCounts { inserted: 0, updated: 0, deleted: 1, unchanged: 1 });
    let kept = t.store.versions(t.owner(), &Default::default(), None, 10).await.unwrap().items;
    assert_eq!(kept.len(), 1);
    let body = t.store.version(t.owner(), kept[0].revision).await.unwrap().unwrap().body;
    assert_eq!(body.as_str(), message("a", "1"));
    t.expect_sound().await;
}

pub async fn moved_messages_keep_their_bodies(t: Fixture) {
    let orders: [&[(&str, &str)]; 4] = [
        &[("a", "1"), ("b", "2"), ("c", "3"), ("d", "4")],
        &[("d", "4"), ("a", "1"), ("b", "2"), ("c", "3")],
        &[("c", "3"), ("b", "2"), ("a", "new"), ("d", "4")],
        &[("d", "4"), ("x", "0"), ("c", "3"), ("b", "2"), ("a", "new")],
    ];
    for order in orders {
        let text = chat_with("c", order);
        t.put_chat("c", &text).await;
        assert_eq!(t.chat("c").await.unwrap(), text);
        t.expect_sound().await;
    }
}

pub async fn the_same_message_id_in_two_conversations_is_two_messages(t: Fixture) {
    let original = chat_with("c", &[("a", "1"), ("b", "2")]);
    t.put_chat("c", &original).await;
    t.put_chat("copy", &original.replace("\"id\":\"c\"", "\"id\":\"copy\"")).await;
    t.apply(Write::DeleteMessage { conversation: id("copy"), id: id("a"), precondition: Precondition::None })
        .await
        .unwrap();
    assert_eq!(t.chat("c").await.unwrap(), original);
    t.expect_sound().await;
}

pub async fn a_repeated_message_id_is_stored_and_ambiguous(t: Fixture) {
    let text = chat_with("c", &[("a", "1"), ("a", "2")]);
    t.put_chat("c", &text).await;
    assert_eq!(t.chat("c").await.unwrap(), text);
    let read = t.store.message(t.owner(), &id("c"), &id("a")).await;
    assert_eq!(read, Err(StoreError::AmbiguousMessageId("a".to_owned())));
    let other = chat_with("c", &[("a", "1"), ("a", "other")]);
    let outcome = t.put_chat("c", &other).await;
    assert_eq!((outcome.messages.updated, outcome.messages.unchanged), (1, 1));
    assert_eq!(t.chat("c").await.unwrap(), other);
}

fn put_if(chat: &str, text: &str, precondition: Precondition) -> Write {
    Write::PutConversation { id: id(chat), body: json(text).into(), place: Place::Usual, precondition }
}

fn at(t: &Fixture, revision: i64) -> Precondition {
    Precondition::At { epoch: t.store.epoch(), revision }
}

pub async fn an_equal_put_is_unchanged_even_when_stale(t: Fixture) {
    let text = chat_with("c", &[("a", "1")]);
    let first = t.put_chat("c", &text).await;
    t.put_chat("c", &chat_with("c", &[("a", "2")])).await;
    let again = t.apply(put_if("c", &chat_with("c", &[("a", "2")]), at(&t, first.revision))).await.unwrap();
    assert_eq!(again.effect, Effect::Unchanged);
}

pub async fn a_put_with_a_stale_revision_changes_nothing(t: Fixture) {
    let first = t.put_chat("c", &chat_with("c", &[("a", "1")])).await;
    let second = t.put_chat("c", &chat_with("c", &[("a", "2")])).await;
    let stale = t.apply(put_if("c", &chat_with("c", &[("a", "3")]), at(&t, first.revision))).await;
    let current = Some(json(&chat_with("c", &[("a", "2")])));
    assert_eq!(stale, Err(StoreError::Conflict { current_revision: Some(second.revision), current }));
    for (precondition, chat) in [
        (Precondition::Absent, "c"),
        (at(&t, second.revision), "none"),
        (Precondition::Present, "none"),
        (at(&t, second.revision + 9), "c"),
        (Precondition::At { epoch: crate::Epoch("other".to_owned()), revision: second.revision }, "c"),
    ] {
        let refused = t.apply(put_if(chat, &chat_with(chat, &[("a", "3")]), precondition.clone())).await;
        assert!(matches!(refused, Err(StoreError::Conflict { .. })), "{precondition:?}");
    }
    assert_eq!(t.chat("c").await.unwrap(), chat_with("c", &[("a", "2")]));
    let fresh = t.apply(put_if("c", &chat_with("c", &[("a", "3")]), at(&t, second.revision))).await.unwrap();
    assert_eq!(fresh.effect, Effect::Updated);
}

pub async fn a_conversations_revision_serves_its_messages(t: Fixture) {
    let first = t.put_chat("c", &chat_with("c", &[("a", "1"), ("b", "1")])).await;
    let put = |message_id: &str, text: &str, precondition| Write::PutMessage {
        conversation: id("c"),
        id: id(message_id),
        body: json(&message(message_id, text)),
        place: Place::Usual,
        precondition,
    };
    t.apply(put("a", "2", at(&t, first.revision))).await.unwrap();
    t.apply(put("b", "2", at(&t, first.revision))).await.expect("b has not changed since");
    let stale = t.apply(put("a", "3", at(&t, first.revision))).await;
    assert!(matches!(stale, Err(StoreError::Conflict { .. })));
    let head = Write::EditConversation {
        id: id("c"),
        edit: Edit::MergePatch(json(r#"{"userTitle":"T"}"#)),
        precondition: at(&t, first.revision),
    };
    t.apply(head).await.expect("the head has not changed since");
}

pub async fn a_message_goes_where_it_is_asked_to(t: Fixture) {
    t.put_chat("c", &chat_with("c", &[("a", "1"), ("b", "1")])).await;
    let put = |message_id: &str, place| Write::PutMessage {
        conversation: id("c"),
        id: id(message_id),
        body: json(&message(message_id, "1")),
        place,
        precondition: Precondition::None,
    };
    let order = async |t: &Fixture| {
        let page = t.store.messages(t.owner(), &id("c"), None, 100).await.unwrap().unwrap();
        page.items.iter().map(|m| m.body.get("id").unwrap().trim_matches('"').to_owned()).collect::<String>()
    };
    for (message_id, place, expected) in [
        ("c", Place::Usual, "abc"),
        ("d", Place::First, "dabc"),
        ("e", Place::After("a".to_owned()), "daebc"),
        ("d", Place::Usual, "daebc"),
        ("d", Place::After("b".to_owned()), "aebdc"),
        ("c", Place::First, "caebd"),
    ] {
        t.apply(put(message_id, place)).await.unwrap();
        assert_eq!(order(&t).await, expected);
        t.expect_sound().await;
    }
    let missing = t
        .apply(Write::PutMessage {
            conversation: id("none"),
            id: id("a"),
            body: json(&message("a", "1")),
            place: Place::Usual,
            precondition: Precondition::None,
        })
        .await;
    assert_eq!(missing, Err(StoreError::ConversationNotFound("none".to_owned())));
}

pub async fn a_used_up_gap_makes_room_and_keeps_the_order(t: Fixture) {
    t.put_chat("c", &chat_with("c", &[("first", "1"), ("last", "1")])).await;
    let mut expected = vec!["first".to_owned()];
    for number in 0..40 {
        let message_id = format!("m{number}");
        t.apply(Write::PutMessage {
            conversation: id("c"),
            id: id(&message_id),
            body: json(&message(&message_id, "x")),
            place: Place::After("first".to_owned()),
            precondition: Precondition::None,
        })
        .await
        .unwrap();
        expected.insert(1, message_id);
    }
    expected.push("last".to_owned());
    let page = t.store.messages(t.owner(), &id("c"), None, 100).await.unwrap().unwrap();
    let order: Vec<_> =
        page.items.iter().map(|m| m.body.get("id").unwrap().trim_matches('"').to_owned()).collect();
    assert_eq!(order, expected);
    t.expect_sound().await;
}

pub async fn messages_moved_again_and_again_stay_themselves(t: Fixture) {
    let names = ["a", "b", "c", "d", "e"];
    t.put_chat("c", &chat_with("c", &names.map(|n| (n, n)))).await;
    let mut order: Vec<String> = names.map(str::to_owned).to_vec();
    let mut texts: std::collections::BTreeMap<String, String> =
        names.map(|n| (n.to_owned(), n.to_owned())).into_iter().collect();
    // A fixed walk over all moves, so that a failure repeats.
    let mut seed: usize = 7;
    for step in 0..400 {
        seed = (seed * 1_103_515_245 + 12_345) % (1 << 31);
        let (moved, target, edits) =
            (names[seed / 64 % 5], names[seed / 1_024 % 5], (seed / 65_536).is_multiple_of(3));
        let place =
            if (seed / 8_192).is_multiple_of(3) { Place::First } else { Place::After(target.to_owned()) };
        if edits {
            texts.insert(moved.to_owned(), format!("{moved}{step}"));
        }
        if place == Place::First || target != moved {
            order.retain(|n| n != moved);
            let at =
                if place == Place::First { 0 } else { order.iter().position(|n| n == target).unwrap() + 1 };
            order.insert(at, moved.to_owned());
        }
        t.apply(Write::PutMessage {
            conversation: id("c"),
            id: id(moved),
            body: json(&message(moved, &texts[moved])),
            place,
            precondition: Precondition::None,
        })
        .await
        .unwrap();
        let expected: Vec<_> = order.iter().map(|n| (n.as_str(), texts[n].as_str())).collect();
        assert_eq!(t.chat("c").await.unwrap(), chat_with("c", &expected), "step {step}");
    }
    t.expect_sound().await;
}

pub async fn appended_text_arrives_in_its_fragment(t: Fixture) {
    let first = t.put_chat("c", &chat_with("c", &[("a", "Hel")])).await;
    let append = |fragment, text: &str, precondition| Write::AppendText {
        conversation: id("c"),
        id: id("a"),
        fragment,
        text: text.to_owned(),
        precondition,
    };
    let one = t.apply(append(FragmentRef::Index(0), "lo \"", at(&t, first.revision))).await.unwrap();
    t.apply(append(FragmentRef::Id("f".to_owned()), "\n🚀", at(&t, one.revision))).await.unwrap();
    assert_eq!(t.chat("c").await.unwrap(), chat_with("c", &[("a", r#"Hello \"\n🚀"#)]));
    let stale = t.apply(append(FragmentRef::Index(0), "x", at(&t, first.revision))).await;
    assert!(matches!(stale, Err(StoreError::Conflict { .. })));
    let missing = t.apply(append(FragmentRef::Index(1), "x", Precondition::None)).await;
    assert!(matches!(missing, Err(StoreError::InvalidBody(_))));
    t.expect_sound().await;
}

pub async fn a_patch_of_the_head_keeps_everything_else(t: Fixture) {
    t.put_chat("c", r#"{"id":"c","n":1e400,"messages":[{"id":"a"}],"userTitle":"old"}"#).await;
    let edit = |edit| Write::EditConversation { id: id("c"), edit, precondition: Precondition::None };
    let outcome =
        t.apply(edit(Edit::MergePatch(json(r#"{"userTitle":null,"isArchived":true}"#)))).await.unwrap();
    assert_eq!(outcome.body.unwrap().as_str(), r#"{"id":"c","n":1e400,"isArchived":true}"#);
    let patch = r#"[{"op":"add","path":"/updated","value":null}]"#;
    t.apply(edit(Edit::JsonPatch(json(patch)))).await.unwrap();
    let expected = r#"{"id":"c","n":1e400,"messages":[{"id":"a"}],"isArchived":true,"updated":null}"#;
    assert_eq!(t.chat("c").await.unwrap(), expected);
    for bad in [r#"{"id":"d"}"#, r#"{"messages":null}"#, "7"] {
        let refused = t.apply(edit(Edit::MergePatch(json(bad)))).await;
        assert!(matches!(refused, Err(StoreError::InvalidBody(_))), "{bad}");
    }
    assert_eq!(t.chat("c").await.unwrap(), expected);
    t.expect_sound().await;
}

pub async fn incognito_conversations_are_refused(t: Fixture) {
    let private = r#"{"id":"c","_isIncognito":true,"messages":[]}"#;
    assert_eq!(t.apply(put_chat("c", private)).await, Err(StoreError::Incognito));
    assert_eq!(t.chat("c").await, None);
}

pub async fn deleting_what_is_absent_says_so(t: Fixture) {
    let delete = |precondition| Write::DeleteConversation { id: id("c"), precondition };
    assert_eq!(t.apply(delete(Precondition::None)).await.unwrap().effect, Effect::Absent);
    assert_eq!(t.apply(delete(at(&t, 0))).await.unwrap().effect, Effect::Absent);
    t.put_chat("c", &chat_with("c", &[("a", "1")])).await;
    assert_eq!(t.apply(delete(Precondition::None)).await.unwrap().effect, Effect::Deleted);
    assert_eq!(t.chat("c").await, None);
    t.expect_sound().await;
}

pub async fn lists_follow_the_order_that_is_asked_for(t: Fixture) {
    for (chat, times) in [
        ("old", r#""created":1,"updated":10"#),
        ("never", r#""created":99,"updated":null"#),
        ("text", r#""created":98,"updated":"x""#),
        ("new", r#""created":5,"updated":20"#),
        ("tie", r#""created":6,"updated":20"#),
    ] {
        t.put_chat(chat, &format!(r#"{{"id":"{chat}",{times}}}"#)).await;
    }
    let ids = async |order| {
        let keys = t.store.conversation_keys(t.owner(), order, 0).await.unwrap();
        let chunk = t.store.conversation_chunk(t.owner(), keys, usize::MAX, b',').await.unwrap();
        let mut start = 1;
        let mut ids = Vec::new();
        for end in chunk.ends {
            let text = std::str::from_utf8(&chunk.texts[start..end]).unwrap();
            ids.push(json(text).get("id").unwrap().trim_matches('"').to_owned());
            start = end + 1;
        }
        ids
    };
    assert_eq!(ids(Order::Recent).await, ["tie", "new", "old", "never", "text"]);
    assert_eq!(ids(Order::List).await, ["tie", "new", "text", "never", "old"], "a new one goes first");
    t.apply(Write::PutConversation {
        id: id("tie"),
        body: json(r#"{"id":"tie"}"#).into(),
        place: Place::After("never".to_owned()),
        precondition: Precondition::None,
    })
    .await
    .unwrap();
    assert_eq!(ids(Order::List).await, ["new", "text", "never", "tie", "old"]);
}

pub async fn only_what_changed_after_a_revision_is_listed(t: Fixture) {
    for chat in ["a", "b", "c"] {
        t.put_chat(chat, &chat_with(chat, &[("m", "1")])).await;
    }
    let seen = t.store.cursor(t.owner()).await.unwrap().seq;
    t.put_chat("b", &chat_with("b", &[("m", "2")])).await;
    t.apply(Write::DeleteConversation { id: id("a"), precondition: Precondition::None }).await.unwrap();
    let keys = |after| t.store.conversation_keys(t.owner(), Order::List, after);
    let changed = keys(seen).await.unwrap();
    let chunk = t.store.conversation_chunk(t.owner(), changed.clone(), usize::MAX, b',').await.unwrap();
    assert_eq!((changed.len(), chunk.ends.len()), (1, 1));
    assert!(String::from_utf8(chunk.texts).unwrap().contains(r#""id":"b""#));
    assert_eq!(keys(0).await.unwrap().len(), 2);
    assert_eq!(t.store.conversation_count(t.owner()).await.unwrap(), 2);
    assert_eq!(t.store.asset_count(t.owner()).await.unwrap(), 0);
}

pub async fn summaries_come_in_pages_and_filters(t: Fixture) {
    for number in 0..7 {
        let archived = number % 2 == 0;
        let updated = if number == 3 { "null".to_owned() } else { (number / 2).to_string() };
        t.put_chat(
            &format!("c{number}"),
            &format!(r#"{{"id":"c{number}","autoTitle":"T{number}","isArchived":{archived},"updated":{updated},"created":1}}"#),
        )
        .await;
    }
    let mut seen = Vec::new();
    let mut cursor: Option<String> = None;
    loop {
        let page =
            t.store.summaries(t.owner(), &SummaryFilter::default(), cursor.as_deref(), 2).await.unwrap();
        seen.extend(page.items.iter().map(|s| s.id.clone()));
        cursor = page.next;
        if cursor.is_none() {
            break;
        }
    }
    assert_eq!(seen, ["c6", "c5", "c4", "c2", "c1", "c0", "c3"]);
    let filter = SummaryFilter { archived: Some(true), updated_since: Some(2), ..SummaryFilter::default() };
    let page = t.store.summaries(t.owner(), &filter, None, 100).await.unwrap();
    assert_eq!(page.items.iter().map(|s| s.id.as_str()).collect::<Vec<_>>(), ["c6", "c4"]);
    assert_eq!(page.items[0].title.as_deref(), Some("T6"));
    assert!(t.store.summaries(t.owner(), &filter, Some("nonsense"), 1).await.is_err());
}

pub async fn messages_come_in_pages_from_the_newest(t: Fixture) {
    t.put_chat("c", &chat_with("c", &[("a", "1"), ("b", "2"), ("c", "3"), ("d", "4"), ("e", "5")])).await;
    let last = t.store.messages(t.owner(), &id("c"), None, 2).await.unwrap().unwrap();
    assert_eq!(last.items[0].body.as_str(), message("d", "4"));
    let before = t.store.messages(t.owner(), &id("c"), last.next.as_deref(), 3).await.unwrap().unwrap();
    assert_eq!(before.items.len(), 3);
    assert_eq!(before.items[0].body.as_str(), message("a", "1"));
    assert_eq!(before.next, None);
    assert!(t.store.messages(t.owner(), &id("none"), None, 2).await.unwrap().is_none());
}

pub async fn owners_do_not_see_each_other(t: Fixture) {
    let other = Owner::parse("other").unwrap();
    t.put_chat("c", &chat_with("c", &[("a", "mine")])).await;
    let theirs = Writer::new(other.clone());
    t.store.apply(&theirs, vec![put_chat("c", &chat_with("c", &[("a", "theirs")]))]).await.unwrap();
    assert_eq!(t.chat("c").await.unwrap(), chat_with("c", &[("a", "mine")]));
    t.store
        .apply(&theirs, vec![Write::DeleteConversation { id: id("c"), precondition: Precondition::None }])
        .await
        .unwrap();
    assert!(t.chat("c").await.is_some());
    assert_eq!(t.store.changes(t.owner(), None, 100, &[]).await.unwrap().changes.len(), 2);
    let nobody = Owner::parse("nobody").unwrap();
    assert!(t.store.conversation_keys(&nobody, Order::List, 0).await.unwrap().is_empty());
    t.expect_sound().await;
}

pub async fn a_failed_request_leaves_nothing_behind(t: Fixture) {
    let writes = vec![put_chat("a", &chat_with("a", &[("m", "1")])), put_chat("b", r#"{"id":"other"}"#)];
    let failed = t.store.apply(&t.writer, writes).await.unwrap_err();
    assert_eq!(failed.index, Some(1), "{failed:?}");
    assert_eq!(t.chat("a").await, None);
    assert!(t.store.changes(t.owner(), None, 10, &[]).await.unwrap().changes.is_empty());
    let outcome = t.put_chat("c", &chat_with("c", &[("m", "1")])).await;
    assert_eq!(outcome.revision, 2, "the sequence did not move");
    t.expect_sound().await;
}
