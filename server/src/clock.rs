//! Time for sessions and statistics: the wall clock once per turn, a counter between commands.

use std::sync::LazyLock;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

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
/// before it. `None` where it is no good; then it is the system's monotonic clock after all.
static COUNTER: LazyLock<Option<quanta::Clock>> = LazyLock::new(|| {
    let counter = quanta::Clock::new();
    (0..CHECKS).any(|_| is_true(&counter)).then_some(counter)
});

/// How often the counter may fail, for it may be this thread that does not run at the wrong moment.
const CHECKS: u32 = 3;
const CHECKED_TIME: Duration = Duration::from_millis(1);

/// Measures the counter's rate, for a millisecond or two, so that the first command need not.
pub(crate) fn calibrate() {
    LazyLock::force(&COUNTER);
}

/// What commands are timed by, in Redis's words (`monotonic_clock` of INFO).
pub(crate) fn counter_name() -> String {
    const TICKS: u64 = 1 << 40;
    let nanos = COUNTER
        .as_ref()
        .map_or(TICKS, |counter| counter.delta_as_nanos(0, TICKS));
    // A tick of exactly a nanosecond is the system's clock: `quanta` falls back on it, too.
    if nanos == TICKS {
        return "POSIX clock_gettime".into();
    }
    let name = if cfg!(target_arch = "x86_64") {
        "X86 TSC"
    } else {
        "ARM CNTVCT"
    };
    format!("{name} @ {} ticks/us", TICKS / (nanos / 1_000).max(1))
}

/// Whether the counter agrees with the system's clock to within some percent. Its rate is measured in passing, and a
/// thread that is held up just then makes it wrong for good.
fn is_true(counter: &quanta::Clock) -> bool {
    let (started, before) = (Instant::now(), counter.raw());
    std::thread::sleep(CHECKED_TIME);
    let counted = counter.delta_as_nanos(before, counter.raw());
    let elapsed = started.elapsed().as_nanos() as u64;
    counted.abs_diff(elapsed) < elapsed / 32
}

/// A reading of the counter that stopwatches go by.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Reading(u64);

#[inline]
fn read(counter: Option<&quanta::Clock>) -> Reading {
    Reading(match counter {
        Some(counter) => counter.raw(),
        None => {
            let now = rustix::time::clock_gettime(rustix::time::ClockId::Monotonic);
            (now.tv_sec as u64).wrapping_mul(1_000_000_000) + now.tv_nsec as u64
        }
    })
}

/// Measures commands that follow one another: the end of one is the start of the next, so that a pipeline costs one
/// reading per command. A command's time so includes its waiting for locks, and what was queued, refused or followed up
/// since the last one that ran.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Stopwatch {
    counter: Option<&'static quanta::Clock>,
    last: Reading,
}

impl Stopwatch {
    /// Starts now.
    #[inline]
    pub(crate) fn start() -> Self {
        let counter = COUNTER.as_ref();
        Self {
            counter,
            last: read(counter),
        }
    }

    /// Nanoseconds since the start or the last lap.
    #[inline]
    pub(crate) fn lap(&mut self) -> u64 {
        let before = self.last;
        self.last = read(self.counter);
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
        match self.counter {
            Some(counter) => counter.delta_as_nanos(earlier.0, self.last.0),
            None => self.last.0.saturating_sub(earlier.0),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use super::*;

    fn check_laps(mut stopwatch: Stopwatch) {
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
                (slept - slept / 25..=most + most / 25).contains(&lap),
                "{slept} {lap} {most}"
            );
        }
        assert!(stopwatch.nanos_since(first) >= 57_000_000);
        assert_eq!(stopwatch.nanos_since(Reading(u64::MAX)), 0);
    }

    #[test]
    fn the_counter_is_named_with_its_rate() {
        let name = counter_name();
        let rate = name
            .strip_suffix(" ticks/us")
            .and_then(|name| name.rsplit_once(" @ "))
            .map(|(_, rate)| rate.parse::<u64>().unwrap());
        // Counters tick from 1 MHz to some GHz.
        assert!(
            name == "POSIX clock_gettime" || rate.is_some_and(|rate| (1..20_000).contains(&rate))
        );
    }

    #[test]
    fn laps_are_nanoseconds_by_either_clock() {
        check_laps(Stopwatch::start());
        check_laps(Stopwatch {
            counter: None,
            last: read(None),
        });
    }
}
