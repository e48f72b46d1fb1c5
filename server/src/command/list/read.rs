//! Commands that read lists.

use storage::typed::{End, ListRef};

use super::elements::Elements;
use super::{index_of, integer, selected};
use crate::command::{Args, CommandError, CommandResult, Context};

/// `LLEN key`: how many elements there are.
pub(super) fn llen(ctx: &mut Context<'_, '_>, args: Args<'_>) -> CommandResult {
    let key = ctx.key(args, 1);
    let list = ctx.unit.list(ctx.session.db, &key)?;
    let len = list.map_or(0, ListRef::len);
    ctx.reply.integer(len as i64);
    Ok(())
}

/// `LINDEX key index`: one element, or null.
pub(super) fn lindex(ctx: &mut Context<'_, '_>, args: Args<'_>) -> CommandResult {
    let key = ctx.key(args, 1);
    let Some(list) = ctx.unit.list(ctx.session.db, &key)? else {
        ctx.reply.null();
        return Ok(());
    };
    // The index is looked at only for a list that is there, as in Redis.
    let index = index_of(integer(args.at(2))?, list.len());
    match index.and_then(|index| list.get(index)) {
        Some(element) => ctx.reply.value(element),
        None => ctx.reply.null(),
    }
    Ok(())
}

/// `LRANGE key start stop`: the elements from `start` to `stop`, both included; negative ones count from the end.
pub(super) fn lrange(ctx: &mut Context<'_, '_>, args: Args<'_>) -> CommandResult {
    let (start, stop) = (integer(args.at(2))?, integer(args.at(3))?);
    let key = ctx.key(args, 1);
    let Some(list) = ctx.unit.list(ctx.session.db, &key)? else {
        ctx.reply.array(0);
        return Ok(());
    };
    let (first, count) = selected(start, stop, list.len());
    let elements = Elements {
        next: first,
        count,
        direction: End::Left,
    };
    elements.reply(&mut ctx.reply, list, &ctx.server.keyspace);
    Ok(())
}

/// What `LPOS` looks for beside the element.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Search {
    from: End,
    /// Matches to leave out.
    skipped: u64,
    /// Most matches to answer, 0 for all; `None`: only one, and not as an array.
    count: Option<u64>,
    /// Most elements to look at, 0 for all.
    compared: u64,
}

impl Search {
    fn parse(args: Args<'_>) -> Result<Self, CommandError> {
        const RANK_RANGE: CommandError = CommandError::Line(
            "ERR value is out of range, value must between -9223372036854775807 and 9223372036854775807",
        );
        const RANK_ZERO: CommandError = CommandError::Line(
            "ERR RANK can't be zero: use 1 to start from the first match, 2 from the second ... or use \
             negative to start from the end of the list",
        );
        let mut search = Search {
            from: End::Left,
            skipped: 0,
            count: None,
            compared: 0,
        };
        let mut at = 3;
        while at < args.len() {
            let value = args.get(at + 1).ok_or(CommandError::Syntax)?;
            if args.is(at, "RANK") {
                let rank = integer(value)?;
                search.skipped = match rank {
                    0 => return Err(RANK_ZERO),
                    i64::MIN => return Err(RANK_RANGE),
                    rank => rank.unsigned_abs() - 1,
                };
                search.from = if rank < 0 { End::Right } else { End::Left };
            } else if args.is(at, "COUNT") {
                search.count = Some(natural(value, "ERR COUNT can't be negative")?);
            } else if args.is(at, "MAXLEN") {
                search.compared = natural(value, "ERR MAXLEN can't be negative")?;
            } else {
                return Err(CommandError::Syntax);
            }
            at += 2;
        }
        Ok(search)
    }
}

/// An argument that is an integer from 0 on.
fn natural(text: &[u8], error: &'static str) -> Result<u64, CommandError> {
    let number = protocol::parse_i64(text).and_then(|number| u64::try_from(number).ok());
    number.ok_or(CommandError::Line(error))
}

/// `LPOS key element [RANK rank] [COUNT num-matches] [MAXLEN len]`: where elements are that equal this one.
pub(super) fn lpos(ctx: &mut Context<'_, '_>, args: Args<'_>) -> CommandResult {
    let search = Search::parse(args)?;
    let all_if_zero = |count: u64| if count == 0 { u64::MAX } else { count };
    let key = ctx.key(args, 1);
    let list = ctx.unit.list(ctx.session.db, &key)?;
    let compared = all_if_zero(search.compared);
    let mut found = list
        .into_iter()
        .flat_map(|list| list.positions_of(args.at(2), search.from, compared))
        .skip(usize::try_from(search.skipped).unwrap_or(usize::MAX));
    let Some(count) = search.count else {
        match found.next() {
            Some(index) => ctx.reply.integer(index as i64),
            None => ctx.reply.null(),
        }
        return Ok(());
    };
    let most = usize::try_from(all_if_zero(count)).unwrap_or(usize::MAX);
    let header = ctx.reply.begin_deferred();
    let mut matches = 0;
    for index in found.take(most) {
        ctx.reply.integer(index as i64);
        matches += 1;
    }
    ctx.reply.end_deferred_array(header, matches);
    Ok(())
}
