//! Stream commands.

mod add;
mod auto_claim;
mod budget;
mod claim;
mod delete;
mod delete_consumer;
mod delivery;
mod entries;
mod extended_delete;
mod forget_ahead;
mod group;
mod group_read;
mod ids;
mod info;
mod listed;
mod log;
mod nogroup;
mod pending;
mod pending_search;
mod range;
mod read;
mod read_ahead;
mod read_options;
mod references;
mod release;
mod trim;

use super::Arity::{AtLeast, Exactly};
use super::KeySpec::{HalfAfterWord, One};
use super::{Args, Command, CommandError, Flags, KeyAccess, KeySpec};

const READ: Flags = Flags::READ;
const FAST_READ: Flags = Flags::READ.and(Flags::FAST);
/// Fields are copied into a stream.
const WRITE: Flags = Flags::WRITE.and(Flags::STORES_NO_ARGUMENT);
const FAST_WRITE: Flags = WRITE.and(Flags::FAST);
const FAST_GROW: Flags = FAST_WRITE.and(Flags::DENY_OOM);

const DELETE: KeyAccess = KeyAccess(&["RW", "delete"]);
const UPDATE_AND_DELETE: KeyAccess = KeyAccess(&["RW", "update", "delete"]);

/// The keys of `XREAD`, half of what follows a word.
const STREAMS: KeySpec = HalfAfterWord {
    word: "STREAMS",
    from: 1,
    options: READ_OPTIONS,
};

/// The same of `XREADGROUP`.
const STREAMS_OF_GROUP: KeySpec = HalfAfterWord {
    word: "STREAMS",
    from: 4,
    options: READ_OPTIONS,
};

/// The options of `XREAD` and `XREADGROUP`, and how many arguments each takes.
const READ_OPTIONS: &[(&str, u8)] = &[
    ("COUNT", 1),
    ("MAXCOUNT", 1),
    ("MAXSIZE", 1),
    ("BLOCK", 1),
    ("CLAIM", 1),
    ("GROUP", 2),
    ("NOACK", 0),
];

/// Whether a request of `XREAD` or `XREADGROUP` may have its client wait; exact only when the answer is no.
pub(crate) fn asks_to_block(args: Args<'_>) -> bool {
    let ends = |at: usize| at >= args.len() || args.is(at, "STREAMS");
    (1..)
        .take_while(|&at| !ends(at))
        .any(|at| args.is(at, "BLOCK"))
}

pub(crate) const COMMANDS: &[Command] = &[
    Command::new("XACK", AtLeast(4), One(1), FAST_WRITE, pending::xack)
        .with_access(&[KeyAccess::CHANGE]),
    Command::new(
        "XACKDEL",
        AtLeast(6),
        One(1),
        FAST_WRITE,
        extended_delete::xackdel,
    )
    .with_access(&[UPDATE_AND_DELETE]),
    Command::new("XADD", AtLeast(5), One(1), FAST_GROW, add::xadd)
        .with_access(&[KeyAccess::CHANGE]),
    Command::new(
        "XAUTOCLAIM",
        AtLeast(6),
        One(1),
        FAST_WRITE,
        auto_claim::xautoclaim,
    )
    .with_access(&[DELETE]),
    Command::new("XCLAIM", AtLeast(6), One(1), FAST_WRITE, claim::xclaim)
        .with_access(&[KeyAccess::CHANGE]),
    Command::new("XDEL", AtLeast(3), One(1), FAST_WRITE, delete::xdel).with_access(&[DELETE]),
    Command::new(
        "XDELEX",
        AtLeast(5),
        One(1),
        FAST_WRITE,
        extended_delete::xdelex,
    )
    .with_access(&[DELETE]),
    group::XGROUP,
    info::XINFO,
    Command::new("XLEN", Exactly(2), One(1), FAST_READ, range::xlen)
        .with_access(&[KeyAccess::READ_META]),
    Command::new("XNACK", AtLeast(7), One(1), FAST_WRITE, release::xnack)
        .with_access(&[KeyAccess::CHANGE]),
    Command::new("XPENDING", AtLeast(3), One(1), READ, pending::xpending),
    Command::new("XRANGE", AtLeast(4), One(1), READ, range::xrange),
    Command::new(
        "XREAD",
        AtLeast(4),
        STREAMS,
        READ.and(Flags::BLOCKING)
            .and(Flags::BLOCKING_IF_ASKED)
            .and(Flags::MOVABLE_KEYS),
        read::xread,
    ),
    Command::new(
        "XREADGROUP",
        AtLeast(7),
        STREAMS_OF_GROUP,
        WRITE
            .and(Flags::BLOCKING)
            .and(Flags::BLOCKING_IF_ASKED)
            .and(Flags::MOVABLE_KEYS),
        group_read::xreadgroup,
    )
    .with_access(&[KeyAccess::READ]),
    Command::new("XREVRANGE", AtLeast(4), One(1), READ, range::xrevrange),
    Command::new("XSETID", AtLeast(3), One(1), FAST_GROW, delete::xsetid)
        .with_access(&[KeyAccess::CHANGE]),
    Command::new("XTRIM", AtLeast(4), One(1), WRITE, trim::xtrim).with_access(&[DELETE]),
];

/// An argument that must be a 64-bit integer.
fn integer(text: &[u8]) -> Result<i64, CommandError> {
    protocol::parse_i64(text).ok_or(CommandError::NotInteger)
}
