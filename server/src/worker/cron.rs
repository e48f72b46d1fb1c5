//! What a worker does by the clock: statistics, idle clients, limits of what clients take, keys that are due.

use std::rc::Rc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use crate::miss_ratio;
use crate::os;
use crate::session::Close;
use crate::stats::History;

use super::{Worker, limits};

/// The usual pace.
const PERIOD: Duration = Duration::from_millis(100);
/// The pace while keys may expire within the next second.
const TICK: Duration = Duration::from_millis(10);

/// When the cron runs next.
pub(super) struct Cron {
    clock: CronClock,
    due_at: Instant,
    /// The cron has run, and background work goes on, slice by slice.
    is_slicing: bool,
    /// When the worker's last step ended, and its wait began.
    pub(super) ended_at: Instant,
}

impl Default for Cron {
    fn default() -> Self {
        let now = Instant::now();
        Self {
            clock: CronClock::default(),
            due_at: now + PERIOD,
            is_slicing: false,
            ended_at: now,
        }
    }
}

impl Cron {
    /// How long the worker may wait for its sockets.
    pub(super) fn patience(&self) -> Duration {
        if self.is_slicing {
            Duration::ZERO
        } else {
            self.due_at.saturating_duration_since(self.ended_at)
        }
    }
}

/// The least that tables must have shrunk by before their memory is looked for.
const RETAINED_BYTES_MAX: u64 = 1024 * 1024;

/// When the cron's slower parts ran last, and what the counters were then.
#[derive(Default)]
struct CronClock {
    history: History,
    sampled_at_ms: i64,
    checked_at_ms: i64,
    overhead_peak_bytes: u64,
    commands: u64,
    read_bytes: u64,
    written_bytes: u64,
    steps: u64,
    step_nanos: u64,
}

impl Worker {
    /// The end of a step: runs the cron when its time has come, and then one slice of background work in each step until
    /// that is done.
    pub(super) fn housekeep(&mut self, cron: &mut Cron) {
        cron.ended_at = Instant::now();
        if !cron.is_slicing {
            if !self.cron_woken && cron.ended_at < cron.due_at {
                return;
            }
            self.cron_woken = false;
            let ran = self.contained("The cron", |worker| worker.cron(&mut cron.clock));
            // After a panic the background goes on; while the cron is paused it rests, too.
            cron.is_slicing = ran != Some(false);
        }
        if cron.is_slicing {
            // After a panic the next look comes with the cron's next tick.
            cron.is_slicing =
                self.contained("Background work", Self::background_slice) == Some(true);
            if cron.is_slicing {
                cron.ended_at = Instant::now();
                return;
            }
            self.set_pace();
        }
        cron.ended_at = Instant::now();
        let period = if self.ticking { TICK } else { PERIOD };
        cron.due_at = cron.ended_at + period;
    }

    /// What is due now; false while `DEBUG PAUSE-CRON` holds.
    fn cron(&mut self, clock: &mut CronClock) -> bool {
        let now = Self::now();
        // Relaxed: others only compare it with their clock.
        self.server.boards[self.state.index]
            .alive_at_ms
            .store(now.0, Ordering::Relaxed);
        if self.server.cron_paused.load(Ordering::Relaxed) {
            return false;
        }
        self.server.stats.note_memory(self.server.keyspace.memory());
        let elapsed_ms = now.0 - clock.sampled_at_ms;
        if !(0..100).contains(&elapsed_ms) {
            self.sample(clock, elapsed_ms);
            if self.state.index == 0 {
                miss_ratio::observe(&self.server, now);
            }
            self.heed_clients_limit_for_all();
            clock.sampled_at_ms = now.0;
        }
        if !(0..1_000).contains(&(now.0 - clock.checked_at_ms)) {
            clock.checked_at_ms = now.0;
            self.check_sessions(now.0);
            self.give_memory_back(clock);
        }
        true
    }

    /// Has the allocator give back what shrunken tables have left. Entries lie in the slab, which sees to that by
    /// itself.
    fn give_memory_back(&self, clock: &mut CronClock) {
        let memory = self.server.keyspace.memory();
        let overhead_bytes = memory.used_bytes().saturating_sub(memory.dataset_bytes());
        let peak_bytes = clock.overhead_peak_bytes.max(overhead_bytes);
        let is_worth_it = peak_bytes - overhead_bytes > RETAINED_BYTES_MAX.max(peak_bytes / 8);
        if is_worth_it {
            os::release_freed_memory();
        }
        clock.overhead_peak_bytes = if is_worth_it {
            overhead_bytes
        } else {
            peak_bytes
        };
    }

    /// Rates since the last sample, smoothed a little so that a poll of INFO shows a trend and not the last tenth of a
    /// second.
    fn sample(&mut self, clock: &mut CronClock, elapsed_ms: i64) {
        let stats = self.server.stats.worker(self.state.index);
        clock.history.sample(stats, Instant::now());
        let pairs = [
            (
                &stats.commands,
                &stats.commands_per_second,
                &mut clock.commands,
            ),
            (
                &stats.read_bytes,
                &stats.read_bytes_per_second,
                &mut clock.read_bytes,
            ),
            (
                &stats.written_bytes,
                &stats.written_bytes_per_second,
                &mut clock.written_bytes,
            ),
            (&stats.steps, &stats.steps_per_second, &mut clock.steps),
            (
                &stats.step_nanos,
                &stats.step_nanos_per_second,
                &mut clock.step_nanos,
            ),
        ];
        for (counter, rate, last) in pairs {
            let now = counter.get();
            let per_second =
                now.saturating_sub(*last) * 1_000 / elapsed_ms.clamp(1, i64::MAX) as u64;
            *last = now;
            rate.set((rate.get() * 7 + per_second).div_ceil(8));
            if per_second == 0 && rate.get() <= 8 {
                rate.set(0);
            }
        }
    }

    /// Idle clients and soft limits.
    fn check_sessions(&mut self, now_ms: i64) {
        let (server, settings) = (Rc::clone(&self.server), Rc::clone(&self.settings));
        let timeout_ms = u64::from(settings.timeout_seconds) * 1_000;
        let mut pending_bytes = 0;
        for session in self.sessions.iter_mut() {
            pending_bytes += session.pending.len();
            limits::enforce_output_limit(&server, &settings, session);
            let idle_ms = (now_ms.max(0) as u64).saturating_sub(session.active_at_ms);
            // Subscribers and monitors are silent by nature, and sessions that wait do so for us.
            let waits = session.parked.is_some() || session.wait.is_some();
            let may_idle = session.is_subscriber() || session.monitor || waits;
            if timeout_ms > 0 && idle_ms > timeout_ms && !may_idle {
                tracing::debug!("Closing idle client");
                session.close = Close::Now;
            }
            if session.close == Close::Now {
                session.wake();
            }
        }
        self.state.pending_bytes = pending_bytes;
    }
}
