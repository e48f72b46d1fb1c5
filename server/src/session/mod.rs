//! Sessions: what the server knows of one connection.

pub(crate) mod registry;
pub(crate) mod transaction;

use std::cell::Cell;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use hashbrown::HashSet;
use protocol::{Limits, RequestParser, Version};
use storage::DbIndex;

use crate::blocking::wait::SessionWait;
use crate::command::context::{Park, Slices};
use crate::config::Config;
use crate::execute::Again;
use crate::output::PendingOutput;
use crate::worker::client_memory::ClientBytes;
use crate::worker::poller::ReadyQueue;

pub(crate) use registry::{ClientEntry, ClientFlags, Clients};
pub(crate) use transaction::{Transaction, Watches};

/// The state of one connection; owned by its worker. An idle session holds no buffers, and what few
/// sessions need sits behind a box.
#[derive(Debug)]
pub(crate) struct Session {
    /// What other threads may see and say: identity, `CLIENT LIST` fields, the kill flag.
    pub(crate) client: Arc<ClientEntry>,
    /// The selected database.
    pub(crate) db: DbIndex,
    /// The dialect chosen with `HELLO`.
    pub(crate) version: Version,
    /// Whether the client may use more than the commands flagged `NO_AUTH`.
    pub(crate) authenticated: bool,
    /// The connection carries a primary's stream: what is alive is for the primary to say.
    pub(crate) is_primary: bool,
    /// `CLIENT REPLY`.
    pub(crate) reply_mode: ReplyMode,
    /// `CLIENT NO-EVICT`.
    pub(crate) no_evict: bool,
    /// `CLIENT NO-TOUCH`.
    pub(crate) no_touch: bool,
    /// Receives `MONITOR` lines.
    pub(crate) monitor: bool,
    /// `CLIENT CAPA redirect` was sent.
    pub(crate) capa_redirect: bool,
    /// How the session is to end, if it is.
    pub(crate) close: Close,
    /// The command table id of the last command, `u16::MAX` before the first.
    pub(crate) last_command: u16,
    /// When it was last active, in Unix milliseconds.
    pub(crate) active_at_ms: u64,
    /// The transaction between `MULTI` and its end.
    pub(crate) transaction: Option<Box<Transaction>>,
    /// While `EXEC` runs its queue: how many commands it has and how many bytes.
    pub(crate) executing: Option<(usize, usize)>,
    /// Watched keys.
    pub(crate) watches: Option<Box<Watches>>,
    /// Channels and patterns.
    pub(crate) subscriptions: Option<Box<Subscriptions>>,
    /// Bytes of requests that have not arrived whole or not been executed yet.
    pub(crate) input: Vec<u8>,
    /// Whether `input` may hold whole requests: something other than missing bytes stopped the last run.
    pub(crate) has_requests: bool,
    /// What the parser knows of the request at the front of `input`.
    pub(crate) parser: RequestParser,
    /// What the socket has not taken yet.
    pub(crate) pending: PendingOutput,
    /// Since when `pending` is above the soft limit, in Unix milliseconds.
    pub(crate) soft_limit_since_ms: Option<u64>,
    /// The rest of a long command.
    pub(crate) slices: Option<Box<dyn Slices>>,
    /// The command itself, if it runs again after them, or after its wait.
    pub(crate) again: Option<Box<Again>>,
    /// What the last command waits for.
    pub(crate) wait: Option<Box<SessionWait>>,
    /// Why the request at the front of `input`, or the one to run again, waits.
    pub(crate) parked: Option<Park>,
    /// What it takes, as last counted; see [`Session::memory_bytes`].
    pub(crate) counted_bytes: ClientBytes,
    /// Where it queues for a turn.
    ready: Rc<ReadyQueue>,
    /// Whether it is in that queue.
    pub(crate) queued: Cell<bool>,
}

/// `CLIENT REPLY`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum ReplyMode {
    /// Replies are sent.
    #[default]
    On,
    /// No replies are sent.
    Off,
    /// The next command's reply is not sent.
    SkipNext,
    /// This command's reply is not sent.
    SkipThis,
}

/// How a session ends.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Close {
    /// Not at all.
    #[default]
    No,
    /// Once everything written so far is sent; no further command runs.
    AfterReply,
    /// At once.
    Now,
}

/// The kinds of subscription.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum ChannelKind {
    /// `SUBSCRIBE`.
    Channel,
    /// `PSUBSCRIBE`.
    Pattern,
    /// `SSUBSCRIBE`.
    Shard,
}

/// What a session is subscribed to.
#[derive(Debug, Default)]
pub(crate) struct Subscriptions {
    /// Channels.
    pub(crate) channels: HashSet<Arc<[u8]>, foldhash::fast::RandomState>,
    /// Patterns.
    pub(crate) patterns: HashSet<Arc<[u8]>, foldhash::fast::RandomState>,
    /// Shard channels.
    pub(crate) shard_channels: HashSet<Arc<[u8]>, foldhash::fast::RandomState>,
    /// Memory of the subscriptions, here and where publishers look, for the query buffer limit.
    bytes: usize,
}

/// What a subscription takes beside its name: places in the session's, the worker's and the stripe's tables.
const SUBSCRIPTION_BYTES: usize = 160;

impl Subscriptions {
    /// The set of one kind.
    pub(crate) fn of(&self, kind: ChannelKind) -> &HashSet<Arc<[u8]>, foldhash::fast::RandomState> {
        match kind {
            ChannelKind::Channel => &self.channels,
            ChannelKind::Pattern => &self.patterns,
            ChannelKind::Shard => &self.shard_channels,
        }
    }

    /// Adds one that is not there.
    pub(crate) fn add(&mut self, kind: ChannelKind, name: Arc<[u8]>) {
        self.bytes += name.len() + SUBSCRIPTION_BYTES;
        self.of_mut(kind).insert(name);
    }

    /// Removes one; whether it was there.
    pub(crate) fn remove(&mut self, kind: ChannelKind, name: &[u8]) -> bool {
        let was_there = self.of_mut(kind).remove(name);
        if was_there {
            self.bytes -= name.len() + SUBSCRIPTION_BYTES;
        }
        was_there
    }

    /// Memory of all.
    pub(crate) fn bytes(&self) -> usize {
        self.bytes
    }

    fn of_mut(
        &mut self,
        kind: ChannelKind,
    ) -> &mut HashSet<Arc<[u8]>, foldhash::fast::RandomState> {
        match kind {
            ChannelKind::Channel => &mut self.channels,
            ChannelKind::Pattern => &mut self.patterns,
            ChannelKind::Shard => &mut self.shard_channels,
        }
    }

    /// The count that a (p)(un)subscribe reply carries: shard channels are counted apart.
    pub(crate) fn count_for(&self, kind: ChannelKind) -> usize {
        match kind {
            ChannelKind::Shard => self.shard_channels.len(),
            _ => self.channels.len() + self.patterns.len(),
        }
    }

    /// All kinds together.
    pub(crate) fn total(&self) -> usize {
        self.channels.len() + self.patterns.len() + self.shard_channels.len()
    }
}

impl Session {
    /// A fresh session. `authenticated` when no password is set.
    pub(crate) fn new(
        client: Arc<ClientEntry>,
        ready: Rc<ReadyQueue>,
        authenticated: bool,
        now_ms: u64,
    ) -> Self {
        Self {
            client,
            db: 0,
            version: Version::Resp2,
            authenticated,
            is_primary: false,
            reply_mode: ReplyMode::On,
            no_evict: false,
            no_touch: false,
            monitor: false,
            capa_redirect: false,
            close: Close::No,
            last_command: u16::MAX,
            active_at_ms: now_ms,
            transaction: None,
            executing: None,
            watches: None,
            subscriptions: None,
            input: Vec::new(),
            has_requests: false,
            parser: RequestParser::default(),
            pending: PendingOutput::default(),
            soft_limit_since_ms: None,
            slices: None,
            again: None,
            wait: None,
            parked: None,
            counted_bytes: ClientBytes::default(),
            ready,
            queued: Cell::new(false),
        }
    }

    /// The connection's number, unique in the process.
    #[inline]
    pub(crate) fn id(&self) -> u64 {
        self.client.id
    }

    /// Whether `MULTI` has begun and not ended.
    #[inline]
    pub(crate) fn in_transaction(&self) -> bool {
        self.transaction.is_some()
    }

    /// Whether the session has more kept for it than its input.
    #[inline]
    pub(crate) fn keeps_things(&self) -> bool {
        self.transaction.is_some() || self.watches.is_some() || self.subscriptions.is_some()
    }

    /// How many channels, patterns and shard channels the session listens to.
    #[inline]
    pub(crate) fn subscription_count(&self) -> usize {
        self.subscriptions
            .as_ref()
            .map_or(0, |subscriptions| subscriptions.total())
    }

    /// Whether the session may only use the commands of subscribers.
    #[inline]
    pub(crate) fn is_resp2_subscriber(&self) -> bool {
        self.subscriptions.is_some()
            && self.version == Version::Resp2
            && self.subscription_count() > 0
    }

    /// Whether somebody asked for the session's end (`CLIENT KILL`, an output limit).
    #[inline]
    pub(crate) fn is_killed(&self) -> bool {
        // Relaxed: the flag carries no data; it is seen by the next command at the latest.
        self.client.killed.load(Ordering::Relaxed)
    }

    /// Whether the client has yet to give the password.
    #[inline]
    pub(crate) fn must_authenticate(&self, config: &Config) -> bool {
        !self.authenticated && !config.requirepass.is_empty()
    }

    /// What the parser may accept from the client, of what it may accept from any.
    #[inline]
    pub(crate) fn limits(&self, config: &Config, limits: &Limits) -> Limits {
        Limits {
            authenticated: !self.must_authenticate(config),
            ..*limits
        }
    }

    /// Whether its next turn has nothing to do but to read.
    #[inline]
    pub(crate) fn awaits_input(&self) -> bool {
        self.close == Close::No
            && self.pending.is_empty()
            && !self.has_requests
            && self.slices.is_none()
            && self.again.is_none()
            && self.wait.is_none()
            && self.parked.is_none()
            && !self.is_killed()
    }

    /// Has the session end once its reply is sent.
    pub(crate) fn close_after_reply(&mut self) {
        if self.close == Close::No {
            self.close = Close::AfterReply;
        }
    }

    /// Whether the reply that has just been written is not wanted (`CLIENT REPLY`); `SKIP` moves on by one command.
    pub(crate) fn drops_reply(&mut self) -> bool {
        match self.reply_mode {
            ReplyMode::On => false,
            ReplyMode::Off => true,
            ReplyMode::SkipThis => {
                self.reply_mode = ReplyMode::On;
                true
            }
            // `CLIENT REPLY SKIP` has just run; it has no reply of its own.
            ReplyMode::SkipNext => {
                self.reply_mode = ReplyMode::SkipThis;
                false
            }
        }
    }

    /// What it takes beyond itself: requests and replies that wait, its transaction, keys watched, subscriptions.
    #[inline]
    pub(crate) fn memory_bytes(&self) -> usize {
        let rare = if self.keeps_things() {
            self.rare_bytes()
        } else {
            0
        };
        self.pending.len() + self.input.capacity() + rare
    }

    #[cold]
    fn rare_bytes(&self) -> usize {
        let queued = self.transaction.as_deref().map_or(0, Transaction::bytes);
        let watched = self.watches.as_deref().map_or(0, Watches::bytes);
        let subscriptions = self.subscriptions.as_deref();
        queued + watched + subscriptions.map_or(0, Subscriptions::bytes)
    }

    /// What the client's output-buffer limit calls it.
    pub(crate) fn is_subscriber(&self) -> bool {
        self.subscription_count() > 0
    }

    /// Has it get a turn soon, in which it goes on, sends what is pending or notices its end.
    pub(crate) fn wake(&self) {
        self.ready.push(self.client.session, &self.queued);
    }

    /// Copies to the registry what `CLIENT LIST` shows; once per turn, before its output is sent.
    pub(crate) fn publish(&self) {
        let client = &self.client;
        // Relaxed throughout: each field is a figure of its own.
        client.db.store(self.db, Ordering::Relaxed);
        client
            .active_at_ms
            .store(self.active_at_ms, Ordering::Relaxed);
        client
            .last_command
            .store(self.last_command, Ordering::Relaxed);
        client
            .pending_bytes
            .store(self.pending.len(), Ordering::Relaxed);
        client
            .input_bytes
            .store(self.input.len(), Ordering::Relaxed);
        let input_free = self.input.capacity() - self.input.len();
        client.input_free_bytes.store(input_free, Ordering::Relaxed);
        if self.has_rare_state() || client.rare.load(Ordering::Relaxed) {
            self.publish_rare();
        }
    }

    /// Brings up to date what sending has changed since [`Session::publish`].
    #[inline]
    pub(crate) fn publish_unsent(&self) {
        if self.client.pending_bytes.load(Ordering::Relaxed) != self.pending.len() {
            self.publish();
        }
    }

    fn has_rare_state(&self) -> bool {
        self.transaction.is_some()
            || self.executing.is_some()
            || self.watches.is_some()
            || self.subscriptions.is_some()
            || self.version != Version::Resp2
            || self.monitor
            || self.no_evict
            || self.no_touch
            || self.close != Close::No
            || !self.pending.is_empty()
            || self.parked.is_some()
            || self.wait.is_some()
    }

    #[cold]
    fn publish_rare(&self) {
        let client = &self.client;
        client.rare.store(self.has_rare_state(), Ordering::Relaxed);
        client.flags.store(self.flags().0, Ordering::Relaxed);
        client.version.store(
            if self.version == Version::Resp3 { 3 } else { 2 },
            Ordering::Relaxed,
        );
        client
            .pending_segments
            .store(self.pending.segments(), Ordering::Relaxed);
        let waiting = self.transaction.as_deref();
        let queue = waiting
            .map(|waiting| (waiting.len(), waiting.bytes()))
            .or(self.executing);
        client.queued.store(
            queue.map_or(-1, |(commands, _)| commands as i64),
            Ordering::Relaxed,
        );
        client
            .queued_bytes
            .store(queue.map_or(0, |(_, bytes)| bytes), Ordering::Relaxed);
        client.watched.store(
            self.watches.as_deref().map_or(0, Watches::len),
            Ordering::Relaxed,
        );
        let counts = self.subscriptions.as_deref().map_or((0, 0, 0), |all| {
            (
                all.channels.len(),
                all.patterns.len(),
                all.shard_channels.len(),
            )
        });
        client.channels.store(counts.0, Ordering::Relaxed);
        client.patterns.store(counts.1, Ordering::Relaxed);
        client.shard_channels.store(counts.2, Ordering::Relaxed);
    }

    fn flags(&self) -> ClientFlags {
        let mut flags = ClientFlags::default();
        flags.set(ClientFlags::MONITOR, self.monitor);
        flags.set(ClientFlags::PUBSUB, self.subscription_count() > 0);
        flags.set(
            ClientFlags::MULTI,
            self.in_transaction() || self.executing.is_some(),
        );
        let dirty = self
            .watches
            .as_deref()
            .is_some_and(|watches| watches.flag().is_dirty());
        flags.set(ClientFlags::DIRTY_CAS, dirty);
        flags.set(
            ClientFlags::CLOSE_AFTER_REPLY,
            self.close == Close::AfterReply,
        );
        flags.set(ClientFlags::CLOSE_NOW, self.close == Close::Now);
        flags.set(ClientFlags::NO_EVICT, self.no_evict);
        flags.set(ClientFlags::NO_TOUCH, self.no_touch);
        let waits = self.parked.is_some() || self.wait.is_some();
        flags.set(ClientFlags::BLOCKED, waits);
        flags
    }
}
