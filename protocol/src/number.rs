//! Integers as the protocol and Redis's commands write them.

/// Reads a decimal `i64` in its one canonical form, as Redis reads integers everywhere.
///
/// `None` for anything else: empty, `+1`, `-0`, leading zeros, spaces, out of range.
#[inline]
pub fn parse_i64(text: &[u8]) -> Option<i64> {
    let (negative, digits) = match text {
        [b'-', digits @ ..] => (true, digits),
        digits => (false, digits),
    };
    match digits {
        [b'0'] => return (!negative).then_some(0),
        [b'1'..=b'9', ..] if digits.len() <= I64_DIGITS_MAX => {}
        _ => return None,
    }
    let mut magnitude = 0u64;
    for &byte in digits {
        let digit = byte.wrapping_sub(b'0');
        if digit > 9 {
            return None;
        }
        // Nineteen digits always fit a u64, so this cannot overflow.
        magnitude = magnitude * 10 + u64::from(digit);
    }
    if negative {
        0i64.checked_sub_unsigned(magnitude)
    } else {
        i64::try_from(magnitude).ok()
    }
}

/// Reads a length and its line end from the front of `line`; returns it with the bytes it took.
///
/// Understands every length that Redis accepts (no sign, no leading zero) if its line is all there,
/// so whatever it does not understand is incomplete, negative or wrong.
#[inline]
pub(crate) fn take_length(line: &[u8]) -> Option<(u64, usize)> {
    match *line {
        [ones @ b'0'..=b'9', b'\r', _, ..] => Some((u64::from(ones - b'0'), 3)),
        [tens @ b'1'..=b'9', ones @ b'0'..=b'9', b'\r', _, ..] => {
            Some((u64::from(tens - b'0') * 10 + u64::from(ones - b'0'), 4))
        }
        _ => take_long_length(line),
    }
}

/// [`take_length`] for any number of digits.
fn take_long_length(line: &[u8]) -> Option<(u64, usize)> {
    if !matches!(line.first(), Some(b'1'..=b'9')) {
        return None;
    }
    let mut length = 0u64;
    for (i, &byte) in line.iter().enumerate().take(I64_DIGITS_MAX + 1) {
        match byte {
            // The twentieth digit could overflow; such a number is above every limit anyway.
            b'0'..=b'9' if i < I64_DIGITS_MAX => length = length * 10 + u64::from(byte - b'0'),
            b'\r' if i + 1 < line.len() => return Some((length, i + 2)),
            _ => return None,
        }
    }
    None
}

/// Digits of the largest `i64`, the largest number that Redis reads.
const I64_DIGITS_MAX: usize = 19;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn canonical_integers_are_read() {
        for value in [0, 1, -1, 9, 10, 99, 100, -100, 1 << 40, i64::MAX, i64::MIN] {
            assert_eq!(parse_i64(value.to_string().as_bytes()), Some(value));
        }
    }

    #[test]
    fn anything_else_is_refused() {
        for text in [
            "",
            "-",
            "+1",
            "-0",
            "00",
            "01",
            "-01",
            " 1",
            "1 ",
            "1.0",
            "1e3",
            "0x1",
            "a",
            "1a",
            "9223372036854775808",
            "-9223372036854775809",
            "9999999999999999999",
            "18446744073709551617",
            "10000000000000000000000",
            "1\0",
        ] {
            assert_eq!(parse_i64(text.as_bytes()), None, "{text:?}");
        }
    }
}
