//! `XREAD`.

use smallvec::SmallVec;
use storage::collection::stream::{Stream, StreamId};
use storage::waiters::Serve;
use storage::{DbIndex, Key, Unit};

use super::entries::{Wanted, begin_stream, begin_streams, end_streams};
use super::ids::exact_id;
use super::integer;
use crate::blocking::{Operation, timeout};
use crate::command::{Args, CommandError, CommandResult, Context};

const ONLY_GROUPS_READ_NEW: CommandError = CommandError::Line(
    "ERR The > ID can be specified only when calling XREADGROUP using the GROUP <group> <consumer> option.",
);
const GROUP_IN_XREAD: CommandError = CommandError::Line(
    "ERR The GROUP option is only supported by XREADGROUP. You called XREAD instead.",
);
const NOACK_IN_XREAD: CommandError = CommandError::Line(
    "ERR The NOACK option is only supported by XREADGROUP. You called XREAD instead.",
);
const NO_GROUP: CommandError = CommandError::Line("ERR Missing GROUP option for XREADGROUP");

/// A group and one of its consumers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Reader<'a> {
    pub(super) group: &'a [u8],
    pub(super) consumer: &'a [u8],
}

/// What stands in front of the keys, and where these are.
#[derive(Clone, Copy, Debug)]
pub(super) struct ReadOptions<'a> {
    /// Entries of each stream, at most.
    pub(super) most: u64,
    /// That it waits, and until when (Unix milliseconds; `None`: for ever).
    pub(super) wait: Option<Option<i64>>,
    /// Who reads, unless it is `XREAD`.
    pub(super) reader: Option<Reader<'a>>,
    /// Whether what is delivered becomes pending.
    pub(super) needs_ack: bool,
    /// The first key's argument.
    first: usize,
    /// How many keys there are, and behind them as many IDs.
    pub(super) streams: usize,
}

impl<'a> ReadOptions<'a> {
    /// Reads the options of `XREAD`, or `for_group` those of `XREADGROUP`.
    pub(super) fn parse(
        args: Args<'a>,
        for_group: bool,
        now_ms: i64,
    ) -> Result<Self, CommandError> {
        let mut options = Self {
            most: u64::MAX,
            wait: None,
            reader: None,
            needs_ack: true,
            first: 0,
            streams: 0,
        };
        let mut at = 1;
        while at < args.len() {
            let more = args.len() - at - 1;
            if more > 0 && args.is(at, "STREAMS") {
                options.find_streams(args, at + 1, for_group)?;
                break;
            } else if more > 0 && args.is(at, "COUNT") {
                options.most = match integer(args.at(at + 1))? {
                    ..=0 => u64::MAX,
                    count => count.unsigned_abs(),
                };
                at += 2;
            } else if more > 0 && args.is(at, "BLOCK") {
                options.wait = Some(timeout::whole_milliseconds(args.at(at + 1), now_ms)?);
                at += 2;
            } else if more > 1 && args.is(at, "GROUP") {
                if !for_group {
                    return Err(GROUP_IN_XREAD);
                }
                let (group, consumer) = (args.at(at + 1), args.at(at + 2));
                options.reader = Some(Reader { group, consumer });
                at += 3;
            } else if args.is(at, "NOACK") {
                if !for_group {
                    return Err(NOACK_IN_XREAD);
                }
                options.needs_ack = false;
                at += 1;
            } else {
                return Err(CommandError::Syntax);
            }
        }
        if options.streams == 0 {
            return Err(CommandError::Syntax);
        }
        if for_group && options.reader.is_none() {
            return Err(NO_GROUP);
        }
        Ok(options)
    }

    fn find_streams(
        &mut self,
        args: Args<'_>,
        first: usize,
        for_group: bool,
    ) -> Result<(), CommandError> {
        let count = args.len() - first;
        if !count.is_multiple_of(2) {
            return Err(CommandError::Line(if for_group {
                "ERR Unbalanced 'xreadgroup' list of streams: for each stream key an ID or '>' must be specified."
            } else {
                "ERR Unbalanced 'xread' list of streams: for each stream key an ID or '$' must be specified."
            }));
        }
        (self.first, self.streams) = (first, count / 2);
        Ok(())
    }

    /// The key of stream number `number`.
    pub(super) fn key(&self, ctx: &Context<'_, '_>, args: Args<'a>, number: usize) -> Key<'a> {
        ctx.key(args, self.first + number)
    }

    /// What was given as the ID for stream number `number`.
    pub(super) fn id(&self, args: Args<'a>, number: usize) -> &'a [u8] {
        args.at(self.first + self.streams + number)
    }
}

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

/// `XREAD [COUNT count] [BLOCK milliseconds] STREAMS key [key ...] id [id ...]`: the entries of several streams behind an
/// ID each.
pub(super) fn xread(ctx: &mut Context<'_, '_>, args: Args<'_>) -> CommandResult {
    let options = ReadOptions::parse(args, false, ctx.now().0)?;
    if options.streams == 1 {
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
    let count = starts.iter().filter(|start| start.wanted.is_some()).count();
    if count > 0 {
        begin_streams(&mut ctx.reply, count);
    }
    for start in &starts {
        // Redis looks every key up once more, which shows in its statistics.
        let stream = ctx.unit.stream(db, &start.key)?;
        if let (Some(wanted), Some(stream)) = (start.wanted, stream) {
            begin_stream(&mut ctx.reply, start.key.bytes);
            wanted.reply(&mut ctx.reply, stream, &ctx.server.keyspace);
        }
    }
    if count == 0 {
        wait(ctx, &options, &starts);
    }
    Ok(())
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
    };
    ctx.block(&keys, &[], deadline_ms, operation);
}

/// An `XREAD` that waits.
#[derive(Debug)]
struct ReadBehind {
    streams: Box<[Awaited]>,
    most: u64,
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

    fn serve(&self, ctx: &mut Context<'_, '_>, _key: &Key<'_>) -> CommandResult {
        let db = ctx.db();
        let header = ctx.reply.begin_deferred();
        let mut replied = 0;
        for awaited in &self.streams {
            let key = ctx.server.keyspace.key(&awaited.key);
            // Of those that have changed in this unit it has the locks; the others have nothing new.
            if ctx.unit.waits(key.hash.shard).is_none() {
                continue;
            }
            let Some(stream) = ctx.unit.stream(db, &key)? else {
                continue;
            };
            if let Some(wanted) = awaited.wanted(stream, self.most) {
                begin_stream(&mut ctx.reply, key.bytes);
                wanted.reply(&mut ctx.reply, stream, &ctx.server.keyspace);
                replied += 1;
            }
        }
        end_streams(&mut ctx.reply, header, replied);
        Ok(())
    }
}
