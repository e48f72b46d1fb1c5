//! What the log carries of groups: effects that do not depend on when they are applied.

use storage::collection::stream::{Group, PendingEntry, StreamId};
use storage::{DbIndex, Key};

use super::ids::IdText;
use super::pending::consumer_name;
use crate::command::Context;

/// An entry that has become pending, or is pending otherwise than before, with all that a replica has to know. The names
/// are copies: by the time it is logged the group is not at hand any more.
#[derive(Debug)]
struct Claimed {
    /// Whose it is; what was released, and found to be gone, was nobody's.
    consumer: Option<Box<[u8]>>,
    id: StreamId,
    pending: PendingEntry,
    last_id: StreamId,
}

/// What a command has done in a group, until it is logged; it stays empty while nobody reads the log.
#[derive(Debug)]
pub(super) struct GroupLog {
    is_on: bool,
    /// A consumer that has been made, and of which no entry tells.
    new_consumer: Option<Box<[u8]>>,
    claimed: Vec<Claimed>,
    /// The last ID and the read counter, if entries do not say them.
    progress: Option<(StreamId, Option<i64>)>,
}

impl GroupLog {
    /// An empty one.
    pub(super) fn new(ctx: &Context<'_, '_>) -> Self {
        Self::of(ctx.unit.state().log_on())
    }

    /// An empty one, which is read or not.
    pub(super) fn of(is_on: bool) -> Self {
        Self {
            is_on,
            new_consumer: None,
            claimed: Vec::new(),
            progress: None,
        }
    }

    /// Whether it notes anything.
    pub(super) fn is_on(&self) -> bool {
        self.is_on
    }

    /// Whether it notes all that it has to while the log is read as it is now.
    pub(super) fn fits(&self, ctx: &Context<'_, '_>) -> bool {
        self.is_on == ctx.unit.state().log_on()
    }

    /// Notes that a consumer has been made.
    pub(super) fn made(&mut self, consumer: &[u8]) {
        if self.is_on {
            self.new_consumer = Some(consumer.into());
        }
    }

    /// Notes how an entry of `group` is pending now, or was before it was found to be gone.
    pub(super) fn claimed(&mut self, group: &Group, id: StreamId, pending: PendingEntry) {
        if self.is_on {
            let consumer = pending.consumer();
            self.claimed.push(Claimed {
                consumer: consumer.map(|_| consumer_name(group, pending).into()),
                id,
                pending,
                last_id: group.last_id(),
            });
        }
    }

    /// Notes how an entry of `group` is pending now.
    pub(super) fn claimed_now(&mut self, group: &Group, id: StreamId) {
        if self.is_on
            && let Some(pending) = group.pending().get(id)
        {
            self.claimed(group, id, pending);
        }
    }

    /// Notes how far `group` has come.
    pub(super) fn progressed(&mut self, group: &Group) {
        self.progress = Some((group.last_id(), group.entries_read()));
    }

    /// Logs it all.
    pub(super) fn write(self, ctx: &mut Context<'_, '_>, db: DbIndex, key: &Key<'_>, group: &[u8]) {
        if !self.is_on {
            return;
        }
        ctx.effects_as_one();
        // Claiming makes the consumer; not so if all there was to claim was somebody else's and gone.
        if let Some(consumer) = &self.new_consumer
            && !self
                .claimed
                .iter()
                .any(|entry| entry.consumer.as_ref() == Some(consumer))
        {
            let words: [&[u8]; 5] = [b"XGROUP", b"CREATECONSUMER", key.bytes, group, consumer];
            ctx.effect_in(db, &words);
        }
        for entry in &self.claimed {
            log_claim(ctx, db, key, group, entry);
        }
        if let Some((last_id, entries_read)) = self.progress {
            let last_id = IdText::new(last_id);
            let mut digits = itoa::Buffer::new();
            let entries_read = digits.format(entries_read.unwrap_or(-1)).as_bytes();
            let words: [&[u8]; 7] = [
                b"XGROUP",
                b"SETID",
                key.bytes,
                group,
                last_id.as_bytes(),
                b"ENTRIESREAD",
                entries_read,
            ];
            ctx.effect_in(db, &words);
        }
    }
}

fn log_claim(ctx: &mut Context<'_, '_>, db: DbIndex, key: &Key<'_>, group: &[u8], entry: &Claimed) {
    let (id, last_id) = (IdText::new(entry.id), IdText::new(entry.last_id));
    let Some(consumer) = &entry.consumer else {
        return ctx.effect_in(db, &[b"XACK", key.bytes, group, id.as_bytes()]);
    };
    let (mut time, mut deliveries) = (itoa::Buffer::new(), itoa::Buffer::new());
    let words: [&[u8]; 14] = [
        b"XCLAIM",
        key.bytes,
        group,
        consumer,
        b"0",
        id.as_bytes(),
        b"TIME",
        time.format(entry.pending.delivered_at_ms()).as_bytes(),
        b"RETRYCOUNT",
        deliveries.format(entry.pending.deliveries).as_bytes(),
        b"FORCE",
        b"JUSTID",
        b"LASTID",
        last_id.as_bytes(),
    ];
    ctx.effect_in(db, &words);
}
