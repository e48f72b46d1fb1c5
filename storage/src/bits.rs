//! Bit operations over strings: counting, searching and combining, words at a time.
//!
//! Bits are numbered as `SETBIT` numbers them: bit 0 is the highest bit of byte 0.

use std::ops::ControlFlow;

use crate::value::StringRef;

/// A range of bits, both ends included.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BitRange {
    /// The first bit.
    pub first: u64,
    /// The last bit; not before `first`.
    pub last: u64,
}

/// How many bits of `bytes` are set.
pub fn count_ones(bytes: &[u8]) -> u64 {
    let (words, rest) = bytes.as_chunks::<8>();
    let whole: u64 = words
        .iter()
        .map(|word| u64::from(u64::from_ne_bytes(*word).count_ones()))
        .sum();
    whole
        + rest
            .iter()
            .map(|byte| u64::from(byte.count_ones()))
            .sum::<u64>()
}

/// The first bit of `bytes` that equals `bit`.
pub fn first_bit(bytes: &[u8], bit: bool) -> Option<u64> {
    // A word or byte of this value holds nothing of interest.
    let dull = if bit { 0 } else { u64::MAX };
    let (words, rest) = bytes.as_chunks::<8>();
    if let Some(at) = words
        .iter()
        .position(|word| u64::from_ne_bytes(*word) != dull)
    {
        let word = u64::from_be_bytes(words[at]) ^ dull;
        return Some(at as u64 * 64 + u64::from(word.leading_zeros()));
    }
    let at = rest.iter().position(|byte| *byte != dull as u8)?;
    let byte = rest[at] ^ dull as u8;
    Some((words.len() * 8 + at) as u64 * 8 + u64::from(byte.leading_zeros()))
}

/// How many bits of `value` are set in `range`; bits behind the end are zeros.
pub fn count_in(value: StringRef<'_>, range: BitRange) -> u64 {
    let (mut count, mut at) = (0, range.first / 8 * 8);
    value.each_piece(
        range.first / 8,
        (range.last / 8).saturating_add(1),
        |piece| {
            count += count_ones(piece);
            count -= edges(at, piece, range)
                .map(|(byte, inside)| u64::from((byte & !inside).count_ones()))
                .sum::<u64>();
            at += piece.len() as u64 * 8;
        },
    );
    count
}

/// The bytes of `piece`, which begins at bit `at`, that `range` cuts, with the mask of the bits inside.
fn edges(at: u64, piece: &[u8], range: BitRange) -> impl Iterator<Item = (u8, u8)> {
    let mask = move |byte: u64| {
        let first = at + byte * 8;
        let after_first = 0xffu8 >> range.first.saturating_sub(first).min(7);
        let beyond = (first + 7).saturating_sub(range.last).min(7);
        after_first & (0xffu8 << beyond)
    };
    let first = (!piece.is_empty() && range.first > at).then_some(0u64);
    let last = (piece.len() as u64)
        .checked_sub(1)
        .filter(|last| range.last < at + last * 8 + 7);
    let last = last.filter(|last| first != Some(*last));
    first
        .into_iter()
        .chain(last)
        .map(move |byte| (piece[byte as usize], mask(byte)))
}

/// The first bit of `value` inside `range` that equals `bit`. The range must lie inside the string.
pub fn find_in(value: StringRef<'_>, bit: bool, range: BitRange) -> Option<u64> {
    let mut at = range.first / 8 * 8;
    let found = value.try_each_piece(
        range.first / 8,
        (range.last / 8).saturating_add(1),
        |piece| {
            let found = find_in_piece(at, piece, bit, range);
            at += piece.len() as u64 * 8;
            match found {
                Some(found) => ControlFlow::Break(found),
                None => ControlFlow::Continue(()),
            }
        },
    );
    match found {
        ControlFlow::Break(found) if found <= range.last => Some(found),
        _ => None,
    }
}

/// As [`find_in`] for a piece that begins at bit `at`; may answer a bit behind the range.
fn find_in_piece(at: u64, piece: &[u8], bit: bool, range: BitRange) -> Option<u64> {
    let skip = range.first.saturating_sub(at);
    if skip == 0 {
        return first_bit(piece, bit).map(|found| at + found);
    }
    let (cut, rest) = piece.split_first()?;
    let outside = !(0xffu8 >> skip);
    let cut = if bit { cut & !outside } else { cut | outside };
    first_bit(&[cut], bit)
        .or_else(|| first_bit(rest, bit).map(|found| found + 8))
        .map(|found| at + found)
}

/// How `BITOP` combines its sources.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BitOperation {
    /// Bits set in all sources.
    And,
    /// Bits set in any source.
    Or,
    /// Bits set in an odd number of sources.
    Xor,
    /// Bits not set in the only source.
    Not,
    /// Bits set in the first source and in no other.
    Diff,
    /// Bits set in some other source but not in the first.
    Diff1,
    /// Bits set in the first source and in some other.
    AndOr,
    /// Bits set in exactly one source.
    One,
}

/// Combines the same block of several strings.
#[derive(Debug)]
pub struct BitCombiner {
    operation: BitOperation,
    block: Vec<u8>,
    /// The first source of [`BitOperation::Diff1`] and [`BitOperation::AndOr`]; the bits that
    /// [`BitOperation::One`] has seen more than once.
    beside: Vec<u8>,
    is_first: bool,
}

impl BitCombiner {
    /// A combiner for blocks of up to `block_bytes` bytes.
    pub fn new(operation: BitOperation, block_bytes: usize) -> Self {
        Self {
            operation,
            block: Vec::with_capacity(block_bytes),
            beside: Vec::new(),
            is_first: true,
        }
    }

    /// Begins a block of `len` bytes.
    pub fn begin(&mut self, len: usize) {
        for bytes in [&mut self.block, &mut self.beside] {
            bytes.clear();
            bytes.resize(len, 0);
        }
        self.is_first = true;
    }

    /// Adds the next source's part of the block; what it lacks at the end is zeros.
    pub fn add(&mut self, source: &[u8]) {
        use BitOperation::{And, AndOr, Diff, Diff1, Not, One, Or, Xor};
        let len = source.len().min(self.block.len());
        let (source, is_first) = (&source[..len], std::mem::take(&mut self.is_first));
        match self.operation {
            And | Diff | Not if is_first => self.block[..len].copy_from_slice(source),
            Diff1 | AndOr if is_first => self.beside[..len].copy_from_slice(source),
            And => {
                merge(&mut self.block, source, |old, new| old & new);
                self.block[len..].fill(0);
            }
            Or | Diff1 | AndOr | Not => merge(&mut self.block, source, |old, new| old | new),
            Xor => merge(&mut self.block, source, |old, new| old ^ new),
            Diff => merge(&mut self.block, source, |old, new| old & !new),
            One => {
                for ((once, more), new) in self.block.iter_mut().zip(&mut self.beside).zip(source) {
                    *more |= *once & new;
                    *once |= new;
                }
            }
        }
    }

    /// The combined block.
    pub fn finish(&mut self) -> &[u8] {
        match self.operation {
            BitOperation::Not => self.block.iter_mut().for_each(|byte| *byte = !*byte),
            BitOperation::Diff1 | BitOperation::One => {
                merge(&mut self.block, &self.beside, |old, beside| old & !beside);
            }
            BitOperation::AndOr => merge(&mut self.block, &self.beside, |old, beside| old & beside),
            _ => {}
        }
        &self.block
    }
}

/// The compiler turns this loop into one over vectors.
fn merge(block: &mut [u8], source: &[u8], combine: impl Fn(u8, u8) -> u8) {
    for (old, new) in block.iter_mut().zip(source) {
        *old = combine(*old, *new);
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::big_string::BigString;

    fn bit_of(bytes: &[u8], at: u64) -> bool {
        bytes
            .get(at as usize / 8)
            .is_some_and(|byte| byte & (0x80 >> (at % 8)) != 0)
    }

    proptest! {
        #[test]
        fn counting_and_searching_agree_with_bit_by_bit(
            bytes in prop::collection::vec(prop::sample::select(vec![0u8, 0, 0, 0xff, 0xff, 1, 0x80, 0x5a]), 1..80),
            ends in (0u64..640, 0u64..640),
        ) {
            let len = bytes.len() as u64 * 8;
            let (first, last) = (ends.0.min(ends.1) % len, ends.0.max(ends.1) % len);
            let range = BitRange { first: first.min(last), last: first.max(last) };
            let value = StringRef::Raw(&bytes);
            let inside = || range.first..=range.last;
            prop_assert_eq!(count_in(value, range), inside().filter(|at| bit_of(&bytes, *at)).count() as u64);
            for bit in [false, true] {
                prop_assert_eq!(find_in(value, bit, range), inside().find(|at| bit_of(&bytes, *at) == bit));
            }
        }

        #[test]
        fn combining_agrees_with_bit_by_bit(
            sources in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..20), 1..5),
        ) {
            use BitOperation::{And, AndOr, Diff, Diff1, Not, One, Or, Xor};
            let len = sources.iter().map(Vec::len).max().unwrap();
            for operation in [And, Or, Xor, Not, Diff, Diff1, AndOr, One] {
                let sources = if operation == Not { &sources[..1] } else { &sources[..] };
                let len = if operation == Not { sources[0].len() } else { len };
                let mut combiner = BitCombiner::new(operation, len);
                combiner.begin(len);
                sources.iter().for_each(|source| combiner.add(source));
                let result = combiner.finish();
                for at in 0..len as u64 * 8 {
                    let bits: Vec<bool> = sources.iter().map(|source| bit_of(source, at)).collect();
                    let others = bits[1..].contains(&true);
                    let expected = match operation {
                        And => !bits.contains(&false),
                        Or => bits.contains(&true),
                        Xor => bits.iter().filter(|bit| **bit).count() % 2 == 1,
                        Not => !bits[0],
                        Diff => bits[0] && !others,
                        Diff1 => !bits[0] && others,
                        AndOr => bits[0] && others,
                        One => bits.iter().filter(|bit| **bit).count() == 1,
                    };
                    prop_assert_eq!(bit_of(result, at), expected, "{:?} bit {}", operation, at);
                }
            }
        }
    }

    #[test]
    fn ranges_cross_the_chunks_of_a_long_string() {
        let mut bytes = vec![0u8; 200_000];
        bytes[65_535] = 0x01;
        bytes[65_536] = 0x80;
        let big = BigString::from_bytes(&bytes);
        let value = StringRef::Big(&big);
        let seam = 65_536 * 8;
        assert_eq!(
            count_in(
                value,
                BitRange {
                    first: 0,
                    last: 1_599_999
                }
            ),
            2
        );
        assert_eq!(
            count_in(
                value,
                BitRange {
                    first: seam - 1,
                    last: seam - 1
                }
            ),
            1
        );
        assert_eq!(
            count_in(
                value,
                BitRange {
                    first: seam,
                    last: seam + 3
                }
            ),
            1
        );
        assert_eq!(
            count_in(
                value,
                BitRange {
                    first: seam + 1,
                    last: 1_599_999
                }
            ),
            0
        );
        assert_eq!(
            find_in(
                value,
                true,
                BitRange {
                    first: 3,
                    last: 1_599_999
                }
            ),
            Some(seam - 1)
        );
        assert_eq!(
            find_in(
                value,
                true,
                BitRange {
                    first: seam,
                    last: 1_599_999
                }
            ),
            Some(seam)
        );
        assert_eq!(
            find_in(
                value,
                true,
                BitRange {
                    first: seam + 1,
                    last: 1_599_999
                }
            ),
            None
        );
        assert_eq!(
            find_in(
                value,
                false,
                BitRange {
                    first: seam - 1,
                    last: 1_599_999
                }
            ),
            Some(seam + 1)
        );
    }
}
