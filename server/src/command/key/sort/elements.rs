//! The elements that are sorted.

use std::ops::Range;

use storage::ValueType;
use storage::typed::CollectionRef;

use super::options::SortOptions;

/// Elements behind one another.
#[derive(Debug, Default)]
pub(super) struct Elements {
    bytes: Vec<u8>,
    ends: Vec<usize>,
}

impl Elements {
    /// Puts those with these numbers in place of what was there.
    pub(super) fn load(&mut self, collection: CollectionRef<'_>, numbers: Range<u64>) {
        self.bytes.clear();
        self.ends.clear();
        let count = numbers.end - numbers.start;
        collection.each_name(numbers.start, count, &mut |element| {
            self.bytes.extend_from_slice(element);
            self.ends.push(self.bytes.len());
        });
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &[u8]> {
        let starts = std::iter::once(&0).chain(&self.ends);
        let spans = starts.zip(&self.ends);
        spans.map(|(start, end)| &self.bytes[*start..*end])
    }
}

/// What is to be sorted of a list, set or sorted set, and what is answered of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Share {
    /// The numbers of the elements that are loaded.
    pub(super) loaded: Range<u64>,
    /// Whether the last one comes first, where the order is that in which they lie.
    pub(super) is_reversed: bool,
    /// Those that are answered of what was loaded, in order.
    pub(super) answered: Range<usize>,
}

impl Share {
    /// Of a collection of `len` elements. What has an order and is to be answered in it is turned round if it is wanted
    /// from its end.
    pub(super) fn new<T: AsRef<[u8]>>(
        options: &SortOptions<T>,
        value_type: ValueType,
        len: u64,
    ) -> Self {
        let range = options.range(usize::try_from(len).unwrap_or(usize::MAX));
        if !options.unsorted {
            return Self {
                loaded: 0..len,
                is_reversed: false,
                answered: range,
            };
        }
        let (start, end) = (range.start as u64, range.end as u64);
        let is_reversed = options.descending && value_type != ValueType::Set;
        Self {
            loaded: if is_reversed {
                len - end..len - start
            } else {
                start..end
            },
            is_reversed,
            answered: 0..range.len(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::command::args::tests::with_args;

    #[test]
    fn what_is_not_sorted_is_loaded_only_where_it_is_answered() {
        for (line, value_type, loaded, is_reversed, answered) in [
            ("SORT k LIMIT 2 3", ValueType::List, 0..10, false, 2..5),
            ("SORT k DESC", ValueType::Set, 0..10, false, 0..10),
            ("SORT k BY x LIMIT 2 3", ValueType::List, 2..5, false, 0..3),
            (
                "SORT k BY x LIMIT 2 3 DESC",
                ValueType::SortedSet,
                5..8,
                true,
                0..3,
            ),
            (
                "SORT k BY x LIMIT 2 3 DESC",
                ValueType::Set,
                2..5,
                false,
                0..3,
            ),
            (
                "SORT k BY x LIMIT 8 5 DESC",
                ValueType::List,
                0..2,
                true,
                0..2,
            ),
        ] {
            let words: Vec<&str> = line.split(' ').collect();
            let share = with_args(&words, |args| {
                Share::new(&SortOptions::parse(args, true).unwrap(), value_type, 10)
            });
            let expected = Share {
                loaded,
                is_reversed,
                answered,
            };
            assert_eq!(share, expected, "{line}");
        }
    }
}
