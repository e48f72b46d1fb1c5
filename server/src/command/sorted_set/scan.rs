//! `ZSCAN`.

use protocol::{DoubleText, Reply};
use storage::glob::glob_match;
use storage::listpack::Value;
use storage::typed::CollectionRef;
use storage::typed::sorted_set::{Pair, SortedSetRef, SortedSetScan, write_with_17_digits};
use storage::{ElementHasher, PinnedCollection};

use super::reply::write_member;
use crate::command::bulk::{Answered, Steps, answer};
use crate::command::cursor::parse_cursor;
use crate::command::key::scan::parse_count;
use crate::command::walk::{Found, write_header};
use crate::command::{Args, CommandError, CommandResult, Context};
use crate::long_reply::ELEMENTS_MIN;
use crate::output::{Output, ReplySource};
use crate::server::Server;

/// Members that are visited per call unless told otherwise.
const SCAN_COUNT: usize = 10;

/// What is returned of what is visited.
struct Filter<'a> {
    pattern: Option<&'a [u8]>,
    count: usize,
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
                Some(value) if args.is(at, "COUNT") => filter.count = parse_count(value)?,
                Some(value) if args.is(at, "MATCH") => {
                    filter.pattern = (value != b"*").then_some(value);
                }
                _ => return Err(CommandError::Syntax),
            }
            at += 2;
        }
        Ok(filter)
    }

    fn wants(&self, member: &[u8]) -> bool {
        self.pattern
            .is_none_or(|pattern| glob_match(pattern, member))
    }
}

/// `ZSCAN key cursor [MATCH pattern] [COUNT count]`: walks the members with their scores, which are bulk strings.
pub(super) fn zscan(ctx: &mut Context<'_, '_>, args: Args<'_>) -> CommandResult {
    let cursor = parse_cursor(args.at(2)).ok_or(CommandError::Line("ERR invalid cursor"))?;
    let key = ctx.key(args, 1);
    let Some(set) = ctx.unit.sorted_set(ctx.session.db, &key)? else {
        write_header(&mut ctx.reply, 0, 0);
        return Ok(());
    };
    // Of a key that is not there the options are not looked at, as in Redis.
    let filter = Filter::parse(args)?;
    let mut found: Vec<(Vec<u8>, f64)> = Vec::new();
    let mut visit = |(member, score): Pair<'_>| {
        let mut bytes = Vec::with_capacity(member.len());
        member.write_to(&mut bytes);
        if filter.wants(&bytes) {
            found.push((bytes, score));
        }
    };
    let next = if let Some(big) = set.big() {
        let mut scan = SortedSetScan::new(cursor, filter.count);
        let is_many = filter.count as u64 > ELEMENTS_MIN;
        // Once it has begun it sees how much there is to do.
        let is_long = is_many || scan.step(set, 0, |_, _| {}) && !scan.is_short();
        if is_long && !ctx.in_exec {
            let walk = RankedWalk {
                pin: ctx.server.keyspace.pin(big),
                hasher: set.hasher(),
                pattern: filter.pattern.map(Into::into),
                scan,
                found: Found::default(),
                bytes: Vec::new(),
            };
            answer(ctx, walk);
            return Ok(());
        }
        while scan.step(set, usize::MAX, |_, pair| visit(pair)) {}
        scan.cursor()
    } else {
        set.scan(cursor, filter.count, visit)
    };
    let is_big = set.big().is_some();
    write_header(&mut ctx.reply, next, 2 * found.len());
    let mut text = Vec::new();
    for (member, score) in found {
        ctx.reply.bulk(&member);
        if is_big {
            write_score(&mut ctx.reply, score, &mut text);
        } else {
            ctx.reply.bulk(DoubleText::new(score).as_bytes());
        }
    }
    Ok(())
}

/// A score of a big sorted set, as Redis scans show it.
fn write_score(reply: &mut Reply<'_>, score: f64, text: &mut Vec<u8>) {
    text.clear();
    write_with_17_digits(score, text);
    reply.bulk(text);
}

/// A call that takes long, on its way.
#[derive(Debug)]
struct RankedWalk {
    pin: PinnedCollection,
    hasher: ElementHasher,
    pattern: Option<Box<[u8]>>,
    scan: SortedSetScan,
    /// Ranks.
    found: Found,
    /// Room for a score.
    bytes: Vec<u8>,
}

fn set_in(pin: &PinnedCollection, hasher: ElementHasher) -> SortedSetRef<'_> {
    let set = SortedSetRef::of(CollectionRef::Big(pin), hasher);
    set.expect("a sorted set was pinned")
}

impl Steps for RankedWalk {
    fn step(&mut self, work: usize) -> bool {
        let set = set_in(&self.pin, self.hasher);
        self.scan.step(set, work, |rank, (member, _)| {
            let is_wanted = match (&self.pattern, member) {
                (Some(pattern), Value::Bytes(member)) => glob_match(pattern, member),
                _ => true,
            };
            if is_wanted {
                self.found.push(rank);
            }
        })
    }
}

impl Answered for RankedWalk {
    fn write(self, reply: &mut Output<'_>, _: &Server) {
        write_header(reply, self.scan.cursor(), 2 * self.found.count);
        if self.found.count > 0 {
            reply.rest_from(Box::new(self));
        }
    }
}

impl ReplySource for RankedWalk {
    fn write_some(&mut self, reply: &mut Reply<'_>, bytes: usize) -> bool {
        let set = set_in(&self.pin, self.hasher);
        self.found.write_some(
            reply,
            bytes,
            |run| set.iter(run),
            |reply, (member, score)| {
                write_member(reply, member);
                write_score(reply, score, &mut self.bytes);
            },
        )
    }

    fn held_bytes(&self) -> usize {
        self.pin.memory_bytes() + self.found.memory_bytes()
    }
}
