//! The queue of records against a plain one.

use std::collections::{BTreeSet, VecDeque};

use crate::eviction::Random;
use crate::eviction::ring::Ring;
use crate::wheel::Record40;

fn record(key: u64) -> Record40 {
    Record40::from_position(key << 24)
}

fn key_of(record: Record40) -> u64 {
    record.position() >> 24
}

#[test]
fn records_come_out_in_the_order_in_which_they_went_in() {
    let mut ring = Ring::default();
    assert!(ring.pop().is_none());
    (0..5_000).for_each(|key| ring.push(record(key)));
    for key in 0..5_000 {
        assert_eq!(ring.pop().map(key_of), Some(key));
    }
    assert!(ring.pop().is_none());
}

#[test]
fn few_records_are_not_worth_tidying() {
    let mut ring = Ring::default();
    (0..1_024).for_each(|key| ring.push(record(key)));
    assert!(!ring.needs_tidying(0));
    ring.push(record(9_999));
    assert!(ring.needs_tidying(0) && ring.needs_tidying(512));
    assert!(!ring.needs_tidying(513));
    assert!(ring.tidy(100, |_| 0));
    assert!(ring.needs_tidying(10_000), "a pass is gone on with");
}

#[test]
fn tidying_throws_out_what_is_gone_and_gives_its_memory_back() {
    let mut ring = Ring::default();
    (0..100_000).for_each(|key| ring.push(record(key)));
    let full = ring.bytes();
    assert!((500_000..1_000_000).contains(&full));
    let is_there = |record| usize::from(key_of(record).is_multiple_of(100));
    while ring.tidy(256, is_there) {}
    assert!(ring.bytes() <= 2 * 5 * 1_000, "{} bytes", ring.bytes());
    for key in (0..100_000).step_by(100) {
        assert_eq!(ring.pop().map(key_of), Some(key));
    }
    assert!(ring.pop().is_none());
}

/// A key that comes and goes again and again has one record in the end, though it is there whenever one looks.
#[test]
fn doubled_records_are_thrown_out() {
    let mut ring = Ring::default();
    for round in 0..20 {
        (0..1_000).for_each(|key| ring.push(record(key)));
        // Two keys may share a record: then there must be two.
        let is_there = |record| if key_of(record) < 10 { 2 } else { 1 };
        while ring.needs_tidying(1_010) {
            ring.tidy(100, is_there);
        }
        assert!(ring.bytes() < 5 * 4 * 2_100, "round {round}");
    }
    let mut left = vec![0; 1_000];
    while let Some(record) = ring.pop() {
        left[key_of(record) as usize] += 1;
    }
    assert!(left.iter().all(|&records| records >= 1));
    assert!(left[..10].iter().all(|&records| records >= 2));
    assert!(left.iter().sum::<u32>() <= 2_024);
}

/// What the ring is to hold: keys that are there, in order, and how often their records may come out.
struct Model {
    ring: Ring,
    /// Every record that has gone in and has not come out.
    pushed: VecDeque<u64>,
    alive: BTreeSet<u64>,
    next: u64,
}

impl Model {
    fn push(&mut self) {
        self.ring.push(record(self.next));
        self.pushed.push_back(self.next);
        self.alive.insert(self.next);
        self.next += 1;
    }

    /// The ring yields records in the order of the model's, and passes over none whose key is there.
    fn pop(&mut self) {
        let popped = self.ring.pop().map(key_of);
        loop {
            let expected = self.pushed.pop_front();
            if expected == popped {
                break;
            }
            let passed_over = expected.expect("the ring holds nothing that was not pushed");
            assert!(!self.alive.contains(&passed_over), "{passed_over} is lost");
        }
        if let Some(key) = popped {
            self.alive.remove(&key);
        }
    }

    fn remove(&mut self, random: &mut Random) {
        let from = random.next() % self.next.max(1);
        if let Some(&key) = self.alive.range(from..).next() {
            self.alive.remove(&key);
        }
    }

    fn tidy(&mut self, most: usize) {
        let alive = &self.alive;
        let is_there = |record| usize::from(alive.contains(&key_of(record)));
        if !self.ring.tidy(most, is_there) {
            assert!(!self.ring.needs_tidying(self.alive.len().max(1_000_000)));
        }
    }
}

#[test]
fn order_is_kept_through_tidying_while_keys_come_and_go() {
    for seed in 0..40 {
        let mut random = Random::new(seed * 7 + 3);
        let mut model = Model {
            ring: Ring::default(),
            pushed: VecDeque::new(),
            alive: BTreeSet::new(),
            next: 0,
        };
        for _ in 0..4_000 {
            match random.next() % 16 {
                0..6 => model.push(),
                6..8 => model.pop(),
                8..12 => model.remove(&mut random),
                12 => (0..random.next() % 50).for_each(|_| model.push()),
                13 => (0..random.next() % 30).for_each(|_| model.pop()),
                _ => model.tidy((random.next() % 40) as usize),
            }
        }
        while !model.alive.is_empty() {
            model.pop();
        }
    }
}
