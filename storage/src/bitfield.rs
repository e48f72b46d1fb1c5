//! The integers of `BITFIELD`: 1 to 64 bits wide, at any bit offset, most significant bit first.

/// The type of a field: `i1` to `i64`, `u1` to `u63`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FieldType {
    signed: bool,
    bits: u32,
}

/// What happens to a value that its type cannot hold.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Overflow {
    /// It loses its high bits.
    #[default]
    Wrap,
    /// It becomes the nearest value the type can hold.
    Saturate,
    /// It is not stored.
    Fail,
}

/// Most bytes one field touches.
pub const FIELD_BYTES_MAX: usize = 9;

impl FieldType {
    /// Reads `i` or `u` and a width, such as `u8`. `u64` does not exist: its values would not fit the reply.
    pub fn parse(text: &[u8]) -> Option<Self> {
        let (signed, digits) = match text {
            [b'i', digits @ ..] => (true, digits),
            [b'u', digits @ ..] => (false, digits),
            _ => return None,
        };
        let bits = crate::value::canonical_integer(digits)?;
        let bits_max = if signed { 64 } else { 63 };
        (1..=bits_max).contains(&bits).then_some(Self {
            signed,
            bits: bits as u32,
        })
    }

    /// Width in bits.
    pub fn bits(self) -> u32 {
        self.bits
    }

    fn least(self) -> i128 {
        if self.signed {
            -(1 << (self.bits - 1))
        } else {
            0
        }
    }

    fn greatest(self) -> i128 {
        if self.signed {
            (1 << (self.bits - 1)) - 1
        } else {
            (1 << self.bits) - 1
        }
    }

    /// The value that the low bits of `raw` mean.
    fn of_raw(self, raw: u64) -> i64 {
        let unused = 64 - self.bits;
        if self.signed {
            (raw << unused) as i64 >> unused
        } else {
            (raw << unused >> unused) as i64
        }
    }

    /// The field at bit `offset` of the string whose bytes `byte` tells; there are zeros behind its end.
    pub fn read(self, offset: u64, byte: impl Fn(u64) -> u8) -> i64 {
        let first = offset / 8;
        let last = (offset + u64::from(self.bits) - 1) / 8;
        let window = (first..=last).fold(0u128, |window, at| window << 8 | u128::from(byte(at)));
        let after = (last + 1) * 8 - offset - u64::from(self.bits);
        self.of_raw((window >> after) as u64)
    }

    /// Writes `value` at bit `offset`: changes the bytes that hold the field, through `byte`.
    pub fn write(self, offset: u64, value: i64, mut byte: impl FnMut(u64, &dyn Fn(u8) -> u8)) {
        let first = offset / 8;
        let last = (offset + u64::from(self.bits) - 1) / 8;
        let after = (last + 1) * 8 - offset - u64::from(self.bits);
        let mask = (u128::from(u64::MAX >> (64 - self.bits))) << after;
        let window = (u128::from(value as u64) << after) & mask;
        for at in first..=last {
            let shift = (last - at) * 8;
            let (inside, new) = ((mask >> shift) as u8, (window >> shift) as u8);
            byte(at, &|old| old & !inside | new);
        }
    }

    /// `old + increment` as the type can hold it; `None` when it cannot and `overflow` says to fail.
    pub fn add(self, old: i64, increment: i64, overflow: Overflow) -> Option<i64> {
        self.fit(i128::from(old) + i128::from(increment), overflow)
    }

    /// `value` as the type can hold it; `None` when it cannot and `overflow` says to fail. An unsigned type
    /// takes a negative value for the large one with the same bits, as Redis does.
    pub fn convert(self, value: i64, overflow: Overflow) -> Option<i64> {
        self.fit(
            if self.signed {
                i128::from(value)
            } else {
                i128::from(value as u64)
            },
            overflow,
        )
    }

    fn fit(self, value: i128, overflow: Overflow) -> Option<i64> {
        if (self.least()..=self.greatest()).contains(&value) {
            return Some(value as i64);
        }
        match overflow {
            Overflow::Wrap => Some(self.of_raw(value as u64)),
            Overflow::Saturate => Some(value.clamp(self.least(), self.greatest()) as i64),
            Overflow::Fail => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn field(text: &str) -> FieldType {
        FieldType::parse(text.as_bytes()).unwrap()
    }

    #[test]
    fn types_are_read_as_redis_reads_them() {
        for (text, signed, bits) in [
            ("i1", true, 1),
            ("i64", true, 64),
            ("u1", false, 1),
            ("u63", false, 63),
        ] {
            assert_eq!(field(text), FieldType { signed, bits });
        }
        for text in [
            "",
            "i",
            "u",
            "u0",
            "i0",
            "u64",
            "i65",
            "x8",
            "8",
            "u-1",
            "u08",
            "I8",
            "u8 ",
            "i99999999999999999999",
        ] {
            assert_eq!(FieldType::parse(text.as_bytes()), None, "{text}");
        }
    }

    #[test]
    fn values_wrap_saturate_or_fail() {
        use Overflow::{Fail, Saturate, Wrap};
        let check = |kind: &str, old, increment, overflow, expected| {
            assert_eq!(
                field(kind).add(old, increment, overflow),
                expected,
                "{kind} {old} {increment} {overflow:?}"
            );
        };
        check("u2", 3, 1, Wrap, Some(0));
        check("u2", 3, 1, Saturate, Some(3));
        check("u2", 3, 1, Fail, None);
        check("u2", 0, -1, Wrap, Some(3));
        check("u2", 0, -1, Saturate, Some(0));
        check("u2", 1, i64::MIN, Wrap, Some(1));
        check("i8", 127, 1, Wrap, Some(-128));
        check("i8", 127, 1, Saturate, Some(127));
        check("i8", -128, -1, Saturate, Some(-128));
        check("i64", i64::MIN, -1, Wrap, Some(i64::MAX));
        check("i64", i64::MAX, 1, Saturate, Some(i64::MAX));
        check("u63", i64::MAX, 1, Wrap, Some(0));
        assert_eq!(field("u8").convert(-1, Saturate), Some(255));
        assert_eq!(field("u8").convert(-1, Wrap), Some(255));
        assert_eq!(field("u8").convert(-1, Fail), None);
        assert_eq!(field("i8").convert(-1000, Saturate), Some(-128));
        assert_eq!(field("i8").convert(200, Wrap), Some(-56));
    }

    proptest! {
        #[test]
        fn what_is_written_is_read_and_nothing_else_changes(
            bytes in prop::collection::vec(any::<u8>(), 24),
            offset in 0u64..128,
            bits in 1u32..=64,
            signed in any::<bool>(),
            value in any::<i64>(),
        ) {
            let kind = FieldType { signed, bits: if signed { bits } else { bits.min(63) } };
            let value = kind.convert(value, Overflow::Wrap).unwrap();
            let mut written = bytes.clone();
            kind.write(offset, value, |at, change| written[at as usize] = change(written[at as usize]));
            prop_assert_eq!(kind.read(offset, |at| written[at as usize]), value);
            for at in 0..bytes.len() as u64 * 8 {
                if at < offset || at >= offset + u64::from(kind.bits) {
                    let mask = 0x80 >> (at % 8);
                    prop_assert_eq!(written[at as usize / 8] & mask, bytes[at as usize / 8] & mask);
                }
            }
        }
    }
}
