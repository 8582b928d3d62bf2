//! Arbitrary events, and what the fixed ones are made of.

use proptest::collection::{btree_map, vec};
use proptest::option;
use proptest::prelude::*;
use samband_core::{Millis, ResourceId, Stamp, ThreadId, UserId};

use crate::event::*;

pub fn resource() -> ResourceId {
    ResourceId::from_bytes([0x11; 16])
}

pub fn user(number: u8) -> UserId {
    UserId::from_bytes([number; 16])
}

pub fn thread() -> ThreadId {
    ThreadId::from_bytes([0xab; 16])
}

pub fn metadata(name: &str, value: &str) -> Metadata {
    Metadata::from([(name.to_owned(), value.to_owned())])
}

/// What is hard to nest: quotes, percent signs, surrogates, control characters, lookalikes of ids.
fn text() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        any::<String>(),
        Just("%25 100% \"\\\" \\u0041 {}".to_owned()),
        Just("ñ漢字😀\u{fffd}\u{2028}\u{0}\u{1f}".to_owned()),
        Just("\"recipientMri\":\"8:acs:\"".to_owned()),
    ];
    vec(piece, 0..3).prop_map(|pieces| pieces.concat())
}

fn texts() -> impl Strategy<Value = Metadata> {
    btree_map(text(), text(), 0..3)
}

prop_compose! {
    pub fn any_user()(bytes: [u8; 16]) -> UserId { UserId::from_bytes(bytes) }
}

prop_compose! {
    fn any_thread()(bytes: [u8; 16]) -> ThreadId { ThreadId::from_bytes(bytes) }
}

fn stamp() -> impl Strategy<Value = Stamp> {
    (0..4_000_000_000_000_i64).prop_map(Stamp)
}

fn time() -> impl Strategy<Value = Millis> {
    prop_oneof![
        Just(0),
        (0..4_000_000_000_i64).prop_map(|seconds| seconds * 1000),
        0..4_000_000_000_000_i64
    ]
    .prop_map(Millis)
}

prop_compose! {
    fn attachment()(
        id in text(),
        kind in prop_oneof![Just(AttachmentKind::Image), Just(AttachmentKind::File), Just(AttachmentKind::Unknown)],
        name in option::of(text()),
        url in option::of(text()),
        preview_url in option::of(text()),
    ) -> Attachment {
        Attachment { id, kind, name, url, preview_url }
    }
}

prop_compose! {
    fn message()(
        (thread, id, version, created) in (any_thread(), stamp(), stamp(), time()),
        sender in any_user(),
        sender_display_name in option::of(text()),
        html: bool,
        content in text(),
        metadata in texts(),
        attachments in vec(attachment(), 0..3),
    ) -> Message {
        Message { thread, id, sender, sender_display_name, html, content, metadata, attachments, version, created }
    }
}

prop_compose! {
    fn initiator()(user in any_user(), display_name in option::of(text())) -> Initiator {
        Initiator { user, display_name }
    }
}

prop_compose! {
    fn participant()(
        user in any_user(),
        display_name in option::of(text()),
        share_history in time(),
        metadata in texts(),
    ) -> EventParticipant {
        EventParticipant { user, display_name, share_history, metadata }
    }
}

prop_compose! {
    fn properties()(topic in text(), metadata in texts(), retention_days in option::of(1..400_i64)) -> ThreadProperties {
        ThreadProperties { topic, metadata, retention_days }
    }
}

prop_compose! {
    fn changed()(
        (thread, version, created, time) in (any_thread(), stamp(), option::of(time()), time()),
        by in initiator(),
        participants in vec(participant(), 1..4),
        more in 0..3_usize,
    ) -> ParticipantsChanged {
        let total = participants.len() + more;
        ParticipantsChanged { thread, version, created, time, by, participants, total }
    }
}

pub fn any_event() -> impl Strategy<Value = ChatEvent> {
    let place = || (any_thread(), stamp(), time(), time());
    prop_oneof![
        message().prop_map(ChatEvent::MessageReceived),
        (message(), time()).prop_map(|(message, edited)| ChatEvent::MessageEdited(MessageEdited { message, edited })),
        (message(), time()).prop_map(|(message, deleted)| {
            let Message {
                thread,
                id,
                sender,
                sender_display_name,
                html,
                version,
                created,
                ..
            } = message;
            ChatEvent::MessageDeleted(MessageDeleted {
                thread,
                id,
                sender,
                sender_display_name,
                html,
                version,
                created,
                deleted,
            })
        }),
        (any_thread(), any_user(), option::of(text()), time()).prop_map(|(thread, sender, sender_display_name, at)| {
            ChatEvent::Typing(Typing {
                thread,
                sender,
                sender_display_name,
                at,
            })
        }),
        (any_thread(), any_user(), stamp(), time()).prop_map(|(thread, sender, message, read)| {
            ChatEvent::ReadReceipt(ReadReceipt {
                thread,
                sender,
                message,
                read,
            })
        }),
        (place(), initiator(), properties(), vec(participant(), 0..4), 0..3_usize).prop_map(
            |((thread, version, created, _), by, properties, participants, more)| {
                let total = participants.len() + more;
                ChatEvent::ThreadCreated(ThreadCreated {
                    thread,
                    version,
                    created,
                    by,
                    properties,
                    participants,
                    total,
                })
            }
        ),
        (place(), any::<bool>(), initiator(), properties()).prop_map(
            |((thread, version, created, edited), known, by, properties)| {
                let created = known.then_some(created);
                ChatEvent::ThreadPropertiesUpdated(ThreadPropertiesUpdated {
                    thread,
                    version,
                    created,
                    edited,
                    by,
                    properties,
                })
            }
        ),
        (place(), any::<bool>(), initiator(), any::<bool>()).prop_map(
            |((thread, version, created, deleted), known, by, by_policy)| {
                let created = known.then_some(created);
                ChatEvent::ThreadDeleted(ThreadDeleted {
                    thread,
                    version,
                    created,
                    deleted,
                    by,
                    by_policy,
                })
            }
        ),
        changed().prop_map(ChatEvent::ParticipantsAdded),
        changed().prop_map(ChatEvent::ParticipantsRemoved),
    ]
}
