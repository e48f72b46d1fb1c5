//! Members and scores as replies.

use std::ops::Range;

use protocol::{Reply, Version};
use storage::listpack::Value;
use storage::typed::CollectionRef;
use storage::typed::sorted_set::{Pair, SortedSetRef};
use storage::{ElementHasher, PinnedCollection};

use crate::command::Context;
use crate::long_reply::is_long;
use crate::output::{Output, ReplySource};
use crate::server::Server;

/// The header of an array of `count` members, with or without scores.
pub(super) fn begin_pairs(reply: &mut Reply<'_>, count: u64, with_scores: bool) {
    let values = match (with_scores, reply.version()) {
        (true, Version::Resp2) => 2 * count,
        _ => count,
    };
    reply.array(values as usize);
}

/// A member as one of an array, with its score or without: in RESP3 a member with its score is an array.
#[inline]
pub(crate) fn write_pair(reply: &mut Reply<'_>, (member, score): Pair<'_>, with_scores: bool) {
    if with_scores && reply.version() == Version::Resp3 {
        reply.array(2);
    }
    write_member(reply, member);
    if with_scores {
        reply.double(score);
    }
}

/// A member and its score in an array.
#[inline]
pub(super) fn write_nested(reply: &mut Reply<'_>, (member, score): Pair<'_>) {
    reply.array(2);
    write_member(reply, member);
    reply.double(score);
}

/// A member.
#[inline]
pub(super) fn write_member(reply: &mut Reply<'_>, member: Value<'_>) {
    match member {
        Value::Bytes(bytes) => reply.bulk(bytes),
        Value::Int(integer) => reply.bulk_integer(integer),
    }
}

/// Which members of a set are answered, and how.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Shown {
    /// Those with these ranks.
    pub(super) ranks: Range<u64>,
    /// From the last one to the first.
    pub(super) is_reversed: bool,
    /// Each with its score.
    pub(super) with_scores: bool,
    /// Each with its score in an array, in RESP2 too.
    pub(super) is_nested: bool,
}

impl Shown {
    /// Answers them as an array.
    pub(super) fn write(self, output: &mut Output<'_>, server: &Server, set: SortedSetRef<'_>) {
        let count = self.ranks.end.saturating_sub(self.ranks.start);
        begin_pairs(output, count, self.with_scores);
        self.write_behind_header(output, server, set);
    }

    /// Answers them, whose header has been written.
    pub(super) fn write_behind_header(
        self,
        output: &mut Output<'_>,
        server: &Server,
        set: SortedSetRef<'_>,
    ) {
        let count = self.ranks.end.saturating_sub(self.ranks.start);
        match set.big() {
            Some(big) if is_long(output, count, big.len(), big.memory_bytes()) => {
                output.rest_from(Box::new(PinnedPairs {
                    pin: server.keyspace.pin(big),
                    hasher: set.hasher(),
                    left: self,
                }))
            }
            _ => {
                self.write_some(output, set, usize::MAX);
            }
        }
    }

    /// Writes members until they take `bytes` bytes or more; how many it was.
    fn write_some(&self, reply: &mut Reply<'_>, set: SortedSetRef<'_>, bytes: usize) -> u64 {
        let end = reply.position().saturating_add(bytes);
        let mut written = 0;
        let mut write = |pair: Pair<'_>| {
            if self.is_nested {
                write_nested(reply, pair);
            } else {
                write_pair(reply, pair, self.with_scores);
            }
            written += 1;
            reply.position() < end
        };
        if self.is_reversed {
            set.iter_back(self.ranks.clone()).all(&mut write);
        } else {
            set.iter(self.ranks.clone()).all(&mut write);
        }
        written
    }
}

/// Members of a big set that are still to be answered.
#[derive(Debug)]
struct PinnedPairs {
    pin: PinnedCollection,
    hasher: ElementHasher,
    left: Shown,
}

impl ReplySource for PinnedPairs {
    fn write_some(&mut self, reply: &mut Reply<'_>, bytes: usize) -> bool {
        let set = SortedSetRef::of(CollectionRef::Big(&self.pin), self.hasher);
        let set = set.expect("a sorted set was pinned");
        let written = self.left.write_some(reply, set, bytes);
        let ranks = &mut self.left.ranks;
        if self.left.is_reversed {
            ranks.end -= written;
        } else {
            ranks.start += written;
        }
        ranks.start < ranks.end
    }

    fn held_bytes(&self) -> usize {
        self.pin.memory_bytes()
    }
}

/// Answers members that do not lie in a set, as an array.
pub(super) fn reply_with_pairs(ctx: &mut Context<'_, '_>, pairs: &[Pair<'_>], with_scores: bool) {
    begin_pairs(&mut ctx.reply, pairs.len() as u64, with_scores);
    for pair in pairs {
        write_pair(&mut ctx.reply, *pair, with_scores);
    }
}
