//! Elements of a big list: nodes of listpacks, in a tree that counts.
//!
//! A node is full when `list-max-listpack-size` says so, as in Redis. An element that would fill one by itself has a node
//! of its own, without a listpack's limits.

use std::sync::Arc;

use crate::listpack::{self, Listpack, ListpackBuf, Value};
use crate::tree::{Leaf, Spot, Tree};

#[cfg(test)]
mod tests;

/// Most bytes of a node whose setting is a number of elements.
const BYTES_MAX: usize = 8 * 1024;
/// Most elements of a node: a listpack knows how many it has.
const ELEMENTS_MAX: usize = u16::MAX as usize - 1;

/// When a node is full.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NodeLimit {
    bytes: usize,
    elements: usize,
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

    fn is_large(self, element: &[u8]) -> bool {
        listpack::entry_bytes(element) > self.bytes
    }
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
    fn packed(&self) -> Option<Listpack<'_>> {
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

    /// The node of a large element.
    fn of_large(element: &[u8], limit: NodeLimit) -> Self {
        Self {
            content: Content::Large(element.into()),
            limit,
            latest: 0,
        }
    }

    /// Adds an element, which is not large, at number `at` of a node without a large one.
    fn insert(&mut self, at: usize, element: &[u8]) {
        let pack = self.pack_mut();
        match pack.as_listpack().seek(at) {
            Some(position) => {
                pack.insert_before(position, element);
            }
            None => pack.push_back(element),
        }
        self.latest = at;
    }

    /// Removes `count` elements from number `at` on.
    fn remove(&mut self, at: usize, count: usize) {
        match &mut self.content {
            Content::Packed(pack) => pack.remove_range(at, count),
            Content::Large(_) => self.content = Content::default(),
        }
    }

    fn pack_mut(&mut self) -> &mut ListpackBuf {
        match &mut self.content {
            Content::Packed(pack) => pack,
            Content::Large(_) => unreachable!("a large element has a node of its own"),
        }
    }

    /// How many elements, one at least, the first half of the bytes holds.
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
        pack.iter().take_while(fits).count().max(1)
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
        }
    }

    fn is_sparse(&self) -> bool {
        self.packed()
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

/// A big list. See the module documentation.
#[derive(Clone, Default)]
pub struct ListTree {
    tree: Tree<ListNode>,
    limit: NodeLimit,
}

impl ListTree {
    /// A list without elements.
    pub fn new(limit: NodeLimit) -> Self {
        Self {
            tree: Tree::new(),
            limit,
        }
    }

    /// How many elements there are.
    pub fn len(&self) -> u64 {
        self.tree.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.tree.is_empty()
    }

    /// See [`Tree::memory_bytes`].
    pub fn memory_bytes(&self) -> usize {
        self.tree.memory_bytes()
    }

    /// The tree, out of here.
    pub fn into_tree(self) -> Tree<ListNode> {
        self.tree
    }

    /// The element with `index` others before it.
    pub fn get(&self, index: u64) -> Option<Value<'_>> {
        let Spot { path, offset } = self.tree.spot(index)?;
        self.tree.leaf(&path).get(offset)
    }

    /// Adds an element with `index` others before it.
    ///
    /// # Panics
    /// If there are fewer.
    pub fn insert(&mut self, index: u64, element: &[u8]) {
        assert!(index <= self.len(), "elements stand side by side");
        if !self.limit.is_large(element)
            && let Some(Spot { path, offset }) = self.spot_for(index)
        {
            self.tree.update(&path, |node| node.insert(offset, element));
            return;
        }
        let node = if self.limit.is_large(element) {
            ListNode::of_large(element, self.limit)
        } else {
            let mut node = ListNode {
                limit: self.limit,
                ..ListNode::default()
            };
            node.insert(0, element);
            node
        };
        let behind = self.tree.split_off(index);
        self.tree.push_leaf(node);
        self.tree.append(behind);
    }

    /// A packed node that an element with `index` others before it can go to, and its number there: the node that has the
    /// element before it, or else the one behind it.
    fn spot_for(&self, index: u64) -> Option<Spot> {
        let is_packed = |spot: &Spot| self.tree.leaf(&spot.path).packed().is_some();
        let before = index
            .checked_sub(1)
            .and_then(|before| self.tree.spot(before));
        let after_it = before.map(|spot| Spot {
            offset: spot.offset + 1,
            ..spot
        });
        after_it
            .filter(is_packed)
            .or_else(|| self.tree.spot(index).filter(is_packed))
    }

    /// Puts another element in the place of one that is there.
    ///
    /// # Panics
    /// If there is none.
    pub fn replace(&mut self, index: u64, element: &[u8]) {
        assert!(index < self.len(), "there is an element to replace");
        let removed = self.remove(index, 1);
        debug_assert!(removed.is_empty(), "one element leaves its node");
        self.insert(index, element);
    }

    /// Removes `count` elements from number `index` on, as far as there are any. Many are cut out at once, and returned to
    /// be taken down in steps.
    #[must_use = "what was cut out may be too much to free at once"]
    pub fn remove(&mut self, index: u64, count: u64) -> Tree<ListNode> {
        let Some(Spot { path, offset }) = self.tree.spot(index) else {
            return Tree::new();
        };
        if count == 0 {
            return Tree::new();
        }
        let node = self.tree.leaf(&path);
        let in_node = (node.len() - offset) as u64;
        if count <= in_node {
            self.tree
                .update(&path, |node| node.remove(offset, count as usize));
            return Tree::new();
        }
        let mut removed = self.tree.split_off(index);
        let behind = removed.split_off(count);
        self.tree.append(behind);
        removed
    }

    /// Elements from number `index` on.
    pub fn iter_from(&self, index: u64) -> impl Iterator<Item = Value<'_>> {
        let spot = self.tree.spot(index);
        let offset = spot.as_ref().map_or(0, |spot| spot.offset);
        let mut next = spot.map(|spot| spot.path);
        let nodes = std::iter::from_fn(move || {
            let path = next.take()?;
            next = self.tree.next_leaf(&path);
            Some(self.tree.leaf(&path))
        });
        nodes
            .enumerate()
            .flat_map(move |(number, node)| node.iter_from(if number == 0 { offset } else { 0 }))
    }

    /// Elements backwards from number `index`.
    pub fn iter_back_from(&self, index: u64) -> impl Iterator<Item = Value<'_>> {
        let spot = self.tree.spot(index);
        let behind = spot
            .as_ref()
            .map_or(0, |spot| self.tree.leaf(&spot.path).len() - spot.offset - 1);
        let mut next = spot.map(|spot| spot.path);
        let nodes = std::iter::from_fn(move || {
            let path = next.take()?;
            next = self.tree.previous_leaf(&path);
            Some(self.tree.leaf(&path))
        });
        nodes.enumerate().flat_map(move |(number, node)| {
            node.iter_from(0)
                .rev()
                .skip(if number == 0 { behind } else { 0 })
        })
    }
}
