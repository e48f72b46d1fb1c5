//! Time for sessions and statistics: the wall clock once per turn, a counter between commands.

use std::sync::LazyLock;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use storage::UnixMillis;

/// The wall clock.
#[inline]
pub(crate) fn unix_now() -> UnixMillis {
    // Not by way of `SystemTime`, which takes three times the instructions.
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

/// The processor's time-stamp counter, read directly: the system's clock takes twice the time, and waits for all loads
/// before it. Where that counter does not run evenly it is the system's monotonic clock.
static COUNTER: LazyLock<quanta::Clock> = LazyLock::new(quanta::Clock::new);

/// Measures the counter's rate, for less than a millisecond, so that the first command need not.
pub(crate) fn calibrate() {
    LazyLock::force(&COUNTER);
}

/// A reading of the counter that stopwatches go by.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Reading(u64);

/// Measures commands that follow one another: the end of one is the start of the next, so that a pipeline costs one
/// reading per command. A command's time so includes its waiting for locks, and what was queued, refused or followed up
/// since the last one that ran.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Stopwatch {
    counter: &'static quanta::Clock,
    last: Reading,
}

impl Stopwatch {
    /// Starts now.
    #[inline]
    pub(crate) fn start() -> Self {
        let counter = &*COUNTER;
        Self {
            counter,
            last: Reading(counter.raw()),
        }
    }

    /// Nanoseconds since the start or the last lap.
    #[inline]
    pub(crate) fn lap(&mut self) -> u64 {
        let before = self.last;
        self.last = Reading(self.counter.raw());
        self.nanos_since(before)
    }

    /// The last reading.
    #[inline]
    pub(crate) fn last(&self) -> Reading {
        self.last
    }

    /// Nanoseconds from `earlier` to the last reading; 0 should the counter have gone back.
    #[inline]
    pub(crate) fn nanos_since(&self, earlier: Reading) -> u64 {
        self.counter.delta_as_nanos(earlier.0, self.last.0)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use super::*;

    #[test]
    fn laps_are_nanoseconds() {
        let mut stopwatch = Stopwatch::start();
        let first = stopwatch.last();
        for _ in 0..3 {
            let before = Instant::now();
            stopwatch.lap();
            let inner = Instant::now();
            std::thread::sleep(Duration::from_millis(20));
            let slept = inner.elapsed().as_nanos() as u64;
            let lap = stopwatch.lap();
            let most = before.elapsed().as_nanos() as u64;
            // The two clocks may differ by a little.
            assert!(
                (slept - slept / 50..=most + most / 50).contains(&lap),
                "{slept} {lap} {most}"
            );
        }
        assert!(stopwatch.nanos_since(first) >= 58_000_000);
        assert_eq!(stopwatch.nanos_since(Reading(u64::MAX)), 0);
    }
}
