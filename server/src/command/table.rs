//! The command table: all groups joined, and the lookup by name.

use std::sync::LazyLock;

use super::key::sort::names_other_keys;
use super::stream::asks_to_block;
use super::{
    Args, Command, Flags, admin, bitmap, cluster, connection, geo, hash, hyperloglog, key,
    keyspace, list, pubsub, set, sorted_set, stream, string, transaction,
};

/// A group of commands, as `COMMAND DOCS` and ACL categories know it.
pub(crate) struct Group {
    /// Its name.
    pub(crate) name: &'static str,
    /// Its rows.
    pub(crate) commands: &'static [Command],
}

/// All groups. A new command file is joined here.
pub(crate) const GROUPS: &[Group] = &[
    Group {
        name: "string",
        commands: string::COMMANDS,
    },
    Group {
        name: "sorted-set",
        commands: sorted_set::COMMANDS,
    },
    Group {
        name: "geo",
        commands: geo::COMMANDS,
    },
    Group {
        name: "bitmap",
        commands: bitmap::COMMANDS,
    },
    Group {
        name: "hash",
        commands: hash::COMMANDS,
    },
    Group {
        name: "list",
        commands: list::COMMANDS,
    },
    Group {
        name: "set",
        commands: set::COMMANDS,
    },
    Group {
        name: "stream",
        commands: stream::COMMANDS,
    },
    Group {
        name: "hyperloglog",
        commands: hyperloglog::COMMANDS,
    },
    Group {
        name: "generic",
        commands: key::COMMANDS,
    },
    Group {
        name: "server",
        commands: keyspace::COMMANDS,
    },
    Group {
        name: "connection",
        commands: connection::COMMANDS,
    },
    Group {
        name: "cluster",
        commands: cluster::COMMANDS,
    },
    Group {
        name: "transactions",
        commands: transaction::COMMANDS,
    },
    Group {
        name: "pubsub",
        commands: pubsub::COMMANDS,
    },
    Group {
        name: "server",
        commands: admin::COMMANDS,
    },
];

/// A row with what the table adds to it.
#[derive(Debug)]
pub(crate) struct Registered {
    /// The row.
    pub(crate) row: Command,
    /// Index into per-command statistics; unique over commands and subcommands.
    pub(crate) id: u16,
    /// Lower-case name as statistics and errors show it; `container|sub` for a subcommand.
    pub(crate) full_name: String,
    /// The group's name.
    pub(crate) group: &'static str,
    /// Subcommands, registered too.
    pub(crate) subcommands: Vec<Registered>,
    /// Whether it is `EXEC`, which no function runs, because it makes the unit that others run in.
    pub(crate) is_exec: bool,
}

/// What a request's name stands for.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Lookup {
    /// This command or subcommand.
    Known(&'static Registered),
    /// A container and something that is no subcommand of it.
    UnknownSubcommand(&'static Registered),
    /// Nothing.
    Unknown,
}

impl Registered {
    /// The row's flags, with what the arguments of a request add to them.
    #[inline]
    pub(crate) fn flags_for(&self, args: Args<'_>) -> Flags {
        let flags = self.row.flags;
        if flags.has(Flags::UNDECLARED_BY_PATTERNS) && names_other_keys(args) {
            return flags.and(Flags::UNDECLARED);
        }
        if flags.has(Flags::BLOCKING_IF_ASKED) && !asks_to_block(args) {
            return flags.without(Flags::BLOCKING);
        }
        flags
    }

    /// Whether its name is the first argument and nothing else: it neither is a subcommand nor has any.
    pub(crate) fn is_whole_name(&self) -> bool {
        self.subcommands.is_empty() && !self.full_name.contains('|')
    }

    /// The subcommand called `name`, in any case.
    pub(crate) fn subcommand(&self, name: &[u8]) -> Option<&Registered> {
        self.subcommands
            .iter()
            .find(|sub| sub.row.name.as_bytes().eq_ignore_ascii_case(name))
    }
}

/// The joined table.
pub(crate) struct CommandTable {
    commands: Vec<Registered>,
    /// Open addressing by [`hash_name`]; zero is empty, otherwise an index plus one.
    buckets: Box<[u16; BUCKETS]>,
    registered: usize,
}

/// Buckets of the lookup; a power of two, at least four times the number of commands.
const BUCKETS: usize = 2048;

static TABLE: LazyLock<CommandTable> = LazyLock::new(|| CommandTable::join(GROUPS));

/// The table of this process.
#[inline]
pub(crate) fn table() -> &'static CommandTable {
    &TABLE
}

impl CommandTable {
    fn join(groups: &[Group]) -> Self {
        let mut table = Self {
            commands: Vec::new(),
            buckets: Box::new([0; BUCKETS]),
            registered: 0,
        };
        for group in groups {
            for row in group.commands {
                let command = table.register(row, group.name, None);
                table.insert(command);
            }
        }
        table
    }

    fn register(
        &mut self,
        row: &Command,
        group: &'static str,
        container: Option<&str>,
    ) -> Registered {
        let id = u16::try_from(self.registered).expect("fewer than 65536 commands");
        self.registered += 1;
        let name = row.name.to_ascii_lowercase();
        let full_name = match container {
            Some(container) => format!("{container}|{name}"),
            None => name,
        };
        let subcommands = row
            .subcommands
            .iter()
            .map(|sub| self.register(sub, group, Some(&full_name)))
            .collect();
        let is_exec = container.is_none() && row.name == "EXEC";
        Registered {
            row: *row,
            id,
            full_name,
            group,
            subcommands,
            is_exec,
        }
    }

    fn insert(&mut self, command: Registered) {
        assert!(
            self.find(command.row.name.as_bytes()).is_none(),
            "{} twice",
            command.row.name
        );
        let mut bucket = hash_name(command.row.name.as_bytes());
        while self.buckets[bucket] != 0 {
            bucket = (bucket + 1) % BUCKETS;
        }
        self.commands.push(command);
        self.buckets[bucket] = self.commands.len() as u16;
    }

    /// The command called `name`, in any case. No allocation.
    #[inline]
    pub(crate) fn find(&self, name: &[u8]) -> Option<&Registered> {
        let mut bucket = hash_name(name);
        loop {
            let index = usize::from(self.buckets[bucket]).checked_sub(1)?;
            let command = &self.commands[index];
            if command.row.name.as_bytes().eq_ignore_ascii_case(name) {
                return Some(command);
            }
            bucket = (bucket + 1) % BUCKETS;
        }
    }

    /// The command or subcommand that `args` name; a container counts as found when it stands alone.
    #[inline]
    pub(crate) fn lookup(&'static self, args: Args<'_>) -> Lookup {
        match self.find(args.at(0)) {
            Some(command) => Self::lookup_in(command, args),
            None => Lookup::Unknown,
        }
    }

    /// The subcommand of `command` that `args` name, or itself if it has none.
    #[inline]
    pub(crate) fn lookup_in(command: &'static Registered, args: Args<'_>) -> Lookup {
        if command.subcommands.is_empty() {
            return Lookup::Known(command);
        }
        match args.get(1) {
            Some(name) => match command.subcommand(name) {
                Some(subcommand) => Lookup::Known(subcommand),
                None => Lookup::UnknownSubcommand(command),
            },
            None => Lookup::Known(command),
        }
    }

    /// Every command, in table order.
    pub(crate) fn iter(&self) -> impl ExactSizeIterator<Item = &Registered> {
        self.commands.iter()
    }

    /// The command or subcommand with this id; for rare uses.
    pub(crate) fn by_id(&self, id: u16) -> Option<&Registered> {
        fn within(command: &Registered, id: u16) -> Option<&Registered> {
            if command.id == id {
                return Some(command);
            }
            command.subcommands.iter().find_map(|sub| within(sub, id))
        }
        self.commands.iter().find_map(|command| within(command, id))
    }

    /// How many commands and subcommands there are: the size of per-command statistics.
    pub(crate) fn registered_count(&self) -> usize {
        self.registered
    }
}

/// A bucket for `name` that ignores the case of letters.
#[inline]
fn hash_name(name: &[u8]) -> usize {
    let mut hash = name.len() as u32;
    for &byte in name.iter().take(32) {
        hash = (hash ^ u32::from(byte | 0x20)).wrapping_mul(0x0100_0193);
    }
    (hash ^ hash >> 15) as usize % BUCKETS
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::command::{Arity, KeySpec};

    #[test]
    fn every_row_is_found_in_any_case() {
        for command in table().iter() {
            let name = command.row.name;
            assert_eq!(table().find(name.as_bytes()).unwrap().id, command.id);
            assert_eq!(
                table().find(name.to_lowercase().as_bytes()).unwrap().id,
                command.id
            );
            assert!(
                name.bytes().all(|b| !b.is_ascii_lowercase()),
                "{name} is not upper case"
            );
        }
        assert!(table().find(b"").is_none());
        assert!(
            table()
                .find(b"NO-SUCH-COMMAND-HAS-SUCH-A-LONG-NAME-AS-THIS")
                .is_none()
        );
    }

    #[test]
    fn arity_admits_the_keys_that_the_spec_promises() {
        fn check(command: &Registered) {
            let least = match command.row.arity {
                Arity::Exactly(n) | Arity::AtLeast(n) => n,
            };
            let promised = match command.row.keys {
                KeySpec::One(at) => at + 1,
                // There may be none.
                KeySpec::Range { first, .. } => first,
                _ => 0,
            };
            assert!(
                promised <= least,
                "{}: its key lies beyond its arity",
                command.full_name
            );
            command.subcommands.iter().for_each(check);
        }
        table().iter().for_each(check);
    }
}
