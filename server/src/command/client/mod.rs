//! `CLIENT`: what clients say of themselves, see of each other and do to each other.

mod describe;
mod help;
mod kill;
mod list;
pub(crate) mod names;
mod pause;
mod switches;

use super::Arity::{AtLeast, Exactly};
use super::KeySpec::NoKeys;
use super::{Args, Command, CommandResult, Context, Flags};

pub(crate) const SUBCOMMANDS: &[Command] = &[
    Command::new(
        "CAPA",
        AtLeast(3),
        NoKeys,
        OWN.and(Flags::ALLOW_BUSY),
        switches::capa,
    ),
    Command::new("GETNAME", Exactly(2), NoKeys, OWN, names::get_name),
    Command::new("GETREDIR", Exactly(2), NoKeys, OWN, get_redirection),
    Command::new("HELP", Exactly(2), NoKeys, ANY_TIME, help::help),
    Command::new("ID", Exactly(2), NoKeys, OWN, id),
    Command::new("INFO", Exactly(2), NoKeys, OWN, list::info),
    Command::new("KILL", AtLeast(3), NoKeys, OTHERS, kill::kill),
    Command::new("LIST", AtLeast(2), NoKeys, OTHERS, list::list),
    Command::new("NO-EVICT", Exactly(3), NoKeys, OTHERS, switches::no_evict),
    Command::new("NO-TOUCH", Exactly(3), NoKeys, OWN, switches::no_touch),
    Command::new("PAUSE", AtLeast(3), NoKeys, OTHERS, pause::pause),
    Command::new("REPLY", Exactly(3), NoKeys, OWN, switches::reply),
    Command::new("SETINFO", Exactly(4), NoKeys, OWN, names::set_info),
    Command::new("SETNAME", Exactly(3), NoKeys, OWN, names::set_name),
    Command::new("TRACKINGINFO", Exactly(2), NoKeys, OWN, tracking_info),
    Command::new("UNBLOCK", AtLeast(3), NoKeys, OTHERS, pause::unblock),
    Command::new("UNPAUSE", Exactly(2), NoKeys, OTHERS, pause::unpause),
];

/// Allowed whatever state the data are in.
const ANY_TIME: Flags = Flags::LOADING.and(Flags::STALE);
/// Concerns the client itself.
const OWN: Flags = ANY_TIME.and(Flags::NO_SCRIPT);
/// Concerns other clients or the whole server.
const OTHERS: Flags = OWN.and(Flags::ADMIN);

/// `CLIENT ID`: the connection's number, which no other connection has ever had or will have.
fn id(ctx: &mut Context<'_, '_>, _args: Args<'_>) -> CommandResult {
    ctx.reply.integer(ctx.session.id() as i64);
    Ok(())
}

/// `CLIENT GETREDIR`: the client that gets this one's invalidations. There is no tracking, hence no one.
fn get_redirection(ctx: &mut Context<'_, '_>, _args: Args<'_>) -> CommandResult {
    ctx.reply.integer(NO_REDIRECTION);
    Ok(())
}

/// `CLIENT TRACKINGINFO`: that tracking is off.
fn tracking_info(ctx: &mut Context<'_, '_>, _args: Args<'_>) -> CommandResult {
    ctx.reply.map(3);
    ctx.reply.bulk(b"flags");
    ctx.reply.set(1);
    ctx.reply.bulk(b"off");
    ctx.reply.bulk(b"redirect");
    ctx.reply.integer(NO_REDIRECTION);
    ctx.reply.bulk(b"prefixes");
    ctx.reply.array(0);
    Ok(())
}

/// Tracking is off.
const NO_REDIRECTION: i64 = -1;
