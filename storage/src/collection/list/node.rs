//! The nodes.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use crate::listpack::{self, Listpack, ListpackBuf, Value};
use crate::tree::Leaf;

use super::super::assert_fits;
use crate::room::room_to_keep;

/// Most bytes of a node whose setting is a number of elements.
const BYTES_MAX: usize = 8 * 1024;
/// Most elements of a node: a listpack knows how many it has.
pub(super) const ELEMENTS_MAX: usize = u16::MAX as usize - 1;

/// When a node is full.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NodeLimit {
    pub(super) bytes: usize,
    pub(super) elements: usize,
}

impl NodeLimit {
    /// The meaning of `list-max-listpack-size`: from -1 to -5, and below, 4 to 64 KiB; otherwise so many elements, in up to
    /// 8 KiB.
    pub fn of_setting(setting: i64) -> Self {
        match usize::try_from(setting) {
            Ok(elements) => Self {
                bytes: BYTES_MAX,
                elements: elements.clamp(1, ELEMENTS_MAX),
            },
            Err(_) => Self {
                bytes: 2048 << setting.unsigned_abs().min(5),
                elements: ELEMENTS_MAX,
            },
        }
    }

    /// Whether an element has a node of its own.
    pub(super) fn is_large(self, element: &[u8]) -> bool {
        let len = element.len();
        // Most are far from it, so that nobody has to see whether they spell integers.
        let exceeds =
            len > self.bytes - OVERHEAD_BYTES_MAX && listpack::entry_bytes(element) > self.bytes;
        // Relaxed: it stands for itself.
        exceeds || len >= LARGE_BYTES.load(Ordering::Relaxed)
    }
}

/// Most bytes that a listpack keeps beside a string.
const OVERHEAD_BYTES_MAX: usize = 10;

static LARGE_BYTES: AtomicUsize = AtomicUsize::new(usize::MAX);

/// Has elements of so many bytes and more, in all lists of the process, have nodes of their own from now on, though nodes
/// would hold them: tests need no large elements then.
pub fn set_large_element_bytes(bytes: usize) {
    LARGE_BYTES.store(bytes, Ordering::Relaxed);
}

impl Default for NodeLimit {
    /// That of `list-max-listpack-size -2`.
    fn default() -> Self {
        Self::of_setting(-2)
    }
}

/// A node.
#[derive(Clone, Default)]
pub struct ListNode {
    content: Content,
    limit: NodeLimit,
    /// Where the latest element was added, so that a list that grows at an end leaves full nodes behind.
    latest: usize,
    /// Whether its elements may go to a neighbour's, once they are few.
    may_join: bool,
}

#[derive(Clone)]
enum Content {
    Packed(ListpackBuf),
    Large(Arc<[u8]>),
}

impl Default for Content {
    fn default() -> Self {
        Content::Packed(ListpackBuf::new())
    }
}

impl ListNode {
    /// The elements, unless it is a single large one.
    pub(super) fn packed(&self) -> Option<Listpack<'_>> {
        match &self.content {
            Content::Packed(buffer) => Some(buffer.as_listpack()),
            Content::Large(_) => None,
        }
    }

    /// The element with `at` others before it.
    pub fn get(&self, at: usize) -> Option<Value<'_>> {
        match &self.content {
            Content::Packed(buffer) => buffer.as_listpack().get(at),
            Content::Large(element) => (at == 0).then_some(Value::Bytes(element)),
        }
    }

    /// The elements from number `from` on.
    pub fn iter_from(&self, from: usize) -> impl DoubleEndedIterator<Item = Value<'_>> {
        let packed = self.packed().map(|pack| {
            let rest = pack.seek(from).map(|position| pack.iter_from(position));
            rest.into_iter().flatten()
        });
        let large = match &self.content {
            Content::Large(element) if from == 0 => Some(Value::Bytes(element)),
            _ => None,
        };
        packed.into_iter().flatten().chain(large)
    }

    /// A node of one element.
    ///
    /// # Panics
    /// If the element is longer than [`PART_BYTES_MAX`](crate::collection::PART_BYTES_MAX).
    pub(super) fn of(element: &[u8], limit: NodeLimit) -> Self {
        assert_fits(element);
        let content = if limit.is_large(element) {
            Content::Large(element.into())
        } else {
            let mut pack = ListpackBuf::new();
            pack.push_back(element);
            Content::Packed(pack)
        };
        Self {
            content,
            limit,
            latest: 0,
            may_join: false,
        }
    }

    /// A node of what is in `pack`.
    pub(super) fn of_pack(pack: ListpackBuf, limit: NodeLimit) -> Self {
        Self {
            content: Content::Packed(pack),
            limit,
            latest: usize::MAX,
            may_join: false,
        }
    }

    /// Adds an element, which is not large, at number `at` of a node without a large one.
    pub(super) fn insert(&mut self, at: usize, element: &[u8]) {
        let pack = self.pack_mut();
        match pack.as_listpack().seek(at) {
            Some(position) => {
                pack.insert_before(position, element);
            }
            None => pack.push_back(element),
        }
        self.latest = at;
    }

    /// Adds an element, which is not large, behind the others of a node without a large one.
    pub(super) fn push_back(&mut self, element: &[u8]) {
        let pack = self.pack_mut();
        pack.push_back(element);
        self.latest = pack.as_listpack().len() - 1;
    }

    /// Removes the last element.
    pub(super) fn pop_back(&mut self) {
        match &mut self.content {
            Content::Packed(pack) => {
                if let Some(last) = pack.as_listpack().last() {
                    pack.remove(last);
                }
            }
            Content::Large(_) => self.content = Content::default(),
        }
        self.give_back_room();
    }

    /// The last element.
    pub(super) fn back(&self) -> Option<Value<'_>> {
        match &self.content {
            Content::Packed(buffer) => {
                let pack = buffer.as_listpack();
                pack.last().map(|last| pack.value_at(last))
            }
            Content::Large(element) => Some(Value::Bytes(element)),
        }
    }

    /// Removes `count` elements from number `at` on.
    pub(super) fn remove(&mut self, at: usize, count: usize) {
        match &mut self.content {
            Content::Packed(pack) => pack.remove_range(at, count),
            Content::Large(_) => self.content = Content::default(),
        }
        self.give_back_room();
    }

    /// Puts another element in the place of one. Only if both are large, or neither is: see [`ListNode::takes`].
    pub(super) fn replace(&mut self, at: usize, element: &[u8]) {
        match &mut self.content {
            Content::Packed(pack) => {
                let position = pack.as_listpack().seek(at);
                pack.replace(position.expect("there is an element to replace"), element);
                self.give_back_room();
                // Should this be too much, both halves have room.
                self.latest = usize::MAX;
            }
            Content::Large(large) => *large = element.into(),
        }
    }

    /// Whether an element can stand in place of those of this node.
    pub(super) fn takes(&self, element: &[u8]) -> bool {
        self.is_packed() != self.limit.is_large(element)
    }

    /// Whether other elements can stand beside those of this node: none of them is large.
    pub(super) fn is_packed(&self) -> bool {
        matches!(self.content, Content::Packed(_))
    }

    /// Says whether the elements may go to a neighbour's, once they are few.
    pub(super) fn let_join(&mut self, may_join: bool) {
        self.may_join = may_join;
    }

    /// Removes up to `most` elements that `is_one` holds for, from the end if `from_tail`; how many it was.
    pub(super) fn remove_where(
        &mut self,
        is_one: impl Fn(Value<'_>) -> bool,
        most: usize,
        from_tail: bool,
    ) -> usize {
        match &mut self.content {
            Content::Packed(pack) => {
                let removed = pack.remove_where(is_one, most, from_tail);
                self.give_back_room();
                removed
            }
            Content::Large(element) => {
                let removed = usize::from(most > 0 && is_one(Value::Bytes(element)));
                if removed > 0 {
                    self.content = Content::default();
                }
                removed
            }
        }
    }

    fn give_back_room(&mut self) {
        if let Content::Packed(pack) = &mut self.content
            && let Some(room) = room_to_keep(pack.as_listpack().byte_len(), pack.capacity())
        {
            pack.shrink_to(room);
        }
    }

    fn pack_mut(&mut self) -> &mut ListpackBuf {
        match &mut self.content {
            Content::Packed(pack) => pack,
            Content::Large(_) => unreachable!("a large element has a node of its own"),
        }
    }

    /// How many elements the first half of the bytes holds, of two or more; some at least, and not all: of very short ones
    /// both halves might take all.
    fn half(&self) -> usize {
        let Some(pack) = self.packed() else {
            return 1;
        };
        let mut left = pack.byte_len() / 2;
        let fits = |element: &Value<'_>| {
            let fitting = left.checked_sub(element.entry_bytes());
            left = fitting.unwrap_or(0);
            fitting.is_some()
        };
        let held = pack.iter().take_while(fits).count();
        held.min(pack.len() - 1).max(1)
    }

    fn is_full(&self) -> bool {
        self.packed().is_some_and(|pack| {
            let len = pack.len();
            len > 1 && (len > self.limit.elements || pack.byte_len() > self.limit.bytes)
        })
    }
}

impl Leaf for ListNode {
    type Bound = ();
    type Summary = ();

    fn len(&self) -> usize {
        self.packed().map_or(1, Listpack::len)
    }

    fn memory_bytes(&self) -> usize {
        match &self.content {
            Content::Packed(buffer) => buffer.capacity(),
            Content::Large(element) => element.len() + 2 * size_of::<usize>(),
        }
    }

    fn bound(&self) {}

    fn summary(&self) {}

    fn split(&mut self) -> Option<Self> {
        if !self.is_full() {
            return None;
        }
        let at = match self.latest {
            0 => 1,
            latest if latest == self.len() - 1 => latest,
            _ => self.half(),
        };
        Some(self.split_off(at))
    }

    fn split_off(&mut self, at: usize) -> Self {
        let pack = self.pack_mut();
        let mut rest = pack.split_off(at);
        pack.shrink_to_fit();
        rest.shrink_to_fit();
        Self {
            content: Content::Packed(rest),
            limit: self.limit,
            latest: usize::MAX,
            may_join: false,
        }
    }

    fn is_sparse(&self) -> bool {
        // Redis leaves nodes small: whether a list has become a listpack again tells how many there are.
        self.may_join
            && self
                .packed()
                .is_some_and(|pack| pack.byte_len() < self.limit.bytes / 8)
    }

    fn has_room_for(&self, next: &Self) -> bool {
        let (Some(pack), Some(next)) = (self.packed(), next.packed()) else {
            return false;
        };
        pack.len() + next.len() <= self.limit.elements * 3 / 4
            && pack.byte_len() + next.byte_len() <= self.limit.bytes * 3 / 4
    }

    fn absorb(&mut self, next: &Self) {
        if let (Content::Packed(pack), Some(next)) = (&mut self.content, next.packed()) {
            pack.append(next);
        }
    }
}
