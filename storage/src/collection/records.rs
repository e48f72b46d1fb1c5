//! Byte records of a leaf, behind one another.

use std::io::{self, Write};
use std::iter;
use std::sync::Arc;

use crate::prefetch;

use crate::room::{give_back_room, make_room, shrink};

/// Longer records are allocated each on its own, so that no leaf grows beyond what is copied in a microsecond.
const INLINE_BYTES_MAX: usize = 1024;
/// Records that are gone are worth clearing away when they take more than this and than a quarter.
const DEAD_BYTES: usize = 256;

/// Where a record lies in its leaf's [`Records`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Place(u32);

impl Place {
    const LARGE: u32 = 1 << 31;

    fn new(at: usize, is_large: bool) -> Self {
        let at = u32::try_from(at).expect("a leaf is small");
        debug_assert!(at < Self::LARGE);
        Self(if is_large { at | Self::LARGE } else { at })
    }

    fn at(self) -> usize {
        (self.0 & !Self::LARGE) as usize
    }

    /// Whether the record is one that is allocated on its own.
    pub(super) fn is_large(self) -> bool {
        self.0 & Self::LARGE != 0
    }
}

/// What a record is written from.
pub(super) trait Record {
    /// How long it is.
    fn bytes(&self) -> usize;

    /// Writes it.
    fn write_to(&self, out: &mut impl Write) -> io::Result<()>;
}

/// The records. Each knows its own length, and so does whoever asks for one.
#[derive(Clone, Default)]
pub(super) struct Records {
    inline: Vec<u8>,
    /// Bytes of `inline` that belong to no record any more.
    dead: usize,
    large: Vec<Option<Arc<[u8]>>>,
    large_bytes: usize,
}

impl Records {
    /// Lays down a record.
    pub(super) fn put(&mut self, content: &impl Record) -> Place {
        let bytes = content.bytes();
        if bytes > INLINE_BYTES_MAX {
            // Zeros first, as nothing else but another copy makes room in such an allocation.
            let mut record: Arc<[u8]> = iter::repeat_n(0, bytes).collect();
            let mut out = Arc::get_mut(&mut record).expect("it is new");
            content
                .write_to(&mut out)
                .expect("it has the record's length");
            debug_assert!(out.is_empty());
            return self.put_large(record);
        }
        let at = self.inline.len();
        make_room(&mut self.inline, bytes);
        content
            .write_to(&mut self.inline)
            .expect("a vector takes all");
        debug_assert_eq!(self.inline.len(), at + bytes);
        Place::new(at, false)
    }

    fn put_large(&mut self, record: Arc<[u8]>) -> Place {
        self.large_bytes += large_bytes(&record);
        let at = self.large.iter().position(Option::is_none);
        let at = at.unwrap_or_else(|| {
            make_room(&mut self.large, 1);
            self.large.push(None);
            self.large.len() - 1
        });
        self.large[at] = Some(record);
        Place::new(at, true)
    }

    /// The record at `place`, and perhaps others behind it.
    #[inline]
    pub(super) fn read(&self, place: Place) -> &[u8] {
        if place.is_large() {
            self.large[place.at()]
                .as_ref()
                .expect("the record is there")
        } else {
            &self.inline[place.at()..]
        }
    }

    /// The record at `place`, of `bytes` bytes, to be overwritten; `None` if it lies where others may read it.
    pub(super) fn writable(&mut self, place: Place, bytes: usize) -> Option<&mut [u8]> {
        if place.is_large() {
            let record = self.large[place.at()].as_mut();
            Arc::get_mut(record.expect("the record is there"))
        } else {
            Some(&mut self.inline[place.at()..][..bytes])
        }
    }

    /// Has the processor look up where the records lie, while the search for the right one goes on.
    #[inline]
    pub(super) fn warm(&self) {
        let records = self.inline.as_ptr_range();
        prefetch::read(records.start);
        prefetch::read(records.end);
    }

    /// Forgets the record at `place`, of `bytes` bytes.
    pub(super) fn forget(&mut self, place: Place, bytes: usize) {
        if place.is_large() {
            let record = self.large[place.at()].take().expect("the record is there");
            self.large_bytes -= large_bytes(&record);
            while let Some(None) = self.large.last() {
                self.large.pop();
            }
            give_back_room(&mut self.large);
        } else {
            self.dead += bytes;
        }
    }

    /// Takes over a record of `bytes` bytes from `other`.
    pub(super) fn take_over(&mut self, other: &Self, place: Place, bytes: usize) -> Place {
        if place.is_large() {
            let record = other.large[place.at()]
                .as_ref()
                .expect("the record is there");
            self.put_large(Arc::clone(record))
        } else {
            let at = self.inline.len();
            make_room(&mut self.inline, bytes);
            self.inline.extend_from_slice(&other.read(place)[..bytes]);
            Place::new(at, false)
        }
    }

    /// Whether all records lie behind one another.
    pub(super) fn are_inline(&self) -> bool {
        self.large.is_empty()
    }

    /// Lays down `record` as it is; not a large one, and there is room for it.
    #[inline]
    pub(super) fn push_inline(&mut self, record: &[u8]) -> Place {
        let at = self.inline.len();
        self.inline.extend_from_slice(record);
        Place::new(at, false)
    }

    /// Frees a record that is allocated on its own, if there is one; nothing is read any more.
    pub(super) fn free_large(&mut self) -> bool {
        let freed = self.large.pop();
        if let Some(Some(record)) = &freed {
            self.large_bytes -= large_bytes(record);
        }
        freed.is_some()
    }

    /// Makes room for so many bytes of records.
    pub(super) fn reserve(&mut self, bytes: usize) {
        self.inline.reserve_exact(bytes);
    }

    /// Gives back what room is left.
    pub(super) fn shrink_to_fit(&mut self) {
        shrink(&mut self.inline, 0);
        shrink(&mut self.large, 0);
    }

    /// Whether so much is dead that all records should be taken over by new ones.
    pub(super) fn wants_clearing(&self) -> bool {
        self.dead > DEAD_BYTES && self.dead > self.inline.len() / 4
    }

    /// Bytes of all records that a copy of the leaf would copy.
    pub(super) fn live_bytes(&self) -> usize {
        self.inline.len() - self.dead
    }

    /// Bytes allocated.
    pub(super) fn memory_bytes(&self) -> usize {
        self.inline.capacity()
            + self.large.capacity() * size_of::<Option<Arc<[u8]>>>()
            + self.large_bytes
    }
}

fn large_bytes(record: &Arc<[u8]>) -> usize {
    record.len() + 2 * size_of::<usize>()
}

/// How many elements, one at least and not all, have half of `total`, all their weights together. There are two at least.
pub(super) fn middle(total: usize, weights: impl ExactSizeIterator<Item = usize>) -> usize {
    let last = weights.len() - 1;
    let mut before = 0;
    let is_before = |weight: &usize| {
        before += weight;
        before <= total / 2
    };
    weights.take_while(is_before).count().clamp(1, last)
}
