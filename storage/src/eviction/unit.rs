//! Eviction by a unit: a bounded number of keys of one shard.

use crate::shard::EvictionStep;
use crate::unit::{Note, NoteKind, Unit};

/// How much one call of [`Unit::evict`] may do.
#[derive(Clone, Copy, Debug)]
pub struct EvictionBudget {
    /// It ends when keys that take so many bytes are gone.
    pub bytes: usize,
    /// And when so many keys are.
    pub keys: u32,
    /// And when so many words of the table have been looked at.
    pub steps: u32,
}

impl Default for EvictionBudget {
    /// About as much as may be done at once: 64 keys, or 16 segments of the table.
    fn default() -> Self {
        Self {
            bytes: usize::MAX,
            keys: 64,
            steps: 16 * 512,
        }
    }
}

/// What came of [`Unit::evict`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Evicted {
    /// Keys that have gone.
    pub keys: u32,
    /// What they took.
    pub bytes: usize,
    /// Whether no key is left that may go.
    pub is_exhausted: bool,
}

impl Unit<'_> {
    /// Evicts keys of `shard` until the budget is used up. They are reported by [`Unit::take_notes`]. Nothing is evicted
    /// while the state says that keys may not be taken away.
    pub fn evict(&mut self, shard: u16, budget: EvictionBudget) -> Evicted {
        let mut evicted = Evicted::default();
        if !self.state().may_expire() {
            return evicted;
        }
        let (now, hasher) = (self.now(), self.keyspace().hasher());
        let locked = self.shard_mut(shard);
        let (mut steps, mut notes) = (budget.steps, Vec::new());
        while evicted.keys < budget.keys && evicted.bytes < budget.bytes {
            let step = locked.evict(&mut steps, now, hasher, |watches, db, key| {
                watches.changed(db, key);
                let (key, kind) = (key.into(), NoteKind::Evicted);
                notes.push(Note { db, key, kind });
            });
            match step {
                EvictionStep::Freed(bytes) => {
                    evicted.keys += 1;
                    evicted.bytes += bytes;
                }
                EvictionStep::NotYet => break,
                EvictionStep::Nobody => {
                    evicted.is_exhausted = true;
                    break;
                }
            }
        }
        locked.set_stale();
        for note in &notes {
            self.mark_ready(shard, note.db, &note.key);
        }
        self.tally.evicted += u64::from(evicted.keys);
        self.note_all(notes);
        evicted
    }
}
