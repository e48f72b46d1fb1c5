//! Keys go when their time has come: not before, within one tick after, with their memory, and with the events that
//! are owed. A driver that sleeps until `next_due` and then looks at `due_shards` misses nothing.

use std::collections::HashMap;

use nuthatch_storage::{
    Keyspace, LockPlan, NewExpiry, NewValue, NoteKind, Pause, State, Unit, UnixMillis,
};

use super::support::{
    NOW, Random, delete, exclusive, get, is_long, keyspace, reader, set, settle, writer,
};

/// A record's bucket is 16 ms wide and is handed out when it has passed.
const TICK_MS: i64 = 16;

fn name(n: u64) -> Vec<u8> {
    if n.is_multiple_of(5) {
        format!("{{tag}}{n}")
    } else {
        format!("key:{n}")
    }
    .into_bytes()
}

/// Removes what is due in all shards that say so, as the server does; the keys that went.
fn expire_due(keyspace: &Keyspace, now: i64) -> Vec<Vec<u8>> {
    let mut gone = Vec::new();
    for shard in keyspace.due_shards(UnixMillis(now)) {
        let mut unit = Unit::begin(keyspace, LockPlan::Write(shard), UnixMillis(now));
        while unit.expire_due(shard) {}
        for removed in unit.take_notes() {
            assert_eq!((removed.db, removed.kind), (0, NoteKind::Expired));
            gone.push(removed.key.into_vec());
        }
    }
    gone
}

fn next_due(keyspace: &Keyspace) -> Option<i64> {
    (0..keyspace.shard_count() as u16)
        .filter_map(|shard| keyspace.next_due(shard))
        .map(|at| at.0)
        .min()
}

fn check_driver(shards: usize, keys: u64) {
    let (keyspace, mut random) = (keyspace(shards), Random(shards as u64));
    let mut alive: HashMap<Vec<u8>, i64> = HashMap::new();
    for n in 0..keys {
        // Mostly seconds, some minutes, some days; a few share one instant.
        let at = NOW
            + match random.below(10) {
                0 => random.below(30_000) as i64,
                1 => 90_000_000 + random.below(1000) as i64,
                2 => 777,
                _ => random.below(5_000) as i64,
            };
        set(&keyspace, 0, &name(n), b"value", Some(at), NOW);
        alive.insert(name(n), at);
    }
    // Some are moved, kept for good or deleted; the wheel's records must stand this.
    for n in 0..keys / 4 {
        let key = name(random.below(keys));
        let Some(at) = alive.get_mut(&key) else {
            continue;
        };
        match n % 4 {
            0 => {
                *at = NOW + random.below(5_000) as i64;
                assert!(writer(&keyspace, &key, NOW).set_expire(
                    0,
                    &keyspace.key(&key),
                    Some(UnixMillis(*at))
                ));
            }
            1 => {
                alive.remove(&key);
                assert!(writer(&keyspace, &key, NOW).set_expire(0, &keyspace.key(&key), None));
            }
            2 => {
                alive.remove(&key);
                assert!(delete(&keyspace, 0, &key, NOW));
            }
            _ => {
                *at += 3_000;
                assert!(writer(&keyspace, &key, NOW).set_expire(
                    0,
                    &keyspace.key(&key),
                    Some(UnixMillis(*at))
                ));
            }
        }
    }
    let mut now = NOW;
    while let Some(due) = next_due(&keyspace) {
        assert!(
            due > now || keyspace.due_shards(UnixMillis(now)).next().is_none(),
            "what was due has been done"
        );
        now = now.max(due);
        for key in expire_due(&keyspace, now) {
            let at = alive
                .remove(&key)
                .expect("a key goes once, and only with a TTL");
            assert!(
                at < now && now <= at + TICK_MS + 1,
                "a key due at {at} went at {now}"
            );
        }
        assert_eq!(
            keyspace.due_shards(UnixMillis(now)).next(),
            None,
            "nothing is due any more"
        );
        // The driver would sleep until then: no key may have to wait longer.
        if let (Some(&first), true) = (alive.values().min(), random.below(100) == 0) {
            assert!(next_due(&keyspace).is_some_and(|at| at <= first + TICK_MS + 1));
        }
    }
    assert_eq!(alive.len(), 0, "all have gone");
    let persisting = exclusive(&keyspace, now).db_len(0);
    assert_eq!(exclusive(&keyspace, now).db_expires(0), 0);
    exclusive(&keyspace, now).flush(None);
    settle(&keyspace, now);
    assert!(persisting > 0);
    assert_eq!(keyspace.memory().dataset_bytes(), 0);
}

#[test]
fn keys_go_within_one_tick_of_their_time() {
    let keys = if is_long() { 1_000_000 } else { 100_000 };
    check_driver(1, keys);
    check_driver(64, keys);
}

#[test]
fn memory_of_expired_keys_is_back_after_the_slices() {
    let keyspace = keyspace(64);
    (0..50_000).for_each(|n| set(&keyspace, 0, &name(n), &[b'v'; 100], Some(NOW + 500), NOW));
    set(&keyspace, 0, b"stays", b"v", None, NOW);
    let full = keyspace.memory().used_bytes();
    settle(&keyspace, NOW + 500 + TICK_MS + 1);
    assert!(keyspace.memory().dataset_bytes() < 1000);
    assert!(
        keyspace.memory().used_bytes() < full / 16,
        "{} of {full}",
        keyspace.memory().used_bytes()
    );
    assert_eq!(next_due(&keyspace), None);
}

/// What the server does before it refuses memory: with expired bytes in any shard, room is made.
#[test]
fn expired_bytes_can_be_reclaimed_from_every_shard() {
    for shards in [1, 64, 256] {
        let keyspace = keyspace(shards);
        (0..8000).for_each(|n| set(&keyspace, 0, &name(n), &[b'v'; 200], Some(NOW + 100), NOW));
        (8000..8100).for_each(|n| set(&keyspace, 0, &name(n), &[b'v'; 200], None, NOW));
        keyspace
            .memory()
            .set_limit(keyspace.memory().used_bytes() - 8000 * 100);
        assert!(keyspace.memory().over_limit());
        assert_eq!(expire_due(&keyspace, NOW + 100 + TICK_MS + 1).len(), 8000);
        assert!(!keyspace.memory().over_limit(), "{shards} shards");
        assert!(keyspace.memory().dataset_bytes() < 100 * 300);
        assert_eq!(exclusive(&keyspace, NOW + 200).db_len(0), 100);
    }
}

#[test]
fn any_instant_is_a_valid_expire_time() {
    let keyspace = keyspace(4);
    let future = [i64::MAX, i64::MAX - 1, i64::MAX / 2, NOW + 400 * 86_400_000];
    let past = [i64::MIN, i64::MIN + 1, -1, 0, 1, NOW - 1];
    for (n, &at) in future.iter().chain(&past).enumerate() {
        set(&keyspace, 0, &name(n as u64), b"v", Some(at), NOW);
        let key = format!("moved{n}").into_bytes();
        set(&keyspace, 0, &key, b"v", None, NOW);
        writer(&keyspace, &key, NOW).set_expire(0, &keyspace.key(&key), Some(UnixMillis(at)));
    }
    settle(&keyspace, NOW + 20);
    assert_eq!(
        exclusive(&keyspace, NOW + 20).db_len(0),
        2 * future.len() as u64
    );
    // Ten years on: only what lies farther ahead is left, and the wheel still turns.
    let later = NOW + 3650 * 86_400_000;
    settle(&keyspace, later);
    assert_eq!(exclusive(&keyspace, later).db_len(0), 6);
    assert!(expire_due(&keyspace, later).is_empty());
    settle(&keyspace, i64::MAX);
    assert_eq!(
        exclusive(&keyspace, i64::MAX).db_len(0),
        2,
        "nothing is later than the last instant"
    );
}

#[test]
fn a_clock_that_jumps_does_not_lose_keys() {
    let (keyspace, mut random) = (keyspace(4), Random(3));
    let mut now = NOW;
    let mut alive = HashMap::new();
    for n in 0..20_000 {
        // Units of slow batches come with older instants; jumps go forward by up to a year.
        let batch = match random.below(1000) {
            0 => now + random.below(400 * 86_400_000) as i64,
            1..500 => now - random.below(3_000) as i64,
            _ => now + random.below(20) as i64,
        };
        now = now.max(batch);
        let at = now + random.below(100_000) as i64;
        set(&keyspace, 0, &name(n), b"v", Some(at), batch);
        alive.insert(name(n), at);
        if n.is_multiple_of(64) {
            expire_due(&keyspace, batch);
        }
    }
    settle(&keyspace, now);
    for (key, at) in &alive {
        assert!(
            get(&keyspace, 0, key, now).is_some() == (now <= *at),
            "{key:?} at {at}, now {now}"
        );
    }
    settle(&keyspace, now + 100_100);
    assert_eq!(exclusive(&keyspace, now + 100_100).db_len(0), 0);
}

fn switch(keyspace: &Keyspace, change: impl FnOnce(State) -> State) {
    keyspace.cut(|cut| cut.set_state(change(cut.state())));
}

#[test]
fn keys_hide_but_stay_while_nothing_may_be_taken_away() {
    let modes: [fn(State, bool) -> State; 3] = [
        |state, on| state.with_replica(on),
        |state, on| state.with_pause(if on { Pause::Writes } else { Pause::Off }),
        |state, on| state.with_pause(if on { Pause::All } else { Pause::Off }),
    ];
    for mode in modes {
        let keyspace = keyspace(4);
        (0..100).for_each(|n| set(&keyspace, 0, &name(n), b"v", Some(NOW + 10), NOW));
        switch(&keyspace, |state| mode(state, true));
        let later = NOW + 1000;
        for n in 0..100 {
            assert_eq!(get(&keyspace, 0, &name(n), later), None);
            let mut unit = reader(&keyspace, &name(n), later);
            assert!(unit.find(0, &keyspace.key(&name(n))).is_none() && !unit.owes());
            drop(unit);
            let mut unit = writer(&keyspace, &name(n), later);
            assert!(unit.find(0, &keyspace.key(&name(n))).is_none());
            assert!(!unit.set_expire(0, &keyspace.key(&name(n)), None) && !unit.owes());
        }
        assert_eq!(
            keyspace.due_shards(UnixMillis(later)).next(),
            None,
            "a driver has nothing to do"
        );
        settle(&keyspace, later);
        let mut unit = exclusive(&keyspace, later);
        let mut shown = 0;
        unit.scan(0, 0, usize::MAX, &mut |_| shown += 1);
        assert_eq!(
            (unit.db_len(0), shown, unit.random_key(0, || 7)),
            (100, 0, None)
        );
        // Overwriting such a key starts afresh: nothing of the old one shows.
        assert!(!unit.set(
            0,
            &keyspace.key(&name(0)),
            NewValue::Bytes(b"w"),
            NewExpiry::Keep
        ));
        assert_eq!(unit.append(0, &keyspace.key(&name(1)), b"a", 100), Ok(1));
        assert_eq!(unit.incr(0, &keyspace.key(&name(2)), 1), Ok(1));
        for n in 0..3 {
            assert!(
                unit.find(0, &keyspace.key(&name(n)))
                    .is_some_and(|entry| entry.expire_at().is_none())
            );
        }
        drop(unit);
        switch(&keyspace, |state| mode(state, false));
        assert_eq!(expire_due(&keyspace, later).len(), 97);
        assert_eq!(exclusive(&keyspace, later).db_len(0), 3);
    }
}

#[test]
fn moved_keys_take_their_expire_time_along() {
    let keyspace = keyspace(16);
    for n in 0..300 {
        set(&keyspace, 0, &name(n), b"v", Some(NOW + 50), NOW);
        let (from, to) = (name(n), format!("to{n}").into_bytes());
        let (from, to) = (keyspace.key(&from), keyspace.key(&to));
        let mut unit = exclusive(&keyspace, NOW);
        match n % 3 {
            0 => assert!(unit.rename(0, &from, &to)),
            1 => assert!(unit.copy(0, &from, 1, &to) && unit.delete(0, &from)),
            _ => assert!(unit.move_key(&from, 0, 2)),
        }
    }
    exclusive(&keyspace, NOW).swap_databases(1, 2);
    settle(&keyspace, NOW + 50 + TICK_MS + 1);
    for db in 0..3 {
        assert_eq!(exclusive(&keyspace, NOW).db_len(db), 0);
    }
}
