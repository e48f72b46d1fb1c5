//! `PFMERGE`.

use storage::hyperloglog::REGISTERS;

use crate::command::{Args, CommandResult, Context};
use crate::notify::EventClass;

/// `PFMERGE destination [source ...]`: adds to the destination what was added to the sources.
pub(super) fn pfmerge(ctx: &mut Context<'_, '_>, args: Args<'_>) -> CommandResult {
    let mut ranks = [0; REGISTERS];
    let mut any_dense = false;
    for (_, key) in ctx.keys(args) {
        any_dense |= ctx.unit.hll_raise(ctx.session.db, &key, &mut ranks)?;
    }
    let key = ctx.key(args, 1);
    let sparse_bytes_max = ctx.config.hll_sparse_max_bytes;
    ctx.unit
        .hll_merge(ctx.session.db, &key, &ranks, any_dense, sparse_bytes_max)?;
    ctx.notify(EventClass::STRING, "pfadd", key.bytes);
    ctx.reply.ok();
    Ok(())
}
