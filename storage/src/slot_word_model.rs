//! The slot word and the entry's access word under `loom`: readers count hits under the shared lock while others flip the
//! parity, overwrite, spend hits and evict under the exclusive one. The same source as the real words, with `loom`'s atomics:
//! every interleaving and every value that relaxed operations may see is tried.

/// What `slot_word.rs` finds as `super::sync` here.
mod sync {
    pub(super) use loom::sync::atomic::{AtomicU32, AtomicU64};

    pub(super) const IS_MODEL: bool = true;
}

#[path = "slot_word.rs"]
#[expect(
    clippy::duplicate_mod,
    reason = "compiled a second time, against other atomics"
)]
#[expect(
    dead_code,
    reason = "the model uses what readers, the snapshot and the evictor use"
)]
mod slot_word;

#[path = "access.rs"]
#[expect(
    clippy::duplicate_mod,
    reason = "compiled a second time, against other atomics"
)]
#[expect(dead_code, reason = "the model uses what readers and the evictor use")]
mod access;

use access::{AccessRule, AccessWord};
use loom::cell::UnsafeCell;
use loom::sync::{Arc, RwLock};
use loom::thread;

use crate::entry::EntryPtr;
use crate::hash::Mixed;
use crate::time::UnixMillis;
use slot_word::{Kind, SlotWord, Word};

const POSITION: u64 = 0x00a5_0000_0000_0000;
const DISPLACEMENT: usize = 3;
const ENTRIES: u64 = 2;

/// An entry as the model sees it: reading one that is being freed is a race, which `loom` reports.
struct Entry {
    live: UnsafeCell<bool>,
    access: sync::AtomicU32,
}

/// The length of the entry's key, which nobody changes.
const KEY_LENGTH: u8 = 7;
const NOW: UnixMillis = UnixMillis(5_000);

/// A shard with one slot.
struct Shard {
    slot: SlotWord,
    present: bool,
    parity: bool,
    shown: u32,
    pre_images: Vec<Word>,
}

struct Model {
    shard: RwLock<Shard>,
    /// Entry `n` is at address `8 * (n + 1)`.
    entries: [Entry; ENTRIES as usize],
}

fn word(entry: u64, parity: bool) -> Word {
    Word::new(
        EntryPtr::from_address(8 * (entry + 1)),
        POSITION,
        Kind::Raw,
        true,
        parity,
    )
}

impl Model {
    /// One key, of old parity: a snapshot has just begun.
    fn new() -> Arc<Self> {
        let mut slot = SlotWord::empty();
        slot.put(word(0, false).displaced(DISPLACEMENT));
        let shard = Shard {
            slot,
            present: true,
            parity: true,
            shown: 0,
            pre_images: Vec::new(),
        };
        let entries = [true, false].map(|live| Entry {
            live: UnsafeCell::new(live),
            access: sync::AtomicU32::new(AccessRule::Count.fresh(NOW).with_length_byte(KEY_LENGTH)),
        });
        Arc::new(Self {
            shard: RwLock::new(shard),
            entries,
        })
    }

    fn entry(&self, word: Word) -> &Entry {
        &self.entries[(word.entry().address() / 8 - 1) as usize]
    }

    fn access(&self, word: Word) -> AccessWord<'_> {
        AccessWord(&self.entry(word).access)
    }

    fn assert_live(&self, word: Word) {
        // SAFETY: the model's lock orders this against `set_live`; `loom` checks that.
        self.entry(word)
            .live
            .with(|live| assert!(unsafe { *live }, "a word leads to a live entry"));
    }

    fn set_live(&self, word: Word, live: bool) {
        self.entry(word).live.with_mut(|state| {
            // SAFETY: as in `assert_live`.
            let before = unsafe { state.replace(live) };
            assert!(before != live, "an entry is made and freed once");
        });
    }

    /// `GET`: under the shared lock.
    fn read(&self) {
        let shard = self.shard.read().unwrap();
        if shard.present {
            let seen = shard.slot.load();
            self.assert_live(seen);
            self.access(seen).touch(AccessRule::Count, NOW, || 0);
        }
    }

    /// The snapshot's walk.
    fn flip(&self) {
        let mut shard = self.shard.write().unwrap();
        let word = shard.slot.load();
        if shard.present && word.parity() != shard.parity {
            self.assert_live(word);
            let parity = shard.parity;
            shard.slot.store(word.with_parity(parity));
            shard.shown += 1;
        }
        while let Some(old) = shard.pre_images.pop() {
            self.assert_live(old);
            self.set_live(old, false);
            shard.shown += 1;
        }
    }

    fn retire(&self, shard: &mut Shard, old: Word) {
        if old.parity() == shard.parity {
            self.set_live(old, false);
        } else {
            shard.pre_images.push(old);
        }
    }

    /// `SET`: another entry takes the place, the counters stay.
    fn overwrite(&self) {
        let mut shard = self.shard.write().unwrap();
        if shard.present {
            let (old, new) = (shard.slot.load(), word(1, shard.parity));
            self.set_live(new, true);
            let seen = self.access(old).load();
            self.access(new).store(seen);
            self.retire(&mut shard, old);
            shard.slot.store(old.keeping_queue(new));
        }
    }

    /// The evictor passes: a key that was hit stays.
    fn sweep(&self) {
        let mut shard = self.shard.write().unwrap();
        let word = shard.slot.load();
        if shard.present && !self.access(word).spend_hit() {
            shard.present = false;
            self.retire(&mut shard, word);
        }
    }

    fn evict(&self) {
        let mut shard = self.shard.write().unwrap();
        if shard.present {
            shard.present = false;
            let old = shard.slot.load();
            self.retire(&mut shard, old);
        }
    }

    /// What must hold when all is over: the snapshot showed the key once, and nothing but the hit counter of the word
    /// was touched by readers.
    fn check(&self, hits_max: u8) {
        self.flip();
        let shard = self.shard.read().unwrap();
        assert_eq!(shard.shown, 1, "the snapshot shows the key once");
        let live = self.entries.iter().filter(|entry| {
            // SAFETY: as in `assert_live`.
            entry.live.with(|live| unsafe { *live })
        });
        assert_eq!(live.count(), usize::from(shard.present), "no entry is lost");
        if shard.present {
            let found = shard.slot.load();
            self.assert_live(found);
            assert!(
                found.has_ttl()
                    && found.parity()
                    && found.kind() == Kind::Raw
                    && found.fingerprint() == Mixed::from_position(POSITION).fingerprint()
                    && found.displacement() == DISPLACEMENT
            );
            let access = &self.entry(found).access;
            let length = access.load(std::sync::atomic::Ordering::Relaxed) as u8;
            assert_eq!(length, KEY_LENGTH, "the key's length stays");
            assert!(
                self.access(found).load().hits() <= u32::from(hits_max),
                "hits may be lost, never invented"
            );
        }
    }
}

type Act = fn(&Model);

/// Runs the acts of each thread against each other, and one more reader here.
fn check(threads: &'static [&'static [Act]], hits_max: u8) {
    let mut builder = loom::model::Builder::new();
    builder.preemption_bound = Some(3);
    builder.check(move || {
        let model = Model::new();
        let handles: Vec<_> = threads
            .iter()
            .map(|acts| {
                let model = Arc::clone(&model);
                thread::spawn(move || acts.iter().for_each(|act| act(&model)))
            })
            .collect();
        model.read();
        handles
            .into_iter()
            .for_each(|handle| handle.join().unwrap());
        model.check(hits_max);
    });
}

#[test]
fn hits_do_not_undo_a_flip() {
    check(&[&[Model::read, Model::read], &[Model::flip]], 3);
}

#[test]
fn hits_do_not_bring_an_evicted_entry_back() {
    check(&[&[Model::read], &[Model::evict]], 2);
    check(&[&[Model::flip], &[Model::evict]], 1);
}

#[test]
fn touch_flip_overwrite_and_evict_in_any_order() {
    check(
        &[
            &[Model::flip, Model::read],
            &[Model::overwrite, Model::evict],
        ],
        2,
    );
    check(
        &[
            &[Model::overwrite, Model::read],
            &[Model::evict, Model::flip],
        ],
        2,
    );
}

#[test]
fn hits_are_counted_to_three() {
    check(&[&[Model::read, Model::read, Model::read]], 3);
}

#[test]
fn a_sweep_takes_hits_or_the_key() {
    check(&[&[Model::read, Model::read], &[Model::sweep]], 3);
    check(&[&[Model::flip], &[Model::sweep, Model::overwrite]], 1);
}

/// The model would notice a reader that counts its hit after it has let go of the lock.
#[test]
#[should_panic(expected = "a word leads to a live entry")]
fn hit_without_the_lock_is_noticed() {
    fn read_too_late(model: &Model) {
        let seen = model.shard.read().unwrap().slot.load();
        let shard = model.shard.read().unwrap();
        model.assert_live(seen);
        drop(shard);
    }
    check(&[&[read_too_late], &[Model::flip, Model::evict]], 3);
}
