//! CPU time of SCAN: per call with COUNT 10, and of a whole iteration with COUNT 1000.

use std::time::{Duration, Instant};

use clap::Args;

use super::{judged, ratio_to_best_peer, turn_order};
use crate::args::ServerArgs;
use crate::client::{Client, Value, unexpected};
use crate::error::{BenchError, Result};
use crate::fill::fill;
use crate::keys::KeySpace;
use crate::procfs::{CpuTime, CpuUsed};
use crate::report::{Cell, Report, Table, progress};
use crate::servers::Server;
use crate::stats::{Better, median};

/// What is to be met, in relation to the better peer: a short call, a whole iteration.
const CALL_RATIO_MAX: f64 = 10.0;
const ITERATION_RATIO_MAX: f64 = 1.0;

/// Options of `scan`.
#[derive(Debug, Args)]
pub(crate) struct ScanArgs {
    #[command(flatten)]
    servers: ServerArgs,
    /// How many keys there are.
    #[arg(long, default_value_t = 1_000_000)]
    keys: u64,
    /// Calls with COUNT 10 per measurement.
    #[arg(long, default_value_t = 20_000)]
    calls: u64,
    /// How often each server is measured.
    #[arg(long, default_value_t = 5)]
    rounds: usize,
}

#[derive(Default)]
struct Samples {
    call_us: Vec<f64>,
    iteration_ms: Vec<f64>,
    iteration_wall_ms: Vec<f64>,
    returned: u64,
}

/// Measures and reports.
///
/// # Errors
/// `BenchError`, also when an iteration does not return every key.
pub(crate) fn run(args: &ScanArgs, report: &mut Report) -> Result<()> {
    let programs = args.servers.programs();
    let keys = KeySpace::new(args.keys, 16, "key:")?;
    let mut servers = Vec::new();
    for program in &programs {
        let mut server = args.servers.start(program)?;
        fill(server.address, "set", &keys, 64)?;
        server.pause()?;
        servers.push(server);
    }
    let mut samples: Vec<Samples> = programs.iter().map(|_| Samples::default()).collect();
    for round in 0..args.rounds {
        for index in turn_order(servers.len(), round) {
            servers[index].resume()?;
            measure(args, &servers[index], &mut samples[index])?;
            servers[index].pause()?;
        }
    }
    report.add(table(args, &servers, &samples))
}

fn measure(args: &ScanArgs, server: &Server, samples: &mut Samples) -> Result<()> {
    let mut client = server.client()?;
    let short = scan(&mut client, server, 10, args.calls)?;
    samples
        .call_us
        .push(short.cpu.total.as_secs_f64() * 1e6 / short.calls as f64);
    let whole = scan(&mut client, server, 1000, u64::MAX)?;
    if whole.returned < args.keys {
        return Err(BenchError::Usage(format!(
            "{}: a whole SCAN returned {} of {} keys",
            server.name, whole.returned, args.keys
        )));
    }
    samples
        .iteration_ms
        .push(whole.cpu.total.as_secs_f64() * 1e3);
    samples
        .iteration_wall_ms
        .push(whole.elapsed.as_secs_f64() * 1e3);
    samples.returned = whole.returned;
    progress(&format!(
        "{}: {:.2?} per iteration, {} calls",
        server.name, whole.elapsed, whole.calls
    ));
    Ok(())
}

struct Scanned {
    calls: u64,
    returned: u64,
    cpu: CpuUsed,
    elapsed: Duration,
}

/// Follows the cursor for up to `calls` calls, or until it is back at 0.
fn scan(client: &mut Client, server: &Server, count: u64, calls: u64) -> Result<Scanned> {
    let (before, began) = (CpuTime::of(server.pid())?, Instant::now());
    let mut cursor = "0".to_string();
    let (mut called, mut returned) = (0, 0);
    while called < calls {
        let words = format!("SCAN {cursor} COUNT {count}");
        let reply = client.command(&words)?;
        let (next, keys) = cursor_and_keys(&reply).ok_or_else(|| unexpected(&words, &reply))?;
        called += 1;
        returned += keys;
        cursor = next;
        if cursor == "0" {
            break;
        }
    }
    Ok(Scanned {
        calls: called,
        returned,
        cpu: CpuTime::of(server.pid())?.since(before),
        elapsed: began.elapsed(),
    })
}

fn cursor_and_keys(reply: &Value) -> Option<(String, u64)> {
    let Value::Array(parts) = reply else {
        return None;
    };
    let [cursor, Value::Array(keys)] = parts.as_slice() else {
        return None;
    };
    let cursor = String::from_utf8(cursor.bytes()?.to_vec()).ok()?;
    Some((cursor, keys.len() as u64))
}

fn table(args: &ScanArgs, servers: &[Server], samples: &[Samples]) -> Table {
    let mut columns = vec!["figure"];
    columns.extend(servers.iter().map(|server| server.name.as_str()));
    columns.extend(["ratio", "to be met"]);
    let title = format!(
        "SCAN over {} keys (medians; ratio to the better peer)",
        args.keys
    );
    let mut table = Table::new(title, &columns);
    let mut row = |name: &str, decimals: usize, bound: Option<f64>, figures: Vec<Option<f64>>| {
        let mut cells: Vec<Cell> = vec![name.into()];
        cells.extend(figures.iter().map(|&figure| Cell::number(figure, decimals)));
        cells.push(judged(
            ratio_to_best_peer(&figures, Better::Lower),
            bound,
            2,
        ));
        cells.push(Cell::number(bound, 1));
        table.push(cells);
    };
    let medians =
        |figures: fn(&Samples) -> &[f64]| samples.iter().map(|s| median(figures(s))).collect();
    row(
        "COUNT 10: CPU µs per call",
        2,
        Some(CALL_RATIO_MAX),
        medians(|s| &s.call_us),
    );
    row(
        "COUNT 1000: CPU ms per iteration",
        2,
        Some(ITERATION_RATIO_MAX),
        medians(|s| &s.iteration_ms),
    );
    row(
        "COUNT 1000: wall ms per iteration",
        2,
        None,
        medians(|s| &s.iteration_wall_ms),
    );
    let returned = samples.iter().map(|s| Some(s.returned as f64)).collect();
    row("keys returned by an iteration", 0, None, returned);
    table
}
