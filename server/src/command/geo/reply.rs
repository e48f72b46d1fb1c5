//! Distances and places as replies.

use protocol::{Reply, Version};
use storage::geo::Point;

/// A distance with four decimals, as a bulk string.
pub(super) fn write_distance(reply: &mut Reply<'_>, distance: f64) {
    const UNITS: u64 = 10_000;
    // Rounded as a product, not as the number itself: Redis does so.
    let scaled = (distance * UNITS as f64).round_ties_even() as u64;
    let mut text = Text::new();
    text.push_integer(scaled / UNITS);
    text.push_fraction(scaled % UNITS, 4);
    reply.bulk(text.as_bytes());
}

/// Longitude and latitude.
pub(super) fn write_point(reply: &mut Reply<'_>, point: Point) {
    reply.array(2);
    for degrees in [point.longitude, point.latitude] {
        let text = degrees_text(degrees);
        match reply.version() {
            Version::Resp2 => reply.bulk(text.as_bytes()),
            Version::Resp3 => {
                reply.raw(b",");
                reply.raw(text.as_bytes());
                reply.crlf();
            }
        }
    }
}

/// Degrees with up to 17 decimals, of which the exact value may have some more.
fn degrees_text(degrees: f64) -> Text {
    const DECIMALS: usize = 17;
    const UNITS: u64 = 10u64.pow(DECIMALS as u32);
    let scaled = scaled_exactly(degrees.abs(), UNITS);
    let mut text = Text::new();
    if degrees < 0.0 && scaled > 0 {
        text.push(b"-");
    }
    text.push_integer(scaled / UNITS);
    if !scaled.is_multiple_of(UNITS) {
        text.push_fraction(scaled % UNITS, DECIMALS);
        text.trim_zeros();
    }
    text
}

/// The product of a number that is not negative and `factor`, rounded to even from the exact value.
fn scaled_exactly(number: f64, factor: u64) -> u64 {
    const FRACTION_BITS: u32 = f64::MANTISSA_DIGITS - 1;
    let bits = number.to_bits();
    let biased = (bits >> FRACTION_BITS) as u32;
    let fraction = bits & ((1 << FRACTION_BITS) - 1);
    let mantissa = fraction | u64::from(biased > 0) << FRACTION_BITS;
    // 1075 is the bias and the bits of the fraction.
    let shift = 1075 - biased.clamp(1, 1074);
    let product = u128::from(mantissa) * u128::from(factor);
    let whole = product.checked_shr(shift).unwrap_or(0);
    let half = product.checked_shr(shift - 1).unwrap_or(0) & 1 == 1;
    let is_more = product.trailing_zeros() < shift - 1;
    let up = half && (is_more || whole & 1 == 1);
    (whole + u128::from(up)) as u64
}

/// A number as text.
struct Text {
    bytes: [u8; BYTES_MAX],
    len: usize,
}

/// A sign, the digits of the largest integer, a point, and 17 decimals.
const BYTES_MAX: usize = 40;

impl Text {
    fn new() -> Self {
        Self {
            bytes: [0; BYTES_MAX],
            len: 0,
        }
    }

    fn as_bytes(&self) -> &[u8] {
        &self.bytes[..self.len]
    }

    fn push(&mut self, part: &[u8]) {
        self.bytes[self.len..self.len + part.len()].copy_from_slice(part);
        self.len += part.len();
    }

    fn push_integer(&mut self, integer: u64) {
        self.push(itoa::Buffer::new().format(integer).as_bytes());
    }

    /// A point and so many decimals.
    fn push_fraction(&mut self, fraction: u64, decimals: usize) {
        let mut digits = itoa::Buffer::new();
        let digits = digits.format(fraction).as_bytes();
        self.push(b".");
        self.push(&b"00000000000000000"[..decimals - digits.len()]);
        self.push(digits);
    }

    fn trim_zeros(&mut self) {
        while self.as_bytes().ends_with(b"0") {
            self.len -= 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn distance_text(distance: f64) -> String {
        let mut bytes = Vec::new();
        write_distance(&mut Reply::new(&mut bytes, Version::Resp2), distance);
        let text = String::from_utf8(bytes).expect("digits");
        let lines: Vec<&str> = text.split("\r\n").collect();
        lines[1].to_owned()
    }

    #[test]
    fn distances_have_four_decimals() {
        for (distance, expected) in [
            (0.0, "0.0000"),
            (0.000_049, "0.0000"),
            (0.000_05, "0.0000"),
            (0.000_25, "0.0002"),
            (0.000_35, "0.0004"),
            (0.775, "0.7750"),
            (166_274.151_56, "166274.1516"),
            (20_020_741.5, "20020741.5000"),
        ] {
            assert_eq!(distance_text(distance), expected);
        }
    }

    #[test]
    fn degrees_have_no_zeros_at_their_end() {
        for (degrees, expected) in [
            (0.0, "0"),
            (-0.0, "0"),
            (-1e-18, "0"),
            (5e-324, "0"),
            (-180.0, "-180"),
            (1.5, "1.5"),
            (-0.25, "-0.25"),
            (13.361_389_338_970_184, "13.36138933897018433"),
            (85.051_128_78, "85.0511287799999991"),
        ] {
            let text = degrees_text(degrees);
            assert_eq!(std::str::from_utf8(text.as_bytes()), Ok(expected));
        }
    }

    #[test]
    fn degrees_are_rounded_from_their_exact_value() {
        // Steps of an irrational number visit the circle evenly.
        let steps = (1..5000).map(|step| f64::from(step) * 2.236_067_977_499_79 % 360.0 - 180.0);
        for degrees in
            steps.flat_map(|degrees| [degrees, degrees / 1e3, degrees / 1e9, degrees / 1e17])
        {
            let exact = format!("{degrees:.17}");
            let expected = exact.trim_end_matches('0').trim_end_matches('.');
            let expected = if expected == "-0" { "0" } else { expected };
            let text = degrees_text(degrees);
            assert_eq!(std::str::from_utf8(text.as_bytes()), Ok(expected));
        }
    }
}
