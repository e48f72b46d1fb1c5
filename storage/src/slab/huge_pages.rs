//! Huge pages for large datasets: a process that touches other entries with each request spends a tenth of its time on
//! the way to small pages.
//!
//! Making a huge page may take milliseconds, when the kernel has to move others out of the way first or a virtual
//! machine's host gives memory for the first time. So a thread makes them ahead of the slabs, and where the system has
//! no such call (before Linux 5.14) there are none.

use std::io;
use std::thread;

use super::arena::{HugePages, SPANS, TO_POPULATE, populate};

/// Lets all slabs of this process take huge pages once they hold 512 MiB together, and starts the thread that makes
/// them ahead. It stays until the process ends; calling this again does nothing.
///
/// # Errors
/// When the system gives us no thread; then pages stay small.
pub fn use_huge_pages() -> io::Result<()> {
    let mut spans = SPANS.lock();
    if spans.huge_pages == HugePages::NotAsked {
        thread::Builder::new()
            .name("nuthatch-pages".into())
            .spawn(populate_ahead)?;
        spans.huge_pages = HugePages::On;
    }
    Ok(())
}

fn populate_ahead() {
    loop {
        let mut spans = SPANS.lock();
        let range = loop {
            match spans.take_unpopulated() {
                Some(range) => break range,
                None => TO_POPULATE.wait(&mut spans),
            }
        };
        drop(spans);
        if populate(range).is_err() {
            // Either the call is unknown or there is no memory; both leave the rest to the slabs' own first touch.
            SPANS.lock().huge_pages = HugePages::Unavailable;
            return;
        }
    }
}
