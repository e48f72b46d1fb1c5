//! From ranks to a count: the improved estimator of Otmar Ertl, "New cardinality estimation algorithms for HyperLogLog
//! sketches" (2017), algorithm 6.
//!
//! The order of the floating-point operations is Redis's, for the last digit of a large count depends on it.

use super::{RANK_BITS, REGISTERS};

/// How many registers have each rank; those above 51 come from strings that no server made.
pub(super) type Histogram = [u32; RANKS];

/// How many ranks the 6 bits of a register can hold.
pub(super) const RANKS: usize = 64;
/// The highest rank that an element leaves.
const RANK_MAX: usize = RANK_BITS as usize + 1;
/// 1 / (2 ln 2), as precisely as Redis has it.
const ALPHA: f64 = 0.721_347_520_444_481_7;
/// 2 to the power of 63.
const INTEGER_LIMIT: f64 = (1u64 << 63) as f64;

/// The estimated number of different elements.
pub(super) fn cardinality(histogram: &Histogram) -> u64 {
    let registers = REGISTERS as f64;
    let full = f64::from(histogram[RANK_MAX]);
    let mut z = registers * tau((registers - full) / registers);
    for count in histogram[1..RANK_MAX].iter().rev() {
        z = (z + f64::from(*count)) * 0.5;
    }
    z += registers * sigma(f64::from(histogram[0]) / registers);
    let estimate = (ALPHA * registers * registers / z).round();
    // What no integer can hold, only ranks lead to that no elements have left: Redis then says the lowest integer.
    if estimate < INTEGER_LIMIT {
        estimate as u64
    } else {
        i64::MIN as u64
    }
}

/// What registers of the highest rank contribute; `x` is the share of all others.
fn tau(mut x: f64) -> f64 {
    if x == 0.0 || x == 1.0 {
        return 0.0;
    }
    let (mut y, mut z) = (1.0, 1.0 - x);
    loop {
        x = x.sqrt();
        y *= 0.5;
        let previous = z;
        z -= (1.0 - x) * (1.0 - x) * y;
        if z == previous {
            return z / 3.0;
        }
    }
}

/// What registers without any element contribute; `x` is their share.
fn sigma(mut x: f64) -> f64 {
    if x == 1.0 {
        return f64::INFINITY;
    }
    let (mut y, mut z) = (1.0, x);
    loop {
        x *= x;
        let previous = z;
        z += x * y;
        y += y;
        if z == previous {
            return z;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(ranks: &[(usize, u32)], expected: u64) {
        let mut histogram = [0; RANKS];
        ranks
            .iter()
            .for_each(|(rank, count)| histogram[*rank] = *count);
        let total: u32 = histogram.iter().sum();
        assert_eq!(total as usize, REGISTERS);
        assert_eq!(cardinality(&histogram), expected, "{ranks:?}");
    }

    #[test]
    fn estimates_are_those_of_redis() {
        // Asked of Redis 7.0.15 and 8.0.6 and of Valkey 9.1.2 with dense registers of these ranks.
        check(&[(0, 16384)], 0);
        check(&[(0, 16284), (1, 100)], 100);
        check(&[(51, 8192), (0, 8192)], 13268);
        check(&[(52, 16383), (0, 1)], 193_623_433);
        check(&[(63, 16384)], 1 << 63);
        check(&[(51, 16384)], 1 << 63);
        check(&[(50, 16384)], 1 << 63);
        check(&[(51, 1), (50, 16383)], 1 << 63);
        // The squares, and seven times, every number of a register, by 52 and 64.
        let mut squares = [0; RANKS];
        let mut sevens = [0; RANKS];
        for register in 0..REGISTERS {
            squares[register * register % 52] += 1;
            sevens[register * 7 % 64] += 1;
        }
        assert_eq!(cardinality(&squares), 141_591);
        assert_eq!(cardinality(&sevens), 375_261);
    }
}
