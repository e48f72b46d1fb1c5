//! Spans that hold one thing each, and memory only as far as that has been written: the chunks of large strings.
//!
//! In a general allocator a few survivors keep large pages resident that nothing of another size may use. A span of its own
//! is returned to the system as soon as its thing goes, whatever its neighbours do; what that costs is half a unit of
//! 4 KiB on the average, which is counted.

use std::ptr::NonNull;

use parking_lot::Mutex;

use super::arena::{SPAN_BYTES, Spans, UNIT_BYTES, discard};

/// So many spans that nobody holds keep their memory, so that overwriting does not go through the system each time: 4 MiB.
const WARM_SPANS: usize = 64;

/// What a lone span has room for, in bytes.
pub(crate) const LONE_SPAN_BYTES: usize = SPAN_BYTES;

static POOL: Mutex<Pool> = Mutex::new(Pool {
    spans: Spans::new(),
    warm: Vec::new(),
});

/// The lock is a leaf; the system is called without it.
struct Pool {
    /// Never of huge pages: those would be resident as a whole.
    spans: Spans,
    /// Those that nobody holds and that have kept their memory.
    warm: Vec<LoneSpan>,
}

/// The memory of one span. Its contents are not defined until they are written.
pub(crate) struct LoneSpan {
    base: NonNull<u8>,
    /// How many units from the first on may be resident.
    touched: usize,
}

// SAFETY: the memory belongs to whoever has the span.
unsafe impl Send for LoneSpan {}
// SAFETY: `&LoneSpan` gives out an address and nothing else.
unsafe impl Sync for LoneSpan {}

impl LoneSpan {
    /// A span of which the first `bytes` are going to be written.
    pub(crate) fn take(bytes: usize) -> Self {
        let mut pool = POOL.lock();
        let Some(mut warm) = pool.warm.pop() else {
            let base = super::pointer(pool.spans.take() as u64);
            drop(pool);
            let base = base.expect("spans do not begin at zero");
            let mut span = Self { base, touched: 0 };
            span.touch(bytes);
            return span;
        };
        drop(pool);
        warm.keep(bytes);
        warm.touch(bytes);
        warm
    }

    /// Its first byte; [`LONE_SPAN_BYTES`] from there on are the owner's.
    #[inline]
    pub(crate) fn as_ptr(&self) -> *mut u8 {
        self.base.as_ptr()
    }

    /// Bytes of it that may be resident.
    #[inline]
    pub(crate) fn touched_bytes(&self) -> usize {
        self.touched * UNIT_BYTES
    }

    /// Notes that the first `bytes` are written.
    #[inline]
    pub(crate) fn touch(&mut self, bytes: usize) {
        debug_assert!(bytes <= LONE_SPAN_BYTES);
        self.touched = self.touched.max(bytes.div_ceil(UNIT_BYTES));
    }

    /// Gives back to the system what is behind the first `bytes`, as far as it can be.
    pub(crate) fn keep(&mut self, bytes: usize) {
        let kept = bytes.div_ceil(UNIT_BYTES);
        if self.touched > kept {
            self.discard_from(kept);
        }
    }

    /// Gives back to the system what is behind the first `kept` units.
    fn discard_from(&mut self, kept: usize) {
        let surplus = self.base.addr().get() + kept * UNIT_BYTES;
        // SAFETY: whoever has the span owns its units, and has no use for the contents of these.
        unsafe { discard(surplus, self.touched - kept) };
        self.touched = kept;
    }
}

impl Drop for LoneSpan {
    fn drop(&mut self) {
        let (base, touched) = (self.base, self.touched);
        let mut span = std::mem::ManuallyDrop::new(Self { base, touched });
        let mut pool = POOL.lock();
        if pool.warm.len() < WARM_SPANS {
            pool.warm.push(std::mem::ManuallyDrop::into_inner(span));
            return;
        }
        drop(pool);
        span.discard_from(0);
        POOL.lock().spans.put_back(span.base.addr().get());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Bytes of a range of addresses that are in memory.
    fn resident_bytes(span: &LoneSpan) -> usize {
        let mut pages = [0_u8; LONE_SPAN_BYTES / 4096];
        // Pages may be larger than 4 KiB; then fewer are told of.
        let page = rustix::param::page_size();
        let map = std::fs::File::open("/proc/self/pagemap").unwrap();
        let first = span.as_ptr().addr() / page;
        let mut words = [0_u8; 8 * LONE_SPAN_BYTES / 4096];
        let count = LONE_SPAN_BYTES / page;
        let words = &mut words[..8 * count];
        std::os::unix::fs::FileExt::read_exact_at(&map, words, 8 * first as u64).unwrap();
        for (number, word) in words.chunks(8).enumerate() {
            // Bit 63 says that the page is present.
            pages[number] = word[7] >> 7;
        }
        pages.iter().map(|&page| usize::from(page)).sum::<usize>() * page
    }

    #[test]
    fn memory_is_resident_as_far_as_it_is_said_to_be() {
        let sizes = [20_000, LONE_SPAN_BYTES, 1, 33_000, 4_096, 4_097];
        for round in 0..200 {
            let spans: Vec<LoneSpan> = sizes
                .iter()
                .map(|&size| {
                    let span = LoneSpan::take(size);
                    // SAFETY: the span has room for so much, and nobody else has it.
                    unsafe { span.as_ptr().write_bytes(round as u8, size) };
                    assert_eq!(span.touched_bytes(), size.next_multiple_of(UNIT_BYTES));
                    assert!(resident_bytes(&span) <= span.touched_bytes());
                    span
                })
                .collect();
            for (span, &size) in spans.iter().zip(&sizes) {
                // SAFETY: just written.
                let bytes = unsafe { std::slice::from_raw_parts(span.as_ptr(), size) };
                assert!(bytes.iter().all(|&byte| byte == round as u8));
            }
        }
    }
}
