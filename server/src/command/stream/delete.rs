//! `XDEL` and `XSETID`.

use smallvec::SmallVec;
use storage::collection::stream::{Deleted, References, SetIdError, StreamId};

use super::ids::exact_id;
use super::integer;
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

const BELOW_PROVIDED: CommandError = CommandError::Line(
    "ERR The ID specified in XSETID is smaller than the provided max_deleted_entry_id",
);
const BELOW_DELETED: CommandError = CommandError::Line(
    "ERR The ID specified in XSETID is smaller than current max_deleted_entry_id",
);
const BELOW_LAST: CommandError =
    CommandError::Line("ERR The ID specified in XSETID is smaller than the target stream top item");
const TOO_FEW_ADDED: CommandError = CommandError::Line(
    "ERR The entries_added specified in XSETID is smaller than the target stream length",
);
const NEGATIVE_ADDED: CommandError = CommandError::Line("ERR entries_added must be positive");

impl From<SetIdError> for CommandError {
    fn from(error: SetIdError) -> Self {
        match error {
            SetIdError::BelowDeleted => BELOW_DELETED,
            SetIdError::BelowLast => BELOW_LAST,
            SetIdError::TooFewAdded => TOO_FEW_ADDED,
        }
    }
}

/// `XSETID key last-id [ENTRIESADDED entries-added] [MAXDELETEDID max-deleted-id]`: sets what a stream remembers of entries
/// that are gone.
pub(super) fn xsetid(ctx: &mut Context<'_, '_>, args: Args<'_>) -> CommandResult {
    let last_id = exact_id(args.at(2), 0)?;
    let (mut added, mut max_deleted_id) = (None, None);
    for at in (3..args.len()).step_by(2) {
        let value = args.get(at + 1).ok_or(CommandError::Syntax)?;
        if args.is(at, "ENTRIESADDED") {
            let entries = u64::try_from(integer(value)?);
            added = Some(entries.map_err(|_| NEGATIVE_ADDED)?);
        } else if args.is(at, "MAXDELETEDID") {
            let id = exact_id(value, 0)?;
            if id > last_id {
                return Err(BELOW_PROVIDED);
            }
            max_deleted_id = Some(id);
        } else {
            return Err(CommandError::Syntax);
        }
    }
    let (db, key) = (ctx.db(), ctx.key(args, 1));
    let edited = ctx.unit.edit_stream(db, &key, |edit| match edit.is_new() {
        true => Err(CommandError::NoSuchKey),
        false => Ok(edit.set_id(last_id, added, max_deleted_id)?),
    })?;
    edited.result?;
    ctx.notify(EventClass::STREAM, "xsetid", key.bytes);
    ctx.reply.ok();
    Ok(())
}
