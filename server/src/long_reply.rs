//! Replies of many elements out of a big collection: pinned under the lock, written after it.

use protocol::Reply;
use storage::PinnedCollection;
use storage::collection::Collection;

use crate::output::{Output, ReplySource};

/// Replies of more elements than this are not written under the lock.
pub(crate) const ELEMENTS_MIN: u64 = 1024;
/// Elements written between looks at how much it is by now.
const ELEMENTS_AT_ONCE: u64 = 32;
/// One at a time where the mean element takes more bytes than these.
const SMALL_BYTES: u64 = 4096;

/// Numbered elements of a pinned collection, each written as `write` does.
struct Elements<W> {
    pin: PinnedCollection,
    next: u64,
    end: u64,
    at_once: u64,
    write: W,
}

impl<W> std::fmt::Debug for Elements<W> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Elements({}..{})", self.next, self.end)
    }
}

impl<W> ReplySource for Elements<W>
where
    W: Fn(&Collection, &mut Reply<'_>, u64, u64) + Send,
{
    fn write_some(&mut self, reply: &mut Reply<'_>, bytes: usize) -> bool {
        let begin = reply.position();
        while self.next < self.end && reply.position() - begin < bytes {
            let count = self.at_once.min(self.end - self.next);
            (self.write)(&self.pin, reply, self.next, count);
            self.next += count;
        }
        self.next < self.end
    }

    fn held_bytes(&self) -> usize {
        self.pin.memory_bytes()
    }
}

impl Output<'_> {
    /// The elements `from..from + count` of a pinned collection, whose header has been written: `write` gets the
    /// collection, the number of the first element to write, and how many.
    pub(crate) fn elements_of(
        &mut self,
        pin: PinnedCollection,
        from: u64,
        count: u64,
        write: impl Fn(&Collection, &mut Reply<'_>, u64, u64) + Send + 'static,
    ) {
        let mean_bytes = pin.memory_bytes() as u64 / pin.len().max(1);
        let at_once = if mean_bytes > SMALL_BYTES {
            1
        } else {
            ELEMENTS_AT_ONCE
        };
        self.rest_from(Box::new(Elements {
            pin,
            next: from,
            end: from + count,
            at_once,
            write,
        }));
    }
}
