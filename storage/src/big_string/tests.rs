use proptest::prelude::*;

use super::room::SPAN_FROM_BYTES;
use super::*;

/// Equal content by every way of reading it, and exact accounting.
fn check(string: &BigString, expected: &[u8]) {
    assert_eq!(string.len(), expected.len());
    assert!(string == expected, "content of {string:?}");
    assert!(string.copy_to_vec() == expected, "content of {string:?}");
    assert_eq!(string.chunks.len(), expected.len().div_ceil(CHUNK_BYTES));
    assert_eq!(
        string.chunk_bytes,
        string.chunks.iter().map(Chunk::bytes).sum::<usize>()
    );
    assert!(
        string
            .chunks
            .iter()
            .all(|chunk| chunk.data().len() <= CHUNK_BYTES)
    );
    assert_eq!(string.get_byte(expected.len()), None);
}

/// What a handle takes beside its chunks.
const HANDLE_BYTES: usize = 40;

/// What a chunk with these bytes takes.
fn chunk_bytes(len: usize) -> usize {
    let written = match len < SPAN_FROM_BYTES {
        true => len,
        false => len.next_multiple_of(4096),
    };
    16 + size_of::<Room>() + written
}

#[test]
fn from_parts_leaves_no_room() {
    let bytes: Vec<u8> = (0..200_000_u32).map(|n| n as u8).collect();
    for len in [
        0,
        1,
        8_193,
        CHUNK_BYTES - 1,
        CHUNK_BYTES,
        CHUNK_BYTES + 1,
        2 * CHUNK_BYTES,
        200_000,
    ] {
        let bytes = &bytes[..len];
        let string = BigString::from_bytes(bytes);
        check(&string, bytes);
        let chunks = len.div_ceil(CHUNK_BYTES);
        let (full, rest) = (len / CHUNK_BYTES, len % CHUNK_BYTES);
        let last = if rest > 0 { chunk_bytes(rest) } else { 0 };
        let expected = HANDLE_BYTES + chunks * 8 + full * chunk_bytes(CHUNK_BYTES) + last;
        assert_eq!(string.memory_bytes(), expected);

        let (front, back) = bytes.split_at(len / 3);
        let in_parts = BigString::from_parts(&[front, b"", back]);
        check(&in_parts, bytes);
        assert_eq!(in_parts.memory_bytes(), string.memory_bytes());
        assert_eq!(in_parts, string);
    }
}

#[test]
fn far_write_allocates_only_what_it_touches() {
    let mut string = BigString::new();
    let offset = 512 * 1024 * 1024 - 1;
    string.set_byte(offset, 7);
    let chunks = offset / CHUNK_BYTES + 1;
    let chunk = chunk_bytes(CHUNK_BYTES);
    assert_eq!(string.memory_bytes(), HANDLE_BYTES + chunks * 8 + chunk);
    assert_eq!(string.get_byte(offset), Some(7));
    assert_eq!(string.get_byte(offset - 1), Some(0));
    assert_eq!(string.get_byte(12_345), Some(0));
    assert_eq!(string.get_byte(offset + 1), None);
    let zeros = string
        .read_range(0..offset)
        .all(|slice| slice.iter().all(|&byte| byte == 0));
    assert!(zeros);

    string.set_byte(5, 1);
    assert_eq!(
        string.memory_bytes(),
        HANDLE_BYTES + chunks * 8 + chunk + chunk_bytes(6)
    );
}

#[test]
fn growing_takes_no_memory_for_content() {
    let mut string = BigString::from_bytes(b"abc");
    string.grow_to(CHUNK_BYTES + 10);
    assert_eq!(string.chunk_bytes, chunk_bytes(3));
    string.grow_to(2);
    assert_eq!(string.len(), CHUNK_BYTES + 10);
    let mut expected = b"abc".to_vec();
    expected.resize(CHUNK_BYTES + 10, 0);
    check(&string, &expected);
    assert_eq!(string, BigString::from_bytes(&expected));
    assert_eq!(BigString::from_bytes(&expected), string);
}

#[test]
fn writing_nothing_does_not_grow() {
    let mut string = BigString::from_bytes(b"abc");
    string.write_at(100, b"");
    check(&string, b"abc");
}

#[test]
fn small_appends_seldom_reallocate() {
    let mut string = BigString::new();
    let place = |string: &BigString| string.chunks.last().map(|chunk| chunk.data().as_ptr());
    let mut moves = 0;
    let mut last = place(&string);
    for n in 0..1_000_000_u32 {
        string.append(&[n as u8]);
        moves += u32::from(last != place(&string));
        last = place(&string);
    }
    assert!(moves < 16 * 35, "{moves}");
    string.shrink_to_fit();
    let exact = BigString::from_bytes(&string.copy_to_vec());
    assert_eq!(string.memory_bytes(), exact.memory_bytes());
    assert_eq!(string, exact);
}

#[test]
fn a_chunk_is_the_same_in_an_allocation_and_in_a_span() {
    for len in [SPAN_FROM_BYTES - 1, SPAN_FROM_BYTES, CHUNK_BYTES - 1] {
        let bytes: Vec<u8> = (0..len).map(|n| (n % 251) as u8).collect();
        let mut string = BigString::new();
        string.append(&bytes[..10]);
        string.write_at(len - 5, &bytes[len - 5..]);
        string.write_at(10, &bytes[10..len - 5]);
        check(&string, &bytes);
        let pin = string.clone();
        string.set_byte(len / 2, 255);
        check(&pin, &bytes);
        string.append(b"more");
        assert_eq!(string.len(), len + 4);
        assert_eq!(string.get_byte(len / 2), Some(255));
        string.shrink_to_fit();
        assert_eq!(string.get_byte(len + 3), Some(b'e'));
    }
}

#[test]
fn write_copies_only_the_shared_chunks_it_touches() {
    let bytes = vec![b'x'; 10 * CHUNK_BYTES];
    let mut string = BigString::from_bytes(&bytes);
    let before: Vec<_> = string
        .chunks
        .iter()
        .map(|chunk| chunk.data().as_ptr())
        .collect();
    let moved = |string: &BigString| -> Vec<usize> {
        let now = string.chunks.iter().map(|chunk| chunk.data().as_ptr());
        let pairs = now.zip(&before).enumerate();
        pairs
            .filter(|(_, (now, before))| now != *before)
            .map(|(n, _)| n)
            .collect()
    };
    string.write_at(0, b"unshared");
    assert_eq!(moved(&string), []);

    let pin = string.clone();
    string.write_at(4 * CHUNK_BYTES - 1, b"yy");
    assert_eq!(moved(&string), [3, 4]);
    assert_eq!(moved(&pin), []);
    assert_eq!(pin.get_byte(4 * CHUNK_BYTES), Some(b'x'));
    drop(pin);
    string.write_at(9 * CHUNK_BYTES, b"unshared again");
    assert_eq!(moved(&string), [3, 4]);
}

#[test]
fn freed_in_slices() {
    let bytes = vec![b'x'; 5 * CHUNK_BYTES + 1];
    let mut string = BigString::from_bytes(&bytes);
    assert!(!string.drop_some(2));
    check(&string, &bytes[..4 * CHUNK_BYTES]);
    assert!(!string.drop_some(3));
    assert!(string.drop_some(3));
    check(&string, b"");
    assert_eq!(string.memory_bytes(), BigString::new().memory_bytes());
    assert!(BigString::new().drop_some(1));

    let mut string = BigString::from_bytes(&bytes);
    let pin = string.clone();
    assert!(string.drop_some(1), "only the handle is to be freed");
    check(&pin, &bytes);
}

#[test]
fn what_a_pin_has_released_goes_when_its_key_goes() {
    let bytes: Vec<u8> = (0..4 * CHUNK_BYTES + 100)
        .map(|n| (n % 251) as u8)
        .collect();
    let string = BigString::from_bytes(&bytes);
    let weak: Vec<_> = string
        .chunks
        .iter()
        .map(|chunk| Arc::downgrade(chunk.0.as_ref().unwrap()))
        .collect();
    let held = || -> Vec<bool> { weak.iter().map(|chunk| chunk.strong_count() > 0).collect() };
    let mut pin = string.clone();
    let all = pin.chunk_bytes;
    pin.release_range(0..CHUNK_BYTES - 1);
    assert!(
        Arc::ptr_eq(&pin.chunks, &string.chunks),
        "no chunk has been read to its end"
    );
    pin.release_range(CHUNK_BYTES - 1..2 * CHUNK_BYTES + 5);
    assert_eq!(pin.chunk_bytes, all - 2 * chunk_bytes(CHUNK_BYTES));
    assert_eq!(pin.len(), bytes.len());
    let rest: Vec<&[u8]> = pin.read_range(2 * CHUNK_BYTES..bytes.len()).collect();
    assert!(rest.concat() == bytes[2 * CHUNK_BYTES..]);
    check(&string, &bytes);
    drop(string);
    assert_eq!(held(), [false, false, true, true, true]);
    pin.release_range(2 * CHUNK_BYTES + 5..3 * CHUNK_BYTES);
    assert_eq!(held(), [false, false, false, true, true]);
    pin.release_range(3 * CHUNK_BYTES..bytes.len());
    assert_eq!(held(), [false; 5]);
    assert_eq!(pin.chunk_bytes, 0);
}

#[derive(Clone, Debug)]
enum Step {
    Write { offset: usize, len: usize },
    Append { len: usize },
    Grow { len: usize },
    FillSlice,
    Shrink,
    Pin,
    Unpin { pin: usize },
    SwapWithPin { pin: usize },
    Read { start: usize, len: usize },
    Drop { chunks: usize },
}

/// Near a chunk's border as often as anywhere else.
fn offset() -> impl Strategy<Value = usize> {
    let near =
        (0..4_usize, 0..40_usize).prop_map(|(n, off)| (n * CHUNK_BYTES + off).saturating_sub(20));
    prop_oneof![near, 0..4 * CHUNK_BYTES]
}

fn length() -> impl Strategy<Value = usize> {
    prop_oneof![4 => 0..50_usize, 1 => offset()]
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        6 => (offset(), length()).prop_map(|(offset, len)| Step::Write { offset, len }),
        4 => length().prop_map(|len| Step::Append { len }),
        1 => offset().prop_map(|len| Step::Grow { len }),
        2 => Just(Step::FillSlice),
        1 => Just(Step::Shrink),
        3 => Just(Step::Pin),
        2 => any::<usize>().prop_map(|pin| Step::Unpin { pin }),
        1 => any::<usize>().prop_map(|pin| Step::SwapWithPin { pin }),
        2 => (offset(), length()).prop_map(|(start, len)| Step::Read { start, len }),
        1 => (0..3_usize).prop_map(|chunks| Step::Drop { chunks }),
    ]
}

/// A string and what it must hold.
type Pair = (BigString, Vec<u8>);

fn take_step((string, model): &mut Pair, pins: &mut Vec<Pair>, step: Step, fill: u8) {
    match step {
        Step::Write { offset, len } => {
            string.write_at(offset, &vec![fill; len]);
            if len > 0 {
                model.resize(model.len().max(offset + len), 0);
                model[offset..offset + len].fill(fill);
            }
        }
        Step::Append { len } => {
            string.append(&vec![fill; len]);
            model.extend(std::iter::repeat_n(fill, len));
        }
        Step::Grow { len } => {
            string.grow_to(len);
            model.resize(model.len().max(len), 0);
        }
        Step::FillSlice => {
            let Some(bytes) = string.as_mut_slice() else {
                return;
            };
            assert!(*bytes == **model);
            bytes.fill(fill);
            model.fill(fill);
        }
        Step::Shrink => string.shrink_to_fit(),
        Step::Pin => pins.push((string.clone(), model.clone())),
        Step::Unpin { .. } | Step::SwapWithPin { .. } if pins.is_empty() => {}
        Step::Unpin { pin } => drop(pins.swap_remove(pin % pins.len())),
        Step::SwapWithPin { pin } => {
            let index = pin % pins.len();
            std::mem::swap(string, &mut pins[index].0);
            std::mem::swap(model, &mut pins[index].1);
        }
        Step::Read { start, len } => {
            let expected = model
                .get(start..(start + len).min(model.len()))
                .unwrap_or_default();
            let read: Vec<&[u8]> = string.read_range(start..start + len).collect();
            assert!(read.concat() == expected, "{start} {len}");
            assert!(read.iter().all(|slice| !slice.is_empty()));
        }
        Step::Drop { chunks } => {
            let left = match Arc::strong_count(&string.chunks) {
                1 => model.len().div_ceil(CHUNK_BYTES).saturating_sub(chunks),
                _ => 0,
            };
            assert_eq!(string.drop_some(chunks), left == 0);
            model.truncate(left * CHUNK_BYTES);
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]
    #[test]
    fn agrees_with_a_vec_and_so_do_its_pins(steps in prop::collection::vec(step(), 1..60)) {
        let mut subject = (BigString::new(), Vec::new());
        let mut pins: Vec<Pair> = Vec::new();
        for (number, step) in steps.into_iter().enumerate() {
            take_step(&mut subject, &mut pins, step, number as u8 + 1);
            check(&subject.0, &subject.1);
        }
        for (pin, model) in &pins {
            check(pin, model);
            prop_assert_eq!(*pin == subject.0, *model == subject.1);
        }
    }
}
