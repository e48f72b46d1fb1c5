//! What clients take: requests that wait, transactions, watched keys, subscriptions, replies that wait. All but the
//! requests counts against `maxmemory`; and who takes the most is disconnected when all of them together are above
//! `maxmemory-clients`.

use std::rc::Rc;
use std::sync::atomic::Ordering;

use crate::session::{ClientEntry, ClientFlags, Session};

use super::Worker;

/// A worker keeps so much of what its clients take to itself before it tells.
const UNPUBLISHED_BYTES_MAX: u64 = 64 << 10;

/// What a client takes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct ClientBytes {
    /// All of it.
    all: usize,
    /// A request that has not arrived whole, or has yet to run.
    input: usize,
}

impl ClientBytes {
    /// What counts against `maxmemory`. Not requests: no key is to go for one that will be refused.
    fn used(self) -> usize {
        self.all - self.input
    }
}

impl Worker {
    /// Counts what a session takes after its turn.
    #[inline]
    pub(super) fn count_memory(&mut self, session: &mut Session) {
        let counted = ClientBytes {
            all: session.memory_bytes(),
            input: session.input.capacity(),
        };
        if counted != session.counted_bytes {
            // Relaxed: a figure.
            session
                .client
                .memory_bytes
                .store(counted.all, Ordering::Relaxed);
            self.count_change(session.counted_bytes, counted);
            session.counted_bytes = counted;
        }
    }

    /// A session has ended.
    pub(super) fn uncount_memory(&mut self, session: &mut Session) {
        let counted = std::mem::take(&mut session.counted_bytes);
        self.count_change(counted, ClientBytes::default());
    }

    fn count_change(&mut self, before: ClientBytes, now: ClientBytes) {
        self.state.uncounted_bytes += now.all as i64 - before.all as i64;
        self.state.uncounted_used_bytes += now.used() as i64 - before.used() as i64;
        let changes = [self.state.uncounted_bytes, self.state.uncounted_used_bytes];
        if changes
            .iter()
            .any(|change| change.unsigned_abs() >= UNPUBLISHED_BYTES_MAX)
        {
            self.publish_change();
        }
    }

    #[cold]
    fn publish_change(&mut self) {
        let change = std::mem::take(&mut self.state.uncounted_bytes);
        let used = std::mem::take(&mut self.state.uncounted_used_bytes);
        let memory = self.server.keyspace.memory();
        memory.add_clients(change, used);
        self.heed_clients_limit();
    }

    /// Looks at the limit though no client takes more than before: it may have been lowered, or a client may have become
    /// one that may be disconnected. The first worker does so for all, lest two choose at once and disconnect twice as
    /// many.
    pub(super) fn heed_clients_limit_for_all(&mut self) {
        if self.state.index == 0 {
            self.heed_clients_limit();
        }
    }

    fn heed_clients_limit(&mut self) {
        let limit = self.settings.clients_limit_bytes();
        let memory = self.server.keyspace.memory();
        if limit.is_some_and(|limit| memory.clients_bytes() > limit) {
            self.evict_clients();
        }
    }

    /// Disconnects those who take the most until the others take less than they may.
    #[cold]
    fn evict_clients(&mut self) {
        let server = Rc::clone(&self.server);
        let Some(limit) = self.settings.clients_limit_bytes() else {
            return;
        };
        // Relaxed throughout: figures, and a flag that is looked at soon.
        let bytes_of = |client: &ClientEntry| client.memory_bytes.load(Ordering::Relaxed) as u64;
        let mut clients = server.clients.list();
        clients.retain(|client| !client.killed.load(Ordering::Relaxed));
        let mut all: u64 = clients.iter().map(|client| bytes_of(client)).sum();
        if all <= limit {
            return;
        }
        // Who takes nothing would go in vain, when those who may not be disconnected take too much by themselves.
        clients.retain(|client| !client.flags().has(ClientFlags::NO_EVICT) && bytes_of(client) > 0);
        clients.sort_by_cached_key(|client| bytes_of(client));
        while all > limit
            && let Some(client) = clients.pop()
        {
            let bytes = bytes_of(&client);
            all -= bytes;
            tracing::info!(
                "Evicting client: id={} addr={} tot-mem={bytes}",
                client.id,
                client.addr
            );
            server.stats.worker(self.state.index).evicted_clients.add(1);
            server.kill(&client);
        }
    }
}
