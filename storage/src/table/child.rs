//! A trie child: one word that leads to a segment or a node, and says how large that is.
//!
//! | bits | of a segment | of a node |
//! |---|---|---|
//! | 63:48 | number of buckets; 0 if only the header can tell | number of position bits it resolves, 1 to 6 |
//! | 47:1 | address, a multiple of 64 | address, a multiple of 8 |
//! | 0 | 0 | 1 |
//!
//! With the size at hand a lookup goes from the last node right to a bucket.
//!
//! `unsafe`: a child is an address, and several neighbours may hold the same one. Whoever makes a child gives its box
//! away; [`super::trie::Trie`] alone follows children and takes the boxes back, each once, after the last child that
//! held it.

use super::segment::Segment;

const SIZE_SHIFT: u32 = 48;
const NODE: usize = 1;
const ADDRESS_MASK: usize = ((1 << SIZE_SHIFT) - 1) & !NODE;

const _: () = assert!(usize::BITS == 64 && size_of::<Child>() == 8 && align_of::<Child>() == 8);

/// See the module documentation.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) struct Child(*mut u8);

/// What a child leads to.
pub(super) enum Target {
    Segment(*mut Segment),
    Node(Node),
}

/// 2 to the power of `bits` children.
#[derive(Clone, Copy)]
pub(super) struct Node {
    first: *mut Child,
    bits: u32,
}

impl Child {
    /// Leads to `segment`.
    pub(super) fn segment(segment: Box<Segment>) -> Self {
        // One too large for the field has 0 there, and the header tells.
        let buckets = u16::try_from(segment.buckets()).unwrap_or(0);
        Self::tagged(Box::into_raw(segment).cast(), usize::from(buckets), 0)
    }

    /// Leads to a node with these children, a power of two of them.
    pub(super) fn node(children: Box<[Child]>) -> Self {
        let bits = children.len().ilog2();
        debug_assert!(children.len() == 1 << bits && bits > 0);
        Self::tagged(Box::into_raw(children).cast(), bits as usize, NODE)
    }

    fn tagged(address: *mut u8, size: usize, tag: usize) -> Self {
        assert!(
            address.addr() & !ADDRESS_MASK == 0,
            "user space ends at 2^47"
        );
        Self(address.map_addr(|address| address | size << SIZE_SHIFT | tag))
    }

    #[inline]
    pub(super) fn target(self) -> Target {
        let size = self.0.addr() >> SIZE_SHIFT;
        let address = self.0.map_addr(|address| address & ADDRESS_MASK);
        if self.0.addr() & NODE != 0 {
            return Target::Node(Node {
                first: address.cast(),
                bits: size as u32,
            });
        }
        let buckets = if size == 0 {
            // SAFETY: children in use lead to live segments, and each has at least the bucket with its header.
            unsafe { &*Segment::at(address, 1) }.counted_buckets()
        } else {
            size
        };
        Target::Segment(Segment::at(address, buckets))
    }

    /// Takes back the box that [`Child::segment`] was given.
    ///
    /// # Safety
    /// The child leads to a segment, is not in the trie any more, and is the last of its equals that is used.
    pub(super) unsafe fn into_segment(self) -> Box<Segment> {
        match self.target() {
            // SAFETY: it came from a box of just this size, and the caller sees to it that it is made one once.
            Target::Segment(segment) => unsafe { Box::from_raw(segment) },
            Target::Node(_) => unreachable!("a segment was asked for"),
        }
    }
}

impl Node {
    /// How many position bits it resolves.
    pub(super) fn bits(self) -> u32 {
        self.bits
    }

    /// Its children, as a raw pointer.
    pub(super) fn children(self) -> *mut [Child] {
        std::ptr::slice_from_raw_parts_mut(self.first, 1 << self.bits)
    }

    /// The child at the first bits of `rest`.
    ///
    /// # Safety
    /// The node is live, and nobody changes it meanwhile.
    #[inline]
    pub(super) unsafe fn child(self, rest: u64) -> Child {
        // SAFETY: the caller vouches for the node, and the index has as many bits as the node resolves.
        unsafe { *self.first.add(self.index(rest)) }
    }

    /// The number of the child at the first bits of `rest`.
    #[inline]
    pub(super) fn index(self, rest: u64) -> usize {
        (rest >> (64 - self.bits)) as usize
    }
}
