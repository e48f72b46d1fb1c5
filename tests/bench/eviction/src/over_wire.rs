//! A trace against a running server, whose capacity is its `maxmemory`.
//!
//! **Equal memory.** A number of keys is turned into bytes by filling this project's server with them, without a limit.
//! Every server, whoever's, then gets these bytes on top of what it uses with nothing in it: `used_memory` as seen by the
//! connection that is to replay the trace, when a key of that size has been written, read and deleted by it some times.
//! So buffers of clients and whatever a server has from its start are not taken from its data. Where few keys are to fit
//! their values are larger: in some ten kilobytes a buffer of a client or a page of memory would weigh as much as all keys.

use std::time::{Duration, Instant};

use crate::error::Result;
use crate::process::{Program, Server};
use crate::trace::{Request, Trace};
use crate::wire::Wire;

/// How often a replay asks for the number of keys, in the second half of the trace.
const KEY_COUNTS: usize = 50;
/// Requests between two looks at the clock, when a rate is to be kept.
const PACE_REQUESTS: usize = 4;

/// What a server is to do.
pub(crate) struct Settings<'s> {
    /// `maxmemory-policy`.
    pub(crate) policy: &'s str,
    /// Further directives.
    pub(crate) directives: &'s [(&'s str, String)],
    /// Bytes for data.
    pub(crate) data_bytes: u64,
    /// Bytes of each value.
    pub(crate) value_bytes: usize,
    /// Requests a second at most.
    pub(crate) rate: Option<f64>,
}

/// How it went.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Outcome {
    /// Misses per request.
    pub(crate) miss_ratio: f64,
    /// Keys, the mean over the second half of the trace.
    pub(crate) keys: f64,
    /// The fewest and the most of them.
    pub(crate) keys_range: (u64, u64),
}

/// Bytes of each value where so many keys are to fit.
pub(crate) fn value_bytes(keys: u64) -> usize {
    /// With fewer keys than this values are large.
    const MANY_KEYS: u64 = 1_000;
    const BYTES: usize = 200;
    const LARGE_BYTES: usize = 1_000;
    if keys < MANY_KEYS { LARGE_BYTES } else { BYTES }
}

/// Bytes that so many keys take in `ours`.
pub(crate) fn bytes_of(ours: &Program, keys: u64, value_bytes: usize) -> Result<u64> {
    let server = Server::start(ours)?;
    let mut wire = server.wire()?;
    let value = vec![b'x'; value_bytes];
    let empty = empty_bytes(&mut wire, &value)?;
    for key in 0..keys {
        wire.set(&name(key as u32), &value)?;
    }
    Ok(wire.used_memory()? - empty)
}

/// Starts a server and replays the trace.
pub(crate) fn replay(program: &Program, trace: &Trace, settings: &Settings<'_>) -> Result<Outcome> {
    let server = Server::start(program)?;
    let mut wire = server.wire()?;
    let value = vec![b'x'; settings.value_bytes];
    wire.configure("maxmemory-policy", settings.policy)?;
    for (directive, value) in settings.directives {
        wire.configure(directive, value)?;
    }
    let limit = empty_bytes(&mut wire, &value)? + settings.data_bytes;
    wire.configure("maxmemory", &limit.to_string())?;
    let half = trace.requests.len() / 2;
    let count_every = (half / KEY_COUNTS).max(1);
    let (mut misses, mut counts) = (0_u64, Vec::new());
    let began = Instant::now();
    for (number, &Request { key, .. }) in trace.requests.iter().enumerate() {
        if number % PACE_REQUESTS == 0
            && let Some(rate) = settings.rate
        {
            let due = Duration::from_secs_f64(number as f64 / rate);
            std::thread::sleep(due.saturating_sub(began.elapsed()));
        }
        let name = name(key);
        if !wire.get(&name)? {
            wire.set(&name, &value)?;
            misses += 1;
        }
        if number >= half && number % count_every == 0 {
            counts.push(wire.keys()?);
        }
    }
    Ok(Outcome {
        miss_ratio: misses as f64 / trace.requests.len() as f64,
        keys: counts.iter().sum::<u64>() as f64 / counts.len() as f64,
        keys_range: (
            counts.iter().copied().min().unwrap_or(0),
            counts.iter().copied().max().unwrap_or(0),
        ),
    })
}

/// What the server uses for nothing.
fn empty_bytes(wire: &mut Wire, value: &[u8]) -> Result<u64> {
    for _ in 0..100 {
        let name = name(0);
        wire.set(&name, value)?;
        wire.get(&name)?;
        wire.command(&[b"DEL", &name])?;
        wire.keys()?;
        // Some servers keep a histogram per command from its first use on.
        wire.used_memory()?;
    }
    wire.used_memory()
}

fn name(key: u32) -> Vec<u8> {
    format!("k{key:08}").into_bytes()
}
