//! Sorting many elements without holding a lock: they are pinned, put on a heap piece by piece, and taken from it in order.

use std::cmp::Ordering;
use std::collections::BinaryHeap;
use std::ops::Range;

use protocol::{Reply, Version};
use storage::PinnedCollection;
use storage::typed::CollectionRef;

use super::ELEMENTS_MAX;
use super::options::SortOptions;
use super::order::{Weight, compare};
use crate::command::CommandError;
use crate::command::context::{SliceContext, SliceProgress, Slices};
use crate::server::Server;

/// Elements that one slice puts on the heap, or takes from it.
const ELEMENTS_AT_ONCE: usize = 256;

/// Pins what is too long to be sorted under the lock, if the order takes no other keys and nothing is stored.
pub(super) fn pin_if_long(
    collection: CollectionRef<'_>,
    options: &SortOptions<'_>,
    in_exec: bool,
    server: &Server,
) -> Option<PinnedCollection> {
    let CollectionRef::Big(big) = collection else {
        return None;
    };
    let is_plain = !options.unsorted
        && options.by.is_none()
        && options.gets.is_empty()
        && options.destination.is_none();
    (is_plain && !in_exec && big.len() > ELEMENTS_MAX).then(|| server.keyspace.pin(big))
}

/// A `SORT` on its way.
#[derive(Debug)]
pub(super) struct SortSlices {
    pin: PinnedCollection,
    loaded: u64,
    heap: BinaryHeap<Item>,
    alphabetic: bool,
    descending: bool,
    /// Of the sorted elements, those that are answered.
    range: Range<usize>,
    taken: usize,
    version: Version,
    body: Vec<u8>,
}

/// The first in order is the greatest: that is the one a heap gives away.
#[derive(Debug)]
struct Item {
    weight: Weight,
    element: Vec<u8>,
    descending: bool,
}

impl Ord for Item {
    fn cmp(&self, other: &Self) -> Ordering {
        let order = compare(
            (&self.weight, &self.element),
            (&other.weight, &other.element),
        );
        if self.descending {
            order
        } else {
            order.reverse()
        }
    }
}

impl PartialOrd for Item {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Item {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}

impl Eq for Item {}

impl SortSlices {
    pub(super) fn new(pin: PinnedCollection, options: &SortOptions<'_>, version: Version) -> Self {
        let len = usize::try_from(pin.len()).unwrap_or(usize::MAX);
        Self {
            range: options.range(len),
            alphabetic: options.alphabetic,
            descending: options.descending,
            pin,
            loaded: 0,
            heap: BinaryHeap::new(),
            taken: 0,
            version,
            body: Vec::new(),
        }
    }

    fn load_some(&mut self) -> Result<(), CommandError> {
        let (from, count) = (self.loaded, ELEMENTS_AT_ONCE as u64);
        let Self {
            pin,
            heap,
            alphabetic,
            descending,
            ..
        } = self;
        let mut failure = None;
        CollectionRef::Big(pin).each_name(from, count, &mut |element| match Weight::of_element(
            element,
            *alphabetic,
        ) {
            Ok(weight) => heap.push(Item {
                weight,
                element: element.to_vec(),
                descending: *descending,
            }),
            Err(error) => failure = Some(error),
        });
        self.loaded += count;
        failure.map_or(Ok(()), Err)
    }

    fn take_some(&mut self) {
        for _ in 0..ELEMENTS_AT_ONCE {
            if self.taken == self.range.end {
                return;
            }
            let Some(item) = self.heap.pop() else { return };
            if self.taken >= self.range.start {
                Reply::new(&mut self.body, self.version).bulk(&item.element);
            }
            self.taken += 1;
        }
    }
}

impl Slices for SortSlices {
    fn next(&mut self, ctx: &mut SliceContext<'_>) -> SliceProgress {
        if self.loaded < self.pin.len() {
            if let Err(error) = self.load_some() {
                ctx.reply.error(error.line());
                return SliceProgress::Done;
            }
            return SliceProgress::More;
        }
        self.take_some();
        if self.taken < self.range.end && !self.heap.is_empty() {
            return SliceProgress::More;
        }
        ctx.reply.array(self.range.len());
        ctx.reply.raw(&self.body);
        SliceProgress::Done
    }
}
