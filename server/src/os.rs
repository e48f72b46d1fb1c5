//! The server's one place with `unsafe`: what the global allocator offers beyond [`std::alloc`].

#![expect(unsafe_code, reason = "the allocator's own functions are C")]

/// Gives back to the system what this thread has freed and the allocator still holds. Takes well under a millisecond
/// for a table of millions of keys.
pub(crate) fn release_freed_memory() {
    // SAFETY: mimalloc is the process's allocator and initialized; the function may be called at any time from any
    // thread, and leaves everything that is allocated where it is.
    unsafe { libmimalloc_sys::mi_collect(true) };
}
