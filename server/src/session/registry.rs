//! All connected clients, as `CLIENT LIST`, `CLIENT KILL` and `INFO` see them.
//!
//! Each session publishes its figures into a [`ClientEntry`] of its own, once per turn and with plain
//! stores; the table of entries is locked only to come, to go, and to list.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{
    AtomicBool, AtomicI64, AtomicU8, AtomicU16, AtomicU32, AtomicU64, AtomicUsize, Ordering,
};

use parking_lot::Mutex;

use crate::blocking::Wait;

/// What other threads know of one connection.
#[derive(Debug)]
pub(crate) struct ClientEntry {
    /// Its number.
    pub(crate) id: u64,
    /// The worker that owns it.
    pub(crate) worker: u16,
    /// The session's place in its worker's table.
    pub(crate) session: u32,
    /// The file descriptor, for `CLIENT LIST`.
    pub(crate) fd: i32,
    /// Whether it came over the unix socket or the loopback interface.
    pub(crate) is_local: bool,
    /// Whether it came over the unix socket.
    pub(crate) is_unix: bool,
    /// Peer address, `ip:port` or `path:0`.
    pub(crate) addr: Box<str>,
    /// Own address.
    pub(crate) laddr: Box<str>,
    /// When it connected, in Unix milliseconds.
    pub(crate) connected_at_ms: u64,
    /// Somebody asked for its end.
    pub(crate) killed: AtomicBool,
    /// See [`super::Session::active_at_ms`].
    pub(crate) active_at_ms: AtomicU64,
    /// Selected database.
    pub(crate) db: AtomicU32,
    /// Id of the last command.
    pub(crate) last_command: AtomicU16,
    /// Bytes of incomplete requests.
    pub(crate) input_bytes: AtomicUsize,
    /// Bytes that the buffer of those has room for.
    pub(crate) input_free_bytes: AtomicUsize,
    /// Bytes the socket has not taken.
    pub(crate) pending_bytes: AtomicUsize,
    /// See [`super::Session::memory_bytes`].
    pub(crate) memory_bytes: AtomicUsize,
    /// Whether any field below differs from that of a plain session.
    pub(crate) rare: AtomicBool,
    /// [`ClientFlags`].
    pub(crate) flags: AtomicU16,
    /// 2 or 3.
    pub(crate) version: AtomicU8,
    /// Pieces of pending output.
    pub(crate) pending_segments: AtomicUsize,
    /// Queued commands, -1 outside `MULTI`.
    pub(crate) queued: AtomicI64,
    /// Bytes of the queue.
    pub(crate) queued_bytes: AtomicUsize,
    /// Watched keys.
    pub(crate) watched: AtomicUsize,
    /// Subscribed channels.
    pub(crate) channels: AtomicUsize,
    /// Subscribed patterns.
    pub(crate) patterns: AtomicUsize,
    /// Subscribed shard channels.
    pub(crate) shard_channels: AtomicUsize,
    names: Mutex<Option<Box<ClientNames>>>,
    /// What it waits for, for `CLIENT UNBLOCK`.
    wait: Mutex<Option<Wait>>,
}

/// What clients say about themselves.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct ClientNames {
    /// `CLIENT SETNAME`.
    pub(crate) name: Box<[u8]>,
    /// `CLIENT SETINFO LIB-NAME`.
    pub(crate) lib_name: Box<[u8]>,
    /// `CLIENT SETINFO LIB-VER`.
    pub(crate) lib_ver: Box<[u8]>,
}

/// The connection's unchanging particulars.
#[derive(Debug)]
pub(crate) struct Peer {
    /// Peer address.
    pub(crate) addr: Box<str>,
    /// Own address.
    pub(crate) laddr: Box<str>,
    /// File descriptor.
    pub(crate) fd: i32,
    /// Over the unix socket.
    pub(crate) is_unix: bool,
    /// Over the unix socket or the loopback interface.
    pub(crate) is_local: bool,
}

impl ClientEntry {
    /// The entry of a session that has just connected.
    pub(crate) fn new(id: u64, worker: u16, session: u32, peer: Peer, now_ms: u64) -> Self {
        Self {
            id,
            worker,
            session,
            fd: peer.fd,
            is_local: peer.is_local,
            is_unix: peer.is_unix,
            addr: peer.addr,
            laddr: peer.laddr,
            connected_at_ms: now_ms,
            killed: AtomicBool::new(false),
            active_at_ms: AtomicU64::new(now_ms),
            db: AtomicU32::new(0),
            last_command: AtomicU16::new(u16::MAX),
            input_bytes: AtomicUsize::new(0),
            input_free_bytes: AtomicUsize::new(0),
            pending_bytes: AtomicUsize::new(0),
            memory_bytes: AtomicUsize::new(0),
            rare: AtomicBool::new(false),
            flags: AtomicU16::new(0),
            version: AtomicU8::new(2),
            pending_segments: AtomicUsize::new(0),
            queued: AtomicI64::new(-1),
            queued_bytes: AtomicUsize::new(0),
            watched: AtomicUsize::new(0),
            channels: AtomicUsize::new(0),
            patterns: AtomicUsize::new(0),
            shard_channels: AtomicUsize::new(0),
            names: Mutex::new(None),
            wait: Mutex::new(None),
        }
    }

    /// A copy of what the client says about itself.
    pub(crate) fn names(&self) -> ClientNames {
        self.names.lock().as_deref().cloned().unwrap_or_default()
    }

    /// Changes what the client says about itself.
    pub(crate) fn set_names(&self, change: impl FnOnce(&mut ClientNames)) {
        let mut names = self.names.lock();
        let mut boxed = names.take().unwrap_or_default();
        change(&mut boxed);
        *names = (*boxed != ClientNames::default()).then_some(boxed);
    }

    /// What it waits for.
    pub(crate) fn wait(&self) -> Option<Wait> {
        self.wait.lock().clone()
    }

    /// Notes what it waits for.
    pub(crate) fn set_wait(&self, wait: Option<Wait>) {
        *self.wait.lock() = wait;
    }

    /// Its flags.
    pub(crate) fn flags(&self) -> ClientFlags {
        ClientFlags(self.flags.load(Ordering::Relaxed))
    }
}

/// The `flags` field of `CLIENT LIST`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct ClientFlags(pub(crate) u16);

impl ClientFlags {
    /// `O`: receives `MONITOR` lines.
    pub(crate) const MONITOR: u16 = 1 << 0;
    /// `P`: subscribed.
    pub(crate) const PUBSUB: u16 = 1 << 1;
    /// `x`: between `MULTI` and `EXEC`.
    pub(crate) const MULTI: u16 = 1 << 2;
    /// `b`: waits.
    pub(crate) const BLOCKED: u16 = 1 << 3;
    /// `d`: a watched key has changed.
    pub(crate) const DIRTY_CAS: u16 = 1 << 4;
    /// `c`: closes after its reply.
    pub(crate) const CLOSE_AFTER_REPLY: u16 = 1 << 5;
    /// `A`: closes at once.
    pub(crate) const CLOSE_NOW: u16 = 1 << 6;
    /// `e`: exempt from client eviction.
    pub(crate) const NO_EVICT: u16 = 1 << 7;
    /// `T`: does not touch keys.
    pub(crate) const NO_TOUCH: u16 = 1 << 8;
    /// `U`: came over the unix socket.
    pub(crate) const UNIX: u16 = 1 << 9;

    const LETTERS: [(u16, char); 10] = [
        (Self::MONITOR, 'O'),
        (Self::PUBSUB, 'P'),
        (Self::MULTI, 'x'),
        (Self::BLOCKED, 'b'),
        (Self::DIRTY_CAS, 'd'),
        (Self::CLOSE_AFTER_REPLY, 'c'),
        (Self::CLOSE_NOW, 'A'),
        (Self::UNIX, 'U'),
        (Self::NO_EVICT, 'e'),
        (Self::NO_TOUCH, 'T'),
    ];

    /// Sets or clears `flag`.
    pub(crate) fn set(&mut self, flag: u16, on: bool) {
        self.0 = if on { self.0 | flag } else { self.0 & !flag };
    }

    /// Whether `flag` is set.
    pub(crate) fn has(self, flag: u16) -> bool {
        self.0 & flag != 0
    }
}

impl fmt::Display for ClientFlags {
    /// The letters in Redis's order; `N` when there is none.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let letters: String = Self::LETTERS
            .iter()
            .filter(|(flag, _)| self.has(*flag))
            .map(|(_, letter)| letter)
            .collect();
        f.write_str(if letters.is_empty() { "N" } else { &letters })
    }
}

/// The table of all clients.
#[derive(Debug, Default)]
pub(crate) struct Clients {
    table: Mutex<BTreeMap<u64, Arc<ClientEntry>>>,
    last_id: AtomicU64,
    connected: AtomicUsize,
}

impl Clients {
    /// A number for a new connection.
    pub(crate) fn next_id(&self) -> u64 {
        // Relaxed: only uniqueness counts.
        self.last_id.fetch_add(1, Ordering::Relaxed) + 1
    }

    /// Counts a connection that is being handed to a worker, unless `max` are there already.
    pub(crate) fn admit(&self, max: usize) -> bool {
        // Relaxed: one thread accepts; leaving connections may only make room.
        if self.connected.load(Ordering::Relaxed) >= max {
            return false;
        }
        self.connected.fetch_add(1, Ordering::Relaxed);
        true
    }

    /// Takes back an [`Clients::admit`] whose connection never became a session.
    pub(crate) fn dismiss(&self) {
        self.connected.fetch_sub(1, Ordering::Relaxed);
    }

    /// Enters a session.
    pub(crate) fn add(&self, client: Arc<ClientEntry>) {
        self.table.lock().insert(client.id, client);
    }

    /// Removes a session that has ended.
    pub(crate) fn remove(&self, id: u64) {
        if self.table.lock().remove(&id).is_some() {
            self.dismiss();
        }
    }

    /// How many clients are connected.
    pub(crate) fn connected(&self) -> usize {
        self.connected.load(Ordering::Relaxed)
    }

    /// The client with this number.
    pub(crate) fn get(&self, id: u64) -> Option<Arc<ClientEntry>> {
        self.table.lock().get(&id).cloned()
    }

    /// All clients, oldest first.
    pub(crate) fn list(&self) -> Vec<Arc<ClientEntry>> {
        self.table.lock().values().cloned().collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn flags_show_in_the_reference_order() {
        let mut flags = ClientFlags::default();
        assert_eq!(flags.to_string(), "N");
        flags.set(ClientFlags::MULTI, true);
        flags.set(ClientFlags::PUBSUB, true);
        flags.set(ClientFlags::NO_TOUCH, true);
        assert_eq!(flags.to_string(), "PxT");
        flags.set(ClientFlags::PUBSUB, false);
        assert_eq!(flags.to_string(), "xT");
    }

    #[test]
    fn admission_is_bounded_and_given_back() {
        let clients = Clients::default();
        assert!(clients.admit(1));
        assert!(!clients.admit(1));
        clients.dismiss();
        assert!(clients.admit(1));
        assert_eq!(clients.connected(), 1);
    }
}
