//! `XREADGROUP`: consumers get what nobody of their group has got yet, or see what they have pending.

use protocol::Version;
use smallvec::SmallVec;
use storage::collection::stream::{Group, Stream, StreamId};
use storage::waiters::Serve;
use storage::{DbIndex, Key, Keyspace, Unit};

use super::budget::{Budget, Caps};
use super::delivery::{Delivery, Start, Visit, first_new};
use super::entries::end_streams;
use super::group::announce_consumer;
use super::ids::exact_id;
use super::log::GroupLog;
use super::nogroup::no_key_or_group_to_read;
use super::read_ahead::{ToRead, is_much, read_ahead, take_place};
use super::read_options::{ReadOptions, Reader};
use crate::blocking::Operation;
use crate::command::bulk::Ahead;
use crate::command::{Args, CommandError, CommandResult, Context};

const LAST_ID_IN_GROUP: CommandError = CommandError::Line(
    "ERR The $ ID is meaningless in the context of XREADGROUP: you want to read the history of this consumer by specifying a proper ID, or use the > ID to get new messages. The $ ID would just return an empty result set.",
);

impl Start {
    fn parse(text: &[u8]) -> Result<Self, CommandError> {
        match text {
            b">" => Ok(Start::New),
            b"$" => Err(LAST_ID_IN_GROUP),
            // To Redis `>` is the largest ID.
            _ => exact_id(text, 0).map(|id| match id {
                StreamId::MAX => Start::New,
                id => Start::History(id),
            }),
        }
    }
}

/// How a consumer reads.
#[derive(Clone, Copy, Debug)]
pub(super) struct Reading<'a> {
    pub(super) reader: Reader<'a>,
    /// Entries of each stream, at most.
    pub(super) most: u64,
    /// For how long what is claimed must have been pending, if anything shall be.
    pub(super) min_idle_ms: Option<i64>,
    /// Whether what is delivered becomes pending.
    pub(super) needs_ack: bool,
}

/// `XREADGROUP GROUP group consumer [COUNT count] [MAXCOUNT maxcount] [MAXSIZE maxsize] [BLOCK milliseconds]
/// [CLAIM min-idle-time] [NOACK] STREAMS key [key ...] id [id ...]`: what a consumer gets of several streams.
pub(super) fn xreadgroup(ctx: &mut Context<'_, '_>, args: Args<'_>) -> CommandResult {
    let options = ReadOptions::parse(args, true, ctx.now().0)?;
    let reader = options.reader.ok_or(CommandError::Syntax)?;
    let reading = Reading {
        reader,
        most: options.most,
        min_idle_ms: options.min_idle_ms,
        needs_ack: options.needs_ack,
    };
    let (db, is_again) = (ctx.db(), ctx.is_prepared());
    let mut streams: SmallVec<[ToRead<'_>; 4]> = SmallVec::new();
    for number in 0..options.streams {
        let key = options.key(ctx, args, number);
        // What has been found out ahead was looked up then.
        let stream = match is_again {
            false => ctx.unit.stream(db, &key)?,
            true => ctx.unit.stream_to_change(db, &key)?,
        };
        if stream.is_none_or(|stream| stream.groups().get(reader.group).is_none()) {
            return Err(no_key_or_group_to_read(key.bytes, reader.group));
        }
        streams.push((key, Start::parse(options.id(args, number))?));
    }
    if !is_again {
        // The second time that Redis looks the keys up.
        ctx.unit.tally.hits += streams.len() as u64;
    }
    let is_replied = match read_ahead(ctx, db, &streams, &reading, options.caps) {
        Ahead::Done(done) => take_place(ctx, db, &reading, *done)?,
        Ahead::Begun => return Ok(()),
        Ahead::Not => read_all(ctx, db, &streams, &reading, options.caps)?,
    };
    if is_replied {
        return Ok(());
    }
    let Some(deadline_ms) = options.wait.filter(|_| !ctx.in_exec) else {
        ctx.reply.null_array();
        return Ok(());
    };
    let keys: SmallVec<[Key<'_>; 4]> = streams.iter().map(|(key, _)| *key).collect();
    let operation = ReadNew::of(&keys, &reading, options.caps);
    ctx.block(&keys, &[], deadline_ms, operation);
    Ok(())
}

/// Reads from streams whose groups are there; whether there is a reply.
fn read_all(
    ctx: &mut Context<'_, '_>,
    db: DbIndex,
    streams: &[ToRead<'_>],
    reading: &Reading<'_>,
    caps: Caps,
) -> Result<bool, CommandError> {
    let mut budget = Budget::new(caps, ctx.reply.version());
    let header = ctx.reply.begin_deferred();
    let mut replied = 0;
    for (key, start) in streams {
        if budget.is_spent() {
            break;
        }
        replied += usize::from(read(ctx, db, key, reading, *start, &mut budget)?);
    }
    if replied > 0 {
        end_streams(&mut ctx.reply, header, replied);
    }
    Ok(replied > 0)
}

/// Reads from one stream, whose group is there, and answers the stream with its entries; whether it is in the reply.
fn read(
    ctx: &mut Context<'_, '_>,
    db: DbIndex,
    key: &Key<'_>,
    reading: &Reading<'_>,
    start: Start,
    budget: &mut Budget,
) -> Result<bool, CommandError> {
    let Reader { group, consumer } = reading.reader;
    let (now, mut log) = (ctx.now(), GroupLog::new(ctx));
    let (reply, keyspace) = (&mut ctx.reply, &ctx.server.keyspace);
    let edited = ctx.unit.edit_stream(db, key, |edit| {
        let mut group = edit.group(group).expect("the group has been seen");
        let (number, is_new) = group.visit(consumer, now);
        if is_new {
            log.made(consumer);
        }
        let visit = Visit {
            key: key.bytes,
            reading,
            consumer: number,
            now,
        };
        let mut delivery = Delivery::begin(&mut group, reading, start, budget, now);
        while delivery.step(&mut group, &visit, budget, &mut log, usize::MAX) {}
        drop(group);
        edit.changed_aside(delivery.changes() + u64::from(is_new));
        let is_replied = delivery.reply(key.bytes, reply, edit.stream(), keyspace);
        (is_new, is_replied)
    })?;
    let (is_new, is_replied) = edited.result;
    if is_new {
        announce_consumer(ctx, db, key);
    }
    log.write(ctx, db, key, group);
    Ok(is_replied)
}

/// A [`Reading`] that outlives the request.
#[derive(Debug)]
pub(super) struct OwnedReading {
    pub(super) group: Box<[u8]>,
    consumer: Box<[u8]>,
    most: u64,
    min_idle_ms: Option<i64>,
    needs_ack: bool,
}

impl OwnedReading {
    pub(super) fn of(reading: &Reading<'_>) -> Self {
        Self {
            group: reading.reader.group.into(),
            consumer: reading.reader.consumer.into(),
            most: reading.most,
            min_idle_ms: reading.min_idle_ms,
            needs_ack: reading.needs_ack,
        }
    }

    pub(super) fn reading(&self) -> Reading<'_> {
        Reading {
            reader: Reader {
                group: &self.group,
                consumer: &self.consumer,
            },
            most: self.most,
            min_idle_ms: self.min_idle_ms,
            needs_ack: self.needs_ack,
        }
    }
}

/// An `XREADGROUP` that waits.
#[derive(Debug)]
struct ReadNew {
    keys: Box<[Box<[u8]>]>,
    reading: OwnedReading,
    caps: Caps,
}

/// How often a client that claims is asked for at most: what others get meanwhile can be claimed at once if it says so.
const LOOK_AGAIN_MS: i64 = 50;

impl ReadNew {
    fn of(keys: &[Key<'_>], reading: &Reading<'_>, caps: Caps) -> Self {
        Self {
            keys: keys.iter().map(|key| key.bytes.into()).collect(),
            reading: OwnedReading::of(reading),
            caps,
        }
    }

    fn to_read<'a>(&'a self, keyspace: &Keyspace) -> impl Iterator<Item = ToRead<'a>> {
        let keys = self.keys.iter().map(|name| keyspace.key(name));
        keys.map(|key| (key, Start::New))
    }

    /// Whether something has been pending for long enough.
    fn can_claim(&self, stream: &Stream, group: &Group, now_ms: i64) -> bool {
        self.reading.min_idle_ms.is_some_and(|min_idle_ms| {
            let until_ms = now_ms.saturating_sub(min_idle_ms);
            let is_there = |id| stream.entries().contains(id);
            group.pending().any_until(until_ms, is_there)
        })
    }
}

impl Operation for ReadNew {
    fn can_serve(&self, unit: &mut Unit<'_>, db: DbIndex, key: &Key<'_>) -> Serve {
        let now = unit.now();
        // Without its group it waits in vain, and hears so.
        let Some(stream) = unit.peek_stream(db, key) else {
            return Serve::Now;
        };
        match stream.groups().get(&self.reading.group) {
            Some(group)
                if first_new(stream.entries(), group).is_none()
                    && !self.can_claim(stream, group, now.0) =>
            {
                Serve::NotThisOne
            }
            _ => Serve::Now,
        }
    }

    /// As in Redis 7.2 it reads all of its streams again, from the first one on.
    fn serve(&self, ctx: &mut Context<'_, '_>, _key: &Key<'_>) -> CommandResult {
        let db = ctx.db();
        let streams: SmallVec<[ToRead<'_>; 4]> = self.to_read(&ctx.server.keyspace).collect();
        for (key, _) in &streams {
            let stream = ctx.unit.stream(db, key)?;
            if stream.is_none_or(|stream| stream.groups().get(&self.reading.group).is_none()) {
                return Err(no_key_or_group_to_read(key.bytes, &self.reading.group));
            }
        }
        if !read_all(ctx, db, &streams, &self.reading.reading(), self.caps)? {
            ctx.reply.null_array();
        }
        Ok(())
    }

    fn needs_all_keys(&self) -> bool {
        true
    }

    fn may_be_long(&self) -> bool {
        true
    }

    fn is_long(&self, unit: &mut Unit<'_>, db: DbIndex, keyspace: &Keyspace) -> bool {
        let streams: SmallVec<[ToRead<'_>; 4]> = self.to_read(keyspace).collect();
        // The dialect does not matter: entries are not written for this.
        let budget = Budget::new(self.caps, Version::Resp2);
        is_much(unit, db, &streams, &self.reading.reading(), &budget)
    }

    /// When what is pending by now has been so for long enough; what others get from now on takes as long again.
    fn look_again_at_ms(&self, unit: &mut Unit<'_>, db: DbIndex, keys: &[Key<'_>]) -> Option<i64> {
        let (min_idle_ms, now_ms) = (self.reading.min_idle_ms?, unit.now().0);
        let mut since_ms = now_ms;
        for key in keys {
            let stream = unit.peek_stream(db, key);
            let group = stream.and_then(|stream| stream.groups().get(&self.reading.group));
            let oldest = group.and_then(|group| group.pending().oldest_since());
            since_ms = since_ms.min(oldest.unwrap_or(now_ms));
        }
        let at_ms = since_ms.saturating_add(min_idle_ms);
        Some(at_ms.max(now_ms.saturating_add(LOOK_AGAIN_MS)))
    }
}
