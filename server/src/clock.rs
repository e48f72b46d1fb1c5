//! Time for sessions and statistics: the wall clock once per batch, a monotonic clock between commands.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use storage::UnixMillis;

/// The wall clock.
#[inline]
pub(crate) fn unix_now() -> UnixMillis {
    // Not by way of `SystemTime`, for the same reason as `Nanos`.
    let now = rustix::time::clock_gettime(rustix::time::ClockId::Realtime);
    UnixMillis(now.tv_sec.max(0) * 1_000 + now.tv_nsec / 1_000_000)
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

/// A reading of the monotonic clock in nanoseconds since some fixed instant. `std`'s `Instant` takes three times the
/// instructions to subtract, twice for each command.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Nanos(u64);

impl Nanos {
    #[inline]
    fn now() -> Self {
        let now = rustix::time::clock_gettime(rustix::time::ClockId::Monotonic);
        Self((now.tv_sec as u64).wrapping_mul(1_000_000_000) + now.tv_nsec as u64)
    }

    /// Nanoseconds from `earlier` to `self`; 0 should the clock have gone back.
    #[inline]
    pub(crate) fn since(self, earlier: Self) -> u64 {
        self.0.saturating_sub(earlier.0)
    }
}

/// Measures commands that follow one another: the end of one is the start of the next, so that a
/// pipeline costs one reading per command.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Stopwatch {
    last: Nanos,
}

impl Stopwatch {
    /// Starts now.
    #[inline]
    pub(crate) fn start() -> Self {
        Self { last: Nanos::now() }
    }

    /// Nanoseconds since the start or the last lap.
    #[inline]
    pub(crate) fn lap(&mut self) -> u64 {
        let now = Nanos::now();
        now.since(std::mem::replace(&mut self.last, now))
    }

    /// The last reading.
    #[inline]
    pub(crate) fn last(&self) -> Nanos {
        self.last
    }
}
