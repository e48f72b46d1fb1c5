//! Going down: asked for by a signal or by `SHUTDOWN`, carried out by the accepting thread.

use std::sync::atomic::{AtomicBool, Ordering};

use tokio::sync::Notify;

/// Whether the server is to go down.
#[derive(Debug, Default)]
pub(crate) struct Shutdown {
    requested: AtomicBool,
    wake: Notify,
    finished: AtomicBool,
    finish: Notify,
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

    /// Says that the server is down.
    pub(crate) fn finish(&self) {
        self.finished.store(true, Ordering::SeqCst);
        self.finish.notify_one();
    }

    /// Waits until the server is down; for one waiter.
    pub(crate) async fn finished(&self) {
        while !self.finished.load(Ordering::SeqCst) {
            self.finish.notified().await;
        }
    }

    /// Waits until somebody asks.
    pub(crate) async fn requested(&self) {
        while !self.is_requested() {
            self.wake.notified().await;
        }
    }
}
