//! `CLIENT PAUSE` and `UNPAUSE`: commands of all clients wait. `CLIENT UNBLOCK` ends one client's wait.
//!
//! A pause is part of the keyspace's state word and begins and ends at a cut: once the reply is there,
//! no command that the pause holds back is running anywhere.

use protocol::parse_i64;
use storage::Pause;

use crate::blocking::{self, Unblock};
use crate::command::{Args, CommandError, CommandResult, Context};
use crate::worker::inbox::Event;

/// `CLIENT PAUSE milliseconds [WRITE|ALL]`: of this and an earlier pause, the stronger mode and the
/// later end count.
pub(super) fn pause(ctx: &mut Context<'_, '_>, args: Args<'_>) -> CommandResult {
    let mode = parse_mode(args)?;
    let until_ms = parse_until(&args[2], ctx.now().0)?;
    ctx.after_unit(move |server| server.pause(mode, until_ms));
    ctx.reply.ok();
    Ok(())
}

fn parse_mode(args: Args<'_>) -> Result<Pause, CommandError> {
    match args.len() {
        3 => Ok(Pause::All),
        4 if args.is(3, "WRITE") => Ok(Pause::Writes),
        4 if args.is(3, "ALL") => Ok(Pause::All),
        4 => Err(CommandError::Line(
            "ERR CLIENT PAUSE mode must be WRITE or ALL",
        )),
        _ => Err(CommandError::subcommand_syntax("CLIENT", &args[1])),
    }
}

/// When a pause of so many milliseconds ends, in Unix milliseconds.
fn parse_until(timeout_ms: &[u8], now_ms: i64) -> Result<i64, CommandError> {
    let timeout_ms = parse_i64(timeout_ms).ok_or(CommandError::Line(
        "ERR timeout is not an integer or out of range",
    ))?;
    if timeout_ms < 0 {
        return Err(CommandError::Line("ERR timeout is negative"));
    }
    let until_ms = timeout_ms.checked_add(now_ms);
    until_ms.ok_or(CommandError::Line("ERR timeout is out of range"))
}

/// `CLIENT UNPAUSE`: commands that wait are tried again.
pub(super) fn unpause(ctx: &mut Context<'_, '_>, _args: Args<'_>) -> CommandResult {
    ctx.after_unit(|server| server.unpause());
    ctx.reply.ok();
    Ok(())
}

/// `CLIENT UNBLOCK id [TIMEOUT|ERROR]`: whether the client's wait was ended. Commands that a pause holds back do not
/// count.
pub(super) fn unblock(ctx: &mut Context<'_, '_>, args: Args<'_>) -> CommandResult {
    let how = match args.len() {
        3 => Unblock::Timeout,
        4 if args.is(3, "TIMEOUT") => Unblock::Timeout,
        4 if args.is(3, "ERROR") => Unblock::Error,
        4 => {
            return Err(CommandError::Line(
                "ERR CLIENT UNBLOCK reason should be TIMEOUT or ERROR",
            ));
        }
        _ => return Err(CommandError::subcommand_syntax("CLIENT", &args[1])),
    };
    let id = parse_i64(&args[2]).ok_or(CommandError::NotInteger)?;
    let client = u64::try_from(id)
        .ok()
        .and_then(|id| ctx.server.clients.get(id));
    let unblocked = client.filter(|client| {
        let wait = client.wait();
        wait.is_some_and(|wait| blocking::unblock(&wait, how))
    });
    if let Some(client) = &unblocked {
        let inbox = &ctx.server.inboxes[usize::from(client.worker)];
        inbox.send(Event::Unblocked(client.session, client.id));
    }
    ctx.reply.integer(unblocked.is_some().into());
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pause_ends_when_the_clock_can_still_say() {
        let cases = [
            ("0", Ok(1_000)),
            ("1", Ok(1_001)),
            ("9223372036854774807", Ok(i64::MAX)),
            ("9223372036854774808", Err("ERR timeout is out of range")),
            ("9223372036854775807", Err("ERR timeout is out of range")),
            (
                "9223372036854775808",
                Err("ERR timeout is not an integer or out of range"),
            ),
            ("-1", Err("ERR timeout is negative")),
            ("", Err("ERR timeout is not an integer or out of range")),
            ("1.5", Err("ERR timeout is not an integer or out of range")),
        ];
        for (timeout, expected) in cases {
            let until = parse_until(timeout.as_bytes(), 1_000);
            assert_eq!(until, expected.map_err(CommandError::Line), "{timeout}");
        }
    }
}
