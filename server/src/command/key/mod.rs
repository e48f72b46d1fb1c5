//! Commands on keys whatever their type.

mod copy;
mod expiry;
mod object;
pub(super) mod scan;
pub(crate) mod sort;
mod wait;

use super::Arity::{AtLeast, Exactly};
use super::KeySpec::{NoKeys, One, Range};
use super::{Args, Command, CommandResult, Context, Flags, KeyAccess, KeySpec};
use crate::notify::EventClass;

const FROM_TO: KeySpec = KeySpec::All(&[One(1), One(2)]);
const ALL_KEYS: KeySpec = Range {
    first: 1,
    last: -1,
    step: 1,
};
const READ_FAST: Flags = Flags::READ.and(Flags::FAST);
const WRITE_FAST: Flags = Flags::WRITE.and(Flags::FAST);
/// `BY` and `GET` may read keys that are not named.
const SORTS: Flags = Flags::MOVABLE_KEYS.and(Flags::UNDECLARED_BY_PATTERNS);
const WALKS: Flags = Flags::READ.and(Flags::UNDECLARED);

pub(crate) const COMMANDS: &[Command] = &[
    Command::new(
        "COPY",
        AtLeast(3),
        FROM_TO,
        Flags::WRITE.and(Flags::DENY_OOM),
        copy::copy,
    )
    .with_access(&[KeyAccess::READ, KeyAccess::OVERWRITE]),
    Command::new("DEL", AtLeast(2), ALL_KEYS, Flags::WRITE, delete)
        .with_access(&[KeyAccess::REMOVE]),
    Command::new("EXISTS", AtLeast(2), ALL_KEYS, READ_FAST, exists)
        .with_access(&[KeyAccess::READ_META]),
    Command::new("EXPIRE", AtLeast(3), One(1), WRITE_FAST, expiry::expire)
        .with_access(&[KeyAccess::CHANGE]),
    Command::new(
        "EXPIREAT",
        AtLeast(3),
        One(1),
        WRITE_FAST,
        expiry::expire_at,
    )
    .with_access(&[KeyAccess::CHANGE]),
    Command::new(
        "EXPIRETIME",
        Exactly(2),
        One(1),
        READ_FAST,
        expiry::expire_time,
    )
    .with_access(&[KeyAccess::READ]),
    Command::new("KEYS", Exactly(2), NoKeys, WALKS, scan::keys),
    Command::new("MOVE", Exactly(3), One(1), WRITE_FAST, copy::move_key)
        .with_access(&[KeyAccess::UPDATE]),
    object::OBJECT,
    Command::new("PERSIST", Exactly(2), One(1), WRITE_FAST, expiry::persist)
        .with_access(&[KeyAccess::CHANGE]),
    Command::new("PEXPIRE", AtLeast(3), One(1), WRITE_FAST, expiry::pexpire)
        .with_access(&[KeyAccess::CHANGE]),
    Command::new(
        "PEXPIREAT",
        AtLeast(3),
        One(1),
        WRITE_FAST,
        expiry::pexpire_at,
    )
    .with_access(&[KeyAccess::CHANGE]),
    Command::new(
        "PEXPIRETIME",
        Exactly(2),
        One(1),
        READ_FAST,
        expiry::pexpire_time,
    )
    .with_access(&[KeyAccess::READ]),
    Command::new("PTTL", Exactly(2), One(1), READ_FAST, expiry::pttl)
        .with_access(&[KeyAccess::READ]),
    Command::new("RANDOMKEY", Exactly(1), NoKeys, WALKS, scan::random_key),
    Command::new("RENAME", Exactly(3), FROM_TO, Flags::WRITE, copy::rename)
        .with_access(&[KeyAccess::TAKEN, KeyAccess::OVERWRITE]),
    Command::new("RENAMENX", Exactly(3), FROM_TO, WRITE_FAST, copy::rename_nx)
        .with_access(&[KeyAccess::TAKEN, KeyAccess::INSERT]),
    Command::new("SCAN", AtLeast(2), NoKeys, WALKS, scan::scan),
    Command::new(
        "SORT",
        AtLeast(2),
        KeySpec::All(&[
            One(1),
            KeySpec::Custom(sort::derived_keys),
            KeySpec::Custom(sort::destination),
        ]),
        SORTS.and(Flags::WRITE).and(Flags::DENY_OOM),
        sort::sort,
    )
    .with_access(&[KeyAccess::READ, KeyAccess::READ, KeyAccess::OVERWRITE]),
    Command::new(
        "SORT_RO",
        AtLeast(2),
        KeySpec::All(&[One(1), KeySpec::Custom(sort::derived_keys)]),
        SORTS.and(Flags::READ),
        sort::sort_ro,
    )
    .with_access(&[KeyAccess::READ, KeyAccess::READ]),
    Command::new("TOUCH", AtLeast(2), ALL_KEYS, READ_FAST, touch)
        .with_access(&[KeyAccess::READ_META]),
    Command::new("TTL", Exactly(2), One(1), READ_FAST, expiry::ttl).with_access(&[KeyAccess::READ]),
    Command::new("TYPE", Exactly(2), One(1), READ_FAST, type_of)
        .with_access(&[KeyAccess::READ_META]),
    Command::new("UNLINK", AtLeast(2), ALL_KEYS, WRITE_FAST, delete)
        .with_access(&[KeyAccess::REMOVE]),
    Command::new("WAIT", Exactly(3), NoKeys, Flags::NONE, wait::wait),
    Command::new(
        "WAITAOF",
        Exactly(4),
        NoKeys,
        Flags::NO_SCRIPT,
        wait::wait_aof,
    ),
];

/// `DEL key [key ...]`, `UNLINK key [key ...]`: removes keys; the reply counts them. Both free big values in
/// the background.
fn delete(ctx: &mut Context<'_, '_>, args: Args<'_>) -> CommandResult {
    let mut deleted = 0;
    for (_, key) in ctx.keys(args) {
        if ctx.unit.delete(ctx.session.db, &key) {
            ctx.notify(EventClass::GENERIC, "del", key.bytes);
            deleted += 1;
        }
    }
    ctx.reply.integer(deleted);
    Ok(())
}

/// `EXISTS key [key ...]`: how many of the keys are there; one named twice counts twice.
fn exists(ctx: &mut Context<'_, '_>, args: Args<'_>) -> CommandResult {
    let found = ctx.keys(args).filter(|(_, key)| is_there(ctx, key)).count();
    ctx.reply.integer(found as i64);
    Ok(())
}

/// `TOUCH key [key ...]`: marks keys as used; the reply counts those that are there.
fn touch(ctx: &mut Context<'_, '_>, args: Args<'_>) -> CommandResult {
    let found = ctx
        .keys(args)
        .filter(|(_, key)| ctx.unit.touch(ctx.session.db, key))
        .count();
    ctx.reply.integer(found as i64);
    Ok(())
}

/// `TYPE key`: the type's name, `none` without a key.
fn type_of(ctx: &mut Context<'_, '_>, args: Args<'_>) -> CommandResult {
    let key = ctx.key(args, 1);
    let entry = ctx.unit.glance(ctx.session.db, &key);
    let name = entry.map_or("none", |entry| entry.value_type().name());
    ctx.reply.simple(name);
    Ok(())
}

/// Whether `key` is there: counts as a lookup in the statistics, but not as a use of the key.
fn is_there(ctx: &mut Context<'_, '_>, key: &storage::Key<'_>) -> bool {
    ctx.unit.glance(ctx.session.db, key).is_some()
}
