//! Time for sessions and statistics: the wall clock once per batch, a monotonic clock between commands.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use storage::UnixMillis;

/// The wall clock.
#[inline]
pub(crate) fn unix_now() -> UnixMillis {
    UnixMillis(since_epoch().as_millis() as i64)
}

/// The wall clock in microseconds.
pub(crate) fn unix_micros() -> i64 {
    since_epoch().as_micros() as i64
}

// A clock before 1970 counts as 1970: nothing that anyone could expire or log lies earlier.
fn since_epoch() -> Duration {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default()
}

/// Measures commands that follow one another: the end of one is the start of the next, so that a
/// pipeline costs one reading per command.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Stopwatch {
    last: Instant,
}

impl Stopwatch {
    /// Starts now.
    #[inline]
    pub(crate) fn start() -> Self {
        Self {
            last: Instant::now(),
        }
    }

    /// Nanoseconds since the start or the last lap.
    #[inline]
    pub(crate) fn lap(&mut self) -> u64 {
        let now = Instant::now();
        let elapsed = now.duration_since(self.last).as_nanos() as u64;
        self.last = now;
        elapsed
    }

    /// The last reading.
    #[inline]
    pub(crate) fn last(&self) -> Instant {
        self.last
    }
}
