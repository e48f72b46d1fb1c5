//! Transactions: `MULTI`, `EXEC`, `DISCARD`, `WATCH`, `UNWATCH`.

use super::Arity::{AtLeast, Exactly};
use super::KeySpec::{NoKeys, Range};
use super::{Args, Command, CommandError, CommandResult, Context, Flags, KeyAccess};
use crate::session::{Transaction, Watches};

const ANYTIME: Flags = Flags::NO_SCRIPT.and(Flags::LOADING).and(Flags::STALE);
const CONTROL: Flags = ANYTIME.and(Flags::FAST).and(Flags::ALLOW_BUSY);

pub(crate) const COMMANDS: &[Command] = &[
    Command::new(
        "MULTI",
        Exactly(1),
        NoKeys,
        CONTROL.and(Flags::NEVER_QUEUED),
        multi,
    ),
    Command::new(
        "EXEC",
        Exactly(1),
        NoKeys,
        ANYTIME.and(Flags::SKIP_SLOWLOG).and(Flags::NEVER_QUEUED),
        exec,
    ),
    Command::new(
        "DISCARD",
        Exactly(1),
        NoKeys,
        CONTROL.and(Flags::NEVER_QUEUED),
        discard,
    ),
    Command::new(
        "WATCH",
        AtLeast(2),
        Range {
            first: 1,
            last: -1,
            step: 1,
        },
        CONTROL.and(Flags::NEVER_QUEUED),
        watch,
    )
    .with_access(&[KeyAccess::READ_META]),
    Command::new("UNWATCH", Exactly(1), NoKeys, CONTROL, unwatch),
];

/// `MULTI`: commands are queued from here on.
fn multi(ctx: &mut Context<'_, '_>, _args: Args<'_>) -> CommandResult {
    if ctx.session.in_transaction() {
        return Err(CommandError::NestedMulti);
    }
    ctx.session.transaction = Some(Box::<Transaction>::default());
    ctx.reply.ok();
    Ok(())
}

/// `EXEC` makes the unit that the queue runs in, so the executor runs it and never this function.
fn exec(_ctx: &mut Context<'_, '_>, _args: Args<'_>) -> CommandResult {
    Err(CommandError::ExecWithoutMulti)
}

/// `DISCARD`: forgets the queue and all watches.
fn discard(ctx: &mut Context<'_, '_>, _args: Args<'_>) -> CommandResult {
    if ctx.session.transaction.take().is_none() {
        return Err(CommandError::DiscardWithoutMulti);
    }
    end_watches(ctx);
    ctx.reply.ok();
    Ok(())
}

/// `WATCH key…`: `EXEC` will do nothing if one of the keys changes before it.
fn watch(ctx: &mut Context<'_, '_>, args: Args<'_>) -> CommandResult {
    if ctx.session.in_transaction() {
        return Err(CommandError::WatchInsideMulti);
    }
    let db = ctx.session.db;
    for (_, key) in ctx.keys(args) {
        let watches = ctx.session.watches.get_or_insert_default();
        if watches.add(db, key.bytes) && ctx.unit.watch(db, &key, watches.flag()) {
            watches.note_presence(db, key.bytes);
        }
    }
    ctx.reply.ok();
    Ok(())
}

/// `UNWATCH`: forgets all watches. Inside `EXEC` there are none left.
fn unwatch(ctx: &mut Context<'_, '_>, _args: Args<'_>) -> CommandResult {
    end_watches(ctx);
    ctx.reply.ok();
    Ok(())
}

/// Ends the session's watches once the unit has let its locks go.
pub(crate) fn end_watches(ctx: &mut Context<'_, '_>) {
    let watches: Option<Box<Watches>> = ctx.session.watches.take();
    if let Some(watches) = watches {
        ctx.after_unit(move |server| server.unwatch(&watches));
    }
}
