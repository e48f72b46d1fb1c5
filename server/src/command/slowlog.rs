//! `SLOWLOG`.

use super::Arity::{AtLeast, Exactly};
use super::KeySpec::NoKeys;
use super::{Args, Command, CommandError, CommandResult, Context, Flags};

const FLAGS: Flags = Flags::ADMIN.and(Flags::LOADING).and(Flags::STALE);

pub(super) const SLOWLOG: Command = Command::container("SLOWLOG", SUBCOMMANDS);

const SUBCOMMANDS: &[Command] = &[
    Command::new("GET", AtLeast(2), NoKeys, FLAGS, get),
    Command::new(
        "HELP",
        Exactly(2),
        NoKeys,
        Flags::LOADING.and(Flags::STALE),
        help,
    ),
    Command::new("LEN", Exactly(2), NoKeys, FLAGS, len),
    Command::new("RESET", Exactly(2), NoKeys, FLAGS, reset),
];

/// Entries that `SLOWLOG GET` returns when it is not told how many.
const COUNT_DEFAULT: usize = 10;

/// `SLOWLOG GET [count]`: newest first; -1 for all.
fn get(ctx: &mut Context<'_, '_>, args: Args<'_>) -> CommandResult {
    let count = match args.len() {
        2 => COUNT_DEFAULT,
        3 => parse_count(&args[2])?,
        _ => return Err(CommandError::subcommand_syntax("SLOWLOG", &args[1])),
    };
    let entries = ctx.server.slowlog.newest(count);
    ctx.reply.array(entries.len());
    for entry in entries {
        ctx.reply.array(6);
        ctx.reply.integer(entry.id as i64);
        ctx.reply.integer(entry.at_seconds);
        ctx.reply.integer(entry.micros as i64);
        ctx.reply.array(entry.args.len());
        entry.args.iter().for_each(|arg| ctx.reply.bulk(arg));
        ctx.reply.bulk(entry.addr.as_bytes());
        ctx.reply.bulk(&entry.name);
    }
    Ok(())
}

fn parse_count(digits: &[u8]) -> Result<usize, CommandError> {
    match protocol::parse_i64(digits) {
        Some(-1) => Ok(usize::MAX),
        Some(count @ 0..) => Ok(usize::try_from(count).unwrap_or(usize::MAX)),
        _ => Err(CommandError::Line(
            "ERR count should be greater than or equal to -1",
        )),
    }
}

/// `SLOWLOG LEN`.
fn len(ctx: &mut Context<'_, '_>, _args: Args<'_>) -> CommandResult {
    ctx.reply.integer(ctx.server.slowlog.len() as i64);
    Ok(())
}

/// `SLOWLOG RESET`.
fn reset(ctx: &mut Context<'_, '_>, _args: Args<'_>) -> CommandResult {
    ctx.server.slowlog.reset();
    ctx.reply.ok();
    Ok(())
}

/// `SLOWLOG HELP`.
fn help(ctx: &mut Context<'_, '_>, _args: Args<'_>) -> CommandResult {
    ctx.reply.help(
        "SLOWLOG",
        &[
            (
                "GET [<count>]",
                &[
                    "Return the newest entries (default: 10; -1: all). An entry is made of:",
                    "id, Unix time, duration in microseconds, arguments, client address, client name",
                ],
            ),
            ("LEN", &["Count the entries."]),
            ("RESET", &["Forget all entries."]),
        ],
    );
    Ok(())
}
