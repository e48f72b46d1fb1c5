//! Statistics. Every worker counts for itself, without locks and without sharing cache lines; whoever
//! asks (`INFO`, `LATENCY HISTOGRAM`) adds the workers up.

mod errors;
mod exceeded;
mod histogram;
mod upkeep;
mod windows;

pub(crate) use errors::ErrorCounts;
pub(crate) use exceeded::ExceededTime;
pub(crate) use histogram::{Histogram, HistogramCounts};
pub(crate) use upkeep::{Chore, DoneBy, Upkeep, UpkeepNanos};
pub(crate) use windows::{History, WINDOWS, Window, WindowTotals};

use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use crossbeam_utils::CachePadded;
use parking_lot::Mutex;
use storage::{Memory, Tally};

/// A counter that one thread writes and any thread may read.
#[derive(Debug, Default)]
pub(crate) struct Counter(AtomicU64);

impl Counter {
    /// Zero.
    pub(crate) const fn zero() -> Self {
        Self(AtomicU64::new(0))
    }

    /// Adds `count`. Only the owning thread may call it: others' additions would be lost.
    #[inline]
    pub(crate) fn add(&self, count: u64) {
        // Relaxed, and no read-modify-write: there is one writer, and readers want a figure, no order.
        let sum = self.0.load(Ordering::Relaxed).wrapping_add(count);
        self.0.store(sum, Ordering::Relaxed);
    }

    /// The count.
    #[inline]
    pub(crate) fn get(&self) -> u64 {
        // Relaxed: see `add`.
        self.0.load(Ordering::Relaxed)
    }

    /// Sets the count.
    pub(crate) fn set(&self, count: u64) {
        self.0.store(count, Ordering::Relaxed);
    }
}

/// One worker's counters. Fields that commands of every kind bump come first.
#[derive(Debug)]
pub(crate) struct WorkerStats {
    /// Commands executed.
    pub(crate) commands: Counter,
    /// Lookups that found a key.
    pub(crate) hits: Counter,
    /// Lookups that did not.
    pub(crate) misses: Counter,
    /// Changes (Redis's `dirty`).
    pub(crate) dirty: Counter,
    /// Bytes read from clients.
    pub(crate) read_bytes: Counter,
    /// Bytes written to clients.
    pub(crate) written_bytes: Counter,
    /// `read` calls that returned something.
    pub(crate) reads: Counter,
    /// `write` calls.
    pub(crate) writes: Counter,
    /// Keys that expired.
    pub(crate) expired: Counter,
    /// Keys that were evicted.
    pub(crate) evicted: Counter,
    /// Connections taken over.
    pub(crate) connections: Counter,
    /// Clients closed for their output buffer.
    pub(crate) output_limit_disconnections: Counter,
    /// Clients disconnected because all together took too much.
    pub(crate) evicted_clients: Counter,
    /// Clients closed for their query buffer.
    pub(crate) query_limit_disconnections: Counter,
    /// Times round the worker's loop.
    pub(crate) steps: Counter,
    /// How long they took, in nanoseconds, without the waits for something to do.
    pub(crate) step_nanos: Counter,
    /// Nanoseconds of commands that are in their EXEC's figure too.
    pub(crate) queued_nanos: Counter,
    /// Time spent on keys that are due, on memory and on housekeeping.
    pub(crate) upkeep: Upkeep,
    /// What has happened over each of [`WINDOWS`].
    pub(crate) windows: [Window; WINDOWS.len()],
    /// How often this was reset.
    resets: AtomicU64,
    /// Commands per second over the last interval of the worker's cron.
    pub(crate) commands_per_second: Counter,
    /// Bytes read per second, likewise.
    pub(crate) read_bytes_per_second: Counter,
    /// Bytes written per second, likewise.
    pub(crate) written_bytes_per_second: Counter,
    /// Times round the loop per second, likewise.
    pub(crate) steps_per_second: Counter,
    /// Nanoseconds per second that they took, likewise.
    pub(crate) step_nanos_per_second: Counter,
    /// Error replies by prefix.
    pub(crate) errors: Mutex<ErrorCounts>,
    commands_by_id: Box<[CommandStats]>,
}

/// One worker's counters of one command.
#[derive(Debug, Default)]
pub(crate) struct CommandStats {
    /// Times run.
    pub(crate) calls: Counter,
    /// Time spent, in nanoseconds.
    pub(crate) nanos: Counter,
    /// Times refused before it ran.
    pub(crate) rejected: Counter,
    /// Times it ran and answered an error.
    pub(crate) failed: Counter,
    histogram: OnceLock<Box<Histogram>>,
}

impl CommandStats {
    /// Counts one run.
    #[inline]
    pub(crate) fn record(&self, nanos: u64, with_histogram: bool) {
        self.calls.add(1);
        self.nanos.add(nanos);
        if with_histogram {
            self.histogram.get_or_init(Default::default).record(nanos);
        }
    }

    /// The latencies, if any were recorded.
    pub(crate) fn histogram(&self) -> Option<&Histogram> {
        self.histogram.get().map(|boxed| &**boxed)
    }

    fn reset(&self) {
        self.calls.set(0);
        self.nanos.set(0);
        self.rejected.set(0);
        self.failed.set(0);
        self.reset_histogram();
    }

    fn reset_histogram(&self) {
        if let Some(histogram) = self.histogram.get() {
            histogram.reset();
        }
    }
}

impl WorkerStats {
    /// Adds what a unit has counted.
    #[inline]
    pub(crate) fn add_tally(&self, tally: Tally) {
        if tally.hits > 0 {
            self.hits.add(tally.hits);
        }
        if tally.misses > 0 {
            self.misses.add(tally.misses);
        }
        if tally.dirty > 0 {
            self.dirty.add(tally.dirty);
        }
        if tally.expired > 0 {
            self.expired.add(tally.expired);
        }
        if tally.evicted > 0 {
            self.evicted.add(tally.evicted);
        }
    }

    /// Zeros, for a table of `commands` rows.
    pub(crate) fn new(commands: usize) -> Self {
        Self {
            commands: Counter::default(),
            hits: Counter::default(),
            misses: Counter::default(),
            dirty: Counter::default(),
            read_bytes: Counter::default(),
            written_bytes: Counter::default(),
            reads: Counter::default(),
            writes: Counter::default(),
            expired: Counter::default(),
            evicted: Counter::default(),
            connections: Counter::default(),
            output_limit_disconnections: Counter::default(),
            evicted_clients: Counter::default(),
            query_limit_disconnections: Counter::default(),
            steps: Counter::default(),
            step_nanos: Counter::default(),
            queued_nanos: Counter::default(),
            upkeep: Upkeep::default(),
            windows: Default::default(),
            resets: AtomicU64::new(0),
            commands_per_second: Counter::default(),
            read_bytes_per_second: Counter::default(),
            written_bytes_per_second: Counter::default(),
            steps_per_second: Counter::default(),
            step_nanos_per_second: Counter::default(),
            errors: Mutex::default(),
            commands_by_id: (0..commands).map(|_| CommandStats::default()).collect(),
        }
    }

    /// The counters of the command with this id.
    #[inline]
    pub(crate) fn command(&self, id: u16) -> &CommandStats {
        &self.commands_by_id[usize::from(id)]
    }

    /// How often the counters were reset.
    pub(crate) fn resets(&self) -> u64 {
        // Acquire: who sees the number sees the zeros.
        self.resets.load(Ordering::Acquire)
    }

    /// Sets everything that `CONFIG RESETSTAT` resets to zero. An addition that the worker makes at the
    /// same moment may survive; statistics can bear that.
    pub(crate) fn reset(&self) {
        let counters = [
            &self.commands,
            &self.hits,
            &self.misses,
            &self.read_bytes,
            &self.written_bytes,
            &self.reads,
            &self.writes,
            &self.expired,
            &self.evicted,
            &self.connections,
            &self.output_limit_disconnections,
            &self.evicted_clients,
            &self.query_limit_disconnections,
            &self.steps,
            &self.step_nanos,
            &self.queued_nanos,
        ];
        counters.into_iter().for_each(|counter| counter.set(0));
        self.upkeep.reset();
        self.windows.iter().for_each(Window::reset);
        // Release: pairs with the acquire load in `resets`.
        self.resets.fetch_add(1, Ordering::Release);
        self.errors.lock().clear();
        self.commands_by_id.iter().for_each(CommandStats::reset);
    }
}

/// The counters of all workers.
#[derive(Debug)]
pub(crate) struct Stats {
    workers: Box<[CachePadded<WorkerStats>]>,
    /// Connections refused for `maxclients` or protected mode; counted by the accepting thread.
    pub(crate) rejected_connections: AtomicU64,
    /// How often a panic has left the log of effects behind the data.
    pub(crate) log_divergences: AtomicU64,
    /// For how long more memory was used than `maxmemory` allows. A command that finds it so and makes the room it needs
    /// leaves no trace in it.
    pub(crate) over_limit: ExceededTime,
    /// For how long there were sparse pages to be emptied.
    pub(crate) sparse: ExceededTime,
}

/// One command's figures over all workers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct CommandTotals {
    /// Times run.
    pub(crate) calls: u64,
    /// Time spent, in nanoseconds.
    pub(crate) nanos: u64,
    /// Times refused before it ran.
    pub(crate) rejected: u64,
    /// Times it ran and answered an error.
    pub(crate) failed: u64,
}

impl Stats {
    /// Zeros for `workers` workers and a table of `commands` rows.
    pub(crate) fn new(workers: usize, commands: usize) -> Self {
        let now = Instant::now();
        let workers = (0..workers)
            .map(|_| CachePadded::new(WorkerStats::new(commands)))
            .collect();
        Self {
            workers,
            rejected_connections: AtomicU64::new(0),
            log_divergences: AtomicU64::new(0),
            over_limit: ExceededTime::new(now),
            sparse: ExceededTime::new(now),
        }
    }

    /// One worker's counters.
    pub(crate) fn worker(&self, index: usize) -> &WorkerStats {
        &self.workers[index]
    }

    /// The sum of one counter over all workers.
    pub(crate) fn sum(&self, counter: impl Fn(&WorkerStats) -> &Counter) -> u64 {
        self.workers
            .iter()
            .map(|worker| counter(worker).get())
            .sum()
    }

    /// The time that all workers spent on upkeep.
    pub(crate) fn upkeep(&self) -> UpkeepNanos {
        let workers = self.workers.iter();
        workers.fold(UpkeepNanos::default(), |sum, worker| {
            sum.plus(worker.upkeep.read())
        })
    }

    /// What has happened over one of [`WINDOWS`].
    pub(crate) fn window(&self, window: usize) -> WindowTotals {
        WindowTotals::of(self.workers.iter().map(|worker| &worker.windows[window]))
    }

    /// Takes down whether memory is within its bounds.
    pub(crate) fn note_memory(&self, memory: &Memory) {
        self.over_limit.note(memory.over_limit());
        self.sparse.note(memory.is_sparse());
    }

    /// One command's figures over all workers.
    pub(crate) fn command(&self, id: u16) -> CommandTotals {
        self.workers
            .iter()
            .fold(CommandTotals::default(), |sum, worker| {
                let one = worker.command(id);
                CommandTotals {
                    calls: sum.calls + one.calls.get(),
                    nanos: sum.nanos + one.nanos.get(),
                    rejected: sum.rejected + one.rejected.get(),
                    failed: sum.failed + one.failed.get(),
                }
            })
    }

    /// Nanoseconds of all commands over all workers, those in an EXEC counted once.
    pub(crate) fn command_nanos(&self) -> u64 {
        let one = |worker: &WorkerStats| {
            let commands = worker.commands_by_id.iter();
            let sum: u64 = commands.map(|command| command.nanos.get()).sum();
            sum.saturating_sub(worker.queued_nanos.get())
        };
        self.workers.iter().map(|worker| one(worker)).sum()
    }

    /// One command's latencies over all workers.
    pub(crate) fn histogram(&self, id: u16) -> HistogramCounts {
        let mut sum = HistogramCounts::default();
        for worker in &self.workers {
            if let Some(histogram) = worker.command(id).histogram() {
                sum.add(histogram);
            }
        }
        sum
    }

    /// Error replies by prefix over all workers.
    pub(crate) fn errors(&self) -> ErrorCounts {
        let mut sum = ErrorCounts::default();
        for worker in &self.workers {
            sum.merge(&worker.errors.lock());
        }
        sum
    }

    /// `CONFIG RESETSTAT`.
    pub(crate) fn reset(&self) {
        self.workers.iter().for_each(|worker| worker.reset());
        // Relaxed: a figure.
        self.rejected_connections.store(0, Ordering::Relaxed);
        self.over_limit.reset();
        self.sparse.reset();
    }
}
