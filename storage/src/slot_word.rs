//! The table's 8 bytes per key.
//!
//! | bits | field | changes under |
//! |---|---|---|
//! | 63:62 | which of the eviction policies, one after the other, has seen the word | the exclusive lock |
//! | 61 | in that policy's small queue | the exclusive lock |
//! | 60 | the entry has an expire time | the exclusive lock |
//! | 59 | snapshot parity | the exclusive lock |
//! | 58:56 | kind of value | the exclusive lock |
//! | 55:48 | fingerprint: [`Mixed::fingerprint`], never 0 | never |
//! | 47:3 | address of the entry, which is a multiple of 8 | the exclusive lock |
//! | 2:0 | displacement: how many buckets past its home the word lies, 7 for 7 and more | the exclusive lock |
//!
//! A word of 0 is an empty place. The displacement is the place's rather than the entry's: [`SlotWord::store`] keeps
//! it, [`SlotWord::put`] sets it.

use std::sync::atomic::Ordering;

use super::sync::{AtomicU64, IS_MODEL};
use crate::entry::EntryPtr;
use crate::hash::Mixed;

const GENERATION_SHIFT: u32 = 62;
const GENERATION_MASK: u64 = 0b11 << GENERATION_SHIFT;
const SMALL: u64 = 1 << 61;
const HAS_TTL: u64 = 1 << 60;
const PARITY: u64 = 1 << 59;
const KIND_SHIFT: u32 = 56;
const KIND_MASK: u64 = 0b111 << KIND_SHIFT;
const FINGERPRINT_SHIFT: u32 = 48;
const ADDRESS_MASK: u64 = ((1 << 48) - 1) & !DISPLACEMENT_MASK;
const DISPLACEMENT_MASK: u64 = 0b111;

/// A displacement of this many buckets or more is not told apart.
pub(crate) const DISPLACEMENT_MAX: usize = DISPLACEMENT_MASK as usize;

/// How a value is laid out in its entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Kind {
    /// Length and bytes.
    Raw = 0,
    /// A 64-bit integer.
    Int = 1,
    /// A pointer to a boxed [`crate::big_string::BigString`].
    BigString = 2,
    /// A byte that says how, and the length and bytes of a small collection.
    Packed = 3,
    /// A pointer to a boxed [`crate::collection::Collection`].
    Collection = 4,
    /// As `Raw`, but the string was changed in place: `OBJECT ENCODING` says `raw` however short it is.
    Grown = 6,
}

impl Kind {
    /// Whether the value is a length and bytes.
    #[inline]
    pub(crate) fn is_raw(self) -> bool {
        matches!(self, Kind::Raw | Kind::Grown)
    }
}

/// A plain copy of a slot word.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Word(pub(crate) u64);

impl Word {
    /// What an empty place holds.
    pub(crate) const EMPTY: Word = Word(0);

    /// A word for a new entry, which no policy has seen.
    #[inline]
    pub(crate) fn new(
        entry: EntryPtr,
        position: u64,
        kind: Kind,
        has_ttl: bool,
        parity: bool,
    ) -> Self {
        debug_assert!(entry.address() & !ADDRESS_MASK == 0);
        let fingerprint = u64::from(Mixed::from_position(position).fingerprint());
        let mut bits =
            entry.address() | fingerprint << FINGERPRINT_SHIFT | (kind as u64) << KIND_SHIFT;
        bits |= if has_ttl { HAS_TTL } else { 0 };
        bits |= if parity { PARITY } else { 0 };
        Self(bits)
    }

    /// The entry it points to.
    #[inline]
    pub(crate) fn entry(self) -> EntryPtr {
        EntryPtr::from_address(self.0 & ADDRESS_MASK)
    }

    /// The value's layout.
    #[inline]
    pub(crate) fn kind(self) -> Kind {
        match (self.0 & KIND_MASK) >> KIND_SHIFT {
            0 => Kind::Raw,
            1 => Kind::Int,
            2 => Kind::BigString,
            3 => Kind::Packed,
            4 => Kind::Collection,
            6 => Kind::Grown,
            other => unreachable!("slot word of kind {other}"),
        }
    }

    /// Whether the entry carries an expire time.
    #[inline]
    pub(crate) fn has_ttl(self) -> bool {
        self.0 & HAS_TTL != 0
    }

    /// Parity of the epoch in which the entry was created or last serialised.
    #[inline]
    pub(crate) fn parity(self) -> bool {
        self.0 & PARITY != 0
    }

    /// Whether the eviction policy has a record of the key.
    #[inline]
    pub(crate) fn in_small(self) -> bool {
        self.0 & SMALL != 0
    }

    /// The same word, with or without a record of the key.
    #[inline]
    pub(crate) fn with_small(self, in_small: bool) -> Self {
        Self(self.0 & !SMALL | if in_small { SMALL } else { 0 })
    }

    /// Whether the policy of this generation has a record of the key.
    #[inline]
    pub(crate) fn is_queued(self, generation: u8) -> bool {
        self.in_small() && self.generation() == generation
    }

    /// Which policy has seen the word: their number, modulo 4.
    #[inline]
    pub(crate) fn generation(self) -> u8 {
        (self.0 >> GENERATION_SHIFT) as u8
    }

    /// The same word, seen by another policy.
    #[inline]
    pub(crate) fn with_generation(self, generation: u8) -> Self {
        Self(self.0 & !GENERATION_MASK | u64::from(generation) << GENERATION_SHIFT)
    }

    /// Whether this is an empty place.
    #[inline]
    pub(crate) fn is_empty(self) -> bool {
        self == Word::EMPTY
    }

    /// [`Mixed::fingerprint`] of the key, 0 in an empty place.
    #[inline]
    pub(crate) fn fingerprint(self) -> u8 {
        (self.0 >> FINGERPRINT_SHIFT) as u8
    }

    /// How many buckets past its home the word lies; [`DISPLACEMENT_MAX`] for more than that, too.
    #[inline]
    pub(crate) fn displacement(self) -> usize {
        (self.0 & DISPLACEMENT_MASK) as usize
    }

    /// The same word, `buckets` past its home.
    #[inline]
    pub(crate) fn displaced(self, buckets: usize) -> Self {
        Self(self.0 & !DISPLACEMENT_MASK | buckets.min(DISPLACEMENT_MAX) as u64)
    }

    /// The same word with another parity.
    #[inline]
    pub(crate) fn with_parity(self, parity: bool) -> Self {
        Self(self.0 & !PARITY | if parity { PARITY } else { 0 })
    }

    /// The same word after its entry has moved.
    #[inline]
    pub(crate) fn moved_to(self, entry: EntryPtr) -> Self {
        Self(self.0 & !ADDRESS_MASK | entry.address())
    }

    /// `fresh` with what the eviction policy has noted in this word.
    #[inline]
    pub(crate) fn keeping_queue(self, fresh: Self) -> Self {
        const KEPT: u64 = GENERATION_MASK | SMALL;
        Self(fresh.0 & !KEPT | self.0 & KEPT)
    }
}

/// The word in the table.
#[repr(transparent)]
pub(crate) struct SlotWord(AtomicU64);

const _: () = assert!(IS_MODEL || size_of::<SlotWord>() == 8);

impl SlotWord {
    /// An empty place.
    pub(crate) fn empty() -> Self {
        Self(AtomicU64::new(Word::EMPTY.0))
    }

    /// The word as it is now.
    #[inline]
    pub(crate) fn load(&self) -> Word {
        // Relaxed: it changes only under the shard's exclusive lock, whose release and acquire order it against every
        // reader.
        Word(self.0.load(Ordering::Relaxed))
    }

    /// Replaces the word, but for the displacement. Only under the exclusive lock, as `&mut` says.
    #[inline]
    pub(crate) fn store(&mut self, word: Word) {
        self.put(word.displaced(self.load().displacement()));
    }

    /// Replaces the word with its displacement. Only under the exclusive lock, as `&mut` says.
    #[inline]
    pub(crate) fn put(&mut self, word: Word) {
        // Relaxed: see `load`.
        self.0.store(word.0, Ordering::Relaxed);
    }
}
