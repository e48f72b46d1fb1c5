//! Sparse registers: opcodes for runs of equal ones, from the first register to the last.
//!
//! | opcode | bytes | stands for |
//! |---|---|---|
//! | `ZERO` | `00LLLLLL` | L + 1 registers without any element |
//! | `XZERO` | `01LLLLLL LLLLLLLL` | as many, up to all of them |
//! | `VAL` | `1RRRRRLL` | L + 1 registers of rank R + 1 |
//!
//! There is more than one way to say the same, and two servers shall keep the same bytes; see [`edit`].

mod edit;

use super::estimate::{Histogram, RANKS};
use super::{Corrupt, REGISTERS, Ranks, dense};

pub(super) use edit::{Addition, Place, plan};

/// The opcodes of no element at all.
pub(super) const EMPTY: [u8; 2] = [XZERO | 0x3f, 0xff];

const XZERO: u8 = 0x40;
const VAL: u8 = 0x80;

const ZERO_LEN_MAX: usize = 64;
const VAL_LEN_MAX: usize = 4;
/// The highest rank that an opcode can say.
const RANK_MAX: u8 = 32;

/// What an opcode stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Run {
    /// `len` registers without any element.
    Zeros {
        /// How many registers.
        len: usize,
        /// Whether it is the opcode of two bytes.
        is_long: bool,
    },
    /// `len` registers of the same rank.
    Ranks {
        /// How many registers.
        len: usize,
        /// Their rank.
        rank: u8,
    },
}

impl Run {
    /// The run that `bytes` begin with; a second byte that is missing is zero.
    fn parse(bytes: &[u8]) -> Option<Run> {
        let (&first, rest) = bytes.split_first()?;
        let low = usize::from(first & 0x3f);
        Some(if first & VAL != 0 {
            Run::Ranks {
                len: usize::from(first & 0x03) + 1,
                rank: (first >> 2 & 0x1f) + 1,
            }
        } else if first & XZERO != 0 {
            let second = usize::from(rest.first().copied().unwrap_or(0));
            Run::Zeros {
                len: (low << 8 | second) + 1,
                is_long: true,
            }
        } else {
            Run::Zeros {
                len: low + 1,
                is_long: false,
            }
        })
    }

    /// How many registers it stands for; at least one.
    #[expect(clippy::len_without_is_empty, reason = "no run is empty")]
    pub fn len(self) -> usize {
        match self {
            Run::Zeros { len, .. } | Run::Ranks { len, .. } => len,
        }
    }

    /// Their rank, 0 without any element.
    pub fn rank(self) -> u8 {
        match self {
            Run::Zeros { .. } => 0,
            Run::Ranks { rank, .. } => rank,
        }
    }

    /// Length of its opcode.
    fn bytes(self) -> usize {
        match self {
            Run::Zeros { is_long: true, .. } => 2,
            _ => 1,
        }
    }
}

/// All runs of `body`, to its end.
pub(super) fn runs(mut body: &[u8]) -> impl Iterator<Item = Run> + '_ {
    std::iter::from_fn(move || {
        let run = Run::parse(body)?;
        body = body.get(run.bytes()..).unwrap_or_default();
        Some(run)
    })
}

/// Calls `visit` with the first register and the run of every opcode.
fn each_run(body: &[u8], mut visit: impl FnMut(usize, Run)) -> Result<(), Corrupt> {
    let mut first = 0;
    for run in runs(body) {
        if first + run.len() > REGISTERS {
            return Err(Corrupt);
        }
        visit(first, run);
        first += run.len();
    }
    if first == REGISTERS {
        Ok(())
    } else {
        Err(Corrupt)
    }
}

/// How often each rank occurs.
pub(super) fn histogram(body: &[u8]) -> Result<Histogram, Corrupt> {
    let mut histogram = [0; RANKS];
    each_run(body, |_, run| {
        histogram[usize::from(run.rank())] += run.len() as u32;
    })?;
    Ok(histogram)
}

/// Raises every rank of `ranks` to that of its register.
pub(super) fn raise(body: &[u8], ranks: &mut Ranks) -> Result<(), Corrupt> {
    each_run(body, |first, run| {
        if run.rank() > 0 {
            ranks[first..first + run.len()]
                .iter_mut()
                .for_each(|rank| *rank = run.rank().max(*rank));
        }
    })
}

/// Writes the ranks into dense registers that are all zero.
pub(super) fn unpack(body: &[u8], registers: &mut [u8]) -> Result<(), Corrupt> {
    each_run(body, |first, run| {
        if run.rank() > 0 {
            (first..first + run.len())
                .for_each(|register| dense::put(registers, register, run.rank()));
        }
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::hyperloglog::{HEADER_BYTES, Observation, SketchBuf};

    /// Opcodes as `PFDEBUG DECODE` prints them.
    fn decode(sketch: &SketchBuf) -> String {
        let text = |run| match run {
            Run::Zeros { len, is_long } => format!("{}:{len}", if is_long { 'Z' } else { 'z' }),
            Run::Ranks { len, rank } => format!("v:{rank},{len}"),
        };
        let runs: Vec<String> = runs(&sketch.bytes[HEADER_BYTES..]).map(text).collect();
        runs.join(" ")
    }

    fn add_all(sketch: &mut SketchBuf, seen: &[(usize, u8)]) {
        for &(register, rank) in seen {
            sketch.rewind();
            sketch.add(Observation { register, rank }, 3000).unwrap();
        }
    }

    #[test]
    fn opcodes_are_split_and_merged() {
        let check = |seen: &[(usize, u8)], expected: &str| {
            let mut sketch = SketchBuf::new();
            add_all(&mut sketch, seen);
            assert_eq!(decode(&sketch), expected, "{seen:?}");
        };
        check(&[], "Z:16384");
        check(&[(0, 1)], "v:1,1 Z:16383");
        check(&[(16383, 32)], "Z:16383 v:32,1");
        check(&[(64, 2)], "z:64 v:2,1 Z:16319");
        check(&[(65, 2)], "Z:65 v:2,1 Z:16318");
        // A run of one that becomes a value, and then a part of its neighbours.
        check(&[(0, 3), (2, 3), (1, 3)], "v:3,3 Z:16381");
        check(
            &[(0, 3), (1, 3), (2, 3), (3, 3), (4, 3)],
            "v:3,4 v:3,1 Z:16379",
        );
        // A run of ranks is split where one of them rises.
        check(
            &[(0, 3), (1, 3), (2, 3), (3, 3), (1, 5)],
            "v:3,1 v:5,1 v:3,2 Z:16380",
        );
        check(&[(7, 3), (7, 2), (7, 3)], "z:7 v:3,1 Z:16376");
    }

    #[test]
    fn broken_opcodes_are_noticed() {
        let check = |body: &[u8], is_whole: bool| {
            assert_eq!(histogram(body).is_ok(), is_whole, "{body:02x?}");
            assert_eq!(raise(body, &mut [0; REGISTERS]).is_ok(), is_whole);
            let mut registers = vec![0; dense::REGISTER_BYTES];
            assert_eq!(unpack(body, &mut registers).is_ok(), is_whole);
        };
        check(&EMPTY, true);
        check(b"", false);
        check(&[0x7f, 0xfe], false);
        check(&[0x7f, 0xfe, 0x00], true);
        check(&[0x7f, 0xff, 0x00], false);
        check(&[0x7f, 0xff, 0x40], false);
        // A second byte that is missing is zero, as what follows a string in Redis.
        check(&[0x7f, 0xfe, 0x40], true);
        check(&[VAL; REGISTERS], true);
        check(&[VAL; REGISTERS + 1], false);
    }

    #[test]
    fn an_opcode_without_its_second_byte_is_not_edited() {
        let mut sketch = SketchBuf::new();
        sketch.bytes.truncate(HEADER_BYTES);
        sketch.bytes.extend([0x7f, 0xfe, 0x40]);
        let last = Observation {
            register: REGISTERS - 1,
            rank: 1,
        };
        assert_eq!(sketch.add(last, 3000), Err(Corrupt));
    }

    #[test]
    fn what_has_no_sparse_form_is_said() {
        let mut sketch = SketchBuf::new();
        let mut is_sparse_after = |rank, bytes_max| {
            let before = sketch.clone();
            let raised = sketch.add(Observation { register: 9, rank }, bytes_max);
            assert_eq!(raised, Ok(true));
            let is_sparse = sketch.is_sparse();
            if !is_sparse {
                sketch = before;
            }
            is_sparse
        };
        assert!(!is_sparse_after(33, 3000));
        assert!(!is_sparse_after(32, 18));
        assert!(is_sparse_after(31, 20));
        // What takes no more room is never too long.
        assert!(is_sparse_after(32, 0));
    }

    /// Merges neighbours of equal rank in a whole HyperLogLog, from the opcode at `at` on, looking at five.
    fn merge_whole(bytes: &mut Vec<u8>, mut at: usize) {
        for _ in 0..5 {
            let run = bytes.get(at..).and_then(Run::parse);
            let next = bytes.get(at + 1..).and_then(Run::parse);
            match (run, next) {
                (None, _) => return,
                (
                    Some(Run::Ranks { len, rank }),
                    Some(Run::Ranks {
                        len: more,
                        rank: other,
                    }),
                ) if rank == other && len + more <= VAL_LEN_MAX => {
                    bytes[at] = VAL | (rank - 1) << 2 | (len + more - 1) as u8;
                    bytes.remove(at + 1);
                }
                (Some(run), _) => at += run.bytes(),
            }
        }
    }

    proptest! {
        #[test]
        fn a_patch_does_what_an_edit_of_the_whole_does(
            seen in prop::collection::vec((prop_oneof![0..40usize, 0..400usize], 1u8..=3), 0..300),
        ) {
            let mut sketch = SketchBuf::new();
            for (register, rank) in seen {
                let (mut at, mut before, mut first) = (HEADER_BYTES, HEADER_BYTES, 0);
                let mut run = Run::parse(&sketch.bytes[at..]).unwrap();
                while register >= first + run.len() {
                    before = at;
                    at += run.bytes();
                    first += run.len();
                    run = Run::parse(&sketch.bytes[at..]).unwrap();
                }
                let mut expected = sketch.bytes.clone();
                if run.rank() < rank {
                    let parts = [
                        (run.rank(), register - first),
                        (rank, 1),
                        (run.rank(), first + run.len() - register - 1),
                    ];
                    let mut opcodes = Vec::new();
                    for (rank, len) in parts.into_iter().filter(|(_, len)| *len > 0) {
                        let less = len - 1;
                        match rank {
                            0 if len <= ZERO_LEN_MAX => opcodes.push(less as u8),
                            0 => opcodes.extend([XZERO | (less >> 8) as u8, less as u8]),
                            rank => opcodes.push(VAL | (rank - 1) << 2 | less as u8),
                        }
                    }
                    expected.splice(at..at + run.bytes(), opcodes);
                    merge_whole(&mut expected, before);
                }
                sketch.rewind();
                sketch.add(Observation { register, rank }, u64::MAX).unwrap();
                prop_assert_eq!(&sketch.bytes, &expected);
            }
        }

        #[test]
        fn opcodes_say_what_an_array_says(
            seen in prop::collection::vec((prop_oneof![0..40usize, 0..REGISTERS], 1u8..=4), 0..300),
        ) {
            let mut sketch = SketchBuf::new();
            let mut model = [0; REGISTERS];
            for (register, rank) in seen {
                sketch.rewind();
                let changed = sketch.add(Observation { register, rank }, u64::MAX);
                prop_assert_eq!(changed, Ok(rank > model[register]));
                model[register] = rank.max(model[register]);
            }
            prop_assert!(sketch.is_sparse());
            let mut ranks = [0; REGISTERS];
            raise(&sketch.bytes[HEADER_BYTES..], &mut ranks).unwrap();
            prop_assert_eq!(&ranks[..], &model[..]);
        }

        #[test]
        fn going_on_from_the_last_place_gives_the_same_bytes(
            before in prop::collection::vec((0..60usize, 1u8..=3), 0..60),
            ascending in prop::collection::btree_map(0..80usize, 1u8..=4, 0..80),
        ) {
            let mut expected = SketchBuf::new();
            add_all(&mut expected, &before);
            let mut sketch = expected.clone();
            sketch.rewind();
            for (register, rank) in ascending {
                let seen = Observation { register, rank };
                expected.rewind();
                let changed = expected.add(seen, 3000);
                prop_assert_eq!(sketch.add(seen, 3000), changed);
                prop_assert_eq!(&sketch.bytes, &expected.bytes);
            }
        }
    }
}
