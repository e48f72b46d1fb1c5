//! The server's one place with `unsafe`: what the global allocator offers beyond [`std::alloc`], reading into memory
//! that has not been written yet, and one poller waiting for another.

#![expect(
    unsafe_code,
    reason = "the allocator's own functions are C; std has no stable way to read into spare capacity; the runtime \
              cannot know that a poller keeps its descriptor"
)]

use std::io;
use std::os::fd::AsFd;

use rustix::net::RecvFlags;
use tokio::io::Interest;
use tokio::io::unix::AsyncFd;

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

/// Has the runtime of this thread wait for `poller`.
///
/// # Errors
/// When the runtime's own poller takes no more.
///
/// # Panics
/// Outside a runtime.
pub(crate) fn wait_for(poller: mio::Poll) -> io::Result<AsyncFd<mio::Poll>> {
    // SAFETY: a `Poll` owns its descriptor from its making to its drop.
    Ok(unsafe { AsyncFd::register_with_interest(poller, Interest::READABLE)? })
}
