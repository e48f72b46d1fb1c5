//! Commands on whole databases: `DBSIZE`, `FLUSHDB`, `FLUSHALL`, `SWAPDB`.

use super::Arity::{AtLeast, Exactly};
use super::KeySpec::NoKeys;
use super::{Args, Command, CommandError, CommandResult, Context, Flags};

pub(crate) const COMMANDS: &[Command] = &[
    Command::new(
        "DBSIZE",
        Exactly(1),
        NoKeys,
        Flags::READ.and(Flags::FAST).and(Flags::UNDECLARED),
        db_size,
    ),
    Command::new(
        "FLUSHALL",
        AtLeast(1),
        NoKeys,
        Flags::WRITE.and(Flags::UNDECLARED),
        flush_all,
    ),
    Command::new(
        "FLUSHDB",
        AtLeast(1),
        NoKeys,
        Flags::WRITE.and(Flags::UNDECLARED),
        flush_db,
    ),
    Command::new(
        "SWAPDB",
        Exactly(3),
        NoKeys,
        Flags::WRITE.and(Flags::FAST).and(Flags::UNDECLARED),
        swap_db,
    ),
];

/// `DBSIZE`: keys in the selected database.
fn db_size(ctx: &mut Context<'_, '_>, _args: Args<'_>) -> CommandResult {
    let len = ctx.unit.db_len(ctx.session.db);
    ctx.reply.integer(len as i64);
    Ok(())
}

/// `FLUSHALL [ASYNC | SYNC]`.
fn flush_all(ctx: &mut Context<'_, '_>, args: Args<'_>) -> CommandResult {
    check_flush_mode(args)?;
    ctx.unit.flush(None);
    ctx.changed_verbatim();
    ctx.reply.ok();
    Ok(())
}

/// `FLUSHDB [ASYNC | SYNC]`.
fn flush_db(ctx: &mut Context<'_, '_>, args: Args<'_>) -> CommandResult {
    check_flush_mode(args)?;
    ctx.unit.flush(Some(ctx.session.db));
    ctx.changed_verbatim();
    ctx.reply.ok();
    Ok(())
}

/// Databases are detached at once and freed in the background in either mode.
fn check_flush_mode(args: Args<'_>) -> CommandResult {
    match args.len() {
        1 => Ok(()),
        2 if args.is(1, "ASYNC") || args.is(1, "SYNC") => Ok(()),
        _ => Err(CommandError::Syntax),
    }
}

/// `SWAPDB index index`.
fn swap_db(ctx: &mut Context<'_, '_>, args: Args<'_>) -> CommandResult {
    let number = |digits, error| {
        let number = protocol::parse_i64(digits).and_then(|number| i32::try_from(number).ok());
        number.ok_or(CommandError::Line(error))
    };
    let first = number(&args[1], "ERR invalid first DB index")?;
    let second = number(&args[2], "ERR invalid second DB index")?;
    let databases = ctx.server.keyspace.databases();
    let index = |number: i32| {
        u32::try_from(number)
            .ok()
            .filter(|index| *index < databases)
    };
    let (Some(first), Some(second)) = (index(first), index(second)) else {
        return Err(CommandError::DbOutOfRange);
    };
    ctx.unit.swap_databases(first, second);
    ctx.changed_verbatim();
    ctx.reply.ok();
    Ok(())
}
