//! Calls of `SSCAN`, `HSCAN` and `ZSCAN` that visit many elements of a big collection.
//!
//! They go through a pin in slices and note only which elements are to be answered; these are written as the client takes
//! them.

use std::ops::Range;

use protocol::Reply;
use storage::collection::Collection;
use storage::collection::fields::{Element, ElementHash, FieldTree};
use storage::glob::glob_match;
use storage::{PinnedCollection, UnixMillis};

use super::Context;
use super::bulk::{Answered, Steps, answer};
use crate::output::{Output, ReplySource};
use crate::server::Server;

/// Numbers of elements, in the order in which they are to be answered.
#[derive(Debug, Default)]
pub(crate) struct Found {
    /// Elements one behind the other.
    runs: Vec<Range<u64>>,
    /// The run that is the next to be answered.
    next: usize,
    /// How many elements have been noted.
    pub(crate) count: usize,
}

impl Found {
    /// Notes an element.
    pub(crate) fn push(&mut self, number: u64) {
        self.count += 1;
        match self.runs.last_mut() {
            Some(run) if run.end == number => run.end += 1,
            _ => self.runs.push(number..number + 1),
        }
    }

    /// Memory that it takes.
    pub(crate) fn memory_bytes(&self) -> usize {
        self.runs.capacity() * size_of::<Range<u64>>()
    }

    /// Goes on answering: `elements` are those from the first number of a run to the end of the run, and `write` writes one.
    /// Stops behind the element with which there are `bytes` more, or one byte; whether some may be left.
    pub(crate) fn write_some<E: Iterator>(
        &mut self,
        reply: &mut Reply<'_>,
        bytes: usize,
        elements: impl Fn(Range<u64>) -> E,
        mut write: impl FnMut(&mut Reply<'_>, E::Item),
    ) -> bool {
        let end = reply.position().saturating_add(bytes.max(1));
        while let Some(run) = self.runs.get_mut(self.next) {
            for element in elements(run.clone()) {
                if reply.position() >= end {
                    return true;
                }
                write(reply, element);
                run.start += 1;
            }
            self.next += 1;
        }
        false
    }
}

/// What of each element is answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Shows {
    /// Members, or fields.
    Names,
    /// Fields and their values.
    NamesAndValues,
}

/// A walk through a big set or hash.
#[derive(Debug)]
pub(crate) struct FieldWalk {
    pin: PinnedCollection,
    shows: Shows,
    pattern: Option<Box<[u8]>>,
    /// Fields that expired before are not answered.
    now: UnixMillis,
    /// Where it stands; `None` at the end.
    cursor: Option<ElementHash>,
    /// How many elements stand before.
    number: u64,
    /// Elements that are still to be visited.
    left: usize,
    found: Found,
}

/// Answers a call that visits `count` elements, or more, of a big set or hash.
pub(crate) fn walk_fields(
    ctx: &mut Context<'_, '_>,
    pin: PinnedCollection,
    shows: Shows,
    pattern: Option<&[u8]>,
    cursor: u64,
    count: usize,
) {
    let cursor = ElementHash::try_from(cursor).ok();
    let number = cursor.map_or(0, |cursor| tree_in(&pin).count_below(cursor));
    let walk = FieldWalk {
        pin,
        shows,
        pattern: pattern.map(Into::into),
        now: ctx.now(),
        cursor,
        number,
        left: count,
        found: Found::default(),
    };
    answer(ctx, walk);
}

fn tree_in(collection: &Collection) -> &FieldTree {
    match collection {
        Collection::Set(tree) | Collection::Hash(tree) => tree,
        _ => unreachable!("a set or hash was pinned"),
    }
}

impl FieldWalk {
    fn wants(&self, element: &Element<'_>) -> bool {
        let is_alive = element.expire_at.is_none_or(|at| at >= self.now);
        let pattern = self.pattern.as_deref();
        is_alive && pattern.is_none_or(|pattern| glob_match(pattern, element.name))
    }
}

impl Steps for FieldWalk {
    fn step(&mut self, work: usize) -> bool {
        let Some(cursor) = self.cursor.filter(|_| self.left > 0) else {
            return false;
        };
        let work = work.min(self.left);
        let (mut seen, mut last) = (0, None);
        let mut found = std::mem::take(&mut self.found);
        let mut next = None;
        for (hash, element) in tree_in(&self.pin).iter_from(cursor) {
            if seen >= work && last != Some(hash) {
                next = Some(hash);
                break;
            }
            if self.wants(&element) {
                found.push(self.number + seen as u64);
            }
            (seen, last) = (seen + 1, Some(hash));
        }
        self.found = found;
        self.cursor = next;
        self.number += seen as u64;
        self.left = self.left.saturating_sub(seen);
        self.cursor.is_some() && self.left > 0
    }
}

impl Answered for FieldWalk {
    fn write(self, reply: &mut Output<'_>, _: &Server) {
        let values = match self.shows {
            Shows::Names => 1,
            Shows::NamesAndValues => 2,
        };
        let next = self.cursor.map_or(0, u64::from);
        write_header(reply, next, self.found.count * values);
        if self.found.count > 0 {
            reply.rest_from(Box::new(self));
        }
    }
}

/// What stands before the elements: the cursor to go on with, and how many values follow.
pub(crate) fn write_header(reply: &mut Reply<'_>, cursor: u64, values: usize) {
    reply.array(2);
    reply.bulk(itoa::Buffer::new().format(cursor).as_bytes());
    reply.array(values);
}

impl ReplySource for FieldWalk {
    fn write_some(&mut self, reply: &mut Reply<'_>, bytes: usize) -> bool {
        let (tree, shows) = (tree_in(&self.pin), self.shows);
        let elements = |run: Range<u64>| {
            let len = (run.end - run.start) as usize;
            tree.iter_from_number(run.start).take(len)
        };
        self.found
            .write_some(reply, bytes, elements, |reply, (_, element)| {
                reply.bulk(element.name);
                if shows == Shows::NamesAndValues {
                    reply.bulk(element.value);
                }
            })
    }

    fn held_bytes(&self) -> usize {
        self.pin.memory_bytes() + self.found.memory_bytes()
    }
}
