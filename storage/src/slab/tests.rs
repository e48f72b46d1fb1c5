//! Tests of the slab as a whole. They also run under AddressSanitizer:
//! `RUSTFLAGS=-Zsanitizer=address cargo +nightly test -p nuthatch-storage --target
//! x86_64-unknown-linux-gnu slab`

mod model;
mod owner;
mod size_shift;

use std::collections::BTreeSet;
use std::fs::File;
use std::os::unix::fs::FileExt;

use super::arena::{SPAN_BYTES, UNIT_BYTES};
use super::page::State;
use super::{NO_SLOT, PageId, Slab, classes, pointer};
use owner::{Owner, Random};

/// Compares every counter and list of a slab with what its pages say.
fn verify(slab: &Slab) {
    let (mut live_bytes, mut resident_bytes, mut bitmap_bytes) = (0, 0, 0);
    for (slot, class) in slab.classes.iter().enumerate().skip(1) {
        let cached = class.word.count_ones() as usize;
        let mut live = 0;
        let mut capacity = 0;
        let mut pages = 0;
        let mut partial = 0;
        for (id, page) in slab.pages.iter().enumerate() {
            if page.state == State::Vacant || usize::from(page.slot) != slot {
                continue;
            }
            let id = id as PageId;
            pages += 1;
            capacity += usize::from(page.capacity);
            live += usize::from(page.live);
            resident_bytes += page.touched_units(class.block_bytes as usize) * UNIT_BYTES;
            bitmap_bytes += page.free.len() * 8;
            let free: u32 = page.free.iter().map(|word| word.count_ones()).sum();
            assert!(free + u32::from(page.live) <= u32::from(page.capacity));
            assert_eq!(page.state == State::Current, class.current == Some(id));
            match page.state {
                State::Partial => {
                    partial += 1;
                    assert_eq!(class.partial[page.list_index as usize], id);
                }
                State::Full => assert_eq!(page.live, page.capacity),
                _ => {}
            }
        }
        assert_eq!(
            (live - cached, capacity, pages),
            (class.live, class.capacity, class.pages)
        );
        assert_eq!(partial, class.partial.len());
        live_bytes += class.live_bytes();
    }
    assert_eq!(live_bytes, slab.live_bytes());
    assert_eq!(resident_bytes, slab.resident_bytes());
    assert_eq!(bitmap_bytes, slab.bitmap_bytes);
    assert!(live_bytes <= resident_bytes);
}

#[test]
fn slab_may_move_between_threads_and_be_read_by_many() {
    fn check<T: Send + Sync>() {}
    check::<Slab>();
}

#[test]
fn new_slab_holds_nothing() {
    let slab = Slab::new();
    assert_eq!(
        (slab.live_bytes(), slab.resident_bytes(), slab.large_bytes()),
        (0, 0, 0)
    );
    assert!(slab.metadata_bytes() + size_of::<Slab>() < 1024);
    assert!(!slab.needs_compaction());
}

#[test]
fn blocks_are_aligned_and_at_least_as_large_as_asked() {
    let mut slab = Slab::new();
    for bytes in [
        0,
        1,
        16,
        17,
        100,
        1064,
        4100,
        8300,
        9360,
        9361,
        70_000,
        1 << 20,
    ] {
        let promised = slab.class_bytes_for(bytes);
        let block = slab.alloc(bytes);
        // SAFETY: the block is live.
        let usable = unsafe { Slab::usable_bytes(block) };
        assert!(usable >= bytes && usable == promised);
        assert_eq!(block.addr().get() % 8, 0);
        // SAFETY: these bytes belong to this test until the block is freed.
        unsafe { block.write_bytes(0xA5, usable) };
        // SAFETY: the block came from this slab and is not used after this.
        unsafe { slab.free(block) };
    }
    assert_eq!((slab.live_bytes(), slab.large_bytes()), (0, 0));
    verify(&slab);
}

#[test]
fn large_blocks_are_counted_to_the_byte_and_freed_with_the_slab() {
    let mut slab = Slab::new();
    let blocks = [10_000, 20_001, 30_000].map(|bytes| slab.alloc(bytes));
    assert_eq!(slab.large_bytes(), 10_000 + 20_008 + 30_000 + 3 * 16);
    assert_eq!((slab.live_bytes(), slab.resident_bytes()), (0, 0));
    // SAFETY: the block came from this slab and is not used after this.
    unsafe { slab.free(blocks[0]) };
    assert_eq!(slab.large_bytes(), 20_008 + 30_000 + 2 * 16);
    // SAFETY: as above; it was listed last and has moved to the place of the first.
    unsafe { slab.free(blocks[2]) };
    assert_eq!(slab.large_bytes(), 20_008 + 16);
    // The last one is for the leak detector of AddressSanitizer.
}

#[test]
fn few_keys_in_many_shards_stay_small() {
    let mut slabs: Vec<Slab> = (0..128).map(|_| Slab::new()).collect();
    for key in 0..1000 {
        slabs[key % 128].alloc([30, 100, 500][key % 3]);
    }
    let bytes: usize = slabs
        .iter()
        .map(|slab| slab.resident_bytes() + slab.metadata_bytes() + size_of::<Slab>())
        .sum();
    assert!(bytes < 2 << 20, "{bytes}");
}

#[test]
fn small_shard_uses_few_classes_and_small_pages() {
    let mut slab = Slab::new();
    for bytes in 0..=classes::BLOCK_BYTES_MAX {
        let _ = slab.class_bytes_for(bytes);
        if bytes % 8 == 0 {
            slab.alloc(bytes);
        }
        if slab.live_bytes() >= classes::FINE_CLASSES_FROM_BYTES / 2 {
            break;
        }
    }
    assert!(slab.slots.iter().filter(|&&slot| slot != NO_SLOT).count() <= 32);
    verify(&slab);

    // But finer ones beside a class that holds much.
    let mut slab = Slab::new();
    for block in 0..2 * classes::FINE_BESIDE_BLOCKS {
        let is_fine = block >= classes::FINE_BESIDE_BLOCKS;
        assert_eq!(slab.class_bytes_for(260), if is_fine { 272 } else { 320 });
        slab.alloc(260);
    }
    verify(&slab);

    let mut slab = Slab::new();
    while slab.live_bytes() < classes::LARGE_PAGES_FROM_BYTES {
        slab.alloc(64);
    }
    assert!(
        slab.pages
            .iter()
            .all(|page| usize::from(page.units) * UNIT_BYTES == 4096)
    );
    slab.alloc(64);
    assert!(slab.pages.iter().any(|page| page.is_whole_span()));
    assert_eq!(
        slab.resident_bytes(),
        classes::LARGE_PAGES_FROM_BYTES + UNIT_BYTES
    );
}

#[test]
fn resident_bytes_are_those_that_the_system_holds() {
    let mut owner = Owner::new(6);
    for count in [3, 300, 20_000] {
        for _ in 0..count {
            let bytes = 1 + owner.random.below(1500);
            owner.insert(bytes);
        }
        assert_eq!(present_bytes(&owner.slab), owner.slab.resident_bytes());
        owner.delete_down_to(count / 5);
        assert_eq!(present_bytes(&owner.slab), owner.slab.resident_bytes());
        for _ in 0..100 {
            owner.compact_step(64);
        }
        assert_eq!(present_bytes(&owner.slab), owner.slab.resident_bytes());
    }
}

/// Bytes of the slab's spans that are backed by memory or swap, as the kernel tells.
fn present_bytes(slab: &Slab) -> usize {
    let pagemap = File::open("/proc/self/pagemap").expect("Linux shows a process its page map");
    let pages = slab.pages.iter().filter(|page| page.state != State::Vacant);
    let spans: BTreeSet<usize> = pages.map(|page| page.base / SPAN_BYTES).collect();
    let mut present = 0;
    for span in spans {
        let mut entries = [0; SPAN_BYTES / UNIT_BYTES * 8];
        let offset = span * SPAN_BYTES / UNIT_BYTES * 8;
        pagemap
            .read_exact_at(&mut entries, offset as u64)
            .expect("the page map covers every address");
        // Bits 63 and 62: present in memory, or in swap.
        present += entries
            .chunks(8)
            .filter(|entry| entry[7] & 0xC0 != 0)
            .count();
    }
    present * UNIT_BYTES
}

#[test]
fn deleting_everything_returns_everything_but_two_units() {
    let mut owner = Owner::new(1);
    for _ in 0..20_000 {
        let bytes = 1 + owner.random.below(2000);
        owner.insert(bytes);
    }
    owner.delete_down_to(0);
    assert_eq!(owner.slab.live_bytes(), 0);
    assert!(
        owner.slab.resident_bytes() <= 2 * UNIT_BYTES,
        "{}",
        owner.slab.resident_bytes()
    );
    verify(&owner.slab);
}

#[test]
fn one_key_set_and_deleted_again_keeps_its_page() {
    let mut slab = Slab::new();
    let first = slab.alloc(100);
    // SAFETY: the block came from this slab and is not used after this.
    unsafe { slab.free(first) };
    assert_eq!(slab.resident_bytes(), UNIT_BYTES);
    let again = slab.alloc(100);
    assert_eq!(slab.resident_bytes(), UNIT_BYTES);
    assert_eq!(
        again.addr().get() / UNIT_BYTES,
        first.addr().get() / UNIT_BYTES
    );
}

#[test]
fn large_class_keeps_one_empty_page() {
    let mut slab = Slab::new();
    let blocks: Vec<_> = (0..4096).map(|_| slab.alloc(1024)).collect();
    let before = slab.resident_bytes();
    // The blocks of four pages in the middle, wherever they lie.
    let mut by_page: Vec<usize> = blocks
        .iter()
        .map(|block| block.addr().get() / SPAN_BYTES)
        .collect();
    by_page.dedup();
    let doomed = &by_page[by_page.len() - 8..by_page.len() - 4];
    for block in blocks
        .iter()
        .filter(|block| doomed.contains(&(block.addr().get() / SPAN_BYTES)))
    {
        // SAFETY: each block came from this slab and is freed once.
        unsafe { slab.free(*block) };
    }
    assert_eq!(before - slab.resident_bytes(), 3 * SPAN_BYTES);
    verify(&slab);
}

#[test]
fn declined_blocks_neither_block_nor_spin() {
    let mut owner = Owner::new(2);
    for _ in 0..40_000 {
        owner.insert(100);
    }
    owner.delete_down_to(4_000);
    assert!(owner.slab.needs_compaction());
    owner.declines = |_| true;
    let mut offered = 0;
    for _ in 0..10_000 {
        offered += (0..64).take_while(|_| owner.compact_one()).count();
    }
    assert!(owner.slab.needs_compaction());
    assert!(
        offered >= 3_000,
        "{offered}: the blocks on sparse pages were offered"
    );
    assert!(
        offered <= 64 * 10_000 / 8,
        "{offered}: fruitless laps are followed by rests"
    );
    verify(&owner.slab);

    // What could not move yesterday can move today, and allocation goes on in the pages left.
    owner.declines = |id| id % 8 == 0;
    for _ in 0..20_000 {
        owner.compact_one();
    }
    owner.declines = |_| false;
    for _ in 0..20_000 {
        owner.compact_one();
    }
    assert!(!owner.slab.needs_compaction());
    assert!(
        owner.resident_per_live() < 1.15,
        "{}",
        owner.resident_per_live()
    );
    owner.verify_contents();
    verify(&owner.slab);
}

#[test]
fn stopping_in_the_middle_of_a_page_loses_nothing() {
    let mut owner = Owner::new(3);
    for _ in 0..20_000 {
        owner.insert(64);
    }
    owner.delete_down_to(5_000);
    for _ in 0..30 {
        assert!(owner.compact_one());
        verify(&owner.slab);
    }
    // The owner goes on with other work; the page that is being emptied may be emptied by it.
    owner.delete_down_to(10);
    for _ in 0..20_000 {
        owner.insert(64);
    }
    verify(&owner.slab);
    owner.verify_contents();
}

#[cfg(debug_assertions)]
// AddressSanitizer would end the process at the write.
#[cfg(not(nuthatch_asan))]
#[test]
#[should_panic(expected = "a block was written after it was freed")]
fn write_after_free_is_noticed() {
    let mut slab = Slab::new();
    let block = slab.alloc(100);
    // SAFETY: the block came from this slab. It is used after this, which is what the
    // test is about: the memory is still mapped, and no other block lies there.
    unsafe { slab.free(block) };
    // SAFETY: as above.
    unsafe { block.add(50).write(0) };
    for _ in 0..100 {
        slab.alloc(100);
    }
}

#[cfg(debug_assertions)]
#[test]
#[should_panic(expected = "block is freed twice")]
fn double_free_is_noticed() {
    let mut slab = Slab::new();
    slab.alloc(100);
    let block = slab.alloc(100);
    // SAFETY: the block came from this slab.
    unsafe { slab.free(block) };
    // SAFETY: not so, which is what the test is about; the slab panics before it changes a list.
    unsafe { slab.free(block) };
}

#[test]
fn spans_go_from_slab_to_slab() {
    let mut random = Random(4);
    let mut slabs: Vec<Slab> = (0..3).map(|_| Slab::new()).collect();
    for round in 0..30 {
        let slab = &mut slabs[round % 3];
        *slab = Slab::new();
        for _ in 0..2_000 {
            let block = slab.alloc(1 + random.below(3000));
            // SAFETY: the block belongs to this test, and has at least 16 bytes.
            unsafe { block.cast::<u64>().write(round as u64) };
            assert_eq!(pointer(super::address(block)), Some(block));
        }
        verify(slab);
    }
}
