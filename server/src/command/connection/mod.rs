//! Connection commands: who a client is, which database it works on and how it is spoken to. What
//! clients do to each other and to themselves otherwise is `CLIENT`, see [`super::client`].

mod auth;
mod hello;
mod reset;

pub(crate) use auth::DEFAULT_USER;

use protocol::parse_i64;
use storage::DbIndex;

use super::Arity::{AtLeast, Exactly};
use super::KeySpec::NoKeys;
use super::{Args, Command, CommandError, CommandResult, Context, Flags, client};

pub(crate) const COMMANDS: &[Command] = &[
    Command::new("AUTH", AtLeast(2), NoKeys, BEFORE_AUTH, auth::auth),
    Command::container("CLIENT", client::SUBCOMMANDS),
    Command::new("ECHO", Exactly(2), NoKeys, ANY_TIME.and(Flags::FAST), echo),
    Command::new("HELLO", AtLeast(1), NoKeys, BEFORE_AUTH, hello::hello),
    Command::new(
        "PING",
        AtLeast(1),
        NoKeys,
        Flags::FAST.and(Flags::FOR_SUBSCRIBERS),
        ping,
    ),
    Command::new("QUIT", AtLeast(1), NoKeys, BEFORE_AUTH.and(ALWAYS), quit),
    Command::new(
        "RESET",
        Exactly(1),
        NoKeys,
        BEFORE_AUTH.and(ALWAYS),
        reset::reset,
    ),
    Command::new(
        "SELECT",
        Exactly(2),
        NoKeys,
        ANY_TIME.and(Flags::FAST),
        select,
    ),
];

/// Allowed whatever state the data are in.
const ANY_TIME: Flags = Flags::LOADING.and(Flags::STALE);
/// Commands that clients send before anything else works.
const BEFORE_AUTH: Flags = ANY_TIME
    .and(Flags::FAST)
    .and(Flags::NO_SCRIPT)
    .and(Flags::NO_AUTH)
    .and(Flags::ALLOW_BUSY);
/// Commands that end what a client is in the middle of.
const ALWAYS: Flags = Flags::NEVER_QUEUED.and(Flags::FOR_SUBSCRIBERS);

/// `ECHO message`: the message.
fn echo(ctx: &mut Context<'_, '_>, args: Args<'_>) -> CommandResult {
    ctx.reply.bulk(&args[1]);
    Ok(())
}

/// `PING [message]`: PONG or the message; a RESP2 subscriber gets it in the shape of a push.
fn ping(ctx: &mut Context<'_, '_>, args: Args<'_>) -> CommandResult {
    if args.len() > 2 {
        return Err(CommandError::WrongArity("ping".into()));
    }
    if ctx.session.is_resp2_subscriber() {
        ctx.reply.array(2);
        ctx.reply.bulk(b"pong");
        ctx.reply.bulk(args.get(1).unwrap_or_default());
    } else {
        match args.get(1) {
            Some(message) => ctx.reply.bulk(message),
            None => ctx.reply.simple("PONG"),
        }
    }
    Ok(())
}

/// `QUIT`: ends the connection once the reply is sent. Further arguments are ignored, as in Redis.
fn quit(ctx: &mut Context<'_, '_>, _args: Args<'_>) -> CommandResult {
    ctx.reply.ok();
    ctx.session.close_after_reply();
    Ok(())
}

/// `SELECT index`: makes a database that of the commands to come.
fn select(ctx: &mut Context<'_, '_>, args: Args<'_>) -> CommandResult {
    let number = parse_i64(&args[1]).ok_or(CommandError::NotInteger)?;
    let number = i32::try_from(number).map_err(|_| CommandError::BeyondInt)?;
    let databases = ctx.server.keyspace.databases();
    let known = DbIndex::try_from(number).ok().filter(|&db| db < databases);
    ctx.session.db = known.ok_or(CommandError::DbOutOfRange)?;
    ctx.reply.ok();
    Ok(())
}
