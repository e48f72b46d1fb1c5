//! What `SORT` is told.

use storage::KeyFamily;

use super::pattern::Pattern;
use crate::command::{Args, CommandError};

/// The options of `SORT`.
#[derive(Debug)]
pub(super) struct SortOptions<T> {
    /// Whose values say the order; `None`: the elements themselves do.
    pub(super) by: Option<Pattern<T>>,
    /// The order is that in which the elements lie.
    pub(super) unsorted: bool,
    pub(super) descending: bool,
    /// By the bytes instead of by the number that they spell.
    pub(super) alphabetic: bool,
    pub(super) offset: i64,
    /// Negative: all.
    pub(super) count: i64,
    /// What is answered for each element; nothing: the element itself.
    pub(super) gets: Vec<Pattern<T>>,
    /// The argument that names the destination.
    pub(super) destination: Option<usize>,
}

impl<'a> SortOptions<&'a [u8]> {
    /// Reads the options from the third argument on.
    ///
    /// # Errors
    /// `Syntax`, or `NotInteger` for limits that are none.
    pub(super) fn parse(args: Args<'a>, stores: bool) -> Result<Self, CommandError> {
        let mut options = Self {
            by: None,
            unsorted: false,
            descending: false,
            alphabetic: false,
            offset: 0,
            count: -1,
            gets: Vec::new(),
            destination: None,
        };
        let mut at = 2;
        while at < args.len() {
            let left = args.len() - at - 1;
            if args.is(at, "ASC") {
                options.descending = false;
            } else if args.is(at, "DESC") {
                options.descending = true;
            } else if args.is(at, "ALPHA") {
                options.alphabetic = true;
            } else if args.is(at, "LIMIT") && left >= 2 {
                options.offset = integer(args.at(at + 1))?;
                options.count = integer(args.at(at + 2))?;
                at += 2;
            } else if args.is(at, "STORE") && left >= 1 && stores {
                options.destination = Some(at + 1);
                at += 1;
            } else if args.is(at, "BY") && left >= 1 {
                let pattern = Pattern::new(args.at(at + 1));
                // A constant gives no order.
                options.unsorted |= !pattern.is_variable();
                options.by = Some(pattern);
                at += 1;
            } else if args.is(at, "GET") && left >= 1 {
                options.gets.push(Pattern::new(args.at(at + 1)));
                at += 1;
            } else {
                return Err(CommandError::Syntax);
            }
            at += 1;
        }
        Ok(options)
    }

    /// The same for longer than the arguments.
    pub(super) fn to_owned(&self) -> SortOptions<Box<[u8]>> {
        SortOptions {
            by: self.by.map(Pattern::into_owned),
            unsorted: self.unsorted,
            descending: self.descending,
            alphabetic: self.alphabetic,
            offset: self.offset,
            count: self.count,
            gets: self.gets.iter().map(|get| get.into_owned()).collect(),
            destination: self.destination,
        }
    }
}

impl<T: AsRef<[u8]>> SortOptions<T> {
    /// The pattern whose values are looked up to find the order.
    pub(super) fn weights(&self) -> Option<&Pattern<T>> {
        self.by.as_ref().filter(|_| !self.unsorted)
    }

    /// The families of the keys that are looked up, one for each pattern.
    pub(super) fn families(&self) -> impl Iterator<Item = KeyFamily> {
        let patterns = self.weights().into_iter().chain(&self.gets);
        patterns.filter_map(Pattern::family)
    }

    /// Has the elements of a set in a certain order though none is asked for, so that the same is stored everywhere.
    pub(super) fn order_what_has_none(&mut self) {
        if self.unsorted {
            (self.unsorted, self.alphabetic, self.by) = (false, true, None);
        }
    }

    /// The elements to answer of `len`: the first, and the one behind the last.
    pub(super) fn range(&self, len: usize) -> std::ops::Range<usize> {
        let within = |number: i64| usize::try_from(number.max(0)).map_or(len, |n| n.min(len));
        let start = within(self.offset);
        let end = match self.count {
            ..0 => len,
            count => start.saturating_add(within(count)).min(len),
        };
        start..end.max(start)
    }
}

/// Where the destination of `STORE` stands: behind the last such word that is no other option's argument.
pub(super) fn destination(args: Args<'_>) -> Option<usize> {
    let (mut at, mut destination) = (2, None);
    while at < args.len() {
        if args.is(at, "STORE") && at + 1 < args.len() {
            destination = Some(at + 1);
            at += 1;
        } else if args.is(at, "LIMIT") {
            at += 2;
        } else if args.is(at, "BY") || args.is(at, "GET") {
            at += 1;
        }
        at += 1;
    }
    destination
}

/// Whether a `SORT` reads keys that its arguments do not name.
pub(crate) fn names_other_keys(args: Args<'_>) -> bool {
    let mut at = 2;
    while at < args.len() {
        let is_pattern = args.is(at, "BY") || args.is(at, "GET");
        let pattern = args.get(at + 1);
        if is_pattern && pattern.is_some_and(|pattern| Pattern::new(pattern).is_variable()) {
            return true;
        }
        at += match () {
            () if args.is(at, "LIMIT") => 3,
            () if is_pattern || args.is(at, "STORE") => 2,
            () => 1,
        };
    }
    false
}

fn integer(text: &[u8]) -> Result<i64, CommandError> {
    protocol::parse_i64(text).ok_or(CommandError::NotInteger)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::command::args::tests::with_args;

    fn words(line: &str) -> Vec<&str> {
        line.split(' ').collect()
    }

    #[test]
    fn ranges_are_cut_to_what_there_is() {
        for (offset, count, expected) in [
            (0, -1, 0..10),
            (2, 3, 2..5),
            (-5, 3, 0..3),
            (8, 5, 8..10),
            (10, 5, 10..10),
            (99, -1, 10..10),
            (3, 0, 3..3),
            (i64::MAX, i64::MAX, 10..10),
            (i64::MIN, i64::MIN, 0..10),
        ] {
            let line = format!("SORT k LIMIT {offset} {count}");
            let range = with_args(&words(&line), |args| {
                SortOptions::parse(args, true).unwrap().range(10)
            });
            assert_eq!(range, expected, "{offset} {count}");
        }
    }

    #[test]
    fn the_destination_is_found_behind_its_word() {
        for (line, expected) in [
            ("SORT k", None),
            ("SORT k STORE d", Some(3)),
            ("SORT k BY STORE STORE d", Some(5)),
            ("SORT k STORE d STORE e", Some(5)),
            ("SORT k STORE", None),
        ] {
            assert_eq!(with_args(&words(line), destination), expected, "{line}");
        }
    }

    #[test]
    fn patterns_name_other_keys() {
        for (line, expected) in [
            ("SORT k", false),
            ("SORT k BY nosort", false),
            ("SORT k BY w*", true),
            ("SORT k GET #", false),
            ("SORT k GET # GET o*", true),
            ("SORT k STORE BY", false),
            ("SORT k LIMIT BY x*", false),
        ] {
            assert_eq!(
                with_args(&words(line), names_other_keys),
                expected,
                "{line}"
            );
        }
    }
}
