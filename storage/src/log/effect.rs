//! Effects: what a unit did, as frames that the log carries without looking inside.

use bytes::Bytes;

use super::ring::{Body, INLINE_BYTES_MAX, Payload};

/// The database of a frame that concerns none, such as a published message: no selection precedes it.
pub const ANY_DATABASE: u32 = u32::MAX;

/// Buffers above these sizes are given back when a group is emptied, so that one giant unit costs a worker no
/// memory for the rest of its life.
const FLAT_BYTES_KEPT: usize = 256 * 1024;
const PARTS_KEPT: usize = 4096;

/// The effects of one unit, in order. A worker keeps one and uses it again and again; short frames share one
/// buffer, so that in the steady state nothing is allocated.
///
/// All frames are in place before the unit takes its tickets: [`Log::append`](super::Log::append) only moves them.
#[derive(Debug, Default)]
pub struct EffectGroup {
    flat: Vec<u8>,
    parts: Vec<Part>,
    frames: usize,
    atomic: bool,
}

/// One slot's worth. A frame has one part, or several if it carries values by reference.
#[derive(Debug)]
pub(super) struct Part {
    database: u32,
    shard: u16,
    bytes: PartBytes,
}

#[derive(Debug)]
enum PartBytes {
    /// `flat[start..start + len]`, at most [`INLINE_BYTES_MAX`] bytes.
    Flat {
        start: usize,
        len: u8,
    },
    Shared(Bytes),
}

impl EffectGroup {
    /// An empty group.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Whether there is nothing to append.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.parts.is_empty()
    }

    /// The number of frames.
    #[must_use]
    pub fn frames(&self) -> usize {
        self.frames
    }

    /// Whether consumers must apply the group as one: if it has two frames or more, it is wrapped.
    pub fn set_atomic(&mut self, atomic: bool) {
        self.atomic = atomic;
    }

    /// Adds a frame, copied here.
    pub fn push(&mut self, database: u32, shard: u16, frame: &[u8]) {
        self.push_with(database, shard, |out| out.extend_from_slice(frame));
    }

    /// Adds the frame that `encode` appends to the buffer it is given. It may only append.
    pub fn push_with(&mut self, database: u32, shard: u16, encode: impl FnOnce(&mut Vec<u8>)) {
        let start = self.flat.len();
        encode(&mut self.flat);
        assert!(self.flat.len() >= start, "an encoder only appends");
        self.frames += 1;
        self.end_flat(database, shard, start);
    }

    /// Adds a frame by reference; a short one is copied after all, that is cheaper.
    pub fn push_shared(&mut self, database: u32, shard: u16, frame: Bytes) {
        self.frames += 1;
        self.push_bytes(database, shard, frame);
    }

    /// Continues the last frame with bytes of its own: a long value travels by reference this way, between the
    /// frame's head and its end.
    ///
    /// # Panics
    /// When the group has no frame yet.
    pub fn continue_shared(&mut self, bytes: Bytes) {
        let last = self.parts.last().expect("a frame to continue");
        self.push_bytes(last.database, last.shard, bytes);
    }

    /// Continues the last frame with a copy of `bytes`.
    ///
    /// # Panics
    /// When the group has no frame yet.
    pub fn continue_with(&mut self, bytes: &[u8]) {
        let last = self.parts.last().expect("a frame to continue");
        let (database, shard) = (last.database, last.shard);
        let start = self.flat.len();
        self.flat.extend_from_slice(bytes);
        self.end_flat(database, shard, start);
    }

    /// Forgets all frames and keeps the buffers.
    pub fn clear(&mut self) {
        self.flat.clear();
        self.flat.shrink_to(FLAT_BYTES_KEPT);
        self.parts.clear();
        self.parts.shrink_to(PARTS_KEPT);
        self.frames = 0;
        self.atomic = false;
    }

    /// Whether begin and end frames are due.
    pub(super) fn is_wrapped(&self) -> bool {
        self.atomic && self.frames >= 2
    }

    /// The number of slots that the group takes.
    pub(super) fn slots(&self) -> u64 {
        self.parts.len() as u64
    }

    /// The parts in order, and the buffer that [`Part::fill`] wants. Only `clear` may follow.
    pub(super) fn parts(&mut self) -> (&mut [Part], &[u8]) {
        (&mut self.parts, &self.flat)
    }

    /// Makes a part of what lies in the flat buffer from `start` on.
    fn end_flat(&mut self, database: u32, shard: u16, start: usize) {
        let added = &self.flat[start..];
        let bytes = if added.len() <= INLINE_BYTES_MAX {
            PartBytes::Flat {
                start,
                len: added.len() as u8,
            }
        } else {
            let shared = Bytes::copy_from_slice(added);
            self.flat.truncate(start);
            PartBytes::Shared(shared)
        };
        self.parts.push(Part {
            database,
            shard,
            bytes,
        });
    }

    fn push_bytes(&mut self, database: u32, shard: u16, bytes: Bytes) {
        if bytes.len() <= INLINE_BYTES_MAX {
            let start = self.flat.len();
            self.flat.extend_from_slice(&bytes);
            return self.end_flat(database, shard, start);
        }
        self.parts.push(Part {
            database,
            shard,
            bytes: PartBytes::Shared(bytes),
        });
    }
}

impl Part {
    /// Moves the part into a slot: a copy of at most 96 bytes or a handle's move, and nothing that allocates.
    pub(super) fn fill(&mut self, flat: &[u8], body: &mut Body) {
        body.database = self.database;
        body.shard = self.shard;
        match &mut self.bytes {
            PartBytes::Flat { start, len } => {
                body.set_inline(&flat[*start..*start + usize::from(*len)]);
            }
            PartBytes::Shared(bytes) => body.payload = Payload::Shared(std::mem::take(bytes)),
        }
    }
}
