//! Members picked at random.

use std::collections::BTreeSet;

/// `count` different numbers below `len`, or all of them if there are fewer, in ascending order; `random` gives 64 random
/// bits each time.
pub fn distinct_ranks(len: u64, count: u64, mut random: impl FnMut() -> u64) -> Vec<u64> {
    if count >= len {
        return (0..len).collect();
    }
    // After Floyd: each number from `len - count` on stands for itself, unless one below it is drawn that is new.
    let mut picked = BTreeSet::new();
    for last in len - count..len {
        let drawn = below(last + 1, random());
        if !picked.insert(drawn) {
            picked.insert(last);
        }
    }
    picked.into_iter().collect()
}

/// A number below `len`, which is not 0, out of 64 random bits.
pub fn below(len: u64, random: u64) -> u64 {
    ((u128::from(random) * u128::from(len)) >> 64) as u64
}
