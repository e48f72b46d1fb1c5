//! Churn: resident memory while a full cache is overwritten again and again.
//!
//! With `maxmemory` set and eviction on, phases follow each other in which values are of other sizes, some with a time to
//! live; lists, hashes, sets and sorted sets come and go; and pipelines are deep. Beside them slow clients read little or
//! leave their replies where they are. Whatever happens, the process should stay near its limit: the kernel's high-water
//! mark of resident memory is read, and set back, after each phase.

use std::ops::RangeInclusive;
use std::sync::atomic::{AtomicU64, Ordering};

use clap::Args;

use super::churn_clients::SlowClients;
use super::judged;
use crate::args::ServerArgs;
use crate::batch::Batch;
use crate::client::{Client, Value};
use crate::error::{BenchError, Result};
use crate::procfs;
use crate::random::Random;
use crate::report::{Cell, Report, Table, progress};
use crate::servers::{Server, ServerProgram};

const MIB: u64 = 1 << 20;
/// What is to be met: so many hundredths of `maxmemory`, and so much more.
const RSS_PERCENT_MAX: u64 = 105;
const RSS_MORE: u64 = 64 * MIB;
/// Commands per write.
const BATCH: usize = 500;
/// Bytes per write in the phase of deep pipelines. Their replies fit into the buffers of the sockets.
const DEEP_BYTES: usize = MIB as usize;
/// Elements per command that adds to a collection.
const ELEMENTS: u64 = 100;
/// The largest collections.
const ELEMENTS_MAX: f64 = 100_000.0;
/// What an element counts as written.
const ELEMENT_BYTES: u64 = 24;

/// Options of `churn`.
#[derive(Debug, Args)]
pub(crate) struct ChurnArgs {
    #[command(flatten)]
    servers: ServerArgs,
    /// `maxmemory`, in MiB.
    #[arg(long, value_delimiter = ',', default_value = "64,256")]
    maxmemory_mib: Vec<u64>,
    /// How often the memory is overwritten, at least.
    #[arg(long, default_value_t = 20)]
    times: u64,
    /// Policy of the subject.
    #[arg(long, default_value = "allkeys-s3fifo")]
    policy: String,
    /// Policy of the peers.
    #[arg(long, default_value = "allkeys-lru")]
    peer_policy: String,
    /// Only these phases, counted from 1.
    #[arg(long, value_delimiter = ',')]
    phases: Vec<usize>,
    /// Slow clients.
    #[arg(long, default_value_t = 200)]
    slow_clients: usize,
}

/// What is written in a phase.
#[derive(Clone, Debug)]
enum Writes {
    /// Values of these sizes, each for a new key; so many of a hundred with a time to live.
    New(RangeInclusive<u64>, u64),
    /// Values of all sizes up to 64 KiB for keys that may be there already.
    Overwrites,
    /// Collections of all sizes, half of which are deleted again.
    Collections,
    /// Small values, 1 MiB of requests at a time.
    Deep,
}

/// A phase: its name, how many times the memory it writes, and what.
const PHASES: [(&str, u64, Writes); 6] = [
    ("values of 16–64 B", 1, Writes::New(16..=64, 0)),
    (
        "values of 200–2000 B, a third with TTL",
        3,
        Writes::New(200..=2_000, 33),
    ),
    (
        "values of 8–64 KiB, a tenth with TTL",
        3,
        Writes::New(8_192..=65_536, 10),
    ),
    (
        "collections of up to 100 k elements",
        1,
        Writes::Collections,
    ),
    (
        "overwrites, 16 B–64 KiB, a quarter with TTL",
        2,
        Writes::Overwrites,
    ),
    ("pipelines of 1 MiB, values of 16–1024 B", 1, Writes::Deep),
];

/// Measures each server by itself and reports.
///
/// # Errors
/// `BenchError`
pub(crate) fn run(args: &ChurnArgs, report: &mut Report) -> Result<()> {
    for &mib in &args.maxmemory_mib {
        let bound = mib * MIB / 100 * RSS_PERCENT_MAX + RSS_MORE;
        let title = format!(
            "Churn: maxmemory {mib} MiB overwritten {} times beside {} slow clients (to be met: RSS never above {:.0} MiB)",
            args.times,
            args.slow_clients,
            bound as f64 / MIB as f64
        );
        let columns = [
            "server",
            "phase",
            "peak RSS MiB",
            "RSS after MiB",
            "used_memory after MiB",
            "keys after",
            "evicted",
            "OOM replies",
            "unread replies MiB",
        ];
        let mut table = Table::new(title, &columns);
        for (index, program) in args.servers.programs().iter().enumerate() {
            let policy = if index == 0 {
                &args.policy
            } else {
                &args.peer_policy
            };
            for row in measure(args, program, policy, mib * MIB)? {
                table.push(row.cells(&program.name, bound));
            }
        }
        report.add(table)?;
    }
    Ok(())
}

impl ChurnArgs {
    fn phases(&self) -> impl Iterator<Item = &'static (&'static str, u64, Writes)> {
        let is_wanted = |number: usize| self.phases.is_empty() || self.phases.contains(&number);
        let numbered = PHASES.iter().zip(1..);
        numbered.filter_map(move |(phase, number)| is_wanted(number).then_some(phase))
    }
}

/// What was seen of a phase, in all its rounds.
struct PhaseRow {
    phase: &'static str,
    peak_rss: u64,
    rss: u64,
    used: u64,
    keys: i64,
    evicted: u64,
    refused: u64,
    /// What the server held of replies that clients had not taken, at the end.
    unread: u64,
}

impl PhaseRow {
    fn cells(&self, server: &str, bound: u64) -> Vec<Cell> {
        let mib = |bytes: u64| bytes as f64 / MIB as f64;
        vec![
            server.into(),
            self.phase.into(),
            judged(Some(mib(self.peak_rss)), Some(mib(bound)), 1),
            Cell::mib(self.rss),
            Cell::mib(self.used),
            (self.keys as u64).into(),
            self.evicted.into(),
            self.refused.into(),
            Cell::mib(self.unread),
        ]
    }
}

fn measure(
    args: &ChurnArgs,
    program: &ServerProgram,
    policy: &str,
    maxmemory: u64,
) -> Result<Vec<PhaseRow>> {
    let server = args.servers.start(program)?;
    let mut client = server.client()?;
    client.command(&format!("CONFIG SET maxmemory-policy {policy}"))?;
    client.command(&format!("CONFIG SET maxmemory {maxmemory}"))?;
    let mut writer = Writer::new(&server, maxmemory)?;
    let mut rows: Vec<PhaseRow> = Vec::new();
    let (mut written, mut rounds) = (0, 0);
    if args.phases().next().is_none() {
        return Err(BenchError::Usage(format!(
            "phases are 1 to {}",
            PHASES.len()
        )));
    }
    while written < args.times {
        for (index, (phase, times, writes)) in args.phases().enumerate() {
            let evicted_before = client.info_number("stats", "evicted_keys")?;
            let slow = SlowClients::start(server.address, args.slow_clients, maxmemory / 4)?;
            writer.phase(writes, times * maxmemory)?;
            let unread = unread_bytes(&mut client)?;
            slow.end()?;
            written += times;
            let row = PhaseRow {
                phase,
                peak_rss: procfs::peak_rss_bytes(server.pid())?,
                rss: server.rss_bytes()?,
                used: client.info_number("memory", "used_memory")?,
                keys: client.integer("DBSIZE")?,
                evicted: client.info_number("stats", "evicted_keys")? - evicted_before,
                refused: REFUSED.swap(0, Ordering::Relaxed),
                unread,
            };
            progress(&format!(
                "{} round {rounds}, {phase}: peak {} MiB, {} keys",
                server.name,
                row.peak_rss / MIB,
                row.keys
            ));
            procfs::reset_peak_rss(server.pid())?;
            match rows.get_mut(index) {
                Some(earlier) => earlier.merge(row),
                None => rows.push(row),
            }
        }
        rounds += 1;
    }
    Ok(rows)
}

impl PhaseRow {
    /// Takes in a later round of the same phase.
    fn merge(&mut self, later: PhaseRow) {
        *self = PhaseRow {
            peak_rss: self.peak_rss.max(later.peak_rss),
            evicted: self.evicted + later.evicted,
            refused: self.refused + later.refused,
            unread: self.unread.max(later.unread),
            ..later
        };
    }
}

/// Replies that the server holds for its clients.
fn unread_bytes(client: &mut Client) -> Result<u64> {
    let reply = client.command("CLIENT LIST")?;
    let text = String::from_utf8_lossy(reply.bytes().unwrap_or_default());
    let fields = text.split_ascii_whitespace();
    let held = fields.filter_map(|field| field.strip_prefix("omem=")?.parse::<u64>().ok());
    Ok(held.sum())
}

/// Commands refused with `-OOM`; a check of replies has no other place to count.
static REFUSED: AtomicU64 = AtomicU64::new(0);

/// Takes any reply that is no error, and counts what was refused for want of memory.
fn done_or_refused(reply: Value) -> Result<()> {
    match reply {
        Value::Error(text) if text.starts_with("OOM ") => {
            // Relaxed: a figure for the report.
            REFUSED.fetch_add(1, Ordering::Relaxed);
            Ok(())
        }
        Value::Error(first) => Err(BenchError::ErrorReplies { count: 1, first }),
        _ => Ok(()),
    }
}

struct Writer {
    batch: Batch,
    deep: Batch,
    random: Random,
    data: Vec<u8>,
    /// Names that overwrites draw from.
    shared_keys: u64,
    next_key: u64,
}

impl Writer {
    fn new(server: &Server, maxmemory: u64) -> Result<Writer> {
        let mut random = Random::new(7);
        Ok(Writer {
            batch: Batch::new(server.client()?, BATCH, done_or_refused),
            deep: Batch::new(server.client()?, usize::MAX, done_or_refused)
                .with_bytes_max(DEEP_BYTES),
            data: random.letters(65_536),
            random,
            shared_keys: maxmemory / 4_096,
            next_key: 0,
        })
    }

    /// Writes so many bytes.
    fn phase(&mut self, writes: &Writes, bytes: u64) -> Result<()> {
        let mut written = 0;
        while written < bytes {
            written += match writes {
                Writes::New(sizes, ttl_percent) => {
                    let span = sizes.end() - sizes.start() + 1;
                    let len = sizes.start() + self.random.below(span);
                    let key = self.new_key();
                    self.set(&key, len, *ttl_percent)?
                }
                Writes::Overwrites => {
                    let len = self.log_uniform(16.0, 65_536.0);
                    let key = format!("s:{:010}", self.random.below(self.shared_keys));
                    self.set(&key, len, 25)?
                }
                Writes::Collections => self.collection()?,
                Writes::Deep => {
                    let len = 16 + self.random.below(1_009);
                    let key = self.new_key();
                    let data = &self.data[..len as usize];
                    self.deep.push(&[b"SET", key.as_bytes(), data])?;
                    len
                }
            };
        }
        self.batch.flush()?;
        self.deep.flush()
    }

    fn new_key(&mut self) -> String {
        self.next_key += 1;
        format!("k:{:010}", self.next_key)
    }

    /// From `low` to `high`, each order of magnitude as often as the next.
    fn log_uniform(&mut self, low: f64, high: f64) -> u64 {
        (low * (high / low).powf(self.random.unit())) as u64
    }

    /// Writes a value of `len` bytes, and so many of a hundred with a time to live of up to five seconds.
    fn set(&mut self, key: &str, len: u64, ttl_percent: u64) -> Result<u64> {
        let data = &self.data[..len as usize];
        if self.random.below(100) < ttl_percent {
            let ttl = (1 + self.random.below(5_000)).to_string();
            self.batch
                .push(&[b"SET", key.as_bytes(), data, b"PX", ttl.as_bytes()])?;
        } else {
            self.batch.push(&[b"SET", key.as_bytes(), data])?;
        }
        Ok(len)
    }

    /// Builds a collection; every other time an earlier one is deleted. What was written.
    fn collection(&mut self) -> Result<u64> {
        let name = self.new_key();
        let kind = self.next_key % 4;
        let elements = self.log_uniform(10.0, ELEMENTS_MAX);
        for first in (0..elements).step_by(ELEMENTS as usize) {
            let mut words: Vec<Vec<u8>> = Vec::new();
            let command = ["RPUSH", "HSET", "SADD", "ZADD"][kind as usize];
            words.extend([command.into(), name.clone().into_bytes()]);
            for element in first..elements.min(first + ELEMENTS) {
                let member = format!("member:{element:09}").into_bytes();
                match kind {
                    1 => words.extend([member, b"a value.".to_vec()]),
                    3 => words.extend([self.random.below(1_000_000).to_string().into(), member]),
                    _ => words.push(member),
                }
            }
            let words: Vec<&[u8]> = words.iter().map(Vec::as_slice).collect();
            self.batch.push(&words)?;
        }
        if self.random.below(2) == 0 {
            let earlier = self.next_key.saturating_sub(self.random.below(20));
            let command = [b"DEL".as_slice(), b"UNLINK"][self.random.below(2) as usize];
            self.batch
                .push(&[command, format!("k:{earlier:010}").as_bytes()])?;
        }
        Ok(elements * ELEMENT_BYTES)
    }
}
