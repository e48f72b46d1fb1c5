//! List commands.

mod blocking;
mod change;
mod elements;
mod ends;
mod find;
mod mpop;
mod read;
mod relocate;
mod relocate_many;

use storage::collection::PART_BYTES_MAX;
use storage::typed::End;

use super::Arity::{AtLeast, Exactly};
use super::KeySpec::{All, NumKeys, One, Range};
use super::{Args, Command, CommandError, Flags, KeyAccess, KeySpec};

const READ: Flags = Flags::READ;
const FAST_READ: Flags = Flags::READ.and(Flags::FAST);
/// Elements are copied into a list.
const PUSH: Flags = Flags::WRITE
    .and(Flags::DENY_OOM)
    .and(Flags::STORES_NO_ARGUMENT);
const FAST_PUSH: Flags = PUSH.and(Flags::FAST);
const FAST_POP: Flags = Flags::WRITE.and(Flags::FAST);
const WRITE: Flags = Flags::WRITE.and(Flags::STORES_NO_ARGUMENT);

const INSERT: KeyAccess = KeyAccess(&["RW", "insert"]);
const DELETE: KeyAccess = KeyAccess(&["RW", "delete"]);

const FROM_TO: KeySpec = All(&[One(1), One(2)]);
/// The keys of commands whose last argument is a timeout.
const ALL_BUT_LAST: KeySpec = Range {
    first: 1,
    last: -2,
    step: 1,
};

/// They wait for a list.
const WAIT: Flags = Flags::WRITE.and(Flags::BLOCKING);

pub(crate) const COMMANDS: &[Command] = &[
    Command::new(
        "BLMOVE",
        Exactly(6),
        FROM_TO,
        WAIT.and(PUSH),
        blocking::blmove,
    )
    .with_access(&[KeyAccess::TAKEN, INSERT]),
    Command::new(
        "BLMOVEM",
        AtLeast(6),
        FROM_TO,
        PUSH.and(Flags::BLOCKING),
        blocking::blmovem,
    )
    .with_access(&[KeyAccess::TAKEN, INSERT]),
    Command::new(
        "BLMPOP",
        AtLeast(5),
        NumKeys {
            at: 2,
            first: 3,
            step: 1,
        },
        WAIT.and(Flags::MOVABLE_KEYS),
        blocking::blmpop,
    )
    .with_access(&[KeyAccess::TAKEN]),
    Command::new("BLPOP", AtLeast(3), ALL_BUT_LAST, WAIT, blocking::blpop)
        .with_access(&[KeyAccess::TAKEN]),
    Command::new("BRPOP", AtLeast(3), ALL_BUT_LAST, WAIT, blocking::brpop)
        .with_access(&[KeyAccess::TAKEN]),
    Command::new(
        "BRPOPLPUSH",
        Exactly(4),
        FROM_TO,
        WAIT.and(PUSH),
        blocking::brpoplpush,
    )
    .with_access(&[KeyAccess::TAKEN, INSERT]),
    Command::new("LINDEX", Exactly(3), One(1), READ, read::lindex),
    Command::new("LINSERT", Exactly(5), One(1), PUSH, find::linsert).with_access(&[INSERT]),
    Command::new("LLEN", Exactly(2), One(1), FAST_READ, read::llen)
        .with_access(&[KeyAccess::READ_META]),
    Command::new(
        "LMOVE",
        Exactly(5),
        FROM_TO,
        PUSH.and(Flags::BRIEF),
        relocate::lmove,
    )
    .with_access(&[KeyAccess::TAKEN, INSERT]),
    Command::new("LMOVEM", AtLeast(5), FROM_TO, PUSH, relocate_many::lmovem)
        .with_access(&[KeyAccess::TAKEN, INSERT]),
    Command::new(
        "LMPOP",
        AtLeast(4),
        NumKeys {
            at: 1,
            first: 2,
            step: 1,
        },
        Flags::WRITE.and(Flags::MOVABLE_KEYS),
        mpop::lmpop,
    )
    .with_access(&[KeyAccess::TAKEN]),
    Command::new("LPOP", AtLeast(2), One(1), FAST_POP, ends::lpop).with_access(&[KeyAccess::TAKEN]),
    Command::new("LPOS", AtLeast(3), One(1), READ, find::lpos),
    Command::new("LPUSH", AtLeast(3), One(1), FAST_PUSH, ends::lpush).with_access(&[INSERT]),
    Command::new("LPUSHX", AtLeast(3), One(1), FAST_PUSH, ends::lpushx).with_access(&[INSERT]),
    Command::new("LRANGE", Exactly(4), One(1), READ, read::lrange),
    Command::new("LREM", Exactly(4), One(1), WRITE, find::lrem).with_access(&[DELETE]),
    Command::new("LSET", Exactly(4), One(1), PUSH, change::lset).with_access(&[KeyAccess::CHANGE]),
    Command::new("LTRIM", Exactly(4), One(1), WRITE, change::ltrim).with_access(&[DELETE]),
    Command::new("RPOP", AtLeast(2), One(1), FAST_POP, ends::rpop).with_access(&[KeyAccess::TAKEN]),
    Command::new(
        "RPOPLPUSH",
        Exactly(3),
        FROM_TO,
        PUSH.and(Flags::BRIEF),
        relocate::rpoplpush,
    )
    .with_access(&[KeyAccess::TAKEN, INSERT]),
    Command::new("RPUSH", AtLeast(3), One(1), FAST_PUSH, ends::rpush).with_access(&[INSERT]),
    Command::new("RPUSHX", AtLeast(3), One(1), FAST_PUSH, ends::rpushx).with_access(&[INSERT]),
];

/// `LEFT` or `RIGHT` at argument `index`.
pub(crate) fn end_at(args: Args<'_>, index: usize) -> Result<End, CommandError> {
    if args.is(index, "LEFT") {
        Ok(End::Left)
    } else if args.is(index, "RIGHT") {
        Ok(End::Right)
    } else {
        Err(CommandError::Syntax)
    }
}

/// An argument that must be a 64-bit integer.
fn integer(text: &[u8]) -> Result<i64, CommandError> {
    protocol::parse_i64(text).ok_or(CommandError::NotInteger)
}

/// Refuses elements from argument `first` on that are too long to be kept in any list.
fn check_elements(args: Args<'_>, first: usize) -> Result<(), CommandError> {
    let is_too_long = |element: &[u8]| element.len() > PART_BYTES_MAX;
    if args.may_have_long(PART_BYTES_MAX) && args.from(first).any(is_too_long) {
        return Err(CommandError::Line("ERR Element too large"));
    }
    Ok(())
}

/// The indices from `start` to `end`, both included and negative ones counted from the end, that a list of `len` elements
/// has: the first and how many.
fn selected(start: i64, end: i64, len: u64) -> (u64, u64) {
    let len = i64::try_from(len).unwrap_or(i64::MAX);
    let from_end = |index: i64| {
        if index < 0 {
            index.saturating_add(len)
        } else {
            index
        }
    };
    let (start, end) = (from_end(start).max(0), from_end(end).min(len - 1));
    if start > end {
        (0, 0)
    } else {
        (start as u64, (end - start) as u64 + 1)
    }
}

/// The index that `index` means in a list of `len` elements, if there is one.
fn index_of(index: i64, len: u64) -> Option<u64> {
    let index = if index < 0 {
        len.checked_sub(index.unsigned_abs())?
    } else {
        index as u64
    };
    (index < len).then_some(index)
}

#[cfg(test)]
mod tests {
    use super::{index_of, selected};

    #[test]
    fn ranges_are_cut_to_what_there_is() {
        for (start, end, expected) in [
            (0, -1, (0, 10)),
            (2, 4, (2, 3)),
            (-3, -2, (7, 2)),
            (-100, 2, (0, 3)),
            (5, 100, (5, 5)),
            (4, 3, (0, 0)),
            (10, 20, (0, 0)),
            (-100, -11, (0, 0)),
            (i64::MIN, i64::MAX, (0, 10)),
            (i64::MAX, i64::MIN, (0, 0)),
        ] {
            assert_eq!(selected(start, end, 10), expected, "{start} {end}");
        }
    }

    #[test]
    fn indices_count_from_either_end() {
        for (index, expected) in [
            (0, Some(0)),
            (9, Some(9)),
            (10, None),
            (-1, Some(9)),
            (-10, Some(0)),
            (-11, None),
            (i64::MIN, None),
            (i64::MAX, None),
        ] {
            assert_eq!(index_of(index, 10), expected, "{index}");
        }
    }
}
