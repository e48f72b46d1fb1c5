use proptest::prelude::*;

use super::*;
use crate::tree::Remains;

fn bytes(value: Value<'_>) -> Vec<u8> {
    let mut bytes = Vec::new();
    value.write_to(&mut bytes);
    bytes
}

fn check(list: &ListTree, model: &[Vec<u8>]) {
    assert_eq!(list.len(), model.len() as u64);
    assert_eq!(list.is_empty(), model.is_empty());
    for index in [0, model.len() / 3, model.len().saturating_sub(1)] {
        let found = list.get(index as u64).map(bytes);
        assert_eq!(found.as_ref(), model.get(index));
        let rest: Vec<_> = list.iter_from(index as u64).map(bytes).collect();
        assert!(rest == model[index.min(model.len())..]);
        let mut before: Vec<_> = list.iter_back_from(index as u64).map(bytes).collect();
        before.reverse();
        assert!(before == model[..(index + 1).min(model.len())]);
    }
    assert_eq!(list.get(model.len() as u64), None);
    for node in list.tree.leaves() {
        let bytes = node.packed().map_or(0, Listpack::byte_len);
        let fits = bytes <= list.limit.bytes && node.len() <= list.limit.elements;
        assert!(fits || node.len() == 1);
    }
}

#[derive(Clone, Debug)]
enum Step {
    /// Where, in 256ths, and how long an element.
    Insert(u8, usize),
    PushBack(usize),
    PushFront(usize),
    Replace(u8, usize),
    /// From where, and how many in 256ths.
    Remove(u8, u8),
    Pop,
    Pin,
}

fn len() -> impl Strategy<Value = usize> {
    prop_oneof![12 => 0..30usize, 4 => 200..700usize, 1 => 4_000..4_200usize]
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        4 => (any::<u8>(), len()).prop_map(|(at, len)| Step::Insert(at, len)),
        8 => len().prop_map(Step::PushBack),
        8 => len().prop_map(Step::PushFront),
        3 => (any::<u8>(), len()).prop_map(|(at, len)| Step::Replace(at, len)),
        1 => (any::<u8>(), any::<u8>()).prop_map(|(at, count)| Step::Remove(at, count)),
        4 => (any::<u8>()).prop_map(|at| Step::Remove(at, 0)),
        4 => Just(Step::Pop),
        1 => Just(Step::Pin),
    ]
}

fn share(of: usize, share: u8) -> usize {
    of * usize::from(share) / 256
}

fn element(len: usize, number: usize) -> Vec<u8> {
    let mut element = number.to_string().into_bytes();
    element.resize(element.len() + len, b'x');
    element
}

fn run(steps: &[Step], setting: i64) {
    let mut list = ListTree::new(NodeLimit::of_setting(setting));
    let (mut model, mut pins) = (Vec::new(), Vec::new());
    for (number, step) in steps.iter().enumerate() {
        match *step {
            Step::Insert(at, len) => {
                let at = share(model.len() + 1, at);
                model.insert(at, element(len, number));
                list.insert(at as u64, &model[at]);
            }
            Step::PushBack(len) => {
                model.push(element(len, number));
                list.insert(list.len(), &model[model.len() - 1]);
            }
            Step::PushFront(len) => {
                model.insert(0, element(len, number));
                list.insert(0, &model[0]);
            }
            Step::Replace(..) if model.is_empty() => {}
            Step::Replace(at, len) => {
                let at = share(model.len(), at);
                model[at] = element(len, number);
                list.replace(at as u64, &model[at]);
            }
            Step::Remove(at, count) => {
                let at = share(model.len(), at);
                let end = (at + 1 + share(model.len(), count)).min(model.len());
                let removed = list.remove(at as u64, (end - at) as u64);
                model.drain(at..end);
                let mut remains = Remains::of(removed);
                while remains.free_some(2) > 0 {}
            }
            Step::Pop => {
                model.pop();
                let removed = list.remove(list.len().saturating_sub(1), 1);
                assert!(removed.is_empty());
            }
            Step::Pin => pins.push((list.clone(), model.clone())),
        }
    }
    check(&list, &model);
    for (pin, model) in pins {
        check(&pin, &model);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(if std::env::var_os("NUTHATCH_LONG").is_some() { 1000 } else { 50 }))]

    #[test]
    fn elements_are_a_list(
        steps in prop::collection::vec(step(), 1..300),
        setting in prop::sample::select(vec![-1, -2, -5, 1, 3, 128]),
    ) {
        run(&steps, setting);
    }
}

#[test]
fn settings_are_those_of_redis() {
    let limit = |setting| {
        let limit = NodeLimit::of_setting(setting);
        (limit.bytes, limit.elements)
    };
    assert_eq!(limit(-1).0, 4 * 1024);
    assert_eq!(limit(-2).0, 8 * 1024);
    assert_eq!(limit(-5).0, 64 * 1024);
    assert_eq!(limit(-6).0, 64 * 1024);
    assert_eq!(limit(i64::MIN).0, 64 * 1024);
    assert_eq!(limit(5), (8 * 1024, 5));
    assert_eq!(limit(0), (8 * 1024, 1));
    assert_eq!(limit(i64::MAX).1, ELEMENTS_MAX);
}

#[test]
fn an_element_of_16_bytes_takes_less_than_19_whichever_end_it_came_to() {
    for front in [false, true] {
        let mut list = ListTree::default();
        for n in 0..100_000 {
            let at = if front { 0 } else { list.len() };
            list.insert(at, format!("element:{n:08}").as_bytes());
        }
        let each = list.memory_bytes() as f64 / 100_000.0;
        assert!((18.0..19.0).contains(&each), "{each}");
    }
}

#[test]
fn removing_none_removes_none() {
    let mut list = ListTree::default();
    list.insert(0, &[b'x'; 10_000]);
    list.insert(1, b"small");
    for index in 0..3 {
        assert!(list.remove(index, 0).is_empty());
    }
    assert_eq!(list.len(), 2);
}
