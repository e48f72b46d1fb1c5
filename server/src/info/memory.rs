//! `# Memory`: what is used, and what the system has given.

use std::sync::atomic::Ordering;

use storage::{MemoryParts, Unit};

use super::text::Text;
use crate::miss_ratio::Figures;
use crate::server::Server;
use crate::stats::{Chore, DoneBy};

/// The figures that several commands make theirs of.
#[derive(Clone, Debug, Default)]
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
    /// The part of it that no file and no other process shares.
    pub(crate) anonymous_bytes: u64,
    /// What lies in the slabs' pages.
    pub(crate) slab_live_bytes: u64,
    /// Those pages.
    pub(crate) slab_resident_bytes: u64,
    /// All parts of the keyspace.
    pub(crate) parts: MemoryParts,
}

/// Memory that is held, and the part of it that is wanted: what `INFO` and `MEMORY STATS` call them, each the ratio and the
/// difference.
pub(crate) struct Gap {
    info_names: (&'static str, &'static str),
    pub(crate) stats_names: (&'static str, &'static str),
    held_bytes: u64,
    wanted_bytes: u64,
}

impl Gap {
    /// What is held, relative to what is wanted.
    pub(crate) fn ratio(&self) -> f64 {
        percent(self.held_bytes, self.wanted_bytes) / 100.0
    }

    /// What is held beyond that.
    pub(crate) fn bytes(&self) -> i64 {
        self.held_bytes as i64 - self.wanted_bytes as i64
    }
}

impl MemoryFigures {
    /// As of now. `unit` may visit every shard.
    pub(crate) fn read(server: &Server, unit: &mut Unit<'_>) -> Self {
        unit.publish_memory();
        let parts = unit.memory_parts();
        let (resident_bytes, anonymous_bytes) = resident_bytes();
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
            resident_bytes,
            anonymous_bytes,
            slab_live_bytes: parts.slab_live_bytes,
            slab_resident_bytes: parts.slab_resident_bytes,
            parts,
        }
    }

    /// What is handed out: blocks, tables, buffers.
    pub(crate) fn allocated_bytes(&self) -> u64 {
        self.used_bytes.saturating_sub(self.parts.slab_excess_bytes)
    }

    /// The same with what is free in the pages of blocks.
    pub(crate) fn active_bytes(&self) -> u64 {
        self.allocated_bytes() + self.slab_gap_bytes().max(0) as u64
    }

    /// Slab pages, relative to what lies in them.
    pub(crate) fn slab_ratio(&self) -> f64 {
        percent(self.slab_resident_bytes, self.slab_live_bytes) / 100.0
    }

    /// What is free in slab pages.
    pub(crate) fn slab_gap_bytes(&self) -> i64 {
        self.slab_resident_bytes as i64 - self.slab_live_bytes as i64
    }

    /// What is lost, and where: in pages of blocks, in the allocators, outside them, altogether.
    pub(crate) fn gaps(&self) -> [Gap; 4] {
        let gap = |info_names, stats_names, held_bytes, wanted_bytes| Gap {
            info_names,
            stats_names,
            held_bytes,
            wanted_bytes,
        };
        [
            gap(
                ("allocator_frag_ratio", "allocator_frag_bytes"),
                (
                    "allocator-fragmentation.ratio",
                    "allocator-fragmentation.bytes",
                ),
                self.active_bytes(),
                self.allocated_bytes(),
            ),
            gap(
                ("allocator_rss_ratio", "allocator_rss_bytes"),
                ("allocator-rss.ratio", "allocator-rss.bytes"),
                self.anonymous_bytes,
                self.active_bytes(),
            ),
            gap(
                ("rss_overhead_ratio", "rss_overhead_bytes"),
                ("rss-overhead.ratio", "rss-overhead.bytes"),
                self.resident_bytes,
                self.anonymous_bytes,
            ),
            gap(
                ("mem_fragmentation_ratio", "mem_fragmentation_bytes"),
                ("fragmentation", "fragmentation.bytes"),
                self.resident_bytes,
                self.used_bytes,
            ),
        ]
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

/// The resident size of the process, and the part of it that is anonymous; 0 where the system does not tell.
fn resident_bytes() -> (u64, u64) {
    let statm = std::fs::read_to_string("/proc/self/statm").unwrap_or_default();
    let mut pages = statm.split(' ').skip(1).map(|pages| pages.parse::<u64>());
    let mut next = || pages.next().and_then(Result::ok).unwrap_or(0);
    let (resident, shared) = (next(), next());
    let page_bytes = rustix::param::page_size() as u64;
    (
        resident * page_bytes,
        resident.saturating_sub(shared) * page_bytes,
    )
}

/// Memory of the machine.
pub(crate) fn system_bytes() -> u64 {
    let system = rustix::system::sysinfo();
    system.totalram as u64 * u64::from(system.mem_unit)
}

/// Where memory is held that is not wanted. What is resident of the allocators is all that is anonymous: stacks are among
/// it, and they are small.
fn write_gaps(text: &mut Text, gaps: &[Gap]) {
    for gap in gaps {
        let (ratio, bytes) = gap.info_names;
        text.field(ratio, format_args!("{:.2}", gap.ratio()));
        text.field(bytes, gap.bytes());
    }
}

/// The keyspace's own pages, and who works on them: the share of a processor that maintenance took during the last second,
/// while pages are being emptied.
fn write_slabs(text: &mut Text, server: &Server, figures: &MemoryFigures) {
    text.fields([
        ("slab_live_bytes", figures.slab_live_bytes),
        ("slab_resident_bytes", figures.slab_resident_bytes),
    ]);
    text.field(
        "slab_fragmentation_ratio",
        format_args!("{:.2}", figures.slab_ratio()),
    );
    let percent = match figures.parts.sparse_shards {
        0 => 0.0,
        _ => server
            .stats
            .window(0)
            .percent(|nanos| nanos.of(DoneBy::Background, Chore::Maintenance))
            .max(1.0),
    };
    text.field("active_defrag_running", format_args!("{percent:.0}"));
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
    text.fields([
        ("allocator_allocated", figures.allocated_bytes()),
        ("allocator_active", figures.active_bytes()),
        ("allocator_resident", figures.anonymous_bytes),
    ]);
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
    write_gaps(text, &figures.gaps());
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
    write_slabs(text, server, &figures);
    text.field("lazyfree_pending_objects", figures.parts.dead_objects);
    text.field("lazyfreed_objects", keyspace.memory().freed_in_background());
}
