//! `MEMORY`: where the bytes are.

mod doctor;

use super::Arity::{AtLeast, Exactly};
use super::KeySpec::{NoKeys, One};
use super::{Args, Command, CommandError, CommandResult, Context, Flags, KeyAccess, miss_ratio};
use crate::container;
use crate::info::{MemoryFigures, system_bytes};
use crate::output::Output;
use crate::stats::{Chore, DoneBy, WINDOWS};
use doctor::{Case, diagnosis};

pub(super) const MEMORY: Command = Command::container("MEMORY", SUBCOMMANDS);

/// Shards keep small changes of their memory to themselves until somebody asks.
const ALL_SHARDS: Flags = Flags::UNDECLARED.and(Flags::ROAMING);

const SUBCOMMANDS: &[Command] = &[
    Command::new("DOCTOR", Exactly(2), NoKeys, ALL_SHARDS, doctor),
    Command::new(
        "HELP",
        Exactly(2),
        NoKeys,
        Flags::LOADING.and(Flags::STALE),
        help,
    ),
    Command::new("MALLOC-STATS", Exactly(2), NoKeys, ALL_SHARDS, malloc_stats),
    Command::new("MRC", Exactly(2), NoKeys, ALL_SHARDS, miss_ratio::mrc),
    Command::new("PURGE", Exactly(2), NoKeys, Flags::NONE, purge),
    Command::new("STATS", Exactly(2), NoKeys, ALL_SHARDS, stats),
    Command::new("USAGE", AtLeast(3), One(2), Flags::READ, usage)
        .with_access(&[KeyAccess::READ_META]),
];

/// `MEMORY USAGE key [SAMPLES count]`: bytes of the key with its entry and value. Nothing is sampled: every value
/// knows its size.
fn usage(ctx: &mut Context<'_, '_>, args: Args<'_>) -> CommandResult {
    let mut at = 3;
    while at < args.len() {
        if !args.is(at, "SAMPLES") || at + 1 >= args.len() {
            return Err(CommandError::Syntax);
        }
        if protocol::parse_i64(&args[at + 1]).ok_or(CommandError::NotInteger)? < 0 {
            return Err(CommandError::Syntax);
        }
        at += 2;
    }
    let key = ctx.key(args, 2);
    match ctx
        .unit
        .peek(ctx.session.db, &key)
        .map(|entry| entry.memory_bytes())
    {
        Some(bytes) => ctx.reply.integer(bytes as i64),
        None => ctx.reply.null(),
    }
    Ok(())
}

/// `MEMORY STATS`: the figures of INFO, and what each database takes beyond its entries.
fn stats(ctx: &mut Context<'_, '_>, _args: Args<'_>) -> CommandResult {
    let figures = MemoryFigures::read(ctx.server, ctx.unit);
    let keys: Vec<u64> = (0..ctx.server.keyspace.databases())
        .map(|db| ctx.unit.db_len(db))
        .collect();
    let all_keys: u64 = keys.iter().sum();
    let dbs = figures.parts.dbs.iter().zip(&keys).enumerate();
    let dbs: Vec<_> = dbs.filter(|(_, (_, keys))| **keys > 0).collect();
    let parts = [
        ("peak.allocated", figures.peak_bytes),
        ("total.allocated", figures.used_bytes),
        // Nothing is allocated for the keyspace before the first key.
        ("startup.allocated", 0),
        ("replication.backlog", 0),
        ("clients.slaves", 0),
        ("clients.normal", figures.clients_bytes),
        ("cluster.links", 0),
        ("aof.buffer", 0),
        ("lua.caches", 0),
        ("functions.caches", 0),
    ];
    let totals = [
        ("overhead.total", figures.overhead_bytes()),
        ("keys.count", all_keys),
        (
            "keys.bytes-per-key",
            figures.used_bytes.checked_div(all_keys).unwrap_or(0),
        ),
        ("dataset.bytes", figures.dataset_bytes),
    ];
    let shares = [
        ("dataset.percentage", figures.dataset_percent()),
        ("peak.percentage", figures.peak_percent()),
    ];
    let allocator = [
        ("allocator.allocated", figures.allocated_bytes()),
        ("allocator.active", figures.active_bytes()),
        ("allocator.resident", figures.anonymous_bytes),
    ];
    let gaps = figures.gaps();
    let fields = parts.len() + dbs.len() + totals.len() + shares.len() + allocator.len();
    let reply = &mut ctx.reply;
    reply.map(fields + 2 * gaps.len());
    put_integers(reply, &parts);
    for (number, (overhead, _)) in dbs {
        reply.bulk(format!("db.{number}").as_bytes());
        reply.map(4);
        let parts = [
            ("overhead.hashtable.main", overhead.table_bytes),
            ("overhead.hashtable.expires", overhead.expiry_bytes),
            ("overhead.hashtable.slot-to-keys", 0),
            ("overhead.eviction", overhead.eviction_bytes),
        ];
        put_integers(reply, &parts);
    }
    put_integers(reply, &totals);
    for (name, value) in shares {
        reply.bulk(name.as_bytes());
        reply.double(value);
    }
    put_integers(reply, &allocator);
    for gap in gaps {
        reply.bulk(gap.stats_names.0.as_bytes());
        reply.double(gap.ratio());
        reply.bulk(gap.stats_names.1.as_bytes());
        reply.integer(gap.bytes());
    }
    Ok(())
}

fn put_integers(reply: &mut Output<'_>, fields: &[(&str, u64)]) {
    for (name, value) in fields {
        reply.bulk(name.as_bytes());
        reply.integer(*value as i64);
    }
}

/// `MEMORY DOCTOR`.
fn doctor(ctx: &mut Context<'_, '_>, _args: Args<'_>) -> CommandResult {
    let server = ctx.server;
    let figures = MemoryFigures::read(server, ctx.unit);
    let removed = ctx.unit.removed_keys();
    let databases = 0..server.keyspace.databases();
    let container = container::memory(system_bytes());
    let minute = server.stats.window(WINDOWS.len() - 1);
    let text = diagnosis(&Case {
        figures,
        limit_bytes: server.keyspace.memory().limit_bytes(),
        policy: server.config.get().maxmemory_policy,
        available_bytes: container.map_or_else(system_bytes, |container| container.bytes),
        is_container: container.is_some_and(|container| container.is_limit),
        keys: databases.clone().map(|db| ctx.unit.db_len(db)).sum(),
        expiring: databases.map(|db| ctx.unit.db_expires(db)).sum(),
        expired: removed.by_db.iter().map(|db| db.expired).sum(),
        evicted: removed.by_db.iter().map(|db| db.evicted).sum(),
        eviction_percent: minute.percent(|nanos| {
            let by = [DoneBy::Background, DoneBy::Command];
            by.map(|by| nanos.of(by, Chore::Eviction)).iter().sum()
        }),
    });
    ctx.reply.verbatim(b"txt", text.as_bytes());
    Ok(())
}

/// `MEMORY MALLOC-STATS`: of the keyspace's own allocator.
fn malloc_stats(ctx: &mut Context<'_, '_>, _args: Args<'_>) -> CommandResult {
    let figures = MemoryFigures::read(ctx.server, ctx.unit);
    let parts = &figures.parts;
    let text = format!(
        "keyspace: {} bytes used, {} of them by entries, {} by tables, free slab space and buffers; peak {}\n\
         slabs: {} bytes in blocks, {} in pages, {} in records of both; {} of {} shards are being compacted\n\
         outside: {} bytes in large entries, {} in long strings and big collections\n\
         process: {} bytes resident, {} of them anonymous\n",
        figures.used_bytes,
        figures.dataset_bytes,
        figures.overhead_bytes(),
        figures.peak_bytes,
        figures.slab_live_bytes,
        figures.slab_resident_bytes,
        parts.slab_metadata_bytes,
        parts.sparse_shards,
        ctx.server.keyspace.shard_count(),
        parts.large_bytes,
        parts.outside_bytes,
        figures.resident_bytes,
        figures.anonymous_bytes,
    );
    ctx.reply.verbatim(b"txt", text.as_bytes());
    Ok(())
}

/// `MEMORY PURGE`: workers look for sparse pages at once instead of at their next round.
fn purge(ctx: &mut Context<'_, '_>, _args: Args<'_>) -> CommandResult {
    ctx.server.wake_crons();
    ctx.reply.ok();
    Ok(())
}

/// `MEMORY HELP`.
fn help(ctx: &mut Context<'_, '_>, _args: Args<'_>) -> CommandResult {
    ctx.reply.help(
        "MEMORY",
        &[
            ("DOCTOR", &["Say in words how memory is doing."]),
            ("MALLOC-STATS", &["Return the allocator's figures."]),
            miss_ratio::HELP,
            ("PURGE", &["Give free memory back to the system."]),
            ("STATS", &["Return figures about memory."]),
            (
                "USAGE <key> [SAMPLES <count>]",
                &["Return the bytes that a key and its value take. SAMPLES is accepted; nothing is estimated."],
            ),
        ],
    );
    Ok(())
}
