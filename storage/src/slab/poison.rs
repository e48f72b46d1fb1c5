//! Free blocks hold a pattern in builds with debug assertions, so that a write after `free` is
//! noticed when the block is handed out again, and a read after `free` sees nonsense. Nothing is
//! done in release builds.

use std::ptr::NonNull;

const PATTERN: u8 = 0xDE;

/// Fills a free block, or several adjoining ones.
///
/// # Safety
/// The `bytes` bytes from `block` on lie in one page and belong to nobody but the slab.
#[inline]
pub(super) unsafe fn fill(block: NonNull<u8>, bytes: usize) {
    if cfg!(debug_assertions) {
        // SAFETY: the caller vouches for the range.
        unsafe { block.write_bytes(PATTERN, bytes) };
    }
}

/// Checks that nobody wrote to a block while it was free.
#[inline]
pub(super) fn check(block: NonNull<u8>, bytes: usize) {
    if cfg!(debug_assertions) {
        // SAFETY: the slab is about to hand out this block of a page, so nobody else refers to it,
        // and it was filled when its part of the page was opened, so it is initialised.
        let contents = unsafe { std::slice::from_raw_parts(block.as_ptr(), bytes) };
        assert!(
            contents.iter().all(|&byte| byte == PATTERN),
            "a block was written after it was freed"
        );
    }
}
