//! String commands.

mod compare;
mod expiry;
mod increment;
mod increx;
mod lcs;
mod msetex;
mod range;
mod read;
mod set;
mod set_many;

use storage::NewExpiry;

use super::Arity::{AtLeast, Exactly};
use super::KeySpec::{NumKeys, One, Range};
use super::{Command, CommandError, Context, Flags, KeyAccess};

const READ: Flags = Flags::READ;
const FAST_READ: Flags = Flags::READ.and(Flags::FAST);
const FAST_WRITE: Flags = Flags::WRITE.and(Flags::FAST);
const GROW: Flags = Flags::WRITE.and(Flags::DENY_OOM);
const BRIEF_GROW: Flags = GROW.and(Flags::BRIEF);
const FAST_GROW: Flags = GROW.and(Flags::FAST);
/// For commands that compare or copy their long arguments instead of keeping them.
const NOT_KEPT: Flags = Flags::STORES_NO_ARGUMENT;

const INSERT: KeyAccess = KeyAccess(&["RW", "insert"]);
const INSERT_NEW: KeyAccess = KeyAccess(&["OW", "insert"]);
const TAKE: KeyAccess = KeyAccess(&["RW", "access", "delete"]);
const SET: KeyAccess = KeyAccess(&["RW", "access", "update", "variable_flags"]);
const COMPARE_AND_DELETE: KeyAccess = KeyAccess(&["RW", "delete", "variable_flags"]);

/// Keys and values by turns up to the end.
const PAIRS: super::KeySpec = Range {
    first: 1,
    last: -1,
    step: 2,
};

pub(crate) const COMMANDS: &[Command] = &[
    Command::new(
        "APPEND",
        Exactly(3),
        One(1),
        FAST_GROW.and(NOT_KEPT),
        range::append,
    )
    .with_access(&[INSERT]),
    Command::new("DECR", Exactly(2), One(1), FAST_GROW, increment::decr)
        .with_access(&[KeyAccess::UPDATE]),
    Command::new("DECRBY", Exactly(3), One(1), FAST_GROW, increment::decrby)
        .with_access(&[KeyAccess::UPDATE]),
    Command::new(
        "DELEX",
        AtLeast(2),
        One(1),
        FAST_WRITE.and(NOT_KEPT),
        compare::delex,
    )
    .with_access(&[COMPARE_AND_DELETE]),
    Command::new(
        "DELIFEQ",
        Exactly(3),
        One(1),
        FAST_WRITE.and(NOT_KEPT),
        compare::delifeq,
    )
    .with_access(&[KeyAccess::REMOVE]),
    Command::new("DIGEST", Exactly(2), One(1), FAST_READ, compare::digest),
    Command::new("GET", Exactly(2), One(1), FAST_READ, read::get),
    Command::new("GETDEL", Exactly(2), One(1), FAST_WRITE, read::getdel).with_access(&[TAKE]),
    Command::new("GETEX", AtLeast(2), One(1), FAST_WRITE, read::getex)
        .with_access(&[KeyAccess::UPDATE]),
    Command::new("GETRANGE", Exactly(4), One(1), READ, range::getrange),
    Command::new("GETSET", Exactly(3), One(1), FAST_GROW, set::getset)
        .with_access(&[KeyAccess::UPDATE]),
    Command::new("INCR", Exactly(2), One(1), FAST_GROW, increment::incr)
        .with_access(&[KeyAccess::UPDATE]),
    Command::new("INCRBY", Exactly(3), One(1), FAST_GROW, increment::incrby)
        .with_access(&[KeyAccess::UPDATE]),
    Command::new(
        "INCRBYFLOAT",
        Exactly(3),
        One(1),
        FAST_GROW,
        increment::incrbyfloat,
    )
    .with_access(&[KeyAccess::UPDATE]),
    Command::new("INCREX", AtLeast(2), One(1), FAST_GROW, increx::increx)
        .with_access(&[KeyAccess::UPDATE]),
    Command::new(
        "LCS",
        AtLeast(3),
        Range {
            first: 1,
            last: 2,
            step: 1,
        },
        READ,
        lcs::lcs,
    ),
    Command::new(
        "MGET",
        AtLeast(2),
        Range {
            first: 1,
            last: -1,
            step: 1,
        },
        FAST_READ,
        read::mget,
    ),
    Command::new("MSET", AtLeast(3), PAIRS, GROW, set_many::mset)
        .with_access(&[KeyAccess::OVERWRITE]),
    Command::new(
        "MSETEX",
        AtLeast(4),
        NumKeys {
            at: 1,
            first: 2,
            step: 2,
        },
        GROW.and(Flags::MOVABLE_KEYS),
        msetex::msetex,
    )
    .with_access(&[KeyAccess::OVERWRITE]),
    Command::new("MSETNX", AtLeast(3), PAIRS, GROW, set_many::msetnx).with_access(&[INSERT_NEW]),
    Command::new("PSETEX", Exactly(4), One(1), GROW, set::psetex)
        .with_access(&[KeyAccess::OVERWRITE]),
    // SET may free a large old value in place, so it is not FAST.
    Command::new("SET", AtLeast(3), One(1), BRIEF_GROW, set::set).with_access(&[SET]),
    Command::new("SETEX", Exactly(4), One(1), BRIEF_GROW, set::setex)
        .with_access(&[KeyAccess::OVERWRITE]),
    Command::new("SETNX", Exactly(3), One(1), FAST_GROW, set::setnx).with_access(&[INSERT_NEW]),
    Command::new(
        "SETRANGE",
        Exactly(4),
        One(1),
        GROW.and(NOT_KEPT),
        range::setrange,
    )
    .with_access(&[KeyAccess::CHANGE]),
    Command::new("STRLEN", Exactly(2), One(1), FAST_READ, read::strlen)
        .with_access(&[KeyAccess::READ_META]),
    Command::new("SUBSTR", Exactly(4), One(1), READ, range::getrange),
];

/// An argument that must be a 64-bit integer.
pub(super) fn integer(text: &[u8]) -> Result<i64, CommandError> {
    protocol::parse_i64(text).ok_or(CommandError::NotInteger)
}

/// Has the log carry the plain `SET` that leaves `key` as it is now.
fn log_set(ctx: &mut Context<'_, '_>, key: &[u8], value: &[u8], expiry: NewExpiry) {
    match expiry {
        NewExpiry::None => ctx.effect(&[b"SET", key, value]),
        NewExpiry::Keep => ctx.effect(&[b"SET", key, value, b"KEEPTTL"]),
        NewExpiry::At(at) => {
            let mut digits = itoa::Buffer::new();
            ctx.effect(&[b"SET", key, value, b"PXAT", digits.format(at.0).as_bytes()]);
        }
    }
}
