//! Operations that take the first of several keys that has what they want.

use std::fmt;
use std::ops::Range;

use storage::waiters::Serve;
use storage::{DbIndex, Key, Unit, ValueType};

use super::{Operation, serve_type};
use crate::command::{Args, CommandResult, Context};

impl Context<'_, '_> {
    /// Does `serve` with the first of the keys at the arguments `indices` that is of type `wanted`, or waits for one.
    /// `serve` works as [`Operation::serve`].
    ///
    /// # Errors
    /// As [`Context::serve_or_wait`].
    pub(crate) fn serve_first_or_wait(
        &mut self,
        args: Args<'_>,
        indices: Range<usize>,
        deadline_ms: Option<i64>,
        wanted: ValueType,
        serve: impl Fn(&mut Context<'_, '_>, &Key<'_>) -> CommandResult + Send + Sync + 'static,
    ) -> CommandResult {
        let keys: Vec<Key<'_>> = indices.map(|index| self.key(args, index)).collect();
        let operation = First { wanted, serve };
        self.serve_or_wait(&keys, &[], deadline_ms, wanted, operation)
    }
}

/// What is done with the first key that has something of a type.
struct First<F> {
    wanted: ValueType,
    serve: F,
}

impl<F> fmt::Debug for First<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "First({:?})", self.wanted)
    }
}

impl<F> Operation for First<F>
where
    F: Fn(&mut Context<'_, '_>, &Key<'_>) -> CommandResult + Send + Sync,
{
    fn takes_first(&self) -> Option<ValueType> {
        Some(self.wanted)
    }

    fn can_serve(&self, unit: &mut Unit<'_>, db: DbIndex, key: &Key<'_>) -> Serve {
        serve_type(unit, db, key, self.wanted)
    }

    fn serve(&self, ctx: &mut Context<'_, '_>, key: &Key<'_>) -> CommandResult {
        (self.serve)(ctx, key)
    }
}
