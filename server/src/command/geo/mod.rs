//! Geo commands: sorted sets whose scores are places on earth.

mod add;
mod arguments;
mod query;
mod read;
mod reply;
mod search;

use super::Arity::AtLeast;
use super::KeySpec::{AfterWord, All, One};
use super::{Command, Flags, KeyAccess, KeySpec};

const READ: Flags = Flags::READ;
/// Members are copied into a set.
const GROW: Flags = Flags::WRITE
    .and(Flags::DENY_OOM)
    .and(Flags::STORES_NO_ARGUMENT);
const STORE: Flags = GROW.and(Flags::MOVABLE_KEYS);

/// The key that is searched, and those behind `STORE` and `STOREDIST`, which are options.
const STORED_FROM_5: KeySpec = All(&[One(1), after("STORE", 5), after("STOREDIST", 5)]);
const STORED_FROM_6: KeySpec = All(&[One(1), after("STORE", 6), after("STOREDIST", 6)]);
const STORED_ACCESS: &[KeyAccess] = &[KeyAccess::READ, KeyAccess::OVERWRITE, KeyAccess::OVERWRITE];

const fn after(word: &'static str, from: u16) -> KeySpec {
    AfterWord { word, from }
}

pub(crate) const COMMANDS: &[Command] = &[
    Command::new("GEOADD", AtLeast(5), One(1), GROW, add::geoadd).with_access(&[KeyAccess::CHANGE]),
    Command::new(
        "GEODIST",
        AtLeast(4),
        One(1),
        READ.and(Flags::BRIEF),
        read::geodist,
    ),
    Command::new("GEOHASH", AtLeast(2), One(1), READ, read::geohash),
    Command::new("GEOPOS", AtLeast(2), One(1), READ, read::geopos),
    Command::new(
        "GEORADIUS",
        AtLeast(6),
        STORED_FROM_6,
        STORE,
        search::georadius,
    )
    .with_access(STORED_ACCESS),
    Command::new(
        "GEORADIUSBYMEMBER",
        AtLeast(5),
        STORED_FROM_5,
        STORE,
        search::georadiusbymember,
    )
    .with_access(STORED_ACCESS),
    Command::new(
        "GEORADIUSBYMEMBER_RO",
        AtLeast(5),
        One(1),
        READ,
        search::georadiusbymember_ro,
    ),
    Command::new(
        "GEORADIUS_RO",
        AtLeast(6),
        One(1),
        READ,
        search::georadius_ro,
    ),
    Command::new("GEOSEARCH", AtLeast(7), One(1), READ, search::geosearch),
    Command::new(
        "GEOSEARCHSTORE",
        AtLeast(8),
        All(&[One(1), One(2)]),
        GROW,
        search::geosearchstore,
    )
    .with_access(&[KeyAccess::OVERWRITE, KeyAccess::READ]),
];
