//! Sorted sets against a plain model, small, big and on the way from one to the other.

use std::collections::BTreeMap;

use proptest::prelude::*;

use super::*;
use crate::fixture::keyspace;
use crate::keyspace::Keyspace;
use crate::time::UnixMillis;
use crate::typed::Content;
use crate::unit::LockPlan;

const LIMIT: PackedLimit = PackedLimit {
    entries: 6,
    value_bytes: 10,
};

/// Runs `test` in a unit that holds everything.
fn in_unit<R>(keyspace: &Keyspace, test: impl FnOnce(&mut Unit<'_>) -> R) -> R {
    test(&mut Unit::begin(
        keyspace,
        LockPlan::Write(0),
        UnixMillis(0),
    ))
}

fn text(member: Value<'_>) -> Vec<u8> {
    let mut bytes = Vec::new();
    member.write_to(&mut bytes);
    bytes
}

type Owned = Vec<(Vec<u8>, f64)>;

fn owned<'a>(pairs: impl Iterator<Item = Pair<'a>>) -> Owned {
    pairs.map(|(member, score)| (text(member), score)).collect()
}

/// What a sorted set should be: members with their scores.
#[derive(Clone, Default)]
struct Model(BTreeMap<Vec<u8>, f64>);

impl Model {
    fn in_order(&self) -> Owned {
        let mut pairs: Owned = self.0.iter().map(|(m, s)| (m.clone(), *s)).collect();
        pairs.sort_by(|a, b| a.1.partial_cmp(&b.1).unwrap().then_with(|| a.0.cmp(&b.0)));
        pairs
    }

    fn add(&mut self, member: &[u8], score: f64, adding: &Adding) -> Added {
        let Some(&old) = self.0.get(member) else {
            if adding.which == Which::Present {
                return Added::Refused;
            }
            self.0.insert(member.to_vec(), score);
            return Added::New(score);
        };
        let new = if adding.increment { old + score } else { score };
        let is_wrong_way = match adding.towards {
            Towards::Any => false,
            Towards::Higher => new <= old,
            Towards::Lower => new >= old,
        };
        if adding.which == Which::New {
            Added::Refused
        } else if new.is_nan() {
            Added::NotANumber
        } else if is_wrong_way {
            Added::Refused
        } else if new == old {
            Added::Same(new)
        } else {
            self.0.insert(member.to_vec(), new);
            Added::Changed(new)
        }
    }
}

#[derive(Clone, Debug)]
enum Op {
    Add(Vec<u8>, f64, Adding),
    Remove(Vec<u8>),
    RemoveRanks(u64, u64),
    Pop(Extreme, u64),
    Scores(ScoreRange),
    Read,
}

fn a_member() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        8 => (0u8..12).prop_map(|n| n.to_string().into_bytes()),
        4 => (0u8..6).prop_map(|n| vec![b'm', b'a' + n]),
        1 => Just(Vec::new()),
        1 => Just(b"007".to_vec()),
        1 => Just(b"longer than the limit".to_vec()),
    ]
}

fn a_score() -> impl Strategy<Value = f64> {
    prop_oneof![
        6 => (-3i8..4).prop_map(f64::from),
        2 => (-30i8..40).prop_map(|n| f64::from(n) / 8.0 + 0.1),
        1 => Just(f64::INFINITY),
        1 => Just(f64::NEG_INFINITY),
        1 => Just(1e300),
    ]
}

fn an_op() -> impl Strategy<Value = Op> {
    let adding = (
        prop_oneof![Just(Which::Any), Just(Which::New), Just(Which::Present)],
        prop_oneof![
            Just(Towards::Any),
            Just(Towards::Higher),
            Just(Towards::Lower)
        ],
        any::<bool>(),
    )
        .prop_map(|(which, towards, increment)| Adding {
            which,
            towards,
            increment,
        });
    let adding = prop_oneof![Just(Adding::default()), adding];
    let extreme = prop_oneof![Just(Extreme::Lowest), Just(Extreme::Highest)];
    let range = (a_score(), a_score(), any::<bool>(), any::<bool>());
    let range = range.prop_map(|(min, max, above_min, below_max)| ScoreRange {
        min,
        max,
        above_min,
        below_max,
    });
    prop_oneof![
        12 => (a_member(), a_score(), adding).prop_map(|(m, s, a)| Op::Add(m, s, a)),
        4 => a_member().prop_map(Op::Remove),
        1 => (0u64..12, 0u64..12).prop_map(|(from, to)| Op::RemoveRanks(from, to)),
        1 => (extreme, 0u64..4).prop_map(|(from, count)| Op::Pop(from, count)),
        2 => range.prop_map(Op::Scores),
        2 => Just(Op::Read),
    ]
}

/// Runs one operation on the set and the model.
fn apply(unit: &mut Unit<'_>, key: &Key<'_>, model: &mut Model, op: &Op) {
    match op {
        Op::Add(member, score, adding) => {
            let expected = model.add(member, *score, adding);
            let added = unit
                .edit_sorted_set(0, key, LIMIT, |edit| edit.add(member, *score, adding))
                .unwrap();
            assert_eq!(added.result, expected);
            let is_change = matches!(expected, Added::New(_) | Added::Changed(_));
            assert_eq!(added.changes, u64::from(is_change));
        }
        Op::Remove(member) => {
            let removed = unit
                .edit_sorted_set(0, key, LIMIT, |edit| edit.remove(member))
                .unwrap();
            assert_eq!(removed.result, model.0.remove(member).is_some());
        }
        Op::RemoveRanks(from, to) => {
            let order = model.in_order();
            let range = *from as usize..(*to as usize).min(order.len());
            let gone = order.get(range).unwrap_or_default();
            let removed = unit
                .edit_sorted_set(0, key, LIMIT, |edit| edit.remove_ranks(*from..*to))
                .unwrap();
            assert_eq!(removed.result, gone.len() as u64);
            gone.iter().for_each(|(member, _)| {
                model.0.remove(member);
            });
        }
        Op::Pop(from, count) => {
            let mut order = model.in_order();
            if *from == Extreme::Highest {
                order.reverse();
            }
            order.truncate(*count as usize);
            let mut popped = Vec::new();
            let outcome = unit
                .edit_sorted_set(0, key, LIMIT, |edit| {
                    edit.pop(*from, *count, &mut |pair| {
                        popped.push((text(pair.0), pair.1));
                    })
                })
                .unwrap();
            assert_eq!(popped, order);
            assert_eq!(outcome.changes, order.len() as u64);
            order.iter().for_each(|(member, _)| {
                model.0.remove(member);
            });
        }
        Op::Scores(range) => {
            let order = model.in_order();
            let is_in = |score: f64| {
                let from = if range.above_min {
                    score > range.min
                } else {
                    score >= range.min
                };
                let to = if range.below_max {
                    score < range.max
                } else {
                    score <= range.max
                };
                from && to
            };
            let expected: Owned = order.into_iter().filter(|pair| is_in(pair.1)).collect();
            let set = unit.sorted_set(0, key).unwrap();
            let some = set.map_or(0..0, |set| set.ranks_of_scores(range, 3));
            let all = set.map_or(0..0, |set| set.ranks_of_scores(range, u64::MAX));
            assert_eq!(some.start, all.start);
            assert!((all.end.min(all.start + 3)..=all.end).contains(&some.end));
            let found = set.map_or_else(Vec::new, |set| owned(set.iter(all)));
            assert_eq!(found, expected);
        }
        Op::Read => check(unit, key, model),
    }
}

/// Everything that can be read.
fn check(unit: &mut Unit<'_>, key: &Key<'_>, model: &Model) {
    let order = model.in_order();
    let Some(set) = unit.sorted_set(0, key).unwrap() else {
        assert!(order.is_empty());
        return;
    };
    let len = order.len() as u64;
    assert!(len > 0 && set.len() == len);
    assert_eq!(owned(set.iter(0..len)), order);
    for (rank, (member, score)) in order.iter().enumerate() {
        assert_eq!(set.score(member), Some(*score));
        assert_eq!(set.rank(member), Some((rank as u64, *score)));
        let at = set.at(rank as u64).unwrap();
        assert_eq!((text(at.0), at.1), (member.clone(), *score));
        let part = rank as u64..len.min(rank as u64 + 3);
        let (first, last) = (part.start as usize, part.end as usize);
        assert_eq!(owned(set.iter(part.clone())), order[first..last]);
        let mut back = owned(set.iter_back(part));
        back.reverse();
        assert_eq!(back, order[first..last]);
    }
    assert_eq!(set.score(b"nobody"), None);
    assert_eq!(set.rank(b"nobody"), None);
    assert!(set.at(len).is_none());
    let mut scanned = Vec::new();
    let mut cursor = 0;
    loop {
        cursor = set.scan(cursor, 2, |(member, score)| {
            scanned.push((text(member), score))
        });
        if cursor == 0 {
            break;
        }
    }
    let key_of = |pair: &(Vec<u8>, f64)| pair.0.clone();
    let mut expected = order;
    expected.sort_by_key(key_of);
    scanned.sort_by_key(key_of);
    assert_eq!(scanned, expected);
}

proptest! {
    #[test]
    fn a_sorted_set_is_what_the_model_says(ops in prop::collection::vec(an_op(), 1..60)) {
        let keyspace = keyspace();
        in_unit(&keyspace, |unit| {
            let key = keyspace.hasher().key(b"k");
            let mut model = Model::default();
            for op in &ops {
                apply(unit, &key, &mut model, op);
            }
            check(unit, &key, &model);
        });
    }

    #[test]
    fn members_of_one_score_are_found_by_their_bytes(
        members in prop::collection::btree_set(a_member(), 0..14),
        from in a_member(),
        to in a_member(),
        kinds in (0u8..3, 0u8..3),
    ) {
        let bound = |kind, member, at_the_end| match kind {
            0 => LexBound::Including(member),
            1 => LexBound::Excluding(member),
            _ if at_the_end => LexBound::Last,
            _ => LexBound::First,
        };
        let range = LexRange {
            min: bound(kinds.0, &from, false),
            max: bound(kinds.1, &to, true),
        };
        let is_in = |member: &Vec<u8>| {
            let begins = match kinds.0 {
                0 => *member >= from,
                1 => *member > from,
                _ => true,
            };
            begins && match kinds.1 {
                0 => *member <= to,
                1 => *member < to,
                _ => true,
            }
        };
        let keyspace = keyspace();
        let found = in_unit(&keyspace, |unit| {
            let key = keyspace.hasher().key(b"k");
            unit.edit_sorted_set(0, &key, LIMIT, |edit| {
                for member in &members {
                    edit.add(member, 1.5, &Adding::default());
                }
            })
            .unwrap();
            let set = unit.sorted_set(0, &key).unwrap();
            set.map_or_else(Vec::new, |set| owned(set.iter(set.ranks_of_members(&range))))
        });
        let found: Vec<Vec<u8>> = found.into_iter().map(|pair| pair.0).collect();
        let expected: Vec<Vec<u8>> = members.into_iter().filter(is_in).collect();
        prop_assert_eq!(found, expected);
    }

    #[test]
    fn operands_are_combined_as_the_model_says(
        sets in prop::collection::vec(
            prop::collection::btree_map(a_member(), -4i8..5, 0..14),
            1..4,
        ),
        weights in prop::collection::vec(-3i8..4, 3),
        work in 1..20usize,
    ) {
        let keyspace = keyspace();
        in_unit(&keyspace, |unit| {
            let hasher = keyspace.hasher();
            let elements = hasher.elements();
            let mut operands = Vec::new();
            for (number, set) in sets.iter().enumerate() {
                let name = [b'0' + number as u8];
                let key = hasher.key(&name);
                unit.edit_sorted_set(0, &key, LIMIT, |edit| {
                    for (member, score) in set {
                        edit.add(member, f64::from(*score), &Adding::default());
                    }
                })
                .unwrap();
                operands.push(unit.sorted_set_operand(0, &key).unwrap());
            }
            let mut bulk = |operator, aggregate, count_to| {
                let keys = (0..sets.len()).map(|number| [b'0' + number as u8]);
                let operands = keys.map(|name| {
                    let key = hasher.key(&name);
                    unit.sorted_set_operand_again(0, &key).unwrap()
                });
                let weights: Vec<f64> = weights.iter().map(|weight| f64::from(*weight)).collect();
                let (operands, weights) = (operands.collect(), &weights[..sets.len()]);
                let mut bulk =
                    BulkOperation::new(operator, operands, weights, aggregate, count_to, &keyspace);
                while bulk.step(work) {}
                bulk
            };
            let pairs = operands.iter().zip(&weights);
            let weighted: Vec<Weighted<'_>> = pairs
                .map(|(operand, weight)| Weighted { operand, weight: f64::from(*weight) })
                .collect();
            for aggregate in [Aggregate::Sum, Aggregate::Min, Aggregate::Max, Aggregate::Count] {
                let combined = |joins: &dyn Fn(usize) -> bool| {
                    let mut scores: BTreeMap<&Vec<u8>, Vec<f64>> = BTreeMap::new();
                    for (set, weight) in sets.iter().zip(&weights) {
                        for (member, score) in set {
                            let score = if aggregate == Aggregate::Count { 1 } else { *score };
                            let score = f64::from(score) * f64::from(*weight);
                            scores.entry(member).or_default().push(score);
                        }
                    }
                    scores.retain(|_, of| joins(of.len()));
                    let join = |scores: &[f64]| match aggregate {
                        Aggregate::Sum | Aggregate::Count => scores.iter().sum(),
                        Aggregate::Min => scores.iter().copied().fold(f64::INFINITY, f64::min),
                        Aggregate::Max => scores.iter().copied().fold(f64::NEG_INFINITY, f64::max),
                    };
                    let members = scores.iter().map(|(m, s)| (m.to_vec(), join(s)));
                    Model(members.collect()).in_order()
                };
                let united = combined(&|_| true);
                assert_eq!(owned(union(&weighted, aggregate).into_iter()), united);
                let in_steps = bulk(Operator::Union, aggregate, None).into_tree();
                assert_eq!(of_tree(&in_steps, elements), united);
                let common = combined(&|count| count == sets.len());
                assert_eq!(owned(intersection(&weighted, aggregate).into_iter()), common);
                let len = common.len() as u64;
                assert_eq!(intersection_len(&weighted, 0), len);
                assert_eq!(intersection_len(&weighted, 2), len.min(2));
                let in_steps = bulk(Operator::Intersection, aggregate, None).into_tree();
                assert_eq!(of_tree(&in_steps, elements), common);
                for limit in [0, 2] {
                    let counted = bulk(Operator::Intersection, aggregate, Some(limit));
                    assert_eq!(counted.count(), intersection_len(&weighted, limit));
                }
            }
            let others = &sets[1..];
            let left = sets[0]
                .iter()
                .filter(|(member, _)| !others.iter().any(|set| set.contains_key(*member)))
                .map(|(member, score)| (member.clone(), f64::from(*score)));
            let left = Model(left.collect()).in_order();
            assert_eq!(owned(difference(&weighted).into_iter()), left);
            let in_steps = bulk(Operator::Difference, Aggregate::Sum, None).into_tree();
            assert_eq!(of_tree(&in_steps, elements), left);
        });
    }
}

/// The members of a tree, each of which is found by its hash.
fn of_tree(tree: &RankedTree, hasher: ElementHasher) -> Owned {
    for (score, member) in tree.iter_from(0) {
        assert_eq!(tree.score(hasher.hash(member), member), Some(score));
    }
    let members = tree.iter_from(0);
    members
        .map(|(score, member)| (member.to_vec(), score))
        .collect()
}

#[test]
fn members_in_any_order_are_sorted_step_by_step() {
    let keyspace = keyspace();
    let hasher = keyspace.hasher().elements();
    let member = |number: u64| format!("member:{}", number % 7_000).into_bytes();
    let score = |number: u64| (number * 7919 % 97) as f64;
    // Many more than there are to be, too.
    for expected in [10, 10_000] {
        let mut sorter = Sorter::new(expected, Comes::Anyhow(Aggregate::Max), &keyspace);
        let mut model = Model::default();
        for number in 0..9_000 {
            let (member, score) = (member(number), score(number));
            sorter.push(hasher.hash(&member), &member, score);
            let known = model.0.entry(member).or_insert(score);
            *known = known.max(score);
        }
        while sorter.step(50) {}
        assert!(of_tree(&sorter.finish(), hasher) == model.in_order());
        let mut sorter = Sorter::new(expected, Comes::InOrder, &keyspace);
        for (member, score) in model.in_order() {
            sorter.push(hasher.hash(&member), &member, score);
        }
        while sorter.step(50) {}
        assert!(of_tree(&sorter.finish(), hasher) == model.in_order());
    }
}

#[test]
fn an_operation_that_is_given_up_is_freed_in_steps() {
    let keyspace = keyspace();
    let hasher = keyspace.hasher().elements();
    let mut sorter = Sorter::new(1_000, Comes::InOrder, &keyspace);
    for number in 0..1_000u32 {
        let member = number.to_string();
        sorter.push(
            hasher.hash(member.as_bytes()),
            member.as_bytes(),
            f64::from(number),
        );
    }
    assert!(sorter.step(300));
    assert!(!keyspace.ended_pins().any());
    drop(sorter);
    assert!(keyspace.ended_pins().any());
    while keyspace.ended_pins().free_some() {}
}

#[test]
fn a_set_grows_big_as_in_redis_and_stays_so() {
    let keyspace = keyspace();
    in_unit(&keyspace, |unit| {
        let encoding = |unit: &mut Unit<'_>, key: &Key<'_>| {
            let content = unit.collection(0, key, ValueType::SortedSet).unwrap();
            content.map(|content| content.encoding())
        };
        let add = |unit: &mut Unit<'_>, key: &Key<'_>, members: &[&[u8]]| {
            unit.edit_sorted_set(0, key, LIMIT, |edit| {
                edit.expect(members.len(), members[0]);
                for member in members {
                    edit.add(member, 1.0, &Adding::default());
                }
            })
            .unwrap();
        };
        let key = keyspace.hasher().key(b"one by one");
        for number in 0..6 {
            add(unit, &key, &[&[b'a' + number]]);
        }
        assert_eq!(encoding(unit, &key), Some("listpack"));
        add(unit, &key, &[b"a"]);
        assert_eq!(encoding(unit, &key), Some("listpack"));
        add(unit, &key, &[b"g"]);
        assert_eq!(encoding(unit, &key), Some("skiplist"));
        unit.edit_sorted_set(0, &key, LIMIT, |edit| edit.remove_ranks(1..7))
            .unwrap();
        assert_eq!(encoding(unit, &key), Some("skiplist"));
        let key = keyspace.hasher().key(b"long");
        add(unit, &key, &[b"0123456789"]);
        assert_eq!(encoding(unit, &key), Some("listpack"));
        add(unit, &key, &[b"0123456789a"]);
        assert_eq!(encoding(unit, &key), Some("skiplist"));
        // As many members as named, though all are the same.
        let key = keyspace.hasher().key(b"many");
        add(unit, &key, &[&b"a"[..]; 7]);
        assert_eq!(encoding(unit, &key), Some("skiplist"));
        let key = keyspace.hasher().key(b"there");
        add(unit, &key, &[b"a"]);
        add(unit, &key, &[&b"a"[..]; 7]);
        assert_eq!(encoding(unit, &key), Some("skiplist"));
        let gone = unit
            .edit_sorted_set(0, &key, LIMIT, |edit| edit.remove(b"a"))
            .unwrap();
        assert!(gone.result && gone.is_gone);
        assert_eq!(encoding(unit, &key), None);
    });
}

#[test]
fn small_sets_are_stored_byte_for_byte_as_redis_does() {
    let hasher = keyspace().hasher().elements();
    let pairs: [Pair<'_>; 4] = [
        (Value::Bytes(b"a"), -1.5),
        (Value::Int(12), 0.0),
        (Value::Bytes(b"b"), 3.0),
        (Value::Bytes(b"c"), 1e20),
    ];
    let Content::Packed(packed) = sorted_set_of(pairs.into_iter(), LIMIT, hasher) else {
        panic!("it is small");
    };
    let expected = b"#\0\0\0\x08\0\x81a\x02\x84-1.5\x05\x0c\x01\0\x01\x81b\x02\x03\x01\x81c\x02\x851e+20\x06\xff";
    assert_eq!(packed.as_ref().bytes, expected);
}

#[test]
fn results_are_small_up_to_the_limit() {
    let keyspace = keyspace();
    let hasher = keyspace.hasher().elements();
    let numbers = |count: i64| {
        let pairs = (0..count).map(|number| (Value::Int(number), number as f64));
        sorted_set_of(pairs, LIMIT, hasher)
    };
    assert!(matches!(numbers(6), Content::Packed(_)));
    let long = [(Value::Bytes(b"longer than the limit"), 1.0)];
    let long = sorted_set_of(long.into_iter(), LIMIT, hasher);
    assert!(matches!(long, Content::New(_)));
    let key = keyspace.hasher().key(b"k");
    in_unit(&keyspace, |unit| {
        assert!(unit.set_collection(0, &key, numbers(20)));
        let set = unit.sorted_set(0, &key).unwrap().unwrap();
        assert!(set.big().is_some());
        let expected: Owned = (0..20i64)
            .map(|number| (number.to_string().into_bytes(), number as f64))
            .collect();
        assert_eq!(owned(set.iter(0..20)), expected);
        assert_eq!(set.score(b"17"), Some(17.0));
    });
}

#[test]
fn what_is_no_number_counts_as_zero() {
    let keyspace = keyspace();
    in_unit(&keyspace, |unit| {
        let mut operand = |name: &[u8], score: f64| {
            let key = keyspace.hasher().key(name);
            unit.edit_sorted_set(0, &key, LIMIT, |edit| {
                edit.add(b"m", score, &Adding::default())
            })
            .unwrap();
            unit.sorted_set_operand(0, &key).unwrap()
        };
        let (up, down) = (
            operand(b"up", f64::INFINITY),
            operand(b"down", f64::NEG_INFINITY),
        );
        let weighted = |weight| [&up, &down].map(|operand| Weighted { operand, weight });
        for weight in [1.0, 0.0] {
            for combine in [union, intersection] {
                let combined = combine(&weighted(weight), Aggregate::Sum);
                assert_eq!(owned(combined.into_iter()), [(b"m".to_vec(), 0.0)]);
            }
        }
    });
}

#[test]
fn a_big_set_of_equal_scores_is_scanned_whole_in_few_steps() {
    let hasher = keyspace().hasher().elements();
    let names: Vec<String> = (0..20_000)
        .map(|number| format!("member:{number}"))
        .collect();
    let members = names.iter().map(|name| {
        let name = name.as_bytes();
        (
            hasher.hash(name),
            name,
            if name.ends_with(b"7") { 2.0 } else { 1.0 },
        )
    });
    let collection = Collection::SortedSet(members.collect());
    let set = SortedSetRef::of(CollectionRef::Big(&collection), hasher).unwrap();
    let (mut cursor, mut steps, mut seen) = (0, 0, Vec::new());
    loop {
        cursor = set.scan(cursor, 10, |(member, _)| seen.push(text(member)));
        steps += 1;
        if cursor == 0 {
            break;
        }
    }
    assert!((2..200).contains(&steps), "{steps} steps");
    seen.sort();
    let mut expected: Vec<Vec<u8>> = names.into_iter().map(String::into_bytes).collect();
    expected.sort();
    assert!(seen == expected);
    assert_eq!(set.scan(u64::MAX, 10, |_| panic!("there is nothing")), 0);

    // In small steps it is the same, and each rank is that of the member.
    for count in [10, 50_000] {
        let (mut cursor, mut seen) = (0, Vec::new());
        loop {
            let mut scan = SortedSetScan::new(cursor, count);
            while scan.step(set, 100, |rank, pair| {
                assert_eq!(set.at(rank), Some(pair));
                seen.push(text(pair.0));
            }) {}
            cursor = scan.cursor();
            if cursor == 0 {
                break;
            }
            assert!(count < 20_000, "the whole set was asked for");
        }
        seen.sort();
        assert!(seen == expected, "{count}");
    }
}

#[test]
fn a_step_takes_no_longer_with_many_operands() {
    const OPERANDS: u64 = 300;
    const WORK: u64 = 7;
    let keyspace = keyspace();
    in_unit(&keyspace, |unit| {
        let hasher = keyspace.hasher();
        for (name, lookups) in [(b"a", 4), (b"b", 60)] {
            for (name, from) in [(name, 0), (b"-", 100)] {
                unit.edit_sorted_set(0, &hasher.key(name), LIMIT, |edit| {
                    for number in from..from + lookups {
                        edit.add(format!("m{number}").as_bytes(), 1.0, &Adding::default());
                    }
                })
                .unwrap();
            }
            let mut run = |operator, first: &[u8; 1], other: &[u8; 1]| {
                let names = std::iter::once(*first);
                let names = names.chain((1..OPERANDS).map(|_| *other));
                let operands =
                    names.map(|name| unit.sorted_set_operand(0, &hasher.key(&name)).unwrap());
                let operands = operands.collect();
                let weights = [1.0; OPERANDS as usize];
                let sum = Aggregate::Sum;
                let mut bulk =
                    BulkOperation::new(operator, operands, &weights, sum, None, &keyspace);
                let mut steps = 1;
                while bulk.step(WORK as usize) {
                    steps += 1;
                }
                assert!(
                    steps >= lookups * (OPERANDS - 1) / WORK,
                    "{bulk:?}: {steps}"
                );
                bulk.into_tree()
            };
            let common = run(Operator::Intersection, name, name);
            assert_eq!(common.len(), lookups);
            let mut scores = common.iter_from(0).map(|(score, _)| score);
            assert!(scores.all(|score| score == OPERANDS as f64));
            let left = run(Operator::Difference, name, b"-");
            assert_eq!(left.len(), lookups);
        }
    });
}
