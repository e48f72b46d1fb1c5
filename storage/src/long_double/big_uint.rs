//! Natural numbers of any size, as far as reading and writing floating-point numbers needs them.

use std::cmp::Ordering;

/// A natural number: words from the lowest, the last one not zero.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct BigUint(Vec<u64>);

/// The largest power of ten in a word, and its exponent.
const TENS: (u64, u32) = (10u64.pow(19), 19);

impl BigUint {
    /// `value`.
    pub(super) fn from(value: u64) -> Self {
        Self(if value == 0 { Vec::new() } else { vec![value] })
    }

    /// What the decimal `digits` spell.
    pub(super) fn from_decimal(digits: &[u8]) -> Self {
        let mut number = Self(Vec::new());
        for chunk in digits.chunks(TENS.1 as usize) {
            let value = chunk
                .iter()
                .fold(0u64, |value, digit| value * 10 + u64::from(digit - b'0'));
            number.multiply_add(10u64.pow(chunk.len() as u32), value);
        }
        number
    }

    fn multiply_add(&mut self, factor: u64, addend: u64) {
        let mut carry = addend;
        for word in &mut self.0 {
            let product = u128::from(*word) * u128::from(factor) + u128::from(carry);
            (*word, carry) = (product as u64, (product >> 64) as u64);
        }
        if carry != 0 {
            self.0.push(carry);
        }
    }

    /// Multiplies by `10^exponent`.
    pub(super) fn multiply_by_power_of_ten(&mut self, exponent: u32) {
        for _ in 0..exponent / TENS.1 {
            self.multiply_add(TENS.0, 0);
        }
        self.multiply_add(10u64.pow(exponent % TENS.1), 0);
    }

    /// Bits without leading zeros.
    pub(super) fn bit_len(&self) -> u32 {
        self.0
            .last()
            .map_or(0, |last| self.0.len() as u32 * 64 - last.leading_zeros())
    }

    /// The number times `2^bits`.
    pub(super) fn shifted_left(&self, bits: u32) -> Self {
        let mut words = vec![0; (bits / 64) as usize];
        let bits = bits % 64;
        let mut carry = 0;
        for &word in &self.0 {
            words.push(word << bits | carry);
            carry = if bits == 0 { 0 } else { word >> (64 - bits) };
        }
        words.push(carry);
        let mut shifted = Self(words);
        shifted.trim();
        shifted
    }

    fn trim(&mut self) {
        while self.0.last() == Some(&0) {
            self.0.pop();
        }
    }

    /// The highest 128 bits, whether any bit below them is set, and the power of two they stand for.
    pub(super) fn top_bits(&self) -> (u128, bool, i32) {
        let dropped = self.bit_len().saturating_sub(128);
        let (words, bits) = ((dropped / 64) as usize, dropped % 64);
        let word = |at: usize| u128::from(self.0.get(words + at).copied().unwrap_or(0));
        let low = word(1) << 64 | word(0);
        let top = if bits == 0 {
            low
        } else {
            low >> bits | word(2) << (128 - bits)
        };
        let lost = self.0[..words].iter().any(|word| *word != 0) || low & ((1 << bits) - 1) != 0;
        (top, lost, dropped as i32)
    }

    /// The quotient, which must be below `2^69`, and whether there is a remainder.
    pub(super) fn divided_by(mut self, divisor: &Self) -> (u128, bool) {
        const QUOTIENT_BITS: u32 = 69;
        let mut divisor = divisor.shifted_left(QUOTIENT_BITS);
        let mut quotient = 0;
        for _ in 0..=QUOTIENT_BITS {
            quotient <<= 1;
            if self.compare(&divisor).is_ge() {
                self.subtract(&divisor);
                quotient |= 1;
            }
            divisor.halve();
        }
        (quotient, !self.0.is_empty())
    }

    fn compare(&self, other: &Self) -> Ordering {
        let words = self.0.iter().rev().cmp(other.0.iter().rev());
        self.0.len().cmp(&other.0.len()).then(words)
    }

    /// `other` must not be larger.
    fn subtract(&mut self, other: &Self) {
        let mut borrow = false;
        for (at, word) in self.0.iter_mut().enumerate() {
            let (difference, first) = word.overflowing_sub(other.0.get(at).copied().unwrap_or(0));
            let (difference, second) = difference.overflowing_sub(u64::from(borrow));
            (*word, borrow) = (difference, first || second);
        }
        debug_assert!(!borrow);
        self.trim();
    }

    fn halve(&mut self) {
        let mut carry = 0;
        for word in self.0.iter_mut().rev() {
            (*word, carry) = (*word >> 1 | carry, *word << 63);
        }
        self.trim();
    }

    /// The decimal digits.
    pub(super) fn to_decimal(&self) -> String {
        let mut rest = self.clone();
        let mut groups = Vec::new();
        while !rest.0.is_empty() {
            groups.push(rest.divide_by_tens());
        }
        let mut text = groups.pop().unwrap_or(0).to_string();
        for group in groups.iter().rev() {
            text.push_str(&format!("{group:019}"));
        }
        text
    }

    fn divide_by_tens(&mut self) -> u64 {
        let mut remainder = 0;
        for word in self.0.iter_mut().rev() {
            let value = u128::from(remainder) << 64 | u128::from(*word);
            *word = (value / u128::from(TENS.0)) as u64;
            remainder = (value % u128::from(TENS.0)) as u64;
        }
        self.trim();
        remainder
    }
}
