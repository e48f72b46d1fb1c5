//! What `XREADGROUP` delivers of a stream.
//!
//! It is found out and noted in the group first, step by step, and written afterwards: much of it is done in a group that
//! is made ahead, see [`read_ahead`](super::read_ahead).

use protocol::Reply;
use storage::blocks::Blocks;
use storage::collection::stream::{
    Claim, Claimed, ConsumerNumber, Entries, Group, GroupMut, IdleScan, Stream, StreamId,
};
use storage::{Keyspace, UnixMillis};

use super::budget::Budget;
use super::entries::{Wanted, begin_stream, write_entry, write_entry_with};
use super::group_read::Reading;
use super::ids::write_id;
use super::listed::write_listed;
use super::log::GroupLog;
use crate::output::Output;

/// What delivering a new entry costs, in looks at an entry; likewise the next ones.
const NEW_COST: u64 = 1;
const AGAIN_COST: u64 = 3;
const CLAIM_COST: u64 = 6;
/// Entries that are put in the order of time cost one look each.
const ORDER_COST: u64 = 1;

/// Bytes of an entry that are written in the time of a look.
const BYTES_PER_LOOK: usize = 512;

/// What a consumer wants of a stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Start {
    /// `>`: what was delivered to nobody yet.
    New,
    /// What it has pending behind this ID.
    History(StreamId),
}

/// Who reads which stream.
#[derive(Clone, Copy, Debug)]
pub(super) struct Visit<'a> {
    pub(super) key: &'a [u8],
    pub(super) reading: &'a Reading<'a>,
    pub(super) consumer: ConsumerNumber,
    pub(super) now: UnixMillis,
}

/// An entry that has been claimed.
#[derive(Clone, Copy, Debug)]
struct ClaimedEntry {
    id: StreamId,
    /// For how long it had been pending, in milliseconds; -1 if it was nobody's.
    idle_ms: i64,
    /// How often it had been delivered.
    deliveries: i64,
}

/// Entries on their way to a consumer.
#[derive(Debug)]
pub(super) struct Delivery {
    phase: Phase,
    /// What others have had pending for too long.
    claimed: Blocks<ClaimedEntry>,
    /// What the consumer has had pending.
    again: Blocks<StreamId>,
    /// What is new.
    new: Wanted,
    /// Whether the reply says of each entry how it was pending.
    has_counters: bool,
    /// Whether the stream is in the reply even if it has nothing.
    is_always_in: bool,
    changes: u64,
}

/// What is being looked for.
#[derive(Debug)]
enum Phase {
    /// What has been pending for too long.
    Claim(IdleScan),
    /// What is new, from this ID on.
    New(StreamId),
    /// What the consumer has pending from this ID on.
    History(StreamId),
    Over,
}

impl Delivery {
    /// What a consumer of `group` will get. Claims come before what is new.
    pub(super) fn begin(
        group: &mut GroupMut<'_>,
        reading: &Reading<'_>,
        start: Start,
        budget: &Budget,
        now: UnixMillis,
    ) -> Self {
        let phase = match (start, reading.min_idle_ms) {
            (Start::History(id), _) => id.next().map_or(Phase::Over, Phase::History),
            (Start::New, None) => Phase::new(group),
            (Start::New, Some(min_idle_ms)) => {
                let most = budget.entries(reading.most);
                let most = usize::try_from(most).unwrap_or(usize::MAX);
                Phase::Claim(group.scan_idle(min_idle_ms, most, now))
            }
        };
        Self {
            phase,
            claimed: Blocks::new(),
            again: Blocks::new(),
            new: Wanted::from(StreamId::MIN, 0),
            has_counters: start == Start::New && reading.min_idle_ms.is_some(),
            is_always_in: start != Start::New,
            changes: 0,
        }
    }

    /// How much work it will be at most, in looks at an entry.
    pub(super) fn cost(
        stream: &Stream,
        group: &Group,
        reading: &Reading<'_>,
        start: Start,
        budget: &Budget,
        now: UnixMillis,
    ) -> u64 {
        let most = budget.entries(reading.most);
        let pending = group.pending();
        let cost = match start {
            Start::History(id) => {
                let consumer = group.consumers().find(reading.reader.consumer);
                let owned = consumer.zip(id.next());
                let owned = owned.map_or(0, |(consumer, from)| pending.len_of_from(consumer, from));
                most.min(owned).saturating_mul(AGAIN_COST)
            }
            Start::New => {
                let from = group.last_id().next();
                let new = from.map_or(0, |from| stream.entries().most_from(from));
                let new = most.min(new).saturating_mul(NEW_COST);
                let claims = reading.min_idle_ms.map_or(0, |min_idle_ms| {
                    let until_ms = now.0.saturating_sub(min_idle_ms);
                    match pending.len_until(until_ms) {
                        Some(idle) => most.min(idle).saturating_mul(CLAIM_COST),
                        None => pending.len().saturating_mul(ORDER_COST + CLAIM_COST),
                    }
                });
                new.saturating_add(claims)
            }
        };
        match budget.counts_bytes() {
            // Each entry is written, to see how long it is.
            true => cost.saturating_mul(1 + (stream.mean_bytes() / BYTES_PER_LOOK) as u64),
            false => cost,
        }
    }

    /// Goes on through about `work` entries; whether that is not the end of it.
    pub(super) fn step(
        &mut self,
        group: &mut GroupMut<'_>,
        visit: &Visit<'_>,
        budget: &mut Budget,
        log: &mut GroupLog,
        work: usize,
    ) -> bool {
        match &self.phase {
            Phase::Claim(_) => self.claim_some(group, visit, budget, log, work),
            Phase::New(from) => self.deliver_some(*from, group, visit, budget, log, work),
            Phase::History(from) => self.redeliver_some(*from, group, visit, budget, work),
            Phase::Over => {}
        }
        !matches!(self.phase, Phase::Over)
    }

    /// Claims what has been pending for too long. Whatever is pending may be gone from the stream, and is not pending any
    /// more then.
    fn claim_some(
        &mut self,
        group: &mut GroupMut<'_>,
        visit: &Visit<'_>,
        budget: &mut Budget,
        log: &mut GroupLog,
        work: usize,
    ) {
        let (Phase::Claim(scan), Some(min_idle_ms)) = (&mut self.phase, visit.reading.min_idle_ms)
        else {
            return;
        };
        if group.order_some(scan, work) {
            return;
        }
        let now = visit.now;
        let claim = Claim {
            min_idle_ms,
            delivered_at_ms: now.0,
            deliveries: None,
            counts: true,
            force: false,
        };
        for _ in 0..work {
            let Some((id, before)) = group.next_idle(scan) else {
                self.phase = Phase::new(group);
                return;
            };
            let idle_ms = before.consumer().map_or(-1, |_| before.idle_ms(now.0));
            let deliveries = before.deliveries.cast_signed();
            if let Some(entry) = group.entries().range(id, id).next() {
                let key = self.claimed.is_empty().then_some(visit.key);
                let counters = Some((idle_ms, deliveries));
                if !budget.admits(key, |reply| write_entry_with(reply, entry, counters)) {
                    self.phase = Phase::Over;
                    return;
                }
            }
            match group.claim(visit.consumer, id, &claim, now) {
                Claimed::Yes => {
                    self.claimed.push(ClaimedEntry {
                        id,
                        idle_ms,
                        deliveries,
                    });
                    log.claimed_now(group.as_group(), id);
                }
                Claimed::Gone(before) => log.claimed(group.as_group(), id, before),
                Claimed::No => continue,
            }
            self.changes += 1;
        }
    }

    /// Delivers what is new.
    fn deliver_some(
        &mut self,
        from: StreamId,
        group: &mut GroupMut<'_>,
        visit: &Visit<'_>,
        budget: &mut Budget,
        log: &mut GroupLog,
        work: usize,
    ) {
        let reading = visit.reading;
        let counters = self.has_counters.then_some((0, 0));
        let mut next = None;
        for (number, entry) in group.entries().range(from, StreamId::MAX).enumerate() {
            let id = entry.id;
            if number == work {
                next = Some(id);
                break;
            }
            let count = self.claimed.len() as u64 + self.new.most;
            let key = (count == 0).then_some(visit.key);
            if count == reading.most
                || !budget.admits(key, |reply| write_entry_with(reply, entry, counters))
            {
                break;
            }
            group.deliver(visit.consumer, id, reading.needs_ack, visit.now);
            if reading.needs_ack {
                log.claimed_now(group.as_group(), id);
            }
            if self.new.most == 0 {
                self.new.first = id;
            }
            (self.new.last, self.new.most) = (id, self.new.most + 1);
        }
        self.phase = next.map_or(Phase::Over, Phase::New);
        if next.is_none() && self.new.most > 0 {
            log.progressed(group.as_group());
            // To Redis one reading is one change.
            self.changes += if self.has_counters || budget.counts_bytes() {
                self.new.most
            } else {
                1
            };
        }
    }

    /// Delivers what the consumer has pending once more, but for entries that are gone: these are only shown.
    fn redeliver_some(
        &mut self,
        from: StreamId,
        group: &mut GroupMut<'_>,
        visit: &Visit<'_>,
        budget: &mut Budget,
        work: usize,
    ) {
        let left = visit.reading.most - self.again.len() as u64;
        let left = usize::try_from(budget.entries(left)).unwrap_or(usize::MAX);
        let count = work.min(left);
        let ids = group.as_group().pending().ids_of(visit.consumer, from);
        let ids: Vec<StreamId> = ids.take(count).collect();
        // To Redis one reading is one change.
        self.changes = 1;
        let next = ids.last().and_then(|last| last.next());
        let is_over = ids.len() < count || count == left;
        self.phase = next
            .filter(|_| !is_over)
            .map_or(Phase::Over, Phase::History);
        for id in ids {
            let entries = group.entries();
            let is_there = entries.contains(id);
            if !budget.admits(None, |reply| write_again(reply, entries, id)) {
                self.phase = Phase::Over;
                return;
            }
            self.again.push(id);
            if is_there {
                group.redeliver(id, visit.now);
            }
        }
    }

    /// How many changes it was.
    pub(super) fn changes(&self) -> u64 {
        self.changes
    }

    /// Writes the stream at `key` with what it delivers, once nothing is left to do; whether it is in the reply.
    pub(super) fn reply(
        self,
        key: &[u8],
        reply: &mut Output<'_>,
        stream: &Stream,
        keyspace: &Keyspace,
    ) -> bool {
        let count = self.claimed.len() + self.again.len() + self.new.most as usize;
        if count == 0 && !self.is_always_in {
            return false;
        }
        begin_stream(reply, key);
        reply.array(count);
        let counters = self.has_counters.then_some((0, 0));
        write_listed(
            reply,
            stream,
            keyspace,
            self.claimed,
            |reply, stream, claimed| {
                let counters = Some((claimed.idle_ms, claimed.deliveries));
                let mut entries = stream.entries().range(claimed.id, claimed.id);
                if let Some(entry) = entries.next() {
                    write_entry_with(reply, entry, counters);
                }
            },
        );
        write_listed(reply, stream, keyspace, self.again, |reply, stream, id| {
            write_again(reply, stream.entries(), id);
        });
        self.new.write(counters, reply, stream, keyspace);
        true
    }
}

impl Phase {
    fn new(group: &GroupMut<'_>) -> Self {
        let first = group.as_group().last_id().next();
        let first = first.filter(|&first| first <= group.entries().last_id());
        first.map_or(Phase::Over, Phase::New)
    }
}

/// Writes an entry that was delivered before. One that is gone is shown without fields.
fn write_again(reply: &mut Reply<'_>, entries: &Entries, id: StreamId) {
    match entries.range(id, id).next() {
        Some(entry) => write_entry(reply, entry),
        None => {
            reply.array(2);
            write_id(reply, id);
            reply.null_array();
        }
    }
}

/// The first entry that was not delivered to the group.
pub(super) fn first_new(entries: &Entries, group: &Group) -> Option<StreamId> {
    let first = group
        .last_id()
        .next()
        .filter(|&first| first <= entries.last_id())?;
    let entry = entries.range(first, StreamId::MAX).next()?;
    Some(entry.id)
}
