//! Sets against a plain set of strings, in all encodings.

mod algebra;

use std::collections::BTreeSet;

use proptest::prelude::*;

use super::*;
use crate::fixture::keyspace;
use crate::typed::PackedLimit;
use crate::unit::LockPlan;
use crate::{Keyspace, UnixMillis};

pub(super) const NOW: UnixMillis = UnixMillis(1_700_000_000_000);

pub(super) type Members = BTreeSet<Vec<u8>>;

pub(super) fn limits(integers: usize, entries: usize, value_bytes: u64) -> Limits {
    Limits {
        set: PackedLimit {
            entries,
            value_bytes,
        },
        intset_entries: integers,
        ..Limits::default()
    }
}

pub(super) fn text(member: Value<'_>) -> Vec<u8> {
    let mut bytes = Vec::new();
    member.write_to(&mut bytes);
    bytes
}

pub(super) fn write(keyspace: &Keyspace) -> Unit<'_> {
    Unit::begin(keyspace, LockPlan::Write(0), NOW)
}

/// Random numbers that are the same in every run.
pub(super) fn random(mut seed: u64) -> impl FnMut() -> u64 {
    move || {
        seed += 1;
        crate::typed::hash::random_of(seed, seed)
    }
}

/// A set, and what Redis's encoding of it would be.
#[derive(Clone, Debug, Default)]
struct Model {
    members: Members,
    encoding: &'static str,
}

impl Model {
    fn add(&mut self, members: &[Vec<u8>], limits: &Limits) -> u64 {
        let (entries, integers) = (limits.set.entries, limits.intset_entries);
        let is_short = |len: usize| len as u64 <= limits.set.value_bytes;
        let announced = members.len();
        if self.members.is_empty() {
            self.encoding = if canonical_integer(&members[0]).is_some() && announced <= integers {
                "intset"
            } else if announced <= entries {
                "listpack"
            } else {
                "hashtable"
            };
        } else if self.encoding == "listpack" && announced > entries
            || self.encoding == "intset" && announced > integers
        {
            self.encoding = "hashtable";
        }
        let mut added = 0;
        for member in members {
            if self.members.contains(member) {
                continue;
            }
            added += 1;
            let is_integer = canonical_integer(member).is_some();
            let has_room = self.members.len() < entries && is_short(member.len());
            let others_are_short = self.members.iter().all(|other| is_short(other.len()));
            self.encoding = match self.encoding {
                "intset" if is_integer && self.members.len() < integers => "intset",
                "intset" if !is_integer && has_room && others_are_short => "listpack",
                "listpack" if has_room => "listpack",
                _ => "hashtable",
            };
            self.members.insert(member.clone());
        }
        added
    }
}

#[derive(Clone, Debug)]
enum Step {
    Add(Vec<Vec<u8>>),
    Remove(Vec<Vec<u8>>),
    Pop,
    PopMany(u64),
    Check,
}

fn member() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        5 => (-30..60i64).prop_map(|number| number.to_string().into_bytes()),
        1 => any::<i64>().prop_map(|number| number.to_string().into_bytes()),
        1 => (0..40u8).prop_map(|number| format!("member {number}").into_bytes()),
        1 => prop::collection::vec(any::<u8>(), 0..30),
    ]
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        5 => prop::collection::vec(member(), 1..14).prop_map(Step::Add),
        2 => prop::collection::vec(member(), 1..14).prop_map(Step::Remove),
        1 => Just(Step::Pop),
        1 => (0..40u64).prop_map(Step::PopMany),
        1 => Just(Step::Check),
    ]
}

fn check(keyspace: &Keyspace, model: &Model) {
    let hasher = keyspace.hasher().elements();
    let mut unit = Unit::begin(keyspace, LockPlan::Read(0), NOW);
    let key = keyspace.key(b"s");
    let encoding = unit
        .collection(0, &key, ValueType::Set)
        .unwrap()
        .map(|set| set.encoding());
    let Some(set) = unit.find_set(0, &key).unwrap() else {
        assert!(model.members.is_empty());
        return;
    };
    assert_eq!(encoding, Some(model.encoding));
    assert_eq!(set.len(), model.members.len() as u64);
    assert!(!set.is_empty());
    let mut all = Vec::new();
    set.each(|member| all.push(text(member)));
    let sorted: Members = all.iter().cloned().collect();
    assert_eq!(sorted, model.members);
    for (number, member) in all.iter().enumerate() {
        assert!(set.contains(hasher, member));
        assert_eq!(set.at(number as u64).map(text).as_ref(), Some(member));
    }
    for from in [0, all.len() / 3, all.len(), all.len() + 1] {
        let mut rest = Vec::new();
        set.each_while(from as u64, |member| {
            rest.push(text(member));
            rest.len() < 5
        });
        let end = all.len().min(from + 5);
        assert_eq!(rest, all.get(from..end).unwrap_or_default());
    }
    for other in ["none", "", "-31", "1e1", "007"] {
        let is_there = model.members.contains(other.as_bytes());
        assert_eq!(set.contains(hasher, other.as_bytes()), is_there, "{other}");
    }
    assert_eq!(set.at(set.len()), None);
    assert!(sorted.contains(&text(set.draw(u64::MAX / 3).unwrap())));
    let (mut cursor, mut shown) = (0, Vec::new());
    loop {
        cursor = set.scan(cursor, 3, |member| shown.push(text(member)));
        if cursor == 0 {
            break;
        }
    }
    assert_eq!(shown, all, "each once");
    assert_eq!(set.scan(u64::MAX, 3, |_| ()), 0);
}

fn run(steps: &[Step], limits: &Limits) {
    let (keyspace, mut model) = (keyspace(), Model::default());
    let (key, mut random) = (keyspace.key(b"s"), random(1));
    for step in steps {
        let was_there = !model.members.is_empty();
        let mut unit = write(&keyspace);
        let (outcome, expected) = match step {
            Step::Add(members) => {
                let added = unit.edit_set(0, &key, limits, |set| {
                    set.add_all(members.iter().map(Vec::as_slice))
                });
                (added, model.add(members, limits))
            }
            Step::Remove(members) => {
                let removed = unit.edit_set(0, &key, limits, |set| {
                    set.remove_all(members.iter().map(Vec::as_slice))
                });
                let expected = members.iter().filter(|one| model.members.remove(*one));
                (removed, expected.count() as u64)
            }
            Step::Pop => {
                let mut popped = None;
                let outcome = unit.edit_set(0, &key, limits, |set| {
                    popped = set.pop(random(), text);
                    u64::from(popped.is_some())
                });
                assert_eq!(popped.is_some(), was_there);
                let is_one = popped.is_none_or(|member| model.members.remove(&member));
                assert!(is_one);
                (outcome, was_there.into())
            }
            Step::PopMany(count) => {
                let mut taken = Vec::new();
                let outcome = unit.edit_set(0, &key, limits, |set| {
                    let popped = set.pop_many(*count, &mut random);
                    popped.as_set().each(|member| taken.push(text(member)));
                    popped.as_set().len()
                });
                let expected = model.members.len().min(*count as usize);
                assert!(taken.iter().all(|member| model.members.remove(member)));
                (outcome, expected as u64)
            }
            Step::Check => {
                drop(unit);
                check(&keyspace, &model);
                continue;
            }
        };
        let outcome = outcome.unwrap();
        assert_eq!((outcome.result, outcome.changes), (expected, expected));
        assert_eq!(outcome.is_gone, was_there && model.members.is_empty());
    }
    check(&keyspace, &model);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(if std::env::var_os("NUTHATCH_LONG").is_some() { 2000 } else { 150 }))]

    #[test]
    fn a_set_is_a_set(
        steps in prop::collection::vec(step(), 1..60),
        integers in 0..30usize,
        entries in 0..30usize,
        value_bytes in 0..12u64,
    ) {
        run(&steps, &limits(integers, entries, value_bytes));
    }

    #[test]
    fn a_set_with_roomy_limits_is_a_set(steps in prop::collection::vec(step(), 1..60)) {
        run(&steps, &Limits::default());
    }
}

/// A set of `count` members, all integers or none.
fn filled(keyspace: &Keyspace, count: u64, integers: bool, limits: &Limits) {
    let prefix = if integers { "" } else { "m" };
    let members: Vec<String> = (0..count).map(|n| format!("{prefix}{n}")).collect();
    let key = keyspace.key(b"s");
    let mut unit = write(keyspace);
    unit.delete(0, &key);
    let members = members.iter().map(String::as_bytes);
    let added = unit.edit_set(0, &key, limits, |set| set.add_all(members));
    assert_eq!(added.unwrap().result, count);
}

#[test]
fn every_member_is_drawn_and_popped_as_often_as_any_other() {
    const MEMBERS: usize = 50;
    const ROUNDS: usize = 4_000;
    let tiny = limits(0, 0, 0);
    let encodings = [
        (true, Limits::default()),
        (false, Limits::default()),
        (true, tiny),
    ];
    let keyspace = keyspace();
    let key = keyspace.key(b"s");
    let mut random = random(3);
    // Of each member how often it came: for each way of picking.
    for (integers, limits) in encodings {
        let mut counts = vec![[0usize; 4]; MEMBERS];
        let number = |member: Value<'_>| -> usize {
            let member = String::from_utf8(text(member)).unwrap();
            member.trim_start_matches('m').parse().unwrap()
        };
        for _ in 0..ROUNDS {
            filled(&keyspace, MEMBERS as u64, integers, &limits);
            let mut unit = write(&keyspace);
            let set = unit.find_set(0, &key).unwrap().unwrap();
            counts[number(set.draw(random()).unwrap())][0] += 1;
            let popped = unit.edit_set(0, &key, &limits, |set| {
                let first = set.pop(random(), number).unwrap();
                counts[first][1] += 1;
                assert!(set.add(if integers { b"-1" } else { b"m51" }));
                // One by one, then in one walk.
                for (way, count) in [(2, 5), (3, 20)] {
                    let taken = set.pop_many(count, &mut random);
                    assert_eq!(taken.as_set().len(), count);
                    taken.as_set().each(|member| {
                        let member = String::from_utf8(text(member)).unwrap();
                        let member = member.trim_start_matches('m').parse::<usize>();
                        if let Some(counts) = member.ok().and_then(|number| counts.get_mut(number))
                        {
                            counts[way] += 1;
                        }
                    });
                }
            });
            popped.unwrap();
        }
        // What was popped first is not there for the others; the mean of each way, and five deviations.
        for (way, share) in [(0, 1.0), (1, 1.0), (2, 5.0 * 0.98), (3, 20.0 * 0.98)] {
            let mean = ROUNDS as f64 * share / MEMBERS as f64;
            let tolerance = 5.0 * mean.sqrt();
            for (member, counts) in counts.iter().enumerate() {
                let off = (counts[way] as f64 - mean).abs();
                assert!(
                    off < tolerance,
                    "{integers} {way} {member}: {} of {mean}",
                    counts[way]
                );
            }
        }
    }
}

#[test]
fn popping_a_part_of_a_big_set_leaves_the_rest() {
    let keyspace = keyspace();
    let (key, limits) = (keyspace.key(b"s"), Limits::default());
    let mut random = random(5);
    for count in [1, 100, 5_000, 15_000, 19_999, 20_000, 30_000] {
        filled(&keyspace, 20_000, false, &limits);
        let mut unit = write(&keyspace);
        let mut taken = Members::new();
        let outcome = unit.edit_set(0, &key, &limits, |set| {
            let popped = set.pop_many(count, &mut random);
            popped
                .as_set()
                .each(|member| assert!(taken.insert(text(member))));
        });
        let expected = count.min(20_000);
        assert_eq!(taken.len() as u64, expected);
        assert_eq!(outcome.unwrap().is_gone, expected == 20_000);
        let rest = unit.find_set(0, &key).unwrap();
        let mut left = 0;
        if let Some(rest) = rest {
            rest.each(|member| {
                left += 1;
                assert!(!taken.contains(&text(member)));
            });
        }
        assert_eq!(left, 20_000 - expected);
    }
    drop(write(&keyspace));
}

#[test]
fn a_pop_is_prepared_step_by_step() {
    let keyspace = keyspace();
    let (key, limits) = (keyspace.key(b"s"), Limits::default());
    filled(&keyspace, 20_000, false, &limits);
    let mut counts = [0usize; 20_000];
    const POPS: [(u64, usize, u64); 3] = [(1_000, 100, 160), (1_000, 1, 1_000), (10_000, 100, 200)];
    for (round, (count, work, most_steps)) in POPS.into_iter().cycle().take(12).enumerate() {
        let mut unit = write(&keyspace);
        let held = unit.hold_value(0, &key, ValueType::Set).unwrap();
        let mut pop = BulkPop::new(&held, count, round as u64).unwrap();
        drop(BulkPop::new(&held, count, 7));
        let mut steps = 1;
        while pop.step(work) {
            steps += 1;
        }
        assert!(steps <= most_steps + 10 && !pop.step(work), "{steps} steps");
        let mut taken = Vec::new();
        let outcome = unit.edit_set(0, &key, &limits, |set| {
            let popped = set.pop_prepared(pop);
            popped.as_set().each(|member| taken.push(text(member)));
        });
        let outcome = outcome.unwrap();
        assert_eq!((outcome.changes, outcome.is_gone), (count, false));
        let set = unit.find_set(0, &key).unwrap().unwrap();
        assert_eq!((taken.len() as u64, set.len()), (count, 20_000 - count));
        let hasher = keyspace.hasher().elements();
        for member in &taken {
            assert!(!set.contains(hasher, member));
            let number: usize = String::from_utf8_lossy(&member[1..]).parse().unwrap();
            counts[number] += 1;
        }
        // Back again, for the next round.
        let again = taken.iter().map(Vec::as_slice);
        let added = unit.edit_set(0, &key, &limits, |set| set.add_all(again));
        assert_eq!(added.unwrap().result, count);
    }
    // A halves-pop takes each half of the time; four of them and little more.
    let often = counts.iter().filter(|count| **count >= 4).count();
    assert!((1_000..4_000).contains(&often), "{often}");
    let mut unit = write(&keyspace);
    let held = unit.hold_value(0, &key, ValueType::Set).unwrap();
    assert!(BulkPop::new(&held, 20_000, 1).is_none());
    let nothing = unit.hold_value(0, &keyspace.key(b"none"), ValueType::Set);
    assert!(BulkPop::new(&nothing.unwrap(), 1, 1).is_none());
}

#[test]
fn announced_members_make_a_tree_even_if_they_are_there() {
    let keyspace = keyspace();
    let (key, limits) = (keyspace.key(b"s"), limits(8, 4, 64));
    let encoding = |unit: &mut Unit<'_>| {
        let set = unit.collection(0, &key, ValueType::Set).unwrap();
        set.unwrap().encoding()
    };
    let mut unit = write(&keyspace);
    let mut add = |members: &[&str]| {
        let members = members.iter().map(|member| member.as_bytes());
        let outcome = unit.edit_set(0, &key, &limits, |set| set.add_all(members));
        (outcome.unwrap().changes, encoding(&mut unit))
    };
    assert_eq!(add(&["a", "b"]), (2, "listpack"));
    assert_eq!(add(&["a", "b", "a", "b"]), (0, "listpack"));
    assert_eq!(add(&["a", "b", "a", "b", "a"]), (0, "hashtable"));
}

#[test]
fn other_types_are_refused() {
    let keyspace = keyspace();
    let (key, limits) = (keyspace.key(b"l"), Limits::default());
    let mut unit = write(&keyspace);
    let element = std::iter::once(&b"e"[..]);
    unit.push_list(0, &key, crate::typed::End::Left, element, true, &limits)
        .unwrap();
    assert_eq!(unit.find_set(0, &key).err(), Some(StoreError::WrongType));
    let edited = unit.edit_set(0, &key, &limits, |_| unreachable!());
    assert_eq!(edited.err(), Some(StoreError::WrongType));
}
