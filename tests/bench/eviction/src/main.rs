//! Replays cache traces against the eviction policies, and compares the miss ratios with those of other implementations.
//! What it says is in `RESULTS.md` beside it.

#[cfg(test)]
mod carried;
mod cells;
mod error;
mod in_process;
mod over_wire;
mod peers;
mod process;
mod replay;
mod server;
mod trace;
mod wire;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

use cells::Selection;
use error::Result;

#[derive(Debug, Parser)]
#[command(version, about)]
struct CommandLine {
    #[command(flatten)]
    selection: Selection,
    #[command(subcommand)]
    replay: Replay,
}

#[derive(Debug, Subcommand)]
enum Replay {
    /// Against the storage crate, with a capacity in keys or bytes and a clock that ticks once per request.
    InProcess(in_process::InProcessArgs),
    /// Through a running server, compared with the storage crate at as many keys as the server held.
    Server(server::ServerArgs),
    /// Through this server and others, all with the same bytes for data.
    Peers(peers::PeersArgs),
}

fn main() -> ExitCode {
    match run(&CommandLine::parse()) {
        Ok(0) => ExitCode::SUCCESS,
        Ok(far) => {
            eprintln!("{far} cells are too far off");
            ExitCode::FAILURE
        }
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

/// Prints a table; how many of its cells are too far off.
fn run(line: &CommandLine) -> Result<usize> {
    match &line.replay {
        Replay::InProcess(args) => in_process::run(args, &line.selection),
        Replay::Server(args) => server::run(args, &line.selection),
        Replay::Peers(args) => peers::run(args, &line.selection),
    }
}
