//! `# Stats`: what has happened since the start or the last `CONFIG RESETSTAT`.

use std::sync::atomic::Ordering;

use storage::Unit;

use super::text::Text;
use crate::server::Server;
use crate::session::ChannelKind;

pub(super) fn write(text: &mut Text, server: &Server, _unit: &mut Unit<'_>) {
    write_traffic(text, server);
    write_keys(text, server);
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
    let expiry_nanos = stats.sum(|worker| &worker.expiry_nanos);
    text.field("expire_cycle_cpu_milliseconds", expiry_nanos / 1_000_000);
    text.field("evicted_keys", stats.sum(|worker| &worker.evicted));
    text.field(
        "evicted_clients",
        stats.sum(|worker| &worker.evicted_clients),
    );
    text.fields([
        ("total_eviction_exceeded_time", 0),
        ("current_eviction_exceeded_time", 0),
    ]);
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
        ("active_defrag_hits", 0),
        ("active_defrag_misses", 0),
        ("active_defrag_key_hits", 0),
        ("active_defrag_key_misses", 0),
        ("total_active_defrag_time", 0),
        ("current_active_defrag_time", 0),
        ("tracking_total_keys", 0),
        ("tracking_total_items", 0),
        ("tracking_total_prefixes", 0),
    ]);
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
