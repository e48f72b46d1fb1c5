//! `XACK` and `XPENDING`: what was delivered and not acknowledged yet.

use protocol::Reply;
use storage::blocks::Blocks;
use storage::collection::Collection;
use storage::collection::stream::{ConsumerNumber, Group, Pending, PendingEntry, Stream, StreamId};
use storage::{Keyspace, PinnedCollection};

use super::delete::ids_from;
use super::ids::{first_id, last_id, write_id};
use super::integer;
use super::listed::write_listed;
use super::nogroup::no_key_or_group;
use crate::command::bulk::{Answered, Steps, answer};
use crate::command::{Args, CommandError, CommandResult, Context};
use crate::long_reply::ELEMENTS_MIN;
use crate::output::Output;
use crate::server::Server;

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
        Some(Search {
            min_idle_ms: self.min_idle_ms,
            now_ms,
            consumer,
            next: Some(self.first).filter(|_| self.most > 0),
            last: self.last,
            left: self.most,
            found: Blocks::new(),
        })
    }
}

/// Pending entries that are being looked for.
#[derive(Debug)]
struct Search {
    min_idle_ms: i64,
    now_ms: i64,
    consumer: Option<ConsumerNumber>,
    /// Where to go on; `None`: nothing is left to do.
    next: Option<StreamId>,
    last: StreamId,
    left: usize,
    found: Blocks<(StreamId, PendingEntry)>,
}

impl Search {
    /// How many entries it may have to look at.
    fn looks(&self, pending: &Pending) -> u64 {
        let Some(first) = self.next else {
            return 0;
        };
        let looks = match self.consumer {
            Some(consumer) => pending.len_of_from(consumer, first),
            None => pending.len() - pending.count_below(first),
        };
        match self.min_idle_ms {
            0 => looks.min(self.left as u64),
            _ => looks,
        }
    }

    /// Looks at up to `work` entries more of `pending`, which stays as it is meanwhile; whether that is not the end of it.
    fn step(&mut self, pending: &Pending, work: usize) -> bool {
        let Some(next) = self.next.take() else {
            return false;
        };
        match self.consumer {
            None => self.look_at(pending.iter_from(next).map(Some), work),
            Some(consumer) => {
                let ids = pending.ids_of(consumer, next);
                let entries = ids.map(|id| Some((id, pending.get(id)?)));
                self.look_at(entries, work);
            }
        }
        self.next.is_some()
    }

    fn look_at(
        &mut self,
        entries: impl Iterator<Item = Option<(StreamId, PendingEntry)>>,
        work: usize,
    ) {
        for (number, (id, entry)) in entries.flatten().enumerate() {
            if id > self.last {
                break;
            }
            if number == work {
                self.next = Some(id);
                break;
            }
            let is_idle = self.min_idle_ms == 0 || entry.idle_ms(self.now_ms) >= self.min_idle_ms;
            if is_idle {
                self.found.push((id, entry));
                self.left -= 1;
                if self.left == 0 {
                    break;
                }
            }
        }
    }
}

/// A search in a group of a pinned stream.
#[derive(Debug)]
struct LongSearch {
    stream: PinnedCollection,
    group: Box<[u8]>,
    search: Search,
}

impl LongSearch {
    fn stream(&self) -> &Stream {
        match &*self.stream {
            Collection::Stream(stream) => stream,
            _ => unreachable!("a stream was pinned"),
        }
    }
}

impl Steps for LongSearch {
    fn step(&mut self, work: usize) -> bool {
        let Collection::Stream(stream) = &*self.stream else {
            return false;
        };
        let group = stream.groups().get(&self.group);
        group.is_some_and(|group| self.search.step(group.pending(), work))
    }
}

impl Answered for LongSearch {
    fn write(mut self, reply: &mut Output<'_>, server: &Server) {
        let found = std::mem::take(&mut self.search.found);
        let now_ms = self.search.now_ms;
        write_found(
            reply,
            self.stream(),
            &self.group,
            found,
            now_ms,
            &server.keyspace,
        );
    }
}

fn write_found(
    reply: &mut Output<'_>,
    stream: &Stream,
    group: &[u8],
    found: Blocks<(StreamId, PendingEntry)>,
    now_ms: i64,
    keyspace: &Keyspace,
) {
    reply.array(found.len());
    if found.len() as u64 <= ELEMENTS_MIN
        && let Some(group) = stream.groups().get(group)
    {
        let found = found.iter();
        return found.for_each(|entry| write_pending(reply, group, entry, now_ms));
    }
    let name: Box<[u8]> = group.into();
    write_listed(
        reply,
        stream,
        keyspace,
        found,
        move |reply, stream, entry| {
            if let Some(group) = stream.groups().get(&name) {
                write_pending(reply, group, entry, now_ms);
            }
        },
    );
}

fn write_pending(
    reply: &mut Reply<'_>,
    group: &Group,
    (id, entry): (StreamId, PendingEntry),
    now_ms: i64,
) {
    reply.array(4);
    write_id(reply, id);
    reply.bulk(consumer_name(group, entry));
    reply.integer(match entry.consumer() {
        Some(_) => entry.idle_ms(now_ms).max(0),
        // It was released: nobody has it.
        None => -1,
    });
    reply.integer(entry.deliveries.cast_signed());
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
        let reply = &mut ctx.reply;
        write_found(reply, stream, name, search.found, now.0, keyspace);
        return Ok(());
    }
    let search = LongSearch {
        stream: keyspace.pin_clone(Collection::Stream(Box::new(stream.clone()))),
        group: name.into(),
        search,
    };
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
