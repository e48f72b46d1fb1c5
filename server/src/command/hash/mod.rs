//! Hash commands.

mod expire;
mod fields;
mod getex;
mod increment;
mod random;
mod read;
mod scan;
mod setex;
mod write;

use super::Arity::{AtLeast, Exactly};
use super::KeySpec::One;
use super::{Command, Elements, Flags, KeyAccess};

const READ: Flags = Flags::READ;
const FAST_READ: Flags = Flags::READ.and(Flags::FAST);
/// What is taken from the arguments goes into the collection piece by piece.
const FAST_WRITE: Flags = Flags::WRITE.and(Flags::FAST).and(Flags::STORES_NO_ARGUMENT);
const FAST_GROW: Flags = FAST_WRITE.and(Flags::DENY_OOM);

const INSERT: KeyAccess = KeyAccess(&["RW", "insert"]);
const REMOVE: KeyAccess = KeyAccess(&["RW", "delete"]);

pub(crate) const COMMANDS: &[Command] = &[
    Command::new("HDEL", AtLeast(3), One(1), FAST_WRITE, write::hdel)
        .with_elements(Elements::From(2, 1))
        .with_access(&[REMOVE]),
    Command::new("HEXISTS", Exactly(3), One(1), FAST_READ, read::hexists)
        .with_elements(Elements::One(2))
        .with_access(&[KeyAccess::READ_META]),
    Command::new("HEXPIRE", AtLeast(6), One(1), FAST_WRITE, expire::hexpire)
        .with_access(&[KeyAccess::CHANGE]),
    Command::new(
        "HEXPIREAT",
        AtLeast(6),
        One(1),
        FAST_WRITE,
        expire::hexpireat,
    )
    .with_access(&[KeyAccess::CHANGE]),
    Command::new(
        "HEXPIRETIME",
        AtLeast(5),
        One(1),
        FAST_READ,
        expire::hexpiretime,
    ),
    Command::new("HGET", Exactly(3), One(1), FAST_READ, read::hget).with_elements(Elements::One(2)),
    Command::new("HGETALL", Exactly(2), One(1), READ, read::hgetall),
    Command::new("HGETDEL", AtLeast(5), One(1), FAST_WRITE, getex::hgetdel)
        .with_access(&[KeyAccess::TAKEN]),
    Command::new("HGETEX", AtLeast(5), One(1), FAST_WRITE, getex::hgetex)
        .with_access(&[KeyAccess::UPDATE]),
    Command::new("HINCRBY", Exactly(4), One(1), FAST_GROW, increment::hincrby)
        .with_elements(Elements::One(2))
        .with_access(&[KeyAccess::UPDATE]),
    Command::new(
        "HINCRBYFLOAT",
        Exactly(4),
        One(1),
        FAST_GROW,
        increment::hincrbyfloat,
    )
    .with_elements(Elements::One(2))
    .with_access(&[KeyAccess::UPDATE]),
    Command::new("HKEYS", Exactly(2), One(1), READ, read::hkeys),
    Command::new("HLEN", Exactly(2), One(1), FAST_READ, read::hlen)
        .with_access(&[KeyAccess::READ_META]),
    Command::new("HMGET", AtLeast(3), One(1), FAST_READ, read::hmget)
        .with_elements(Elements::From(2, 1)),
    Command::new("HMSET", AtLeast(4), One(1), FAST_GROW, write::hmset)
        .with_elements(Elements::From(2, 2))
        .with_access(&[KeyAccess::CHANGE]),
    Command::new("HPERSIST", AtLeast(5), One(1), FAST_WRITE, expire::hpersist)
        .with_access(&[KeyAccess::CHANGE]),
    Command::new("HPEXPIRE", AtLeast(6), One(1), FAST_WRITE, expire::hpexpire)
        .with_access(&[KeyAccess::CHANGE]),
    Command::new(
        "HPEXPIREAT",
        AtLeast(6),
        One(1),
        FAST_WRITE,
        expire::hpexpireat,
    )
    .with_access(&[KeyAccess::CHANGE]),
    Command::new(
        "HPEXPIRETIME",
        AtLeast(5),
        One(1),
        FAST_READ,
        expire::hpexpiretime,
    ),
    Command::new("HPTTL", AtLeast(5), One(1), FAST_READ, expire::hpttl),
    Command::new("HRANDFIELD", AtLeast(2), One(1), READ, random::hrandfield),
    Command::new("HSCAN", AtLeast(3), One(1), READ, scan::hscan),
    Command::new("HSET", AtLeast(4), One(1), FAST_GROW, write::hset)
        .with_elements(Elements::From(2, 2))
        .with_access(&[KeyAccess::CHANGE]),
    Command::new("HSETEX", AtLeast(6), One(1), FAST_GROW, setex::hsetex)
        .with_access(&[KeyAccess::CHANGE]),
    Command::new("HSETNX", Exactly(4), One(1), FAST_GROW, write::hsetnx)
        .with_elements(Elements::One(2))
        .with_access(&[INSERT]),
    Command::new("HSTRLEN", Exactly(3), One(1), FAST_READ, read::hstrlen)
        .with_elements(Elements::One(2))
        .with_access(&[KeyAccess::READ_META]),
    Command::new("HTTL", AtLeast(5), One(1), FAST_READ, expire::httl),
    Command::new("HVALS", Exactly(2), One(1), READ, read::hvals),
];
