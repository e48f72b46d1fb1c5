//! Latency at a fixed rate: half of what the servers can do.
//!
//! First each server's saturation is found (closed loop, 50 connections, pipeline 1; the median of
//! three tries). Then the same rate, half of the *lowest* saturation, is sent to every server in
//! alternating rounds, so that all are compared under one load; `--rate-of own` gives each server half
//! of its own instead. Before each round idle loops on both cores show what the machine itself
//! takes away at that rate; a latency bound means something only where they stay well below it.

use std::time::Duration;

use clap::{Args, ValueEnum};
use hdrhistogram::Histogram;

use super::{judged, ratio_to_best_peer, seconds, turn_order};
use crate::args::{KeyArgs, ServerArgs};
use crate::commands::Mix;
use crate::error::{BenchError, Result};
use crate::fill::fill;
use crate::keys::KeySpace;
use crate::load::{self, Length, LoadResult, LoadSpec, latency_histogram};
use crate::machine::idle_hiccups;
use crate::report::{Cell, Report, Table, progress, quantile_cells};
use crate::servers::Server;
use crate::stats::{Better, median};

/// How often the saturation of each server is measured.
const SATURATION_TRIES: usize = 3;
const QUANTILES: [(&str, f64); 3] = [("p50", 0.5), ("p99", 0.99), ("p99.9", 0.999)];

/// Options of `latency`.
#[derive(Debug, Args)]
pub(crate) struct LatencyArgs {
    #[command(flatten)]
    servers: ServerArgs,
    #[command(flatten)]
    key: KeyArgs,
    /// What to send.
    #[arg(long = "command", default_value = "10:1")]
    commands: Vec<String>,
    /// How many keys there are.
    #[arg(long, default_value_t = 1_000_000)]
    keys: u64,
    /// Length of values in bytes.
    #[arg(long, default_value_t = 64)]
    data_size: usize,
    /// Connections of the load.
    #[arg(long, default_value_t = 50)]
    connections: usize,
    /// How often each server is measured.
    #[arg(long, default_value_t = 5)]
    rounds: usize,
    /// Length of one measurement in seconds.
    #[arg(long, default_value_t = 5.0)]
    seconds: f64,
    /// Whose saturation the rate is taken from.
    #[arg(long, value_enum, default_value_t = RateOf::Lowest)]
    rate_of: RateOf,
    /// Which part of the saturation is sent.
    #[arg(long, default_value_t = 0.5)]
    part: f64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum RateOf {
    /// The slowest server's: one rate for all.
    Lowest,
    /// Each server's own.
    Own,
}

struct Measured {
    /// Commands per second it was offered.
    rate: f64,
    /// Per round and quantile, in microseconds.
    rounds: Vec<[f64; 3]>,
    all: Histogram<u64>,
}

/// Measures and reports.
///
/// # Errors
/// `BenchError`
pub(crate) fn run(args: &LatencyArgs, report: &mut Report) -> Result<()> {
    let mut servers = start_filled(args)?;
    let saturations = saturations(args, &mut servers)?;
    let lowest = saturations.iter().copied().fold(f64::INFINITY, f64::min);
    let mut measured: Vec<Measured> = saturations
        .iter()
        .map(|&own| Measured {
            rate: args.part
                * if args.rate_of == RateOf::Own {
                    own
                } else {
                    lowest
                },
            rounds: Vec::new(),
            all: latency_histogram(),
        })
        .collect();
    let cores = [args.servers.server_core, args.servers.client_core];
    let mut idle = cores.map(|_| latency_histogram());
    for round in 0..args.rounds {
        let hiccups = idle_hiccups(&cores, lowest * args.part, seconds(args.seconds)?)?;
        for (all, more) in idle.iter_mut().zip(&hiccups) {
            pool(all, more)?;
        }
        for index in turn_order(servers.len(), round) {
            servers[index].resume()?;
            let result = offered(args, &servers[index], measured[index].rate, round)?;
            servers[index].pause()?;
            note(&mut measured[index], &result)?;
            progress(&format!(
                "round {} of {}: {}",
                round + 1,
                args.rounds,
                servers[index].name
            ));
        }
    }
    report.add(latency_table(&servers, &saturations, &measured))?;
    report.add(pooled_table(&servers, &measured, &idle))
}

fn start_filled(args: &LatencyArgs) -> Result<Vec<Server>> {
    let keys = KeySpace::new(args.keys, args.key.key_size, "key:")?;
    let mut servers = Vec::new();
    for program in args.servers.programs() {
        let mut server = args.servers.start(&program)?;
        fill(server.address, "set", &keys, args.data_size)?;
        server.pause()?;
        servers.push(server);
    }
    Ok(servers)
}

fn saturations(args: &LatencyArgs, servers: &mut [Server]) -> Result<Vec<f64>> {
    let mut tries = vec![Vec::new(); servers.len()];
    for round in 0..SATURATION_TRIES {
        for index in turn_order(servers.len(), round) {
            let server = &mut servers[index];
            server.resume()?;
            let result =
                load::run(&spec(args, server, None, Duration::from_secs(2), round)?)?.checked()?;
            server.pause()?;
            tries[index].push(result.throughput());
            progress(&format!(
                "{}: saturated at {:.0}/s",
                server.name,
                result.throughput()
            ));
        }
    }
    Ok(tries.iter().filter_map(|tries| median(tries)).collect())
}

fn offered(args: &LatencyArgs, server: &Server, rate: f64, round: usize) -> Result<LoadResult> {
    load::run(&spec(
        args,
        server,
        Some(rate),
        seconds(args.seconds)?,
        round,
    )?)?
    .checked()
}

fn spec(
    args: &LatencyArgs,
    server: &Server,
    rate: Option<f64>,
    time: Duration,
    round: usize,
) -> Result<LoadSpec> {
    let keys = KeySpace::new(args.keys, args.key.key_size, "key:")?;
    Ok(LoadSpec {
        address: server.address,
        connections: args.connections,
        pipeline: 1,
        mix: Mix::new(&args.commands, &keys, args.data_size)?,
        key_count: keys.count,
        key_order: args.key.order,
        rate,
        warm_up: Duration::from_millis(500),
        length: Length::Time(time),
        seed: round as u64 + 1,
        server_pid: Some(server.pid()),
    })
}

fn note(measured: &mut Measured, result: &LoadResult) -> Result<()> {
    let micros = |quantile| result.latency.value_at_quantile(quantile) as f64 / 1e3;
    measured
        .rounds
        .push(QUANTILES.map(|(_, quantile)| micros(quantile)));
    pool(&mut measured.all, &result.latency)
}

fn pool(all: &mut Histogram<u64>, more: &Histogram<u64>) -> Result<()> {
    all.add(more)
        .map_err(|error| BenchError::Usage(error.to_string()))
}

fn latency_table(servers: &[Server], saturations: &[f64], measured: &[Measured]) -> Table {
    let mut columns = vec!["figure"];
    columns.extend(servers.iter().map(|server| server.name.as_str()));
    columns.extend(["ratio", "to be met"]);
    let title = "Latency at a fixed rate, µs (medians of the rounds; ratio to the better peer)";
    let mut table = Table::new(title, &columns);
    let mut plain = |name: &str, figures: Vec<f64>| {
        let mut row: Vec<Cell> = vec![name.into()];
        row.extend(figures.into_iter().map(|figure| Cell::Number(figure, 0)));
        row.extend([Cell::Missing, Cell::Missing]);
        table.push(row);
    };
    plain("saturation, commands/s", saturations.to_vec());
    plain(
        "offered, commands/s",
        measured.iter().map(|server| server.rate).collect(),
    );
    for (index, (name, _)) in QUANTILES.iter().enumerate() {
        let of_rounds = |server: &Measured| {
            let figures: Vec<f64> = server.rounds.iter().map(|round| round[index]).collect();
            median(&figures)
        };
        let medians: Vec<Option<f64>> = measured.iter().map(of_rounds).collect();
        let mut row: Vec<Cell> = vec![(*name).into()];
        row.extend(medians.iter().map(|&figure| Cell::number(figure, 1)));
        row.push(judged(
            ratio_to_best_peer(&medians, Better::Lower),
            Some(1.0),
            2,
        ));
        row.push(Cell::Number(1.0, 2));
        table.push(row);
    }
    table
}

fn pooled_table(servers: &[Server], measured: &[Measured], idle: &[Histogram<u64>]) -> Table {
    let title = "The same, all rounds in one histogram, and idle loops between them, µs";
    let mut table = Table::new(title, &["", "p50", "p99", "p99.9", "max"]);
    let mut row = |name: &str, histogram: &Histogram<u64>| {
        let mut cells = vec![name.into()];
        cells.extend(quantile_cells(histogram));
        table.push(cells);
    };
    for (server, measured) in servers.iter().zip(measured) {
        row(&server.name, &measured.all);
    }
    for (name, idle) in ["idle loop, server's core", "idle loop, generator's core"]
        .iter()
        .zip(idle)
    {
        row(name, idle);
    }
    table
}
