//! `SSCAN`.

use storage::collection::Collection;
use storage::glob::glob_match;
use storage::listpack::Value;
use storage::typed::set::SetRef;

use crate::command::cursor::parse_cursor;
use crate::command::key::scan::parse_count;
use crate::command::walk::{Shows, walk_fields, write_header};
use crate::command::{Args, CommandError, CommandResult, Context};
use crate::long_reply::ELEMENTS_MIN;

/// Members that are visited per call unless told otherwise.
const SCAN_COUNT: usize = 10;

/// What is returned of the members that are visited.
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

    /// Whether a member is one that is asked for.
    fn wants(&self, member: Value<'_>) -> bool {
        self.pattern.is_none_or(|pattern| match member {
            Value::Bytes(member) => glob_match(pattern, member),
            Value::Int(member) => {
                glob_match(pattern, itoa::Buffer::new().format(member).as_bytes())
            }
        })
    }
}

/// `SSCAN key cursor [MATCH pattern] [COUNT count]`.
pub(super) fn sscan(ctx: &mut Context<'_, '_>, args: Args<'_>) -> CommandResult {
    let cursor = parse_cursor(args.at(2)).ok_or(CommandError::Line("ERR invalid cursor"))?;
    let key = ctx.key(args, 1);
    let Some(set) = ctx.unit.find_set(ctx.session.db, &key)? else {
        write_header(&mut ctx.reply, 0, 0);
        return Ok(());
    };
    // Of a key that is not there the options are not looked at, as in Redis.
    let filter = Filter::parse(args)?;
    if let SetRef::Big(tree) = set
        && filter.count as u64 > ELEMENTS_MIN
        && !ctx.in_exec
    {
        let pin = Collection::Set(tree.clone());
        let pin = ctx.server.keyspace.pin_clone(pin);
        let Filter { pattern, count } = filter;
        walk_fields(ctx, pin, Shows::Names, pattern, cursor, count);
        return Ok(());
    }
    let mut found = Vec::new();
    let next = set.scan(cursor, filter.count, |member| {
        if filter.wants(member) {
            found.push(member);
        }
    });
    write_header(&mut ctx.reply, next, found.len());
    found.into_iter().for_each(|member| ctx.reply.value(member));
    Ok(())
}
