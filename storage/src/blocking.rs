//! Clients that wait for keys, as units see them; how they are served is in [`crate::waiters`].

use std::any::Any;
use std::sync::Arc;

use crate::DbIndex;
use crate::hash::Key;
use crate::keyspace::Keyspace;
use crate::unit::Unit;
use crate::waiters::{WaitKey, Waiter};

/// What the server attaches to a blocked client.
pub type Blocked = Box<dyn Any + Send + Sync>;

impl Unit<'_> {
    /// Registers a client that waits for `keys`, behind those who came before. Needs their shards exclusively.
    /// `also_locked` are shards that a unit must hold to serve it, beside the one of the key that became ready.
    pub fn block(
        &mut self,
        db: DbIndex,
        keys: &[Key<'_>],
        also_locked: &[u16],
        client: Blocked,
    ) -> Arc<Waiter<Blocked>> {
        let wait_keys: Vec<WaitKey> = keys
            .iter()
            .map(|key| WaitKey {
                shard: key.hash.shard,
                key: key.bytes.into(),
            })
            .collect();
        let waiter = Waiter::new(
            self.keyspace().arrivals(),
            db,
            wait_keys,
            also_locked,
            client,
        );
        for shard in waiter.shards() {
            let table = self.waits(shard);
            table
                .expect("whoever blocks holds the shards of its keys")
                .register(&waiter);
        }
        waiter
    }

    /// Whether `key` is about to be given to a client that waits for it, which takes more locks than its unit had:
    /// until then nobody may overtake.
    pub fn is_promised(&mut self, db: DbIndex, key: &Key<'_>) -> bool {
        self.waits(key.hash.shard)
            .is_some_and(|waits| waits.is_deferred(db, key.bytes))
    }
}

impl Keyspace {
    /// Ends all registrations of a wait that has ended, one shard lock at a time.
    pub fn unregister(&self, waiter: &Waiter<Blocked>) {
        for shard in waiter.shards() {
            let mut shard = self.shards[usize::from(shard)].lock.write();
            shard.waits.remove(waiter);
        }
    }

    /// How many registrations of blocked clients there are: pairs of a client and a key. Looks into one shard after
    /// the other.
    pub fn blocked_registrations(&self) -> usize {
        let of = |shard: &crate::shard::Shard| shard.waits.len();
        self.shards.iter().map(|cell| of(&cell.lock.read())).sum()
    }

    /// How many keys clients are blocked on. Looks into one shard after the other.
    pub fn blocking_keys(&self) -> usize {
        let of = |shard: &crate::shard::Shard| shard.waits.keys();
        self.shards.iter().map(|cell| of(&cell.lock.read())).sum()
    }
}
