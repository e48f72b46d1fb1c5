//! Big sets: replies that are written piece by piece, and operations that are done without locks.

use std::collections::{BTreeSet, HashMap};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use harness::{RawClient, TestServer, command, in_parallel, long_or, query, wait_until};
use redis::{Commands, Connection};

type Members = BTreeSet<String>;

/// Adds `members` to a set.
fn fill(client: &mut Connection, key: &str, members: impl Iterator<Item = String>) {
    let members: Vec<String> = members.collect();
    for some in members.chunks(1_000) {
        let added: usize = client.sadd(key, some).unwrap();
        assert_eq!(added, some.len());
    }
}

fn numbered(range: std::ops::Range<u64>) -> impl Iterator<Item = String> {
    range.map(|number| format!("member:{number}"))
}

/// The members of a reply, each of which comes once.
fn members(client: &mut Connection, line: &str) -> Members {
    let all: Vec<String> = query(client, line);
    let len = all.len();
    let members: Members = all.into_iter().collect();
    assert_eq!(members.len(), len, "{line}");
    members
}

#[test]
fn long_replies_have_every_member_once() {
    let server = TestServer::start();
    for mut client in [server.client(), server.client_resp3()] {
        let _: () = query(&mut client, "FLUSHALL");
        fill(&mut client, "a", numbered(0..12_000));
        fill(&mut client, "b", numbered(8_000..20_000));
        let (a, b): (Members, Members) = (
            numbered(0..12_000).collect(),
            numbered(8_000..20_000).collect(),
        );
        assert_eq!(members(&mut client, "SMEMBERS a"), a);
        assert_eq!(members(&mut client, "SUNION a b"), &a | &b);
        assert_eq!(members(&mut client, "SINTER a b"), &a & &b);
        assert_eq!(members(&mut client, "SDIFF a b"), &a - &b);
        assert_eq!(members(&mut client, "SDIFF b a none"), &b - &a);
        assert_eq!(members(&mut client, "SRANDMEMBER a 20000"), a);
        let some = members(&mut client, "SRANDMEMBER a 9000");
        assert!(some.len() == 9_000 && some.is_subset(&a));
        let drawn: Vec<String> = query(&mut client, "SRANDMEMBER a -30000");
        assert!(drawn.len() == 30_000 && drawn.iter().all(|member| a.contains(member)));
        let different: Members = drawn.into_iter().collect();
        // 92 of 100 are to be expected; Redis draws some more often than others.
        assert!(
            (10_400..11_300).contains(&different.len()),
            "{}",
            different.len()
        );

        let popped = members(&mut client, "SPOP a 2000");
        assert!(popped.len() == 2_000 && popped.is_subset(&a));
        let left = &a - &popped;
        assert_eq!(members(&mut client, "SMEMBERS a"), left);
        let popped = members(&mut client, "SPOP a 8000");
        assert!(popped.len() == 8_000 && popped.is_subset(&left));
        let left = &left - &popped;
        assert_eq!(members(&mut client, "SMEMBERS a"), left);
        assert_eq!(members(&mut client, "SPOP a 100000"), left);
        assert!(!query::<bool>(&mut client, "EXISTS a"));
    }
}

#[test]
fn a_walk_shows_every_member_whatever_the_count() {
    let server = TestServer::start();
    let mut client = server.client();
    fill(&mut client, "s", numbered(0..20_000));
    let all: Members = numbered(0..20_000).collect();
    for (count, pattern) in [
        (10, "*"),
        (1_000, "*77*"),
        (3_000, "*"),
        (5_000, "*77*"),
        (1u64 << 40, "*"),
    ] {
        let (mut cursor, mut shown) = (0, Vec::new());
        loop {
            let line = format!("SSCAN s {cursor} MATCH {pattern} COUNT {count}");
            let (next, some): (u64, Vec<String>) = query(&mut client, &line);
            if pattern == "*" && next > 0 {
                assert!(
                    some.len() >= count as usize / 2,
                    "{} of {count}",
                    some.len()
                );
            }
            shown.extend(some);
            cursor = next;
            if cursor == 0 {
                break;
            }
        }
        let expected = all
            .iter()
            .filter(|member| pattern == "*" || member.contains("77"));
        let expected: Members = expected.cloned().collect();
        let distinct: Members = shown.iter().cloned().collect();
        assert_eq!(distinct, expected, "{count} {pattern}");
        // Nothing changes meanwhile, so Redis shows none twice either.
        assert_eq!(shown.len(), expected.len());
    }
}

#[test]
fn operations_on_big_sets_give_what_plain_sets_give() {
    let server = TestServer::start();
    let mut client = server.client();
    // How far the ranges of members reach: sets that are alike, and one far larger than the others.
    let cases: [&[(u64, u64)]; 5] = [
        &[(0, 9_000), (5_000, 14_000)],
        &[(0, 30_000), (29_900, 30_100)],
        &[(100, 300), (0, 30_000), (200, 9_000)],
        &[(0, 9_000), (0, 0), (100, 200), (300, 310)],
        &[(0, 6_000), (0, 6_000), (3_000, 7_000)],
    ];
    for ranges in cases {
        let _: () = query(&mut client, "FLUSHALL");
        let (mut keys, mut sets) = (Vec::new(), Vec::new());
        for (number, &(from, to)) in ranges.iter().enumerate() {
            keys.push(format!("set:{number}"));
            fill(&mut client, &keys[number], numbered(from..to));
            sets.push(numbered(from..to).collect::<Members>());
        }
        let (first, others) = sets.split_first().unwrap();
        let union = others.iter().fold(first.clone(), |all, other| &all | other);
        let common = others.iter().fold(first.clone(), |all, other| &all & other);
        let rest = others.iter().fold(first.clone(), |all, other| &all - other);
        let all_keys = keys.join(" ");
        for (operator, expected) in [("UNION", union), ("INTER", common), ("DIFF", rest)] {
            let count = expected.len();
            assert_eq!(
                members(&mut client, &format!("S{operator} {all_keys}")),
                expected
            );
            let stored: usize = query(&mut client, &format!("S{operator}STORE d {all_keys}"));
            assert_eq!(stored, count, "{operator} {ranges:?}");
            assert_eq!(members(&mut client, "SMEMBERS d"), expected);
            let encoding: Option<String> = query(&mut client, "OBJECT ENCODING d");
            let is_big = count > 128;
            let is_tree = encoding.is_some_and(|name| name == "hashtable");
            assert!(is_tree == is_big || !server.kind().at_least(7, 2));
            // The destination may be a source, inside a transaction too.
            let _: () = query(&mut client, &format!("COPY {} e REPLACE", keys[0]));
            let rest_keys = keys[1..].join(" ");
            let line = format!("S{operator}STORE e e {rest_keys}");
            let stored: (usize, usize) = redis::pipe()
                .atomic()
                .add_command(command(&line))
                .add_command(command("SCARD e"))
                .query(&mut client)
                .unwrap();
            assert_eq!(stored, (count, count), "{operator} {ranges:?}");
            let command = format!("S{operator}CARD");
            if !server.kind().is_nuthatch() && operator != "INTER" {
                continue;
            }
            let numkeys = keys.len();
            for limit in [0, 1, 100, 1_000_000] {
                let line = format!("{command} {numkeys} {all_keys} LIMIT {limit}");
                let expected = if limit == 0 { count } else { count.min(limit) };
                assert_eq!(query::<usize>(&mut client, &line), expected, "{line}");
            }
        }
    }
}

/// One member is moved to and fro between two sets all the time, so it is in exactly one of them at any moment.
#[test]
fn results_are_those_of_one_moment() {
    const LEN: u64 = 3_000;
    let server = TestServer::start();
    let mut client = server.client();
    fill(&mut client, "{k}a", numbered(0..LEN));
    fill(&mut client, "b", numbered(LEN..2 * LEN));
    let _: () = client.sadd("{k}a", "token").unwrap();
    let all = 2 * LEN as usize + 1;
    let (over, done) = (AtomicBool::new(false), AtomicU64::new(0));
    in_parallel(4, |number| {
        let mut client = server.client();
        let destination = format!("d{number}");
        if number == 0 {
            while !over.load(Ordering::Relaxed) {
                let moved: bool = client.smove("{k}a", "b", "token").unwrap();
                assert!(moved);
                // Others are to find it unchanged now and then: until one has got through.
                let seen = done.load(Ordering::Relaxed);
                wait_until("an operation is done", || {
                    done.load(Ordering::Relaxed) > seen || over.load(Ordering::Relaxed)
                });
                let moved: bool = client.smove("b", "{k}a", "token").unwrap();
                assert!(moved);
            }
            return;
        }
        for round in 0..long_or(100, 8) {
            let union = format!("SUNIONSTORE {destination} {{k}}a b");
            assert_eq!(query::<usize>(&mut client, &union), all, "{round}");
            done.fetch_add(1, Ordering::Relaxed);
            assert_eq!(
                query::<usize>(&mut client, &format!("SCARD {destination}")),
                all
            );
            let inter = format!("SINTERSTORE {destination} {{k}}a b");
            assert_eq!(query::<usize>(&mut client, &inter), 0, "{round}");
            let _: usize = query(&mut client, &format!("SDIFFSTORE {destination} {{k}}a b"));
            let copied: bool = query(&mut client, &format!("COPY b {destination} REPLACE"));
            let popped = members(&mut client, &format!("SPOP {destination} 2500"));
            let left = members(&mut client, &format!("SMEMBERS {destination}"));
            assert!(copied && popped.is_disjoint(&left) && popped.len() == 2_500);
            assert_eq!(members(&mut client, "SUNION {k}a b").len(), all);
            assert_eq!(query::<usize>(&mut client, "SINTERCARD 2 {k}a b"), 0);
        }
        over.store(
            number == 1 || over.load(Ordering::Relaxed),
            Ordering::Relaxed,
        );
    });
}

#[test]
fn a_big_result_counts_as_one_command_and_what_follows_waits_for_it() {
    let server = TestServer::start();
    let mut client = server.client();
    fill(&mut client, "a", numbered(0..20_000));
    fill(&mut client, "b", numbered(10_000..30_000));
    let _: () = query(&mut client, "CONFIG SET notify-keyspace-events KEA");
    let mut listener = server.raw();
    listener.run("PSUBSCRIBE __key*@0__:*");
    let mut watcher = server.client();
    let _: () = query(&mut watcher, "WATCH d");
    let mut raw = server.raw();
    raw.send_bytes(
        "SUNIONSTORE d a b\r\nSCARD d\r\nCLIENT REPLY SKIP\r\nSUNIONSTORE e a b\r\nSCARD e\r\n\
         CLIENT REPLY OFF\r\nSDIFFSTORE e a b\r\nCLIENT REPLY ON\r\nSCARD e\r\n",
    );
    for expected in [":30000", ":30000", ":30000", "+OK", ":10000"] {
        raw.expect_reply(expected);
    }
    for (event, key) in [
        ("sunionstore", "d"),
        ("sunionstore", "e"),
        ("sdiffstore", "e"),
    ] {
        for (form, subject, payload) in [("keyspace", key, event), ("keyevent", event, key)] {
            listener.expect_reply(&format!(
                "[\"pmessage\", \"__key*@0__:*\", \"__{form}@0__:{subject}\", \"{payload}\"]"
            ));
        }
    }
    let spoiled: redis::Value = redis::pipe()
        .atomic()
        .cmd("GET")
        .arg("none")
        .query(&mut watcher)
        .unwrap();
    assert_eq!(spoiled, redis::Value::Nil);
    let stats: String = query(&mut client, "INFO commandstats");
    let lines: HashMap<&str, &str> = stats
        .lines()
        .filter_map(|line| line.split_once(':'))
        .collect();
    assert!(
        lines["cmdstat_sunionstore"].starts_with("calls=2,"),
        "{stats}"
    );
    assert!(
        lines["cmdstat_sdiffstore"].starts_with("calls=1,"),
        "{stats}"
    );
}

/// Whether the last command of another client is a `SUNIONSTORE`.
fn has_begun(client: &mut Connection) -> bool {
    let clients: String = query(client, "CLIENT LIST");
    clients.contains("cmd=sunionstore")
}

#[test]
fn a_big_result_is_not_stored_while_writes_are_paused() {
    const LEN: u64 = 150_000;
    let server = TestServer::start();
    let mut client = server.client();
    fill(&mut client, "a", numbered(0..LEN));
    fill(&mut client, "b", numbered(LEN..2 * LEN));
    let mut storing: RawClient = server.raw();
    storing.send(&["SUNIONSTORE", "d", "a", "b"]);
    storing.send(&["SCARD", "d"]);
    wait_until("it has begun", || has_begun(&mut client));
    let paused = Instant::now();
    let _: () = query(&mut client, "CLIENT PAUSE 2000 WRITE");
    let was_there: bool = query(&mut client, "EXISTS d");
    // Another one takes the time that this one would have taken.
    let all = members(&mut client, "SUNION a b");
    assert_eq!(all.len(), 2 * LEN as usize);
    let is_there: bool = query(&mut client, "EXISTS d");
    assert!(
        is_there == was_there || paused.elapsed() > Duration::from_millis(2000),
        "it was stored during the pause"
    );
    let _: () = query(&mut client, "CLIENT UNPAUSE");
    storing.expect_reply(&format!(":{}", 2 * LEN));
    storing.expect_reply(&format!(":{}", 2 * LEN));
}

#[test]
fn a_client_that_goes_leaves_nothing_behind() {
    let server = TestServer::start();
    let mut client = server.client();
    fill(&mut client, "a", numbered(0..50_000));
    fill(&mut client, "b", numbered(50_000..100_000));
    for _ in 0..20 {
        let mut raw = server.raw();
        raw.send(&["SUNIONSTORE", "d", "a", "b"]);
        raw.send(&["SUNION", "a", "b"]);
        wait_until("it has begun", || has_begun(&mut client));
        drop(raw);
    }
    assert_eq!(members(&mut client, "SUNION a b").len(), 100_000);
}
