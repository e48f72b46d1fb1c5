//! Small collections changed where they lie, in the room that their blocks have.
//!
//! What is put down anew by [`super::edit`] is copied out and in again. Here an edit says beforehand how much it adds; the
//! entry gets a larger block if it needs one, and a smaller one if it has become too small for its own.
//!
//! `unsafe`: changes entries by their words; see the invariant in [`super`].

use super::{Edited, Found, Shard};
use crate::DbIndex;
use crate::entry::{EntryMut, EntryView, Payload, entry_bytes};
use crate::hash::{Key, KeyHasher};
use crate::listpack::{Lent, Listpack, ListpackBuf, Store};
use crate::slab::Slab;
use crate::slot_word::{Kind, Word};
use crate::time::UnixMillis;
use crate::typed::Packing;

/// A listpack in its entry, to be changed there.
pub(crate) type LentPack<'r> = ListpackBuf<Lent<'r>>;

impl Shard {
    /// Lets `change` edit the listpack at `key`, where [`Shard::lookup`] has found something, and return how many changes
    /// it counts. `plan` says how many bytes it adds at most, or that it is not to be done here. `None`: nothing has
    /// happened, because `plan` said so or because no listpack of this packing is there. A collection that ends up without
    /// elements goes with its key.
    ///
    /// # Safety
    /// As [`Shard::resolve_and_touch`].
    #[expect(
        clippy::too_many_arguments,
        reason = "where the key is, and what becomes of it"
    )]
    pub(crate) unsafe fn edit_packed<R>(
        &mut self,
        found: Found,
        db: DbIndex,
        key: &Key<'_>,
        packing: Packing,
        now: UnixMillis,
        hasher: &KeyHasher,
        plan: impl FnOnce(Listpack<'_>) -> Option<usize>,
        change: impl FnOnce(&mut LentPack<'_>) -> (R, u64),
    ) -> Option<Edited<R>> {
        // SAFETY: the caller's.
        let word = unsafe { found.0.as_ref() }.load();
        if word.kind() != Kind::Packed {
            return None;
        }
        // SAFETY: the word is in the table of this shard, which is borrowed exclusively.
        let packed = unsafe { EntryView::new(word) }.packed();
        if packed.packing != packing {
            return None;
        }
        let more = plan(packed.listpack()?)?;
        let room = packed.bytes.len() + more;
        // SAFETY: as above; nothing has been written yet.
        unsafe { self.resolve_and_touch(found, now) };
        let word = self.with_room(word, db, key, room);
        // SAFETY: the word is in the table, and the block is what it is.
        let (result, changes, is_empty) = unsafe {
            let block_bytes = Slab::usable_bytes(word.entry().block());
            EntryMut::new(word).edit_packed(block_bytes, |lent| {
                let mut pack = ListpackBuf::of_store(lent);
                let (result, changes) = change(&mut pack);
                let is_empty = pack.as_listpack().is_empty();
                ((result, changes, is_empty), pack.into_store().bytes().len())
            })
        };
        if is_empty {
            self.remove(db, key, hasher);
        } else {
            self.tighten(word, db, key);
        }
        Some(Edited {
            result,
            changes,
            is_aside: false,
            is_gone: is_empty,
            is_new: false,
        })
    }

    /// Sees to it that the entry of `word` is not a snapshot's, and that its small collection has room for `room` bytes in
    /// all; the word that is in the table now.
    fn with_room(&mut self, word: Word, db: DbIndex, key: &Key<'_>, room: usize) -> Word {
        // SAFETY: the word is in the table of this shard, which is borrowed exclusively.
        let (has_room, packed, expire_at) = unsafe {
            let block_bytes = Slab::usable_bytes(word.entry().block());
            let view = EntryView::new(word);
            let has_room = EntryMut::new(word).packed_room(block_bytes) >= room;
            (has_room, view.packed(), view.expire_at())
        };
        if has_room && word.parity() == self.parity {
            return word;
        }
        let payload = Payload::PackedIn(packed, room);
        self.move_packed(word, db, key, payload, expire_at)
    }

    /// Gives the entry of `word` a smaller block, if that is enough.
    fn tighten(&mut self, word: Word, db: DbIndex, key: &Key<'_>) {
        // SAFETY: the word is in the table of this shard, which is borrowed exclusively.
        let (packed, expire_at) = unsafe {
            let view = EntryView::new(word);
            (view.packed(), view.expire_at())
        };
        let payload = Payload::Packed(packed);
        let bytes = entry_bytes(key.bytes.len(), expire_at.is_some(), &payload);
        // SAFETY: as above.
        let block_bytes = unsafe { Slab::usable_bytes(word.entry().block()) };
        if self.slab.class_bytes_for(bytes) < block_bytes {
            self.move_packed(word, db, key, payload, expire_at);
        }
    }

    /// Lays a small collection down in another block; the word that is in the table now.
    fn move_packed(
        &mut self,
        old: Word,
        db: DbIndex,
        key: &Key<'_>,
        payload: Payload<'_>,
        expire_at: Option<UnixMillis>,
    ) -> Word {
        let position = key.hash.position;
        let new = self.new_entry(
            key.bytes,
            position,
            payload,
            expire_at,
            old.entry().access().load(),
        );
        self.resized(db, old, new);
        self.install(db, key, old, new);
        self.retire(db, old);
        new
    }
}
