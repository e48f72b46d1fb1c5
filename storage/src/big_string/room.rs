//! The bytes of a chunk: in an allocation while they are few, in a span of their own when they are many.
//!
//! `unsafe`: a span's memory is read and written by address, as far as it has been written.

use crate::slab::{LONE_SPAN_BYTES, LoneSpan};

use super::CHUNK_BYTES;

/// From so many bytes on they have a span: what it may leave unused, less than a page, is little then.
pub(super) const SPAN_FROM_BYTES: usize = 16 << 10;

const _: () = assert!(LONE_SPAN_BYTES == CHUNK_BYTES);

/// Up to [`CHUNK_BYTES`] bytes.
pub(super) enum Room {
    Few(Vec<u8>),
    /// The first `len` bytes of the span have been written.
    Many {
        span: LoneSpan,
        len: usize,
    },
}

impl Room {
    /// Nothing yet, with room for `bytes`.
    pub(super) fn with_capacity(bytes: usize) -> Self {
        if bytes < SPAN_FROM_BYTES {
            return Self::Few(Vec::with_capacity(bytes));
        }
        Self::Many {
            span: LoneSpan::take(bytes),
            len: 0,
        }
    }

    #[inline]
    pub(super) fn as_slice(&self) -> &[u8] {
        match self {
            Self::Few(bytes) => bytes,
            // SAFETY: so much has been written, and the span is this value's.
            Self::Many { span, len } => unsafe { std::slice::from_raw_parts(span.as_ptr(), *len) },
        }
    }

    #[inline]
    pub(super) fn as_mut_slice(&mut self) -> &mut [u8] {
        match self {
            Self::Few(bytes) => bytes,
            // SAFETY: as above, and it is borrowed exclusively.
            Self::Many { span, len } => unsafe {
                std::slice::from_raw_parts_mut(span.as_ptr(), *len)
            },
        }
    }

    #[inline]
    pub(super) fn len(&self) -> usize {
        match self {
            Self::Few(bytes) => bytes.len(),
            Self::Many { len, .. } => *len,
        }
    }

    /// What it takes beside itself.
    pub(super) fn bytes(&self) -> usize {
        match self {
            Self::Few(bytes) => bytes.capacity(),
            Self::Many { span, .. } => span.touched_bytes(),
        }
    }

    /// Adds `bytes`, for which there is room in a chunk.
    pub(super) fn extend_from_slice(&mut self, bytes: &[u8]) {
        let end = self.len() + bytes.len();
        self.make_room(end);
        match self {
            Self::Few(few) => few.extend_from_slice(bytes),
            Self::Many { span, len } => {
                span.touch(end);
                // SAFETY: `make_room` has seen that the end lies in the span, and `bytes` are not in it, which is borrowed
                // exclusively.
                unsafe {
                    let behind = span.as_ptr().add(*len);
                    std::ptr::copy_nonoverlapping(bytes.as_ptr(), behind, bytes.len());
                }
                *len = end;
            }
        }
    }

    /// Adds zeros up to `end`, if that is not within it.
    pub(super) fn grow_to(&mut self, end: usize) {
        if end <= self.len() {
            return;
        }
        self.make_room(end);
        match self {
            Self::Few(few) => few.resize(end, 0),
            Self::Many { span, len } => {
                span.touch(end);
                // SAFETY: as in `extend_from_slice`.
                unsafe { span.as_ptr().add(*len).write_bytes(0, end - *len) };
                *len = end;
            }
        }
    }

    /// Makes room for `end` bytes in all: half as many again as there was room for, at least, so that small appends are
    /// linear in all.
    ///
    /// # Panics
    /// If that is more than a chunk.
    fn make_room(&mut self, end: usize) {
        assert!(end <= CHUNK_BYTES, "a chunk has its size");
        let Self::Few(few) = self else {
            return;
        };
        if end <= few.capacity() {
            return;
        }
        let roomy = end.max(few.capacity() + few.capacity() / 2);
        if roomy < SPAN_FROM_BYTES {
            few.reserve_exact(roomy - few.len());
            return;
        }
        let mut many = Self::with_capacity(end.max(SPAN_FROM_BYTES));
        many.extend_from_slice(few);
        *self = many;
    }

    /// Gives back what it does not need.
    pub(super) fn shrink_to_fit(&mut self) {
        match self {
            Self::Few(few) => few.shrink_to_fit(),
            Self::Many { span, len } if *len >= SPAN_FROM_BYTES => span.keep(*len),
            Self::Many { .. } => *self = Self::Few(self.as_slice().to_vec()),
        }
    }
}

impl Clone for Room {
    fn clone(&self) -> Self {
        let mut room = Self::with_capacity(self.len());
        room.extend_from_slice(self.as_slice());
        room
    }
}
