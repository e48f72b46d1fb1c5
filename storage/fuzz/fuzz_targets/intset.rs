//! Intsets against a tree of integers.
//!
//! Claims: `check` never panics; what it accepts can be read and edited, and says the same by every
//! way of reading it; edits leave what they leave in a tree, in integers as wide as they have to be.
//! Run, from `storage/`:
//!
//! ```sh
//! cargo +nightly fuzz run intset -- -max_len=512 -max_total_time=60
//! ```
#![no_main]

use std::collections::BTreeSet;

use libfuzzer_sys::fuzz_target;
use storage::intset::{Intset, IntsetBuf};

fuzz_target!(|data: &[u8]| {
    check_untrusted(data);
    let [which, rest @ ..] = data else { return };
    let width = [2, 4, 8][usize::from(which % 3)];
    // Once more with the header that the bytes need.
    let body = &rest[..rest.len() / width * width];
    let header = [width as u32, (body.len() / width) as u32].map(u32::to_le_bytes);
    check_untrusted(&[header.as_flattened(), body].concat());
    edit(IntsetBuf::new(), BTreeSet::new(), 2, rest);
});

fn check_untrusted(bytes: &[u8]) {
    let Ok(intset) = Intset::check(bytes) else {
        return;
    };
    let model: BTreeSet<i64> = intset.iter().collect();
    let width = usize::from(bytes[0]);
    let intset = IntsetBuf::from_checked(bytes.to_vec()).expect("just checked");
    check(&intset, &model, width);
    edit(intset, model, width, bytes);
}

/// Takes `input` for a list of edits, of nine bytes each.
fn edit(mut intset: IntsetBuf, mut model: BTreeSet<i64>, mut width: usize, input: &[u8]) {
    let (edits, _) = input.as_chunks::<9>();
    for [what, value @ ..] in edits {
        // Small numbers, too: the upper bits say how many bits are shifted away.
        let value = i64::from_le_bytes(*value) >> (what >> 2);
        match what & 3 {
            0 => {
                assert_eq!(intset.remove(value), model.remove(&value));
            }
            1 if value & 15 == 0 => {
                intset.clear();
                model.clear();
                width = 2;
            }
            _ => {
                assert_eq!(intset.insert(value), model.insert(value));
                width = width.max(width_of(value));
            }
        }
        check(&intset, &model, width);
    }
}

fn width_of(value: i64) -> usize {
    match value {
        -0x8000..=0x7fff => 2,
        -0x8000_0000..=0x7fff_ffff => 4,
        _ => 8,
    }
}

fn check(intset: &IntsetBuf, model: &BTreeSet<i64>, width: usize) {
    let read = Intset::check(intset.as_bytes()).expect("edits leave it valid");
    assert_eq!(intset.as_bytes()[0], width as u8);
    assert_eq!(read.byte_len(), 8 + model.len() * width);
    assert_eq!(
        (read.len(), read.is_empty()),
        (model.len(), model.is_empty())
    );
    assert_eq!(
        (read.min(), read.max()),
        (model.first().copied(), model.last().copied())
    );
    assert!(read.iter().eq(model.iter().copied()));
    assert!(read.iter().rev().eq(model.iter().rev().copied()));
    for (index, value) in model.iter().enumerate() {
        assert_eq!(read.get(index), Some(*value));
        for near in [value.wrapping_sub(1), *value, value.wrapping_add(1)] {
            assert_eq!(read.contains(near), model.contains(&near));
        }
    }
}
