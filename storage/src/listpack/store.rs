//! Where the bytes of a listpack lie while it is edited: in a vector, or in a room that an entry has for them.

use crate::room::{make_room, shrink};

/// Where the bytes of a listpack lie that is edited.
pub trait Store {
    /// All of them.
    fn bytes(&self) -> &[u8];

    /// All of them, to be changed.
    fn bytes_mut(&mut self) -> &mut [u8];

    /// Makes room for `new_bytes` bytes of any content in the place of `old_bytes` at `at`.
    fn resize_hole(&mut self, at: usize, old_bytes: usize, new_bytes: usize);
}

/// From this length on, in bytes, what grows in its first half gets room to grow to the front.
const FRONT_ROOM_LEN_MIN: usize = 512;

/// Bytes in a vector of their own, which may have room in front of them, too: what is pushed to, or popped from, the front
/// of a long listpack moves none of the others.
#[derive(Debug)]
pub struct Owned {
    /// Room, and from `start` on the bytes.
    vec: Vec<u8>,
    start: usize,
}

impl Owned {
    pub(super) fn new(vec: Vec<u8>) -> Self {
        Self { vec, start: 0 }
    }

    pub(super) fn into_vec(mut self) -> Vec<u8> {
        self.fill_front();
        self.vec
    }

    /// Bytes allocated.
    pub(super) fn capacity(&self) -> usize {
        self.vec.capacity()
    }

    /// Gives back what room there is beyond `len` bytes.
    pub(super) fn shrink_to(&mut self, len: usize) {
        self.fill_front();
        shrink(&mut self.vec, len);
    }

    /// Becomes a copy of `bytes`; keeps the room.
    pub(super) fn replace_all(&mut self, bytes: &[u8]) {
        self.vec.clear();
        self.start = 0;
        self.vec.extend_from_slice(bytes);
    }

    /// Whether there is, or now has been made, room in front for `new_bytes` in the place of `old_bytes`.
    fn has_front_room(&mut self, old_bytes: usize, new_bytes: usize) -> bool {
        let len = self.bytes().len();
        if self.start + old_bytes >= new_bytes {
            return true;
        }
        if len < FRONT_ROOM_LEN_MIN {
            return false;
        }
        // In proportion, so that the bytes move once in many times.
        let room = len / 2 + new_bytes;
        let mut vec = Vec::with_capacity(room + len);
        vec.resize(room, 0);
        vec.extend_from_slice(self.bytes());
        (self.vec, self.start) = (vec, room);
        true
    }

    /// Moves the bytes to the front of their room.
    fn fill_front(&mut self) {
        self.vec.drain(..self.start);
        self.start = 0;
    }

    /// Adds bytes to be overwritten behind the others.
    fn add_zeros(&mut self, count: usize) {
        const ZEROS: [u8; 64] = [0; 64];
        let is_full = self.vec.len() + count > self.vec.capacity();
        if is_full && self.start > self.bytes().len() / 4 {
            self.fill_front();
        }
        make_room(&mut self.vec, count);
        match ZEROS.get(..count) {
            // Quicker than byte by byte.
            Some(zeros) => self.vec.extend_from_slice(zeros),
            None => self.vec.resize(self.vec.len() + count, 0),
        }
    }
}

impl Clone for Owned {
    fn clone(&self) -> Self {
        Self::new(self.bytes().to_vec())
    }
}

impl PartialEq for Owned {
    fn eq(&self, other: &Self) -> bool {
        self.bytes() == other.bytes()
    }
}

impl Eq for Owned {}

impl Store for Owned {
    #[inline]
    fn bytes(&self) -> &[u8] {
        &self.vec[self.start..]
    }

    #[inline]
    fn bytes_mut(&mut self) -> &mut [u8] {
        &mut self.vec[self.start..]
    }

    fn resize_hole(&mut self, at: usize, old_bytes: usize, new_bytes: usize) {
        let old_len = self.bytes().len();
        let behind = old_len - at - old_bytes;
        if at < behind && self.has_front_room(old_bytes, new_bytes) {
            let start = self.start + old_bytes - new_bytes;
            self.vec.copy_within(self.start..self.start + at, start);
            self.start = start;
        } else {
            self.add_zeros(new_bytes.saturating_sub(old_bytes));
            let bytes = self.bytes_mut();
            bytes.copy_within(at + old_bytes..old_len, at + new_bytes);
            self.vec.truncate(self.start + at + new_bytes + behind);
        }
    }
}

/// Bytes in a room that somebody else owns.
#[derive(Debug)]
pub struct Lent<'r> {
    room: &'r mut [u8],
    len: usize,
}

impl<'r> Lent<'r> {
    /// The first `len` bytes of `room`.
    pub(crate) fn new(room: &'r mut [u8], len: usize) -> Self {
        assert!(len <= room.len(), "what is lent lies in its room");
        Self { room, len }
    }
}

impl Store for Lent<'_> {
    #[inline]
    fn bytes(&self) -> &[u8] {
        &self.room[..self.len]
    }

    #[inline]
    fn bytes_mut(&mut self) -> &mut [u8] {
        &mut self.room[..self.len]
    }

    #[inline]
    fn resize_hole(&mut self, at: usize, old_bytes: usize, new_bytes: usize) {
        let len = self.len - old_bytes + new_bytes;
        assert!(len <= self.room.len(), "whoever adds has seen to the room");
        self.room
            .copy_within(at + old_bytes..self.len, at + new_bytes);
        self.len = len;
    }
}
