//! Parts of strings: `GETRANGE`, `SUBSTR`, `SETRANGE`, `APPEND`.

use std::ops::Range;

use storage::NewExpiry;

use super::integer;
use crate::command::{Args, CommandError, CommandResult, Context};
use crate::notify::EventClass;

/// `GETRANGE key start end`: the bytes from `start` to `end`, both included; negative ones count from the end.
pub(super) fn getrange(ctx: &mut Context<'_, '_>, args: Args<'_>) -> CommandResult {
    let (start, end) = (integer(args.at(2))?, integer(args.at(3))?);
    let key = ctx.key(args, 1);
    let value = ctx.unit.string(ctx.session.db, &key)?;
    let range = value.and_then(|value| selected(start, end, value.len()));
    match (value, range) {
        (Some(value), Some(range)) => {
            ctx.reply.bulk_header((range.end - range.start) as usize);
            value.each_piece(range.start, range.end, |piece| ctx.reply.raw(piece));
            ctx.reply.crlf();
        }
        _ => ctx.reply.bulk(b""),
    }
    Ok(())
}

/// The bytes that `start..=end` select of a string of `len` bytes, or `None` if none.
fn selected(start: i64, end: i64, len: u64) -> Option<Range<u64>> {
    let len = i64::try_from(len).ok().filter(|len| *len > 0)?;
    if start < 0 && end < 0 && start > end {
        return None;
    }
    let from_end = |index: i64| {
        if index < 0 {
            (len + index.max(-len)).max(0)
        } else {
            index
        }
    };
    let (start, end) = (from_end(start), from_end(end).min(len - 1));
    (start <= end).then_some(start as u64..end as u64 + 1)
}

/// `SETRANGE key offset value`: overwrites a part of the string, with zeros before it if it was shorter.
pub(super) fn setrange(ctx: &mut Context<'_, '_>, args: Args<'_>) -> CommandResult {
    let offset = integer(args.at(2))?;
    let offset =
        u64::try_from(offset).map_err(|_| CommandError::Line("ERR offset is out of range"))?;
    let (key, value) = (ctx.key(args, 1), args.at(3));
    let len_max = ctx.config.proto_max_bulk_len_bytes;
    let end = offset.saturating_add(value.len() as u64);
    if !value.is_empty() && end <= len_max {
        ctx.check_fits(end)?;
    }
    let len = ctx
        .unit
        .set_range(ctx.session.db, &key, offset, value, len_max)?;
    if !value.is_empty() {
        ctx.notify(EventClass::STRING, "setrange", key.bytes);
    }
    ctx.reply.integer(len as i64);
    Ok(())
}

/// `APPEND key value`: adds to the end of the string, which is created if there is none.
pub(super) fn append(ctx: &mut Context<'_, '_>, args: Args<'_>) -> CommandResult {
    let key = ctx.key(args, 1);
    let old = ctx.unit.string_to_change(ctx.session.db, &key)?;
    let len = if let Some(old_len) = old.map(|old| old.len()) {
        let len_max = ctx.config.proto_max_bulk_len_bytes;
        ctx.check_fits((old_len + args.at(2).len() as u64).min(len_max))?;
        ctx.unit.append(ctx.session.db, &key, args.at(2), len_max)?
    } else {
        let value = ctx.new_value(args, 2);
        ctx.unit.set(ctx.session.db, &key, value, NewExpiry::None);
        args.at(2).len() as u64
    };
    ctx.notify(EventClass::STRING, "append", key.bytes);
    ctx.reply.integer(len as i64);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::selected;

    #[test]
    fn ranges_are_cut_as_redis_cuts_them() {
        for (start, end, expected) in [
            (0, 3, Some(0..4)),
            (-3, -1, Some(7..10)),
            (0, -1, Some(0..10)),
            (5, 2, None),
            (-1, -3, None),
            (10, 20, None),
            (-100, 3, Some(0..4)),
            (-100, -200, None),
            (-100, -99, Some(0..1)),
            (0, i64::MAX, Some(0..10)),
            (i64::MIN, 0, Some(0..1)),
            (i64::MIN, i64::MAX, Some(0..10)),
        ] {
            assert_eq!(selected(start, end, 10), expected, "{start} {end}");
        }
        assert_eq!(selected(0, -1, 0), None);
    }
}
