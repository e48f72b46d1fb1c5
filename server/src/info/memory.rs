//! `# Memory`: what is used, and what the system has given.

use std::sync::atomic::Ordering;

use storage::Unit;

use super::text::Text;
use crate::miss_ratio::Figures;
use crate::server::Server;

/// The figures that several commands make theirs of.
#[derive(Clone, Copy, Debug)]
pub(crate) struct MemoryFigures {
    /// What is compared with `maxmemory`.
    pub(crate) used_bytes: u64,
    /// The most that was used.
    pub(crate) peak_bytes: u64,
    /// The part that entries take.
    pub(crate) dataset_bytes: u64,
    /// Requests and replies that wait in sessions.
    pub(crate) clients_bytes: u64,
    /// What the process has in memory.
    pub(crate) resident_bytes: u64,
}

impl MemoryFigures {
    /// As of now. `unit` may visit every shard.
    pub(crate) fn read(server: &Server, unit: &mut Unit<'_>) -> Self {
        unit.publish_memory();
        let memory = server.keyspace.memory();
        let clients = server.clients.list();
        let clients_bytes = clients.iter().map(|client| {
            // Relaxed: figures.
            let parts = [
                &client.input_bytes,
                &client.pending_bytes,
                &client.queued_bytes,
            ];
            parts
                .into_iter()
                .map(|part| part.load(Ordering::Relaxed) as u64)
                .sum::<u64>()
        });
        Self {
            used_bytes: memory.used_bytes(),
            peak_bytes: memory.peak_bytes(),
            dataset_bytes: memory.dataset_bytes(),
            clients_bytes: clients_bytes.sum(),
            resident_bytes: resident_bytes(),
        }
    }

    /// What is used beyond entries.
    pub(crate) fn overhead_bytes(&self) -> u64 {
        self.used_bytes.saturating_sub(self.dataset_bytes)
    }

    /// Entries' share of what is used.
    pub(crate) fn dataset_percent(&self) -> f64 {
        percent(self.dataset_bytes, self.used_bytes)
    }

    /// What is used, relative to the peak.
    pub(crate) fn peak_percent(&self) -> f64 {
        percent(self.used_bytes, self.peak_bytes)
    }

    /// Resident size, relative to what is used.
    pub(crate) fn fragmentation_ratio(&self) -> f64 {
        percent(self.resident_bytes, self.used_bytes) / 100.0
    }

    /// Resident size beyond what is used.
    pub(crate) fn fragmentation_bytes(&self) -> i64 {
        self.resident_bytes as i64 - self.used_bytes as i64
    }
}

fn percent(part: u64, whole: u64) -> f64 {
    if whole == 0 {
        0.0
    } else {
        part as f64 * 100.0 / whole as f64
    }
}

/// The resident size of the process; 0 where the system does not tell.
fn resident_bytes() -> u64 {
    let statm = std::fs::read_to_string("/proc/self/statm").unwrap_or_default();
    let pages = statm
        .split(' ')
        .nth(1)
        .and_then(|pages| pages.parse::<u64>().ok())
        .unwrap_or(0);
    pages * rustix::param::page_size() as u64
}

/// Memory of the machine.
pub(crate) fn system_bytes() -> u64 {
    let system = rustix::system::sysinfo();
    system.totalram as u64 * u64::from(system.mem_unit)
}

/// The allocators tell nothing of pages that they hold and do not use: as in a Redis on such an allocator, what is
/// resident is all theirs.
fn write_allocator(text: &mut Text, figures: &MemoryFigures) {
    text.fields([
        ("allocator_allocated", figures.used_bytes),
        ("allocator_active", figures.resident_bytes),
        ("allocator_resident", figures.resident_bytes),
    ]);
    let ratio = format!("{:.2}", figures.fragmentation_ratio());
    text.field("allocator_frag_ratio", ratio);
    text.field("allocator_frag_bytes", figures.fragmentation_bytes());
    text.field("allocator_rss_ratio", "1.00");
    text.field("allocator_rss_bytes", 0);
    text.field("rss_overhead_ratio", "1.00");
    text.field("rss_overhead_bytes", 0);
}

/// The hit ratio of the last minutes, and what it would be with half the memory and double, once that is known.
fn write_hit_ratios(text: &mut Text, server: &Server) {
    let ratios = Figures::read(server).ratios;
    text.field("mrc_samples", ratios.samples as u64);
    let names = [
        "mrc_hit_ratio",
        "mrc_hit_ratio_half_memory",
        "mrc_hit_ratio_double_memory",
    ];
    let known = ratios.measured.into_iter().chain(ratios.estimates);
    for (name, hit_ratio) in names.into_iter().zip(known) {
        text.field(name, format_args!("{hit_ratio:.4}"));
    }
}

pub(super) fn write(text: &mut Text, server: &Server, unit: &mut Unit<'_>) {
    let config = server.config.get();
    let keyspace = &server.keyspace;
    let figures = MemoryFigures::read(server, unit);
    text.size("used_memory", figures.used_bytes);
    text.size("used_memory_rss", figures.resident_bytes);
    text.size("used_memory_peak", figures.peak_bytes);
    text.field(
        "used_memory_peak_perc",
        format_args!("{:.2}%", figures.peak_percent()),
    );
    text.field("used_memory_overhead", figures.overhead_bytes());
    // Nothing is allocated for the keyspace before the first key.
    text.field("used_memory_startup", 0);
    text.field("used_memory_dataset", figures.dataset_bytes);
    text.field(
        "used_memory_dataset_perc",
        format_args!("{:.2}%", figures.dataset_percent()),
    );
    write_allocator(text, &figures);
    text.size("total_system_memory", system_bytes());
    // There are no scripts.
    text.size("used_memory_lua", 0);
    text.size("used_memory_vm_total", 0);
    text.size("used_memory_scripts", 0);
    text.fields([
        ("used_memory_vm_eval", 0),
        ("used_memory_scripts_eval", 0),
        ("used_memory_vm_functions", 0),
        ("used_memory_functions", 0),
        ("number_of_cached_scripts", 0),
        ("number_of_functions", 0),
        ("number_of_libraries", 0),
    ]);
    text.size("maxmemory", keyspace.memory().limit_bytes());
    let policy = config.value_of("maxmemory-policy").unwrap_or_default();
    text.field("maxmemory_policy", String::from_utf8_lossy(&policy));
    text.field(
        "mem_fragmentation_ratio",
        format_args!("{:.2}", figures.fragmentation_ratio()),
    );
    text.field("mem_fragmentation_bytes", figures.fragmentation_bytes());
    text.fields([
        ("mem_not_counted_for_evict", 0),
        ("mem_replication_backlog", 0),
        ("mem_total_replication_buffers", 0),
        ("mem_clients_slaves", 0),
        ("mem_clients_normal", figures.clients_bytes),
        ("mem_cluster_links", 0),
        ("mem_aof_buffer", 0),
    ]);
    write_hit_ratios(text, server);
    text.field("mem_allocator", "mimalloc");
    text.field("active_defrag_running", 0);
    // Shards in which freed memory waits for the background.
    let shards = 0..keyspace.shard_count() as u16;
    text.field(
        "lazyfree_pending_objects",
        shards.filter(|&shard| keyspace.has_chores(shard)).count(),
    );
    text.field("lazyfreed_objects", keyspace.memory().freed_in_background());
}
