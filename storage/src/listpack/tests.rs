use super::entry::{bytes_before, check as check_entry};
use super::*;

mod properties;
mod redis;

/// Integers on both sides of every border between two forms.
const BORDER_INTEGERS: [i64; 28] = [
    0,
    1,
    -1,
    127,
    128,
    -128,
    4095,
    4096,
    -4096,
    -4097,
    32_767,
    32_768,
    -32_768,
    -32_769,
    8_388_607,
    8_388_608,
    -8_388_608,
    -8_388_609,
    2_147_483_647,
    2_147_483_648,
    -2_147_483_648,
    -2_147_483_649,
    i64::MAX - 1,
    i64::MAX,
    i64::MIN,
    i64::MIN + 1,
    1 << 40,
    -1 << 40,
];

fn build(elements: &[Vec<u8>]) -> ListpackBuf {
    let mut listpack = ListpackBuf::new();
    for element in elements {
        listpack.push_back(element);
    }
    listpack
}

fn to_vec(value: Value<'_>) -> Vec<u8> {
    let mut bytes = Vec::new();
    value.write_to(&mut bytes);
    bytes
}

/// Equal content by every way of reading it, in the form that building it anew gives.
fn check(listpack: &ListpackBuf, model: &[Vec<u8>]) {
    let bytes = listpack.as_bytes();
    assert_eq!(bytes, build(model).as_bytes());
    let read = Listpack::check(bytes).unwrap();
    check_reading(read, model);
    let entries: usize = model.iter().map(|element| entry_bytes(element)).sum();
    assert_eq!(read.byte_len(), HEADER_BYTES + entries + 1);
}

fn check_reading(read: Listpack<'_>, model: &[Vec<u8>]) {
    assert_eq!(
        (read.len(), read.is_empty()),
        (model.len(), model.is_empty())
    );
    let forwards: Vec<_> = read.iter().map(to_vec).collect();
    assert_eq!(forwards, model);
    let mut backwards: Vec<_> = read.iter().rev().map(to_vec).collect();
    backwards.reverse();
    assert_eq!(backwards, model);

    let mut position = read.first();
    let mut before = None;
    for (index, element) in model.iter().enumerate() {
        let at = position.expect("as many positions as elements");
        assert_eq!(read.seek(index), Some(at));
        assert_eq!(read.prev(at), before);
        check_value(read.value_at(at), element);
        assert_eq!(read.get(index), Some(read.value_at(at)));
        (before, position) = (Some(at), read.next(at));
    }
    assert_eq!((position, before), (None, read.last()));
    for behind in [model.len(), model.len() + 1, usize::MAX] {
        assert_eq!((read.seek(behind), read.get(behind)), (None, None));
    }
}

fn check_value(value: Value<'_>, element: &[u8]) {
    assert_eq!(to_vec(value), element);
    assert_eq!(
        (value.len(), value.is_empty()),
        (element.len(), element.is_empty())
    );
    assert_eq!(value.to_integer(), canonical_integer(element));
    assert!(value.equals(element));
    assert!(!value.equals(&[element, b"0"].concat()) && !value.equals(&[b" ", element].concat()));
}

#[test]
fn every_form_begins_and_ends_where_it_should() {
    // Element, entry.
    let cases: &[(&[u8], &[u8])] = &[
        (b"0", b"\x00\x01"),
        (b"127", b"\x7f\x01"),
        (b"128", b"\xc0\x80\x02"),
        (b"4095", b"\xcf\xff\x02"),
        (b"-1", b"\xdf\xff\x02"),
        (b"-4096", b"\xd0\x00\x02"),
        (b"4096", b"\xf1\x00\x10\x03"),
        (b"-4097", b"\xf1\xff\xef\x03"),
        (b"32767", b"\xf1\xff\x7f\x03"),
        (b"-32768", b"\xf1\x00\x80\x03"),
        (b"32768", b"\xf2\x00\x80\x00\x04"),
        (b"-32769", b"\xf2\xff\x7f\xff\x04"),
        (b"8388607", b"\xf2\xff\xff\x7f\x04"),
        (b"-8388608", b"\xf2\x00\x00\x80\x04"),
        (b"8388608", b"\xf3\x00\x00\x80\x00\x05"),
        (b"-8388609", b"\xf3\xff\xff\x7f\xff\x05"),
        (b"2147483647", b"\xf3\xff\xff\xff\x7f\x05"),
        (b"-2147483648", b"\xf3\x00\x00\x00\x80\x05"),
        (b"2147483648", b"\xf4\x00\x00\x00\x80\x00\x00\x00\x00\x09"),
        (b"-2147483649", b"\xf4\xff\xff\xff\x7f\xff\xff\xff\xff\x09"),
        (
            b"9223372036854775807",
            b"\xf4\xff\xff\xff\xff\xff\xff\xff\x7f\x09",
        ),
        (
            b"-9223372036854775808",
            b"\xf4\x00\x00\x00\x00\x00\x00\x00\x80\x09",
        ),
        (b"9223372036854775808", b"\x939223372036854775808\x14"),
        (b"", b"\x80\x01"),
        (b"-0", b"\x82-0\x03"),
        (b"01", b"\x8201\x03"),
        (b"+1", b"\x82+1\x03"),
        (b"1 ", b"\x821 \x03"),
    ];
    for (element, entry) in cases {
        let listpack = build(&[element.to_vec()]);
        assert_eq!(
            &listpack.as_bytes()[HEADER_BYTES..listpack.as_listpack().end()],
            *entry,
            "{element:?}"
        );
        check(&listpack, &[element.to_vec()]);
    }
}

#[test]
fn every_length_of_strings_has_its_head_and_back_length() {
    // Length, head, back-length.
    let cases: &[(usize, &[u8], &[u8])] = &[
        (63, b"\xbf", b"\x40"),
        (64, b"\xe0\x40", b"\x42"),
        (125, b"\xe0\x7d", b"\x7f"),
        (126, b"\xe0\x7e", b"\x01\x80"),
        (4095, b"\xef\xff", b"\x20\x81"),
        (4096, b"\xf0\x00\x10\x00\x00", b"\x20\x85"),
        (16_377, b"\xf0\xf9\x3f\x00\x00", b"\x7f\xfe"),
        (16_378, b"\xf0\xfa\x3f\x00\x00", b"\x00\xff\xff"),
        (2_097_145, b"\xf0\xf9\xff\x1f\x00", b"\x7f\xff\xfe"),
        (2_097_146, b"\xf0\xfa\xff\x1f\x00", b"\x00\xff\xff\xff"),
    ];
    for (len, head, back_length) in cases {
        let string = vec![b'x'; *len];
        let entry = [*head, &string, back_length].concat();
        let listpack = build(std::slice::from_ref(&string));
        assert!(
            listpack.as_bytes()[HEADER_BYTES..listpack.as_listpack().end()] == entry,
            "{len}"
        );
        assert_eq!(entry_bytes(&string), entry.len());
        assert_eq!(bytes_before(&entry), entry.len());
        check(&listpack, &[string]);
    }
}

#[test]
fn back_lengths_of_the_longest_strings() {
    // Only what stands around the string: one of 256 MiB is long to build.
    for (element_bytes, back_length) in [
        (268_435_454_usize, &b"\x7f\xff\xff\xfe"[..]),
        (268_435_455, b"\x00\xff\xff\xff\xff"),
        (1 << 30, b"\x04\x80\x80\x80\x80"),
        (u32::MAX as usize, b"\x0f\xff\xff\xff\xff"),
    ] {
        assert_eq!(bytes_before(back_length), element_bytes + back_length.len());
    }
}

#[test]
fn integers_are_the_same_by_either_way_in() {
    for integer in BORDER_INTEGERS {
        let text = integer.to_string().into_bytes();
        let mut listpack = ListpackBuf::new();
        listpack.push_back_int(integer);
        check(&listpack, std::slice::from_ref(&text));
        assert_eq!(listpack.as_listpack().get(0), Some(Value::Int(integer)));

        let mut listpack = build(&[b"a".to_vec(), b"b".to_vec()]);
        let first = listpack.as_listpack().first().unwrap();
        assert_eq!(listpack.replace_int(first, integer), first);
        check(&listpack, &[text, b"b".to_vec()]);
    }
}

#[test]
fn find_looks_at_every_step_th_element_only() {
    let elements = ["7", "a", "a", "7", "-0", "b", "", "c", "b", "d"];
    let listpack = build(&elements.map(|element| element.as_bytes().to_vec()));
    let read = listpack.as_listpack();
    // Start, step, needle, index of the element found.
    let cases = [
        (0, 1, "7", Some(0)),
        (1, 1, "7", Some(3)),
        (1, 2, "7", Some(3)),
        (2, 2, "7", None),
        (0, 1, "a", Some(1)),
        (0, 2, "a", Some(2)),
        (0, 3, "a", None),
        (0, 2, "b", Some(8)),
        (0, 4, "b", Some(8)),
        (0, 5, "b", Some(5)),
        (0, 1, "", Some(6)),
        (0, 1, "-0", Some(4)),
        (0, 1, "0", None),
        (0, 1, "07", None),
        (9, 1, "d", Some(9)),
        (0, 9, "d", Some(9)),
        (0, 10, "d", None),
        (0, usize::MAX, "7", Some(0)),
    ];
    for (from, step, needle, found) in cases {
        let from_position = read.seek(from).unwrap();
        let expected = found.and_then(|index| read.seek(index));
        let found = read.find(from_position, step, needle.as_bytes());
        assert_eq!(found, expected, "{needle:?} from {from}, step {step}");
    }
}

#[test]
fn others_may_store_in_larger_forms() {
    // 5 as an integer of 16 bits, "12" and "x" as a long and a very long string, not counted.
    let entries = b"\xf1\x05\x00\x03\xe0\x0212\x04\xf0\x01\x00\x00\x00x\x06";
    let bytes = [&[23, 0, 0, 0, 0xff, 0xff], &entries[..], &[END]].concat();
    let mut listpack = ListpackBuf::from_checked(bytes).unwrap();
    let read = listpack.as_listpack();
    let elements = [b"5".to_vec(), b"12".to_vec(), b"x".to_vec()];
    check_reading(read, &elements);
    for (index, element) in elements.iter().enumerate() {
        let found = read.find(read.first().unwrap(), 1, element);
        assert_eq!(found, read.seek(index));
    }
    assert_eq!(read.len(), 3);
    for element in &elements {
        let first = listpack.as_listpack().first().unwrap();
        listpack.remove(first);
        listpack.push_back(element);
    }
    check(&listpack, &elements);
}

#[test]
fn the_count_is_left_to_a_walk_from_65535_on() {
    let mut listpack = ListpackBuf::new();
    (0..65_534).for_each(|_| listpack.push_back_int(1));
    assert_eq!(listpack.as_bytes()[4..6], [0xfe, 0xff]);
    listpack.push_front(b"0");
    assert_eq!(listpack.as_bytes()[4..6], [0xff, 0xff]);
    listpack.push_back(b"2");
    let check_len = |listpack: &ListpackBuf, len: usize| {
        let read = Listpack::check(listpack.as_bytes()).unwrap();
        assert_eq!(read.len(), len);
        assert_eq!((read.get(0), read.seek(len)), (Some(Value::Int(0)), None));
        assert_eq!(read.seek(len - 1), read.last());
    };
    check_len(&listpack, 65_536);

    let mut shorter = listpack.clone();
    let second = shorter.as_listpack().seek(1).unwrap();
    assert_eq!(shorter.remove_from(second, 65_000), Some(second));
    assert_eq!(shorter.as_bytes()[4..6], 536_u16.to_le_bytes());
    check_len(&shorter, 536);
    shorter = listpack.clone();
    shorter.remove(second);
    assert_eq!(shorter.as_bytes()[4..6], [0xff, 0xff]);
    shorter.remove(second);
    assert_eq!(shorter.as_bytes()[4..6], [0xfe, 0xff]);
    check_len(&shorter, 65_534);
    shorter.remove_range(500, usize::MAX);
    check_len(&shorter, 500);

    let mut front = listpack.clone();
    let behind = front.split_off(65_000);
    assert_eq!(front.as_bytes()[4..6], 65_000_u16.to_le_bytes());
    assert_eq!(behind.as_bytes()[4..6], 536_u16.to_le_bytes());
    front.append(behind.as_listpack());
    assert_eq!(front, listpack);
    let longer = front.split_off(0);
    assert_eq!((longer, front), (listpack, ListpackBuf::new()));
}

#[test]
fn edits_keep_to_the_room_there_is() {
    let mut listpack = ListpackBuf::with_capacity(100);
    listpack.push_back(b"abc");
    let other = listpack.clone();
    let place = listpack.as_bytes().as_ptr();
    listpack.clear();
    check(&listpack, &[]);
    listpack.load(other.as_bytes());
    check(&listpack, &[b"abc".to_vec()]);
    assert_eq!(listpack.as_bytes().as_ptr(), place);
    assert_eq!(listpack.into_bytes(), other.as_bytes());
}

#[test]
fn room_ends_where_redis_ends_it() {
    let listpack = ListpackBuf::new();
    assert!(listpack.as_listpack().has_room_for(BYTES_MAX - 7));
    assert!(!listpack.as_listpack().has_room_for(BYTES_MAX - 6));
    assert!(!listpack.as_listpack().has_room_for(usize::MAX));
}

#[test]
fn corrupt_bytes_are_told_apart() {
    let valid = build(&[b"a".to_vec(), b"1000".to_vec(), vec![b'x'; 200]]).into_bytes();
    let end = valid.len() - 1;
    let changed = |at: usize, byte: u8| {
        let mut bytes = valid.clone();
        bytes[at] = byte;
        Listpack::check(&bytes).err()
    };
    assert_eq!(Listpack::check(&valid).err(), None);
    for len in 0..valid.len() {
        assert_eq!(Listpack::check(&valid[..len]).err(), Some(Corrupt::Size));
    }
    let with_more = [&valid[..], &[END]].concat();
    assert_eq!(Listpack::check(&with_more).err(), Some(Corrupt::Size));
    assert_eq!(changed(3, 1), Some(Corrupt::Size));
    assert_eq!(changed(end, 0xfe), Some(Corrupt::End));
    assert_eq!(changed(4, 2), Some(Corrupt::Count));
    assert_eq!(changed(4, 4), Some(Corrupt::Count));
    assert_eq!(changed(5, 0xff), Some(Corrupt::Count));
    // An end before the end, and first bytes of no form.
    for byte in 0xf5..=0xff {
        assert_eq!(changed(6, byte), Some(Corrupt::Entry { at: 6 }));
    }
    assert_eq!(changed(12, 0xef), Some(Corrupt::Entry { at: 12 }));
    assert_eq!(changed(12, 0xf0), Some(Corrupt::Entry { at: 12 }));
    assert_eq!(changed(8, 3), Some(Corrupt::BackLength { at: 6 }));
    assert_eq!(changed(end - 1, 0xcb), Some(Corrupt::BackLength { at: 12 }));
    assert_eq!(changed(end - 2, 2), Some(Corrupt::BackLength { at: 12 }));
    assert_eq!(changed(end - 2, 0x81), Some(Corrupt::BackLength { at: 12 }));
    // An element without its back-length.
    assert_eq!(check_entry(b"\x81a", 9), Err(Corrupt::Entry { at: 9 }));
}

#[test]
fn what_is_pushed_to_the_front_moves_once_in_many_times() {
    let mut listpack = ListpackBuf::new();
    let (mut moves, mut end) = (0, std::ptr::null());
    let mut model = Vec::new();
    for n in 0..2_000 {
        let element = format!("element {n}");
        listpack.push_front(element.as_bytes());
        model.insert(0, element);
        let bytes = listpack.as_bytes().as_ptr_range();
        moves += usize::from(bytes.end != end);
        end = bytes.end;
        assert!(listpack.capacity() < 2 * listpack.as_bytes().len() + 512);
    }
    // The first 512 bytes grow at their end.
    assert!(moves < 60, "{moves}");
    let elements = |listpack: &ListpackBuf| -> Vec<String> {
        let text = |value: Value<'_>| {
            let mut text = Vec::new();
            value.write_to(&mut text);
            String::from_utf8(text).unwrap()
        };
        listpack.as_listpack().iter().map(text).collect()
    };
    assert!(elements(&listpack) == model);
    assert_eq!(Listpack::check(listpack.as_bytes()).err(), None);
    // A queue: what goes at the front makes room for what comes at the end.
    let capacity = listpack.capacity();
    for n in 0..20_000 {
        let first = listpack.as_listpack().first().unwrap();
        listpack.remove(first);
        model.remove(0);
        let element = format!("another {n}");
        listpack.push_back(element.as_bytes());
        model.push(element);
    }
    assert!(
        listpack.capacity() <= 2 * capacity,
        "{}",
        listpack.capacity()
    );
    assert!(elements(&listpack) == model);
    assert_eq!(Listpack::check(listpack.as_bytes()).err(), None);
    let copy = listpack.clone();
    assert_eq!(copy, listpack);
    listpack.shrink_to_fit();
    assert_eq!(listpack.capacity(), copy.as_bytes().len());
    assert_eq!(listpack.into_bytes(), copy.as_bytes());
}
