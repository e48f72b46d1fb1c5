//! Memory per key beyond key and value, with and without a time to live.
//!
//! For each size a fresh server grows through all the numbers of keys, so that tables are met at
//! several degrees of filling; the empty server's RSS is subtracted, and the mean over the numbers is
//! reported. Values are letters: a value that is a number is stored as one and would weigh nothing.

use std::time::Duration;

use clap::Args;

use super::{connections, judged, ratio_to_best_peer};
use crate::args::ServerArgs;
use crate::commands::Mix;
use crate::error::{BenchError, Result};
use crate::keys::{KeyOrder, KeySpace};
use crate::load::{self, Length, LoadSpec};
use crate::report::{Cell, Report, Table, count_text, progress};
use crate::servers::{Server, ServerProgram};
use crate::stats::{Better, mean};

/// What is to be met per key, without and with a time to live.
const BYTES_MAX: f64 = 32.0;
const BYTES_WITH_TTL_MAX: f64 = 44.0;
const QUIET: Duration = Duration::from_millis(500);
const PATIENCE: Duration = Duration::from_secs(5);

/// Options of `memory`.
#[derive(Debug, Args)]
pub(crate) struct MemoryArgs {
    #[command(flatten)]
    servers: ServerArgs,
    /// Sizes, KEY/VALUE in bytes.
    #[arg(long, value_delimiter = ',', default_value = "16/8,16/64,32/64")]
    sizes: Vec<String>,
    /// Numbers of keys, growing.
    #[arg(
        long,
        value_delimiter = ',',
        default_value = "750000,1000000,1250000,1500000"
    )]
    keys: Vec<u64>,
    /// Idle connections; 0 leaves them out.
    #[arg(long, default_value_t = 10_000)]
    connections: usize,
}

/// Measures and reports.
///
/// # Errors
/// `BenchError`
pub(crate) fn run(args: &MemoryArgs, report: &mut Report) -> Result<()> {
    if !args.keys.is_empty() && !args.sizes.is_empty() {
        report.add(keys_table(args)?)?;
    }
    if args.connections > 0 {
        report.add(connections::table(&args.servers, args.connections)?)?;
    }
    Ok(())
}

fn keys_table(args: &MemoryArgs) -> Result<Table> {
    let programs = args.servers.programs();
    let numbers: Vec<String> = args.keys.iter().map(|&keys| count_text(keys)).collect();
    let mut columns = vec!["key/value", "TTL"];
    columns.extend(programs.iter().map(|program| program.name.as_str()));
    columns.extend(["ratio", "to be met", "the first's, at each number of keys"]);
    let title = format!(
        "RSS per key beyond key and value, bytes (mean over {} keys)",
        numbers.join(", ")
    );
    let mut table = Table::new(title, &columns);
    for size in &args.sizes {
        let (key_bytes, data_bytes) = parse_size(size)?;
        for with_ttl in [false, true] {
            let per_server = programs
                .iter()
                .map(|program| overheads(args, program, key_bytes, data_bytes, with_ttl))
                .collect::<Result<Vec<_>>>()?;
            table.push(row(size, with_ttl, &per_server));
        }
    }
    Ok(table)
}

fn row(size: &str, with_ttl: bool, per_server: &[Vec<f64>]) -> Vec<Cell> {
    let means: Vec<Option<f64>> = per_server.iter().map(|overheads| mean(overheads)).collect();
    let bound = if with_ttl {
        BYTES_WITH_TTL_MAX
    } else {
        BYTES_MAX
    };
    let mut row: Vec<Cell> = vec![size.into(), if with_ttl { "yes" } else { "no" }.into()];
    row.push(judged(means[0], Some(bound), 1));
    row.extend(means[1..].iter().map(|&bytes| Cell::number(bytes, 1)));
    row.push(Cell::number(ratio_to_best_peer(&means, Better::Lower), 2));
    row.push(Cell::Number(bound, 0));
    let each: Vec<String> = per_server[0]
        .iter()
        .map(|bytes| format!("{bytes:.1}"))
        .collect();
    row.push(each.join(" / ").into());
    row
}

/// Bytes per key beyond key and value at each number of keys.
fn overheads(
    args: &MemoryArgs,
    program: &ServerProgram,
    key_bytes: usize,
    data_bytes: usize,
    with_ttl: bool,
) -> Result<Vec<f64>> {
    let server = args.servers.start(program)?;
    let base = settled_rss_bytes(&server)?;
    let mut overheads = Vec::new();
    let mut stored = 0;
    for &keys in &args.keys {
        if keys <= stored {
            return Err(BenchError::Usage("the numbers of keys must grow".into()));
        }
        // The prefix counts the steps, so that each step's sequential keys are new ones.
        let prefix = format!("{}:", overheads.len());
        add_keys(
            &server,
            &KeySpace::new(keys - stored, key_bytes, &prefix)?,
            data_bytes,
            with_ttl,
        )?;
        stored = keys;
        let rss = settled_rss_bytes(&server)?;
        let per_key = rss.saturating_sub(base) as f64 / keys as f64;
        overheads.push(per_key - (key_bytes + data_bytes) as f64);
    }
    progress(&format!(
        "{}: {key_bytes}/{data_bytes}, TTL {with_ttl}: {overheads:.1?}",
        server.name
    ));
    Ok(overheads)
}

/// Resident memory once the server has come to rest.
pub(super) fn settled_rss_bytes(server: &Server) -> Result<u64> {
    server.settled_rss_bytes(QUIET, PATIENCE)
}

fn add_keys(server: &Server, keys: &KeySpace, data_bytes: usize, with_ttl: bool) -> Result<()> {
    let command = if with_ttl {
        "SET __key__ __data__ PX __ttl__"
    } else {
        "set"
    };
    // One connection with a short pipeline: what connections buffer must not weigh in the RSS.
    load::run(&LoadSpec {
        address: server.address,
        connections: 1,
        pipeline: 50,
        mix: Mix::new(&[command.to_string()], keys, data_bytes)?,
        key_count: keys.count,
        key_order: KeyOrder::Sequential,
        rate: None,
        warm_up: Duration::ZERO,
        length: Length::Requests(keys.count),
        seed: 1,
        server_pid: None,
    })?
    .checked()?;
    Ok(())
}

fn parse_size(size: &str) -> Result<(usize, usize)> {
    size.split_once('/')
        .and_then(|(key, value)| Some((key.parse().ok()?, value.parse().ok()?)))
        .ok_or_else(|| BenchError::Usage(format!("no KEY/VALUE size: {size}")))
}
