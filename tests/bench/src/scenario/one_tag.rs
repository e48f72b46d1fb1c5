//! All keys under one hash tag: what the table weighs, and the worst insert.
//!
//! Such keys share one cluster slot, so a table ordered or divided by slot meets its worst case. The
//! same number of keys without a tag stands beside it. What an entry itself weighs is asked of the
//! server (`MEMORY USAGE` of samples); the rest of the growth of RSS is table. Inserts go one at a
//! time per connection; their latency is wall-clock time and holds the machine's hiccups too, so an
//! idle loop is reported beside it.

use std::time::Duration;

use clap::Args;
use hdrhistogram::Histogram;

use crate::args::ServerArgs;
use crate::commands::Mix;
use crate::error::Result;
use crate::keys::{KeyOrder, KeySpace};
use crate::load::{self, Length, LoadResult, LoadSpec};
use crate::machine::idle_hiccups;
use crate::random::Random;
use crate::report::{Cell, Report, Table, count_text, progress, quantile_cells};
use crate::servers::{Server, ServerProgram};
use crate::stats::mean;

const DATA_BYTES: usize = 64;
const SAMPLES: u64 = 1000;
/// An insert above this is counted.
const SLOW: Duration = Duration::from_millis(1);

/// Options of `onetag`.
#[derive(Debug, Args)]
pub(crate) struct OneTagArgs {
    #[command(flatten)]
    servers: ServerArgs,
    /// How many keys there are.
    #[arg(long, default_value_t = 10_000_000)]
    keys: u64,
    /// Connections of the load.
    #[arg(long, default_value_t = 4)]
    connections: usize,
    /// Inserts under way per connection; above 1 a latency holds the whole batch.
    #[arg(long, default_value_t = 1)]
    pipeline: u64,
}

/// Measures and reports.
///
/// # Errors
/// `BenchError`
pub(crate) fn run(args: &OneTagArgs, report: &mut Report) -> Result<()> {
    let title = format!(
        "{} keys of 24 B with values of {DATA_BYTES} B (to be met with one tag: table ≤ 16 B per key)",
        count_text(args.keys)
    );
    let columns = [
        "server",
        "keys",
        "RSS B/key",
        "beyond key+value",
        "MEMORY USAGE",
        "table B/key",
    ];
    let mut weights = Table::new(title, &columns);
    let title = "Latency of those inserts, µs (no insert above 1 ms is to be met)";
    let mut latencies = Table::new(
        title,
        &["server", "keys", "p50", "p99", "p99.9", "max", "above 1 ms"],
    );
    let mut longest = Duration::from_secs(1);
    for program in args.servers.programs() {
        for (name, prefix) in [("one tag", "{tag}:"), ("no tag", "notag:")] {
            let (weight, inserts) = measure(args, &program, name, prefix)?;
            weights.push(weight);
            latencies.push(latency_row(&program.name, name, &inserts.latency));
            longest = longest.max(inserts.elapsed);
        }
    }
    let rate = args.keys as f64 / longest.as_secs_f64();
    let core = [args.servers.server_core];
    for idle in idle_hiccups(&core, rate, longest.min(Duration::from_secs(30)))? {
        latencies.push(latency_row("idle loop", "", &idle));
    }
    report.add(weights)?;
    report.add(latencies)
}

fn measure(
    args: &OneTagArgs,
    program: &ServerProgram,
    name: &str,
    prefix: &str,
) -> Result<(Vec<Cell>, LoadResult)> {
    let server = args.servers.start(program)?;
    let (quiet, patience) = (Duration::from_secs(1), Duration::from_secs(10));
    let base = server.settled_rss_bytes(quiet, patience)?;
    let keys = KeySpace::new(args.keys, 24, prefix)?;
    let inserts = insert(args, &server, &keys)?;
    let rss = server.settled_rss_bytes(quiet, patience)?;
    let usage = memory_usage(&server, &keys)?;
    let per_key = rss.saturating_sub(base) as f64 / args.keys as f64;
    progress(&format!("{}, {name}: {per_key:.1} B per key", server.name));
    let row = vec![
        server.name.as_str().into(),
        name.into(),
        Cell::Number(per_key, 1),
        Cell::Number(per_key - (24 + DATA_BYTES) as f64, 1),
        Cell::number(usage, 1),
        Cell::number(usage.map(|usage| per_key - usage), 1),
    ];
    Ok((row, inserts))
}

fn insert(args: &OneTagArgs, server: &Server, keys: &KeySpace) -> Result<LoadResult> {
    load::run(&LoadSpec {
        address: server.address,
        connections: args.connections,
        pipeline: args.pipeline,
        mix: Mix::new(&["set".to_string()], keys, DATA_BYTES)?,
        key_count: keys.count,
        key_order: KeyOrder::Sequential,
        rate: None,
        warm_up: Duration::ZERO,
        length: Length::Requests(keys.count),
        seed: 1,
        server_pid: None,
    })?
    .checked()
}

/// The mean of what the server says of some keys.
fn memory_usage(server: &Server, keys: &KeySpace) -> Result<Option<f64>> {
    let mut client = server.client()?;
    let mut random = Random::new(3);
    let mut samples = Vec::new();
    for _ in 0..SAMPLES {
        let name = keys.name(random.below(keys.count));
        let bytes = client.integer(&format!("MEMORY USAGE {}", String::from_utf8_lossy(&name)))?;
        samples.push(bytes as f64);
    }
    Ok(mean(&samples))
}

fn latency_row(server: &str, keys: &str, latency: &Histogram<u64>) -> Vec<Cell> {
    let slow = latency.count_between(SLOW.as_nanos() as u64 + 1, u64::MAX);
    let mut row: Vec<Cell> = vec![server.into(), keys.into()];
    row.extend(quantile_cells(latency));
    row.push(slow.into());
    row
}
