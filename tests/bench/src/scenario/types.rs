//! CPU time per command of the data types, subject against peers.
//!
//! What is sent to which collections is the table in [`super::workloads`]. Each row has servers of its
//! own, which stay resident, paused by SIGSTOP but for the one that is measured, and take turns in
//! every round. Commands that only read are measured for a time over collections that are built once.
//! Commands that add or remove are measured for a number of requests over collections that are built
//! anew each time, so that all servers do the same work on the same data.

use std::time::Duration;

use clap::{Args, ValueEnum};

use super::compare_tables::{Bounds, METRICS, Measured, Metric, Samples};
use super::workloads::{WORKLOADS, Workload};
use super::{judged, seconds, turn_order};
use crate::args::ServerArgs;
use crate::batch::{Batch, no_error};
use crate::client::unexpected;
use crate::commands::Mix;
use crate::error::{BenchError, Result};
use crate::keys::{KeyOrder, KeyPicker, KeySpace};
use crate::load::{self, Length, LoadResult, LoadSpec};
use crate::random::Random;
use crate::report::{Cell, Report, Table, count_text, progress};
use crate::servers::Server;
use crate::stats::median;

/// What is to be met in relation to the better peer: the median over all rows, and each row.
const MEDIAN_RATIO_MAX: f64 = 0.75;
const RATIO_MAX: f64 = 1.0;
/// More would empty the collections that are popped from.
const REQUESTS_MAX: u64 = 500_000;
const DATA_BYTES: usize = 16;
const KEY_BYTES: usize = 16;
/// Commands per write while collections are built.
const BATCH: usize = 500;

/// Options of `types`.
#[derive(Debug, Args)]
pub(crate) struct TypesArgs {
    #[command(flatten)]
    servers: ServerArgs,
    /// Sizes of the collections.
    #[arg(long, value_delimiter = ',', default_value = "small,big")]
    size: Vec<Size>,
    /// Only the commands that begin with one of these: "zadd,lrange".
    #[arg(long, value_delimiter = ',')]
    commands: Vec<String>,
    /// Requests under way per connection.
    #[arg(long, default_value_t = 16)]
    pipeline: u64,
    /// Connections of the load.
    #[arg(long, default_value_t = 50)]
    connections: usize,
    /// How often each command is measured on each server.
    #[arg(long, default_value_t = 5)]
    rounds: usize,
    /// Length of one measurement of a command that only reads, in seconds.
    #[arg(long, default_value_t = 1.0)]
    seconds: f64,
    /// Load before each measurement of a command that only reads, in seconds.
    #[arg(long, default_value_t = 0.2)]
    warm_up: f64,
    /// Length of one measurement of a command that adds or removes, in requests.
    #[arg(long, default_value_t = REQUESTS_MAX)]
    requests: u64,
}

/// Whether collections are such as Redis keeps compact.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum Size {
    /// Up to some hundred elements.
    Small,
    /// Thousands of elements.
    Big,
}

/// One row: a command over collections of one size.
struct TypesCell {
    workload: &'static Workload,
    size: Size,
    measured: Measured,
}

/// Measures all rows and reports medians and ratios.
///
/// # Errors
/// `BenchError`
pub(crate) fn run(args: &TypesArgs, report: &mut Report) -> Result<()> {
    if args.rounds == 0 || !(1..=REQUESTS_MAX).contains(&args.requests) {
        return Err(BenchError::Usage(format!(
            "rounds begin at 1, and requests go from 1 to {REQUESTS_MAX}"
        )));
    }
    let programs = args.servers.programs();
    let names: Vec<&str> = programs
        .iter()
        .map(|program| program.name.as_str())
        .collect();
    let mut cells = cells(args, programs.len())?;
    let outcome = cells
        .iter_mut()
        .try_for_each(|cell| measure_cell(args, cell));
    // What was measured before a failure is worth having.
    let leading = ["command", "size", "collections", "elements"];
    let measured = || cells.iter().map(|cell| &cell.measured);
    for metric in &METRICS {
        report.add(metric.table(measured(), &leading, &names))?;
    }
    outcome?;
    let [cpu, user, _] = &METRICS;
    let mut table = Table::new(
        "Ratios to the better peer over all rows",
        &[
            "CPU time",
            "median",
            "to be met",
            "worst",
            "to be met",
            "of",
        ],
    );
    table.push(summary("user and system", &cells, cpu, true));
    table.push(summary("user only", &cells, user, false));
    report.add(table)
}

fn cells(args: &TypesArgs, servers: usize) -> Result<Vec<TypesCell>> {
    let wanted = |workload: &&Workload| {
        let command = workload.command.to_lowercase();
        let begins = |name: &String| command.starts_with(&name.to_lowercase());
        args.commands.is_empty() || args.commands.iter().any(begins)
    };
    let cells: Vec<TypesCell> = args
        .size
        .iter()
        .flat_map(|&size| {
            WORKLOADS
                .iter()
                .filter(wanted)
                .map(move |workload| cell(workload, size, servers))
        })
        .collect();
    if cells.is_empty() {
        return Err(BenchError::Usage(format!(
            "no such commands: {:?}",
            args.commands
        )));
    }
    Ok(cells)
}

fn cell(workload: &'static Workload, size: Size, servers: usize) -> TypesCell {
    let filled = workload.filled(size);
    let size_text = match size {
        Size::Small => "small",
        Size::Big => "big",
    };
    TypesCell {
        workload,
        size,
        measured: Measured {
            labels: vec![
                workload.command.into(),
                size_text.into(),
                count_text(filled.keys).into(),
                count_text(filled.elements).into(),
            ],
            bounds: Bounds {
                cpu: Some(RATIO_MAX),
                user: None,
            },
            samples: vec![Samples::default(); servers],
        },
    }
}

fn measure_cell(args: &TypesArgs, cell: &mut TypesCell) -> Result<()> {
    let mut servers = Vec::new();
    for program in args.servers.programs() {
        let mut server = args.servers.start(&program)?;
        build(&server, cell)?;
        probe(&server, cell)?;
        server.pause()?;
        servers.push(server);
    }
    for round in 0..args.rounds {
        for index in turn_order(servers.len(), round) {
            let server = &mut servers[index];
            server.resume()?;
            if cell.workload.changes {
                build(server, cell)?;
            }
            server.wait_until_idle()?;
            let result = measure(args, server, cell, round)?;
            server.pause()?;
            let samples = &mut cell.measured.samples[index];
            samples.note(&server.name, cell.workload.command, &result)?;
            progress(&format!(
                "{} {:?} {}: {:.3} µs",
                cell.workload.command,
                cell.size,
                server.name,
                samples.last_cpu_us()
            ));
        }
    }
    Ok(())
}

/// Empties the server and builds the collections of `cell`.
fn build(server: &Server, cell: &TypesCell) -> Result<()> {
    let mut batch = Batch::new(server.client()?, BATCH, no_error);
    batch.client().command("FLUSHALL")?;
    let filled = cell.workload.filled(cell.size);
    let keys = keys(cell)?;
    filled.of.build(&mut batch, &keys, 0..filled.elements)
}

/// Sends one request and looks at its answer.
fn probe(server: &Server, cell: &TypesCell) -> Result<()> {
    let mut mix = mix(cell)?;
    let mut picker = KeyPicker::new(keys(cell)?.count, KeyOrder::Uniform);
    let mut request = Vec::new();
    mix.append(&mut request, &mut picker, &mut Random::new(1));
    let mut client = server.client()?;
    client.send(&request)?;
    let reply = client.read()?;
    if cell.workload.answer.fits(&reply) {
        Ok(())
    } else {
        let command = format!("{}: {}", server.name, cell.workload.request(cell.size));
        Err(unexpected(&command, &reply))
    }
}

fn measure(
    args: &TypesArgs,
    server: &Server,
    cell: &TypesCell,
    round: usize,
) -> Result<LoadResult> {
    let (warm_up, length) = if cell.workload.changes {
        (Duration::ZERO, Length::Requests(args.requests))
    } else {
        (seconds(args.warm_up)?, Length::Time(seconds(args.seconds)?))
    };
    load::run(&LoadSpec {
        address: server.address,
        connections: args.connections,
        pipeline: args.pipeline,
        mix: mix(cell)?,
        key_count: keys(cell)?.count,
        key_order: KeyOrder::Uniform,
        rate: None,
        warm_up,
        length,
        // The same requests for each server, others in each round.
        seed: round as u64 + 1,
        server_pid: Some(server.pid()),
    })?
    .checked()
}

fn keys(cell: &TypesCell) -> Result<KeySpace> {
    KeySpace::new(cell.workload.filled(cell.size).keys, KEY_BYTES, "key:")
}

fn mix(cell: &TypesCell) -> Result<Mix> {
    Mix::new(
        &[cell.workload.request(cell.size)],
        &keys(cell)?,
        DATA_BYTES,
    )
}

/// The median of the ratios of all rows, and the worst, each judged only if `bounded`.
fn summary(name: &str, cells: &[TypesCell], metric: &Metric, bounded: bool) -> Vec<Cell> {
    let ratios: Vec<(f64, &TypesCell)> = cells
        .iter()
        .filter_map(|cell| Some((metric.ratio(&cell.measured)?, cell)))
        .collect();
    let figures: Vec<f64> = ratios.iter().map(|(ratio, _)| *ratio).collect();
    let worst = ratios.iter().max_by(|a, b| a.0.total_cmp(&b.0));
    let [median_max, worst_max] = [MEDIAN_RATIO_MAX, RATIO_MAX].map(|max| bounded.then_some(max));
    vec![
        name.into(),
        judged(median(&figures), median_max, 2),
        Cell::number(median_max, 2),
        judged(worst.map(|(ratio, _)| *ratio), worst_max, 2),
        Cell::number(worst_max, 2),
        worst.map_or(Cell::Missing, |(_, cell)| {
            format!("{}, {:?}", cell.workload.command, cell.size)
                .to_lowercase()
                .into()
        }),
    ]
}
