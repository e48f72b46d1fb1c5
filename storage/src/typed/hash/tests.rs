//! Hashes against a plain map, in both encodings.

use std::collections::BTreeMap;

use proptest::prelude::*;

use super::*;
use crate::fixture::keyspace;
use crate::typed::PackedLimit;
use crate::unit::{LockPlan, NewExpiry, NoteKind};
use crate::{Keyspace, UnixMillis, WatchFlag};

const NOW: UnixMillis = UnixMillis(1_700_000_000_000);

type Model = BTreeMap<Vec<u8>, Vec<u8>>;

fn limits(entries: usize, value_bytes: u64) -> Limits {
    Limits {
        hash: PackedLimit {
            entries,
            value_bytes,
        },
        ..Limits::default()
    }
}

fn text(value: Value<'_>) -> Vec<u8> {
    let mut bytes = Vec::new();
    value.write_to(&mut bytes);
    bytes
}

fn write(keyspace: &Keyspace) -> Unit<'_> {
    Unit::begin(keyspace, LockPlan::Write(0), NOW)
}

#[derive(Clone, Debug)]
enum Step {
    Set(Vec<(u8, Vec<u8>)>),
    Remove(Vec<u8>),
    /// Reads and checks everything.
    Check,
}

fn value() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        4 => (-300..300i64).prop_map(|number| number.to_string().into_bytes()),
        4 => prop::collection::vec(any::<u8>(), 0..12),
        1 => prop::collection::vec(any::<u8>(), 12..400),
    ]
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        4 => prop::collection::vec((0..60u8, value()), 1..12).prop_map(Step::Set),
        2 => prop::collection::vec(0..60u8, 1..12).prop_map(Step::Remove),
        1 => Just(Step::Check),
    ]
}

fn name(number: u8) -> Vec<u8> {
    match number % 3 {
        0 => number.to_string().into_bytes(),
        _ => format!("field-{number}").into_bytes(),
    }
}

fn check(keyspace: &Keyspace, model: &Model) {
    let hasher = keyspace.hasher().elements();
    let mut unit = Unit::begin(keyspace, LockPlan::Read(0), NOW);
    let Some(hash) = unit.hash(0, &keyspace.key(b"h")).unwrap() else {
        assert!(model.is_empty());
        return;
    };
    assert_eq!(
        (hash.len(), hash.is_empty()),
        (model.len() as u64, model.is_empty())
    );
    let mut all = Model::new();
    hash.each(|field, value| assert_eq!(all.insert(text(field), text(value)), None));
    assert_eq!(all, *model);
    for number in 0..=60 {
        let name = name(number);
        assert_eq!(
            hash.get(hasher, &name).map(text),
            model.get(&name).cloned(),
            "{number}"
        );
        let expire_at = model.contains_key(&name).then_some(None);
        assert_eq!(hash.expire_at(hasher, &name), expire_at);
    }
    let (mut cursor, mut shown) = (0, Model::new());
    loop {
        cursor = hash.scan(cursor, 3, |field, value| {
            assert_eq!(shown.insert(text(field), text(value)), None);
        });
        if cursor == 0 {
            break;
        }
    }
    assert_eq!(shown, *model);
    let (mut mark, mut walked) = (Some(Mark::default()), Model::new());
    while let Some(from) = mark {
        let mut left = 3;
        mark = hash.walk(from, |field, value| {
            walked.insert(text(field), text(value));
            left -= 1;
            left > 0
        });
    }
    match hash.collection() {
        CollectionRef::Packed(_) => assert!(walked.is_empty()),
        CollectionRef::Big(_) => assert_eq!(walked, *model),
    }
    let numbers = hash.numbers();
    let draws = hash.draws(&numbers);
    let places = different(numbers.len(), numbers.len(), || 1 << 63);
    let drawn = places.iter().map(|place| draws.get(*place).unwrap());
    let drawn: Model = drawn
        .map(|(field, value)| (text(field), text(value)))
        .collect();
    assert_eq!(drawn, *model);
    let (field, value) = hash.draw(u64::MAX / 3).unwrap();
    assert_eq!(model.get(&text(field)), Some(&text(value)));
}

fn run(steps: &[Step], limits: &Limits) {
    let (keyspace, mut model) = (keyspace(), Model::new());
    let key = keyspace.key(b"h");
    for step in steps {
        match step {
            Step::Set(pairs) => {
                let pairs: Vec<_> = pairs
                    .iter()
                    .map(|(number, value)| (name(*number), value.clone()))
                    .collect();
                let strings: Vec<&[u8]> = pairs
                    .iter()
                    .flat_map(|(name, value)| [&name[..], value])
                    .collect();
                write(&keyspace)
                    .edit_hash(0, &key, limits, |hash| {
                        hash.make_way_for(strings.iter().copied());
                        for (name, value) in &pairs {
                            let was_there = hash.set(name, value, NewExpiry::None);
                            assert_eq!(
                                was_there,
                                model.insert(name.clone(), value.clone()).is_some()
                            );
                            let found = hash.get(name, text);
                            assert_eq!(found.as_ref(), Some(value));
                        }
                        hash.changed(1);
                    })
                    .unwrap();
            }
            Step::Remove(numbers) => {
                let had = !model.is_empty();
                let edited = write(&keyspace).edit_hash(0, &key, limits, |hash| {
                    for number in numbers {
                        let name = name(*number);
                        assert_eq!(hash.remove(&name), model.remove(&name).is_some());
                    }
                    hash.changed(1);
                });
                assert_eq!(edited.unwrap().is_gone, had && model.is_empty());
            }
            Step::Check => check(&keyspace, &model),
        }
    }
    check(&keyspace, &model);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(if std::env::var_os("NUTHATCH_LONG").is_some() { 2000 } else { 60 }))]

    #[test]
    fn a_hash_is_a_map(steps in prop::collection::vec(step(), 1..60), entries in prop::sample::select(vec![0usize, 1, 10, 512])) {
        run(&steps, &limits(entries, 40));
    }
}

fn encoding(keyspace: &Keyspace) -> &'static str {
    let mut unit = write(keyspace);
    let entry = unit.peek(0, &keyspace.key(b"h")).unwrap();
    entry.collection().unwrap().encoding()
}

fn set(keyspace: &Keyspace, limits: &Limits, field: &[u8], value: &[u8]) {
    let key = keyspace.key(b"h");
    write(keyspace)
        .edit_hash(0, &key, limits, |hash| {
            hash.set(field, value, NewExpiry::Keep);
            hash.changed(1);
        })
        .unwrap();
}

#[test]
fn a_hash_grows_with_the_first_field_too_many_or_too_long() {
    let (of, limits) = (keyspace, limits(3, 5));
    type Pairs = [(&'static [u8], &'static [u8])];
    let cases: &[(&Pairs, &str)] = &[
        (&[(b"a", b"1"), (b"b", b"2"), (b"c", b"12345")], "listpack"),
        (
            &[(b"a", b"1"), (b"a", b"2"), (b"a", b"3"), (b"a", b"4")],
            "listpack",
        ),
        (
            &[(b"a", b"1"), (b"b", b"2"), (b"c", b"3"), (b"d", b"4")],
            "hashtable",
        ),
        (&[(b"a", b"123456")], "hashtable"),
        (&[(b"abcdef", b"1")], "hashtable"),
    ];
    for (pairs, expected) in cases {
        let keyspace = of();
        for (field, value) in *pairs {
            set(&keyspace, &limits, field, value);
        }
        assert_eq!(encoding(&keyspace), *expected, "{pairs:?}");
    }
    // What is about to come counts as Redis counts it: the same field twice is two.
    let keyspace = of();
    let strings: [&[u8]; 8] = [b"a", b"1", b"a", b"2", b"a", b"3", b"a", b"4"];
    let edited = write(&keyspace).edit_hash(0, &keyspace.key(b"h"), &limits, |hash| {
        hash.make_way_for(strings.into_iter());
        hash.set(b"a", b"1", NewExpiry::None);
        hash.changed(1);
    });
    edited.unwrap();
    assert_eq!(encoding(&keyspace), "hashtable");
}

#[test]
fn nothing_is_kept_of_an_edit_without_a_change() {
    let keyspace = keyspace();
    let (key, limits) = (keyspace.key(b"h"), Limits::default());
    let edited = write(&keyspace).edit_hash(0, &key, &limits, |hash| hash.remove(b"a"));
    assert!(!edited.unwrap().result);
    assert!(write(&keyspace).peek(0, &key).is_none());
}

#[test]
fn a_shuffle_names_every_place_once() {
    for len in [1, 2, 3, 4, 5, 63, 64, 65, 1000, 4097] {
        for seed in [0, 1, u64::MAX] {
            let shuffle = Shuffle::new(len, seed);
            let mut places: Vec<u64> = (0..len).map(|turn| shuffle.place(turn)).collect();
            if len > 60 {
                assert!(!places.is_sorted());
            }
            places.sort_unstable();
            assert!(places.into_iter().eq(0..len), "{len} places, seed {seed}");
        }
    }
}

#[test]
fn different_places_are_drawn_evenly() {
    let mut counts = [0; 10];
    for round in 0..10_000 {
        let mut turn = 0;
        let places = different(3, 10, || {
            turn += 1;
            random_of(round, turn)
        });
        assert_eq!(places.len(), 3);
        assert!(places[0] != places[1] && places[0] != places[2] && places[1] != places[2]);
        places.iter().for_each(|place| counts[*place as usize] += 1);
    }
    assert!(
        counts.iter().all(|count| (2_700..3_300).contains(count)),
        "{counts:?}"
    );
    assert_eq!(different(5, 0, || 0), Vec::<u64>::new());
}

/// A hash with a field that expires at `NOW` and one that does not.
fn with_expiring_field() -> Keyspace {
    let keyspace = keyspace();
    let (key, limits) = (keyspace.key(b"h"), Limits::default());
    let edited = write(&keyspace).edit_hash(0, &key, &limits, |hash| {
        hash.set(b"a", b"1", NewExpiry::At(NOW));
        hash.set(b"b", b"2", NewExpiry::None);
        hash.changed(2);
    });
    edited.unwrap();
    keyspace
}

const LATER: UnixMillis = UnixMillis(NOW.0 + 1);

#[test]
fn a_field_lives_through_the_millisecond_of_its_expire_time() {
    let keyspace = with_expiring_field();
    let (key, hasher) = (keyspace.key(b"h"), keyspace.hasher().elements());
    for (now, len) in [(NOW, 2), (LATER, 1)] {
        let mut unit = Unit::begin(&keyspace, LockPlan::Read(0), now);
        let hash = unit.hash(0, &key).unwrap().unwrap();
        assert_eq!(hash.len(), len);
        assert_eq!(hash.get(hasher, b"a").is_some(), len == 2);
        let drawn = hash.draw(0).unwrap().0;
        assert!(drawn.equals(b"b") || (len == 2 && drawn.equals(b"a")));
        // Whoever may not remove it says that it is to be removed.
        assert_eq!(unit.take_stale().len(), 2 - len as usize);
    }
}

#[test]
fn a_field_that_expires_spoils_transactions() {
    let keyspace = with_expiring_field();
    let (key, flag) = (
        keyspace.key(b"h"),
        std::sync::Arc::new(WatchFlag::default()),
    );
    write(&keyspace).watch(0, &key, &flag);
    let mut unit = Unit::begin(&keyspace, LockPlan::Write(0), NOW);
    assert!(!unit.expire_due(0) && !flag.is_dirty());
    drop(unit);
    let mut unit = Unit::begin(&keyspace, LockPlan::Write(0), UnixMillis(NOW.0 + 100));
    unit.expire_due(0);
    assert!(flag.is_dirty());
    let notes = unit.take_notes();
    let [note] = &notes[..] else {
        panic!("{notes:?}")
    };
    let expired = ExpiredFields {
        names: vec![b"a"[..].into()],
        key_is_gone: false,
    };
    assert_eq!(note.kind, NoteKind::FieldsExpired(expired));
}

#[test]
fn a_replica_hides_what_has_expired_until_its_primary_removes_it() {
    let keyspace = with_expiring_field();
    let key = keyspace.key(b"h");
    keyspace.cut(|cut| cut.set_state(cut.state().with_replica(true)));
    for _ in 0..2 {
        let mut unit = Unit::begin(&keyspace, LockPlan::Write(0), LATER);
        assert_eq!(unit.hash(0, &key).unwrap().unwrap().len(), 1);
        unit.expire_due(0);
        assert!(!unit.owes());
    }
    let mut unit = Unit::begin(&keyspace, LockPlan::Write(0), LATER);
    unit.leave_expiry_to_primary();
    assert_eq!(unit.hash(0, &key).unwrap().unwrap().len(), 2);
    let edited = unit.edit_hash(0, &key, &Limits::default(), |hash| hash.remove(b"a"));
    assert!(edited.unwrap().result);
}

#[test]
fn what_replaces_an_expired_field_is_new() {
    let keyspace = keyspace();
    let (key, limits) = (keyspace.key(b"h"), Limits::default());
    let many = 1_000;
    let edited = write(&keyspace).edit_hash(0, &key, &limits, |hash| {
        for n in 0..many {
            let name = n.to_string();
            hash.set(name.as_bytes(), b"1", NewExpiry::At(NOW));
        }
        hash.changed(1);
    });
    edited.unwrap();
    // More than one look removes: those that are left are treated as absent one by one.
    let mut unit = Unit::begin(&keyspace, LockPlan::Write(0), LATER);
    let edited = unit.edit_hash(0, &key, &limits, |hash| {
        for n in 0..many / 2 {
            let name = n.to_string();
            assert_eq!(hash.get(name.as_bytes(), |_| ()), None);
            assert!(!hash.set_expiry(name.as_bytes(), None));
            assert!(!hash.set(name.as_bytes(), b"2", NewExpiry::Keep));
            assert_eq!(hash.expire_at(name.as_bytes()), Some(None));
        }
        for n in many / 2..many {
            assert!(!hash.remove(n.to_string().as_bytes()));
        }
        hash.changed(1);
    });
    edited.unwrap();
    let mut names: Vec<_> = Vec::new();
    for note in unit.take_notes() {
        let NoteKind::FieldsExpired(expired) = note.kind else {
            panic!("{:?}", note.kind);
        };
        names.extend(expired.names);
    }
    names.sort();
    names.dedup();
    assert_eq!(names.len(), many);
    assert_eq!(unit.hash(0, &key).unwrap().unwrap().len(), many as u64 / 2);
}
