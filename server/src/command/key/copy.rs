//! Moving and copying keys: `RENAME`, `RENAMENX`, `COPY`, `MOVE`.

use storage::DbIndex;

use crate::command::args::Args;
use crate::command::{CommandError, CommandResult, Context};
use crate::notify::EventClass;

/// `RENAME key newkey`: overwrites `newkey`.
pub(super) fn rename(ctx: &mut Context<'_, '_>, args: Args<'_>) -> CommandResult {
    let (db, from, to) = (ctx.session.db, ctx.key(args, 1), ctx.key(args, 2));
    if ctx.unit.find_to_change(db, &from).is_none() {
        return Err(CommandError::NoSuchKey);
    }
    if from.bytes != to.bytes {
        ctx.unit.rename(db, &from, &to);
        ctx.notify(EventClass::GENERIC, "rename_from", from.bytes);
        ctx.notify(EventClass::GENERIC, "rename_to", to.bytes);
    }
    ctx.reply.ok();
    Ok(())
}

/// `RENAMENX key newkey`: 0 if `newkey` is there already.
pub(super) fn rename_nx(ctx: &mut Context<'_, '_>, args: Args<'_>) -> CommandResult {
    let (db, from, to) = (ctx.session.db, ctx.key(args, 1), ctx.key(args, 2));
    if ctx.unit.find_to_change(db, &from).is_none() {
        return Err(CommandError::NoSuchKey);
    }
    let renames = from.bytes != to.bytes && ctx.unit.peek(db, &to).is_none();
    if renames {
        ctx.unit.rename(db, &from, &to);
        ctx.notify(EventClass::GENERIC, "rename_from", from.bytes);
        ctx.notify(EventClass::GENERIC, "rename_to", to.bytes);
    }
    ctx.reply.integer(renames.into());
    Ok(())
}

/// `COPY source destination [DB destination-db] [REPLACE]`.
pub(super) fn copy(ctx: &mut Context<'_, '_>, args: Args<'_>) -> CommandResult {
    let (from_db, from, to) = (ctx.session.db, ctx.key(args, 1), ctx.key(args, 2));
    let (mut to_db, mut replace, mut at) = (from_db, false, 3);
    while at < args.len() {
        if args.is(at, "REPLACE") {
            replace = true;
        } else if args.is(at, "DB") && at + 1 < args.len() {
            to_db = db_index(ctx, &args[at + 1])?;
            at += 1;
        } else {
            return Err(CommandError::Syntax);
        }
        at += 1;
    }
    if from_db == to_db && from.bytes == to.bytes {
        return Err(CommandError::SameObject);
    }
    let copies = ctx.unit.touch(from_db, &from) && (replace || ctx.unit.peek(to_db, &to).is_none());
    if copies {
        ctx.unit.copy(from_db, &from, to_db, &to);
        ctx.notify_in(EventClass::GENERIC, "copy_to", to_db, to.bytes);
    }
    ctx.reply.integer(copies.into());
    Ok(())
}

/// `MOVE key db`: 0 if the key is missing here or there already.
pub(super) fn move_key(ctx: &mut Context<'_, '_>, args: Args<'_>) -> CommandResult {
    let (from_db, key) = (ctx.session.db, ctx.key(args, 1));
    let to_db = db_index(ctx, &args[2])?;
    if from_db == to_db {
        return Err(CommandError::SameObject);
    }
    let there = ctx.unit.find_to_change(from_db, &key).is_some();
    let moved = there && ctx.unit.move_key(&key, from_db, to_db);
    if moved {
        ctx.notify_in(EventClass::GENERIC, "move_from", from_db, key.bytes);
        ctx.notify_in(EventClass::GENERIC, "move_to", to_db, key.bytes);
    }
    ctx.reply.integer(moved.into());
    Ok(())
}

/// A database number that an option names.
fn db_index(ctx: &Context<'_, '_>, digits: &[u8]) -> Result<DbIndex, CommandError> {
    // Redis parses it as a C int first, and that error comes first.
    let number = protocol::parse_i64(digits).ok_or(CommandError::NotInteger)?;
    let number = i32::try_from(number).map_err(|_| CommandError::BeyondInt)?;
    let index = DbIndex::try_from(number)
        .ok()
        .filter(|index| *index < ctx.server.keyspace.databases());
    index.ok_or(CommandError::DbOutOfRange)
}
