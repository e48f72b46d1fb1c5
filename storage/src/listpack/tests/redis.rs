//! What Redis 7.0.15 and 8.0.6 keep for the same elements: listpacks cut out of what `DUMP` gave. Both
//! gave the same bytes, but for the score 0.1, which 8.0 writes as it stands, and for the set, which
//! 7.0 keeps in a table.

use super::*;
use crate::hexadecimal::bytes;

/// The elements make these bytes, and the bytes these elements.
fn check_redis(elements: &[&str], hex: &str) {
    let elements: Vec<_> = elements
        .iter()
        .map(|element| element.as_bytes().to_vec())
        .collect();
    let listpack = build(&elements);
    assert_eq!(listpack.as_bytes(), bytes(hex));
    check(&listpack, &elements);
}

#[test]
fn list_of_integers() {
    // RPUSH key 0 1 -1 …
    check_redis(
        &[
            "0",
            "1",
            "-1",
            "127",
            "128",
            "4095",
            "4096",
            "-4096",
            "-4097",
            "32767",
            "32768",
            "-32768",
            "-32769",
            "8388607",
            "8388608",
            "-8388608",
            "-8388609",
            "2147483647",
            "2147483648",
            "-2147483648",
            "-2147483649",
            "9223372036854775807",
            "-9223372036854775808",
        ],
        "7d000000170000010101dfff027f01c08002cfff02f1001003d00002f1ffef03f1ff7f03f2008000\
         04f1008003f2ff7fff04f2ffff7f04f30000800005f200008004f3ffff7fff05f3ffffff7f05f400\
         0000800000000009f30000008005f4ffffff7fffffffff09f4ffffffffffffff7f09f40000000000\
         00008009ff",
    );
}

#[test]
fn list_of_strings_that_are_no_integers() {
    check_redis(
        &[
            "",
            "-",
            "-0",
            "00",
            "01",
            "+1",
            "1 ",
            " 1",
            "1.0",
            "9223372036854775808",
            "-9223372036854775809",
            "99999999999999999999",
            "100000000000000000000",
            "a",
        ],
        "840000000e008001812d02822d30038230300382303103822b3103823120038220310383312e3004\
         933932323333373230333638353437373538303814942d3932323333373230333638353437373538\
         30391594393939393939393939393939393939393939393915953130303030303030303030303030\
         3030303030303016816102ff",
    );
}

#[test]
fn hash_and_what_becomes_of_it() {
    let long = "x".repeat(64);
    // HSET key name Sitta weight 20 wings -2 37 61.5 "" xxx…
    check_redis(
        &[
            "name", "Sitta", "weight", "20", "wings", "-2", "37", "61.5", "", &long,
        ],
        "750000000a00846e616d650585536974746106867765696768740714018577696e677306dffe0225\
         018436312e35058001e0407878787878787878787878787878787878787878787878787878787878\
         787878787878787878787878787878787878787878787878787878787878787878787842ff",
    );
    // HINCRBY key weight 5000, HDEL key name
    let after = bytes(
        "6a00000008008677656967687407f19c13038577696e677306dffe0225018436312e35058001e040\
         78787878787878787878787878787878787878787878787878787878787878787878787878787878\
         78787878787878787878787878787878787878787878787842ff",
    );
    let mut hash = build(
        &[
            "name", "Sitta", "weight", "20", "wings", "-2", "37", "61.5", "", &long,
        ]
        .map(|element| element.as_bytes().to_vec()),
    );
    let first = hash.as_listpack().first().unwrap();
    let weight = hash.as_listpack().find(first, 2, b"weight").unwrap();
    let value = hash.as_listpack().next(weight).unwrap();
    hash.replace_int(value, 5020);
    assert_eq!(hash.remove_from(first, 2), Some(first));
    assert_eq!(hash.as_bytes(), after);
}

#[test]
fn sorted_set() {
    // ZADD key 1 one 1.5 b -3 c inf 7 1e30 e -4097 -0 0.1 d
    check_redis(
        &[
            "-0",
            "-4097",
            "c",
            "-3",
            "d",
            "0.10000000000000001",
            "one",
            "1",
            "b",
            "1.5",
            "e",
            "1e+30",
            "7",
            "inf",
        ],
        "4d0000000e00822d3003f1ffef03816302dffd0281640293302e3130303030303030303030303030\
         30303114836f6e6504010181620283312e35048165028531652b333006070183696e6604ff",
    );
}

#[test]
fn set_of_redis_8() {
    // SADD key a 12 bc -129 ""
    check_redis(
        &["a", "12", "bc", "-129", ""],
        "1500000005008161020c0182626303df7f028001ff",
    );
}

#[test]
fn list_edited_in_many_ways() {
    let mut list = build(&[b"a".to_vec()]);
    let position = |list: &ListpackBuf, index| list.as_listpack().seek(index).unwrap();
    // LINSERT key BEFORE a 10, LINSERT key AFTER a -70000, LPUSH key xxx…, LSET key 2 300
    list.insert_before(position(&list, 0), b"10");
    list.insert_after(position(&list, 1), b"-70000");
    list.push_front(&[b'x'; 70]);
    list.replace(position(&list, 2), b"300");
    // RPUSH key b c d e, LREM key 1 d, LTRIM key 0 5, LSET key 0 zz
    for element in ["b", "c", "d", "e"] {
        list.push_back(element.as_bytes());
    }
    list.remove(position(&list, 6));
    list.remove_range(6, 1);
    list.replace(position(&list, 0), b"zz");
    let expected = "1b0000000600827a7a030a01c12c02f290eefe04816202816302ff";
    assert_eq!(list.as_bytes(), bytes(expected));
}

#[test]
fn strings_of_all_lengths() {
    // HSET key f xxx…: the header of the listpack, and what is around the string.
    for (len, header, head, back_length) in [
        (62, "4a0000000200", "be", "3f"),
        (63, "4b0000000200", "bf", "40"),
        (64, "4d0000000200", "e040", "42"),
        (125, "8a0000000200", "e07d", "7f"),
        (126, "8c0000000200", "e07e", "0180"),
        (4095, "0d1000000200", "efff", "2081"),
        (4096, "111000000200", "f000100000", "2085"),
        (16_377, "0a4000000200", "f0f93f0000", "7ffe"),
        (16_378, "0c4000000200", "f0fa3f0000", "00ffff"),
        (16_379, "0d4000000200", "f0fb3f0000", "018080"),
        (2_097_145, "0b0020000200", "f0f9ff1f00", "7ffffe"),
        (2_097_146, "0d0020000200", "f0faff1f00", "00ffffff"),
    ] {
        let string = vec![b'x'; len];
        let listpack = build(&[b"f".to_vec(), string.clone()]);
        let field = bytes("816602");
        let expected = [
            &bytes(header)[..],
            &field,
            &bytes(head),
            &string,
            &bytes(back_length),
            &[END],
        ];
        assert!(listpack.as_bytes() == expected.concat(), "{len}");
    }
}

#[test]
fn counts_around_65535() {
    // Hashes of fields f0, f1, …, each with the value 1: how many, and the header of the listpack.
    for (fields, header) in [
        (32_766, "8dd40400fcff"),
        (32_767, "97d40400feff"),
        (32_768, "a1d40400ffff"),
    ] {
        let mut hash = ListpackBuf::new();
        for field in 0..fields {
            hash.push_back(format!("f{field}").as_bytes());
            hash.push_back(b"1");
        }
        assert_eq!(hash.as_bytes()[..HEADER_BYTES], bytes(header));
        if fields == 32_768 {
            // HDEL key f5
            hash.remove_range(10, 2);
            assert_eq!(hash.as_bytes()[..HEADER_BYTES], bytes("9bd40400feff"));
        }
    }
}
