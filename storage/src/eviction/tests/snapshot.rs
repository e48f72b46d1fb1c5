//! Eviction while a snapshot runs: what it has yet to show would not give its memory back.

use super::*;

#[test]
fn what_a_snapshot_has_yet_to_show_stays() {
    for algorithm in ALGORITHMS {
        let keyspace = keyspace(1);
        choose(&keyspace, algorithm);
        (0..900).for_each(|n| set_mortal(&keyspace, n, DAY));
        let mut snapshot = keyspace.cut(|cut| cut.start_snapshot()).unwrap();
        for _ in 0..20 {
            let (evicted, _) = evict(&keyspace, 0, EvictionBudget::default());
            assert_eq!(
                (evicted.keys, evicted.is_exhausted),
                (0, false),
                "{algorithm:?}"
            );
        }
        // What has been written since may go.
        (0..20).for_each(|n| set_mortal(&keyspace, n, DAY));
        (900..920).for_each(|n| set_mortal(&keyspace, n, DAY));
        let mut gone = Vec::new();
        for _ in 0..300 {
            let (_, notes) = evict(&keyspace, 0, EvictionBudget::default());
            gone.extend(notes.iter().map(|note| number_of(&note.key)));
        }
        gone.sort_unstable();
        let expected: Vec<_> = (0..20).chain(900..920).collect();
        assert_eq!(gone, expected, "{algorithm:?}");
        audit(&keyspace);
        let mut shown = Vec::new();
        while snapshot.step(&keyspace, &mut |_, entry| {
            shown.push(number_of(entry.key()))
        }) {
            // What it has shown may go, too.
            let (_, notes) = evict(&keyspace, 0, keys(3));
            assert!(
                notes
                    .iter()
                    .all(|note| shown.contains(&number_of(&note.key)))
            );
        }
        shown.sort_unstable();
        assert_eq!(shown, (0..900).collect::<Vec<_>>(), "{algorithm:?}");
        evict_all(&keyspace);
        assert_eq!(db_len(&keyspace, 0), 0);
        audit(&keyspace);
    }
}

#[test]
fn a_snapshot_shows_what_is_evicted_after_its_change() {
    for algorithm in ALGORITHMS {
        let keyspace = keyspace(1);
        choose_volatile(&keyspace, algorithm);
        (0..300).for_each(|n| set(&keyspace, n));
        let mut snapshot = keyspace.cut(|cut| cut.start_snapshot()).unwrap();
        (0..300).for_each(|n| set_expire(&keyspace, n, Some(after(DAY))));
        assert_eq!(
            numbers_of(evict_all(&keyspace)),
            (0..300).collect::<Vec<_>>()
        );
        let mut shown = 0;
        while snapshot.step(&keyspace, &mut |_, entry| {
            assert_eq!(entry.expire_at(), None);
            shown += 1;
        }) {}
        assert_eq!(shown, 300, "{algorithm:?}");
        audit(&keyspace);
    }
}
