//! Set commands.

mod algebra;
mod change;
mod members;
mod pop;
mod random;
mod read;
mod scan;
mod store;

use super::Arity::{AtLeast, Exactly};
use super::KeySpec::{All, NumKeys, One, Range};
use super::{Command, Elements, Flags, KeyAccess, KeySpec};

const READ: Flags = Flags::READ;
const FAST_READ: Flags = Flags::READ.and(Flags::FAST);
const FAST_WRITE: Flags = Flags::WRITE.and(Flags::FAST).and(Flags::STORES_NO_ARGUMENT);
/// Members are copied into a set.
const FAST_GROW: Flags = FAST_WRITE.and(Flags::DENY_OOM);

const STORE: Flags = Flags::WRITE
    .and(Flags::DENY_OOM)
    .and(Flags::STORES_NO_ARGUMENT);
const COUNT: Flags = Flags::READ.and(Flags::MOVABLE_KEYS);

const ALL_ARGUMENTS: KeySpec = Range {
    first: 1,
    last: -1,
    step: 1,
};
const DESTINATION_AND_SOURCES: KeySpec = All(&[
    One(1),
    Range {
        first: 2,
        last: -1,
        step: 1,
    },
]);
const COUNTED: KeySpec = NumKeys {
    at: 1,
    first: 2,
    step: 1,
};

const INSERT: KeyAccess = KeyAccess(&["RW", "insert"]);
const REMOVE: KeyAccess = KeyAccess(&["RW", "delete"]);

pub(crate) const COMMANDS: &[Command] = &[
    Command::new("SADD", AtLeast(3), One(1), FAST_GROW, change::sadd)
        .with_elements(Elements::From(2, 1))
        .with_access(&[INSERT]),
    Command::new("SCARD", Exactly(2), One(1), FAST_READ, read::scard)
        .with_access(&[KeyAccess::READ_META]),
    Command::new("SDIFF", AtLeast(2), ALL_ARGUMENTS, READ, algebra::sdiff),
    Command::new("SDIFFCARD", AtLeast(3), COUNTED, COUNT, algebra::sdiffcard),
    Command::new(
        "SDIFFSTORE",
        AtLeast(3),
        DESTINATION_AND_SOURCES,
        STORE,
        store::sdiffstore,
    )
    .with_access(&[KeyAccess::OVERWRITE, KeyAccess::READ]),
    Command::new("SINTER", AtLeast(2), ALL_ARGUMENTS, READ, algebra::sinter),
    Command::new(
        "SINTERCARD",
        AtLeast(3),
        COUNTED,
        COUNT,
        algebra::sintercard,
    ),
    Command::new(
        "SINTERSTORE",
        AtLeast(3),
        DESTINATION_AND_SOURCES,
        STORE,
        store::sinterstore,
    )
    .with_access(&[KeyAccess::CHANGE, KeyAccess::READ]),
    Command::new("SISMEMBER", Exactly(3), One(1), FAST_READ, read::sismember)
        .with_elements(Elements::One(2))
        .with_access(&[KeyAccess::READ_META]),
    Command::new("SMEMBERS", Exactly(2), One(1), READ, read::smembers),
    Command::new(
        "SMISMEMBER",
        AtLeast(3),
        One(1),
        FAST_READ,
        read::smismember,
    )
    .with_elements(Elements::From(2, 1)),
    Command::new(
        "SMOVE",
        Exactly(4),
        All(&[One(1), One(2)]),
        FAST_WRITE,
        change::smove,
    )
    .with_access(&[KeyAccess::TAKEN, INSERT]),
    Command::new("SPOP", AtLeast(2), One(1), FAST_WRITE, pop::spop)
        .with_access(&[KeyAccess::TAKEN]),
    Command::new("SRANDMEMBER", AtLeast(2), One(1), READ, random::srandmember),
    Command::new("SREM", AtLeast(3), One(1), FAST_WRITE, change::srem)
        .with_elements(Elements::From(2, 1))
        .with_access(&[REMOVE]),
    Command::new("SSCAN", AtLeast(3), One(1), READ, scan::sscan),
    Command::new("SUNION", AtLeast(2), ALL_ARGUMENTS, READ, algebra::sunion),
    Command::new(
        "SUNIONCARD",
        AtLeast(3),
        COUNTED,
        COUNT,
        algebra::sunioncard,
    ),
    Command::new(
        "SUNIONSTORE",
        AtLeast(3),
        DESTINATION_AND_SOURCES,
        STORE,
        store::sunionstore,
    )
    .with_access(&[KeyAccess::OVERWRITE, KeyAccess::READ]),
];
