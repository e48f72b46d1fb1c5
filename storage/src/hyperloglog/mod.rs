//! HyperLogLogs: how many different elements there were, in 12 KiB, with a standard error of 0.81 %.
//!
//! An element's hash names one of 16384 registers, and the register keeps the highest rank seen: how many zeros the rest
//! of the hash begins with, plus one. Many elements leave high ranks behind, whatever their order and however often each
//! of them came; `estimate` turns ranks into a count.
//!
//! A HyperLogLog is a string, and byte for byte the one that Redis keeps, because clients copy it with `GET` and `SET`:
//!
//! | offset | size | field |
//! |---|---|---|
//! | 0 | 4 | `HYLL` |
//! | 4 | 1 | encoding: 0 dense, 1 sparse |
//! | 5 | 3 | unused, zeros, kept as they are |
//! | 8 | 8 | the cardinality last computed, little endian; its highest bit says that it no longer holds |
//! | 16 | 12288 | dense: registers of 6 bits each, from the lowest bit of a byte to its highest (`dense.rs`) |
//! | 16 | – | sparse: opcodes, each for a run of equal registers (`sparse.rs`) |
//!
//! It begins sparse and becomes dense when that gets longer than `hll-sparse-max-bytes`, or when a rank comes that has no
//! sparse form.

mod dense;
mod estimate;
mod hash;
mod self_test;
mod sparse;
mod stored;
#[cfg(test)]
mod tests;

use std::borrow::Cow;

use crate::StoreError;
use crate::value::StringRef;

pub use self_test::SelfTest;
pub use sparse::Run;

/// Bits of the hash that choose the register.
const INDEX_BITS: u32 = 14;
/// How many registers there are.
pub const REGISTERS: usize = 1 << INDEX_BITS;
/// Bits of the hash that are left for the rank.
const RANK_BITS: u32 = 64 - INDEX_BITS;
/// Bytes before the registers.
const HEADER_BYTES: usize = 16;
/// Length of a dense HyperLogLog.
pub const DENSE_BYTES: usize = HEADER_BYTES + dense::REGISTER_BYTES;
/// No form is longer: the longest has an opcode of two bytes for each register.
const BYTES_MAX: usize = HEADER_BYTES + 2 * REGISTERS;

const MAGIC: &[u8; 4] = b"HYLL";
const ENCODING_AT: usize = 4;
const DENSE: u8 = 0;
const SPARSE: u8 = 1;
const CARDINALITY_AT: usize = 8;
/// The byte of the cardinality whose highest bit says that it no longer holds.
const STALE_AT: usize = 15;
const STALE_BIT: u8 = 0x80;

/// The rank of every register, spread out to a byte each.
pub type Ranks = [u8; REGISTERS];

/// What an element leaves behind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Observation {
    /// Below [`REGISTERS`].
    register: usize,
    /// From 1 to [`RANK_BITS`] plus one.
    rank: u8,
}

impl Observation {
    fn of(element: &[u8]) -> Observation {
        let hash = hash::hash(element);
        // The bit set on top ends the count if there is no other.
        let rest = hash >> INDEX_BITS | 1 << RANK_BITS;
        Observation {
            register: hash as usize % REGISTERS,
            rank: rest.trailing_zeros() as u8 + 1,
        }
    }
}

/// Opcodes that do not stand for exactly [`REGISTERS`] registers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Corrupt;

impl From<Corrupt> for StoreError {
    fn from(Corrupt: Corrupt) -> Self {
        StoreError::CorruptHyperLogLog
    }
}

/// A stored HyperLogLog: the form of its string has been checked, the opcodes of a sparse one have not.
#[derive(Clone, Debug)]
pub struct Sketch<'v> {
    bytes: Cow<'v, [u8]>,
}

impl<'v> Sketch<'v> {
    /// `value` as a HyperLogLog.
    ///
    /// # Errors
    /// `NotHyperLogLog` if it is another string; `CorruptHyperLogLog` if it is longer than any sparse one.
    pub fn read(value: StringRef<'v>) -> Result<Sketch<'v>, StoreError> {
        let bytes = front(value, BYTES_MAX + 1);
        if !bytes.starts_with(MAGIC) || bytes.len() < HEADER_BYTES {
            return Err(StoreError::NotHyperLogLog);
        }
        match bytes[ENCODING_AT] {
            DENSE if bytes.len() == DENSE_BYTES => {}
            SPARSE if bytes.len() > BYTES_MAX => return Err(StoreError::CorruptHyperLogLog),
            SPARSE => {}
            _ => return Err(StoreError::NotHyperLogLog),
        }
        Ok(Sketch { bytes })
    }

    /// Whether its registers are opcodes.
    pub fn is_sparse(&self) -> bool {
        self.bytes[ENCODING_AT] == SPARSE
    }

    /// What follows the header.
    fn body(&self) -> &[u8] {
        &self.bytes[HEADER_BYTES..]
    }

    /// The registers of a dense one.
    fn registers(&self) -> &[u8; dense::REGISTER_BYTES] {
        let body = self.body().first_chunk();
        body.expect("the length of a dense HyperLogLog has been checked")
    }

    /// The cardinality computed last, if nothing was added since.
    fn cached(&self) -> Option<u64> {
        let cardinality = self.bytes[CARDINALITY_AT..].first_chunk()?;
        (self.bytes[STALE_AT] & STALE_BIT == 0).then(|| u64::from_le_bytes(*cardinality))
    }

    /// The estimated number of different elements.
    ///
    /// # Errors
    /// `CorruptHyperLogLog`.
    pub fn count(&self) -> Result<u64, StoreError> {
        let histogram = if self.is_sparse() {
            sparse::histogram(self.body())?
        } else {
            dense::histogram(self.registers())
        };
        Ok(estimate::cardinality(&histogram))
    }

    /// Raises every rank of `ranks` to the sketch's own.
    ///
    /// # Errors
    /// `CorruptHyperLogLog`; some ranks may have been raised.
    pub fn raise(&self, ranks: &mut Ranks) -> Result<(), StoreError> {
        if self.is_sparse() {
            Ok(sparse::raise(self.body(), ranks)?)
        } else {
            dense::raise(self.registers(), ranks);
            Ok(())
        }
    }

    /// The opcodes of a sparse one as far as they can be read, or `None` if it is dense.
    pub fn runs(&self) -> Option<impl Iterator<Item = Run> + '_> {
        self.is_sparse().then(|| sparse::runs(self.body()))
    }
}

/// The bytes of `value`, but no more than `len_max`; copied only if they do not lie in one piece.
fn front(value: StringRef<'_>, len_max: usize) -> Cow<'_, [u8]> {
    let wanted = value.len().min(len_max as u64);
    let piece = match value {
        StringRef::Raw(bytes) => Some(bytes),
        StringRef::Big(big) => big.slices().next(),
        StringRef::Int(_) => None,
    };
    match piece.and_then(|piece| piece.get(..wanted as usize)) {
        Some(bytes) => Cow::Borrowed(bytes),
        None => {
            let mut copy = Vec::with_capacity(wanted as usize);
            value.copy_range(0, wanted, &mut copy);
            Cow::Owned(copy)
        }
    }
}

/// The estimated number of different elements that have left `ranks`, such as those of several HyperLogLogs together
/// ([`Unit::hll_raise`](crate::Unit::hll_raise)).
pub fn count_ranks(ranks: &Ranks) -> u64 {
    let mut histogram = [0; estimate::RANKS];
    ranks
        .iter()
        .for_each(|rank| histogram[usize::from(*rank)] += 1);
    estimate::cardinality(&histogram)
}

/// A HyperLogLog in a vector of its own, to be edited.
#[derive(Clone, Debug)]
struct SketchBuf {
    bytes: Vec<u8>,
    /// Where the search for the next register begins.
    place: sparse::Place,
}

impl SketchBuf {
    /// An empty one, sparse.
    fn new() -> SketchBuf {
        let mut bytes = vec![0; HEADER_BYTES];
        bytes[..MAGIC.len()].copy_from_slice(MAGIC);
        bytes[ENCODING_AT] = SPARSE;
        bytes.extend_from_slice(&sparse::EMPTY);
        SketchBuf::from_bytes(bytes)
    }

    fn from_bytes(bytes: Vec<u8>) -> SketchBuf {
        let place = sparse::Place::START;
        SketchBuf { bytes, place }
    }

    fn is_sparse(&self) -> bool {
        self.bytes[ENCODING_AT] == SPARSE
    }

    /// Raises a register to the observation's rank, and says whether it was lower. The next call finds its register
    /// sooner if it is a higher one: see [`SketchBuf::rewind`].
    fn add(&mut self, seen: Observation, sparse_bytes_max: u64) -> Result<bool, Corrupt> {
        if self.is_sparse() {
            match sparse::plan(&self.bytes, &mut self.place, seen, sparse_bytes_max)? {
                sparse::Addition::None => return Ok(false),
                sparse::Addition::Patch(patch) => {
                    self.bytes
                        .splice(patch.range(), patch.as_bytes().iter().copied());
                    return Ok(true);
                }
                sparse::Addition::NeedsDense => self.make_dense()?,
            }
        }
        Ok(dense::add(&mut self.bytes[HEADER_BYTES..], seen))
    }

    /// Adds all of them, in any order, and returns how many registers rose, each time one does.
    fn add_all(
        &mut self,
        seen: impl Iterator<Item = Observation>,
        sparse_bytes_max: u64,
    ) -> Result<u64, Corrupt> {
        let mut raised = 0;
        for seen in seen {
            self.rewind();
            raised += u64::from(self.add(seen, sparse_bytes_max)?);
        }
        Ok(raised)
    }

    /// To be called before adding to a lower register than the last one.
    fn rewind(&mut self) {
        self.place = sparse::Place::START;
    }

    /// Unpacks the opcodes; the header stays.
    fn make_dense(&mut self) -> Result<(), Corrupt> {
        if !self.is_sparse() {
            return Ok(());
        }
        let mut dense = vec![0; DENSE_BYTES];
        let (header, body) = self.bytes.split_at(HEADER_BYTES);
        dense[..HEADER_BYTES].copy_from_slice(header);
        dense[ENCODING_AT] = DENSE;
        sparse::unpack(body, &mut dense[HEADER_BYTES..])?;
        self.bytes = dense;
        Ok(())
    }

    /// Marks the cached cardinality as one that no longer holds.
    fn spoil_count(&mut self) {
        self.bytes[STALE_AT] |= STALE_BIT;
    }
}
