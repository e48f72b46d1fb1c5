//! What has happened over the last 1, 10 and 60 seconds: lookups, and the time that went to upkeep.
//!
//! Each worker's cron looks at its own counters about ten times per second, keeps what it has seen, and publishes how far
//! they have moved. Counting itself costs nothing.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use super::upkeep::{Upkeep, UpkeepNanos};
use super::{Counter, WorkerStats};

/// How long the windows are, in seconds.
pub(crate) const WINDOWS: [u64; 3] = [1, 10, 60];
/// Samples are kept for the shortest window as they come, and for the others one per second.
const COARSE: Duration = Duration::from_secs(1);

/// What a worker has counted over one window; the worker writes it, and any thread may read it.
#[derive(Debug, Default)]
pub(crate) struct Window {
    hits: Counter,
    misses: Counter,
    upkeep: Upkeep,
    /// How long it is in fact.
    nanos: Counter,
}

/// What all workers together have counted over one window.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct WindowTotals {
    /// Lookups that found a key.
    pub(crate) hits: u64,
    /// Lookups.
    pub(crate) lookups: u64,
    /// The time that went to upkeep, relative to all the time that has passed; added up over workers.
    upkeep: UpkeepNanos,
    /// How long the window is; the mean of the workers'.
    nanos: u64,
}

impl Window {
    pub(super) fn reset(&self) {
        let counters = [&self.hits, &self.misses, &self.nanos];
        counters.into_iter().for_each(|counter| counter.set(0));
        self.upkeep.reset();
    }

    fn publish(&self, from: &Sample, to: &Sample) {
        self.hits.set(to.hits.saturating_sub(from.hits));
        self.misses.set(to.misses.saturating_sub(from.misses));
        self.upkeep.publish(to.upkeep.since(from.upkeep));
        let took = to.at.saturating_duration_since(from.at);
        self.nanos.set(took.as_nanos() as u64);
    }
}

impl WindowTotals {
    /// Adds up one window of all workers.
    pub(super) fn of<'s>(windows: impl ExactSizeIterator<Item = &'s Window>) -> Self {
        let workers = windows.len().max(1) as u64;
        let mut sum = windows.fold(Self::default(), |sum, window| Self {
            hits: sum.hits + window.hits.get(),
            lookups: sum.lookups + window.hits.get() + window.misses.get(),
            upkeep: sum.upkeep.plus(window.upkeep.read()),
            nanos: sum.nanos + window.nanos.get(),
        });
        sum.nanos /= workers;
        sum
    }

    /// The part of lookups that found a key; 0 if there were none.
    pub(crate) fn hit_ratio(&self) -> f64 {
        if self.lookups == 0 {
            return 0.0;
        }
        self.hits as f64 / self.lookups as f64
    }

    /// Some of the time that went to upkeep, in percent of one processor.
    pub(crate) fn percent(&self, some: impl Fn(&UpkeepNanos) -> u64) -> f64 {
        if self.nanos == 0 {
            return 0.0;
        }
        some(&self.upkeep) as f64 * 100.0 / self.nanos as f64
    }
}

/// A worker's counters at some moment.
#[derive(Clone, Copy, Debug)]
struct Sample {
    at: Instant,
    hits: u64,
    misses: u64,
    upkeep: UpkeepNanos,
}

/// What a worker's cron has seen of its counters.
#[derive(Debug)]
pub(crate) struct History {
    /// Those of the last second.
    fine: VecDeque<Sample>,
    /// One per second of the last minute.
    coarse: VecDeque<Sample>,
    /// How often the counters had been reset when they were last looked at.
    resets: u64,
}

impl Default for History {
    fn default() -> Self {
        Self::new(Instant::now(), 0)
    }
}

impl History {
    /// Begins with counters at zero.
    fn new(at: Instant, resets: u64) -> Self {
        let zero = Sample {
            at,
            hits: 0,
            misses: 0,
            upkeep: UpkeepNanos::default(),
        };
        Self {
            fine: [zero].into(),
            coarse: [zero].into(),
            resets,
        }
    }

    /// Looks at the counters and publishes how far they have moved over each window.
    pub(crate) fn sample(&mut self, stats: &WorkerStats, at: Instant) {
        // Before the counters, so that what was counted before a reset is never compared with what came after it.
        let resets = stats.resets();
        if resets != self.resets {
            *self = Self::new(at, resets);
        }
        let now = Sample {
            at,
            hits: stats.hits.get(),
            misses: stats.misses.get(),
            upkeep: stats.upkeep.read(),
        };
        for (window, seconds) in stats.windows.iter().zip(WINDOWS) {
            let length = Duration::from_secs(seconds);
            let seen = if length <= COARSE {
                &self.fine
            } else {
                &self.coarse
            };
            window.publish(begin(seen, at, length), &now);
        }
        keep(&mut self.fine, now, Duration::ZERO, WINDOWS[0]);
        keep(&mut self.coarse, now, COARSE, WINDOWS[WINDOWS.len() - 1]);
    }
}

/// The last sample that is as old as the window is long, or the oldest there is.
fn begin(seen: &VecDeque<Sample>, at: Instant, length: Duration) -> &Sample {
    let is_old = |sample: &&Sample| at.saturating_duration_since(sample.at) >= length;
    let old = seen.iter().rev().find(is_old);
    old.or(seen.front()).expect("there is always one sample")
}

/// Keeps a sample if the last one is old enough, and of the old ones the last that a window of so many seconds may begin
/// with.
fn keep(seen: &mut VecDeque<Sample>, now: Sample, apart: Duration, seconds: u64) {
    let age = |sample: &Sample| now.at.saturating_duration_since(sample.at);
    if seen.back().is_some_and(|last| age(last) < apart) {
        return;
    }
    seen.push_back(now);
    let length = Duration::from_secs(seconds);
    while seen.get(1).is_some_and(|second| age(second) >= length) {
        seen.pop_front();
    }
}

#[cfg(test)]
mod tests {
    use super::super::upkeep::{Chore, DoneBy};
    use super::*;

    fn totals(stats: &WorkerStats, window: usize) -> WindowTotals {
        WindowTotals::of([&stats.windows[window]].into_iter())
    }

    #[test]
    fn each_window_has_what_lies_in_it() {
        let stats = WorkerStats::new(0);
        let started = Instant::now();
        let mut history = History::new(started, stats.resets());
        let at = |tenths: u32| started + Duration::from_millis(100) * tenths;
        // A hit and three misses in each tenth of a second, for two minutes; then half a minute of hits only.
        for tenths in 1..=1_500 {
            stats.hits.add(if tenths <= 1_200 { 1 } else { 4 });
            stats.misses.add(if tenths <= 1_200 { 3 } else { 0 });
            let (by, chore) = (DoneBy::Background, Chore::Eviction);
            stats.upkeep.add(by, chore, 10_000_000);
            history.sample(&stats, at(tenths));
            if tenths == 5 {
                assert_eq!(totals(&stats, 2).lookups, 20);
            }
        }
        let [one, ten, sixty] = [0, 1, 2].map(|window| totals(&stats, window));
        assert_eq!((one.hits, one.lookups), (40, 40));
        assert_eq!((ten.hits, ten.lookups), (400, 400));
        assert_eq!((sixty.hits, sixty.lookups), (1_500, 2_400));
        assert!((sixty.hit_ratio() - 0.625).abs() < 1e-9);
        let eviction = |nanos: &UpkeepNanos| nanos.of(DoneBy::Background, Chore::Eviction);
        assert!((ten.percent(eviction) - 10.0).abs() < 1e-9);
        assert!(history.fine.len() <= 12 && history.coarse.len() <= 62);
    }

    #[test]
    fn a_reset_begins_all_windows_anew() {
        let stats = WorkerStats::new(0);
        let started = Instant::now();
        let mut history = History::new(started, stats.resets());
        stats.hits.add(100);
        history.sample(&stats, started + Duration::from_millis(500));
        stats.reset();
        assert_eq!(totals(&stats, 1).lookups, 0);
        assert!(totals(&stats, 1).hit_ratio().abs() < 1e-9);
        // More than before: nothing but the reset itself tells that these are others.
        stats.misses.add(300);
        stats.hits.add(300);
        history.sample(&stats, started + Duration::from_millis(600));
        assert_eq!(totals(&stats, 2).lookups, 600);
    }
}
