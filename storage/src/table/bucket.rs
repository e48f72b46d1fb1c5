//! Eight slot words on one cache line.

use crate::slot_word::SlotWord;

/// Words in a bucket.
pub(super) const WORDS: usize = 8;

/// What a lookup reads.
#[repr(C, align(64))]
pub(super) struct Bucket(pub(super) [SlotWord; WORDS]);

const _: () = assert!(size_of::<Bucket>() == 64 && align_of::<Bucket>() == 64);

impl Bucket {
    pub(super) fn empty() -> Self {
        Self(std::array::from_fn(|_| SlotWord::empty()))
    }

    /// The words with this fingerprint; 0 finds the empty ones.
    ///
    /// Compares all eight: where in a bucket a key lies is random, so to stop at the first would cost a
    /// mispredicted branch.
    #[inline]
    pub(super) fn with_fingerprint(&self, fingerprint: u8) -> WordSet {
        let mut bits = 0;
        for (at, slot) in self.0.iter().enumerate() {
            bits |= u32::from(slot.load().fingerprint() == fingerprint) << at;
        }
        WordSet(bits)
    }
}

/// Words of one bucket, by number: bit n for word n.
#[derive(Clone, Copy)]
pub(super) struct WordSet(u32);

impl WordSet {
    /// All but the last word if `without_last`.
    #[inline]
    pub(super) fn all(without_last: bool) -> Self {
        Self(0xff >> u32::from(without_last))
    }

    #[inline]
    pub(super) fn and(self, other: Self) -> Self {
        Self(self.0 & other.0)
    }

    /// Those from word `first` on.
    #[inline]
    pub(super) fn from(self, first: usize) -> Self {
        Self(self.0 & (u32::MAX << first))
    }

    /// Those before word `end`.
    #[inline]
    pub(super) fn before(self, end: usize) -> Self {
        Self(self.0 & !(u32::MAX << end))
    }

    #[inline]
    pub(super) fn is_empty(self) -> bool {
        self.0 == 0
    }
}

impl Iterator for WordSet {
    type Item = usize;

    #[inline]
    fn next(&mut self) -> Option<usize> {
        if self.is_empty() {
            return None;
        }
        // The remainder is for the compiler, which then checks no bounds.
        let first = self.0.trailing_zeros() as usize % WORDS;
        self.0 &= self.0 - 1;
        Some(first)
    }
}
