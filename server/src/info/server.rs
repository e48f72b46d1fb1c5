//! `# Server`: the process.

use std::path::Path;
use std::time::{SystemTime, UNIX_EPOCH};

use storage::Unit;

use super::text::Text;
use super::{NUTHATCH_VERSION, REDIS_VERSION};
use crate::clock;
use crate::config::Config;
use crate::server::Server;

/// The LRU clock of Redis counts seconds in 24 bits.
const LRU_CLOCK_MASK: u64 = (1 << 24) - 1;
/// How often a worker looks after its sessions, per second.
const CRON_HZ: u32 = 10;

pub(super) fn write(text: &mut Text, server: &Server, _unit: &mut Unit<'_>) {
    let config = server.config.get();
    let system = rustix::system::uname();
    let part = |part: &std::ffi::CStr| part.to_string_lossy().into_owned();
    text.field("redis_version", REDIS_VERSION);
    text.field("nuthatch_version", NUTHATCH_VERSION);
    text.fields([
        ("redis_git_sha1", "00000000"),
        ("redis_git_dirty", "0"),
        ("redis_build_id", "0"),
        ("redis_mode", "standalone"),
    ]);
    let os = format!(
        "{} {} {}",
        part(system.sysname()),
        part(system.release()),
        part(system.machine())
    );
    text.field("os", os);
    text.field("arch_bits", usize::BITS);
    text.field("monotonic_clock", clock::counter_name());
    text.fields([("multiplexing_api", "epoll")]);
    // What Redis says when GCC has not built it.
    text.field("gcc_version", "0.0.0");
    text.field("process_id", std::process::id());
    text.field("process_supervised", "no");
    text.field("run_id", &server.run_id);
    text.field("tcp_port", config.port);
    let since_epoch = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default();
    text.field("server_time_usec", since_epoch.as_micros());
    let uptime = server.started.elapsed().as_secs();
    text.field("uptime_in_seconds", uptime);
    text.field("uptime_in_days", uptime / 86_400);
    text.field("hz", CRON_HZ);
    text.field("configured_hz", CRON_HZ);
    text.field("lru_clock", since_epoch.as_secs() & LRU_CLOCK_MASK);
    let executable = std::env::current_exe().unwrap_or_default();
    text.field("executable", executable.display());
    let config_file = server.config.file().map_or(Path::new(""), |file| file);
    text.field("config_file", config_file.display());
    text.field("io_threads_active", 0);
    text.field("threads", config.threads);
    text.field("shards", config.shards);
    listeners(&config)
        .iter()
        .enumerate()
        .for_each(|(at, one)| text.field(format_args!("listener{at}"), one));
}

fn listeners(config: &Config) -> Vec<String> {
    let mut listeners = Vec::new();
    if config.port != 0 {
        let binds: String = config
            .bind
            .iter()
            .map(|address| format!(",bind={address}"))
            .collect();
        listeners.push(format!("name=tcp{binds},port={}", config.port));
    }
    if !config.unixsocket.is_empty() {
        listeners.push(format!("name=unix,bind={}", config.unixsocket));
    }
    listeners
}
