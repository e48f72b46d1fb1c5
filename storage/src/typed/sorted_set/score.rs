//! Scores as text.

use std::io::Write;

use crate::listpack::Value;

/// A score as a small sorted set stores it.
pub(super) struct ScoreText {
    bytes: [u8; BYTES_MAX],
    len: usize,
}

/// A sign, `0.`, six zeros and 17 digits, or 21 digits and a sign, or an exponent, which is shorter.
const BYTES_MAX: usize = 32;
/// Whole scores up to here are stored as integers, as in Redis.
const WHOLE_MAX: f64 = (i64::MAX / 2) as f64;

/// The integer that stands for a score in a small sorted set. A zero loses its sign, as in Redis.
pub(super) fn whole(score: f64) -> Option<i64> {
    let is_whole = score.abs() <= WHOLE_MAX && score.trunc() == score;
    is_whole.then_some(score as i64)
}

impl ScoreText {
    /// The text of a score, which is not NaN: the fewest digits that read back as the same score, with an exponent where
    /// Redis writes one.
    pub(super) fn new(score: f64) -> Self {
        let mut text = Self {
            bytes: [0; BYTES_MAX],
            len: 0,
        };
        match whole(score) {
            Some(integer) => text.push(itoa::Buffer::new().format(integer).as_bytes()),
            None if score.is_infinite() => text.push(if score < 0.0 { b"-inf" } else { b"inf" }),
            None => text.push_decimal(score),
        }
        text
    }

    pub(super) fn as_bytes(&self) -> &[u8] {
        &self.bytes[..self.len]
    }

    fn push(&mut self, part: &[u8]) {
        self.bytes[self.len..self.len + part.len()].copy_from_slice(part);
        self.len += part.len();
    }

    fn push_zeros(&mut self, count: usize) {
        self.push(&[b'0'; BYTES_MAX][..count]);
    }

    fn push_decimal(&mut self, score: f64) {
        if score < 0.0 {
            self.push(b"-");
        }
        let digits = Digits::of(score.abs(), None);
        let (digits, exponent) = (digits.digits(), digits.exponent);
        // Digits behind the point, or zeros before it if negative.
        let decimals = digits.len() as i32 - 1 - exponent;
        match (exponent, decimals) {
            (_, ..=0) if exponent < digits.len() as i32 + 7 => {
                self.push(digits);
                self.push_zeros(-decimals as usize);
            }
            (0.., 1..) if decimals < 7 || exponent < 4 => {
                let (whole, fraction) = digits.split_at(exponent as usize + 1);
                self.push(whole);
                self.push(b".");
                self.push(fraction);
            }
            (..0, 1..) if decimals < 7 || exponent > -4 => {
                self.push(b"0.");
                self.push_zeros(-exponent as usize - 1);
                self.push(digits);
            }
            _ => self.push_scientific(digits, exponent),
        }
    }

    fn push_scientific(&mut self, digits: &[u8], exponent: i32) {
        self.push(&digits[..1]);
        if digits.len() > 1 {
            self.push(b".");
            self.push(&digits[1..]);
        }
        self.push(if exponent < 0 { b"e-" } else { b"e+" });
        let mut power = itoa::Buffer::new();
        self.push(power.format(exponent.unsigned_abs()).as_bytes());
    }
}

/// Decimal digits without zeros at the end, and the power of ten of the first one.
struct Digits {
    digits: [u8; DIGITS_MAX],
    len: usize,
    exponent: i32,
}

const DIGITS_MAX: usize = 17;
/// A point, and `e-` with three digits.
const NOTATION_BYTES_MAX: usize = 6;

impl Digits {
    /// The digits of a finite score above zero: `count` of them, correctly rounded, or as many as it takes to tell it from
    /// every other.
    fn of(score: f64, count: Option<usize>) -> Self {
        let mut notation = [0; DIGITS_MAX + NOTATION_BYTES_MAX];
        let room = notation.len();
        let mut out = &mut notation[..];
        match count {
            Some(count) => write!(out, "{score:.*e}", count - 1),
            None => write!(out, "{score:e}"),
        }
        .expect("17 digits tell every score from all others");
        let len = room - out.len();
        let notation = std::str::from_utf8(&notation[..len]).expect("a number is ASCII");
        let (mantissa, exponent) = notation.split_once('e').expect("an exponent was asked for");
        let mut digits = Self {
            digits: [0; DIGITS_MAX],
            len: 0,
            exponent: exponent.parse().expect("an exponent is an integer"),
        };
        for digit in mantissa.bytes().filter(u8::is_ascii_digit) {
            digits.digits[digits.len] = digit;
            digits.len += 1;
        }
        while digits.len > 1 && digits.digits[digits.len - 1] == b'0' {
            digits.len -= 1;
        }
        digits
    }

    fn digits(&self) -> &[u8] {
        &self.digits[..self.len]
    }
}

/// Appends a score as `ZSCAN` shows those of big sorted sets: with 17 digits, and an exponent of two digits at least.
pub fn write_with_17_digits(score: f64, out: &mut Vec<u8>) {
    if score < 0.0 || score == 0.0 && score.is_sign_negative() {
        out.push(b'-');
    }
    if score.is_infinite() || score == 0.0 {
        out.extend_from_slice(if score == 0.0 { b"0" } else { b"inf" });
        return;
    }
    let digits = Digits::of(score.abs(), Some(DIGITS_MAX));
    let (digits, exponent) = (digits.digits(), digits.exponent);
    let zeros = |out: &mut Vec<u8>, count: usize| out.resize(out.len() + count, b'0');
    match exponent {
        -4..0 => {
            out.extend_from_slice(b"0.");
            zeros(out, exponent.unsigned_abs() as usize - 1);
            out.extend_from_slice(digits);
        }
        0..17 => {
            let before_point = exponent as usize + 1;
            let (whole, fraction) = digits.split_at(before_point.min(digits.len()));
            out.extend_from_slice(whole);
            zeros(out, before_point - whole.len());
            if !fraction.is_empty() {
                out.push(b'.');
                out.extend_from_slice(fraction);
            }
        }
        _ => {
            out.push(digits[0]);
            if digits.len() > 1 {
                out.push(b'.');
                out.extend_from_slice(&digits[1..]);
            }
            out.extend_from_slice(if exponent < 0 { b"e-" } else { b"e+" });
            if exponent.unsigned_abs() < 10 {
                out.push(b'0');
            }
            let mut power = itoa::Buffer::new();
            out.extend_from_slice(power.format(exponent.unsigned_abs()).as_bytes());
        }
    }
}

/// The score that stands behind a member in a small sorted set.
#[inline]
pub(crate) fn score_of(value: Value<'_>) -> f64 {
    match value {
        Value::Int(score) => score as f64,
        Value::Bytes(text) => short_decimal(text).unwrap_or_else(|| any_score(text)),
    }
}

#[inline(never)]
fn any_score(text: &[u8]) -> f64 {
    std::str::from_utf8(text)
        .ok()
        .and_then(|text| text.parse().ok())
        .expect("scores are written by ourselves or checked when they are loaded")
}

/// The number that some digits with a point between them spell, if that is exact: a quotient of two numbers that a score
/// can be is rounded once.
fn short_decimal(text: &[u8]) -> Option<f64> {
    /// 10^15 is below 2^53.
    const DIGITS_MAX: usize = 15;
    const POWERS: [f64; DIGITS_MAX + 1] = [
        1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15,
    ];
    let (is_negative, digits) = match text {
        [b'-', digits @ ..] => (true, digits),
        digits => (false, digits),
    };
    if digits.len() > DIGITS_MAX + 1 {
        return None;
    }
    let (mut number, mut point) = (0, None);
    for (at, &byte) in digits.iter().enumerate() {
        let digit = byte.wrapping_sub(b'0');
        if digit <= 9 {
            number = number * 10 + u64::from(digit);
        } else if byte == b'.' && point.is_none() {
            point = Some(at);
        } else {
            return None;
        }
    }
    let point = point?;
    let decimals = digits.len() - 1 - point;
    if point == 0 || decimals == 0 {
        return None;
    }
    let score = number as f64 / POWERS[decimals];
    Some(if is_negative { -score } else { score })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn scores_are_written_as_redis_writes_them() {
        for (score, expected) in [
            (0.0, "0"),
            (-0.0, "0"),
            (3.0, "3"),
            (-17.0, "-17"),
            (0.1, "0.1"),
            (-1.5, "-1.5"),
            (1e20, "1e+20"),
            (5e18, "5e+18"),
            (4e18, "4000000000000000000"),
            (12_345_678_901_234_567_000.0, "12345678901234567000"),
            (123456.789, "123456.789"),
            (0.000_001, "0.000001"),
            (0.000_000_1, "1e-7"),
            (1.25e-7, "1.25e-7"),
            (1_234.567_890_123, "1234.567890123"),
            (1e300, "1e+300"),
            (f64::MAX, "1.7976931348623157e+308"),
            (5e-324, "5e-324"),
            (f64::INFINITY, "inf"),
            (f64::NEG_INFINITY, "-inf"),
        ] {
            let text = ScoreText::new(score);
            assert_eq!(std::str::from_utf8(text.as_bytes()).unwrap(), expected);
            assert_eq!(score_of(Value::of(text.as_bytes())), score);
        }
    }

    #[test]
    fn short_decimals_read_as_any_other() {
        for text in [
            "0.1",
            "-0.1",
            "0.0",
            "-0.0",
            "1.5",
            "123456.789",
            "0.000001",
            "99999999999999.9",
            "0.99999999999999",
            "7205759403792.7936",
            "3.141592653589793",
            "-12.5",
        ] {
            let score = any_score(text.as_bytes());
            if text.len() <= 16 {
                let short = short_decimal(text.as_bytes()).unwrap();
                assert_eq!(short.to_bits(), score.to_bits(), "{text}");
            }
        }
        assert_eq!(short_decimal(b"-12.5"), Some(-12.5));
        for text in [
            "",
            "-",
            ".",
            "5",
            ".5",
            "5.",
            "1.2.3",
            "1e5",
            "inf",
            "0.1234567890123456",
        ] {
            assert_eq!(short_decimal(text.as_bytes()), None, "{text}");
        }
    }

    proptest! {
        #[test]
        fn scores_read_as_they_were(whole in -100_000i64..100_000, thousandths in 0i64..1000) {
            let score = (whole * 1000 + thousandths) as f64 / 1000.0;
            let text = ScoreText::new(score);
            prop_assert_eq!(score_of(Value::of(text.as_bytes())).to_bits(), (score + 0.0).to_bits());
            prop_assert_eq!(score_of(Value::Bytes(text.as_bytes())).to_bits(), (score + 0.0).to_bits());
        }
    }

    #[test]
    fn scans_show_17_digits() {
        for (score, expected) in [
            (0.0, "0"),
            (-0.0, "-0"),
            (3.0, "3"),
            (120.0, "120"),
            (0.1, "0.10000000000000001"),
            (-1.5, "-1.5"),
            (1e16, "10000000000000000"),
            (1e17, "1e+17"),
            (1e20, "1e+20"),
            (1e23, "9.9999999999999992e+22"),
            (1e-5, "1.0000000000000001e-05"),
            (0.000_1, "0.0001"),
            (1e-100, "1e-100"),
            (f64::INFINITY, "inf"),
            (f64::NEG_INFINITY, "-inf"),
        ] {
            let mut text = Vec::new();
            write_with_17_digits(score, &mut text);
            assert_eq!(String::from_utf8(text).unwrap(), expected);
        }
    }
}
