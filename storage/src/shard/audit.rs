//! Recomputes from the entries everything that a shard keeps count of.

use std::collections::HashSet;

use super::*;

/// Blocks above this size are the global allocator's and have a header of 16 bytes.
const PAGE_BLOCK_BYTES_MAX: usize = 9360;

#[derive(Default)]
struct Census {
    blocks: HashSet<u64>,
    block_bytes: usize,
    outside_bytes: usize,
}

impl Census {
    fn count(&mut self, word: Word) {
        assert!(
            self.blocks.insert(word.entry().address()),
            "a block has one owner"
        );
        // SAFETY: every word that the shard holds owns a live entry.
        let (bytes, view) = unsafe {
            (
                Slab::usable_bytes(word.entry().block()),
                EntryView::new(word),
            )
        };
        assert!(view.entry_len() <= bytes, "an entry fits its block");
        self.block_bytes += bytes + if bytes > PAGE_BLOCK_BYTES_MAX { 16 } else { 0 };
        self.outside_bytes += view.outside_bytes();
    }
}

impl Shard {
    /// Checks every figure and invariant of the shard against its entries.
    pub(crate) fn audit(&mut self, hasher: &KeyHasher) {
        self.audit_eviction(hasher);
        let mut census = Census::default();
        for db in self.dbs.iter().flatten().chain(&self.detached) {
            let words = db.table.audit(hasher);
            let with_ttl = words.iter().filter(|word| word.has_ttl()).count();
            assert_eq!(db.with_ttl, with_ttl, "keys with an expire time");
            let soonest = words.iter().filter_map(|&word| soonest_expiry(word));
            assert_eq!(
                db.with_field_ttl,
                soonest.count(),
                "hashes whose fields expire"
            );
            assert!(db.expiring() == 0 || db.wheel.is_some());
            for &word in &words {
                assert!(
                    self.walk.is_some() || word.parity() == self.parity,
                    "one parity between snapshots"
                );
                census.count(word);
            }
            for word in db.pre_images.words() {
                assert!(
                    self.walk.is_some() && word.parity() != self.parity,
                    "only a snapshot wants old versions"
                );
                census.count(word);
            }
        }
        self.graveyard
            .audit_words(hasher)
            .into_iter()
            .for_each(|word| census.count(word));
        census.outside_bytes += self.graveyard.value_bytes();
        assert_eq!(
            census.block_bytes,
            self.slab.live_bytes() + self.slab.large_bytes(),
            "blocks"
        );
        assert_eq!(
            census.outside_bytes, self.outside_bytes,
            "bytes outside the blocks"
        );
        assert_eq!(
            self.dataset_bytes(),
            census.block_bytes + census.outside_bytes
        );
    }
}
