//! The server's one place with `unsafe`: what the global allocator offers beyond [`std::alloc`].

#![expect(unsafe_code, reason = "the allocator's own functions are C")]

/// Gives back to the system what this thread has freed and the allocator still holds. It looks at every page of
/// the thread's heap: with eight million keys a ping beside it took 0.16 ms in the median, instead of 0.07 ms.
pub(crate) fn release_freed_memory() {
    // SAFETY: mimalloc is the process's allocator and initialized; the function may be called at any time from any
    // thread, and leaves everything that is allocated where it is.
    unsafe { libmimalloc_sys::mi_collect(true) };
}
