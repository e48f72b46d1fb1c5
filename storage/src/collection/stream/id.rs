//! The IDs of entries.

use std::fmt;

/// Redis reads IDs into a buffer of 128 bytes, the last one of which ends it.
const TEXT_BYTES_MAX: usize = 127;

/// An entry's ID: a time, and a number among the entries of that millisecond.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct StreamId {
    /// Milliseconds; of generated IDs since the Unix epoch.
    pub ms: u64,
    /// Counts entries with the same milliseconds.
    pub seq: u64,
}

impl StreamId {
    /// `0-0`, which no entry has.
    pub const MIN: StreamId = StreamId { ms: 0, seq: 0 };
    /// The largest one.
    pub const MAX: StreamId = StreamId {
        ms: u64::MAX,
        seq: u64::MAX,
    };

    /// The ID `ms-seq`.
    pub const fn new(ms: u64, seq: u64) -> Self {
        Self { ms, seq }
    }

    /// The ID behind this one; `None` behind the largest.
    pub fn next(self) -> Option<Self> {
        match self.seq.checked_add(1) {
            Some(seq) => Some(Self { seq, ..self }),
            None => self.ms.checked_add(1).map(|ms| Self { ms, seq: 0 }),
        }
    }

    /// The ID before this one; `None` before `0-0`.
    pub fn previous(self) -> Option<Self> {
        match self.seq.checked_sub(1) {
            Some(seq) => Some(Self { seq, ..self }),
            None => self.ms.checked_sub(1).map(|ms| Self { ms, seq: u64::MAX }),
        }
    }

    /// Reads `ms-seq`, or `ms` alone, which means `ms-missing_seq`. As in Redis `-` and `+` are not among these: what they
    /// mean, and where they are permitted, the caller knows.
    pub fn parse(text: &[u8], missing_seq: u64) -> Option<Self> {
        let (ms, seq) = split(text)?;
        let seq = seq.map_or(Some(missing_seq), parse_number)?;
        Some(Self {
            ms: parse_number(ms)?,
            seq,
        })
    }
}

impl fmt::Display for StreamId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", self.ms, self.seq)
    }
}

/// The ID that an entry to be added shall have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NewId {
    /// `*`: the present time, or else the ID behind the last one.
    Auto,
    /// `ms-*`: the next one with these milliseconds.
    AutoSeq(u64),
    /// This one.
    Given(StreamId),
}

impl NewId {
    /// Reads `*`, `ms-*`, `ms-seq`, or `ms`, which means `ms-0`.
    pub fn parse(text: &[u8]) -> Option<Self> {
        if text == b"*" {
            return Some(NewId::Auto);
        }
        match split(text)? {
            (ms, Some(b"*")) => parse_number(ms).map(NewId::AutoSeq),
            _ => StreamId::parse(text, 0).map(NewId::Given),
        }
    }
}

/// The parts before and behind the first hyphen. What stands behind a zero byte does not count: Redis has the text as a
/// string of C by now.
fn split(text: &[u8]) -> Option<(&[u8], Option<&[u8]>)> {
    if text.len() > TEXT_BYTES_MAX {
        return None;
    }
    let end = memchr::memchr(0, text).unwrap_or(text.len());
    let text = &text[..end];
    Some(match memchr::memchr(b'-', text) {
        Some(hyphen) => (&text[..hyphen], Some(&text[hyphen + 1..])),
        None => (text, None),
    })
}

/// Reads a number as Redis reads those of IDs: with C's `strtoull` where it is not in canonical form, so that space before
/// it, signs and zeros are permitted, and minus means what it means for unsigned numbers.
fn parse_number(text: &[u8]) -> Option<u64> {
    if crate::value::canonical_integer(text).is_some_and(|number| number < 0) {
        return None;
    }
    let is_space = |byte: &u8| matches!(byte, b' ' | b'\t'..=b'\r');
    let space = text.iter().take_while(|byte| is_space(byte)).count();
    let (negative, digits) = match &text[space..] {
        [b'-', digits @ ..] => (true, digits),
        [b'+', digits @ ..] => (false, digits),
        digits => (false, digits),
    };
    if digits.is_empty() {
        return None;
    }
    let number = digits.iter().try_fold(0u64, |number, byte| {
        let digit = byte.is_ascii_digit().then(|| u64::from(byte - b'0'))?;
        number.checked_mul(10)?.checked_add(digit)
    })?;
    Some(if negative {
        number.wrapping_neg()
    } else {
        number
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_in_the_order_of_time() {
        let id = StreamId::new;
        assert!(id(1, 5) < id(2, 0) && id(2, 0) < id(2, 1));
        assert_eq!(id(1, u64::MAX).next(), Some(id(2, 0)));
        assert_eq!(id(2, 0).previous(), Some(id(1, u64::MAX)));
        assert_eq!(id(2, 7).next().and_then(StreamId::previous), Some(id(2, 7)));
        assert_eq!(StreamId::MAX.next(), None);
        assert_eq!(StreamId::MIN.previous(), None);
        assert_eq!(id(12, 34).to_string(), "12-34");
    }

    #[test]
    fn ids_are_read_as_redis_reads_them() {
        let max = u64::MAX;
        let cases: [(&str, Option<(u64, u64)>); 22] = [
            ("0", Some((0, 9))),
            ("12-34", Some((12, 34))),
            (
                "18446744073709551615-18446744073709551615",
                Some((max, max)),
            ),
            ("18446744073709551616", None),
            ("1-18446744073709551616", None),
            ("007-010", Some((7, 10))),
            ("+5-+6", Some((5, 6))),
            (" 5-\t6", Some((5, 6))),
            ("5 -6", None),
            ("5-6-7", None),
            ("5--05", Some((5, max - 4))),
            ("5--5", None),
            ("", None),
            ("-", None),
            ("-5", None),
            ("5-", None),
            ("+", None),
            ("a", None),
            ("5-a", None),
            ("5-6a", None),
            ("5-6\0a", Some((5, 6))),
            ("5-*", None),
        ];
        for (text, expected) in cases {
            let id = expected.map(|(ms, seq)| StreamId::new(ms, seq));
            assert_eq!(StreamId::parse(text.as_bytes(), 9), id, "{text:?}");
        }
        let long = [b'0'; 127];
        assert_eq!(StreamId::parse(&long, 0), Some(StreamId::MIN));
        assert_eq!(StreamId::parse(&[b'0'; 128], 0), None);
    }

    #[test]
    fn new_ids_may_leave_a_part_open() {
        let given = |ms, seq| Some(NewId::Given(StreamId::new(ms, seq)));
        let cases = [
            ("*", Some(NewId::Auto)),
            ("7-*", Some(NewId::AutoSeq(7))),
            ("7", given(7, 0)),
            ("7-3", given(7, 3)),
            ("*-1", None),
            ("7-**", None),
            ("-*", None),
            ("", None),
        ];
        for (text, expected) in cases {
            assert_eq!(NewId::parse(text.as_bytes()), expected, "{text:?}");
        }
    }
}
