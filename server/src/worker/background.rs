//! Background work on shards: keys that are due, dead memory, sparse pages. It comes in short slices between which ready
//! sessions run.

use std::rc::Rc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use storage::waiters::WaitState;
use storage::{EvictionBudget, LockPlan, Pause, Unit, UnixMillis};

use crate::blocking::{Wait, client_of, serve};
use crate::clock::Stopwatch;
use crate::config::Config;
use crate::effects::Effects;
use crate::execute::Tools;
use crate::notify::Events;
use crate::server::Server;
use crate::stats::{Chore, DoneBy, UpkeepNanos};

use super::set::WorkerSet;
use super::{Worker, WorkerState};

/// Longest stretch of background work before sessions get their turn.
const SLICE: Duration = Duration::from_micros(100);
/// A worker that has not been seen for this long is stuck; others do its shards' work meanwhile.
const STUCK_MS: i64 = 500;
/// A key that has been due for this long has been overlooked by its shard's worker, which then is idle and slow to look.
const OVERDUE_MS: i64 = 15;
/// Keys due within this time make the cron tick fast.
const SOON_MS: i64 = 1_000;

impl Worker {
    /// One slice; whether there is more.
    pub(super) fn background_slice(&mut self) -> bool {
        let server = Rc::clone(&self.server);
        let now = Self::now();
        let mut stopwatch = Stopwatch::start();
        let upkeep = &server.stats.worker(self.state.index).upkeep;
        let before = upkeep.read();
        let more = self.do_some(&server, now);
        let spent = upkeep.read().since(before).all(DoneBy::Background);
        let other = stopwatch.lap().saturating_sub(spent);
        upkeep.add(DoneBy::Background, Chore::Other, other);
        server.stats.note_memory(server.keyspace.memory());
        let spent = upkeep.read().since(before);
        self.note_cycles(&spent, now);
        more
    }

    /// Tells the latency monitor if a slice held up the sessions.
    fn note_cycles(&self, spent: &UpkeepNanos, now: UnixMillis) {
        let threshold_ms = self.settings.latency_monitor_threshold_ms;
        let cycles = [
            ("expire-cycle", Chore::Expiry),
            ("eviction-cycle", Chore::Eviction),
        ];
        for (event, chore) in cycles {
            let nanos = spent.of(DoneBy::Background, chore);
            let latency = &self.server.latency;
            latency.add_if_slow(threshold_ms, event, now, nanos);
        }
    }

    /// What one slice does; whether there is more.
    fn do_some(&mut self, server: &Server, now: UnixMillis) -> bool {
        let started = Instant::now();
        // Relaxed, here and below: a switch for tests; the slice after the next one at the latest obeys it.
        let expires = server.active_expiry.load(Ordering::Relaxed);
        let shards = 0..server.keyspace.shard_count() as u16;
        let mut more = false;
        let memory = server.keyspace.memory();
        let mut evicts = self.settings.maxmemory_policy.algorithm.is_some();
        if evicts && memory.over_limit() {
            let (worker, tools, config) = (&mut self.state, &mut self.tools, &self.settings);
            // What has expired goes before what lives.
            more = expire_some_due(server, config, worker, tools, DoneBy::Background, now);
            evicts = !more;
        }
        for shard in shards {
            if evicts && memory.over_limit() && self.cares_for(shard, now) {
                if started.elapsed() > SLICE {
                    more = true;
                    break;
                }
                let (worker, tools, config) = (&mut self.state, &mut self.tools, &self.settings);
                let (missing, by) = (memory.missing_bytes(0), DoneBy::Background);
                more |= free_memory(server, config, worker, tools, missing, by, now);
            }
            let is_due = expires && server.keyspace.next_due(shard).is_some_and(|at| at < now);
            if (!is_due && !server.keyspace.has_chores(shard)) || !self.cares_for(shard, now) {
                continue;
            }
            if started.elapsed() > SLICE {
                more = true;
                break;
            }
            more |= self.maintain(server, shard, is_due, now);
        }
        self.after_units();
        if std::mem::take(&mut self.state.evicts_for_parked) {
            self.unpark();
        }
        more
    }

    /// Housekeeping of one shard, and of keys that are due first; whether there is more.
    fn maintain(&mut self, server: &Server, shard: u16, is_due: bool, now: UnixMillis) -> bool {
        // The wait for the lock, and what is told of keys that have gone, are expiry's if there is any.
        let around = match is_due {
            true => Chore::Expiry,
            false => Chore::Maintenance,
        };
        let upkeep = &server.stats.worker(self.state.index).upkeep;
        let mut stopwatch = Stopwatch::start();
        let mut count = |chore| upkeep.add(DoneBy::Background, chore, stopwatch.lap());
        let mut unit = Unit::begin(&server.keyspace, LockPlan::Write(shard), now);
        let expires = server.active_expiry.load(Ordering::Relaxed);
        let some_left = expires && unit.expire_due(shard);
        count(around);
        let more = unit.tidy(shard);
        count(Chore::Maintenance);
        server.background_faults.step();
        let (worker, tools, config) = (&mut self.state, &mut self.tools, &self.settings);
        end_unit(server, config, worker, tools, unit, shard, now);
        count(around);
        some_left || more
    }

    /// Serves those who wait for the keys of a wait as if these had changed: time may have made them ready. When to do so
    /// again for the sake of this one, if it still waits.
    pub(crate) fn look_at_keys_of(&mut self, wait: &Wait) -> Option<i64> {
        /// While nothing may be written.
        const LATER_MS: i64 = 100;
        if wait.state() != WaitState::Waiting {
            return None;
        }
        let (server, now) = (Rc::clone(&self.server), Self::now());
        let keys = wait.keys().iter();
        let keys: Vec<_> = keys.map(|key| server.keyspace.key(&key.key)).collect();
        let db = wait.database();
        let plan = LockPlan::WriteMany(wait.shards().into());
        let mut unit = Unit::begin(&server.keyspace, plan, now);
        if unit.state().is_replica() || unit.state().pause() != Pause::Off {
            return Some(now.0.saturating_add(LATER_MS));
        }
        serve::note_what_is_heard(&mut unit, &self.tools.events);
        keys.iter().for_each(|key| unit.wake_waiters(db, key));
        let mut stripes = server.pubsub.lock_none();
        let (worker, tools) = (&mut self.state, &mut self.tools);
        let config = &self.settings;
        serve::ready(&server, config, worker, tools, &mut unit, &mut stripes);
        let operation = &client_of(wait).operation;
        let next = operation.look_again_at_ms(&mut unit, db, &keys);
        serve::publish(&server, worker, tools, &mut unit, &mut stripes);
        drop((unit, stripes));
        serve::deferred(&server, config, worker, tools, now);
        self.after_units();
        next.filter(|_| wait.state() == WaitState::Waiting)
    }

    /// Whether the shard's background work is this worker's now.
    fn cares_for(&self, shard: u16, now: UnixMillis) -> bool {
        let workers = self.server.boards.len();
        let owner = usize::from(shard) % workers;
        if owner == self.state.index {
            return true;
        }
        // Relaxed: a moment's disagreement about who is stuck does no harm, shards have locks.
        if now.0 <= self.state.soon_until_ms
            && self
                .server
                .keyspace
                .next_due(shard)
                .is_some_and(|at| at.0 + OVERDUE_MS < now.0)
        {
            return true;
        }
        let is_stuck = |worker: usize| {
            now.0
                - self.server.boards[worker]
                    .alive_at_ms
                    .load(Ordering::Relaxed)
                > STUCK_MS
        };
        is_stuck(owner)
            && (owner + 1..owner + workers)
                .map(|next| next % workers)
                .find(|&next| !is_stuck(next))
                == Some(self.state.index)
    }

    /// Ticks fast while keys are about to expire, be it in its own shards or where it has set such a key itself: the
    /// owner of that shard may be idle and not know.
    pub(super) fn set_pace(&mut self) {
        let now = Self::now();
        let soon = UnixMillis(now.0 + SOON_MS);
        let keyspace = &self.server.keyspace;
        if now.0 > self.state.soon_until_ms {
            self.state.soon_until_ms = 0;
        }
        let mut shards = 0..keyspace.shard_count() as u16;
        self.ticking = shards.any(|shard| {
            keyspace.next_due(shard).is_some_and(|at| at < soon) && self.cares_for(shard, now)
        });
        self.ticking |= self.state.soon_until_ms > 0;
    }

    /// Has the cron tick fast if a command of this turn has set a key that expires soon.
    #[inline]
    pub(super) fn heed_deadlines(&mut self) {
        if self.state.soon_until_ms > 0 && !self.ticking {
            self.ticking = true;
            self.cron_woken = true;
        }
    }
}

impl WorkerState {
    /// Notes what a unit of this worker may have changed, for [`Worker::heed_deadlines`]. To be called without its locks.
    pub(crate) fn note_plan(&mut self, server: &Server, plan: &LockPlan, now: UnixMillis) {
        match plan {
            LockPlan::Write(shard) => self.note_written(server, *shard, now),
            LockPlan::WriteMany(shards) => {
                for &shard in shards {
                    self.note_written(server, shard, now);
                }
            }
            LockPlan::Exclusive => {
                for shard in 0..server.keyspace.shard_count() as u16 {
                    self.note_written(server, shard, now);
                }
            }
            LockPlan::Nothing | LockPlan::Read(_) | LockPlan::ReadMany(_) | LockPlan::Roaming => {}
        }
    }

    /// As [`WorkerState::note_plan`], for one shard.
    #[inline]
    pub(crate) fn note_written(&mut self, server: &Server, shard: u16, now: UnixMillis) {
        if let Some(due) = server.keyspace.next_due(shard)
            && due.0 < now.0 + SOON_MS
        {
            self.soon_until_ms = self.soon_until_ms.max(due.0 + OVERDUE_MS);
        }
    }
}

/// Removes keys that have expired, because memory is short: a bounded number, one shard after the other. Whether some are
/// left.
pub(crate) fn expire_some_due(
    server: &Server,
    config: &Config,
    worker: &mut WorkerState,
    tools: &mut Tools,
    by: DoneBy,
    now: UnixMillis,
) -> bool {
    /// Calls of `expire_due`, each of which removes some hundred keys.
    const CALLS: u32 = 8;
    let mut stopwatch = Stopwatch::start();
    let (mut calls, mut more) = (0, false);
    for shard in server.keyspace.due_shards(now) {
        if calls == CALLS {
            more = true;
            break;
        }
        let mut unit = Unit::begin(&server.keyspace, LockPlan::Write(shard), now);
        let mut is_left = true;
        while is_left && calls < CALLS {
            is_left = unit.expire_due(shard);
            calls += 1;
        }
        more |= is_left;
        end_unit(server, config, worker, tools, unit, shard, now);
    }
    if calls > 0 {
        let upkeep = &server.stats.worker(worker.index).upkeep;
        upkeep.add(by, Chore::Expiry, stopwatch.lap());
    }
    more
}

/// Frees memory of a shard that no key needs or, if there is none, evicts keys that take up to about so many bytes; whether
/// there was anything. A bounded part of what there is.
pub(crate) fn free_memory(
    server: &Server,
    config: &Config,
    worker: &mut WorkerState,
    tools: &mut Tools,
    bytes: u64,
    by: DoneBy,
    now: UnixMillis,
) -> bool {
    /// Of a shard's keys this part goes at once at most, lest small shards be emptied by turns.
    const PART: usize = 32;
    let keyspace = &server.keyspace;
    let upkeep = &server.stats.worker(worker.index).upkeep;
    let mut stopwatch = Stopwatch::start();
    if let Some(shard) = keyspace.shard_to_reclaim(worker.random()) {
        let mut unit = Unit::begin(keyspace, LockPlan::Write(shard), now);
        let freed = unit.reclaim(shard);
        end_unit(server, config, worker, tools, unit, shard, now);
        upkeep.add(by, Chore::Maintenance, stopwatch.lap());
        if freed {
            return true;
        }
    }
    let random = std::array::from_fn(|_| worker.random());
    let Some((shard, victims)) = keyspace.shard_to_evict_from(random) else {
        return false;
    };
    let most = EvictionBudget::default();
    let budget = EvictionBudget {
        bytes: usize::try_from(bytes).unwrap_or(usize::MAX),
        keys: most.keys.min(1 + (victims / PART) as u32),
        ..most
    };
    let mut unit = Unit::begin(keyspace, LockPlan::Write(shard), now);
    let freed = unit.reclaim(shard) || unit.evict(shard, budget).keys > 0;
    let evicting_nanos = stopwatch.lap();
    end_unit(server, config, worker, tools, unit, shard, now);
    upkeep.add(by, Chore::Eviction, evicting_nanos + stopwatch.lap());
    let threshold_ms = config.latency_monitor_threshold_ms;
    let latency = &server.latency;
    latency.add_if_slow(threshold_ms, "eviction-del", now, evicting_nanos);
    freed
}

/// Ends a unit in which storage has removed keys of `shard`.
fn end_unit<'e>(
    server: &'e Server,
    config: &Config,
    worker: &mut WorkerState,
    tools: &mut Tools,
    mut unit: Unit<'e>,
    shard: u16,
    now: UnixMillis,
) {
    let (effects, events) = (&mut tools.effects, &mut tools.events);
    let appended = settle(server, &mut unit, shard, effects, events, &mut worker.woken);
    tools.log_appended |= appended;
    let tally = std::mem::take(&mut unit.tally);
    server.stats.worker(worker.index).add_tally(tally);
    if unit.has_ready() {
        serve_ready(server, config, worker, tools, unit, now);
    }
}

/// Tells clients that wait for a key which has gone: a consumer group has gone with it.
#[cold]
fn serve_ready<'e>(
    server: &'e Server,
    config: &Config,
    worker: &mut WorkerState,
    tools: &mut Tools,
    mut unit: Unit<'e>,
    now: UnixMillis,
) {
    let mut stripes = server.pubsub.lock_none();
    serve::ready(server, config, worker, tools, &mut unit, &mut stripes);
    serve::publish(server, worker, tools, &mut unit, &mut stripes);
    drop((unit, stripes));
    serve::deferred(server, config, worker, tools, now);
}

/// Effects and events of keys that storage removed, under the unit's locks; whether the log got something.
fn settle(
    server: &Server,
    unit: &mut Unit<'_>,
    shard: u16,
    effects: &mut Effects,
    events: &mut Events,
    woken: &mut WorkerSet,
) -> bool {
    if !unit.owes() {
        return false;
    }
    effects.begin(shard);
    for note in unit.take_notes() {
        effects.push_note(&note, unit.state());
        events.push_note(&note);
    }
    let appended = effects.append(unit, false);
    if !events.is_empty() {
        events.publish(&mut server.pubsub.lock_none(), &server.inboxes, woken);
    }
    appended
}
