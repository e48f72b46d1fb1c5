//! HyperLogLogs against sets: estimates stay within the error, and unions are unions.

use std::collections::HashSet;

use harness::{Random, TestServer, in_parallel, long_or};
use redis::{Commands, Connection};

/// Estimates further off than six standard errors do not happen.
fn assert_close(estimate: usize, count: usize, context: &str) {
    let allowed = (count as f64 * 0.0081 * 6.0).ceil() as usize;
    assert!(
        estimate.abs_diff(count) <= allowed,
        "{estimate} for {count} elements: {context}"
    );
}

fn encoding(client: &mut Connection, key: &str) -> String {
    let mut command = redis::cmd("PFDEBUG");
    command.arg("ENCODING").arg(key).query(client).unwrap()
}

#[test]
fn estimates_follow_the_number_of_different_elements() {
    let server = TestServer::start();
    let mut client = server.client();
    let mut random = Random::new(11);
    for bound in [30, 3_000, 100_000_000] {
        let (mut set, mut was_dense) = (HashSet::new(), false);
        let _: () = client.del("k").unwrap();
        for _ in 0..long_or(400, 60) {
            let count = 1 + random.below(300);
            let elements: Vec<u64> = (0..count).map(|_| random.below(bound)).collect();
            let before = set.len();
            set.extend(elements.iter().copied());
            let changed: bool = client.pfadd("k", &elements).unwrap();
            assert!(!changed || set.len() > before, "nothing new, but a change");
            let estimate: usize = client.pfcount("k").unwrap();
            assert_close(estimate, set.len(), &format!("below {bound}"));
            let is_dense = encoding(&mut client, "k") == "dense";
            let length: usize = client.strlen("k").unwrap();
            assert!(if is_dense {
                length == 12_304
            } else {
                length <= 3_000
            });
            assert!(is_dense || !was_dense, "sparse again");
            was_dense = is_dense;
        }
        assert_eq!(was_dense, bound >= 3_000);
    }
}

#[test]
fn unions_are_unions_by_either_command() {
    let server = TestServer::start();
    let mut client = server.client();
    let mut random = Random::new(12);
    for round in 0..long_or(300, 15) {
        let mut names = Vec::new();
        let mut union = HashSet::new();
        for number in 0..1 + random.below(5) {
            let name = format!("source:{number}");
            let count = *random.choice(&[0, 1, 100, 1_000, 4_000]);
            let elements: Vec<u64> = (0..count).map(|_| random.below(20_000)).collect();
            let _: () = client.del(&name).unwrap();
            let _: bool = client.pfadd(&name, &elements).unwrap();
            union.extend(elements);
            names.push(name);
        }
        let counted: usize = client.pfcount(&names).unwrap();
        assert_close(counted, union.len(), &format!("round {round}"));
        let _: () = client.del("merged").unwrap();
        let _: () = client.pfmerge("merged", &names).unwrap();
        assert_eq!(client.pfcount::<_, usize>("merged").unwrap(), counted);
        // Once more is the same, and so is the union with it.
        let _: () = client.pfmerge("merged", &names).unwrap();
        names.push("merged".to_owned());
        assert_eq!(client.pfcount::<_, usize>(&names).unwrap(), counted);
        let any_dense = names
            .iter()
            .any(|name| encoding(&mut client, name) == "dense");
        assert_eq!(encoding(&mut client, "merged") == "dense", any_dense);
    }
}

#[test]
fn the_bytes_are_those_that_redis_keeps() {
    // From Redis 7.0.15, 8.0.6 and Valkey 9.1.2; the elements are `e0` to `e9`.
    const EXPECTED: &[u8] =
        b"HYLL\x01\0\0\0\0\0\0\0\0\0\0\x80\x45\x25\x80\x47\x2e\x84\x4f\xc9\x80\x44\
        \x12\x84\x4a\x51\x84\x43\x0d\x84\x41\x03\x84\x4e\xb9\x84\x40\x88\x80\x40\x6a\x84\x41\xb1";
    let server = TestServer::start();
    let mut client = server.client();
    let elements: Vec<String> = (0..10).map(|number| format!("e{number}")).collect();
    let _: bool = client.pfadd("k", &elements).unwrap();
    assert_eq!(client.get::<_, Vec<u8>>("k").unwrap(), EXPECTED);
    // Copied by a client it goes on as the same.
    let _: () = client.set("copy", EXPECTED).unwrap();
    for key in ["k", "copy"] {
        assert_eq!(client.pfcount::<_, usize>(key).unwrap(), 10);
    }
    let more: Vec<String> = (10..5_000).map(|number| format!("e{number}")).collect();
    for key in ["k", "copy"] {
        let _: bool = client.pfadd(key, &more).unwrap();
    }
    let values: Vec<Vec<u8>> = client.mget(&["k", "copy"]).unwrap();
    assert!(values[0] == values[1] && values[0].len() == 12_304);
}

#[test]
fn the_limit_on_sparse_ones_is_the_setting() {
    let server = TestServer::start();
    let mut client = server.client();
    for (limit, expected) in [(0, "dense"), (20, "dense"), (21, "sparse")] {
        let mut command = redis::cmd("CONFIG");
        let command = command.arg("SET").arg("hll-sparse-max-bytes").arg(limit);
        let _: () = command.query(&mut client).unwrap();
        let _: () = client.del("k").unwrap();
        let _: bool = client.pfadd("k", "a").unwrap();
        assert_eq!(encoding(&mut client, "k"), expected, "{limit}");
        assert_eq!(client.pfcount::<_, usize>("k").unwrap(), 1);
    }
}

#[test]
fn no_string_breaks_them() {
    let mut server = TestServer::start();
    let mut client = server.client();
    let mut random = Random::new(13);
    for _ in 0..long_or(3_000, 40) {
        let count = *random.choice(&[3, 300, 3_000]);
        let elements: Vec<u64> = (0..count).map(|_| random.below(1 << 40)).collect();
        let _: () = client.del("k").unwrap();
        let _: bool = client.pfadd("k", &elements).unwrap();
        let length: u64 = client.strlen("k").unwrap();
        for _ in 0..1 + random.below(5) {
            let at = random.below(length) as isize;
            let byte = random.bytes(1);
            let _: usize = client.setrange("k", at, byte).unwrap();
        }
        // Errors or numbers, as it comes; the server must live.
        let _ = client.pfcount::<_, i64>("k");
        let _ = client.pfcount::<_, i64>(&["k", "k"]);
        let _ = client.pfadd::<_, _, bool>("k", &elements[..2]);
        let _ = client.pfmerge::<_, _, ()>("merged", "k");
        for subcommand in ["DECODE", "GETREG"] {
            let mut command = redis::cmd("PFDEBUG");
            let _ = command
                .arg(subcommand)
                .arg("k")
                .query::<redis::Value>(&mut client);
        }
    }
    server.assert_alive();
}

#[test]
fn elements_added_at_the_same_time_all_count() {
    let server = TestServer::start();
    let (clients, each) = (4, long_or(5_000, 500));
    in_parallel(clients, |number| {
        let mut client = server.client();
        let mut last = 0;
        for element in 0..each {
            let _: bool = client.pfadd("k", number * each + element).unwrap();
            if element % 10 == 0 {
                // Nothing is ever taken away.
                let count: usize = client.pfcount("k").unwrap();
                assert!(count >= last, "{count} after {last}");
                last = count;
            }
        }
    });
    let mut client = server.client();
    let total = clients * each;
    assert_close(client.pfcount("k").unwrap(), total, "all");
    // The registers do not depend on who came first.
    let elements: Vec<usize> = (0..total).collect();
    let _: bool = client.pfadd("alone", &elements).unwrap();
    let _: () = client.pfmerge("both", &["k", "alone"]).unwrap();
    let mut registers = |key: &str| -> Vec<u8> {
        let mut command = redis::cmd("PFDEBUG");
        command.arg("GETREG").arg(key).query(&mut client).unwrap()
    };
    assert!(registers("k") == registers("alone"));
    assert!(registers("both") == registers("alone"));
}
