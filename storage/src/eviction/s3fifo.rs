//! S3-FIFO (Yang et al., SOSP 2023), with a table in place of its main queue.
//!
//! New keys go through a small queue, a tenth of the memory. At its end those that were hit stay, the others go, and are
//! remembered for a while: one that comes back does so as one that stays. Those that stay are gone round by a hand, which
//! takes a hit off each and evicts the first that has none. So what is asked for once passes through without driving out
//! what is asked for again.

use super::ghost::Ghost;
use super::hand::Hand;
use super::ring::Ring;
use super::{Policy, Queue, Residents, Search, Victim};
use crate::shard::weight_of;
use crate::table::position_of;
use crate::wheel::Record40;

/// The small queue's part of the bytes.
const SMALL_PART: usize = 10;

/// Where so many keys at the small queue's end belong to a running snapshot, the hand goes on.
const KEPT_MAX: u32 = 64;

/// Beside other databases the hand takes so many steps at a time: about a bucket's.
const STEPS_BESIDE_OTHERS: u32 = 8;

/// See the module.
#[derive(Debug, Default)]
pub(crate) struct S3Fifo {
    small: Ring,
    small_keys: usize,
    small_bytes: usize,
    ghost: Ghost,
    hand: Hand,
}

impl Policy for S3Fifo {
    fn admit(&mut self, position: u64, bytes: usize) -> Queue {
        if self.ghost.take(position) {
            return Queue::Main;
        }
        self.small.push(Record40::from_position(position));
        self.small_keys += 1;
        self.small_bytes += bytes;
        Queue::Small
    }

    fn departed(&mut self, bytes: usize) {
        self.small_keys = self.small_keys.saturating_sub(1);
        self.small_bytes = match self.small_keys {
            0 => 0,
            _ => self.small_bytes.saturating_sub(bytes),
        };
    }

    fn resized(&mut self, old_bytes: usize, new_bytes: usize) {
        self.small_bytes = self.small_bytes.saturating_sub(old_bytes) + new_bytes;
    }

    /// Where many keys come, keys go. Otherwise the hands go round all databases as if they were one.
    fn claim(&mut self, residents: &mut Residents<'_>) -> Option<u64> {
        let many_come = self.small_keys > 0 && self.is_small_queue_full(residents);
        many_come.then_some(0)
    }

    fn victim(&mut self, residents: &mut Residents<'_>) -> Search {
        if residents.keys == 0 {
            return Search::Nobody;
        }
        let mut kept = 0;
        loop {
            let is_small_first = self.is_small_queue_full(residents) && kept < KEPT_MAX;
            let are_all_small = self.small_keys >= residents.keys;
            let victim = if self.small_keys > 0 && (is_small_first || are_all_small) {
                self.small_victim(residents, &mut kept)
            } else {
                self.main_victim(residents)
            };
            if let Some(victim) = victim {
                return Search::Found(victim);
            }
            if *residents.steps == 0 || !residents.are_all && kept < KEPT_MAX {
                return Search::NotYet;
            }
        }
    }

    fn evicted(&mut self, position: u64, keys: usize) {
        self.ghost.put(position, keys);
    }

    fn bytes(&self) -> usize {
        self.small.bytes() + self.ghost.bytes()
    }

    fn records(&mut self) -> Option<(&mut Ring, usize)> {
        Some((&mut self.small, self.small_keys))
    }
}

impl S3Fifo {
    fn is_small_queue_full(&self, residents: &Residents<'_>) -> bool {
        self.small_bytes * SMALL_PART >= residents.bytes
    }

    /// What keys of the small queue take.
    #[cfg(test)]
    pub(crate) fn small_bytes(&self) -> usize {
        self.small_bytes
    }

    /// The key at the end of the small queue, unless it was hit and therefore stays. Counts those that may not go now, and
    /// gives up when there are too many.
    fn small_victim(&mut self, residents: &mut Residents<'_>, kept: &mut u32) -> Option<Victim> {
        while residents.step() {
            let Some(record) = residents.pop(&mut self.small) else {
                debug_assert!(false, "every key of the small queue has its record");
                (self.small_keys, self.small_bytes) = (0, 0);
                return None;
            };
            let Some(word) = residents.queued(record) else {
                continue;
            };
            let position = position_of(word, residents.hasher);
            if !residents.eligible.is(word) {
                self.small.push(record);
                *kept += 1;
                if *kept == KEPT_MAX {
                    return None;
                }
                continue;
            }
            if !word.entry().access().take_hits() {
                return Some(Victim { position, word });
            }
            let slot = residents.table.find_entry_mut(position, word.entry());
            let slot = slot.expect("the word has just been found");
            slot.store(word.with_small(false));
            self.departed(weight_of(word));
            return None;
        }
        None
    }

    /// The next key without hits. Beside other databases the hand goes only so far at a time that those with many keys that
    /// are hit and those with few are gone round alike.
    fn main_victim(&mut self, residents: &mut Residents<'_>) -> Option<Victim> {
        let generation = residents.generation;
        let most = match residents.are_all {
            true => u32::MAX,
            false => STEPS_BESIDE_OTHERS,
        };
        residents.within(most, |residents| {
            self.hand.next(residents, |word| {
                !word.is_queued(generation) && !word.entry().access().spend_hit()
            })
        })
    }
}
