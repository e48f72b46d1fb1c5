//! `XGROUP DELCONSUMER`. What a consumer has pending goes with it: where that is much, ahead and without any lock, in a group
//! that is made beside the stream.

use storage::collection::stream::ConsumerNumber;
use storage::typed::GroupsAhead;
use storage::{DbIndex, Key};

use super::group::edit_group;
use crate::command::bulk::{Ahead, Steps, ahead};
use crate::command::{Args, CommandResult, Context};
use crate::notify::EventClass;

/// Entries that are made pending no more under the lock.
const PENDING_AT_ONCE_MAX: u64 = 256;

/// A consumer that is losing what it has pending.
#[derive(Debug)]
struct ConsumerAhead {
    groups: GroupsAhead,
    group: Box<[u8]>,
    number: ConsumerNumber,
    /// How many entries it was so far.
    count: u64,
}

impl Steps for ConsumerAhead {
    fn step(&mut self, work: usize) -> bool {
        let group = self.groups.group(&self.group);
        let count = group.map_or(0, |mut group| group.forget_some_of(self.number, work));
        self.count += count as u64;
        count == work
    }
}

/// `XGROUP DELCONSUMER key group consumer`: removes a consumer; how many entries it had pending.
pub(super) fn delete_consumer(ctx: &mut Context<'_, '_>, args: Args<'_>) -> CommandResult {
    let (db, key) = (ctx.db(), ctx.key(args, 2));
    let ahead = match consumer_ahead(ctx, db, &key, args.at(3), args.at(4)) {
        Ahead::Done(ahead) => Some(ahead),
        Ahead::Begun => return Ok(()),
        Ahead::Not => None,
    };
    let (key, pending) = edit_group(ctx, args, |edit, name| {
        if let Some(ahead) = &ahead {
            edit.take_group_of(&ahead.groups, name);
        }
        Ok(edit.delete_consumer(name, args.at(4)))
    })?;
    if pending.is_some() {
        ctx.notify(EventClass::STREAM, "xgroup-delconsumer", key.bytes);
    }
    let before = ahead.map_or(0, |ahead| ahead.count);
    ctx.reply.integer((before + pending.unwrap_or(0)) as i64);
    Ok(())
}

/// Has the pending entries of a consumer forgotten ahead, if they are many; or what was done, if that is why the command
/// runs again.
fn consumer_ahead(
    ctx: &mut Context<'_, '_>,
    db: DbIndex,
    key: &Key<'_>,
    group: &[u8],
    consumer: &[u8],
) -> Ahead<ConsumerAhead> {
    ahead(
        ctx,
        |ctx, work: &ConsumerAhead| {
            let stream = ctx.unit.peek_stream(db, key);
            stream.is_some_and(|stream| work.groups.is_of_group(stream, group))
        },
        |ctx| {
            let stream = ctx.unit.peek_stream(db, key)?;
            let found = stream.groups().get(group)?;
            let number = found.consumers().find(consumer)?;
            let count = found.pending().len_of(number);
            // All that is pending goes at once, whatever that is.
            let is_long = count > PENDING_AT_ONCE_MAX && count < found.pending().len();
            is_long.then(|| ConsumerAhead {
                groups: GroupsAhead::new(stream, &ctx.server.keyspace),
                group: group.into(),
                number,
                count: 0,
            })
        },
    )
}
