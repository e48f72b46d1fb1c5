//! Serving blocked clients, at the end of the unit that has changed their keys.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::rc::Rc;
use std::sync::Arc;

use storage::blocking::Blocked;
use storage::waiters::{ReadyList, Serve, ServingUnit, WaitTable, Waiter};
use storage::{DbIndex, Key, LockPlan, Unit, UnixMillis};

use crate::clock::Stopwatch;
use crate::command::context::After;
use crate::command::{CommandError, Context};
use crate::config::Config;
use crate::execute::Tools;
use crate::notify::{EventClass, Events};
use crate::output::Outbox;
use crate::panic::text_of;
use crate::pubsub::HeldStripes;
use crate::server::Server;
use crate::session::registry::Peer;
use crate::session::{ClientEntry, Session};
use crate::worker::WorkerState;
use crate::worker::inbox::Event;

use super::{client_of, serve_type};

/// Keys that are ready and whose next client needs shards that the unit did not hold.
#[derive(Default)]
pub(crate) struct Ready {
    list: ReadyList,
    /// Stands in for the sessions of the clients served, which other workers may own.
    stand_in: Option<Box<Session>>,
}

/// Serves those who wait for keys that `unit` has changed, its effects apart from theirs; what they do is in the
/// worker's effects and events afterwards.
pub(crate) fn ready<'e>(
    server: &'e Server,
    config: &Config,
    worker: &mut WorkerState,
    tools: &mut Tools,
    unit: &mut Unit<'e>,
    stripes: &mut HeldStripes<'e>,
) {
    let mut ready = std::mem::take(&mut tools.ready);
    let mut session = stand_in(&mut ready, worker);
    let mut serving = Serving {
        unit,
        stripes,
        server,
        config,
        worker,
        tools,
        session: &mut session,
    };
    ready.list.serve(&mut serving);
    ready.stand_in = Some(session);
    tools.ready = ready;
}

/// Serves what could not be served under the locks of the unit that made it ready, each key in a unit of its own; to be
/// called without any lock.
pub(crate) fn deferred(
    server: &Server,
    config: &Config,
    worker: &mut WorkerState,
    tools: &mut Tools,
    now: UnixMillis,
) {
    while let Some(deferred) = tools.ready.list.next_deferred() {
        let plan = LockPlan::WriteMany(deferred.shards().iter().copied().collect());
        let mut unit = Unit::begin(&server.keyspace, plan.clone(), now);
        note_what_is_heard(&mut unit, &tools.events);
        let mut stripes = server.pubsub.lock_none();
        let mut ready = std::mem::take(&mut tools.ready);
        let mut session = stand_in(&mut ready, worker);
        let mut serving = Serving {
            unit: &mut unit,
            stripes: &mut stripes,
            server,
            config,
            worker,
            tools,
            session: &mut session,
        };
        ready.list.resume(deferred, &mut serving);
        ready.stand_in = Some(session);
        tools.ready = ready;
        publish(server, worker, tools, &mut unit, &mut stripes);
        drop(unit);
        worker.note_plan(server, &plan, now);
    }
}

/// Has the unit note more than it does by itself, if somebody hears of it.
pub(crate) fn note_what_is_heard(unit: &mut Unit<'_>, events: &Events) {
    unit.note_more(
        events.wants(EventClass::KEY_MISS),
        events.wants(EventClass::NEW),
    );
}

/// Ends what serving has done in a unit, whose locks are still held: effects, events, statistics.
pub(crate) fn publish<'e>(
    server: &'e Server,
    worker: &mut WorkerState,
    tools: &mut Tools,
    unit: &mut Unit<'e>,
    stripes: &mut HeldStripes<'e>,
) {
    if tools.effects.append(unit, false) {
        tools.log_appended = true;
    }
    if !tools.events.is_empty() {
        let events = &mut tools.events;
        events.publish(stripes, &server.inboxes, &mut worker.woken);
    }
    let tally = std::mem::take(&mut unit.tally);
    server.stats.worker(worker.index).add_tally(tally);
}

impl Ready {
    /// Whether [`deferred`] has something to do.
    #[inline]
    pub(crate) fn has_deferred(&self) -> bool {
        self.list.has_deferred()
    }
}

/// A session of nobody, for the clients that are served.
fn stand_in(ready: &mut Ready, worker: &WorkerState) -> Box<Session> {
    ready.stand_in.take().unwrap_or_else(|| {
        let peer = Peer {
            addr: "".into(),
            laddr: "".into(),
            fd: -1,
            is_unix: false,
            is_local: false,
        };
        let entry = ClientEntry::new(0, worker.index as u16, u32::MAX, peer, 0);
        Box::new(Session::new(Arc::new(entry), Rc::default(), true, 0))
    })
}

/// A unit that serves blocked clients.
struct Serving<'s, 'u, 'e> {
    unit: &'u mut Unit<'e>,
    stripes: &'u mut HeldStripes<'e>,
    server: &'e Server,
    config: &'s Config,
    worker: &'s mut WorkerState,
    tools: &'s mut Tools,
    /// Stands in for the sessions of the clients served.
    session: &'s mut Session,
}

impl Serving<'_, '_, '_> {
    /// The key that serves the waiter when `ready` has become ready; as an error, one named before it that holds
    /// something else.
    fn first_key<'k>(
        &mut self,
        db: DbIndex,
        ready: &'k [u8],
        waiter: &'k Waiter<Blocked>,
    ) -> Result<Key<'k>, Key<'k>> {
        let keyspace = &self.server.keyspace;
        if let Some(wanted) = client_of(waiter).operation.takes_first() {
            let before = waiter.keys().iter().take_while(|key| *key.key != *ready);
            for key in before.map(|key| keyspace.key(&key.key)) {
                match serve_type(self.unit, db, &key, wanted) {
                    Serve::Now => return Ok(key),
                    Serve::NotThisOne => return Err(key),
                    Serve::Nobody => {}
                }
            }
        }
        Ok(keyspace.key(ready))
    }
}

impl ServingUnit<Blocked> for Serving<'_, '_, '_> {
    fn table(&mut self, shard: u16) -> Option<&mut WaitTable<Blocked>> {
        self.unit.waits(shard)
    }

    fn collect_ready(&mut self, ready: &mut ReadyList) {
        if !self.unit.take_has_ready() {
            return;
        }
        for shard in self.unit.held_shards() {
            if let Some(table) = self.unit.waits(shard) {
                ready.collect(table);
            }
        }
    }

    fn can_serve(&mut self, database: DbIndex, key: &[u8], waiter: &Waiter<Blocked>) -> Serve {
        let key = self.server.keyspace.key(key);
        let operation = &client_of(waiter).operation;
        operation.can_serve(self.unit, database, &key)
    }

    fn serve(&mut self, database: DbIndex, key: &[u8], waiter: &Arc<Waiter<Blocked>>) {
        let client = client_of(waiter);
        let worker = usize::from(client.worker);
        if client
            .operation
            .is_long(self.unit, database, &self.server.keyspace)
        {
            let event = Event::RunAgain(client.session, client.client);
            self.server.inboxes[worker].push(event);
            self.worker.woken.insert(worker);
            return;
        }
        let mut stopwatch = Stopwatch::start();
        let first = self.first_key(database, key, waiter);
        (self.session.db, self.session.version) = (database, client.version);
        let mut outbox = Outbox::default();
        let key = *first.as_ref().unwrap_or_else(|key| key);
        self.tools.effects.begin(key.hash.shard);
        let outcome = catch_unwind(AssertUnwindSafe(|| {
            let mut ctx = Context {
                unit: self.unit,
                reply: outbox.reply(client.version),
                session: self.session,
                server: self.server,
                config: self.config,
                worker: self.worker,
                effects: &mut self.tools.effects,
                events: &mut self.tools.events,
                after: &mut After::default(),
                built: &mut Vec::new(),
                stripes: self.stripes,
                keys: &[],
                in_exec: true,
                prepared: &mut None,
            };
            match first {
                Ok(key) => client.operation.serve(&mut ctx, &key),
                Err(_) => Err(CommandError::WrongType),
            }
        }));
        let error = match outcome {
            Ok(Ok(())) => None,
            Ok(Err(error)) => Some(error),
            Err(panic) => {
                self.server.mark_log_diverged();
                let text = text_of(&*panic).to_owned();
                // Nothing is logged under a lock.
                self.tools.after.actions.push(Box::new(move |_| {
                    tracing::error!("Serving a blocked client panicked: {text}");
                }));
                Some(CommandError::Internal("unblock".into()))
            }
        };
        if let Some(error) = error {
            outbox.clear();
            let line = error.line();
            self.server.count_error(self.worker.index, &line);
            let stats = self.server.stats.worker(self.worker.index);
            stats.command(client.command).failed.add(1);
            outbox.reply(client.version).error(&line);
        }
        for note in self.unit.take_notes() {
            self.tools.effects.push_note(&note, self.unit.state());
            self.tools.events.push_note(&note);
        }
        let event = Event::Served {
            session: client.session,
            client: client.client,
            reply: Box::new(outbox),
            nanos: stopwatch.lap(),
        };
        self.server.inboxes[worker].push(event);
        self.worker.woken.insert(worker);
    }
}
