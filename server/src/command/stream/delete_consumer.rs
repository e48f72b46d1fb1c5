//! `XGROUP DELCONSUMER`. What a consumer has pending goes with it: where that is much, ahead and without any lock, in a group
//! that is made beside the stream.

use storage::collection::stream::{ConsumerNumber, Group};
use storage::typed::GroupsAhead;
use storage::{DbIndex, Key};

use super::group::edit_group;
use crate::command::bulk::{ATTEMPTS_MAX, Ahead, Preparation, Steps, prepare};
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
    let prepared = ctx.take_prepared::<Preparation<ConsumerAhead>>();
    let attempts = prepared.as_ref().map_or(0, |prepared| prepared.attempts);
    let may_prepare = !ctx.in_exec && attempts < ATTEMPTS_MAX;
    let Some(stream) = ctx.unit.peek_stream(db, key) else {
        return Ahead::Not;
    };
    if let Some(prepared) = prepared
        && prepared.work.groups.is_of_group(stream, group)
    {
        return Ahead::Done(Box::new(prepared.work));
    }
    let found = stream.groups().get(group);
    let number = found.and_then(|group| group.consumers().find(consumer));
    let is_long = |(group, number): &(&Group, ConsumerNumber)| {
        let count = group.pending().len_of(*number);
        // All that is pending goes at once, whatever that is.
        count > PENDING_AT_ONCE_MAX && count < group.pending().len()
    };
    let Some((_, number)) = found.zip(number).filter(is_long).filter(|_| may_prepare) else {
        return Ahead::Not;
    };
    let groups = GroupsAhead::new(stream, &ctx.server.keyspace);
    let work = ConsumerAhead {
        groups,
        group: group.into(),
        number,
        count: 0,
    };
    prepare(ctx, work, attempts);
    Ahead::Begun
}
