//! String commands.

use storage::NewExpiry;

use super::Arity::{AtLeast, Exactly};
use super::KeySpec::One;
use super::{Args, Command, CommandError, CommandResult, Context, Flags, KeyAccess};
use crate::notify::EventClass;

pub(crate) const COMMANDS: &[Command] = &[
    Command::new("GET", Exactly(2), One(1), Flags::READ.and(Flags::FAST), get),
    // SET may free a large old value in place, so it is not FAST.
    Command::new(
        "SET",
        AtLeast(3),
        One(1),
        Flags::WRITE.and(Flags::DENY_OOM),
        set,
    )
    .with_access(&[KeyAccess(&["RW", "access", "update", "variable_flags"])]),
];

/// `GET key`: the string stored at `key`, or null.
fn get(ctx: &mut Context<'_, '_>, args: Args<'_>) -> CommandResult {
    let key = ctx.key(args, 1);
    match ctx.unit.string(ctx.session.db, &key)? {
        Some(value) => ctx.reply.string(value),
        None => ctx.reply.null(),
    }
    Ok(())
}

/// `SET key value`: stores the string whatever was there.
fn set(ctx: &mut Context<'_, '_>, args: Args<'_>) -> CommandResult {
    if args.len() > 3 {
        return Err(CommandError::Syntax);
    }
    let key = ctx.key(args, 1);
    let value = ctx.new_value(args, 2);
    ctx.unit.set(ctx.session.db, &key, value, NewExpiry::None);
    ctx.notify(EventClass::STRING, "set", key.bytes);
    ctx.reply.ok();
    Ok(())
}
