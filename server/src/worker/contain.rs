//! Panics outside commands: what a worker was doing ends, the worker goes on.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};

use crate::execute::Batch;
use crate::panic::text_of;

use super::Worker;

impl Worker {
    /// Does one step of the worker's own work; `None` after a panic.
    pub(super) fn contained<R>(
        &mut self,
        what: &str,
        step: impl FnOnce(&mut Self) -> R,
    ) -> Option<R> {
        match catch_unwind(AssertUnwindSafe(|| step(self))) {
            Ok(result) => Some(result),
            Err(panic) => {
                self.outbox.clear();
                self.clean_up_after(what, &*panic);
                None
            }
        }
    }

    /// Forgets what was half done when `what` panicked. Its locks are gone: nothing of it can be logged any more.
    #[cold]
    pub(super) fn clean_up_after(&mut self, what: &str, panic: &(dyn Any + Send)) {
        for action in self.tools.reset() {
            // The hook has told of a panic in here; the next one is tried all the same.
            let _ = catch_unwind(AssertUnwindSafe(|| action(&self.server)));
        }
        self.batch = Batch::default();
        self.server.mark_log_diverged();
        tracing::error!(
            "{what} panicked: {}; the log of effects has diverged",
            text_of(panic)
        );
    }
}
