//! HyperLogLogs in the keyspace: strings that are read and edited as such.

use super::{
    CARDINALITY_AT, HEADER_BYTES, Observation, Ranks, STALE_AT, STALE_BIT, Sketch, SketchBuf,
    dense, sparse,
};
use crate::hash::Key;
use crate::shard::StringSlot;
use crate::unit::Unit;
use crate::{DbIndex, StoreError};

impl Unit<'_> {
    /// Adds `elements` to the HyperLogLog at `key`, which is created if there is none, and returns how many changes that
    /// made: creating it is one, and so is every register that rises. A sparse one becomes dense before it gets longer
    /// than `sparse_bytes_max`.
    ///
    /// # Errors
    /// `WrongType`, `NotHyperLogLog`, or `CorruptHyperLogLog`; then nothing has changed.
    pub fn hll_add<'a>(
        &mut self,
        db: DbIndex,
        key: &Key<'_>,
        elements: impl Iterator<Item = &'a [u8]> + Clone,
        sparse_bytes_max: u64,
    ) -> Result<u64, StoreError> {
        let seen = elements.map(Observation::of);
        let changes = match self.string_slot(db, key)? {
            Some(slot) => add_to(slot, seen.clone(), sparse_bytes_max)?,
            None => {
                let mut sketch = SketchBuf::new();
                let raised = sketch.add_all(seen.clone(), sparse_bytes_max)?;
                sketch.spoil_count();
                self.replace_string(db, key, &sketch.bytes);
                self.tally.dirty += raised;
                return Ok(1 + raised);
            }
        };
        if changes == 0 {
            return Ok(0);
        }
        self.changed(db, key);
        // Redis counts every one; storage has counted the first.
        self.tally.dirty += changes.saturating_sub(1);
        Ok(changes)
    }

    /// The estimated number of different elements added to the HyperLogLog at `key`, 0 if there is none. If that had to be
    /// computed it is kept in the value, which is a change, unless `may_keep` forbids it.
    ///
    /// # Errors
    /// `WrongType`, `NotHyperLogLog`, or `CorruptHyperLogLog`.
    pub fn hll_count(
        &mut self,
        db: DbIndex,
        key: &Key<'_>,
        may_keep: bool,
    ) -> Result<u64, StoreError> {
        let Some(value) = self.string(db, key)? else {
            return Ok(0);
        };
        let sketch = Sketch::read(value)?;
        if let Some(count) = sketch.cached() {
            return Ok(count);
        }
        let count = sketch.count()?;
        if may_keep {
            self.with_string_mut(db, key, 0, |value| {
                let places = CARDINALITY_AT..HEADER_BYTES;
                places
                    .zip(count.to_le_bytes())
                    .for_each(|(at, byte)| value.set_byte(at, byte));
            })?;
        }
        Ok(count)
    }

    /// Raises every rank of `ranks` to that in the HyperLogLog at `key`, if there is one, and says whether that is dense.
    ///
    /// # Errors
    /// `WrongType`, `NotHyperLogLog`, or `CorruptHyperLogLog`.
    pub fn hll_raise(
        &mut self,
        db: DbIndex,
        key: &Key<'_>,
        ranks: &mut Ranks,
    ) -> Result<bool, StoreError> {
        let Some(value) = self.string(db, key)? else {
            return Ok(false);
        };
        let sketch = Sketch::read(value)?;
        sketch.raise(ranks)?;
        Ok(!sketch.is_sparse())
    }

    /// Raises the registers of the HyperLogLog at `key`, which is created if there is none, to `ranks`, none of which is
    /// below the register's own. Counts as one change whatever rises. `in_dense` makes it dense in any case, otherwise
    /// `sparse_bytes_max` decides.
    ///
    /// # Errors
    /// `WrongType`, `NotHyperLogLog`, or `CorruptHyperLogLog`; then nothing has changed.
    pub fn hll_merge(
        &mut self,
        db: DbIndex,
        key: &Key<'_>,
        ranks: &Ranks,
        in_dense: bool,
        sparse_bytes_max: u64,
    ) -> Result<(), StoreError> {
        let mut sketch = match self.hll_to_change(db, key)? {
            Some(sketch) => SketchBuf::from_bytes(sketch.bytes.into_owned()),
            None => SketchBuf::new(),
        };
        if in_dense {
            sketch.make_dense()?;
        }
        if sketch.is_sparse() {
            for (register, &rank) in ranks.iter().enumerate().filter(|(_, rank)| **rank > 0) {
                sketch.add(Observation { register, rank }, sparse_bytes_max)?;
            }
        } else {
            dense::pack(ranks, &mut sketch.bytes[HEADER_BYTES..]);
        }
        sketch.spoil_count();
        self.replace_string(db, key, &sketch.bytes);
        Ok(())
    }

    /// Makes the HyperLogLog at `key` dense; whether it was sparse.
    ///
    /// # Errors
    /// `WrongType`, `NotHyperLogLog`, or `CorruptHyperLogLog`.
    pub fn hll_make_dense(&mut self, db: DbIndex, key: &Key<'_>) -> Result<bool, StoreError> {
        let sketch = match self.hll_to_change(db, key)? {
            Some(sketch) if sketch.is_sparse() => sketch.bytes.into_owned(),
            _ => return Ok(false),
        };
        let mut sketch = SketchBuf::from_bytes(sketch);
        sketch.make_dense()?;
        self.replace_string(db, key, &sketch.bytes);
        Ok(true)
    }

    /// The HyperLogLog at `key`, looked up in order to change it.
    ///
    /// # Errors
    /// `WrongType`, `NotHyperLogLog`, or `CorruptHyperLogLog` if it is longer than any can be.
    pub fn hll_to_change(
        &mut self,
        db: DbIndex,
        key: &Key<'_>,
    ) -> Result<Option<Sketch<'_>>, StoreError> {
        self.string_to_change(db, key)?
            .map(Sketch::read)
            .transpose()
    }
}

/// Adds to the string that `slot` has found, and returns how many changes that made.
fn add_to(
    slot: StringSlot<'_>,
    mut seen: impl Iterator<Item = Observation> + Clone,
    sparse_bytes_max: u64,
) -> Result<u64, StoreError> {
    let (mut copy, rest) = {
        let sketch = Sketch::read(slot.string()?)?;
        if !sketch.is_sparse() {
            let registers = sketch.registers();
            let Some(first) = seen.find(|seen| dense::rank(registers, seen.register) < seen.rank)
            else {
                return Ok(0);
            };
            drop(sketch);
            return Ok(slot.change_bytes(|bytes| raise_dense(bytes, first, seen)));
        }
        let Some((addition, first, rest)) = first_raised(&sketch, seen, sparse_bytes_max)? else {
            return Ok(0);
        };
        if let (sparse::Addition::Patch(patch), None) = (&addition, rest.clone().next()) {
            drop(sketch);
            slot.splice(patch.range(), patch.as_bytes(), |bytes| {
                bytes[STALE_AT] |= STALE_BIT;
            });
            return Ok(1);
        }
        let copy = SketchBuf::from_bytes(sketch.bytes.into_owned());
        (copy, std::iter::once(first).chain(rest))
    };
    let changes = copy.add_all(rest, sparse_bytes_max)?;
    copy.spoil_count();
    slot.replace(&copy.bytes);
    Ok(changes)
}

/// The first observation that raises a register of a sparse one, what it comes to, and those behind it.
fn first_raised<I: Iterator<Item = Observation>>(
    sketch: &Sketch<'_>,
    mut seen: I,
    sparse_bytes_max: u64,
) -> Result<Option<(sparse::Addition, Observation, I)>, StoreError> {
    while let Some(first) = seen.next() {
        let mut place = sparse::Place::START;
        match sparse::plan(&sketch.bytes, &mut place, first, sparse_bytes_max)? {
            sparse::Addition::None => {}
            addition => return Ok(Some((addition, first, seen))),
        }
    }
    Ok(None)
}

/// Adds to the bytes of a dense one `first`, which raises a register, and then `rest`; returns how many rose.
fn raise_dense(
    bytes: &mut [u8],
    first: Observation,
    rest: impl Iterator<Item = Observation>,
) -> u64 {
    let (header, registers) = bytes.split_at_mut(HEADER_BYTES);
    header[STALE_AT] |= STALE_BIT;
    dense::put(registers, first.register, first.rank);
    1 + rest
        .map(|seen| u64::from(dense::add(registers, seen)))
        .sum::<u64>()
}
