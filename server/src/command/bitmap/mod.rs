//! Bitmap commands: strings as arrays of bits, bit 0 being the highest bit of the first byte.

mod bit;
mod count;
mod field;
mod operation;
mod position;
mod scan;

use storage::bits::BitRange;

use super::Arity::{AtLeast, Exactly};
use super::KeySpec::{All, One, Range};
use super::{Args, Command, CommandError, Flags, KeyAccess};

const READ: Flags = Flags::READ;
const FAST_READ: Flags = Flags::READ.and(Flags::FAST);
const GROW: Flags = Flags::WRITE.and(Flags::DENY_OOM);

const FIELD: KeyAccess = KeyAccess(&["RW", "access", "update", "variable_flags"]);

pub(crate) const COMMANDS: &[Command] = &[
    Command::new("BITCOUNT", AtLeast(2), One(1), READ, count::bitcount),
    Command::new("BITFIELD", AtLeast(2), One(1), GROW, field::bitfield).with_access(&[FIELD]),
    Command::new(
        "BITFIELD_RO",
        AtLeast(2),
        One(1),
        FAST_READ,
        field::bitfield_ro,
    ),
    Command::new(
        "BITOP",
        AtLeast(4),
        All(&[
            One(2),
            Range {
                first: 3,
                last: -1,
                step: 1,
            },
        ]),
        GROW,
        operation::bitop,
    )
    .with_access(&[KeyAccess::OVERWRITE, KeyAccess::READ]),
    Command::new("BITPOS", AtLeast(3), One(1), READ, position::bitpos),
    Command::new("GETBIT", Exactly(3), One(1), FAST_READ, bit::getbit),
    Command::new("SETBIT", Exactly(4), One(1), GROW, bit::setbit).with_access(&[KeyAccess::UPDATE]),
];

/// A bit's offset as an argument; it must lie within the longest string there may be.
fn bit_offset(text: &[u8], string_bytes_max: u64) -> Result<u64, CommandError> {
    bit_offset_in_units(text, 1, string_bytes_max)
}

/// A bit's offset in units of `unit` bits.
fn bit_offset_in_units(text: &[u8], unit: u32, string_bytes_max: u64) -> Result<u64, CommandError> {
    let offset = protocol::parse_i64(text).and_then(|offset| u64::try_from(offset).ok());
    let offset = offset.and_then(|offset| offset.checked_mul(unit.into()));
    let offset = offset.filter(|offset| offset / 8 < string_bytes_max);
    offset.ok_or(CommandError::Line(
        "ERR bit offset is not an integer or out of range",
    ))
}

/// What the ends of a range count.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum RangeUnit {
    Byte,
    Bit,
}

impl RangeUnit {
    /// The unit that argument `index` names, bytes if there is none.
    fn parse(args: Args<'_>, index: usize) -> Result<Self, CommandError> {
        match args.len() > index {
            false => Ok(RangeUnit::Byte),
            true if args.is(index, "BIT") => Ok(RangeUnit::Bit),
            true if args.is(index, "BYTE") => Ok(RangeUnit::Byte),
            true => Err(CommandError::Syntax),
        }
    }

    /// The bits from `start` to `end` of a string of `len` bytes, negative ends counting from its end. `None`
    /// if there are none.
    fn select(self, start: i64, end: i64, len: u64) -> Option<BitRange> {
        let bits = match self {
            RangeUnit::Byte => 8,
            RangeUnit::Bit => 1,
        };
        let units = i64::try_from(len).expect("strings are far below an exabyte") * (8 / bits);
        let from_end = |index: i64| {
            if index < 0 {
                units.saturating_add(index).max(0)
            } else {
                index
            }
        };
        let (start, end) = (from_end(start), from_end(end).min(units - 1));
        (start <= end).then(|| BitRange {
            first: (start * bits) as u64,
            last: (end * bits + bits - 1) as u64,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn offsets_are_bounded_by_the_longest_string() {
        let check = |text: &str, unit, expected| {
            assert_eq!(
                bit_offset_in_units(text.as_bytes(), unit, 512 << 20).ok(),
                expected,
                "{text} in {unit}"
            );
        };
        check("0", 1, Some(0));
        check("4294967295", 1, Some(4_294_967_295));
        check("4294967296", 1, None);
        check("100", 8, Some(800));
        check("536870912", 8, None);
        check("9223372036854775807", 64, None);
        check("-1", 1, None);
        check("1x", 1, None);
    }

    #[test]
    fn ranges_are_cut_to_the_string() {
        let check = |unit: RangeUnit, start, end, len, expected: Option<(u64, u64)>| {
            let range = unit
                .select(start, end, len)
                .map(|range| (range.first, range.last));
            assert_eq!(range, expected, "{unit:?} {start} {end} of {len}");
        };
        check(RangeUnit::Byte, 0, -1, 6, Some((0, 47)));
        check(RangeUnit::Byte, 1, 1, 6, Some((8, 15)));
        check(RangeUnit::Byte, -100, -50, 6, Some((0, 7)));
        check(RangeUnit::Byte, 10, 20, 6, None);
        check(RangeUnit::Byte, 0, -1, 0, None);
        check(RangeUnit::Bit, 5, 30, 6, Some((5, 30)));
        check(RangeUnit::Bit, -5, -1, 6, Some((43, 47)));
        check(RangeUnit::Bit, i64::MIN, i64::MAX, 6, Some((0, 47)));
    }
}
