//! `SSCAN`.

use protocol::{Reply, Version};
use storage::PinnedCollection;
use storage::collection::Collection;
use storage::glob::glob_match;
use storage::listpack::Value;
use storage::typed::CollectionRef;
use storage::typed::set::SetRef;

use crate::command::bulk::{Answered, Steps, answer};
use crate::command::cursor::parse_cursor;
use crate::command::key::scan::parse_count;
use crate::command::{Args, CommandError, CommandResult, Context};
use crate::long_reply::ELEMENTS_MIN;
use crate::output::{Output, write_value};
use crate::server::Server;

/// Members that are visited per call unless told otherwise.
const SCAN_COUNT: usize = 10;

/// What is returned of the members that are visited.
struct Filter<'a> {
    pattern: Option<&'a [u8]>,
    count: usize,
}

/// Whether a member is one that is asked for.
fn matches(pattern: Option<&[u8]>, member: Value<'_>) -> bool {
    pattern.is_none_or(|pattern| match member {
        Value::Bytes(member) => glob_match(pattern, member),
        Value::Int(member) => glob_match(pattern, itoa::Buffer::new().format(member).as_bytes()),
    })
}

impl<'a> Filter<'a> {
    fn parse(args: Args<'a>) -> Result<Self, CommandError> {
        let mut filter = Self {
            pattern: None,
            count: SCAN_COUNT,
        };
        let mut at = 3;
        while at < args.len() {
            match args.get(at + 1) {
                Some(count) if args.is(at, "COUNT") => filter.count = parse_count(count)?,
                Some(pattern) if args.is(at, "MATCH") => {
                    filter.pattern = (pattern != b"*").then_some(pattern);
                }
                _ => return Err(CommandError::Syntax),
            }
            at += 2;
        }
        Ok(filter)
    }
}

/// `SSCAN key cursor [MATCH pattern] [COUNT count]`.
pub(super) fn sscan(ctx: &mut Context<'_, '_>, args: Args<'_>) -> CommandResult {
    let cursor = parse_cursor(args.at(2)).ok_or(CommandError::Line("ERR invalid cursor"))?;
    let key = ctx.key(args, 1);
    let Some(set) = ctx.unit.find_set(ctx.session.db, &key)? else {
        ctx.reply.array(2);
        ctx.reply.bulk(b"0");
        ctx.reply.array(0);
        return Ok(());
    };
    // Of a key that is not there the options are not looked at, as in Redis.
    let filter = Filter::parse(args)?;
    if let SetRef::Big(tree) = set
        && filter.count as u64 > ELEMENTS_MIN
        && !ctx.in_exec
    {
        let pin = Collection::Set(tree.clone());
        let walk = Walk {
            set: ctx.server.keyspace.pin_clone(pin),
            cursor,
            pattern: filter.pattern.map(Into::into),
            left: filter.count,
            found: 0,
            body: Vec::new(),
        };
        answer(ctx, walk);
        return Ok(());
    }
    let mut found = Vec::new();
    let next = set.scan(cursor, filter.count, |member| {
        if matches(filter.pattern, member) {
            found.push(member);
        }
    });
    ctx.reply.array(2);
    ctx.reply.bulk(itoa::Buffer::new().format(next).as_bytes());
    ctx.reply.array(found.len());
    found.into_iter().for_each(|member| ctx.reply.value(member));
    Ok(())
}

/// A call for many members on its way.
#[derive(Debug)]
struct Walk {
    set: PinnedCollection,
    cursor: u64,
    pattern: Option<Box<[u8]>>,
    /// Members that are still to be visited.
    left: usize,
    found: usize,
    /// Those found, encoded as bulk strings, which look the same in both dialects.
    body: Vec<u8>,
}

impl Walk {
    /// Visits about `count` members; whether some are left.
    fn visit(&mut self, count: usize) -> bool {
        let set = SetRef::of(CollectionRef::Big(&self.set));
        let mut visited = 0;
        self.cursor = set.scan(self.cursor, count.min(self.left), |member| {
            visited += 1;
            if matches(self.pattern.as_deref(), member) {
                write_value(&mut Reply::new(&mut self.body, Version::Resp2), member);
                self.found += 1;
            }
        });
        self.left = self.left.saturating_sub(visited);
        self.cursor > 0 && self.left > 0
    }
}

impl Steps for Walk {
    fn step(&mut self, work: usize) -> bool {
        self.visit(work)
    }
}

impl Answered for Walk {
    fn write(self, reply: &mut Output<'_>, _: &Server) {
        reply.array(2);
        reply.bulk(itoa::Buffer::new().format(self.cursor).as_bytes());
        reply.array(self.found);
        reply.raw(&self.body);
    }
}
