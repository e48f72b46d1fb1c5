//! A listpack to edit.

use super::{COUNT_UNKNOWN, Corrupt, END, HEADER_BYTES, Listpack, Owned, Position, Store, Value};

/// A listpack without elements.
const EMPTY: [u8; HEADER_BYTES + 1] = [7, 0, 0, 0, 0, 0, END];

/// A listpack to edit, in a vector of its own unless it says otherwise.
///
/// Every edit moves the bytes behind it once, or those before it if they are fewer and there is room
/// in front of them: see [`Owned`]. Strings that spell an integer are stored as one. From 65535
/// elements on, edits that remove or move some of them also walk along all of them, to count what is
/// left.
///
/// # Panics
/// Every edit, if the listpack would grow to 4 GiB: whoever adds elements asks
/// [`Listpack::has_room_for`] first. With a [`Position`] of another listpack, or from before an edit,
/// an edit panics or breaks the listpack. In a room of somebody else's also every edit that needs more than there is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListpackBuf<S = Owned> {
    bytes: S,
}

impl ListpackBuf {
    /// A listpack without elements.
    pub fn new() -> ListpackBuf {
        ListpackBuf::with_capacity(EMPTY.len())
    }

    /// A listpack without elements, with room for `bytes` bytes in all before it allocates again.
    pub fn with_capacity(bytes: usize) -> ListpackBuf {
        let mut buffer = Vec::with_capacity(bytes.max(EMPTY.len()));
        buffer.extend_from_slice(&EMPTY);
        ListpackBuf::of_store(Owned::new(buffer))
    }

    /// A listpack of bytes from outside.
    ///
    /// # Errors
    /// As [`Listpack::check`].
    pub fn from_checked(bytes: Vec<u8>) -> Result<ListpackBuf, Corrupt> {
        Listpack::check(&bytes)?;
        Ok(ListpackBuf::of_store(Owned::new(bytes)))
    }

    /// The bytes, as Redis would store them, with what room there is behind them.
    pub fn into_bytes(self) -> Vec<u8> {
        self.bytes.into_vec()
    }

    /// Bytes allocated.
    pub fn capacity(&self) -> usize {
        self.bytes.capacity()
    }

    /// Gives back what room there is.
    pub fn shrink_to_fit(&mut self) {
        self.shrink_to(0);
    }

    /// Gives back room, if there is more than for `bytes` bytes in all.
    pub fn shrink_to(&mut self, bytes: usize) {
        self.bytes.shrink_to(bytes);
    }

    /// Removes all elements and keeps the room.
    pub fn clear(&mut self) {
        self.replace_all(&EMPTY);
    }

    /// Becomes a copy of `bytes`, which a listpack wrote or which were checked before; keeps the room.
    pub fn load(&mut self, bytes: &[u8]) {
        self.replace_all(Listpack::trusted(bytes).bytes);
    }

    fn replace_all(&mut self, bytes: &[u8]) {
        self.bytes.replace_all(bytes);
    }
}

impl<S: Store> ListpackBuf<S> {
    /// An edit of the listpack that `bytes` are.
    pub(crate) fn of_store(bytes: S) -> Self {
        Self { bytes }
    }

    /// Where its bytes are.
    pub(crate) fn into_store(self) -> S {
        self.bytes
    }

    /// The listpack to read.
    pub fn as_listpack(&self) -> Listpack<'_> {
        Listpack {
            bytes: self.bytes.bytes(),
        }
    }

    /// The bytes, as Redis would store them.
    pub fn as_bytes(&self) -> &[u8] {
        self.bytes.bytes()
    }

    /// Adds `element` behind the last one.
    pub fn push_back(&mut self, element: &[u8]) {
        self.insert(self.end(), Value::of(element));
    }

    /// Adds an integer behind the last element.
    pub fn push_back_int(&mut self, element: i64) {
        self.insert(self.end(), Value::Int(element));
    }

    /// Adds `element` before the first one.
    pub fn push_front(&mut self, element: &[u8]) {
        self.insert(HEADER_BYTES, Value::of(element));
    }

    /// Adds `element` before the one at `position`, and returns where it is now.
    pub fn insert_before(&mut self, position: Position, element: &[u8]) -> Position {
        self.insert(position.0, Value::of(element))
    }

    /// Adds `element` behind the one at `position`, and returns where it is now.
    pub fn insert_after(&mut self, position: Position, element: &[u8]) -> Position {
        let at = self.as_listpack().skip(position.0, 1);
        self.insert(at, Value::of(element))
    }

    /// Puts `element` where the one at `position` was, and returns that position.
    pub fn replace(&mut self, position: Position, element: &[u8]) -> Position {
        self.replace_value(position, Value::of(element))
    }

    /// Puts an integer where the element at `position` was, and returns that position.
    pub fn replace_int(&mut self, position: Position, element: i64) -> Position {
        self.replace_value(position, Value::Int(element))
    }

    /// Removes the element at `position`, and returns where the one behind it is now.
    pub fn remove(&mut self, position: Position) -> Option<Position> {
        self.remove_from(position, 1)
    }

    /// Removes up to `count` elements from the one at `position` on, and returns where the one behind
    /// them is now.
    pub fn remove_from(&mut self, position: Position, count: usize) -> Option<Position> {
        let listpack = self.as_listpack();
        let (len, mut end, mut removed) = (listpack.len(), position.0, 0);
        while removed < count && end < listpack.end() {
            end = listpack.skip(end, 1);
            removed += 1;
        }
        self.resize_hole(position.0, end - position.0, 0);
        self.set_len(len - removed);
        self.as_listpack().position(position.0)
    }

    /// Removes up to `count` elements from index `start` on; none, if there is no such index.
    pub fn remove_range(&mut self, start: usize, count: usize) {
        if let Some(first) = self.as_listpack().seek(start) {
            self.remove_from(first, count);
        }
    }

    /// Removes the elements for which `stays` says no; the bytes of the others move once.
    pub fn retain(&mut self, mut stays: impl FnMut(Value<'_>) -> bool) {
        let (mut from, mut to, mut removed) = (HEADER_BYTES, HEADER_BYTES, 0);
        let len = self.as_listpack().len();
        while from < self.end() {
            let (value, size) = self.as_listpack().read(from);
            if stays(value) {
                if to < from {
                    self.bytes.bytes_mut().copy_within(from..from + size, to);
                }
                to += size;
            } else {
                removed += 1;
            }
            from += size;
        }
        self.resize_hole(to, from - to, 0);
        self.set_len(len - removed);
    }

    /// Removes up to `most` elements that `is_one` holds for, the last ones if `from_tail`; how many it was.
    pub fn remove_where(
        &mut self,
        is_one: impl Fn(Value<'_>) -> bool,
        most: usize,
        from_tail: bool,
    ) -> usize {
        let elements = self.as_listpack().iter();
        let matching = elements.filter(|&value| is_one(value)).count();
        let removed = matching.min(most);
        if removed == 0 {
            return 0;
        }
        // From the tail: those before the last ones stay.
        let mut staying = if from_tail { matching - removed } else { 0 };
        let mut going = removed;
        self.retain(|value| {
            if going == 0 || !is_one(value) {
                return true;
            }
            if staying > 0 {
                staying -= 1;
                return true;
            }
            going -= 1;
            false
        });
        removed
    }

    /// Adds all elements of `other` behind the last one.
    pub fn append(&mut self, other: Listpack<'_>) {
        let len = self.as_listpack().len() + other.len();
        self.append_entries(&other.bytes[HEADER_BYTES..other.end()], len);
    }

    /// Cuts off the elements from `index` on, and returns them; none, if there is no such index.
    pub fn split_off(&mut self, index: usize) -> ListpackBuf {
        let listpack = self.as_listpack();
        let Some(Position(first)) = listpack.seek(index) else {
            return ListpackBuf::new();
        };
        let (len, entries) = (listpack.len(), &self.bytes.bytes()[first..listpack.end()]);
        let mut cut = ListpackBuf::with_capacity(EMPTY.len() + entries.len());
        cut.append_entries(entries, len - index);
        self.resize_hole(first, entries.len(), 0);
        self.set_len(index);
        cut
    }

    fn end(&self) -> usize {
        self.as_listpack().end()
    }

    fn insert(&mut self, at: usize, value: Value<'_>) -> Position {
        let position = self.put(at, 0, value);
        // An unknown number of elements stays unknown: it was 65535 at least.
        if let Some(len) = self.as_listpack().known_len() {
            self.set_len(len + 1);
        }
        position
    }

    /// Adds the bytes of some entries, with which there are `len` elements.
    fn append_entries(&mut self, entries: &[u8], len: usize) {
        let at = self.end();
        self.resize_hole(at, 0, entries.len());
        self.bytes.bytes_mut()[at..at + entries.len()].copy_from_slice(entries);
        self.set_len(len);
    }

    fn replace_value(&mut self, position: Position, value: Value<'_>) -> Position {
        let (_, old_bytes) = self.as_listpack().read(position.0);
        self.put(position.0, old_bytes, value)
    }

    /// Puts the entry of `value` where `old_bytes` bytes at `at` were.
    fn put(&mut self, at: usize, old_bytes: usize, value: Value<'_>) -> Position {
        let entry_bytes = value.entry_bytes();
        self.resize_hole(at, old_bytes, entry_bytes);
        value.write_entry(&mut self.bytes.bytes_mut()[at..at + entry_bytes]);
        Position(at)
    }

    /// Makes `new_bytes` bytes to be overwritten of `old_bytes` bytes at `at`.
    fn resize_hole(&mut self, at: usize, old_bytes: usize, new_bytes: usize) {
        if old_bytes == new_bytes {
            return;
        }
        let old_total = self.bytes.bytes().len();
        let total = old_total - old_bytes + new_bytes;
        let header = u32::try_from(total).expect("listpacks stay below 4 GiB");
        self.bytes.resize_hole(at, old_bytes, new_bytes);
        self.bytes.bytes_mut()[..4].copy_from_slice(&header.to_le_bytes());
    }

    /// Writes the number of elements, if the header can hold it.
    fn set_len(&mut self, len: usize) {
        let count = u16::try_from(len).unwrap_or(COUNT_UNKNOWN);
        self.bytes.bytes_mut()[4..HEADER_BYTES].copy_from_slice(&count.to_le_bytes());
    }
}

impl Default for ListpackBuf {
    fn default() -> ListpackBuf {
        ListpackBuf::new()
    }
}
