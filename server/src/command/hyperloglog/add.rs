//! `PFADD`.

use crate::command::{Args, CommandResult, Context};
use crate::notify::EventClass;

/// `PFADD key [element ...]`: adds elements, and answers whether that may have changed the count.
pub(super) fn pfadd(ctx: &mut Context<'_, '_>, args: Args<'_>) -> CommandResult {
    let key = ctx.key(args, 1);
    let sparse_bytes_max = ctx.config.hll_sparse_max_bytes;
    let changes = ctx
        .unit
        .hll_add(ctx.session.db, &key, args.from(2), sparse_bytes_max)?;
    if changes > 0 {
        ctx.notify(EventClass::STRING, "pfadd", key.bytes);
    }
    ctx.reply.integer(i64::from(changes > 0));
    Ok(())
}
