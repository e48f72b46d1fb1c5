//! Recomputes everything that a table keeps count of, and checks its shape.

use super::child::{Child, Target};
use super::segment::BUCKETS_MAX;
use super::trie::LEVEL_BITS;
use super::*;

#[derive(Default)]
struct Census {
    bytes: usize,
    words: Vec<Word>,
}

impl Table {
    /// Checks every invariant of the table and returns its words.
    pub(crate) fn audit(&self, hasher: &KeyHasher) -> Vec<Word> {
        let mut census = Census::default();
        self.audit_child(self.trie.root, 0, 0, 0, hasher, &mut census);
        assert_eq!(census.bytes, self.bytes(), "bytes of nodes and segments");
        assert_eq!(census.words.len(), self.len, "number of keys");
        census.words
    }

    /// Checks what `child` leads to: all positions that agree with `prefix` in the first `depth` bits. A node would
    /// stand at `level`.
    fn audit_child(
        &self,
        child: Child,
        level: u32,
        prefix: u64,
        depth: u32,
        hasher: &KeyHasher,
        census: &mut Census,
    ) {
        let node = match child.target() {
            Target::Segment(_) => {
                let segment = self.segment(prefix);
                assert_eq!(segment.depth(), depth, "a segment is as wide as it says");
                return self.audit_segment(segment, prefix, hasher, census);
            }
            Target::Node(node) => node,
        };
        assert_eq!(depth, level * LEVEL_BITS, "nodes stand at whole levels");
        assert!((1..=LEVEL_BITS).contains(&node.bits()));
        // SAFETY: nodes live as long as the trie.
        let children = unsafe { &*node.children() };
        assert!(
            children.chunks_exact(2).any(|pair| pair[0] != pair[1]),
            "no node is wider than it must be"
        );
        census.bytes += size_of_val(children);
        let mut first = 0;
        for run in children.chunk_by(|a, b| a == b) {
            let bits = node.bits() - run.len().ilog2();
            assert!(run.len().is_power_of_two() && first % run.len() == 0);
            let shift = 64 - level * LEVEL_BITS - node.bits();
            let prefix = prefix | (first as u64) << shift;
            self.audit_child(run[0], level + 1, prefix, depth + bits, hasher, census);
            first += run.len();
        }
    }

    fn audit_segment(
        &self,
        segment: &Segment,
        prefix: u64,
        hasher: &KeyHasher,
        census: &mut Census,
    ) {
        census.bytes += size_of_val(segment);
        assert!(segment.depth() <= DEPTH_MAX);
        assert!(
            segment.buckets() <= BUCKETS_MAX || segment.depth() == DEPTH_MAX,
            "segments split in time"
        );
        assert_eq!(segment.start(prefix), prefix);
        segment.audit(hasher, |position, word| {
            assert!(position >= prefix && segment.end(prefix).is_none_or(|end| position < end));
            // SAFETY: words in a table point to live entries.
            let found = self
                .find(position, unsafe { word.entry().key() })
                .map(SlotWord::load);
            assert!(found == Some(word), "a key leads to its own word");
            census.words.push(word);
        });
    }
}
