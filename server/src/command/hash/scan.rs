//! `HSCAN`.

use storage::glob::glob_match;
use storage::listpack::Value;
use storage::typed::CollectionRef;

use super::read::Parts;
use crate::command::cursor::parse_cursor;
use crate::command::key::scan::parse_count;
use crate::command::walk::{Shows, walk_fields, write_header};
use crate::command::{Args, CommandError, CommandResult, Context};
use crate::long_reply::ELEMENTS_MIN;

/// Fields that are visited per call unless told otherwise.
const SCAN_COUNT: usize = 10;

/// What is returned of the fields that are visited.
struct Options<'a> {
    pattern: Option<&'a [u8]>,
    count: usize,
    parts: Parts,
}

impl<'a> Options<'a> {
    fn parse(args: Args<'a>) -> Result<Self, CommandError> {
        let mut options = Self {
            pattern: None,
            count: SCAN_COUNT,
            parts: Parts::Both,
        };
        let mut at = 3;
        while at < args.len() {
            match args.get(at + 1) {
                Some(count) if args.is(at, "COUNT") => options.count = parse_count(count)?,
                Some(pattern) if args.is(at, "MATCH") => {
                    options.pattern = (pattern != b"*").then_some(pattern);
                }
                _ if args.is(at, "NOVALUES") => {
                    options.parts = Parts::Fields;
                    at += 1;
                    continue;
                }
                _ => return Err(CommandError::Syntax),
            }
            at += 2;
        }
        Ok(options)
    }

    fn wants(&self, field: Value<'_>) -> bool {
        self.pattern.is_none_or(|pattern| match field {
            Value::Bytes(field) => glob_match(pattern, field),
            Value::Int(field) => glob_match(pattern, itoa::Buffer::new().format(field).as_bytes()),
        })
    }
}

/// `HSCAN key cursor [MATCH pattern] [COUNT count] [NOVALUES]`.
pub(super) fn hscan(ctx: &mut Context<'_, '_>, args: Args<'_>) -> CommandResult {
    let cursor = parse_cursor(args.at(2)).ok_or(CommandError::Line("ERR invalid cursor"))?;
    let key = ctx.key(args, 1);
    let Some(hash) = ctx.unit.hash(ctx.session.db, &key)? else {
        write_header(&mut ctx.reply, 0, 0);
        return Ok(());
    };
    let options = Options::parse(args)?;
    if let CollectionRef::Big(big) = hash.collection()
        && options.count as u64 > ELEMENTS_MIN
        && !ctx.in_exec
    {
        let pin = ctx.server.keyspace.pin(big);
        let shows = match options.parts {
            Parts::Both => Shows::NamesAndValues,
            _ => Shows::Names,
        };
        let Options { pattern, count, .. } = options;
        walk_fields(ctx, pin, shows, pattern, cursor, count);
        return Ok(());
    }
    let mut found = Vec::new();
    let next = hash.scan(cursor, options.count, |field, value| {
        if options.wants(field) {
            found.push((field, value));
        }
    });
    let parts_of_each = if options.parts == Parts::Both { 2 } else { 1 };
    write_header(&mut ctx.reply, next, found.len() * parts_of_each);
    for (field, value) in found {
        options.parts.write(&mut ctx.reply, field, value);
    }
    Ok(())
}
