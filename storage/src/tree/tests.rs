use std::cmp::Ordering;
use std::ops::Range;

use proptest::prelude::*;

use super::*;

/// A leaf of a few sorted numbers.
#[derive(Clone, Debug, Default)]
struct Numbers(Vec<u32>);

impl Numbers {
    const MAX: usize = 6;
}

/// How many sevens there are, and the least of them.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Sevens {
    count: usize,
    least: u32,
}

impl Default for Sevens {
    fn default() -> Self {
        let least = u32::MAX;
        Self { count: 0, least }
    }
}

impl Sevens {
    fn of(numbers: &[u32]) -> Self {
        let sevens = numbers.iter().filter(|&number| number % 7 == 0);
        Self {
            count: sevens.clone().count(),
            least: sevens.min().copied().unwrap_or(u32::MAX),
        }
    }
}

impl Summary for Sevens {
    fn add(&mut self, other: Self) {
        self.count += other.count;
        self.least = self.least.min(other.least);
    }
}

impl Leaf for Numbers {
    /// A number's tens: less than is needed to tell elements apart.
    type Bound = u32;
    type Summary = Sevens;

    fn len(&self) -> usize {
        self.0.len()
    }

    fn memory_bytes(&self) -> usize {
        self.0.capacity() * size_of::<u32>()
    }

    fn bound(&self) -> u32 {
        self.0[0] / 10
    }

    fn summary(&self) -> Sevens {
        Sevens::of(&self.0)
    }

    fn split(&mut self) -> Option<Self> {
        let len = self.0.len();
        (len > Self::MAX).then(|| self.split_off(len / 2))
    }

    fn split_off(&mut self, at: usize) -> Self {
        Self(self.0.split_off(at))
    }

    fn is_sparse(&self) -> bool {
        self.0.len() < 2
    }

    fn has_room_for(&self, next: &Self) -> bool {
        self.0.len() + next.0.len() < Self::MAX
    }

    fn absorb(&mut self, next: &Self) {
        self.0.extend(&next.0);
    }
}

impl Tree<Numbers> {
    fn insert(&mut self, number: u32) {
        let order = |tens: u32, first: First<'_, Numbers>| match tens.cmp(&(number / 10)) {
            Ordering::Equal => first.leaf().0[0].cmp(&number),
            other => other,
        };
        let change = |leaf: &mut Numbers| {
            let at = leaf.0.partition_point(|&other| other <= number);
            leaf.0.insert(at, number);
        };
        match self.seek(order) {
            Some(path) => self.update(&path, change),
            None => self.update_last(change),
        }
    }

    fn remove(&mut self, at: u64) -> u32 {
        let spot = self.spot(at).unwrap();
        self.update(&spot.path, |leaf| leaf.0.remove(spot.offset))
    }

    fn numbers(&self) -> Vec<u32> {
        self.leaves().flat_map(|leaf| leaf.0.clone()).collect()
    }

    fn backwards(&self) -> Vec<u32> {
        let mut numbers = Vec::new();
        let mut path = self.last_leaf();
        while let Some(here) = path {
            numbers.extend(self.leaf(&here).0.iter().rev());
            path = self.previous_leaf(&here);
        }
        numbers
    }

    fn check(&self, model: &[u32]) {
        if let Some(root) = &self.root {
            root.audit(&|tens, first: &Numbers| tens == first.bound());
        }
        assert_eq!(self.len(), model.len() as u64);
        assert_eq!(self.is_empty(), model.is_empty());
        assert_eq!(self.numbers(), model);
        let mut reversed = model.to_vec();
        reversed.reverse();
        assert_eq!(self.backwards(), reversed);
        for (at, number) in model.iter().enumerate() {
            let spot = self.spot(at as u64).unwrap();
            assert_eq!(self.leaf(&spot.path).0[spot.offset], *number);
            assert_eq!(self.before(&spot.path) + spot.offset as u64, at as u64);
        }
        assert_eq!(self.spot(model.len() as u64), None);
        assert_eq!(self.is_empty(), self.memory_bytes() == 0);
        let sevens = Sevens::of(model);
        assert_eq!(self.summary(), sevens);
        let path = self.leaf_where(|summary| summary.least <= sevens.least && summary.count > 0);
        assert_eq!(path.is_some(), sevens.count > 0);
        if let Some(path) = path {
            assert!(self.leaf(&path).0.contains(&sevens.least));
        }
    }
}

/// Frees what remains; in how many steps.
fn take_down(mut remains: Remains<Numbers>, nodes: usize) -> usize {
    let mut steps = 0;
    while !remains.is_empty() {
        let before = remains.memory_bytes();
        assert!((1..=nodes).contains(&remains.free_some(nodes)));
        assert!(remains.memory_bytes() < before);
        steps += 1;
    }
    assert_eq!(remains.memory_bytes(), 0);
    steps
}

#[derive(Clone, Debug)]
enum Step {
    Insert(u32),
    /// Many at the end, above all others.
    Append(u32),
    /// Shares of the length, in 256ths.
    Remove(u8),
    RemoveRange(u8, u8),
    Pin,
    Unpin(u8),
    SplitAndJoin(u8),
    /// Puts the end in front, number by number.
    Rotate(u8),
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        12 => (0..500u32).prop_map(Step::Insert),
        1 => (1..600u32).prop_map(Step::Append),
        6 => any::<u8>().prop_map(Step::Remove),
        1 => any::<(u8, u8)>().prop_map(|(from, to)| Step::RemoveRange(from, to)),
        1 => Just(Step::Pin),
        1 => any::<u8>().prop_map(Step::Unpin),
        2 => any::<u8>().prop_map(Step::SplitAndJoin),
        1 => any::<u8>().prop_map(Step::Rotate),
    ]
}

fn share(of: usize, share: u8) -> usize {
    of * usize::from(share) / 256
}

fn range(of: usize, from: u8, to: u8) -> Range<usize> {
    share(of, from.min(to))..share(of, from.max(to))
}

fn run(steps: &[Step]) {
    let mut tree = Tree::new();
    let mut model: Vec<u32> = Vec::new();
    let mut pins: Vec<(Tree<Numbers>, Vec<u32>)> = Vec::new();
    for step in steps {
        match *step {
            Step::Insert(number) => {
                tree.insert(number);
                model.insert(model.partition_point(|&other| other <= number), number);
            }
            Step::Append(count) => {
                let from = model.last().map_or(0, |last| last + 1);
                tree.update_last(|leaf| leaf.0.extend(from..from + count));
                model.extend(from..from + count);
            }
            Step::Remove(_) if model.is_empty() => {}
            Step::Remove(at) => {
                let at = share(model.len(), at);
                assert_eq!(tree.remove(at as u64), model.remove(at));
            }
            Step::RemoveRange(from, to) => {
                let range = range(model.len(), from, to);
                let mut rest = tree.split_off(range.start as u64);
                let behind = rest.split_off(range.len() as u64);
                rest.check(&model[range.clone()]);
                tree.append(behind);
                model.drain(range);
                let remains = Remains::of(rest);
                take_down(remains, 3);
            }
            Step::Pin => pins.push((tree.clone(), model.clone())),
            Step::Unpin(_) if pins.is_empty() => {}
            Step::Unpin(which) => {
                let (pin, copy) = pins.swap_remove(share(pins.len(), which));
                pin.check(&copy);
                let remains = Remains::of(pin);
                take_down(remains, 1);
            }
            Step::SplitAndJoin(at) => {
                let at = share(model.len() + 1, at);
                let rest = tree.split_off(at as u64);
                tree.check(&model[..at]);
                rest.check(&model[at..]);
                tree.append(rest);
            }
            Step::Rotate(at) => {
                // Sorted no more, and then sorted again: what counts is that trees of any heights go together.
                let at = share(model.len(), at);
                let mut rest = tree.split_off(at as u64);
                rest.append(std::mem::take(&mut tree));
                model.rotate_left(at);
                rest.check(&model);
                let front = rest.split_off((model.len() - at) as u64);
                tree = front;
                tree.append(rest);
                model.rotate_right(at);
            }
        }
        tree.check(&model);
    }
    for (pin, copy) in &pins {
        pin.check(copy);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(if std::env::var_os("NUTHATCH_LONG").is_some() { 4000 } else { 100 }))]

    #[test]
    fn a_tree_is_a_list(steps in prop::collection::vec(step(), 1..120)) {
        run(&steps);
    }
}

/// Numbers from 0 in `order`.
fn filled(order: impl Iterator<Item = u32>) -> Tree<Numbers> {
    let mut tree = Tree::new();
    order.for_each(|number| tree.insert(number));
    tree
}

#[test]
fn large_trees_grow_and_shrink_in_any_order() {
    const COUNT: u32 = 20_000;
    let scrambled = (0..COUNT).map(|n| n * 7_919 % COUNT);
    let model: Vec<u32> = (0..COUNT).collect();
    let mut tree = filled(scrambled);
    tree.check(&model);
    assert!(filled((0..COUNT).rev()).numbers() == model);
    let pin = tree.clone();
    for n in 0..COUNT {
        let left = u64::from(COUNT - n);
        tree.remove(u64::from(n) * 7_919 % left);
    }
    tree.check(&[]);
    pin.check(&model);
}

#[test]
fn a_write_copies_one_path_of_what_is_pinned() {
    let mut tree = filled(0..20_000);
    let pin = tree.clone();
    tree.insert(10_000);
    let shared = pin
        .leaves()
        .zip(tree.leaves())
        .take_while(|(a, b)| std::ptr::eq(*a, *b))
        .count();
    let leaves = pin.leaves().count();
    let shared_behind = {
        let (a, b): (Vec<_>, Vec<_>) = (pin.leaves().collect(), tree.leaves().collect());
        let same = a.iter().rev().zip(b.iter().rev());
        same.take_while(|(a, b)| std::ptr::eq(**a, **b)).count()
    };
    assert_eq!(shared + shared_behind, leaves - 1);
}

#[test]
fn whoever_drops_last_frees() {
    let tree = filled(0..2_000);
    let mut first = Remains::of(tree.clone());
    let second = Remains::of(tree);
    assert_eq!(first.free_some(10), 1, "the other one has the root");
    assert_eq!((first.is_empty(), first.memory_bytes()), (true, 0));
    let steps = take_down(second, 10);
    assert!(steps > 30, "in steps: {steps}");
}

#[test]
fn cutting_and_joining_leaves_a_tree_as_flat_as_it_was() {
    let mut tree = filled(0..2_000);
    let nodes = |tree: &Tree<Numbers>| (tree.leaves().count(), tree.memory_bytes());
    let (leaves, bytes) = nodes(&tree);
    for n in 0..20_000u64 {
        let rest = tree.split_off(n * 7_919 % 2_000);
        tree.append(rest);
    }
    tree.check(&(0..2_000).collect::<Vec<_>>());
    let (leaves_after, bytes_after) = nodes(&tree);
    assert!(
        leaves_after < 4 * leaves && bytes_after < 4 * bytes,
        "{leaves_after} {bytes_after}"
    );
    let depth = tree.first_leaf().unwrap().0.len();
    assert!(depth <= 3, "{depth}");
}

#[test]
fn neighbours_of_what_has_gone_go_together() {
    let mut tree = filled(0..20_000);
    // All but every tenth.
    for n in (0..20_000).rev().filter(|n| n % 10 > 0) {
        tree.remove(n);
    }
    let leaves = tree.leaves().count();
    assert!(leaves < 1_100, "{leaves} for 2000 elements");
}
