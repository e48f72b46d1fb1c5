use proptest::prelude::*;

use super::node::ELEMENTS_MAX;
use super::*;
use crate::listpack::Listpack;

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
    assert_eq!(list.front().map(bytes).as_ref(), model.first());
    assert_eq!(list.back().map(bytes).as_ref(), model.last());
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
    PopBack,
    PopFront,
    /// An element that is often there.
    PushRepeated(u8, bool),
    RemoveRepeated(u8, u64, bool),
    /// What is left, in 256ths.
    Trim(u8, u8),
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
        4 => Just(Step::PopBack),
        4 => Just(Step::PopFront),
        8 => (0..3u8, any::<bool>()).prop_map(|(which, front)| Step::PushRepeated(which, front)),
        1 => (0..3u8, 0..30u64, any::<bool>()).prop_map(|(which, most, tail)| Step::RemoveRepeated(which, most, tail)),
        1 => (0..40u8, any::<u8>()).prop_map(|(from, count)| Step::Trim(from, count)),
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

fn repeated(which: u8) -> &'static [u8] {
    [&b"again"[..], b"17", &[b'l'; 9_000]][usize::from(which)]
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
                list.push_back(&model[model.len() - 1]);
            }
            Step::PushFront(len) => {
                model.insert(0, element(len, number));
                list.push_front(&model[0]);
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
            Step::PopBack => assert_eq!(list.pop_back(bytes), model.pop()),
            Step::PopFront => {
                let expected = (!model.is_empty()).then(|| model.remove(0));
                assert_eq!(list.pop_front(bytes), expected);
            }
            Step::PushRepeated(which, true) => {
                list.push_front(repeated(which));
                model.insert(0, repeated(which).to_vec());
            }
            Step::PushRepeated(which, false) => {
                list.push_back(repeated(which));
                model.push(repeated(which).to_vec());
            }
            Step::RemoveRepeated(which, most, from_tail) => {
                let element = repeated(which);
                let mut indices: Vec<_> = (0..model.len())
                    .filter(|&index| model[index] == element)
                    .collect();
                if from_tail {
                    indices.reverse();
                }
                let found: Vec<_> = list.positions_of(element, from_tail, u64::MAX).collect();
                assert!(
                    found
                        .iter()
                        .map(|&index| index as usize)
                        .eq(indices.iter().copied())
                );
                let near = |index: &&usize| {
                    if from_tail {
                        **index + 50 >= model.len()
                    } else {
                        **index < 50
                    }
                };
                let found = list.positions_of(element, from_tail, 50).count();
                assert_eq!(found, indices.iter().filter(near).count());
                indices.truncate(most as usize);
                assert_eq!(
                    list.remove_matching(element, most, from_tail),
                    indices.len() as u64
                );
                indices.sort_unstable();
                indices
                    .iter()
                    .rev()
                    .for_each(|&index| drop(model.remove(index)));
            }
            Step::Trim(from, count) => {
                let (from, count) = (share(model.len(), from), share(model.len(), count));
                let mut remains = list.trim(from as u64, count as u64);
                while remains.free_some(2) > 0 {}
                model.truncate(from + count);
                model.drain(..from);
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
fn all_of_an_element_go_from_every_node() {
    let mut list = ListTree::default();
    for n in 0..30_000 {
        let element = if n % 3 == 0 { "odd one" } else { "even" };
        list.push_back(element.as_bytes());
    }
    let pin = list.clone();
    assert_eq!(list.remove_matching(b"none", u64::MAX, false), 0);
    let same = |(a, b): (&ListNode, &ListNode)| std::ptr::eq(a, b);
    assert!(list.tree.leaves().zip(pin.tree.leaves()).all(same));
    assert_eq!(list.remove_matching(b"odd one", 5_000, true), 5_000);
    assert_eq!(
        list.positions_of(b"odd one", true, u64::MAX).next(),
        Some(14_997)
    );
    assert_eq!(list.remove_matching(b"odd one", u64::MAX, false), 5_000);
    assert!(list.iter_from(0).all(|value| value.equals(b"even")));
    assert_eq!((list.len(), pin.len()), (20_000, 30_000));
    assert_eq!(list.remove_matching(b"even", u64::MAX, true), 20_000);
    assert!(list.is_empty() && list.memory_bytes() == 0);
}

#[test]
fn an_element_is_replaced_where_it_lies() {
    let mut list = ListTree::default();
    (0..1_000).for_each(|n| list.push_back(format!("{n:06}").as_bytes()));
    let nodes = |list: &ListTree| -> Vec<usize> { list.tree.leaves().map(ListNode::len).collect() };
    let before = nodes(&list);
    list.replace(500, b"another");
    list.replace(501, b"");
    assert_eq!(nodes(&list), before);
    list.replace(502, &[b'x'; 20_000]);
    list.replace(502, &[b'y'; 30_000]);
    assert_eq!(list.len(), 1_000);
    list.replace(502, b"small again");
    let found: Vec<_> = list.iter_from(499).take(5).map(bytes).collect();
    assert_eq!(
        found,
        [&b"000499"[..], b"another", b"", b"small again", b"000503"]
    );
}

#[test]
fn what_is_trimmed_comes_back_to_be_freed() {
    let mut list = ListTree::default();
    (0..100_000).for_each(|n| list.push_back(format!("element:{n:08}").as_bytes()));
    let bytes_before = list.memory_bytes();
    let remains = list.trim(40_000, 20_000);
    assert_eq!(list.len(), 20_000);
    assert!(list.get(0).unwrap().equals(b"element:00040000"));
    assert!(list.back().unwrap().equals(b"element:00059999"));
    let all = list.memory_bytes() + remains.memory_bytes();
    assert!(all.abs_diff(bytes_before) < 20_000, "{all} {bytes_before}");
    // Nothing more than the end of a node.
    assert!(list.trim(1, 19_998).is_empty());
    assert_eq!(list.trim(0, u64::MAX).memory_bytes(), 0);
    assert_eq!(list.len(), 19_998);
    assert!(!list.trim(19_998, 5).is_empty());
    assert!(list.is_empty());
}

fn node_lens(list: &ListTree) -> Vec<usize> {
    list.tree.leaves().map(ListNode::len).collect()
}

#[test]
fn nodes_that_the_ends_leave_small_stay_apart() {
    let mut list = ListTree::new(NodeLimit::of_setting(4));
    (0..6).for_each(|n| list.push_back(&[n]));
    assert_eq!(node_lens(&list), [4, 2]);
    (0..3).for_each(|_| list.pop_front(|_| ()).unwrap());
    assert_eq!(node_lens(&list), [1, 2]);
    list.pop_back(|_| ()).unwrap();
    assert_eq!(node_lens(&list), [1, 1]);
    list.push_front(&[9]);
    list.push_back(&[9]);
    assert_eq!(node_lens(&list), [2, 2]);
    assert!(list.trim(1, 2).is_empty());
    assert_eq!(node_lens(&list), [1, 1]);
    list.pop_front(|_| ()).unwrap();
    assert_eq!(node_lens(&list), [1]);
}

#[test]
fn few_nodes_out_of_which_elements_go_stay_apart_and_many_do_not() {
    for (nodes, stay) in [(3, true), (100, true), (10_000, false)] {
        let mut list = ListTree::new(NodeLimit::of_setting(128));
        for n in 0..nodes * 128 {
            let is_kept = n % 128 == 5;
            list.push_back(if is_kept { b"kept" } else { b"gone" });
        }
        assert_eq!(node_lens(&list).len(), nodes);
        let gone = nodes as u64 * 127;
        assert_eq!(list.remove_matching(b"gone", gone, false), gone);
        assert_eq!(list.len(), nodes as u64);
        assert_eq!(node_lens(&list).len() == nodes, stay);
        if !stay {
            let each = list.memory_bytes() / nodes;
            assert!(each < 16, "{each}");
        }
    }
}

#[test]
fn a_node_gives_back_its_room() {
    for front in [false, true] {
        let mut list = ListTree::default();
        (0..400).for_each(|n| list.push_back(format!("element:{n:08}").as_bytes()));
        assert_eq!(list.tree.leaves().count(), 1);
        for left in (1..400).rev() {
            let popped = if front {
                list.pop_front(|_| ())
            } else {
                list.pop_back(|_| ())
            };
            assert!(popped.is_some());
            let bound = 400 + left * 18 * 2;
            assert!(
                list.memory_bytes() < bound,
                "{left}: {}",
                list.memory_bytes()
            );
        }
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
