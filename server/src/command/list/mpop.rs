//! `LMPOP`: elements of the first list that has any.

use storage::typed::End;
use storage::{DbIndex, Key};

use super::end_at;
use super::ends::{pop, reply_with_span};
use crate::command::mpop::PopOptions;
use crate::command::{Args, CommandError, CommandResult, Context};

/// `LMPOP numkeys key [key ...] LEFT|RIGHT [COUNT count]`: removes elements of the first list that is there and answers its
/// name and them.
pub(super) fn lmpop(ctx: &mut Context<'_, '_>, args: Args<'_>) -> CommandResult {
    let options = PopOptions::parse(args, 1, end_at)?;
    let db = ctx.db();
    for index in 2..2 + options.keys {
        let key = ctx.key(args, index);
        if pop_with_name(ctx, db, &key, options)? {
            return Ok(());
        }
    }
    ctx.reply.null_array();
    Ok(())
}

/// Pops from the list at `key` and answers its name and the elements; whether there is a list.
///
/// # Errors
/// `WrongType`; nothing has happened then.
pub(crate) fn pop_with_name(
    ctx: &mut Context<'_, '_>,
    db: DbIndex,
    key: &Key<'_>,
    options: PopOptions<End>,
) -> Result<bool, CommandError> {
    let keyspace = &ctx.server.keyspace;
    let popped = pop(ctx, db, key, options.end, options.count, |reply, span| {
        reply.array(2);
        reply.bulk(key.bytes);
        reply_with_span(reply, &span, keyspace);
    })?;
    let Some(popped) = popped else {
        return Ok(false);
    };
    let command: &[u8] = match options.end {
        End::Left => b"LPOP",
        End::Right => b"RPOP",
    };
    let mut digits = itoa::Buffer::new();
    let count = digits.format(popped.changes).as_bytes();
    ctx.effect_in(db, &[command, key.bytes, count]);
    Ok(true)
}
