//! Latency of small keys beside operations on collections of a million elements.
//!
//! GET and SET of small keys come at a fixed, moderate rate from one set of connections while another
//! connection deletes a big collection, reads all of one or unites two ([`super::neighbours_cases`]),
//! a few times per measurement. All keys share a hash tag, so that no shard is without the big
//! operation. Requests count from their intended time: whoever stalls is measured to stall for all
//! that were due. Replies of megabytes are read in pieces between the requests ([`crate::load`]).
//!
//! Before each case, in each round, idle loops on both cores show what the machine itself takes away
//! at that rate; an absolute bound is only judged where it is four times what they show.

use std::time::Duration;

use clap::Args;

use super::neighbours_cases::{self, Case, HASH_TAG};
use super::{judged, ratio_to_best_peer, seconds, turn_order};
use crate::args::ServerArgs;
use crate::commands::Mix;
use crate::error::{BenchError, Result};
use crate::fill::fill;
use crate::keys::{KeyOrder, KeySpace};
use crate::load::{self, Length, LoadSpec, Operation};
use crate::machine::idle_hiccups;
use crate::report::{Cell, Report, Table, count_text, progress};
use crate::servers::Server;
use crate::stats::{Better, median};

const DATA_BYTES: usize = 64;
/// Titles, the quantile, and what is to be met by it in microseconds.
const FIGURES: [(&str, f64, Option<f64>); 4] = [
    ("p50", 0.5, None),
    ("p99", 0.99, None),
    ("p99.9", 0.999, Some(1000.0)),
    ("max", 1.0, Some(5000.0)),
];
/// An idle loop must show less than this part of a bound, or the bound means nothing.
const IDLE_PART_MAX: f64 = 0.25;

/// Options of `neighbours`.
#[derive(Debug, Args)]
pub(crate) struct NeighboursArgs {
    #[command(flatten)]
    servers: ServerArgs,
    /// Only these operations: none, del, unlink, smembers, hgetall, zrange, lrange, xrange, sunionstore.
    #[arg(long, value_delimiter = ',')]
    commands: Vec<String>,
    /// Elements of each collection.
    #[arg(long, default_value_t = 1_000_000)]
    elements: u64,
    /// Operations per measurement.
    #[arg(long, default_value_t = 3)]
    operations: u64,
    /// GETs and SETs of small keys per second.
    #[arg(long, default_value_t = 10_000.0)]
    rate: f64,
    /// How many small keys there are.
    #[arg(long, default_value_t = 10_000)]
    keys: u64,
    /// Connections of the small keys.
    #[arg(long, default_value_t = 20)]
    connections: usize,
    /// How often each case is measured on each server.
    #[arg(long, default_value_t = 3)]
    rounds: usize,
    /// Length of one measurement in seconds.
    #[arg(long, default_value_t = 3.0)]
    seconds: f64,
}

/// A case and what it gave.
struct Measured {
    case: Case,
    /// By server, then by round: the figures in microseconds.
    latencies: Vec<Vec<[f64; 4]>>,
    /// By server.
    operations: Vec<Vec<Operation>>,
    /// By round, the worse core's.
    idle: Vec<[f64; 4]>,
}

/// Measures and reports.
///
/// # Errors
/// `BenchError`
pub(crate) fn run(args: &NeighboursArgs, report: &mut Report) -> Result<()> {
    if args.rounds == 0 || args.operations == 0 || args.elements < 2 {
        return Err(BenchError::Usage(
            "rounds and operations begin at 1, elements at 2".into(),
        ));
    }
    let mut servers = Vec::new();
    for program in args.servers.programs() {
        let mut server = args.servers.start(&program)?;
        server.pause()?;
        servers.push(server);
    }
    let mut cases = cases(args, servers.len())?;
    let outcome = measure_all(args, &mut servers, &mut cases);
    // What was measured before a failure is worth having.
    for figure in 0..FIGURES.len() {
        report.add(latency_table(args, figure, &servers, &cases))?;
    }
    report.add(operations_table(args, &servers, &cases))?;
    outcome
}

fn cases(args: &NeighboursArgs, servers: usize) -> Result<Vec<Measured>> {
    let mut cases = neighbours_cases::all();
    let wanted = |case: &Case| {
        let named = |name: &String| case.operation.eq_ignore_ascii_case(name);
        args.commands.is_empty() || args.commands.iter().any(named)
    };
    cases.retain(wanted);
    if cases.is_empty() {
        let reason = format!("no such operations: {:?}", args.commands);
        return Err(BenchError::Usage(reason));
    }
    let measured = |case| Measured {
        case,
        latencies: vec![Vec::new(); servers],
        operations: vec![Vec::new(); servers],
        idle: Vec::new(),
    };
    Ok(cases.into_iter().map(measured).collect())
}

fn measure_all(
    args: &NeighboursArgs,
    servers: &mut [Server],
    cases: &mut [Measured],
) -> Result<()> {
    for round in 0..args.rounds {
        for measured in cases.iter_mut() {
            measured.idle.push(idle_figures(args)?);
            for index in turn_order(servers.len(), round) {
                let server = &mut servers[index];
                server.resume()?;
                measure(args, server, measured, index, round)?;
                server.pause()?;
            }
        }
    }
    Ok(())
}

/// What the machine takes away now, on the worse of the two cores.
fn idle_figures(args: &NeighboursArgs) -> Result<[f64; 4]> {
    let cores = [args.servers.server_core, args.servers.client_core];
    let idle = idle_hiccups(&cores, args.rate, seconds(args.seconds)?)?;
    Ok(FIGURES.map(|(_, quantile, _)| {
        let nanos = idle.iter().map(|core| core.value_at_quantile(quantile));
        nanos.max().unwrap_or_default() as f64 / 1e3
    }))
}

fn measure(
    args: &NeighboursArgs,
    server: &Server,
    measured: &mut Measured,
    index: usize,
    round: usize,
) -> Result<()> {
    let keys = KeySpace::new(args.keys, 24, &format!("{HASH_TAG}:small:"))?;
    server.client()?.command("FLUSHALL")?;
    fill(server.address, "set", &keys, DATA_BYTES)?;
    measured
        .case
        .build(server, args.elements, args.operations)?;
    server.wait_until_idle()?;
    let spec = LoadSpec {
        address: server.address,
        connections: args.connections,
        pipeline: 1,
        mix: Mix::new(&["get".into(), "set".into()], &keys, DATA_BYTES)?,
        key_count: keys.count,
        key_order: KeyOrder::Uniform,
        rate: Some(args.rate),
        warm_up: Duration::from_millis(300),
        length: Length::Time(seconds(args.seconds)?),
        seed: round as u64 + 1,
        server_pid: Some(server.pid()),
    };
    let (result, operations) = load::run_beside(&spec, measured.case.operations(args.operations)?)?;
    let result = result.checked()?;
    check(args, server, &measured.case, &operations)?;
    let micros = |quantile| result.latency.value_at_quantile(quantile) as f64 / 1e3;
    let figures = FIGURES.map(|(_, quantile, _)| micros(quantile));
    progress(&format!(
        "{} {} {}: p99.9 {:.0} µs, max {:.0} µs, {} operations",
        measured.case.operation,
        measured.case.collection,
        server.name,
        figures[2],
        figures[3],
        operations.len()
    ));
    measured.latencies[index].push(figures);
    measured.operations[index].extend(operations);
    Ok(())
}

/// Refuses operations that did not do what they are there for.
fn check(
    args: &NeighboursArgs,
    server: &Server,
    case: &Case,
    operations: &[Operation],
) -> Result<()> {
    let expected = case.reply(args.elements);
    match operations.iter().find(|done| done.head != expected) {
        Some(other) => Err(BenchError::UnexpectedReply {
            command: format!(
                "{}: {} of a {}",
                server.name, case.operation, case.collection
            ),
            reply: format!("{:?} instead of {expected:?}", other.head),
        }),
        None => Ok(()),
    }
}

fn latency_table(
    args: &NeighboursArgs,
    figure: usize,
    servers: &[Server],
    cases: &[Measured],
) -> Table {
    let (name, _, bound) = FIGURES[figure];
    let title = format!(
        "{name} of GET and SET at {:.0}/s beside operations on {} elements, µs (medians of the rounds; ratio to the better peer)",
        args.rate,
        count_text(args.elements)
    );
    let mut columns = vec!["operation", "collection"];
    columns.extend(servers.iter().map(|server| server.name.as_str()));
    columns.extend([
        "ratio",
        "to be met",
        "idle loops",
        "the first's worst round",
    ]);
    let mut table = Table::new(title, &columns);
    for measured in cases {
        table.push(latency_row(measured, figure, bound));
    }
    table
}

fn latency_row(measured: &Measured, figure: usize, bound: Option<f64>) -> Vec<Cell> {
    let of_rounds = |rounds: &[[f64; 4]]| -> Vec<f64> {
        rounds.iter().map(|figures| figures[figure]).collect()
    };
    let figures: Vec<Option<f64>> = measured
        .latencies
        .iter()
        .map(|rounds| median(&of_rounds(rounds)))
        .collect();
    let idle = median(&of_rounds(&measured.idle));
    let bound = bound.filter(|bound| idle.is_some_and(|idle| idle < bound * IDLE_PART_MAX));
    let worst = of_rounds(&measured.latencies[0])
        .into_iter()
        .reduce(f64::max);
    let mut row: Vec<Cell> = vec![
        measured.case.operation.into(),
        measured.case.collection.into(),
        judged(figures[0], bound, 1),
    ];
    row.extend(figures[1..].iter().map(|&figure| Cell::number(figure, 1)));
    row.push(Cell::number(ratio_to_best_peer(&figures, Better::Lower), 2));
    row.push(Cell::number(bound, 0));
    row.push(Cell::number(idle, 1));
    row.push(Cell::number(worst, 1));
    row
}

fn operations_table(args: &NeighboursArgs, servers: &[Server], cases: &[Measured]) -> Table {
    let title = format!(
        "The operations themselves, ms (medians; each sent {} times at most)",
        args.operations * args.rounds as u64
    );
    let mut columns: Vec<String> = vec!["operation".into(), "collection".into()];
    columns.extend(servers.iter().map(|server| server.name.clone()));
    columns.extend(
        servers
            .iter()
            .map(|server| format!("sent to {}", server.name)),
    );
    let columns: Vec<&str> = columns.iter().map(String::as_str).collect();
    let mut table = Table::new(title, &columns);
    for measured in cases
        .iter()
        .filter(|measured| measured.case.operation != "none")
    {
        let millis = |operations: &Vec<Operation>| {
            let millis: Vec<f64> = operations
                .iter()
                .map(|operation| operation.took.as_secs_f64() * 1e3)
                .collect();
            Cell::number(median(&millis), 1)
        };
        let mut row: Vec<Cell> = vec![
            measured.case.operation.into(),
            measured.case.collection.into(),
        ];
        row.extend(measured.operations.iter().map(millis));
        row.extend(
            measured
                .operations
                .iter()
                .map(|done| Cell::from(done.len() as u64)),
        );
        table.push(row);
    }
    table
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bound_is_judged_only_on_a_quiet_machine() {
        let measured = |idle: f64| Measured {
            case: neighbours_cases::all().remove(0),
            latencies: vec![
                vec![[1500.0; 4], [2500.0; 4], [1600.0; 4]],
                vec![[2000.0; 4]; 3],
            ],
            operations: vec![Vec::new(); 2],
            idle: vec![[idle; 4]; 3],
        };
        let row = latency_row(&measured(100.0), 2, Some(1000.0));
        assert_eq!(row[2], Cell::Missed(1600.0, 1));
        assert_eq!(
            (&row[4], &row[7]),
            (&Cell::Number(0.8, 2), &Cell::Number(2500.0, 1))
        );
        let row = latency_row(&measured(300.0), 2, Some(1000.0));
        assert_eq!(
            (&row[2], &row[5]),
            (&Cell::Number(1600.0, 1), &Cell::Missing)
        );
    }
}
