//! Size classes: which block size serves a request.
//!
//! A block is never larger than it must be for the number of blocks that fit into a 64 KiB page, so
//! above 1 KiB the classes are 65536 / n. A shard below 1 MiB uses every third or fourth class
//! only, but where one of them holds much: with few keys, half-filled pages of many classes would cost more than the
//! rounding does.

use super::arena::{SPAN_BYTES, UNIT_BYTES, UNITS_PER_SPAN};

/// Number of size classes.
pub(super) const CLASS_COUNT: usize = 104;

/// The largest block that lives in a page; larger ones come from the global allocator.
pub(super) const BLOCK_BYTES_MAX: usize = 9360;

/// A shard with at least this many live bytes uses all classes.
pub(super) const FINE_CLASSES_FROM_BYTES: usize = 1 << 20;

/// Once a class of a small shard holds this many live blocks, requests that a finer class suits better get that one: what
/// the rounding costs is more then than the half of a page that the other class leaves empty.
pub(super) const FINE_BESIDE_BLOCKS: usize = 128;

/// A class that holds at least this many live bytes takes 64 KiB pages, and small pages below: the last page is half
/// empty on average, which is to cost little.
pub(super) const LARGE_PAGES_FROM_BYTES: usize = 512 << 10;

/// The classes of a small shard, by block size.
const COARSE_BLOCK_BYTES: [usize; 32] = [
    16, 24, 32, 40, 48, 56, 64, 72, 80, 88, 96, 104, 112, 128, 160, 192, 256, 320, 384, 512, 640,
    768, 1024, 1304, 1632, 2048, 2728, 3272, 4096, 5040, 6552, 9360,
];

/// Block size of each class, ascending, every one a multiple of 8.
const BLOCK_BYTES: [u16; CLASS_COUNT] = block_bytes_table();

/// `2^32 / block size`, rounded up, so that an offset in a page divides by multiplication.
const RECIPROCALS: [u64; CLASS_COUNT] = reciprocals();

/// Units (4 KiB) of a small page of each class.
const SMALL_PAGE_UNITS: [u8; CLASS_COUNT] = small_page_units_table();

const LOOKUP_LEN: usize = BLOCK_BYTES_MAX / 8 + 1;
static FINE: [u8; LOOKUP_LEN] = lookup(&BLOCK_BYTES);
static COARSE: [u8; LOOKUP_LEN] = lookup_coarse();

/// The class that serves `bytes` in a shard with `live_bytes`, or `None` when the block is a large
/// one.
#[inline]
pub(super) fn class_for(bytes: usize, live_bytes: usize) -> Option<usize> {
    let table = if live_bytes < FINE_CLASSES_FROM_BYTES {
        &COARSE
    } else {
        &FINE
    };
    // `div_ceil` cannot overflow, unlike adding 7 first.
    table
        .get(bytes.div_ceil(8))
        .map(|&class| usize::from(class))
}

/// Bytes of one block of `class`.
#[inline]
pub(super) fn block_bytes(class: usize) -> usize {
    usize::from(BLOCK_BYTES[class])
}

/// Which block of its page starts `offset` bytes after the page's start.
#[inline]
pub(super) fn block_index(class: usize, offset: usize) -> usize {
    ((offset as u64 * RECIPROCALS[class]) >> 32) as usize
}

/// Units of a small page of `class`: the fewest that leave at most a sixteenth unused.
pub(super) fn small_page_units(class: usize) -> usize {
    usize::from(SMALL_PAGE_UNITS[class])
}

const fn block_bytes_table() -> [u16; CLASS_COUNT] {
    let mut table = [0; CLASS_COUNT];
    let mut class = 0;
    let mut bytes = 16;
    while bytes <= 1024 {
        table[class] = bytes as u16;
        class += 1;
        bytes += if bytes < 256 {
            8
        } else if bytes < 512 {
            16
        } else {
            32
        };
    }
    let mut blocks_per_page = 62;
    while blocks_per_page >= 7 {
        table[class] = (SPAN_BYTES / blocks_per_page / 8 * 8) as u16;
        class += 1;
        blocks_per_page -= if blocks_per_page > 32 { 2 } else { 1 };
    }
    assert!(class == CLASS_COUNT && table[class - 1] as usize == BLOCK_BYTES_MAX);
    table
}

const fn reciprocals() -> [u64; CLASS_COUNT] {
    let mut table = [0; CLASS_COUNT];
    let mut class = 0;
    while class < CLASS_COUNT {
        table[class] = (1 << 32) / BLOCK_BYTES[class] as u64 + 1;
        class += 1;
    }
    table
}

const fn small_page_units_table() -> [u8; CLASS_COUNT] {
    let mut table = [0; CLASS_COUNT];
    let mut class = 0;
    while class < CLASS_COUNT {
        let block = BLOCK_BYTES[class] as usize;
        let mut units = 1;
        while units * UNIT_BYTES < block || (units * UNIT_BYTES) % block * 16 > units * UNIT_BYTES {
            units += 1;
        }
        assert!(units < UNITS_PER_SPAN);
        table[class] = units as u8;
        class += 1;
    }
    table
}

const fn lookup(blocks: &[u16]) -> [u8; LOOKUP_LEN] {
    let mut table = [0; LOOKUP_LEN];
    let mut eighths = 0;
    let mut class = 0;
    while eighths < LOOKUP_LEN {
        while (blocks[class] as usize) < eighths * 8 {
            class += 1;
        }
        table[eighths] = class as u8;
        eighths += 1;
    }
    table
}

const fn lookup_coarse() -> [u8; LOOKUP_LEN] {
    let mut table = [0; LOOKUP_LEN];
    let mut eighths = 0;
    let mut coarse = 0;
    let mut class = 0;
    while eighths < LOOKUP_LEN {
        while COARSE_BLOCK_BYTES[coarse] < eighths * 8 {
            coarse += 1;
        }
        while (BLOCK_BYTES[class] as usize) < COARSE_BLOCK_BYTES[coarse] {
            class += 1;
        }
        assert!(BLOCK_BYTES[class] as usize == COARSE_BLOCK_BYTES[coarse]);
        table[eighths] = class as u8;
        eighths += 1;
    }
    table
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_size_gets_the_smallest_block_that_holds_it() {
        for bytes in 0..=BLOCK_BYTES_MAX {
            let class = class_for(bytes, usize::MAX).unwrap();
            assert!(block_bytes(class) >= bytes);
            assert!(class == 0 || block_bytes(class - 1) < bytes, "{bytes}");
            let coarse = block_bytes(class_for(bytes, 0).unwrap());
            assert!(coarse >= bytes && COARSE_BLOCK_BYTES.contains(&coarse));
        }
        assert_eq!(class_for(BLOCK_BYTES_MAX + 1, 0), None);
        assert_eq!(class_for(usize::MAX, usize::MAX), None);
    }

    #[test]
    fn rounding_is_bounded() {
        for bytes in 128..=4096 {
            let block = block_bytes(class_for(bytes, usize::MAX).unwrap());
            assert!((block - bytes) * 16 <= bytes + 128, "{bytes} -> {block}");
        }
        // Between 4 and 9 KiB the page holds so few blocks that steps are wider.
        for bytes in 4096..=BLOCK_BYTES_MAX {
            let block = block_bytes(class_for(bytes, usize::MAX).unwrap());
            assert!((block - bytes) * 7 <= bytes, "{bytes} -> {block}");
        }
    }

    #[test]
    fn block_index_inverts_multiplication() {
        for class in 0..CLASS_COUNT {
            let block = block_bytes(class);
            assert_eq!(block % 8, 0);
            for index in 0..SPAN_BYTES / block {
                assert_eq!(block_index(class, index * block), index);
                assert_eq!(block_index(class, index * block + block - 1), index);
            }
        }
    }
}
