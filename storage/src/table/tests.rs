//! The table against a plain map, with positions that crowd: few different ones, so that buckets overflow, prefixes
//! deepen to the last bit, and segments there grow without bound.

use std::collections::HashMap;

use super::*;
use crate::access::AccessRule;
use crate::entry::{Payload, entry_bytes};
use crate::slab::Slab;
use crate::slot_word::Kind;
use crate::time::UnixMillis;

struct Crowd {
    table: Table,
    slab: Slab,
    hasher: KeyHasher,
    model: HashMap<Vec<u8>, EntryPtr>,
    random: u64,
}

impl Crowd {
    /// Positions keep these bits only.
    fn new(kept: u64, seed: u64) -> Self {
        Self {
            table: Table::new(),
            slab: Slab::new(),
            hasher: KeyHasher::new(1, 7).crowding(kept),
            model: HashMap::new(),
            random: seed,
        }
    }

    fn below(&mut self, limit: u64) -> u64 {
        self.random ^= self.random << 13;
        self.random ^= self.random >> 7;
        self.random ^= self.random << 17;
        (self.random >> 8) % limit
    }

    fn position(&self, key: &[u8]) -> u64 {
        self.hasher.hash(key).position
    }

    fn new_entry(&mut self, key: &[u8]) -> EntryPtr {
        let payload = Payload::Int(0);
        let entry = EntryPtr::new(self.slab.alloc(entry_bytes(key.len(), false, &payload)));
        // SAFETY: the block is new, aligned and as large as asked.
        unsafe { entry.write(key, AccessRule::Stamp.fresh(UnixMillis(0)), None, payload) };
        entry
    }

    fn free(&mut self, entry: EntryPtr) {
        // SAFETY: the callers have taken the entry out of the table and the model.
        unsafe { self.slab.free(entry.block()) };
    }

    fn insert(&mut self, key: &[u8]) {
        let (entry, position) = (self.new_entry(key), self.position(key));
        let word = Word::new(entry, position, Kind::Int, false, false);
        self.table.insert(position, word, &self.hasher);
        self.model.insert(key.to_vec(), entry);
    }

    fn remove(&mut self, key: &[u8]) {
        let position = self.position(key);
        let by_entry = self.below(2) == 0;
        let removed = match self.model.get(key) {
            Some(&entry) if by_entry => self.table.remove_entry(position, entry, &self.hasher),
            _ => self.table.remove(position, key, &self.hasher),
        };
        let expected = self.model.remove(key);
        assert!(removed.map(Word::entry) == expected);
        expected.into_iter().for_each(|entry| self.free(entry));
    }

    /// Moves the entry and changes what else of the word may change.
    fn change(&mut self, key: &[u8]) {
        let (old, new) = (self.model[key], self.new_entry(key));
        let position = self.position(key);
        let slot = self
            .table
            .find_entry_mut(position, old)
            .expect("it is there");
        let word = slot.load();
        let word = word.with_generation(2).with_small(!word.in_small());
        slot.store(word.moved_to(new).with_parity(!word.parity()));
        let word = slot.load();
        let fresh = Word::new(new, position, Kind::Int, false, word.parity());
        slot.store(word.keeping_queue(fresh));
        assert!(slot.load() == word);
        self.model.insert(key.to_vec(), new);
        self.free(old);
    }

    fn sweep(&mut self) {
        let mut from = Some(0);
        while let Some(at) = from {
            from = self.table.merge_at(at, &self.hasher);
        }
    }

    fn step(&mut self, keys: u64, growing: bool) {
        let key = format!("key:{}", self.below(keys)).into_bytes();
        let there = self.model.contains_key(&key);
        let choice = self.below(10);
        match choice {
            0 if there => self.change(&key),
            0..6 if growing == there => {}
            0..6 if there => self.remove(&key),
            0..6 => self.insert(&key),
            _ if there => self.remove(&key),
            _ => self.insert(&key),
        }
    }

    fn check(&self) {
        assert_eq!(self.table.audit(&self.hasher).len(), self.model.len());
        for (key, &entry) in &self.model {
            let position = self.position(key);
            let found = self.table.find(position, key).map(SlotWord::load);
            assert!(found.map(Word::entry) == Some(entry));
            let record = Record40::from_position(position);
            let matches = self.table.matches(record, &self.hasher);
            assert!(matches.iter().any(|word| word.entry() == entry));
            let other = [key.as_slice(), b"?"].concat();
            assert!(self.table.find(self.position(&other), &other).is_none());
        }
        let (mut from, mut walked) = (Some(0), 0);
        while let Some(at) = from {
            let segment = self.table.segment(at);
            walked += segment.words().count();
            from = segment.end(at);
        }
        assert_eq!(walked, self.model.len(), "a walk meets every key once");
    }

    /// Takes all keys out again: the table is as small as a new one.
    fn empty(&mut self) {
        let mut keys: Vec<_> = self.model.keys().cloned().collect();
        keys.sort();
        while !keys.is_empty() {
            let at = self.below(keys.len() as u64) as usize;
            self.remove(&keys.swap_remove(at));
            if keys.len().is_multiple_of(64) {
                self.table.audit(&self.hasher);
            }
        }
        loop {
            let before = self.table.bytes();
            self.sweep();
            self.table.audit(&self.hasher);
            if self.table.bytes() == before {
                break;
            }
        }
        assert_eq!(self.table.bytes(), Table::new().bytes());
    }
}

/// Bits kept, number of different keys, steps.
const CROWDS: [(u64, u64, u64); 8] = [
    // As they come.
    (u64::MAX, 12_000, 60_000),
    // 64 slots with one key's worth of hash.
    (0b11_1111 << 50, 1_500, 9_000),
    // One prefix of 28 bits, 4096 positions below.
    (0xfff << 24, 6_000, 40_000),
    // Few in the record's last bits: two homes to each of eight segments.
    (0b1111 << 24, 2_000, 12_000),
    // Four of the deepest segments, one home in each.
    (0b11 << 25, 1_200, 6_000),
    // One such segment with two homes.
    (1 << 24, 900, 6_000),
    // All bits that matter are the same, those that do not differ.
    (0xff_ffff, 900, 5_000),
    // The first bits only.
    (0xfff << 52, 12_000, 60_000),
];

#[test]
fn crowded_table_is_a_map() {
    for (number, (kept, keys, steps)) in CROWDS.into_iter().enumerate() {
        let mut crowd = Crowd::new(kept, 0x5eed_0000 + number as u64);
        for step in 0..steps {
            // Tides, with a sweep at each ebb.
            let growing = step / (steps / 6) % 2 == 0;
            crowd.step(keys, growing);
            if step % (steps / 30) == 0 {
                crowd.check();
            }
            if !growing && step % (steps / 12) == 0 {
                crowd.sweep();
                crowd.check();
            }
        }
        crowd.empty();
    }
}

#[test]
fn removal_moves_displaced_keys_back() {
    // 1, 2 and 16 homes in one segment, whose keys overflow them and wrap around its end.
    for kept in [0, 1 << 24, 0b1111 << 24] {
        for keys in [6, 7, 8, 15, 60, 224, 448] {
            let mut crowd = Crowd::new(kept, 0x0dd5_eed0 + keys);
            (0..keys).for_each(|n| crowd.insert(format!("{n}").as_bytes()));
            crowd.check();
            assert_eq!(crowd.table.segment(0).depth(), 0);
            while !crowd.model.is_empty() {
                let key = format!("{}", crowd.below(keys)).into_bytes();
                crowd.remove(&key);
                crowd.table.audit(&crowd.hasher);
            }
        }
    }
}

#[test]
fn keys_of_one_position_share_a_segment_of_any_size() {
    let mut crowd = Crowd::new(0, 1);
    (0..3000).for_each(|n| crowd.insert(format!("{n}").as_bytes()));
    crowd.table.audit(&crowd.hasher);
    let segment = crowd.table.segment(0);
    assert_eq!((segment.depth(), segment.buckets()), (DEPTH_MAX, 512));
    let mut drained = 0;
    let mut from = Some(0);
    while let Some(at) = from {
        from = crowd.table.drain_at(at, |_| drained += 1);
    }
    assert_eq!((drained, crowd.table.len()), (3000, 0));
    crowd.table.audit(&crowd.hasher);
}

#[test]
fn segment_beyond_the_childs_count_is_found_by_its_header() {
    let segment = Segment::new(DEPTH_MAX, 500_000);
    let buckets = segment.buckets();
    assert!(buckets > usize::from(u16::MAX));
    let trie = Trie::new(segment);
    assert_eq!(trie.segment(0).buckets(), buckets);
    assert_eq!(trie.bytes(), 64 * buckets);
}

#[test]
fn nodes_are_as_wide_as_their_segments_need() {
    let mut crowd = Crowd::new(u64::MAX, 1);
    assert_eq!(crowd.table.bytes(), 64);
    let segments = |crowd: &Crowd| {
        std::iter::successors(Some(0), |&at| crowd.table.segment(at).end(at))
            .map(|at| size_of_val(crowd.table.segment(at)))
            .sum::<usize>()
    };
    let mut n = 0;
    while crowd.table.segment(0).depth() < 3 {
        crowd.insert(format!("{n}").as_bytes());
        n += 1;
    }
    let nodes = crowd.table.bytes() - segments(&crowd);
    assert!(nodes <= 16 * 8, "{nodes} bytes of nodes for eight segments");
}
