//! A stand-in for the table: it finds a block by the number in its first bytes, and moves what it
//! is offered.

use std::collections::HashMap;
use std::ptr::NonNull;

use crate::slab::{Slab, address, pointer};

/// SplitMix64.
pub(super) struct Random(pub(super) u64);

impl Random {
    pub(super) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    pub(super) fn below(&mut self, end: usize) -> usize {
        (self.next() % end as u64) as usize
    }
}

pub(super) struct Owner {
    pub(super) slab: Slab,
    pub(super) random: Random,
    /// Which blocks stay where they are when compaction offers them.
    pub(super) declines: fn(u64) -> bool,
    /// Address and requested bytes, as the slot words of a table.
    blocks: HashMap<u64, (u64, usize)>,
    /// The keys of `blocks`, to pick one at random.
    ids: Vec<u64>,
    next_id: u64,
    /// Usable bytes of the blocks, and usable bytes + header of the large ones among them.
    expected_live_bytes: usize,
    expected_large_bytes: usize,
}

impl Owner {
    pub(super) fn new(seed: u64) -> Owner {
        Owner {
            slab: Slab::new(),
            random: Random(seed),
            declines: |_| false,
            blocks: HashMap::new(),
            ids: Vec::new(),
            next_id: 0,
            expected_live_bytes: 0,
            expected_large_bytes: 0,
        }
    }

    pub(super) fn len(&self) -> usize {
        self.ids.len()
    }

    pub(super) fn insert(&mut self, bytes: usize) {
        let id = self.next_id;
        self.next_id += 1;
        let block = self.place(id, bytes);
        self.blocks.insert(id, (address(block), bytes));
        self.ids.push(id);
    }

    pub(super) fn delete_random(&mut self) {
        let index = self.random.below(self.ids.len());
        let id = self.ids.swap_remove(index);
        let (address, bytes) = self.blocks.remove(&id).unwrap();
        self.remove(id, pointer(address).unwrap(), bytes);
    }

    pub(super) fn delete_down_to(&mut self, len: usize) {
        while self.ids.len() > len {
            self.delete_random();
        }
    }

    /// Takes one block from the slab and moves it. False when the slab offered none.
    pub(super) fn compact_one(&mut self) -> bool {
        let Some(block) = self.slab.sparse_block() else {
            return false;
        };
        // SAFETY: an offered block is live, and every block of this owner begins with its number.
        let id = unsafe { block.cast::<u64>().read() };
        let (old, bytes) = self.blocks[&id];
        assert_eq!(
            old,
            address(block),
            "the offered block is the one that the owner knows"
        );
        if (self.declines)(id) {
            return true;
        }
        let moved = self.place(id, bytes);
        self.remove(id, block, bytes);
        self.blocks.insert(id, (address(moved), bytes));
        true
    }

    /// Up to `limit` blocks, as the server does after a unit of work.
    pub(super) fn compact_step(&mut self, limit: usize) {
        for _ in 0..limit {
            if !self.slab.needs_compaction() || !self.compact_one() {
                return;
            }
        }
    }

    pub(super) fn resident_per_live(&self) -> f64 {
        self.slab.resident_bytes() as f64 / self.slab.live_bytes() as f64
    }

    /// Reads every block and compares the counters with the sums.
    pub(super) fn verify_contents(&self) {
        let mut ranges = Vec::new();
        for (&id, &(address, bytes)) in &self.blocks {
            let block = pointer(address).unwrap();
            check_contents(id, block, bytes);
            // SAFETY: the block is live.
            ranges.push((address, unsafe { Slab::usable_bytes(block) } as u64));
        }
        ranges.sort_unstable();
        assert!(
            ranges
                .windows(2)
                .all(|pair| pair[0].0 + pair[0].1 <= pair[1].0),
            "blocks overlap"
        );
        self.verify_counters();
    }

    pub(super) fn verify_counters(&self) {
        assert_eq!(self.slab.live_bytes(), self.expected_live_bytes);
        assert_eq!(self.slab.large_bytes(), self.expected_large_bytes);
    }

    /// Allocates, fills and counts a block.
    fn place(&mut self, id: u64, bytes: usize) -> NonNull<u8> {
        let bytes = bytes.max(8);
        let promised = self.slab.class_bytes_for(bytes);
        let block = self.slab.alloc(bytes);
        // SAFETY: the block is live.
        let usable = unsafe { Slab::usable_bytes(block) };
        assert_eq!(usable, promised);
        // SAFETY: the usable bytes belong to this owner, and the number fits into the smallest
        // block.
        unsafe {
            block.write_bytes(fill_of(id), usable);
            block.cast::<u64>().write(id);
        }
        *self.counter_of(usable) += counted(usable);
        block
    }

    /// Checks, counts and frees a block.
    fn remove(&mut self, id: u64, block: NonNull<u8>, bytes: usize) {
        let usable = check_contents(id, block, bytes);
        *self.counter_of(usable) -= counted(usable);
        // SAFETY: the block came from this slab, and the caller drops its reference.
        unsafe { self.slab.free(block) };
    }

    fn counter_of(&mut self, usable: usize) -> &mut usize {
        if is_large(usable) {
            &mut self.expected_large_bytes
        } else {
            &mut self.expected_live_bytes
        }
    }
}

fn is_large(usable: usize) -> bool {
    usable > 9360
}

fn counted(usable: usize) -> usize {
    usable + if is_large(usable) { 16 } else { 0 }
}

fn fill_of(id: u64) -> u8 {
    // Never the pattern of free blocks.
    (id % 199) as u8
}

fn check_contents(id: u64, block: NonNull<u8>, bytes: usize) -> usize {
    // SAFETY: callers pass live blocks, filled by `place` over all usable bytes.
    let contents = unsafe { std::slice::from_raw_parts(block.as_ptr(), Slab::usable_bytes(block)) };
    assert!(contents.len() >= bytes);
    assert_eq!(contents[..8], id.to_ne_bytes());
    assert!(
        contents[8..].iter().all(|&byte| byte == fill_of(id)),
        "block {id} was overwritten"
    );
    contents.len()
}
