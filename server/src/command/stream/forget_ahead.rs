//! Trimming that makes what it takes away pending no more (`DELREF`): where that is much it is done ahead, without any lock,
//! in groups that are made beside the stream.

use storage::collection::stream::{Forgetting, Keep, References, Stream, StreamId};
use storage::typed::{GroupsAhead, StreamEdit};
use storage::{DbIndex, Key};

use super::trim::Trim;
use crate::command::Context;
use crate::command::bulk::{Ahead, Steps, ahead};

/// Pending entries that are looked at under the lock.
const LOOKS_AT_ONCE_MAX: u64 = 512;

/// Trimmed entries that are being made pending no more.
#[derive(Debug)]
pub(super) struct ForgetAhead {
    groups: GroupsAhead,
    forgetting: Forgetting,
}

impl Steps for ForgetAhead {
    fn step(&mut self, work: usize) -> bool {
        self.groups.forget_some(&mut self.forgetting, work)
    }
}

/// Trims a stream; how many entries are gone.
pub(super) fn trim_with(
    ahead: &Ahead<ForgetAhead>,
    edit: &mut StreamEdit<'_, '_>,
    trim: &Trim,
) -> u64 {
    let mut forgotten = StreamId::MIN;
    if let Ahead::Done(done) = ahead {
        edit.take_groups_of(&done.groups);
        forgotten = done.forgetting.until(done.groups.stream().entries());
    }
    edit.trim_forgotten(trim.keep, trim.precision, trim.references, forgotten)
}

/// Has it done for the stream at `key`, if it is much; or what was done, if that is why the command runs again.
pub(super) fn forget_ahead(
    ctx: &mut Context<'_, '_>,
    db: DbIndex,
    key: &Key<'_>,
    trim: Option<&Trim>,
) -> Ahead<ForgetAhead> {
    let Some(trim) = trim.filter(|trim| trim.references == References::Delete) else {
        return Ahead::Not;
    };
    ahead(
        ctx,
        |ctx, work: &ForgetAhead| {
            let stream = ctx.unit.peek_stream(db, key);
            stream.is_some_and(|stream| work.groups.is_of(stream))
        },
        |ctx| {
            let stream = ctx.unit.peek_stream(db, key)?;
            let is_little =
                stream.groups().is_empty() || surplus(stream, trim.keep) <= LOOKS_AT_ONCE_MAX;
            if is_little {
                return None;
            }
            let (forgetting, looks) = stream.forgetting(trim.keep, trim.precision);
            (looks > LOOKS_AT_ONCE_MAX).then(|| ForgetAhead {
                groups: GroupsAhead::new(stream, &ctx.server.keyspace),
                forgetting,
            })
        },
    )
}

/// How many entries there are more than shall be kept.
fn surplus(stream: &Stream, keep: Keep) -> u64 {
    match keep {
        Keep::Last(count) => stream.len().saturating_sub(count),
        Keep::From(id) => id
            .previous()
            .map_or(0, |last| stream.entries().count(StreamId::MIN, last)),
    }
}
