//! Blocks too large for a page: single allocations of the global allocator, with a header.
//!
//! | offset | bytes | content |
//! |---|--:|---|
//! | 0 | 8 | index in the slab's list of large blocks |
//! | 8 | 8 | usable bytes |
//! | 16 | usable | the block; its address is what the caller holds |

use std::alloc::{Layout, alloc, dealloc, handle_alloc_error};
use std::ptr::NonNull;

use super::arena;

#[repr(C)]
struct Header {
    index: usize,
    usable_bytes: usize,
}

const HEADER_BYTES: usize = size_of::<Header>();
const _: () = assert!(HEADER_BYTES == 16 && align_of::<Header>() == 8);

/// The large blocks of one slab. Dropping it frees them all.
#[derive(Default)]
pub(super) struct LargeBlocks {
    /// Addresses of the blocks, so that nothing is lost when the slab goes; each header knows its
    /// index.
    addresses: Vec<u64>,
    bytes: usize,
}

/// Usable bytes of a large block made for `bytes`.
pub(super) fn usable_bytes_for(bytes: usize) -> usize {
    bytes
        .checked_next_multiple_of(8)
        .expect("a block is far below usize::MAX bytes")
}

impl LargeBlocks {
    pub(super) fn alloc(&mut self, bytes: usize) -> NonNull<u8> {
        let usable_bytes = usable_bytes_for(bytes);
        let layout = layout(usable_bytes);
        // SAFETY: the layout's size is not zero.
        let Some(start) = NonNull::new(unsafe { alloc(layout) }) else {
            handle_alloc_error(layout)
        };
        // SAFETY: the allocation begins with room for a header and is aligned for it.
        unsafe {
            start.cast::<Header>().write(Header {
                index: self.addresses.len(),
                usable_bytes,
            })
        };
        // SAFETY: the allocation is longer than the header.
        let block = unsafe { start.add(HEADER_BYTES) };
        self.addresses.push(arena::address(block));
        self.bytes += layout.size();
        block
    }

    /// Frees one block.
    ///
    /// # Safety
    /// `block` came from `alloc` of this list and was not freed since.
    pub(super) unsafe fn free(&mut self, block: NonNull<u8>) {
        // SAFETY: the caller vouches that `block` is live, so its header stands before it.
        let Header {
            index,
            usable_bytes,
        } = unsafe { header_of(block).read() };
        debug_assert_eq!(self.addresses[index], arena::address(block));
        self.addresses.swap_remove(index);
        if let Some(&moved) = self.addresses.get(index) {
            let moved = arena::pointer(moved).expect("no block lies at zero");
            // SAFETY: every listed block is live, and the exclusive borrow of the list keeps others
            // from its index; the usable bytes, which may be read meanwhile, are another field.
            unsafe { (&raw mut (*header_of(moved).as_ptr()).index).write(index) };
        }
        let layout = layout(usable_bytes);
        self.bytes -= layout.size();
        // SAFETY: `alloc` made the allocation with this layout, and its start lies before the
        // block.
        unsafe { dealloc(header_of(block).cast().as_ptr(), layout) };
    }

    /// Bytes of all blocks, headers included.
    pub(super) fn bytes(&self) -> usize {
        self.bytes
    }

    /// Bytes of the list itself.
    pub(super) fn heap_bytes(&self) -> usize {
        self.addresses.capacity() * size_of::<u64>()
    }
}

impl Drop for LargeBlocks {
    fn drop(&mut self) {
        while let Some(&last) = self.addresses.last() {
            let block = arena::pointer(last).expect("no block lies at zero");
            // SAFETY: every listed block is live.
            unsafe { self.free(block) };
        }
    }
}

/// The bytes that the owner of `block` may use.
///
/// # Safety
/// `block` is a live large block.
pub(super) unsafe fn usable_bytes(block: NonNull<u8>) -> usize {
    // SAFETY: the caller vouches that the header stands before the block; this field never changes.
    unsafe { (*header_of(block).as_ptr()).usable_bytes }
}

/// # Safety
/// `block` is a live large block.
unsafe fn header_of(block: NonNull<u8>) -> NonNull<Header> {
    // SAFETY: the header lies in the same allocation, right before the block.
    unsafe { block.sub(HEADER_BYTES) }.cast()
}

fn layout(usable_bytes: usize) -> Layout {
    usable_bytes
        .checked_add(HEADER_BYTES)
        .and_then(|bytes| Layout::from_size_align(bytes, align_of::<Header>()).ok())
        .expect("a block is far below isize::MAX bytes")
}
