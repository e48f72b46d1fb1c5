//! `MEMORY`: where the bytes are.

use super::Arity::{AtLeast, Exactly};
use super::KeySpec::{NoKeys, One};
use super::{Args, Command, CommandError, CommandResult, Context, Flags, KeyAccess, miss_ratio};
use crate::info::MemoryFigures;

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

/// `MEMORY STATS`: those fields of Redis that mean something here.
fn stats(ctx: &mut Context<'_, '_>, _args: Args<'_>) -> CommandResult {
    let figures = MemoryFigures::read(ctx.server, ctx.unit);
    let databases = 0..ctx.server.keyspace.databases();
    let keys: u64 = databases.map(|db| ctx.unit.db_len(db)).sum();
    let integers = [
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
        ("keys.count", keys),
        (
            "keys.bytes-per-key",
            figures.used_bytes.checked_div(keys).unwrap_or(0),
        ),
        ("dataset.bytes", figures.dataset_bytes),
    ];
    ctx.reply.map(integers.len() + totals.len() + 4);
    let reply = &mut ctx.reply;
    for (name, value) in integers.into_iter().chain(totals) {
        reply.bulk(name.as_bytes());
        reply.integer(value as i64);
    }
    let doubles = [
        ("dataset.percentage", figures.dataset_percent()),
        ("peak.percentage", figures.peak_percent()),
        ("fragmentation", figures.fragmentation_ratio()),
    ];
    for (name, value) in doubles {
        reply.bulk(name.as_bytes());
        reply.double(value);
    }
    reply.bulk(b"fragmentation.bytes");
    reply.integer(figures.fragmentation_bytes());
    Ok(())
}

/// `MEMORY DOCTOR`.
fn doctor(ctx: &mut Context<'_, '_>, _args: Args<'_>) -> CommandResult {
    let figures = MemoryFigures::read(ctx.server, ctx.unit);
    let text = diagnosis(&figures, ctx.server.keyspace.memory().limit_bytes());
    ctx.reply.verbatim(b"txt", text.as_bytes());
    Ok(())
}

/// Below this the figures say more about the process than about the data.
const SMALL_BYTES: u64 = 5 * 1024 * 1024;

/// What there is to say about these figures.
fn diagnosis(figures: &MemoryFigures, limit_bytes: u64) -> String {
    if figures.used_bytes < SMALL_BYTES {
        return "There is too little data in here for a diagnosis.\n".to_owned();
    }
    let mut findings = Vec::new();
    if figures.peak_bytes > figures.used_bytes / 2 * 3 {
        findings.push(
            "- The peak was more than half again what is used now. Memory that is free again goes back to the system by \
             and by; until then the resident size stays high.\n",
        );
    }
    if figures.fragmentation_ratio() > 1.4 && figures.fragmentation_bytes() > 10 << 20 {
        findings.push(
            "- The resident size is more than 1.4 times what is used. Sparse pages are compacted in the background; if \
             this stays, MEMORY PURGE gives free memory back at once.\n",
        );
    }
    if figures.clients_bytes > figures.used_bytes / 10 {
        findings.push(
            "- Buffers of clients take more than a tenth of the data: CLIENT LIST shows who does not read (omem) or sends \
             much at once (qbuf).\n",
        );
    }
    if limit_bytes != 0 && figures.used_bytes > limit_bytes / 100 * 95 {
        findings.push("- Less than a twentieth of maxmemory is free.\n");
    }
    if findings.is_empty() {
        return "Memory shows no problem.\n".to_owned();
    }
    format!("Memory shows this:\n\n{}", findings.concat())
}

/// `MEMORY MALLOC-STATS`: of the keyspace's own allocator.
fn malloc_stats(ctx: &mut Context<'_, '_>, _args: Args<'_>) -> CommandResult {
    let figures = MemoryFigures::read(ctx.server, ctx.unit);
    let text = format!(
        "keyspace: {} bytes used, {} of them by entries, {} by tables, free slab space and buffers; peak {}\n\
         process: {} bytes resident\n",
        figures.used_bytes,
        figures.dataset_bytes,
        figures.overhead_bytes(),
        figures.peak_bytes,
        figures.resident_bytes,
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_diagnosis_names_what_is_wrong() {
        let mut figures = MemoryFigures {
            used_bytes: 100 << 20,
            peak_bytes: 101 << 20,
            dataset_bytes: 90 << 20,
            clients_bytes: 0,
            resident_bytes: 110 << 20,
        };
        assert_eq!(diagnosis(&figures, 0), "Memory shows no problem.\n");
        figures.resident_bytes = 150 << 20;
        assert!(diagnosis(&figures, 0).contains("resident size is more"));
        assert!(diagnosis(&figures, 102 << 20).contains("maxmemory"));
        figures.clients_bytes = 20 << 20;
        assert!(diagnosis(&figures, 0).contains("CLIENT LIST"));
        figures.used_bytes = 1;
        assert!(diagnosis(&figures, 0).contains("too little data"));
    }
}
