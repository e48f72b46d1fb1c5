//! `XREAD`.

use smallvec::SmallVec;
use storage::collection::stream::{Stream, StreamId};
use storage::waiters::Serve;
use storage::{DbIndex, Key, Unit};

use super::budget::{Budget, Caps};
use super::entries::{Wanted, begin_stream, begin_streams, end_streams};
use super::ids::exact_id;
use super::read_options::ReadOptions;
use crate::blocking::Operation;
use crate::command::{Args, CommandError, CommandResult, Context};

const ONLY_GROUPS_READ_NEW: CommandError = CommandError::Line(
    "ERR The > ID can be specified only when calling XREADGROUP using the GROUP <group> <consumer> option.",
);

/// The ID behind which a stream is to be read.
fn id_before(text: &[u8], stream: Option<&Stream>) -> Result<StreamId, CommandError> {
    match text {
        b"$" => Ok(stream.map_or(StreamId::MIN, |stream| stream.entries().last_id())),
        // The last entry that there is, or else the next one.
        b"+" => {
            let top = stream.and_then(|stream| stream.entries().top());
            let before_top = top.and_then(StreamId::previous);
            Ok(before_top.unwrap_or(StreamId::MIN))
        }
        b">" => Err(ONLY_GROUPS_READ_NEW),
        _ => exact_id(text, 0),
    }
}

/// The entries behind `id`, of which there must be one.
pub(super) fn behind(stream: &Stream, id: StreamId, most: u64) -> Option<Wanted> {
    let entries = stream.entries();
    let first = id.next().filter(|_| id < entries.last_id())?;
    let is_one = entries.range(first, StreamId::MAX).next().is_some();
    is_one.then(|| Wanted::from(first, most))
}

/// `XREAD [COUNT count] [MAXCOUNT maxcount] [MAXSIZE maxsize] [BLOCK milliseconds] STREAMS key [key ...] id [id ...]`: the
/// entries of several streams behind an ID each.
pub(super) fn xread(ctx: &mut Context<'_, '_>, args: Args<'_>) -> CommandResult {
    let options = ReadOptions::parse(args, false, ctx.now().0)?;
    if options.streams == 1 && !options.caps.is_any() {
        return read_one(ctx, args, &options);
    }
    let db = ctx.db();
    let mut starts: SmallVec<[Start<'_>; 4]> = SmallVec::new();
    for number in 0..options.streams {
        let key = options.key(ctx, args, number);
        let stream = ctx.unit.stream(db, &key)?;
        let id = id_before(options.id(args, number), stream)?;
        let wanted = stream.and_then(|stream| behind(stream, id, options.most));
        starts.push(Start {
            key,
            id,
            is_last: options.id(args, number) == b"+",
            wanted,
        });
    }
    if !reply_with(ctx, db, &starts, options.caps)? {
        wait(ctx, &options, &starts);
    }
    Ok(())
}

/// Answers what is wanted of streams that have been looked at; whether there is anything.
fn reply_with(
    ctx: &mut Context<'_, '_>,
    db: DbIndex,
    starts: &[Start<'_>],
    caps: Caps,
) -> Result<bool, CommandError> {
    let count = starts.iter().filter(|start| start.wanted.is_some()).count();
    let mut budget = None;
    if caps.is_any() {
        budget = Some((
            Budget::new(caps, ctx.reply.version()),
            ctx.reply.begin_deferred(),
        ));
    } else if count > 0 {
        begin_streams(&mut ctx.reply, count);
    }
    let mut replied = 0;
    for start in starts {
        // Redis looks every key up once more, which shows in its statistics.
        let stream = ctx.unit.stream(db, &start.key)?;
        let (Some(wanted), Some(stream)) = (start.wanted, stream) else {
            continue;
        };
        let (reply, keyspace) = (&mut ctx.reply, &ctx.server.keyspace);
        if let Some((budget, _)) = &mut budget {
            let is_in = wanted.reply_within(budget, start.key.bytes, reply, stream, keyspace);
            replied += usize::from(is_in);
        } else {
            begin_stream(reply, start.key.bytes);
            wanted.reply(reply, stream, keyspace);
        }
    }
    if let Some((_, header)) = budget
        && replied > 0
    {
        end_streams(&mut ctx.reply, header, replied);
    }
    Ok(count > 0)
}

/// A stream, and where it is to be read from.
struct Start<'a> {
    key: Key<'a>,
    /// The entries behind this one.
    id: StreamId,
    /// Whether it is the last entry only, whichever that will be.
    is_last: bool,
    /// What there is of them.
    wanted: Option<Wanted>,
}

/// [`xread`] of a single stream, which is looked up once.
fn read_one(ctx: &mut Context<'_, '_>, args: Args<'_>, options: &ReadOptions<'_>) -> CommandResult {
    let (db, key) = (ctx.db(), options.key(ctx, args, 0));
    let stream = ctx.unit.stream(db, &key)?;
    let id = id_before(options.id(args, 0), stream)?;
    let is_there = stream.is_some();
    let wanted = stream.and_then(|stream| behind(stream, id, options.most));
    if let (Some(wanted), Some(stream)) = (wanted, stream) {
        begin_streams(&mut ctx.reply, 1);
        begin_stream(&mut ctx.reply, key.bytes);
        wanted.reply(&mut ctx.reply, stream, &ctx.server.keyspace);
    }
    // The second time that Redis looks the key up.
    if is_there {
        ctx.unit.tally.hits += 1;
    } else {
        ctx.unit.stream(db, &key)?;
    }
    if wanted.is_none() {
        let is_last = options.id(args, 0) == b"+";
        let start = Start {
            key,
            id,
            is_last,
            wanted,
        };
        wait(ctx, options, &[start]);
    }
    Ok(())
}

/// Has the client wait until one of the streams has more, if it wants to.
fn wait(ctx: &mut Context<'_, '_>, options: &ReadOptions<'_>, starts: &[Start<'_>]) {
    let Some(deadline_ms) = options.wait.filter(|_| !ctx.in_exec) else {
        ctx.reply.null_array();
        return;
    };
    let keys: SmallVec<[Key<'_>; 4]> = starts.iter().map(|start| start.key).collect();
    let streams = starts.iter().map(|start| Awaited {
        key: start.key.bytes.into(),
        behind: (!start.is_last).then_some(start.id),
    });
    let operation = ReadBehind {
        streams: streams.collect(),
        most: options.most,
        caps: options.caps,
    };
    ctx.block(&keys, &[], deadline_ms, operation);
}

/// An `XREAD` that waits.
#[derive(Debug)]
struct ReadBehind {
    streams: Box<[Awaited]>,
    most: u64,
    caps: Caps,
}

/// A stream that is waited for.
#[derive(Debug)]
struct Awaited {
    key: Box<[u8]>,
    /// The entries behind this one, or else the last one.
    behind: Option<StreamId>,
}

impl Awaited {
    /// What there is to read by now.
    fn wanted(&self, stream: &Stream, most: u64) -> Option<Wanted> {
        let top = || stream.entries().top()?.previous();
        behind(stream, self.behind.or_else(top)?, most)
    }
}

impl Operation for ReadBehind {
    fn can_serve(&self, unit: &mut Unit<'_>, db: DbIndex, key: &Key<'_>) -> Serve {
        let Some(stream) = unit.peek_stream(db, key) else {
            // Behind it somebody may wait for the key to go.
            return Serve::NotThisOne;
        };
        let mut awaited = self
            .streams
            .iter()
            .filter(|awaited| *awaited.key == *key.bytes);
        match awaited.any(|awaited| awaited.wanted(stream, self.most).is_some()) {
            true => Serve::Now,
            false => Serve::NotThisOne,
        }
    }

    /// As in Redis 7.2 it reads all of its streams again, from the first one on.
    fn serve(&self, ctx: &mut Context<'_, '_>, _key: &Key<'_>) -> CommandResult {
        let db = ctx.db();
        let mut starts: SmallVec<[Start<'_>; 4]> = SmallVec::new();
        for awaited in &self.streams {
            let key = ctx.server.keyspace.key(&awaited.key);
            let stream = ctx.unit.stream(db, &key)?;
            starts.push(Start {
                key,
                id: awaited.behind.unwrap_or_default(),
                is_last: awaited.behind.is_none(),
                wanted: stream.and_then(|stream| awaited.wanted(stream, self.most)),
            });
        }
        if !reply_with(ctx, db, &starts, self.caps)? {
            ctx.reply.null_array();
        }
        Ok(())
    }

    fn needs_all_keys(&self) -> bool {
        true
    }
}
