//! Results taken from a Redis server, and properties.

use proptest::prelude::*;

use super::*;

fn number(text: &str) -> LongDouble {
    match LongDouble::parse(text.as_bytes()) {
        Some(ParsedNumber::Finite(number)) => number,
        other => panic!("{text}: {other:?}"),
    }
}

fn sum(a: &str, b: &str) -> String {
    number(a)
        .checked_add(number(b))
        .map_or("overflow".to_owned(), LongDouble::to_text)
}

#[test]
fn sums_are_those_of_redis() {
    for (a, b, expected) in [
        ("10.5", "0.1", "10.6"),
        ("5.0e3", "2.0e2", "5200"),
        ("0.1", "0.2", "0.3"),
        ("3", "-3", "0"),
        ("-0.0", "0", "0"),
        ("-1", "0.5", "-0.5"),
        ("0", "1e-17", "0.00000000000000001"),
        ("0", "-1e-18", "0"),
        ("1", "0.000000000000000001", "1"),
        ("3.0", "1.000000000000000005", "4.00000000000000001"),
        ("1e20", "1", "100000000000000000000"),
        ("9007199254740993", "0.5", "9007199254740993.5"),
        ("18446744073709551615", "1", "18446744073709551616"),
        ("18446744073709551615", "0.5", "18446744073709551616"),
        ("0", "-491124.3", "-491124.30000000000001137"),
        ("0x10", "0x.8p1", "17"),
        ("+1.", ".5", "1.5"),
    ] {
        assert_eq!(sum(a, b), expected, "{a} + {b}");
    }
}

#[test]
fn only_what_c_reads_is_a_number() {
    for text in [
        "",
        " 1",
        "1 ",
        "abc",
        "1.5.2",
        "1e",
        "1e+",
        "e5",
        ".",
        "-",
        "+-1",
        "--1",
        "0x",
        "0xg",
        "0x1p",
        "nan",
        "-nan",
        "infi",
        "1_000",
        "1e5000",
        "-1e5000",
        "1e-5000",
        "0x1p16384",
        "0x1p-16446",
        // The most negative exponent that an `i32` holds.
        "0x1p-2147483648",
        "1e99999999999999999999",
        "1\0",
    ] {
        assert_eq!(LongDouble::parse(text.as_bytes()), None, "{text:?}");
    }
    for text in ["inf", "-INF", "+Infinity"] {
        assert_eq!(
            LongDouble::parse(text.as_bytes()),
            Some(ParsedNumber::Infinite),
            "{text}"
        );
    }
    for text in [
        "1e4932",
        "1e-4950",
        "0e99999999999999999999",
        "0x1p16383",
        "0x1.8p-16446",
    ] {
        assert!(
            matches!(
                LongDouble::parse(text.as_bytes()),
                Some(ParsedNumber::Finite(_))
            ),
            "{text}"
        );
    }
    assert_eq!(LongDouble::parse(&[b'1'; TEXT_BYTES_MAX + 1]), None);
    // The last number that still rounds down to the largest one, and the first that does not.
    assert_eq!(number("0xffffffffffffffff.7fffp16320"), LongDouble::MAX);
    assert_eq!(LongDouble::parse(b"0xffffffffffffffff.8p16320"), None);
}

#[test]
fn the_largest_number_overflows_only_when_it_must() {
    assert_eq!(LongDouble::MAX.checked_add(LongDouble::MAX), None);
    assert_eq!(
        LongDouble::MAX.checked_add(number("1e4000")),
        Some(LongDouble::MAX)
    );
    assert_eq!(LongDouble::MAX.to_text().len(), 4933);
    assert_eq!(number(&LongDouble::MAX.to_text()), LongDouble::MAX);
}

#[test]
fn numbers_compare_by_value() {
    let ascending = [
        "-1e30", "-2", "-1.5", "-1e-30", "0", "1e-30", "1.5", "2", "1e30",
    ]
    .map(number);
    for (i, a) in ascending.iter().enumerate() {
        for (j, b) in ascending.iter().enumerate() {
            assert_eq!(a.partial_cmp(b), Some(i.cmp(&j)), "{a:?} {b:?}");
        }
    }
    assert_eq!(number("-0"), LongDouble::ZERO);
    assert_eq!(
        LongDouble::from_integer(i64::MIN),
        number("-9223372036854775808")
    );
}

proptest! {
    // Larger ones show where 64 bits end, as Redis's do: 0 + -491124.3 is -491124.30000000000001137.
    #[test]
    fn sums_of_small_decimals_are_exact(a in -7_999_999i64..8_000_000, b in -7_999_999i64..8_000_000) {
        let text = |value: i64| {
            let digits = format!("{:07}", value.unsigned_abs());
            let (integer, fraction) = digits.split_at(digits.len() - 6);
            let text = format!("{integer}.{fraction}");
            let text = text.trim_end_matches('0').trim_end_matches('.');
            if value < 0 { format!("-{text}") } else { text.to_owned() }
        };
        prop_assert_eq!(sum(&text(a), &text(b)), text(a + b));
    }

    #[test]
    fn rounding_twice_changes_nothing(text in "-?[0-9]{1,25}(\\.[0-9]{1,30})?(e-?[0-9]{1,3})?") {
        if let Some(ParsedNumber::Finite(value)) = LongDouble::parse(text.as_bytes()) {
            let written = value.to_text();
            prop_assert_eq!(number(&written).to_text(), written);
        }
    }

    #[test]
    fn any_bytes_are_read_without_a_panic(text in "[-+0-9a-fA-FxXpP.eEinftynINFTY]{0,40}") {
        if let Some(ParsedNumber::Finite(value)) = LongDouble::parse(text.as_bytes()) {
            value.to_text();
            value.checked_add(value.negated()).unwrap();
        }
    }
}
