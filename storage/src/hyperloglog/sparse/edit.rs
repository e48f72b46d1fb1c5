//! Raising one register.
//!
//! Two servers shall keep the same bytes, so an edit does what Redis's does: it splits the opcode that holds the register
//! in up to three, and then merges the equal ones it finds near by. No more than a few bytes change, so they are worked
//! out beside the value, which then takes them where it lies.

use std::ops::Range;

use super::{RANK_MAX, Run, VAL, VAL_LEN_MAX, XZERO, ZERO_LEN_MAX};
use crate::hyperloglog::{Corrupt, HEADER_BYTES, Observation};

/// After an edit this many opcodes are looked at for equal ones to merge, from the one before the edited one on.
const MERGE_SCAN: usize = 5;
/// All bytes that these can take, and the one that the last of them is compared with.
const MERGE_BYTES_MAX: usize = 2 * MERGE_SCAN + 1;
/// Bytes of the opcodes that one is split into.
const SPLIT_BYTES_MAX: usize = 5;
/// The opcode before the split one, and what the merging sees behind it.
const PATCH_BYTES_MAX: usize = 2 + SPLIT_BYTES_MAX + MERGE_BYTES_MAX;

/// Where an opcode stands in a whole HyperLogLog.
#[derive(Clone, Copy, Debug)]
pub(in crate::hyperloglog) struct Place {
    at: usize,
    /// The first register it stands for.
    first: usize,
    /// Where the opcode before it stands; if it is the first one, where it stands itself.
    before: usize,
}

impl Place {
    /// The first opcode.
    pub(in crate::hyperloglog) const START: Place = Place {
        at: HEADER_BYTES,
        first: 0,
        before: HEADER_BYTES,
    };
}

/// The opcode that stands for a register.
struct Found {
    place: Place,
    run: Run,
    /// The one before it if the search came past it, otherwise the first of all: that stays where it is in any edit.
    previous: Place,
}

/// Looks for the opcode of `register` from `from` on, which lies not behind it.
#[inline]
fn find(bytes: &[u8], from: Place, register: usize) -> Result<Found, Corrupt> {
    let (mut place, mut previous) = (from, Place::START);
    // Most registers are without an element, and neighbours of those that have one: a long run of zeros and a value
    // are passed in one step.
    while let Some(&[first, second, value]) = bytes.get(place.at..).and_then(<[u8]>::first_chunk) {
        let zeros = usize::from(first & 0x3f) << 8 | usize::from(second);
        let value_first = place.first + zeros + 1;
        let next = value_first + usize::from(value & 0x03) + 1;
        if first & (VAL | XZERO) != XZERO || value & VAL == 0 || register < next {
            break;
        }
        previous = Place {
            at: place.at + 2,
            first: value_first,
            before: place.at,
        };
        place = Place {
            at: place.at + 3,
            first: next,
            before: place.at + 2,
        };
    }
    loop {
        let run = bytes.get(place.at..).and_then(Run::parse).ok_or(Corrupt)?;
        let next = place.first + run.len();
        if register < next {
            return Ok(Found {
                place,
                run,
                previous,
            });
        }
        previous = place;
        place = Place {
            at: place.at + run.bytes(),
            first: next,
            before: place.at,
        };
    }
}

/// What adding an observation comes to.
#[derive(Debug)]
pub(in crate::hyperloglog) enum Addition {
    /// Nothing: the register is as high or higher.
    None,
    /// The register is raised by replacing some bytes.
    Patch(Patch),
    /// It takes dense registers.
    NeedsDense,
}

/// How to raise a register of `bytes`, a whole HyperLogLog, to the observation's rank. The search begins at `place`, which
/// is left where it can begin for a higher register.
#[inline]
pub(in crate::hyperloglog) fn plan(
    bytes: &[u8],
    place: &mut Place,
    seen: Observation,
    bytes_max: u64,
) -> Result<Addition, Corrupt> {
    if seen.rank > RANK_MAX {
        return Ok(Addition::NeedsDense);
    }
    let found = find(bytes, *place, seen.register)?;
    let (here, run) = (found.place, found.run);
    *place = found.previous;
    if run.rank() >= seen.rank {
        return Ok(Addition::None);
    }
    let old = here.at..here.at + run.bytes();
    let (Some(before), Some(behind)) = (bytes.get(here.before..here.at), bytes.get(old.end..))
    else {
        return Err(Corrupt);
    };
    let mut patch = Patch::new(here.before);
    patch.push(before);
    patch.push_split(run, seen.register - here.first, seen.rank);
    let split_bytes = patch.len - before.len();
    let len = bytes.len() - old.len() + split_bytes;
    if split_bytes > old.len() && len as u64 > bytes_max {
        return Ok(Addition::NeedsDense);
    }
    let behind = &behind[..behind.len().min(MERGE_BYTES_MAX)];
    patch.push(behind);
    patch.end = old.end + behind.len();
    patch.merge();
    Ok(Addition::Patch(patch))
}

/// Bytes that take the place of others.
#[derive(Debug)]
pub(in crate::hyperloglog) struct Patch {
    start: usize,
    end: usize,
    bytes: [u8; PATCH_BYTES_MAX],
    len: usize,
}

impl Patch {
    /// A patch that begins at `start`.
    fn new(start: usize) -> Self {
        Self {
            start,
            end: start,
            bytes: [0; PATCH_BYTES_MAX],
            len: 0,
        }
    }

    /// Which bytes of the whole HyperLogLog it replaces.
    pub(in crate::hyperloglog) fn range(&self) -> Range<usize> {
        self.start..self.end
    }

    /// What comes in their place.
    pub(in crate::hyperloglog) fn as_bytes(&self) -> &[u8] {
        &self.bytes[..self.len]
    }

    #[inline]
    fn push(&mut self, bytes: &[u8]) {
        for &byte in bytes {
            self.push_byte(byte);
        }
    }

    #[inline]
    fn push_byte(&mut self, byte: u8) {
        self.bytes[self.len] = byte;
        self.len += 1;
    }

    /// Adds the opcodes of `run` with `rank` at its register number `index`.
    fn push_split(&mut self, run: Run, index: usize, rank: u8) {
        self.push_run(run.rank(), index);
        self.push_run(rank, 1);
        self.push_run(run.rank(), run.len() - index - 1);
    }

    /// Adds the opcode of `len` registers of `rank`; of rank 0 up to all, otherwise up to four.
    fn push_run(&mut self, rank: u8, len: usize) {
        if len == 0 {
            return;
        }
        let less = len - 1;
        if rank > 0 {
            self.push_byte(VAL | (rank - 1) << 2 | less as u8);
        } else if len <= ZERO_LEN_MAX {
            self.push_byte(less as u8);
        } else {
            self.push_byte(XZERO | (less >> 8) as u8);
            self.push_byte(less as u8);
        }
    }

    /// Merges neighbours of equal rank.
    fn merge(&mut self) {
        /// The part of a value's opcode that says how many registers there are, less one.
        const LEN: u8 = 0x03;
        let mut at = 0;
        for _ in 0..MERGE_SCAN {
            let Some(&[first, next]) = self.as_bytes().get(at..).and_then(<[u8]>::first_chunk)
            else {
                return;
            };
            let more = (next & LEN) + 1;
            if first & VAL == 0 {
                at += if first & XZERO == 0 { 1 } else { 2 };
            } else if (first ^ next) & !LEN == 0
                && usize::from((first & LEN) + 1 + more) <= VAL_LEN_MAX
            {
                // Once more from here: the next one may be equal too.
                self.bytes[at] = first + more;
                self.bytes.copy_within(at + 2..self.len, at + 1);
                self.len -= 1;
            } else {
                at += 1;
            }
        }
    }
}
