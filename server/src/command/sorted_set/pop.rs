//! `ZPOPMIN` and `ZPOPMAX`.

use protocol::Version;
use storage::typed::sorted_set::Extreme;
use storage::{DbIndex, EditOutcome, Key};

use super::reply::write_member;
use crate::command::{Args, CommandError, CommandResult, Context};
use crate::notify::EventClass;
use crate::output::Output;

/// `ZPOPMIN key [count]`: removes the member with the lowest score, or so many, and answers them with their scores.
pub(super) fn zpopmin(ctx: &mut Context<'_, '_>, args: Args<'_>) -> CommandResult {
    pop_and_reply(ctx, args, Extreme::Lowest)
}

/// `ZPOPMAX key [count]`: the same with the highest ones, the very highest first.
pub(super) fn zpopmax(ctx: &mut Context<'_, '_>, args: Args<'_>) -> CommandResult {
    pop_and_reply(ctx, args, Extreme::Highest)
}

fn pop_and_reply(ctx: &mut Context<'_, '_>, args: Args<'_>, from: Extreme) -> CommandResult {
    if args.len() > 3 {
        return Err(CommandError::Syntax);
    }
    let count = args.get(2).map(count_of).transpose()?;
    let shape = match count {
        Some(_) if ctx.reply.version() == Version::Resp3 => PopReply::Nested,
        _ => PopReply::Flat,
    };
    let (db, key) = (ctx.db(), ctx.key(args, 1));
    if pop(ctx, db, &key, from, count.unwrap_or(1), shape)?.is_none() {
        ctx.reply.array(0);
    }
    Ok(())
}

fn count_of(text: &[u8]) -> Result<u64, CommandError> {
    let count = protocol::parse_i64(text).and_then(|count| u64::try_from(count).ok());
    count.ok_or(CommandError::NotPositive)
}

/// How members that were popped are answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum PopReply {
    /// `[member, score, ...]`.
    Flat,
    /// `[[member, score], ...]`.
    Nested,
    /// `[key, member, score]`, for one member.
    FlatWithKey,
    /// `[key, [[member, score], ...]]`.
    NestedWithKey,
}

impl PopReply {
    fn begin(self, reply: &mut Output<'_>, key: &[u8], count: u64) {
        let count = count as usize;
        match self {
            PopReply::Flat => reply.array(2 * count),
            PopReply::Nested => reply.array(count),
            PopReply::FlatWithKey => {
                reply.array(2 * count + 1);
                reply.bulk(key);
            }
            PopReply::NestedWithKey => {
                reply.array(2);
                reply.bulk(key);
                reply.array(count);
            }
        }
    }

    fn is_nested(self) -> bool {
        matches!(self, PopReply::Nested | PopReply::NestedWithKey)
    }
}

/// Removes up to `count` members at one end of the sorted set at `key`, answers them with their scores, from that end on,
/// and announces it. `None`: there is no sorted set, and nothing is answered.
///
/// # Errors
/// `WrongType`; nothing has happened then.
pub(crate) fn pop(
    ctx: &mut Context<'_, '_>,
    db: DbIndex,
    key: &Key<'_>,
    from: Extreme,
    count: u64,
    shape: PopReply,
) -> Result<Option<EditOutcome<()>>, CommandError> {
    let (limit, reply) = (ctx.config.limits.sorted_set, &mut ctx.reply);
    let popped = ctx.unit.edit_sorted_set(db, key, limit, |edit| {
        let len = edit.set().len();
        if len == 0 {
            return false;
        }
        shape.begin(reply, key.bytes, count.min(len));
        edit.pop(from, count, &mut |(member, score)| {
            if shape.is_nested() {
                reply.array(2);
            }
            write_member(reply, member);
            reply.double(score);
        });
        true
    })?;
    if popped.changes > 0 {
        let event = match from {
            Extreme::Lowest => "zpopmin",
            Extreme::Highest => "zpopmax",
        };
        ctx.notify_in(EventClass::SORTED_SET, event, db, key.bytes);
    }
    if popped.is_gone {
        ctx.notify_in(EventClass::GENERIC, "del", db, key.bytes);
    }
    Ok(popped.result.then_some(EditOutcome {
        result: (),
        changes: popped.changes,
        is_gone: popped.is_gone,
    }))
}
