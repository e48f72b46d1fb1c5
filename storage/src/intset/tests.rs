use std::collections::BTreeSet;

use proptest::prelude::*;

use super::*;

mod redis;

const BORDER_INTEGERS: [i64; 15] = [
    0,
    1,
    -1,
    32_767,
    32_768,
    -32_768,
    -32_769,
    2_147_483_647,
    2_147_483_648,
    -2_147_483_648,
    -2_147_483_649,
    i64::MAX,
    i64::MAX - 1,
    i64::MIN,
    i64::MIN + 1,
];

/// The bytes of `integers`, written plainly.
fn bytes_of(width: usize, integers: impl IntoIterator<Item = i64>) -> Vec<u8> {
    let (mut body, mut len) = (Vec::new(), 0_u32);
    for integer in integers {
        body.extend_from_slice(&integer.to_le_bytes()[..width]);
        len += 1;
    }
    [&(width as u32).to_le_bytes(), &len.to_le_bytes(), &body[..]].concat()
}

/// Equal content by every way of reading it, with integers of `width` bytes.
fn check(intset: &IntsetBuf, width: usize, model: &BTreeSet<i64>) {
    assert_eq!(intset.as_bytes(), bytes_of(width, model.iter().copied()));
    let read = Intset::check(intset.as_bytes()).unwrap();
    assert_eq!(read.byte_len(), intset.as_bytes().len());
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
    }
    assert_eq!((read.get(model.len()), read.get(usize::MAX)), (None, None));
    let near = model
        .iter()
        .flat_map(|value| [value.wrapping_sub(1), *value, value.wrapping_add(1)]);
    for value in near.chain(BORDER_INTEGERS) {
        assert_eq!(read.contains(value), model.contains(&value), "{value}");
    }
}

fn width_of(value: i64) -> usize {
    Width::of(value) as usize
}

#[test]
fn each_width_begins_where_the_last_one_ends() {
    for (value, width) in [
        (0, 2),
        (32_767, 2),
        (-32_768, 2),
        (32_768, 4),
        (-32_769, 4),
        (2_147_483_647, 4),
        (-2_147_483_648, 4),
        (2_147_483_648, 8),
        (-2_147_483_649, 8),
        (i64::MAX, 8),
        (i64::MIN, 8),
    ] {
        let (mut intset, mut model) = (IntsetBuf::new(), BTreeSet::new());
        for value in [5, -5, value] {
            assert_eq!(intset.insert(value), model.insert(value));
        }
        check(&intset, width, &model);
        // It stays as wide without the one that made it so.
        assert!(intset.remove(value) && !intset.remove(value));
        model.remove(&value);
        check(&intset, width, &model);
    }
}

#[test]
fn clear_and_load_keep_the_room() {
    let mut intset = IntsetBuf::new();
    (0..50).for_each(|value| assert!(intset.insert(value * 100_000)));
    let full = intset.clone();
    let place = intset.as_bytes().as_ptr();
    intset.clear();
    check(&intset, 2, &BTreeSet::new());
    intset.load(full.as_bytes());
    assert_eq!(intset.as_bytes().as_ptr(), place);
    check(&intset, 4, &(0..50).map(|value| value * 100_000).collect());
    let bytes = intset.into_bytes();
    assert_eq!(IntsetBuf::from_checked(bytes), Ok(full));
}

#[test]
fn corrupt_bytes_are_told_apart() {
    let refused = |bytes: &[u8]| Intset::check(bytes).err();
    let valid = bytes_of(4, [-7, 0, 100_000]);
    assert_eq!(refused(&valid), None);
    assert_eq!(refused(&bytes_of(8, [])), None);
    for len in 0..valid.len() {
        let expected = if len < HEADER_BYTES {
            Corrupt::Width
        } else {
            Corrupt::Size
        };
        assert_eq!(refused(&valid[..len]), Some(expected), "{len}");
    }
    assert_eq!(refused(&[&valid[..], &[0]].concat()), Some(Corrupt::Size));
    for width in [0_u32, 1, 3, 16, 0x0100_0002, u32::MAX] {
        let bytes = [&width.to_le_bytes(), &valid[4..]].concat();
        assert_eq!(refused(&bytes), Some(Corrupt::Width), "{width}");
    }
    // As many integers as would take 2^32 bytes and these.
    let mut overflowing = valid.clone();
    overflowing[7] = 0x40;
    assert_eq!(refused(&overflowing), Some(Corrupt::Size));
    assert_eq!(refused(&bytes_of(2, [1, 1])), Some(Corrupt::Order));
    assert_eq!(refused(&bytes_of(8, [1, 3, 2])), Some(Corrupt::Order));
    assert_eq!(refused(&bytes_of(2, [0, -1])), Some(Corrupt::Order));
}

fn integer() -> impl Strategy<Value = i64> {
    prop_oneof![
        2 => -20..20_i64,
        2 => -40_000..40_000_i64,
        1 => prop::sample::select(BORDER_INTEGERS.to_vec()),
        1 => (any::<i64>(), 0..64).prop_map(|(value, shift)| value >> shift),
    ]
}

/// Whatever was accepted can be read and edited.
fn check_accepted(bytes: &[u8]) {
    let Ok(read) = Intset::check(bytes) else {
        return;
    };
    let mut model: BTreeSet<i64> = read.iter().collect();
    let width = read.width as usize;
    let mut intset = IntsetBuf::from_checked(bytes.to_vec()).unwrap();
    check(&intset, width, &model);
    assert_eq!(intset.insert(1 << 20), model.insert(1 << 20));
    check(&intset, width.max(4), &model);
}

proptest! {
    #[test]
    fn edits_agree_with_a_tree(
        edits in prop::collection::vec((prop::bool::weighted(0.7), integer()), 0..80),
    ) {
        let (mut intset, mut model, mut width) = (IntsetBuf::new(), BTreeSet::new(), 2);
        for (is_insert, value) in edits {
            if is_insert {
                width = width.max(width_of(value));
                prop_assert_eq!(intset.insert(value), model.insert(value));
            } else {
                prop_assert_eq!(intset.remove(value), model.remove(&value));
            }
            check(&intset, width, &model);
        }
    }

    #[test]
    fn changed_bytes_are_refused_or_read(
        integers in prop::collection::btree_set(integer(), 0..10),
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..4),
    ) {
        let mut intset = IntsetBuf::new();
        integers.iter().for_each(|value| assert!(intset.insert(*value)));
        let mut bytes = intset.into_bytes();
        for (at, byte) in changes {
            let at = at.index(bytes.len());
            bytes[at] = byte;
            check_accepted(&bytes);
        }
    }

    #[test]
    fn random_bytes_are_refused_or_read(
        header in (prop::sample::select(vec![2_u32, 4, 8]), 0..5_u32),
        bytes in prop::collection::vec(any::<u8>(), 0..40),
    ) {
        check_accepted(&bytes);
        let (width, len) = header;
        let body = &bytes[..bytes.len().min((width * len) as usize)];
        check_accepted(&[&width.to_le_bytes(), &len.to_le_bytes(), body].concat());
    }
}
