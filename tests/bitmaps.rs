//! Bitmap commands against a plain model of bits.

use harness::{Random, TestServer, long_or};
use redis::Commands;

/// The bit at `offset`, most significant bit of a byte first; absent bits are 0.
fn bit(bytes: &[u8], offset: usize) -> bool {
    bytes
        .get(offset / 8)
        .is_some_and(|byte| byte >> (7 - offset % 8) & 1 == 1)
}

fn set_bit(bytes: &mut Vec<u8>, offset: usize, on: bool) {
    bytes.resize(bytes.len().max(offset / 8 + 1), 0);
    let mask = 1 << (7 - offset % 8);
    match on {
        true => bytes[offset / 8] |= mask,
        false => bytes[offset / 8] &= !mask,
    }
}

#[test]
fn bits_behave_like_an_array_of_bits() {
    let server = TestServer::start();
    let mut client = server.client();
    let mut random = Random::new(1);
    let mut model = Vec::new();
    for _ in 0..long_or(20_000, 1_000) {
        // Most bits near each other, some far out: across the chunks of a big value.
        let bound = if random.below(20) == 0 {
            3_000_000
        } else {
            2_000
        };
        let offset = random.below(bound) as usize;
        let on = random.below(2) == 1;
        let old: bool = client.setbit("k", offset, on).unwrap();
        assert_eq!(old, bit(&model, offset));
        set_bit(&mut model, offset, on);
        let other = random.below(bound) as usize;
        assert_eq!(
            client.getbit::<_, bool>("k", other).unwrap(),
            bit(&model, other)
        );
    }
    assert!(client.get::<_, Vec<u8>>("k").unwrap() == model);
    let ones: u32 = model.iter().map(|byte| byte.count_ones()).sum();
    assert_eq!(client.bitcount::<_, u32>("k").unwrap(), ones);
}

/// The bits that a range names, or nothing: bounds as in GETRANGE.
fn range(start: i64, end: i64, length: i64) -> std::ops::Range<i64> {
    let clamp = |index: i64| {
        if index < 0 {
            (length + index).max(0)
        } else {
            index
        }
    };
    clamp(start)..clamp(end).min(length - 1) + 1
}

#[test]
fn counting_and_finding_agree_with_looking_at_every_bit() {
    let server = TestServer::start();
    let mut client = server.client();
    let mut random = Random::new(2);
    for _ in 0..long_or(3_000, 300) {
        let length = random.below(70) as usize;
        let mut model = random.bytes(length);
        // Long runs of equal bytes are what word-wise searching gets wrong.
        let fill = *random.choice(&[0x00, 0xff, 0x01]);
        let filled = random.below(length as u64 + 1) as usize;
        model[..filled].fill(fill);
        let _: () = client.set("k", &model).unwrap();
        let in_bits = random.below(2) == 1;
        let units = if in_bits { length * 8 } else { length } as i64;
        let (start, end) = (
            random.between(-units - 3, units + 3),
            random.between(-units - 3, units + 3),
        );
        if start < 0 && end < 0 && start > end {
            // Redis calls this empty before it clamps.
            continue;
        }
        let scale = if in_bits { 1 } else { 8 };
        let bits = range(start, end, units);
        let bits = bits.start * scale..bits.end * scale;
        let unit = if in_bits { "BIT" } else { "BYTE" };
        let context = format!("{model:02x?} {start} {end} {unit}");

        let ones = bits
            .clone()
            .filter(|offset| bit(&model, *offset as usize))
            .count();
        let count: usize = redis::cmd("BITCOUNT")
            .arg("k")
            .arg(start)
            .arg(end)
            .arg(unit)
            .query(&mut client)
            .unwrap();
        assert_eq!(count, ones, "BITCOUNT {context}");

        for wanted in [false, true] {
            let first = bits
                .clone()
                .find(|offset| bit(&model, *offset as usize) == wanted);
            let position: i64 = redis::cmd("BITPOS")
                .arg("k")
                .arg(u8::from(wanted))
                .arg(start)
                .arg(end)
                .arg(unit)
                .query(&mut client)
                .unwrap();
            assert_eq!(position, first.unwrap_or(-1), "BITPOS {wanted} {context}");
        }
    }
}

#[test]
fn bitop_agrees_with_doing_it_byte_by_byte() {
    let server = TestServer::start();
    let mut client = server.client();
    let mut random = Random::new(3);
    let knows_newer = server.kind().at_least(8, 2);
    for _ in 0..long_or(2_000, 200) {
        let count = 1 + random.below(5) as usize;
        let sources: Vec<Vec<u8>> = (0..count)
            .map(|_| {
                let length = *random.choice(&[0, 1, 7, 8, 31, 32, 33, 100]);
                random.bytes(length)
            })
            .collect();
        let names: Vec<String> = (0..count)
            .map(|number| format!("source:{number}"))
            .collect();
        for (name, bytes) in names.iter().zip(&sources) {
            let _: () = client.set(name, bytes).unwrap();
        }
        let longest = sources.iter().map(Vec::len).max().unwrap_or(0);
        let at = |source: &Vec<u8>, index: usize| source.get(index).copied().unwrap_or(0);
        let fold = |operation: fn(u8, u8) -> u8| -> Vec<u8> {
            let column = |index| sources.iter().map(|s| at(s, index)).reduce(operation);
            (0..longest).filter_map(column).collect()
        };
        let mut check = |operation: &str, names: &[String], expected: Vec<u8>| {
            let length: usize = redis::cmd("BITOP")
                .arg(operation)
                .arg("out")
                .arg(names)
                .query(&mut client)
                .unwrap();
            assert_eq!(
                length,
                expected.len(),
                "BITOP {operation} of {sources:02x?}"
            );
            let out: Option<Vec<u8>> = client.get("out").unwrap();
            assert_eq!(
                out.unwrap_or_default(),
                expected,
                "BITOP {operation} of {sources:02x?}"
            );
        };
        check("AND", &names, fold(|a, b| a & b));
        check("OR", &names, fold(|a, b| a | b));
        check("XOR", &names, fold(|a, b| a ^ b));
        check(
            "NOT",
            &names[..1],
            sources[0].iter().map(|byte| !byte).collect(),
        );
        if !knows_newer {
            continue;
        }
        let of_first_and_others = |operation: fn(u8, u8) -> u8| -> Vec<u8> {
            let others = |index| sources[1..].iter().map(move |source| at(source, index));
            let column =
                |index| operation(at(&sources[0], index), others(index).fold(0, |a, b| a | b));
            (0..longest).map(column).collect()
        };
        if count > 1 {
            check("DIFF", &names, of_first_and_others(|a, b| a & !b));
            check("DIFF1", &names, of_first_and_others(|a, b| b & !a));
            check("ANDOR", &names, of_first_and_others(|a, b| a & b));
        }
        let in_one = |index| {
            let is_set = |source: &Vec<u8>, bit: u8| at(source, index) & bit != 0;
            let bits = (0..8).map(|shift| 1 << shift);
            bits.filter(|bit| sources.iter().filter(|source| is_set(source, *bit)).count() == 1)
                .sum::<u8>()
        };
        check("ONE", &names, (0..longest).map(in_one).collect());
    }
}

#[test]
fn bitfields_behave_like_integers_of_their_width() {
    let server = TestServer::start();
    let mut client = server.client();
    let mut random = Random::new(4);
    let mut model: Vec<u8> = Vec::new();
    for _ in 0..long_or(20_000, 1_000) {
        let signed = random.below(2) == 1;
        let width = 1 + random.below(if signed { 64 } else { 63 }) as usize;
        let offset = random.below(300) as usize;
        let name = format!("{}{width}", if signed { 'i' } else { 'u' });
        let value = random.between(-1000, 1000) * random.between(1, 1 << 40);
        let old = field(&model, offset, width, signed);
        let sets = random.below(2) == 1;
        let new = if sets {
            i128::from(value)
        } else {
            old + i128::from(value)
        };
        let expected = if sets { old } else { wrap(new, width, signed) };
        let reply: Vec<i64> = redis::cmd("BITFIELD")
            .arg("k")
            .arg(if sets { "SET" } else { "INCRBY" })
            .arg(&name)
            .arg(offset)
            .arg(value)
            .query(&mut client)
            .unwrap();
        assert_eq!(
            i128::from(reply[0]),
            expected,
            "{name} at {offset}, {value}, was {old}"
        );
        let wrapped = wrap(new, width, signed);
        for index in 0..width {
            let on = wrapped >> (width - 1 - index) & 1 == 1;
            set_bit(&mut model, offset + index, on);
        }
    }
    assert_eq!(client.get::<_, Vec<u8>>("k").unwrap(), model);
}

fn field(bytes: &[u8], offset: usize, width: usize, signed: bool) -> i128 {
    let bits = (0..width).fold(0, |value, index| {
        value << 1 | i128::from(bit(bytes, offset + index))
    });
    wrap(bits, width, signed)
}

/// The low `width` bits of `value` as a number.
fn wrap(value: i128, width: usize, signed: bool) -> i128 {
    let low = value & ((1 << width) - 1);
    match signed && low >> (width - 1) & 1 == 1 {
        true => low - (1 << width),
        false => low,
    }
}
