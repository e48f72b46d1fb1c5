//! Through the keyspace, and against what Redis 7.0.15, 8.0.6 and Valkey 9.1.2 make of the same elements: all three keep
//! the same bytes. Long strings are compared by their SHA-1.

use proptest::prelude::*;
use sha1::{Digest, Sha1};

use super::*;
use crate::fixture::keyspace;
use crate::hexadecimal::bytes;
use crate::{Key, Keyspace, LockPlan, NewExpiry, NewValue, Unit, UnixMillis};

/// The default of `hll-sparse-max-bytes`.
const SPARSE_MAX: u64 = 3000;
const NOW: UnixMillis = UnixMillis(1_700_000_000_000);

fn unit(keyspace: &Keyspace) -> Unit<'_> {
    Unit::begin(keyspace, LockPlan::Write(0), NOW)
}

/// A unit on a keyspace of its own.
fn with_unit<R>(test: impl FnOnce(&mut Unit<'_>, &dyn Fn(&'static str) -> Key<'static>) -> R) -> R {
    let keyspace = keyspace();
    let mut unit = unit(&keyspace);
    test(&mut unit, &|name| keyspace.key(name.as_bytes()))
}

fn add(unit: &mut Unit<'_>, key: &Key<'_>, elements: &[impl AsRef<[u8]>]) -> u64 {
    let elements = elements.iter().map(AsRef::as_ref);
    unit.hll_add(0, key, elements, SPARSE_MAX).unwrap()
}

/// The elements `e<number>`.
fn numbered(numbers: std::ops::Range<usize>) -> Vec<String> {
    numbers.map(|number| format!("e{number}")).collect()
}

fn value(unit: &mut Unit<'_>, key: &Key<'_>) -> Vec<u8> {
    unit.string(0, key).unwrap().unwrap().to_vec()
}

fn digest(unit: &mut Unit<'_>, key: &Key<'_>) -> String {
    let digest = Sha1::digest(value(unit, key));
    digest.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// `PFMERGE`, as the command does it.
fn merge(unit: &mut Unit<'_>, target: &Key<'_>, sources: &[Key<'_>]) -> Ranks {
    let mut ranks = [0; REGISTERS];
    let mut any_dense = unit.hll_raise(0, target, &mut ranks).unwrap();
    for source in sources {
        any_dense |= unit.hll_raise(0, source, &mut ranks).unwrap();
    }
    unit.hll_merge(0, target, &ranks, any_dense, SPARSE_MAX)
        .unwrap();
    ranks
}

#[test]
fn a_small_one_has_the_bytes_that_redis_keeps() {
    with_unit(|unit, key| {
        let key = key("k");
        assert_eq!(add(unit, &key, &[""; 0]), 1);
        assert_eq!(
            value(unit, &key),
            bytes("48594c4c0100000000000000000000807fff")
        );
        assert_eq!(add(unit, &key, &[""; 0]), 0);
        assert_eq!(add(unit, &key, &numbered(0..10)), 10);
        assert_eq!(
            value(unit, &key),
            bytes(
                "48594c4c010000000000000000000080452580472e844fc9804412844a5184430d84410384\
                 4eb984408880406a8441b1"
            )
        );
        assert_eq!(unit.hll_count(0, &key, true), Ok(10));
    });
}

#[test]
fn elements_of_all_lengths_hash_as_in_redis() {
    with_unit(|unit, key| {
        let key = key("k");
        let elements: [&[u8]; 6] = [
            b"",
            &[b'a'; 7],
            &[b'a'; 8],
            &[b'a'; 9],
            &[0xff, 0x80].repeat(13),
            &[b'x'; 100],
        ];
        assert_eq!(add(unit, &key, &elements), 7);
        assert_eq!(
            value(unit, &key),
            bytes("48594c4c0100000000000000000000804adb804c548453ca8050b880408b884193844224")
        );
    });
}

#[test]
fn any_number_of_elements_gives_the_bytes_and_the_count_of_redis() {
    let check = |count: usize, len: usize, sha1: &str, estimate: u64, counted_sha1: &str| {
        with_unit(|unit, key| {
            let key = key("k");
            for start in (0..count).step_by(1000) {
                add(unit, &key, &numbered(start..count.min(start + 1000)));
            }
            assert_eq!(value(unit, &key).len(), len, "{count}");
            assert_eq!(digest(unit, &key), sha1, "{count}");
            assert_eq!(unit.hll_count(0, &key, true), Ok(estimate), "{count}");
            assert_eq!(digest(unit, &key)[..8], *counted_sha1, "{count}");
        });
    };
    let sha1 = "3eb3234681303a26e57d597ed228af6a15d63ac1";
    check(1, 21, sha1, 1, "51035499");
    let sha1 = "66bc52e0ca869249d99657352b9a67014dbf8397";
    check(2, 24, sha1, 2, "f29ed19f");
    let sha1 = "47f6cb6c3c5a16056e3bb450f9572a1524d44455";
    check(100, 285, sha1, 100, "10284d92");
    let sha1 = "dc4c5c567a263152bb03598f9664eccf9ac734e6";
    check(500, 1068, sha1, 506, "2a673333");
    let sha1 = "f17ea61075556d348df7ba5c18a023987abf0faf";
    check(1500, 2719, sha1, 1509, "d1ae9ec8");
    let sha1 = "d89749d695c9bf2d520372e472f50f24ee53f88b";
    check(2000, 12304, sha1, 2000, "683f7fda");
    let sha1 = "815121cd20d56c18b25dc3df04d13b8fe679a663";
    check(10_000, 12304, sha1, 9973, "bbf1b0a6");
    let sha1 = "ec6400bb60029296060157289491545488e0cdd1";
    check(100_000, 12304, sha1, 100_853, "963e6cee");
}

#[test]
fn merging_gives_the_bytes_of_redis() {
    with_unit(|unit, key| {
        let [a, b, d] = ["a", "b", "d"].map(key);
        add(unit, &a, &numbered(0..300));
        add(unit, &b, &numbered(200..600));
        let others: Vec<String> = (0..50).map(|number| format!("d{number}")).collect();
        add(unit, &d, &others);
        let ranks = merge(unit, &key("new"), &[a, b]);
        assert_eq!(count_ranks(&ranks), 606);
        assert_eq!(
            digest(unit, &key("new")),
            "3f4bf092e7f2ab87a505f9f2ce558e4030b25bb8"
        );
        merge(unit, &d, &[a, b]);
        assert_eq!(digest(unit, &d), "79945b06a1ea34812e11e45553a00ea31d1ce13a");
        assert_eq!(unit.hll_count(0, &d, true), Ok(656));
        // A dense source makes the target dense.
        let big = key("big");
        add(unit, &big, &numbered(0..5000));
        merge(unit, &d, &[big]);
        assert_eq!(digest(unit, &d), "58fc5ff0372e58a76e8eabadd22e99afc4ff1d94");
        assert_eq!(unit.hll_count(0, &d, true), Ok(5023));
        merge(unit, &key("empty"), &[]);
        assert_eq!(
            value(unit, &key("empty")),
            bytes("48594c4c0100000000000000000000807fff")
        );
    });
}

#[test]
fn merging_sparse_ones_may_need_dense_registers() {
    with_unit(|unit, key| {
        let sources = ["0", "1", "2", "3", "4", "5"].map(key);
        for (number, source) in sources.iter().enumerate() {
            add(unit, source, &numbered(number * 400..number * 400 + 400));
        }
        merge(unit, &key("new"), &sources);
        assert_eq!(
            digest(unit, &key("new")),
            "9d64235a0a3b82d3d2c4a21be0be6069911c35d7"
        );
    });
}

#[test]
fn a_count_is_kept_until_something_is_added() {
    with_unit(|unit, key| {
        let key = key("k");
        for elements in [3, 5000] {
            add(unit, &key, &numbered(0..elements));
            let before = value(unit, &key);
            let estimate = unit.hll_count(0, &key, false).unwrap();
            assert!(estimate.abs_diff(elements as u64) <= elements as u64 / 20);
            assert_eq!(value(unit, &key), before);
            unit.tally.dirty = 0;
            assert_eq!(unit.hll_count(0, &key, true), Ok(estimate));
            assert_eq!(unit.tally.dirty, 1);
            assert_eq!(value(unit, &key)[8..16], estimate.to_le_bytes());
            assert_eq!(unit.hll_count(0, &key, true), Ok(estimate));
            // Nothing new changes nothing.
            assert_eq!(add(unit, &key, &numbered(0..elements)), 0);
            assert_eq!(unit.tally.dirty, 1);
            assert_eq!(value(unit, &key)[8..16], estimate.to_le_bytes());
            while add(unit, &key, &[unit.tally.dirty.to_string()]) == 0 {
                unit.tally.dirty += 1;
            }
            assert_eq!(value(unit, &key)[15], 0x80);
        }
    });
}

#[test]
fn what_changes_keeps_its_expire_time() {
    with_unit(|unit, key| {
        let key = key("k");
        add(unit, &key, &["a"]);
        let at = UnixMillis(NOW.0 + 1000);
        unit.set_expire(0, &key, Some(at));
        add(unit, &key, &numbered(0..10));
        add(unit, &key, &numbered(0..3000));
        unit.hll_count(0, &key, true).unwrap();
        merge(unit, &key, &[]);
        assert_eq!(unit.peek(0, &key).unwrap().expire_at(), Some(at));
    });
}

#[test]
fn dense_registers_are_edited_in_place_and_not_under_a_pin() {
    with_unit(|unit, key| {
        let key = key("k");
        add(unit, &key, &numbered(0..5000));
        let Some(StringRef::Big(pin)) = unit.string(0, &key).unwrap() else {
            panic!("a dense one is a long string");
        };
        let (pin, before) = (pin.clone(), pin.copy_to_vec());
        assert!(add(unit, &key, &numbered(5000..5100)) > 0);
        assert_eq!(pin.copy_to_vec(), before);
        assert_ne!(value(unit, &key), before);
    });
}

#[test]
fn other_strings_are_told_apart() {
    with_unit(|unit, key| {
        let key = key("k");
        let dense = || {
            let mut sketch = SketchBuf::new();
            sketch.make_dense().unwrap();
            sketch.bytes
        };
        let mut check = |value: &[u8], expected: StoreError| {
            unit.set(0, &key, NewValue::Bytes(value), NewExpiry::None);
            let before = unit.tally.dirty;
            let one = [&b"element"[..]];
            let added = unit.hll_add(0, &key, one.into_iter(), SPARSE_MAX);
            let raised = unit.hll_raise(0, &key, &mut [0; REGISTERS]);
            assert_eq!(added.unwrap_err(), expected, "{value:02x?}");
            assert_eq!(raised.unwrap_err(), expected);
            assert_eq!(unit.hll_count(0, &key, true).unwrap_err(), expected);
            assert_eq!(unit.tally.dirty, before);
        };
        let header = SketchBuf::new().bytes[..HEADER_BYTES].to_vec();
        let stale = |mut bytes: Vec<u8>| {
            bytes[STALE_AT] |= STALE_BIT;
            bytes
        };
        check(b"", StoreError::NotHyperLogLog);
        check(b"12", StoreError::NotHyperLogLog);
        check(b"HYLL", StoreError::NotHyperLogLog);
        check(&header[..15], StoreError::NotHyperLogLog);
        check(
            &[b"hyll", &header[4..]].concat(),
            StoreError::NotHyperLogLog,
        );
        check(b"HYLL\x02...........", StoreError::NotHyperLogLog);
        check(&dense()[..DENSE_BYTES - 1], StoreError::NotHyperLogLog);
        let longer = [&dense()[..], b"\0"].concat();
        check(&longer, StoreError::NotHyperLogLog);
        check(&stale(header.clone()), StoreError::CorruptHyperLogLog);
        let endless = [&header[..], &[0; 2 * REGISTERS + 1]].concat();
        check(&stale(endless), StoreError::CorruptHyperLogLog);
    });
}

#[test]
fn a_sparse_one_that_ends_too_late_takes_elements_as_in_redis() {
    with_unit(|unit, key| {
        let key = key("k");
        let sketch = [&SketchBuf::new().bytes[..], b"hello"].concat();
        unit.set(0, &key, NewValue::Bytes(&sketch), NewExpiry::None);
        // Its cached count is not stale yet.
        assert_eq!(unit.hll_count(0, &key, true), Ok(0));
        assert_eq!(add(unit, &key, &["a"]), 1);
        assert_eq!(
            unit.hll_count(0, &key, true),
            Err(StoreError::CorruptHyperLogLog)
        );
        assert_eq!(
            unit.hll_make_dense(0, &key),
            Err(StoreError::CorruptHyperLogLog)
        );
    });
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// Whatever the order, the form and the ways to get there, the ranks are the highest seen.
    #[test]
    fn ranks_are_the_highest_seen(
        batches in prop::collection::vec(prop::collection::vec(0..4000u32, 0..60), 1..12),
        sparse_max in prop_oneof![Just(0u64), 18..200u64, Just(3000)],
    ) {
        with_unit(|unit, key| {
            let (key, other) = (key("k"), key("other"));
            let mut model = [0u8; REGISTERS];
            for (number, batch) in batches.iter().enumerate() {
                let elements: Vec<[u8; 4]> = batch.iter().map(|element| element.to_le_bytes()).collect();
                let elements = elements.iter().map(|element| &element[..]);
                for seen in elements.clone().map(Observation::of) {
                    model[seen.register] = model[seen.register].max(seen.rank);
                }
                if number % 3 == 2 {
                    unit.delete(0, &other);
                    unit.hll_add(0, &other, elements, sparse_max).unwrap();
                    let mut ranks = [0; REGISTERS];
                    let mut in_dense = unit.hll_raise(0, &key, &mut ranks).unwrap();
                    in_dense |= unit.hll_raise(0, &other, &mut ranks).unwrap();
                    unit.hll_merge(0, &key, &ranks, in_dense, sparse_max).unwrap();
                } else {
                    unit.hll_add(0, &key, elements, sparse_max).unwrap();
                }
                let mut ranks = [0; REGISTERS];
                let is_dense = unit.hll_raise(0, &key, &mut ranks).unwrap();
                assert_eq!(ranks, model);
                let len = value(unit, &key).len() as u64;
                assert!(if is_dense { len == DENSE_BYTES as u64 } else { len <= sparse_max.max(18) });
                let count = unit.hll_count(0, &key, number % 2 == 0).unwrap();
                assert_eq!(count, count_ranks(&model));
            }
        });
    }
}
