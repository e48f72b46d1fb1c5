//! Which traces are replayed at which capacities.

use std::path::PathBuf;

use clap::Args;

use crate::error::Result;
use crate::replay::Capacity;
use crate::trace::{Reference, Trace};

/// Fewer keys in a shard than this, and a policy is not what it is.
pub(crate) const KEYS_PER_SHARD_MIN: u64 = 100;

/// What the command line asks for.
#[derive(Debug, Args)]
pub(crate) struct Selection {
    /// Where the traces and their references lie.
    #[arg(long, value_name = "DIRECTORY", default_value = concat!(env!("CARGO_MANIFEST_DIR"), "/traces"))]
    traces: PathBuf,
    /// Only these traces.
    #[arg(long = "trace", value_name = "NAME", global = true)]
    names: Vec<String>,
    /// Only these policies.
    #[arg(long = "policy", value_name = "NAME", global = true)]
    policies: Vec<String>,
    /// Only these sizes, as parts of the number of keys.
    #[arg(long = "size", value_name = "FRACTION", global = true)]
    fractions: Vec<f64>,
    /// Only traces of so many requests or more.
    #[arg(long, global = true, default_value_t = 0)]
    requests_min: usize,
    /// Only traces of up to so many requests.
    #[arg(long, global = true)]
    requests_max: Option<usize>,
}

/// A capacity at which a trace is replayed.
pub(crate) struct CapacityCell {
    pub(crate) fraction: f64,
    pub(crate) capacity: Capacity,
    /// Keys that fit, with sizes on average.
    pub(crate) keys: u64,
}

impl Selection {
    /// All references.
    pub(crate) fn references(&self) -> Result<Vec<Reference>> {
        Reference::read_all(&self.traces)
    }

    /// The wanted traces that are there.
    pub(crate) fn traces(&self, references: &[Reference]) -> impl Iterator<Item = Result<Trace>> {
        let mut names: Vec<String> = references
            .iter()
            .map(|reference| reference.trace.clone())
            .filter(|name| self.traces.join(format!("{name}.csv.zst")).exists())
            .filter(|name| wants(&self.names, name))
            .collect();
        names.dedup();
        let has_wanted_length = |trace: &Trace| {
            let length = trace.requests.len();
            length >= self.requests_min && self.requests_max.is_none_or(|most| length <= most)
        };
        names
            .into_iter()
            .map(|name| Trace::read(&self.traces, &name))
            .filter(move |trace| trace.as_ref().map_or(true, has_wanted_length))
    }

    /// The wanted capacities for a trace, smallest first.
    pub(crate) fn cells(&self, references: &[Reference], trace: &Trace) -> Vec<CapacityCell> {
        let mut cells: Vec<CapacityCell> = Vec::new();
        for reference in references.iter().filter(|it| it.trace == trace.name) {
            let capacity = reference.capacity();
            if (self.fractions.is_empty() || self.fractions.contains(&reference.fraction))
                && !cells.iter().any(|cell| cell.capacity == capacity)
            {
                let keys = match capacity {
                    Capacity::Keys(keys) => keys,
                    Capacity::Bytes(bytes) => trace.keys as u64 * bytes / trace.bytes().max(1),
                };
                cells.push(CapacityCell {
                    fraction: reference.fraction,
                    capacity,
                    keys,
                });
            }
        }
        cells
    }

    pub(crate) fn wants_policy(&self, name: &str) -> bool {
        wants(&self.policies, name)
    }
}

fn wants(wanted: &[String], name: &str) -> bool {
    wanted.is_empty() || wanted.iter().any(|wanted| wanted == name)
}
