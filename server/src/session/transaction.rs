//! The queue of a transaction and the keys it watches.

use std::sync::Arc;

use foldhash::fast::RandomState;
use hashbrown::HashMap;
use hashbrown::hash_map::Entry;
use protocol::ArgSpan;
use storage::{DbIndex, WatchFlag};

use crate::command::keys::KeyAt;
use crate::command::table::Registered;
use crate::command::{Args, Flags};

/// Commands queued between `MULTI` and `EXEC`.
#[derive(Debug, Default)]
pub(crate) struct Transaction {
    commands: Vec<Queued>,
    /// Arguments of all commands, one after the other.
    bytes: Vec<u8>,
    spans: Vec<ArgSpan>,
    keys: Vec<KeyAt>,
    flags: Option<Flags>,
    /// A command was refused while it was queued: `EXEC` will answer `EXECABORT`.
    pub(crate) doomed: bool,
}

#[derive(Clone, Copy, Debug)]
struct Queued {
    command: &'static Registered,
    bytes_end: usize,
    spans_end: usize,
    keys_end: usize,
}

/// One queued command, borrowed from its transaction.
#[derive(Clone, Copy)]
pub(crate) struct QueuedCommand<'t> {
    /// Its row.
    pub(crate) command: &'static Registered,
    /// Its arguments.
    pub(crate) args: Args<'t>,
    /// Its keys.
    pub(crate) keys: &'t [KeyAt],
}

impl Transaction {
    /// Adds a command. A doomed transaction keeps nothing, because nothing of it will run.
    pub(crate) fn push(&mut self, command: &'static Registered, args: Args<'_>, keys: &[KeyAt]) {
        if self.doomed {
            return;
        }
        let base = self.bytes.len();
        for arg in args.iter() {
            let start = self.bytes.len() - base;
            self.spans.push(ArgSpan {
                start,
                len: arg.len(),
            });
            self.bytes.extend_from_slice(arg);
        }
        self.keys.extend_from_slice(keys);
        let flags = self.flags.unwrap_or(Flags::NONE);
        self.flags = Some(flags.and(command.flags_for(args)));
        self.commands.push(Queued {
            command,
            bytes_end: self.bytes.len(),
            spans_end: self.spans.len(),
            keys_end: self.keys.len(),
        });
    }

    /// Marks the transaction as refused.
    pub(crate) fn doom(&mut self) {
        *self = Self {
            doomed: true,
            ..Self::default()
        };
    }

    /// How many commands wait.
    pub(crate) fn len(&self) -> usize {
        self.commands.len()
    }

    /// Memory of the queue in bytes, counted against the query buffer limit.
    pub(crate) fn bytes(&self) -> usize {
        self.bytes.len()
            + self.spans.len() * size_of::<ArgSpan>()
            + self.keys.len() * size_of::<KeyAt>()
            + self.commands.len() * size_of::<Queued>()
    }

    /// The flags of all commands together.
    pub(crate) fn flags(&self) -> Flags {
        self.flags.unwrap_or(Flags::NONE)
    }

    /// The shards of the keys of all commands, channels not counted.
    pub(crate) fn key_shards(&self) -> impl Iterator<Item = u16> + '_ {
        let keyed = self
            .iter()
            .filter(|queued| !queued.command.row.flags.has(Flags::PUBSUB));
        keyed.flat_map(|queued| queued.keys.iter().map(|key| key.hash.shard))
    }

    /// The commands in order.
    pub(crate) fn iter(&self) -> impl Iterator<Item = QueuedCommand<'_>> {
        let (mut bytes, mut spans, mut keys) = (0, 0, 0);
        self.commands.iter().map(move |queued| {
            let args = Args::new(
                &self.bytes[bytes..queued.bytes_end],
                &self.spans[spans..queued.spans_end],
            );
            let keys_of_it = &self.keys[keys..queued.keys_end];
            (bytes, spans, keys) = (queued.bytes_end, queued.spans_end, queued.keys_end);
            QueuedCommand {
                command: queued.command,
                args,
                keys: keys_of_it,
            }
        })
    }
}

/// The keys a session watches, and the flag that storage sets when one changes.
#[derive(Debug, Default)]
pub(crate) struct Watches {
    /// With whether the key was there when the watch began.
    keys: HashMap<(DbIndex, Box<[u8]>), bool, RandomState>,
    /// Memory of the keys, here and in their shards, for the query buffer limit.
    bytes: usize,
    flag: Arc<WatchFlag>,
}

impl Watches {
    /// Notes a key; `false` when it is watched already.
    pub(crate) fn add(&mut self, db: DbIndex, key: &[u8]) -> bool {
        let Entry::Vacant(vacant) = self.keys.entry((db, key.into())) else {
            return false;
        };
        vacant.insert(false);
        self.bytes += 2 * (key.len() + size_of::<(DbIndex, Box<[u8]>)>());
        true
    }

    /// Notes that a key was there when its watch began: should it expire, that is a change.
    pub(crate) fn note_presence(&mut self, db: DbIndex, key: &[u8]) {
        self.keys.insert((db, key.into()), true);
    }

    /// The flag.
    pub(crate) fn flag(&self) -> &Arc<WatchFlag> {
        &self.flag
    }

    /// How many keys are watched.
    pub(crate) fn len(&self) -> usize {
        self.keys.len()
    }

    /// Memory of the keys.
    pub(crate) fn bytes(&self) -> usize {
        self.bytes
    }

    /// The watched keys.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (DbIndex, &[u8])> {
        self.keys.keys().map(|(db, key)| (*db, &**key))
    }

    /// The watched keys, with whether they were there when their watches began.
    pub(crate) fn with_presence(&self) -> impl Iterator<Item = (DbIndex, &[u8], bool)> {
        let keys = self.keys.iter();
        keys.map(|((db, key), was_there)| (*db, &**key, *was_there))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::command::table::table;

    #[test]
    fn queued_commands_come_back_as_they_were() {
        let mut transaction = Transaction::default();
        let requests: [&[&[u8]]; 3] = [&[b"SET", b"k", b"v"], &[b"PING"], &[b"GET", b""]];
        for request in requests {
            let mut bytes = Vec::new();
            let mut spans = Vec::new();
            for arg in request {
                spans.push(ArgSpan {
                    start: bytes.len(),
                    len: arg.len(),
                });
                bytes.extend_from_slice(arg);
            }
            let command = table().find(request[0]).unwrap();
            transaction.push(command, Args::new(&bytes, &spans), &[]);
        }
        let queued: Vec<Vec<&[u8]>> = transaction
            .iter()
            .map(|one| one.args.iter().collect())
            .collect();
        assert_eq!(queued, requests);
        assert!(transaction.flags().has(Flags::WRITE.and(Flags::READ)));
        transaction.doom();
        assert!(transaction.doomed && transaction.iter().next().is_none());
    }

    #[test]
    fn a_key_is_watched_once_per_database() {
        let mut watches = Watches::default();
        assert!(watches.add(0, b"k"));
        assert!(!watches.add(0, b"k"));
        assert!(watches.add(1, b"k"));
        assert_eq!(watches.len(), 2);
    }
}
