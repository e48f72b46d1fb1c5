//! The hit ratio at other sizes of `maxmemory`: what storage has sampled, and what the workers have counted.

use storage::{HitRatios, Lookups, UnixMillis};

use crate::clock::unix_now;
use crate::server::Server;

/// Keys are of interest that would still be there with so many times the memory.
const HORIZON: u64 = 4;
/// With the memory as it is the curve begins at an eighth of it and ends at the horizon, four points per doubling.
const POINTS: std::ops::RangeInclusive<i32> = -12..=8;
const POINTS_PER_DOUBLING: f64 = 4.0;

/// Half the memory, and twice as much.
const HALF_AND_DOUBLE: [f64; 2] = [0.5, 2.0];

/// What is known of the hit ratio.
pub(crate) struct Figures {
    /// The memory that there is: `maxmemory` or, without it, what is used.
    pub(crate) memory_bytes: u64,
    /// With the estimates at half the memory and double, if there are any.
    pub(crate) ratios: HitRatios,
    /// Memory and hit ratio.
    pub(crate) curve: Vec<(u64, f64)>,
}

impl Figures {
    /// As of now.
    pub(crate) fn read(server: &Server) -> Self {
        observe(server, unix_now());
        let memory_bytes = memory_bytes(server);
        let times = POINTS.map(|point| (f64::from(point) / POINTS_PER_DOUBLING).exp2());
        let all: Vec<u64> = HALF_AND_DOUBLE
            .into_iter()
            .chain(times)
            .map(|times| (memory_bytes as f64 * times) as u64)
            .collect();
        let memory = server.keyspace.memory();
        let sizes: Vec<u64> = all
            .iter()
            .map(|&bytes| memory.dataset_share(bytes))
            .collect();
        let now_bytes = memory.dataset_share(memory_bytes);
        let mut ratios = server.keyspace.miss_ratio().hit_ratios(now_bytes, &sizes);
        let points = ratios.estimates.iter().copied();
        let curve = all.into_iter().zip(points).skip(HALF_AND_DOUBLE.len());
        let curve = curve.collect();
        ratios.estimates.truncate(HALF_AND_DOUBLE.len());
        Self {
            memory_bytes,
            ratios,
            curve,
        }
    }
}

/// Tells storage what has been counted since the last time.
pub(crate) fn observe(server: &Server, now: UnixMillis) {
    let lookups = Lookups {
        hits: server.stats.sum(|worker| &worker.hits),
        misses: server.stats.sum(|worker| &worker.misses),
    };
    let memory = server.keyspace.memory();
    let horizon_bytes = memory.dataset_share(memory_bytes(server).saturating_mul(HORIZON));
    let miss_ratio = server.keyspace.miss_ratio();
    miss_ratio.observe(lookups, horizon_bytes, now);
}

fn memory_bytes(server: &Server) -> u64 {
    let memory = server.keyspace.memory();
    match memory.limit_bytes() {
        0 => memory.used_bytes(),
        limit => limit,
    }
}
