//! Entries as replies.

use protocol::{Reply, Version};
use storage::collection::Collection;
use storage::collection::stream::{Entry, Stream, StreamId};
use storage::{Keyspace, PinnedCollection};

use super::budget::Budget;
use super::ids::write_id;
use crate::long_reply::is_long;
use crate::output::{DeferredHeader, Output, ReplySource, write_value};

/// Entries that a client wants, of those that there are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Wanted {
    /// The lowest ID.
    pub(super) first: StreamId,
    /// The highest one.
    pub(super) last: StreamId,
    /// How many at most.
    pub(super) most: u64,
    /// Whether the highest one comes first.
    pub(super) backwards: bool,
}

impl Wanted {
    /// Up to `most` entries from `first` on.
    pub(super) fn from(first: StreamId, most: u64) -> Self {
        Self {
            first,
            last: StreamId::MAX,
            most,
            backwards: false,
        }
    }

    /// Answers them as an array.
    pub(super) fn reply(self, reply: &mut Output<'_>, stream: &Stream, keyspace: &Keyspace) {
        let most = self.most.min(stream.len());
        if is_long(reply, most, stream.len(), stream.entries().memory_bytes()) {
            return self.reply_with_many(reply, stream, keyspace);
        }
        let header = reply.begin_deferred();
        let mut count = 0;
        self.each_while(stream, |entry| {
            write_entry(reply, entry);
            count += 1;
            count < self.most
        });
        reply.end_deferred_array(header, count as usize);
    }

    /// As [`Wanted::reply`], where it may be many: these are counted first.
    #[cold]
    fn reply_with_many(mut self, reply: &mut Output<'_>, stream: &Stream, keyspace: &Keyspace) {
        let count = stream.entries().count(self.first, self.last);
        self.most = self.most.min(count);
        reply.array(self.most as usize);
        self.write(None, reply, stream, keyspace);
    }

    /// Writes as many entries as are wanted, which must be there, with these counters behind each of them; see
    /// [`write_entry_with`].
    pub(super) fn write(
        self,
        counters: Option<(i64, i64)>,
        reply: &mut Output<'_>,
        stream: &Stream,
        keyspace: &Keyspace,
    ) {
        if is_long(
            reply,
            self.most,
            stream.len(),
            stream.entries().memory_bytes(),
        ) {
            let stream = Collection::Stream(Box::new(stream.clone()));
            reply.rest_from(Box::new(Rest {
                stream: keyspace.pin_clone(stream),
                wanted: self,
                counters,
            }));
            return;
        }
        let mut left = self.most;
        self.each_while(stream, |entry| {
            write_entry_with(reply, entry, counters);
            left -= 1;
            left > 0
        });
    }

    /// Answers them as those of the stream at `key`, as far as `budget` goes; whether it is in the reply.
    pub(super) fn reply_within(
        mut self,
        budget: &mut Budget,
        key: &[u8],
        reply: &mut Output<'_>,
        stream: &Stream,
        keyspace: &Keyspace,
    ) -> bool {
        if budget.is_spent() {
            return false;
        }
        if !budget.counts_bytes() {
            self.most = budget.entries(self.most);
            budget.spend(stream.entries().count(self.first, self.last).min(self.most));
            begin_stream(reply, key);
            self.reply(reply, stream, keyspace);
            return true;
        }
        let (mut header, mut count) = (None, 0);
        self.each_while(stream, |entry| {
            let key = header.is_none().then_some(key);
            if !budget.admits(key, |reply| write_entry(reply, entry.clone())) {
                return false;
            }
            if let Some(key) = key {
                begin_stream(reply, key);
                header = Some(reply.begin_deferred());
            }
            write_entry(reply, entry);
            count += 1;
            count < self.most
        });
        if let Some(header) = header {
            reply.end_deferred_array(header, count as usize);
        }
        count > 0
    }

    /// Shows `visit` entries in order for as long as it says, however many are wanted, but not if none is.
    fn each_while<'s>(&self, stream: &'s Stream, visit: impl FnMut(Entry<'s>) -> bool) {
        if self.most == 0 {
            return;
        }
        let (entries, mut visit) = (stream.entries(), visit);
        if self.backwards {
            let mut entries = entries.range_back(self.first, self.last);
            while entries.next().is_some_and(&mut visit) {}
        } else {
            let mut entries = entries.range(self.first, self.last);
            while entries.next().is_some_and(&mut visit) {}
        }
    }

    /// Leaves out `count` entries, the last of which has this ID.
    fn skip(&mut self, count: u64, id: StreamId) {
        self.most -= count;
        let next = if self.backwards {
            self.last = id.previous().unwrap_or(StreamId::MIN);
            id.previous()
        } else {
            self.first = id.next().unwrap_or(StreamId::MAX);
            id.next()
        };
        if next.is_none() {
            self.most = 0;
        }
    }
}

/// Entries of a stream as it was when they were asked for.
#[derive(Debug)]
struct Rest {
    stream: PinnedCollection,
    wanted: Wanted,
    counters: Option<(i64, i64)>,
}

impl ReplySource for Rest {
    fn write_some(&mut self, reply: &mut Reply<'_>, bytes: usize) -> bool {
        let Collection::Stream(stream) = &*self.stream else {
            unreachable!("a stream was pinned")
        };
        let end = reply.position() + bytes;
        let (mut count, mut last) = (0, None);
        self.wanted.each_while(stream, |entry| {
            last = Some(entry.id);
            write_entry_with(reply, entry, self.counters);
            count += 1;
            count < self.wanted.most && reply.position() < end
        });
        let Some(last) = last else {
            return false;
        };
        self.wanted.skip(count, last);
        self.wanted.most > 0
    }

    fn held_bytes(&self) -> usize {
        self.stream.memory_bytes()
    }
}

/// Begins a reply of `count` streams with their entries: a map in RESP3, pairs in RESP2.
#[inline]
pub(super) fn begin_streams(reply: &mut Reply<'_>, count: usize) {
    match reply.version() {
        Version::Resp2 => reply.array(count),
        Version::Resp3 => reply.map(count),
    }
}

/// The same once they are written, where their number was not known.
pub(super) fn end_streams(reply: &mut Output<'_>, header: DeferredHeader, count: usize) {
    match reply.version() {
        Version::Resp2 => reply.end_deferred_array(header, count),
        Version::Resp3 => reply.end_deferred_map(header, count),
    }
}

/// Begins one of these streams; its entries follow.
#[inline]
pub(super) fn begin_stream(reply: &mut Reply<'_>, key: &[u8]) {
    if reply.version() == Version::Resp2 {
        reply.array(2);
    }
    reply.bulk(key);
}

/// Writes an entry: its ID, and fields and values in turn.
#[inline]
pub(super) fn write_entry(reply: &mut Reply<'_>, entry: Entry<'_>) {
    reply.array(2);
    write_fields(reply, entry);
}

#[inline]
fn write_fields(reply: &mut Reply<'_>, entry: Entry<'_>) {
    write_id(reply, entry.id);
    reply.array(2 * entry.fields.len());
    for (field, value) in entry.fields {
        write_value(reply, field);
        write_value(reply, value);
    }
}

/// The same, with how long it has been pending and how often it was delivered behind it, if that is wanted.
pub(super) fn write_entry_with(
    reply: &mut Reply<'_>,
    entry: Entry<'_>,
    counters: Option<(i64, i64)>,
) {
    let Some((idle_ms, deliveries)) = counters else {
        return write_entry(reply, entry);
    };
    reply.array(4);
    write_fields(reply, entry);
    reply.integer(idle_ms);
    reply.integer(deliveries);
}

#[cfg(test)]
mod tests {
    use storage::collection::stream::{NewId, NodeLimits};
    use storage::{KeyspaceOptions, UnixMillis};

    use super::*;
    use crate::output::Outbox;

    #[test]
    fn the_rest_comes_piece_by_piece_in_either_direction() {
        let keyspace = Keyspace::new(KeyspaceOptions {
            shards: 1,
            databases: 1,
            seed: 1,
            maxmemory_bytes: 0,
        });
        let mut stream = Stream::new();
        for number in 1..=5_000 {
            let id = NewId::Given(StreamId::new(number / 7, number));
            let value = number.to_string();
            let fields = [(&b"field"[..], value.as_bytes())];
            stream
                .add(id, &fields, UnixMillis(0), NodeLimits::default())
                .unwrap();
        }
        let all = stream.entries();
        for backwards in [false, true] {
            let wanted = Wanted {
                first: StreamId::new(3, 0),
                last: StreamId::new(700, 4_905),
                most: 4_500,
                backwards,
            };
            let mut expected = Vec::new();
            let mut reply = Reply::new(&mut expected, Version::Resp2);
            if backwards {
                let entries = all.range_back(wanted.first, wanted.last);
                entries
                    .take(4_500)
                    .for_each(|entry| write_entry(&mut reply, entry));
            } else {
                let entries = all.range(wanted.first, wanted.last);
                entries
                    .take(4_500)
                    .for_each(|entry| write_entry(&mut reply, entry));
            }
            let mut outbox = Outbox::default();
            wanted.reply(&mut outbox.reply(Version::Resp2), &stream, &keyspace);
            assert_eq!(outbox.bytes, b"*4500\r\n");
            let mut rest = Rest {
                stream: keyspace.pin_clone(Collection::Stream(Box::new(stream.clone()))),
                wanted,
                counters: None,
            };
            let (mut bytes, mut pieces) = (Vec::new(), 1);
            while rest.write_some(&mut Reply::new(&mut bytes, Version::Resp2), 1_000) {
                pieces += 1;
            }
            assert!(pieces > 40, "{pieces} pieces");
            assert!(bytes == expected, "backwards: {backwards}");
        }
    }
}
