//! Memory per element of one big collection of each type, and per small hash.
//!
//! Each collection is built in a fresh server, whose RSS when empty is subtracted. The figure holds
//! the element itself, 16 bytes (in hashes 8 of value more, in sorted sets the score): what is stored
//! besides differs from type to type, so nothing is taken off. Small hashes are weighed as a whole, key
//! and all.

use clap::Args;

use super::memory::settled_rss_bytes;
use super::ratio_to_best_peer;
use crate::args::ServerArgs;
use crate::batch::{Batch, no_error};
use crate::collections::CollectionType;
use crate::error::{BenchError, Result};
use crate::keys::KeySpace;
use crate::report::{Cell, Report, Table, count_text, progress};
use crate::servers::ServerProgram;
use crate::stats::Better;

/// Commands per write: what connections buffer must not weigh in the RSS.
const BATCH: usize = 20;
const FIELDS: u64 = 10;

/// Options of `memory-types`.
#[derive(Debug, Args)]
pub(crate) struct MemoryTypesArgs {
    #[command(flatten)]
    servers: ServerArgs,
    /// Elements of the one collection of each type; 0 leaves them out.
    #[arg(long, default_value_t = 1_000_000)]
    elements: u64,
    /// How many hashes of ten short fields there are; 0 leaves them out.
    #[arg(long, default_value_t = 100_000)]
    hashes: u64,
}

/// What is weighed together.
struct Load {
    name: &'static str,
    of: CollectionType,
    keys: u64,
    elements: u64,
    /// What the memory is divided by, and its name.
    parts: u64,
    part: &'static str,
}

/// Measures and reports.
///
/// # Errors
/// `BenchError`
pub(crate) fn run(args: &MemoryTypesArgs, report: &mut Report) -> Result<()> {
    let programs = args.servers.programs();
    let mut columns = vec!["collection", "per"];
    columns.extend(programs.iter().map(|program| program.name.as_str()));
    columns.push("ratio");
    let mut table = Table::new(
        "RSS of collections beyond an empty server's, bytes (ratio to the better peer)",
        &columns,
    );
    let loads = loads(args);
    if loads.is_empty() {
        return Err(BenchError::Usage("nothing to weigh".into()));
    }
    for load in &loads {
        let figures = programs
            .iter()
            .map(|program| bytes_per_part(args, program, load).map(Some))
            .collect::<Result<Vec<_>>>()?;
        let mut row: Vec<Cell> = vec![load.name.into()];
        row.push(format!("{} of {}", load.part, count_text(load.parts)).into());
        row.extend(figures.iter().map(|&bytes| Cell::number(bytes, 1)));
        row.push(Cell::number(ratio_to_best_peer(&figures, Better::Lower), 2));
        table.push(row);
    }
    report.add(table)
}

fn loads(args: &MemoryTypesArgs) -> Vec<Load> {
    let big = [
        ("set of 16 B", CollectionType::Set),
        ("hash of 16 B with 8 B", CollectionType::Hash(8)),
        ("sorted set of 16 B", CollectionType::SortedSet),
        ("list of 16 B", CollectionType::List),
    ];
    let big = big.map(|(name, of)| Load {
        name,
        of,
        keys: 1,
        elements: args.elements,
        parts: args.elements,
        part: "element",
    });
    let small = Load {
        name: "hashes of ten fields (6 B with 8 B)",
        of: CollectionType::Record,
        keys: args.hashes,
        elements: FIELDS,
        parts: args.hashes,
        part: "hash",
    };
    let mut loads: Vec<Load> = big.into_iter().collect();
    loads.push(small);
    loads.retain(|load| load.parts > 0);
    loads
}

fn bytes_per_part(args: &MemoryTypesArgs, program: &ServerProgram, load: &Load) -> Result<f64> {
    let server = args.servers.start(program)?;
    let base = settled_rss_bytes(&server)?;
    let keys = KeySpace::new(load.keys, 16, "key:")?;
    let mut batch = Batch::new(server.client()?, BATCH, no_error);
    load.of.build(&mut batch, &keys, 0..load.elements)?;
    drop(batch);
    let rss = settled_rss_bytes(&server)?;
    let bytes = rss.saturating_sub(base) as f64 / load.parts as f64;
    progress(&format!("{}: {}: {bytes:.1} B", server.name, load.name));
    Ok(bytes)
}
