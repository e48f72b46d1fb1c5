//! What a load is told, and what it saw.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use hdrhistogram::Histogram;

use super::schedule::Nanos;
use crate::commands::Mix;
use crate::error::{BenchError, Result};
use crate::keys::KeyOrder;
use crate::procfs::CpuUsed;

/// Longest latency that a histogram holds; longer ones count as this.
const LATENCY_MAX: Duration = Duration::from_secs(60);

/// A latency histogram in nanoseconds with three significant digits.
pub(crate) fn latency_histogram() -> Histogram<u64> {
    let highest = LATENCY_MAX.as_nanos() as u64;
    Histogram::new_with_bounds(1, highest, 3).expect("the bounds are valid constants")
}

/// What to send, how, and for how long.
#[derive(Debug, Clone)]
pub(crate) struct LoadSpec {
    /// Where the server listens.
    pub(crate) address: SocketAddr,
    /// How many connections share the load.
    pub(crate) connections: usize,
    /// Requests under way per connection.
    pub(crate) pipeline: u64,
    /// What is sent.
    pub(crate) mix: Mix,
    /// How many keys the requests draw from.
    pub(crate) key_count: u64,
    /// How they draw.
    pub(crate) key_order: KeyOrder,
    /// Requests per second; `None` is the closed loop.
    pub(crate) rate: Option<f64>,
    /// Load before the measurement begins.
    pub(crate) warm_up: Duration,
    /// When the measurement ends.
    pub(crate) length: Length,
    /// Seed of keys and of random times to live.
    pub(crate) seed: u64,
    /// Whose CPU time to read.
    pub(crate) server_pid: Option<u32>,
}

/// How long a measurement is, warm-up apart.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Length {
    /// So much time.
    Time(Duration),
    /// So many requests.
    Requests(u64),
}

/// What a load saw between the end of its warm-up and its end.
#[derive(Debug, Clone)]
pub(crate) struct LoadResult {
    /// Commands answered within `elapsed`.
    pub(crate) commands: u64,
    /// The length of the measurement.
    pub(crate) elapsed: Duration,
    /// In nanoseconds; one record per request sent, or due, within the measurement.
    pub(crate) latency: Histogram<u64>,
    /// The same ones by one in an open loop, nothing in a closed one.
    pub(crate) answers: Vec<Answer>,
    /// From when on the times of `answers` count.
    pub(crate) began: Instant,
    /// The server's CPU time within `elapsed`.
    pub(crate) cpu: Option<CpuUsed>,
    /// The generator's own CPU time within `elapsed`.
    pub(crate) own_cpu: CpuUsed,
    /// Error replies, the warm-up's included.
    pub(crate) errors: u64,
    /// Null replies, the warm-up's included: reads that found no key.
    pub(crate) nulls: u64,
    /// The text of the first error reply.
    pub(crate) first_error: Option<String>,
    /// Requests that were never answered.
    pub(crate) unanswered: u64,
}

/// An answered request of an open loop, in time since the load began.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Answer {
    /// When it was to be sent.
    pub(crate) due: Nanos,
    /// When its reply was there.
    pub(crate) answered: Nanos,
}

impl LoadResult {
    /// Commands per second.
    pub(crate) fn throughput(&self) -> f64 {
        self.commands as f64 / self.elapsed.as_secs_f64()
    }

    /// The server's CPU time per command in microseconds: in all, and in user mode.
    pub(crate) fn cpu_us_per_command(&self) -> Option<(f64, f64)> {
        let per_command = |time: Duration| time.as_secs_f64() * 1e6 / self.commands as f64;
        self.cpu
            .filter(|_| self.commands > 0)
            .map(|cpu| (per_command(cpu.total), per_command(cpu.user)))
    }

    /// Refuses a result that error replies or silence make worthless.
    ///
    /// # Errors
    /// `BenchError::ErrorReplies` or `BenchError::Usage`.
    pub(crate) fn checked(self) -> Result<LoadResult> {
        if self.errors > 0 {
            return Err(BenchError::ErrorReplies {
                count: self.errors,
                first: self.first_error.unwrap_or_default(),
            });
        }
        if self.unanswered > 0 {
            return Err(BenchError::Usage(format!(
                "{} requests were never answered",
                self.unanswered
            )));
        }
        Ok(self)
    }
}
