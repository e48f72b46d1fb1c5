//! `# Stats`: what has happened since the start or the last `CONFIG RESETSTAT`.

use std::collections::BTreeMap;
use std::sync::atomic::Ordering;

use storage::{RemovedKeys, RemovedOfDb, Unit};

use super::text::Text;
use crate::config::MaxmemoryPolicy;
use crate::server::Server;
use crate::session::ChannelKind;
use crate::stats::{Chore, DoneBy, ExceededTime, WINDOWS};

pub(super) fn write(text: &mut Text, server: &Server, unit: &mut Unit<'_>) {
    write_traffic(text, server);
    write_keys(text, server);
    write_removed(text, server, &unit.removed_keys());
    write_hit_ratios(text, server);
    write_errors(text, server);
}

fn write_traffic(text: &mut Text, server: &Server) {
    let stats = &server.stats;
    let kilobytes = |bytes: u64| format!("{:.2}", bytes as f64 / 1024.0);
    text.field(
        "total_connections_received",
        stats.sum(|worker| &worker.connections),
    );
    text.field(
        "total_commands_processed",
        stats.sum(|worker| &worker.commands),
    );
    text.field(
        "instantaneous_ops_per_sec",
        stats.sum(|worker| &worker.commands_per_second),
    );
    text.field(
        "total_net_input_bytes",
        stats.sum(|worker| &worker.read_bytes),
    );
    text.field(
        "total_net_output_bytes",
        stats.sum(|worker| &worker.written_bytes),
    );
    text.fields([
        ("total_net_repl_input_bytes", 0),
        ("total_net_repl_output_bytes", 0),
    ]);
    text.field(
        "instantaneous_input_kbps",
        kilobytes(stats.sum(|worker| &worker.read_bytes_per_second)),
    );
    text.field(
        "instantaneous_output_kbps",
        kilobytes(stats.sum(|worker| &worker.written_bytes_per_second)),
    );
    text.fields([
        ("instantaneous_input_repl_kbps", "0.00"),
        ("instantaneous_output_repl_kbps", "0.00"),
    ]);
    // Relaxed: a figure.
    text.field(
        "rejected_connections",
        stats.rejected_connections.load(Ordering::Relaxed),
    );
    text.fields([
        ("sync_full", 0),
        ("sync_partial_ok", 0),
        ("sync_partial_err", 0),
    ]);
}

fn write_keys(text: &mut Text, server: &Server) {
    let stats = &server.stats;
    text.field("expired_keys", stats.sum(|worker| &worker.expired));
    // Expiry is exact here: it looks at keys that are due and at no others.
    text.field("expired_stale_perc", "0.00");
    text.field("expired_time_cap_reached_count", 0);
    let upkeep = stats.upkeep();
    let expiry_nanos =
        upkeep.of(DoneBy::Background, Chore::Expiry) + upkeep.of(DoneBy::Command, Chore::Expiry);
    text.field("expire_cycle_cpu_milliseconds", expiry_nanos / 1_000_000);
    text.field("evicted_keys", stats.sum(|worker| &worker.evicted));
    text.field(
        "evicted_clients",
        stats.sum(|worker| &worker.evicted_clients),
    );
    let memory = server.keyspace.memory();
    stats.note_memory(memory);
    write_exceeded(text, "eviction_exceeded", &stats.over_limit);
    text.field("keyspace_hits", stats.sum(|worker| &worker.hits));
    text.field("keyspace_misses", stats.sum(|worker| &worker.misses));
    text.field(
        "pubsub_channels",
        server.pubsub.channel_count(ChannelKind::Channel),
    );
    text.field("pubsub_patterns", server.pubsub.pattern_count());
    text.field(
        "pubsubshard_channels",
        server.pubsub.channel_count(ChannelKind::Shard),
    );
    text.fields([
        ("latest_fork_usec", 0),
        ("total_forks", 0),
        ("migrate_cached_sockets", 0),
        ("slave_expires_tracked_keys", 0),
    ]);
    // A key is moved with its value, where that is small; big values are not moved.
    let (moved, declined) = memory.moved_by_compaction();
    text.fields([
        ("active_defrag_hits", moved),
        ("active_defrag_misses", declined),
        ("active_defrag_key_hits", moved),
        ("active_defrag_key_misses", declined),
    ]);
    write_exceeded(text, "active_defrag", &stats.sparse);
    text.fields([
        ("tracking_total_keys", 0),
        ("tracking_total_items", 0),
        ("tracking_total_prefixes", 0),
    ]);
}

/// How long something has been too much, in milliseconds: altogether, and since it last became so.
fn write_exceeded(text: &mut Text, what: &str, time: &ExceededTime) {
    let (total, current) = time.read();
    text.field(format_args!("total_{what}_time"), total.as_millis());
    text.field(format_args!("current_{what}_time"), current.as_millis());
}

/// Keys that expired and were evicted, by database and by policy. The first database and the policy in force are always
/// there. A line of its own, and not a part of the database's: a database whose keys have all gone has no line, and there
/// are tools that read a database's line only if it has no more fields than they know.
fn write_removed(text: &mut Text, server: &Server, removed: &RemovedKeys) {
    let by_db = |count: fn(&RemovedOfDb) -> u64| {
        let dbs = removed.by_db.iter().enumerate();
        let counts = dbs.map(|(db, of_db)| (format!("db{db}"), count(of_db)));
        list(counts, "db0")
    };
    text.field("expired_keys_by_db", by_db(|db| db.expired));
    text.field("evicted_keys_by_db", by_db(|db| db.evicted));
    let policies = removed.by_policy.iter().filter_map(|some| {
        let policy = MaxmemoryPolicy::choosing(some.algorithm, some.volatile_only)?;
        Some((policy.word().to_owned(), some.evicted))
    });
    // Which shard has evicted first does not matter.
    let policies: BTreeMap<String, u64> = policies.collect();
    let in_force = server.config.get().maxmemory_policy;
    let by_policy = list(policies.into_iter(), in_force.word());
    text.field("evicted_keys_by_policy", by_policy);
}

/// `name=count` of all that have a count, and of `always`.
fn list(counts: impl Iterator<Item = (String, u64)>, always: &str) -> String {
    let mut counts: Vec<_> = counts
        .filter(|(name, count)| *count > 0 || name == always)
        .collect();
    if counts.iter().all(|(name, _)| name != always) {
        counts.push((always.to_owned(), 0));
    }
    let pairs = counts.iter().map(|(name, count)| format!("{name}={count}"));
    pairs.collect::<Vec<_>>().join(",")
}

/// The part of lookups that found a key, of those in the last seconds, and how many these were: a ratio without lookups
/// is 0.
fn write_hit_ratios(text: &mut Text, server: &Server) {
    for (at, window) in WINDOWS.iter().enumerate() {
        let totals = server.stats.window(at);
        let ratio = format!("{:.4}", totals.hit_ratio());
        text.field(format_args!("keyspace_hit_ratio_{window}s"), ratio);
        text.field(format_args!("keyspace_lookups_{window}s"), totals.lookups);
    }
}

/// The loops of all workers together. Redis has reply buffers that grow and shrink, and counts that here too; replies of
/// several sessions share ours.
fn write_loops(text: &mut Text, server: &Server) {
    let stats = &server.stats;
    let steps_per_second = stats.sum(|worker| &worker.steps_per_second);
    let nanos_per_second = stats.sum(|worker| &worker.step_nanos_per_second);
    let nanos_per_step = nanos_per_second.checked_div(steps_per_second);
    text.fields([
        ("eventloop_cycles", stats.sum(|worker| &worker.steps)),
        (
            "eventloop_duration_sum",
            stats.sum(|worker| &worker.step_nanos) / 1_000,
        ),
        ("eventloop_duration_cmd_sum", stats.command_nanos() / 1_000),
        ("instantaneous_eventloop_cycles_per_sec", steps_per_second),
        (
            "instantaneous_eventloop_duration_usec",
            nanos_per_step.unwrap_or(0) / 1_000,
        ),
    ]);
}

fn write_errors(text: &mut Text, server: &Server) {
    let stats = &server.stats;
    let errors = stats.errors();
    text.field("unexpected_error_replies", 0);
    text.field("total_error_replies", errors.total());
    text.field("dump_payload_sanitizations", 0);
    text.field("total_reads_processed", stats.sum(|worker| &worker.reads));
    text.field("total_writes_processed", stats.sum(|worker| &worker.writes));
    text.fields([
        ("io_threaded_reads_processed", 0),
        ("io_threaded_writes_processed", 0),
    ]);
    let queries = stats.sum(|worker| &worker.query_limit_disconnections);
    text.field("client_query_buffer_limit_disconnections", queries);
    let outputs = stats.sum(|worker| &worker.output_limit_disconnections);
    text.field("client_output_buffer_limit_disconnections", outputs);
    write_loops(text, server);
    let wrong_passwords = errors
        .iter()
        .find(|(prefix, _)| *prefix == "WRONGPASS")
        .map_or(0, |(_, count)| count);
    text.field("acl_access_denied_auth", wrong_passwords);
    text.fields([
        ("acl_access_denied_cmd", 0),
        ("acl_access_denied_key", 0),
        ("acl_access_denied_channel", 0),
    ]);
}
