//! Load generator.
mod args;
mod client;
mod commands;
mod error;
mod fill;
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
    let outcome = match &line.scenario {
        Scenario::Run(args) => scenario::run::run(args, &mut report),
        Scenario::Compare(args) => scenario::compare::run(args, &mut report),
        Scenario::Latency(args) => scenario::latency::run(args, &mut report),
        Scenario::Memory(args) => scenario::memory::run(args, &mut report),
        Scenario::Empty(args) => scenario::empty::run(args, &mut report),
        Scenario::Scan(args) => scenario::scan::run(args, &mut report),
        Scenario::Expiry(args) => scenario::expiry::run(args, &mut report),
        Scenario::Fragmentation(args) => scenario::fragmentation::run(args, &mut report),
        Scenario::Onetag(args) => scenario::one_tag::run(args, &mut report),
        Scenario::Scaling(args) => scenario::scaling::run(args, &mut report),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("nuthatch-bench: {error}");
            ExitCode::FAILURE
        }
    }
}
