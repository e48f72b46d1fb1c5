//! Where the bytes of a listpack lie while it is edited: in a vector, or in a room that an entry has for them.

/// Where the bytes of a listpack lie that is edited.
pub trait Store {
    /// All of them.
    fn bytes(&self) -> &[u8];

    /// All of them, to be changed.
    fn bytes_mut(&mut self) -> &mut [u8];

    /// Makes them `len` bytes; what comes is of any content.
    fn resize(&mut self, len: usize);
}

impl Store for Vec<u8> {
    fn bytes(&self) -> &[u8] {
        self
    }

    fn bytes_mut(&mut self) -> &mut [u8] {
        self
    }

    fn resize(&mut self, len: usize) {
        Vec::resize(self, len, 0);
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
    fn resize(&mut self, len: usize) {
        assert!(len <= self.room.len(), "whoever adds has seen to the room");
        self.len = len;
    }
}
