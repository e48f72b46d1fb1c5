//! The arithmetic of `INCRBYFLOAT`: floating-point numbers with a 64-bit mantissa, as the x87 unit and thus
//! Redis's `long double` on x86-64 has them.
//!
//! Reading and adding round to the nearest representable number, ties to even, and writing rounds that number's
//! exact value to 17 decimals, so that every result is the one a Redis server gives to the last digit. Numbers
//! too small for the x87 format keep all their bits here; the difference lies thousands of digits behind the
//! seventeenth decimal.

use std::cmp::Ordering;

mod big_uint;

use big_uint::BigUint;

/// Longest number that is read, as in Redis.
pub const TEXT_BYTES_MAX: usize = 5 * 1024 - 1;
/// `value = mantissa * 2^exponent` overflows from this exponent on.
const EXPONENT_MAX: i32 = 16_384 - 64;
/// Half of the smallest number of the format is `2^HALF_LEAST`; it and everything below become zero.
const HALF_LEAST: i32 = -16_446;
/// No finite number has this many decimal places before or behind its point, whatever its digits.
const DECIMAL_EXPONENT_MAX: i64 = 4 * TEXT_BYTES_MAX as i64;
/// Decimals that are written.
const DECIMALS: usize = 17;

/// A finite number, `mantissa * 2^exponent` with its sign.
///
/// The mantissa's highest bit is set, unless the number is zero.
#[derive(Clone, Copy, Debug)]
pub struct LongDouble {
    negative: bool,
    mantissa: u64,
    exponent: i32,
}

/// A number as read from text.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum ParsedNumber {
    /// A finite one.
    Finite(LongDouble),
    /// The word `inf` or `infinity`.
    Infinite,
}

impl LongDouble {
    /// Zero.
    pub const ZERO: Self = Self {
        negative: false,
        mantissa: 0,
        exponent: 0,
    };
    /// The largest number.
    pub const MAX: Self = Self {
        negative: false,
        mantissa: u64::MAX,
        exponent: EXPONENT_MAX,
    };

    /// Reads what C's `strtold` reads as a whole: decimal or hexadecimal (`0x…p…`) with an optional sign,
    /// fraction and exponent, or an infinity. `None` for anything else, for NaN, and for numbers too large or
    /// too small for the format.
    pub fn parse(text: &[u8]) -> Option<ParsedNumber> {
        if text.len() > TEXT_BYTES_MAX {
            return None;
        }
        let (negative, digits) = match text {
            [b'-', rest @ ..] => (true, rest),
            [b'+', rest @ ..] => (false, rest),
            rest => (false, rest),
        };
        if digits.eq_ignore_ascii_case(b"inf") || digits.eq_ignore_ascii_case(b"infinity") {
            return Some(ParsedNumber::Infinite);
        }
        let magnitude = match digits {
            [b'0', b'x' | b'X', hex @ ..] => parse_hexadecimal(hex)?,
            decimal => parse_decimal(decimal)?,
        };
        Some(ParsedNumber::Finite(Self {
            negative,
            ..magnitude
        }))
    }

    /// The integer `value`, exactly.
    pub fn from_integer(value: i64) -> Self {
        let magnitude = round(u128::from(value.unsigned_abs()), false, 0);
        Self {
            negative: value < 0,
            ..magnitude.expect("far below the largest number")
        }
    }

    /// The rounded sum, or `None` when it is beyond the largest number.
    pub fn checked_add(self, other: Self) -> Option<Self> {
        let (large, small) = if self.compare_magnitude(other).is_ge() {
            (self, other)
        } else {
            (other, self)
        };
        if small.mantissa == 0 {
            return Some(large);
        }
        // Two bits stay free above for the carry, 62 below for the smaller number's bits.
        const ROOM: u32 = 62;
        let distance = (large.exponent - small.exponent).unsigned_abs();
        let wide = u128::from(small.mantissa) << ROOM;
        let shifted = wide.checked_shr(distance).unwrap_or(0);
        let lost = distance >= 128 || shifted << distance != wide;
        let base = u128::from(large.mantissa) << ROOM;
        let sum = if large.negative == small.negative {
            base + shifted
        } else {
            // What was lost makes the difference smaller than it looks.
            base - shifted - u128::from(lost)
        };
        if sum == 0 {
            return Some(Self::ZERO);
        }
        let magnitude = round(sum, lost, large.exponent - ROOM as i32)?;
        Some(Self {
            negative: large.negative,
            ..magnitude
        })
    }

    /// The same number with the opposite sign.
    pub fn negated(self) -> Self {
        Self {
            negative: !self.negative,
            ..self
        }
    }

    /// The number with 17 decimals, rounded to even, less the zeros at its end.
    pub fn to_text(self) -> String {
        let mut text = if self.exponent >= 0 {
            BigUint::from(self.mantissa)
                .shifted_left(self.exponent as u32)
                .to_decimal()
        } else {
            self.with_fraction()
        };
        if self.negative && text != "0" {
            text.insert(0, '-');
        }
        text
    }

    fn with_fraction(self) -> String {
        // 64 bits of mantissa and 57 of the factor fit.
        let scaled = u128::from(self.mantissa) * 10u128.pow(DECIMALS as u32);
        let shift = self.exponent.unsigned_abs();
        let whole = scaled.checked_shr(shift).unwrap_or(0);
        let rest = if shift >= 128 {
            scaled
        } else {
            scaled - (whole << shift)
        };
        let half = 1u128.checked_shl(shift - 1).unwrap_or(u128::MAX);
        let up = rest > half || rest == half && whole % 2 == 1;
        let digits = format!("{:0>width$}", whole + u128::from(up), width = DECIMALS + 1);
        let (integer, fraction) = digits.split_at(digits.len() - DECIMALS);
        let fraction = fraction.trim_end_matches('0');
        if fraction.is_empty() {
            integer.to_owned()
        } else {
            format!("{integer}.{fraction}")
        }
    }

    fn compare_magnitude(self, other: Self) -> Ordering {
        match (self.mantissa, other.mantissa) {
            (0, mantissa) => 0.cmp(&mantissa),
            (_, 0) => Ordering::Greater,
            _ => (self.exponent, self.mantissa).cmp(&(other.exponent, other.mantissa)),
        }
    }
}

impl PartialEq for LongDouble {
    fn eq(&self, other: &Self) -> bool {
        self.partial_cmp(other) == Some(Ordering::Equal)
    }
}

impl PartialOrd for LongDouble {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        let below_zero = |number: &Self| number.negative && number.mantissa != 0;
        Some(match (below_zero(self), below_zero(other)) {
            (true, false) => Ordering::Less,
            (false, true) => Ordering::Greater,
            (false, false) => self.compare_magnitude(*other),
            (true, true) => other.compare_magnitude(*self),
        })
    }
}

/// `bits * 2^exponent`, rounded to 64 bits; `lost` says that a little more than `bits` is meant. `None` when it
/// is too large.
fn round(bits: u128, lost: bool, exponent: i32) -> Option<LongDouble> {
    let zeros = bits.leading_zeros();
    if zeros == 128 {
        return Some(LongDouble::ZERO);
    }
    let normal = bits << zeros;
    let (mut mantissa, rest) = ((normal >> 64) as u64, normal as u64);
    let mut exponent = exponent + 64 - zeros as i32;
    const HALF: u64 = 1 << 63;
    if rest > HALF || rest == HALF && (lost || mantissa % 2 == 1) {
        match mantissa.checked_add(1) {
            Some(up) => mantissa = up,
            None => (mantissa, exponent) = (HALF, exponent + 1),
        }
    }
    (exponent <= EXPONENT_MAX).then_some(LongDouble {
        negative: false,
        mantissa,
        exponent,
    })
}

/// As [`round`], for numbers that text spelled: `None` when it is too small, too.
fn round_text(bits: u128, lost: bool, exponent: i32) -> Option<LongDouble> {
    let highest = exponent + 127 - bits.leading_zeros() as i32;
    let is_half = bits.is_power_of_two() && !lost;
    if highest < HALF_LEAST || highest == HALF_LEAST && is_half {
        return None;
    }
    round(bits, lost, exponent)
}

/// A number's digits without point, leading and trailing zeros, and the power of its base that belongs to them.
struct Digits {
    digits: Vec<u8>,
    exponent: i64,
}

/// Reads `digits[.digits][e[sign]digits]`; `place` is what one digit adds to the exponent.
fn split(text: &[u8], is_digit: fn(&u8) -> bool, mark: u8, place: i64) -> Option<Digits> {
    let end = text
        .iter()
        .position(|byte| byte.eq_ignore_ascii_case(&mark))
        .unwrap_or(text.len());
    let (number, power) = text.split_at(end);
    let mut exponent = match power {
        [] => 0,
        [_, power @ ..] => parse_exponent(power)?,
    };
    let point = number
        .iter()
        .position(|&byte| byte == b'.')
        .unwrap_or(number.len());
    let fraction = number.get(point + 1..).unwrap_or_default();
    let mut digits = [&number[..point], fraction].concat();
    if digits.is_empty() || !digits.iter().all(is_digit) {
        return None;
    }
    exponent -= fraction.len() as i64 * place;
    let zeros = digits
        .iter()
        .rev()
        .take_while(|&&digit| digit == b'0')
        .count();
    digits.truncate(digits.len() - zeros);
    exponent += zeros as i64 * place;
    digits.drain(..digits.iter().take_while(|&&digit| digit == b'0').count());
    Some(Digits { digits, exponent })
}

/// The power behind `e` or `p`. One beyond reason becomes one that is still too large or too small.
fn parse_exponent(text: &[u8]) -> Option<i64> {
    let (negative, digits) = match text {
        [b'-', digits @ ..] => (true, digits),
        [b'+', digits @ ..] => (false, digits),
        digits => (false, digits),
    };
    if digits.is_empty() || !digits.iter().all(u8::is_ascii_digit) {
        return None;
    }
    let magnitude = digits.iter().fold(0i64, |value, digit| {
        value
            .saturating_mul(10)
            .saturating_add(i64::from(digit - b'0'))
            .min(i64::MAX / 4)
    });
    Some(if negative { -magnitude } else { magnitude })
}

fn parse_decimal(text: &[u8]) -> Option<LongDouble> {
    let Digits { digits, exponent } = split(text, u8::is_ascii_digit, b'e', 1)?;
    if digits.is_empty() {
        return Some(LongDouble::ZERO);
    }
    if exponent.abs() > DECIMAL_EXPONENT_MAX {
        return None;
    }
    let mut numerator = BigUint::from_decimal(&digits);
    let tens = exponent.unsigned_abs() as u32;
    if exponent >= 0 {
        numerator.multiply_by_power_of_ten(tens);
        let (bits, lost, shift) = numerator.top_bits();
        return round_text(bits, lost, shift);
    }
    let mut denominator = BigUint::from(1);
    denominator.multiply_by_power_of_ten(tens);
    // The quotient shall have at least 66 bits: the mantissa, one to round by, and one to spare.
    let shift = i64::from(denominator.bit_len()) - i64::from(numerator.bit_len()) + 67;
    let widened = shift.unsigned_abs() as u32;
    if shift >= 0 {
        numerator = numerator.shifted_left(widened);
    } else {
        denominator = denominator.shifted_left(widened);
    }
    let (bits, lost) = numerator.divided_by(&denominator);
    round_text(bits, lost, -(shift as i32))
}

fn parse_hexadecimal(text: &[u8]) -> Option<LongDouble> {
    let Digits { digits, exponent } = split(text, u8::is_ascii_hexdigit, b'p', 4)?;
    if digits.is_empty() {
        return Some(LongDouble::ZERO);
    }
    const DIGITS_KEPT: usize = 30;
    let (kept, rest) = digits.split_at(digits.len().min(DIGITS_KEPT));
    let hex = |digit: &u8| u128::from(char::from(*digit).to_digit(16).expect("checked by `split`"));
    let bits = kept.iter().fold(0, |bits, digit| bits << 4 | hex(digit));
    // The last digit is none of zero, so whatever is left out matters.
    let exponent = exponent + rest.len() as i64 * 4;
    let exponent = i32::try_from(exponent)
        .ok()
        .filter(|exponent| exponent.unsigned_abs() < 1 << 20)?;
    round_text(bits, !rest.is_empty(), exponent)
}

#[cfg(test)]
mod tests;
