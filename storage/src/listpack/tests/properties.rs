//! Listpacks against a vector of strings, and bytes that may be no listpack.

use proptest::prelude::*;

use super::*;

/// Lengths on both sides of every border between two forms, or between two lengths of back-lengths.
const BORDER_LENGTHS: [usize; 13] = [
    0, 1, 62, 63, 64, 125, 126, 127, 4095, 4096, 16_377, 16_378, 16_379,
];

/// One edit of a listpack. Indices and counts are taken modulo what there is.
#[derive(Clone, Debug)]
enum Edit {
    PushBack(Vec<u8>),
    PushFront(Vec<u8>),
    PushBackInt(i64),
    InsertBefore(usize, Vec<u8>),
    InsertAfter(usize, Vec<u8>),
    Replace(usize, Vec<u8>),
    ReplaceInt(usize, i64),
    Remove(usize),
    RemoveFrom(usize, usize),
    RemoveRange(usize, usize),
    /// Those whose length has this remainder by three stay.
    Retain(usize),
    Append(Vec<Vec<u8>>),
    SplitOff(usize, bool),
    Clear,
    Reload,
}

fn integer() -> impl Strategy<Value = i64> {
    prop_oneof![
        prop::sample::select(BORDER_INTEGERS.to_vec()),
        (any::<i64>(), 0..64).prop_map(|(value, shift)| value >> shift),
    ]
}

fn element() -> impl Strategy<Value = Vec<u8>> {
    let digits = prop::sample::select(b"00123456789-".to_vec());
    prop_oneof![
        4 => integer().prop_map(|value| value.to_string().into_bytes()),
        4 => prop::collection::vec(any::<u8>(), 0..20),
        2 => prop::collection::vec(digits, 0..22),
        1 => prop::sample::select(BORDER_LENGTHS.to_vec()).prop_map(|len| vec![b'1'; len]),
        1 => prop::collection::vec(any::<u8>(), 100..400),
    ]
}

fn edit() -> impl Strategy<Value = Edit> {
    use Edit::*;
    let index = any::<u8>().prop_map(usize::from);
    let count = 0..5_usize;
    prop_oneof![
        4 => element().prop_map(PushBack),
        4 => element().prop_map(PushFront),
        2 => integer().prop_map(PushBackInt),
        4 => (index.clone(), element()).prop_map(|(index, element)| InsertBefore(index, element)),
        4 => (index.clone(), element()).prop_map(|(index, element)| InsertAfter(index, element)),
        4 => (index.clone(), element()).prop_map(|(index, element)| Replace(index, element)),
        2 => (index.clone(), integer()).prop_map(|(index, value)| ReplaceInt(index, value)),
        4 => index.clone().prop_map(Remove),
        2 => (index.clone(), count.clone()).prop_map(|(index, count)| RemoveFrom(index, count)),
        2 => (index.clone(), count).prop_map(|(index, count)| RemoveRange(index, count)),
        1 => (0..3_usize).prop_map(Retain),
        1 => prop::collection::vec(element(), 0..4).prop_map(Append),
        1 => (index, any::<bool>()).prop_map(|(index, keep)| SplitOff(index, keep)),
        1 => Just(Clear),
        1 => Just(Reload),
    ]
}

/// Makes the same edit on both.
fn apply(listpack: &mut ListpackBuf, model: &mut Vec<Vec<u8>>, edit: Edit) {
    use Edit::*;
    let len = model.len();
    // Edits at an element are left out where there is none.
    let place = |index: usize| {
        let index = index.checked_rem(len)?;
        Some((index, listpack.as_listpack().seek(index)?))
    };
    let text = |value: i64| value.to_string().into_bytes();
    match edit {
        PushBack(element) => {
            listpack.push_back(&element);
            model.push(element);
        }
        PushFront(element) => {
            listpack.push_front(&element);
            model.insert(0, element);
        }
        PushBackInt(value) => {
            listpack.push_back_int(value);
            model.push(text(value));
        }
        InsertBefore(index, element) => {
            let Some((index, position)) = place(index) else {
                return;
            };
            assert_eq!(listpack.insert_before(position, &element), position);
            model.insert(index, element);
        }
        InsertAfter(index, element) => {
            let Some((index, position)) = place(index) else {
                return;
            };
            let inserted = listpack.insert_after(position, &element);
            model.insert(index + 1, element);
            assert_eq!(listpack.as_listpack().seek(index + 1), Some(inserted));
        }
        Replace(index, element) => {
            let Some((index, position)) = place(index) else {
                return;
            };
            assert_eq!(listpack.replace(position, &element), position);
            model[index] = element;
        }
        ReplaceInt(index, value) => {
            let Some((index, position)) = place(index) else {
                return;
            };
            assert_eq!(listpack.replace_int(position, value), position);
            model[index] = text(value);
        }
        Remove(index) => {
            let Some((index, position)) = place(index) else {
                return;
            };
            let behind = listpack.remove(position);
            model.remove(index);
            assert_eq!(behind, listpack.as_listpack().seek(index));
        }
        RemoveFrom(index, count) => {
            let Some((index, position)) = place(index) else {
                return;
            };
            let behind = listpack.remove_from(position, count);
            model.drain(index..(index + count).min(len));
            assert_eq!(behind, listpack.as_listpack().seek(index));
        }
        RemoveRange(index, count) => {
            let index = index % (len + 2);
            listpack.remove_range(index, count);
            model.drain(index.min(len)..(index + count).min(len));
        }
        Retain(remainder) => {
            listpack.retain(|value| value.len() % 3 == remainder);
            model.retain(|element| element.len() % 3 == remainder);
        }
        Append(elements) => {
            listpack.append(build(&elements).as_listpack());
            model.extend(elements);
        }
        SplitOff(index, keep_front) => {
            let index = index % (len + 2);
            let cut = listpack.split_off(index);
            let cut_model = model.split_off(index.min(len));
            check(&cut, &cut_model);
            if !keep_front {
                check(listpack, model);
                (*listpack, *model) = (cut, cut_model);
            }
        }
        Clear => {
            listpack.clear();
            model.clear();
        }
        Reload => {
            let bytes = listpack.as_bytes().to_vec();
            listpack.load(&bytes);
        }
    }
}

/// Whatever was accepted can be read from both ends and edited.
fn check_accepted(bytes: &[u8]) {
    let Ok(read) = Listpack::check(bytes) else {
        return;
    };
    let elements: Vec<_> = read.iter().map(to_vec).collect();
    check_reading(read, &elements);
    let mut listpack = ListpackBuf::from_checked(bytes.to_vec()).unwrap();
    while let Some(last) = listpack.as_listpack().last() {
        assert_eq!(listpack.remove(last), None);
        Listpack::check(listpack.as_bytes()).unwrap();
    }
}

proptest! {
    #[test]
    fn edits_agree_with_a_vector(edits in prop::collection::vec(edit(), 0..60)) {
        let (mut listpack, mut model) = (ListpackBuf::new(), Vec::new());
        for edit in edits {
            apply(&mut listpack, &mut model, edit);
            check(&listpack, &model);
        }
    }

    #[test]
    fn find_agrees_with_a_walk(
        elements in prop::collection::vec(element(), 1..40),
        from in any::<prop::sample::Index>(),
        step in 1..5_usize,
        needle in element(),
    ) {
        let listpack = build(&elements);
        let read = listpack.as_listpack();
        let from = from.index(elements.len());
        for needle in elements.iter().chain([&needle]) {
            let mut looked_at = (from..elements.len()).step_by(step);
            let expected = looked_at.find(|index| elements[*index] == *needle);
            let expected = expected.and_then(|index| read.seek(index));
            prop_assert_eq!(read.find(read.seek(from).unwrap(), step, needle), expected);
        }
    }

    #[test]
    fn an_iterator_meets_itself(
        elements in prop::collection::vec(element(), 0..20),
        from_behind in prop::collection::vec(any::<bool>(), 21),
        first in any::<prop::sample::Index>(),
    ) {
        let listpack = build(&elements);
        let read = listpack.as_listpack();
        let first = first.index(elements.len() + 1);
        let mut values = read.seek(first).map(|position| read.iter_from(position));
        let mut expected = elements[first..].iter();
        for from_behind in from_behind {
            let Some(values) = &mut values else { break };
            let (value, expected) = match from_behind {
                true => (values.next_back(), expected.next_back()),
                false => (values.next(), expected.next()),
            };
            prop_assert_eq!(value.map(to_vec), expected.cloned());
        }
    }

    #[test]
    fn changed_bytes_are_refused_or_read(
        elements in prop::collection::vec(element(), 0..10),
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..4),
    ) {
        let mut bytes = build(&elements).into_bytes();
        for (at, byte) in changes {
            let at = at.index(bytes.len());
            bytes[at] = byte;
            check_accepted(&bytes);
        }
    }

    #[test]
    fn random_bytes_are_refused_or_read(mut bytes in prop::collection::vec(any::<u8>(), 0..60)) {
        check_accepted(&bytes);
        // Once more with all that is needed to get to the entries.
        let total = (HEADER_BYTES + bytes.len() + 1) as u32;
        bytes.splice(0..0, total.to_le_bytes().into_iter().chain([0xff, 0xff]));
        bytes.push(END);
        check_accepted(&bytes);
    }
}
