//! The policies through a running server, against the storage crate at as many keys as the server held: what `maxmemory`,
//! sessions and the background make of a policy, beside the policy itself.

use std::path::PathBuf;

use clap::Args;

use crate::cells::{KEYS_PER_SHARD_MIN, Selection};
use crate::error::Result;
use crate::in_process::percent;
use crate::over_wire::{self, Settings};
use crate::process::Program;
use crate::replay::{Capacity, POLICIES, mean_miss_ratio};

/// How far the server may be from the storage crate.
const TOLERANCE_POINTS: f64 = 1.0;
/// Seeds of the hashes in-process, whose mean is compared.
const SEEDS: u64 = 3;

/// Options of `server`.
#[derive(Debug, Args)]
pub(crate) struct ServerArgs {
    /// The server.
    #[arg(long, value_name = "PATH")]
    server: PathBuf,
    /// Shards.
    #[arg(long, default_value_t = 1)]
    shards: usize,
    /// Bytes of each value [default: 200, or 1000 with fewer than 1000 keys].
    #[arg(long)]
    value_bytes: Option<usize>,
    /// Requests a second at most: `lru` wants a slow replay, because its clock ticks once a second.
    #[arg(long)]
    rate: Option<f64>,
}

/// Prints a table; how many figures are too far off.
pub(crate) fn run(args: &ServerArgs, selection: &Selection) -> Result<usize> {
    let references = selection.references()?;
    let shards = args.shards.to_string();
    let program = Program::new(&args.server, &["--shards", &shards, "--threads", "1"]);
    println!(
        "| trace | size | policy | value B | maxmemory KB | keys held | server | in-process | difference |"
    );
    println!("|---|--:|---|--:|--:|--:|--:|--:|--:|");
    let mut far = 0;
    for trace in selection.traces(&references) {
        let trace = trace?;
        for cell in selection.cells(&references, &trace) {
            let Capacity::Keys(keys) = cell.capacity else {
                continue;
            };
            if keys < KEYS_PER_SHARD_MIN * args.shards as u64 {
                continue;
            }
            let value_bytes = (args.value_bytes).unwrap_or_else(|| over_wire::value_bytes(keys));
            let data_bytes = over_wire::bytes_of(&program, keys, value_bytes)?;
            for policy in POLICIES
                .iter()
                .filter(|it| is_wanted(args, selection, it.name))
            {
                let settings = Settings {
                    policy: &format!("allkeys-{}", policy.name),
                    directives: &[
                        ("maxmemory-samples", policy.samples.to_string()),
                        // As in the storage crate's replay.
                        ("lfu-decay-time", "0".into()),
                    ],
                    data_bytes,
                    value_bytes,
                    rate: args.rate,
                };
                let outcome = over_wire::replay(&program, &trace, &settings)?;
                let capacity = Capacity::Keys(outcome.keys.round() as u64);
                let ours = mean_miss_ratio(&trace, policy, capacity, args.shards, SEEDS);
                let points = 100.0 * (outcome.miss_ratio - ours);
                let is_far = points.abs() > TOLERANCE_POINTS;
                far += usize::from(is_far);
                println!(
                    "| {} | {} | {} | {value_bytes} | {:.0} | {:.0} ({}–{}) | {:.2} | {:.2} | {points:+.2}{} |",
                    trace.name,
                    percent(cell.fraction),
                    policy.name,
                    data_bytes as f64 / 1e3,
                    outcome.keys,
                    outcome.keys_range.0,
                    outcome.keys_range.1,
                    100.0 * outcome.miss_ratio,
                    100.0 * ours,
                    if is_far { " ✗" } else { "" },
                );
            }
        }
    }
    Ok(far)
}

/// Sampled LRU is a lottery in a replay that takes seconds.
fn is_wanted(args: &ServerArgs, selection: &Selection, policy: &str) -> bool {
    selection.wants_policy(policy) && (policy != "lru" || args.rate.is_some())
}
