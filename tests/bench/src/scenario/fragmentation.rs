//! Fragmentation: a constant amount of live data whose sizes shift.
//!
//! The hard case for a cache. Each of four phases writes twice the budget in values of its own sizes
//! and deletes random keys so that key and value bytes never exceed the budget; what the earlier
//! phases left survives here and there and keeps pages alive. At the end three quarters are deleted.

use std::ops::RangeInclusive;
use std::time::Duration;

use clap::Args;

use super::judged;
use crate::args::ServerArgs;
use crate::batch::Batch;
use crate::client::{Value, unexpected};
use crate::error::{BenchError, Result};
use crate::random::Random;
use crate::report::{Cell, Report, Table, progress};
use crate::servers::{Server, ServerProgram};
use crate::stats::ratio;

/// Value sizes in bytes of each phase, uniform.
const PHASES: [RangeInclusive<u64>; 4] = [32..=96, 128..=320, 400..=800, 900..=1800];
const KEY_BYTES: u64 = 16;
/// What is to be met at the end of the last phase.
const RSS_TO_LIVE_MAX: f64 = 1.25;
/// Commands per write to the server.
const BATCH: usize = 200;

/// Options of `fragmentation`.
#[derive(Debug, Args)]
pub(crate) struct FragmentationArgs {
    #[command(flatten)]
    servers: ServerArgs,
    /// Live data in MB (10^6 bytes of keys and values).
    #[arg(long, default_value_t = 240)]
    budget_mb: u64,
}

/// Measures each server by itself and reports.
///
/// # Errors
/// `BenchError`
pub(crate) fn run(args: &FragmentationArgs, report: &mut Report) -> Result<()> {
    let title = format!(
        "Fragmentation: sizes shift under {} MB of live keys and values (to be met: RSS/live ≤ {RSS_TO_LIVE_MAX} after phase 4)",
        args.budget_mb
    );
    let columns = [
        "server",
        "after",
        "live MB",
        "keys",
        "used_memory MB",
        "RSS MB",
        "RSS/live",
        "RSS/used_memory",
    ];
    let mut table = Table::new(title, &columns);
    for program in args.servers.programs() {
        for row in measure(args, &program)? {
            table.push(row);
        }
    }
    report.add(table)
}

fn measure(args: &FragmentationArgs, program: &ServerProgram) -> Result<Vec<Vec<Cell>>> {
    let server = args.servers.start(program)?;
    let mut writer = Writer::new(&server, args.budget_mb * 1_000_000)?;
    let mut rows = Vec::new();
    for (index, sizes) in PHASES.iter().enumerate() {
        writer.phase(sizes)?;
        let bound = (index + 1 == PHASES.len()).then_some(RSS_TO_LIVE_MAX);
        rows.push(writer.row(
            &server,
            &format!("phase {} ({}–{} B)", index + 1, sizes.start(), sizes.end()),
            bound,
        )?);
    }
    writer.free_three_quarters()?;
    rows.push(writer.row(&server, "freeing 75 %", None)?);
    Ok(rows)
}

/// Knows every live key and its bytes, and keeps within the budget.
struct Writer {
    batch: Batch,
    random: Random,
    data: Vec<u8>,
    live: Vec<Live>,
    live_bytes: u64,
    budget: u64,
    next_key: u32,
}

struct Live {
    key: u32,
    bytes: u32,
}

impl Writer {
    fn new(server: &Server, budget: u64) -> Result<Writer> {
        let mut random = Random::new(5);
        Ok(Writer {
            batch: Batch::new(server.client()?, BATCH, done),
            data: random.letters(*PHASES[3].end() as usize),
            random,
            live: Vec::new(),
            live_bytes: 0,
            budget,
            next_key: 0,
        })
    }

    fn phase(&mut self, sizes: &RangeInclusive<u64>) -> Result<()> {
        let mut to_write = self.budget * 2;
        while to_write > 0 {
            let value = sizes.start() + self.random.below(sizes.end() - sizes.start() + 1);
            let bytes = value + KEY_BYTES;
            while self.live_bytes + bytes > self.budget && self.delete_random()? {}
            self.set(value)?;
            to_write = to_write.saturating_sub(bytes);
        }
        self.batch.flush()
    }

    fn free_three_quarters(&mut self) -> Result<()> {
        while self.live_bytes > self.budget / 4 && self.delete_random()? {}
        self.batch.flush()
    }

    fn set(&mut self, value: u64) -> Result<()> {
        let key = self.next_key;
        self.next_key += 1;
        let bytes = value + KEY_BYTES;
        self.live.push(Live {
            key,
            bytes: bytes as u32,
        });
        self.live_bytes += bytes;
        let data = &self.data[..value as usize];
        self.batch.push(&[b"SET", &key_name(key), data])
    }

    /// Deletes one live key; whether there was any.
    fn delete_random(&mut self) -> Result<bool> {
        if self.live.is_empty() {
            return Ok(false);
        }
        let victim = self.random.below(self.live.len() as u64) as usize;
        let Live { key, bytes } = self.live.swap_remove(victim);
        self.live_bytes -= u64::from(bytes);
        self.batch.push(&[b"DEL", &key_name(key)])?;
        Ok(true)
    }

    fn row(&mut self, server: &Server, after: &str, bound: Option<f64>) -> Result<Vec<Cell>> {
        let rss = server.settled_rss_bytes(Duration::from_secs(1), Duration::from_secs(10))?;
        let used = self.batch.client().info_number("memory", "used_memory")?;
        let keys = self.batch.client().integer("DBSIZE")?;
        if keys != self.live.len() as i64 {
            return Err(BenchError::Usage(format!(
                "{keys} keys where {} are live",
                self.live.len()
            )));
        }
        progress(&format!(
            "{} after {after}: {} MB for {} MB",
            server.name,
            rss / 1_000_000,
            self.live_bytes / 1_000_000
        ));
        let mb = |bytes: u64| Cell::Number(bytes as f64 / 1e6, 1);
        Ok(vec![
            server.name.as_str().into(),
            after.into(),
            mb(self.live_bytes),
            (self.live.len() as u64).into(),
            mb(used),
            mb(rss),
            judged(ratio(rss as f64, self.live_bytes as f64), bound, 2),
            Cell::number(ratio(rss as f64, used as f64), 2),
        ])
    }
}

fn key_name(key: u32) -> Vec<u8> {
    format!("key:{key:012}").into_bytes()
}

/// A key that was there must be deleted, and nothing may be refused.
fn done(reply: Value) -> Result<()> {
    match reply {
        Value::Simple(_) | Value::Integer(1) => Ok(()),
        other => Err(unexpected("SET or DEL", &other)),
    }
}
