//! Expiry: how late `expired` events come among a million other keys with a time to live, and how
//! soon the memory of a million keys that expire together is back.
//!
//! Both halves set absolute expire times (`PXAT`), so the delay is measured against the wall clock
//! that server and generator share.

use std::collections::HashMap;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use clap::Args;
use hdrhistogram::Histogram;

use super::judged;
use crate::args::ServerArgs;
use crate::client::{Client, Value};
use crate::error::{BenchError, Result};
use crate::fill::fill;
use crate::keys::KeySpace;
use crate::load::latency_histogram;
use crate::random::Random;
use crate::report::{Cell, Report, Table, progress, quantile_cells};
use crate::servers::{Server, ServerProgram};

/// What is to be met: p99 of the events' delay, and memory back after this long.
const EVENT_P99_MAX_MS: f64 = 50.0;
const MEMORY_BACK_MAX_MS: f64 = 1100.0;
/// After this long an event counts as missing, and memory as not coming back.
const PATIENCE: Duration = Duration::from_secs(20);
/// Which parts of the memory taken must be back.
const PARTS_BACK: [f64; 4] = [0.5, 0.9, 0.95, 0.99];

/// Options of `expiry`.
#[derive(Debug, Args)]
pub(crate) struct ExpiryArgs {
    #[command(flatten)]
    servers: ServerArgs,
    /// Unrelated keys with a TTL; and how many expire together in the second half.
    #[arg(long, default_value_t = 1_000_000)]
    keys: u64,
    /// Short-lived keys whose events are awaited.
    #[arg(long, default_value_t = 1000)]
    short_lived: u64,
    /// Over how many seconds they are created.
    #[arg(long, default_value_t = 10.0)]
    seconds: f64,
    /// Seconds from the beginning of a fill until all its keys expire.
    #[arg(long, default_value_t = 10)]
    fill_seconds: u64,
}

/// Measures and reports.
///
/// # Errors
/// `BenchError`
pub(crate) fn run(args: &ExpiryArgs, report: &mut Report) -> Result<()> {
    let title = format!(
        "Delay of {} `expired` events among {} keys with a TTL, µs (p99 to be met: {EVENT_P99_MAX_MS} ms)",
        args.short_lived, args.keys
    );
    let mut events = Table::new(
        title,
        &["server", "events", "missing", "p50", "p99", "p99.9", "max"],
    );
    let title = format!(
        "Memory of {} expired keys coming back, ms after the expire time",
        args.keys
    );
    let mut columns = vec!["server".to_string()];
    columns.extend(PARTS_BACK.map(|part| format!("{} % back", part * 100.0)));
    columns.extend([
        "DBSIZE 0".into(),
        "used MiB before".into(),
        "full".into(),
        "after".into(),
    ]);
    let columns: Vec<&str> = columns.iter().map(String::as_str).collect();
    let mut memory = Table::new(title, &columns);
    for program in args.servers.programs() {
        events.push(event_delays(args, &program)?);
        memory.push(memory_back(args, &program)?);
    }
    report.add(events)?;
    report.add(memory)
}

fn event_delays(args: &ExpiryArgs, program: &ServerProgram) -> Result<Vec<Cell>> {
    let server = args.servers.start(program)?;
    let mut client = server.client()?;
    client.command("CONFIG SET notify-keyspace-events Ex")?;
    let keys = KeySpace::new(args.keys, 16, "key:")?;
    fill(server.address, "SET __key__ __data__ PX __ttl__", &keys, 64)?;
    let mut subscriber = server.client()?;
    subscriber.command("SUBSCRIBE __keyevent@0__:expired")?;
    progress(&format!(
        "{}: filled, creating short-lived keys",
        server.name
    ));
    let events = create_short_lived(args, &mut client, &mut subscriber)?;
    Ok(event_row(&server.name, &events))
}

/// What became of the short-lived keys.
#[derive(Debug)]
struct Events {
    /// In nanoseconds. A missing event counts with the time it was waited for.
    delays: Histogram<u64>,
    missing: u64,
}

/// Creates the keys at random times and takes events meanwhile and afterwards.
fn create_short_lived(
    args: &ExpiryArgs,
    client: &mut Client,
    subscriber: &mut Client,
) -> Result<Events> {
    let mut random = Random::new(11);
    let mut create_after: Vec<f64> = (0..args.short_lived)
        .map(|_| random.unit() * args.seconds)
        .collect();
    create_after.sort_by(f64::total_cmp);
    let mut to_create = create_after.into_iter().enumerate().peekable();
    // The expire time, since the epoch, of every key whose event has not come.
    let mut awaited: HashMap<String, Duration> = HashMap::new();
    let mut delays = latency_histogram();
    let mut note = |delay: Duration| delays.saturating_record(delay.as_nanos() as u64);
    let began = Instant::now();
    let mut last_created = began;
    while to_create.peek().is_some() || (!awaited.is_empty() && last_created.elapsed() < PATIENCE) {
        if let Some((number, _)) =
            to_create.next_if(|(_, after)| began.elapsed().as_secs_f64() >= *after)
        {
            let name = format!("short:{number}");
            // Up to 1.5 s ahead, at no round time.
            let expire_at = since_epoch().as_millis() as u64 + 20 + random.below(1480);
            client.command(&format!("SET {name} x PXAT {expire_at}"))?;
            awaited.insert(name, Duration::from_millis(expire_at));
            last_created = Instant::now();
        }
        if let Some((name, event_at)) = next_event(subscriber)?
            && let Some(expire_at) = awaited.remove(&name)
        {
            note(event_at.saturating_sub(expire_at));
        }
    }
    let missing = awaited.len() as u64;
    awaited
        .into_values()
        .for_each(|expire_at| note(since_epoch().saturating_sub(expire_at)));
    Ok(Events { delays, missing })
}

/// The key of the next event, if one comes within a moment.
fn next_event(subscriber: &mut Client) -> Result<Option<(String, Duration)>> {
    if !subscriber.is_readable(Duration::from_millis(1))? {
        return Ok(None);
    }
    let message = subscriber.read()?;
    let event_at = since_epoch();
    let Value::Array(parts) = message else {
        return Ok(None);
    };
    let name = parts.get(2).and_then(Value::bytes);
    Ok(name.map(|name| (String::from_utf8_lossy(name).into_owned(), event_at)))
}

fn event_row(name: &str, events: &Events) -> Vec<Cell> {
    let came = events.delays.len() - events.missing;
    let mut row: Vec<Cell> = vec![name.into(), came.into(), events.missing.into()];
    row.extend(quantile_cells(&events.delays));
    let p99_us = events.delays.value_at_quantile(0.99) as f64 / 1e3;
    row[4] = judged(Some(p99_us), Some(EVENT_P99_MAX_MS * 1e3), 1);
    row
}

fn memory_back(args: &ExpiryArgs, program: &ServerProgram) -> Result<Vec<Cell>> {
    let server = args.servers.start(program)?;
    let mut client = server.client()?;
    let before = client.info_number("memory", "used_memory")?;
    let expire_at = since_epoch() + Duration::from_secs(args.fill_seconds);
    let keys = KeySpace::new(args.keys, 16, "key:")?;
    let command = format!("SET __key__ __data__ PXAT {}", expire_at.as_millis());
    fill(server.address, &command, &keys, 64)?;
    let full = client.info_number("memory", "used_memory")?;
    if since_epoch() >= expire_at {
        return Err(BenchError::Usage(
            "the fill took too long; raise --fill-seconds".into(),
        ));
    }
    progress(&format!(
        "{}: filled, waiting for the expire time",
        server.name
    ));
    std::thread::sleep(expire_at.saturating_sub(since_epoch()));
    let (parts, dbsize, after) = watch_memory(&mut client, before, full, expire_at)?;
    Ok(memory_row(&server, &parts, dbsize, [before, full, after]))
}

type Back = Option<Duration>;

/// How long after `expire_at` each part was back and DBSIZE was 0, and what was in use at the end.
fn watch_memory(
    client: &mut Client,
    before: u64,
    full: u64,
    expire_at: Duration,
) -> Result<([Back; 4], Back, u64)> {
    let taken = full.saturating_sub(before) as f64;
    let (mut parts, mut empty) = ([None; 4], None);
    loop {
        let used = client.info_number("memory", "used_memory")?;
        let since = since_epoch().saturating_sub(expire_at);
        let back = full.saturating_sub(used) as f64;
        for (part, wanted) in parts.iter_mut().zip(PARTS_BACK) {
            if part.is_none() && back >= taken * wanted {
                *part = Some(since);
            }
        }
        if empty.is_none() && client.integer("DBSIZE")? == 0 {
            empty = Some(since_epoch().saturating_sub(expire_at));
        }
        if since > PATIENCE || (empty.is_some() && parts.iter().all(Option::is_some)) {
            return Ok((parts, empty, used));
        }
        std::thread::sleep(Duration::from_millis(5));
    }
}

fn memory_row(server: &Server, parts: &[Back; 4], dbsize: Back, used: [u64; 3]) -> Vec<Cell> {
    let cell = |back: &Back| {
        let millis = back.map(|time| (time.as_secs_f64() * 1e3).round());
        match millis {
            None => format!("not in {} s", PATIENCE.as_secs()).into(),
            late => judged(late, Some(MEMORY_BACK_MAX_MS), 0),
        }
    };
    let mut row: Vec<Cell> = vec![server.name.as_str().into()];
    row.extend(parts.iter().map(cell));
    row.push(cell(&dbsize));
    row.extend(used.map(Cell::mib));
    row
}

fn since_epoch() -> Duration {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default()
}
