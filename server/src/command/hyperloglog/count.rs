//! `PFCOUNT`.

use storage::hyperloglog::{REGISTERS, count_ranks};

use crate::command::{Args, CommandResult, Context};

/// `PFCOUNT key [key ...]`: how many different elements were added to any of the keys, roughly.
pub(super) fn pfcount(ctx: &mut Context<'_, '_>, args: Args<'_>) -> CommandResult {
    let count = if args.len() == 2 {
        // On a replica only what the primary sends may change a value.
        let may_keep = !ctx.unit.state().is_replica() || ctx.session.is_primary;
        let key = ctx.key(args, 1);
        ctx.unit.hll_count(ctx.session.db, &key, may_keep)?
    } else {
        let mut ranks = [0; REGISTERS];
        for (_, key) in ctx.keys(args) {
            ctx.unit.hll_raise(ctx.session.db, &key, &mut ranks)?;
        }
        count_ranks(&ranks)
    };
    // As signed as Redis's: what estimates cannot reach, strings that clients made can.
    ctx.reply.integer(count as i64);
    Ok(())
}
