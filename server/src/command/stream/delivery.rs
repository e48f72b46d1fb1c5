//! What `XREADGROUP` delivers of a stream.

use protocol::Reply;
use storage::collection::stream::{
    Claim, Claimed, ConsumerNumber, Entries, Entry, Group, StreamId,
};
use storage::typed::StreamEdit;
use storage::{Keyspace, UnixMillis};

use super::budget::Budget;
use super::entries::{Wanted, begin_stream, write_entry, write_entry_with};
use super::group_read::Reading;
use super::ids::write_id;
use super::log::GroupLog;
use crate::long_reply::ELEMENTS_MIN;
use crate::output::{DeferredHeader, Output};

/// Entries on their way to a consumer.
pub(super) struct Delivery<'d, 'c, 'e, 'o> {
    pub(super) edit: &'d mut StreamEdit<'c, 'e>,
    pub(super) reply: &'d mut Output<'o>,
    pub(super) reading: &'d Reading<'d>,
    pub(super) budget: &'d mut Budget,
    pub(super) consumer: ConsumerNumber,
    pub(super) now: UnixMillis,
    pub(super) log: &'d mut GroupLog,
}

impl Delivery<'_, '_, '_, '_> {
    /// Delivers what is new, if anything is, and before that what others have had pending for too long, if that is wanted;
    /// whether the stream is in the reply.
    pub(super) fn deliver_new(&mut self, key: &[u8], keyspace: &Keyspace) -> bool {
        if self.reading.min_idle_ms.is_some() || self.budget.counts_bytes() {
            return self.deliver_one_by_one(key);
        }
        let stream = self.edit.stream();
        let group = stream.groups().get(self.reading.reader.group);
        let Some(first) = group.and_then(|group| first_new(stream.entries(), group)) else {
            return false;
        };
        begin_stream(self.reply, key);
        let most = self.budget.entries(self.reading.most);
        let may_be_many = most.min(stream.len()) > ELEMENTS_MIN;
        let wanted = if may_be_many {
            let wanted = self.deliver_from(first, most, |_, _| {});
            wanted.reply(self.reply, self.edit.stream(), keyspace);
            wanted
        } else {
            let header = self.reply.begin_deferred();
            let wanted = self.deliver_from(first, most, write_entry);
            self.reply.end_deferred_array(header, wanted.most as usize);
            wanted
        };
        self.budget.spend(wanted.most);
        self.edit.changed_aside(1);
        true
    }

    /// Delivers up to `most` entries, from the one with the ID `first` on, each once `write` has seen it; which ones it
    /// was.
    fn deliver_from(
        &mut self,
        first: StreamId,
        most: u64,
        mut write: impl FnMut(&mut Reply<'_>, Entry<'_>),
    ) -> Wanted {
        let mut delivered = Wanted {
            last: first,
            ..Wanted::from(first, 0)
        };
        let Some(mut group) = self.edit.group(self.reading.reader.group) else {
            return delivered;
        };
        let needs_ack = self.reading.needs_ack;
        for entry in group.entries().range(first, StreamId::MAX) {
            (delivered.last, delivered.most) = (entry.id, delivered.most + 1);
            write(self.reply, entry);
            group.deliver(self.consumer, delivered.last, needs_ack, self.now);
            if needs_ack {
                self.log.claimed_now(group.as_group(), delivered.last);
            }
            if delivered.most == most {
                break;
            }
        }
        self.log.progressed(group.as_group());
        delivered
    }

    /// As [`Delivery::deliver_new`], where each entry has to be looked at before it is delivered.
    fn deliver_one_by_one(&mut self, key: &[u8]) -> bool {
        let Some(mut group) = self.edit.group(self.reading.reader.group) else {
            return false;
        };
        let (reply, budget, now) = (&mut *self.reply, &mut *self.budget, self.now);
        let mut list = List {
            key,
            header: None,
            count: 0,
            has_more: true,
        };
        let mut changes = 0;
        if let Some(min_idle_ms) = self.reading.min_idle_ms {
            let claim = Claim {
                min_idle_ms,
                delivered_at_ms: now.0,
                deliveries: None,
                counts: true,
                force: false,
            };
            let most = budget.entries(self.reading.most);
            let most = usize::try_from(most).unwrap_or(usize::MAX);
            // Where all that were found are gone from the stream there may be others behind them.
            loop {
                let idle = group.idle_longest(min_idle_ms, most, now);
                let are_gone =
                    !idle.is_empty() && !idle.iter().any(|(id, _)| group.entries().contains(*id));
                for (id, before) in idle {
                    let idle_ms = before.consumer().map_or(-1, |_| before.idle_ms(now.0));
                    let counters = Some((idle_ms, before.deliveries.cast_signed()));
                    if let Some(entry) = group.entries().range(id, id).next()
                        && !list.push(reply, budget, entry, counters)
                    {
                        break;
                    }
                    match group.claim(self.consumer, id, &claim, now) {
                        Claimed::Yes => self.log.claimed_now(group.as_group(), id),
                        Claimed::Gone(before) => self.log.claimed(group.as_group(), id, before),
                        Claimed::No => continue,
                    }
                    changes += 1;
                }
                if !are_gone {
                    break;
                }
            }
        }
        let first = first_new(group.entries(), group.as_group());
        let new = first.map(|first| group.entries().range(first, StreamId::MAX));
        let counters = self.reading.min_idle_ms.map(|_| (0, 0));
        let mut is_ahead = false;
        for entry in new.into_iter().flatten() {
            let id = entry.id;
            if list.count == self.reading.most || !list.push(reply, budget, entry, counters) {
                break;
            }
            group.deliver(self.consumer, id, self.reading.needs_ack, now);
            if self.reading.needs_ack {
                self.log.claimed_now(group.as_group(), id);
            }
            (is_ahead, changes) = (true, changes + 1);
        }
        if is_ahead {
            self.log.progressed(group.as_group());
        }
        drop(group);
        self.edit.changed_aside(changes);
        list.end(reply)
    }

    /// Delivers what the consumer has pending behind `id` once more. Entries that are gone are shown without fields.
    pub(super) fn redeliver(&mut self, key: &[u8], id: StreamId) {
        let (reply, budget) = (&mut *self.reply, &mut *self.budget);
        begin_stream(reply, key);
        let group = self.edit.group(self.reading.reader.group);
        let (Some(mut group), Some(first)) = (group, id.next()) else {
            reply.array(0);
            return;
        };
        let most = usize::try_from(budget.entries(self.reading.most)).unwrap_or(usize::MAX);
        let ids = group.as_group().pending().ids_of(self.consumer, first);
        let ids: Vec<StreamId> = ids.take(most).collect();
        let (header, mut count) = (reply.begin_deferred(), 0);
        for id in ids {
            let entry = group.entries().range(id, id).next();
            let is_there = entry.is_some();
            let write = |reply: &mut Reply<'_>| match entry.clone() {
                Some(entry) => write_entry(reply, entry),
                None => {
                    reply.array(2);
                    write_id(reply, id);
                    reply.null_array();
                }
            };
            if !budget.admits(None, write) {
                break;
            }
            write(reply);
            count += 1;
            if is_there {
                group.redeliver(id, self.now);
            }
        }
        reply.end_deferred_array(header, count);
    }
}

/// The entries of a stream, which is in the reply if there is one.
struct List<'k> {
    key: &'k [u8],
    header: Option<DeferredHeader>,
    count: u64,
    /// Whether the reply may go on.
    has_more: bool,
}

impl List<'_> {
    /// Writes an entry, with how long it has been pending and how often it was delivered if that is wanted; whether there
    /// was room for it. Without room for one there is none for a later one either.
    fn push(
        &mut self,
        reply: &mut Output<'_>,
        budget: &mut Budget,
        entry: Entry<'_>,
        counters: Option<(i64, i64)>,
    ) -> bool {
        let key = self.header.is_none().then_some(self.key);
        let write = |reply: &mut Reply<'_>| write_entry_with(reply, entry.clone(), counters);
        self.has_more = self.has_more && budget.admits(key, write);
        if !self.has_more {
            return false;
        }
        if let Some(key) = key {
            begin_stream(reply, key);
            self.header = Some(reply.begin_deferred());
        }
        write(reply);
        self.count += 1;
        true
    }

    /// Whether there is any.
    fn end(self, reply: &mut Output<'_>) -> bool {
        if let Some(header) = self.header {
            reply.end_deferred_array(header, self.count as usize);
        }
        self.count > 0
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
