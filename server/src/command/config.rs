//! `CONFIG`: the settings, and the statistics' zero.

use super::Arity::{AtLeast, Exactly};
use super::KeySpec::NoKeys;
use super::{Args, Command, CommandError, CommandResult, Context, Flags};
use crate::config::ConfigError;

const FLAGS: Flags = Flags::ADMIN
    .and(Flags::NO_SCRIPT)
    .and(Flags::LOADING)
    .and(Flags::STALE);

pub(super) const CONFIG: Command = Command::container("CONFIG", SUBCOMMANDS);

const SUBCOMMANDS: &[Command] = &[
    Command::new("GET", AtLeast(3), NoKeys, FLAGS, get),
    Command::new(
        "HELP",
        Exactly(2),
        NoKeys,
        Flags::LOADING.and(Flags::STALE),
        help,
    ),
    // What shards count is reset one shard after the other.
    Command::new(
        "RESETSTAT",
        Exactly(2),
        NoKeys,
        FLAGS.and(Flags::UNDECLARED).and(Flags::ROAMING),
        reset_statistics,
    ),
    Command::new("REWRITE", Exactly(2), NoKeys, FLAGS, rewrite),
    // A new memory limit counts from the next command on, so what is used must be known exactly.
    Command::new(
        "SET",
        AtLeast(4),
        NoKeys,
        FLAGS.and(Flags::UNDECLARED).and(Flags::ROAMING),
        set,
    ),
];

/// `CONFIG GET pattern …`.
fn get(ctx: &mut Context<'_, '_>, args: Args<'_>) -> CommandResult {
    let patterns: Vec<&[u8]> = args.from(2).collect();
    // The store's, not the turn's: an earlier CONFIG SET of the same pipeline shows.
    let found = crate::config::get(&ctx.server.config.get(), &patterns);
    ctx.reply.map(found.len());
    for (name, value) in found {
        ctx.reply.bulk(&name);
        ctx.reply.bulk(&value);
    }
    Ok(())
}

/// `CONFIG SET name value …`: all or nothing. It may bind sockets, which takes a moment but waits for nobody, and the
/// reply has to tell whether that worked.
fn set(ctx: &mut Context<'_, '_>, args: Args<'_>) -> CommandResult {
    if !args.len().is_multiple_of(2) {
        return Err(CommandError::Syntax);
    }
    let words: Vec<&[u8]> = args.from(2).collect();
    let pairs: Vec<(&[u8], &[u8])> = words
        .chunks_exact(2)
        .map(|pair| (pair[0], pair[1]))
        .collect();
    let server = ctx.server;
    let is_local = ctx.session.client.is_local;
    if pairs
        .iter()
        .any(|(name, _)| name.eq_ignore_ascii_case(b"maxmemory"))
    {
        ctx.unit.publish_memory();
    }
    server.config.set(&pairs, is_local, |old, new, changed| {
        server.apply_config(old, new, changed)
    })?;
    server.config_changed();
    ctx.worker.heed_thresholds(&server.config.get());
    ctx.reply.ok();
    Ok(())
}

/// `CONFIG REWRITE`.
fn rewrite(ctx: &mut Context<'_, '_>, _args: Args<'_>) -> CommandResult {
    ctx.server.config.rewrite()?;
    tracing::info!("CONFIG REWRITE executed with success.");
    ctx.reply.ok();
    Ok(())
}

/// `CONFIG RESETSTAT`.
fn reset_statistics(ctx: &mut Context<'_, '_>, _args: Args<'_>) -> CommandResult {
    ctx.server.stats.reset();
    ctx.unit.reset_removed_keys();
    ctx.server.hot_keys.reset(ctx.unit.now());
    let memory = ctx.server.keyspace.memory();
    memory.reset_peak();
    memory.reset_moved_by_compaction();
    memory.reset_freed_in_background();
    ctx.server.keyspace.miss_ratio().reset();
    ctx.reply.ok();
    Ok(())
}

/// `CONFIG HELP`.
fn help(ctx: &mut Context<'_, '_>, _args: Args<'_>) -> CommandResult {
    ctx.reply.help(
        "CONFIG",
        &[
            (
                "GET <pattern> [<pattern> ...]",
                &["Return the settings whose names match the patterns."],
            ),
            (
                "SET <directive> <value> [<directive> <value> ...]",
                &["Change settings, all of them or none."],
            ),
            ("RESETSTAT", &["Set the statistics of INFO to zero."]),
            (
                "REWRITE",
                &["Write the settings into the configuration file."],
            ),
        ],
    );
    Ok(())
}

impl From<ConfigError> for CommandError {
    fn from(error: ConfigError) -> Self {
        CommandError::Quoting(format!("ERR {error}").into_bytes().into())
    }
}
