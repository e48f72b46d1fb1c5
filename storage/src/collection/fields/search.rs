//! Looking for a hash, which is as likely to be any number as any other: in a leaf it stands about where its share of the
//! leaf's range says, so that of the leaf's slots only a few cache lines have to be loaded.

use std::cmp::Ordering;
use std::ops::Range;

use super::ElementHash;

/// How far to both sides of the guess an element is looked for first, in slots: twice the standard deviation of the middle
/// one's place among as many as a leaf has.
const NEAR: usize = 12;

/// A hash that is looked for, and what the way down has told about its leaf.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Search {
    pub(super) hash: ElementHash,
    /// All of the leaf's hashes are at or above this one.
    from: ElementHash,
    /// All of the leaf's hashes are at or below this one.
    to: ElementHash,
}

impl Search {
    /// A search that has seen nothing yet.
    pub(in crate::collection) fn new(hash: ElementHash) -> Self {
        Self {
            hash,
            from: ElementHash::MIN,
            to: ElementHash::MAX,
        }
    }

    /// Compares a leaf's first hash for [`Tree::seek`](crate::tree::Tree::seek), which never goes back behind what it knows.
    #[inline]
    pub(super) fn order(&mut self, bound: ElementHash) -> Ordering {
        if bound <= self.hash {
            self.from = bound;
        } else {
            self.to = bound;
        }
        bound.cmp(&self.hash)
    }

    /// Where among `len` slots of the leaf to look first.
    #[inline]
    pub(super) fn window(&self, len: usize) -> Range<usize> {
        let range = u64::from(self.to - self.from) + 1;
        let part = u64::from(self.hash.saturating_sub(self.from));
        // A leaf has some hundred slots: no overflow, and never more than `len`.
        let guess = (part * len as u64 / range) as usize;
        let end = (guess + NEAR).min(len);
        guess.saturating_sub(NEAR).min(end)..end
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn most_hashes_lie_near_the_guess_and_none_makes_a_window_outside() {
        // Squares leave all residues evenly enough to stand for hashes.
        let mut hashes: Vec<u32> = (1..=100u64)
            .map(|number| (number * number * 2_654_435_761) as u32)
            .collect();
        hashes.sort_unstable();
        let mut far = 0;
        for (at, &hash) in hashes.iter().enumerate() {
            let window = Search::new(hash).window(hashes.len());
            assert!(window.end <= hashes.len() && window.len() <= 2 * NEAR);
            far += usize::from(!window.contains(&at));
        }
        assert!(far <= 5, "{far} of 100");

        let mut search = Search::new(7);
        assert!(search.order(9).is_gt() && search.order(7).is_eq());
        assert_eq!(search.window(0), 0..0);
        assert_eq!(search.window(1), 0..1);
        // Whatever a leaf is asked for, even what lies outside of what the way down has told.
        assert!(
            Search {
                hash: u32::MAX,
                ..search
            }
            .window(100)
            .end <= 100
        );
    }
}
