//! The policies against the references, in the storage crate itself.

use clap::Args;

use crate::cells::{CapacityCell, KEYS_PER_SHARD_MIN, Selection};
use crate::error::Result;
use crate::replay::{Capacity, POLICIES, PolicyUnderTest, mean_miss_ratio};
use crate::trace::{Reference, Trace};

/// Options of `in-process`.
#[derive(Debug, Args)]
pub(crate) struct InProcessArgs {
    /// Shards.
    #[arg(long, default_value_t = 1)]
    shards: usize,
    /// The mean over so many seeds of the hashes is compared [default: 3, or 10 with fewer than 1000 keys].
    #[arg(long)]
    seeds: Option<u64>,
}

/// How far, in percentage points, a policy may be from its reference.
pub(crate) fn tolerance_points(policy: &str, shards: usize) -> f64 {
    match (policy, shards) {
        ("fifo", 1) => 0.02,
        _ => 1.0,
    }
}

/// Prints a table; how many figures are too far from their reference.
pub(crate) fn run(args: &InProcessArgs, selection: &Selection) -> Result<usize> {
    let references = selection.references()?;
    let policies: Vec<&PolicyUnderTest> = POLICIES
        .iter()
        .filter(|policy| selection.wants_policy(policy.name))
        .collect();
    let names: Vec<&str> = policies.iter().map(|policy| policy.name).collect();
    println!(
        "| trace | size | capacity | {} | exact LRU |",
        names.join(" | ")
    );
    println!("|---|--:|--:|{}--:|", "--:|".repeat(names.len()));
    let mut table = Table {
        shards: args.shards,
        seeds: args.seeds,
        references: &references,
        far: 0,
        saved: Vec::new(),
    };
    for trace in selection.traces(&references) {
        let trace = trace?;
        for cell in selection.cells(&references, &trace) {
            if args.shards == 1 || cell.keys >= KEYS_PER_SHARD_MIN * args.shards as u64 {
                table.row(&trace, &cell, &policies);
            }
        }
    }
    table.summary();
    Ok(table.far)
}

struct Table<'r> {
    shards: usize,
    seeds: Option<u64>,
    references: &'r [Reference],
    far: usize,
    /// What s3fifo saves of the misses of exact LRU.
    saved: Vec<f64>,
}

impl Table<'_> {
    fn row(&mut self, trace: &Trace, cell: &CapacityCell, policies: &[&PolicyUnderTest]) {
        let capacity = match cell.capacity {
            Capacity::Keys(keys) => keys.to_string(),
            Capacity::Bytes(bytes) => format!("{:.1} MB", bytes as f64 / 1e6),
        };
        let mut row = vec![trace.name.clone(), percent(cell.fraction), capacity];
        let lru = self.reference(trace, cell, "LRU");
        for policy in policies {
            let Some(reference) = self.reference(trace, cell, policy.reference) else {
                row.push("–".into());
                continue;
            };
            let seeds = (self.seeds).unwrap_or(if cell.keys < 1_000 { 10 } else { 3 });
            let ratio = mean_miss_ratio(trace, policy, cell.capacity, self.shards, seeds);
            row.push(self.figure(policy, cell, ratio, reference));
            if policy.name == "s3fifo" {
                self.saved.extend(lru.map(|lru| 1.0 - ratio / lru));
            }
        }
        row.push(lru.map_or("–".into(), |lru| format!("{:.2}", 100.0 * lru)));
        println!("| {} |", row.join(" | "));
    }

    /// A miss ratio in per cent, with its distance from the reference.
    fn figure(
        &mut self,
        policy: &PolicyUnderTest,
        cell: &CapacityCell,
        ratio: f64,
        reference: f64,
    ) -> String {
        let points = 100.0 * (ratio - reference);
        // With fewer keys both are lotteries.
        let is_judged = cell.keys >= KEYS_PER_SHARD_MIN;
        let is_far = is_judged && points.abs() > tolerance_points(policy.name, self.shards);
        self.far += usize::from(is_far);
        let mark = if is_far { " ✗" } else { "" };
        format!("{:.2} ({points:+.2}){mark}", 100.0 * ratio)
    }

    fn reference(&self, trace: &Trace, cell: &CapacityCell, policy: &str) -> Option<f64> {
        let mut references = self.references.iter();
        let found = references.find(|it| {
            it.trace == trace.name && it.capacity() == cell.capacity && it.policy == policy
        });
        found.map(|reference| reference.miss_ratio)
    }

    fn summary(&self) {
        if !self.saved.is_empty() {
            let mean = self.saved.iter().sum::<f64>() / self.saved.len() as f64;
            println!(
                "\ns3fifo makes {:.2} % fewer misses than exact LRU, the mean over {} cells.",
                100.0 * mean,
                self.saved.len()
            );
        }
    }
}

/// A part as per cent.
pub(crate) fn percent(part: f64) -> String {
    format!("{} %", 100.0 * part)
}
