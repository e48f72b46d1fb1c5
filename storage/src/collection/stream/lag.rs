//! How far a group is behind: what Redis derives from the few numbers that it keeps of a stream.
//!
//! A group's *read counter* is the number that its last delivered entry has among all that were ever added. It is known
//! as long as nothing was deleted between that entry and the end of the stream; a group that begins in the middle, or
//! reads over a gap, has none until it has come to an entry the number of which is known again.

use super::entries::Entries;
use super::group::Group;
use super::id::StreamId;

impl Entries {
    /// Whether an entry from `from` on may have been deleted one by one.
    fn may_have_gaps_from(&self, from: StreamId) -> bool {
        !self.is_empty() && self.max_deleted_id() > StreamId::MIN && from <= self.max_deleted_id()
    }

    /// The number that the entry with this ID, or the last one before it, has among all that were ever added, if that is
    /// known.
    pub fn read_counter(&self, id: StreamId) -> Option<i64> {
        // Redis calculates with wrapping numbers, and -1 is none.
        let counter = |counter: u64| Some(counter.cast_signed()).filter(|&counter| counter != -1);
        let added = self.added();
        if added == 0 {
            return Some(0);
        }
        if self.is_empty() && id <= self.last_id() {
            return counter(added);
        }
        if id > StreamId::MIN && id < self.max_deleted_id() {
            return None;
        }
        if id >= self.last_id() {
            return (id == self.last_id()).then(|| counter(added)).flatten();
        }
        let has_no_gaps =
            self.max_deleted_id() == StreamId::MIN || self.max_deleted_id() < self.first_id();
        let before_first = added.wrapping_sub(self.len());
        match id.cmp(&self.first_id()) {
            std::cmp::Ordering::Less if has_no_gaps => counter(before_first),
            std::cmp::Ordering::Equal if has_no_gaps => counter(before_first.wrapping_add(1)),
            _ => None,
        }
    }
}

impl Group {
    /// How many entries of the stream were not delivered to the group yet, if that is known.
    pub fn lag(&self, entries: &Entries) -> Option<i64> {
        let added = entries.added().cast_signed();
        if entries.added() == 0 || entries.is_empty() {
            return Some(0);
        }
        // All that is left is behind what was delivered, and nothing in between is missing.
        if self.last_id() < entries.first_id() && entries.max_deleted_id() < entries.first_id() {
            return Some(entries.len().cast_signed());
        }
        let read = match self.entries_read() {
            Some(read) if !entries.may_have_gaps_from(self.last_id()) => Some(read),
            _ => entries.read_counter(self.last_id()),
        };
        read.map(|read| added.wrapping_sub(read))
    }

    /// The group's read counter when the entry with this ID, above its last one, is delivered.
    pub(super) fn entries_read_with(&self, id: StreamId, entries: &Entries) -> Option<i64> {
        match self.entries_read() {
            Some(read)
                if self.last_id() >= entries.first_id()
                    && !entries.may_have_gaps_from(self.last_id()) =>
            {
                Some(read.wrapping_add(1)).filter(|&read| read != -1)
            }
            _ if entries.added() > 0 => entries.read_counter(id),
            read => read,
        }
    }
}
