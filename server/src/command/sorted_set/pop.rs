//! `ZPOPMIN` and `ZPOPMAX`.

use std::ops::Range;

use protocol::Version;
use storage::collection::Collection;
use storage::collection::ranked::Wanted;
use storage::typed::CollectionRef;
use storage::typed::sorted_set::{Extreme, SortedSetEdit, SortedSetRef};
use storage::{DbIndex, EditOutcome, Key};

use super::cut::{CUT_AT_ONCE_MAX, cut_ahead};
use super::reply::{Shown, write_member, write_nested};
use crate::command::bulk::Ahead;
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
    if pop(ctx, db, &key, from, count.unwrap_or(1), shape)? == Popped::Nothing {
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

/// What a pop has come to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Popped {
    /// There is no sorted set, and nothing is answered.
    Nothing,
    /// So many members, which are answered.
    Members(u64),
    /// They are being parted from the others; the command runs again then.
    Later,
}

/// Removes up to `count` members at one end of the sorted set at `key`, answers them with their scores, from that end on,
/// and announces it.
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
) -> Result<Popped, CommandError> {
    let (limit, reply) = (ctx.config.limits.sorted_set, &mut ctx.reply);
    let popped = ctx.unit.edit_sorted_set(db, key, limit, |edit| {
        let set = edit.set();
        let count = count.min(set.len());
        if count > CUT_AT_ONCE_MAX && set.big().is_some() {
            return None;
        }
        if !set.is_empty() {
            pop_now(edit, reply, key, from, count, shape);
            return Some(true);
        }
        Some(false)
    })?;
    match popped.result {
        None => pop_many(ctx, db, key, from, count, shape),
        Some(false) => Ok(Popped::Nothing),
        Some(true) => {
            announce(ctx, db, key, from, &popped);
            Ok(Popped::Members(popped.changes))
        }
    }
}

fn pop_now(
    edit: &mut SortedSetEdit<'_, '_>,
    reply: &mut Output<'_>,
    key: &Key<'_>,
    from: Extreme,
    count: u64,
    shape: PopReply,
) {
    shape.begin(reply, key.bytes, count);
    edit.pop(from, count, &mut |pair| {
        if shape.is_nested() {
            write_nested(reply, pair);
        } else {
            write_member(reply, pair.0);
            reply.double(pair.1);
        }
    });
}

/// The events of a pop.
fn announce<R>(
    ctx: &mut Context<'_, '_>,
    db: DbIndex,
    key: &Key<'_>,
    from: Extreme,
    popped: &EditOutcome<R>,
) {
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
}

/// Pops many members of a big sorted set, which are answered after the locks are gone.
#[cold]
fn pop_many(
    ctx: &mut Context<'_, '_>,
    db: DbIndex,
    key: &Key<'_>,
    from: Extreme,
    count: u64,
    shape: PopReply,
) -> Result<Popped, CommandError> {
    let (limit, keyspace) = (ctx.config.limits.sorted_set, &ctx.server.keyspace);
    let len = ctx.unit.sorted_set_to_change(db, key)?;
    let len = len.map_or(0, |set| set.len());
    let cut = if count < len {
        let ranks = |set: SortedSetRef<'_>| ranks_at(from, count, set.len());
        match cut_ahead(ctx, db, key, Wanted::Others, ranks)? {
            Ahead::Begun => return Ok(Popped::Later),
            Ahead::Done(cut) => Some(cut.into_parts()),
            Ahead::Not => None,
        }
    } else {
        // All are what is there now, and its removal takes no time.
        None
    };
    let reply = &mut ctx.reply;
    let popped = ctx.unit.edit_sorted_set(db, key, limit, |edit| match cut {
        Some((rest, popped)) => {
            edit.leave_only(rest);
            Some(keyspace.pin_clone(Collection::SortedSet(popped)))
        }
        None if count >= len => {
            let all = edit.set().big().map(|big| keyspace.pin(big));
            edit.remove_ranks(0..len);
            all
        }
        None => {
            pop_now(edit, reply, key, from, count, shape);
            None
        }
    })?;
    if let Some(members) = &popped.result {
        shape.begin(&mut ctx.reply, key.bytes, members.len());
        reply_with_popped(ctx, members, from, shape);
    }
    announce(ctx, db, key, from, &popped);
    Ok(Popped::Members(popped.changes))
}

/// The ranks of so many members at one end.
fn ranks_at(from: Extreme, count: u64, len: u64) -> Range<u64> {
    match from {
        Extreme::Lowest => 0..count.min(len),
        Extreme::Highest => len.saturating_sub(count)..len,
    }
}

/// Answers members that were popped, behind their header.
fn reply_with_popped(
    ctx: &mut Context<'_, '_>,
    members: &Collection,
    from: Extreme,
    shape: PopReply,
) {
    let shown = Shown {
        ranks: 0..members.len(),
        is_reversed: from == Extreme::Highest,
        with_scores: true,
        is_nested: shape.is_nested(),
    };
    let hasher = ctx.server.keyspace.hasher().elements();
    if let Some(set) = SortedSetRef::of(CollectionRef::Big(members), hasher) {
        shown.write_behind_header(&mut ctx.reply, ctx.server, set);
    }
}
