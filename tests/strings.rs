//! String commands beyond single answers: many clients at once, big values, models.

use harness::{Random, TestServer, in_parallel, long_or};
use redis::{Commands, ErrorKind, ServerErrorKind};

#[test]
fn a_client_library_sets_and_gets_in_both_dialects() {
    let server = TestServer::start();
    for mut client in [server.client(), server.client_resp3()] {
        let _: () = client.set("k", "v").unwrap();
        assert_eq!(client.get::<_, String>("k").unwrap(), "v");
        assert_eq!(client.get::<_, Option<String>>("missing").unwrap(), None);
        let _: () = client.set_ex("t", "v", 100).unwrap();
        assert!((1..=100).contains(&client.ttl::<_, i64>("t").unwrap()));
        let _: () = client.mset(&[("a", 1), ("b", 2)]).unwrap();
        let both: (i64, i64) = client.mget(&["a", "b"]).unwrap();
        assert_eq!(both, (1, 2));
        assert_eq!(client.incr::<_, _, i64>("a", 10).unwrap(), 11);
        assert_eq!(client.append::<_, _, i64>("k", "w").unwrap(), 2);
        assert_eq!(client.getrange::<_, String>("k", 1, -1).unwrap(), "w");
        assert_eq!(
            client.get_del::<_, Option<String>>("k").unwrap().unwrap(),
            "vw"
        );
        let binary: Vec<u8> = (0..=255).collect();
        let _: () = client.set(&binary, &binary).unwrap();
        assert_eq!(client.get::<_, Vec<u8>>(&binary).unwrap(), binary);
    }
}

#[test]
fn set_nx_keeps_the_old_value() {
    let server = TestServer::start();
    let mut client = server.client();
    let _: () = client.set("k", "old").unwrap();
    let reply: Option<String> = redis::cmd("SET")
        .arg(&["k", "new", "NX"])
        .query(&mut client)
        .unwrap();
    assert_eq!(reply, None);
    assert_eq!(client.get::<_, String>("k").unwrap(), "old");
}

#[test]
fn errors_reach_a_client_library_with_their_kind() {
    let server = TestServer::start();
    let mut client = server.client();
    let _: () = client.set("k", "text").unwrap();
    let error = client.incr::<_, _, i64>("k", 1).unwrap_err();
    assert_eq!(
        error.kind(),
        ErrorKind::Server(ServerErrorKind::ResponseError)
    );
    assert_eq!(
        error.detail(),
        Some("value is not an integer or out of range")
    );
}

#[test]
fn increments_of_many_clients_all_count() {
    let server = TestServer::start();
    let (clients, each) = (8, long_or(50_000, 2_000));
    in_parallel(clients, |_| {
        let mut client = server.client();
        let mut pipeline = redis::pipe();
        for _ in 0..100 {
            pipeline.incr("n", 1).ignore();
        }
        for _ in 0..each / 100 {
            let _: () = pipeline.query(&mut client).unwrap();
        }
    });
    assert_eq!(
        server.client().get::<_, usize>("n").unwrap(),
        clients * each
    );
}

#[test]
fn appends_of_many_clients_are_whole() {
    let server = TestServer::start();
    let (clients, each) = (8, 500);
    in_parallel(clients, |number| {
        let mut client = server.client();
        let piece = format!("<{number}:{}>", "x".repeat(number * 10));
        for _ in 0..each {
            let _: () = client.append("log", &piece).unwrap();
        }
    });
    let log: String = server.client().get("log").unwrap();
    for number in 0..clients {
        let piece = format!("<{number}:{}>", "x".repeat(number * 10));
        assert_eq!(log.matches(&piece).count(), each, "{piece}");
    }
}

#[test]
fn mset_is_seen_whole_or_not_at_all() {
    let server = TestServer::start();
    let keys: Vec<String> = (0..16).map(|number| format!("key:{number}")).collect();
    let write_all = |client: &mut redis::Connection, value: usize| {
        let pairs: Vec<(&String, usize)> = keys.iter().map(|key| (key, value)).collect();
        let _: () = client.mset(&pairs).unwrap();
    };
    write_all(&mut server.client(), 0);
    in_parallel(4, |number| {
        let mut client = server.client();
        for round in 0..long_or(20_000, 500) {
            if number < 2 {
                write_all(&mut client, round * 2 + number);
            } else {
                let values: Vec<usize> = client.mget(&keys).unwrap();
                assert!(values.iter().all(|value| *value == values[0]), "{values:?}");
            }
        }
    });
}

#[test]
fn of_many_clients_one_sets_what_was_absent() {
    let server = TestServer::start();
    for round in 0..50 {
        let key = format!("lock:{round}");
        let won = std::sync::atomic::AtomicUsize::new(0);
        in_parallel(6, |number| {
            let mut client = server.client();
            let set: bool = match number % 2 {
                0 => client.set_nx(&key, number).unwrap(),
                // The second key lies in another shard.
                _ => client
                    .mset_nx(&[(&key, number), (&format!("{key}:{number}"), 0)])
                    .unwrap(),
            };
            // Relaxed: a counter, read after the threads ended.
            won.fetch_add(usize::from(set), std::sync::atomic::Ordering::Relaxed);
        });
        assert_eq!(won.into_inner(), 1, "{key}");
    }
}

#[test]
fn getset_hands_every_value_on_exactly_once() {
    let server = TestServer::start();
    let (clients, each) = (6, long_or(5_000, 300));
    let _: () = server.client().set("baton", 0).unwrap();
    let seen = std::sync::Mutex::new(Vec::new());
    in_parallel(clients, |number| {
        let mut client = server.client();
        let mut mine: Vec<usize> = Vec::new();
        for round in 0..each {
            mine.push(client.getset("baton", 1 + number * each + round).unwrap());
        }
        seen.lock().unwrap().extend(mine);
    });
    let mut seen = seen.into_inner().unwrap();
    seen.push(server.client().get("baton").unwrap());
    seen.sort_unstable();
    assert_eq!(seen, (0..=clients * each).collect::<Vec<_>>());
}

#[test]
fn strings_of_every_size_behave_like_a_vector_of_bytes() {
    let server = TestServer::start();
    let mut client = server.client();
    let mut random = Random::new(7);
    // Around the sizes at which representations change.
    let sizes = [
        0, 1, 20, 44, 45, 63, 64, 4095, 8191, 8192, 8193, 65_535, 65_536, 131_073,
    ];
    for size in sizes {
        let mut model = random.bytes(size);
        let _: () = client.set("k", &model).unwrap();
        for _ in 0..long_or(200, 20) {
            match random.below(3) {
                0 => {
                    let length = random.below(100) as usize;
                    let piece = random.bytes(length);
                    let length: usize = client.append("k", &piece).unwrap();
                    model.extend(&piece);
                    assert_eq!(length, model.len());
                }
                1 => {
                    let at = random.below(model.len() as u64 + 300) as usize;
                    let piece = random.bytes(1 + at % 90);
                    model.resize(model.len().max(at + piece.len()), 0);
                    model[at..at + piece.len()].copy_from_slice(&piece);
                    let length: usize = client.setrange("k", at as isize, &piece).unwrap();
                    assert_eq!(length, model.len());
                }
                _ => {
                    let bound = model.len() as i64 + 10;
                    let start = random.between(-bound, bound);
                    let end = random.between(-bound, bound);
                    let got: Vec<u8> = client.getrange("k", start as isize, end as isize).unwrap();
                    assert!(
                        got == slice(&model, start, end),
                        "{start}..{end} of {}",
                        model.len()
                    );
                }
            }
        }
        assert!(
            client.get::<_, Vec<u8>>("k").unwrap() == model,
            "started with {size} bytes"
        );
    }
}

/// What GETRANGE returns: ends included, negative ones from the back, clamped.
fn slice(bytes: &[u8], start: i64, end: i64) -> &[u8] {
    let length = bytes.len() as i64;
    // Both behind the end of the string in the negative direction: nothing, unless one byte fits.
    if start < 0 && end < 0 && start > end {
        return &[];
    }
    let from_front = |index: i64| {
        if index < 0 {
            (length + index).max(0)
        } else {
            index
        }
    };
    let (start, end) = (from_front(start), from_front(end).min(length - 1));
    match start > end || length == 0 {
        true => &[],
        false => &bytes[start as usize..=end as usize],
    }
}

#[test]
fn numbers_at_the_edges_are_exact() {
    let server = TestServer::start();
    let mut client = server.raw();
    for number in [
        "0",
        "-1",
        "9223372036854775807",
        "-9223372036854775808",
        "10000",
    ] {
        client.check(&format!("SET n {number}"), "+OK");
        client.check("GET n", &format!("\"{number}\""));
        client.check("OBJECT ENCODING n", "\"int\"");
        client.check("STRLEN n", &format!(":{}", number.len()));
    }
    // What only looks like a number is kept as it was written.
    for text in [
        "-0",
        "+1",
        "01",
        " 1",
        "1 ",
        "1.0",
        "9223372036854775808",
        "0x10",
        "1e3",
    ] {
        client.check(&format!("SET n \"{text}\""), "+OK");
        client.check("GET n", &format!("\"{text}\""));
        client.check("OBJECT ENCODING n", "\"embstr\"");
    }
    client.check("SET n -9223372036854775808", "+OK");
    client.check("INCRBY n 9223372036854775807", ":-1");
    client.check("DECRBY n -9223372036854775807", ":9223372036854775806");
    client.check("DECR n", ":9223372036854775805");
}

#[test]
fn the_longest_common_subsequence_is_that_of_the_textbook() {
    let server = TestServer::start();
    let mut client = server.client();
    let mut random = Random::new(3);
    for _ in 0..60 {
        let text = |random: &mut Random| -> Vec<u8> {
            let length = random.below(40);
            (0..length).map(|_| b'a' + random.below(4) as u8).collect()
        };
        let (left, right) = (text(&mut random), text(&mut random));
        let _: () = client.mset(&[("left", &left), ("right", &right)]).unwrap();
        let found: Vec<u8> = redis::cmd("LCS")
            .arg(&["left", "right"])
            .query(&mut client)
            .unwrap();
        assert_eq!(found.len(), common_length(&left, &right));
        assert!(is_subsequence(&found, &left) && is_subsequence(&found, &right));
        let length: usize = redis::cmd("LCS")
            .arg(&["left", "right", "LEN"])
            .query(&mut client)
            .unwrap();
        assert_eq!(length, found.len());
    }
}

fn common_length(left: &[u8], right: &[u8]) -> usize {
    let mut lengths = vec![0; right.len() + 1];
    for a in left {
        let mut diagonal = 0;
        for (index, b) in right.iter().enumerate() {
            let above = lengths[index + 1];
            lengths[index + 1] = if a == b {
                diagonal + 1
            } else {
                above.max(lengths[index])
            };
            diagonal = above;
        }
    }
    lengths[right.len()]
}

fn is_subsequence(short: &[u8], long: &[u8]) -> bool {
    let mut rest = long.iter();
    short.iter().all(|byte| rest.any(|other| other == byte))
}
