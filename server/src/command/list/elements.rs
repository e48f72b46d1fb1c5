//! Elements of a list as a reply.

use protocol::Reply;
use storage::listpack::Value;
use storage::typed::{CollectionRef, End, ListRef, ListSpan};
use storage::{Keyspace, PinnedCollection};

use crate::long_reply::is_long;
use crate::output::{Output, ReplySource, write_value};

/// Elements of a list that are yet to be written.
#[derive(Clone, Copy, Debug)]
pub(super) struct Elements {
    /// The number of the next one.
    pub(super) next: u64,
    /// How many there are.
    pub(super) count: u64,
    /// Where the first one is: from the right, numbers descend.
    pub(super) direction: End,
}

impl Elements {
    /// Those of `span`, in the order in which they would be popped.
    pub(super) fn of_span(span: &ListSpan<'_>) -> Self {
        let direction = span.end();
        let next = match direction {
            End::Left => 0,
            End::Right => span.list().len().saturating_sub(1),
        };
        Self {
            next,
            count: span.len(),
            direction,
        }
    }

    /// Answers them as an array.
    pub(super) fn reply(self, reply: &mut Output<'_>, list: ListRef<'_>, keyspace: &Keyspace) {
        reply.array(self.count as usize);
        match list.to_collection() {
            Some(collection)
                if is_long(
                    reply,
                    self.count,
                    collection.len(),
                    collection.memory_bytes(),
                ) =>
            {
                reply.rest_from(Box::new(Rest {
                    list: keyspace.pin_clone(collection),
                    elements: self,
                }));
            }
            _ => self.each(list, |element| reply.value(element)),
        }
    }
}

impl Elements {
    /// Shows `visit` each of them.
    #[inline]
    fn each(self, list: ListRef<'_>, visit: impl FnMut(Value<'_>)) {
        match self.direction {
            End::Left => list.each(self.next, self.count, visit),
            End::Right => list.each_back(self.next, self.count, visit),
        }
    }

    /// Leaves out the first `count`.
    fn skip(&mut self, count: u64) {
        self.count -= count;
        self.next = match self.direction {
            End::Left => self.next + count,
            End::Right => self.next.saturating_sub(count),
        };
    }
}

/// Elements of a list as it was when it was asked for.
#[derive(Debug)]
struct Rest {
    list: PinnedCollection,
    elements: Elements,
}

impl ReplySource for Rest {
    fn write_some(&mut self, reply: &mut Reply<'_>, bytes: usize) -> bool {
        let list = ListRef::of(CollectionRef::Big(&self.list));
        let end = reply.position() + bytes;
        let mut written = 0;
        let Elements {
            next,
            count,
            direction,
        } = self.elements;
        list.each_while(next, direction, count, |element| {
            write_value(reply, element);
            written += 1;
            reply.position() < end
        });
        self.elements.skip(written);
        self.elements.count > 0
    }

    fn held_bytes(&self) -> usize {
        self.list.memory_bytes()
    }
}

#[cfg(test)]
mod tests {
    use protocol::Version;
    use storage::KeyspaceOptions;
    use storage::collection::Collection;
    use storage::collection::list::ListTree;

    use super::*;

    #[test]
    fn the_rest_comes_piece_by_piece_in_either_direction() {
        let keyspace = Keyspace::new(KeyspaceOptions {
            shards: 1,
            databases: 1,
            seed: 1,
            maxmemory_bytes: 0,
        });
        let mut list = ListTree::default();
        for number in 0..5_000u64 {
            list.insert(number, number.to_string().as_bytes());
        }
        let list = Collection::List(list);
        for (direction, next) in [(End::Left, 10), (End::Right, 4_989)] {
            let elements = Elements {
                next,
                count: 4_980,
                direction,
            };
            let mut rest = Rest {
                list: keyspace.pin(&list),
                elements,
            };
            let (mut bytes, mut pieces) = (Vec::new(), 0);
            loop {
                let before = bytes.len();
                let mut reply = Reply::new(&mut bytes, Version::Resp2);
                let more = rest.write_some(&mut reply, 1_000);
                pieces += 1;
                let written = bytes.len() - before;
                if !more {
                    break;
                }
                assert!((1_000..1_020).contains(&written), "{written} bytes");
            }
            assert!(pieces > 40, "{pieces} pieces");
            let mut expected = Vec::new();
            let mut reply = Reply::new(&mut expected, Version::Resp2);
            let all = ListRef::of(CollectionRef::Big(&list));
            elements.each(all, |element| write_value(&mut reply, element));
            assert!(bytes == expected, "{direction:?}");
            assert!(bytes.len() > 4_980 * 8);
        }
    }
}
