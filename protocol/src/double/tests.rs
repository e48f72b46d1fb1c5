//! Texts compared with those a Redis 8.0 gave for the same doubles (`ZADD`, then `ZSCORE`).

use super::*;
use proptest::prelude::*;

#[track_caller]
fn check(value: f64, expected: &str) {
    let text = DoubleText::new(value);
    assert_eq!(std::str::from_utf8(text.as_bytes()), Ok(expected));
}

#[test]
fn whole_numbers_are_written_out() {
    check(0.0, "0");
    check(-0.0, "-0");
    check(3.0, "3");
    check(-10.0, "-10");
    check(1e18, "1000000000000000000");
    check(1152921504606847232.0, "1152921504606847232");
    check(4611686018427387904.0, "4611686018427387904");
    check(4611686018427388928.0, "4611686018427389000");
    check(9223372036854775808.0, "9223372036854776000");
    check(-9223372036854775808.0, "-9223372036854776000");
    check(18446744073709551616.0, "18446744073709552000");
}

#[test]
fn fractions_are_written_out_while_short() {
    check(0.1, "0.1");
    check(-2.25, "-2.25");
    check(4.35, "4.35");
    check(1.0 / 3.0, "0.3333333333333333");
    check(123456.789, "123456.789");
    check(4503599627370495.5, "4503599627370495.5");
    check(0.0001, "0.0001");
    check(0.00001, "0.00001");
    check(0.000001, "0.000001");
    check(0.000095, "0.000095");
}

#[test]
fn the_rest_has_an_exponent() {
    check(1e-7, "1e-7");
    check(1.25e-7, "1.25e-7");
    check(123456789e-12, "1.23456789e-4");
    check(0.00012345, "1.2345e-4");
    check(1e20, "1e+20");
    check(1.2e21, "1.2e+21");
    check(1e100, "1e+100");
    check(5e-324, "5e-324");
    check(f64::MIN_POSITIVE, "2.2250738585072014e-308");
    check(f64::MAX, "1.7976931348623157e+308");
}

#[test]
fn digits_are_those_of_grisu2_where_it_misses_the_shortest() {
    check(1e23, "99999999999999990000000");
    check(-9.9e21, "-9900000000000001000000");
    check(-4.42529803e37, "-4.4252980299999995e+37");
    check(1.2345678901234567e25, "1.2345678901234566e+25");
}

#[test]
fn infinities_and_nan_have_names() {
    check(f64::INFINITY, "inf");
    check(f64::NEG_INFINITY, "-inf");
    check(f64::NAN, "nan");
    check(-f64::NAN, "nan");
}

#[test]
fn cached_powers_are_powers_of_ten() {
    for (index, &fraction) in (0..).zip(&POWERS) {
        let decimal_exponent = POWERS_FIRST + index * POWERS_STEP;
        assert!(fraction >= 1 << 63, "10^{decimal_exponent} is normalized");
        let Ok(expected @ 1e-300..1e300) = format!("1e{decimal_exponent}").parse::<f64>() else {
            continue;
        };
        let exponent = binary_exponent(decimal_exponent);
        // In two steps, since 2^exponent alone may be out of range.
        let half = 2f64.powi(exponent / 2);
        let value = fraction as f64 * half * 2f64.powi(exponent - exponent / 2);
        assert_eq!(value, expected, "10^{decimal_exponent}");
    }
}

proptest! {
    #[test]
    fn any_double_reads_back_as_itself(bits: u64) {
        let value = f64::from_bits(bits);
        prop_assume!(!value.is_nan());
        let text = DoubleText::new(value);
        let text = std::str::from_utf8(text.as_bytes()).unwrap();
        prop_assert_eq!(text.parse::<f64>().unwrap().to_bits(), bits, "{}", text);
    }

    #[test]
    fn prices_and_counters_are_as_short_as_written(whole in -1_000_000i64..1_000_000, cents in 1u8..100) {
        let written = format!("{whole}.{cents:02}");
        let text = DoubleText::new(written.parse().unwrap());
        prop_assert_eq!(text.as_bytes(), written.trim_end_matches('0').as_bytes());
    }
}
