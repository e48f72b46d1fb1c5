//! Workers: each is one OS thread that owns its connections, from when the accepting thread (`listen.rs`) has handed them
//! over until they are closed, and runs their commands itself.
//!
//! A worker is a loop ([`Worker::step`]): it waits for its sockets and its inbox, gives ready sessions their turns
//! ([`round`]), and keeps house by the clock ([`cron`]). All that it owns is in a [`Worker`], so nothing of a session
//! is behind a lock or a reference count.

pub(crate) mod background;
pub(crate) mod client_memory;
mod connection;
mod contain;
mod cron;
pub(crate) mod deliver;
pub(crate) mod inbox;
pub(crate) mod limits;
pub(crate) mod poller;
mod round;
pub(crate) mod sessions;
pub(crate) mod set;
pub(crate) mod stream;
mod turn;

use std::collections::BTreeSet;
use std::io;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use protocol::Limits;
use storage::UnixMillis;

use crate::blocking::wait;
use crate::clock::unix_now;
use crate::config::{Config, ConfigView};
use crate::execute::{Batch, ElementsAhead, Tools};
use crate::hot_keys::Sampler;
use crate::os;
use crate::output::Outbox;
use crate::pubsub::local::LocalSubscribers;
use crate::server::Server;
use crate::session::{ChannelKind, Close, Session};

use cron::Cron;
use inbox::Event;
use poller::{Poller, ReadyQueue, Sockets};
use round::Stage;
use sessions::Sessions;
use set::WorkerSet;

/// A worker's own state that commands may use.
pub(crate) struct WorkerState {
    /// Which worker it is.
    pub(crate) index: usize,
    /// Who listens to what among its sessions.
    pub(crate) subscribers: LocalSubscribers,
    /// Workers whose inbox got something during this turn; woken at its end.
    pub(crate) woken: WorkerSet,
    /// Commands that took at least this long concern the slow log or the latency monitor.
    pub(crate) slow_nanos: u64,
    /// Which commands tell the hot keys of themselves.
    pub(crate) sampler: Sampler,
    /// Output that waits in all its sessions; brought up to date by the cron.
    pub(crate) pending_bytes: usize,
    /// Until when keys that this worker has set expire soon, in Unix milliseconds; 0: none.
    pub(crate) soon_until_ms: i64,
    /// How much more its clients take than it has told.
    uncounted_bytes: i64,
    /// The part of it that counts against `maxmemory`.
    uncounted_used_bytes: i64,
    /// Sessions wait for memory that the background is to free.
    pub(crate) evicts_for_parked: bool,
    /// When waits of its sessions end: Unix milliseconds, the session's place, the client's id.
    pub(crate) deadlines: BTreeSet<(i64, u32, u64)>,
    random: u64,
}

impl WorkerState {
    /// Takes over from when on a command concerns the slow log or the latency monitor.
    pub(crate) fn heed_thresholds(&mut self, config: &Config) {
        let slow_log = u64::try_from(config.slowlog_log_slower_than_us)
            .map_or(u64::MAX, |micros| micros.saturating_mul(1_000));
        let latency = match config.latency_monitor_threshold_ms {
            ..=0 => u64::MAX,
            millis => (millis as u64).saturating_mul(1_000_000),
        };
        self.slow_nanos = slow_log.min(latency);
    }

    /// A random number, good enough to pick keys with.
    pub(crate) fn random(&mut self) -> u64 {
        // SplitMix64: a counter through a mixing function.
        self.random = self.random.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.random;
        mixed = (mixed ^ mixed >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ mixed >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ mixed >> 31
    }
}

/// Everything a worker owns.
pub(crate) struct Worker {
    /// Shared with all; the inner count is the other threads', the outer one this thread's own, so that a turn can
    /// keep the server alive without touching memory that other threads write.
    #[expect(
        clippy::redundant_allocation,
        reason = "the inner count is another cache line's business"
    )]
    server: Rc<Arc<Server>>,
    config: ConfigView,
    settings: Rc<Config>,
    limits: Limits,
    state: WorkerState,
    sessions: Sessions,
    tools: Tools,
    /// For requests that wait in a session's own buffer.
    batch: Batch,
    ahead: ElementsAhead,
    /// What the turns of a group begin with.
    stages: Vec<Stage>,
    outbox: Outbox,
    sockets: Sockets,
    /// Sessions that are to have a turn.
    ready: Rc<ReadyQueue>,
    /// The server is going down.
    draining: bool,
    /// The last round had turns.
    was_busy: bool,
    /// The cron is wanted ahead of time.
    cron_woken: bool,
    /// A key may expire within the next second: the cron looks every 10 ms.
    ticking: bool,
}

/// Starts worker `index`.
pub(crate) fn spawn(server: Arc<Server>, index: usize) -> io::Result<JoinHandle<()>> {
    let (mut poller, sockets, waker) = Poller::new()?;
    server.inboxes[index].attach(waker);
    std::thread::Builder::new()
        .name(format!("nuthatch-{index}"))
        .spawn(move || {
            // Relaxed: for figures.
            let thread = rustix::thread::gettid().as_raw_pid();
            server.boards[index].thread.store(thread, Ordering::Relaxed);
            let mut worker = Worker::new(server, index, sockets);
            let mut cron = Cron::default();
            while worker.step(&mut poller, &mut cron) {}
        })
}

impl Worker {
    fn new(server: Arc<Server>, index: usize, sockets: Sockets) -> Self {
        let config = ConfigView::new(Arc::clone(&server.config));
        let seed = unix_now().0 as u64 ^ (index as u64) << 56 ^ u64::from(std::process::id()) << 32;
        let mut worker = Self {
            settings: Rc::new((*config).clone()),
            config,
            limits: Limits::default(),
            state: WorkerState {
                index,
                subscribers: LocalSubscribers::default(),
                woken: WorkerSet::default(),
                slow_nanos: u64::MAX,
                sampler: Sampler::new(seed),
                pending_bytes: 0,
                soon_until_ms: 0,
                uncounted_bytes: 0,
                uncounted_used_bytes: 0,
                evicts_for_parked: false,
                deadlines: BTreeSet::new(),
                random: seed,
            },
            sessions: Sessions::default(),
            tools: Tools::default(),
            batch: Batch::default(),
            ahead: ElementsAhead::default(),
            outbox: Outbox::default(),
            stages: Vec::new(),
            sockets,
            ready: Rc::default(),
            draining: false,
            was_busy: false,
            cron_woken: false,
            ticking: false,
            server: Rc::new(server),
        };
        worker.adopt_config();
        worker
    }

    /// Waits until there is something to do, and does some of all there is; `false` when the worker is to end.
    fn step(&mut self, poller: &mut Poller, cron: &mut Cron) -> bool {
        let patience = if self.ready.is_empty() && !self.cron_woken {
            cron.patience().min(self.until_next_deadline())
        } else {
            Duration::ZERO
        };
        self.contained("Waiting for sockets", |worker| {
            worker.await_sockets(poller, patience);
        });
        let began = Instant::now();
        let server = Rc::clone(&self.server);
        if server.inboxes[self.state.index].take_wake() && !self.handle_events() {
            return false;
        }
        self.contained("A round", Self::round);
        self.contained("Sampling lookups", |worker| {
            worker.server.keyspace.miss_ratio().work_off(Self::now);
        });
        if !self.state.deadlines.is_empty() {
            self.contained("The end of a wait", Self::time_out_waits);
        }
        self.housekeep(cron);
        let stats = server.stats.worker(self.state.index);
        stats.steps.add(1);
        let took = cron.ended_at.saturating_duration_since(began);
        stats.step_nanos.add(took.as_nanos() as u64);
        true
    }

    /// Takes over a changed configuration.
    #[cold]
    fn adopt_config(&mut self) {
        self.settings = Rc::new((*self.config).clone());
        let config = &self.settings;
        let bulk_len_max = usize::try_from(config.proto_max_bulk_len_bytes).unwrap_or(usize::MAX);
        self.limits = Limits {
            bulk_len_max,
            ..Limits::default()
        };
        self.tools.events.set_enabled(config.notify_keyspace_events);
        self.state.heed_thresholds(config);
    }

    #[inline]
    fn refresh_config(&mut self) {
        if self.config.refresh() {
            self.adopt_config();
            self.heed_clients_limit_for_all();
        }
    }

    /// Deals with everything in the inbox; `false` when the worker is to end.
    fn handle_events(&mut self) -> bool {
        self.refresh_config();
        let server = Rc::clone(&self.server);
        for (number, event) in server.take_events(self.state.index) {
            self.contained("An event", |worker| worker.handle(&server, number, event));
        }
        !(self.draining && self.sessions.len() == 0)
    }

    fn handle(&mut self, server: &Server, number: u64, event: Event) {
        server.background_faults.step();
        match event {
            Event::Connection(connection) => connection::start(self, *connection),
            Event::Message(message) => {
                let settings = Rc::clone(&self.settings);
                let (state, sessions) = (&mut self.state, &mut self.sessions);
                deliver::one_message(
                    server, &settings, state, sessions, &mut None, number, &message,
                );
            }
            Event::Monitor(line) => {
                let settings = Rc::clone(&self.settings);
                let (state, sessions) = (&mut self.state, &mut self.sessions);
                deliver::one_line(server, &settings, state, sessions, &mut None, &line);
            }
            Event::Kill(session, id) => self.kill(session, id),
            Event::Served {
                session,
                client,
                reply,
                nanos,
            } => self.served(session, client, *reply, nanos),
            Event::RunAgain(session, client) => self.run_again_after_wait(session, client),
            Event::Unblocked(session, client) => self.unblocked(session, client),
            Event::ConfigChanged => self.refresh_config(),
            Event::Unpark => self.unpark(),
            Event::Drain => self.drain(),
            Event::Run(action) => action(self),
        }
    }

    fn kill(&mut self, session: u32, id: u64) {
        if let Some(session) = self.sessions.get_mut(session)
            && session.id() == id
        {
            session.wake();
        }
    }

    /// Gives back what memory it can, and has the cron look after this worker's shards now (`MEMORY PURGE`).
    pub(crate) fn purge_memory(&mut self) {
        os::release_freed_memory();
        self.cron_woken = true;
    }

    /// Has parked sessions try again.
    fn unpark(&mut self) {
        self.sessions
            .iter_mut()
            .filter(|session| session.parked.is_some())
            .for_each(|session| session.wake());
    }

    /// Has every session end once its output is sent.
    fn drain(&mut self) {
        self.draining = true;
        for session in self.sessions.iter_mut() {
            session.close_after_reply();
            session.wake();
        }
    }

    /// Wakes the workers that got something during a turn; this one included, if it did.
    #[inline]
    fn wake_others(&mut self) {
        if !self.state.woken.is_empty() {
            let woken = std::mem::take(&mut self.state.woken);
            self.server.wake(&woken);
        }
    }

    /// What a turn or a background slice leaves to be done once all locks are gone.
    #[inline]
    fn after_units(&mut self) {
        if self.tools.log_appended {
            self.tools.log_appended = false;
            self.server.keyspace.log().wake_if_needed();
        }
        self.wake_others();
        self.heed_deadlines();
    }

    /// Forgets a session: subscriptions, watches, its place.
    fn end_session(&mut self, index: u32, mut session: Session) {
        let server = Rc::clone(&self.server);
        if let Some(subscriptions) = session.subscriptions.take() {
            let worker = self.state.index as u16;
            for kind in [
                ChannelKind::Channel,
                ChannelKind::Pattern,
                ChannelKind::Shard,
            ] {
                for name in subscriptions.of(kind) {
                    server.pubsub.lock_none().unsubscribe(kind, name, worker);
                    self.state.subscribers.remove(kind, name, index);
                }
            }
        }
        if let Some(watches) = session.watches.take() {
            server.unwatch(&watches);
        }
        wait::forget(&server, &mut self.state, &mut session);
        if session.monitor {
            server.monitors.remove(self.state.index as u16);
        }
        session.close = Close::Now;
        self.uncount_memory(&mut session);
        server.clients.remove(session.id());
        server.boards[self.state.index]
            .connections
            .fetch_sub(1, Ordering::Relaxed);
        self.sessions.free(index);
        if self.draining && self.sessions.len() == 0 {
            server.inboxes[self.state.index].wake();
        }
    }

    /// What all workers share.
    #[expect(clippy::redundant_allocation, reason = "see the field")]
    pub(crate) fn server(&self) -> &Rc<Arc<Server>> {
        &self.server
    }

    /// Its own state.
    pub(crate) fn state(&self) -> &WorkerState {
        &self.state
    }

    /// Its own state, to be changed.
    pub(crate) fn state_mut(&mut self) -> &mut WorkerState {
        &mut self.state
    }

    /// Its own state and its sessions.
    pub(crate) fn state_and_sessions(&mut self) -> (&mut WorkerState, &mut Sessions) {
        (&mut self.state, &mut self.sessions)
    }

    pub(crate) fn now() -> UnixMillis {
        unix_now()
    }
}
