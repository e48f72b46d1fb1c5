//! Fields picked at random.

use std::collections::HashSet;

use crate::listpack::Value;

use super::{Content, HashRef};

/// The numbers of the fields that can be picked.
#[derive(Clone, Debug)]
pub enum Numbers {
    /// All below this.
    Below(u64),
    /// These: some fields have expired.
    These(Box<[u64]>),
}

impl Numbers {
    /// How many there are.
    pub fn len(&self) -> u64 {
        match self {
            Numbers::Below(end) => *end,
            Numbers::These(numbers) => numbers.len() as u64,
        }
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Memory that they take.
    pub fn memory_bytes(&self) -> usize {
        match self {
            Numbers::Below(_) => 0,
            Numbers::These(numbers) => size_of_val::<[u64]>(numbers),
        }
    }

    fn get(&self, at: u64) -> Option<u64> {
        match self {
            Numbers::Below(end) => (at < *end).then_some(at),
            Numbers::These(numbers) => numbers.get(usize::try_from(at).ok()?).copied(),
        }
    }
}

/// The fields of a hash, to be picked by their numbers.
pub struct Draws<'a, 'n> {
    hash: HashRef<'a>,
    numbers: &'n Numbers,
    /// Of a packed hash: what its numbers stand for.
    packed: Vec<(Value<'a>, Value<'a>)>,
}

impl<'a> HashRef<'a> {
    /// One field, with its value, by a random number.
    pub fn draw(&self, random: u64) -> Option<(Value<'a>, Value<'a>)> {
        match self.content {
            Content::Packed(listpack) => {
                let number = below(random, listpack.len() as u64 / 2)?;
                let field = listpack.seek(number as usize * 2)?;
                let value = listpack.next(field)?;
                Some((listpack.value_at(field), listpack.value_at(value)))
            }
            Content::Tree(_) => self.draws(&self.numbers()).any(random),
        }
    }

    /// What fields there are to be picked. Goes through all of them if some have expired.
    pub fn numbers(&self) -> Numbers {
        let Content::Tree(tree) = self.content else {
            return Numbers::Below(self.len());
        };
        if !self.has_expired() {
            return Numbers::Below(tree.len());
        }
        let alive = tree.iter().enumerate();
        let alive = alive.filter(|(_, element)| self.alive(*element).is_some());
        Numbers::These(alive.map(|(number, _)| number as u64).collect())
    }

    /// The fields that these numbers of its own stand for.
    pub fn draws<'n>(&self, numbers: &'n Numbers) -> Draws<'a, 'n> {
        let mut packed = Vec::new();
        if let Content::Packed(_) = self.content {
            self.each(|field, value| packed.push((field, value)));
        }
        Draws {
            hash: *self,
            numbers,
            packed,
        }
    }
}

impl<'a> Draws<'a, '_> {
    /// The field in this place, below [`Numbers::len`], and its value.
    pub fn get(&self, place: u64) -> Option<(Value<'a>, Value<'a>)> {
        let number = self.numbers.get(place)?;
        match self.hash.content {
            Content::Packed(_) => self.packed.get(usize::try_from(number).ok()?).copied(),
            Content::Tree(tree) => {
                let element = tree.at(number)?;
                Some((Value::Bytes(element.name), Value::Bytes(element.value)))
            }
        }
    }

    /// Any one field, with its value, by a random number.
    pub fn any(&self, random: u64) -> Option<(Value<'a>, Value<'a>)> {
        self.get(below(random, self.numbers.len())?)
    }
}

/// `count` different places below `len`, or all, in any order, of random numbers.
pub fn different(count: u64, len: u64, mut random: impl FnMut() -> u64) -> Vec<u64> {
    let count = count.min(len);
    // After Floyd: of the places up to each of the last `count`, a random one, or that last one if it is taken.
    let mut taken = HashSet::with_capacity(count as usize);
    let mut places = Vec::with_capacity(count as usize);
    for last in len - count..len {
        let drawn = below(random(), last + 1).expect("there is one at least");
        let place = if taken.contains(&drawn) { last } else { drawn };
        taken.insert(place);
        places.push(place);
    }
    places
}

/// Every place below a number once, in an order of its own for each seed, without a memory of those that have come.
#[derive(Clone, Copy, Debug)]
pub struct Shuffle {
    len: u64,
    half_bits: u32,
    seed: u64,
}

impl Shuffle {
    /// An order of the places below `len`.
    pub fn new(len: u64, seed: u64) -> Self {
        let bits = u64::BITS - len.saturating_sub(1).leading_zeros();
        Self {
            len,
            half_bits: bits.div_ceil(2).max(1),
            seed,
        }
    }

    /// The place that comes with `turn` others before it; `turn` is below the number of places.
    pub fn place(self, turn: u64) -> u64 {
        debug_assert!(turn < self.len);
        // What permutes a power of two permutes the places among them, if those in between are passed over: they are
        // three of four at most.
        let mut place = self.permute(turn);
        while place >= self.len {
            place = self.permute(place);
        }
        place
    }

    /// A Feistel network over both halves of the bits.
    fn permute(self, number: u64) -> u64 {
        let mask = (1 << self.half_bits) - 1;
        let (mut left, mut right) = (number >> self.half_bits, number & mask);
        for round in 1..=4_u64 {
            let mixed = mix(right ^ self.seed.rotate_left(round as u32 * 13) ^ round);
            (left, right) = (right, left ^ mixed & mask);
        }
        left << self.half_bits | right
    }
}

/// The random number of this turn, of those that follow from a seed.
pub fn random_of(seed: u64, turn: u64) -> u64 {
    mix(seed ^ mix(turn))
}

/// SplitMix64's mixing function.
fn mix(number: u64) -> u64 {
    let mixed = number.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let mixed = (mixed ^ mixed >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let mixed = (mixed ^ mixed >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
    mixed ^ mixed >> 31
}

/// A number below `end` of 64 random bits; `None` if there is none.
fn below(random: u64, end: u64) -> Option<u64> {
    // The upper half of the product is spread as evenly as the bits are.
    (end > 0).then(|| ((u128::from(random) * u128::from(end)) >> 64) as u64)
}
