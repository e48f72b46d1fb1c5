//! Bringing members that come in any order into both orders of a big sorted set, step by step.
//!
//! Members are put down in buckets by the highest bits of their hashes, a few hundred in each. Bucket after bucket is sorted
//! by hashes, which makes one the members that are the same and gives the tree of scores in its order; then it is sorted
//! by scores. In the end the buckets, which are runs in the order of the set now, are merged. What comes in the order of
//! the set needs only its hashes sorted, and goes into the tree at once.

use std::cmp::Ordering;
use std::fmt;
use std::sync::Arc;

use crate::collection::fields::ElementHash;
use crate::collection::ranked::{RankedTree, RankedTreeBuilder};
use crate::keyspace::Keyspace;
use crate::pins::EndedPins;

use super::Aggregate;

/// Members that a bucket is to have.
const BUCKET_MEMBERS: u64 = 256;
/// Most buckets.
const BUCKETS_MAX: u64 = 1 << 18;

/// Members on their way into a sorted set.
pub struct Sorter {
    buckets: Vec<Bucket>,
    /// Buckets before this one are sorted by scores.
    next: usize,
    /// The runs that have something left, the one with the first member of all on top: a binary heap.
    runs: Vec<Run>,
    built: RankedTreeBuilder,
    comes: Comes,
    /// Where what has been made is left, if it is given up.
    ended: Arc<EndedPins>,
}

impl fmt::Debug for Sorter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Sorter({:?}, {} runs)", self.comes, self.runs.len())
    }
}

impl Drop for Sorter {
    fn drop(&mut self) {
        let built = std::mem::take(&mut self.built);
        self.ended.add(built.into_remains());
    }
}

/// How members come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Comes {
    /// In the order of the set, each once.
    InOrder,
    /// In any order; the scores of those that come more than once are joined as they come.
    Anyhow(Aggregate),
}

#[derive(Default)]
struct Bucket {
    entries: Vec<Entry>,
    /// The members behind one another.
    bytes: Vec<u8>,
}

#[derive(Clone, Copy)]
struct Entry {
    score: f64,
    start: usize,
    len: u32,
    hash: ElementHash,
}

/// A bucket that is being read.
struct Run {
    score: f64,
    /// The first bytes of the member, which tell most members of one score apart.
    prefix: u128,
    bucket: usize,
    /// Entries read, but for the one this stands at.
    at: usize,
}

impl Bucket {
    fn member(&self, entry: &Entry) -> &[u8] {
        &self.bytes[entry.start..entry.start + entry.len as usize]
    }

    /// Sorts by hashes and makes one of several that are the same.
    fn join(&mut self, aggregate: Aggregate) {
        let mut entries = std::mem::take(&mut self.entries);
        // What came first stays first.
        entries.sort_by_key(|entry| entry.hash);
        let mut kept = 0;
        for at in 0..entries.len() {
            let entry = entries[at];
            let of_hash = entries[..kept].iter().rev();
            let mut of_hash = of_hash.take_while(|one| one.hash == entry.hash);
            let same = of_hash.position(|one| self.member(one) == self.member(&entry));
            if let Some(back) = same {
                let one = &mut entries[kept - 1 - back];
                one.score = aggregate.join(one.score, entry.score);
            } else {
                entries[kept] = entry;
                kept += 1;
            }
        }
        entries.truncate(kept);
        self.entries = entries;
    }

    fn sort_by_scores(&mut self) {
        let mut entries = std::mem::take(&mut self.entries);
        entries.sort_unstable_by(|one, other| {
            let by_score = cmp_scores(one.score, other.score);
            by_score.then_with(|| self.member(one).cmp(self.member(other)))
        });
        self.entries = entries;
    }
}

/// No score is NaN here: that counts as 0 where it could come up.
fn cmp_scores(one: f64, other: f64) -> Ordering {
    one.partial_cmp(&other).unwrap_or(Ordering::Equal)
}

impl Sorter {
    /// For about `expected` members, most likely no more.
    pub fn new(expected: u64, comes: Comes, keyspace: &Keyspace) -> Self {
        Self {
            buckets: buckets(expected),
            next: 0,
            runs: Vec::new(),
            built: RankedTreeBuilder::default(),
            comes,
            ended: Arc::clone(keyspace.ended_pins()),
        }
    }

    /// Says anew how many members are expected, before the first one.
    ///
    /// # Panics
    /// If one has come.
    pub fn expect(&mut self, expected: u64) {
        let is_empty = |bucket: &Bucket| bucket.entries.is_empty();
        assert!(self.next == 0 && self.buckets.iter().all(is_empty));
        self.buckets = buckets(expected);
    }

    /// Takes a member whose hash is `hash`.
    pub fn push(&mut self, hash: ElementHash, member: &[u8], score: f64) {
        let number = (u64::from(hash) * self.buckets.len() as u64) >> ElementHash::BITS;
        let bucket = &mut self.buckets[number as usize];
        let mut entry = Entry {
            score,
            start: bucket.bytes.len(),
            // Members are no longer than a part of a collection may be.
            len: member.len() as u32,
            hash,
        };
        if self.comes == Comes::InOrder {
            self.built.push(score, member);
            entry.len = 0;
        } else {
            bucket.bytes.extend_from_slice(member);
        }
        bucket.entries.push(entry);
    }

    /// Does about `work` members' share of what is to be done once all have come; whether something is left.
    pub fn step(&mut self, work: usize) -> bool {
        if self.next < self.buckets.len() {
            let mut left = work;
            while left > 0 && self.next < self.buckets.len() {
                left = left.saturating_sub(1 + self.buckets[self.next].entries.len());
                self.settle();
            }
            return true;
        }
        for _ in 0..work {
            if !self.merge_one() {
                return false;
            }
        }
        !self.runs.is_empty()
    }

    /// Puts the next bucket in order.
    fn settle(&mut self) {
        let number = self.next;
        self.next += 1;
        let bucket = &mut self.buckets[number];
        match self.comes {
            Comes::InOrder => bucket.entries.sort_unstable_by_key(|entry| entry.hash),
            Comes::Anyhow(aggregate) => bucket.join(aggregate),
        }
        for entry in &bucket.entries {
            self.built.push_hash(entry.hash, entry.score);
        }
        if self.comes == Comes::InOrder {
            *bucket = Bucket::default();
            return;
        }
        bucket.sort_by_scores();
        if let Some(first) = bucket.entries.first() {
            self.runs.push(Run {
                score: first.score,
                prefix: prefix(bucket.member(first)),
                bucket: number,
                at: 0,
            });
            self.rise(self.runs.len() - 1);
        }
    }

    /// Moves the first member of all into the tree; whether there was one.
    fn merge_one(&mut self) -> bool {
        let Some(run) = self.runs.first_mut() else {
            return false;
        };
        let bucket = &mut self.buckets[run.bucket];
        let entry = bucket.entries[run.at];
        self.built.push(entry.score, bucket.member(&entry));
        run.at += 1;
        match bucket.entries.get(run.at) {
            Some(next) => {
                run.score = next.score;
                run.prefix = prefix(bucket.member(next));
            }
            None => {
                *bucket = Bucket::default();
                self.runs.swap_remove(0);
            }
        }
        self.sink();
        true
    }

    /// Whether one run's member comes before the other's.
    fn is_before(&self, one: usize, other: usize) -> bool {
        let (one, other) = (&self.runs[one], &self.runs[other]);
        let member = |run: &Run| {
            let bucket = &self.buckets[run.bucket];
            bucket.member(&bucket.entries[run.at])
        };
        cmp_scores(one.score, other.score)
            .then(one.prefix.cmp(&other.prefix))
            .then_with(|| member(one).cmp(member(other)))
            .is_lt()
    }

    fn rise(&mut self, mut at: usize) {
        while at > 0 {
            let above = (at - 1) / 2;
            if !self.is_before(at, above) {
                return;
            }
            self.runs.swap(at, above);
            at = above;
        }
    }

    fn sink(&mut self) {
        let mut at = 0;
        loop {
            let mut first = 2 * at + 1;
            if first >= self.runs.len() {
                return;
            }
            if first + 1 < self.runs.len() && self.is_before(first + 1, first) {
                first += 1;
            }
            if !self.is_before(first, at) {
                return;
            }
            self.runs.swap(at, first);
            at = first;
        }
    }

    /// The sorted set, once nothing is left to do.
    ///
    /// # Panics
    /// If something is.
    pub fn finish(mut self) -> RankedTree {
        assert!(self.next == self.buckets.len() && self.runs.is_empty());
        std::mem::take(&mut self.built).finish()
    }
}

/// Buckets for so many members.
fn buckets(expected: u64) -> Vec<Bucket> {
    let count = (expected / BUCKET_MEMBERS).clamp(1, BUCKETS_MAX);
    (0..count).map(|_| Bucket::default()).collect()
}

/// The first bytes of a member as a number.
fn prefix(member: &[u8]) -> u128 {
    let mut prefix = [0; size_of::<u128>()];
    let len = member.len().min(prefix.len());
    prefix[..len].copy_from_slice(&member[..len]);
    u128::from_be_bytes(prefix)
}
