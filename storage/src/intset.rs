//! Intsets: sorted integers in one piece of memory, byte for byte as Redis keeps small sets of them,
//! so that an RDB file or a `DUMP` payload takes them as they are.
//!
//! ```text
//!   0  u32   bytes per integer: 2, 4 or 8
//!   4  u32   how many integers
//!   8        the integers, signed, each larger than the one before
//! ```
//!
//! All numbers are little-endian. The integers are as wide as the widest one that was ever in the set
//! needs: removing it does not make the others narrower.

use std::cmp::Ordering;
use std::fmt;

#[cfg(test)]
mod tests;

const HEADER_BYTES: usize = 8;

/// An intset without integers.
const EMPTY: [u8; HEADER_BYTES] = [Width::Two as u8, 0, 0, 0, 0, 0, 0, 0];

/// What is wrong with bytes that should be an intset.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Corrupt {
    /// The integers are neither 2 nor 4 nor 8 bytes wide, or there is no header.
    #[error("the intset's integers are of no known width")]
    Width,
    /// There are more or fewer bytes than the header says.
    #[error("the intset is not as long as its header says")]
    Size,
    /// An integer is not larger than the one before.
    #[error("the intset's integers are not in order")]
    Order,
}

/// Bytes per integer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Width {
    Two = 2,
    Four = 4,
    Eight = 8,
}

impl Width {
    /// The smallest that holds `value`.
    fn of(value: i64) -> Width {
        if i16::try_from(value).is_ok() {
            Width::Two
        } else if i32::try_from(value).is_ok() {
            Width::Four
        } else {
            Width::Eight
        }
    }
}

/// An intset to read. See the module documentation.
#[derive(Clone, Copy)]
pub struct Intset<'a> {
    width: Width,
    /// The integers.
    body: &'a [u8],
}

impl<'a> Intset<'a> {
    /// An intset of bytes from outside. One without integers is accepted, though Redis keeps it in no
    /// key; so are integers that are wider than they need.
    ///
    /// # Errors
    /// [`Corrupt`], with the first thing that is wrong.
    pub fn check(bytes: &'a [u8]) -> Result<Intset<'a>, Corrupt> {
        let (width, len, body) = parse(bytes).ok_or(Corrupt::Width)?;
        if u64::from(len) * width as u64 != body.len() as u64 {
            return Err(Corrupt::Size);
        }
        let intset = Intset { width, body };
        if intset.iter().is_sorted_by(|before, behind| before < behind) {
            Ok(intset)
        } else {
            Err(Corrupt::Order)
        }
    }

    /// An intset of bytes that an [`IntsetBuf`] wrote, or that were checked before.
    ///
    /// # Panics
    /// If there is no header. Other bytes that are no intset make what it answers nonsense.
    pub fn trusted(bytes: &'a [u8]) -> Intset<'a> {
        debug_assert_eq!(Intset::check(bytes).err(), None);
        Intset::of(bytes)
    }

    /// As [`Intset::trusted`], and trusted even by debug builds.
    fn of(bytes: &'a [u8]) -> Intset<'a> {
        let (width, _, body) = parse(bytes).expect("an intset begins with its header");
        Intset { width, body }
    }

    /// How many integers there are.
    pub fn len(self) -> usize {
        self.body.len() / self.width as usize
    }

    /// Whether there are no integers.
    pub fn is_empty(self) -> bool {
        self.body.is_empty()
    }

    /// The size of it all in bytes, header included.
    pub fn byte_len(self) -> usize {
        HEADER_BYTES + self.body.len()
    }

    /// Whether `value` is among the integers.
    pub fn contains(self, value: i64) -> bool {
        self.search(value).is_ok()
    }

    /// The integer of index `index`, counted from 0 at the smallest.
    pub fn get(self, index: usize) -> Option<i64> {
        match self.width {
            Width::Two => word(self.body, index).map(|word| i16::from_le_bytes(word).into()),
            Width::Four => word(self.body, index).map(|word| i32::from_le_bytes(word).into()),
            Width::Eight => word(self.body, index).map(i64::from_le_bytes),
        }
    }

    /// The smallest integer.
    pub fn min(self) -> Option<i64> {
        self.get(0)
    }

    /// The largest integer.
    pub fn max(self) -> Option<i64> {
        self.get(self.len().checked_sub(1)?)
    }

    /// The integers in ascending order, from either end.
    pub fn iter(self) -> impl DoubleEndedIterator<Item = i64> + ExactSizeIterator + 'a {
        (0..self.len()).map(move |index| self.get(index).expect("the index is below the length"))
    }

    /// The index of `value`, or where it would have to be inserted.
    fn search(self, value: i64) -> Result<usize, usize> {
        let (mut low, mut high) = (0, self.len());
        while low < high {
            let middle = low.midpoint(high);
            let found = self.get(middle).expect("the index is below the length");
            match found.cmp(&value) {
                Ordering::Less => low = middle + 1,
                Ordering::Greater => high = middle,
                Ordering::Equal => return Ok(middle),
            }
        }
        Err(low)
    }
}

impl fmt::Debug for Intset<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.iter()).finish()
    }
}

/// The width, the number of integers, and what is behind the header. `None` without a valid width.
fn parse(bytes: &[u8]) -> Option<(Width, u32, &[u8])> {
    let (width, rest) = bytes.split_first_chunk()?;
    let (len, body) = rest.split_first_chunk()?;
    let width = match u32::from_le_bytes(*width) {
        2 => Width::Two,
        4 => Width::Four,
        8 => Width::Eight,
        _ => return None,
    };
    Some((width, u32::from_le_bytes(*len), body))
}

fn word<const N: usize>(body: &[u8], index: usize) -> Option<[u8; N]> {
    body.as_chunks().0.get(index).copied()
}

/// An intset to change, in a vector of its own.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IntsetBuf {
    bytes: Vec<u8>,
}

impl IntsetBuf {
    /// An intset without integers.
    pub fn new() -> IntsetBuf {
        IntsetBuf {
            bytes: EMPTY.to_vec(),
        }
    }

    /// An intset of bytes from outside.
    ///
    /// # Errors
    /// As [`Intset::check`].
    pub fn from_checked(bytes: Vec<u8>) -> Result<IntsetBuf, Corrupt> {
        Intset::check(&bytes)?;
        Ok(IntsetBuf { bytes })
    }

    /// The intset to read.
    pub fn as_intset(&self) -> Intset<'_> {
        Intset::of(&self.bytes)
    }

    /// The bytes, as Redis would store them.
    pub fn as_bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// The bytes, as Redis would store them, with what room there is behind them.
    pub fn into_bytes(self) -> Vec<u8> {
        self.bytes
    }

    /// Removes all integers, makes those to come as narrow as can be, and keeps the room.
    pub fn clear(&mut self) {
        self.replace_all(&EMPTY);
    }

    /// Becomes a copy of `bytes`, which an intset wrote or which were checked before; keeps the room.
    pub fn load(&mut self, bytes: &[u8]) {
        Intset::trusted(bytes);
        self.replace_all(bytes);
    }

    /// Adds `value`, in linear time. Returns whether it was not there before.
    ///
    /// # Panics
    /// If there would be 2^32 integers.
    pub fn insert(&mut self, value: i64) -> bool {
        let intset = self.as_intset();
        let (width, len) = (intset.width, intset.len());
        let Err(index) = intset.search(value) else {
            return false;
        };
        let width = width.max(Width::of(value));
        self.widen(width);
        let bytes = width as usize;
        let (at, old_total) = (HEADER_BYTES + index * bytes, self.bytes.len());
        self.bytes.resize(old_total + bytes, 0);
        self.bytes.copy_within(at..old_total, at + bytes);
        self.bytes[at..at + bytes].copy_from_slice(&value.to_le_bytes()[..bytes]);
        self.set_len(len + 1);
        true
    }

    /// Removes `value`, in linear time. Returns whether it was there.
    pub fn remove(&mut self, value: i64) -> bool {
        let intset = self.as_intset();
        let (bytes, len) = (intset.width as usize, intset.len());
        let Ok(index) = intset.search(value) else {
            return false;
        };
        let (at, old_total) = (HEADER_BYTES + index * bytes, self.bytes.len());
        self.bytes.copy_within(at + bytes..old_total, at);
        self.bytes.truncate(old_total - bytes);
        self.set_len(len - 1);
        true
    }

    fn replace_all(&mut self, bytes: &[u8]) {
        self.bytes.clear();
        self.bytes.extend_from_slice(bytes);
    }

    /// Makes every integer `width` bytes wide, which is not narrower than they are.
    fn widen(&mut self, width: Width) {
        let intset = self.as_intset();
        let (old, new, len) = (intset.width as usize, width as usize, intset.len());
        if old == new {
            return;
        }
        self.bytes[0] = new as u8;
        self.bytes.resize(HEADER_BYTES + len * new, 0);
        // From behind, so that nothing is overwritten before it has moved.
        for index in (0..len).rev() {
            let from = HEADER_BYTES + index * old;
            let to = HEADER_BYTES + index * new;
            self.bytes.copy_within(from..from + old, to);
            let sign = self.bytes[to + old - 1].cast_signed() >> 7;
            self.bytes[to + old..to + new].fill(sign.cast_unsigned());
        }
    }

    fn set_len(&mut self, len: usize) {
        let len = u32::try_from(len).expect("intsets stay below 2^32 integers");
        self.bytes[4..HEADER_BYTES].copy_from_slice(&len.to_le_bytes());
    }
}

impl Default for IntsetBuf {
    fn default() -> IntsetBuf {
        IntsetBuf::new()
    }
}
