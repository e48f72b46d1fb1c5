//! Commands about the process: `TIME`, `ROLE`, `SHUTDOWN`.

use super::Arity::{AtLeast, Exactly};
use super::KeySpec::NoKeys;
use super::{Args, Command, CommandError, CommandResult, Context, Flags};
use crate::clock::unix_micros;

const LOADING_STALE: Flags = Flags::LOADING.and(Flags::STALE);

pub(super) const TIME: Command = Command::new(
    "TIME",
    Exactly(1),
    NoKeys,
    LOADING_STALE.and(Flags::FAST),
    time,
);

pub(super) const ROLE: Command = Command::new(
    "ROLE",
    Exactly(1),
    NoKeys,
    LOADING_STALE.and(Flags::NO_SCRIPT).and(Flags::FAST),
    role,
);

pub(super) const SHUTDOWN: Command = Command::new(
    "SHUTDOWN",
    AtLeast(1),
    NoKeys,
    LOADING_STALE
        .and(Flags::ADMIN)
        .and(Flags::NO_SCRIPT)
        .and(Flags::NO_MULTI)
        .and(Flags::ALLOW_BUSY),
    shutdown,
);

/// `TIME`: seconds and microseconds.
fn time(ctx: &mut Context<'_, '_>, _args: Args<'_>) -> CommandResult {
    let micros = unix_micros();
    ctx.reply.array(2);
    ctx.reply.bulk_integer(micros / 1_000_000);
    ctx.reply.bulk_integer(micros % 1_000_000);
    Ok(())
}

/// `ROLE`: a primary, its replication offset, and its replicas, of which there are none yet.
fn role(ctx: &mut Context<'_, '_>, _args: Args<'_>) -> CommandResult {
    let offset = ctx.server.replication.lock().offset();
    ctx.reply.array(3);
    ctx.reply.bulk(b"master");
    ctx.reply.integer(offset as i64);
    ctx.reply.array(0);
    Ok(())
}

/// What `SHUTDOWN` is asked for.
#[derive(Debug, Default, PartialEq, Eq)]
struct ShutdownRequest {
    abort: bool,
    save: bool,
    force: bool,
}

impl ShutdownRequest {
    fn parse(args: Args<'_>) -> Result<Self, CommandError> {
        let mut request = Self::default();
        let mut nosave = false;
        for at in 1..args.len() {
            match () {
                () if args.is(at, "NOSAVE") => nosave = true,
                () if args.is(at, "SAVE") => request.save = true,
                // There are no replicas to wait for, so there is nothing to hurry.
                () if args.is(at, "NOW") => {}
                () if args.is(at, "FORCE") => request.force = true,
                () if args.is(at, "ABORT") => request.abort = true,
                () => return Err(CommandError::Syntax),
            }
        }
        if (request.abort && args.len() > 2) || (nosave && request.save) {
            return Err(CommandError::Syntax);
        }
        Ok(request)
    }
}

/// `SHUTDOWN [NOSAVE | SAVE] [NOW] [FORCE]`, `SHUTDOWN ABORT`: without an answer when it succeeds.
fn shutdown(ctx: &mut Context<'_, '_>, args: Args<'_>) -> CommandResult {
    let request = ShutdownRequest::parse(args)?;
    if request.abort {
        // Going down waits for nobody, so there is never anything to abort.
        return Err(CommandError::Line("ERR No shutdown in progress."));
    }
    tracing::warn!("User requested shutdown...");
    if request.save && !request.force {
        tracing::warn!("SHUTDOWN SAVE: this version keeps data in memory only and cannot save it");
        tracing::warn!("Errors trying to SHUTDOWN. Check logs.");
        return Err(CommandError::Line(
            "ERR Errors trying to SHUTDOWN. Check logs.",
        ));
    }
    ctx.session.close_after_reply();
    ctx.server.shutdown.request();
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::command::args::tests::with_args;

    #[test]
    fn shutdown_options_exclude_each_other_as_in_the_reference() {
        let check = |words: &[&str], expected: Option<ShutdownRequest>| {
            assert_eq!(
                with_args(words, ShutdownRequest::parse).ok(),
                expected,
                "{words:?}"
            );
        };
        let plain = ShutdownRequest::default;
        check(&["SHUTDOWN"], Some(plain()));
        check(&["SHUTDOWN", "nosave", "NOW"], Some(plain()));
        let forced = ShutdownRequest {
            save: true,
            force: true,
            ..plain()
        };
        check(&["SHUTDOWN", "SAVE", "FORCE"], Some(forced));
        check(
            &["SHUTDOWN", "ABORT"],
            Some(ShutdownRequest {
                abort: true,
                ..plain()
            }),
        );
        check(&["SHUTDOWN", "ABORT", "NOW"], None);
        check(&["SHUTDOWN", "ABORT", "ABORT"], None);
        check(&["SHUTDOWN", "SAVE", "NOSAVE"], None);
        check(&["SHUTDOWN", "LATER"], None);
    }
}
