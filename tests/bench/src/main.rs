//! Load generator and comparer for Redis-protocol servers.
//!
//! Build it with `cargo build --release -p nuthatch-bench` and the server with
//! `cargo build --release`. `nuthatch-bench run` loads a server that runs already; every other
//! scenario starts the servers itself, pins them to core 0 and itself to core 1, lets them take turns
//! and prints Markdown tables with medians. A ratio is the subject's figure to the better peer's; ✗
//! marks what is past its bound. `--json FILE` writes the same tables for programs. `--help` of each
//! scenario explains its options; the defaults are the full measurement. Results mean something only
//! on a machine that does nothing else.
//!
//! ```text
//! S="--subject nuthatch=target/release/nuthatch --peer valkey=PATH --peer redis=PATH"
//! B=target/release/nuthatch-bench
//!
//! $B compare $S                    # CPU per command and throughput, all cells: about 40 minutes
//! $B compare $S --keys 100000 --data-sizes 64 --rounds 3 --seconds 1     # a first look: 3 minutes
//! $B types $S                      # CPU per command of the data types: about 15 minutes
//! $B types $S --commands zadd,xread --size small --rounds 3 --seconds 0.5    # some of them
//! $B latency $S                    # p50, p99, p99.9 at half of saturation
//! $B neighbours $S                 # latency beside operations on 1 M elements: about 20 minutes
//! $B neighbours $S --commands none,del,zrange --rounds 1     # some of them
//! $B memory $S                     # bytes per key, and per idle connection
//! $B memory-types $S               # bytes per element of big collections, per small hash
//! $B empty $S                      # an empty server's memory, time until it answers
//! $B scan $S                       # CPU time of SCAN
//! $B expiry $S                     # delay of `expired` events; expired memory coming back
//! $B fragmentation $S              # RSS against live data while value sizes shift
//! $B churn $S                      # RSS while a full cache is overwritten twenty times
//! $B onetag $S                     # 10 M keys under one hash tag
//! $B scaling --subject nuthatch=target/release/nuthatch
//!
//! $B run --fill --keys 1000000 --order zipf:0.99 --command 10:1 -P 16
//! $B run --rate 20000 --command '3*LPUSH l:__key__ __data__' --command 'LRANGE l:__key__ 0 9'
//! ```
//!
//! A server is `NAME=PATH`, with further start arguments after the path if the whole is quoted:
//! `--peer "redis-4=/usr/bin/redis-server --io-threads 4"`. A name that begins with `nuthatch` gets
//! `--threads 1`, any other Redis's `--appendonly no --io-threads 1`; all get a free port, no
//! snapshots and a temporary directory that is removed afterwards.
//!
//! How it measures: CPU time is read from `/proc` at the beginning and the end of the measured time
//! ([`procfs`]); a fixed rate counts latency from the intended send time ([`load`]); servers that do
//! not fit into memory together are measured one after the other in several passes
//! ([`scenario::compare`]).

mod args;
mod batch;
mod client;
mod collections;
mod commands;
mod error;
mod fill;
mod gaps;
mod interrupt;
mod keys;
mod load;
mod machine;
mod procfs;
mod random;
mod reply;
mod report;
mod scenario;
mod servers;
mod stats;

use std::process::ExitCode;

use clap::Parser;

use args::{CommandLine, Scenario};
use report::Report;

fn main() -> ExitCode {
    let line = CommandLine::parse();
    let mut report = Report::new(line.json);
    let outcome = interrupt::watch().and_then(|()| match &line.scenario {
        Scenario::Run(args) => scenario::run::run(args, &mut report),
        Scenario::Compare(args) => scenario::compare::run(args, &mut report),
        Scenario::Types(args) => scenario::types::run(args, &mut report),
        Scenario::Latency(args) => scenario::latency::run(args, &mut report),
        Scenario::Neighbours(args) => scenario::neighbours::run(args, &mut report),
        Scenario::Memory(args) => scenario::memory::run(args, &mut report),
        Scenario::MemoryTypes(args) => scenario::memory_types::run(args, &mut report),
        Scenario::Empty(args) => scenario::empty::run(args, &mut report),
        Scenario::Scan(args) => scenario::scan::run(args, &mut report),
        Scenario::Expiry(args) => scenario::expiry::run(args, &mut report),
        Scenario::Fragmentation(args) => scenario::fragmentation::run(args, &mut report),
        Scenario::Churn(args) => scenario::churn::run(args, &mut report),
        Scenario::Onetag(args) => scenario::one_tag::run(args, &mut report),
        Scenario::Scaling(args) => scenario::scaling::run(args, &mut report),
    });
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("nuthatch-bench: {error}");
            ExitCode::FAILURE
        }
    }
}
