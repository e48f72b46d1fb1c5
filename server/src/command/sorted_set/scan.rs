//! `ZSCAN`.

use protocol::DoubleText;
use storage::glob::glob_match;
use storage::typed::sorted_set::write_with_17_digits;

use crate::command::cursor::parse_cursor;
use crate::command::key::scan::parse_count;
use crate::command::{Args, CommandError, CommandResult, Context};

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
        ctx.reply.array(2);
        ctx.reply.bulk(b"0");
        ctx.reply.array(0);
        return Ok(());
    };
    // Of a key that is not there the options are not looked at, as in Redis.
    let filter = Filter::parse(args)?;
    let is_big = set.big().is_some();
    let mut found: Vec<(Vec<u8>, f64)> = Vec::new();
    let next = set.scan(cursor, filter.count, |(member, score)| {
        let mut bytes = Vec::with_capacity(member.len());
        member.write_to(&mut bytes);
        if filter.wants(&bytes) {
            found.push((bytes, score));
        }
    });
    ctx.reply.array(2);
    ctx.reply.bulk(itoa::Buffer::new().format(next).as_bytes());
    ctx.reply.array(2 * found.len());
    let mut text = Vec::new();
    for (member, score) in found {
        ctx.reply.bulk(&member);
        if is_big {
            text.clear();
            write_with_17_digits(score, &mut text);
            ctx.reply.bulk(&text);
        } else {
            ctx.reply.bulk(DoubleText::new(score).as_bytes());
        }
    }
    Ok(())
}
