//! Free blocks hold a pattern in builds with debug assertions, so that a write after `free` is
//! noticed when the block is handed out again, and a read after `free` sees nonsense. In builds with
//! AddressSanitizer they are poisoned besides: there any access to a free block ends the process
//! with both stacks, as it would for the global allocator. Nothing is done in release builds.

use std::ptr::NonNull;

const PATTERN: u8 = 0xDE;

/// Fills a free block, or several adjoining ones, and forbids access to them.
///
/// # Safety
/// The `bytes` bytes from `block` on lie in one page and belong to nobody but the slab.
#[inline]
pub(super) unsafe fn fill(block: NonNull<u8>, bytes: usize) {
    if cfg!(debug_assertions) {
        // The memory may have been poisoned in another page's life.
        asan::allow(block, bytes);
        // SAFETY: the caller vouches for the range.
        unsafe { block.write_bytes(PATTERN, bytes) };
    }
    asan::forbid(block, bytes);
}

/// Permits access to a block that is handed out, and checks that nobody wrote to it while it was
/// free.
#[inline]
pub(super) fn check(block: NonNull<u8>, bytes: usize) {
    asan::allow(block, bytes);
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

/// AddressSanitizer's interface for allocators (`sanitizer/asan_interface.h`).
#[cfg(nuthatch_asan)]
mod asan {
    use std::ffi::{c_int, c_void};
    use std::ptr::NonNull;

    unsafe extern "C" {
        fn __asan_poison_memory_region(start: *const c_void, bytes: usize);
        fn __asan_unpoison_memory_region(start: *const c_void, bytes: usize);
        fn __asan_address_is_poisoned(address: *const c_void) -> c_int;
    }

    pub(super) fn forbid(block: NonNull<u8>, bytes: usize) {
        // SAFETY: only the sanitizer's shadow memory is written; it covers all addresses.
        unsafe { __asan_poison_memory_region(block.as_ptr().cast(), bytes) };
    }

    pub(super) fn allow(block: NonNull<u8>, bytes: usize) {
        // SAFETY: as above.
        unsafe { __asan_unpoison_memory_region(block.as_ptr().cast(), bytes) };
    }

    #[cfg(test)]
    pub(super) fn is_forbidden(byte: NonNull<u8>) -> bool {
        // SAFETY: as above, read.
        unsafe { __asan_address_is_poisoned(byte.as_ptr().cast()) != 0 }
    }
}

#[cfg(not(nuthatch_asan))]
mod asan {
    use std::ptr::NonNull;

    #[inline(always)]
    pub(super) fn forbid(_: NonNull<u8>, _: usize) {}

    #[inline(always)]
    pub(super) fn allow(_: NonNull<u8>, _: usize) {}
}

#[cfg(all(test, nuthatch_asan))]
mod tests {
    use super::asan::is_forbidden;
    use crate::slab::Slab;

    #[test]
    fn sanitizer_forbids_free_blocks_and_only_those() {
        let mut slab = Slab::new();
        let blocks: Vec<_> = (0..200).map(|_| slab.alloc(40)).collect();
        for &block in &blocks {
            // SAFETY: the bytes lie inside the block.
            let last = unsafe { block.add(39) };
            assert!(!is_forbidden(block) && !is_forbidden(last));
        }
        // SAFETY: the block was allocated above and is not used any more.
        unsafe { slab.free(blocks[7]) };
        assert!(is_forbidden(blocks[7]) && !is_forbidden(blocks[6]) && !is_forbidden(blocks[8]));
        for block in (0..blocks.len()).filter(|&n| n != 7).map(|n| blocks[n]) {
            // SAFETY: as above.
            unsafe { slab.free(block) };
        }
        // Released pages come back through another slab, and may be used there.
        let mut other = Slab::new();
        let block = other.alloc(40);
        // SAFETY: the block has 40 bytes.
        unsafe { block.write_bytes(1, 40) };
    }
}
