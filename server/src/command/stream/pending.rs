//! `XACK` and `XPENDING`: what was delivered and not acknowledged yet.

use storage::collection::stream::{Group, PendingEntry, StreamId};

use super::delete::ids_from;
use super::ids::{first_id, last_id, write_id};
use super::integer;
use super::nogroup::no_key_or_group;
use super::pending_search::{LongSearch, Search};
use crate::command::bulk::answer;
use crate::command::{Args, CommandError, CommandResult, Context};
use crate::output::Output;

/// `XACK key group id [id ...]`: makes entries pending no more; how many were.
pub(super) fn xack(ctx: &mut Context<'_, '_>, args: Args<'_>) -> CommandResult {
    let (db, key, name) = (ctx.db(), ctx.key(args, 1), args.at(2));
    let stream = ctx.unit.stream(db, &key)?;
    // Only a group that is there has the IDs looked at, as in Redis.
    if stream.is_none_or(|stream| stream.groups().get(name).is_none()) {
        ctx.reply.integer(0);
        return Ok(());
    }
    let ids = ids_from(args, 3)?;
    let edited = ctx.unit.edit_stream(db, &key, |edit| {
        let mut acknowledged = 0;
        if let Some(mut group) = edit.group(name) {
            acknowledged = ids.iter().filter(|&&id| group.acknowledge(id)).count();
        }
        edit.changed_aside(acknowledged as u64);
        acknowledged
    })?;
    ctx.reply.integer(edited.result as i64);
    Ok(())
}

/// More pending entries are not looked at under the lock.
const LOOKS_AT_ONCE_MAX: u64 = 4096;

/// Which pending entries to show.
#[derive(Clone, Copy, Debug)]
struct Filter<'a> {
    min_idle_ms: i64,
    first: StreamId,
    last: StreamId,
    most: usize,
    consumer: Option<&'a [u8]>,
}

impl<'a> Filter<'a> {
    /// Reads `[IDLE min-idle-time] start end count [consumer]`; `None` if there is nothing.
    fn parse(args: Args<'a>) -> Result<Option<Self>, CommandError> {
        let by_idle = args.is(3, "IDLE");
        match args.len() {
            3 => return Ok(None),
            6..=9 => {}
            _ => return Err(CommandError::Syntax),
        }
        let mut min_idle_ms = 0;
        if by_idle {
            min_idle_ms = integer(args.at(4))?;
            if args.len() < 8 {
                return Err(CommandError::Syntax);
            }
        }
        let at = if by_idle { 5 } else { 3 };
        let most = usize::try_from(integer(args.at(at + 2))?).unwrap_or(0);
        Ok(Some(Self {
            min_idle_ms,
            first: first_id(args.at(at))?,
            last: last_id(args.at(at + 1))?,
            most,
            consumer: args.get(at + 3),
        }))
    }

    /// Those of `group`; `None`: there are none, as the consumer is not there.
    fn search(&self, group: &Group, now_ms: i64) -> Option<Search> {
        let consumer = match self.consumer {
            Some(name) => Some(group.consumers().find(name)?),
            None => None,
        };
        let ids = (self.first, self.last);
        let search = Search::new(consumer, ids, self.min_idle_ms, now_ms, self.most);
        Some(search)
    }
}

/// `XPENDING key group [[IDLE min-idle-time] start end count [consumer]]`: how many entries are pending and for whom, or
/// which ones.
pub(super) fn xpending(ctx: &mut Context<'_, '_>, args: Args<'_>) -> CommandResult {
    let filter = Filter::parse(args)?;
    let (db, key, name, now) = (ctx.db(), ctx.key(args, 1), args.at(2), ctx.now());
    let found = ctx.unit.stream(db, &key)?;
    let found = found.and_then(|stream| Some((stream, stream.groups().get(name)?)));
    let (stream, group) = found.ok_or_else(|| no_key_or_group(key.bytes, name))?;
    let Some(filter) = filter else {
        reply_with_summary(&mut ctx.reply, group);
        return Ok(());
    };
    let Some(mut search) = filter.search(group, now.0) else {
        ctx.reply.array(0);
        return Ok(());
    };
    let keyspace = &ctx.server.keyspace;
    if search.looks(group.pending()) <= LOOKS_AT_ONCE_MAX {
        while search.step(group.pending(), usize::MAX) {}
        search.write(&mut ctx.reply, stream, name, keyspace);
        return Ok(());
    }
    let search = LongSearch::new(stream, name, search, keyspace);
    answer(ctx, search);
    Ok(())
}

/// The name of the consumer that an entry is pending for; nobody's is empty.
pub(super) fn consumer_name(group: &Group, entry: PendingEntry) -> &[u8] {
    let consumer = entry.consumer();
    let consumer = consumer.and_then(|number| group.consumers().get(number));
    consumer.map_or(b"", |consumer| consumer.name())
}

fn reply_with_summary(reply: &mut Output<'_>, group: &Group) {
    let pending = group.pending();
    reply.array(4);
    reply.integer(pending.len() as i64);
    let Some((first, last)) = pending.bounds() else {
        reply.null();
        reply.null();
        reply.null_array();
        return;
    };
    write_id(reply, first);
    write_id(reply, last);
    let header = reply.begin_deferred();
    let mut count = 0;
    for (number, consumer) in group.consumers().iter() {
        let owned = pending.len_of(number);
        if owned > 0 {
            reply.array(2);
            reply.bulk(consumer.name());
            reply.bulk_integer(owned as i64);
            count += 1;
        }
    }
    reply.end_deferred_array(header, count);
}
