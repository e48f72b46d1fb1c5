//! `WATCH`: whatever changes a watched key spoils the transaction, and nothing else does.

use std::sync::Arc;

use nuthatch_storage::{Keyspace, NewExpiry, NewValue, Unit, UnixMillis, WatchFlag};

use super::support::{NOW, exclusive, keyspace, set, settle, writer};

type Act = fn(&mut Unit<'_>, &Keyspace);

fn watch(keyspace: &Keyspace, db: u32, name: &[u8]) -> Arc<WatchFlag> {
    let flag = Arc::new(WatchFlag::default());
    exclusive(keyspace, NOW).watch(db, &keyspace.key(name), &flag);
    flag
}

/// A keyspace with a string `there`, an integer `number`, `mortal` with a TTL, and `other` in databases 0 and 1.
fn filled() -> Keyspace {
    let keyspace = keyspace(8);
    set(&keyspace, 0, b"there", b"value", None, NOW);
    set(&keyspace, 0, b"number", b"5", None, NOW);
    set(&keyspace, 0, b"mortal", b"value", Some(NOW + 100), NOW);
    set(&keyspace, 0, b"other", b"value", None, NOW);
    set(&keyspace, 1, b"other", b"value", None, NOW);
    keyspace
}

#[test]
fn every_change_of_a_watched_key_spoils() {
    let cases: &[(&str, &[u8], Act)] = &[
        ("set", b"there", |unit, k| {
            _ = unit.set(0, &k.key(b"there"), NewValue::Bytes(b"w"), NewExpiry::None)
        }),
        ("same value", b"there", |unit, k| {
            _ = unit.set(
                0,
                &k.key(b"there"),
                NewValue::Bytes(b"value"),
                NewExpiry::None,
            )
        }),
        ("create", b"absent", |unit, k| {
            _ = unit.set(0, &k.key(b"absent"), NewValue::Int(1), NewExpiry::None)
        }),
        ("delete", b"there", |unit, k| {
            assert!(unit.delete(0, &k.key(b"there")))
        }),
        ("expire", b"there", |unit, k| {
            assert!(unit.set_expire(0, &k.key(b"there"), Some(UnixMillis(NOW + 9))))
        }),
        ("persist", b"mortal", |unit, k| {
            assert!(unit.set_expire(0, &k.key(b"mortal"), None))
        }),
        ("incr", b"number", |unit, k| {
            assert_eq!(unit.incr(0, &k.key(b"number"), 1), Ok(6))
        }),
        ("append", b"there", |unit, k| {
            assert!(unit.append(0, &k.key(b"there"), b"x", 100).is_ok())
        }),
        ("setrange", b"there", |unit, k| {
            assert!(unit.set_range(0, &k.key(b"there"), 1, b"x", 100).is_ok())
        }),
        ("setbit", b"there", |unit, k| {
            assert!(
                unit.with_string_mut(0, &k.key(b"there"), 1, |s| s.set_byte(0, 1))
                    .is_ok()
            )
        }),
        ("rename from", b"there", |unit, k| {
            assert!(unit.rename(0, &k.key(b"there"), &k.key(b"new")))
        }),
        ("rename to", b"there", |unit, k| {
            assert!(unit.rename(0, &k.key(b"number"), &k.key(b"there")))
        }),
        ("copy to", b"absent", |unit, k| {
            assert!(unit.copy(0, &k.key(b"there"), 0, &k.key(b"absent")))
        }),
        ("move away", b"there", |unit, k| {
            assert!(unit.move_key(&k.key(b"there"), 0, 1))
        }),
        ("flushdb", b"there", |unit, _| {
            assert_eq!(unit.flush(Some(0)), 4)
        }),
        ("flushall", b"there", |unit, _| {
            assert_eq!(unit.flush(None), 5)
        }),
        ("swap, key here", b"there", |unit, _| {
            unit.swap_databases(0, 2)
        }),
        ("swap, key here and there", b"other", |unit, _| {
            unit.swap_databases(1, 0)
        }),
    ];
    for (what, name, act) in cases {
        let keyspace = filled();
        let flag = watch(&keyspace, 0, name);
        assert!(!flag.is_dirty());
        act(&mut exclusive(&keyspace, NOW), &keyspace);
        assert!(flag.is_dirty(), "{what}");
    }
}

#[test]
fn what_leaves_the_key_alone_does_not_spoil() {
    let cases: &[(&str, &[u8], Act)] = &[
        ("read", b"there", |unit, k| {
            _ = unit.find(0, &k.key(b"there"))
        }),
        ("touch", b"there", |unit, k| {
            assert!(unit.touch(0, &k.key(b"there")))
        }),
        ("delete of an absent key", b"absent", |unit, k| {
            assert!(!unit.delete(0, &k.key(b"absent")))
        }),
        ("failed incr", b"there", |unit, k| {
            assert!(unit.incr(0, &k.key(b"there"), 1).is_err())
        }),
        ("too long", b"there", |unit, k| {
            assert!(unit.append(0, &k.key(b"there"), b"x", 2).is_err())
        }),
        ("empty setrange", b"there", |unit, k| {
            assert_eq!(unit.set_range(0, &k.key(b"there"), 9, b"", 99), Ok(5))
        }),
        ("expire of an absent key", b"absent", |unit, k| {
            assert!(!unit.set_expire(0, &k.key(b"absent"), None))
        }),
        ("copy from", b"there", |unit, k| {
            assert!(unit.copy(0, &k.key(b"there"), 0, &k.key(b"new")))
        }),
        ("rename to itself", b"there", |unit, k| {
            assert!(unit.rename(0, &k.key(b"there"), &k.key(b"there")))
        }),
        ("refused move", b"other", |unit, k| {
            assert!(!unit.move_key(&k.key(b"other"), 0, 1))
        }),
        ("another key", b"there", |unit, k| {
            assert!(unit.delete(0, &k.key(b"other")))
        }),
        ("the key in another database", b"other", |unit, k| {
            assert!(unit.delete(1, &k.key(b"other")))
        }),
        ("flush of another database", b"there", |unit, _| {
            assert_eq!(unit.flush(Some(1)), 1)
        }),
        ("flush, absent key", b"absent", |unit, _| {
            assert_eq!(unit.flush(None), 5)
        }),
        ("swap, absent key", b"absent", |unit, _| {
            unit.swap_databases(0, 1)
        }),
        ("swap of other databases", b"there", |unit, _| {
            unit.swap_databases(1, 2)
        }),
        ("swap with itself", b"there", |unit, _| {
            unit.swap_databases(0, 0)
        }),
    ];
    for (what, name, act) in cases {
        let keyspace = filled();
        let flag = watch(&keyspace, 0, name);
        act(&mut exclusive(&keyspace, NOW), &keyspace);
        assert!(!flag.is_dirty(), "{what}");
    }
}

#[test]
fn expiry_since_the_watch_spoils_however_it_is_noticed() {
    let notice: [fn(&Keyspace); 3] = [
        |keyspace| settle(keyspace, NOW + 200),
        |keyspace| {
            assert!(
                exclusive(keyspace, NOW + 200)
                    .find(0, &keyspace.key(b"mortal"))
                    .is_none()
            )
        },
        |keyspace| {
            assert!(exclusive(keyspace, NOW + 200).expire_if_due(0, &keyspace.key(b"mortal")))
        },
    ];
    for notice in notice {
        let keyspace = filled();
        let (flag, calm) = (
            watch(&keyspace, 0, b"mortal"),
            watch(&keyspace, 0, b"there"),
        );
        notice(&keyspace);
        assert!(flag.is_dirty() && !calm.is_dirty());
    }
    // A key that had expired before is watched as absent.
    let keyspace = filled();
    let flag = Arc::new(WatchFlag::default());
    exclusive(&keyspace, NOW + 200).watch(0, &keyspace.key(b"mortal"), &flag);
    settle(&keyspace, NOW + 300);
    assert!(!flag.is_dirty());
}

#[test]
fn watches_end_one_by_one() {
    let keyspace = filled();
    let (one, two) = (watch(&keyspace, 0, b"there"), watch(&keyspace, 0, b"there"));
    // Twice by the same session, ended once.
    exclusive(&keyspace, NOW).watch(0, &keyspace.key(b"there"), &two);
    let there = || std::iter::once((0, &b"there"[..]));
    keyspace.unwatch(&one, there());
    keyspace.unwatch(&two, there());
    exclusive(&keyspace, NOW).delete(0, &keyspace.key(b"there"));
    assert!(!one.is_dirty() && two.is_dirty());
    keyspace.unwatch(&two, there());
    // Ending what has ended, or never was, does nothing.
    keyspace.unwatch(&two, there());
    keyspace.unwatch(&one, std::iter::once((2, &b"never"[..])));
    assert_eq!(
        Arc::strong_count(&one) + Arc::strong_count(&two),
        2,
        "no shard holds a flag"
    );
}

#[test]
fn a_change_that_panics_half_way_is_known_as_a_change() {
    let keyspace = keyspace(1);
    let flag = Arc::new(WatchFlag::default());
    let mut unit = writer(&keyspace, b"k", NOW);
    let key = keyspace.key(b"k");
    unit.watch(0, &key, &flag);
    let outcome = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
        unit.with_string_mut(0, &key, 100, |_| panic!("a bug"))
    }));
    // The string has been made already.
    assert!(outcome.is_err() && unit.peek(0, &key).is_some());
    assert!(flag.is_dirty());
    assert_eq!(unit.tally.dirty, 1);
}
