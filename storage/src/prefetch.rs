//! Cache prefetch hints. `unsafe` for the intrinsic alone, which cannot fault.

/// Bytes of a cache line.
pub(crate) const LINE: usize = 64;

/// Asks for all cache lines of the `bytes` at `start`. Any address will do.
#[inline(always)]
pub(crate) fn read_range(start: *const u8, bytes: usize) {
    let before = start.addr() % LINE;
    for offset in (0..before + bytes).step_by(LINE) {
        read(start.wrapping_sub(before).wrapping_add(offset));
    }
}

/// Asks for all that a search in `items` may read. At any size of leaf that takes about as long as a single miss, where
/// each step of a binary search would wait for one of its own.
#[inline(always)]
pub(crate) fn read_all<T>(items: &[T]) {
    read_range(items.as_ptr().cast(), size_of_val(items));
}

/// Asks for the cache line at `address` to be loaded. Any address will do.
#[inline(always)]
pub(crate) fn read<T>(address: *const T) {
    #[cfg(target_arch = "x86_64")]
    // SAFETY: a prefetch never faults, and SSE is part of x86-64.
    unsafe {
        std::arch::x86_64::_mm_prefetch::<{ std::arch::x86_64::_MM_HINT_T0 }>(address.cast());
    }
    #[cfg(not(target_arch = "x86_64"))]
    let _ = address;
}
