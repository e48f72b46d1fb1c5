use super::*;

const LIMITS: NodeLimits = NodeLimits {
    bytes: 0,
    entries: 10,
};

fn trim(stream: &mut Stream, keep: Keep, precision: Precision) -> u64 {
    stream.trim(keep, precision, References::Keep).entries
}

#[test]
fn only_whole_nodes_go_where_precision_does_not_matter() {
    let cases = [
        // What to keep, the limit, and how many go.
        (Keep::Last(100), 0, 0),
        (Keep::Last(91), 0, 0),
        (Keep::Last(90), 0, 10),
        (Keep::Last(55), 0, 40),
        (Keep::Last(0), 0, 100),
        (Keep::Last(0), 9, 0),
        (Keep::Last(0), 39, 30),
        (Keep::Last(55), 1_000, 40),
        (Keep::From(id(10)), 0, 0),
        (Keep::From(id(11)), 0, 10),
        (Keep::From(id(20)), 0, 10),
        (Keep::From(id(1_000)), 0, 100),
        (Keep::From(id(1_000)), 25, 20),
    ];
    for (keep, limit, gone) in cases {
        let mut stream = stream_of(100, LIMITS);
        let trimmed = trim(&mut stream, keep, Precision::Nodes { limit });
        assert_eq!(trimmed, gone, "{keep:?} {limit}");
        assert_eq!(stream.len(), 100 - gone);
        let first = if gone == 100 { id(0) } else { id(gone + 1) };
        assert_eq!(stream.entries().first_id(), first);
    }
}

#[test]
fn entries_go_to_the_last_one_where_it_matters() {
    for gone in 0..=100 {
        let mut stream = stream_of(100, LIMITS);
        let keep = Keep::Last(100 - gone);
        assert_eq!(trim(&mut stream, keep, Precision::Exact), gone);
        let mut other = stream_of(100, LIMITS);
        let keep = Keep::From(id(gone + 1));
        assert_eq!(trim(&mut other, keep, Precision::Exact), gone);
        for stream in [stream, other] {
            assert!(entries_of(stream.entries().iter()).len() as u64 == 100 - gone);
            assert_eq!(
                stream.entries().nodes().count() as u64,
                (100 - gone).div_ceil(10)
            );
            // Trimming leaves no gaps between entries.
            assert_eq!(stream.entries().max_deleted_id(), id(0));
            assert_eq!(
                (stream.entries().last_id(), stream.entries().added()),
                (id(100), 100)
            );
        }
    }
}

#[test]
fn what_a_group_needs_is_passed_over_if_it_is_to_be() {
    let mut stream = stream_of(40, LIMITS);
    stream.create_group(b"one", id(0), None);
    stream.create_group(b"two", id(0), None);
    read(&mut stream, b"one", b"c", 40, UnixMillis(0));
    read(&mut stream, b"two", b"c", 25, UnixMillis(0));
    for name in [&b"one"[..], b"two"] {
        let mut group = stream.group_mut(name).unwrap();
        (1..=25).filter(|&ms| ms != 5).for_each(|ms| {
            assert!(group.acknowledge(id(ms)));
        });
    }
    let trim = |stream: &mut Stream, precision| {
        stream
            .trim(Keep::Last(0), precision, References::Acked)
            .entries
    };
    let mut whole = stream.clone();
    let nodes = Precision::Nodes { limit: 0 };
    assert_eq!(trim(&mut whole, nodes), 0, "the first node is needed");
    assert!(stream.group_mut(b"one").unwrap().acknowledge(id(5)));
    let mut half = stream.clone();
    assert_eq!(trim(&mut half, nodes), 0, "by the other group, too");
    assert_eq!(trim(&mut stream, Precision::Exact), 24);
    assert!(stream.entries().contains(id(5)) && stream.entries().contains(id(26)));
    assert!(stream.group_mut(b"two").unwrap().acknowledge(id(5)));
    assert_eq!(trim(&mut stream, Precision::Exact), 1);
    assert_eq!(stream.entries().first_id(), id(26));
    assert_eq!(stream.delete(id(26), References::Acked), Deleted::Kept);
    let all = stream.trim(Keep::Last(0), nodes, References::Delete);
    assert_eq!(all.entries, 15);
    for (_, group) in stream.groups().iter() {
        assert!(group.pending().is_empty());
    }
}
