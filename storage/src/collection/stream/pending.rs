//! The pending entries of a group: what was delivered and not acknowledged yet.
//!
//! Redis calls them the PEL. They lie in the order of their IDs, and their IDs once more by consumer. Who claims what has
//! been pending for long needs them in the order of time: that is made when it is asked for first, and kept from then on.

use std::cmp::Ordering;

use crate::tree::Tree;

use super::id::StreamId;
use super::sorted::{Items, SortedIter, SortedTree};

/// A consumer's number in its group.
pub type ConsumerNumber = u32;

/// No consumer has this number.
const NOBODY: ConsumerNumber = ConsumerNumber::MAX;

/// Entries that are taken out of the order of time one by one, at most.
const TIMES_REMOVED_MAX: u64 = 256;

/// A pending entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PendingEntry {
    /// When it was last delivered, in milliseconds of Unix time. Of what was released, its place among all that was: these
    /// are the lowest numbers, so that it comes before what was ever delivered.
    pub(super) since: i64,
    /// How often it was delivered.
    pub deliveries: u64,
    consumer: ConsumerNumber,
}

impl PendingEntry {
    /// An entry to be put in.
    pub fn new(consumer: Option<ConsumerNumber>, delivered_at_ms: i64, deliveries: u64) -> Self {
        Self {
            since: delivered_at_ms,
            deliveries,
            consumer: consumer.unwrap_or(NOBODY),
        }
    }

    /// An entry that is released as number `place` of its group.
    pub(super) fn released(place: u64, deliveries: u64) -> Self {
        let since = i64::MIN.saturating_add_unsigned(place);
        Self::new(None, since, deliveries)
    }

    /// When it was last delivered, in milliseconds of Unix time; 0 if it was released.
    pub fn delivered_at_ms(&self) -> i64 {
        self.consumer().map_or(0, |_| self.since)
    }

    /// For how long it has been pending; what was released, for as long as can be.
    pub fn idle_ms(&self, now_ms: i64) -> i64 {
        now_ms.saturating_sub(self.since)
    }

    /// Whose it is; `None` if it was released.
    pub fn consumer(&self) -> Option<ConsumerNumber> {
        (self.consumer != NOBODY).then_some(self.consumer)
    }
}

/// A consumer and an ID, in 20 bytes: whole numbers of 8 bytes would leave a gap.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Owned([u32; 5]);

impl Ord for Owned {
    fn cmp(&self, other: &Self) -> Ordering {
        let key = |owned: &Self| (owned.0[0], owned.id());
        key(self).cmp(&key(other))
    }
}

impl PartialOrd for Owned {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Owned {
    fn new(consumer: ConsumerNumber, id: StreamId) -> Self {
        let half = |number: u64| [(number >> 32) as u32, number as u32];
        let ([ms_high, ms_low], [seq_high, seq_low]) = (half(id.ms), half(id.seq));
        Self([consumer, ms_high, ms_low, seq_high, seq_low])
    }

    fn id(self) -> StreamId {
        let [_, ms_high, ms_low, seq_high, seq_low] = self.0.map(u64::from);
        StreamId::new(ms_high << 32 | ms_low, seq_high << 32 | seq_low)
    }
}

/// Pending entries by ID.
pub(super) type PendingItems = Items<StreamId, PendingEntry>;
/// Their IDs by consumer.
pub(super) type OwnedItems = Items<Owned, ()>;
/// Their IDs by the time of delivery.
pub(super) type TimedItems = Items<(i64, StreamId), ()>;

/// The order of time.
pub(super) type TimeOrder = SortedTree<(i64, StreamId), ()>;

/// The pending entries. See the module documentation.
#[derive(Clone, Default)]
pub struct Pending {
    by_id: SortedTree<StreamId, PendingEntry>,
    by_consumer: SortedTree<Owned, ()>,
    by_time: Option<TimeOrder>,
}

impl Pending {
    /// How many there are.
    pub fn len(&self) -> u64 {
        self.by_id.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.by_id.is_empty()
    }

    /// Allocated bytes.
    pub(super) fn memory_bytes(&self) -> usize {
        self.by_id.memory_bytes() + self.by_consumer.memory_bytes() + self.time_bytes()
    }

    fn time_bytes(&self) -> usize {
        self.by_time.as_ref().map_or(0, SortedTree::memory_bytes)
    }

    /// The trees, out of here.
    pub(super) fn into_trees(self) -> (Tree<PendingItems>, Tree<OwnedItems>, Tree<TimedItems>) {
        let by_time = self.by_time.unwrap_or_default();
        (
            self.by_id.into_tree(),
            self.by_consumer.into_tree(),
            by_time.into_tree(),
        )
    }

    /// The entry with this ID, if it is pending.
    pub fn get(&self, id: StreamId) -> Option<PendingEntry> {
        self.by_id.get(&id).copied()
    }

    /// The smallest and the largest ID.
    pub fn bounds(&self) -> Option<(StreamId, StreamId)> {
        let (first, _) = self.by_id.at(0)?;
        let (last, _) = self.by_id.last()?;
        Some((first, last))
    }

    /// How many have an ID below `id`.
    pub fn count_below(&self, id: StreamId) -> u64 {
        self.by_id.count_before(&id)
    }

    /// All from `first` on.
    pub fn iter_from(&self, first: StreamId) -> impl Iterator<Item = (StreamId, PendingEntry)> {
        self.by_id
            .iter_from(&first)
            .map(|(id, pending)| (id, *pending))
    }

    /// The IDs of a consumer from `first` on.
    pub fn ids_of(
        &self,
        consumer: ConsumerNumber,
        first: StreamId,
    ) -> impl Iterator<Item = StreamId> {
        let owned: SortedIter<'_, _, _> = self.by_consumer.iter_from(&Owned::new(consumer, first));
        owned
            .take_while(move |(owned, ())| owned.0[0] == consumer)
            .map(|(owned, ())| owned.id())
    }

    /// How many a consumer has from `first` on.
    pub fn len_of_from(&self, consumer: ConsumerNumber, first: StreamId) -> u64 {
        let count = |consumer, id| self.by_consumer.count_before(&Owned::new(consumer, id));
        // No consumer has the largest number.
        count(consumer + 1, StreamId::MIN) - count(consumer, first)
    }

    /// How many a consumer has.
    pub fn len_of(&self, consumer: ConsumerNumber) -> u64 {
        self.len_of_from(consumer, StreamId::MIN)
    }

    /// How many were released, and are nobody's.
    pub fn len_of_nobody(&self) -> u64 {
        self.len() - self.by_consumer.len()
    }

    /// Makes an entry pending, or changes how it is; how it was.
    pub(super) fn set(&mut self, id: StreamId, pending: PendingEntry) -> Option<PendingEntry> {
        let old = self.by_id.insert(id, pending);
        let old_consumer = old.and_then(|old| old.consumer());
        if old_consumer != pending.consumer() {
            self.disown(old_consumer, id);
            if let Some(consumer) = pending.consumer() {
                self.by_consumer.insert(Owned::new(consumer, id), ());
            }
        }
        if let Some(by_time) = &mut self.by_time {
            if let Some(old) = old {
                by_time.remove(&(old.since, id));
            }
            by_time.insert((pending.since, id), ());
        }
        old
    }

    /// Makes an entry pending no more; how it was.
    pub(super) fn remove(&mut self, id: StreamId) -> Option<PendingEntry> {
        let old = self.by_id.remove(&id)?;
        self.disown(old.consumer(), id);
        if let Some(by_time) = &mut self.by_time {
            by_time.remove(&(old.since, id));
        }
        Some(old)
    }

    fn disown(&mut self, consumer: Option<ConsumerNumber>, id: StreamId) {
        if let Some(consumer) = consumer {
            self.by_consumer.remove(&Owned::new(consumer, id));
        }
    }

    /// Makes all entries of a consumer pending no more; how many, and what is left of them to be taken down in steps.
    ///
    /// If they are many the order of time goes, too, to be made again when it is asked for.
    pub(super) fn remove_all_of(&mut self, consumer: ConsumerNumber) -> (u64, Self) {
        let count = self.len_of(consumer);
        if count == self.len() {
            let by_time = self.by_time.as_ref().map(|_| TimeOrder::default());
            let none = Self {
                by_time,
                ..Self::default()
            };
            return (count, std::mem::replace(self, none));
        }
        let mut removed = Self::default();
        if count <= TIMES_REMOVED_MAX && self.by_time.is_some() {
            let ids: Vec<_> = self.ids_of(consumer, StreamId::MIN).collect();
            for id in ids {
                self.remove(id);
            }
        } else {
            removed.by_time = self.by_time.take();
            self.remove_neighbours_of(consumer);
        }
        let first = Owned::new(consumer, StreamId::MIN);
        let behind = Owned::new(consumer + 1, StreamId::MIN);
        removed.by_consumer = self.by_consumer.cut_out(&first, &behind);
        (count, removed)
    }

    /// Takes a consumer's entries out of those by ID; what lies in one leaf goes at once.
    fn remove_neighbours_of(&mut self, consumer: ConsumerNumber) {
        let mut from = Some(StreamId::MIN);
        while let Some(id) = from.and_then(|from| self.ids_of(consumer, from).next()) {
            let is_one = |_: &StreamId, pending: &PendingEntry| pending.consumer == consumer;
            let last = self.by_id.remove_near(&id, is_one);
            from = last.and_then(StreamId::next);
        }
    }

    /// Whether one of those that were delivered at `until_ms` or before is such as `is_one` says. All are looked at unless
    /// they were asked for in the order of time before.
    pub fn any_until(&self, until_ms: i64, mut is_one: impl FnMut(StreamId) -> bool) -> bool {
        let Some(by_time) = &self.by_time else {
            let all = self.iter_from(StreamId::MIN);
            let mut old = all.filter(|(_, entry)| entry.since <= until_ms);
            return old.any(|(id, _)| is_one(id));
        };
        by_time
            .iter()
            .take_while(|&((since, _), ())| since <= until_ms)
            .any(|((_, id), ())| is_one(id))
    }

    /// When the entry was delivered that has been pending for longest, or its place if it was released; see
    /// [`PendingEntry::idle_ms`]. The same holds for the time it takes.
    pub fn oldest_since(&self) -> Option<i64> {
        match &self.by_time {
            Some(by_time) => by_time.at(0).map(|((since, _), ())| since),
            None => self
                .iter_from(StreamId::MIN)
                .map(|(_, entry)| entry.since)
                .min(),
        }
    }

    /// How many were delivered at `until_ms` or before, or released; `None` if they were not asked for in the order of time
    /// before.
    pub fn len_until(&self, until_ms: i64) -> Option<u64> {
        let by_time = self.by_time.as_ref()?;
        Some(match until_ms.checked_add(1) {
            Some(behind_ms) => by_time.count_before(&(behind_ms, StreamId::MIN)),
            None => by_time.len(),
        })
    }

    /// The order of time, if it was asked for before.
    pub(super) fn by_time(&self) -> Option<&TimeOrder> {
        self.by_time.as_ref()
    }

    /// Keeps the order of time from now on, which has been made of all entries.
    pub(super) fn set_by_time(&mut self, by_time: TimeOrder) {
        debug_assert_eq!(by_time.len(), self.len());
        self.by_time = Some(by_time);
    }
}

#[cfg(test)]
impl Pending {
    /// Compares both other orders with the entries.
    pub(super) fn audit(&self) {
        let entries: Vec<_> = self.iter_from(StreamId::MIN).collect();
        let owned = |(id, entry): &(StreamId, PendingEntry)| {
            entry.consumer().map(|consumer| (consumer, *id))
        };
        let mut expected: Vec<_> = entries.iter().filter_map(owned).collect();
        expected.sort_unstable();
        let by_consumer = self.by_consumer.iter();
        assert!(
            by_consumer
                .map(|(owned, ())| (owned.0[0], owned.id()))
                .eq(expected)
        );
        if let Some(by_time) = &self.by_time {
            let mut expected: Vec<_> = entries
                .iter()
                .map(|(id, entry)| (entry.since, *id))
                .collect();
            expected.sort_unstable();
            assert!(by_time.iter().map(|(time, ())| time).eq(expected));
        }
    }
}
