//! Lists of both encodings against a plain vector, a snapshot running beside them now and then.

use proptest::prelude::*;

use super::*;
use crate::fixture::keyspace;
use crate::typed::Limits;
use crate::{Keyspace, LockPlan, NewExpiry, NewValue, StoreError, Unit};
use crate::{UnixMillis, ValueRef};

const DB: u32 = 0;
const NOW: UnixMillis = UnixMillis(1_000);

/// Two lists, and what they must be.
struct Test {
    keyspace: Keyspace,
    limits: Limits,
    lists: [Vec<Vec<u8>>; 2],
}

fn bytes(value: Value<'_>) -> Vec<u8> {
    let mut bytes = Vec::new();
    value.write_to(&mut bytes);
    bytes
}

fn elements(list: ListRef<'_>) -> Vec<Vec<u8>> {
    let mut found = Vec::new();
    list.each(0, u64::MAX, |element| found.push(bytes(element)));
    found
}

const KEYS: [&[u8]; 2] = [b"one", b"two"];

impl Test {
    fn new(list_node: i64) -> Self {
        let keyspace = keyspace();
        Self {
            keyspace,
            limits: Limits {
                list_node,
                ..Limits::default()
            },
            lists: Default::default(),
        }
    }

    fn unit(&self) -> Unit<'_> {
        Unit::begin(&self.keyspace, LockPlan::Write(0), NOW)
    }

    /// What is stored at both keys.
    fn stored(&self) -> [Vec<Vec<u8>>; 2] {
        let mut unit = self.unit();
        KEYS.map(|key| {
            let key = self.keyspace.key(key);
            let list = unit.list(DB, &key).unwrap();
            assert!(!list.is_some_and(ListRef::is_empty), "it goes when empty");
            list.map_or_else(Vec::new, elements)
        })
    }

    fn encoding(&self, key: &[u8]) -> &'static str {
        let key = self.keyspace.key(key);
        self.unit()
            .peek(DB, &key)
            .map_or("none", |entry| entry.encoding())
    }

    fn check(&self) {
        let stored = self.stored();
        assert!(stored == self.lists, "{stored:?}\n {:?}", self.lists);
        let mut unit = self.unit();
        for (key, model) in KEYS.into_iter().zip(&self.lists) {
            let key = self.keyspace.key(key);
            let Some(list) = unit.list(DB, &key).unwrap() else {
                continue;
            };
            assert_eq!(list.len(), model.len() as u64);
            for from in [0, model.len() / 2, model.len() - 1, model.len()] {
                let found = list.get(from as u64).map(bytes);
                assert_eq!(found.as_ref(), model.get(from));
                let mut back = Vec::new();
                let direction = End::Right;
                list.each_while(from as u64, direction, 3, |element| {
                    back.push(bytes(element));
                    back.len() < 2
                });
                let expected = model.iter().take(from + 1).rev().take(2);
                assert!(from == model.len() || back.iter().eq(expected));
            }
        }
        drop(unit);
        let mut shard = self.keyspace.shards[0].lock.write();
        shard.audit(self.keyspace.hasher());
    }

    fn run(&mut self, step: &Step) {
        let mut unit = Unit::begin(&self.keyspace, LockPlan::Write(0), NOW);
        let (limits, dirty) = (&self.limits, unit.tally.dirty);
        let (first, second) = KEYS.map(|key| self.keyspace.key(key)).into();
        let (list, other) = self.lists.split_at_mut(1);
        let (list, other) = (&mut list[0], &mut other[0]);
        let before = (list.clone(), other.clone());
        match step {
            Step::Push(end, elements, creates) => {
                let slices = elements.iter().map(Vec::as_slice);
                if *creates || !list.is_empty() {
                    for element in elements {
                        insert(list, *end, element.clone());
                    }
                }
                let len = unit.push_list(DB, &first, *end, slices, *creates, limits);
                assert_eq!(len, Ok(list.len() as u64));
            }
            Step::Pop(end, count) => {
                let expected: Vec<_> = (0..*count).map_while(|_| remove(list, *end)).collect();
                let take = |span: ListSpan<'_>| {
                    let mut taken = Vec::new();
                    span.each(|element| taken.push(bytes(element)));
                    assert_eq!(taken.len() as u64, span.len());
                    taken
                };
                let popped = unit
                    .pop_list(DB, &first, *end, *count, limits, take)
                    .unwrap();
                assert_eq!(popped.is_none(), before.0.is_empty());
                if let Some(popped) = popped {
                    assert!(popped.result == expected);
                    assert_eq!(popped.changes, expected.len() as u64);
                    assert_eq!(popped.is_gone, list.is_empty() && *count > 0);
                }
            }
            Step::Move(from, to, is_same) => {
                let destination = if *is_same { &first } else { &second };
                let moved = unit
                    .move_element(DB, (&first, *from), (destination, *to), limits)
                    .unwrap();
                let expected = remove(list, *from);
                if let Some(element) = &expected {
                    let target = if *is_same { &mut *list } else { &mut *other };
                    insert(target, *to, element.clone());
                }
                let is_gone = expected.is_some() && list.is_empty();
                assert_eq!(moved, expected.map(|element| (element, is_gone)));
                assert!(unit.tally.dirty - dirty <= 1);
            }
            Step::Set(at, element) if !list.is_empty() => {
                let at = *at as usize % list.len();
                list[at].clone_from(element);
                let set = |list: &mut ListEdit<'_, '_>| list.set(at as u64, element);
                unit.edit_list(DB, &first, limits, set).unwrap();
            }
            Step::Insert(at, element) => {
                let at = *at as usize % (list.len() + 1);
                list.insert(at, element.clone());
                let insert = |list: &mut ListEdit<'_, '_>| list.insert(at as u64, element);
                unit.edit_list(DB, &first, limits, insert).unwrap();
            }
            Step::Trim(from, count) => {
                let end = (from + count).min(list.len());
                *list = list.get(*from..end).unwrap_or_default().to_vec();
                let trim = |list: &mut ListEdit<'_, '_>| list.trim(*from as u64, *count as u64);
                unit.edit_list(DB, &first, limits, trim).unwrap();
            }
            Step::RemoveEqual(element, from, most) => {
                let found: Vec<u64> = positions(list, element, *from);
                let stored = unit.list(DB, &first).unwrap();
                let stored = stored.map(|list| list.positions_of(element, *from, u64::MAX));
                assert!(stored.into_iter().flatten().eq(found.iter().copied()));
                let mut removed: Vec<_> = found.into_iter().take(*most as usize).collect();
                removed.sort_unstable();
                for &at in removed.iter().rev() {
                    list.remove(at as usize);
                }
                let remove = |list: &mut ListEdit<'_, '_>| list.remove_equal(element, *from, *most);
                let edited = unit.edit_list(DB, &first, limits, remove).unwrap();
                assert_eq!(edited.result, removed.len() as u64);
            }
            Step::Expire => {
                unit.set_expire(DB, &first, Some(UnixMillis(5_000)));
                return;
            }
            Step::Set(..) | Step::Swap | Step::Snapshot | Step::Limit(_) => {}
        }
        let changed = before != (list.clone(), other.clone());
        assert!(!changed || unit.tally.dirty > dirty, "a change is counted");
    }
}

fn insert(list: &mut Vec<Vec<u8>>, end: End, element: Vec<u8>) {
    match end {
        End::Left => list.insert(0, element),
        End::Right => list.push(element),
    }
}

fn remove(list: &mut Vec<Vec<u8>>, end: End) -> Option<Vec<u8>> {
    match end {
        End::Left => (!list.is_empty()).then(|| list.remove(0)),
        End::Right => list.pop(),
    }
}

fn positions(list: &[Vec<u8>], element: &[u8], from: End) -> Vec<u64> {
    let numbers = 0..list.len() as u64;
    let mut found: Vec<u64> = numbers.filter(|&at| list[at as usize] == element).collect();
    if from == End::Right {
        found.reverse();
    }
    found
}

#[derive(Clone, Debug)]
enum Step {
    Push(End, Vec<Vec<u8>>, bool),
    Pop(End, u64),
    Move(End, End, bool),
    Set(u16, Vec<u8>),
    Insert(u16, Vec<u8>),
    Trim(usize, usize),
    RemoveEqual(Vec<u8>, End, u64),
    Expire,
    /// The lists change places.
    Swap,
    /// A snapshot begins, if none runs; else it ends, and must show what was there when it began.
    Snapshot,
    Limit(i64),
}

fn element() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        6 => (0..5u8).prop_map(|digit| vec![b'0' + digit]),
        3 => any::<i64>().prop_map(|number| number.to_string().into_bytes()),
        4 => (any::<u8>(), 0..300usize).prop_map(|(byte, len)| vec![byte; len]),
        1 => (3_900..4_400usize).prop_map(|len| vec![b'x'; len]),
    ]
}

fn end() -> impl Strategy<Value = End> {
    prop_oneof![Just(End::Left), Just(End::Right)]
}

fn step() -> impl Strategy<Value = Step> {
    let few = prop::collection::vec(element(), 1..4);
    let many = prop::collection::vec(element(), 20..60);
    prop_oneof![
        8 => (end(), few, any::<bool>()).prop_map(|(end, all, x)| Step::Push(end, all, x)),
        1 => (end(), many).prop_map(|(end, all)| Step::Push(end, all, true)),
        6 => (end(), 0..3u64).prop_map(|(end, count)| Step::Pop(end, count)),
        1 => (end(), 0..60u64).prop_map(|(end, count)| Step::Pop(end, count)),
        4 => (end(), end(), any::<bool>()).prop_map(|(from, to, same)| Step::Move(from, to, same)),
        2 => (any::<u16>(), element()).prop_map(|(at, element)| Step::Set(at, element)),
        2 => (any::<u16>(), element()).prop_map(|(at, element)| Step::Insert(at, element)),
        1 => (0..3usize, 0..80usize).prop_map(|(from, count)| Step::Trim(from, count)),
        2 => (element(), end(), 0..4u64).prop_map(|(e, end, most)| Step::RemoveEqual(e, end, most)),
        1 => Just(Step::Expire),
        2 => Just(Step::Swap),
        1 => Just(Step::Snapshot),
        1 => prop_oneof![Just(-1i64), Just(-2), Just(1), Just(3), Just(7), Just(0)]
            .prop_map(Step::Limit),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(if cfg!(miri) { 2 } else { 128 }))]

    #[test]
    fn a_list_is_what_a_vector_is(steps in prop::collection::vec(step(), 1..80)) {
        let mut test = Test::new(-1);
        let mut snapshot = None;
        for step in &steps {
            match step {
                Step::Swap => {
                    let mut unit = test.unit();
                    let [first, second] = KEYS.map(|key| test.keyspace.key(key));
                    let third = test.keyspace.key(b"third");
                    for (from, to) in [(&first, &third), (&second, &first), (&third, &second)] {
                        unit.rename(DB, from, to);
                    }
                    drop(unit);
                    test.lists.swap(0, 1);
                }
                Step::Limit(setting) => test.limits.list_node = *setting,
                Step::Snapshot => match snapshot.take() {
                    None => {
                        let started = test.keyspace.cut(|cut| cut.start_snapshot());
                        snapshot = Some((started.unwrap(), test.lists.clone()));
                    }
                    Some((running, expected)) => finish(&test, running, expected),
                },
                step => test.run(step),
            }
            test.check();
        }
        if let Some((running, expected)) = snapshot {
            finish(&test, running, expected);
            test.check();
        }
    }
}

/// Walks a snapshot to its end; it shows `expected`.
fn finish(test: &Test, mut snapshot: crate::Snapshot, expected: [Vec<Vec<u8>>; 2]) {
    let mut shown: [Vec<Vec<u8>>; 2] = Default::default();
    while snapshot.step(&test.keyspace, &mut |_, entry| {
        let ValueRef::Collection(collection) = entry.value() else {
            panic!("there are only lists");
        };
        let at = KEYS.iter().position(|key| *key == entry.key()).unwrap();
        shown[at] = elements(ListRef::of(collection));
    }) {}
    assert!(shown == expected, "{shown:?}\n {expected:?}");
}

#[test]
fn a_list_grows_and_shrinks_at_the_limits_of_redis() {
    let mut test = Test::new(4);
    let key = test.keyspace.key(b"one");
    let push = |test: &Test, elements: &[&str]| {
        let elements = elements.iter().map(|element| element.as_bytes());
        let mut unit = test.unit();
        unit.push_list(DB, &key, End::Right, elements, true, &test.limits)
            .unwrap();
    };
    let pop = |test: &Test, count| {
        let mut unit = test.unit();
        unit.pop_list(DB, &key, End::Left, count, &test.limits, |_| ())
            .unwrap();
    };
    push(&test, &["1", "2", "3", "4"]);
    assert_eq!(test.encoding(b"one"), "listpack");
    push(&test, &["5"]);
    assert_eq!(test.encoding(b"one"), "quicklist");
    pop(&test, 3);
    assert_eq!(test.encoding(b"one"), "quicklist", "there are two nodes");
    pop(&test, 1);
    assert_eq!(test.encoding(b"one"), "listpack");
    pop(&test, 1);
    assert_eq!(test.encoding(b"one"), "none");

    // Bytes count as they are sent, on top of what the listpack takes now.
    test.limits.list_node = -1;
    push(&test, &[&"x".repeat(4096 - 7)]);
    assert_eq!(test.encoding(b"one"), "listpack");
    push(&test, &["x"]);
    assert_eq!(test.encoding(b"one"), "quicklist");
    pop(&test, 1);
    assert_eq!(test.encoding(b"one"), "listpack");
    push(&test, &[&"x".repeat(4096 - 7 - 3 + 1)]);
    assert_eq!(test.encoding(b"one"), "quicklist");
    pop(&test, 5);
    push(&test, &[&"x".repeat(4096 - 7 + 1)]);
    assert_eq!(test.encoding(b"one"), "quicklist");
}

#[test]
fn another_type_is_left_alone() {
    let test = Test::new(-2);
    let (text, list) = (test.keyspace.key(b"text"), test.keyspace.key(b"list"));
    let limits = &test.limits;
    let mut unit = test.unit();
    unit.set(DB, &text, NewValue::Bytes(b"v"), NewExpiry::None);
    let elements = || [&b"a"[..]].into_iter();
    let end = End::Left;
    let pushed = unit.push_list(DB, &text, end, elements(), true, limits);
    assert_eq!(pushed, Err(StoreError::WrongType));
    let popped = unit.pop_list(DB, &text, end, 1, limits, |_| ());
    assert_eq!(popped, Err(StoreError::WrongType));
    let moved = unit.move_element(DB, (&list, end), (&text, end), limits);
    assert_eq!(moved, Ok(None), "there is nothing to move");
    unit.push_list(DB, &list, end, elements(), true, limits)
        .unwrap();
    for (source, destination) in [(&list, &text), (&text, &list), (&text, &text)] {
        let moved = unit.move_element(DB, (source, end), (destination, end), limits);
        assert_eq!(moved, Err(StoreError::WrongType));
    }
    assert_eq!(unit.list(DB, &list).unwrap().unwrap().len(), 1);
}

#[test]
fn lengths_of_every_form_are_kept_in_place() {
    // Up to 64 KiB in a listpack: lengths of 1, 3 and 5 bytes in the entry.
    let mut test = Test::new(-5);
    let mut encodings = Vec::new();
    for number in 0..130usize {
        let end = if number % 3 == 0 {
            End::Left
        } else {
            End::Right
        };
        test.run(&Step::Push(
            end,
            vec![vec![number as u8; 40 + 5 * number]],
            true,
        ));
        if number % 10 == 9 {
            test.run(&Step::Move(End::Right, End::Left, true));
        }
        test.check();
        encodings.push(test.encoding(b"one"));
    }
    encodings.dedup();
    assert_eq!(encodings, ["listpack"]);
    let pack_bytes = |test: &Test| {
        let mut unit = test.unit();
        match unit.list(DB, &test.keyspace.key(b"one")) {
            Ok(Some(ListRef::Packed(pack))) => pack.byte_len(),
            _ => panic!("it is still small"),
        }
    };
    // As much as still counts as a node, and what a listpack keeps beside it.
    let rest = 0x1_0000 - pack_bytes(&test);
    test.run(&Step::Push(End::Right, vec![vec![b'x'; rest]], true));
    test.check();
    assert!(pack_bytes(&test) > 0xffff);
    while !test.lists[0].is_empty() {
        let end = if test.lists[0].len().is_multiple_of(2) {
            End::Left
        } else {
            End::Right
        };
        test.run(&Step::Pop(end, 1));
        test.check();
    }
}
