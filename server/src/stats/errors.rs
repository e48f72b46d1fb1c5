//! Error replies by their first word.

use std::collections::BTreeMap;

/// How many error replies there were per prefix (`errorstat_*`), and altogether.
#[derive(Clone, Debug, Default)]
pub(crate) struct ErrorCounts {
    by_prefix: BTreeMap<Box<str>, u64>,
    total: u64,
}

/// Most prefixes counted one by one; errors with yet another one count in the total only.
const PREFIXES_MAX: usize = 128;

impl ErrorCounts {
    /// Counts an error line (without the leading `-`).
    pub(crate) fn count(&mut self, line: &str) {
        let prefix = line.split([' ', '\r', '\n']).next().unwrap_or_default();
        self.add(prefix, 1);
        self.total += 1;
    }

    fn add(&mut self, prefix: &str, count: u64) {
        if let Some(known) = self.by_prefix.get_mut(prefix) {
            *known += count;
        } else if self.by_prefix.len() < PREFIXES_MAX {
            self.by_prefix.insert(prefix.into(), count);
        }
    }

    /// Adds another count.
    pub(crate) fn merge(&mut self, other: &ErrorCounts) {
        for (prefix, count) in &other.by_prefix {
            self.add(prefix, *count);
        }
        self.total += other.total;
    }

    /// Forgets everything.
    pub(crate) fn clear(&mut self) {
        *self = Self::default();
    }

    /// All error replies.
    pub(crate) fn total(&self) -> u64 {
        self.total
    }

    /// Prefixes in order, with their counts.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (&str, u64)> {
        self.by_prefix
            .iter()
            .map(|(prefix, count)| (&**prefix, *count))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_count_by_first_word_and_the_prefixes_are_bounded() {
        let mut counts = ErrorCounts::default();
        counts.count("ERR syntax error");
        counts.count("ERR no such key");
        counts.count("NOSCRIPT");
        for i in 0..2 * PREFIXES_MAX {
            counts.count(&format!("P{i} text"));
        }
        assert_eq!(
            counts.iter().find(|(prefix, _)| *prefix == "ERR"),
            Some(("ERR", 2))
        );
        assert_eq!(counts.iter().count(), PREFIXES_MAX);
        assert_eq!(counts.total(), 3 + 2 * PREFIXES_MAX as u64);
    }
}
