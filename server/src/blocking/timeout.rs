//! How long a blocking command may wait.

use protocol::parse_i64;
use storage::long_double::{LongDouble, ParsedNumber};

use crate::command::CommandError;

const OUT_OF_RANGE: CommandError = CommandError::Line("ERR timeout is out of range");
const NEGATIVE: CommandError = CommandError::Line("ERR timeout is negative");

/// When a wait of so many seconds, fractions included, ends, in Unix milliseconds; `None`: never.
///
/// # Errors
/// If it is no number, negative, or beyond what the clock can say.
pub(crate) fn seconds(text: &[u8], now_ms: i64) -> Result<Option<i64>, CommandError> {
    let number = LongDouble::parse(text).ok_or(CommandError::Line(
        "ERR timeout is not a float or out of range",
    ))?;
    let ParsedNumber::Finite(number) = number else {
        let is_negative = text.first() == Some(&b'-');
        return Err(if is_negative { NEGATIVE } else { OUT_OF_RANGE });
    };
    let timeout_ms = match milliseconds(&number.to_text())? {
        // It is so small that its text has no digits of it.
        0 if number > LongDouble::ZERO => 1,
        timeout_ms => timeout_ms,
    };
    until(timeout_ms, now_ms)
}

/// When a wait of so many milliseconds ends, in Unix milliseconds; `None`: never.
///
/// # Errors
/// If it is no integer, negative, or beyond what the clock can say.
pub(crate) fn whole_milliseconds(text: &[u8], now_ms: i64) -> Result<Option<i64>, CommandError> {
    let timeout_ms = parse_i64(text).ok_or(CommandError::Line(
        "ERR timeout is not an integer or out of range",
    ))?;
    until(timeout_ms, now_ms)
}

fn until(timeout_ms: i64, now_ms: i64) -> Result<Option<i64>, CommandError> {
    match timeout_ms {
        ..0 => Err(NEGATIVE),
        0 => Ok(None),
        _ => now_ms.checked_add(timeout_ms).map(Some).ok_or(OUT_OF_RANGE),
    }
}

/// Seconds in plain decimal as milliseconds, rounded up.
fn milliseconds(text: &str) -> Result<i64, CommandError> {
    const MILLIS_DIGITS: usize = 3;
    let (is_negative, magnitude) = match text.strip_prefix('-') {
        Some(magnitude) => (true, magnitude),
        None => (false, text),
    };
    let (whole, fraction) = magnitude.split_once('.').unwrap_or((magnitude, ""));
    // What is negative is so however large it is.
    let beyond_clock = if is_negative { NEGATIVE } else { OUT_OF_RANGE };
    let whole: i64 = whole.parse().map_err(|_| beyond_clock.clone())?;
    let (millis, beyond) = fraction.split_at(fraction.len().min(MILLIS_DIGITS));
    let millis: i64 = format!("{millis:0<MILLIS_DIGITS$}").parse().unwrap_or(0);
    let has_rest = beyond.bytes().any(|digit| digit != b'0');
    let total = whole
        .checked_mul(1_000)
        .and_then(|total| total.checked_add(millis))
        .ok_or(beyond_clock)?;
    Ok(if is_negative {
        -total
    } else {
        total.saturating_add(i64::from(has_rest))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn seconds_are_rounded_up_to_milliseconds() {
        const NO_FLOAT: &str = "ERR timeout is not a float or out of range";
        let cases = [
            ("0", Ok(None)),
            ("-0", Ok(None)),
            ("1", Ok(Some(1_005))),
            ("0.1", Ok(Some(105))),
            ("0.0001", Ok(Some(6))),
            ("5e-324", Ok(Some(6))),
            ("-5e-324", Ok(None)),
            ("1.0015", Ok(Some(1_007))),
            ("0x10", Ok(Some(16_005))),
            ("1e3", Ok(Some(1_000_005))),
            ("-1", Err("ERR timeout is negative")),
            ("-0.01", Err("ERR timeout is negative")),
            ("-9223372036854775809", Err("ERR timeout is negative")),
            ("inf", Err("ERR timeout is out of range")),
            ("9223372036854775807", Err("ERR timeout is out of range")),
            ("9223372036854775", Ok(Some(9_223_372_036_854_775_005))),
            ("9223372036854776", Err("ERR timeout is out of range")),
            ("", Err(NO_FLOAT)),
            ("x", Err(NO_FLOAT)),
            ("nan", Err(NO_FLOAT)),
            (" 1", Err(NO_FLOAT)),
        ];
        for (text, expected) in cases {
            let deadline = seconds(text.as_bytes(), 5);
            let expected = expected.map_err(CommandError::Line);
            assert_eq!(deadline, expected, "{text}");
        }
    }

    #[test]
    fn milliseconds_are_integers() {
        assert_eq!(whole_milliseconds(b"0", 5), Ok(None));
        assert_eq!(whole_milliseconds(b"10", 5), Ok(Some(15)));
        assert_eq!(whole_milliseconds(b"-1", 5), Err(NEGATIVE));
        let most = i64::MAX.to_string();
        assert_eq!(whole_milliseconds(most.as_bytes(), 5), Err(OUT_OF_RANGE));
        assert!(whole_milliseconds(b"1.5", 5).is_err());
    }
}
