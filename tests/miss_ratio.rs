//! The hit ratio at other sizes of memory, as `MEMORY MRC` and `INFO` estimate it.

use harness::{RawClient, ServerKind, TestServer, Value, encode_command};

const KEYS: usize = 150_000;
const READS: usize = 500_000;
/// Reads that are sent together.
const BATCH: usize = 500;

/// Numbers below [`KEYS`], the first ones more often, as Zipf's law has it.
fn zipf_numbers() -> impl Iterator<Item = usize> {
    let mut sum = 0.0;
    let ranks = 1..=KEYS;
    let sums: Vec<f64> = ranks
        .map(|rank| {
            sum += (rank as f64).powf(-0.8);
            sum
        })
        .collect();
    let mut random = harness::Random::new(1);
    std::iter::repeat_with(move || {
        let at = random.below(1 << 30) as f64 / f64::from(1 << 30) * sum;
        sums.partition_point(|&upto| upto <= at)
    })
}

/// A server with this limit that has been read from, by a client that sets what it misses.
fn server_read_from(maxmemory: &str) -> TestServer {
    let policy = ("maxmemory-policy", "allkeys-lru");
    let server = TestServer::start_with(&[("maxmemory", maxmemory), policy]);
    let mut client = server.raw();
    let value = "x".repeat(100);
    let numbers: Vec<usize> = zipf_numbers().take(READS).collect();
    for some in numbers.chunks(BATCH) {
        let names: Vec<String> = some.iter().map(|number| format!("key:{number}")).collect();
        let reads = names.iter().flat_map(|name| encode_command(&["GET", name]));
        client.send_bytes(reads.collect::<Vec<u8>>());
        let missed: Vec<&String> = names
            .iter()
            .filter(|_| client.read() == Value::NullBulk)
            .collect();
        let writes = missed.iter();
        let writes = writes.flat_map(|name| encode_command(&["SET", name, &value]));
        client.send_bytes(writes.collect::<Vec<u8>>());
        missed
            .iter()
            .for_each(|_| assert!(!client.read().is_error()));
    }
    server
}

fn number(reply: &Value, field: &str) -> f64 {
    match reply.field(field) {
        Value::Integer(number) => number as f64,
        Value::Double(text) => text.parse().expect("a double"),
        other => panic!("{field}: {other}"),
    }
}

fn measured(server: &TestServer) -> f64 {
    let count = |field| server.info(field).parse::<f64>().expect("a number");
    let (hits, misses) = (count("keyspace_hits"), count("keyspace_misses"));
    hits / (hits + misses)
}

#[test]
fn the_estimate_for_double_the_memory_is_what_a_server_with_it_measures() {
    if !ServerKind::of_binary().is_nuthatch() {
        return;
    }
    let server = server_read_from("8mb");
    let double = measured(&server_read_from("16mb"));
    let reply = server.raw_resp3().run("MEMORY MRC");
    let here = measured(&server);
    let near = |field: &str, expected: f64| {
        let estimate = number(&reply, field);
        assert!(
            (estimate - expected).abs() < 0.05,
            "{field} is {estimate}, and measured were {expected}; {reply}"
        );
        estimate
    };
    near("hit-ratio.measured", here);
    near("hit-ratio.lru", here);
    let at_double = near("hit-ratio.double-memory", double);
    let at_half = number(&reply, "hit-ratio.half-memory");
    assert!(double > here + 0.05, "{here} and {double}: no difference");
    assert!(at_half < here && here < at_double, "{reply}");
    assert_eq!(number(&reply, "memory.bytes"), f64::from(8 << 20));
    assert!(number(&reply, "samples") > 1_000.0, "{reply}");
    check_curve(&reply, at_double);
    let in_info: f64 = server.info("mrc_hit_ratio_double_memory").parse().unwrap();
    assert!((in_info - at_double).abs() < 0.01);
}

/// The curve rises, and goes through what there is to say of double the memory.
#[track_caller]
fn check_curve(reply: &Value, at_double: f64) {
    let curve = reply.field("curve");
    let points: Vec<(i64, f64)> = curve
        .items()
        .iter()
        .map(|point| match point.items() {
            [Value::Integer(bytes), Value::Double(ratio)] => (*bytes, ratio.parse().unwrap()),
            _ => panic!("{point} is no pair of bytes and hit ratio"),
        })
        .collect();
    assert!(
        points
            .windows(2)
            .all(|two| two[0].0 < two[1].0 && two[0].1 <= two[1].1)
    );
    let double = points.iter().find(|(bytes, _)| *bytes == 16 << 20);
    assert_eq!(double.map(|(_, ratio)| *ratio), Some(at_double));
}

fn field_of_info(client: &mut RawClient, field: &str) -> Option<String> {
    let info = client.run("INFO memory");
    info.text().lines().find_map(|line| {
        let (name, value) = line.split_once(':')?;
        (name == field).then(|| value.trim().to_owned())
    })
}

#[test]
fn config_resetstat_forgets_the_lookups() {
    if !ServerKind::of_binary().is_nuthatch() {
        return;
    }
    let server = TestServer::start();
    let mut client = server.raw_resp3();
    let reply = client.run("MEMORY MRC");
    assert_eq!(reply.field("hit-ratio.lru"), Value::Null);
    assert_eq!(reply.field("curve"), Value::Array(Vec::new()));
    client.check("DEBUG POPULATE 2000 key 10", "+OK");
    let read_all = |client: &mut RawClient| {
        for number in 0..2_000 {
            client.send(&["GET", &format!("key:{number}")]);
            assert!(matches!(client.read(), Value::Bulk(_)));
        }
    };
    read_all(&mut client);
    read_all(&mut client);
    let reply = client.run("MEMORY MRC");
    assert_eq!(number(&reply, "hit-ratio.measured"), 1.0, "{reply}");
    assert!(number(&reply, "hit-ratio.lru") > 0.0, "{reply}");
    assert!(number(&reply, "references") > 3_900.0, "{reply}");
    assert_eq!(
        field_of_info(&mut client, "mrc_hit_ratio").as_deref(),
        Some("1.0000")
    );
    client.check("CONFIG RESETSTAT", "+OK");
    let reply = client.run("MEMORY MRC");
    assert_eq!(number(&reply, "samples"), 0.0, "{reply}");
    assert_eq!(reply.field("hit-ratio.measured"), Value::Null);
    assert!(number(&reply, "tracked.keys") > 0.0, "{reply}");
    assert_eq!(field_of_info(&mut client, "mrc_hit_ratio"), None);
    assert_eq!(
        field_of_info(&mut client, "mrc_samples").as_deref(),
        Some("0")
    );
}
