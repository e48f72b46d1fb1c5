//! Keys in the order of their last use, and how many bytes have been used since each: LRU's stack.
//!
//! Each use takes the next place; sums over places are kept in a binary indexed tree (Fenwick, 1994). When the places run
//! out, keys are given new ones, in the same order.

use hashbrown::HashTable;

use crate::DbIndex;
use crate::time::UnixMillis;

/// How many places there are for each key.
const PLACES_PER_KEY: usize = 2;
/// A place whose key has been used again, or is gone.
const LEFT: u32 = u32::MAX;

/// What tells a key from others.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct SampledKey {
    pub(super) position: u64,
    pub(super) db: DbIndex,
}

impl SampledKey {
    fn hash(self) -> u64 {
        // Positions are spread already.
        self.position ^ u64::from(self.db) << 8
    }
}

/// A key on the stack.
#[derive(Clone, Copy, Debug)]
pub(super) struct Entry {
    pub(super) key: SampledKey,
    place: u32,
    pub(super) bytes: u64,
    pub(super) expire_at: UnixMillis,
}

/// Where a key's entry is, until one is removed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct EntryAt(u32);

/// Up to so many keys, those used last on top.
pub(super) struct Stack {
    keys_max: usize,
    entries: Vec<Entry>,
    /// Entries that are not in use.
    vacant: Vec<u32>,
    by_key: HashTable<u32>,
    /// Entries by place, the least recently used first.
    places: Vec<u32>,
    /// The tree; sum `i`, counted from 1, is of as many places up to `i` as its lowest bit says.
    sums: Box<[u64]>,
    bytes: u64,
}

impl Stack {
    /// Room for `keys_max` keys.
    pub(super) fn new(keys_max: usize) -> Self {
        Self {
            keys_max,
            entries: Vec::new(),
            vacant: Vec::new(),
            by_key: HashTable::new(),
            places: Vec::new(),
            // Zeros that nobody has looked at take no memory.
            sums: vec![0; PLACES_PER_KEY * keys_max + 1].into(),
            bytes: 0,
        }
    }

    /// How many keys there are.
    pub(super) fn len(&self) -> usize {
        self.by_key.len()
    }

    /// Whether the next use may find no place, or the next key no room: [`Stack::retain`] then makes some, if it is left
    /// fewer keys.
    pub(super) fn is_full(&self) -> bool {
        self.len() == self.keys_max || self.places.len() + 1 == self.sums.len()
    }

    pub(super) fn find(&self, key: SampledKey) -> Option<EntryAt> {
        let entries = &self.entries;
        let found = self
            .by_key
            .find(key.hash(), |&at| entries[at as usize].key == key);
        found.map(|&at| EntryAt(at))
    }

    pub(super) fn entry(&self, at: EntryAt) -> &Entry {
        &self.entries[at.0 as usize]
    }

    /// Bytes of the keys that have been used since this one was.
    pub(super) fn bytes_above(&self, at: EntryAt) -> u64 {
        let mut end = self.entry(at).place as usize + 1;
        let mut sum = 0;
        while end > 0 {
            sum += self.sums[end];
            end &= end - 1;
        }
        self.bytes - sum
    }

    /// Notes a use of a key that was not there. The stack is not full.
    pub(super) fn push(&mut self, key: SampledKey, bytes: u64, expire_at: UnixMillis) {
        let place = self.places.len() as u32;
        let entry = Entry {
            key,
            place,
            bytes,
            expire_at,
        };
        let at = match self.vacant.pop() {
            Some(at) => {
                self.entries[at as usize] = entry;
                at
            }
            None => {
                self.entries.push(entry);
                self.entries.len() as u32 - 1
            }
        };
        let entries = &self.entries;
        self.by_key
            .insert_unique(key.hash(), at, |&other| entries[other as usize].key.hash());
        self.places.push(at);
        self.add(place, bytes);
    }

    /// Notes a use of a key. The stack is not full.
    pub(super) fn raise(&mut self, at: EntryAt) {
        let Entry { place, bytes, .. } = *self.entry(at);
        let top = self.places.len() as u32;
        if place + 1 == top {
            return;
        }
        self.places[place as usize] = LEFT;
        self.take(place, bytes);
        self.entries[at.0 as usize].place = top;
        self.places.push(at.0);
        self.add(top, bytes);
    }

    /// Takes over what is known of a key now.
    pub(super) fn update(&mut self, at: EntryAt, bytes: u64, expire_at: UnixMillis) {
        let entry = &mut self.entries[at.0 as usize];
        entry.expire_at = expire_at;
        let (place, before) = (entry.place, std::mem::replace(&mut entry.bytes, bytes));
        if bytes != before {
            self.take(place, before);
            self.add(place, bytes);
        }
    }

    pub(super) fn remove(&mut self, at: EntryAt) {
        let Entry { place, bytes, .. } = *self.entry(at);
        self.places[place as usize] = LEFT;
        self.take(place, bytes);
        self.vacate(at.0);
    }

    /// Keeps those keys of which `keep` says so, and gives them new places. It is asked from the top down, with the bytes
    /// of those kept above.
    pub(super) fn retain(&mut self, mut keep: impl FnMut(&Entry, u64) -> bool) {
        let mut kept = Vec::with_capacity(self.len());
        self.bytes = 0;
        for at in std::mem::take(&mut self.places).into_iter().rev() {
            if at == LEFT {
                continue;
            }
            let entry = &self.entries[at as usize];
            if keep(entry, self.bytes) {
                self.bytes += entry.bytes;
                kept.push(at);
            } else {
                self.vacate(at);
            }
        }
        kept.reverse();
        self.places = kept;
        self.renumber();
    }

    fn renumber(&mut self) {
        self.sums.fill(0);
        for (place, &at) in self.places.iter().enumerate() {
            let entry = &mut self.entries[at as usize];
            entry.place = place as u32;
            self.sums[place + 1] = entry.bytes;
        }
        for at in 1..self.sums.len() {
            let sum = self.sums[at];
            if let Some(next) = self.sums.get_mut(at + (at & at.wrapping_neg())) {
                *next += sum;
            }
        }
    }

    fn vacate(&mut self, at: u32) {
        let hash = self.entries[at as usize].key.hash();
        if let Ok(found) = self.by_key.find_entry(hash, |&other| other == at) {
            found.remove();
        }
        self.vacant.push(at);
    }

    fn add(&mut self, place: u32, bytes: u64) {
        self.bytes += bytes;
        self.change(place, |sum| *sum += bytes);
    }

    fn take(&mut self, place: u32, bytes: u64) {
        self.bytes -= bytes;
        self.change(place, |sum| *sum -= bytes);
    }

    fn change(&mut self, place: u32, change: impl Fn(&mut u64)) {
        let mut at = place as usize + 1;
        while let Some(sum) = self.sums.get_mut(at) {
            change(sum);
            at += at & at.wrapping_neg();
        }
    }
}
