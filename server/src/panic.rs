//! Panics: a log line for each, and the end of the process when memory may have been damaged.
//!
//! A panic that is not the end is contained where least is lost: in a command's function by its unit, which answers an
//! error and publishes the effects so far (`execute/settle.rs`); elsewhere in a session's turn by the turn, which answers
//! an error and closes the connection; in what a worker does for itself by that one step (`worker/contain.rs`). Locks go
//! as the stack unwinds. What the log of effects then lacks nobody knows, so it is marked as diverged.

use std::any::Any;
use std::sync::Once;

#[cfg(debug_assertions)]
use std::sync::atomic::{AtomicU32, Ordering};

/// Makes every panic leave a log line with its place, and aborts the process when it happens in a storage module with
/// `unsafe` code: there nobody can say what the memory looks like.
pub(crate) fn install_hook() {
    static INSTALLED: Once = Once::new();
    INSTALLED.call_once(|| {
        let previous = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |info| {
            let place = info
                .location()
                .map_or_else(|| "unknown place".to_owned(), ToString::to_string);
            tracing::error!(
                "Panic at {place}: {}",
                info.payload_as_str().unwrap_or("unknown cause")
            );
            previous(info);
            if info
                .location()
                .is_some_and(|location| storage::is_unsafe_module(location.file()))
            {
                tracing::error!(
                    "The panic is in a module that keeps memory safe by hand: aborting"
                );
                std::process::abort();
            }
        }));
    });
}

/// What a panic says.
pub(crate) fn text_of(panic: &(dyn Any + Send)) -> &str {
    panic
        .downcast_ref::<&str>()
        .copied()
        .or_else(|| panic.downcast_ref::<String>().map(String::as_str))
        .unwrap_or("unknown cause")
}

/// Has tests panic at a step of their choice. Without debug assertions there is nothing in it, and a step does nothing.
#[derive(Debug, Default)]
pub(crate) struct Faults {
    /// Steps until one panics, that one included; 0: none will.
    #[cfg(debug_assertions)]
    left: AtomicU32,
}

impl Faults {
    /// A step of something that tests interrupt.
    #[inline(always)]
    pub(crate) fn step(&self) {
        #[cfg(debug_assertions)]
        self.count_down();
    }

    #[cfg(debug_assertions)]
    fn count_down(&self) {
        // Relaxed: a test arms it and then sends what it is to hit.
        if self.left.load(Ordering::Relaxed) > 0 && self.left.fetch_sub(1, Ordering::Relaxed) == 1 {
            panic!("a test wants this step to fail");
        }
    }

    /// Has the step after `steps - 1` others panic; 0: none. Returns how many were left before.
    #[cfg(debug_assertions)]
    pub(crate) fn arm(&self, steps: u32) -> u32 {
        self.left.swap(steps, Ordering::Relaxed)
    }
}
