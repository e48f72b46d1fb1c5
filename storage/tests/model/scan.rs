//! `SCAN` keeps its promise while tables grow, shrink, merge and are compacted between two calls: what is there
//! from the first call to the last is shown exactly once, whatever else comes and goes.

use std::collections::HashMap;

use nuthatch_storage::{Keyspace, LockPlan, Unit, UnixMillis};

use super::support::{NOW, Random, delete, exclusive, is_long, keyspace, maintain, set, settle};

/// One call, as a client makes it.
fn scan(keyspace: &Keyspace, cursor: u64, count: usize, seen: &mut HashMap<Vec<u8>, u32>) -> u64 {
    let mut unit = Unit::begin(keyspace, LockPlan::Roaming, UnixMillis(NOW));
    let next = unit.scan(0, cursor, count, &mut |entry| {
        *seen.entry(entry.key().to_vec()).or_default() += 1
    });
    assert!(next < 1 << 53, "clients hold cursors in doubles");
    next
}

fn steady(n: u64) -> Vec<u8> {
    if n.is_multiple_of(3) {
        format!("{{tag}}steady:{n}")
    } else {
        format!("steady:{n}")
    }
    .into_bytes()
}

fn passing(n: u64) -> Vec<u8> {
    if n.is_multiple_of(4) {
        format!("{{tag}}passing:{n}")
    } else {
        format!("passing:{n}")
    }
    .into_bytes()
}

/// Keys come and go between two calls: the table grows to many times its size and shrinks again.
struct Churn {
    random: Random,
    present: Vec<u64>,
    next: u64,
    growing: bool,
}

impl Churn {
    fn step(&mut self, keyspace: &Keyspace, most: usize) {
        let many = self.random.below(1 + most as u64 / 10);
        for _ in 0..many {
            if self.growing {
                set(
                    keyspace,
                    0,
                    &passing(self.next),
                    &vec![b'v'; self.random.below(200) as usize],
                    None,
                    NOW,
                );
                self.present.push(self.next);
                self.next += 1;
            } else if !self.present.is_empty() {
                let at = self.random.below(self.present.len() as u64) as usize;
                assert!(delete(
                    keyspace,
                    0,
                    &passing(self.present.swap_remove(at)),
                    NOW
                ));
            }
        }
        if self.present.len() > most {
            self.growing = false;
        } else if self.present.is_empty() {
            self.growing = true;
        }
        match self.random.below(8) {
            0 => settle(keyspace, NOW),
            1..4 => _ = maintain(keyspace, NOW),
            _ => {}
        }
    }
}

fn check_guarantee(shards: usize, keys: u64, most: usize, rounds: usize) {
    let keyspace = keyspace(shards);
    (0..keys).for_each(|n| set(&keyspace, 0, &steady(n), b"here to stay", None, NOW));
    let mut churn = Churn {
        random: Random(shards as u64),
        present: Vec::new(),
        next: 0,
        growing: true,
    };
    for round in 0..rounds {
        let (mut seen, mut cursor, mut calls) = (HashMap::new(), 0, 0);
        loop {
            let count = [1, 2, 10, 100, 1000][churn.random.below(5) as usize];
            cursor = scan(&keyspace, cursor, count, &mut seen);
            calls += 1;
            assert!(calls < 200_000, "a walk comes to its end");
            if cursor == 0 {
                break;
            }
            // Housekeeping of thousands of shards after each call would take the test's time.
            if calls % (1 + shards / 16) == 0 {
                churn.step(&keyspace, most);
            }
        }
        for n in 0..keys {
            assert_eq!(
                seen.get(&steady(n)),
                Some(&1),
                "{shards} shards, round {round}, key {n}"
            );
        }
    }
}

#[test]
fn steady_keys_are_shown_exactly_once() {
    let long = if is_long() { 10 } else { 1 };
    check_guarantee(1, 1500, 12_000, 3 * long);
    check_guarantee(4, 1500, 12_000, 3 * long);
    check_guarantee(64, 1500, 12_000, 2 * long);
    check_guarantee(16384, 1500, 3_000, long);
}

#[test]
fn invented_cursors_do_no_harm() {
    for shards in [1, 4, 64, 16384] {
        let keyspace = keyspace(shards);
        (0..500).for_each(|n| set(&keyspace, 0, &steady(n), b"v", None, NOW));
        let mut random = Random(7);
        let edges = [
            1,
            63,
            (1 << 39) - 1,
            1 << 39,
            (1 << 53) - 1,
            1 << 53,
            1 << 63,
            u64::MAX,
        ];
        for cursor in (0..200).map(|n| random.next() >> (n % 64)).chain(edges) {
            let mut seen = HashMap::new();
            let mut next = scan(&keyspace, cursor, 10, &mut seen);
            let mut calls = 0;
            while next != 0 && calls < 20_000 / shards.min(1000) {
                assert!(next > cursor || calls > 0, "a cursor moves on");
                next = scan(&keyspace, next, 10, &mut seen);
                calls += 1;
            }
            assert!(seen.values().all(|&times| times == 1));
            for count in [0, 1, usize::MAX] {
                scan(&keyspace, cursor, count, &mut HashMap::new());
            }
        }
    }
}

#[test]
fn a_huge_count_shows_everything_at_once() {
    let keyspace = keyspace(64);
    (0..5000).for_each(|n| set(&keyspace, 0, &steady(n), b"v", None, NOW));
    let mut seen = HashMap::new();
    assert_eq!(scan(&keyspace, 0, usize::MAX, &mut seen), 0);
    assert_eq!(seen.len(), 5000);
}

#[test]
fn expired_keys_are_not_shown_and_end_no_walk() {
    let keyspace = keyspace(4);
    (0..3000).for_each(|n| set(&keyspace, 0, &steady(n), b"v", Some(NOW + 1), NOW));
    set(&keyspace, 0, b"alive", b"v", None, NOW);
    let (mut found, mut cursor) = (Vec::new(), 0);
    loop {
        let mut unit = Unit::begin(&keyspace, LockPlan::Roaming, UnixMillis(NOW + 2));
        cursor = unit.scan(0, cursor, 10, &mut |entry| found.push(entry.key().to_vec()));
        if cursor == 0 {
            break;
        }
    }
    assert_eq!(found, [b"alive"]);
    let mut random = Random(1);
    let key = Unit::begin(&keyspace, LockPlan::Roaming, UnixMillis(NOW + 2))
        .random_key(0, || random.next());
    assert_eq!(key.as_deref(), Some(&b"alive"[..]));
}

#[test]
fn random_key_finds_nothing_where_all_have_expired() {
    let keyspace = keyspace(4);
    let mut random = Random(1);
    let mut draw = |now: i64| {
        Unit::begin(&keyspace, LockPlan::Roaming, UnixMillis(now)).random_key(0, || random.next())
    };
    assert_eq!(draw(NOW), None);
    (0..3000).for_each(|n| set(&keyspace, 0, &steady(n), b"v", Some(NOW + 1), NOW));
    assert!(draw(NOW + 1).is_some());
    assert_eq!(draw(NOW + 2), None);
}

#[test]
fn one_hash_tag_may_hold_all_keys() {
    let keys = if is_long() { 2_000_000 } else { 200_000 };
    for shards in [1, 64] {
        let keyspace = keyspace(shards);
        let name = |n: u64| format!("{{tag}}:{n}").into_bytes();
        (0..keys).for_each(|n| {
            set(
                &keyspace,
                0,
                &name(n),
                b"v",
                (n % 2 == 0).then_some(NOW + 1000),
                NOW,
            )
        });
        let memory = keyspace.memory();
        let shard = keyspace.hasher().hash(b"{tag}").shard;
        let expiring = keys / 2;
        // Wheel records are 5 bytes and slack, per key with a TTL; the rest is table and slab overhead.
        let beside = memory.used_bytes() - memory.dataset_bytes() - expiring * 7;
        assert!(
            beside <= keys * 20,
            "{} bytes per key beside the entries",
            beside / keys
        );

        let (mut seen, mut cursor) = (HashMap::new(), 0);
        loop {
            cursor = scan(&keyspace, cursor, 1000, &mut seen);
            if cursor == 0 {
                break;
            }
        }
        assert_eq!(seen.len() as u64, keys);
        assert!(seen.values().all(|&times| times == 1));

        let mut unit = Unit::begin(&keyspace, LockPlan::Write(shard), UnixMillis(NOW + 1020));
        while unit.expire_due(shard) {}
        assert_eq!(
            unit.take_notes().len() as u64,
            expiring,
            "records find all keys of a deep prefix"
        );
        drop(unit);
        assert_eq!(exclusive(&keyspace, NOW + 1020).db_len(0), keys - expiring);
        for n in (1..keys).step_by(2) {
            assert!(delete(&keyspace, 0, &name(n), NOW + 1020));
        }
        settle(&keyspace, NOW + 1020);
        assert_eq!(memory.dataset_bytes(), 0);
        assert!(
            memory.used_bytes() < 200_000,
            "{} bytes of empty tables",
            memory.used_bytes()
        );
    }
}
