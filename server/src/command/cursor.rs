//! Cursors of `SCAN`, `HSCAN`, `SSCAN` and `ZSCAN`.

/// A cursor as C's `strtoul` reads it: decimal, with leading zeros or a sign, under which it counts backwards from 2^64;
/// nothing at all is 0, and what stands behind a zero byte does not count. `None`: the reply is `ERR invalid cursor`.
pub(crate) fn parse_cursor(text: &[u8]) -> Option<u64> {
    let end = memchr::memchr(0, text).unwrap_or(text.len());
    let text = &text[..end];
    let (negative, digits) = match text {
        [b'-', rest @ ..] => (true, rest),
        [b'+', rest @ ..] => (false, rest),
        rest => (false, rest),
    };
    if digits.is_empty() {
        return text.is_empty().then_some(0);
    }
    let mut cursor: u64 = 0;
    for &byte in digits {
        let digit = byte.wrapping_sub(b'0');
        if digit > 9 {
            return None;
        }
        cursor = cursor.checked_mul(10)?.checked_add(digit.into())?;
    }
    Some(if negative {
        cursor.wrapping_neg()
    } else {
        cursor
    })
}

#[cfg(test)]
mod tests {
    use super::parse_cursor;

    #[test]
    fn cursors_are_read_as_strtoul_does() {
        for (text, expected) in [
            ("0", Some(0)),
            ("", Some(0)),
            ("01", Some(1)),
            ("+7", Some(7)),
            ("-1", Some(u64::MAX)),
            ("18446744073709551615", Some(u64::MAX)),
            ("18446744073709551616", None),
            ("-", None),
            ("+", None),
            (" 1", None),
            ("1 ", None),
            ("1x", None),
            ("1\0x", Some(1)),
            ("\0", Some(0)),
            ("x\0", None),
            ("x", None),
        ] {
            assert_eq!(parse_cursor(text.as_bytes()), expected, "{text:?}");
        }
    }
}
