//! Which key goes when memory is short.
//!
//! A policy is a type that implements [`Policy`], in a file of its own; [`AnyPolicy`] lists them. Each database of a shard
//! has one. It hears of keys that come and go, never of hits: what it wants to know of those is in the entries
//! ([`crate::access`], by the rule it asks for). It is called under the shard's exclusive lock and names one key at a time,
//! in a bounded number of steps; the shard removes it ([`crate::shard::Shard::evict`]).

mod draws;
mod fifo;
mod ghost;
mod hand;
mod lfu;
mod lru;
mod random;
mod ring;
mod s3fifo;
mod sampled;
#[cfg(test)]
mod tests;
mod ttl;
mod unit;

use std::fmt;

use crate::access::{AccessRule, LfuRule};
use crate::hash::KeyHasher;
use crate::prefetch::LINE;
use crate::slot_word::Word;
use crate::table::Table;
use crate::time::UnixMillis;
use crate::wheel::{Record40, Wheel};

use fifo::Fifo;
use lfu::Lfu;
use lru::Lru;
use random::AnyKey;
use ring::Ring;
use s3fifo::S3Fifo;
use sampled::Sampled;
use ttl::SoonestExpiry;

pub use unit::{Evicted, EvictionBudget};

/// How victims are chosen among the keys that may be evicted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EvictionAlgorithm {
    /// S3-FIFO: keys that have not been asked for since they came go first.
    S3Fifo,
    /// Of some keys the one that has not been asked for the longest.
    Lru,
    /// Of some keys the one that is asked for the least.
    Lfu,
    /// The key that came first.
    Fifo,
    /// Any key.
    Random,
    /// The key that expires the soonest.
    Ttl,
}

/// Which keys are evicted, and how they are chosen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EvictionSettings {
    /// How.
    pub algorithm: EvictionAlgorithm,
    /// Only keys that have an expire time (`volatile-…`).
    pub volatile_only: bool,
    /// Keys that are compared, where keys are (`maxmemory-samples`, at least 1).
    pub samples: u32,
    /// How slowly the counters of LFU rise (`lfu-log-factor`).
    pub lfu_log_factor: u32,
    /// Minutes after which they fall by one, 0 for never (`lfu-decay-time`).
    pub lfu_decay_minutes: u32,
}

impl EvictionSettings {
    /// What entries remember of accesses.
    pub(crate) fn access_rule(&self) -> AccessRule {
        match self.algorithm {
            EvictionAlgorithm::S3Fifo => AccessRule::Count,
            EvictionAlgorithm::Lfu => AccessRule::Lfu(LfuRule {
                log_factor: self.lfu_log_factor,
                decay_minutes: self.lfu_decay_minutes,
            }),
            EvictionAlgorithm::Lru
            | EvictionAlgorithm::Fifo
            | EvictionAlgorithm::Random
            | EvictionAlgorithm::Ttl => AccessRule::Stamp,
        }
    }
}

/// The part of a policy's order that a key belongs to; kept in its slot word.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Queue {
    /// The policy has a record of the key.
    Small,
    /// It has none.
    Main,
}

/// A policy for one database of one shard.
pub(crate) trait Policy: fmt::Debug {
    /// A key that may be evicted has come, whose entry takes `bytes`; where it belongs.
    fn admit(&mut self, position: u64, bytes: usize) -> Queue {
        let _ = (position, bytes);
        Queue::Main
    }

    /// The same of a key that was there before this became the policy.
    fn adopt(&mut self, position: u64, bytes: usize) -> Queue {
        let _ = (position, bytes);
        Queue::Main
    }

    /// A key of the small queue, whose entry took `bytes`, has gone or may no longer be evicted.
    fn departed(&mut self, bytes: usize) {
        let _ = bytes;
    }

    /// The entry of a key of the small queue is replaced by one of another size, or what it owns has another size now.
    fn resized(&mut self, old_bytes: usize, new_bytes: usize) {
        let _ = (old_bytes, new_bytes);
    }

    /// Where other databases of the shard have keys to evict as well: how good a victim this one has. The highest gives it
    /// up; of several, or if no policy can say, one that is drawn as often as it has keys.
    fn claim(&mut self, residents: &mut Residents<'_>) -> Option<u64> {
        let _ = residents;
        None
    }

    /// The next key to evict. It is still there, and it is removed next, if it can be.
    fn victim(&mut self, residents: &mut Residents<'_>) -> Search;

    /// A key of the small queue, named by [`Policy::victim`], has been evicted; `keys` are left.
    fn evicted(&mut self, position: u64, keys: usize) {
        let _ = (position, keys);
    }

    /// Bytes allocated.
    fn bytes(&self) -> usize {
        0
    }

    /// The records of keys that it keeps, for throwing out those of keys that have gone, and how many keys there are to
    /// have one.
    fn records(&mut self) -> Option<(&mut Ring, usize)> {
        None
    }
}

/// What came of looking for a victim.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Search {
    /// This one.
    Found(Victim),
    /// The steps were used up, or it is another database's turn.
    NotYet,
    /// No key may be evicted.
    Nobody,
}

/// A key to evict.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Victim {
    pub(crate) position: u64,
    pub(crate) word: Word,
}

/// The keys of a database, as a policy sees them when it looks for a victim.
pub(crate) struct Residents<'a> {
    pub(crate) table: &'a mut Table,
    pub(crate) wheel: Option<&'a mut Wheel>,
    pub(crate) hasher: &'a KeyHasher,
    pub(crate) now: UnixMillis,
    /// What entries remember.
    pub(crate) rule: AccessRule,
    pub(crate) eligible: Eligible,
    /// Which words bear the policy's marks: others have yet to be shown to it.
    pub(crate) generation: u8,
    /// How many keys may be evicted.
    pub(crate) keys: usize,
    /// What they take, about.
    pub(crate) bytes: usize,
    /// Whether no other database of the shard has any.
    pub(crate) are_all: bool,
    pub(crate) random: &'a mut Random,
    /// How many words may still be looked at.
    pub(crate) steps: &'a mut u32,
}

impl Residents<'_> {
    /// Whether so few keys may be evicted that they are sooner found by going through the table than drawn.
    fn are_rare(&self) -> bool {
        /// Of this many keys fewer than one may be.
        const OF: usize = 16;
        self.keys < self.table.len() / OF
    }

    /// Lets `look` take so many steps at most.
    fn within<T>(&mut self, most: u32, look: impl FnOnce(&mut Self) -> T) -> T {
        let all = *self.steps;
        let given = all.min(most);
        *self.steps = given;
        let seen = look(self);
        *self.steps += all - given;
        seen
    }

    /// Counts a look at a word; whether there was one left.
    #[inline]
    fn step(&mut self) -> bool {
        let is_left = *self.steps > 0;
        *self.steps -= u32::from(is_left);
        is_left
    }

    /// The next record of a queue. Starts loading what those behind it lead to.
    #[inline]
    fn pop(&self, queue: &mut Ring) -> Option<Record40> {
        /// So many records ahead their keys' words are asked for, and half as many ahead their entries.
        const AHEAD: usize = 8;
        let record = queue.pop();
        if let Some(later) = queue.peek(AHEAD) {
            self.table.prefetch_home(later.position());
        }
        if let Some(soon) = queue.peek(AHEAD / 2) {
            self.table.prefetch_entry(soon.position(), LINE);
        }
        record
    }

    /// A key in the policy's small queue whose record this is.
    fn queued(&self, record: Record40) -> Option<Word> {
        let words = self.table.matches(record, self.hasher);
        words
            .into_iter()
            .find(|word| word.is_queued(self.generation))
    }
}

/// Which keys may be evicted.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Eligible {
    /// Only those with an expire time.
    pub(crate) volatile_only: bool,
    /// The shard's parity. What a running snapshot has yet to show would not give its memory back.
    pub(crate) parity: bool,
}

impl Eligible {
    /// Whether this one may.
    #[inline]
    pub(crate) fn is(self, word: Word) -> bool {
        belongs(word, self.volatile_only) && word.parity() == self.parity
    }
}

/// Whether a key is the policy's business, if that evicts only keys with an expire time or all.
#[inline]
pub(crate) fn belongs(word: Word, volatile_only: bool) -> bool {
    word.has_ttl() || !volatile_only
}

/// Uniform numbers, the same ones for the same seed (xorshift64*).
#[derive(Clone, Debug)]
pub(crate) struct Random(u64);

impl Random {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed | 1)
    }

    /// What [`Random::new`] goes on with.
    pub(crate) fn state(&self) -> u64 {
        self.0
    }

    #[inline]
    pub(crate) fn next(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d)
    }
}

/// One of the policies.
#[derive(Debug, Default)]
pub(crate) enum AnyPolicy {
    /// Nothing is evicted.
    #[default]
    None,
    S3Fifo(S3Fifo),
    Fifo(Fifo),
    Lru(Sampled<Lru>),
    Lfu(Sampled<Lfu>),
    Random(AnyKey),
    Ttl(SoonestExpiry),
}

impl AnyPolicy {
    pub(crate) fn new(settings: Option<&EvictionSettings>) -> Self {
        let Some(settings) = settings else {
            return AnyPolicy::None;
        };
        match settings.algorithm {
            EvictionAlgorithm::S3Fifo => AnyPolicy::S3Fifo(S3Fifo::default()),
            EvictionAlgorithm::Fifo => AnyPolicy::Fifo(Fifo::default()),
            EvictionAlgorithm::Lru => AnyPolicy::Lru(Sampled::new(settings.samples)),
            EvictionAlgorithm::Lfu => AnyPolicy::Lfu(Sampled::new(settings.samples)),
            EvictionAlgorithm::Random => AnyPolicy::Random(AnyKey::default()),
            EvictionAlgorithm::Ttl => AnyPolicy::Ttl(SoonestExpiry),
        }
    }

    /// Has another number of keys compared, where keys are.
    pub(crate) fn set_samples(&mut self, settings: Option<&EvictionSettings>) {
        let samples = settings.map_or(1, |settings| settings.samples);
        match self {
            AnyPolicy::Lru(policy) => policy.set_samples(samples),
            AnyPolicy::Lfu(policy) => policy.set_samples(samples),
            _ => {}
        }
    }

    /// The policy itself; `None` if nothing is evicted.
    #[inline]
    pub(crate) fn get(&mut self) -> Option<&mut dyn Policy> {
        Some(match self {
            AnyPolicy::None => return None,
            AnyPolicy::S3Fifo(policy) => policy,
            AnyPolicy::Fifo(policy) => policy,
            AnyPolicy::Lru(policy) => policy,
            AnyPolicy::Lfu(policy) => policy,
            AnyPolicy::Random(policy) => policy,
            AnyPolicy::Ttl(policy) => policy,
        })
    }

    /// Bytes allocated.
    pub(crate) fn bytes(&self) -> usize {
        match self {
            AnyPolicy::None | AnyPolicy::Random(_) | AnyPolicy::Ttl(_) => 0,
            AnyPolicy::S3Fifo(policy) => policy.bytes(),
            AnyPolicy::Fifo(policy) => policy.bytes(),
            AnyPolicy::Lru(policy) => policy.bytes(),
            AnyPolicy::Lfu(policy) => policy.bytes(),
        }
    }
}
