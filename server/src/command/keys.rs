//! Where a command's keys stand among its arguments.

use smallvec::SmallVec;
use storage::KeyHash;

use super::Args;

/// Where keys stand. Argument 0 is the command's name; negative positions count from the end, as in
/// Redis (`-1` is the last argument).
#[derive(Clone, Copy, Debug)]
pub(crate) enum KeySpec {
    /// Nowhere.
    NoKeys,
    /// One key at this argument.
    One(u16),
    /// Every `step`-th argument from `first` to `last`.
    Range {
        /// The first key.
        first: u16,
        /// The last argument that may be a key.
        last: i16,
        /// Distance from key to key.
        step: u16,
    },
    /// Argument `at` says how many keys follow from `first` on, `step` apart.
    NumKeys {
        /// The argument that holds the count.
        at: u16,
        /// The first key.
        first: u16,
        /// Distance from key to key.
        step: u16,
    },
    /// A key after the word `word`, which is looked for from argument `from` on. Redis knows of the first such word only;
    /// a command may use the key after another, so all of them are named here.
    AfterWord {
        /// The word, in upper case.
        word: &'static str,
        /// Where the search begins.
        from: u16,
    },
    /// The first half of what follows the word `word` (`XREAD … STREAMS k k id id`), which ends the options.
    HalfAfterWord {
        /// The word, in upper case.
        word: &'static str,
        /// Where the search begins, as `COMMAND INFO` says it.
        from: u16,
        /// The options that may stand in front of it, from argument 1 on, and how many arguments each takes.
        options: &'static [(&'static str, u8)],
    },
    /// The keys of all these specs.
    All(&'static [KeySpec]),
    /// A function that names the key positions.
    Custom(fn(Args<'_>, &mut KeyPositions)),
}

/// Argument numbers of keys.
pub(crate) type KeyPositions = SmallVec<[u32; 8]>;

/// A key's argument number and its hash.
#[derive(Clone, Copy, Debug)]
pub(crate) struct KeyAt {
    /// The argument.
    pub(crate) arg: u32,
    /// Where the key lives.
    pub(crate) hash: KeyHash,
}

/// How a command uses a key, in the words of `COMMAND INFO`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct KeyAccess(pub(crate) &'static [&'static str]);

impl KeyAccess {
    /// Read, and its content is returned.
    pub(crate) const READ: KeyAccess = KeyAccess(&["RO", "access"]);
    /// Read, but nothing of its content is returned.
    pub(crate) const READ_META: KeyAccess = KeyAccess(&["RO"]);
    /// Changed depending on its content, which is returned.
    pub(crate) const UPDATE: KeyAccess = KeyAccess(&["RW", "access", "update"]);
    /// Changed depending on its content.
    pub(crate) const CHANGE: KeyAccess = KeyAccess(&["RW", "update"]);
    /// Overwritten whatever it was.
    pub(crate) const OVERWRITE: KeyAccess = KeyAccess(&["OW", "update"]);
    /// Removed.
    pub(crate) const REMOVE: KeyAccess = KeyAccess(&["RM", "delete"]);
    /// Read and taken away.
    pub(crate) const TAKEN: KeyAccess = KeyAccess(&["RW", "access", "delete"]);
    /// Written only if nothing is there.
    pub(crate) const INSERT: KeyAccess = KeyAccess(&["OW", "insert"]);
    /// A channel, which counts as a key for slots only.
    pub(crate) const CHANNEL: KeyAccess = KeyAccess(&["not_key"]);
}

impl KeySpec {
    /// Calls `found` with the argument number of every key of `args`, in the spec's order.
    #[inline]
    pub(crate) fn each(&self, args: Args<'_>, found: &mut impl FnMut(usize)) {
        match *self {
            KeySpec::NoKeys => {}
            KeySpec::One(at) => {
                if usize::from(at) < args.len() {
                    found(usize::from(at));
                }
            }
            KeySpec::Range { first, last, step } => {
                each_in_range(args.len(), first.into(), last, step.into(), found);
            }
            ref rare => rare.each_rare(args, found),
        }
    }

    #[cold]
    fn each_rare(&self, args: Args<'_>, found: &mut dyn FnMut(usize)) {
        match *self {
            KeySpec::NoKeys | KeySpec::One(_) | KeySpec::Range { .. } => {}
            KeySpec::NumKeys { at, first, step } => {
                let Some(count) = args.get(at.into()).and_then(parse_count) else {
                    return;
                };
                let positions = (usize::from(first)..args.len()).step_by(step.into());
                positions.take(count).for_each(found);
            }
            KeySpec::AfterWord { word, from } => {
                let words = (usize::from(from)..args.len()).filter(|&at| args.is(at, word));
                let keys = words.map(|at| at + 1).filter(|&at| at < args.len());
                keys.for_each(found);
            }
            KeySpec::HalfAfterWord { word, options, .. } => {
                let Some(at) = position_behind(args, word, options) else {
                    return;
                };
                let rest = args.len() - at - 1;
                (at + 1..at + 1 + rest / 2).for_each(found);
            }
            KeySpec::All(specs) => {
                for spec in specs {
                    // Through `dyn`, so that the recursion does not nest closure types without end.
                    spec.each_dyn(args, found);
                }
            }
            KeySpec::Custom(name) => {
                let mut positions = KeyPositions::new();
                name(args, &mut positions);
                let within = positions
                    .iter()
                    .map(|&p| p as usize)
                    .filter(|&p| p < args.len());
                within.for_each(found);
            }
        }
    }

    /// Whether all keys that the arguments announce are there: a count of keys counts no more than follow, and no range is
    /// empty. `COMMAND GETKEYS` refuses what is not; the command itself does in its own words.
    pub(crate) fn is_met(&self, args: Args<'_>) -> bool {
        match *self {
            KeySpec::Range { first, last, step } => {
                let mut is_any = false;
                let found = &mut |_| is_any = true;
                each_in_range(args.len(), first.into(), last, step.into(), found);
                is_any
            }
            KeySpec::NumKeys { at, first, step } => {
                let count = args.get(at.into()).and_then(parse_count);
                let room = args.len().saturating_sub(first.into());
                count.is_some_and(|count| count > 0 && count <= room.div_ceil(step.into()))
            }
            KeySpec::All(specs) => specs.iter().all(|spec| spec.is_met(args)),
            _ => true,
        }
    }

    fn each_dyn(&self, args: Args<'_>, found: &mut dyn FnMut(usize)) {
        self.each(args, &mut |at| found(at));
    }

    /// `(first, last, step)` as the old form of `COMMAND INFO` gives them; zeros when there is none.
    pub(crate) fn legacy_range(&self) -> (i64, i64, i64) {
        match *self {
            KeySpec::One(at) => (at.into(), at.into(), 1),
            KeySpec::Range { first, last, step } => (first.into(), last.into(), step.into()),
            KeySpec::All(specs) => legacy_range_of_all(specs),
            _ => (0, 0, 0),
        }
    }
}

/// Redis joins specs that touch into one range and otherwise reports the first.
fn legacy_range_of_all(specs: &[KeySpec]) -> (i64, i64, i64) {
    let mut joined = (0, 0, 0);
    for spec in specs {
        let next = spec.legacy_range();
        if joined == (0, 0, 0) {
            joined = next;
        } else if joined.1 + 1 == next.0 && joined.2 == next.2 {
            joined.1 = next.1;
        }
    }
    joined
}

fn each_in_range(
    count: usize,
    first: usize,
    last: i16,
    step: usize,
    found: &mut impl FnMut(usize),
) {
    let end = if last < 0 {
        count as i64 + i64::from(last)
    } else {
        i64::from(last)
    };
    let mut at = first;
    while (at as i64) <= end && at < count {
        found(at);
        at += step;
    }
}

/// Where `word` stands behind `options`; an argument that is none of these ends the search, so that a name that happens
/// to be `word` is never taken for it.
fn position_behind(args: Args<'_>, word: &str, options: &[(&str, u8)]) -> Option<usize> {
    let mut at = 1;
    while at < args.len() && !args.is(at, word) {
        let option = options.iter().find(|(option, _)| args.is(at, option));
        let (_, values) = option?;
        at += 1 + usize::from(*values);
    }
    (at < args.len()).then_some(at)
}

/// A key count in plain decimal; anything else names no key, and the command answers the error.
fn parse_count(digits: &[u8]) -> Option<usize> {
    std::str::from_utf8(digits).ok()?.parse().ok()
}
