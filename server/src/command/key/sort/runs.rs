//! Elements with their weights, sorted a run at a time and merged as they are taken.
//!
//! Nothing grows into a large piece that would have to be moved, sorted or freed at once, so a sort can stop anywhere.

use std::cmp::Ordering;
use std::ops::Range;

/// Elements of a run.
const RUN_LEN: usize = 256;
/// Bytes with which a run is full even so.
const RUN_BYTES: usize = 64 * 1024;

/// What an element is sorted by. All elements have weights of one kind.
#[derive(Clone, Copy, Debug)]
pub(super) enum Weight<'w> {
    /// A number; of the same number, the elements themselves say, so that the order is always the same.
    Number(f64),
    /// Its own bytes.
    Own,
    /// Other bytes; what is missing comes first. Elements with the same stay as they came.
    Other(Option<&'w [u8]>),
}

/// See the module documentation.
#[derive(Debug)]
pub(super) struct Runs {
    descending: bool,
    filling: Run,
    sorted: Vec<Run>,
    /// Runs that have something left, as a binary heap: on top the one whose next element is the first of all.
    heap: Vec<usize>,
    /// Whether the element on top has been shown, and is to go.
    is_shown: bool,
    /// Memory of the runs in `sorted`.
    sorted_bytes: usize,
}

#[derive(Debug, Default)]
struct Run {
    /// Elements, and their weights if these are bytes, behind one another.
    bytes: Vec<u8>,
    entries: Vec<Entry>,
    /// Entries that have been taken.
    taken: usize,
}

#[derive(Clone, Debug)]
struct Entry {
    number: f64,
    element: Range<usize>,
    weight: Kind,
}

#[derive(Clone, Debug)]
enum Kind {
    Number,
    Own,
    Other(Option<Range<usize>>),
}

impl Run {
    fn element(&self, entry: &Entry) -> &[u8] {
        &self.bytes[entry.element.clone()]
    }

    fn weight(&self, entry: &Entry) -> Weight<'_> {
        match &entry.weight {
            Kind::Number => Weight::Number(entry.number),
            Kind::Own => Weight::Own,
            Kind::Other(at) => Weight::Other(at.clone().map(|at| &self.bytes[at])),
        }
    }

    fn sort(&mut self, descending: bool) {
        let mut entries = std::mem::take(&mut self.entries);
        entries.sort_by(|one, other| compare((self, one), (self, other), descending));
        self.entries = entries;
    }

    fn next(&self) -> Option<&Entry> {
        self.entries.get(self.taken)
    }

    fn memory_bytes(&self) -> usize {
        self.bytes.capacity() + self.entries.capacity() * size_of::<Entry>()
    }
}

fn compare(
    (run, entry): (&Run, &Entry),
    (other_run, other): (&Run, &Entry),
    descending: bool,
) -> Ordering {
    let by_element = || run.element(entry).cmp(other_run.element(other));
    let order = match (run.weight(entry), other_run.weight(other)) {
        (Weight::Number(one), Weight::Number(two)) => {
            let order = one.partial_cmp(&two).unwrap_or(Ordering::Equal);
            order.then_with(by_element)
        }
        (Weight::Other(one), Weight::Other(two)) => one.cmp(&two),
        _ => by_element(),
    };
    if descending { order.reverse() } else { order }
}

impl Runs {
    pub(super) fn new(descending: bool) -> Self {
        Self {
            descending,
            filling: Run::default(),
            sorted: Vec::new(),
            heap: Vec::new(),
            is_shown: false,
            sorted_bytes: 0,
        }
    }

    /// Takes an element.
    pub(super) fn push(&mut self, element: &[u8], weight: Weight<'_>) {
        let Run { bytes, entries, .. } = &mut self.filling;
        let mut put = |part: &[u8]| {
            let start = bytes.len();
            bytes.extend_from_slice(part);
            start..bytes.len()
        };
        let element = put(element);
        let (number, weight) = match weight {
            Weight::Number(number) => (number, Kind::Number),
            Weight::Own => (0.0, Kind::Own),
            Weight::Other(other) => (0.0, Kind::Other(other.map(put))),
        };
        entries.push(Entry {
            number,
            element,
            weight,
        });
        if entries.len() >= RUN_LEN || bytes.len() >= RUN_BYTES {
            self.close();
        }
    }

    /// Shows the next element in order, once all have been taken in.
    pub(super) fn next(&mut self) -> Option<&[u8]> {
        if !self.filling.entries.is_empty() {
            self.close();
        }
        if std::mem::take(&mut self.is_shown) {
            self.drop_first();
        }
        let run = &self.sorted[*self.heap.first()?];
        self.is_shown = true;
        run.next().map(|entry| run.element(entry))
    }

    /// Memory of the runs that have something left.
    pub(super) fn memory_bytes(&self) -> usize {
        self.sorted_bytes + self.filling.memory_bytes()
    }

    fn drop_first(&mut self) {
        let run = &mut self.sorted[self.heap[0]];
        run.taken += 1;
        if run.next().is_none() {
            self.sorted_bytes -= run.memory_bytes();
            *run = Run::default();
            self.heap.swap_remove(0);
        }
        self.sink();
    }

    fn close(&mut self) {
        let mut run = std::mem::take(&mut self.filling);
        run.sort(self.descending);
        self.sorted_bytes += run.memory_bytes();
        self.heap.push(self.sorted.len());
        self.sorted.push(run);
        self.rise();
    }

    /// Whether the run at one place of the heap comes before that at another. Of several with the same the one that was
    /// filled first does.
    fn is_before(&self, one: usize, other: usize) -> bool {
        let (one, other) = (self.heap[one], self.heap[other]);
        let (run, other_run) = (&self.sorted[one], &self.sorted[other]);
        let order = match (run.next(), other_run.next()) {
            (Some(next), Some(other_next)) => {
                compare((run, next), (other_run, other_next), self.descending)
            }
            (None, _) | (_, None) => unreachable!("runs on the heap have something left"),
        };
        order.then(one.cmp(&other)).is_lt()
    }

    /// Puts the last run of the heap in its place.
    fn rise(&mut self) {
        let mut at = self.heap.len() - 1;
        while at > 0 {
            let above = (at - 1) / 2;
            if !self.is_before(at, above) {
                return;
            }
            self.heap.swap(at, above);
            at = above;
        }
    }

    /// Puts the first run of the heap in its place.
    fn sink(&mut self) {
        let mut at = 0;
        loop {
            let (left, right) = (2 * at + 1, 2 * at + 2);
            if left >= self.heap.len() {
                return;
            }
            let first = if right < self.heap.len() && self.is_before(right, left) {
                right
            } else {
                left
            };
            if !self.is_before(first, at) {
                return;
            }
            self.heap.swap(at, first);
            at = first;
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn all(mut runs: Runs) -> Vec<Vec<u8>> {
        let mut elements = Vec::new();
        let bytes: usize = runs.sorted.iter().map(Run::memory_bytes).sum();
        assert_eq!(runs.memory_bytes(), bytes + runs.filling.memory_bytes());
        while let Some(element) = runs.next() {
            elements.push(element.to_vec());
        }
        assert_eq!(runs.memory_bytes(), 0, "each run goes once it is empty");
        elements
    }

    fn digits(number: usize) -> Vec<u8> {
        number.to_string().into_bytes()
    }

    proptest! {
        #[test]
        fn numbers_come_in_order(
            numbers in proptest::collection::vec(-40..40_i32, 0..2_000),
            descending in any::<bool>(),
        ) {
            let mut runs = Runs::new(descending);
            let mut expected = Vec::new();
            for (at, number) in numbers.into_iter().enumerate() {
                runs.push(&digits(at), Weight::Number(number.into()));
                expected.push((number, digits(at)));
            }
            expected.sort();
            if descending {
                expected.reverse();
            }
            let expected: Vec<_> = expected.into_iter().map(|(_, element)| element).collect();
            prop_assert_eq!(all(runs), expected);
        }

        #[test]
        fn what_weighs_the_same_stays_as_it_came(
            weights in proptest::collection::vec(proptest::option::of(0..9_u8), 0..2_000),
            descending in any::<bool>(),
        ) {
            let mut runs = Runs::new(descending);
            for (at, weight) in weights.iter().enumerate() {
                let weight = weight.as_ref().map(std::slice::from_ref);
                runs.push(&digits(at), Weight::Other(weight));
            }
            let mut expected: Vec<usize> = (0..weights.len()).collect();
            expected.sort_by(|one, other| {
                let order = weights[*one].cmp(&weights[*other]);
                if descending { order.reverse() } else { order }
            });
            let expected: Vec<_> = expected.into_iter().map(digits).collect();
            prop_assert_eq!(all(runs), expected);
        }

        #[test]
        fn elements_come_in_their_own_order(
            mut elements in proptest::collection::vec(proptest::collection::vec(any::<u8>(), 0..300), 0..900),
        ) {
            let mut runs = Runs::new(false);
            elements.iter().for_each(|element| runs.push(element, Weight::Own));
            elements.sort();
            prop_assert_eq!(all(runs), elements);
        }
    }
}
