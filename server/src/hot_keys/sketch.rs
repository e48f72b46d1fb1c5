//! The keys on which most was spent, in bounded memory: Space-Saving (Metwally, Agrawal, El Abbadi 2005), weighted.
//!
//! There is room for so many keys. A key that comes when all room is taken takes the place of the one with the least
//! cost, and inherits that cost: so no key that costs more than one part in so many of the total can be missing. What
//! it inherits is not its own, though, and is not told: [`Spent`] counts from when a key came in, so that a key is never
//! said to cost more than it has.

use std::collections::HashMap;
use std::hash::Hash;
use std::ops::{AddAssign, Mul};

use storage::{DbIndex, KeyHash};

/// Most bytes kept of a key's name; of longer ones the beginning.
const NAME_BYTES_MAX: usize = 512;
/// What an access costs beside its time and its bytes, in nanoseconds: about what it takes around the command.
pub(super) const ACCESS_NANOS: u64 = 1_000;

/// What was spent on a key, or on all of them.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct Spent {
    /// Commands that name the key.
    pub(crate) accesses: f64,
    /// Time of those commands.
    pub(crate) cpu_nanos: f64,
    /// Bytes of their requests and replies.
    pub(crate) net_bytes: f64,
}

impl Spent {
    /// All of it as one figure, in nanoseconds; a byte counts as one.
    fn cost(self) -> f64 {
        self.accesses * ACCESS_NANOS as f64 + self.cpu_nanos + self.net_bytes
    }
}

impl AddAssign for Spent {
    fn add_assign(&mut self, other: Self) {
        self.accesses += other.accesses;
        self.cpu_nanos += other.cpu_nanos;
        self.net_bytes += other.net_bytes;
    }
}

impl Mul<f64> for Spent {
    type Output = Self;

    fn mul(self, factor: f64) -> Self {
        Self {
            accesses: self.accesses * factor,
            cpu_nanos: self.cpu_nanos * factor,
            net_bytes: self.net_bytes * factor,
        }
    }
}

/// A key of a database, told from all others by its hash, which is seeded: long names need not be kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct KeyId {
    pub(crate) db: DbIndex,
    shard: u16,
    position: u64,
}

impl KeyId {
    pub(crate) fn new(db: DbIndex, hash: KeyHash) -> Self {
        Self {
            db,
            shard: hash.shard,
            position: hash.position,
        }
    }

    /// The same for all keys of the name, whatever their database.
    pub(crate) fn of_name(self) -> Self {
        Self { db: 0, ..self }
    }
}

/// The keys on which most was spent.
#[derive(Debug)]
pub(crate) struct TopKeys {
    entries: Vec<Entry>,
    places: HashMap<KeyId, u32, foldhash::fast::RandomState>,
    /// Costs, inherited ones included, with the entries they belong to: a heap, the least one first.
    heap: Vec<(f64, u32)>,
    capacity: usize,
}

#[derive(Debug)]
struct Entry {
    id: KeyId,
    name: Vec<u8>,
    spent: Spent,
    /// Where in the heap its cost is.
    heap_at: usize,
}

impl TopKeys {
    /// Room for `capacity` keys; memory is taken as they come.
    pub(crate) fn new(capacity: usize) -> Self {
        Self {
            entries: Vec::new(),
            places: HashMap::default(),
            heap: Vec::new(),
            capacity: capacity.max(1),
        }
    }

    /// Notes what was spent on a key.
    pub(crate) fn add(&mut self, id: KeyId, name: &[u8], spent: Spent) {
        let heap_at = if let Some(&at) = self.places.get(&id) {
            let entry = &mut self.entries[at as usize];
            entry.spent += spent;
            entry.heap_at
        } else if self.entries.len() < self.capacity {
            return self.push(id, name, spent);
        } else {
            self.replace_least(id, name, spent);
            0
        };
        self.heap[heap_at].0 += spent.cost();
        self.sift_down(heap_at);
    }

    fn push(&mut self, id: KeyId, name: &[u8], spent: Spent) {
        let at = self.entries.len() as u32;
        let heap_at = self.heap.len();
        self.places.insert(id, at);
        self.entries.push(Entry {
            id,
            name: shortened(name).to_vec(),
            spent,
            heap_at,
        });
        self.heap.push((spent.cost(), at));
        self.sift_up(heap_at);
    }

    fn replace_least(&mut self, id: KeyId, name: &[u8], spent: Spent) {
        let at = self.heap[0].1;
        let entry = &mut self.entries[at as usize];
        self.places.remove(&entry.id);
        self.places.insert(id, at);
        (entry.id, entry.spent) = (id, spent);
        entry.name.clear();
        entry.name.extend_from_slice(shortened(name));
    }

    fn sift_up(&mut self, mut at: usize) {
        while at > 0 && self.heap[at].0 < self.heap[(at - 1) / 2].0 {
            self.exchange(at, (at - 1) / 2);
            at = (at - 1) / 2;
        }
    }

    fn sift_down(&mut self, mut at: usize) {
        loop {
            let left = 2 * at + 1;
            let Some(children) = self.heap.get(left..(left + 2).min(self.heap.len())) else {
                return;
            };
            let least = match children {
                [first, second] if second.0 < first.0 => left + 1,
                [_, ..] => left,
                [] => return,
            };
            if self.heap[at].0 <= self.heap[least].0 {
                return;
            }
            self.exchange(at, least);
            at = least;
        }
    }

    fn exchange(&mut self, one: usize, other: usize) {
        self.heap.swap(one, other);
        self.entries[self.heap[one].1 as usize].heap_at = one;
        self.entries[self.heap[other].1 as usize].heap_at = other;
    }

    /// Makes everything `factor` times as much.
    pub(crate) fn scale(&mut self, factor: f64) {
        for entry in &mut self.entries {
            entry.spent = entry.spent * factor;
        }
        self.heap.iter_mut().for_each(|(cost, _)| *cost *= factor);
    }

    /// All keys, with their names as far as they are kept, in no order.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (KeyId, &[u8], Spent)> {
        self.entries
            .iter()
            .map(|entry| (entry.id, &*entry.name, entry.spent))
    }
}

fn shortened(name: &[u8]) -> &[u8] {
    &name[..name.len().min(NAME_BYTES_MAX)]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::hot_keys::tests::Random;

    fn id(number: u64) -> KeyId {
        KeyId {
            db: 0,
            shard: (number % 7) as u16,
            position: number,
        }
    }

    const ONE: Spent = Spent {
        accesses: 1.0,
        cpu_nanos: 500.0,
        net_bytes: 40.0,
    };

    fn ranked(top: &TopKeys) -> Vec<(u64, f64)> {
        let mut keys: Vec<_> = top
            .iter()
            .map(|(id, _, spent)| (id.position, spent.accesses))
            .collect();
        keys.sort_by(|one, other| other.1.total_cmp(&one.1));
        keys
    }

    #[test]
    fn the_ten_hottest_of_a_zipf_stream_are_found_in_order() {
        const KEYS: usize = 100_000;
        const ACCESSES: usize = 1_000_000;
        let mut random = Random::new(7);
        let mut sums = Vec::with_capacity(KEYS);
        let mut sum = 0.0;
        for rank in 1..=KEYS {
            sum += 1.0 / rank as f64;
            sums.push(sum);
        }
        let mut top = TopKeys::new(256);
        let mut truth = vec![0u64; KEYS];
        for _ in 0..ACCESSES {
            let drawn = random.fraction() * sum;
            let key = sums.partition_point(|&below| below < drawn);
            truth[key] += 1;
            top.add(id(key as u64), b"name", ONE);
        }
        let ranked = ranked(&top);
        for (rank, &(key, accesses)) in ranked.iter().take(10).enumerate() {
            assert_eq!(key, rank as u64);
            let true_accesses = truth[rank] as f64;
            assert!(accesses <= true_accesses, "{accesses} > {true_accesses}");
            assert!(accesses > 0.9 * true_accesses, "{accesses}");
        }
    }

    #[test]
    fn nothing_is_said_to_be_hot_in_a_uniform_stream() {
        const KEYS: u64 = 100_000;
        let mut random = Random::new(11);
        let mut top = TopKeys::new(256);
        let mut truth = HashMap::<u64, f64>::new();
        for _ in 0..300_000 {
            let key = random.next() % KEYS;
            *truth.entry(key).or_default() += 1.0;
            top.add(id(key), b"name", ONE);
        }
        for (key, accesses) in ranked(&top) {
            assert!(accesses <= truth[&key]);
            assert!(accesses <= 20.0, "{key}: {accesses}");
        }
    }

    #[test]
    fn a_key_that_costs_more_than_its_part_is_never_missing() {
        let mut top = TopKeys::new(64);
        let mut random = Random::new(3);
        for round in 0..200_000u64 {
            top.add(id(1_000 + round), b"passing", ONE);
            if random.next().is_multiple_of(32) {
                top.add(id(1), b"hot", ONE);
            }
        }
        let hottest = ranked(&top)[0];
        assert_eq!(hottest.0, 1);
        assert!(hottest.1 > 5_500.0, "{hottest:?}");
    }

    #[test]
    fn dear_and_large_accesses_count_as_such() {
        let mut top = TopKeys::new(8);
        let dear = Spent {
            cpu_nanos: 1e6,
            ..ONE
        };
        let large = Spent {
            net_bytes: 1e6,
            ..ONE
        };
        for round in 0..10_000u64 {
            top.add(id(1_000 + round), b"passing", ONE);
            match round % 100 {
                0 => top.add(id(1), b"dear", dear),
                50 => top.add(id(2), b"large", large),
                _ => {}
            }
        }
        let spent = |key| top.iter().find(|(id, ..)| id.position == key).unwrap().2;
        assert_eq!(spent(1).cpu_nanos, 1e8);
        assert_eq!(spent(2).net_bytes, 1e8);
    }

    #[test]
    fn memory_is_bounded_whatever_the_names() {
        let mut top = TopKeys::new(32);
        let name = vec![b'n'; 1024 * 1024];
        for key in 0..10_000 {
            top.add(id(key), &name[..(key as usize * 997) % name.len()], ONE);
        }
        assert_eq!((top.entries.len(), top.heap.len()), (32, 32));
        assert_eq!(top.places.len(), 32);
        assert!(top.places.capacity() <= 128);
        for entry in &top.entries {
            assert!(entry.name.capacity() <= 2 * NAME_BYTES_MAX);
        }
    }

    #[test]
    fn the_heap_stays_one() {
        let mut random = Random::new(5);
        let mut top = TopKeys::new(50);
        for round in 0..20_000 {
            let spent = ONE * (1.0 + random.fraction() * 100.0);
            top.add(id(random.next() % 120), b"name", spent);
            if round % 1_000 == 0 {
                top.scale(0.5);
            }
        }
        for (at, &(cost, entry)) in top.heap.iter().enumerate() {
            assert!(at == 0 || top.heap[(at - 1) / 2].0 <= cost);
            let entry = &top.entries[entry as usize];
            assert_eq!(entry.heap_at, at);
            assert!(entry.spent.cost() <= cost * (1.0 + 1e-9));
        }
    }
}
