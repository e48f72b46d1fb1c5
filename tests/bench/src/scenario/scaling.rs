//! CPU time per command of two server threads against one.
//!
//! Two threads need both cores, so the generator shares them: throughput then says nothing, but CPU
//! time per command still shows what locks, shared cache lines and wake-ups add. The server with one
//! thread runs on the same cores, under the same generator, in turn.

use clap::Args;

use super::{judged, seconds, turn_order};
use crate::args::{KeyArgs, ServerArgs};
use crate::commands::Mix;
use crate::error::Result;
use crate::fill::fill;
use crate::keys::KeySpace;
use crate::load::{self, Length, LoadSpec};
use crate::machine;
use crate::report::{Cell, Report, Table, progress};
use crate::servers::Server;
use crate::stats::{median, ratio};

/// What is to be met: two threads' CPU time per command in relation to one's.
const RATIO_MAX: f64 = 1.1;

/// Options of `scaling`.
#[derive(Debug, Args)]
pub(crate) struct ScalingArgs {
    #[command(flatten)]
    servers: ServerArgs,
    #[command(flatten)]
    key: KeyArgs,
    /// Which mixes.
    #[arg(long, value_delimiter = ',', default_value = "get,set,10:1")]
    commands: Vec<String>,
    /// Requests under way per connection.
    #[arg(long, value_delimiter = ',', default_value = "1,16,100")]
    pipelines: Vec<u64>,
    /// How many keys there are.
    #[arg(long, default_value_t = 1_000_000)]
    keys: u64,
    /// Length of values in bytes.
    #[arg(long, default_value_t = 64)]
    data_size: usize,
    /// Connections of the load.
    #[arg(long, default_value_t = 50)]
    connections: usize,
    /// How often each cell is measured.
    #[arg(long, default_value_t = 5)]
    rounds: usize,
    /// Length of one measurement in seconds.
    #[arg(long, default_value_t = 2.0)]
    seconds: f64,
}

/// Measures the subject with one and with two threads.
///
/// # Errors
/// `BenchError`
pub(crate) fn run(args: &ScalingArgs, report: &mut Report) -> Result<()> {
    let cores = [args.servers.server_core, args.servers.client_core];
    let mut servers = Vec::new();
    for threads in 1..=2 {
        let program = args
            .servers
            .subject
            .with_threads(&format!("{threads} threads"), threads);
        let mut server = Server::start(&program, &cores, args.servers.client_core)?;
        machine::pin_to(&cores)?;
        let keys = KeySpace::new(args.keys, args.key.key_size, "key:")?;
        fill(server.address, "set", &keys, args.data_size)?;
        server.pause()?;
        servers.push(server);
    }
    let columns = [
        "command",
        "pipeline",
        "1 thread",
        "2 threads",
        "ratio",
        "to be met",
    ];
    let mut table = Table::new(
        "CPU time per command, user and system, µs (medians)",
        &columns,
    );
    for command in &args.commands {
        for &pipeline in &args.pipelines {
            let medians = cell(args, &mut servers, command, pipeline)?;
            let ratio = medians[0]
                .zip(medians[1])
                .and_then(|(one, two)| ratio(two, one));
            table.push(vec![
                command.as_str().into(),
                pipeline.into(),
                Cell::number(medians[0], 3),
                Cell::number(medians[1], 3),
                judged(ratio, Some(RATIO_MAX), 2),
                Cell::Number(RATIO_MAX, 2),
            ]);
        }
    }
    report.add(table)
}

/// The median CPU time per command of each server.
fn cell(
    args: &ScalingArgs,
    servers: &mut [Server],
    command: &str,
    pipeline: u64,
) -> Result<Vec<Option<f64>>> {
    let keys = KeySpace::new(args.keys, args.key.key_size, "key:")?;
    let mut samples = vec![Vec::new(); servers.len()];
    for round in 0..args.rounds {
        for index in turn_order(servers.len(), round) {
            let server = &mut servers[index];
            server.resume()?;
            let result = load::run(&LoadSpec {
                address: server.address,
                connections: args.connections,
                pipeline,
                mix: Mix::new(&[command.to_string()], &keys, args.data_size)?,
                key_count: keys.count,
                key_order: args.key.order,
                rate: None,
                warm_up: seconds(0.3)?,
                length: Length::Time(seconds(args.seconds)?),
                seed: round as u64 + 1,
                server_pid: Some(server.pid()),
            })?
            .checked()?;
            server.pause()?;
            samples[index].extend(result.cpu_us_per_command().map(|(total, _)| total));
        }
    }
    progress(&format!("{command} P{pipeline}: {samples:.3?}"));
    Ok(samples.iter().map(|samples| median(samples)).collect())
}
