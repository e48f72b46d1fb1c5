//! Walking keys: `SCAN`, `KEYS`, `RANDOMKEY`.

use storage::glob::glob_match;
use storage::{DbIndex, EntryView, LockPlan, Unit};

use crate::command::args::Args;
use crate::command::context::{SliceContext, SliceProgress, Slices};
use crate::command::cursor::parse_cursor;
use crate::command::{CommandError, CommandResult, Context};

/// Keys that `SCAN` visits per call unless told otherwise.
const SCAN_COUNT: usize = 10;

/// What `SCAN` returns of what it visits.
struct Filter<'a> {
    pattern: Option<&'a [u8]>,
    count: usize,
    /// The name of the wanted type; one that does not exist matches no key.
    value_type: Option<&'a [u8]>,
}

impl<'a> Filter<'a> {
    fn parse(args: Args<'a>) -> Result<Self, CommandError> {
        let mut filter = Self {
            pattern: None,
            count: SCAN_COUNT,
            value_type: None,
        };
        let mut at = 2;
        while at < args.len() {
            let value = args.get(at + 1);
            match value {
                Some(value) if args.is(at, "COUNT") => filter.count = parse_count(value)?,
                Some(value) if args.is(at, "MATCH") => {
                    filter.pattern = (value != b"*").then_some(value)
                }
                Some(value) if args.is(at, "TYPE") => filter.value_type = Some(value),
                _ => return Err(CommandError::Syntax),
            }
            at += 2;
        }
        Ok(filter)
    }

    fn wants(&self, entry: &EntryView<'_>) -> bool {
        let is_of_type = |name: &[u8]| {
            let value_type = entry.value_type().name();
            value_type.as_bytes().eq_ignore_ascii_case(name)
        };
        self.value_type.is_none_or(is_of_type)
            && self
                .pattern
                .is_none_or(|pattern| glob_match(pattern, entry.key()))
    }
}

/// The value of a `COUNT` option.
pub(in crate::command) fn parse_count(digits: &[u8]) -> Result<usize, CommandError> {
    let count = protocol::parse_i64(digits).ok_or(CommandError::NotInteger)?;
    if count < 1 {
        Err(CommandError::Syntax)
    } else {
        Ok(count as usize)
    }
}

/// `SCAN cursor [MATCH pattern] [COUNT count] [TYPE type]`.
pub(super) fn scan(ctx: &mut Context<'_, '_>, args: Args<'_>) -> CommandResult {
    let cursor = parse_cursor(&args[1]).ok_or(CommandError::Line("ERR invalid cursor"))?;
    let filter = Filter::parse(args)?;
    let mut found: Vec<Vec<u8>> = Vec::new();
    let next = ctx
        .unit
        .scan(ctx.session.db, cursor, filter.count, &mut |entry| {
            if filter.wants(entry) {
                found.push(entry.key().to_vec());
            }
        });
    ctx.reply.array(2);
    ctx.reply.bulk(itoa::Buffer::new().format(next).as_bytes());
    ctx.reply.array(found.len());
    found.iter().for_each(|key| ctx.reply.bulk(key));
    Ok(())
}

/// `KEYS pattern`: one shard at a time, so that no other session waits for the whole walk.
pub(super) fn keys(ctx: &mut Context<'_, '_>, args: Args<'_>) -> CommandResult {
    let mut walk = KeysWalk {
        db: ctx.session.db,
        pattern: args[1].into(),
        shard: 0,
        found: 0,
        body: Vec::new(),
    };
    if !ctx.in_exec {
        ctx.continue_in_slices(walk);
        return Ok(());
    }
    for _ in ctx.all_shards() {
        walk.visit(ctx.unit);
    }
    walk.reply_to(&mut ctx.reply);
    Ok(())
}

/// A `KEYS` on its way.
#[derive(Debug)]
struct KeysWalk {
    db: DbIndex,
    pattern: Box<[u8]>,
    shard: u16,
    found: usize,
    /// The keys found, encoded as bulk strings, which look the same in both dialects.
    body: Vec<u8>,
}

impl KeysWalk {
    fn visit(&mut self, unit: &mut Unit<'_>) {
        let Self {
            pattern,
            found,
            body,
            ..
        } = self;
        unit.for_each_in_shard(self.db, self.shard, &mut |entry| {
            // A lone star stands for every key, the empty one too.
            if **pattern == *b"*" || glob_match(pattern, entry.key()) {
                protocol::Reply::new(body, protocol::Version::Resp2).bulk(entry.key());
                *found += 1;
            }
        });
        self.shard += 1;
    }

    fn reply_to(&self, reply: &mut crate::output::Output<'_>) {
        reply.array(self.found);
        reply.raw(&self.body);
    }
}

impl Slices for KeysWalk {
    fn next(&mut self, ctx: &mut SliceContext<'_>) -> SliceProgress {
        self.visit(&mut Unit::begin(
            &ctx.server.keyspace,
            LockPlan::Roaming,
            ctx.now,
        ));
        if usize::from(self.shard) < ctx.server.keyspace.shard_count() {
            return SliceProgress::More;
        }
        self.reply_to(&mut ctx.reply);
        SliceProgress::Done
    }

    fn only_answers(&self) -> bool {
        true
    }
}

/// `RANDOMKEY`.
pub(super) fn random_key(ctx: &mut Context<'_, '_>, _args: Args<'_>) -> CommandResult {
    let (db, worker) = (ctx.session.db, &mut ctx.worker);
    match ctx.unit.random_key(db, || worker.random()) {
        Some(key) => ctx.reply.bulk(&key),
        None => ctx.reply.null(),
    }
    Ok(())
}
