//! Replays cache traces against the eviction policies, and compares the miss ratios with those of other implementations.

mod error;
mod replay;
mod trace;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Parser;

use error::ReplayError;
use replay::{Capacity, POLICIES, miss_ratio};
use trace::{Reference, Trace};

/// Fewer keys in a shard than this, and a policy is not what it is.
const KEYS_PER_SHARD_MIN: u64 = 100;

#[derive(Debug, Parser)]
#[command(version, about)]
struct CommandLine {
    /// Where the traces and their references lie.
    #[arg(long, value_name = "DIRECTORY")]
    traces: PathBuf,
    /// Only these traces.
    #[arg(long = "trace", value_name = "NAME")]
    names: Vec<String>,
    /// Only these policies.
    #[arg(long = "policy", value_name = "NAME")]
    policies: Vec<String>,
    /// Shards.
    #[arg(long, default_value_t = 1)]
    shards: usize,
    /// The mean over so many seeds of the hashes is compared.
    #[arg(long, default_value_t = 3)]
    seeds: u64,
    /// Only traces of up to so many requests.
    #[arg(long)]
    requests_max: Option<usize>,
}

fn main() -> ExitCode {
    match run(&CommandLine::parse()) {
        Ok(0) => ExitCode::SUCCESS,
        Ok(far) => {
            eprintln!("{far} cells are too far from their reference");
            ExitCode::FAILURE
        }
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

/// How far, in percentage points, a policy may be from its reference.
fn tolerance(policy: &str, shards: usize) -> f64 {
    match (policy, shards) {
        ("fifo", 1) => 0.02,
        _ => 1.0,
    }
}

/// Prints the table; how many cells are too far off.
fn run(line: &CommandLine) -> Result<usize, ReplayError> {
    let references = Reference::read_all(&line.traces)?;
    let is_wanted = |wanted: &[String], name: &str| {
        wanted.is_empty() || wanted.iter().any(|wanted| wanted == name)
    };
    let mut names: Vec<&str> = references
        .iter()
        .map(|reference| &*reference.trace)
        .filter(|name| line.traces.join(format!("{name}.csv.zst")).exists())
        .filter(|name| is_wanted(&line.names, name))
        .collect();
    names.dedup();
    println!("trace,mode,size,capacity,policy,miss_ratio,reference,difference_pp");
    let (mut far, mut saved) = (0, Vec::new());
    for name in names {
        let trace = Trace::read(&line.traces, name)?;
        if line
            .requests_max
            .is_some_and(|most| trace.requests.len() > most)
        {
            continue;
        }
        for reference in references.iter().filter(|it| it.trace == name) {
            let Some(policy) = POLICIES.iter().find(|it| it.reference == reference.policy) else {
                continue;
            };
            let capacity = match reference.in_bytes {
                true => Capacity::Bytes(reference.capacity),
                false => Capacity::Keys(reference.capacity),
            };
            let items = match reference.in_bytes {
                true => trace.keys as u64 * reference.capacity / trace.bytes().max(1),
                false => reference.capacity,
            };
            if !is_wanted(&line.policies, policy.name)
                || items < KEYS_PER_SHARD_MIN * line.shards as u64
            {
                continue;
            }
            // All but FIFO draw lots.
            let seeds = if policy.name == "fifo" { 1 } else { line.seeds };
            let ratios = (1..=seeds)
                .map(|seed| miss_ratio(&trace, policy, capacity, line.shards, seed.into()));
            let ratio = ratios.sum::<f64>() / seeds as f64;
            let difference = 100.0 * (ratio - reference.miss_ratio);
            let mark = if difference.abs() > tolerance(policy.name, line.shards) {
                far += 1;
                " !"
            } else {
                ""
            };
            let mode = if reference.in_bytes { "byte" } else { "item" };
            println!(
                "{},{mode},{},{},{},{:.6},{:.6},{difference:+.3}{mark}",
                trace.name,
                reference.fraction,
                reference.capacity,
                policy.name,
                ratio,
                reference.miss_ratio,
            );
            if policy.name == "s3fifo" && !reference.in_bytes {
                let lru = references.iter().find(|other| {
                    other.trace == reference.trace
                        && other.in_bytes == reference.in_bytes
                        && other.capacity == reference.capacity
                        && other.policy == "LRU"
                });
                saved.extend(lru.map(|lru| 1.0 - ratio / lru.miss_ratio));
            }
        }
    }
    if !saved.is_empty() {
        let mean = saved.iter().sum::<f64>() / saved.len() as f64;
        println!(
            "s3fifo makes {:.2} % fewer misses than exact LRU, the mean over {} cells",
            100.0 * mean,
            saved.len()
        );
    }
    Ok(far)
}
