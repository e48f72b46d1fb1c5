//! Latency of small keys beside operations on collections of a million elements.
//!
//! GET and SET of small keys come at a fixed, moderate rate from one set of connections while another
//! connection deletes a big collection, reads all of one or unites two ([`super::neighbours_cases`]),
//! a few times per measurement. All keys share a hash tag, so that no shard is without the big
//! operation. Requests count from their intended time: whoever stalls is measured to stall for all
//! that were due. Replies of megabytes are read in pieces between the requests ([`crate::load`]).
//!
//! What the machine itself takes away is left out ([`crate::gaps`]): requests that were under way while
//! a core ran nothing of ours do not count, for no server. Which part of them that was, and the longest
//! latency with them, stand beside the figures; a bound is only judged where most of them count.

use std::time::Duration;

use clap::Args;

use super::neighbours_cases::{self, Case, HASH_TAG};
use super::{judged, ratio_to_best_peer, seconds, turn_order};
use crate::args::ServerArgs;
use crate::commands::Mix;
use crate::error::{BenchError, Result};
use crate::fill::fill;
use crate::gaps::{self, Gap, GapWatch};
use crate::keys::{KeyOrder, KeySpace};
use crate::load::{self, Length, LoadResult, LoadSpec, Operation};
use crate::report::{Cell, Report, Table, count_text, progress};
use crate::servers::Server;
use crate::stats::{Better, median, ratio};

const DATA_BYTES: usize = 64;
/// Titles, the quantile, and what is to be met by it in microseconds.
const FIGURES: [(&str, f64, Option<f64>); 4] = [
    ("p50", 0.5, None),
    ("p99", 0.99, None),
    ("p99.9", 0.999, Some(1000.0)),
    ("max", 1.0, Some(5000.0)),
];
/// Which figure may be at most [`TIMES_MAX`] times that of the case without operations.
const FIGURE_TO_COMPARE: usize = 2;
const TIMES_MAX: f64 = 2.0;
/// With more requests left out than this part the rest means nothing.
const LEFT_OUT_MAX: f64 = 0.5;

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
    /// By server, then by round.
    latencies: Vec<Vec<Latency>>,
    /// By server.
    operations: Vec<Vec<Operation>>,
}

/// What one measurement gave.
#[derive(Debug, Clone, Copy)]
struct Latency {
    /// Of the requests that count, in microseconds.
    figures: [f64; 4],
    /// The longest of all requests, in microseconds.
    longest: f64,
    /// Which part of all requests was left out, of 1.
    left_out: f64,
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
    let operations = measured.case.operations(args.operations)?;
    let watch = GapWatch::start(&[args.servers.server_core, args.servers.client_core]);
    let outcome = load::run_beside(&spec, operations);
    let gaps = watch.finish()?;
    let (result, operations) = outcome?;
    let result = result.checked()?;
    check(args, server, &measured.case, &operations)?;
    let latency = latency(&result, gaps);
    progress(&format!(
        "{} {} {}: p99.9 {:.0} µs, max {:.0} µs ({:.0} µs with the {:.1} % left out), {} operations",
        measured.case.operation,
        measured.case.collection,
        server.name,
        latency.figures[2],
        latency.figures[3],
        latency.longest,
        latency.left_out * 100.0,
        operations.len()
    ));
    measured.latencies[index].push(latency);
    measured.operations[index].extend(operations);
    Ok(())
}

fn latency(result: &LoadResult, gaps: Vec<Gap>) -> Latency {
    let counting = gaps::undisturbed(&result.answers, result.began, gaps);
    let micros = |nanos: u64| nanos as f64 / 1e3;
    Latency {
        figures: FIGURES
            .map(|(_, quantile, _)| micros(counting.latency.value_at_quantile(quantile))),
        longest: micros(result.latency.max()),
        left_out: counting.left_out,
    }
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
        "of the case without",
        "the first's worst round",
        "left out, %",
        "the longest with them",
    ]);
    let mut table = Table::new(title, &columns);
    let without = cases
        .iter()
        .find(|measured| measured.case.operation == "none");
    let without = without.and_then(|measured| first_median(measured, figure));
    for measured in cases {
        table.push(latency_row(measured, figure, bound, without));
    }
    table
}

/// The median of the first server's rounds.
fn first_median(measured: &Measured, figure: usize) -> Option<f64> {
    median(&of_rounds(&measured.latencies[0], |latency| {
        latency.figures[figure]
    }))
}

fn of_rounds(rounds: &[Latency], of: impl Fn(&Latency) -> f64) -> Vec<f64> {
    rounds.iter().map(of).collect()
}

fn latency_row(
    measured: &Measured,
    figure: usize,
    bound: Option<f64>,
    without: Option<f64>,
) -> Vec<Cell> {
    let figures: Vec<Option<f64>> = measured
        .latencies
        .iter()
        .map(|rounds| median(&of_rounds(rounds, |latency| latency.figures[figure])))
        .collect();
    let first = &measured.latencies[0];
    let left_out = median(&of_rounds(first, |latency| latency.left_out));
    let counts = left_out.is_some_and(|part| part <= LEFT_OUT_MAX);
    let largest = |values: Vec<f64>| values.into_iter().reduce(f64::max);
    let worst = largest(of_rounds(first, |latency| latency.figures[figure]));
    let longest = largest(of_rounds(first, |latency| latency.longest));
    let times = figures[0]
        .zip(without)
        .and_then(|(figure, without)| ratio(figure, without));
    let times_bound = (counts && figure == FIGURE_TO_COMPARE).then_some(TIMES_MAX);
    let bound = bound.filter(|_| counts);
    let mut row: Vec<Cell> = vec![
        measured.case.operation.into(),
        measured.case.collection.into(),
        judged(figures[0], bound, 1),
    ];
    row.extend(figures[1..].iter().map(|&figure| Cell::number(figure, 1)));
    row.push(Cell::number(ratio_to_best_peer(&figures, Better::Lower), 2));
    row.push(Cell::number(bound, 0));
    row.push(judged(times, times_bound, 2));
    row.push(Cell::number(worst, 1));
    row.push(Cell::number(left_out.map(|part| part * 100.0), 1));
    row.push(Cell::number(longest, 1));
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

    fn measured(left_out: f64) -> Measured {
        let latency = |micros| Latency {
            figures: [micros; 4],
            longest: 9000.0,
            left_out,
        };
        Measured {
            case: neighbours_cases::all().remove(0),
            latencies: vec![
                [1500.0, 2500.0, 1600.0].map(latency).to_vec(),
                vec![latency(2000.0); 3],
            ],
            operations: vec![Vec::new(); 2],
        }
    }

    #[test]
    fn bounds_are_judged_where_most_requests_count() {
        let row = latency_row(&measured(0.1), 2, Some(1000.0), Some(500.0));
        assert_eq!(row[2], Cell::Missed(1600.0, 1));
        assert_eq!(row[4], Cell::Number(0.8, 2));
        assert_eq!(row[6], Cell::Missed(3.2, 2));
        assert_eq!(
            row[7..],
            [
                Cell::Number(2500.0, 1),
                Cell::Number(10.0, 1),
                Cell::Number(9000.0, 1)
            ]
        );
        let row = latency_row(&measured(0.6), 2, Some(1000.0), Some(500.0));
        assert_eq!(row[2], Cell::Number(1600.0, 1));
        assert_eq!((&row[5], &row[6]), (&Cell::Missing, &Cell::Number(3.2, 2)));
    }
}
