//! The one table of directives. Configuration file, command line, environment, `CONFIG GET`, `SET` and `REWRITE`
//! and the help text all derive from it.
//!
//! The names, ranges and defaults are those of Redis 7.2. Three groups of rows:
//!
//! - `live` rows have a field in [`Config`] and do what they say.
//! - `kept` rows are accepted, keep their value and show it, so that existing files, tools and test suites work
//!   unchanged. Alone they are details: encoding thresholds, tuning of Redis's own machinery, or settings of a
//!   feature whose switch is a refused row. With `.warns(…)` a value other than the default says in the log what
//!   is missing: nothing is lost, but the operator asked for something.
//! - `.refuses(…)` rows accept their default only. Any other value would promise durability (`appendonly`),
//!   replication (`replicaof`, `min-replicas-to-write`), distribution (`cluster-enabled`), security (`tls-port`,
//!   `aclfile`, `syslog-enabled`) or a process model (`daemonize`, `supervised`) that this version does not have.
//!
//! Defaults that differ from Redis's, on purpose:
//! - `bind` is `127.0.0.1 -::1` as in Redis's own configuration file, not `* -::*` as built into its binary: a
//!   server started without configuration is reachable from this machine only.
//! - `save` is empty: there are no snapshots yet.
//! - `disable-thp` is `no`: huge pages are a pain where a fork copies them, and here nothing forks.
//! - `pidfile` is empty: without a daemon nobody asks for one.
//! - `syslog-ident` is our name.

use super::checks::{any_text, aof_dir_name, aof_name, host_name, rdb_name, title_template};
use super::directive::{Directive, Place, kept, live};
use super::settings::{self, Config, SHARDS_MAX, Setting, THREADS_MAX};
use super::types::MaxmemoryPolicy;
use super::value::{Kind, Kind::*, Value};

/// The field of [`Config`] that holds a row's value.
macro_rules! field {
    ($($name:ident).+) => {
        Place::Field {
            read: |config| config.$($name).+.to_value(),
            write: |config, value| config.$($name).+ = Setting::from_value(value),
        }
    };
}

const INT_MAX: i64 = i32::MAX as i64;
const INT_MIN: i64 = i32::MIN as i64;
const LONG_MAX: u64 = i64::MAX as u64;
const MIB: u64 = 1 << 20;

const PORT: Kind = Integer { min: 0, max: 65535 };
/// From 0 to the largest `int`.
const NUMBER: Kind = Integer {
    min: 0,
    max: INT_MAX,
};
/// From 1 to the largest `int`.
const POSITIVE: Kind = Integer {
    min: 1,
    max: INT_MAX,
};
/// From 0 to the largest `long`.
const LARGE: Kind = Integer {
    min: 0,
    max: i64::MAX,
};
const BYTES: Kind = Memory {
    min: 0,
    max: LONG_MAX,
};
const TEXT: Kind = Text(any_text);
const PERMISSION: Kind = Choice(&["no", "yes", "local"]);

pub(super) static TABLE: &[Directive] = &[
    // Listening and connections.
    live("bind", Addresses, "127.0.0.1 -::1", field!(bind)),
    live("port", PORT, "6379", field!(port)),
    live("unixsocket", TEXT, "", field!(unixsocket))
        .immutable()
        .empty_is_unset(),
    live(
        "unixsocketperm",
        Octal { max: 0o777 },
        "0",
        field!(unixsocketperm),
    )
    .immutable(),
    live("tcp-backlog", NUMBER, "511", field!(tcp_backlog)).immutable(),
    live(
        "tcp-keepalive",
        NUMBER,
        "300",
        field!(tcp_keepalive_seconds),
    ),
    live("timeout", NUMBER, "0", field!(timeout_seconds)),
    live(
        "maxclients",
        Integer {
            min: 1,
            max: u32::MAX as i64,
        },
        "10000",
        field!(maxclients),
    ),
    live("protected-mode", Flag, "yes", field!(protected_mode)),
    live("requirepass", Secret, "", field!(requirepass))
        .sensitive()
        .empty_is_unset(),
    kept("bind-source-addr", TEXT, "").empty_is_unset(),
    kept(
        "socket-mark-id",
        Integer {
            min: 0,
            max: u32::MAX as i64,
        },
        "0",
    )
    .immutable()
    .warns("sockets are not marked"),
    // Process.
    live(
        "threads",
        Integer {
            min: 1,
            max: THREADS_MAX as i64,
        },
        "1",
        field!(threads),
    )
    .computed(|_| Value::Integer(settings::default_threads().into()))
    .immutable(),
    live(
        "shards",
        PowerOfTwo {
            max: SHARDS_MAX as i64,
        },
        "64",
        field!(shards),
    )
    .computed(|config| Value::Integer(settings::default_shards(config.threads).into()))
    .immutable(),
    live("databases", POSITIVE, "16", field!(databases)).immutable(),
    live("dir", Dir, "", field!(dir))
        .computed(|_| Value::Dir(settings::start_dir()))
        .protected(),
    live("pidfile", TEXT, "", field!(pidfile))
        .immutable()
        .empty_is_unset(),
    live(
        "shutdown-on-sigterm",
        Shutdown,
        "default",
        field!(shutdown_on_sigterm),
    ),
    live(
        "shutdown-on-sigint",
        Shutdown,
        "default",
        field!(shutdown_on_sigint),
    ),
    kept("shutdown-timeout", NUMBER, "10"),
    kept("daemonize", Flag, "no")
        .immutable()
        .refuses("running in the background (start it from a service manager, or with nohup)"),
    kept(
        "supervised",
        Choice(&["upstart", "systemd", "auto", "no"]),
        "no",
    )
    .immutable()
    .refuses("telling a supervisor that the server is ready"),
    kept("always-show-logo", Flag, "no").immutable(),
    kept("set-proc-title", Flag, "yes").immutable(),
    kept(
        "proc-title-template",
        Text(title_template),
        "{title} {listen-addr} {server-mode}",
    ),
    kept("io-threads", Integer { min: 1, max: 128 }, "1").immutable(),
    kept("io-threads-do-reads", Flag, "no").immutable(),
    kept(
        "hz",
        Clamped {
            max: INT_MAX,
            low: 1,
            high: 500,
        },
        "10",
    ),
    kept("dynamic-hz", Flag, "yes"),
    kept("server-cpulist", TEXT, "")
        .alias("server_cpulist")
        .immutable()
        .empty_is_unset()
        .warns("threads are not pinned; use taskset or the service manager"),
    kept("bio-cpulist", TEXT, "")
        .alias("bio_cpulist")
        .immutable()
        .empty_is_unset(),
    kept(
        "oom-score-adj",
        Choice(&["no", "yes", "relative", "absolute"]),
        "no",
    )
    .warns("the OOM score is left alone; set it in the service manager"),
    kept("oom-score-adj-values", OomScores, "0 200 800"),
    live("disable-thp", Flag, "no", field!(disable_thp)).immutable(),
    kept("crash-log-enabled", Flag, "yes"),
    kept("crash-memcheck-enabled", Flag, "yes"),
    kept("use-exit-on-panic", Flag, "no").hidden(),
    kept("watchdog-period", NUMBER, "0").hidden(),
    kept("ignore-warnings", TEXT, ""),
    kept("jemalloc-bg-thread", Flag, "yes"),
    kept("locale-collate", TEXT, ""),
    kept("enable-module-command", PERMISSION, "no").immutable(),
    kept("enable-debug-assert", Flag, "no").immutable().hidden(),
    live(
        "enable-protected-configs",
        PERMISSION,
        "no",
        field!(enable_protected_configs),
    )
    .immutable(),
    live(
        "enable-debug-command",
        PERMISSION,
        "no",
        field!(enable_debug_command),
    )
    .immutable(),
    // Logging.
    live(
        "loglevel",
        Choice(&["debug", "verbose", "notice", "warning", "nothing"]),
        "notice",
        field!(loglevel),
    ),
    live("logfile", TEXT, "", field!(logfile)).immutable(),
    live(
        "log-format",
        Choice(&["human", "json"]),
        "human",
        field!(log_format),
    )
    .immutable(),
    kept("syslog-enabled", Flag, "no")
        .immutable()
        .refuses("logging to syslog"),
    kept("syslog-ident", TEXT, "nuthatch").immutable(),
    kept(
        "syslog-facility",
        Choice(&[
            "user", "local0", "local1", "local2", "local3", "local4", "local5", "local6", "local7",
        ]),
        "local0",
    )
    .immutable(),
    kept("hide-user-data-from-log", Flag, "no"),
    // Memory.
    live(
        "maxmemory",
        Memory {
            min: 0,
            max: u64::MAX,
        },
        "0",
        field!(maxmemory_bytes),
    )
    .computed(|config| Value::Memory(config.maxmemory_default_bytes)),
    live(
        "maxmemory-policy",
        Choice(MaxmemoryPolicy::WORDS),
        "noeviction",
        field!(maxmemory_policy),
    ),
    live(
        "maxmemory-samples",
        POSITIVE,
        "5",
        field!(maxmemory_samples),
    ),
    kept(
        "maxmemory-eviction-tenacity",
        Integer { min: 0, max: 100 },
        "10",
    ),
    live(
        "maxmemory-clients",
        MemoryOrPercent,
        "0",
        field!(maxmemory_clients),
    ),
    live("lfu-log-factor", NUMBER, "10", field!(lfu_log_factor)),
    live("lfu-decay-time", NUMBER, "1", field!(lfu_decay_minutes)),
    kept("active-expire-effort", Integer { min: 1, max: 10 }, "1"),
    kept("activerehashing", Flag, "yes"),
    kept("activedefrag", Flag, "no")
        .refuses("Redis's active defragmentation (memory is always compacted here)"),
    kept(
        "active-defrag-ignore-bytes",
        Memory {
            min: 1,
            max: LONG_MAX,
        },
        "104857600",
    ),
    kept(
        "active-defrag-threshold-lower",
        Integer { min: 0, max: 1000 },
        "10",
    ),
    kept(
        "active-defrag-threshold-upper",
        Integer { min: 0, max: 1000 },
        "100",
    ),
    kept("active-defrag-cycle-min", Integer { min: 1, max: 99 }, "1"),
    kept("active-defrag-cycle-max", Integer { min: 1, max: 99 }, "25"),
    kept(
        "active-defrag-max-scan-fields",
        Integer {
            min: 1,
            max: i64::MAX,
        },
        "1000",
    ),
    kept("lazyfree-lazy-eviction", Flag, "no"),
    kept("lazyfree-lazy-expire", Flag, "no"),
    kept("lazyfree-lazy-server-del", Flag, "no"),
    kept("lazyfree-lazy-user-del", Flag, "no"),
    kept("lazyfree-lazy-user-flush", Flag, "no"),
    // Clients.
    live(
        "proto-max-bulk-len",
        Memory {
            min: MIB,
            max: LONG_MAX,
        },
        "536870912",
        field!(proto_max_bulk_len_bytes),
    ),
    live(
        "client-query-buffer-limit",
        Memory {
            min: MIB,
            max: LONG_MAX,
        },
        "1073741824",
        field!(client_query_buffer_limit_bytes),
    ),
    live(
        "client-output-buffer-limit",
        OutputBufferLimits,
        "normal 0 0 0 slave 268435456 67108864 60 pubsub 33554432 8388608 60",
        field!(client_output_buffer_limit),
    ),
    live(
        "notify-keyspace-events",
        KeyspaceEvents,
        "",
        field!(notify_keyspace_events),
    ),
    kept("tracking-table-max-keys", LARGE, "1000000"),
    kept(
        "acl-pubsub-default",
        Choice(&["allchannels", "resetchannels"]),
        "resetchannels",
    ),
    kept("acllog-max-len", LARGE, "128"),
    kept("aclfile", TEXT, "")
        .immutable()
        .refuses("access control lists"),
    // Observation.
    live(
        "slowlog-log-slower-than",
        Integer {
            min: -1,
            max: i64::MAX,
        },
        "10000",
        field!(slowlog_log_slower_than_us),
    ),
    live("slowlog-max-len", LARGE, "128", field!(slowlog_max_len)),
    live(
        "latency-monitor-threshold",
        LARGE,
        "0",
        field!(latency_monitor_threshold_ms),
    ),
    live("latency-tracking", Flag, "yes", field!(latency_tracking)),
    live(
        "latency-tracking-info-percentiles",
        Percentiles,
        "50 99 99.9",
        field!(latency_tracking_info_percentiles),
    ),
    // Scripts and functions.
    kept("busy-reply-threshold", LARGE, "5000").alias("lua-time-limit"),
    // Encodings.
    live(
        "hash-max-listpack-entries",
        LARGE,
        "512",
        field!(limits.hash.entries),
    )
    .alias("hash-max-ziplist-entries"),
    live(
        "hash-max-listpack-value",
        BYTES,
        "64",
        field!(limits.hash.value_bytes),
    )
    .alias("hash-max-ziplist-value"),
    live(
        "list-max-listpack-size",
        Integer {
            min: INT_MIN,
            max: INT_MAX,
        },
        "-2",
        field!(limits.list_node),
    )
    .alias("list-max-ziplist-size"),
    kept("list-compress-depth", NUMBER, "0"),
    live(
        "set-max-intset-entries",
        LARGE,
        "512",
        field!(limits.intset_entries),
    ),
    live(
        "set-max-listpack-entries",
        LARGE,
        "128",
        field!(limits.set.entries),
    ),
    live(
        "set-max-listpack-value",
        BYTES,
        "64",
        field!(limits.set.value_bytes),
    ),
    live(
        "zset-max-listpack-entries",
        LARGE,
        "128",
        field!(limits.sorted_set.entries),
    )
    .alias("zset-max-ziplist-entries"),
    live(
        "zset-max-listpack-value",
        BYTES,
        "64",
        field!(limits.sorted_set.value_bytes),
    )
    .alias("zset-max-ziplist-value"),
    live(
        "hll-sparse-max-bytes",
        BYTES,
        "3000",
        field!(hll_sparse_max_bytes),
    ),
    live(
        "stream-node-max-bytes",
        BYTES,
        "4096",
        field!(limits.stream_node_bytes),
    ),
    live(
        "stream-node-max-entries",
        LARGE,
        "100",
        field!(limits.stream_node_entries),
    ),
    // Snapshots.
    live("save", Save, "", field!(save)).warns("there are no snapshots yet"),
    kept("dbfilename", Text(rdb_name), "dump.rdb").protected(),
    kept("rdbcompression", Flag, "yes"),
    kept("rdbchecksum", Flag, "yes").immutable(),
    kept("rdb-save-incremental-fsync", Flag, "yes"),
    kept("rdb-del-sync-files", Flag, "no"),
    kept(
        "rdb-key-save-delay",
        Integer {
            min: INT_MIN,
            max: INT_MAX,
        },
        "0",
    )
    .hidden(),
    kept(
        "key-load-delay",
        Integer {
            min: INT_MIN,
            max: INT_MAX,
        },
        "0",
    )
    .hidden(),
    kept(
        "loading-process-events-interval-bytes",
        Integer {
            min: 1024,
            max: INT_MAX,
        },
        "2097152",
    )
    .hidden(),
    kept("stop-writes-on-bgsave-error", Flag, "yes"),
    kept(
        "sanitize-dump-payload",
        Choice(&["no", "yes", "clients"]),
        "no",
    ),
    kept("bgsave-cpulist", TEXT, "")
        .alias("bgsave_cpulist")
        .immutable()
        .empty_is_unset(),
    // Append-only file.
    kept("appendonly", Flag, "no").refuses("the append-only file"),
    kept("appendfilename", Text(aof_name), "appendonly.aof").immutable(),
    kept("appenddirname", Text(aof_dir_name), "appendonlydir").immutable(),
    kept(
        "appendfsync",
        Choice(&["everysec", "always", "no"]),
        "everysec",
    ),
    kept("no-appendfsync-on-rewrite", Flag, "no"),
    kept("auto-aof-rewrite-percentage", NUMBER, "100"),
    kept("auto-aof-rewrite-min-size", BYTES, "67108864"),
    kept("aof-load-truncated", Flag, "yes"),
    kept("aof-use-rdb-preamble", Flag, "yes"),
    kept("aof-timestamp-enabled", Flag, "no"),
    kept("aof-disable-auto-gc", Flag, "no"),
    kept("aof-rewrite-incremental-fsync", Flag, "yes"),
    kept("aof-rewrite-cpulist", TEXT, "")
        .alias("aof_rewrite_cpulist")
        .immutable()
        .empty_is_unset(),
    // Replication.
    kept("replicaof", ReplicaOf, "no one")
        .alias("slaveof")
        .immutable()
        .refuses("replication"),
    kept("masterauth", Secret, "").sensitive().empty_is_unset(),
    kept("masteruser", Secret, "").sensitive().empty_is_unset(),
    kept("min-replicas-to-write", NUMBER, "0")
        .alias("min-slaves-to-write")
        .refuses("replication"),
    kept("min-replicas-max-lag", NUMBER, "10").alias("min-slaves-max-lag"),
    kept("replica-serve-stale-data", Flag, "yes").alias("slave-serve-stale-data"),
    kept("replica-read-only", Flag, "yes").alias("slave-read-only"),
    kept("replica-priority", NUMBER, "100").alias("slave-priority"),
    kept("replica-lazy-flush", Flag, "no").alias("slave-lazy-flush"),
    kept("replica-ignore-maxmemory", Flag, "yes").alias("slave-ignore-maxmemory"),
    kept("replica-ignore-disk-write-errors", Flag, "no"),
    kept("replica-announce-ip", TEXT, "")
        .alias("slave-announce-ip")
        .empty_is_unset(),
    kept("replica-announce-port", PORT, "0").alias("slave-announce-port"),
    kept("replica-announced", Flag, "yes"),
    kept(
        "repl-backlog-size",
        Memory {
            min: 1,
            max: LONG_MAX,
        },
        "1048576",
    ),
    kept("repl-backlog-ttl", LARGE, "3600"),
    kept("repl-timeout", POSITIVE, "60"),
    kept("repl-ping-replica-period", POSITIVE, "10").alias("repl-ping-slave-period"),
    kept("repl-disable-tcp-nodelay", Flag, "no"),
    kept("repl-diskless-sync", Flag, "yes"),
    kept("repl-diskless-sync-delay", NUMBER, "5"),
    kept("repl-diskless-sync-max-replicas", NUMBER, "0"),
    kept(
        "repl-diskless-load",
        Choice(&["disabled", "on-empty-db", "swapdb"]),
        "disabled",
    ),
    kept(
        "propagation-error-behavior",
        Choice(&["ignore", "panic", "panic-on-replicas"]),
        "ignore",
    ),
    // Cluster.
    kept("cluster-enabled", Flag, "no")
        .immutable()
        .refuses("the cluster"),
    kept("cluster-config-file", TEXT, "nodes.conf").immutable(),
    kept("cluster-node-timeout", LARGE, "15000"),
    kept("cluster-port", PORT, "0").immutable(),
    kept("cluster-announce-ip", TEXT, "").empty_is_unset(),
    kept("cluster-announce-hostname", Text(host_name), "").empty_is_unset(),
    kept("cluster-announce-human-nodename", Text(host_name), "").empty_is_unset(),
    kept("cluster-announce-port", PORT, "0"),
    kept("cluster-announce-bus-port", PORT, "0"),
    kept("cluster-announce-tls-port", PORT, "0"),
    kept(
        "cluster-preferred-endpoint-type",
        Choice(&["ip", "hostname", "unknown-endpoint"]),
        "ip",
    ),
    kept("cluster-migration-barrier", NUMBER, "1"),
    kept("cluster-allow-replica-migration", Flag, "yes"),
    kept("cluster-replica-validity-factor", NUMBER, "10").alias("cluster-slave-validity-factor"),
    kept("cluster-replica-no-failover", Flag, "no").alias("cluster-slave-no-failover"),
    kept("cluster-require-full-coverage", Flag, "yes"),
    kept("cluster-allow-reads-when-down", Flag, "no"),
    kept("cluster-allow-pubsubshard-when-down", Flag, "yes"),
    kept(
        "cluster-link-sendbuf-limit",
        Memory {
            min: 0,
            max: u64::MAX,
        },
        "0",
    ),
    // TLS.
    kept("tls-port", PORT, "0").refuses("TLS"),
    kept("tls-replication", Flag, "no").refuses("TLS"),
    kept("tls-cluster", Flag, "no").refuses("TLS"),
    kept(
        "tls-auth-clients",
        Choice(&["no", "yes", "optional"]),
        "yes",
    ),
    kept("tls-cert-file", TEXT, "").empty_is_unset(),
    kept("tls-key-file", TEXT, "").empty_is_unset(),
    kept("tls-key-file-pass", Secret, "")
        .sensitive()
        .empty_is_unset(),
    kept("tls-client-cert-file", TEXT, "").empty_is_unset(),
    kept("tls-client-key-file", TEXT, "").empty_is_unset(),
    kept("tls-client-key-file-pass", Secret, "")
        .sensitive()
        .empty_is_unset(),
    kept("tls-dh-params-file", TEXT, "").empty_is_unset(),
    kept("tls-ca-cert-file", TEXT, "").empty_is_unset(),
    kept("tls-ca-cert-dir", TEXT, "").empty_is_unset(),
    kept("tls-protocols", TEXT, "").empty_is_unset(),
    kept("tls-ciphers", TEXT, "").empty_is_unset(),
    kept("tls-ciphersuites", TEXT, "").empty_is_unset(),
    kept("tls-prefer-server-ciphers", Flag, "no"),
    kept("tls-session-caching", Flag, "yes"),
    kept("tls-session-cache-size", NUMBER, "20480"),
    kept("tls-session-cache-timeout", NUMBER, "300"),
];

/// Names of old Redis versions that a file may still hold; they are read and dropped, as Redis does.
pub(super) const DROPPED: &[&str] = &[
    "list-max-ziplist-entries",
    "list-max-ziplist-value",
    "lua-replicate-commands",
];

/// A directive and the name by which it was found.
#[derive(Debug, Clone, Copy)]
pub(super) struct Found {
    pub(super) directive: &'static Directive,
    /// Its name or its alias, as the table writes it.
    pub(super) called: &'static str,
}

/// The directive of this name or alias, in any case.
pub(super) fn find(name: &[u8]) -> Option<Found> {
    let directive = TABLE.iter().find(|directive| directive.is_called(name))?;
    let called = match directive.alias {
        Some(alias) if name.eq_ignore_ascii_case(alias.as_bytes()) => alias,
        _ => directive.name,
    };
    Some(Found { directive, called })
}

/// A configuration in which every directive has its default.
pub(super) fn defaults() -> Config {
    let mut config = Config::blank();
    for directive in TABLE {
        if directive.has_field() {
            let value = directive.default_value(&config);
            directive.store(&mut config, value);
        }
    }
    config
}
