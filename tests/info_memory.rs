//! What the server tells of memory, expiry and eviction: which keys went and why, how long it took, where the bytes are.

use harness::{RawClient, ServerKind, TestServer, Value, encode_command, wait_until};

const MIB: u64 = 1 << 20;

fn is_nuthatch() -> bool {
    ServerKind::of_binary().is_nuthatch()
}

/// A number from INFO.
#[track_caller]
fn number(server: &TestServer, field: &str) -> f64 {
    let text = server.info(field);
    text.parse().unwrap_or_else(|_| panic!("{field} is {text}"))
}

/// A count from a line of INFO such as `db0=1,db2=3`; 0 if it has none of that name.
#[track_caller]
fn count(server: &TestServer, field: &str, name: &str) -> u64 {
    let text = server.info(field);
    let pairs = text.split(',').map(|pair| {
        let (name, count) = pair.split_once('=').expect("a name and a count");
        (name, count.parse().expect("a number"))
    });
    let found: Vec<(&str, u64)> = pairs.filter(|(known, _)| *known == name).collect();
    assert!(found.len() <= 1, "{text}");
    found.first().map_or(0, |found| found.1)
}

/// Sets so many keys to values of 1000 bytes; `tail` follows in each command.
#[track_caller]
fn fill(client: &mut RawClient, keys: std::ops::Range<u64>, tail: &[&str]) {
    let value = "x".repeat(1_000);
    for some in keys.collect::<Vec<_>>().chunks(200) {
        let mut requests = Vec::new();
        for number in some {
            let key = format!("key:{number}");
            requests.extend(encode_command(
                &[&["SET", key.as_str(), value.as_str()], tail].concat(),
            ));
        }
        client.send_bytes(requests);
        for _ in some {
            let reply = client.read();
            assert!(!reply.is_error(), "{reply}");
        }
    }
}

#[test]
fn removed_keys_are_counted_by_database_and_by_policy() {
    if !is_nuthatch() {
        return;
    }
    let server =
        TestServer::start_with(&[("maxmemory", "5mb"), ("maxmemory-policy", "allkeys-s3fifo")]);
    let mut client = server.raw();
    assert_eq!(server.info("evicted_keys_by_policy"), "allkeys-s3fifo=0");
    assert_eq!(server.info("evicted_keys_by_db"), "db0=0");
    assert_eq!(server.info("expired_keys_by_db"), "db0=0");
    fill(&mut client, 0..8_000, &[]);
    client.check("CONFIG SET maxmemory 0", "+OK");
    let first = number(&server, "evicted_keys") as u64;
    assert!(first > 2_000, "{first}");
    assert_eq!(
        count(&server, "evicted_keys_by_policy", "allkeys-s3fifo"),
        first
    );
    assert_eq!(count(&server, "evicted_keys_by_db", "db0"), first);
    // Another database and another policy, in the background alone.
    client.check("FLUSHALL", "+OK");
    client.check("SELECT 3", "+OK");
    client.check("CONFIG SET maxmemory-policy volatile-ttl", "+OK");
    fill(&mut client, 0..4_000, &["EX", "1000"]);
    client.check("CONFIG SET maxmemory 2mb", "+OK");
    wait_until("the background evicts", || {
        number(&server, "used_memory") <= 2.0 * MIB as f64
    });
    client.check("CONFIG SET maxmemory 0", "+OK");
    let second = number(&server, "evicted_keys") as u64 - first;
    assert!(second > 1_000, "{second}");
    assert_eq!(count(&server, "evicted_keys_by_db", "db3"), second);
    assert_eq!(
        count(&server, "evicted_keys_by_policy", "volatile-ttl"),
        second
    );
    // A database without keys has no line of its own, and its counts all the same.
    client.check("SELECT 9", "+OK");
    client.check("MSET a 1 b 2 c 3", "+OK");
    for key in ["a", "b", "c"] {
        client.check(&format!("PEXPIRE {key} 1"), ":1");
    }
    wait_until("they have expired", || {
        count(&server, "expired_keys_by_db", "db9") == 3
    });
    assert_eq!(server.info("expired_keys_by_db"), "db0=0,db9=3");
    assert_eq!(server.info("expired_keys"), "3");
    assert!(!client.run("INFO keyspace").text().contains("db9"));
    client.check("CONFIG RESETSTAT", "+OK");
    assert_eq!(server.info("expired_keys_by_db"), "db0=0");
    assert_eq!(server.info("evicted_keys_by_db"), "db0=0");
    assert_eq!(server.info("evicted_keys_by_policy"), "volatile-ttl=0");
}

#[test]
fn the_lines_of_databases_have_no_fields_that_exporters_do_not_know() {
    let server = TestServer::start();
    let mut client = server.raw();
    client.check("SET k v EX 100", "+OK");
    let line = server.info("db0");
    let names: Vec<&str> = line
        .split(',')
        .map(|pair| pair.split_once('=').expect("a name and a value").0)
        .collect();
    assert_eq!(names[..3], ["keys", "expires", "avg_ttl"]);
    assert!(names.len() <= 4, "{line}");
}

#[test]
fn hit_ratios_are_those_of_the_last_seconds() {
    if !is_nuthatch() {
        return;
    }
    let server = TestServer::start();
    let mut client = server.raw();
    for window in ["1s", "10s", "60s"] {
        assert_eq!(number(&server, &format!("keyspace_lookups_{window}")), 0.0);
        assert_eq!(
            server.info(&format!("keyspace_hit_ratio_{window}")),
            "0.0000"
        );
    }
    client.check("SET k v", "+OK");
    for _ in 0..3 {
        client.check("GET k", "\"v\"");
    }
    client.run("GET missing");
    for window in ["10s", "60s"] {
        wait_until("they are among the lookups of the window", || {
            number(&server, &format!("keyspace_lookups_{window}")) == 4.0
        });
        assert_eq!(
            server.info(&format!("keyspace_hit_ratio_{window}")),
            "0.7500"
        );
    }
    wait_until("they are older than a second", || {
        number(&server, "keyspace_lookups_1s") == 0.0
    });
    assert_eq!(server.info("keyspace_hit_ratio_1s"), "0.0000");
    assert_eq!(number(&server, "keyspace_lookups_60s"), 4.0);
    client.check("CONFIG RESETSTAT", "+OK");
    wait_until("nothing is left of them", || {
        number(&server, "keyspace_lookups_60s") == 0.0
    });
}

#[test]
fn the_time_above_the_limit_is_counted() {
    let server = TestServer::start_with(&[("maxmemory-policy", "noeviction")]);
    let mut client = server.raw();
    fill(&mut client, 0..3_000, &[]);
    assert_eq!(server.info("total_eviction_exceeded_time"), "0");
    assert_eq!(server.info("current_eviction_exceeded_time"), "0");
    client.check("CONFIG SET maxmemory 1mb", "+OK");
    // Redis looks when a command needs memory.
    assert!(client.run("SET more v").is_error());
    wait_until("time has passed", || {
        number(&server, "current_eviction_exceeded_time") >= 30.0
    });
    client.check("CONFIG SET maxmemory 0", "+OK");
    client.check("SET more v", "+OK");
    wait_until("it is over", || {
        server.info("current_eviction_exceeded_time") == "0"
    });
    let total = number(&server, "total_eviction_exceeded_time");
    assert!(total >= 30.0, "{total}");
    assert_eq!(number(&server, "total_eviction_exceeded_time"), total);
    client.check("CONFIG RESETSTAT", "+OK");
    assert_eq!(server.info("total_eviction_exceeded_time"), "0");
}

/// Has the latency monitor see `event`, which `bring_about` may have to be called for more than once.
#[track_caller]
fn provoke(server: &TestServer, event: &str, mut bring_about: impl FnMut(&mut RawClient)) {
    let mut client = server.raw();
    wait_until("the latency monitor has seen the event", || {
        bring_about(&mut client);
        let history = client.call(&["LATENCY", "HISTORY", event]);
        !history.items().is_empty()
    });
    let latest = client.run("LATENCY LATEST");
    let mut events = latest.items().iter();
    assert!(events.any(|one| one.items()[0].text() == event), "{latest}");
    let doctor = client.run("LATENCY DOCTOR").text().to_owned();
    assert!(doctor.contains(event), "{doctor}");
}

/// Sets 40 keys of one shard whose names are a megabyte each: the server tells of them when it removes them, so that
/// removing them takes milliseconds.
fn set_long_names(client: &mut RawClient, tail: &[&str]) {
    let name = "x".repeat(MIB as usize);
    for number in 0..40 {
        let key = format!("{{tag}}:{number}:{name}");
        let request = [&["SET", key.as_str(), "v"], tail].concat();
        let reply = client.call(&request);
        assert!(!reply.is_error(), "{reply}");
    }
}

#[test]
fn slow_expiry_and_eviction_are_events_of_the_latency_monitor() {
    if !is_nuthatch() {
        return;
    }
    let server = TestServer::start_with(&[("maxmemory-policy", "allkeys-lru")]);
    let mut client = server.raw();
    client.check("CONFIG SET latency-monitor-threshold 1", "+OK");
    provoke(&server, "expire-cycle", |client| {
        set_long_names(client, &["PX", "500"]);
        wait_until("they have expired", || client.run("DBSIZE").integer() == 0);
    });
    for event in ["eviction-del", "eviction-cycle"] {
        provoke(&server, event, |client| {
            client.check("CONFIG SET maxmemory 0", "+OK");
            set_long_names(client, &[]);
            client.check("CONFIG SET maxmemory 4mb", "+OK");
            wait_until("the background evicts", || {
                number(&server, "used_memory") <= 4.0 * MIB as f64
            });
        });
    }
    // In a command that makes room, which nobody else does.
    client.check("CONFIG SET maxmemory 0", "+OK");
    client.check("DEBUG PAUSE-CRON 1", "+OK");
    client.check("LATENCY RESET eviction-cycle eviction-del", ":2");
    let evicted = number(&server, "used_cpu_commands_eviction");
    provoke(&server, "eviction-cycle", |client| {
        client.check("CONFIG SET maxmemory 0", "+OK");
        set_long_names(client, &[]);
        client.check("CONFIG SET maxmemory 4mb", "+OK");
        client.check("SET k v", "+OK");
    });
    assert!(number(&server, "used_cpu_commands_eviction") > evicted);
}

#[test]
fn the_time_of_background_work_is_told_by_kind() {
    if !is_nuthatch() {
        return;
    }
    let server = TestServer::start_with(&[("maxmemory-policy", "allkeys-s3fifo")]);
    let mut client = server.raw();
    let seconds = |field: &str| number(&server, &format!("used_cpu_{field}"));
    assert_eq!(seconds("background_eviction"), 0.0);
    assert_eq!(seconds("commands_eviction"), 0.0);
    fill(&mut client, 0..5_000, &["PX", "1"]);
    wait_until("they have expired", || {
        client.run("DBSIZE").integer() == 0 && seconds("background_expiry") > 0.0
    });
    fill(&mut client, 0..5_000, &[]);
    client.check("CONFIG SET maxmemory 2mb", "+OK");
    wait_until("the background evicts", || {
        number(&server, "used_memory") <= 2.0 * MIB as f64 && seconds("background_eviction") > 0.0
    });
    fill(&mut client, 5_000..15_000, &[]);
    assert!(seconds("commands_eviction") > 0.0);
    assert!(seconds("background_maintenance") > 0.0);
    wait_until("the windows have it", || {
        ["background", "background_expiry", "commands_eviction"]
            .iter()
            .all(|name| number(&server, &format!("{name}_cpu_percent_60s")) > 0.0)
    });
    let info = client.run("INFO cpu").text().to_owned();
    let of = |field: &str| {
        let line = info
            .lines()
            .find_map(|line| line.strip_prefix(field)?.strip_prefix(':'));
        line.expect("the field is there")
            .parse::<f64>()
            .expect("a number")
    };
    let kinds = ["expiry", "eviction", "maintenance", "other"];
    let sum: f64 = kinds
        .iter()
        .map(|kind| of(&format!("used_cpu_background_{kind}")))
        .sum();
    assert!((sum - of("used_cpu_background")).abs() < 1e-5, "{info}");
    client.check("CONFIG RESETSTAT", "+OK");
    assert_eq!(seconds("commands_eviction"), 0.0);
}

#[test]
fn what_is_emptied_of_sparse_pages_is_counted() {
    if !is_nuthatch() {
        return;
    }
    let server = TestServer::start();
    let mut client = server.raw();
    fill(&mut client, 0..40_000, &[]);
    // Four of five, everywhere.
    let mut requests = Vec::new();
    let gone = || (0..40_000).filter(|number| number % 5 != 0);
    for number in gone() {
        requests.extend(encode_command(&["DEL", &format!("key:{number}")]));
    }
    client.send_bytes(requests);
    gone().for_each(|_| _ = client.read());
    wait_until("pages are dense again", || {
        number(&server, "active_defrag_hits") > 0.0
            && number(&server, "slab_fragmentation_ratio") < 1.3
            && server.info("active_defrag_running") == "0"
    });
    assert_eq!(
        server.info("active_defrag_hits"),
        server.info("active_defrag_key_hits")
    );
    assert_eq!(number(&server, "current_active_defrag_time"), 0.0);
    client.check("CONFIG RESETSTAT", "+OK");
    assert_eq!(server.info("active_defrag_hits"), "0");
    assert_eq!(number(&server, "lazyfree_pending_objects"), 0.0);
}

#[test]
fn memory_figures_agree_with_one_another() {
    let server = TestServer::start();
    let mut client = server.raw();
    fill(&mut client, 0..5_000, &["EX", "1000"]);
    let info = client.run("INFO memory").text().to_owned();
    let of = |field: &str| {
        let line = info
            .lines()
            .find_map(|line| line.strip_prefix(field)?.strip_prefix(':'));
        let line = line.unwrap_or_else(|| panic!("no {field} in {info}"));
        line.parse::<f64>()
            .unwrap_or_else(|_| panic!("{field} is {line}"))
    };
    let bytes = 5_000.0 * 1_000.0;
    for field in [
        "used_memory",
        "used_memory_dataset",
        "allocator_allocated",
        "allocator_active",
        "allocator_resident",
        "used_memory_rss",
    ] {
        assert!(of(field) >= bytes, "{field} of {info}");
    }
    assert!(of("allocator_allocated") <= of("allocator_active"));
    assert!(of("allocator_resident") <= of("used_memory_rss"));
    let close = |ratio: &str, held: &str, wanted: &str| {
        let expected = of(held) / of(wanted);
        assert!((of(ratio) - expected).abs() < 0.02, "{ratio} of {info}");
    };
    close(
        "allocator_rss_ratio",
        "allocator_resident",
        "allocator_active",
    );
    if is_nuthatch() {
        close(
            "allocator_frag_ratio",
            "allocator_active",
            "allocator_allocated",
        );
        close(
            "rss_overhead_ratio",
            "used_memory_rss",
            "allocator_resident",
        );
        close("mem_fragmentation_ratio", "used_memory_rss", "used_memory");
        close(
            "slab_fragmentation_ratio",
            "slab_resident_bytes",
            "slab_live_bytes",
        );
        assert!(of("slab_live_bytes") >= bytes);
    }
    assert_eq!(of("active_defrag_running"), 0.0);
}

/// The fields of a map, in their order.
fn names(map: &Value) -> Vec<String> {
    let Value::Map(pairs) = map else {
        panic!("no map: {map}");
    };
    pairs
        .iter()
        .map(|(name, _)| name.text().to_owned())
        .collect()
}

#[test]
fn memory_stats_have_the_fields_of_the_reference_in_its_order() {
    let server = TestServer::start();
    let mut client = server.raw_resp3();
    client.check("SET a 1", "+OK");
    client.check("SELECT 3", "+OK");
    client.check("SET b 1 EX 1000", "+OK");
    let stats = client.run("MEMORY STATS");
    let expected = "peak.allocated total.allocated startup.allocated replication.backlog clients.slaves clients.normal \
                    cluster.links aof.buffer lua.caches functions.caches db.0 db.3 overhead.total keys.count \
                    keys.bytes-per-key dataset.bytes dataset.percentage peak.percentage allocator.allocated \
                    allocator.active allocator.resident allocator-fragmentation.ratio allocator-fragmentation.bytes \
                    allocator-rss.ratio allocator-rss.bytes rss-overhead.ratio rss-overhead.bytes fragmentation \
                    fragmentation.bytes";
    let mut known = names(&stats);
    let expected: Vec<&str> = expected.split_whitespace().collect();
    // Newer ones have more.
    known.retain(|name| expected.contains(&name.as_str()));
    assert_eq!(known, expected);
    assert_eq!(stats.field("keys.count").integer(), 2);
    for number in [0, 3] {
        let db = stats.field(&format!("db.{number}"));
        assert!(db.field("overhead.hashtable.main").integer() > 0, "{db}");
        let expires = db.field("overhead.hashtable.expires").integer();
        assert!(expires > 0 || number == 0, "{db}");
    }
    for name in &expected {
        let is_double =
            name.ends_with(".ratio") || name.ends_with(".percentage") || *name == "fragmentation";
        let value = stats.field(name);
        assert_eq!(
            matches!(value, Value::Double(_)),
            is_double,
            "{name} is {value}"
        );
    }
}

#[test]
fn memory_doctor_warns_of_settings() {
    let server = TestServer::start();
    let mut client = server.raw();
    if !is_nuthatch() {
        return;
    }
    let doctor = |client: &mut RawClient| client.run("MEMORY DOCTOR").text().to_owned();
    client.check("CONFIG SET maxmemory-policy allkeys-lru", "+OK");
    assert!(doctor(&mut client).contains("nothing is evicted: set maxmemory"));
    client.check("CONFIG SET maxmemory 100mb", "+OK");
    assert!(doctor(&mut client).contains("too little data"));
    fill(&mut client, 0..10_000, &[]);
    assert!(!doctor(&mut client).contains("maxmemory"));
    client.check(
        "CONFIG SET maxmemory-policy noeviction maxmemory 10mb",
        "+OK",
    );
    assert!(doctor(&mut client).contains("writes are refused"));
    client.check(
        "CONFIG SET maxmemory-policy volatile-lru maxmemory 10mb",
        "+OK",
    );
    assert!(doctor(&mut client).contains("only 0 may be evicted"));
    client.check("CONFIG SET maxmemory 1000000gb", "+OK");
    assert!(doctor(&mut client).contains("memory runs out before"));
    let text = client.run("MEMORY MALLOC-STATS").text().to_owned();
    assert!(text.contains("slabs: "), "{text}");
}
