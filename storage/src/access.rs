//! What an entry remembers of accesses: 24 bits of its first word, beside the length of its key.
//!
//! | rule | bits 31:16 | 15:10 | 9:8 |
//! |---|---|---|---|
//! | [`AccessRule::Stamp`], [`AccessRule::Count`] | seconds, | wrapping after 48 days | hits, saturating at 3 |
//! | [`AccessRule::Lfu`] | minutes, wrapping | logarithmic counter | (of 8 bits, 15:8) |
//!
//! All of it is in one word, so a hit writes to one cache line at most, and to none if the word would stay as it is:
//! under `Count` a key that has been hit three times is written once a second, under `Lfu` one whose counter is full once
//! a minute. The eviction policy says which rule holds ([`crate::EvictionSettings`]); what an entry remembers under another
//! rule is translated when it is shown to a new policy, in the background, and until then whenever it is read for a
//! client. A hit in between follows the new rule already, whatever the word was written by: a policy that compares entries
//! (LRU, LFU) thus finds that the key has been used, while the translation, which then reads the new rule's figures by
//! the old one, may make a hit more or less of it. What is counted wrongly is a key that is hit under another rule between
//! two policies of LFU before the first sweep has come to it.

use std::sync::atomic::Ordering;

use super::sync::AtomicU32;
use crate::eviction::Random;
use crate::time::UnixMillis;

/// The bits that are the entry's own: the length of its key.
const KEPT: u32 = 0xff;
const HIT: u32 = 1 << 8;
const HITS: u32 = 3 * HIT;
const SECONDS_SHIFT: u32 = 10;
const SECONDS_MASK: u32 = u32::MAX >> SECONDS_SHIFT;
const COUNTER_SHIFT: u32 = 8;
const MINUTES_SHIFT: u32 = 16;
const MINUTES_MASK: u32 = u32::MAX >> MINUTES_SHIFT;

/// What the logarithmic counter of a new key begins with, so that it is not the first to go.
const COUNTER_NEW: u32 = 5;
const COUNTER_MAX: u32 = 255;

/// What is remembered of an access.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum AccessRule {
    /// When it was.
    #[default]
    Stamp,
    /// When it was, and that it was one of three.
    Count,
    /// How often there were any, as Redis's LFU counts them.
    Lfu(LfuRule),
}

/// How the logarithmic counter moves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct LfuRule {
    /// The larger, the more accesses a step of the counter stands for (`lfu-log-factor`).
    pub(crate) log_factor: u32,
    /// Minutes without an access that take one off the counter; 0: it stays (`lfu-decay-time`).
    pub(crate) decay_minutes: u32,
}

impl AccessRule {
    /// What a new key remembers: that it has just been made.
    #[inline]
    pub(crate) fn fresh(self, now: UnixMillis) -> Access {
        match self {
            AccessRule::Stamp | AccessRule::Count => Access(seconds_of(now) << SECONDS_SHIFT),
            AccessRule::Lfu(_) => Access(with_counter(COUNTER_NEW, now)),
        }
    }
}

/// What an entry remembers, without the length of its key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Access(u32);

impl Access {
    /// The entry's first word, with its key's length.
    #[inline]
    pub(crate) fn with_length_byte(self, byte: u8) -> u32 {
        self.0 | u32::from(byte)
    }

    /// How many hits have been counted, 0 to 3.
    #[inline]
    pub(crate) fn hits(self) -> u32 {
        (self.0 & HITS) / HIT
    }

    /// Seconds since the last access.
    #[inline]
    pub(crate) fn idle_seconds(self, now: UnixMillis) -> u32 {
        seconds_of(now).wrapping_sub(self.0 >> SECONDS_SHIFT) & SECONDS_MASK
    }

    /// The logarithmic counter, less what the time since the last access takes off it.
    #[inline]
    pub(crate) fn counter(self, rule: LfuRule, now: UnixMillis) -> u32 {
        let counter = self.0 >> COUNTER_SHIFT & COUNTER_MAX;
        let minutes = minutes_of(now).wrapping_sub(self.0 >> MINUTES_SHIFT) & MINUTES_MASK;
        let periods = minutes.checked_div(rule.decay_minutes).unwrap_or(0);
        counter.saturating_sub(periods)
    }

    /// The same under another rule: a key that was used lately or often stays so, roughly.
    pub(crate) fn translated(self, from: AccessRule, to: AccessRule, now: UnixMillis) -> Self {
        match (from, to) {
            (AccessRule::Lfu(_), AccessRule::Lfu(_)) => self,
            (AccessRule::Lfu(rule), AccessRule::Stamp | AccessRule::Count) => {
                let hits = self.counter(rule, now).saturating_sub(COUNTER_NEW).min(3);
                Self((seconds_of(now) << SECONDS_SHIFT) | (hits * HIT))
            }
            (_, AccessRule::Lfu(_)) => {
                let counter = COUNTER_NEW + self.hits();
                Self(with_counter(counter, now))
            }
            // What was not counted is not to count.
            (_, AccessRule::Stamp) => Self(self.0 & !HITS),
            (_, AccessRule::Count) => self,
        }
    }
}

/// The first word of an entry in a table, which readers may write to.
pub(crate) struct AccessWord<'a>(pub(crate) &'a AtomicU32);

impl AccessWord<'_> {
    /// What it says.
    #[inline]
    pub(crate) fn load(&self) -> Access {
        // Relaxed: it stands for itself.
        Access(self.0.load(Ordering::Relaxed) & !KEPT)
    }

    /// Remembers an access. `random` yields uniform numbers and is asked under [`AccessRule::Lfu`] only.
    #[inline]
    pub(crate) fn touch(&self, rule: AccessRule, now: UnixMillis, random: impl FnOnce() -> u32) {
        let seen = self.0.load(Ordering::Relaxed);
        let fresh = match rule {
            AccessRule::Stamp => stamped(seen, now),
            AccessRule::Count => {
                let hit = if seen & HITS == HITS { 0 } else { HIT };
                stamped(seen, now) + hit
            }
            AccessRule::Lfu(rule) => counted(seen, rule, now, random()),
        };
        if fresh != seen {
            #[cfg(test)]
            STORES.with(|stores| stores.set(stores.get() + 1));
            // Relaxed, a store of what was loaded: all who write under the shared lock leave the length as it is, and of
            // two at once one hit may be lost. Everybody else holds the lock exclusively.
            self.0.store(fresh, Ordering::Relaxed);
        }
    }

    /// Replaces what it says. Under the shared lock, what others write at the same time may be lost.
    #[inline]
    pub(crate) fn store(&self, access: Access) {
        let length = self.0.load(Ordering::Relaxed) & KEPT;
        self.0.store(length | access.0, Ordering::Relaxed);
    }

    /// Takes one off the hits, if there are any; whether there were. Only under the exclusive lock.
    #[inline]
    pub(crate) fn spend_hit(&self) -> bool {
        let seen = self.0.load(Ordering::Relaxed);
        let has_hits = seen & HITS != 0;
        if has_hits {
            self.0.store(seen - HIT, Ordering::Relaxed);
        }
        has_hits
    }

    /// Forgets the hits; whether there were any. Only under the exclusive lock.
    #[inline]
    pub(crate) fn take_hits(&self) -> bool {
        let seen = self.0.load(Ordering::Relaxed);
        if seen & HITS != 0 {
            self.0.store(seen & !HITS, Ordering::Relaxed);
        }
        seen & HITS != 0
    }
}

#[cfg(test)]
thread_local! {
    /// How often [`AccessWord::touch`] has written, on this thread.
    pub(crate) static STORES: std::cell::Cell<u64> = const { std::cell::Cell::new(0) };
}

#[inline]
fn stamped(word: u32, now: UnixMillis) -> u32 {
    word & (KEPT | HITS) | seconds_of(now) << SECONDS_SHIFT
}

/// After an access: decayed, then one more with a probability that falls as the counter rises, as in Redis.
#[cold]
fn counted(word: u32, rule: LfuRule, now: UnixMillis, random: u32) -> u32 {
    let counter = Access(word & !KEPT).counter(rule, now);
    let above = u64::from(counter.saturating_sub(COUNTER_NEW));
    let odds = above * u64::from(rule.log_factor) + 1;
    let is_more = u64::from(random).saturating_mul(odds) <= u64::from(u32::MAX);
    let counter = (counter + u32::from(is_more)).min(COUNTER_MAX);
    word & KEPT | with_counter(counter, now)
}

fn with_counter(counter: u32, now: UnixMillis) -> u32 {
    minutes_of(now) << MINUTES_SHIFT | counter << COUNTER_SHIFT
}

#[inline]
fn seconds_of(now: UnixMillis) -> u32 {
    (now.0 / 1_000) as u32 & SECONDS_MASK
}

fn minutes_of(now: UnixMillis) -> u32 {
    (now.0 / 60_000) as u32 & MINUTES_MASK
}

/// Uniform numbers of this thread, for counters that rise by chance.
#[inline]
pub(crate) fn random_u32() -> u32 {
    thread_local! {
        static STATE: std::cell::Cell<u64> = const { std::cell::Cell::new(0x9e37_79b9_7f4a_7c15) };
    }
    STATE.with(|state| {
        let mut random = Random::new(state.get());
        let number = random.next() >> 32;
        state.set(random.state());
        number as u32
    })
}
