//! Values as commands see them.

use crate::big_string::BigString;
use crate::typed::CollectionRef;

/// Strings of at least this many bytes are refcounted chunk arrays ([`BigString`]) outside the entry.
pub const BIG_STRING_MIN_BYTES: usize = 8 * 1024 + 1;

/// What `TYPE` answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ValueType {
    /// A string, whatever its encoding.
    String,
    /// A list.
    List,
    /// A set.
    Set,
    /// A sorted set.
    SortedSet,
    /// A hash.
    Hash,
    /// A stream.
    Stream,
}

impl ValueType {
    /// What `TYPE` answers.
    pub fn name(self) -> &'static str {
        match self {
            ValueType::String => "string",
            ValueType::List => "list",
            ValueType::Set => "set",
            ValueType::SortedSet => "zset",
            ValueType::Hash => "hash",
            ValueType::Stream => "stream",
        }
    }
}

/// A stored value, borrowed under the shard's lock.
#[derive(Clone, Copy)]
pub enum ValueRef<'v> {
    /// A string.
    String(StringRef<'v>),
    /// Anything else.
    Collection(CollectionRef<'v>),
}

/// A value about to be stored.
#[derive(Clone, Debug)]
pub enum NewValue<'v> {
    /// Bytes; stored as an integer when they are one in canonical decimal form.
    Bytes(&'v [u8]),
    /// An integer.
    Int(i64),
    /// A long string, built before any lock was taken.
    Big(BigString),
}

/// The integer that `bytes` spell in canonical decimal form: what printing it would give back.
pub fn canonical_integer(bytes: &[u8]) -> Option<i64> {
    const DIGITS_MAX: usize = 19;
    let (negative, digits) = match bytes {
        [b'-', digits @ ..] => (true, digits),
        digits => (false, digits),
    };
    match digits {
        [] => return None,
        [b'0', rest @ ..] => return (rest.is_empty() && !negative).then_some(0),
        _ if digits.len() > DIGITS_MAX => return None,
        _ => {}
    }
    // Nineteen digits stay below 2^64; whether they fit an i64 is checked at the end.
    let mut magnitude: u64 = 0;
    for &byte in digits {
        let digit = byte.wrapping_sub(b'0');
        if digit > 9 {
            return None;
        }
        magnitude = magnitude * 10 + u64::from(digit);
    }
    if negative {
        0i64.checked_sub_unsigned(magnitude)
    } else {
        i64::try_from(magnitude).ok()
    }
}

/// A stored string, borrowed under the shard's lock.
#[derive(Clone, Copy, Debug)]
pub enum StringRef<'v> {
    /// Bytes inside the entry.
    Raw(&'v [u8]),
    /// An integer inside the entry.
    Int(i64),
    /// A chunk array; cloning it pins it in O(1), so that it can be read after unlocking.
    Big(&'v BigString),
}

impl StringRef<'_> {
    /// Length in bytes, of the decimal form if it is an integer.
    pub fn len(&self) -> u64 {
        match self {
            StringRef::Raw(bytes) => bytes.len() as u64,
            StringRef::Int(value) => itoa::Buffer::new().format(*value).len() as u64,
            StringRef::Big(big) => big.len() as u64,
        }
    }

    /// Whether the string has no bytes.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The bytes as one owned piece.
    pub fn to_vec(self) -> Vec<u8> {
        match self {
            StringRef::Raw(bytes) => bytes.to_vec(),
            StringRef::Int(value) => itoa::Buffer::new().format(value).as_bytes().to_vec(),
            StringRef::Big(big) => big.copy_to_vec(),
        }
    }

    /// Appends the bytes `start..end` to `out`; the range is cut to what there is.
    pub fn copy_range(&self, start: u64, end: u64, out: &mut Vec<u8>) {
        let end = end.min(self.len()) as usize;
        let start = (start as usize).min(end);
        match self {
            StringRef::Raw(bytes) => out.extend_from_slice(&bytes[start..end]),
            StringRef::Int(value) => {
                out.extend_from_slice(&itoa::Buffer::new().format(*value).as_bytes()[start..end])
            }
            StringRef::Big(big) => big
                .read_range(start..end)
                .for_each(|piece| out.extend_from_slice(piece)),
        }
    }

    /// The string as an integer, if it is one in canonical decimal form.
    pub fn integer(&self) -> Option<i64> {
        match self {
            StringRef::Raw(bytes) => canonical_integer(bytes),
            StringRef::Int(value) => Some(*value),
            StringRef::Big(_) => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::canonical_integer;

    #[test]
    fn only_canonical_decimals_are_integers() {
        for value in [0, 1, -1, 10, i64::MAX, i64::MIN, i64::MAX - 1, i64::MIN + 1] {
            assert_eq!(canonical_integer(value.to_string().as_bytes()), Some(value));
        }
        for text in [
            "",
            "-",
            "-0",
            "00",
            "01",
            "+1",
            " 1",
            "1 ",
            "1x",
            "9223372036854775808",
            "-9223372036854775809",
            "99999999999999999999",
            "1.0",
        ] {
            assert_eq!(canonical_integer(text.as_bytes()), None, "{text:?}");
        }
    }
}
