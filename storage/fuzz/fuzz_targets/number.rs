//! What storage reads as numbers: integers, long doubles and the types of BITFIELD.
//!
//! Claims: nothing panics; an integer is read exactly where it is written the one canonical way;
//! what a long double prints reads back and prints the same; a double's decimal and hexadecimal
//! digits are the same number; sums of integers are exact. Run, from `storage/`:
//!
//! ```sh
//! cargo +nightly fuzz run number -- -dict=fuzz/number.dict -max_len=64 -max_total_time=60
//! ```
#![no_main]

use libfuzzer_sys::fuzz_target;
use storage::bitfield::FieldType;
use storage::canonical_integer;
use storage::long_double::{LongDouble, ParsedNumber};

fuzz_target!(|data: &[u8]| {
    let integer = canonical_integer(data);
    assert_eq!(integer, plain_integer(data));
    if let Some(field) = FieldType::parse(data) {
        check_field(data, field);
    }
    if let Some(number) = finite(data) {
        check_print(number);
        check_sums(number);
        if let Some(integer) = integer {
            assert_eq!(number, LongDouble::from_integer(integer));
        }
    }
    // Of fixed lengths, so that text stays fast: doubles have many digits.
    if let Ok(double) = data.try_into() {
        check_double(f64::from_le_bytes(double));
    }
    if let Ok(integers) = data.try_into() {
        let both = u128::from_le_bytes(integers);
        check_integers(both as i64, (both >> 64) as i64);
    }
});

fn plain_integer(text: &[u8]) -> Option<i64> {
    let value: i64 = std::str::from_utf8(text).ok()?.parse().ok()?;
    (value.to_string().as_bytes() == text).then_some(value)
}

fn check_field(text: &[u8], field: FieldType) {
    let (letter, bits) = (char::from(text[0]), field.bits());
    assert_eq!(format!("{letter}{bits}").as_bytes(), text);
    assert!(bits >= 1 && (bits <= 63 || letter == 'i' && bits == 64));
}

fn finite(text: &[u8]) -> Option<LongDouble> {
    match LongDouble::parse(text)? {
        ParsedNumber::Finite(number) => Some(number),
        ParsedNumber::Infinite => None,
    }
}

/// Seventeen decimals are fewer than a number may have, so the text may stand for a neighbour of the
/// number; but that neighbour prints the same.
fn check_print(number: LongDouble) {
    let text = number.to_text();
    let back = finite(text.as_bytes()).expect("what is printed can be read");
    assert_eq!(back.to_text(), text);
}

fn check_sums(number: LongDouble) {
    assert_eq!(number.checked_add(LongDouble::ZERO), Some(number));
    assert_eq!(number.checked_add(number.negated()), Some(LongDouble::ZERO));
}

fn check_double(value: f64) {
    // All 1074 decimals that a double can have.
    let decimal = finite(format!("{value:.1074}").as_bytes());
    assert_eq!(decimal, finite(hexadecimal(value).as_bytes()));
    assert_eq!(decimal.is_some(), value.is_finite());
}

fn hexadecimal(value: f64) -> String {
    let bits = value.to_bits();
    let sign = if value.is_sign_negative() { "-" } else { "" };
    let fraction = bits & ((1 << 52) - 1);
    match bits >> 52 & 0x7ff {
        0 => format!("{sign}0x{fraction:x}p-1074"),
        0x7ff => "no number".to_owned(),
        exponent => format!("{sign}0x1.{fraction:013x}p{}", exponent as i32 - 1023),
    }
}

fn check_integers(a: i64, b: i64) {
    let (a_long, b_long) = (LongDouble::from_integer(a), LongDouble::from_integer(b));
    assert_eq!(a_long.partial_cmp(&b_long), Some(a.cmp(&b)));
    assert_eq!(a_long.to_text(), a.to_string());
    let sum = i128::from(a) + i128::from(b);
    let text = a_long
        .checked_add(b_long)
        .expect("far from the largest")
        .to_text();
    assert_eq!(text, sum.to_string());
}
