//! Keyspace events: `notify-keyspace-events`.
//!
//! Commands announce events while their unit runs; at its end, the shard locks still held, they are published
//! like any message on `__keyspace@<db>__:<key>` and `__keyevent@<db>__:<event>`.

use crossbeam_utils::CachePadded;
use storage::{DbIndex, Note, NoteKind};

pub(crate) use crate::config::KeyspaceEvents as EventClass;
use crate::pubsub::HeldStripes;
use crate::session::ChannelKind;
use crate::worker::inbox::Inbox;
use crate::worker::set::WorkerSet;

/// The events of the running unit; a worker keeps one and uses it again and again.
#[derive(Debug, Default)]
pub(crate) struct Events {
    enabled: EventClass,
    list: Vec<PendingEvent>,
    keys: Vec<u8>,
}

#[derive(Clone, Copy, Debug)]
struct PendingEvent {
    event: &'static str,
    db: DbIndex,
    key_end: usize,
}

impl Events {
    /// Takes over `notify-keyspace-events`.
    pub(crate) fn set_enabled(&mut self, enabled: EventClass) {
        self.enabled = enabled;
    }

    /// Whether events of `class` are published at all.
    #[inline]
    pub(crate) fn wants(&self, class: EventClass) -> bool {
        self.enabled.wants(class)
    }

    /// Whether any event is published at all.
    #[inline]
    pub(crate) fn any_enabled(&self) -> bool {
        self.enabled.contains(EventClass::KEYSPACE) || self.enabled.contains(EventClass::KEYEVENT)
    }

    /// Announces an event, if its class is enabled.
    #[inline]
    pub(crate) fn push(&mut self, class: EventClass, event: &'static str, db: DbIndex, key: &[u8]) {
        if self.enabled.wants(class) {
            self.push_wanted(event, db, key);
        }
    }

    #[cold]
    fn push_wanted(&mut self, event: &'static str, db: DbIndex, key: &[u8]) {
        self.keys.extend_from_slice(key);
        self.list.push(PendingEvent {
            event,
            db,
            key_end: self.keys.len(),
        });
    }

    /// The event of what storage has noted.
    pub(crate) fn push_note(&mut self, note: &Note) {
        let (class, event) = match &note.kind {
            NoteKind::FieldsExpired(_) => (EventClass::HASH, "hexpired"),
            NoteKind::Expired => (EventClass::EXPIRED, "expired"),
            NoteKind::Evicted => (EventClass::EVICTED, "evicted"),
            NoteKind::Missed => (EventClass::KEY_MISS, "keymiss"),
            NoteKind::Created => (EventClass::NEW, "new"),
        };
        self.push(class, event, note.db, &note.key);
        if matches!(&note.kind, NoteKind::FieldsExpired(expired) if expired.key_is_gone) {
            self.push(EventClass::GENERIC, "del", note.db, &note.key);
        }
    }

    /// Whether there is anything to publish.
    #[inline]
    pub(crate) fn is_empty(&self) -> bool {
        self.list.is_empty()
    }

    /// Publishes and forgets all events, in order.
    #[cold]
    pub(crate) fn publish(
        &mut self,
        stripes: &mut HeldStripes<'_>,
        inboxes: &[CachePadded<Inbox>],
        woken: &mut WorkerSet,
    ) {
        let mut start = 0;
        let mut channel = Vec::new();
        for pending in &self.list {
            let key = &self.keys[start..pending.key_end];
            start = pending.key_end;
            let event = pending.event.as_bytes();
            let forms = [
                (EventClass::KEYSPACE, "keyspace", key, event),
                (EventClass::KEYEVENT, "keyevent", event, key),
            ];
            for (form, word, subject, payload) in forms {
                if self.enabled.contains(form) {
                    channel.clear();
                    channel.extend_from_slice(format!("__{word}@{}__:", pending.db).as_bytes());
                    channel.extend_from_slice(subject);
                    stripes.publish(ChannelKind::Channel, &channel, payload, inboxes, woken);
                }
            }
        }
        self.clear();
    }

    /// Forgets all events.
    pub(crate) fn clear(&mut self) {
        self.list.clear();
        self.keys.clear();
        if self.keys.capacity() > KEYS_KEPT_BYTES {
            self.keys = Vec::new();
        }
    }
}

/// A key buffer above this size is given back after the unit.
const KEYS_KEPT_BYTES: usize = 64 * 1024;
