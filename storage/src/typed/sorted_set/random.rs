//! Members picked at random.

use std::collections::BTreeSet;

/// So many picks are drawn at once; more are drawn one after the other, unless they lie far from each other.
const DRAWN_AT_ONCE: u64 = 4096;
/// Ranks from one pick to the next, beyond which it takes too long to look at each.
const DISTANCE_MAX: u64 = 256;

/// Different numbers below some number, in ascending order, each set of them as likely as any other.
#[derive(Clone, Debug)]
pub struct Distinct(Method);

#[derive(Clone, Debug)]
enum Method {
    Drawn(std::vec::IntoIter<u64>),
    /// `left` are to be picked of those from `next` on.
    OneByOne {
        next: u64,
        left: u64,
        len: u64,
    },
}

impl Distinct {
    /// `count` numbers below `len`, or all of them if there are fewer; `random` gives 64 random bits each time.
    pub fn new(len: u64, count: u64, random: &mut dyn FnMut() -> u64) -> Self {
        let left = count.min(len);
        let is_dense = left > DRAWN_AT_ONCE && len / left <= DISTANCE_MAX;
        Self(if is_dense || left == len {
            Method::OneByOne { next: 0, left, len }
        } else {
            Method::Drawn(drawn(len, left, random).into_iter())
        })
    }

    /// How many are left.
    pub fn left(&self) -> u64 {
        match &self.0 {
            Method::Drawn(numbers) => numbers.len() as u64,
            Method::OneByOne { left, .. } => *left,
        }
    }

    /// Memory that those take that have been drawn.
    pub fn memory_bytes(&self) -> usize {
        match &self.0 {
            Method::Drawn(numbers) => size_of_val(numbers.as_slice()),
            Method::OneByOne { .. } => 0,
        }
    }

    /// The next one.
    pub fn next(&mut self, random: &mut dyn FnMut() -> u64) -> Option<u64> {
        match &mut self.0 {
            Method::Drawn(numbers) => numbers.next(),
            Method::OneByOne { next, left, len } => {
                if *left == 0 {
                    return None;
                }
                // Each is picked with the chance that as many are left as are needed, so the last ones surely.
                while below(*len - *next, random()) >= *left {
                    *next += 1;
                }
                *next += 1;
                *left -= 1;
                Some(*next - 1)
            }
        }
    }
}

/// `count` different numbers below `len`, after Floyd: each number from `len - count` on stands for itself, unless one
/// below it is drawn that is new.
fn drawn(len: u64, count: u64, random: &mut dyn FnMut() -> u64) -> Vec<u64> {
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

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    /// A source of random numbers.
    fn random_from(seed: u64) -> impl FnMut() -> u64 {
        let mut state = seed;
        move || {
            state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
            let mut mixed = state;
            mixed = (mixed ^ mixed >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
            mixed = (mixed ^ mixed >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
            mixed ^ mixed >> 31
        }
    }

    fn all(mut distinct: Distinct, random: &mut dyn FnMut() -> u64) -> Vec<u64> {
        let mut numbers = Vec::new();
        while let Some(number) = distinct.next(random) {
            numbers.push(number);
        }
        numbers
    }

    #[test]
    fn as_many_different_ones_come_as_were_asked_for() {
        let mut random = random_from(1);
        for (len, count) in [
            (1, 1),
            (1, 5),
            (10, 0),
            (10, 3),
            (10, 10),
            (10, 11),
            (6_000, 5_000),
            (100_000, 5_000),
            (10_000_000, 5_000),
        ] {
            let distinct = Distinct::new(len, count, &mut random);
            assert_eq!(distinct.left(), count.min(len));
            let numbers = all(distinct, &mut random);
            assert_eq!(numbers.len() as u64, count.min(len), "{count} of {len}");
            assert!(numbers.is_sorted_by(|one, next| one < next));
            assert!(numbers.iter().all(|number| *number < len));
        }
    }

    #[test]
    fn every_subset_is_as_likely() {
        let mut random = random_from(2);
        for is_drawn in [true, false] {
            let mut counts: BTreeMap<Vec<u64>, u32> = BTreeMap::new();
            for _ in 0..10_000 {
                let (next, left, len) = (0, 2, 5);
                let method = if is_drawn {
                    Method::Drawn(drawn(len, left, &mut random).into_iter())
                } else {
                    Method::OneByOne { next, left, len }
                };
                let subset = all(Distinct(method), &mut random);
                *counts.entry(subset).or_default() += 1;
            }
            assert_eq!(counts.len(), 10);
            let is_fair = |count: &u32| (800..1200).contains(count);
            assert!(counts.values().all(is_fair), "{counts:?}");
        }
    }
}
