use std::collections::BTreeMap;

use proptest::prelude::*;

use super::*;
use crate::tree::Remains;

type Model = BTreeMap<Vec<u8>, f64>;

fn strong(member: &[u8]) -> ElementHash {
    member.iter().fold(7, |hash: u32, &byte| {
        (hash ^ u32::from(byte))
            .wrapping_mul(0x0100_0193)
            .rotate_left(11)
    })
}

/// A hash of few bits: many members share one.
fn weak(member: &[u8]) -> ElementHash {
    strong(member) % 5
}

fn check(tree: &RankedTree, model: &Model, hash: fn(&[u8]) -> ElementHash) {
    let mut sorted: Vec<(f64, &[u8])> = model
        .iter()
        .map(|(member, &score)| (score, &member[..]))
        .collect();
    sorted.sort_by(|a, b| by_score(a.0, b.0).then(a.1.cmp(b.1)));
    assert_eq!(tree.len(), sorted.len() as u64);
    assert_eq!(tree.is_empty(), sorted.is_empty());
    assert!(tree.iter_from(0).eq(sorted.iter().copied()));
    let last = tree.len().saturating_sub(1);
    assert!(tree.iter_back_from(last).eq(sorted.iter().rev().copied()));
    for (rank, &(score, member)) in sorted.iter().enumerate() {
        let rank = rank as u64;
        assert_eq!(tree.at(rank), Some((score, member)));
        assert_eq!(tree.rank(score, member), Some(rank));
        let found = tree.score(hash(member), member).map(f64::to_bits);
        assert_eq!(found, Some(score.to_bits()));
        let below = sorted.partition_point(|other| other.0 < score) as u64;
        assert_eq!(tree.count_while_score(|other| other < score), below);
        let through = sorted.partition_point(|other| other.0 <= score) as u64;
        assert_eq!(tree.count_while_score(|other| other <= score), through);
    }
    for rank in [0, tree.len() / 2, last] {
        let rest = sorted.iter().skip(rank as usize).copied();
        assert!(tree.iter_from(rank).eq(rest));
    }
    assert_eq!(tree.at(tree.len()), None);
    assert_eq!(tree.scores.len(), tree.ranked.len());
}

#[derive(Clone, Debug)]
enum Step {
    Set(u16, usize, f64),
    Remove(u16),
    Pin,
}

fn step() -> impl Strategy<Value = Step> {
    let len = prop_oneof![8 => Just(0usize), 2 => 100..200usize, 1 => 1_000..1_100usize];
    let score = prop_oneof![
        4 => (0..8).prop_map(f64::from),
        4 => any::<i32>().prop_map(f64::from),
        1 => prop::sample::select(vec![f64::INFINITY, f64::NEG_INFINITY, 0.0, -0.0, f64::MIN_POSITIVE]),
    ];
    prop_oneof![
        6 => (0..600u16, len, score).prop_map(|(name, len, score)| Step::Set(name, len, score)),
        3 => (0..600u16).prop_map(Step::Remove),
        1 => Just(Step::Pin),
    ]
}

/// Long ones agree in their first bytes.
fn member(name: u16, len: usize) -> Vec<u8> {
    let mut member = vec![b'x'; len];
    member.extend_from_slice(name.to_string().as_bytes());
    member
}

fn run(steps: &[Step], hash: fn(&[u8]) -> ElementHash) {
    let (mut tree, mut model) = (RankedTree::default(), Model::new());
    let mut pins = Vec::new();
    for step in steps {
        match *step {
            Step::Set(name, len, score) => {
                let member = member(name, len);
                let old = tree.set(hash(&member), &member, score);
                assert_eq!(old, model.insert(member, score));
            }
            Step::Remove(name) => {
                for len in [0, 150] {
                    let member = member(name, len);
                    let old = tree.remove(hash(&member), &member);
                    assert_eq!(old, model.remove(&member));
                    assert_eq!(tree.score(hash(&member), &member), None);
                }
            }
            Step::Pin => pins.push((tree.clone(), model.clone())),
        }
    }
    check(&tree, &model, hash);
    for (pin, model) in pins {
        check(&pin, &model, hash);
        let (ranked, scores) = pin.into_trees();
        let (mut ranked, mut scores) = (Remains::of(ranked), Remains::of(scores));
        while ranked.free_some(2) > 0 {}
        while scores.free_some(2) > 0 {}
    }
    check(&tree, &model, hash);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(if std::env::var_os("NUTHATCH_LONG").is_some() { 2000 } else { 40 }))]

    #[test]
    fn members_are_a_sorted_map(steps in prop::collection::vec(step(), 1..400)) {
        run(&steps, strong);
    }

    #[test]
    fn members_that_share_hashes_are_a_sorted_map(steps in prop::collection::vec(step(), 1..400)) {
        run(&steps, weak);
    }
}

fn filled(count: u32) -> RankedTree {
    let mut tree = RankedTree::default();
    for n in 0..count {
        let member = format!("member:{n:09}").into_bytes();
        tree.set(
            strong(&member),
            &member,
            f64::from(n.wrapping_mul(2_654_435_761)),
        );
    }
    tree
}

#[test]
fn a_member_of_16_bytes_takes_less_than_52() {
    let each = filled(100_000).memory_bytes() as f64 / 100_000.0;
    assert!((41.0..52.0).contains(&each), "{each}");
}

#[test]
fn members_of_one_score_stand_in_their_own_order() {
    let mut tree = RankedTree::default();
    for n in 0..3_000u32 {
        let member = format!("the same beginning {:04}", n * 7 % 3_000).into_bytes();
        assert_eq!(tree.set(strong(&member), &member, 1.5), None);
    }
    let from = b"the same beginning 1000";
    assert_eq!(tree.count_while_member(|member| member < &from[..]), 1_000);
    assert_eq!(tree.count_while_member(|member| member <= &from[..]), 1_001);
    assert_eq!(tree.count_while_member(|_| true), 3_000);
    assert_eq!(tree.count_while_member(|_| false), 0);
    assert_eq!(tree.rank(1.5, from), Some(1_000));
    assert_eq!(tree.rank(1.5, b"absent"), None);
}
