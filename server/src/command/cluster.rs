//! `CLUSTER` and what a client says on its connection to a node of a cluster. There is no cluster: all of it is refused,
//! after the checks that come with any command, in the words by which clients tell that the server stands alone.

use super::Arity::{AtLeast, Exactly};
use super::KeySpec::NoKeys;
use super::{Args, Arity, Command, CommandError, CommandResult, Context, Flags};

const READ: Flags = Flags::STALE;
const LOADING: Flags = Flags::LOADING.and(Flags::STALE);
const ADMIN: Flags = Flags::ADMIN.and(Flags::STALE);
const CHANGE: Flags = ADMIN.and(Flags::NO_ASYNC_LOADING);
const CONNECTION: Flags = LOADING.and(Flags::FAST);

pub(super) const COMMANDS: &[Command] = &[
    row("ASKING", Exactly(1), Flags::FAST),
    Command::container("CLUSTER", SUBCOMMANDS),
    row("READONLY", Exactly(1), CONNECTION),
    row("READWRITE", Exactly(1), CONNECTION),
];

const SUBCOMMANDS: &[Command] = &[
    row("ADDSLOTS", AtLeast(3), CHANGE),
    row("ADDSLOTSRANGE", AtLeast(4), CHANGE),
    row("BUMPEPOCH", Exactly(2), CHANGE),
    row("COUNT-FAILURE-REPORTS", Exactly(3), ADMIN),
    row("COUNTKEYSINSLOT", Exactly(3), READ),
    row("DELSLOTS", AtLeast(3), CHANGE),
    row("DELSLOTSRANGE", AtLeast(4), CHANGE),
    row("FAILOVER", AtLeast(2), CHANGE),
    row("FLUSHSLOTS", Exactly(2), CHANGE),
    row("FORGET", Exactly(3), CHANGE),
    row("GETKEYSINSLOT", Exactly(4), READ),
    row("HELP", Exactly(2), LOADING),
    row("INFO", Exactly(2), READ),
    row("KEYSLOT", Exactly(3), READ),
    row("LINKS", Exactly(2), READ),
    row("MEET", AtLeast(4), CHANGE),
    row("MYID", Exactly(2), READ),
    row("MYSHARDID", Exactly(2), READ),
    row("NODES", Exactly(2), READ),
    row("REPLICAS", Exactly(3), ADMIN),
    row("REPLICATE", Exactly(3), CHANGE),
    row("RESET", AtLeast(2), ADMIN.and(Flags::NO_SCRIPT)),
    row("SAVECONFIG", Exactly(2), CHANGE),
    row("SET-CONFIG-EPOCH", Exactly(3), CHANGE),
    row("SETSLOT", AtLeast(4), CHANGE),
    row("SHARDS", Exactly(2), READ),
    row("SLAVES", Exactly(3), ADMIN),
    row("SLOT-STATS", AtLeast(4), LOADING),
    row("SLOTS", Exactly(2), READ),
];

const fn row(name: &'static str, arity: Arity, flags: Flags) -> Command {
    Command::new(name, arity, NoKeys, flags, refuse)
}

fn refuse(_: &mut Context<'_, '_>, _: Args<'_>) -> CommandResult {
    Err(CommandError::Line(
        "ERR This instance has cluster support disabled",
    ))
}
