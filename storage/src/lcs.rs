//! The longest common subsequence of two strings, computed in bounded steps.
//!
//! The classic table of lengths is filled row by row; only one row of lengths is kept. Walking back needs to
//! know of each pair of differing bytes which way is longer: one bit per cell, a thirty-second of the memory that
//! the full table would take.

/// A computation under way.
#[derive(Debug)]
pub struct Lcs {
    a: Vec<u8>,
    b: Vec<u8>,
    /// The length at each prefix of `b`: for the current row up to `column`, for the row before it from there.
    row: Vec<u32>,
    rows_done: usize,
    /// Cells of the current row that are done, and the cell up and to the left of the next one.
    column: usize,
    diagonal: u32,
    /// One bit per cell: the way back goes to a shorter `a`. Empty if only the length is wanted.
    back: Vec<u64>,
    words_per_row: usize,
}

/// A common run: `a[a_start..a_start + len]` equals `b[b_start..b_start + len]`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CommonRun {
    /// Where it begins in the first string.
    pub a_start: usize,
    /// Where it begins in the second string.
    pub b_start: usize,
    /// Its length, at least 1.
    pub len: usize,
}

impl Lcs {
    /// The bytes that Redis's table for strings of these lengths would take: what its limit is compared with.
    pub fn table_bytes(a_len: u64, b_len: u64) -> u64 {
        a_len
            .saturating_add(1)
            .saturating_mul(b_len.saturating_add(1))
            .saturating_mul(4)
    }

    /// Prepares the computation. `wants_runs` says whether [`Lcs::runs`] will be asked for.
    pub fn new(a: Vec<u8>, b: Vec<u8>, wants_runs: bool) -> Self {
        let words_per_row = if wants_runs { b.len().div_ceil(64) } else { 0 };
        let (row, back) = (vec![0; b.len() + 1], vec![0; words_per_row * a.len()]);
        Self {
            a,
            b,
            row,
            rows_done: 0,
            column: 0,
            diagonal: 0,
            back,
            words_per_row,
        }
    }

    /// How many cells there are to compute.
    pub fn cells(&self) -> u64 {
        self.a.len() as u64 * self.b.len() as u64
    }

    /// Computes up to `cells` cells. Returns true when all is done.
    pub fn advance(&mut self, cells: usize) -> bool {
        let mut left = cells;
        while self.rows_done < self.a.len() {
            let end = self.b.len().min(self.column.saturating_add(left));
            left -= end - self.column;
            self.compute_to(end);
            if end < self.b.len() {
                return false;
            }
            self.rows_done += 1;
            (self.column, self.diagonal) = (0, 0);
        }
        true
    }

    /// Computes the current row up to column `end`.
    fn compute_to(&mut self, end: usize) {
        let byte = self.a[self.rows_done];
        let first_word = self.rows_done * self.words_per_row;
        let back = &mut self.back[first_word..first_word + self.words_per_row];
        for at in self.column..end {
            let (left, up) = (self.row[at], self.row[at + 1]);
            self.row[at + 1] = if byte == self.b[at] {
                self.diagonal + 1
            } else {
                if up > left
                    && let Some(word) = back.get_mut(at / 64)
                {
                    *word |= 1 << (at % 64);
                }
                up.max(left)
            };
            self.diagonal = up;
        }
        self.column = end;
    }

    /// The length of the longest common subsequence, once all is computed.
    pub fn len(&self) -> u64 {
        debug_assert!(self.rows_done == self.a.len(), "not all rows are computed");
        u64::from(self.row[self.b.len()])
    }

    /// Whether the strings have no byte in common.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The runs that make up the subsequence, from the last to the first, as Redis finds them.
    pub fn runs(&self) -> impl Iterator<Item = CommonRun> + '_ {
        let (mut i, mut j) = (self.a.len(), self.b.len());
        std::iter::from_fn(move || {
            while i > 0 && j > 0 && self.a[i - 1] != self.b[j - 1] {
                let word = self.back[(i - 1) * self.words_per_row + (j - 1) / 64];
                if word >> ((j - 1) % 64) & 1 == 1 {
                    i -= 1
                } else {
                    j -= 1
                }
            }
            let (a_end, b_end) = (i, j);
            while i > 0 && j > 0 && self.a[i - 1] == self.b[j - 1] {
                (i, j) = (i - 1, j - 1);
            }
            let len = a_end - i;
            debug_assert!(len == b_end - j);
            (len > 0).then_some(CommonRun {
                a_start: i,
                b_start: j,
                len,
            })
        })
    }

    /// The subsequence itself.
    pub fn subsequence(&self) -> Vec<u8> {
        let mut backwards = Vec::with_capacity(self.len() as usize);
        for run in self.runs() {
            backwards.extend(self.a[run.a_start..run.a_start + run.len].iter().rev());
        }
        backwards.reverse();
        backwards
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn computed(a: &[u8], b: &[u8], step: usize) -> Lcs {
        let mut lcs = Lcs::new(a.to_vec(), b.to_vec(), true);
        while !lcs.advance(step) {}
        lcs
    }

    #[test]
    fn the_example_of_the_documentation() {
        let lcs = computed(b"ohmytext", b"mynewtext", usize::MAX);
        assert_eq!(lcs.subsequence(), b"mytext");
        let runs: Vec<_> = lcs
            .runs()
            .map(|run| (run.a_start, run.b_start, run.len))
            .collect();
        assert_eq!(runs, [(4, 5, 4), (2, 0, 2)]);
    }

    #[test]
    fn empty_strings_have_nothing_in_common() {
        for (a, b) in [("", ""), ("a", ""), ("", "a"), ("a", "b")] {
            let lcs = computed(a.as_bytes(), b.as_bytes(), 1);
            assert!(lcs.is_empty());
            assert_eq!(lcs.runs().count(), 0);
            assert_eq!(lcs.subsequence(), b"");
        }
    }

    fn is_subsequence(part: &[u8], whole: &[u8]) -> bool {
        let mut rest = whole.iter();
        part.iter().all(|byte| rest.any(|other| other == byte))
    }

    fn plain_length(a: &[u8], b: &[u8]) -> usize {
        let mut table = vec![vec![0; b.len() + 1]; a.len() + 1];
        for i in 1..=a.len() {
            for j in 1..=b.len() {
                table[i][j] = if a[i - 1] == b[j - 1] {
                    table[i - 1][j - 1] + 1
                } else {
                    table[i - 1][j].max(table[i][j - 1])
                };
            }
        }
        table[a.len()][b.len()]
    }

    proptest! {
        #[test]
        fn the_subsequence_is_common_and_longest(a in "[abc]{0,150}", b in "[abc]{0,150}", step in 1usize..500) {
            let (a, b) = (a.as_bytes(), b.as_bytes());
            let lcs = computed(a, b, step);
            let subsequence = lcs.subsequence();
            prop_assert!(is_subsequence(&subsequence, a) && is_subsequence(&subsequence, b));
            prop_assert_eq!(subsequence.len(), plain_length(a, b));
            prop_assert_eq!(lcs.len() as usize, subsequence.len());
        }
    }
}
