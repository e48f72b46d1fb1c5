//! Dense registers: 6 bits each, one behind the other, beginning at the lowest bit of the first byte.

use super::estimate::{Histogram, RANKS};
use super::{Observation, REGISTERS, Ranks};

/// Bits of a register.
const BITS: usize = 6;
/// The highest rank that a register can hold; higher than any that an element leaves.
const RANK_MASK: u8 = (1 << BITS) - 1;
/// Length of all registers together.
pub(super) const REGISTER_BYTES: usize = REGISTERS * BITS / 8;

/// Bytes and registers that end together: as many as fit a word.
const GROUP_BYTES: usize = 6;
const GROUP_REGISTERS: usize = GROUP_BYTES * 8 / BITS;

/// Where a register stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Field {
    /// Its first byte.
    at: usize,
    /// The bits of it below the register.
    shift: usize,
}

impl Field {
    fn of(register: usize) -> Field {
        let bit = register * BITS;
        Field {
            at: bit / 8,
            shift: bit % 8,
        }
    }

    /// Whether the register goes on in the next byte.
    fn crosses(self) -> bool {
        self.shift + BITS > 8
    }

    /// The rank in two bytes of which the first is the register's first.
    fn get(self, bytes: [u8; 2]) -> u8 {
        (u16::from_le_bytes(bytes) >> self.shift) as u8 & RANK_MASK
    }

    /// The two bytes with `rank` in the register.
    fn set(self, bytes: [u8; 2], rank: u8) -> [u8; 2] {
        let cleared = u16::from_le_bytes(bytes) & !(u16::from(RANK_MASK) << self.shift);
        (cleared | u16::from(rank & RANK_MASK) << self.shift).to_le_bytes()
    }
}

/// The rank of `register`.
pub(super) fn rank(registers: &[u8], register: usize) -> u8 {
    let field = Field::of(register);
    let next = if field.crosses() {
        registers[field.at + 1]
    } else {
        0
    };
    field.get([registers[field.at], next])
}

/// Raises a register to the observation's rank, and says whether it was lower.
pub(super) fn add(registers: &mut [u8], seen: Observation) -> bool {
    let is_lower = rank(registers, seen.register) < seen.rank;
    if is_lower {
        put(registers, seen.register, seen.rank);
    }
    is_lower
}

/// Sets `register` to `rank`.
pub(super) fn put(registers: &mut [u8], register: usize, rank: u8) {
    let field = Field::of(register);
    let next = if field.crosses() {
        registers[field.at + 1]
    } else {
        0
    };
    let [first, next] = field.set([registers[field.at], next], rank);
    registers[field.at] = first;
    if field.crosses() {
        registers[field.at + 1] = next;
    }
}

/// The ranks of a group.
fn unpack(group: &[u8; GROUP_BYTES]) -> [u8; GROUP_REGISTERS] {
    let mut word = [0; 8];
    word[..GROUP_BYTES].copy_from_slice(group);
    let word = u64::from_le_bytes(word);
    std::array::from_fn(|index| (word >> (index * BITS)) as u8 & RANK_MASK)
}

/// How often each rank occurs.
pub(super) fn histogram(registers: &[u8; REGISTER_BYTES]) -> Histogram {
    // Equal ranks often follow each other; in several histograms by turns, one increment need not wait for the last.
    let mut parts = [[0; RANKS]; 4];
    for group in registers.as_chunks().0 {
        for (index, rank) in unpack(group).into_iter().enumerate() {
            parts[index % 4][usize::from(rank)] += 1;
        }
    }
    std::array::from_fn(|rank| parts.iter().map(|part| part[rank]).sum())
}

/// Raises every rank of `ranks` to that of its register.
pub(super) fn raise(registers: &[u8; REGISTER_BYTES], ranks: &mut Ranks) {
    let groups = registers.as_chunks().0.iter();
    for (group, ranks) in groups.zip(ranks.as_chunks_mut::<GROUP_REGISTERS>().0) {
        let unpacked = unpack(group);
        *ranks = std::array::from_fn(|index| ranks[index].max(unpacked[index]));
    }
}

/// Registers with these ranks, none above 63.
pub(super) fn pack(ranks: &Ranks, registers: &mut [u8]) {
    let groups = registers.as_chunks_mut::<GROUP_BYTES>().0;
    for (ranks, group) in ranks.as_chunks::<GROUP_REGISTERS>().0.iter().zip(groups) {
        let mut word = 0;
        for (index, rank) in ranks.iter().enumerate() {
            word |= u64::from(rank & RANK_MASK) << (index * BITS);
        }
        group.copy_from_slice(&word.to_le_bytes()[..GROUP_BYTES]);
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn zeros() -> [u8; REGISTER_BYTES] {
        [0; REGISTER_BYTES]
    }

    #[test]
    fn registers_begin_at_the_lowest_bit() {
        let mut registers = zeros();
        put(&mut registers, 0, 0b10_1011);
        assert_eq!(registers[..2], [0b0010_1011, 0]);
        put(&mut registers, 1, 0b11_0101);
        assert_eq!(registers[..2], [0b0110_1011, 0b1101]);
        put(&mut registers, REGISTERS - 1, RANK_MASK);
        assert_eq!(registers[REGISTER_BYTES - 1], 0b1111_1100);
        assert_eq!(rank(&registers, REGISTERS - 1), RANK_MASK);
    }

    proptest! {
        #[test]
        fn registers_are_an_array(edits in prop::collection::vec((0..REGISTERS, 0u8..64), 0..200)) {
            let mut model = [0; REGISTERS];
            let mut registers = zeros();
            for (register, rank) in edits {
                put(&mut registers, register, rank);
                model[register] = rank;
            }
            let mut ranks = [0; REGISTERS];
            raise(&registers, &mut ranks);
            prop_assert_eq!(&ranks[..], &model[..]);
            prop_assert!((0..REGISTERS).all(|register| rank(&registers, register) == model[register]));
            let mut packed = zeros();
            pack(&ranks, &mut packed);
            prop_assert_eq!(&packed[..], &registers[..]);
            let mut expected = [0; RANKS];
            model.iter().for_each(|rank| expected[usize::from(*rank)] += 1);
            prop_assert_eq!(histogram(&registers), expected);
        }

        #[test]
        fn ranks_only_rise(adds in prop::collection::vec((0..8usize, 1u8..52), 0..100)) {
            let mut model = [0; 8];
            let mut registers = zeros();
            for (register, rank) in adds {
                let raised = add(&mut registers, Observation { register, rank });
                prop_assert_eq!(raised, rank > model[register]);
                model[register] = model[register].max(rank);
            }
            prop_assert!((0..8).all(|register| rank(&registers, register) == model[register]));
        }
    }
}
