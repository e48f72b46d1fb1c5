//! An empty server: how much memory it takes, and how soon it answers.

use std::time::Duration;

use clap::Args;

use super::{judged, turn_order};
use crate::args::ServerArgs;
use crate::error::Result;
use crate::report::{Report, Table};
use crate::stats::median;

/// What is to be met.
const READY_MS_MAX: f64 = 50.0;
const RSS_MIB_MAX: f64 = 12.0;

/// Options of `empty`.
#[derive(Debug, Args)]
pub(crate) struct EmptyArgs {
    #[command(flatten)]
    servers: ServerArgs,
    /// How often each server is started.
    #[arg(long, default_value_t = 5)]
    rounds: usize,
}

/// Starts each server several times and reports medians.
///
/// # Errors
/// `BenchError`
pub(crate) fn run(args: &EmptyArgs, report: &mut Report) -> Result<()> {
    let programs = args.servers.programs();
    let mut rss_mib = vec![Vec::new(); programs.len()];
    let mut ready_ms = vec![Vec::new(); programs.len()];
    for round in 0..args.rounds {
        for index in turn_order(programs.len(), round) {
            let server = args.servers.start(&programs[index])?;
            ready_ms[index].push(server.ready_after.as_secs_f64() * 1e3);
            let rss =
                server.settled_rss_bytes(Duration::from_millis(500), Duration::from_secs(3))?;
            rss_mib[index].push(rss as f64 / 1_048_576.0);
        }
    }
    let title =
        format!("Empty server (medians; to be met: ready in {READY_MS_MAX} ms, {RSS_MIB_MAX} MiB)");
    let mut table = Table::new(title, &["server", "ready after ms", "RSS MiB"]);
    for (index, program) in programs.iter().enumerate() {
        table.push(vec![
            program.name.as_str().into(),
            judged(median(&ready_ms[index]), Some(READY_MS_MAX), 1),
            judged(median(&rss_mib[index]), Some(RSS_MIB_MAX), 2),
        ]);
    }
    report.add(table)
}
