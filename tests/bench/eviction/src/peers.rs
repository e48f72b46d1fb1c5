//! This server's `allkeys-s3fifo` against the LRU and LFU of others, all with the same bytes for data.
//!
//! The others' idle times count whole seconds, and their LFU ages by the minute, but a trace of hours is replayed within
//! seconds. Three things are done so that this is not held against them: requests come at a bounded rate; with
//! `--fast-clock` their wall clock runs some hundred times as fast (`fast_clock.c`) and `hz` is 500, so that a second of theirs
//! is over after some ten requests; and their LFU runs once with that clock, once with the true one, by which counters
//! hardly age during a replay. What counts in each cell is the best of the three.

use std::path::PathBuf;
use std::thread;

use clap::Args;

use crate::cells::{KEYS_PER_SHARD_MIN, Selection};
use crate::error::Result;
use crate::in_process::percent;
use crate::over_wire::{self, Outcome, Settings};
use crate::process::Program;
use crate::replay::Capacity;
use crate::trace::Trace;

/// By how much a cell may be worse than the best peer.
const TOLERANCE_POINTS: f64 = 1.0;

/// Options of `peers`.
#[derive(Debug, Args)]
pub(crate) struct PeersArgs {
    /// This project's server.
    #[arg(long, value_name = "PATH")]
    server: PathBuf,
    /// A server to compare with: NAME=PATH; may be repeated.
    #[arg(long = "peer", value_name = "NAME=PATH", value_parser = named)]
    peers: Vec<(String, PathBuf)>,
    /// Shards where each has a hundred keys; otherwise one.
    #[arg(long, default_value_t = 64)]
    shards: u64,
    /// Bytes of each value [default: 200, or 1000 with fewer than 1000 keys].
    #[arg(long)]
    value_bytes: Option<usize>,
    /// Requests a second to each server, at most.
    #[arg(long, default_value_t = 5_000.0)]
    rate: f64,
    /// The library made of `fast_clock.c`.
    #[arg(long, value_name = "PATH")]
    fast_clock: PathBuf,
    /// So many times as fast it makes the clock.
    #[arg(long, default_value_t = 500)]
    clock_factor: u32,
}

fn named(text: &str) -> std::result::Result<(String, PathBuf), String> {
    let (name, path) = text.split_once('=').ok_or("give NAME=PATH")?;
    Ok((name.to_owned(), path.into()))
}

/// What all servers get.
#[derive(Clone, Copy)]
struct Memory {
    /// For data.
    data_bytes: u64,
    /// Of each value.
    value_bytes: usize,
}

/// A server with a policy.
struct Contender<'a> {
    program: Program,
    policy: &'a str,
}

/// Prints a table; in how many cells this server is too far behind.
pub(crate) fn run(args: &PeersArgs, selection: &Selection) -> Result<usize> {
    let references = selection.references()?;
    let mut columns: Vec<String> = Vec::new();
    for (name, _) in &args.peers {
        columns.extend(["lru", "lfu", "lfu, true clock"].map(|policy| format!("{name} {policy}")));
    }
    columns.extend(
        args.peers
            .iter()
            .map(|(name, _)| format!("less the best of {name}")),
    );
    println!(
        "| trace | size | value B | data KB | shards | s3fifo | {} |",
        columns.join(" | ")
    );
    println!("|---|--:|--:|--:|--:|--:|{}", "--:|".repeat(columns.len()));
    let mut sums = Sums::default();
    for trace in selection.traces(&references) {
        let trace = trace?;
        for cell in selection.cells(&references, &trace) {
            let Capacity::Keys(keys) = cell.capacity else {
                continue;
            };
            if keys < KEYS_PER_SHARD_MIN {
                continue;
            }
            let shards = if keys >= KEYS_PER_SHARD_MIN * args.shards {
                args.shards
            } else {
                1
            };
            let ours = Program::new(
                &args.server,
                &["--threads", "1", "--shards", &shards.to_string()],
            );
            let value_bytes = (args.value_bytes).unwrap_or_else(|| over_wire::value_bytes(keys));
            let data_bytes = over_wire::bytes_of(&ours, keys, value_bytes)?;
            let memory = Memory {
                data_bytes,
                value_bytes,
            };
            let outcomes = race(args.rate, &contenders(args, ours), &trace, memory)?;
            let best: Vec<f64> = outcomes[1..].chunks(3).map(best_of).collect();
            let mut row = vec![
                trace.name.clone(),
                percent(cell.fraction),
                value_bytes.to_string(),
                format!("{:.0}", data_bytes as f64 / 1e3),
                shards.to_string(),
            ];
            row.extend(
                outcomes
                    .iter()
                    .map(|it| format!("{:.2} ({:.0})", 100.0 * it.miss_ratio, it.keys)),
            );
            row.extend(
                best.iter()
                    .map(|&best| sums.difference(outcomes[0].miss_ratio, best)),
            );
            println!("| {} |", row.join(" | "));
            sums.add(&outcomes, &best);
        }
    }
    sums.print(&columns);
    Ok(sums.far)
}

/// This server first, then three of each peer.
fn contenders(args: &PeersArgs, ours: Program) -> Vec<Contender<'static>> {
    let mut contenders = vec![Contender {
        program: ours,
        policy: "allkeys-s3fifo",
    }];
    for (_, path) in &args.peers {
        let plain = Program::new(path, &["--appendonly", "no"]);
        let mut fast = plain.clone();
        fast.arguments
            .extend(["--hz", "500", "--dynamic-hz", "no"].map(str::to_owned));
        fast.environment = vec![
            ("LD_PRELOAD".into(), args.fast_clock.display().to_string()),
            ("FAST_CLOCK".into(), args.clock_factor.to_string()),
        ];
        let of = |program: &Program, policy| Contender {
            program: program.clone(),
            policy,
        };
        contenders.push(of(&fast, "allkeys-lru"));
        contenders.push(of(&fast, "allkeys-lfu"));
        contenders.push(of(&plain, "allkeys-lfu"));
    }
    contenders
}

/// Replays the trace against all of them at the same time.
fn race(
    rate: f64,
    contenders: &[Contender<'_>],
    trace: &Trace,
    memory: Memory,
) -> Result<Vec<Outcome>> {
    thread::scope(|scope| {
        let replay = |contender: &Contender<'_>| {
            let settings = Settings {
                policy: contender.policy,
                directives: &[],
                data_bytes: memory.data_bytes,
                value_bytes: memory.value_bytes,
                rate: Some(rate),
            };
            over_wire::replay(&contender.program, trace, &settings)
        };
        let replays: Vec<_> = contenders
            .iter()
            .map(|contender| scope.spawn(move || replay(contender)))
            .collect();
        let outcomes = replays
            .into_iter()
            .map(|replay| replay.join().expect("a replay returns"));
        outcomes.collect()
    })
}

fn best_of(outcomes: &[Outcome]) -> f64 {
    let ratios = outcomes.iter().map(|outcome| outcome.miss_ratio);
    ratios.fold(f64::INFINITY, f64::min)
}

/// What is said of all cells together.
#[derive(Default)]
struct Sums {
    /// Cells in which this server is too far behind.
    far: usize,
    cells: usize,
    /// Miss ratios of all columns.
    totals: Vec<f64>,
    /// What is saved of each peer's best, cell by cell.
    saved: Vec<f64>,
}

impl Sums {
    /// In percentage points; marked where it is too much.
    fn difference(&mut self, ours: f64, best: f64) -> String {
        let points = 100.0 * (ours - best);
        let is_far = points > TOLERANCE_POINTS;
        self.far += usize::from(is_far);
        format!("{points:+.2}{}", if is_far { " ✗" } else { "" })
    }

    fn add(&mut self, outcomes: &[Outcome], best: &[f64]) {
        self.cells += 1;
        let ours = outcomes[0].miss_ratio;
        let ratios: Vec<f64> = outcomes
            .iter()
            .map(|it| it.miss_ratio)
            .chain(best.iter().copied())
            .collect();
        self.totals.resize(ratios.len(), 0.0);
        for (total, ratio) in self.totals.iter_mut().zip(ratios) {
            *total += ratio;
        }
        self.saved.resize(best.len(), 0.0);
        for (saved, best) in self.saved.iter_mut().zip(best) {
            *saved += 1.0 - ours / best;
        }
    }

    fn print(&self, columns: &[String]) {
        let mean = |total: &f64| 100.0 * total / self.cells as f64;
        println!("\nThe mean over {} cells:\n", self.cells);
        let names = ["s3fifo".to_owned()]
            .into_iter()
            .chain(columns.iter().cloned());
        for (name, total) in names.zip(&self.totals) {
            let name = name.replace("less the best", "the best in each cell");
            println!("- {name}: {:.2} %", mean(total));
        }
        for (saved, name) in self
            .saved
            .iter()
            .zip(&columns[columns.len() - self.saved.len()..])
        {
            let name = name.replace("less the best", "the best in each cell");
            println!(
                "- s3fifo makes {:.2} % fewer misses than {name}",
                mean(saved)
            );
        }
    }
}
