//! HyperLogLog commands: estimated numbers of different elements.

mod add;
mod count;
mod debug;
mod merge;
mod self_test;

use super::Arity::{AtLeast, Exactly};
use super::KeySpec::{All, NoKeys, One, Range};
use super::{Command, Flags, KeyAccess};

/// Elements are hashed and not kept.
const NOT_KEPT: Flags = Flags::STORES_NO_ARGUMENT;
const GROW: Flags = Flags::WRITE.and(Flags::DENY_OOM).and(NOT_KEPT);

const INSERT: KeyAccess = KeyAccess(&["RW", "insert"]);
const COUNT: KeyAccess = KeyAccess(&["RW", "access"]);
const MERGE: KeyAccess = KeyAccess(&["RW", "access", "insert"]);

pub(crate) const COMMANDS: &[Command] = &[
    Command::new(
        "PFADD",
        AtLeast(2),
        One(1),
        GROW.and(Flags::FAST),
        add::pfadd,
    )
    .with_access(&[INSERT]),
    // It may keep in the value what it has counted, so it is not only a reader.
    Command::new(
        "PFCOUNT",
        AtLeast(2),
        Range {
            first: 1,
            last: -1,
            step: 1,
        },
        Flags::READ.and(Flags::MAY_REPLICATE),
        count::pfcount,
    )
    .with_access(&[COUNT]),
    Command::new(
        "PFDEBUG",
        Exactly(3),
        One(2),
        GROW.and(Flags::ADMIN),
        debug::pfdebug,
    )
    .with_access(&[COUNT]),
    Command::new(
        "PFMERGE",
        AtLeast(2),
        All(&[
            One(1),
            Range {
                first: 2,
                last: -1,
                step: 1,
            },
        ]),
        GROW,
        merge::pfmerge,
    )
    .with_access(&[MERGE, KeyAccess::READ]),
    Command::new(
        "PFSELFTEST",
        Exactly(1),
        NoKeys,
        Flags::ADMIN,
        self_test::pfselftest,
    ),
];
