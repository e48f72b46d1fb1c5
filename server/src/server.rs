//! The server: what all workers share, how it starts and how it stops.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, AtomicI32, AtomicI64, AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use cluster::ReplicationState;
use crossbeam_utils::CachePadded;
use parking_lot::Mutex;
use storage::log::Cursor;
use storage::{Cut, Keyspace, KeyspaceOptions, Pause, Snapshot, UnixMillis};
use tokio::sync::Notify;

use crate::clock::{self, unix_now};
use crate::command::Args;
use crate::command::names::CommandNames;
use crate::command::table::{Lookup, table};
use crate::config::{ConfigStore, Loaded};
use crate::hot_keys::HotKeys;
use crate::latency::LatencyMonitor;
use crate::listen::{self, BindError, ListenControl, PortZero};
use crate::logging::Logging;
use crate::monitor::Monitors;
use crate::os;
use crate::panic::Faults;
use crate::pubsub::PubSub;
use crate::session::{ClientEntry, Clients, Watches};
use crate::shutdown::Shutdown;
use crate::slowlog::SlowLog;
use crate::stats::Stats;
use crate::worker;
use crate::worker::inbox::{Event, Inbox};
use crate::worker::set::WorkerSet;

/// What all threads share. Everything in here is either unchanging, a keyspace lock's business, or behind a leaf lock.
pub(crate) struct Server {
    /// All data.
    pub(crate) keyspace: Keyspace,
    /// The configuration in force.
    pub(crate) config: Arc<ConfigStore>,
    /// One inbox per worker.
    pub(crate) inboxes: Box<[CachePadded<Inbox>]>,
    /// One board per worker.
    pub(crate) boards: Box<[CachePadded<WorkerBoard>]>,
    /// All counters.
    pub(crate) stats: Stats,
    /// All connections.
    pub(crate) clients: Clients,
    /// All channels.
    pub(crate) pubsub: PubSub,
    /// Who monitors.
    pub(crate) monitors: Monitors,
    /// `SLOWLOG`.
    pub(crate) slowlog: SlowLog,
    /// `LATENCY`.
    pub(crate) latency: LatencyMonitor,
    /// `HOTKEYS`.
    pub(crate) hot_keys: HotKeys,
    /// How the server goes down.
    pub(crate) shutdown: Shutdown,
    /// The listening sockets.
    pub(crate) listening: ListenControl,
    /// When the server started.
    pub(crate) started_at: UnixMillis,
    /// The same on the monotonic clock.
    pub(crate) started: Instant,
    /// 40 hex digits, new at each start.
    pub(crate) run_id: String,
    /// Which history of changes the data belongs to.
    pub(crate) replication: Mutex<ReplicationState>,
    /// Whether expired keys are removed in the background (`DEBUG SET-ACTIVE-EXPIRE`).
    pub(crate) active_expiry: AtomicBool,
    /// Panics that tests ask for, in commands.
    pub(crate) faults: Faults,
    /// The same in what workers do for themselves.
    pub(crate) background_faults: Faults,
    /// Whether all that is done by the clock rests (`DEBUG PAUSE-CRON`).
    pub(crate) cron_paused: AtomicBool,
    /// The running log, in a process that has one.
    pub(crate) logging: OnceLock<Logging>,
    /// Until when `CLIENT PAUSE` is in force, in Unix milliseconds; 0 when it is not.
    paused_until_ms: Mutex<i64>,
    /// Tells the accepting thread, which ends pauses, that one has begun.
    pub(crate) pause_begun: Notify,
    /// Which name stands for which command.
    pub(crate) command_names: CommandNames,
}

/// What others read of a worker.
#[derive(Debug, Default)]
pub(crate) struct WorkerBoard {
    /// Connections it has or is about to get.
    pub(crate) connections: AtomicUsize,
    /// When its cron ran last, in Unix milliseconds.
    pub(crate) alive_at_ms: AtomicI64,
    /// The system's number of its thread; 0 before that runs.
    pub(crate) thread: AtomicI32,
}

impl Server {
    fn new(loaded: Loaded) -> Self {
        let config = Arc::new(ConfigStore::new(loaded));
        let current = config.get();
        let workers = current.threads as usize;
        let command_names = CommandNames::new(&current.rename_commands)
            .expect("each line was checked when it was loaded");
        let started_at = unix_now();
        let seed = random_seed();
        let keyspace = Keyspace::new(KeyspaceOptions {
            shards: current.shards as usize,
            databases: current.databases,
            seed,
            maxmemory_bytes: current.maxmemory_bytes,
        });
        keyspace.set_eviction(current.eviction());
        let board = || {
            let board = WorkerBoard::default();
            board.alive_at_ms.store(started_at.0, Ordering::Relaxed);
            CachePadded::new(board)
        };
        Self {
            keyspace,
            inboxes: (0..workers).map(|_| CachePadded::default()).collect(),
            boards: (0..workers).map(|_| board()).collect(),
            stats: Stats::new(workers, table().registered_count()),
            clients: Clients::default(),
            pubsub: PubSub::default(),
            monitors: Monitors::new(workers),
            slowlog: SlowLog::default(),
            latency: LatencyMonitor::default(),
            hot_keys: HotKeys::new(workers, started_at),
            shutdown: Shutdown::default(),
            listening: ListenControl::default(),
            started_at,
            started: Instant::now(),
            run_id: random_hex(),
            replication: Mutex::new(ReplicationState::new(random_hex())),
            active_expiry: AtomicBool::new(true),
            faults: Faults::default(),
            background_faults: Faults::default(),
            cron_paused: AtomicBool::new(false),
            logging: OnceLock::new(),
            paused_until_ms: Mutex::new(0),
            pause_begun: Notify::new(),
            command_names,
            config,
        }
    }

    /// The command that a request names, renaming taken into account.
    #[inline]
    pub(crate) fn find_command(&self, args: Args<'_>) -> Lookup {
        self.command_names.lookup(args)
    }

    /// The cut of the keyspace, with all channel stripes held too. Never to be called while a unit runs; commands use
    /// `Context::after_unit`.
    pub(crate) fn cut<R>(&self, with: impl FnOnce(&mut Cut<'_>) -> R) -> R {
        // The stripes are let go behind the cut, not within it: only at its end is the state word written, which a
        // unit that holds nothing but stripes reads under them.
        let (result, _stripes) = self.keyspace.cut(|cut| {
            let stripes = self.pubsub.lock_all();
            (with(cut), stripes)
        });
        result
    }

    /// Wakes all workers in `workers`.
    pub(crate) fn wake(&self, workers: &WorkerSet) {
        workers
            .iter()
            .for_each(|worker| self.inboxes[worker].wake());
    }

    /// Sends every worker the event that `make` makes.
    pub(crate) fn send_to_all(&self, make: impl Fn() -> Event) {
        self.inboxes.iter().for_each(|inbox| inbox.send(make()));
    }

    /// Takes everything out of a worker's inbox. Publishers that wait because it was full try again.
    pub(crate) fn take_events(&self, worker: usize) -> VecDeque<(u64, Event)> {
        let (events, has_room_again) = self.inboxes[worker].take();
        if has_room_again {
            self.send_to_all(|| Event::Unpark);
        }
        events
    }

    /// Counts an error reply by its first word.
    pub(crate) fn count_error(&self, worker: usize, line: &[u8]) {
        let prefix = line.split(|&byte| byte == b' ').next().unwrap_or(line);
        let prefix = String::from_utf8_lossy(prefix);
        self.stats.worker(worker).errors.lock().count(&prefix);
    }

    /// Whether some worker has so many messages waiting that publishers must wait.
    #[inline]
    pub(crate) fn inbox_is_full(&self) -> bool {
        self.inboxes.iter().any(|inbox| inbox.is_full())
    }

    /// Has a client's session end. Its flag is looked at before each command; the event wakes it if it is idle.
    pub(crate) fn kill(&self, client: &ClientEntry) {
        // Relaxed: see `Session::is_killed`.
        client.killed.store(true, Ordering::Relaxed);
        self.inboxes[usize::from(client.worker)].send(Event::Kill(client.session, client.id));
    }

    /// Ends watches, one shard lock at a time.
    pub(crate) fn unwatch(&self, watches: &Watches) {
        self.keyspace.unwatch(watches.flag(), watches.iter());
    }

    /// `CLIENT PAUSE`: of this and an earlier pause that still lasts, the stronger mode and the later end count, as in
    /// Redis. To be called without any unit.
    pub(crate) fn pause(&self, mode: Pause, until_ms: i64) {
        self.cut(|cut| {
            // Within the cut, so that the end of the earlier pause cannot come in between and be the end of this one.
            let mut paused_until_ms = self.paused_until_ms.lock();
            let now_ms = unix_now().0;
            let is_stronger = *paused_until_ms > now_ms && cut.state().pause() == Pause::All;
            let until_ms = until_ms.max(*paused_until_ms);
            if until_ms > now_ms {
                *paused_until_ms = until_ms;
                let mode = if is_stronger { Pause::All } else { mode };
                cut.set_state(cut.state().with_pause(mode));
            }
        });
        self.pause_begun.notify_one();
    }

    /// `CLIENT UNPAUSE`. To be called without any unit.
    pub(crate) fn unpause(&self) {
        self.end_pause(i64::MAX);
    }

    /// Ends a pause whose time has come; returns whether there may be one left.
    pub(crate) fn end_pause_if_due(&self) -> bool {
        let until_ms = *self.paused_until_ms.lock();
        let now_ms = unix_now().0;
        if until_ms != 0 && until_ms <= now_ms {
            self.end_pause(now_ms);
        }
        until_ms != 0
    }

    /// Ends the pause unless it lasts beyond `now_ms`, and has those whom it held back try again.
    fn end_pause(&self, now_ms: i64) {
        let is_over = self.cut(|cut| {
            let mut paused_until_ms = self.paused_until_ms.lock();
            let is_over = *paused_until_ms <= now_ms;
            if is_over {
                *paused_until_ms = 0;
                cut.set_state(cut.state().with_pause(Pause::Off));
            }
            is_over
        });
        if is_over {
            self.send_to_all(|| Event::Unpark);
        }
    }

    /// A panic has left the log of effects behind the data: what follows it must start over from the data.
    #[cold]
    pub(crate) fn mark_log_diverged(&self) {
        // Nothing follows the log across a restart or over the network yet, so there is nothing else to start over.
        self.change_replication_id();
        self.stats.log_divergences.fetch_add(1, Ordering::Relaxed);
    }

    /// A connection that was assigned to `worker` is gone.
    pub(crate) fn connection_gone(&self, worker: usize) {
        self.boards[worker]
            .connections
            .fetch_sub(1, Ordering::Relaxed);
    }

    /// The worker that a new connection goes to: the one with the fewest.
    pub(crate) fn assign_connection(&self) -> usize {
        // Relaxed: one thread assigns, and a count that is one off costs nothing.
        let load = |worker: &usize| self.boards[*worker].connections.load(Ordering::Relaxed);
        let worker = (0..self.boards.len()).min_by_key(load).unwrap_or(0);
        self.boards[worker]
            .connections
            .fetch_add(1, Ordering::Relaxed);
        worker
    }
}

/// A seed that only this process knows, so that nobody can choose keys that collide.
fn random_seed() -> u128 {
    use std::hash::BuildHasher;
    // Keyed by what the system gives as random.
    let state = std::hash::RandomState::new();
    u128::from(state.hash_one(0)) << 64 | u128::from(state.hash_one(1))
}

/// 40 random hex digits.
pub(crate) fn random_hex() -> String {
    use std::hash::BuildHasher;
    let state = std::hash::RandomState::new();
    let words = (0..3u64).map(|at| format!("{:016x}", state.hash_one((at, unix_now().0))));
    words.collect::<String>()[..40].to_owned()
}

/// Why a server did not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// An address could not be listened on.
    #[error(transparent)]
    Bind(#[from] BindError),
    /// Neither TCP nor a unix socket is configured.
    #[error("Configured to not listen anywhere, exiting.")]
    NowhereToListen,
    /// The system gave us no thread or no event queue.
    #[error("cannot start a thread: {0}")]
    Thread(std::io::Error),
}

/// A server that runs in threads of its own; dropping it without [`RunningServer::stop`] leaves it running.
pub struct RunningServer {
    server: Arc<Server>,
    accepting: JoinHandle<()>,
    addresses: Vec<SocketAddr>,
}

/// Starts a server: binds the listeners, starts the workers, accepts connections.
///
/// # Errors
/// [`StartError`] when an address cannot be bound or a thread not started; nothing is left running then.
pub fn start(loaded: Loaded) -> Result<RunningServer, StartError> {
    start_with(loaded, PortZero::IsOff)
}

/// Like [`start`], but with `port` 0 it listens on a free port ([`RunningServer::addresses`]), for tests.
///
/// # Errors
/// As [`start`].
pub fn start_on_free_port(loaded: Loaded) -> Result<RunningServer, StartError> {
    start_with(loaded, PortZero::IsAny)
}

fn start_with(loaded: Loaded, port_zero: PortZero) -> Result<RunningServer, StartError> {
    clock::calibrate();
    let config = loaded.config.clone();
    let listeners = listen::bind_all(&config, port_zero, &[])?;
    if listeners.is_empty() {
        return Err(StartError::NowhereToListen);
    }
    let addresses = listeners
        .iter()
        .filter_map(listen::Listener::address)
        .collect();
    crate::panic::install_hook();
    if !config.disable_thp {
        storage::slab::use_huge_pages().map_err(StartError::Thread)?;
    }
    os::purge_in_background().map_err(StartError::Thread)?;
    let server = Arc::new(Server::new(loaded));
    let mut workers = Vec::new();
    for index in 0..config.threads as usize {
        match worker::spawn(Arc::clone(&server), index) {
            Ok(worker) => workers.push(worker),
            Err(error) => {
                server.send_to_all(|| Event::Drain);
                return Err(StartError::Thread(error));
            }
        }
    }
    let accepting =
        listen::spawn(Arc::clone(&server), listeners, workers).map_err(StartError::Thread)?;
    Ok(RunningServer {
        server,
        accepting,
        addresses,
    })
}

impl RunningServer {
    /// The TCP addresses listened on at the start, with the real ports.
    pub fn addresses(&self) -> &[SocketAddr] {
        &self.addresses
    }

    /// The data, for tests that look at it from inside.
    pub fn keyspace(&self) -> &Keyspace {
        &self.server.keyspace
    }

    /// Hands over the running log, so that `CONFIG SET loglevel` can change it.
    pub fn set_logging(&self, logging: Logging) {
        // Set once per process, before anybody can ask for it.
        let _ = self.server.logging.set(logging);
    }

    /// Has effects logged from now on; the cursor sees exactly those of later units, as commands.
    ///
    /// # Errors
    /// When the system gives us no thread for the sequencer.
    pub fn start_log(&self) -> std::io::Result<Cursor> {
        self.server.start_log()
    }

    /// As [`RunningServer::start_log`], with a snapshot of everything at that moment; `None` while another one runs.
    ///
    /// # Errors
    /// As [`RunningServer::start_log`].
    pub fn start_log_with_snapshot(&self) -> std::io::Result<Option<(Cursor, Snapshot)>> {
        self.server.start_log_with_snapshot()
    }

    /// As [`RunningServer::stop_log`], with a snapshot of everything at that moment; `None` while another one runs.
    pub fn stop_log_with_snapshot(&self) -> Option<Snapshot> {
        self.server.stop_log_with_snapshot()
    }

    /// Executes what `socket` brings as a primary's stream: keys in it expire only when it says so.
    ///
    /// # Errors
    /// When the socket is not connected or its options cannot be set.
    pub fn follow(&self, socket: std::net::TcpStream) -> std::io::Result<()> {
        listen::follow(&self.server, socket)
    }

    /// Has effects logged no more.
    pub fn stop_log(&self) {
        self.server.stop_log();
    }

    /// Changes the state word and the like; all units stand still meanwhile.
    pub fn cut<R>(&self, with: impl FnOnce(&mut Cut<'_>) -> R) -> R {
        self.server.cut(with)
    }

    /// Has a command panic at its step number `step`, counted over all commands from now on; 0: none. Returns how many
    /// steps were left of the last such wish, 0 if it has come true. For tests.
    #[cfg(debug_assertions)]
    pub fn panic_at_step(&self, step: u32) -> u32 {
        self.server.faults.arm(step)
    }

    /// As [`RunningServer::panic_at_step`], for what workers do for themselves.
    #[cfg(debug_assertions)]
    pub fn panic_at_background_step(&self, step: u32) -> u32 {
        self.server.background_faults.arm(step)
    }

    /// What may ask the server to stop from another thread.
    pub fn stopper(&self) -> Stopper {
        Stopper {
            server: Arc::clone(&self.server),
        }
    }

    /// Stops the server: no new connections, running commands end, output is sent.
    pub fn stop(self) {
        self.stopper().stop();
        self.wait();
    }

    /// Waits until the server has stopped.
    pub fn wait(self) {
        if self.accepting.join().is_err() {
            tracing::error!("The accepting thread has panicked");
        }
    }
}

/// See [`RunningServer::stopper`].
#[derive(Clone)]
pub struct Stopper {
    server: Arc<Server>,
}

impl Stopper {
    /// Waits until the server is down, whoever asked for it.
    pub async fn stopped(&self) {
        self.server.shutdown.finished().await;
    }

    /// Asks the server to stop; returns at once.
    pub fn stop(&self) {
        self.server.shutdown.request();
    }
}

/// How long the sessions get to send their output when the server goes down.
pub(crate) const DRAIN_TIME_MAX: Duration = Duration::from_secs(3);

#[cfg(test)]
mod tests {
    use std::io::{Read, Write};
    use std::net::TcpStream;

    use super::*;
    use crate::config::Config;

    /// Long enough for a thread to come to the lock that it has to wait for. Should it take longer once, the test
    /// sees less, and passes.
    const A_WHILE: Duration = Duration::from_millis(100);

    fn start(threads: u32, change: impl FnOnce(&mut Config)) -> RunningServer {
        let mut config = Config {
            port: 0,
            threads,
            bind: vec!["127.0.0.1".to_owned()],
            ..Config::default()
        };
        change(&mut config);
        start_on_free_port(Loaded {
            config,
            file: None,
            warnings: Vec::new(),
            has_maxmemory: true,
        })
        .unwrap()
    }

    #[test]
    fn writers_wait_while_events_of_their_keys_have_no_room() {
        let running = start(2, |config| {
            config.notify_keyspace_events = crate::config::KeyspaceEvents::parse("KEA").unwrap();
        });
        let mut client = TcpStream::connect(running.addresses()[0]).unwrap();
        let mut reply = [0; 5];
        client.write_all(b"GET k\r\n").unwrap();
        client.read_exact(&mut reply).unwrap();
        // The client is the first worker's; the second has more than it may, and sleeps.
        let inbox = &running.server.inboxes[1];
        inbox.push(Event::Monitor(
            vec![b'x'; worker::inbox::INBOX_BYTES_MAX + 1].into(),
        ));
        client.write_all(b"GET k\r\nSET k v\r\n").unwrap();
        client.read_exact(&mut reply).unwrap();
        assert_eq!(&reply, b"$-1\r\n");
        client.set_read_timeout(Some(A_WHILE)).unwrap();
        assert!(client.read(&mut reply).is_err(), "SET waits");
        client.set_read_timeout(None).unwrap();
        inbox.wake();
        client.read_exact(&mut reply).unwrap();
        assert_eq!(&reply, b"+OK\r\n");
        running.stop();
    }

    #[test]
    fn a_transaction_that_only_publishes_obeys_a_cut_that_came_first() {
        let running = start(1, |_| {});
        let server = &running.server;
        let mut client = TcpStream::connect(running.addresses()[0]).unwrap();
        client.write_all(b"MULTI\r\nPUBLISH c m\r\n").unwrap();
        client.read_exact(&mut [0; 14]).unwrap();
        let cursor = std::thread::scope(|scope| {
            let stripe = server.pubsub.lock([&b"c"[..]].into_iter());
            // The cut has all shards and waits for the stripe; behind it, EXEC does.
            let cut = scope.spawn(|| server.start_log().unwrap());
            std::thread::sleep(A_WHILE);
            client.write_all(b"EXEC\r\n").unwrap();
            std::thread::sleep(A_WHILE);
            drop(stripe);
            cut.join().unwrap()
        });
        client.read_exact(&mut [0; 8]).unwrap();
        server.stop_log();
        let mut cursor = cursor;
        let logged = std::iter::from_fn(|| cursor.read()).fold(Vec::new(), |mut all, piece| {
            all.extend_from_slice(&piece);
            all
        });
        assert_eq!(
            String::from_utf8_lossy(&logged),
            "*3\r\n$7\r\nPUBLISH\r\n$1\r\nc\r\n$1\r\nm\r\n"
        );
        running.stop();
    }
}
