//! Replies of entries that were picked one by one.

use std::fmt;

use protocol::Reply;
use storage::blocks::Blocks;
use storage::collection::Collection;
use storage::collection::stream::Stream;
use storage::{Keyspace, PinnedCollection};

use crate::long_reply::is_long;
use crate::output::{Output, ReplySource};

/// Writes what `items` tell of entries of `stream`, each as `write` does. Many are not written now, but from a pin.
pub(super) fn write_listed<T, W>(
    reply: &mut Output<'_>,
    stream: &Stream,
    keyspace: &Keyspace,
    items: Blocks<T>,
    write: W,
) where
    T: Copy + Send + 'static,
    W: Fn(&mut Reply<'_>, &Stream, T) + Send + 'static,
{
    let count = items.len() as u64;
    if !is_long(reply, count, stream.len(), stream.entries().memory_bytes()) {
        return items.iter().for_each(|item| write(reply, stream, item));
    }
    let stream = Collection::Stream(Box::new(stream.clone()));
    reply.rest_from(Box::new(Listed {
        stream: keyspace.pin_clone(stream),
        items,
        next: 0,
        write,
    }));
}

/// What is still to be written.
struct Listed<T, W> {
    stream: PinnedCollection,
    items: Blocks<T>,
    next: usize,
    write: W,
}

impl<T: Copy, W> fmt::Debug for Listed<T, W> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Listed({}..{})", self.next, self.items.len())
    }
}

impl<T, W> ReplySource for Listed<T, W>
where
    T: Copy + Send,
    W: Fn(&mut Reply<'_>, &Stream, T) + Send,
{
    fn write_some(&mut self, reply: &mut Reply<'_>, bytes: usize) -> bool {
        let Collection::Stream(stream) = &*self.stream else {
            unreachable!("a stream was pinned")
        };
        let end = reply.position().saturating_add(bytes);
        while reply.position() < end {
            let Some(item) = self.items.get(self.next) else {
                return false;
            };
            (self.write)(reply, stream, item);
            self.next += 1;
        }
        self.next < self.items.len()
    }

    fn held_bytes(&self) -> usize {
        self.stream.memory_bytes() + self.items.memory_bytes()
    }
}
