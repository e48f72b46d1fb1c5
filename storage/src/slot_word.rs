//! The table's 8 bytes per key.
//!
//! | bits | field | changes under |
//! |---|---|---|
//! | 63:62 | hit counter, saturating at 3 | the shared lock (relaxed store; a race loses a count, never a pointer) |
//! | 61 | in the eviction policy's small queue | the exclusive lock |
//! | 60 | the entry has an expire time | the exclusive lock |
//! | 59 | snapshot parity | the exclusive lock |
//! | 58:56 | kind of value | the exclusive lock |
//! | 55:48 | fingerprint: position bits 23:16 | never |
//! | 47:0 | address of the entry | the exclusive lock |

use std::sync::atomic::Ordering;

use super::sync::{AtomicU64, IS_MODEL};
use crate::entry::EntryPtr;

const FREQUENCY_ONE: u64 = 1 << 62;
const FREQUENCY_MASK: u64 = 0b11 << 62;
const HAS_TTL: u64 = 1 << 60;
const PARITY: u64 = 1 << 59;
const KIND_SHIFT: u32 = 56;
const KIND_MASK: u64 = 0b111 << KIND_SHIFT;
const FINGERPRINT_SHIFT: u32 = 48;
const FINGERPRINT_MASK: u64 = 0xff << FINGERPRINT_SHIFT;
const ADDRESS_MASK: u64 = (1 << 48) - 1;

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
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) struct Word(pub(crate) u64);

impl Word {
    /// A word for a new entry: never hit, not queued.
    #[inline]
    pub(crate) fn new(
        entry: EntryPtr,
        position: u64,
        kind: Kind,
        has_ttl: bool,
        parity: bool,
    ) -> Self {
        debug_assert!(entry.address() & !ADDRESS_MASK == 0);
        let mut bits = entry.address() | fingerprint_bits(position) | (kind as u64) << KIND_SHIFT;
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

    /// Hits since insertion or the last sweep, 0 to 3.
    #[inline]
    pub(crate) fn frequency(self) -> u8 {
        (self.0 >> 62) as u8
    }

    /// Whether a key at `position` may be this one: a filter before the entry is read.
    #[inline]
    pub(crate) fn may_be_at(self, position: u64) -> bool {
        (self.0 ^ fingerprint_bits(position)) & FINGERPRINT_MASK == 0
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

    /// `fresh` with what readers and the policy have counted in this word.
    #[inline]
    pub(crate) fn keeping_counters(self, fresh: Self) -> Self {
        const KEPT: u64 = FREQUENCY_MASK | 1 << 61;
        Self(fresh.0 & !KEPT | self.0 & KEPT)
    }
}

/// The word in the table.
#[repr(transparent)]
pub(crate) struct SlotWord(AtomicU64);

const _: () = assert!(IS_MODEL || size_of::<SlotWord>() == 8);

impl SlotWord {
    pub(crate) fn new(word: Word) -> Self {
        Self(AtomicU64::new(word.0))
    }

    /// The word as it is now.
    #[inline]
    pub(crate) fn load(&self) -> Word {
        // Relaxed: everything but the hit counter changes only under the shard's exclusive lock, whose
        // release and acquire order it against every reader.
        Word(self.0.load(Ordering::Relaxed))
    }

    /// Replaces the word. Only under the exclusive lock, as `&mut` says.
    #[inline]
    pub(crate) fn store(&mut self, word: Word) {
        // Relaxed: see `load`.
        self.0.store(word.0, Ordering::Relaxed);
    }

    /// Counts a hit. After three the word is not written again, so a hot key's line stays shared.
    #[inline]
    pub(crate) fn touch(&self, seen: Word) {
        if seen.0 < FREQUENCY_MASK {
            // Relaxed store of load + 1: a racing reader may undo one count; no other bit can change
            // meanwhile, for that takes the exclusive lock.
            self.0.store(seen.0 + FREQUENCY_ONE, Ordering::Relaxed);
        }
    }
}

#[inline]
fn fingerprint_bits(position: u64) -> u64 {
    position << 32 & FINGERPRINT_MASK
}
