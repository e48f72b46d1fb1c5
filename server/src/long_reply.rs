//! Replies of many elements out of a big collection: pinned under the lock, written after it.

use protocol::Reply;
use storage::PinnedCollection;
use storage::collection::Collection;

use crate::output::{Output, ReplySource};

/// Replies of more elements than this are not written under the lock.
pub(crate) const ELEMENTS_MIN: u64 = 1024;
/// Nor are elements of more bytes than these.
pub(crate) const BYTES_MIN: usize = 256 << 10;
/// Behind so many bytes only so few elements are.
const REPLY_BYTES_MAX: usize = 1 << 20;
const FEW: u64 = 8;
/// Elements written between looks at how much it is by now.
const ELEMENTS_AT_ONCE: u64 = 32;
/// One at a time where the mean element takes more bytes than these.
const SMALL_BYTES: u64 = 4096;

/// Whether `count` elements of a collection with so many in so many bytes are too much to be written under the lock, behind
/// what the reply has already.
pub(crate) fn is_long(reply: &Output<'_>, count: u64, len: u64, memory_bytes: usize) -> bool {
    if count > ELEMENTS_MIN {
        return true;
    }
    let is_much = || memory_bytes as u64 / len.max(1) * count > BYTES_MIN as u64;
    let is_behind_much = count > FEW && reply.position() > REPLY_BYTES_MAX;
    is_behind_much || (memory_bytes > BYTES_MIN && is_much())
}

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

#[cfg(test)]
mod tests {
    use protocol::Version;

    use super::*;
    use crate::output::Outbox;

    #[test]
    fn many_elements_are_long_and_so_are_big_ones() {
        let mut outbox = Outbox::default();
        let reply = outbox.reply(Version::Resp2);
        assert!(!is_long(&reply, ELEMENTS_MIN, 1 << 20, 16 << 20));
        assert!(is_long(&reply, ELEMENTS_MIN + 1, 1 << 20, 16 << 20));
        // Elements of a mebibyte each; without any there is nothing to write.
        assert!(is_long(&reply, 1, 300, 300 << 20));
        assert!(!is_long(&reply, 0, 0, 300 << 20));
    }

    #[test]
    fn behind_much_only_few_are_not() {
        let mut outbox = Outbox::default();
        let mut reply = outbox.reply(Version::Resp2);
        reply.bulk(&vec![b'x'; REPLY_BYTES_MAX + 1]);
        assert!(!is_long(&reply, FEW, 1_000, 1_000));
        assert!(is_long(&reply, FEW + 1, 1_000, 1_000));
    }
}
