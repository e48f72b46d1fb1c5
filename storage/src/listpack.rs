//! Listpacks: many short strings and integers in one piece of memory, byte for byte as Redis keeps
//! them, so that an RDB file or a `DUMP` payload takes them as they are.
//!
//! ```text
//!   0  u32   bytes in all, header and end included
//!   4  u16   elements; 65535 stands for "count them"
//!   6        the entries, one behind the other
//!   .  0xff  the end
//! ```
//!
//! An entry is an element, and behind it the *back-length*: how many bytes the element took, for
//! whoever comes from behind.
//!
//! | first byte | behind it | element |
//! |---|---|---|
//! | `0xxxxxxx` | | an integer, 0 to 127 |
//! | `10xxxxxx` | the string | a string of up to 63 bytes; `x` is its length |
//! | `110xxxxx` | 1 byte | an integer of 13 bits, the high ones in `x` |
//! | `1110xxxx` | 1 byte, the string | a string of up to 4095 bytes; the high bits of its length in `x` |
//! | `0xf0` | `u32`, the string | a longer string, and its length |
//! | `0xf1` | 2 bytes | an integer of 16 bits |
//! | `0xf2` | 3 bytes | an integer of 24 bits |
//! | `0xf3` | 4 bytes | an integer of 32 bits |
//! | `0xf4` | 8 bytes | an integer of 64 bits |
//!
//! Integers but the first are signed; numbers of whole bytes are little-endian. The back-length is 1
//! to 5 bytes of 7 bits, the highest first; all but the first byte have the high bit set, so that it
//! can be read from its end.
//!
//! A string that spells an integer is stored as one, in the smallest form that holds it, so equal
//! elements make equal bytes. What others wrote may use larger forms than it needs, or not say how
//! many elements there are, and reads the same.
//!
//! Whoever has bytes from outside begins with [`Listpack::check`]. Everything else takes the bytes
//! for what they say they are: bytes that were not checked make it panic or answer nonsense.

use std::fmt;

use crate::same_bytes::same_bytes;
use crate::value::canonical_integer;

mod buffer;
mod entry;
mod store;
#[cfg(test)]
mod tests;

pub use buffer::ListpackBuf;
pub use entry::{Value, entry_bytes};
pub use store::{Lent, Owned, Store};

/// The largest listpack Redis makes, in bytes: it refuses commands that would let one grow beyond.
/// Whoever adds elements asks [`Listpack::has_room_for`] first. What is loaded may be larger.
pub const BYTES_MAX: usize = 1 << 30;

const HEADER_BYTES: usize = 6;
const END: u8 = 0xff;

/// The count that stands for any number of elements.
const COUNT_UNKNOWN: u16 = u16::MAX;

/// What is wrong with bytes that should be a listpack.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Corrupt {
    /// They are too few, or not as many as the header says.
    #[error("the listpack is not as long as its header says")]
    Size,
    /// They do not end with 0xff.
    #[error("the listpack has no end")]
    End,
    /// An entry begins with no known byte, or reaches behind the end.
    #[error("the listpack has no valid entry at byte {at}")]
    Entry {
        /// The offset of the entry.
        at: usize,
    },
    /// An entry's back-length is not what Redis writes for its length.
    #[error("the listpack's entry at byte {at} has a wrong back-length")]
    BackLength {
        /// The offset of the entry.
        at: usize,
    },
    /// The header gives another number of elements.
    #[error("the listpack has not as many elements as its header says")]
    Count,
}

/// Where an entry is. It stays valid until the listpack changes at or before it, and means nothing in
/// another listpack.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Position(usize);

/// A listpack to read. See the module documentation.
#[derive(Clone, Copy)]
pub struct Listpack<'a> {
    bytes: &'a [u8],
}

impl<'a> Listpack<'a> {
    /// A listpack of bytes from outside, every entry of which is looked at.
    ///
    /// Larger forms than an element needs are accepted, as Redis does; so is a listpack without
    /// elements, which Redis keeps in no key.
    ///
    /// # Errors
    /// [`Corrupt`], with the first thing that is wrong.
    pub fn check(bytes: &'a [u8]) -> Result<Listpack<'a>, Corrupt> {
        let total = bytes.first_chunk().map(|total| u32::from_le_bytes(*total));
        if bytes.len() <= HEADER_BYTES || total.map(u64::from) != Some(bytes.len() as u64) {
            return Err(Corrupt::Size);
        }
        let Some((&END, body)) = bytes.split_last() else {
            return Err(Corrupt::End);
        };
        let (mut at, mut count) = (HEADER_BYTES, 0);
        while at < body.len() {
            at += entry::check(&body[at..], at)?;
            count += 1;
        }
        let listpack = Listpack { bytes };
        match listpack.known_len() {
            Some(known) if known != count => Err(Corrupt::Count),
            _ => Ok(listpack),
        }
    }

    /// A listpack of bytes that a [`ListpackBuf`] wrote, or that were checked before.
    pub fn trusted(bytes: &'a [u8]) -> Listpack<'a> {
        debug_assert_eq!(Listpack::check(bytes).err(), None);
        Listpack { bytes }
    }

    /// How many elements there are. From 65535 on they are counted, in linear time.
    pub fn len(self) -> usize {
        self.known_len().unwrap_or_else(|| self.iter().count())
    }

    /// Whether there are no elements.
    pub fn is_empty(self) -> bool {
        self.end() == HEADER_BYTES
    }

    /// The size of it all, header and end included.
    pub fn byte_len(self) -> usize {
        self.bytes.len()
    }

    /// The bytes, as Redis would store them.
    pub fn as_bytes(self) -> &'a [u8] {
        self.bytes
    }

    /// Whether Redis would add strings of `bytes` bytes in all: see [`BYTES_MAX`].
    pub fn has_room_for(self, bytes: usize) -> bool {
        self.bytes.len().saturating_add(bytes) <= BYTES_MAX
    }

    /// The elements, from either end.
    pub fn iter(self) -> Iter<'a> {
        self.between(HEADER_BYTES, self.end())
    }

    /// The elements from the one at `first` on, from either end.
    pub fn iter_from(self, first: Position) -> Iter<'a> {
        self.between(first.0, self.end())
    }

    /// The elements from the one at `first` up to the one at `behind`, which is left out, from either end.
    pub fn iter_between(self, first: Position, behind: Position) -> Iter<'a> {
        self.between(first.0, behind.0)
    }

    /// The element of index `index`, counted from 0.
    pub fn get(self, index: usize) -> Option<Value<'a>> {
        self.seek(index).map(|position| self.value_at(position))
    }

    /// The element at `position`.
    pub fn value_at(self, position: Position) -> Value<'a> {
        self.read(position.0).0
    }

    /// Where the first element is.
    pub fn first(self) -> Option<Position> {
        self.position(HEADER_BYTES)
    }

    /// Where the last element is.
    pub fn last(self) -> Option<Position> {
        self.start_before(self.end()).map(Position)
    }

    /// Where the element behind the one at `position` is.
    pub fn next(self, position: Position) -> Option<Position> {
        self.position(self.skip(position.0, 1))
    }

    /// Where the element before the one at `position` is.
    pub fn prev(self, position: Position) -> Option<Position> {
        self.start_before(position.0).map(Position)
    }

    /// Where the element of index `index` is, counted from 0; found from the nearer end.
    pub fn seek(self, index: usize) -> Option<Position> {
        match self.known_len() {
            Some(len) if index >= len => None,
            Some(len) if index > len / 2 => {
                let back = (index..len).try_fold(self.end(), |at, _| self.start_before(at));
                back.map(Position)
            }
            _ => self.position(self.skip(HEADER_BYTES, index)),
        }
    }

    /// The first element that equals `needle` among the one at `from` and every `step`-th behind it:
    /// with a step of 2 only the fields of a hash are looked at.
    ///
    /// # Panics
    /// If `step` is 0.
    pub fn find(self, from: Position, step: usize, needle: &[u8]) -> Option<Position> {
        assert!(step > 0, "a step of 0 would stay where it is");
        let integer = canonical_integer(needle);
        let mut at = from.0;
        while at < self.end() {
            let (value, size) = self.read(at);
            let found = match value {
                Value::Int(value) => integer == Some(value),
                // Others may have stored an integer as a string.
                Value::Bytes(bytes) => same_bytes(bytes, needle),
            };
            if found {
                return Some(Position(at));
            }
            at = self.skip(at + size, step - 1);
        }
        None
    }

    /// The number of elements, unless they have to be counted.
    fn known_len(self) -> Option<usize> {
        let count = u16::from_le_bytes([self.bytes[4], self.bytes[5]]);
        (count != COUNT_UNKNOWN).then_some(usize::from(count))
    }

    /// Where the end is.
    fn end(self) -> usize {
        self.bytes.len() - 1
    }

    fn position(self, at: usize) -> Option<Position> {
        (at < self.end()).then_some(Position(at))
    }

    fn between(self, front: usize, back: usize) -> Iter<'a> {
        Iter {
            listpack: self,
            front,
            back,
        }
    }

    /// The element at `at`, and the size of its entry.
    #[inline]
    fn read(self, at: usize) -> (Value<'a>, usize) {
        entry::read(&self.bytes[at..]).expect("a listpack has valid entries where positions are")
    }

    /// The size of the entry at `at`.
    #[inline]
    fn size(self, at: usize) -> usize {
        entry::size(&self.bytes[at..]).expect("a listpack has valid entries where positions are")
    }

    /// Where the `count`-th entry behind `at` begins, or the end if there are fewer.
    fn skip(self, at: usize, count: usize) -> usize {
        let mut at = at;
        for _ in 0..count {
            if at >= self.end() {
                break;
            }
            at += self.size(at);
        }
        at
    }

    /// Where the entry that ends at `end` begins.
    #[inline]
    fn start_before(self, end: usize) -> Option<usize> {
        (end > HEADER_BYTES).then(|| end - entry::bytes_before(&self.bytes[..end]))
    }
}

impl fmt::Debug for Listpack<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.iter()).finish()
    }
}

/// Iterates over the elements of a [`Listpack`].
#[derive(Clone, Debug)]
pub struct Iter<'a> {
    listpack: Listpack<'a>,
    front: usize,
    back: usize,
}

impl Iter<'_> {
    /// Where the next element from the front is.
    #[inline]
    pub fn position(&self) -> Option<Position> {
        (self.front < self.back).then_some(Position(self.front))
    }
}

impl<'a> Iterator for Iter<'a> {
    type Item = Value<'a>;

    #[inline]
    fn next(&mut self) -> Option<Value<'a>> {
        if self.front >= self.back {
            return None;
        }
        let (value, size) = self.listpack.read(self.front);
        self.front += size;
        Some(value)
    }

    #[inline]
    fn nth(&mut self, n: usize) -> Option<Value<'a>> {
        for _ in 0..n {
            if self.front >= self.back {
                return None;
            }
            self.front += self.listpack.size(self.front);
        }
        self.next()
    }
}

impl<'a> DoubleEndedIterator for Iter<'a> {
    #[inline]
    fn next_back(&mut self) -> Option<Value<'a>> {
        if self.front >= self.back {
            return None;
        }
        self.back = self.listpack.start_before(self.back)?;
        Some(self.listpack.read(self.back).0)
    }
}
