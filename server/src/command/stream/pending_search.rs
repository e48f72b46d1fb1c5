//! Looking for pending entries: those that `XPENDING` shows.

use protocol::Reply;
use storage::blocks::Blocks;
use storage::collection::Collection;
use storage::collection::stream::{ConsumerNumber, Group, Pending, PendingEntry, Stream, StreamId};
use storage::{Keyspace, PinnedCollection};

use super::ids::write_id;
use super::listed::write_listed;
use super::pending::consumer_name;
use crate::command::bulk::{Answered, Steps};
use crate::long_reply::ELEMENTS_MIN;
use crate::output::Output;
use crate::server::Server;

/// Pending entries that are being looked for.
#[derive(Debug)]
pub(super) struct Search {
    min_idle_ms: i64,
    now_ms: i64,
    consumer: Option<ConsumerNumber>,
    /// Where to go on; `None`: nothing is left to do.
    next: Option<StreamId>,
    last: StreamId,
    left: usize,
    found: Blocks<(StreamId, PendingEntry)>,
}

impl Search {
    /// A search for up to `most` entries of a consumer, if one is given, with IDs from `first` to `last`, that have been
    /// pending for `min_idle_ms` or longer.
    pub(super) fn new(
        consumer: Option<ConsumerNumber>,
        (first, last): (StreamId, StreamId),
        min_idle_ms: i64,
        now_ms: i64,
        most: usize,
    ) -> Self {
        Self {
            min_idle_ms,
            now_ms,
            consumer,
            next: Some(first).filter(|_| most > 0),
            last,
            left: most,
            found: Blocks::new(),
        }
    }

    /// How many entries it may have to look at.
    pub(super) fn looks(&self, pending: &Pending) -> u64 {
        let Some(first) = self.next else {
            return 0;
        };
        let looks = match self.consumer {
            Some(consumer) => pending.len_of_from(consumer, first),
            None => pending.len() - pending.count_below(first),
        };
        match self.min_idle_ms {
            0 => looks.min(self.left as u64),
            _ => looks,
        }
    }

    /// Looks at up to `work` entries more of `pending`, which stays as it is meanwhile; whether that is not the end of it.
    pub(super) fn step(&mut self, pending: &Pending, work: usize) -> bool {
        let Some(next) = self.next.take() else {
            return false;
        };
        match self.consumer {
            None => self.look_at(pending.iter_from(next), work),
            Some(consumer) => {
                let ids = pending.ids_of(consumer, next);
                let entries = ids.filter_map(|id| Some((id, pending.get(id)?)));
                self.look_at(entries, work);
            }
        }
        self.next.is_some()
    }

    fn look_at(&mut self, entries: impl Iterator<Item = (StreamId, PendingEntry)>, work: usize) {
        for (number, (id, entry)) in entries.enumerate() {
            if id > self.last {
                break;
            }
            if number == work {
                self.next = Some(id);
                break;
            }
            let is_idle = self.min_idle_ms == 0 || entry.idle_ms(self.now_ms) >= self.min_idle_ms;
            if is_idle {
                self.found.push((id, entry));
                self.left -= 1;
                if self.left == 0 {
                    break;
                }
            }
        }
    }

    /// Writes what has been found in this group.
    pub(super) fn write(
        self,
        reply: &mut Output<'_>,
        stream: &Stream,
        group: &[u8],
        keyspace: &Keyspace,
    ) {
        let now_ms = self.now_ms;
        reply.array(self.found.len());
        if self.found.len() as u64 <= ELEMENTS_MIN
            && let Some(group) = stream.groups().get(group)
        {
            let found = self.found.iter();
            return found.for_each(|entry| write_pending(reply, group, entry, now_ms));
        }
        let name: Box<[u8]> = group.into();
        write_listed(
            reply,
            stream,
            keyspace,
            self.found,
            move |reply, stream, entry| {
                if let Some(group) = stream.groups().get(&name) {
                    write_pending(reply, group, entry, now_ms);
                }
            },
        );
    }
}

/// A search in a group of a pinned stream.
#[derive(Debug)]
pub(super) struct LongSearch {
    stream: PinnedCollection,
    group: Box<[u8]>,
    search: Search,
}

impl LongSearch {
    pub(super) fn new(stream: &Stream, group: &[u8], search: Search, keyspace: &Keyspace) -> Self {
        let clone = Collection::Stream(Box::new(stream.clone()));
        Self {
            stream: keyspace.pin_clone(clone),
            group: group.into(),
            search,
        }
    }
}

impl Steps for LongSearch {
    fn step(&mut self, work: usize) -> bool {
        let Collection::Stream(stream) = &*self.stream else {
            return false;
        };
        let group = stream.groups().get(&self.group);
        group.is_some_and(|group| self.search.step(group.pending(), work))
    }
}

impl Answered for LongSearch {
    fn write(self, reply: &mut Output<'_>, server: &Server) {
        if let Collection::Stream(stream) = &*self.stream {
            let keyspace = &server.keyspace;
            self.search.write(reply, stream, &self.group, keyspace);
        }
    }
}

fn write_pending(
    reply: &mut Reply<'_>,
    group: &Group,
    (id, entry): (StreamId, PendingEntry),
    now_ms: i64,
) {
    reply.array(4);
    write_id(reply, id);
    reply.bulk(consumer_name(group, entry));
    reply.integer(match entry.consumer() {
        Some(_) => entry.idle_ms(now_ms).max(0),
        // It was released: nobody has it.
        None => -1,
    });
    reply.integer(entry.deliveries.cast_signed());
}
