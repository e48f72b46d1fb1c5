//! `XREADGROUP` of much, found out ahead: without any lock, in groups that are made beside the streams.

use std::collections::HashMap;

use storage::typed::GroupsAhead;
use storage::{DbIndex, Key, Unit, UnixMillis};

use super::budget::{Budget, Caps};
use super::delivery::{Delivery, Start, Visit};
use super::entries::end_streams;
use super::group::announce_consumer;
use super::group_read::{OwnedReading, Reading};
use super::log::GroupLog;
use crate::command::bulk::{Ahead, Steps, ahead};
use crate::command::{CommandError, Context};

/// What costs more is not done under the lock, see [`Delivery::cost`]: about half a millisecond.
const COST_AT_ONCE_MAX: u64 = 1536;

/// Bytes of entries that one step goes through.
const STEP_BYTES: usize = 32 << 10;

/// A stream to be read: its key, and from where.
pub(super) type ToRead<'a> = (Key<'a>, Start);

/// Has it found out what is delivered of streams, whose groups are there, if that is much; or what was found out, if that is
/// why the command runs again.
pub(super) fn read_ahead(
    ctx: &mut Context<'_, '_>,
    db: DbIndex,
    streams: &[ToRead<'_>],
    reading: &Reading<'_>,
    caps: Caps,
) -> Ahead<ReadAhead> {
    ahead(
        ctx,
        |ctx, work: &ReadAhead| work.is_current(ctx, db),
        |ctx| {
            let budget = Budget::new(caps, ctx.reply.version());
            is_much(ctx.unit, db, streams, reading, &budget)
                .then(|| ReadAhead::new(ctx, db, streams, reading, budget))
        },
    )
}

/// Whether reading these streams takes longer than others should wait for the lock.
pub(super) fn is_much(
    unit: &mut Unit<'_>,
    db: DbIndex,
    streams: &[ToRead<'_>],
    reading: &Reading<'_>,
    budget: &Budget,
) -> bool {
    let (now, mut cost) = (unit.now(), 0_u64);
    for (key, start) in streams {
        let stream = unit.peek_stream(db, key);
        let group =
            stream.and_then(|stream| Some((stream, stream.groups().get(reading.reader.group)?)));
        let costs = group.map_or(0, |(stream, group)| {
            Delivery::cost(stream, group, reading, *start, budget, now)
        });
        cost = cost.saturating_add(costs);
    }
    cost > COST_AT_ONCE_MAX
}

/// An `XREADGROUP` under way.
#[derive(Debug)]
pub(super) struct ReadAhead {
    reading: OwnedReading,
    budget: Budget,
    now: UnixMillis,
    /// The groups by key.
    groups: Vec<(Box<[u8]>, GroupsAhead)>,
    /// What is read, one after the other; a key may be among them more than once.
    parts: Vec<Part>,
    /// The part that it has come to.
    at: usize,
}

/// A stream on its way to be read.
#[derive(Debug)]
struct Part {
    /// Which of the keys.
    key: usize,
    start: Start,
    /// `None` before its turn, or if it does not come to that.
    delivery: Option<Delivery>,
    /// Whether the consumer has been made for it.
    is_new: bool,
    log: GroupLog,
}

impl ReadAhead {
    fn new(
        ctx: &mut Context<'_, '_>,
        db: DbIndex,
        streams: &[ToRead<'_>],
        reading: &Reading<'_>,
        budget: Budget,
    ) -> Self {
        let (mut groups, mut numbers, mut parts) = (Vec::new(), HashMap::new(), Vec::new());
        for (key, start) in streams {
            let number = *numbers.entry(key.bytes).or_insert(groups.len());
            if number == groups.len()
                && let Some(stream) = ctx.unit.peek_stream(db, key)
            {
                let ahead = GroupsAhead::new(stream, &ctx.server.keyspace);
                groups.push((key.bytes.into(), ahead));
            }
            parts.push(Part {
                key: number,
                start: *start,
                delivery: None,
                is_new: false,
                log: GroupLog::new(ctx),
            });
        }
        Self {
            reading: OwnedReading::of(reading),
            budget,
            now: ctx.now(),
            groups,
            parts,
            at: 0,
        }
    }

    /// Whether what has been found out is still so.
    fn is_current(&self, ctx: &mut Context<'_, '_>, db: DbIndex) -> bool {
        let mut keys = self.groups.iter();
        let is_same = keys.all(|(key, ahead)| {
            let key = ctx.server.keyspace.key(key);
            let stream = ctx.unit.peek_stream(db, &key);
            stream.is_some_and(|stream| ahead.is_of_group(stream, &self.reading.group))
        });
        is_same && self.parts.iter().all(|part| part.log.fits(ctx))
    }
}

impl Steps for ReadAhead {
    fn step(&mut self, work: usize) -> bool {
        let reading = self.reading.reading();
        let Some(part) = self.parts.get_mut(self.at) else {
            return false;
        };
        let (key, ahead) = &mut self.groups[part.key];
        // Where bytes are counted each entry is written, to see how long it is.
        let work = match self.budget.counts_bytes() {
            true => work.min(1 + STEP_BYTES / ahead.stream().mean_bytes()),
            false => work,
        };
        let Some(mut group) = ahead.group(reading.reader.group) else {
            return false;
        };
        let (consumer, is_new) = group.visit(reading.reader.consumer, self.now);
        if is_new {
            part.log.made(reading.reader.consumer);
            part.is_new = true;
        }
        let visit = Visit {
            key,
            reading: &reading,
            consumer,
            now: self.now,
        };
        let (start, budget) = (part.start, &mut self.budget);
        let delivery = part
            .delivery
            .get_or_insert_with(|| Delivery::begin(&mut group, &reading, start, budget, visit.now));
        if delivery.step(&mut group, &visit, budget, &mut part.log, work) {
            return true;
        }
        self.at += 1;
        self.at < self.parts.len() && !self.budget.is_spent()
    }
}

/// Puts in place what was found out of streams, which are still the same, and answers it; whether there is a reply.
pub(super) fn take_place(
    ctx: &mut Context<'_, '_>,
    db: DbIndex,
    reading: &Reading<'_>,
    done: ReadAhead,
) -> Result<bool, CommandError> {
    let ReadAhead { groups, parts, .. } = done;
    let keyspace = &ctx.server.keyspace;
    let header = ctx.reply.begin_deferred();
    let mut replied = 0;
    for part in parts {
        let Some(delivery) = part.delivery else {
            break;
        };
        let (key, ahead) = &groups[part.key];
        let key = keyspace.key(key);
        let reply = &mut ctx.reply;
        let edited = ctx.unit.edit_stream(db, &key, |edit| {
            edit.take_group_of(ahead, reading.reader.group);
            edit.changed_aside(delivery.changes() + u64::from(part.is_new));
            delivery.reply(key.bytes, reply, edit.stream(), keyspace)
        })?;
        replied += usize::from(edited.result);
        if part.is_new {
            announce_consumer(ctx, db, &key);
        }
        part.log.write(ctx, db, &key, reading.reader.group);
    }
    if replied > 0 {
        end_streams(&mut ctx.reply, header, replied);
    }
    Ok(replied > 0)
}
