//! One entry: an element in the form that suits it, and its back-length. The forms stand in the
//! documentation of the listpack.

use super::Corrupt;
use crate::same_bytes::same_bytes;
use crate::value::canonical_integer;

const BACK_LENGTH_BYTES_MAX: usize = 5;

/// An element, as it is stored.
///
/// `==` compares the stored forms; [`Value::equals`] compares with a string.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Value<'a> {
    /// An integer, which stands for the string that spells it.
    Int(i64),
    /// A string.
    Bytes(&'a [u8]),
}

impl<'a> Value<'a> {
    /// How `element` is stored: as an integer if it spells one.
    pub fn of(element: &'a [u8]) -> Value<'a> {
        canonical_integer(element).map_or(Value::Bytes(element), Value::Int)
    }

    /// Length in bytes, of the decimal form if it is an integer.
    pub fn len(&self) -> usize {
        match self {
            Value::Int(value) => itoa::Buffer::new().format(*value).len(),
            Value::Bytes(bytes) => bytes.len(),
        }
    }

    /// Whether it is the empty string.
    pub fn is_empty(&self) -> bool {
        matches!(self, Value::Bytes([]))
    }

    /// Whether it is the string `other`, or the integer that `other` spells.
    pub fn equals(&self, other: &[u8]) -> bool {
        match self {
            Value::Int(value) => canonical_integer(other) == Some(*value),
            Value::Bytes(bytes) => same_bytes(bytes, other),
        }
    }

    /// Appends it to `out`, an integer in decimal form.
    pub fn write_to(&self, out: &mut Vec<u8>) {
        match self {
            Value::Int(value) => {
                out.extend_from_slice(itoa::Buffer::new().format(*value).as_bytes());
            }
            Value::Bytes(bytes) => out.extend_from_slice(bytes),
        }
    }

    /// The integer that it is or spells in canonical decimal form.
    pub fn to_integer(self) -> Option<i64> {
        match self {
            Value::Int(value) => Some(value),
            Value::Bytes(bytes) => canonical_integer(bytes),
        }
    }

    /// The size of its entry in bytes.
    pub fn entry_bytes(&self) -> usize {
        with_back_length(self.element_bytes())
    }

    /// The size of its entry in bytes, without the back-length.
    fn element_bytes(&self) -> usize {
        match self {
            Value::Int(value) => integer_bytes(*value),
            Value::Bytes(bytes) => match bytes.len() {
                len @ ..64 => 1 + len,
                len @ 64..4096 => 2 + len,
                len => 5 + len,
            },
        }
    }

    /// Writes its entry to `entry`, which is as long as [`Value::entry_bytes`] says.
    pub(super) fn write_entry(&self, entry: &mut [u8]) {
        let (element, back_length) = entry.split_at_mut(self.element_bytes());
        write_back_length(back_length, element.len());
        match self {
            Value::Int(value) => write_integer(element, *value),
            Value::Bytes(bytes) => {
                let (head, string) = element.split_at_mut(element.len() - bytes.len());
                write_string_head(head, bytes.len());
                string.copy_from_slice(bytes);
            }
        }
    }
}

/// How many bytes a listpack grows when `element` is added, 2 at least.
pub fn entry_bytes(element: &[u8]) -> usize {
    Value::of(element).entry_bytes()
}

/// Bits of the integer behind `0xf0` and this; 0 where there is none.
const INTEGER_BITS: [u8; 16] = [0, 16, 24, 32, 64, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0];

/// Reads the entry at the front of `bytes`: the element, and the size of the entry. `None` if the
/// element is of no known form or reaches behind `bytes`; the back-length is not looked at.
#[inline]
pub(super) fn read(bytes: &[u8]) -> Option<(Value<'_>, usize)> {
    let (&first, rest) = bytes.split_first()?;
    // What there is most of; everything else, and what stands close to the end, by the table of forms.
    if first < 0x80 {
        return Some((Value::Int(i64::from(first)), 2));
    }
    if first < 0xc0 {
        let len = usize::from(first & 0x3f);
        return Some((Value::Bytes(rest.get(..len)?), len + 2));
    }
    let bits = INTEGER_BITS[usize::from(first & 0x0f)];
    match rest.first_chunk() {
        Some(word) if first > 0xf0 && bits > 0 => {
            // The sign is carried from the highest bit through the rest.
            let unused = 64 - u32::from(bits);
            let value = i64::from_le_bytes(*word) << unused >> unused;
            Some((Value::Int(value), usize::from(bits / 8) + 2))
        }
        _ => read_any(bytes),
    }
}

/// [`read`] of any form.
fn read_any(bytes: &[u8]) -> Option<(Value<'_>, usize)> {
    let (value, element_bytes) = read_element(bytes)?;
    Some((value, with_back_length(element_bytes)))
}

/// The size of the entry at the front of `bytes`, whose element may reach behind them. `None` if it is of no known form.
#[inline]
pub(super) fn size(bytes: &[u8]) -> Option<usize> {
    match *bytes.first()? {
        0..=0x7f => Some(2),
        first @ 0x80..=0xbf => Some(usize::from(first & 0x3f) + 2),
        0xf1 => Some(4),
        0xf2 => Some(5),
        _ => read_any(bytes).map(|(_, size)| size),
    }
}

/// As [`read`], with the size of the element alone.
fn read_element(bytes: &[u8]) -> Option<(Value<'_>, usize)> {
    let (&first, rest) = bytes.split_first()?;
    Some(match first {
        0..=0x7f => (Value::Int(i64::from(first)), 1),
        0x80..=0xbf => {
            let len = usize::from(first & 0x3f);
            (Value::Bytes(rest.get(..len)?), 1 + len)
        }
        0xc0..=0xdf => {
            let bits = u16::from_be_bytes([first & 0x1f, *rest.first()?]);
            // The sign is the highest of 13 bits; from there it is carried through the rest.
            let value = (bits << 3).cast_signed() >> 3;
            (Value::Int(i64::from(value)), 2)
        }
        0xe0..=0xef => {
            let (&low, rest) = rest.split_first()?;
            let len = usize::from(u16::from_be_bytes([first & 0x0f, low]));
            (Value::Bytes(rest.get(..len)?), 2 + len)
        }
        0xf0 => {
            let (len, rest) = rest.split_first_chunk()?;
            let len = usize::try_from(u32::from_le_bytes(*len)).ok()?;
            (Value::Bytes(rest.get(..len)?), 5 + len)
        }
        0xf1 => {
            let value = i16::from_le_bytes(*rest.first_chunk()?);
            (Value::Int(i64::from(value)), 3)
        }
        0xf2 => {
            let [low, middle, high] = *rest.first_chunk()?;
            let value = i32::from_le_bytes([0, low, middle, high]) >> 8;
            (Value::Int(i64::from(value)), 4)
        }
        0xf3 => {
            let value = i32::from_le_bytes(*rest.first_chunk()?);
            (Value::Int(i64::from(value)), 5)
        }
        0xf4 => (Value::Int(i64::from_le_bytes(*rest.first_chunk()?)), 9),
        0xf5.. => return None,
    })
}

/// Checks the entry at the front of `bytes`, which is at `at` in its listpack, and returns its size.
pub(super) fn check(bytes: &[u8], at: usize) -> Result<usize, Corrupt> {
    let (_, element_bytes) = read_element(bytes).ok_or(Corrupt::Entry { at })?;
    let size = with_back_length(element_bytes);
    let stored = bytes
        .get(element_bytes..size)
        .ok_or(Corrupt::Entry { at })?;
    let mut expected = [0; BACK_LENGTH_BYTES_MAX];
    let expected = &mut expected[..stored.len()];
    write_back_length(expected, element_bytes);
    if stored == expected {
        Ok(size)
    } else {
        Err(Corrupt::BackLength { at })
    }
}

/// The size of the entry that ends where `bytes` do.
#[inline]
pub(super) fn bytes_before(bytes: &[u8]) -> usize {
    let (mut element_bytes, mut shift) = (0, 0);
    for byte in bytes.iter().rev().take(BACK_LENGTH_BYTES_MAX) {
        element_bytes |= usize::from(byte & 0x7f) << shift;
        shift += 7;
        if byte & 0x80 == 0 {
            break;
        }
    }
    with_back_length(element_bytes)
}

/// The size of an entry whose element takes `element_bytes`.
#[inline]
fn with_back_length(element_bytes: usize) -> usize {
    element_bytes + back_length_bytes(element_bytes)
}

/// How long the back-length of an element of `element_bytes` is. Redis leaves the largest number of
/// 2, 3 and 4 bytes to the next size, but not that of 1 byte.
#[inline]
fn back_length_bytes(element_bytes: usize) -> usize {
    match element_bytes {
        ..128 => 1,
        128..16_383 => 2,
        16_383..2_097_151 => 3,
        2_097_151..268_435_455 => 4,
        268_435_455.. => 5,
    }
}

/// Fills `out` with the back-length of an element of `element_bytes`.
fn write_back_length(out: &mut [u8], element_bytes: usize) {
    let mut rest = element_bytes;
    for byte in out.iter_mut().rev() {
        *byte = (rest & 0x7f) as u8 | 0x80;
        rest >>= 7;
    }
    out[0] &= 0x7f;
}

/// The size of an integer in the smallest form that holds it.
fn integer_bytes(value: i64) -> usize {
    const I24_MIN: i64 = -(1 << 23);
    const I24_MAX: i64 = (1 << 23) - 1;
    const I32_MIN: i64 = i32::MIN as i64;
    const I32_MAX: i64 = i32::MAX as i64;
    match value {
        0..=127 => 1,
        -4096..=4095 => 2,
        -32_768..=32_767 => 3,
        I24_MIN..=I24_MAX => 4,
        I32_MIN..=I32_MAX => 5,
        _ => 9,
    }
}

/// Writes `value` to `out`, which is as long as [`integer_bytes`] says.
fn write_integer(out: &mut [u8], value: i64) {
    let bytes = value.to_le_bytes();
    let [low, high, ..] = bytes;
    match out {
        [only] => *only = low,
        [first, second] => (*first, *second) = (0xc0 | high & 0x1f, low),
        [first, number @ ..] => {
            *first = match number.len() {
                2 => 0xf1,
                3 => 0xf2,
                4 => 0xf3,
                _ => 0xf4,
            };
            number.copy_from_slice(&bytes[..number.len()]);
        }
        [] => unreachable!("integers take a byte at least"),
    }
}

/// Writes what stands before a string of `len` bytes; `out` is 1, 2 or 5 bytes long, as it needs.
fn write_string_head(out: &mut [u8], len: usize) {
    match out {
        [only] => *only = 0x80 | len as u8,
        [first, second] => (*first, *second) = (0xe0 | (len >> 8) as u8, len as u8),
        [first, number @ ..] => {
            let len = u32::try_from(len).expect("listpacks stay below 4 GiB");
            *first = 0xf0;
            number.copy_from_slice(&len.to_le_bytes());
        }
        [] => unreachable!("strings begin with a byte at least"),
    }
}
