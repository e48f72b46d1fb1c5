//! `LPUSH`, `LPOP` and their relatives, which work at the ends of a list.

use storage::typed::{End, ListSpan};
use storage::{DbIndex, EditOutcome, Key, Keyspace};

use super::check_elements;
use super::elements::Elements;
use crate::command::{Args, CommandError, CommandResult, Context};
use crate::notify::EventClass;
use crate::output::Output;

/// `LPUSH key element [element ...]`: adds elements at the head, one after the other; the new length.
pub(super) fn lpush(ctx: &mut Context<'_, '_>, args: Args<'_>) -> CommandResult {
    push_and_reply(ctx, args, End::Left, true)
}

/// `RPUSH key element [element ...]`: the same at the tail.
pub(super) fn rpush(ctx: &mut Context<'_, '_>, args: Args<'_>) -> CommandResult {
    push_and_reply(ctx, args, End::Right, true)
}

/// `LPUSHX key element [element ...]`: `LPUSH` to a list that is there.
pub(super) fn lpushx(ctx: &mut Context<'_, '_>, args: Args<'_>) -> CommandResult {
    push_and_reply(ctx, args, End::Left, false)
}

/// `RPUSHX key element [element ...]`: `RPUSH` to a list that is there.
pub(super) fn rpushx(ctx: &mut Context<'_, '_>, args: Args<'_>) -> CommandResult {
    push_and_reply(ctx, args, End::Right, false)
}

fn push_and_reply(
    ctx: &mut Context<'_, '_>,
    args: Args<'_>,
    end: End,
    creates: bool,
) -> CommandResult {
    check_elements(args, 2)?;
    let (db, key) = (ctx.db(), ctx.key(args, 1));
    let limits = &ctx.config.limits;
    let len = ctx
        .unit
        .push_list(db, &key, end, args.from(2), creates, limits)?;
    if len > 0 {
        ctx.notify(EventClass::LIST, push_event(end), key.bytes);
    }
    ctx.reply.integer(len as i64);
    Ok(())
}

/// The event of a push at `end`.
pub(super) fn push_event(end: End) -> &'static str {
    match end {
        End::Left => "lpush",
        End::Right => "rpush",
    }
}

/// `LPOP key [count]`: removes the first element, or so many, and answers them.
pub(super) fn lpop(ctx: &mut Context<'_, '_>, args: Args<'_>) -> CommandResult {
    pop_and_reply(ctx, args, "lpop", End::Left)
}

/// `RPOP key [count]`: the same with the last ones, the very last first.
pub(super) fn rpop(ctx: &mut Context<'_, '_>, args: Args<'_>) -> CommandResult {
    pop_and_reply(ctx, args, "rpop", End::Right)
}

fn pop_and_reply(
    ctx: &mut Context<'_, '_>,
    args: Args<'_>,
    name: &'static str,
    end: End,
) -> CommandResult {
    if args.len() > 3 {
        return Err(CommandError::WrongArity(name.into()));
    }
    let count = args.get(2).map(count_of).transpose()?;
    let (db, key) = (ctx.db(), ctx.key(args, 1));
    let Some(count) = count else {
        let popped = pop(ctx, db, &key, end, 1, |reply, span| {
            span.each(|element| reply.value(element));
        })?;
        if popped.is_none() {
            ctx.reply.null();
        }
        return Ok(());
    };
    let keyspace = &ctx.server.keyspace;
    let popped = pop(ctx, db, &key, end, count, |reply, span| {
        reply_with_span(reply, &span, keyspace);
    })?;
    if popped.is_none() {
        ctx.reply.null_array();
    }
    Ok(())
}

fn count_of(text: &[u8]) -> Result<u64, CommandError> {
    let count = protocol::parse_i64(text).and_then(|count| u64::try_from(count).ok());
    count.ok_or(CommandError::NotPositive)
}

/// Answers the elements as an array.
pub(crate) fn reply_with_span(reply: &mut Output<'_>, span: &ListSpan<'_>, keyspace: &Keyspace) {
    Elements::of_span(span).reply(reply, span.list(), keyspace);
}

/// Removes up to `count` elements at `end` of the list at `key`, shows them to `take` before, with the reply of the
/// command that runs, and announces it. `None`: there is no list.
///
/// # Errors
/// `WrongType`; nothing has happened then.
pub(crate) fn pop<R>(
    ctx: &mut Context<'_, '_>,
    db: DbIndex,
    key: &Key<'_>,
    end: End,
    count: u64,
    take: impl FnOnce(&mut Output<'_>, ListSpan<'_>) -> R,
) -> Result<Option<EditOutcome<R>>, CommandError> {
    let (limits, reply) = (&ctx.config.limits, &mut ctx.reply);
    let popped = ctx
        .unit
        .pop_list(db, key, end, count, limits, |span| take(reply, span))?;
    if let Some(popped) = &popped
        && popped.changes > 0
    {
        announce_pop(ctx, db, key, end, popped.is_gone);
    }
    Ok(popped)
}

/// The events of a pop at `end`, after which the key has gone or not.
pub(super) fn announce_pop(
    ctx: &mut Context<'_, '_>,
    db: DbIndex,
    key: &Key<'_>,
    end: End,
    is_gone: bool,
) {
    let event = match end {
        End::Left => "lpop",
        End::Right => "rpop",
    };
    ctx.notify_in(EventClass::LIST, event, db, key.bytes);
    if is_gone {
        ctx.notify_in(EventClass::GENERIC, "del", db, key.bytes);
    }
}
