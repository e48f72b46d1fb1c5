//! Strings too large for one allocation: a shared array of shared chunks of 64 KiB.
//!
//! A clone is a *pin*: it costs two counter steps and keeps the content it was made of, whatever is
//! written to the original afterwards. A write copies only what it touches and shares with a pin:
//! the array of pointers, and the chunks it writes to. So a reply can be sent, or a snapshot taken,
//! from a pin after the shard is unlocked. A pin may let go of chunks it has done with
//! ([`BigString::release_range`]): their memory goes when nobody else has them.
//!
//! A chunk is kept only as far as it has been written; the rest of its 64 KiB reads as zeros. One
//! of 16 KiB or more lies in pages of its own, so that when it goes they go, whatever stays of
//! others (`room.rs`). A chunk never written takes no memory at all, so `SETBIT key 4294967295 1`
//! allocates the array, one chunk, and nothing for the half gigabyte between.

use std::fmt;
use std::ops::Range;
use std::sync::Arc;

mod room;
#[cfg(test)]
mod tests;

use room::Room;

/// Size of every chunk but the last.
pub const CHUNK_BYTES: usize = 64 * 1024;

/// What a reference-counted allocation holds beside its content.
const COUNTERS_BYTES: usize = 2 * size_of::<usize>();

/// The unwritten part of a chunk.
static ZEROS: [u8; CHUNK_BYTES] = [0; CHUNK_BYTES];

/// A large string. See the module documentation.
///
/// It knows no limit of its own: whoever takes offsets from a client compares them with
/// `proto-max-bulk-len` first.
#[derive(Clone, Default)]
pub struct BigString {
    chunks: Arc<Vec<Chunk>>,
    len: usize,
    /// Allocated by the chunks.
    chunk_bytes: usize,
}

impl BigString {
    /// The empty string.
    pub fn new() -> BigString {
        BigString::default()
    }

    /// A copy of `bytes`, without room to spare.
    pub fn from_bytes(bytes: &[u8]) -> BigString {
        BigString::from_parts(&[bytes])
    }

    /// A copy of all `parts` in a row, without room to spare.
    pub fn from_parts(parts: &[&[u8]]) -> BigString {
        let len = parts.iter().map(|part| part.len()).sum::<usize>();
        let mut chunks = Vec::with_capacity(len.div_ceil(CHUNK_BYTES));
        let mut data = Room::with_capacity(len.min(CHUNK_BYTES));
        let mut left = len;
        for mut part in parts.iter().copied() {
            while !part.is_empty() {
                let (now, later) = part.split_at(part.len().min(CHUNK_BYTES - data.len()));
                data.extend_from_slice(now);
                part = later;
                left -= now.len();
                if data.len() == CHUNK_BYTES || left == 0 {
                    let next = Room::with_capacity(left.min(CHUNK_BYTES));
                    chunks.push(Chunk::new(std::mem::replace(&mut data, next)));
                }
            }
        }
        let chunk_bytes = chunks.iter().map(Chunk::bytes).sum();
        BigString {
            chunks: Arc::new(chunks),
            len,
            chunk_bytes,
        }
    }

    /// Length in bytes.
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether the length is 0.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Allocated bytes, as if this were the only handle: what it shares with pins counts in each of
    /// them. Of chunks in pages of their own these count, as far as they have been touched; chunks
    /// never written count nothing.
    pub fn memory_bytes(&self) -> usize {
        let array = COUNTERS_BYTES + size_of::<Vec<Chunk>>();
        array + self.chunks.capacity() * size_of::<Chunk>() + self.chunk_bytes
    }

    /// The byte at `offset`, or `None` behind the end.
    pub fn get_byte(&self, offset: usize) -> Option<u8> {
        if offset >= self.len {
            return None;
        }
        let data = self.chunks[offset / CHUNK_BYTES].data();
        Some(data.get(offset % CHUNK_BYTES).copied().unwrap_or(0))
    }

    /// The bytes of `range`, as far as there are any, in slices of up to 64 KiB.
    pub fn read_range(&self, range: Range<usize>) -> Slices<'_> {
        let end = range.end.min(self.len);
        Slices {
            chunks: &self.chunks,
            at: range.start,
            end,
        }
    }

    /// The whole content in slices of up to 64 KiB.
    pub fn slices(&self) -> Slices<'_> {
        self.read_range(0..self.len)
    }

    /// The whole content in one piece.
    pub fn copy_to_vec(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(self.len);
        self.slices()
            .for_each(|slice| bytes.extend_from_slice(slice));
        bytes
    }

    /// Writes `bytes` from `offset` on. Behind the end the string first grows with zeros up to
    /// `offset`. Without bytes to write nothing happens, as with `SETRANGE`.
    ///
    /// # Panics
    /// If `offset + bytes.len()` overflows.
    pub fn write_at(&mut self, offset: usize, bytes: &[u8]) {
        if bytes.is_empty() {
            return;
        }
        let end = offset
            .checked_add(bytes.len())
            .expect("offsets are below the limit on values");
        self.grow_to(end);
        let chunks = Arc::make_mut(&mut self.chunks);
        let (mut at, mut rest) = (offset, bytes);
        while !rest.is_empty() {
            let within = at % CHUNK_BYTES;
            let (now, later) = rest.split_at(rest.len().min(CHUNK_BYTES - within));
            let chunk = &mut chunks[at / CHUNK_BYTES];
            self.chunk_bytes -= chunk.bytes();
            chunk.write(within, now);
            self.chunk_bytes += chunk.bytes();
            at += now.len();
            rest = later;
        }
    }

    /// Writes one byte at `offset`, growing as [`BigString::write_at`] does.
    pub fn set_byte(&mut self, offset: usize, byte: u8) {
        self.write_at(offset, &[byte]);
    }

    /// All bytes, to be changed, if they lie in one chunk that has been written to its end. What a pin shares is copied
    /// first.
    pub fn as_mut_slice(&mut self) -> Option<&mut [u8]> {
        if self.chunks.len() != 1 || self.chunks[0].data().len() != self.len {
            return None;
        }
        let chunk = &mut Arc::make_mut(&mut self.chunks)[0];
        self.chunk_bytes -= chunk.bytes();
        let data = Arc::make_mut(chunk.0.as_mut()?);
        self.chunk_bytes += allocated_bytes(data);
        Some(data.as_mut_slice())
    }

    /// Writes `bytes` behind the end. Many small calls cost linear time in all.
    pub fn append(&mut self, bytes: &[u8]) {
        self.write_at(self.len, bytes);
    }

    /// Makes the string at least `len` bytes long; the new ones are zeros and take no memory.
    pub fn grow_to(&mut self, len: usize) {
        if len <= self.len {
            return;
        }
        let count = len.div_ceil(CHUNK_BYTES);
        if count > self.chunks.len() {
            Arc::make_mut(&mut self.chunks).resize(count, Chunk::default());
        }
        self.len = len;
    }

    /// Gives back the room that growing in small steps has left, for a string that has been
    /// received and is now going to stay. Does nothing while it is pinned.
    pub fn shrink_to_fit(&mut self) {
        let Some(chunks) = Arc::get_mut(&mut self.chunks) else {
            return;
        };
        chunks.shrink_to_fit();
        if let Some(last) = chunks.last_mut() {
            self.chunk_bytes -= last.bytes();
            last.shrink_to_fit();
            self.chunk_bytes += last.bytes();
        }
    }

    /// Lets go of the chunks that end within `range`; they read as zeros from now on. For a pin that is read from the
    /// front and says how far it has come, each range beginning where the last one ended. While its array is still
    /// another handle's too, it gets one of its own, without them: as many counter steps as chunks are left.
    pub fn release_range(&mut self, range: Range<usize>) {
        let released = self.chunks_within(&range);
        if released.is_empty() {
            return;
        }
        if let Some(chunks) = Arc::get_mut(&mut self.chunks) {
            for chunk in &mut chunks[released] {
                self.chunk_bytes -= chunk.bytes();
                *chunk = Chunk::default();
            }
            return;
        }
        let chunks = self.chunks.iter().enumerate();
        let kept = chunks.map(|(number, chunk)| match released.contains(&number) {
            true => Chunk::default(),
            false => chunk.clone(),
        });
        self.chunks = Arc::new(kept.collect());
        self.chunk_bytes = self.chunks.iter().map(Chunk::bytes).sum();
    }

    /// The numbers of the chunks that end within `range`.
    fn chunks_within(&self, range: &Range<usize>) -> Range<usize> {
        let ended_by = |offset: usize| match offset < self.len {
            true => offset / CHUNK_BYTES,
            false => self.chunks.len(),
        };
        ended_by(range.start)..ended_by(range.end)
    }

    /// Cuts up to `count` chunks off the end, so that a large string can be freed in slices.
    /// Returns true when nothing is left. A pinned string ends at once: its chunks are the pin's.
    pub fn drop_some(&mut self, count: usize) -> bool {
        let Some(chunks) = Arc::get_mut(&mut self.chunks) else {
            *self = BigString::new();
            return true;
        };
        let left = chunks.len().saturating_sub(count);
        for chunk in chunks.drain(left..) {
            self.chunk_bytes -= chunk.bytes();
        }
        self.len = self.len.min(left * CHUNK_BYTES);
        if left == 0 {
            *self = BigString::new();
        }
        left == 0
    }
}

impl PartialEq for BigString {
    fn eq(&self, other: &BigString) -> bool {
        self.len == other.len && self.chunks == other.chunks
    }
}

impl Eq for BigString {}

impl PartialEq<[u8]> for BigString {
    fn eq(&self, other: &[u8]) -> bool {
        let mut rest = other;
        self.len == other.len()
            && self.slices().all(|slice| {
                let (now, later) = rest.split_at(slice.len());
                rest = later;
                slice == now
            })
    }
}

impl fmt::Debug for BigString {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BigString")
            .field("len", &self.len)
            .finish_non_exhaustive()
    }
}

/// Iterates over the slices of a [`BigString`].
pub struct Slices<'a> {
    chunks: &'a [Chunk],
    at: usize,
    end: usize,
}

impl<'a> Iterator for Slices<'a> {
    type Item = &'a [u8];

    fn next(&mut self) -> Option<&'a [u8]> {
        if self.at >= self.end {
            return None;
        }
        let within = self.at % CHUNK_BYTES;
        let wanted = (CHUNK_BYTES - within).min(self.end - self.at);
        let written = self.chunks[self.at / CHUNK_BYTES].data();
        let source = written
            .get(within..)
            .filter(|written| !written.is_empty())
            .unwrap_or(&ZEROS);
        let slice = &source[..wanted.min(source.len())];
        self.at += slice.len();
        Some(slice)
    }
}

/// The written front of a chunk, or `None` if nothing of it has been written.
#[derive(Clone, Default)]
struct Chunk(Option<Arc<Room>>);

impl Chunk {
    fn new(data: Room) -> Chunk {
        Chunk(Some(Arc::new(data)))
    }

    fn data(&self) -> &[u8] {
        self.0.as_ref().map_or(&[], |data| data.as_slice())
    }

    fn bytes(&self) -> usize {
        self.0.as_deref().map_or(0, allocated_bytes)
    }

    /// Writes within the chunk's 64 KiB: in place, or into a copy if the chunk is shared.
    fn write(&mut self, at: usize, bytes: &[u8]) {
        match self.0.as_mut().and_then(Arc::get_mut) {
            Some(data) => overwrite(data, at, bytes),
            None => *self = Chunk::new(overwritten(self.data(), at, bytes)),
        }
    }

    fn shrink_to_fit(&mut self) {
        if let Some(data) = self.0.as_mut().and_then(Arc::get_mut) {
            data.shrink_to_fit();
        }
    }
}

impl PartialEq for Chunk {
    fn eq(&self, other: &Chunk) -> bool {
        if let (Some(a), Some(b)) = (&self.0, &other.0)
            && Arc::ptr_eq(a, b)
        {
            return true;
        }
        let (mut short, mut long) = (self.data(), other.data());
        if short.len() > long.len() {
            (short, long) = (long, short);
        }
        let (front, tail) = long.split_at(short.len());
        front == short && *tail == ZEROS[..tail.len()]
    }
}

/// What a chunk's bytes take.
fn allocated_bytes(data: &Room) -> usize {
    COUNTERS_BYTES + size_of::<Room>() + data.bytes()
}

fn overwrite(data: &mut Room, at: usize, bytes: &[u8]) {
    data.grow_to(at);
    let (inside, behind) = bytes.split_at(bytes.len().min(data.len() - at));
    data.as_mut_slice()[at..at + inside.len()].copy_from_slice(inside);
    data.extend_from_slice(behind);
}

fn overwritten(old: &[u8], at: usize, bytes: &[u8]) -> Room {
    let end = at + bytes.len();
    let mut data = Room::with_capacity(end.max(old.len()));
    data.extend_from_slice(&old[..at.min(old.len())]);
    data.grow_to(at);
    data.extend_from_slice(bytes);
    data.extend_from_slice(old.get(end..).unwrap_or_default());
    data
}
