//! Connection commands.

use super::Arity::{AtLeast, Exactly};
use super::KeySpec::NoKeys;
use super::{Args, Command, CommandError, CommandResult, Context, Flags};

pub(crate) const COMMANDS: &[Command] = &[
    Command::new(
        "PING",
        AtLeast(1),
        NoKeys,
        Flags::FAST.and(Flags::FOR_SUBSCRIBERS),
        ping,
    ),
    Command::new(
        "ECHO",
        Exactly(2),
        NoKeys,
        Flags::LOADING.and(Flags::STALE).and(Flags::FAST),
        echo,
    ),
];

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

/// `ECHO message`: the message.
fn echo(ctx: &mut Context<'_, '_>, args: Args<'_>) -> CommandResult {
    ctx.reply.bulk(&args[1]);
    Ok(())
}
