//! What Redis 7.0.15 and 8.0.6 keep for the same commands: the nodes in what `DUMP` gave, which were the same in both.

use super::*;
use crate::hexadecimal::bytes;

fn add(stream: &mut Stream, entries: &[(&str, &[&str])], limits: NodeLimits) {
    for (id, fields) in entries {
        let fields: Vec<_> = fields
            .chunks(2)
            .map(|field| (field[0].as_bytes(), field[1].as_bytes()))
            .collect();
        let id = NewId::parse(id.as_bytes()).unwrap();
        stream.add(id, &fields, UnixMillis(0), limits).unwrap();
    }
}

/// The stream has these nodes, and these nodes make the same stream.
fn check(stream: &Stream, nodes: &[(StreamId, &str)]) {
    let found: Vec<_> = stream
        .entries()
        .nodes()
        .map(|node| (node.id(), node.as_bytes().to_vec()))
        .collect();
    let expected: Vec<_> = nodes.iter().map(|(id, hex)| (*id, bytes(hex))).collect();
    assert_eq!(found, expected);
    let mut loaded = Stream::new();
    for (id, node) in expected {
        loaded.load_node(id, node).unwrap();
    }
    assert_eq!(
        entries_of(loaded.entries().iter()),
        entries_of(stream.entries().iter())
    );
}

#[test]
fn entries_with_the_same_fields() {
    let mut stream = Stream::new();
    add(
        &mut stream,
        &[
            ("1-1", &["name", "Ada", "born", "1815"]),
            ("1-2", &["name", "Alan", "born", "1912"]),
            ("2-0", &["name", "Grace", "born", "1906"]),
        ],
        NodeLimits::default(),
    );
    check(
        &stream,
        &[(
            StreamId::new(1, 1),
            "4f0000001800030100010201846e616d650584626f726e0500010201000100018341646\
                 104c71702050102010001010184416c616e05c77802050102010101dfff028547726163\
                 6506c772020501ff",
        )],
    );
}

#[test]
fn entries_with_other_fields() {
    let mut stream = Stream::new();
    add(
        &mut stream,
        &[
            ("5-5", &["a", "1"]),
            ("5-6", &["b", "2"]),
            ("5-7", &["a", "1", "b", "2"]),
            ("6-0", &["7", "-7"]),
            ("6-1", &["a", ""]),
        ],
        NodeLimits::default(),
    );
    check(
        &stream,
        &[(
            StreamId::new(5, 5),
            "5a000000260005010001010181610200010201000100010101040100010001010101018\
                 1620202010601000100010201020181610201018162020201080100010101dffb020101\
                 0701dff902060102010101dffc0280010401ff",
        )],
    );
}

#[test]
fn numbers_lower_than_that_of_the_node() {
    let mut stream = Stream::new();
    add(
        &mut stream,
        &[
            ("10-18446744073709551615", &["f", "v"]),
            ("11-0", &["f", "v"]),
            ("18446744073709551615-3", &["f", "v"]),
        ],
        NodeLimits::default(),
    );
    check(
        &stream,
        &[(
            StreamId::new(10, 18446744073709551615),
            "34000000140003010001010181660200010201000100018176020401020101010101817\
                 60204010201dff50204018176020401ff",
        )],
    );
}

#[test]
fn values_that_are_numbers() {
    let mut stream = Stream::new();
    add(
        &mut stream,
        &[
            ("1526919030474-55", &["0", "0"]),
            ("1526919030474-56", &["0", "127"]),
            ("1526919030475-0", &["0", "-1"]),
            ("1526919034000-0", &["00", "9223372036854775808"]),
        ],
        NodeLimits::default(),
    );
    check(
        &stream,
        &[(
            StreamId::new(1526919030474, 55),
            "560000001b0004010001010100010001020100010001000104010201000101017f01040\
                 102010101dfc902dfff0204010001cdc602dfc902010182303003933932323333373230\
                 3336383534373735383038140601ff",
        )],
    );
}

#[test]
fn deleted_entries_are_flagged() {
    let mut stream = Stream::new();
    add(
        &mut stream,
        &[
            ("1-1", &["f", "a"]),
            ("1-2", &["f", "b"]),
            ("1-3", &["g", "c"]),
        ],
        NodeLimits::default(),
    );
    for id in [StreamId::new(1, 1), StreamId::new(1, 3)] {
        assert_eq!(stream.delete(id, References::Keep), Deleted::Yes);
    }
    check(
        &stream,
        &[(
            StreamId::new(1, 1),
            "38000000160001010201010181660200010301000100018161020401020100010101816\
                 202040101010001020101018167028163020601ff",
        )],
    );
}

#[test]
fn trimmed_entries_are_flagged() {
    let mut stream = Stream::new();
    add(
        &mut stream,
        &[
            ("1-0", &["f", "1"]),
            ("2-0", &["f", "2"]),
            ("3-0", &["f", "3"]),
            ("4-0", &["f", "4"]),
            ("5-0", &["f", "5"]),
        ],
        NodeLimits::default(),
    );
    let trimmed = stream.trim(Keep::Last(2), Precision::Exact, References::Keep);
    assert_eq!(trimmed.entries, 3);
    check(
        &stream,
        &[(
            StreamId::new(1, 0),
            "440000001e0002010301010181660200010301000100010101040103010101000102010\
                 401030102010001030104010201030100010401040102010401000105010401ff",
        )],
    );
}

#[test]
fn nodes_end_where_the_settings_say() {
    // CONFIG SET stream-node-max-bytes 64, stream-node-max-entries 3
    let limits = NodeLimits {
        bytes: 64,
        entries: 3,
    };
    let mut stream = Stream::new();
    let (long, longer) = ("x".repeat(30), "y".repeat(70));
    add(
        &mut stream,
        &[
            ("1-0", &["f", "1"]),
            ("2-0", &["f", "2"]),
            ("3-0", &["f", "3"]),
            ("4-0", &["f", "4"]),
            ("5-0", &["f", "5"]),
            ("6-0", &["f", "6"]),
            ("7-0", &["f", "7"]),
            ("8-0", &["f", &long]),
            ("9-0", &["f", "x"]),
            ("9-1", &["f", &longer]),
            ("9-2", &["f", "y"]),
        ],
        limits,
    );
    check(
        &stream,
        &[
            (
                StreamId::new(1, 0),
                "30000000140003010001010181660200010201000100010101040102010101000102010\
                 40102010201000103010401ff",
            ),
            (
                StreamId::new(4, 0),
                "30000000140003010001010181660200010201000100010401040102010101000105010\
                 40102010201000106010401ff",
            ),
            (
                StreamId::new(7, 0),
                "440000000f000201000101018166020001020100010001070104010201010100019e787\
                 8787878787878787878787878787878787878787878787878787878781f0401ff",
            ),
            (
                StreamId::new(9, 0),
                "1d0000000a0001010001010181660200010201000100018178020401ff",
            ),
            (
                StreamId::new(9, 1),
                "630000000a000101000101018166020001020100010001e046797979797979797979797\
                 97979797979797979797979797979797979797979797979797979797979797979797979\
                 797979797979797979797979797979797979797979797979480401ff",
            ),
            (
                StreamId::new(9, 2),
                "1d0000000a0001010001010181660200010201000100018179020401ff",
            ),
        ],
    );
}
