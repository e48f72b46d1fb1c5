//! Doubles as Redis's commands read them, which is as C's `strtod` does.

use crate::number::parse_i64;

/// Reads a double as Redis reads scores, weights and increments.
///
/// Decimal or hexadecimal, with an optional sign, fraction and exponent, or `inf`, `infinity`. `None` for anything else:
/// empty, with spaces, `nan`, or too large or too small for a double other than zero.
#[inline]
pub fn parse_f64(text: &[u8]) -> Option<f64> {
    if text.len() <= EXACT_DIGITS
        && let Some(integer) = parse_i64(text)
    {
        return Some(integer as f64);
    }
    parse_number(text)
        .filter(|number| !number.is_out_of_range)
        .map(|number| number.value)
}

/// Reads a double as `SORT` reads it: as [`parse_f64`], but one that is so small that it has lost digits is refused too.
pub fn parse_f64_without_underflow(text: &[u8]) -> Option<f64> {
    parse_number(text)
        .filter(|number| !number.is_out_of_range && !number.has_underflowed)
        .map(|number| number.value)
}

/// Reads a double as Redis reads the ends of ranges of scores, which it looks at less closely: spaces may stand before it,
/// whatever begins with a NUL byte may stand behind it, nothing at all is 0, and what is too large is infinite.
pub fn parse_f64_leniently(text: &[u8]) -> Option<f64> {
    let end = text.iter().position(|&byte| byte == 0);
    let text = &text[..end.unwrap_or(text.len())];
    if text.is_empty() {
        return Some(0.0);
    }
    let is_space = |byte: &u8| matches!(byte, b' ' | b'\t'..=b'\r');
    let start = text.iter().position(|byte| !is_space(byte))?;
    parse_number(&text[start..]).map(|number| number.value)
}

/// Integers of so many characters are exact as doubles.
const EXACT_DIGITS: usize = 15;

struct Number {
    value: f64,
    /// Whether the value is infinite or zero because the number is too large or too small.
    is_out_of_range: bool,
    /// Whether the value is subnormal and not what the text says exactly: C's `strtod` reports an error for it, which
    /// most commands of Redis overlook.
    has_underflowed: bool,
}

fn parse_number(text: &[u8]) -> Option<Number> {
    let (is_negative, magnitude) = match text {
        [b'-', magnitude @ ..] => (true, magnitude),
        [b'+', magnitude @ ..] => (false, magnitude),
        magnitude => (false, magnitude),
    };
    let mut number = match magnitude {
        [b'0', b'x' | b'X', digits @ ..] => parse_hexadecimal(digits)?,
        word if word.eq_ignore_ascii_case(b"inf") || word.eq_ignore_ascii_case(b"infinity") => {
            Number {
                value: f64::INFINITY,
                is_out_of_range: false,
                has_underflowed: false,
            }
        }
        decimal => parse_decimal(decimal)?,
    };
    if is_negative {
        number.value = -number.value;
    }
    Some(number)
}

fn parse_decimal(text: &[u8]) -> Option<Number> {
    // Words, and a second sign, are for nobody here to read.
    if !matches!(text.first(), Some(b'0'..=b'9' | b'.')) {
        return None;
    }
    let value: f64 = std::str::from_utf8(text).ok()?.parse().ok()?;
    let mantissa = text.split(|byte| matches!(byte, b'e' | b'E')).next();
    let is_zero =
        || mantissa.is_some_and(|digits| !digits.iter().any(|d| matches!(d, b'1'..=b'9')));
    Some(Number {
        value,
        is_out_of_range: value.is_infinite() || value == 0.0 && !is_zero(),
        has_underflowed: value.is_subnormal() && !mantissa.is_some_and(|m| spells(m, value)),
    })
}

/// Whether the digits of a decimal number are all those of `value`, the double that is nearest to it.
fn spells(mantissa: &[u8], value: f64) -> bool {
    // No double has more decimals.
    let exact = format!("{:.1074}", value.abs());
    let significant = |digits: &[u8]| {
        let digits: Vec<u8> = digits.iter().copied().filter(|d| *d != b'.').collect();
        let end = digits
            .iter()
            .rposition(|d| *d != b'0')
            .map_or(0, |at| at + 1);
        let start = digits.iter().position(|d| *d != b'0').unwrap_or(end);
        digits[start..end].to_vec()
    };
    significant(mantissa) == significant(exact.as_bytes())
}

/// What follows `0x`: digits, perhaps with a point, and a power of two behind `p`.
fn parse_hexadecimal(text: &[u8]) -> Option<Number> {
    let mut mantissa = Mantissa::default();
    let (mut has_digits, mut has_point) = (false, false);
    let mut rest = text;
    while let [first, behind @ ..] = rest {
        match (first, char::from(*first).to_digit(16)) {
            (_, Some(digit)) => {
                mantissa.push(digit, has_point);
                has_digits = true;
            }
            (b'.', _) if !has_point => has_point = true,
            _ => break,
        }
        rest = behind;
    }
    let power = match rest {
        [] => 0,
        [b'p' | b'P', power @ ..] => parse_power(power)?,
        _ => return None,
    };
    has_digits.then(|| mantissa.times_power_of_two(power))
}

/// A decimal exponent; what is far beyond all doubles is only roughly read.
fn parse_power(text: &[u8]) -> Option<i64> {
    let (is_negative, digits) = match text {
        [b'-', digits @ ..] => (true, digits),
        [b'+', digits @ ..] => (false, digits),
        digits => (false, digits),
    };
    if digits.is_empty() || !digits.iter().all(u8::is_ascii_digit) {
        return None;
    }
    let power = digits.iter().fold(0i64, |power, digit| {
        power
            .saturating_mul(10)
            .saturating_add(i64::from(digit - b'0'))
    });
    let power = power.min(POWER_MAX);
    Some(if is_negative { -power } else { power })
}

/// More than a mantissa of any length can make up for.
const POWER_MAX: i64 = 1 << 40;

/// `bits × 2^exponent`, the lowest bit set as well if anything below it was cut off.
#[derive(Default)]
struct Mantissa {
    bits: u64,
    exponent: i64,
}

impl Mantissa {
    fn push(&mut self, digit: u32, behind_point: bool) {
        if self.bits >> 60 == 0 {
            self.bits = self.bits << 4 | u64::from(digit);
        } else {
            self.bits |= u64::from(digit != 0);
            self.exponent += 4;
        }
        self.exponent -= if behind_point { 4 } else { 0 };
    }

    /// Rounds once, to the nearest double, ties to even.
    fn times_power_of_two(&self, power: i64) -> Number {
        if self.bits == 0 {
            return Number {
                value: 0.0,
                is_out_of_range: false,
                has_underflowed: false,
            };
        }
        let top = i64::from(self.bits.ilog2());
        let highest = self.exponent + power + top;
        if highest > EXPONENT_MAX {
            return Number {
                value: f64::INFINITY,
                is_out_of_range: true,
                has_underflowed: false,
            };
        }
        // The power of two of the last bit that the double has.
        let last = (highest - 52).max(EXPONENT_LEAST);
        let dropped = last - (highest - top);
        // What is cut off, beside a half of the last bit.
        let (whole, cut, half) = match dropped {
            ..=0 => (self.bits << -dropped, 0, 1),
            1..64 => {
                let cut = self.bits & ((1 << dropped) - 1);
                (self.bits >> dropped, cut, 1 << (dropped - 1))
            }
            64 => (0, self.bits, 1 << 63),
            _ => (0, self.bits, u64::MAX),
        };
        let rounded = whole + u64::from(cut > half || cut == half && whole & 1 == 1);
        // Both factors are exact, and so is their product, unless it is too large.
        let value = rounded as f64 * power_of_two(last);
        Number {
            value,
            is_out_of_range: value.is_infinite() || value == 0.0,
            has_underflowed: value.is_subnormal() && cut > 0,
        }
    }
}

/// The power of two of the largest double's first bit.
const EXPONENT_MAX: i64 = 1023;
/// The power of two that is the smallest double.
const EXPONENT_LEAST: i64 = -1074;

/// 2^exponent, from the smallest double to the largest.
fn power_of_two(exponent: i64) -> f64 {
    match exponent {
        -1022..=1023 => f64::from_bits(((exponent + 1023) as u64) << 52),
        _ => f64::from_bits(1 << (exponent - EXPONENT_LEAST)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_read_as_by_c() {
        for (text, value) in [
            ("0", 0.0),
            ("3", 3.0),
            ("-17", -17.0),
            ("+5", 5.0),
            ("007", 7.0),
            ("1.5", 1.5),
            (".5", 0.5),
            ("5.", 5.0),
            ("-1e3", -1000.0),
            ("1E-2", 0.01),
            ("123456789012345678", 123_456_789_012_345_680.0),
            ("inf", f64::INFINITY),
            ("+INF", f64::INFINITY),
            ("-Infinity", f64::NEG_INFINITY),
            ("1e-310", 1e-310),
            ("0x10", 16.0),
            ("-0X1.8p1", -3.0),
            ("0x.8", 0.5),
            ("0x1p-1074", 5e-324),
            ("0x1.8p-1074", 1e-323),
            ("0x1.fffffffffffffp1023", f64::MAX),
            ("0x1fffffffffffff", 9_007_199_254_740_991.0),
            ("0x20000000000001", 9_007_199_254_740_992.0),
            ("0x20000000000003", 9_007_199_254_740_996.0),
            (
                "0x200000000000010000000000001",
                9_007_199_254_740_994.0 * 4_503_599_627_370_496.0,
            ),
            ("0e999999999", 0.0),
            ("0x0p99999999999999999999", 0.0),
        ] {
            assert_eq!(parse_f64(text.as_bytes()), Some(value), "{text}");
            assert_eq!(parse_f64_leniently(text.as_bytes()), Some(value), "{text}");
        }
        let zero = parse_f64(b"-0").unwrap();
        assert!(zero == 0.0 && zero.is_sign_negative());
    }

    #[test]
    fn what_is_no_number_is_refused() {
        for text in [
            "-", "+", ".", "e5", "1e", "1 ", "1x", "--1", "+-1", "nan", "-nan", "nan(1)", "infi",
            "1_0", "0x", "0x.", "0x1p", "0x1.2.3", "0xg", "1e5.5", "1,5", "e", "\u{661}",
        ] {
            assert_eq!(parse_f64(text.as_bytes()), None, "{text}");
            assert_eq!(parse_f64_leniently(text.as_bytes()), None, "{text}");
        }
    }

    #[test]
    fn small_numbers_that_lose_digits_underflow() {
        // 2^-1074 and 2^-1023, digit by digit.
        let exact = [5e-324, f64::MIN_POSITIVE / 2.0].map(|value| format!("-{value:.1074}00"));
        for text in [
            "2.2250738585072014e-308",
            "2.5e-308",
            "0x1p-1074",
            "0x1p-1040",
            "0x.cp-1072",
            "0",
            "-0e-400",
            "1.5",
            "-inf",
            &exact[0],
            &exact[1],
        ] {
            let value = parse_f64_without_underflow(text.as_bytes());
            assert!(value.is_some(), "{text}");
            assert_eq!(value, parse_f64(text.as_bytes()), "{text}");
        }
        let nearly = exact[0].replace("00000049406", "00000049407");
        for text in [
            "5e-324",
            "4.9406564584124654e-324",
            "-1e-310",
            "2.225073858507201e-308",
            "0x1.8p-1074",
            "0x1.00000000000001p-1060",
            &nearly,
        ] {
            assert!(parse_f64(text.as_bytes()).is_some(), "{text}");
            let value = parse_f64_without_underflow(text.as_bytes());
            assert_eq!(value, None, "{text}");
        }
        assert_eq!(parse_f64_without_underflow(b"1e-400"), None);
        assert_eq!(parse_f64_without_underflow(b"0x1p-2000"), None);
        assert_eq!(parse_f64_without_underflow(b"1e400"), None);
    }

    #[test]
    fn ends_of_ranges_are_read_leniently() {
        for (text, value) in [
            ("", 0.0),
            (" 1", 1.0),
            ("\t\n\x0b\x0c\r-1", -1.0),
            ("1\0x", 1.0),
            ("\0", 0.0),
            ("1e400", f64::INFINITY),
            ("-1e400", f64::NEG_INFINITY),
            ("1e-400", 0.0),
            ("0x1p1024", f64::INFINITY),
            ("0x1.fffffffffffffffp1023", f64::INFINITY),
            ("0x1p-1076", 0.0),
            ("0x1p-99999999999999999999", 0.0),
        ] {
            assert_eq!(parse_f64(text.as_bytes()), None, "{text:?}");
            assert_eq!(
                parse_f64_leniently(text.as_bytes()),
                Some(value),
                "{text:?}"
            );
        }
        assert_eq!(parse_f64_leniently(b" "), None);
        assert_eq!(parse_f64_leniently(b"1 "), None);
    }
}
