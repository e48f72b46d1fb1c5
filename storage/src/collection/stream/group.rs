//! A consumer group.

use crate::time::UnixMillis;

use super::consumers::{Consumer, Consumers};
use super::entries::Entries;
use super::id::StreamId;
use super::pending::{ConsumerNumber, Pending, PendingEntry};
use super::remains::StreamRemains;

/// As often as an entry can count as delivered: clients read signed numbers.
const DELIVERIES_MAX: u64 = i64::MAX.cast_unsigned();

/// A group. A clone is a pin.
#[derive(Clone, Default)]
pub struct Group {
    last_id: StreamId,
    entries_read: Option<i64>,
    pub(super) pending: Pending,
    consumers: Consumers,
    /// How many entries were released so far, one after the other.
    released: u64,
}

impl Group {
    /// A group to which entries behind `last_id` are to be delivered.
    pub(super) fn new(last_id: StreamId, entries_read: Option<i64>) -> Self {
        Self {
            last_id,
            entries_read,
            ..Self::default()
        }
    }

    /// The ID of the last entry that was delivered.
    pub fn last_id(&self) -> StreamId {
        self.last_id
    }

    /// How many entries of all ever added were delivered or passed over, if that is known.
    pub fn entries_read(&self) -> Option<i64> {
        self.entries_read
    }

    /// What was delivered and not acknowledged yet.
    pub fn pending(&self) -> &Pending {
        &self.pending
    }

    /// Who reads.
    pub fn consumers(&self) -> &Consumers {
        &self.consumers
    }

    /// Allocated bytes, beside the group itself.
    pub(super) fn memory_bytes(&self) -> usize {
        self.pending.memory_bytes() + self.consumers.memory_bytes()
    }

    /// What it is made of.
    pub(super) fn into_parts(self) -> (Pending, Consumers) {
        (self.pending, self.consumers)
    }

    /// Whether an entry was not delivered yet, or not acknowledged.
    pub(super) fn needs(&self, id: StreamId) -> bool {
        id > self.last_id || self.pending.get(id).is_some()
    }
}

/// How an entry is claimed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Claim {
    /// Only what was delivered so long ago or longer; released entries may always be claimed.
    pub min_idle_ms: i64,
    /// When it is to count as delivered.
    pub delivered_at_ms: i64,
    /// How often it is to count as delivered; otherwise once more, if that is to be counted.
    pub deliveries: Option<u64>,
    /// Whether it counts as a delivery.
    pub counts: bool,
    /// Whether an entry that is not pending becomes so.
    pub force: bool,
}

/// What became of a claim.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Claimed {
    /// The entry is the consumer's.
    Yes,
    /// It is not pending, or not for long enough.
    No,
    /// The stream has it no more, and now it is not pending either. This is how it was.
    Gone(PendingEntry),
}

/// How the deliveries of a released entry are counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Release {
    /// The last one does not count.
    Silent,
    /// As they were.
    Fail,
    /// As many as can be: nobody should try again.
    Fatal,
    /// So many.
    Deliveries(u64),
}

/// A group to change. Its memory is accounted for when this is dropped.
pub struct GroupMut<'s> {
    pub(super) entries: &'s Entries,
    pub(super) group: &'s mut Group,
    /// What all groups take.
    pub(super) bytes: &'s mut usize,
    /// What this one took.
    pub(super) bytes_before: usize,
}

impl Drop for GroupMut<'_> {
    fn drop(&mut self) {
        *self.bytes = *self.bytes - self.bytes_before + self.group.memory_bytes();
    }
}

impl<'s> GroupMut<'s> {
    /// The entries of the stream, to be read while the group changes.
    pub fn entries(&self) -> &'s Entries {
        self.entries
    }

    /// The group as it is.
    pub fn as_group(&self) -> &Group {
        self.group
    }

    /// Sets what was delivered last: `XGROUP SETID`, and `LASTID` of `XCLAIM` if it is larger.
    pub fn set_last_id(&mut self, last_id: StreamId, entries_read: Option<i64>) {
        self.group.last_id = last_id;
        self.group.entries_read = entries_read;
    }

    /// The number of the consumer with this name, which is made if there is none: then it is `true`, too. It has been seen.
    pub fn visit(&mut self, name: &[u8], now: UnixMillis) -> (ConsumerNumber, bool) {
        let consumers = &mut self.group.consumers;
        match consumers.find(name) {
            Some(number) => {
                consumers.update(number, |consumer| consumer.seen_at = now);
                (number, false)
            }
            None => (consumers.add(name, now), true),
        }
    }

    /// Makes a consumer; its number, or `None` if there is one with this name.
    pub fn create_consumer(&mut self, name: &[u8], now: UnixMillis) -> Option<ConsumerNumber> {
        let consumers = &mut self.group.consumers;
        let is_new = consumers.find(name).is_none();
        is_new.then(|| consumers.add(name, now))
    }

    /// Sets when a consumer was seen and active.
    pub fn set_times(
        &mut self,
        consumer: ConsumerNumber,
        seen_at: UnixMillis,
        active_at: Option<UnixMillis>,
    ) {
        self.group.consumers.update(consumer, |consumer| {
            consumer.seen_at = seen_at;
            consumer.active_at = active_at;
        });
    }

    /// Removes the consumer with this name and makes its entries pending no more; how many there were.
    pub fn delete_consumer(&mut self, name: &[u8]) -> Option<(u64, StreamRemains)> {
        let number = self.group.consumers.find(name)?;
        self.group.consumers.remove(number);
        let (count, removed) = self.group.pending.remove_all_of(number);
        Some((count, StreamRemains::of_pending(removed)))
    }

    /// Makes up to `work` entries of a consumer pending no more; how many it was.
    pub fn forget_some_of(&mut self, consumer: ConsumerNumber, work: usize) -> usize {
        let pending = &mut self.group.pending;
        let ids: Vec<_> = pending.ids_of(consumer, StreamId::MIN).take(work).collect();
        let count = ids.len();
        for id in ids {
            pending.remove(id);
        }
        count
    }

    fn active(&mut self, consumer: ConsumerNumber, now: UnixMillis) {
        let consumers = &mut self.group.consumers;
        let is_marked = |consumer: &Consumer| consumer.active_at == Some(now);
        if !consumers.get(consumer).is_some_and(is_marked) {
            consumers.update(consumer, |consumer| consumer.active_at = Some(now));
        }
    }

    /// Delivers an entry of the stream to a consumer. It becomes pending, even if it was so for another one, unless it
    /// needs no acknowledgement.
    pub fn deliver(
        &mut self,
        consumer: ConsumerNumber,
        id: StreamId,
        needs_ack: bool,
        now: UnixMillis,
    ) {
        if id > self.group.last_id {
            self.group.entries_read = self.group.entries_read_with(id, self.entries);
            self.group.last_id = id;
        }
        if needs_ack {
            let pending = PendingEntry::new(Some(consumer), now.0, 1);
            self.group.pending.set(id, pending);
            self.active(consumer, now);
        }
    }

    /// Delivers a pending entry once more to the same consumer; how it is now.
    pub fn redeliver(&mut self, id: StreamId, now: UnixMillis) -> Option<PendingEntry> {
        let mut pending = self.group.pending.get(id)?;
        pending.since = now.0;
        pending.deliveries = once_more(pending.deliveries);
        self.group.pending.set(id, pending);
        Some(pending)
    }

    /// Makes an entry pending no more; whether it was.
    pub fn acknowledge(&mut self, id: StreamId) -> bool {
        self.group.pending.remove(id).is_some()
    }

    /// Makes a pending entry that of a consumer.
    pub fn claim(
        &mut self,
        consumer: ConsumerNumber,
        id: StreamId,
        claim: &Claim,
        now: UnixMillis,
    ) -> Claimed {
        let old = self.group.pending.get(id);
        if !self.entries.contains(id) {
            self.group.pending.remove(id);
            return old.map_or(Claimed::No, Claimed::Gone);
        }
        let old = match old {
            Some(old) => old,
            None if claim.force => PendingEntry::new(None, now.0, 1),
            None => return Claimed::No,
        };
        if old.consumer().is_some() && old.idle_ms(now.0) < claim.min_idle_ms {
            return Claimed::No;
        }
        let counted = match claim.counts {
            true => once_more(old.deliveries),
            false => old.deliveries,
        };
        let deliveries = claim.deliveries.unwrap_or(counted);
        let pending = PendingEntry::new(Some(consumer), claim.delivered_at_ms, deliveries);
        self.group.pending.set(id, pending);
        self.active(consumer, now);
        Claimed::Yes
    }

    /// Makes a pending entry nobody's, so that whoever claims gets it at once, behind what was released before; whether it
    /// is pending. With `force` an entry of the stream that was not becomes so.
    pub fn release(&mut self, id: StreamId, release: Release, force: bool) -> bool {
        let old = match self.group.pending.get(id) {
            Some(old) => old,
            None if force && self.entries.contains(id) => PendingEntry::released(0, 0),
            None => return false,
        };
        let deliveries = match release {
            Release::Silent => old.deliveries.saturating_sub(1),
            Release::Fail => old.deliveries,
            Release::Fatal => DELIVERIES_MAX,
            Release::Deliveries(deliveries) => deliveries,
        };
        let pending = PendingEntry::released(self.group.released, deliveries);
        self.group.released += 1;
        self.group.pending.set(id, pending);
        true
    }

    /// Makes an entry pending for nobody, as an RDB file has it before its consumers; whether it was not so before.
    pub fn load_pending(&mut self, id: StreamId, delivered_at_ms: i64, deliveries: u64) -> bool {
        let pending = PendingEntry::new(None, delivered_at_ms, deliveries);
        let is_new = self.group.pending.get(id).is_none();
        if is_new {
            self.group.pending.set(id, pending);
        }
        is_new
    }

    /// Gives a pending entry of nobody to a consumer; whether it was one.
    pub fn load_owner(&mut self, id: StreamId, consumer: ConsumerNumber) -> bool {
        let old = self.group.pending.get(id);
        let Some(old) = old.filter(|old| old.consumer().is_none()) else {
            return false;
        };
        let pending = PendingEntry::new(Some(consumer), old.since, old.deliveries);
        self.group.pending.set(id, pending);
        true
    }
}

fn once_more(deliveries: u64) -> u64 {
    deliveries.saturating_add(1).min(DELIVERIES_MAX)
}
