//! Big sorted sets: what is worked out of them without locks, and what is cut out of them.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};

use harness::{TestServer, command, in_parallel, long_or, query};
use redis::Connection;

/// Members with their scores.
type Members = BTreeMap<String, f64>;

/// Scores of many members, several of which have the same.
fn numbered(range: std::ops::Range<u64>) -> Members {
    let score = |number: u64| (number * 7_919 % 5_003) as f64;
    range
        .map(|number| (format!("member:{number}"), score(number)))
        .collect()
}

fn fill(client: &mut Connection, key: &str, members: &Members) {
    let members: Vec<(&String, &f64)> = members.iter().collect();
    for some in members.chunks(1_000) {
        let mut add = redis::cmd("ZADD");
        add.arg(key);
        for (member, score) in some {
            add.arg(**score).arg(member);
        }
        let added: usize = add.query(client).unwrap();
        assert_eq!(added, some.len());
    }
}

/// In the order of a sorted set.
fn in_order(members: &Members) -> Vec<(String, f64)> {
    let mut pairs: Vec<(String, f64)> = members.clone().into_iter().collect();
    pairs.sort_by(|one, other| one.1.total_cmp(&other.1).then_with(|| one.0.cmp(&other.0)));
    pairs
}

fn stored(client: &mut Connection, key: &str) -> Vec<(String, f64)> {
    let pairs: Vec<(String, f64)> = query(client, &format!("ZRANGE {key} 0 -1 WITHSCORES"));
    // Each member is found by its name, too.
    for some in pairs.chunks(1_000) {
        let mut scores = redis::cmd("ZMSCORE");
        scores.arg(key);
        some.iter().for_each(|(member, _)| {
            scores.arg(member);
        });
        let scores: Vec<f64> = scores.query(client).unwrap();
        assert!(scores.iter().eq(some.iter().map(|(_, score)| score)));
    }
    pairs
}

/// The members that as many of the sets have as `wants` says, with the sum of their weighted scores.
fn combined(sets: &[(Members, f64)], wants: impl Fn(usize) -> bool) -> Members {
    let mut scores: BTreeMap<&String, Vec<f64>> = BTreeMap::new();
    for (set, weight) in sets {
        for (member, score) in set {
            scores.entry(member).or_default().push(score * weight);
        }
    }
    scores.retain(|_, scores| wants(scores.len()));
    scores
        .into_iter()
        .map(|(member, scores)| (member.clone(), scores.iter().sum()))
        .collect()
}

#[test]
fn operations_on_big_sets_give_what_plain_sets_give() {
    let server = TestServer::start();
    let cases: [&[(u64, u64)]; 4] = [
        &[(0, 9_000), (5_000, 14_000)],
        &[(0, 30_000), (29_900, 30_100)],
        &[(100, 300), (0, 20_000), (200, 9_000)],
        &[(0, 6_000), (0, 6_000)],
    ];
    for mut client in [server.client(), server.client_resp3()] {
        for ranges in cases {
            let _: () = query(&mut client, "FLUSHALL");
            let (mut keys, mut sets, mut weights) = (String::new(), Vec::new(), String::new());
            for (number, &(from, to)) in ranges.iter().enumerate() {
                let members = numbered(from..to);
                fill(&mut client, &format!("set:{number}"), &members);
                keys += &format!(" set:{number}");
                weights += &format!(" {}", number + 1);
                sets.push((members, number as f64 + 1.0));
            }
            // A set is one of them.
            let plain: Vec<String> = (0..50).map(|number| format!("member:{number}")).collect();
            let _: usize = redis::cmd("SADD")
                .arg("plain")
                .arg(&plain)
                .query(&mut client)
                .unwrap();
            let numkeys = sets.len();
            let (keys, weights) = (&keys[1..], &weights[1..]);
            let union = combined(&sets, |_| true);
            let common = combined(&sets, |count| count == numkeys);
            let others: Members = sets[1..].iter().flat_map(|(set, _)| set.clone()).collect();
            let mut rest = sets[0].0.clone();
            rest.retain(|member, _| !others.contains_key(member));
            for (operator, options, expected) in [
                ("ZUNION", format!("WEIGHTS {weights}"), &union),
                ("ZINTER", format!("WEIGHTS {weights}"), &common),
                ("ZDIFF", String::new(), &rest),
            ] {
                let (expected, count) = (in_order(expected), expected.len());
                let line = format!("{operator} {numkeys} {keys} {options} WITHSCORES");
                let shown: Vec<(String, f64)> = query(&mut client, &line.replace("  ", " "));
                assert!(shown == expected, "{line}");
                let line = format!("{operator}STORE d {numkeys} {keys} {options}");
                let made: usize = query(&mut client, line.trim_end());
                assert_eq!(made, count, "{line}");
                assert!(stored(&mut client, "d") == expected, "{line}");
                let encoding: Option<String> = query(&mut client, "OBJECT ENCODING d");
                let is_tree = encoding.is_some_and(|name| name == "skiplist");
                assert_eq!(is_tree, count > 128, "{line}");
                // The destination may be a source, inside a transaction too.
                let _: () = query(&mut client, "COPY set:0 e REPLACE");
                let line = line.replace("STORE d", "STORE e").replace("set:0", "e");
                let made: (usize, usize) = redis::pipe()
                    .atomic()
                    .add_command(command(line.trim_end()))
                    .add_command(command("ZCARD e"))
                    .query(&mut client)
                    .unwrap();
                assert_eq!(made, (count, count), "{line}");
            }
            for limit in [0, 1, 100, 1_000_000] {
                let line = format!("ZINTERCARD {numkeys} {keys} LIMIT {limit}");
                let expected = if limit == 0 {
                    common.len()
                } else {
                    common.len().min(limit)
                };
                assert_eq!(query::<usize>(&mut client, &line), expected, "{line}");
            }
            let line = format!("ZUNIONSTORE d {} {keys} plain AGGREGATE MIN", numkeys + 1);
            let mut everything: Members = sets.iter().flat_map(|(set, _)| set.clone()).collect();
            for member in plain {
                let score = everything.entry(member).or_insert(1.0);
                *score = score.min(1.0);
            }
            assert_eq!(query::<usize>(&mut client, &line), everything.len());
            assert!(stored(&mut client, "d") == in_order(&everything));
        }
    }
}

/// One member is moved to and fro between two sets all the time, so it is in exactly one of them at any moment.
#[test]
fn results_are_those_of_one_moment() {
    const LEN: u64 = 3_000;
    let server = TestServer::start();
    let mut client = server.client();
    fill(&mut client, "{k}a", &numbered(0..LEN));
    fill(&mut client, "b", &numbered(LEN..2 * LEN));
    let _: () = query(&mut client, "ZADD {k}a 7 token");
    let all = 2 * LEN as usize + 1;
    let over = AtomicBool::new(false);
    in_parallel(3, |number| {
        let mut client = server.client();
        if number == 0 {
            let (mut from, mut to) = ("{k}a", "b");
            while !over.load(Ordering::Relaxed) {
                let moved: (bool, bool) = redis::pipe()
                    .atomic()
                    .add_command(command(&format!("ZREM {from} token")))
                    .add_command(command(&format!("ZADD {to} 7 token")))
                    .query(&mut client)
                    .unwrap();
                assert_eq!(moved, (true, true));
                (from, to) = (to, from);
            }
            return;
        }
        let d = format!("d{number}");
        for _ in 0..long_or(60, 6) {
            let made: usize = query(&mut client, &format!("ZUNIONSTORE {d} 2 {{k}}a b"));
            assert_eq!(made, all);
            assert_eq!(query::<usize>(&mut client, &format!("ZCARD {d}")), all);
            let common: usize = query(&mut client, &format!("ZINTERSTORE {d} 2 {{k}}a b"));
            assert_eq!(common, 0);
            let copied: usize = query(&mut client, &format!("ZRANGESTORE {d} b 0 -1"));
            assert!(copied == LEN as usize || copied == LEN as usize + 1);
            assert_eq!(stored(&mut client, &d).len(), copied);
        }
        over.store(true, Ordering::Relaxed);
    });
}

#[test]
fn ranges_are_cut_out_of_big_sets() {
    const LEN: u64 = 20_000;
    let server = TestServer::start();
    let members = numbered(0..LEN);
    let pairs = in_order(&members);
    let mut even = numbered(0..LEN);
    even.values_mut().for_each(|score| *score = 0.0);
    let by_name = in_order(&even);
    for mut client in [server.client(), server.client_resp3()] {
        let _: () = query(&mut client, "FLUSHALL");
        fill(&mut client, "z", &members);
        fill(&mut client, "even", &even);
        for (from, to) in [
            (0, 1_999),
            (100, 18_500),
            (1, 19_998),
            (5_000, 6_500),
            (0, 19_999),
        ] {
            let range = from..to + 1;
            let mut rest = pairs.clone();
            let cut: Vec<_> = rest.drain(range.clone()).collect();
            let count: usize = query(&mut client, &format!("ZRANGESTORE d z {from} {to}"));
            assert_eq!(count, cut.len());
            assert!(stored(&mut client, "d") == cut);
            // Onto itself.
            let _: () = query(&mut client, "COPY z k REPLACE");
            let line = format!("ZRANGESTORE k k {from} {to} REV");
            assert_eq!(query::<usize>(&mut client, &line), cut.len());
            let _: () = query(&mut client, "COPY z k REPLACE");
            let line = format!("ZREMRANGEBYRANK k {from} {to}");
            assert_eq!(query::<usize>(&mut client, &line), cut.len());
            assert!(stored(&mut client, "k") == rest, "{line}");
            assert_eq!(query::<bool>(&mut client, "EXISTS k"), !rest.is_empty());

            let _: () = query(&mut client, "COPY even k REPLACE");
            let (first, last) = (&by_name[from].0, &by_name[to].0);
            let line = format!("ZREMRANGEBYLEX k [{first} [{last}");
            assert_eq!(query::<usize>(&mut client, &line), cut.len());
            let mut rest = by_name.clone();
            rest.drain(range);
            assert!(stored(&mut client, "k") == rest, "{line}");
        }
        let _: () = query(&mut client, "COPY z k REPLACE");
        let is_low = |pair: &&(String, f64)| pair.1 < 1_000.0;
        let low = pairs.iter().filter(is_low).count();
        let line = "ZREMRANGEBYSCORE k -inf (1000";
        assert_eq!(query::<usize>(&mut client, line), low);
        assert!(stored(&mut client, "k") == pairs[low..]);
        // What is in a transaction is done at once.
        let done: (usize, usize) = redis::pipe()
            .atomic()
            .add_command(command("ZREMRANGEBYRANK k 0 4999"))
            .add_command(command("ZCARD k"))
            .query(&mut client)
            .unwrap();
        assert_eq!(done, (5_000, pairs.len() - low - 5_000));
    }
}

#[test]
fn many_members_are_popped_at_once() {
    const LEN: usize = 20_000;
    let server = TestServer::start();
    let members = numbered(0..LEN as u64);
    let pairs = in_order(&members);
    let reversed: Vec<_> = pairs.iter().rev().cloned().collect();
    for mut client in [server.client(), server.client_resp3()] {
        let _: () = query(&mut client, "FLUSHALL");
        fill(&mut client, "z", &members);
        for count in [1_000, 3_000, 17_000, LEN, 1_000_000] {
            let taken = count.min(LEN);
            for (name, end, order) in [("ZPOPMIN", "MIN", &pairs), ("ZPOPMAX", "MAX", &reversed)] {
                let _: () = query(&mut client, "COPY z k REPLACE");
                let popped: Vec<(String, f64)> = query(&mut client, &format!("{name} k {count}"));
                assert!(popped == order[..taken], "{name} {count}");
                let mut left = order[taken..].to_vec();
                if end == "MAX" {
                    left.reverse();
                }
                assert!(stored(&mut client, "k") == left, "{name} {count}");
                assert_eq!(query::<bool>(&mut client, "EXISTS k"), taken < LEN);
                for line in [
                    format!("ZMPOP 2 none k {end} COUNT {count}"),
                    format!("BZMPOP 0 2 none k {end} COUNT {count}"),
                ] {
                    let _: () = query(&mut client, "COPY z k REPLACE");
                    let (key, popped): (String, Vec<(String, f64)>) = query(&mut client, &line);
                    assert!(key == "k" && popped == order[..taken], "{line}");
                    assert!(stored(&mut client, "k") == left, "{line}");
                }
            }
        }
    }
}

/// Whoever pops many finds members that others add meanwhile, or does not; none is lost, and none comes twice.
#[test]
fn a_pop_of_many_takes_what_is_there() {
    const LEN: u64 = 4_000;
    let server = TestServer::start();
    let mut client = server.client();
    let over = AtomicBool::new(false);
    fill(&mut client, "k", &numbered(0..LEN));
    in_parallel(2, |number| {
        let mut client = server.client();
        if number == 0 {
            for member in 0.. {
                if over.load(Ordering::Relaxed) {
                    break;
                }
                let _: usize = query(&mut client, &format!("ZADD new 1 new:{member}"));
                let _: usize = query(&mut client, &format!("ZADD k 1e6 new:{member}"));
            }
            return;
        }
        let mut seen = Members::new();
        for _ in 0..long_or(50, 10) {
            let lowest: Vec<(String, f64)> = query(&mut client, "ZPOPMIN k 2000");
            let low = numbered(0..LEN);
            for (member, _) in lowest.iter().filter(|(member, _)| low.contains_key(member)) {
                let again: usize = query(&mut client, &format!("ZADD k {} {member}", low[member]));
                assert_eq!(again, 1);
            }
            for (member, score) in lowest {
                assert!(low.contains_key(&member) || seen.insert(member, score).is_none());
            }
        }
        over.store(true, Ordering::Relaxed);
        let new: usize = query(&mut client, "ZCARD new");
        let left: Vec<String> = query(&mut client, "ZRANGE k 0 -1");
        let left_new = left
            .iter()
            .filter(|member| member.starts_with("new:"))
            .count();
        let popped_new = seen.len();
        // The last one may not have been added yet.
        let known = left_new + popped_new;
        assert!(known == new || known + 1 == new, "{known} of {new}");
        assert_eq!(left.len() - left_new, LEN as usize);
    });
}

#[test]
fn places_that_a_long_search_finds_are_stored() {
    let server = TestServer::start();
    let mut client = server.client();
    for some in 0..20u64 {
        let mut add = redis::cmd("GEOADD");
        add.arg("geo");
        for number in some * 1_000..(some + 1) * 1_000 {
            let (east, north) = (number * 7_919 % 3_600, number * 104_729 % 1_700);
            add.arg(east as f64 / 10.0 - 180.0)
                .arg(north as f64 / 10.0 - 85.0)
                .arg(format!("place:{number}"));
        }
        let _: usize = add.query(&mut client).unwrap();
    }
    for (area, destination) in [
        ("BYRADIUS 30000 km", "d"),
        ("BYRADIUS 12000 km", "d"),
        ("BYBOX 9000 9000 km ASC COUNT 3000", "geo2"),
    ] {
        let search = format!("FROMLONLAT 10 20 {area}");
        let found: Vec<(String, f64)> =
            query(&mut client, &format!("GEOSEARCH geo {search} WITHDIST"));
        let store = format!("GEOSEARCHSTORE {destination} geo {search}");
        assert_eq!(query::<usize>(&mut client, &store), found.len());
        let mut names: Vec<&String> = found.iter().map(|(name, _)| name).collect();
        names.sort();
        let mut all = stored(&mut client, destination);
        all.sort_by(|one, other| one.0.cmp(&other.0));
        assert!(all.iter().map(|(name, _)| name).eq(names));
        for (name, score) in all.iter().step_by(97) {
            let place: f64 = query(&mut client, &format!("ZSCORE geo {name}"));
            assert_eq!(place, *score);
        }
        let store = format!("{store} STOREDIST");
        assert_eq!(query::<usize>(&mut client, &store), found.len());
        let distances: Members = stored(&mut client, destination).into_iter().collect();
        for (name, distance) in found {
            // It is answered with four digits.
            assert!((distances[&name] - distance).abs() < 0.000_1, "{name}");
        }
    }
}

#[test]
fn a_walk_shows_every_member_whatever_the_count() {
    const LEN: u64 = 6_000;
    let server = TestServer::start();
    let mut client = server.client();
    let members = numbered(0..LEN);
    let mut equal = members.clone();
    equal.values_mut().for_each(|score| *score = 0.1);
    fill(&mut client, "z", &members);
    fill(&mut client, "equal", &equal);
    for (key, expected) in [("z", &members), ("equal", &equal)] {
        for (count, pattern) in [
            (10, "*"),
            (1_000, "*77*"),
            (3_000, "*"),
            (1u64 << 40, "*77*"),
        ] {
            let (mut cursor, mut shown) = (0, Members::new());
            loop {
                let line = format!("ZSCAN {key} {cursor} MATCH {pattern} COUNT {count}");
                let (next, some): (u64, Vec<(String, f64)>) = query(&mut client, &line);
                for (member, score) in some {
                    assert!(shown.insert(member, score).is_none(), "{line}");
                }
                cursor = next;
                if cursor == 0 {
                    break;
                }
            }
            let mut expected = expected.clone();
            expected.retain(|member, _| pattern == "*" || member.contains("77"));
            assert!(shown == expected, "{key} {count} {pattern}");
        }
    }
}
