//! `HOTKEYS`: that what is hot is found, by whichever worker served it, and what is not is not.

use harness::{Random, RawClient, TestServer, Value, encode_command, in_parallel, wait_until};

/// `HOTKEYS GET`, which must have an answer.
#[track_caller]
fn report(client: &mut RawClient) -> Value {
    client.run("HOTKEYS GET").items()[0].clone()
}

/// The keys of a ranking with their figures.
fn ranking(report: &Value, field: &str) -> Vec<(String, i64)> {
    let pairs = report.field(field).pairs();
    let pair = |(key, figure): &(Value, Value)| (key.text().to_owned(), figure.integer());
    pairs.iter().map(pair).collect()
}

/// Database, key and accesses, the most first.
fn by_accesses(report: &Value) -> Vec<(i64, String, i64)> {
    let place = |entry: &Value| {
        let (db, accesses) = (entry.field("db"), entry.field("accesses"));
        let key = entry.field("key").text().to_owned();
        (db.integer(), key, accesses.integer())
    };
    let field = report.field("by-accesses");
    field.items().iter().map(place).collect()
}

/// Sends `count` requests in pipelines and reads their replies.
fn send(client: &mut RawClient, count: usize, mut request: impl FnMut() -> Vec<u8>) {
    const PIPELINE: usize = 100;
    for _ in 0..count / PIPELINE {
        let pipeline: Vec<u8> = (0..PIPELINE).flat_map(|_| request()).collect();
        client.send_bytes(&pipeline);
        for _ in 0..PIPELINE {
            client.read();
        }
    }
}

fn server_of_two_workers() -> TestServer {
    TestServer::start_with(&[("threads", "2")])
}

#[test]
fn one_hot_key_among_many_is_first_with_about_its_accesses() {
    let server = server_of_two_workers();
    if !server.kind().is_nuthatch() {
        return;
    }
    let (clients, each, hot_each) = (4, 32_500, 7_500);
    in_parallel(clients, |number| {
        let mut client = server.raw();
        let mut random = Random::new(number as u64);
        client.check("SELECT 3", "+OK");
        let mut left = (hot_each, each);
        send(&mut client, each, || {
            let is_hot = random.below(left.1 as u64) < left.0 as u64;
            left = (left.0 - usize::from(is_hot), left.1 - 1);
            let key = match is_hot {
                true => "hot".to_owned(),
                false => format!("key:{}", random.below(100_000)),
            };
            encode_command(&["GET", &key])
        });
    });
    let mut client = server.raw_resp3();
    let report = report(&mut client);
    let hot = i64::try_from(clients * hot_each).unwrap();
    let accesses = by_accesses(&report);
    let (db, key, count) = &accesses[0];
    assert_eq!((*db, &**key), (3, "hot"));
    assert!(
        (hot * 8 / 10..=hot * 12 / 10).contains(count),
        "{accesses:?}"
    );
    assert!(accesses[1].2 < hot / 10, "{accesses:?}");
    assert_eq!(ranking(&report, "by-net-bytes")[0].0, "hot");
    assert_eq!(report.field("tracking-active").integer(), 0);

    // The names stay when the keys go, and nothing minds.
    client.check("FLUSHALL", "+OK");
    client.check("DEL hot", ":0");
    assert_eq!(by_accesses(&self::report(&mut client))[0].1, "hot");
    client.check("CONFIG RESETSTAT", "+OK");
    assert!(by_accesses(&self::report(&mut client)).is_empty());
}

#[test]
fn a_session_counts_every_access_on_every_worker() {
    let server = server_of_two_workers();
    if !server.kind().at_least(8, 6) {
        return;
    }
    let mut client = server.raw();
    client.check("HOTKEYS START METRICS 2 CPU NET COUNT 3", "+OK");
    let request = encode_command(&["SET", "hot", "0123456789"]);
    in_parallel(4, |number| {
        let mut client = server.raw();
        send(&mut client, 1_000, || request.clone());
        let cold = format!("cold:{number}");
        client.check(&format!("SET {cold} v"), "+OK");
    });
    // In a transaction, too.
    client.check("MULTI", "+OK");
    client.check("SET hot 0123456789", "+QUEUED");
    client.check("EXEC", "[+OK]");
    client.check("HOTKEYS STOP", "+OK");
    client.check("SET hot 0123456789", "+OK");
    let report = report(&mut client);
    let reply_bytes = "+OK\r\n".len();
    let expected = (4_001 * (request.len() + reply_bytes)) as i64;
    let ranked = ranking(&report, "by-net-bytes");
    assert_eq!(ranked.len(), 3);
    assert_eq!(ranked[0], ("hot".to_owned(), expected));
    let all = report.field("net-bytes-all-commands-all-slots").integer();
    assert!((expected + 100..expected + 200).contains(&all), "{all}");
    assert_eq!(ranking(&report, "by-cpu-time-us")[0].0, "hot");
    client.check("HOTKEYS RESET", "+OK");
}

#[test]
fn a_session_ends_when_its_time_is_over() {
    let server = TestServer::start();
    if !server.kind().at_least(8, 6) {
        return;
    }
    let mut client = server.raw();
    client.check("HOTKEYS START METRICS 1 CPU DURATION 1", "+OK");
    wait_until("the session is over", || {
        report(&mut client).field("tracking-active").integer() == 0
    });
    client.check("SET late v", "+OK");
    let report = report(&mut client);
    assert_eq!(report.field("collection-duration-ms").integer(), 1_000);
    assert!(ranking(&report, "by-cpu-time-us").is_empty());
    client.check("HOTKEYS STOP", "$nil");
    client.check("HOTKEYS RESET", "+OK");
}

#[test]
fn names_of_any_length_take_little() {
    let server = TestServer::start();
    if !server.kind().is_nuthatch() {
        return;
    }
    let mut client = server.raw();
    client.check("HOTKEYS START METRICS 1 NET COUNT 64", "+OK");
    for number in 0..200 {
        let key = format!("{number:03}{}", "x".repeat(100_000));
        client.call(&["GET", &key]);
    }
    let report = report(&mut client);
    let ranked = ranking(&report, "by-net-bytes");
    assert_eq!(ranked.len(), 64);
    assert!(ranked.iter().all(|(key, _)| key.len() == 512));
}
