//! Big ranges that are parted from their sets ahead, without any lock.

use std::ops::Range;

use storage::collection::ranked::Wanted;
use storage::typed::CollectionRef;
use storage::typed::sorted_set::{BulkCut, SortedSetRef};
use storage::{DbIndex, Key, ValueType};

use crate::command::bulk::{ATTEMPTS_MAX, Ahead, Preparation, Steps, prepare};
use crate::command::{CommandError, Context};

/// Ranges of more members are parted ahead.
pub(super) const CUT_AT_ONCE_MAX: u64 = 1024;

impl Steps for BulkCut {
    fn step(&mut self, work: usize) -> bool {
        BulkCut::step(self, work)
    }
}

/// Has a range of the sorted set at `key` parted from the others for a command that runs again then; or what was
/// prepared, if this is that run.
///
/// # Errors
/// `WrongType`; nothing has happened then.
pub(super) fn cut_ahead(
    ctx: &mut Context<'_, '_>,
    db: DbIndex,
    key: &Key<'_>,
    wanted: Wanted,
    ranks: impl FnOnce(SortedSetRef<'_>) -> Range<u64>,
) -> Result<Ahead<BulkCut>, CommandError> {
    let prepared = ctx.take_prepared::<Preparation<BulkCut>>();
    let attempts = prepared.as_ref().map_or(0, |prepared| prepared.attempts);
    if let Some(prepared) = prepared
        && ctx.unit.still_holds(db, key, prepared.work.held())
    {
        return Ok(Ahead::Done(Box::new(prepared.work)));
    }
    if ctx.in_exec || attempts == ATTEMPTS_MAX {
        return Ok(Ahead::Not);
    }
    let held = ctx.unit.hold_value_again(db, key, ValueType::SortedSet)?;
    let keyspace = &ctx.server.keyspace;
    let ranks = held.content().and_then(|content| {
        let is_big = matches!(content, CollectionRef::Big(_));
        let set = SortedSetRef::of(content, keyspace.hasher().elements());
        set.filter(|_| is_big).map(ranks)
    });
    let cut = ranks.and_then(|ranks| BulkCut::new(held, ranks, wanted, keyspace));
    match cut {
        Some(cut) => {
            prepare(ctx, cut, attempts);
            Ok(Ahead::Begun)
        }
        None => Ok(Ahead::Not),
    }
}
