//! The memory of evicted keys.

use crate::eviction::Random;
use crate::eviction::ghost::Ghost;

const KEYS: usize = 20_000;

fn positions(seed: u64) -> Vec<u64> {
    let mut random = Random::new(seed);
    (0..10 * KEYS).map(|_| random.next()).collect()
}

#[test]
fn about_nine_tenths_as_many_keys_as_there_are_are_remembered() {
    let positions = positions(1);
    let mut ghost = Ghost::default();
    positions.iter().for_each(|&at| ghost.put(at, KEYS));
    assert_eq!(ghost.bytes(), KEYS * 9 / 10 * 2);
    let newest_first = || positions.iter().rev();
    let known = newest_first().take(KEYS * 9 / 10);
    let known = known.filter(|&&at| ghost.take(at)).count();
    assert!(known > KEYS * 9 / 10 * 8 / 10, "{known} of the last ones");
    // Each bucket holds its last eight: what is older than twice that is all but gone.
    let old = newest_first().skip(2 * KEYS).filter(|&&at| ghost.take(at));
    let old = old.count();
    assert!(old < 8 * KEYS / 1_000, "{old} of the old ones");
}

#[test]
fn the_last_ones_are_surely_remembered() {
    let positions = positions(2);
    let mut ghost = Ghost::default();
    for (n, &at) in positions.iter().enumerate() {
        ghost.put(at, KEYS);
        if n % 100 == 99 {
            let last = &positions[n - 99..=n];
            let known = last.iter().filter(|&&at| ghost.take(at)).count();
            assert_eq!(known, 100);
        }
    }
}

#[test]
fn what_is_taken_is_forgotten() {
    let mut ghost = Ghost::default();
    assert!(!ghost.take(77), "a ghost that knows nothing");
    ghost.put(77, 1_000);
    ghost.put(78, 1_000);
    assert!(ghost.take(77) && !ghost.take(77));
    assert!(ghost.take(78) && !ghost.take(78));
    // Twice in, twice out.
    ghost.put(77, 1_000);
    ghost.put(77, 1_000);
    assert!(ghost.take(77) && ghost.take(77) && !ghost.take(77));
}

#[test]
fn few_others_are_taken_for_one_of_them() {
    let mut ghost = Ghost::default();
    positions(3).iter().for_each(|&at| ghost.put(at, KEYS));
    let others = positions(4);
    let mistaken = others.iter().filter(|&&at| ghost.take(at)).count();
    assert!(mistaken < others.len() / 1_000, "{mistaken}");
}

/// Keys of one slot share their first 14 bits, and keys of a shard some of them.
#[test]
fn keys_of_one_slot_are_told_apart() {
    let in_slot = |at: &u64| 0x1234_0000_0000_0000 | at >> 14;
    let positions: Vec<u64> = positions(5).iter().map(in_slot).collect();
    let mut ghost = Ghost::default();
    positions.iter().for_each(|&at| ghost.put(at, KEYS));
    let known = positions.iter().rev().take(KEYS * 9 / 10);
    let known = known.filter(|&&at| ghost.take(at)).count();
    assert!(known > KEYS * 9 / 10 * 8 / 10, "{known}");
}

#[test]
fn what_it_remembers_outlasts_a_change_of_its_size() {
    let positions = positions(7);
    for (before, after) in [(1_000, 1_300), (1_000, 700), (1_000, 4_000), (4_000, 1_000)] {
        for later in [1, 10, 100, 150] {
            let mut ghost = Ghost::default();
            positions[..20_000]
                .iter()
                .for_each(|&at| ghost.put(at, before));
            let bytes = ghost.bytes();
            let new = &positions[20_000..20_000 + later];
            new.iter().for_each(|&at| ghost.put(at, after));
            assert_ne!(ghost.bytes(), bytes, "the test needs a change of size");
            assert!(new.iter().all(|&at| ghost.take(at)));
            let last = before.min(after).saturating_sub(later) / 2;
            let known = positions[..20_000].iter().rev().take(last);
            let known = known.filter(|&&at| ghost.take(at)).count();
            assert!(
                known > last * 6 / 10,
                "{before} to {after}, {later}: {known} of {last}"
            );
            let others = &positions[50_000..60_000];
            let mistaken = others.iter().filter(|&&at| ghost.take(at)).count();
            assert!(mistaken < 20, "{before} to {after}, {later}: {mistaken}");
        }
    }
}

#[test]
fn its_size_follows_the_number_of_keys() {
    let mut ghost = Ghost::default();
    let mut random = Random::new(6);
    let mut largest = 0;
    for keys in (0..60_000).chain((0..60_000).rev()) {
        let at = random.next();
        ghost.put(at, keys);
        let wanted = (keys * 9 / 10).max(8) * 2;
        // Twice as much while it changes its size.
        assert!(
            ghost.bytes() <= wanted * 8 / 3 + 64 && ghost.bytes() + 32 >= wanted * 3 / 4,
            "{} bytes for {keys} keys",
            ghost.bytes()
        );
        largest = largest.max(ghost.bytes());
        assert!(ghost.take(at), "what came with the new size is known");
        ghost.put(at, keys);
    }
    assert!(largest > 80_000);
    // Small moves leave what is remembered.
    let mut ghost = Ghost::default();
    ghost.put(1, 1_000);
    ghost.put(2, 1_100);
    ghost.put(3, 900);
    assert!(ghost.take(1) && ghost.take(2) && ghost.take(3));
}
