//! The radix trie that leads from a position to its segment.
//!
//! A level takes six bits of the position, and a node stands at one level. It resolves as many of these bits, from the
//! first on, as the deepest segment below it needs: nodes have 2 to 64 children and double or halve. Only a full node
//! has nodes below it. A segment of less than a node's resolution takes several neighbouring children. The root is a
//! child like any other, so a table that never held much is one segment.
//!
//! `unsafe`: children are addresses. The trie owns all it leads to: it hands out references bound to its own borrow, and
//! segments come in and go out as boxes. Against indices into vectors this saves a dependent load per lookup and any
//! large reallocation.

use super::child::{Child, Node, Target};
use super::segment::Segment;

/// Position bits of a level.
pub(super) const LEVEL_BITS: u32 = 6;

/// See the module documentation.
pub(super) struct Trie {
    pub(super) root: Child,
    bytes: usize,
}

// SAFETY: the trie owns all that its addresses lead to.
unsafe impl Send for Trie {}
// SAFETY: `&Trie` only reads, but for the slot words' hit counters, which are atomic.
unsafe impl Sync for Trie {}

impl Trie {
    /// A trie of one segment of depth 0.
    pub(super) fn new(segment: Box<Segment>) -> Self {
        Self {
            bytes: size_of_val(&*segment),
            root: Child::segment(segment),
        }
    }

    /// Bytes of nodes and segments.
    pub(super) fn bytes(&self) -> usize {
        self.bytes
    }

    #[inline]
    fn locate(&self, position: u64) -> *mut Segment {
        let (mut child, mut rest) = (self.root, position);
        loop {
            match child.target() {
                Target::Segment(segment) => return segment,
                // SAFETY: nodes live as long as the trie that owns them, and it is borrowed.
                Target::Node(node) => child = unsafe { node.child(rest) },
            }
            rest <<= LEVEL_BITS;
        }
    }

    /// The segment that covers `position`.
    #[inline]
    pub(super) fn segment(&self, position: u64) -> &Segment {
        // SAFETY: segments live as long as the trie; `&self` keeps it unchanged.
        unsafe { &*self.locate(position) }
    }

    /// The segment that covers `position`.
    #[inline]
    pub(super) fn segment_mut(&mut self, position: u64) -> &mut Segment {
        // SAFETY: `&mut self` makes this the only reference into the trie.
        unsafe { &mut *self.locate(position) }
    }

    /// Puts `fresh` where a segment of the same depth covers `position`, and returns that one.
    pub(super) fn replace(&mut self, position: u64, fresh: Box<Segment>) -> Box<Segment> {
        let depth = fresh.depth();
        let level = depth.saturating_sub(1) / LEVEL_BITS;
        self.bytes += size_of_val(&*fresh);
        let run = self.run_mut(position, level, depth);
        let old = run[0];
        run.fill(Child::segment(fresh));
        self.take(old)
    }

    /// Puts the halves `low` and `high` where one segment covers `position`, and returns that one.
    pub(super) fn split(
        &mut self,
        position: u64,
        low: Box<Segment>,
        high: Box<Segment>,
    ) -> Box<Segment> {
        let depth = low.depth();
        let level = (depth - 1) / LEVEL_BITS;
        self.widen(position, level, depth - level * LEVEL_BITS);
        self.bytes += size_of_val(&*low) + size_of_val(&*high);
        let run = self.run_mut(position, level, depth - 1);
        let old = run[0];
        let (lower, higher) = run.split_at_mut(run.len() / 2);
        lower.fill(Child::segment(low));
        higher.fill(Child::segment(high));
        self.take(old)
    }

    /// Puts `joined` where two segments cover the halves of what it covers, and returns those two.
    pub(super) fn join(&mut self, position: u64, joined: Box<Segment>) -> [Box<Segment>; 2] {
        let depth = joined.depth();
        let level = depth / LEVEL_BITS;
        self.bytes += size_of_val(&*joined);
        let run = self.run_mut(position, level, depth);
        let old = [run[0], run[run.len() / 2]];
        run.fill(Child::segment(joined));
        self.narrow(position, level);
        old.map(|old| self.take(old))
    }

    /// The box of a segment to which nothing in the trie leads any more.
    fn take(&mut self, gone: Child) -> Box<Segment> {
        // SAFETY: the callers have just overwritten all children that held this segment, and call once.
        let segment = unsafe { gone.into_segment() };
        self.bytes -= size_of_val(&*segment);
        segment
    }

    /// The child that leads to what stands at `level` on the way to `position`.
    fn child_mut(&mut self, position: u64, level: u32) -> &mut Child {
        let (mut child, mut rest) = (&mut self.root, position);
        for _ in 0..level {
            let Target::Node(node) = child.target() else {
                unreachable!("a segment of this depth hangs below a node");
            };
            // SAFETY: the trie owns the node and is borrowed mutably along this one path.
            let children = unsafe { &mut *node.children() };
            child = &mut children[node.index(rest)];
            rest <<= LEVEL_BITS;
        }
        child
    }

    /// The children, at `level`, of all positions that agree with `position` in the first `depth` bits.
    fn run_mut(&mut self, position: u64, level: u32, depth: u32) -> &mut [Child] {
        let child = self.child_mut(position, level);
        let Target::Node(node) = child.target() else {
            return std::slice::from_mut(child);
        };
        let span = 1 << (node.bits() - (depth - level * LEVEL_BITS));
        let first = node.index(position << (level * LEVEL_BITS)) & !(span - 1);
        // SAFETY: as in `child_mut`.
        let children = unsafe { &mut *node.children() };
        &mut children[first..first + span]
    }

    /// Sees to it that what stands at `level` is a node that resolves `bits` bits; it resolves one less at least.
    fn widen(&mut self, position: u64, level: u32, bits: u32) {
        let child = self.child_mut(position, level);
        let wide: Box<[Child]> = match child.target() {
            Target::Segment(_) => Box::new([*child; 2]),
            Target::Node(node) if node.bits() < bits => {
                // SAFETY: as in `child_mut`.
                let children = unsafe { &*node.children() };
                children.iter().flat_map(|&child| [child; 2]).collect()
            }
            Target::Node(_) => return,
        };
        let added = size_of_val(&*wide);
        let old = std::mem::replace(child, Child::node(wide));
        self.bytes += added;
        if let Target::Node(node) = old.target() {
            self.free(node);
        }
    }

    /// Halves the node at `level` for as long as that loses nothing.
    fn narrow(&mut self, position: u64, level: u32) {
        loop {
            let child = self.child_mut(position, level);
            let Target::Node(node) = child.target() else {
                return;
            };
            // SAFETY: as in `child_mut`.
            let children = unsafe { &*node.children() };
            if children.chunks_exact(2).any(|pair| pair[0] != pair[1]) {
                return;
            }
            let added = if let [first, _] = children {
                *child = *first;
                0
            } else {
                let narrow: Box<[Child]> = children.iter().step_by(2).copied().collect();
                let bytes = size_of_val(&*narrow);
                *child = Child::node(narrow);
                bytes
            };
            self.bytes += added;
            self.free(node);
        }
    }

    /// Frees a node to which nothing in the trie leads any more.
    fn free(&mut self, node: Node) {
        // SAFETY: a node hangs in one place, which the callers have just overwritten; it came from a box.
        let children = unsafe { Box::from_raw(node.children()) };
        self.bytes -= size_of_val(&*children);
    }

    fn free_all(&mut self, child: Child) {
        let Target::Node(node) = child.target() else {
            self.take(child);
            return;
        };
        // SAFETY: the trie is being dropped, and the node is freed below.
        let children = unsafe { &*node.children() };
        // Equal neighbours are one segment.
        for run in children.chunk_by(|a, b| a == b) {
            self.free_all(run[0]);
        }
        self.free(node);
    }
}

impl Drop for Trie {
    fn drop(&mut self) {
        self.free_all(self.root);
    }
}
