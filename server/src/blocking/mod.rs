//! Blocked clients: commands that wait until a key can serve them.
//!
//! A blocking command tries its keys first. If none can serve it, it registers on all of them ([`Context::block`]) while
//! their locks are held, and its session waits. Whoever changes a key that somebody waits for serves the waiters at the
//! end of its unit ([`serve`]): it runs the waiter's [`Operation`] and sends the reply to the worker that owns the
//! session. A timeout, `CLIENT UNBLOCK` and the end of the connection end the wait as well; of all these exactly one wins
//! (`storage::waiters`).

mod first;
pub(crate) mod serve;
pub(crate) mod timeout;
pub(crate) mod wait;

use std::any::Any;
use std::fmt::Debug;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};

use protocol::Version;
use storage::blocking::Blocked;
use storage::waiters::{Serve, Waiter};
use storage::{DbIndex, Key, Keyspace, Unit, ValueType};

use crate::command::context::Rerun;
use crate::command::{CommandResult, Context};
use crate::output::Output;

use wait::Alarms;

/// What a blocked client waits to do.
pub(crate) trait Operation: Debug + Send + Sync {
    /// Whether `key`, which has changed, can serve it now. Changes nothing.
    fn can_serve(&self, unit: &mut Unit<'_>, db: DbIndex, key: &Key<'_>) -> Serve;

    /// Does it with `key`, of which [`Operation::can_serve`] has just said that it can, and writes the client's reply.
    /// `ctx` is nobody's turn: its session is a stand-in that has the client's database and dialect.
    fn serve(&self, ctx: &mut Context<'_, '_>, key: &Key<'_>) -> CommandResult;

    /// The type that it takes from the first of its keys that has it: whichever key has come to be ready, those named
    /// before it are looked at first. `None`: the key that is ready is the one.
    fn takes_first(&self) -> Option<ValueType> {
        None
    }

    /// Whether it looks at all of its keys, whichever has come to be ready: then it is served under the locks of all.
    fn needs_all_keys(&self) -> bool {
        self.takes_first().is_some()
    }

    /// When its keys may serve it without having changed, in Unix milliseconds, if time alone can bring that about.
    fn look_again_at_ms(&self, _: &mut Unit<'_>, _: DbIndex, _keys: &[Key<'_>]) -> Option<i64> {
        None
    }

    /// Whether it may turn out to be [`Operation::is_long`]: then the request is kept while it waits.
    fn may_be_long(&self) -> bool {
        false
    }

    /// Whether serving it now takes longer than others should wait for the locks. Then it is not served: its client's
    /// command runs again, in its own turn, and sees to it by itself.
    fn is_long(&self, _: &mut Unit<'_>, _: DbIndex, _: &Keyspace) -> bool {
        false
    }

    /// The reply when time is up.
    fn time_out(&self, reply: &mut Output<'_>) {
        reply.null_array();
    }

    /// The reply inside `EXEC`, where nothing waits.
    fn no_wait(&self, reply: &mut Output<'_>) {
        self.time_out(reply);
    }
}

/// What a key of type `wanted` says to [`Operation::can_serve`].
pub(crate) fn serve_type(
    unit: &mut Unit<'_>,
    db: DbIndex,
    key: &Key<'_>,
    wanted: ValueType,
) -> Serve {
    match unit.peek(db, key) {
        None => Serve::Nobody,
        Some(entry) if entry.value_type() == wanted => Serve::Now,
        Some(_) => Serve::NotThisOne,
    }
}

/// A client that waits, as others see it.
#[derive(Debug)]
pub(crate) struct BlockedClient {
    /// The worker that owns its session.
    pub(crate) worker: u16,
    /// The session's place there.
    pub(crate) session: u32,
    /// The client's id.
    pub(crate) client: u64,
    /// Its dialect.
    pub(crate) version: Version,
    /// The command that waits, by its id in the table.
    pub(crate) command: u16,
    /// What it waits to do.
    pub(crate) operation: Box<dyn Operation>,
    /// How `CLIENT UNBLOCK` has ended the wait, see [`Unblock`].
    unblock: AtomicU8,
}

/// How `CLIENT UNBLOCK` ends a wait.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Unblock {
    /// As if time were up.
    Timeout = 1,
    /// With an error.
    Error = 2,
}

/// A registered wait.
pub(crate) type Wait = Arc<Waiter<Blocked>>;

/// The client that a wait belongs to.
pub(crate) fn client_of(wait: &Waiter<Blocked>) -> &BlockedClient {
    let payload: &(dyn Any + Send + Sync) = &**wait.payload();
    payload
        .downcast_ref()
        .expect("whoever waits is a blocked client")
}

/// Ends a client's wait on somebody's request; whether it still waited. Its worker has to be told.
pub(crate) fn unblock(wait: &Waiter<Blocked>, how: Unblock) -> bool {
    let client = client_of(wait);
    // Before the wait ends, so that the session's worker finds it. Two requests at once: one of them wins, and either
    // way of ending was asked for.
    client.unblock.store(how as u8, Ordering::Release);
    wait.cancel()
}

impl Context<'_, '_> {
    /// Does `operation` with the first of `keys` that is there; if none is, the client waits until one comes, as in
    /// [`Context::block`].
    ///
    /// # Errors
    /// `WrongType` if a key ahead of the first one of type `wanted` holds something else, and what the operation
    /// refuses.
    pub(crate) fn serve_or_wait(
        &mut self,
        keys: &[Key<'_>],
        also_locked: &[Key<'_>],
        deadline_ms: Option<i64>,
        wanted: ValueType,
        operation: impl Operation + 'static,
    ) -> CommandResult {
        let db = self.session.db;
        for key in keys {
            let found = self.unit.collection_to_change(db, key, wanted)?.is_some();
            // What is promised to another is not there.
            if found && !self.unit.is_promised(db, key) {
                return operation.serve(self, key);
            }
        }
        if self.in_exec {
            operation.no_wait(&mut self.reply);
        } else {
            self.block(keys, also_locked, deadline_ms, operation);
        }
        Ok(())
    }

    /// Has the client wait until `operation` can be done with one of `keys`, or until `deadline_ms` (Unix milliseconds;
    /// `None`: for ever). The command writes no reply then. `also_locked` are keys that serving needs beside the one that
    /// became ready. Not inside `EXEC`, where nothing waits. One that runs again after a wait waits no longer than it would
    /// have then.
    pub(crate) fn block(
        &mut self,
        keys: &[Key<'_>],
        also_locked: &[Key<'_>],
        deadline_ms: Option<i64>,
        operation: impl Operation + 'static,
    ) {
        debug_assert!(!self.in_exec, "a transaction waits for nobody");
        let client = BlockedClient {
            worker: self.session.client.worker,
            session: self.session.client.session,
            client: self.session.id(),
            version: self.session.version,
            command: self.session.last_command,
            operation: Box::new(operation),
            unblock: AtomicU8::new(0),
        };
        let mut also_locked: Vec<u16> = also_locked.iter().map(|key| key.hash.shard).collect();
        if client.operation.needs_all_keys() && keys.len() > 1 {
            also_locked.extend(keys.iter().map(|key| key.hash.shard));
        }
        let db = self.session.db;
        let waited = self.after.waited;
        let alarms = Alarms {
            deadline_ms: waited.map_or(deadline_ms, |waited| waited.deadline_ms),
            look_again_at_ms: client.operation.look_again_at_ms(self.unit, db, keys),
        };
        if client.operation.may_be_long() {
            self.after.rerun = Rerun::AfterWait;
        }
        let wait = self.unit.block(db, keys, &also_locked, Box::new(client));
        self.after.wait = Some((wait, alarms));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug)]
    struct Nothing;

    impl Operation for Nothing {
        fn can_serve(&self, _: &mut Unit<'_>, _: DbIndex, _: &Key<'_>) -> Serve {
            Serve::Nobody
        }

        fn serve(&self, _: &mut Context<'_, '_>, _: &Key<'_>) -> CommandResult {
            Ok(())
        }
    }

    #[test]
    fn a_wait_is_unblocked_once_and_says_how() {
        let client = BlockedClient {
            worker: 0,
            session: 1,
            client: 2,
            version: Version::Resp2,
            command: 0,
            operation: Box::new(Nothing),
            unblock: AtomicU8::new(0),
        };
        let arrivals = storage::waiters::Arrivals::default();
        let payload: Blocked = Box::new(client);
        let wait = Waiter::new(&arrivals, 0, [], [], payload);
        assert!(unblock(&wait, Unblock::Error));
        assert!(!unblock(&wait, Unblock::Error));
        assert_eq!(client_of(&wait).ended_by(), Some(Unblock::Error));
    }
}
