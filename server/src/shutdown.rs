//! Going down: asked for by a signal or by `SHUTDOWN`, carried out by the accepting thread.

use std::sync::atomic::{AtomicBool, Ordering};

use tokio::sync::Notify;

/// Whether the server is to go down.
#[derive(Debug, Default)]
pub(crate) struct Shutdown {
    requested: AtomicBool,
    wake: Notify,
}

impl Shutdown {
    /// Asks the server to go down.
    pub(crate) fn request(&self) {
        // SeqCst: set before the wake-up, and rare.
        self.requested.store(true, Ordering::SeqCst);
        self.wake.notify_one();
    }

    /// Whether somebody has asked.
    pub(crate) fn is_requested(&self) -> bool {
        self.requested.load(Ordering::SeqCst)
    }

    /// Waits until somebody asks.
    pub(crate) async fn requested(&self) {
        while !self.is_requested() {
            self.wake.notified().await;
        }
    }
}
