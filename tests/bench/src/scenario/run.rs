//! One load against one running server.

use std::net::{SocketAddr, ToSocketAddrs};

use clap::Args;

use super::seconds;
use crate::args::KeyArgs;
use crate::client::Client;
use crate::commands::Mix;
use crate::error::{BenchError, Doing, Result};
use crate::fill::fill;
use crate::keys::KeySpace;
use crate::load::{self, Length, LoadResult, LoadSpec};
use crate::machine;
use crate::procfs;
use crate::report::{Cell, Report, Table, progress, quantile_cells};

/// Options of `run`.
#[derive(Debug, Args)]
pub(crate) struct RunArgs {
    /// The server.
    #[arg(long, default_value = "127.0.0.1:6379")]
    address: String,
    /// What to send: get, set, incr, ping, mset, 10:1, or a literal such as "LPUSH __key__ __data__";
    /// repeated for a mix, each with an optional weight, "10*get".
    #[arg(long = "command", default_value = "get")]
    commands: Vec<String>,
    /// How many connections share the load.
    #[arg(long, short = 'c', default_value_t = 50)]
    connections: usize,
    /// Requests under way per connection.
    #[arg(long, short = 'P', default_value_t = 1)]
    pipeline: u64,
    /// How many keys there are.
    #[arg(long, default_value_t = 100_000)]
    keys: u64,
    #[command(flatten)]
    key: KeyArgs,
    /// What every key begins with.
    #[arg(long, default_value = "key:")]
    key_prefix: String,
    /// Length of values in bytes.
    #[arg(long, short = 'd', default_value_t = 64)]
    data_size: usize,
    /// Set every key first.
    #[arg(long)]
    fill: bool,
    /// The command that fills, once for each key.
    #[arg(long, default_value = "SET __key__ __data__")]
    fill_command: String,
    /// Requests per second (open loop); without it as many as the server takes (closed loop).
    #[arg(long)]
    rate: Option<f64>,
    /// Length of the measurement.
    #[arg(long, default_value_t = 10.0)]
    seconds: f64,
    /// Measure this many requests instead of a time.
    #[arg(long)]
    requests: Option<u64>,
    /// Load before the measurement, in seconds.
    #[arg(long, default_value_t = 1.0)]
    warm_up: f64,
    /// Seed of the keys.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Process whose CPU time and memory to read; else the one that INFO names, if it runs here.
    #[arg(long)]
    pid: Option<u32>,
    /// Core of the load generator; without it the kernel chooses.
    #[arg(long)]
    client_core: Option<usize>,
    /// Count error replies instead of failing at them.
    #[arg(long)]
    allow_errors: bool,
}

/// Runs the load and reports throughput, latency, CPU time and memory.
///
/// # Errors
/// `BenchError`
pub(crate) fn run(args: &RunArgs, report: &mut Report) -> Result<()> {
    if let Some(core) = args.client_core {
        machine::pin_to(&[core])?;
    }
    machine::allow_open_files(args.connections as u64 + 64)?;
    let address = resolve(&args.address)?;
    let keys = KeySpace::new(args.keys, args.key.key_size, &args.key_prefix)?;
    let pid = args.pid.or_else(|| local_server_pid(address));
    if args.fill {
        let filled = fill(address, &args.fill_command, &keys, args.data_size)?;
        progress(&format!(
            "filled {} keys at {:.0}/s",
            args.keys,
            filled.throughput()
        ));
    }
    let result = load::run(&LoadSpec {
        address,
        connections: args.connections,
        pipeline: args.pipeline,
        mix: Mix::new(&args.commands, &keys, args.data_size)?,
        key_count: keys.count,
        key_order: args.key.order,
        rate: args.rate,
        warm_up: seconds(args.warm_up)?,
        length: match args.requests {
            Some(requests) => Length::Requests(requests),
            None => Length::Time(seconds(args.seconds)?),
        },
        seed: args.seed,
        server_pid: pid,
    })?;
    let result = if args.allow_errors {
        result
    } else {
        result.checked()?
    };
    report.add(table(args, &result, pid))
}

fn table(args: &RunArgs, result: &LoadResult, pid: Option<u32>) -> Table {
    let title = format!(
        "{} · {} connections · pipeline {} · {} keys · {} B",
        args.commands.join(" + "),
        args.connections,
        args.pipeline,
        args.keys,
        args.data_size
    );
    let mut table = Table::new(title, &["figure", "value"]);
    let mut row = |name: &str, cell: Cell| table.push(vec![name.into(), cell]);
    let cpu = result.cpu_us_per_command();
    let busy = result
        .cpu
        .map(|cpu| cpu.total.as_secs_f64() / result.elapsed.as_secs_f64() * 100.0);
    row("commands", result.commands.into());
    row("commands/s", Cell::Number(result.throughput(), 0));
    row("error replies", result.errors.into());
    row("null replies", result.nulls.into());
    row("unanswered", result.unanswered.into());
    let quantiles = quantile_cells(&result.latency);
    for (name, cell) in ["p50 µs", "p99 µs", "p99.9 µs", "max µs"]
        .into_iter()
        .zip(quantiles)
    {
        row(name, cell);
    }
    row(
        "server CPU µs/command",
        Cell::number(cpu.map(|(total, _)| total), 3),
    );
    row("of it user", Cell::number(cpu.map(|(_, user)| user), 3));
    row("server busy %", Cell::number(busy, 0));
    let own_us = result.own_cpu.total.as_secs_f64() * 1e6 / result.commands as f64;
    row("generator CPU µs/command", Cell::Number(own_us, 3));
    let rss = pid.and_then(|pid| procfs::rss_bytes(pid).ok());
    row("server RSS MiB", rss.map_or(Cell::Missing, Cell::mib));
    table
}

fn resolve(address: &str) -> Result<SocketAddr> {
    address
        .to_socket_addrs()
        .doing(|| format!("look up {address}"))?
        .next()
        .ok_or_else(|| BenchError::Usage(format!("{address} has no address")))
}

/// The pid that INFO names, if the server is on this machine and its process can be read.
fn local_server_pid(address: SocketAddr) -> Option<u32> {
    if !address.ip().is_loopback() {
        return None;
    }
    let pid = Client::connect(address)
        .ok()?
        .info_number("server", "process_id")
        .ok()?;
    let pid = u32::try_from(pid).ok()?;
    procfs::rss_bytes(pid).is_ok().then_some(pid)
}
