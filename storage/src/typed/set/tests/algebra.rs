//! Unions, intersections and differences against plain sets, all at once and step by step.

use proptest::prelude::*;

use super::*;
use crate::collection::Collection;
use crate::typed::Held;

const OPERATORS: [Operator; 3] = [
    Operator::Union,
    Operator::Intersection,
    Operator::Difference,
];

/// What a key holds: members, or nothing.
type Input = Option<Vec<Vec<u8>>>;

fn member() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        3 => (0..40i64).prop_map(|number| number.to_string().into_bytes()),
        1 => (0..40u8).prop_map(|number| format!("m{number}").into_bytes()),
        1 => Just(b"rather long".to_vec()),
    ]
}

fn integer() -> impl Strategy<Value = Vec<u8>> {
    (0..40i64).prop_map(|number| number.to_string().into_bytes())
}

fn input() -> impl Strategy<Value = Input> {
    prop_oneof![
        1 => Just(None),
        4 => prop::collection::vec(member(), 1..30).prop_map(Some),
        4 => prop::collection::vec(integer(), 1..30).prop_map(Some),
    ]
}

fn name(number: usize) -> Vec<u8> {
    format!("input {number}").into_bytes()
}

/// Adds the members of each input one by one.
fn store(keyspace: &Keyspace, inputs: &[Input], limits: &Limits) {
    let mut unit = write(keyspace);
    for (number, input) in inputs.iter().enumerate() {
        let name = name(number);
        for member in input.iter().flatten() {
            unit.edit_set(0, &keyspace.key(&name), limits, |set| set.add(member))
                .unwrap();
        }
    }
}

fn hold_all(keyspace: &Keyspace, count: usize) -> Vec<Held> {
    let mut unit = write(keyspace);
    let held = (0..count).map(|number| {
        let name = name(number);
        unit.hold_value(0, &keyspace.key(&name), ValueType::Set)
            .unwrap()
    });
    held.collect()
}

fn expected(operator: Operator, inputs: &[Input]) -> Members {
    let sets: Vec<Members> = inputs
        .iter()
        .map(|input| input.iter().flatten().cloned().collect())
        .collect();
    let (first, others) = sets.split_first().unwrap();
    match operator {
        Operator::Union => sets.iter().flatten().cloned().collect(),
        Operator::Intersection => {
            let is_common = |member: &&Vec<u8>| others.iter().all(|other| other.contains(*member));
            first.iter().filter(is_common).cloned().collect()
        }
        Operator::Difference => {
            let is_left = |member: &&Vec<u8>| !others.iter().any(|other| other.contains(*member));
            first.iter().filter(is_left).cloned().collect()
        }
    }
}

fn members(set: SetRef<'_>) -> Members {
    let (mut all, mut count) = (Members::new(), 0);
    set.each(|member| {
        all.insert(text(member));
        count += 1;
    });
    assert_eq!(all.len(), count, "each once");
    all
}

fn encoding(set: OwnedSet) -> &'static str {
    match set {
        OwnedSet::Integers(_) => "intset",
        OwnedSet::Packed(_) => "listpack",
        OwnedSet::Big(_) => "hashtable",
    }
}

/// The encoding in which Redis stores it. The order of the members of a tree is ours.
fn stored_encoding(
    operator: Operator,
    sets: &[Option<SetRef<'_>>],
    limits: &Limits,
) -> &'static str {
    let mut model = Model {
        encoding: "intset",
        ..Model::default()
    };
    let add = |model: &mut Model, member: Value<'_>| {
        // As if the set were there, so that nothing is announced for a new one.
        let member = text(member);
        if model.members.is_empty()
            && canonical_integer(&member).is_none()
            && model.encoding == "intset"
        {
            let fits = limits.set.entries > 0 && member.len() as u64 <= limits.set.value_bytes;
            model.encoding = if fits { "listpack" } else { "hashtable" };
            model.members.insert(member);
        } else if model.members.is_empty() {
            let fits = match model.encoding {
                "intset" => limits.intset_entries > 0,
                "listpack" => {
                    limits.set.entries > 0 && member.len() as u64 <= limits.set.value_bytes
                }
                _ => false,
            };
            model.encoding = if fits { model.encoding } else { "hashtable" };
            model.members.insert(member);
        } else {
            // One by one, so the limit of what is announced matters only if it is 0, where the set is a tree already.
            model.add(&[member], limits);
        }
    };
    match operator {
        Operator::Union => {
            for set in sets.iter().flatten() {
                set.each(|member| add(&mut model, member));
            }
        }
        Operator::Intersection => {
            if sets.iter().any(Option::is_none) {
                return "intset";
            }
            let smallest = sets.iter().flatten().min_by_key(|set| set.len()).unwrap();
            if !matches!(smallest, SetRef::Integers(_)) {
                model.encoding = "listpack";
            }
            let hasher = keyspace().hasher().elements();
            let mut all_integers = true;
            smallest.each(|member| {
                if sets.iter().flatten().all(|set| set.has(hasher, member)) {
                    all_integers &= member.to_integer().is_some();
                    add(&mut model, member);
                }
            });
            if all_integers && model.members.len() <= limits.intset_entries {
                return "intset";
            }
        }
        Operator::Difference => {
            let Some(Some(first)) = sets.first() else {
                return "intset";
            };
            let present = sets.iter().flatten().count() as u64;
            let total: u64 = sets.iter().flatten().map(|set| set.len()).sum();
            let copies = first.len() * present / 2 > total;
            let hasher = keyspace().hasher().elements();
            first.each(|member| {
                let mut others = sets[1..].iter().flatten();
                if copies || !others.any(|other| other.has(hasher, member)) {
                    add(&mut model, member);
                }
            });
        }
    }
    model.encoding
}

fn check_operators(inputs: &[Input], limits: &Limits) {
    let keyspace = keyspace();
    let hasher = keyspace.hasher().elements();
    store(&keyspace, inputs, limits);
    let held = hold_all(&keyspace, inputs.len());
    let sets: Vec<_> = held
        .iter()
        .map(|held| held.content().map(SetRef::of))
        .collect();
    for operator in OPERATORS {
        let expected = expected(operator, inputs);
        let result = combine(operator, &sets, Start::Stored, hasher, limits);
        assert_eq!(members(result.as_set()), expected, "{operator:?}");
        if !expected.is_empty() {
            let wanted = stored_encoding(operator, &sets, limits);
            assert_eq!(encoding(result), wanted, "{operator:?}");
        }
        if operator != Operator::Intersection {
            let shown = combine(operator, &sets, Start::Shown, hasher, limits);
            assert_eq!(members(shown.as_set()), expected, "{operator:?}");
        }
        for limit in [0, 1, 3, 1_000] {
            let capped = if limit == 0 {
                expected.len()
            } else {
                expected.len().min(limit)
            } as u64;
            let counted = count(operator, &sets, limit as u64, hasher, limits);
            assert_eq!(counted, capped, "{operator:?} {limit}");
            for work in [1, 7, 1_000] {
                let mut bulk =
                    BulkOperation::new(operator, &held, Some(limit as u64), &keyspace, limits);
                while bulk.step(work) {}
                assert!(!bulk.step(work));
                assert_eq!(bulk.count(), capped, "{bulk:?} {limit} {work}");
            }
        }
        for work in [1, 7, 1_000] {
            let mut bulk = BulkOperation::new(operator, &held, None, &keyspace, limits);
            while bulk.step(work) {}
            assert_eq!(bulk.count(), expected.len() as u64, "{bulk:?}");
            let tree = bulk.into_tree();
            assert_eq!(members(SetRef::Big(&tree)), expected, "{operator:?} {work}");
            // It is a tree in order.
            for member in &expected {
                assert!(tree.get(hasher.hash(member), member).is_some());
            }
            let mut bulk = BulkOperation::new(operator, &held, None, &keyspace, limits);
            while bulk.step(work) {}
            let stored = bulk.into_set(limits);
            assert_eq!(members(stored.as_set()), expected, "{operator:?} {work}");
        }
        // Half done.
        let mut bulk = BulkOperation::new(operator, &held, None, &keyspace, limits);
        bulk.step(1);
        drop(bulk);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(if std::env::var_os("NUTHATCH_LONG").is_some() { 1000 } else { 60 }))]

    #[test]
    fn operators_give_what_plain_sets_give(
        inputs in prop::collection::vec(input(), 1..6),
        integers in 0..30usize,
        entries in 0..30usize,
        value_bytes in 0..12u64,
    ) {
        check_operators(&inputs, &limits(integers, entries, value_bytes));
        check_operators(&inputs, &limits(0, 0, 0));
    }
}

/// Inputs of these lengths, which overlap.
fn big_inputs(lens: &[u64]) -> Vec<Input> {
    let members = |(number, len): (usize, &u64)| {
        let from = number as u64 * 10;
        let names = (from..from + len).map(|member| format!("member:{member}").into_bytes());
        (*len > 0).then(|| names.collect())
    };
    lens.iter().enumerate().map(members).collect()
}

#[test]
fn every_way_of_doing_it_gives_the_same() {
    let limits = Limits::default();
    let cases: [&[u64]; 8] = [
        &[3_000, 3_000],
        &[3_000, 20],
        &[20, 3_000],
        &[2_000, 1_500, 1_000],
        &[3_000, 0, 100, 40],
        &[1_000, 3_000, 3_000],
        &[0, 3_000],
        &[3_000],
    ];
    for lens in cases {
        let inputs = big_inputs(lens);
        check_operators(&inputs, &limits);
    }
}

#[test]
fn a_step_takes_no_longer_with_many_sets() {
    const SETS: u64 = 300;
    const WORK: u64 = 7;
    let limits = Limits::default();
    for (operator, lens, searches) in [
        (Operator::Intersection, [200, 200], 190 * (SETS - 1)),
        (Operator::Union, [200, 200], 200 * (SETS - 1)),
        (Operator::Difference, [400, 200], 200 * (SETS - 1)),
        (Operator::Difference, [200, 300], 10 * (SETS - 1)),
    ] {
        let (keyspace, inputs) = (keyspace(), big_inputs(&lens));
        store(&keyspace, &inputs, &limits);
        let mut held = hold_all(&keyspace, 2);
        held.extend((2..SETS).filter_map(|_| hold_all(&keyspace, 2).pop()));
        let mut bulk = BulkOperation::new(operator, &held, None, &keyspace, &limits);
        let mut steps = 1;
        while bulk.step(WORK as usize) {
            steps += 1;
        }
        assert!(steps >= searches / WORK, "{bulk:?}: {steps} steps");
        let tree = bulk.into_tree();
        let expected = expected(operator, &inputs);
        assert_eq!(members(SetRef::Big(&tree)), expected, "{operator:?}");
    }
}

#[test]
fn small_sets_are_gathered_in_steps() {
    const SETS: u64 = 300;
    const WORK: usize = 1_000;
    let (keyspace, limits) = (keyspace(), Limits::default());
    let inputs = big_inputs(&[100, 3_000, 90]);
    store(&keyspace, &inputs, &limits);
    for operator in OPERATORS {
        let mut held = hold_all(&keyspace, 3);
        held.extend((3..SETS).filter_map(|_| hold_all(&keyspace, 3).pop()));
        let mut bulk = BulkOperation::new(operator, &held, None, &keyspace, &limits);
        // No more than two thousand members' work at a time: one set.
        for _ in 0..SETS - 2 {
            assert!(bulk.step(WORK), "{operator:?}");
            assert_eq!(bulk.count(), 0, "{operator:?}: not before all are trees");
        }
        while bulk.step(WORK) {}
        let tree = bulk.into_tree();
        let expected = expected(operator, &inputs);
        assert_eq!(members(SetRef::Big(&tree)), expected, "{operator:?}");
        // Left off on the way.
        let mut bulk = BulkOperation::new(operator, &held, None, &keyspace, &limits);
        assert!(bulk.step(WORK) && bulk.step(WORK));
    }
}

#[test]
fn a_set_without_itself_is_empty() {
    let keyspace = keyspace();
    let limits = Limits::default();
    store(&keyspace, &big_inputs(&[3_000]), &limits);
    let held = [hold_all(&keyspace, 1), hold_all(&keyspace, 1)];
    let held: Vec<Held> = held.into_iter().flatten().collect();
    let mut bulk = BulkOperation::new(Operator::Difference, &held, None, &keyspace, &limits);
    assert!(!bulk.step(1), "it is seen at once");
    assert!(bulk.into_tree().is_empty());
}

#[test]
fn a_difference_of_which_little_is_left_stays_a_tree_as_in_redis() {
    let (keyspace, limits) = (keyspace(), Limits::default());
    let inputs = big_inputs(&[1_000, 980, 1]);
    store(&keyspace, &inputs, &limits);
    for (count, wanted) in [(2, "listpack"), (3, "listpack")] {
        let held = hold_all(&keyspace, count);
        let mut bulk = BulkOperation::new(Operator::Difference, &held, None, &keyspace, &limits);
        while bulk.step(100) {}
        assert_eq!(encoding(bulk.into_set(&limits)), wanted);
    }
    let many: Vec<Input> = [1_000, 1, 1, 1]
        .iter()
        .map(|len| big_inputs(&[*len])[0].clone())
        .collect();
    let keyspace = self::keyspace();
    store(&keyspace, &many, &limits);
    let held = hold_all(&keyspace, 4);
    let mut bulk = BulkOperation::new(Operator::Difference, &held, None, &keyspace, &limits);
    while bulk.step(100) {}
    assert_eq!(encoding(bulk.into_set(&limits)), "hashtable");
}

#[test]
fn a_large_set_is_shared_with_what_little_is_changed_of_it() {
    let (keyspace, limits) = (keyspace(), Limits::default());
    store(&keyspace, &big_inputs(&[20_000, 20]), &limits);
    for operator in [Operator::Union, Operator::Difference] {
        let held = hold_all(&keyspace, 2);
        let mut bulk = BulkOperation::new(operator, &held, None, &keyspace, &limits);
        let mut steps = 1;
        while bulk.step(200) {
            steps += 1;
        }
        assert!(steps < 10, "{operator:?}: {steps} steps");
        let Some(CollectionRef::Big(Collection::Set(first))) = held[0].content() else {
            unreachable!("it is big")
        };
        let tree = bulk.into_tree();
        let leaves = |tree: &FieldTree| -> Vec<usize> {
            let leaves = tree.tree().leaves();
            leaves
                .map(|leaf| std::ptr::from_ref(leaf) as usize)
                .collect()
        };
        let (own, result) = (leaves(first), leaves(&tree));
        let shared = result.iter().filter(|leaf| own.contains(leaf)).count();
        assert!(shared + 20 >= result.len(), "{shared} of {}", result.len());
    }
}

#[test]
fn what_was_held_is_known_to_have_changed() {
    let (keyspace, limits) = (keyspace(), Limits::default());
    store(&keyspace, &big_inputs(&[3_000, 20, 0]), &limits);
    let held = hold_all(&keyspace, 3);
    let mut unit = write(&keyspace);
    let names = [name(0), name(1), name(2)];
    let keys = names.each_ref().map(|name| keyspace.key(name));
    let unchanged =
        |unit: &mut Unit<'_>| [0, 1, 2].map(|at| unit.still_holds(0, &keys[at], &held[at]));
    assert_eq!(unchanged(&mut unit), [true; 3]);
    let edit = |unit: &mut Unit<'_>, at: usize, add: bool| {
        let outcome = unit.edit_set(0, &keys[at], &limits, |set| {
            if add {
                set.add(b"new")
            } else {
                set.remove(b"new")
            }
        });
        assert!(outcome.unwrap().result);
    };
    edit(&mut unit, 1, true);
    assert_eq!(unchanged(&mut unit), [true, false, true]);
    edit(&mut unit, 1, false);
    assert_eq!(unchanged(&mut unit), [true; 3], "bytes are compared");
    edit(&mut unit, 2, true);
    assert_eq!(unchanged(&mut unit), [true, true, false]);
    edit(&mut unit, 0, true);
    edit(&mut unit, 0, false);
    assert_eq!(
        unchanged(&mut unit),
        [false, true, false],
        "anything written counts"
    );
    let again = unit.hold_value_again(0, &keys[0], ValueType::Set).unwrap();
    assert!(unit.still_holds(0, &keys[0], &again));
    assert!(!unit.still_holds(0, &keys[1], &again));
    unit.delete(0, &keys[0]);
    assert!(!unit.still_holds(0, &keys[0], &again));
}
