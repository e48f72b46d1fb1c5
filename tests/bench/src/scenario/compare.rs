//! CPU time per command and throughput of every cell of the budget, subject against peers.
//!
//! A *data set* is a number of keys with one size of value; counters (`incr`) are one of their own,
//! because a counter has no size. Each data set begins with fresh servers and is filled once; all its
//! cells (commands × pipelines) then use it. Where all servers fit into memory together they stay
//! resident, paused by SIGSTOP but for the one that is measured, and take turns in every round.
//! Where they do not fit (10 M keys of 1 KiB), each server runs by itself with its share of the
//! rounds, and the whole goes round `--passes` times, so that slow changes of the machine still
//! reach all of them.

use clap::Args;

use super::compare_tables::{Bounds, METRICS, Measured, Samples};
use super::{seconds, turn_order};
use crate::args::{KeyArgs, ServerArgs};
use crate::commands::Mix;
use crate::error::{BenchError, Result};
use crate::fill::{COUNTER_START, fill};
use crate::keys::KeySpace;
use crate::load::{self, Length, LoadSpec};
use crate::procfs::memory_available_bytes;
use crate::report::{Report, count_text, progress};
use crate::servers::{Server, ServerProgram};

/// Options of `compare`.
#[derive(Debug, Args)]
pub(crate) struct CompareArgs {
    #[command(flatten)]
    servers: ServerArgs,
    #[command(flatten)]
    key: KeyArgs,
    /// Which mixes: get, set, incr, 10:1, ping, mset, or literals.
    #[arg(long, value_delimiter = ',', default_value = "get,set,incr,10:1")]
    commands: Vec<String>,
    /// Value sizes in bytes.
    #[arg(long, value_delimiter = ',', default_value = "64,1024")]
    data_sizes: Vec<usize>,
    /// Numbers of keys.
    #[arg(long, value_delimiter = ',', default_value = "100000,10000000")]
    keys: Vec<u64>,
    /// Requests under way per connection.
    #[arg(long, value_delimiter = ',', default_value = "1,16,100")]
    pipelines: Vec<u64>,
    /// Connections of the load.
    #[arg(long, default_value_t = 50)]
    connections: usize,
    /// How often each cell is measured on each server.
    #[arg(long, default_value_t = 5)]
    rounds: usize,
    /// Length of one measurement in seconds.
    #[arg(long, default_value_t = 2.0)]
    seconds: f64,
    /// Load before each measurement, in seconds.
    #[arg(long, default_value_t = 0.3)]
    warm_up: f64,
    /// Never keep servers resident together, even where they fit.
    #[arg(long)]
    apart: bool,
    /// How often servers that are kept apart are filled anew, one after the other.
    #[arg(long, default_value_t = 2)]
    passes: usize,
}

/// What a server is filled with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct DataSet {
    keys: u64,
    /// `None` for counters.
    data_bytes: Option<usize>,
}

impl DataSet {
    fn value_text(self) -> String {
        self.data_bytes
            .map_or("counter".into(), |bytes| format!("{bytes} B"))
    }

    /// A generous guess of what one server needs: allocators round up by up to a quarter, and a key
    /// costs some hundred bytes where it costs most.
    fn bytes_estimate(self, key_bytes: usize) -> u64 {
        let value = self.data_bytes.unwrap_or(8) as u64;
        self.keys * (value + value / 4 + key_bytes as u64 + 120)
    }
}

/// One cell of the comparison.
struct CompareCell {
    data: DataSet,
    command: String,
    pipeline: u64,
    measured: Measured,
}

/// What is to be met in a cell of the budget.
fn bounds(command: &str, pipeline: u64) -> Bounds {
    let (cpu, user) = match pipeline {
        _ if !["get", "set", "incr", "10:1"].contains(&command) => return Bounds::default(),
        1 => (1.0, 0.9),
        16 => (0.85, 0.75),
        100 => (0.75, 0.65),
        _ => return Bounds::default(),
    };
    Bounds {
        cpu: Some(cpu),
        user: Some(user),
    }
}

/// Measures all cells and reports medians and ratios.
///
/// # Errors
/// `BenchError`
pub(crate) fn run(args: &CompareArgs, report: &mut Report) -> Result<()> {
    if args.rounds == 0 || args.passes == 0 {
        return Err(BenchError::Usage("rounds and passes begin at 1".into()));
    }
    let programs = args.servers.programs();
    let mut cells = Vec::new();
    let outcome = measure_all(args, &programs, &mut cells);
    let names: Vec<&str> = programs
        .iter()
        .map(|program| program.name.as_str())
        .collect();
    // What was measured before a failure is worth having.
    for metric in &METRICS {
        let measured = cells.iter().map(|cell| &cell.measured);
        report.add(metric.table(measured, &["command", "value", "keys", "pipeline"], &names))?;
    }
    outcome
}

fn measure_all(
    args: &CompareArgs,
    programs: &[ServerProgram],
    cells: &mut Vec<CompareCell>,
) -> Result<()> {
    for data in data_sets(args) {
        let first = cells.len();
        cells.extend(empty_cells(args, data, programs.len()));
        if fits_together(args, data, programs.len())? {
            measure_together(args, programs, data, &mut cells[first..])?;
        } else {
            measure_apart(args, programs, data, &mut cells[first..])?;
        }
    }
    Ok(())
}

fn data_sets(args: &CompareArgs) -> Vec<DataSet> {
    let mut sets = Vec::new();
    for &keys in &args.keys {
        if args.commands.iter().any(|command| !is_counter(command)) {
            sets.extend(args.data_sizes.iter().map(|&bytes| DataSet {
                keys,
                data_bytes: Some(bytes),
            }));
        }
        if args.commands.iter().any(|command| is_counter(command)) {
            sets.push(DataSet {
                keys,
                data_bytes: None,
            });
        }
    }
    sets
}

fn is_counter(command: &str) -> bool {
    command == "incr"
}

fn empty_cells(args: &CompareArgs, data: DataSet, servers: usize) -> Vec<CompareCell> {
    let commands = args
        .commands
        .iter()
        .filter(|command| is_counter(command) == data.data_bytes.is_none());
    commands
        .flat_map(|command| {
            args.pipelines
                .iter()
                .map(move |&pipeline| (command, pipeline))
        })
        .map(|(command, pipeline)| CompareCell {
            data,
            command: command.clone(),
            pipeline,
            measured: Measured {
                labels: vec![
                    command.as_str().into(),
                    data.value_text().into(),
                    count_text(data.keys).into(),
                    pipeline.into(),
                ],
                bounds: bounds(command, pipeline),
                samples: vec![Samples::default(); servers],
            },
        })
        .collect()
}

fn fits_together(args: &CompareArgs, data: DataSet, servers: usize) -> Result<bool> {
    let needed = data.bytes_estimate(args.key.key_size) * servers as u64;
    Ok(!args.apart && needed < memory_available_bytes()? / 10 * 8)
}

fn measure_together(
    args: &CompareArgs,
    programs: &[ServerProgram],
    data: DataSet,
    cells: &mut [CompareCell],
) -> Result<()> {
    let mut servers = Vec::new();
    for program in programs {
        let mut server = start_filled(args, program, data)?;
        server.pause()?;
        servers.push(server);
    }
    for cell in cells {
        for round in 0..args.rounds {
            for index in turn_order(servers.len(), round) {
                let server = &mut servers[index];
                server.resume()?;
                measure(args, server, cell, index, round)?;
                server.pause()?;
            }
        }
    }
    Ok(())
}

fn measure_apart(
    args: &CompareArgs,
    programs: &[ServerProgram],
    data: DataSet,
    cells: &mut [CompareCell],
) -> Result<()> {
    let passes = args.passes.min(args.rounds);
    for pass in 0..passes {
        // The rounds of all passes together are `args.rounds`.
        let rounds = args.rounds * pass / passes..args.rounds * (pass + 1) / passes;
        for index in turn_order(programs.len(), pass) {
            let server = start_filled(args, &programs[index], data)?;
            for cell in cells.iter_mut() {
                for round in rounds.clone() {
                    measure(args, &server, cell, index, round)?;
                }
            }
        }
    }
    Ok(())
}

fn start_filled(args: &CompareArgs, program: &ServerProgram, data: DataSet) -> Result<Server> {
    let server = args.servers.start(program)?;
    let keys = KeySpace::new(data.keys, args.key.key_size, "key:")?;
    let command = if data.data_bytes.is_some() {
        "set"
    } else {
        COUNTER_START
    };
    let filled = fill(server.address, command, &keys, data.data_bytes.unwrap_or(0))?;
    progress(&format!(
        "{}: {} keys, {}, filled at {:.0} k/s",
        server.name,
        count_text(data.keys),
        data.value_text(),
        filled.throughput() / 1e3
    ));
    Ok(server)
}

fn measure(
    args: &CompareArgs,
    server: &Server,
    cell: &mut CompareCell,
    index: usize,
    round: usize,
) -> Result<()> {
    let keys = KeySpace::new(cell.data.keys, args.key.key_size, "key:")?;
    let result = load::run(&LoadSpec {
        address: server.address,
        connections: args.connections,
        pipeline: cell.pipeline,
        mix: Mix::new(
            std::slice::from_ref(&cell.command),
            &keys,
            cell.data.data_bytes.unwrap_or(0),
        )?,
        key_count: keys.count,
        key_order: args.key.order,
        rate: None,
        warm_up: seconds(args.warm_up)?,
        length: Length::Time(seconds(args.seconds)?),
        // The same keys for each server, others in each round.
        seed: round as u64 + 1,
        server_pid: Some(server.pid()),
    })?
    .checked()?;
    let samples = &mut cell.measured.samples[index];
    samples.note(&server.name, &cell.command, &result)?;
    progress(&format!(
        "{} {} {} P{} {}: {:.3} µs",
        cell.command,
        cell.data.value_text(),
        count_text(cell.data.keys),
        cell.pipeline,
        server.name,
        samples.last_cpu_us()
    ));
    Ok(())
}
