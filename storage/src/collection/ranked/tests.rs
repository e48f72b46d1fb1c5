use std::collections::BTreeMap;

use proptest::prelude::*;

use super::leaf::by_score;
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
        assert_eq!(tree.first_from_score(score), below);
        let through = sorted.partition_point(|other| other.0 <= score) as u64;
        assert_eq!(tree.count_while_score(|other| other <= score), through);
        assert_eq!(tree.first_above_score(score), through);
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
    /// Which, in 256ths.
    RemoveAt(u8),
    /// From which and how many, in 256ths.
    RemoveRange(u8, u8),
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
        1 => any::<u8>().prop_map(Step::RemoveAt),
        1 => (any::<u8>(), 0..40u8).prop_map(|(from, count)| Step::RemoveRange(from, count)),
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
                assert_eq!(old, model.get(&member).copied());
                if old != Some(score) {
                    model.insert(member, score);
                }
            }
            Step::Remove(name) => {
                for len in [0, 150] {
                    let member = member(name, len);
                    let old = tree.remove(hash(&member), &member);
                    assert_eq!(old, model.remove(&member));
                    assert_eq!(tree.score(hash(&member), &member), None);
                }
            }
            Step::RemoveAt(_) if model.is_empty() => assert!(!tree.remove_at(0, hash)),
            Step::RemoveAt(share) => {
                let rank = tree.len() * u64::from(share) / 256;
                let member = tree.at(rank).unwrap().1.to_vec();
                assert!(tree.remove_at(rank, hash));
                assert!(model.remove(&member).is_some());
                assert!(!tree.remove_at(model.len() as u64, hash));
            }
            Step::RemoveRange(from, count) => {
                let share = |share| tree.len() * u64::from(share) / 256;
                let (from, count) = (share(from), share(count));
                let expected: Vec<_> = tree.iter_from(from).take(count as usize).collect();
                let pin = tree.clone();
                let expected: Vec<_> = expected
                    .iter()
                    .map(|&(score, member)| (score, member.to_vec()))
                    .collect();
                let cut = tree.remove_range(from, count, hash);
                assert_eq!(cut.len(), expected.len() as u64);
                let found = cut.iter().map(|(score, member)| (score, member.to_vec()));
                assert!(found.eq(expected.iter().cloned()));
                for (_, member) in &expected {
                    assert!(model.remove(member).is_some());
                    assert_eq!(tree.score(hash(member), member), None);
                }
                let mut remains = cut.into_remains();
                while remains.free_some(1) > 0 {}
                assert!(remains.is_empty());
                assert_eq!(pin.len(), tree.len() + expected.len() as u64);
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
    // Built at once it is the same, whichever order the members come in.
    let stale = model.iter().rev().map(|(member, _)| (&member[..], 17.5));
    let members = model.iter().map(|(member, &score)| (&member[..], score));
    let built: RankedTree = stale
        .chain(members)
        .map(|(member, score)| (hash(member), member, score))
        .collect();
    check(&built, &model, hash);
    let mut all = tree;
    let cut = all.remove_range(0, u64::MAX, hash);
    assert_eq!((cut.len(), all.len()), (model.len() as u64, 0));
    assert!(all.scores.is_empty());
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
fn large_ranges_are_cut_out_of_both_trees() {
    let full = filled(100_000);
    for (from, count) in [
        (0, 1),
        (99_999, 9),
        (40_000, 50_000),
        (0, 99_999),
        (5, 99_995),
    ] {
        let mut tree = full.clone();
        let cut = tree.remove_range(from, count, strong);
        assert!(cut.iter().eq(full.iter_from(from).take(count as usize)));
        let behind = full.iter_from(from + count);
        assert!(
            tree.iter_from(0)
                .eq(full.iter_from(0).take(from as usize).chain(behind))
        );
        assert_eq!(tree.scores.len(), tree.len());
        for (score, member) in tree.iter_from(0).step_by(11) {
            assert_eq!(tree.score(strong(member), member), Some(score));
        }
        for (_, member) in cut.iter().step_by(7) {
            assert_eq!(tree.score(strong(member), member), None);
        }
    }
}

#[test]
fn a_score_that_keeps_its_leaf_moves_no_member() {
    let mut tree = filled(10_000);
    let (score, member) = tree.at(5_000).unwrap();
    let (lower, higher) = (tree.at(4_990).unwrap().0, tree.at(5_010).unwrap().0);
    let (member, address) = (member.to_vec(), member.as_ptr());
    let hash = strong(&member);
    for (score, rank) in [
        (score + 0.5, 5_000),
        (higher + 0.5, 5_010),
        (lower + 0.5, 4_991),
        (lower + 0.5, 4_991),
    ] {
        assert!(tree.set(hash, &member, score).is_some());
        assert_eq!(tree.rank(score, &member), Some(rank));
        assert_eq!(tree.score(hash, &member), Some(score));
        assert_eq!(tree.at(rank).unwrap().1.as_ptr(), address);
    }
    let pin = tree.clone();
    tree.set(hash, &member, f64::INFINITY);
    assert_eq!(tree.rank(f64::INFINITY, &member), Some(9_999));
    assert_eq!(pin.score(hash, &member), Some(lower + 0.5));
    // An equal score is not written, and so copies nothing that is pinned.
    let pin = tree.clone();
    assert_eq!(tree.set(hash, &member, f64::INFINITY), Some(f64::INFINITY));
    assert!(
        tree.ranked
            .leaves()
            .zip(pin.ranked.leaves())
            .all(|(a, b)| std::ptr::eq(a, b))
    );
    assert!(
        tree.scores
            .leaves()
            .zip(pin.scores.leaves())
            .all(|(a, b)| std::ptr::eq(a, b))
    );
}

#[test]
#[should_panic(expected = "scores have an order")]
fn nan_is_refused_before_anything_changes() {
    RankedTree::default().set(1, b"member", f64::NAN);
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
    assert_eq!(tree.first_from_member(from), 1_000);
    assert_eq!(tree.first_above_member(from), 1_001);
    assert_eq!(tree.first_above_member(b"the same beginning 1000x"), 1_001);
    assert_eq!(
        (tree.first_from_member(b""), tree.first_from_member(b"u")),
        (0, 3_000)
    );
    assert_eq!(tree.count_while_member(|_| false), 0);
    assert_eq!(tree.rank(1.5, from), Some(1_000));
    assert_eq!(tree.rank(1.5, b"absent"), None);
}
