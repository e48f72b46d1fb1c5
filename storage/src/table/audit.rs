//! Recomputes everything that a table keeps count of, and checks its shape.

use super::*;

struct Census {
    bytes: usize,
    words: Vec<Word>,
}

impl Table {
    /// Checks every invariant of the table and returns its words.
    pub(crate) fn audit(&self, hasher: &KeyHasher) -> Vec<Word> {
        let mut census = Census {
            bytes: size_of::<Node>(),
            words: Vec::new(),
        };
        self.audit_node(&self.root, 0, 0, hasher, &mut census);
        assert_eq!(census.bytes, self.bytes, "bytes of nodes and segments");
        assert_eq!(census.words.len(), self.len, "number of keys");
        census.words
    }

    fn audit_node(
        &self,
        node: &Node,
        level: u32,
        prefix: u64,
        hasher: &KeyHasher,
        census: &mut Census,
    ) {
        let mut first = 0;
        for run in node.children.chunk_by(|a, b| a == b) {
            let shift = 64 - (level + 1) * FANOUT_BITS;
            let prefix = prefix | (first as u64) << shift;
            match run[0].kind() {
                ChildKind::Segment(segment) => {
                    // SAFETY: segments live as long as the trie.
                    let segment = unsafe { segment.as_ref() };
                    assert_eq!(
                        segment.prefix, prefix,
                        "a segment hangs where its prefix says"
                    );
                    assert_eq!(
                        run.len(),
                        FANOUT >> (segment.depth - level * FANOUT_BITS),
                        "and as widely as its depth says"
                    );
                    self.audit_segment(segment, hasher, census);
                }
                ChildKind::Node(below) => {
                    assert_eq!(run.len(), 1, "a node hangs in one place");
                    census.bytes += size_of::<Node>();
                    // SAFETY: nodes live as long as the trie.
                    self.audit_node(unsafe { below.as_ref() }, level + 1, prefix, hasher, census);
                }
            }
            first += run.len();
        }
    }

    fn audit_segment(&self, segment: &Segment, hasher: &KeyHasher, census: &mut Census) {
        census.bytes += segment.bytes();
        assert!(segment.depth <= DEPTH_MAX);
        assert!(
            segment.words.num_buckets() <= SEGMENT_BUCKETS || segment.depth == DEPTH_MAX,
            "segments split in time"
        );
        for word in segment.words() {
            let position = position_of(word, hasher);
            assert!(position >= segment.prefix && segment.end().is_none_or(|end| position < end));
            // SAFETY: words in a table point to live entries.
            let found = self
                .find(position, unsafe { word.entry().key() })
                .map(SlotWord::load);
            assert!(found == Some(word), "a key leads to its own word");
            census.words.push(word);
        }
    }
}
