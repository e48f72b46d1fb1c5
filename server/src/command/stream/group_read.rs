//! `XREADGROUP`: consumers get what nobody of their group has got yet, or see what they have pending.

use protocol::Reply;
use smallvec::SmallVec;
use storage::collection::stream::{ConsumerNumber, Entries, Entry, Group, StreamId};
use storage::typed::StreamEdit;
use storage::waiters::Serve;
use storage::{DbIndex, Key, Keyspace, Unit, UnixMillis};

use super::entries::{Wanted, begin_stream, end_streams, write_entry};
use super::group::announce_consumer;
use super::ids::{exact_id, write_id};
use super::log::GroupLog;
use super::nogroup::no_key_or_group_to_read;
use super::read::{ReadOptions, Reader};
use crate::blocking::Operation;
use crate::command::{Args, CommandError, CommandResult, Context};
use crate::long_reply::ELEMENTS_MIN;
use crate::output::Output;

const LAST_ID_IN_GROUP: CommandError = CommandError::Line(
    "ERR The $ ID is meaningless in the context of XREADGROUP: you want to read the history of this consumer by specifying a proper ID, or use the > ID to get new messages. The $ ID would just return an empty result set.",
);

/// What a consumer wants of a stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Start {
    /// `>`: what was delivered to nobody yet.
    New,
    /// What it has pending behind this ID.
    History(StreamId),
}

impl Start {
    fn parse(text: &[u8]) -> Result<Self, CommandError> {
        match text {
            b">" => Ok(Start::New),
            b"$" => Err(LAST_ID_IN_GROUP),
            _ => exact_id(text, 0).map(Start::History),
        }
    }
}

/// How a consumer reads.
#[derive(Clone, Copy, Debug)]
struct Reading<'a> {
    reader: Reader<'a>,
    /// Entries of each stream, at most.
    most: u64,
    /// Whether what is delivered becomes pending.
    needs_ack: bool,
}

/// `XREADGROUP GROUP group consumer [COUNT count] [BLOCK milliseconds] [NOACK] STREAMS key [key ...] id [id ...]`: what a
/// consumer gets of several streams.
pub(super) fn xreadgroup(ctx: &mut Context<'_, '_>, args: Args<'_>) -> CommandResult {
    let options = ReadOptions::parse(args, true, ctx.now().0)?;
    let reader = options.reader.ok_or(CommandError::Syntax)?;
    let reading = Reading {
        reader,
        most: options.most,
        needs_ack: options.needs_ack,
    };
    let db = ctx.db();
    let mut streams: SmallVec<[(Key<'_>, Start); 4]> = SmallVec::new();
    for number in 0..options.streams {
        let key = options.key(ctx, args, number);
        let stream = ctx.unit.stream(db, &key)?;
        if stream.is_none_or(|stream| stream.groups().get(reader.group).is_none()) {
            return Err(no_key_or_group_to_read(key.bytes, reader.group));
        }
        streams.push((key, Start::parse(options.id(args, number))?));
    }
    // The second time that Redis looks the keys up.
    ctx.unit.tally.hits += streams.len() as u64;
    let mut replied = 0;
    let header = ctx.reply.begin_deferred();
    for (key, from) in &streams {
        replied += usize::from(read(ctx, db, key, &reading, *from)?);
    }
    if replied > 0 {
        end_streams(&mut ctx.reply, header, replied);
        return Ok(());
    }
    let Some(deadline_ms) = options.wait.filter(|_| !ctx.in_exec) else {
        ctx.reply.null_array();
        return Ok(());
    };
    let keys: SmallVec<[Key<'_>; 4]> = streams.iter().map(|(key, _)| *key).collect();
    ctx.block(&keys, &[], deadline_ms, ReadNew::of(&keys, &reading));
    Ok(())
}

/// Reads from one stream, whose group is there, and answers the stream with its entries; whether it is in the reply.
fn read(
    ctx: &mut Context<'_, '_>,
    db: DbIndex,
    key: &Key<'_>,
    reading: &Reading<'_>,
    start: Start,
) -> Result<bool, CommandError> {
    let Reader { group, consumer } = reading.reader;
    let (now, mut log) = (ctx.now(), GroupLog::new(ctx));
    let (reply, keyspace) = (&mut ctx.reply, &ctx.server.keyspace);
    let edited = ctx.unit.edit_stream(db, key, |edit| {
        let visited = edit
            .group(group)
            .map(|mut group| group.visit(consumer, now));
        let (number, is_new) = visited.expect("the group has been seen");
        if is_new {
            log.made(consumer);
            edit.changed_aside(1);
        }
        let mut delivery = Delivery {
            edit,
            reply,
            reading,
            consumer: number,
            now,
            log: &mut log,
        };
        let is_replied = match start {
            Start::New => delivery.deliver_new(key.bytes, keyspace),
            Start::History(id) => {
                delivery.redeliver(key.bytes, id);
                true
            }
        };
        (is_new, is_replied)
    })?;
    let (is_new, is_replied) = edited.result;
    if is_new {
        announce_consumer(ctx, db, key);
    }
    log.write(ctx, db, key, group);
    Ok(is_replied)
}

/// Entries on their way to a consumer.
struct Delivery<'d, 'c, 'e, 'o> {
    edit: &'d mut StreamEdit<'c, 'e>,
    reply: &'d mut Output<'o>,
    reading: &'d Reading<'d>,
    consumer: ConsumerNumber,
    now: UnixMillis,
    log: &'d mut GroupLog,
}

impl Delivery<'_, '_, '_, '_> {
    /// Delivers what is new, if anything is.
    fn deliver_new(&mut self, key: &[u8], keyspace: &Keyspace) -> bool {
        let stream = self.edit.stream();
        let group = stream.groups().get(self.reading.reader.group);
        let Some(first) = group.and_then(|group| first_new(stream.entries(), group)) else {
            return false;
        };
        begin_stream(self.reply, key);
        let may_be_many = self.reading.most.min(stream.len()) > ELEMENTS_MIN;
        if may_be_many {
            let wanted = self.deliver_from(first, |_, _| {});
            wanted.reply(self.reply, self.edit.stream(), keyspace);
        } else {
            let header = self.reply.begin_deferred();
            let wanted = self.deliver_from(first, write_entry);
            self.reply.end_deferred_array(header, wanted.most as usize);
        }
        self.edit.changed_aside(1);
        true
    }

    /// Delivers up to as many entries as are wanted, from the one with the ID `first` on, each once `write` has seen it; which ones it
    /// was.
    fn deliver_from(
        &mut self,
        first: StreamId,
        mut write: impl FnMut(&mut Reply<'_>, Entry<'_>),
    ) -> Wanted {
        let mut delivered = Wanted {
            last: first,
            ..Wanted::from(first, 0)
        };
        let Some(mut group) = self.edit.group(self.reading.reader.group) else {
            return delivered;
        };
        let needs_ack = self.reading.needs_ack;
        for entry in group.entries().range(first, StreamId::MAX) {
            (delivered.last, delivered.most) = (entry.id, delivered.most + 1);
            write(self.reply, entry);
            group.deliver(self.consumer, delivered.last, needs_ack, self.now);
            if needs_ack {
                self.log.claimed_now(group.as_group(), delivered.last);
            }
            if delivered.most == self.reading.most {
                break;
            }
        }
        self.log.progressed(group.as_group());
        delivered
    }

    /// Delivers what the consumer has pending behind `id` once more. Entries that are gone are shown without fields.
    fn redeliver(&mut self, key: &[u8], id: StreamId) {
        let reply = &mut *self.reply;
        begin_stream(reply, key);
        let group = self.edit.group(self.reading.reader.group);
        let (Some(mut group), Some(first)) = (group, id.next()) else {
            reply.array(0);
            return;
        };
        let most = usize::try_from(self.reading.most).unwrap_or(usize::MAX);
        let ids = group.as_group().pending().ids_of(self.consumer, first);
        let ids: Vec<StreamId> = ids.take(most).collect();
        reply.array(ids.len());
        for id in ids {
            if let Some(entry) = group.entries().range(id, id).next() {
                write_entry(reply, entry);
                group.redeliver(id, self.now);
            } else {
                reply.array(2);
                write_id(reply, id);
                reply.null_array();
            }
        }
    }
}

/// The first entry that was not delivered to the group.
fn first_new(entries: &Entries, group: &Group) -> Option<StreamId> {
    let first = group
        .last_id()
        .next()
        .filter(|&first| first <= entries.last_id())?;
    let entry = entries.range(first, StreamId::MAX).next()?;
    Some(entry.id)
}

/// An `XREADGROUP` that waits.
#[derive(Debug)]
struct ReadNew {
    keys: Box<[Box<[u8]>]>,
    group: Box<[u8]>,
    consumer: Box<[u8]>,
    most: u64,
    needs_ack: bool,
}

impl ReadNew {
    fn of(keys: &[Key<'_>], reading: &Reading<'_>) -> Self {
        Self {
            keys: keys.iter().map(|key| key.bytes.into()).collect(),
            group: reading.reader.group.into(),
            consumer: reading.reader.consumer.into(),
            most: reading.most,
            needs_ack: reading.needs_ack,
        }
    }

    fn reading(&self) -> Reading<'_> {
        Reading {
            reader: Reader {
                group: &self.group,
                consumer: &self.consumer,
            },
            most: self.most,
            needs_ack: self.needs_ack,
        }
    }
}

impl Operation for ReadNew {
    fn can_serve(&self, unit: &mut Unit<'_>, db: DbIndex, key: &Key<'_>) -> Serve {
        // Without its group it waits in vain, and hears so.
        let Some(stream) = unit.peek_stream(db, key) else {
            return Serve::Now;
        };
        match stream.groups().get(&self.group) {
            Some(group) if first_new(stream.entries(), group).is_none() => Serve::NotThisOne,
            _ => Serve::Now,
        }
    }

    fn serve(&self, ctx: &mut Context<'_, '_>, _key: &Key<'_>) -> CommandResult {
        let db = ctx.db();
        // Of the keys that have changed in this unit it has the locks; the others have nothing new.
        let keys = self.keys.iter().map(|name| ctx.server.keyspace.key(name));
        let mut keys: SmallVec<[Key<'_>; 4]> = keys.collect();
        keys.retain(|key| ctx.unit.waits(key.hash.shard).is_some());
        for key in &keys {
            let stream = ctx.unit.stream(db, key)?;
            if stream.is_none_or(|stream| stream.groups().get(&self.group).is_none()) {
                return Err(no_key_or_group_to_read(key.bytes, &self.group));
            }
        }
        let header = ctx.reply.begin_deferred();
        let mut replied = 0;
        for key in &keys {
            replied += usize::from(read(ctx, db, key, &self.reading(), Start::New)?);
        }
        end_streams(&mut ctx.reply, header, replied);
        Ok(())
    }
}
