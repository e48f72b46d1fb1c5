//! What changes strings in place.

use crate::big_string::BigString;
use crate::entry::{EntryView, Payload};
use crate::hash::Key;
use crate::slot_word::Kind;
use crate::unit::{NewExpiry, Unit};
use crate::value::{BIG_STRING_MIN_BYTES, StringRef};
use crate::{DbIndex, StoreError};

impl Unit<'_> {
    /// Adds `delta` to the integer at `key`, 0 if there is none; its expire time stays.
    ///
    /// # Errors
    /// `WrongType`, `NotInteger`, or `Overflow` when the sum leaves the range of an `i64`.
    pub fn incr(&mut self, db: DbIndex, key: &Key<'_>, delta: i64) -> Result<i64, StoreError> {
        let (now, hasher) = (self.now(), self.keyspace().hasher());
        let sum = |entry: EntryView<'_>| {
            let old = entry.string()?.integer().ok_or(StoreError::NotInteger)?;
            old.checked_add(delta).ok_or(StoreError::Overflow)
        };
        let replaced = self.replace_by_integer(db, key, sum)?;
        if replaced.is_none() {
            let value = Payload::Int(delta);
            self.shard_mut(key.hash.shard)
                .set(db, key, value, NewExpiry::None, now, hasher);
            self.created(db, key);
        }
        let value = replaced.unwrap_or(delta);
        self.changed(db, key);
        Ok(value)
    }

    /// Appends `bytes` to the string at `key` and returns its new length. An empty `bytes` creates a missing
    /// key but changes no existing one.
    ///
    /// # Errors
    /// `WrongType`, or `TooLong` when the string would exceed `len_max` bytes.
    pub fn append(
        &mut self,
        db: DbIndex,
        key: &Key<'_>,
        bytes: &[u8],
        len_max: u64,
    ) -> Result<u64, StoreError> {
        let len = self.string_len(db, key)?.unwrap_or(0);
        let total = len
            .checked_add(bytes.len() as u64)
            .filter(|total| *total <= len_max);
        let total = total.ok_or(StoreError::TooLong)?;
        self.write_string(db, key, len, bytes, total);
        self.changed(db, key);
        Ok(total)
    }

    /// Overwrites the string at `key` from `offset` on, with zeros before it if it was shorter, and returns
    /// its new length. An empty `bytes` changes nothing.
    ///
    /// # Errors
    /// `WrongType`, or `TooLong` when the string would exceed `len_max` bytes.
    pub fn set_range(
        &mut self,
        db: DbIndex,
        key: &Key<'_>,
        offset: u64,
        bytes: &[u8],
        len_max: u64,
    ) -> Result<u64, StoreError> {
        let len = self.string_len(db, key)?.unwrap_or(0);
        if bytes.is_empty() {
            return Ok(len);
        }
        let end = offset
            .checked_add(bytes.len() as u64)
            .filter(|end| *end <= len_max);
        let total = end.ok_or(StoreError::TooLong)?.max(len);
        self.write_string(db, key, offset, bytes, total);
        self.changed(db, key);
        Ok(total)
    }

    /// Lets `change` edit the string at `key`, which is created or lengthened with zeros to at least
    /// `len_min` bytes. Counts as a change whatever `change` does.
    ///
    /// # Errors
    /// `WrongType`.
    pub fn with_string_mut<R>(
        &mut self,
        db: DbIndex,
        key: &Key<'_>,
        len_min: u64,
        change: impl FnOnce(&mut StringMut<'_>) -> R,
    ) -> Result<R, StoreError> {
        let len = self.string_len(db, key)?.unwrap_or(0);
        // First, so that it is known as changed whatever becomes of `change`.
        self.changed(db, key);
        self.write_string(db, key, 0, &[], len.max(len_min));
        let shard = self.shard_mut(key.hash.shard);
        let is_big = shard
            .view(db, key)
            .is_some_and(|entry| entry.word().kind() == Kind::BigString);
        let result = if is_big {
            shard.with_big(db, key, |big| change(&mut StringMut::Big(big)))
        } else {
            change(&mut StringMut::Small(
                shard.writable(db, key).raw_bytes_mut(),
            ))
        };
        Ok(result)
    }

    /// Makes `bytes` the value of `key`, a string or nothing before, as if it had been edited into that: its expire time
    /// stays.
    pub(crate) fn replace_string(&mut self, db: DbIndex, key: &Key<'_>, bytes: &[u8]) {
        let (now, hasher) = (self.now(), self.keyspace().hasher());
        let (live, expiry) = match self.live(db, key) {
            true => (true, NewExpiry::Keep),
            // On a replica an expired key may still lie there.
            false => (false, NewExpiry::None),
        };
        let value = edited_payload(bytes);
        self.shard_mut(key.hash.shard)
            .set(db, key, value, expiry, now, hasher);
        if !live {
            self.created(db, key);
        }
        self.changed(db, key);
    }

    fn string_len(&mut self, db: DbIndex, key: &Key<'_>) -> Result<Option<u64>, StoreError> {
        Ok(self.string_to_change(db, key)?.map(|string| string.len()))
    }

    /// Makes the string at `key` `total` bytes long (never shorter than it is) and puts `bytes` at `offset`.
    /// Afterwards it is raw or big, never an integer.
    fn write_string(&mut self, db: DbIndex, key: &Key<'_>, offset: u64, bytes: &[u8], total: u64) {
        let (now, hasher) = (self.now(), self.keyspace().hasher());
        let live = self.live(db, key);
        let shard = self.shard_mut(key.hash.shard);
        let old = if live {
            shard
                .view(db, key)
                .map(|entry| (entry.word().kind(), entry.string()))
                .and_then(|(kind, string)| Some((kind, string.ok()?)))
        } else {
            None
        };
        match old {
            Some((Kind::BigString, _)) => shard.with_big(db, key, |big| {
                big.write_at(offset as usize, bytes);
                big.grow_to(total as usize);
            }),
            Some((Kind::Grown, StringRef::Raw(value))) if value.len() as u64 == total => {
                let at = offset as usize;
                shard.writable(db, key).raw_bytes_mut()[at..at + bytes.len()]
                    .copy_from_slice(bytes);
            }
            old => {
                let mut grown = Vec::with_capacity((total as usize).min(BIG_STRING_MIN_BYTES));
                if let Some((_, value)) = old {
                    value.copy_range(0, u64::MAX, &mut grown);
                }
                let expiry = if live {
                    NewExpiry::Keep
                } else {
                    NewExpiry::None
                };
                if (total as usize) < BIG_STRING_MIN_BYTES {
                    grown.resize(total as usize, 0);
                    grown[offset as usize..offset as usize + bytes.len()].copy_from_slice(bytes);
                    shard.set(db, key, Payload::Grown(&grown), expiry, now, hasher);
                } else {
                    let mut big = BigString::from_bytes(&grown);
                    big.write_at(offset as usize, bytes);
                    big.grow_to(total as usize);
                    shard.set(db, key, Payload::Big(Box::new(big)), expiry, now, hasher);
                }
            }
        }
        if !live {
            self.created(db, key);
        }
    }
}

/// The payload for a string that has come about by editing.
pub(crate) fn edited_payload(bytes: &[u8]) -> Payload<'_> {
    if bytes.len() < BIG_STRING_MIN_BYTES {
        Payload::Grown(bytes)
    } else {
        Payload::Big(Box::new(BigString::from_bytes(bytes)))
    }
}

/// A string being edited in place.
pub enum StringMut<'s> {
    /// Inside its entry.
    Small(&'s mut [u8]),
    /// A chunk array.
    Big(&'s mut BigString),
}

impl StringMut<'_> {
    /// Length in bytes.
    pub fn len(&self) -> usize {
        match self {
            StringMut::Small(bytes) => bytes.len(),
            StringMut::Big(big) => big.len(),
        }
    }

    /// Whether the string has no bytes.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The byte at `index`, which lies inside the string.
    pub fn byte(&self, index: usize) -> u8 {
        match self {
            StringMut::Small(bytes) => bytes[index],
            StringMut::Big(big) => big
                .get_byte(index)
                .expect("the index lies inside the string"),
        }
    }

    /// Replaces the byte at `index`, which lies inside the string.
    pub fn set_byte(&mut self, index: usize, byte: u8) {
        match self {
            StringMut::Small(bytes) => bytes[index] = byte,
            StringMut::Big(big) => big.set_byte(index, byte),
        }
    }
}
