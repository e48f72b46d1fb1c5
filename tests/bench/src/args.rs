//! The command line.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};

use crate::keys::KeyOrder;
use crate::scenario::{
    churn::ChurnArgs, compare::CompareArgs, empty::EmptyArgs, expiry::ExpiryArgs,
    fragmentation::FragmentationArgs, latency::LatencyArgs, memory::MemoryArgs,
    memory_types::MemoryTypesArgs, neighbours::NeighboursArgs, one_tag::OneTagArgs, run::RunArgs,
    scaling::ScalingArgs, scan::ScanArgs, types::TypesArgs,
};
use crate::servers::ServerProgram;

/// Load generator and comparer for Redis-protocol servers.
#[derive(Debug, Parser)]
#[command(version, about)]
pub(crate) struct CommandLine {
    #[command(subcommand)]
    pub(crate) scenario: Scenario,
    /// Also write the tables to this file, as JSON.
    #[arg(long, global = true, value_name = "FILE")]
    pub(crate) json: Option<PathBuf>,
}

/// What to measure.
#[derive(Debug, Subcommand)]
pub(crate) enum Scenario {
    /// Load one running server: closed loop, or a fixed rate.
    Run(RunArgs),
    /// CPU time per command and throughput against peers, in every cell of the budget.
    Compare(CompareArgs),
    /// CPU time per command of the data types against peers.
    Types(TypesArgs),
    /// Latency at half of saturation.
    Latency(LatencyArgs),
    /// Latency of small keys beside operations on collections of a million elements.
    Neighbours(NeighboursArgs),
    /// Memory per key, and per idle connection.
    Memory(MemoryArgs),
    /// Memory per element of big collections, and per small hash.
    MemoryTypes(MemoryTypesArgs),
    /// Memory of an empty server, and how soon it answers.
    Empty(EmptyArgs),
    /// CPU time of SCAN.
    Scan(ScanArgs),
    /// Delay of expiry, and of its memory coming back.
    Expiry(ExpiryArgs),
    /// Memory after shifts of the value sizes under a constant amount of live data.
    Fragmentation(FragmentationArgs),
    /// Resident memory while a full cache is overwritten again and again.
    Churn(ChurnArgs),
    /// Keys that all share one hash tag: table memory and worst insert.
    Onetag(OneTagArgs),
    /// CPU time per command of two server threads against one.
    Scaling(ScalingArgs),
}

/// The servers of a comparison, and where they run.
#[derive(Debug, Args)]
pub(crate) struct ServerArgs {
    /// The server that is judged: NAME=PATH, optionally with start arguments after the path.
    #[arg(long, value_name = "NAME=PATH")]
    pub(crate) subject: ServerProgram,
    /// A server to compare with: NAME=PATH; may be repeated.
    #[arg(long = "peer", value_name = "NAME=PATH")]
    pub(crate) peers: Vec<ServerProgram>,
    /// Core of the servers.
    #[arg(long, default_value_t = 0)]
    pub(crate) server_core: usize,
    /// Core of the load generator.
    #[arg(long, default_value_t = 1)]
    pub(crate) client_core: usize,
}

impl ServerArgs {
    /// All programs, the subject first.
    pub(crate) fn programs(&self) -> Vec<ServerProgram> {
        let mut programs = vec![self.subject.clone()];
        programs.extend(self.peers.iter().cloned());
        programs
    }
}

/// What the keys look like.
#[derive(Debug, Clone, Args)]
pub(crate) struct KeyArgs {
    /// Length of a key name in bytes.
    #[arg(long, default_value_t = 16)]
    pub(crate) key_size: usize,
    /// How keys are drawn: uniform, zipf, zipf:THETA or sequential.
    #[arg(long, default_value = "uniform")]
    pub(crate) order: KeyOrder,
}
