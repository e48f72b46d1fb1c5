//! A string that has been found, to be read and then changed.
//!
//! `unsafe`: changes entries by their words; see the invariant in [`super`].

use std::ops::Range;

use super::{Found, Shard};
use crate::entry::{EntryMut, EntryView, big_string_bytes, length_bytes};
use crate::hash::Key;
use crate::slot_word::Kind;
use crate::strings::edited_payload;
use crate::time::UnixMillis;
use crate::unit::NewExpiry;
use crate::value::StringRef;
use crate::{DbIndex, StoreError};

/// A string where [`Shard::lookup`] has found it. As long as this holds the shard, it stays there.
pub(crate) struct StringSlot<'s> {
    shard: &'s mut Shard,
    found: Found,
    db: DbIndex,
    key: &'s Key<'s>,
    now: UnixMillis,
}

impl<'s> StringSlot<'s> {
    /// The string that `found` is; counts the access.
    ///
    /// # Errors
    /// `WrongType`.
    ///
    /// # Safety
    /// As [`Shard::resolve_and_touch`]; `found` is where `key` is in `db`.
    #[inline]
    pub(crate) unsafe fn new(
        shard: &'s mut Shard,
        found: Found,
        db: DbIndex,
        key: &'s Key<'s>,
        now: UnixMillis,
    ) -> Result<Self, StoreError> {
        // SAFETY: the caller's.
        unsafe { shard.resolve_and_touch(found, now) }.string()?;
        Ok(Self {
            shard,
            found,
            db,
            key,
            now,
        })
    }

    #[inline]
    fn entry(&self) -> EntryView<'_> {
        // SAFETY: nothing has been written in the shard since the lookup: whatever writes takes `self`.
        unsafe { self.shard.resolve(self.found) }
    }

    /// What is there.
    #[inline]
    pub(crate) fn string(&self) -> Result<StringRef<'_>, StoreError> {
        self.entry().string()
    }

    /// Has `change` change the bytes, in place where they lie in one piece. The expire time stays.
    pub(crate) fn change_bytes<R>(self, change: impl FnOnce(&mut [u8]) -> R) -> R {
        let kind = self.entry().word().kind();
        if !matches!(kind, Kind::Grown | Kind::BigString) {
            return self.change_copy(change);
        }
        let (found, db, key) = (self.found, self.db, self.key);
        // SAFETY: nothing has been written in the shard since the lookup.
        let mut entry = unsafe { self.shard.writable_found(found, db, key) };
        if kind == Kind::Grown {
            return change(entry.raw_bytes_mut());
        }
        let word = entry.word();
        let big = entry.big_mut();
        let before = big_string_bytes(big);
        let Some(bytes) = big.as_mut_slice() else {
            return self.change_copy(change);
        };
        let result = change(bytes);
        let after = big_string_bytes(big);
        self.shard.outside_changed(db, word, before, after);
        result
    }

    #[cold]
    fn change_copy<R>(self, change: impl FnOnce(&mut [u8]) -> R) -> R {
        let mut bytes = Vec::new();
        if let Ok(old) = self.string() {
            old.copy_range(0, u64::MAX, &mut bytes);
        }
        let result = change(&mut bytes);
        self.replace(&bytes);
        result
    }

    /// Puts `with` in the place of the bytes in `range`, and has `finish` change what there is then. The expire time stays.
    ///
    /// # Panics
    /// If `range` does not lie in the string.
    pub(crate) fn splice(self, range: Range<usize>, with: &[u8], finish: impl FnOnce(&mut [u8])) {
        let entry = self.entry();
        let word = entry.word();
        if let (Kind::Grown, Ok(StringRef::Raw(old))) = (word.kind(), entry.string()) {
            let len = old.len() - range.len() + with.len();
            let bytes = entry.entry_len() - old.len() + len;
            if word.parity() == self.shard.parity
                && length_bytes(len) == length_bytes(old.len())
                && self.shard.fits(word, bytes)
            {
                // SAFETY: the word is in the table of this shard, which is borrowed exclusively, and the value fits.
                let mut entry = unsafe { EntryMut::new(word) };
                // SAFETY: as above.
                finish(unsafe { entry.splice_raw(range, with, len) });
                return;
            }
        }
        self.splice_copy(range, with, finish);
    }

    #[cold]
    fn splice_copy(self, range: Range<usize>, with: &[u8], finish: impl FnOnce(&mut [u8])) {
        let mut bytes = Vec::new();
        if let Ok(old) = self.string() {
            bytes.reserve(old.len() as usize + with.len());
            old.copy_range(0, range.start as u64, &mut bytes);
            bytes.extend_from_slice(with);
            old.copy_range(range.end as u64, old.len(), &mut bytes);
        }
        finish(&mut bytes);
        self.replace(&bytes);
    }

    /// Makes `bytes` the string, as if it had been edited into that. The expire time stays.
    pub(crate) fn replace(self, bytes: &[u8]) {
        let (found, db, key, now) = (self.found, self.db, self.key, self.now);
        let value = edited_payload(bytes);
        // SAFETY: nothing has been written in the shard since the lookup.
        unsafe {
            self.shard
                .set_found(found, db, key, value, NewExpiry::Keep, now)
        };
    }
}
