//! Listpacks against a vector of strings.
//!
//! Claims: `check` never panics; what it accepts can be read and edited, and says the same by every
//! way of reading it; edits leave what they leave in a vector, and the same bytes as if it had been
//! built at once. Run, from `storage/`:
//!
//! ```sh
//! cargo +nightly fuzz run listpack -- -max_len=512 -max_total_time=60
//! ```
#![no_main]

use libfuzzer_sys::fuzz_target;
use storage::listpack::{Listpack, ListpackBuf, Position, Value, entry_bytes};

/// More would be slow, as everything is built anew after each.
const EDITS_MAX: usize = 40;

/// Lengths where the form of a string or of its back-length changes.
const BORDER_LENGTHS: [usize; 8] = [63, 64, 125, 126, 4095, 4096, 16_377, 16_378];

fuzz_target!(|data: &[u8]| {
    check_untrusted(data);
    // Once more with all that is needed to get to the entries, but for the count.
    let total = (data.len() + 7) as u32;
    let bytes = [&total.to_le_bytes()[..], &[0xff, 0xff], data, &[0xff]].concat();
    check_untrusted(&bytes);

    let (mut listpack, mut model) = (ListpackBuf::new(), Vec::new());
    let mut input = Input(data);
    for _ in 0..EDITS_MAX {
        if input.0.is_empty() {
            break;
        }
        edit(&mut listpack, &mut model, &mut input);
        assert_eq!(listpack.as_bytes(), build(&model).as_bytes());
    }
    check_reading(&listpack, &model);
});

fn check_untrusted(bytes: &[u8]) {
    let Ok(read) = Listpack::check(bytes) else {
        return;
    };
    let mut model: Vec<Vec<u8>> = read.iter().map(to_vec).collect();
    let mut listpack = ListpackBuf::from_checked(bytes.to_vec()).expect("just checked");
    check_reading(&listpack, &model);
    let mut input = Input(bytes);
    for _ in 0..8 {
        edit(&mut listpack, &mut model, &mut input);
        Listpack::check(listpack.as_bytes()).expect("edits leave it valid");
    }
    check_reading(&listpack, &model);
}

fn build(elements: &[Vec<u8>]) -> ListpackBuf {
    let mut listpack = ListpackBuf::new();
    elements
        .iter()
        .for_each(|element| listpack.push_back(element));
    let entries: usize = elements.iter().map(|element| entry_bytes(element)).sum();
    assert_eq!(listpack.as_bytes().len(), 7 + entries);
    listpack
}

fn to_vec(value: Value<'_>) -> Vec<u8> {
    let mut bytes = Vec::new();
    value.write_to(&mut bytes);
    assert_eq!(value.len(), bytes.len());
    assert!(value.equals(&bytes));
    bytes
}

fn check_reading(listpack: &ListpackBuf, model: &[Vec<u8>]) {
    let read = Listpack::check(listpack.as_bytes()).expect("edits leave it valid");
    assert_eq!(
        (read.len(), read.is_empty()),
        (model.len(), model.is_empty())
    );
    assert!(read.iter().map(to_vec).eq(model.iter().cloned()));
    assert!(
        read.iter()
            .rev()
            .map(to_vec)
            .eq(model.iter().rev().cloned())
    );
    let (mut position, mut before) = (read.first(), None);
    for (index, element) in model.iter().enumerate() {
        let at = position.expect("as many positions as elements");
        assert_eq!((read.seek(index), read.prev(at)), (Some(at), before));
        assert!(read.value_at(at).equals(element));
        // From here every second element is looked at, this one first.
        assert_eq!(read.find(at, 2, element), Some(at));
        let next = (index + 2..model.len())
            .step_by(2)
            .find(|other| model[*other] == *element);
        let start = read.seek(index + 2);
        let found = start.and_then(|start| read.find(start, 2, element));
        assert_eq!(found, next.and_then(|next| read.seek(next)));
        (before, position) = (Some(at), read.next(at));
    }
    assert_eq!((position, before), (None, read.last()));
    assert_eq!(read.get(model.len()), None);
}

/// Makes the edit that is next in `input` on both.
fn edit(listpack: &mut ListpackBuf, model: &mut Vec<Vec<u8>>, input: &mut Input<'_>) {
    let what = input.byte() % 12;
    match what {
        0 | 1 => {
            let element = input.element();
            listpack.push_back(&element);
            model.push(element);
        }
        2 => {
            let element = input.element();
            listpack.push_front(&element);
            model.insert(0, element);
        }
        3 => {
            let value = input.integer();
            listpack.push_back_int(value);
            model.push(value.to_string().into_bytes());
        }
        4 => {
            let (start, count) = (input.index(model.len() + 2), input.index(6));
            listpack.remove_range(start, count);
            model.drain(start.min(model.len())..(start + count).min(model.len()));
        }
        5 => {
            // Cut in two and put together again, perhaps the other way round.
            let index = input.index(model.len() + 2);
            let mut cut = listpack.split_off(index);
            let mut cut_model = model.split_off(index.min(model.len()));
            Listpack::check(cut.as_bytes()).expect("the back is valid");
            if input.byte() & 1 == 0 {
                std::mem::swap(listpack, &mut cut);
                std::mem::swap(model, &mut cut_model);
            }
            listpack.append(cut.as_listpack());
            model.append(&mut cut_model);
        }
        6 if input.byte() == 0 => {
            listpack.clear();
            model.clear();
        }
        _ if !model.is_empty() => {
            let index = input.index(model.len());
            let position = listpack
                .as_listpack()
                .seek(index)
                .expect("the index is valid");
            edit_at(listpack, model, (index, position), what, input);
        }
        _ => {}
    }
}

fn edit_at(
    listpack: &mut ListpackBuf,
    model: &mut Vec<Vec<u8>>,
    (index, position): (usize, Position),
    what: u8,
    input: &mut Input<'_>,
) {
    let (expected, edited) = match what {
        6 | 7 => {
            let element = input.element();
            let inserted = listpack.insert_before(position, &element);
            model.insert(index, element);
            (index, Some(inserted))
        }
        8 => {
            let element = input.element();
            let inserted = listpack.insert_after(position, &element);
            model.insert(index + 1, element);
            (index + 1, Some(inserted))
        }
        9 => {
            let value = input.integer();
            model[index] = value.to_string().into_bytes();
            (index, Some(listpack.replace_int(position, value)))
        }
        10 => {
            let element = input.element();
            let replaced = listpack.replace(position, &element);
            model[index] = element;
            (index, Some(replaced))
        }
        _ => {
            let count = input.index(4);
            let behind = match count {
                1 => listpack.remove(position),
                _ => listpack.remove_from(position, count),
            };
            model.drain(index..(index + count).min(model.len()));
            (index, behind)
        }
    };
    assert_eq!(edited, listpack.as_listpack().seek(expected));
}

/// The bytes to take decisions from; zeros, when there are no more.
struct Input<'a>(&'a [u8]);

impl Input<'_> {
    fn byte(&mut self) -> u8 {
        let Some((first, rest)) = self.0.split_first() else {
            return 0;
        };
        self.0 = rest;
        *first
    }

    fn index(&mut self, below: usize) -> usize {
        usize::from(self.byte()) % below
    }

    fn integer(&mut self) -> i64 {
        let shift = self.byte() % 64;
        i64::from_le_bytes(std::array::from_fn(|_| self.byte())) >> shift
    }

    fn element(&mut self) -> Vec<u8> {
        let kind = self.byte();
        match kind % 8 {
            0..4 => {
                let len = usize::from(kind / 8).min(self.0.len());
                let (element, rest) = self.0.split_at(len);
                self.0 = rest;
                element.to_vec()
            }
            4..7 => self.integer().to_string().into_bytes(),
            _ => vec![self.byte(); BORDER_LENGTHS[usize::from(kind / 8) % BORDER_LENGTHS.len()]],
        }
    }
}
