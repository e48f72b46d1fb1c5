//! `OBJECT`: how a value is kept.

use storage::{AccessMark, EntryView, EvictionAlgorithm, EvictionSettings, Key};

use crate::command::Arity::Exactly;
use crate::command::KeySpec::{NoKeys, One};
use crate::command::args::Args;
use crate::command::{Command, CommandError, CommandResult, Context, Flags, KeyAccess};

pub(super) const OBJECT: Command = Command::container("OBJECT", SUBCOMMANDS);

const SUBCOMMANDS: &[Command] = &[
    Command::new("ENCODING", Exactly(3), One(2), Flags::READ, encoding)
        .with_access(&[KeyAccess::READ_META]),
    Command::new("FREQ", Exactly(3), One(2), Flags::READ, frequency)
        .with_access(&[KeyAccess::READ_META]),
    Command::new(
        "HELP",
        Exactly(2),
        NoKeys,
        Flags::LOADING.and(Flags::STALE),
        help,
    ),
    Command::new("IDLETIME", Exactly(3), One(2), Flags::READ, idle_time)
        .with_access(&[KeyAccess::READ_META]),
    Command::new("REFCOUNT", Exactly(3), One(2), Flags::READ, reference_count)
        .with_access(&[KeyAccess::READ_META]),
];

/// `OBJECT ENCODING key`, in Redis's words.
fn encoding(ctx: &mut Context<'_, '_>, args: Args<'_>) -> CommandResult {
    let key = ctx.key(args, 2);
    match inspect(ctx, &key, |entry| entry.encoding()) {
        Some(encoding) => ctx.reply.bulk(encoding.as_bytes()),
        None => ctx.reply.null(),
    }
    Ok(())
}

/// `OBJECT FREQ key`: only policies that count accesses can answer.
fn frequency(ctx: &mut Context<'_, '_>, args: Args<'_>) -> CommandResult {
    let (key, now) = (ctx.key(args, 2), ctx.now());
    let counts = ctx.config.eviction().filter(counts_accesses);
    match (remembered(ctx, &key), counts) {
        (None, _) => ctx.reply.null(),
        (Some(access), Some(settings)) => {
            ctx.reply.integer(access.lfu_counter(&settings, now).into());
        }
        (Some(_), None) => return Err(NOT_COUNTED),
    }
    Ok(())
}

fn counts_accesses(settings: &EvictionSettings) -> bool {
    settings.algorithm == EvictionAlgorithm::Lfu
}

const NOT_COUNTED: CommandError = CommandError::Line(
    "ERR An LFU maxmemory policy is not selected, access frequency not tracked. Please note that when switching \
         between policies at runtime LRU and LFU data will take some time to adjust.",
);

const NOT_TIMED: CommandError = CommandError::Line(
    "ERR An LFU maxmemory policy is selected, idle time not tracked. Please note that when switching between policies \
     at runtime LRU and LFU data will take some time to adjust.",
);

/// `OBJECT IDLETIME key`: seconds since the last access.
fn idle_time(ctx: &mut Context<'_, '_>, args: Args<'_>) -> CommandResult {
    let (key, now) = (ctx.key(args, 2), ctx.now());
    match remembered(ctx, &key) {
        Some(_) if ctx.config.eviction().is_some_and(|it| counts_accesses(&it)) => {
            return Err(NOT_TIMED);
        }
        Some(access) => ctx.reply.integer(access.idle_seconds(now).into()),
        None => ctx.reply.null(),
    }
    Ok(())
}

/// `OBJECT REFCOUNT key`: a value belongs to one key.
fn reference_count(ctx: &mut Context<'_, '_>, args: Args<'_>) -> CommandResult {
    let key = ctx.key(args, 2);
    match inspect(ctx, &key, |_| ()).is_some() {
        true => ctx.reply.integer(1),
        false => ctx.reply.null(),
    }
    Ok(())
}

/// What the entry of `key` remembers of accesses, as [`inspect`] counts it.
fn remembered(ctx: &mut Context<'_, '_>, key: &Key<'_>) -> Option<AccessMark> {
    inspect(ctx, key, |_| ())?;
    ctx.unit.access_of(ctx.session.db, key)
}

/// What `of` says of the entry of `key`. Counts as a lookup in the statistics, but is no use of the key, and a missing
/// one is no event.
fn inspect<T>(
    ctx: &mut Context<'_, '_>,
    key: &Key<'_>,
    of: impl FnOnce(EntryView<'_>) -> T,
) -> Option<T> {
    let seen = ctx.unit.peek(ctx.session.db, key).map(of);
    let tally = &mut ctx.unit.tally;
    match seen {
        Some(_) => tally.hits += 1,
        None => tally.misses += 1,
    }
    seen
}

/// `OBJECT HELP`.
fn help(ctx: &mut Context<'_, '_>, _args: Args<'_>) -> CommandResult {
    ctx.reply.help(
        "OBJECT",
        &[
            ("ENCODING <key>", &["How the value is kept in memory."]),
            ("FREQ <key>", &["How often the key has been used lately, on a logarithmic scale; LFU policies only."]),
            ("IDLETIME <key>", &["Seconds since the key was last used."]),
            ("REFCOUNT <key>", &["How many keys share the value: always one."]),
        ],
    );
    Ok(())
}
