//! A snapshot's way through one shard.
//!
//! `unsafe`: reads entries by their words; see the invariant in [`super`].

use super::{Db, Shard};
use crate::DbIndex;
use crate::entry::EntryView;

/// Old versions shown per step: about as many as a segment holds keys.
const PRE_IMAGES_PER_STEP: usize = 512;

/// What a snapshot has yet to show of a shard.
pub(super) struct Walk {
    /// The databases at the cut, by identity and number.
    dbs: Vec<(u64, DbIndex)>,
    /// Where the walk stands: in `dbs`, and at which position.
    db: usize,
    position: u64,
}

impl Walk {
    /// Whether the database with this identity has yet to be walked to its end.
    pub(super) fn owes(&self, id: u64) -> bool {
        self.dbs[self.db..].iter().any(|(owed, _)| *owed == id)
    }
}

impl Shard {
    /// Enters the epoch of `parity`: what is stored now is to be shown.
    pub(crate) fn begin_walk(&mut self, parity: bool) {
        debug_assert!(
            self.walk.is_none() && self.detached.is_empty(),
            "one snapshot at a time"
        );
        self.parity = parity;
        let numbered = self.dbs.iter().enumerate();
        let dbs = numbered
            .filter_map(|(number, db)| Some((db.as_ref()?.id, number as DbIndex)))
            .collect();
        self.walk = Some(Walk {
            dbs,
            db: 0,
            position: 0,
        });
    }

    /// Whether a snapshot still has something to show of this shard.
    pub(crate) fn is_walked(&self) -> bool {
        self.walk.is_some()
    }

    /// Shows `visit` one segment, or as many old versions that have been replaced since the cut; whether
    /// there is more.
    pub(crate) fn walk_step(&mut self, visit: &mut dyn FnMut(DbIndex, EntryView<'_>)) -> bool {
        self.published.stale = true;
        let Some(Walk { dbs, db, position }) = &self.walk else {
            return false;
        };
        let (at, from, Some(&(id, number))) = (*db, *position, dbs.get(*db)) else {
            self.walk = None;
            return false;
        };
        let next = self.show(id, from, &mut |entry| visit(number, entry));
        let walk = self.walk.as_mut().expect("it was there above");
        match next {
            Some(next) => walk.position = next,
            None => {
                (walk.db, walk.position) = (at + 1, 0);
                if walk.db == walk.dbs.len() {
                    self.walk = None;
                }
                self.bury_detached(id);
            }
        }
        self.walk.is_some()
    }

    /// Nobody needs the database any more if it was detached while the walk still owed it.
    fn bury_detached(&mut self, id: u64) {
        if let Some(at) = self.detached.iter().position(|db| db.id == id) {
            let database = self.detached.swap_remove(at);
            self.bury(database);
        }
    }

    /// The database object with this identity, numbered or detached.
    fn db_by_id(&mut self, id: u64) -> Option<&mut Box<Db>> {
        self.dbs
            .iter_mut()
            .flatten()
            .chain(&mut self.detached)
            .find(|db| db.id == id)
    }

    /// Shows `visit` replaced versions or, if there are none, the old-parity entries of the segment at
    /// `position`, and moves them into the current epoch. Returns where the next step begins, or `None` at
    /// the end of the database.
    fn show(
        &mut self,
        id: u64,
        position: u64,
        visit: &mut dyn FnMut(EntryView<'_>),
    ) -> Option<u64> {
        let parity = self.parity;
        for _ in 0..PRE_IMAGES_PER_STEP {
            let db = self.db_by_id(id)?;
            let Some(word) = db.pre_images.last() else {
                break;
            };
            // Taken out only when it has been shown: should `visit` panic, nothing is lost.
            // SAFETY: a queued word owns its entry until it is freed below.
            visit(unsafe { EntryView::new(word) });
            db.pre_images.pop();
            self.free(word);
        }
        let db = self.db_by_id(id)?;
        if !db.pre_images.is_empty() {
            return Some(position);
        }
        let segment = db.table.segment_mut(position);
        for slot in segment.words_mut() {
            let word = slot.load();
            if word.parity() != parity {
                // SAFETY: words in the table own live entries, and the shard is borrowed exclusively.
                visit(unsafe { EntryView::new(word) });
                slot.store(word.with_parity(parity));
            }
        }
        segment.end(position)
    }
}
