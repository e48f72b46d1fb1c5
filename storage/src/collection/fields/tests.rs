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
    let expiries = || model.values().filter_map(|rest| rest.1);
    assert_eq!(tree.expiring(), expiries().count() as u64);
    assert_eq!(tree.soonest_expiry(), expiries().min().map(UnixMillis));
    let hashed: Vec<_> = tree.iter_from(0).collect();
    for from in [0, 1 << 28, 100, u32::MAX] {
        let rest = &hashed[hashed.partition_point(|one| one.0 < from)..];
        assert!(tree.iter_from(from).eq(rest.iter().copied()));
    }
    for number in [0, 1, hashed.len() / 2, hashed.len(), hashed.len() + 1] {
        let rest = hashed.iter().copied().skip(number);
        assert!(tree.iter_from_number(number as u64).eq(rest));
    }
    let mut found: Vec<_> = tree.iter().map(|element| element.name).collect();
    let hashes: Vec<_> = found.iter().map(|name| hash(name)).collect();
    assert!(hashes.is_sorted());
    assert!(hashed.iter().map(|one| one.0).eq(hashes));
    for (number, name) in found.iter().enumerate() {
        assert_eq!(tree.at(number as u64).unwrap().name, *name);
    }
    found.sort_unstable();
    assert!(found.iter().eq(&model.keys().collect::<Vec<_>>()));
}

#[derive(Clone, Debug)]
enum Step {
    Set(u16, usize, Option<i64>),
    Add(u16),
    Remove(u16),
    /// Which, in 256ths.
    RemoveAt(u8),
    SetExpiry(u16, Option<i64>),
    /// Before when, and how many.
    RemoveExpired(i64, usize),
    Pin,
}

fn step() -> impl Strategy<Value = Step> {
    let value = prop_oneof![8 => 0..40usize, 2 => 200..300usize, 1 => 900..1_100usize, 1 => 65_000..66_000usize];
    prop_oneof![
        6 => (0..600u16, value, expiry()).prop_map(|(name, len, at)| Step::Set(name, len, at)),
        2 => (0..600u16).prop_map(Step::Add),
        3 => (0..600u16).prop_map(Step::Remove),
        1 => any::<u8>().prop_map(Step::RemoveAt),
        2 => (0..600u16, expiry()).prop_map(|(name, at)| Step::SetExpiry(name, at)),
        1 => (-1_000..1_000i64, 0..20usize).prop_map(|(now, most)| Step::RemoveExpired(now, most)),
        1 => Just(Step::Pin),
    ]
}

fn expiry() -> impl Strategy<Value = Option<i64>> {
    prop_oneof![2 => Just(None), 1 => (-900..10_000i64).prop_map(Some), 1 => (i64::MIN..i64::MAX).prop_map(Some)]
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
            Step::Add(name) => {
                let name = format!("field-{name}").into_bytes();
                let rest = (b"added".to_vec(), None);
                let is_new = tree.add(hash(&name), &element(&name, &rest));
                assert_eq!(is_new, !model.contains_key(&name));
                model.entry(name).or_insert(rest);
            }
            Step::Remove(name) => {
                let name = format!("field-{name}").into_bytes();
                let was_there = tree.remove(hash(&name), &name);
                assert_eq!(was_there, model.remove(&name).is_some());
                assert_eq!(tree.get(hash(&name), &name), None);
            }
            Step::RemoveAt(_) if model.is_empty() => assert!(!tree.remove_at(0)),
            Step::RemoveAt(share) => {
                let at = tree.len() * u64::from(share) / 256;
                let name = tree.at(at).unwrap().name.to_vec();
                let taken = tree.take_at(at, |found, element| {
                    assert_eq!(element.name, name);
                    found
                });
                assert_eq!(taken, Some(hash(&name)));
                assert!(model.remove(&name).is_some());
                assert!(!tree.remove_at(model.len() as u64));
            }
            Step::SetExpiry(name, expire_at) => {
                let name = format!("field-{name}").into_bytes();
                let old = tree.set_expiry(hash(&name), &name, expire_at.map(UnixMillis));
                let rest = model.get_mut(&name);
                let expected = rest.map(|rest| std::mem::replace(&mut rest.1, expire_at));
                assert_eq!(old, expected.map(|old| old.map(UnixMillis)));
            }
            Step::RemoveExpired(now, most) => {
                let due = |at: Option<i64>| at.is_some_and(|at| at < now);
                let count = model.values().filter(|rest| due(rest.1)).count();
                let removed = tree.remove_expired(UnixMillis(now), most, &mut |gone| {
                    let rest = model.remove(gone.name).unwrap();
                    assert!(due(rest.1));
                    assert_eq!(gone, element(gone.name, &rest));
                });
                assert_eq!(removed, count.min(most));
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
    // Built at once it is the same, whichever order the elements come in.
    let mut elements: Vec<_> = tree.iter_from(0).collect();
    elements.sort_by_key(|(_, element)| element.name);
    let stale = elements.iter().map(|&(hash, element)| {
        let value = b"replaced";
        (hash, Element { value, ..element })
    });
    let built: FieldTree = stale.chain(elements.iter().copied()).collect();
    check(&built, &model, hash);
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
fn a_field_of_16_bytes_with_a_value_of_8_takes_less_than_42() {
    let mut tree = FieldTree::default();
    for n in 0..100_000 {
        let name = format!("member:{n:09}").into_bytes();
        let value = b"value..8".to_vec();
        tree.set(strong(&name), &element(&name, &(value, None)));
    }
    let each = tree.memory_bytes() as f64 / 100_000.0;
    assert!((34.0..42.0).contains(&each), "{each}");
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
fn a_tree_built_at_once_has_full_leaves_and_takes_changes() {
    let slow = filled(100_000, strong);
    let mut built: FieldTree = slow.iter_from(0).collect();
    assert!(built.iter().eq(slow.iter()));
    let each = built.memory_bytes() as f64 / 100_000.0;
    assert!(each < 31.0, "{each}");
    for n in 0..100_000 {
        let name = format!("member:{n:09}").into_bytes();
        assert!(built.remove(strong(&name), &name));
        let name = format!("another:{n:09}").into_bytes();
        let rest = (Vec::new(), None);
        assert!(!built.set(strong(&name), &element(&name, &rest)));
    }
    assert_eq!(built.len(), 100_000);
    assert!(FieldTreeBuilder::default().finish().is_empty());
}

#[test]
fn expired_elements_are_found_without_a_walk() {
    let mut tree = filled(50_000, strong);
    for n in (0..50_000).step_by(5_000) {
        let name = format!("member:{n:09}").into_bytes();
        let old = tree.set_expiry(strong(&name), &name, Some(UnixMillis(n)));
        assert_eq!(old, Some(None));
    }
    let pin = tree.clone();
    assert_eq!(tree.soonest_expiry(), Some(UnixMillis(0)));
    let mut gone = Vec::new();
    let mut show = |element: Element<'_>| gone.push(element.expire_at.unwrap().0);
    assert_eq!(tree.remove_expired(UnixMillis(0), 100, &mut show), 0);
    assert_eq!(tree.remove_expired(UnixMillis(10_000), 100, &mut show), 2);
    assert_eq!(tree.remove_expired(UnixMillis(25_001), 3, &mut show), 3);
    let (a, b): (Vec<_>, Vec<_>) = (pin.tree.leaves().collect(), tree.tree.leaves().collect());
    let changed = a.iter().zip(&b).filter(|(a, b)| !std::ptr::eq(**a, **b));
    assert_eq!(changed.count(), 5, "a leaf for each");
    assert!(gone.iter().all(|&at| at <= 25_000), "{gone:?}");
    assert_eq!(tree.remove_expired(UnixMillis(25_001), 3, &mut |_| {}), 1);
    assert_eq!(tree.soonest_expiry(), Some(UnixMillis(30_000)));
    assert_eq!((tree.expiring(), pin.expiring()), (4, 10));
    let all = tree.remove_expired(UnixMillis(i64::MAX), 100, &mut |_| {});
    assert_eq!((all, tree.soonest_expiry(), tree.expiring()), (4, None, 0));
    assert_eq!((tree.len(), pin.len()), (49_990, 50_000));
}

#[test]
fn an_expire_time_is_changed_in_place() {
    let mut tree = FieldTree::default();
    tree.set(7, &element(b"field", &(vec![0; 1 << 20], None)));
    let value = tree.at(0).unwrap().value.as_ptr();
    let bytes = tree.memory_bytes();
    assert_eq!(
        tree.set_expiry(7, b"field", Some(UnixMillis(1))),
        Some(None)
    );
    assert_eq!(
        tree.set_expiry(7, b"field", Some(UnixMillis(2))),
        Some(Some(UnixMillis(1)))
    );
    assert_eq!(tree.set_expiry(7, b"other", None), None);
    assert_eq!(tree.at(0).unwrap().expire_at, Some(UnixMillis(2)));
    assert_eq!(
        tree.set_expiry(7, b"field", None),
        Some(Some(UnixMillis(2)))
    );
    assert_eq!(tree.at(0).unwrap().value.as_ptr(), value);
    assert_eq!(tree.memory_bytes(), bytes);
}

#[test]
fn a_leaf_is_split_by_bytes() {
    let mut tree = FieldTree::default();
    // The first eighth of the hashes has nearly all the bytes.
    for n in 0..256u32 {
        let name = n.to_be_bytes();
        let value = vec![0; if n < 32 { 500 } else { 1 }];
        tree.set(n, &element(&name, &(value, None)));
    }
    let leaves: Vec<_> = tree.tree.leaves().map(Leaf::len).collect();
    assert!(leaves[..4].iter().all(|&len| len <= 9), "{leaves:?}");
    assert!(leaves.len() <= 12, "{leaves:?}");
}

#[test]
fn large_values_are_freed_a_few_at_a_time() {
    let mut tree = FieldTree::default();
    for n in 0..100u32 {
        let value = vec![0; 256 * 1024];
        tree.set(n, &element(&n.to_be_bytes(), &(value, None)));
    }
    let pin = tree.clone();
    let mut remains = Remains::of(tree.into_tree());
    // The pin has them all.
    assert!(remains.free_some(100) <= 3 && remains.is_empty());
    let mut remains = Remains::of(pin.into_tree());
    let mut steps = 0;
    while !remains.is_empty() {
        let before = remains.memory_bytes();
        assert!((1..=20).contains(&remains.free_some(16)));
        let freed = before - remains.memory_bytes();
        assert!(freed <= 5 * 257 * 1024, "{freed}");
        steps += 1;
    }
    assert_eq!(remains.memory_bytes(), 0);
    assert!((24..=30).contains(&steps), "{steps}");
}

#[test]
fn a_large_value_is_overwritten_in_place_unless_it_is_pinned() {
    let mut tree = FieldTree::default();
    let set = |tree: &mut FieldTree, byte| {
        tree.set(7, &element(b"field", &(vec![byte; 1 << 20], None)));
        tree.at(0).unwrap().value.as_ptr()
    };
    let first = set(&mut tree, 1);
    assert_eq!(set(&mut tree, 2), first);
    let pin = tree.clone();
    let third = set(&mut tree, 3);
    assert_ne!(third, first);
    assert_eq!(pin.at(0).unwrap().value, [2; 1 << 20]);
    assert_eq!(tree.at(0).unwrap().value, [3; 1 << 20]);
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
