//! Commands: what a row of the command table says, and the arguments a command function gets.
//!
//! A row and its function stand together in the file of their group (`string.rs`, `key.rs`, …);
//! [`table`] joins the groups. Arity check, key extraction, lock plan, `COMMAND INFO` and statistics
//! all derive from the row.

pub(crate) mod args;
pub(crate) mod context;
pub(crate) mod cursor;
pub(crate) mod error;
pub(crate) mod flags;
pub(crate) mod keys;
pub(crate) mod names;
pub(crate) mod table;

mod admin;
mod bitmap;
mod bulk;
mod catalog;
mod client;
mod cluster;
mod config;
mod connection;
mod debug;
mod docs;
mod geo;
mod hash;
mod help;
mod hot_keys;
mod hyperloglog;
mod info;
mod key;
mod keyspace;
mod latency;
pub(crate) mod list;
mod lolwut;
mod memory;
mod miss_ratio;
mod monitor;
mod mpop;
mod process;
pub(crate) mod pubsub;
mod set;
mod slowlog;
pub(crate) mod sorted_set;
mod stream;
mod string;
mod transaction;
mod walk;

pub(crate) use args::Args;
pub(crate) use context::Context;
pub(crate) use error::CommandError;
pub(crate) use flags::Flags;
pub(crate) use keys::{KeyAccess, KeySpec};

/// What a command function returns: `Ok` when it has written exactly one reply, otherwise the error
/// that becomes the reply. A function that fails must not have written anything.
pub(crate) type CommandResult = Result<(), CommandError>;

/// A command's code.
pub(crate) type CommandFn = fn(&mut Context<'_, '_>, Args<'_>) -> CommandResult;

/// How many arguments a command takes, its own name included.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Arity {
    /// Exactly this many.
    Exactly(u16),
    /// This many or more.
    AtLeast(u16),
}

impl Arity {
    /// Whether a request of `count` arguments fits.
    #[inline]
    pub(crate) fn admits(self, count: usize) -> bool {
        match self {
            Arity::Exactly(n) => count == usize::from(n),
            Arity::AtLeast(n) => count >= usize::from(n),
        }
    }

    /// Redis's notation: negative means "at least".
    pub(crate) fn as_redis(self) -> i64 {
        match self {
            Arity::Exactly(n) => i64::from(n),
            Arity::AtLeast(n) => -i64::from(n),
        }
    }
}

/// Which arguments of a command name elements of its first key: members of a set or sorted set, fields of a hash.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Elements {
    /// None of them.
    None,
    /// This one.
    One(usize),
    /// This one and all behind it, so many apart.
    From(usize, usize),
}

impl Elements {
    /// Their numbers among `count` arguments.
    #[inline]
    pub(crate) fn of(self, count: usize) -> impl Iterator<Item = usize> {
        let (range, step) = match self {
            Elements::None => (0..0, 1),
            Elements::One(at) => (at..count.min(at + 1), 1),
            Elements::From(first, step) => (first..count, step),
        };
        range.step_by(step)
    }
}

/// One row of the command table.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Command {
    /// Its name in upper case; of a subcommand, only the last word.
    pub(crate) name: &'static str,
    /// How many arguments it takes; a subcommand counts its container's name too.
    pub(crate) arity: Arity,
    /// Where its keys stand.
    pub(crate) keys: KeySpec,
    /// How it accesses them, one per key spec; empty means what the flags suggest.
    pub(crate) access: &'static [KeyAccess],
    /// What kind of command it is.
    pub(crate) flags: Flags,
    /// Its code.
    pub(crate) run: CommandFn,
    /// Which arguments name elements of its first key, as far as it pays to load them ahead.
    pub(crate) elements: Elements,
    /// Its subcommands; a first argument that names none of them is an error.
    pub(crate) subcommands: &'static [Command],
}

impl Command {
    /// A plain command.
    pub(crate) const fn new(
        name: &'static str,
        arity: Arity,
        keys: KeySpec,
        flags: Flags,
        run: CommandFn,
    ) -> Self {
        Self {
            name,
            arity,
            keys,
            access: &[],
            flags,
            run,
            elements: Elements::None,
            subcommands: &[],
        }
    }

    /// A command that only holds subcommands, such as `CLIENT`.
    pub(crate) const fn container(name: &'static str, subcommands: &'static [Command]) -> Self {
        let (keys, flags) = (KeySpec::NoKeys, Flags::NONE);
        Self {
            name,
            arity: Arity::AtLeast(2),
            keys,
            access: &[],
            flags,
            run: run_container,
            elements: Elements::None,
            subcommands,
        }
    }

    /// The same row with `subcommands`; its own function runs when there is no second argument.
    pub(crate) const fn with_subcommands(mut self, subcommands: &'static [Command]) -> Self {
        self.subcommands = subcommands;
        self
    }

    /// The same row, `elements` of which are loaded ahead.
    pub(crate) const fn with_elements(mut self, elements: Elements) -> Self {
        self.elements = elements;
        self
    }

    /// The same row with exact key access flags (`COMMAND INFO`, `COMMAND GETKEYSANDFLAGS`).
    pub(crate) const fn with_access(mut self, access: &'static [KeyAccess]) -> Self {
        self.access = access;
        self
    }
}

/// A container resolves to a subcommand or to an error before anything runs.
fn run_container(_ctx: &mut Context<'_, '_>, _args: Args<'_>) -> CommandResult {
    Err(CommandError::Syntax)
}

/// The reply of a container's `HELP`.
pub(crate) fn reply_help(ctx: &mut Context<'_, '_>, lines: &[&str]) {
    ctx.reply.array(lines.len());
    lines.iter().for_each(|line| ctx.reply.simple(line));
}
