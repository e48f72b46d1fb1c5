//! Sorted set commands.

mod add;
mod algebra;
mod blocking;
mod bounds;
mod count;
mod cut;
pub(crate) mod mpop;
mod operands;
pub(crate) mod pop;
mod query;
mod random;
mod range;
mod read;
mod remove;
mod reply;
mod scan;
pub(crate) mod store;

use super::Arity::{AtLeast, Exactly};
use super::KeySpec::{All, NumKeys, One, Range};
use super::{Command, CommandError, Elements, Flags, KeyAccess, KeySpec};

const READ: Flags = Flags::READ;
const FAST_READ: Flags = Flags::READ.and(Flags::FAST);
/// Members are copied into a set.
const GROW: Flags = Flags::WRITE
    .and(Flags::DENY_OOM)
    .and(Flags::STORES_NO_ARGUMENT);
const FAST_GROW: Flags = GROW.and(Flags::FAST);
const SHRINK: Flags = Flags::WRITE.and(Flags::STORES_NO_ARGUMENT);
const FAST_SHRINK: Flags = SHRINK.and(Flags::FAST);
const MANY_READ: Flags = READ.and(Flags::MOVABLE_KEYS);
const MANY_STORE: Flags = GROW.and(Flags::MOVABLE_KEYS);

const DELETE: KeyAccess = KeyAccess(&["RW", "delete"]);
const STORE: &[KeyAccess] = &[KeyAccess::OVERWRITE, KeyAccess::READ];

/// `numkeys key [key ...]`.
const MANY: KeySpec = NumKeys {
    at: 1,
    first: 2,
    step: 1,
};
/// `destination numkeys key [key ...]`.
const INTO_FROM_MANY: KeySpec = All(&[
    One(1),
    NumKeys {
        at: 2,
        first: 3,
        step: 1,
    },
]);
const INTO_FROM: KeySpec = All(&[One(1), One(2)]);

/// The keys of commands whose last argument is a timeout.
const ALL_BUT_LAST: KeySpec = Range {
    first: 1,
    last: -2,
    step: 1,
};
/// They wait for a sorted set.
const WAIT: Flags = Flags::WRITE.and(Flags::BLOCKING);

pub(crate) const COMMANDS: &[Command] = &[
    Command::new(
        "BZMPOP",
        AtLeast(5),
        NumKeys {
            at: 2,
            first: 3,
            step: 1,
        },
        WAIT.and(Flags::MOVABLE_KEYS),
        blocking::bzmpop,
    )
    .with_access(&[KeyAccess::TAKEN]),
    Command::new(
        "BZPOPMAX",
        AtLeast(3),
        ALL_BUT_LAST,
        WAIT.and(Flags::FAST),
        blocking::bzpopmax,
    )
    .with_access(&[KeyAccess::TAKEN]),
    Command::new(
        "BZPOPMIN",
        AtLeast(3),
        ALL_BUT_LAST,
        WAIT.and(Flags::FAST),
        blocking::bzpopmin,
    )
    .with_access(&[KeyAccess::TAKEN]),
    Command::new("ZADD", AtLeast(4), One(1), FAST_GROW, add::zadd)
        .with_elements(Elements::From(3, 2))
        .with_access(&[KeyAccess::CHANGE]),
    Command::new("ZCARD", Exactly(2), One(1), FAST_READ, read::zcard)
        .with_access(&[KeyAccess::READ_META]),
    Command::new("ZCOUNT", Exactly(4), One(1), FAST_READ, count::zcount),
    Command::new("ZDIFF", AtLeast(3), MANY, MANY_READ, algebra::zdiff),
    Command::new(
        "ZDIFFSTORE",
        AtLeast(4),
        INTO_FROM_MANY,
        MANY_STORE,
        algebra::zdiffstore,
    )
    .with_access(STORE),
    Command::new("ZINCRBY", Exactly(4), One(1), FAST_GROW, add::zincrby)
        .with_elements(Elements::One(3))
        .with_access(&[KeyAccess::UPDATE]),
    Command::new("ZINTER", AtLeast(3), MANY, MANY_READ, algebra::zinter),
    Command::new(
        "ZINTERCARD",
        AtLeast(3),
        MANY,
        MANY_READ,
        algebra::zintercard,
    ),
    Command::new(
        "ZINTERSTORE",
        AtLeast(4),
        INTO_FROM_MANY,
        MANY_STORE,
        algebra::zinterstore,
    )
    .with_access(STORE),
    Command::new("ZLEXCOUNT", Exactly(4), One(1), FAST_READ, count::zlexcount),
    Command::new(
        "ZMPOP",
        AtLeast(4),
        MANY,
        Flags::WRITE.and(Flags::MOVABLE_KEYS),
        mpop::zmpop,
    )
    .with_access(&[KeyAccess::TAKEN]),
    Command::new("ZMSCORE", AtLeast(3), One(1), FAST_READ, read::zmscore)
        .with_elements(Elements::From(2, 1)),
    Command::new("ZPOPMAX", AtLeast(2), One(1), FAST_SHRINK, pop::zpopmax)
        .with_access(&[KeyAccess::TAKEN]),
    Command::new("ZPOPMIN", AtLeast(2), One(1), FAST_SHRINK, pop::zpopmin)
        .with_access(&[KeyAccess::TAKEN]),
    Command::new("ZRANDMEMBER", AtLeast(2), One(1), READ, random::zrandmember),
    Command::new("ZRANGE", AtLeast(4), One(1), READ, range::zrange),
    Command::new("ZRANGEBYLEX", AtLeast(4), One(1), READ, range::zrangebylex),
    Command::new(
        "ZRANGEBYSCORE",
        AtLeast(4),
        One(1),
        READ,
        range::zrangebyscore,
    ),
    Command::new(
        "ZRANGESTORE",
        AtLeast(5),
        INTO_FROM,
        GROW,
        range::zrangestore,
    )
    .with_access(STORE),
    Command::new("ZRANK", AtLeast(3), One(1), FAST_READ, read::zrank)
        .with_elements(Elements::One(2)),
    Command::new("ZREM", AtLeast(3), One(1), FAST_SHRINK, remove::zrem)
        .with_elements(Elements::From(2, 1))
        .with_access(&[DELETE]),
    Command::new(
        "ZREMRANGEBYLEX",
        Exactly(4),
        One(1),
        SHRINK,
        remove::zremrangebylex,
    )
    .with_access(&[DELETE]),
    Command::new(
        "ZREMRANGEBYRANK",
        Exactly(4),
        One(1),
        SHRINK,
        remove::zremrangebyrank,
    )
    .with_access(&[DELETE]),
    Command::new(
        "ZREMRANGEBYSCORE",
        Exactly(4),
        One(1),
        SHRINK,
        remove::zremrangebyscore,
    )
    .with_access(&[DELETE]),
    Command::new("ZREVRANGE", AtLeast(4), One(1), READ, range::zrevrange),
    Command::new(
        "ZREVRANGEBYLEX",
        AtLeast(4),
        One(1),
        READ,
        range::zrevrangebylex,
    ),
    Command::new(
        "ZREVRANGEBYSCORE",
        AtLeast(4),
        One(1),
        READ,
        range::zrevrangebyscore,
    ),
    Command::new("ZREVRANK", AtLeast(3), One(1), FAST_READ, read::zrevrank)
        .with_elements(Elements::One(2)),
    Command::new("ZSCAN", AtLeast(3), One(1), READ, scan::zscan),
    Command::new("ZSCORE", Exactly(3), One(1), FAST_READ, read::zscore)
        .with_elements(Elements::One(2)),
    Command::new("ZUNION", AtLeast(3), MANY, MANY_READ, algebra::zunion),
    Command::new(
        "ZUNIONSTORE",
        AtLeast(4),
        INTO_FROM_MANY,
        MANY_STORE,
        algebra::zunionstore,
    )
    .with_access(STORE),
];

/// An argument that must be a 64-bit integer.
fn integer(text: &[u8]) -> Result<i64, CommandError> {
    protocol::parse_i64(text).ok_or(CommandError::NotInteger)
}

/// An argument that must be a number.
fn score(text: &[u8]) -> Result<f64, CommandError> {
    protocol::parse_f64(text).ok_or(CommandError::NotFloat)
}
