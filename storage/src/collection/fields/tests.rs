use std::collections::BTreeMap;

use proptest::prelude::*;

use super::*;
use crate::tree::Remains;

type Model = BTreeMap<Vec<u8>, (Vec<u8>, Option<i64>)>;

/// A hash of few bits: many names share one.
fn weak(name: &[u8]) -> ElementHash {
    strong(name) % 200
}

fn strong(name: &[u8]) -> ElementHash {
    name.iter().fold(7, |hash: u32, &byte| {
        (hash ^ u32::from(byte))
            .wrapping_mul(0x0100_0193)
            .rotate_left(11)
    })
}

fn element<'a>(name: &'a [u8], (value, expire_at): &'a (Vec<u8>, Option<i64>)) -> Element<'a> {
    Element {
        name,
        value,
        expire_at: expire_at.map(UnixMillis),
    }
}

fn check(tree: &FieldTree, model: &Model, hash: fn(&[u8]) -> ElementHash) {
    assert_eq!(tree.len(), model.len() as u64);
    assert_eq!(tree.is_empty(), model.is_empty());
    for (name, rest) in model {
        assert_eq!(tree.get(hash(name), name), Some(element(name, rest)));
    }
    let mut found: Vec<_> = tree.iter().map(|element| element.name).collect();
    let hashes: Vec<_> = found.iter().map(|name| hash(name)).collect();
    assert!(hashes.is_sorted());
    for (number, name) in found.iter().enumerate() {
        assert_eq!(tree.at(number as u64).unwrap().name, *name);
    }
    found.sort_unstable();
    assert!(found.iter().eq(&model.keys().collect::<Vec<_>>()));
}

#[derive(Clone, Debug)]
enum Step {
    Set(u16, usize, Option<i64>),
    Remove(u16),
    Pin,
}

fn step() -> impl Strategy<Value = Step> {
    let value = prop_oneof![8 => 0..40usize, 2 => 200..300usize, 1 => 900..1_100usize, 1 => 65_000..66_000usize];
    prop_oneof![
        6 => (0..600u16, value, prop::option::of(any::<i64>())).prop_map(|(name, len, at)| Step::Set(name, len, at)),
        3 => (0..600u16).prop_map(Step::Remove),
        1 => Just(Step::Pin),
    ]
}

fn run(steps: &[Step], hash: fn(&[u8]) -> ElementHash) {
    let (mut tree, mut model) = (FieldTree::default(), Model::new());
    let mut pins = Vec::new();
    for (number, step) in steps.iter().enumerate() {
        match *step {
            Step::Set(name, len, expire_at) => {
                let name = format!("field-{name}").into_bytes();
                let rest = (vec![number as u8; len], expire_at);
                let was_there = tree.set(hash(&name), &element(&name, &rest));
                assert_eq!(was_there, model.insert(name, rest).is_some());
            }
            Step::Remove(name) => {
                let name = format!("field-{name}").into_bytes();
                let was_there = tree.remove(hash(&name), &name);
                assert_eq!(was_there, model.remove(&name).is_some());
                assert_eq!(tree.get(hash(&name), &name), None);
            }
            Step::Pin => pins.push((tree.clone(), model.clone())),
        }
    }
    check(&tree, &model, hash);
    for (pin, model) in pins {
        check(&pin, &model, hash);
        let mut remains = Remains::of(pin.into_tree());
        while remains.free_some(2) > 0 {}
    }
    check(&tree, &model, hash);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(if std::env::var_os("NUTHATCH_LONG").is_some() { 2000 } else { 60 }))]

    #[test]
    fn elements_are_a_map(steps in prop::collection::vec(step(), 1..400)) {
        run(&steps, strong);
    }

    #[test]
    fn elements_that_share_hashes_are_a_map(steps in prop::collection::vec(step(), 1..400)) {
        run(&steps, weak);
    }
}

fn filled(count: usize, hash: fn(&[u8]) -> ElementHash) -> FieldTree {
    let mut tree = FieldTree::default();
    for n in 0..count {
        let name = format!("member:{n:09}").into_bytes();
        tree.set(hash(&name), &element(&name, &(Vec::new(), None)));
    }
    tree
}

#[test]
fn a_scan_shows_what_stays_exactly_once() {
    for (hash, most) in [(strong as fn(&[u8]) -> ElementHash, 12), (weak, 80)] {
        let mut tree = filled(5_000, hash);
        let (mut cursor, mut shown) = (0, Vec::new());
        for round in 0.. {
            let before = shown.len();
            let next = tree.scan(cursor, 10, |element| shown.push(element.name.to_vec()));
            assert!((1..=most).contains(&(shown.len() - before)));
            // Meanwhile others come and go.
            let name = format!("other:{round}").into_bytes();
            tree.set(hash(&name), &element(&name, &(vec![0; 2_000], None)));
            let name = format!("member:{:09}", 4_000 + round % 1_000).into_bytes();
            tree.remove(hash(&name), &name);
            match next {
                Some(next) => cursor = next,
                None => break,
            }
        }
        let mut stayed: Vec<_> = shown
            .into_iter()
            .filter(|name| name[..] < b"member:000004000"[..])
            .collect();
        stayed.sort_unstable();
        let expected: Vec<_> = (0..4_000)
            .map(|n| format!("member:{n:09}").into_bytes())
            .collect();
        assert_eq!(stayed.len(), expected.len());
        assert!(stayed == expected);
    }
}

#[test]
fn a_member_of_16_bytes_takes_less_than_32() {
    let tree = filled(100_000, strong);
    let each = tree.memory_bytes() as f64 / 100_000.0;
    assert!((26.0..32.0).contains(&each), "{each}");
}

#[test]
fn memory_comes_back() {
    let mut tree = filled(20_000, strong);
    let full = tree.memory_bytes();
    for n in 0..20_000 {
        if n % 10 > 0 {
            let name = format!("member:{n:09}").into_bytes();
            assert!(tree.remove(strong(&name), &name));
        }
    }
    assert!(
        tree.memory_bytes() < full / 4,
        "{} of {full}",
        tree.memory_bytes()
    );
}
