//! `XACK` and `XPENDING`: what was delivered and not acknowledged yet.

use storage::collection::stream::{Group, PendingEntry, StreamId};

use super::delete::ids_from;
use super::ids::{first_id, last_id, write_id};
use super::integer;
use super::nogroup::no_key_or_group;
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

    /// The entries of `group` that are to be shown.
    fn select(&self, group: &Group, now_ms: i64, mut show: impl FnMut(StreamId, PendingEntry)) {
        let pending = group.pending();
        let is_idle = |entry: &PendingEntry| {
            self.min_idle_ms == 0 || entry.idle_ms(now_ms) >= self.min_idle_ms
        };
        let show = |(id, entry)| show(id, entry);
        let Some(consumer) = self.consumer else {
            let entries = pending.iter_from(self.first);
            return entries
                .take_while(|(id, _)| *id <= self.last)
                .filter(|(_, entry)| is_idle(entry))
                .take(self.most)
                .for_each(show);
        };
        let Some(number) = group.consumers().find(consumer) else {
            return;
        };
        let ids = pending.ids_of(number, self.first);
        ids.take_while(|id| *id <= self.last)
            .filter_map(|id| Some((id, pending.get(id)?)))
            .filter(|(_, entry)| is_idle(entry))
            .take(self.most)
            .for_each(show);
    }
}

/// `XPENDING key group [[IDLE min-idle-time] start end count [consumer]]`: how many entries are pending and for whom, or
/// which ones.
pub(super) fn xpending(ctx: &mut Context<'_, '_>, args: Args<'_>) -> CommandResult {
    let filter = Filter::parse(args)?;
    let (db, key, name, now) = (ctx.db(), ctx.key(args, 1), args.at(2), ctx.now());
    let stream = ctx.unit.stream(db, &key)?;
    let group = stream.and_then(|stream| stream.groups().get(name));
    let group = group.ok_or_else(|| no_key_or_group(key.bytes, name))?;
    let Some(filter) = filter else {
        reply_with_summary(&mut ctx.reply, group);
        return Ok(());
    };
    let header = ctx.reply.begin_deferred();
    let mut count = 0;
    filter.select(group, now.0, |id, entry| {
        let reply = &mut ctx.reply;
        reply.array(4);
        write_id(reply, id);
        reply.bulk(consumer_name(group, entry));
        reply.integer(match entry.consumer() {
            Some(_) => entry.idle_ms(now.0).max(0),
            // It was released: nobody has it.
            None => -1,
        });
        reply.integer(entry.deliveries.cast_signed());
        count += 1;
    });
    ctx.reply.end_deferred_array(header, count);
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
