//! Panics: a log line for each, and the end of the process when memory may have been damaged.

use std::sync::Once;

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
