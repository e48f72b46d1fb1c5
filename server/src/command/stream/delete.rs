//! `XDEL` and `XSETID`.

use smallvec::SmallVec;
use storage::collection::stream::{Deleted, References, StreamId};

use super::ids::exact_id;
use crate::command::{Args, CommandError, CommandResult, Context};
use crate::notify::EventClass;

/// The IDs at the arguments from `first` on.
pub(super) fn ids_from(
    args: Args<'_>,
    first: usize,
) -> Result<SmallVec<[StreamId; 8]>, CommandError> {
    args.from(first).map(|text| exact_id(text, 0)).collect()
}

/// `XDEL key id [id ...]`: deletes entries; how many.
pub(super) fn xdel(ctx: &mut Context<'_, '_>, args: Args<'_>) -> CommandResult {
    let (db, key) = (ctx.db(), ctx.key(args, 1));
    // Only a stream that is there has the IDs looked at, as in Redis.
    if ctx.unit.stream_to_change(db, &key)?.is_none() {
        ctx.reply.integer(0);
        return Ok(());
    }
    let ids = ids_from(args, 2)?;
    let edited = ctx.unit.edit_stream(db, &key, |edit| {
        let deleted = ids
            .iter()
            .filter(|&&id| edit.delete(id, References::Keep) == Deleted::Yes);
        deleted.count()
    })?;
    if edited.result > 0 {
        ctx.notify(EventClass::STREAM, "xdel", key.bytes);
    }
    ctx.reply.integer(edited.result as i64);
    Ok(())
}
