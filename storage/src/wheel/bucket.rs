//! An unordered heap of records that wastes little and gives memory back while it is drained.

use super::Record40;

/// A chunk holds this many records at most: 4 080 bytes, so no push ever copies more than that.
const CHUNK_RECORDS_MAX: usize = 816;

/// What a bucket's first chunk and each further one begin with.
const FIRST_CAPACITY: usize = 4;
const NEXT_CAPACITY: usize = 64;

/// A stack of chunks. Only the top one has room, and it is never empty.
#[derive(Default)]
pub(super) struct Bucket {
    top: Option<Box<Chunk>>,
}

struct Chunk {
    records: Vec<Record40>,
    below: Option<Box<Chunk>>,
    /// Records in all chunks below.
    below_records: usize,
}

impl Chunk {
    fn bytes(&self) -> usize {
        size_of::<Chunk>() + self.records.capacity() * size_of::<Record40>()
    }
}

impl Bucket {
    pub(super) fn is_empty(&self) -> bool {
        self.top.is_none()
    }

    pub(super) fn len(&self) -> usize {
        self.top
            .as_ref()
            .map_or(0, |chunk| chunk.below_records + chunk.records.len())
    }

    /// Adds a record, and what it had to allocate to `bytes`.
    #[inline]
    pub(super) fn push(&mut self, record: Record40, bytes: &mut usize) {
        if let Some(chunk) = &mut self.top
            && chunk.records.len() < chunk.records.capacity()
        {
            chunk.records.push(record);
            return;
        }
        self.push_growing(record, bytes);
    }

    #[cold]
    fn push_growing(&mut self, record: Record40, bytes: &mut usize) {
        if let Some(chunk) = &mut self.top
            && chunk.records.len() < CHUNK_RECORDS_MAX
        {
            let len = chunk.records.len();
            let additional = (len / 4 + 1).min(CHUNK_RECORDS_MAX - len);
            *bytes -= chunk.bytes();
            chunk.records.reserve_exact(additional);
            *bytes += chunk.bytes();
            chunk.records.push(record);
            return;
        }
        let below_records = self.len();
        let below = self.top.take();
        let capacity = if below.is_some() {
            NEXT_CAPACITY
        } else {
            FIRST_CAPACITY
        };
        let mut records = Vec::with_capacity(capacity);
        records.push(record);
        let chunk = Chunk {
            records,
            below,
            below_records,
        };
        *bytes += chunk.bytes();
        self.top = Some(Box::new(chunk));
    }

    /// Takes any record out, and what that freed from `bytes`.
    #[inline]
    pub(super) fn pop(&mut self, bytes: &mut usize) -> Option<Record40> {
        let chunk = self.top.as_mut()?;
        let record = chunk.records.pop();
        if chunk.records.is_empty() {
            *bytes -= chunk.bytes();
            self.top = chunk.below.take();
        }
        record
    }

    /// What the bucket has allocated, counted afresh.
    #[cfg(test)]
    pub(super) fn count_bytes(&self) -> usize {
        let chunks = std::iter::successors(self.top.as_deref(), |chunk| chunk.below.as_deref());
        chunks.map(Chunk::bytes).sum()
    }
}

impl Drop for Bucket {
    /// One chunk after the other: left to itself, the chain would be freed recursively and a large
    /// bucket would exhaust the stack.
    fn drop(&mut self) {
        let mut top = self.top.take();
        while let Some(mut chunk) = top {
            top = chunk.below.take();
        }
    }
}
