//! The server's one place with `unsafe`: what the global allocator offers beyond [`std::alloc`], and reading into
//! memory that has not been written yet.

#![expect(
    unsafe_code,
    reason = "the allocator's own functions are C; std has no stable way to read into spare capacity"
)]

use std::os::fd::AsFd;

use rustix::net::RecvFlags;

/// Gives back to the system what this thread has freed and the allocator still holds. It looks at every page of
/// the thread's heap: with eight million keys a ping beside it took 0.16 ms in the median, instead of 0.07 ms.
pub(crate) fn release_freed_memory() {
    // SAFETY: mimalloc is the process's allocator and initialized; the function may be called at any time from any
    // thread, and leaves everything that is allocated where it is.
    unsafe { libmimalloc_sys::mi_collect(true) };
}

/// Receives up to `max` bytes behind what is in `buffer`.
///
/// # Errors
/// What the system call says, `AGAIN` and `INTR` among it; `buffer` is as it was then.
#[inline]
pub(crate) fn receive(
    socket: impl AsFd,
    buffer: &mut Vec<u8>,
    max: usize,
) -> rustix::io::Result<usize> {
    buffer.reserve(max);
    let len = buffer.len();
    let room = &mut buffer.spare_capacity_mut()[..max];
    let ((received, _), _) = rustix::net::recv(socket, room, RecvFlags::empty())?;
    let count = received.len();
    // SAFETY: `recv` has initialized the first `count` bytes of the spare capacity.
    unsafe { buffer.set_len(len + count) };
    Ok(count)
}
