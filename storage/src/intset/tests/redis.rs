//! What Redis 7.0.15 and 8.0.6 keep for the same integers: intsets cut out of what `DUMP` gave. Both
//! gave the same bytes.

use super::*;
use crate::hexadecimal::bytes;

/// Integers in the order of their insertion, and the bytes in hexadecimal.
const CASES: &[(&[i64], &str)] = &[
    (
        &[5, -5, 32_767, -32_768, 0],
        "02000000050000000080fbff00000500ff7f",
    ),
    (&[5, -5, 32_768], "0400000003000000fbffffff0500000000800000"),
    (
        &[5, -5, -32_769],
        "0400000003000000ff7ffffffbffffff05000000",
    ),
    (
        &[5, -5, 2_147_483_647, -2_147_483_648],
        "040000000400000000000080fbffffff05000000ffffff7f",
    ),
    (
        &[5, -5, 2_147_483_648],
        "0800000003000000fbffffffffffffff05000000000000000000008000000000",
    ),
    (
        &[5, -5, -2_147_483_649, 40_000],
        "0800000004000000ffffff7ffffffffffbffffffffffffff0500000000000000409c000000000000",
    ),
    (
        &[i64::MAX, i64::MIN, 0],
        "080000000300000000000000000000800000000000000000ffffffffffffff7f",
    ),
];

#[test]
fn sets_of_integers() {
    for (integers, hex) in CASES {
        let (mut intset, mut model) = (IntsetBuf::new(), BTreeSet::new());
        for value in *integers {
            assert!(intset.insert(*value) && model.insert(*value));
        }
        let expected = bytes(hex);
        assert_eq!(intset.as_bytes(), expected);
        check(&intset, usize::from(expected[0]), &model);
        for value in *integers {
            assert!(!intset.insert(*value));
        }
        assert_eq!(intset.as_bytes(), expected);
    }
}

#[test]
fn removing_the_widest_leaves_the_others_wide() {
    let mut intset = IntsetBuf::new();
    // SADD key 5 -5 2147483648, SREM key 2147483648
    for value in [5, -5, 2_147_483_648] {
        intset.insert(value);
    }
    intset.remove(2_147_483_648);
    let expected = "0800000002000000fbffffffffffffff0500000000000000";
    assert_eq!(intset.as_bytes(), bytes(expected));
}
