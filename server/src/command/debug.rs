//! `DEBUG`: for tests and for finding faults; off unless `enable-debug-command` allows it.
//!
//! A subcommand does what it says or is unknown, as in a Redis that was built without it: test suites can tell what they
//! cannot test here.

mod object;
mod populate;
mod protocol_types;

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use parking_lot::{Condvar, Mutex};
use storage::DataDigest;
use storage::collection::list::set_large_element_bytes;

use super::Arity::AtLeast;
use super::KeySpec::NoKeys;
use super::{Args, Command, CommandError, CommandResult, Context, Flags};
use crate::config::parse_memory;
use crate::worker::inbox::Event;

/// Takes the gate exclusively: what looks at the whole keyspace sees one moment of it.
pub(super) const DEBUG: Command = Command::new(
    "DEBUG",
    AtLeast(2),
    NoKeys,
    Flags::ADMIN
        .and(Flags::NO_SCRIPT)
        .and(Flags::LOADING)
        .and(Flags::STALE)
        .and(Flags::PROTECTED)
        .and(Flags::UNDECLARED),
    debug,
);

/// A subcommand: its name, how many arguments the request may have, its function.
struct Subcommand {
    name: &'static str,
    least: usize,
    most: usize,
    run: fn(&mut Context<'_, '_>, Args<'_>) -> CommandResult,
}

const fn sub(
    name: &'static str,
    least: usize,
    most: usize,
    run: fn(&mut Context<'_, '_>, Args<'_>) -> CommandResult,
) -> Subcommand {
    Subcommand {
        name,
        least,
        most,
        run,
    }
}

const SUBCOMMANDS: &[Subcommand] = &[
    sub("CHANGE-REPL-ID", 2, 2, change_replication_id),
    sub("CONFIG-REWRITE-FORCE-ALL", 2, 2, rewrite_whole_config),
    sub("DIGEST", 2, 2, digest),
    sub("DIGEST-VALUE", 2, usize::MAX, digest_value),
    sub("ERROR", 3, 3, error),
    sub("HELP", 2, 2, help),
    sub("HTSTATS", 3, 4, table_statistics),
    sub("HTSTATS-KEY", 3, 4, object::table_statistics),
    sub("LISTPACK", 3, 3, object::listpack),
    sub("LOG", 3, 3, log),
    sub("OBJECT", 3, 4, object::describe),
    sub("PANIC", 2, 2, panic),
    sub("PAUSE-CRON", 3, 3, pause_cron),
    sub("POPULATE", 3, 5, populate::populate),
    sub("PROTOCOL", 3, 3, protocol_types::reply_with),
    sub("QUICKLIST-PACKED-THRESHOLD", 3, 3, set_large_elements),
    sub("SET-ACTIVE-EXPIRE", 3, 3, set_active_expire),
    sub("SLEEP", 3, 3, sleep),
];

fn debug(ctx: &mut Context<'_, '_>, args: Args<'_>) -> CommandResult {
    let wanted =
        |sub: &&Subcommand| args.is(1, sub.name) && (sub.least..=sub.most).contains(&args.len());
    match SUBCOMMANDS.iter().find(wanted) {
        Some(sub) => (sub.run)(ctx, args),
        None => Err(CommandError::subcommand_syntax("DEBUG", &args[1])),
    }
}

/// `DEBUG SLEEP seconds`: the whole server stands still. All locks are held, and the other workers wait.
fn sleep(ctx: &mut Context<'_, '_>, args: Args<'_>) -> CommandResult {
    let seconds = std::str::from_utf8(&args[2])
        .ok()
        .and_then(|text| text.parse::<f64>().ok())
        .unwrap_or(0.0);
    let duration = Duration::try_from_secs_f64(seconds).unwrap_or_default();
    let over = Arc::new((Mutex::new(false), Condvar::new()));
    for (worker, inbox) in ctx.server.inboxes.iter().enumerate() {
        if worker != ctx.worker.index {
            let over = Arc::clone(&over);
            inbox.send(Event::Run(Box::new(move |_| {
                let mut is_over = over.0.lock();
                while !*is_over {
                    over.1.wait(&mut is_over);
                }
            })));
        }
    }
    // An exclusive unit keeps every shard it has visited.
    ctx.unit.db_len(0);
    std::thread::sleep(duration);
    *over.0.lock() = true;
    over.1.notify_all();
    ctx.reply.ok();
    Ok(())
}

/// `DEBUG DIGEST`: equal data, equal digest; zeros when there is none.
fn digest(ctx: &mut Context<'_, '_>, _args: Args<'_>) -> CommandResult {
    let digest = ctx.unit.digest();
    ctx.reply.simple(hex(&digest));
    Ok(())
}

/// `DEBUG DIGEST-VALUE key …`: digests of values, zeros for an absent key.
fn digest_value(ctx: &mut Context<'_, '_>, args: Args<'_>) -> CommandResult {
    ctx.reply.array(args.len() - 2);
    for at in 2..args.len() {
        let key = ctx.key(args, at);
        let digest = ctx
            .unit
            .digest_value(ctx.session.db, &key)
            .unwrap_or_default();
        ctx.reply.simple(hex(&digest));
    }
    Ok(())
}

fn hex(digest: &DataDigest) -> String {
    digest.0.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// `DEBUG SET-ACTIVE-EXPIRE 0 | 1`: whether keys are removed without being looked at once they have expired.
fn set_active_expire(ctx: &mut Context<'_, '_>, args: Args<'_>) -> CommandResult {
    let is_on = protocol::parse_i64(&args[2]).unwrap_or(0) != 0;
    // Relaxed: the background looks at it before each step; nothing else hangs off it.
    ctx.server.active_expiry.store(is_on, Ordering::Relaxed);
    ctx.reply.ok();
    Ok(())
}

/// `DEBUG QUICKLIST-PACKED-THRESHOLD size`: list elements of so many bytes have nodes of their own, though they would fit
/// into one with others; 0 undoes it.
fn set_large_elements(ctx: &mut Context<'_, '_>, args: Args<'_>) -> CommandResult {
    const BYTES_MAX: u64 = (1 << 32) - (1 << 20);
    let bytes = parse_memory(&args[2])
        .filter(|bytes| *bytes <= BYTES_MAX)
        .and_then(|bytes| usize::try_from(bytes).ok());
    match bytes {
        Some(0) => set_large_element_bytes(usize::MAX),
        Some(bytes) => set_large_element_bytes(bytes),
        None => {
            return Err(CommandError::Line(
                "ERR argument must be a memory value bigger than 1 and smaller than 4gb",
            ));
        }
    }
    ctx.reply.ok();
    Ok(())
}

/// `DEBUG PAUSE-CRON 0 | 1`: whether what the server does by the clock rests: expiry in the background, compaction, idle
/// clients, soft output limits, rates.
fn pause_cron(ctx: &mut Context<'_, '_>, args: Args<'_>) -> CommandResult {
    let is_on = protocol::parse_i64(&args[2]).unwrap_or(0) != 0;
    // Relaxed: the workers look at it each time; nothing else hangs off it.
    ctx.server.cron_paused.store(is_on, Ordering::Relaxed);
    ctx.reply.ok();
    Ok(())
}

/// `DEBUG CONFIG-REWRITE-FORCE-ALL`: `CONFIG REWRITE` of every directive, defaults too. The gate waits for the disk.
fn rewrite_whole_config(ctx: &mut Context<'_, '_>, _args: Args<'_>) -> CommandResult {
    let written = ctx.server.config.rewrite_whole();
    written.map_err(|error| {
        CommandError::composed(format!("ERR CONFIG-REWRITE-FORCE-ALL failed: {error}"))
    })?;
    ctx.reply.ok();
    Ok(())
}

/// `DEBUG CHANGE-REPL-ID`.
fn change_replication_id(ctx: &mut Context<'_, '_>, _args: Args<'_>) -> CommandResult {
    ctx.server.change_replication_id();
    ctx.reply.ok();
    Ok(())
}

/// `DEBUG ERROR text`: the text as an error reply, prefix and all.
fn error(_ctx: &mut Context<'_, '_>, args: Args<'_>) -> CommandResult {
    Err(CommandError::Quoting(args.at(2).into()))
}

/// `DEBUG LOG text`.
fn log(ctx: &mut Context<'_, '_>, args: Args<'_>) -> CommandResult {
    let text = String::from_utf8_lossy(&args[2]).into_owned();
    // Behind the unit, because a log line is I/O.
    ctx.after_unit(move |_| tracing::warn!("DEBUG LOG: {text}"));
    ctx.reply.ok();
    Ok(())
}

/// `DEBUG PANIC`: shows that a panic inside a command is contained.
fn panic(_ctx: &mut Context<'_, '_>, _args: Args<'_>) -> CommandResult {
    panic!(
        "DEBUG PANIC called at Unix time {}",
        crate::clock::unix_now().0 / 1_000
    );
}

/// `DEBUG HTSTATS database`: how its keys are spread over the shards.
fn table_statistics(ctx: &mut Context<'_, '_>, args: Args<'_>) -> CommandResult {
    let number = protocol::parse_i64(&args[2]).ok_or(CommandError::NotInteger)?;
    let databases = ctx.server.keyspace.databases();
    let Some(db) = u32::try_from(number).ok().filter(|db| *db < databases) else {
        return Err(CommandError::Line("ERR Out of range database"));
    };
    let mut by_shard = Vec::new();
    for shard in ctx.all_shards() {
        let mut keys = 0u64;
        ctx.unit.for_each_in_shard(db, shard, &mut |_| keys += 1);
        by_shard.push(keys);
    }
    let keys: u64 = by_shard.iter().sum();
    let text = format!(
        "[Keys of database {db}]\n shards: {}\n keys: {keys}\n fewest in a shard: {}\n most in a shard: {}\n\
         [Keys with an expire time]\n keys: {}\n",
        by_shard.len(),
        by_shard.iter().min().copied().unwrap_or(0),
        by_shard.iter().max().copied().unwrap_or(0),
        ctx.unit.db_expires(db),
    );
    ctx.reply.verbatim(b"txt", text.as_bytes());
    Ok(())
}

/// `DEBUG HELP`.
fn help(ctx: &mut Context<'_, '_>, _args: Args<'_>) -> CommandResult {
    ctx.reply.help(
        "DEBUG",
        &[
            ("CHANGE-REPL-ID", &["Take a new replication id."]),
            (
                "CONFIG-REWRITE-FORCE-ALL",
                &["Like CONFIG REWRITE, with directives that have their default."],
            ),
            ("DIGEST", &["Return a digest of all data."]),
            (
                "DIGEST-VALUE <key> [<key> ...]",
                &["Return digests of values."],
            ),
            ("ERROR <string>", &["Reply with an error."]),
            (
                "HTSTATS <dbid>",
                &["Tell how the keys of a database are spread over the shards."],
            ),
            (
                "HTSTATS-KEY <key>",
                &["The same of a value that is a table."],
            ),
            ("LISTPACK <key>", &["Describe a value that is a listpack."]),
            ("LOG <message>", &["Write a line into the log."]),
            ("OBJECT <key> [fast]", &["Describe how a value is kept."]),
            (
                "PANIC",
                &["Panic inside a command; the panic is contained."],
            ),
            (
                "PAUSE-CRON <0|1>",
                &["Stop and resume what the server does by the clock."],
            ),
            (
                "POPULATE <count> [<prefix>] [<size>]",
                &["Create keys <prefix>:<number>, unless they exist."],
            ),
            (
                "PROTOCOL <type>",
                &["Reply with a value of this type of the protocol."],
            ),
            (
                "QUICKLIST-PACKED-THRESHOLD <size>",
                &["Give list elements of so many bytes nodes of their own; 0 for the usual."],
            ),
            (
                "SET-ACTIVE-EXPIRE <0|1>",
                &["Stop and resume the removal of expired keys in the background."],
            ),
            ("SLEEP <seconds>", &["Stop the whole server for so long."]),
        ],
    );
    Ok(())
}
