//! Eviction: which keys go when `maxmemory` is reached, what stays, and what clients hear of it.

use std::sync::atomic::{AtomicBool, Ordering};

use harness::{
    RawClient, ServerKind, TestServer, Value, encode_command, in_parallel, long_or, query,
    wait_until,
};
use redis::Commands;

const MIB: u64 = 1 << 20;
/// `maxmemory` of most of these servers.
const LIMIT: u64 = 10 * MIB;
const OOM: &str = "-OOM command not allowed when used memory > 'maxmemory'.";
const ABORTED: &str = "-EXECABORT Transaction discarded because of previous errors.";

const OWN_POLICIES: &[&str] = &[
    "allkeys-s3fifo",
    "volatile-s3fifo",
    "allkeys-fifo",
    "volatile-fifo",
];
const REDIS_POLICIES: &[&str] = &[
    "allkeys-lru",
    "volatile-lru",
    "allkeys-lfu",
    "volatile-lfu",
    "allkeys-random",
    "volatile-random",
    "volatile-ttl",
];

/// All that evict, of the server under test.
fn policies() -> Vec<&'static str> {
    let own = OWN_POLICIES
        .iter()
        .filter(|_| ServerKind::of_binary().is_nuthatch());
    REDIS_POLICIES.iter().chain(own).copied().collect()
}

/// A server with this policy and [`LIMIT`].
fn limited(policy: &str) -> TestServer {
    limited_to(policy, "10mb")
}

fn limited_to(policy: &str, limit: &str) -> TestServer {
    TestServer::start_with(&[("maxmemory", limit), ("maxmemory-policy", policy)])
}

fn number(server: &TestServer, field: &str) -> u64 {
    server.info(field).parse().expect("a number")
}

/// Waits until no more memory is used than `limit` and a hundredth of it.
#[track_caller]
fn wait_within(server: &TestServer, limit: u64) {
    wait_until("memory is within the limit", || {
        number(server, "used_memory") <= limit + limit / 100
    });
}

/// Waits until no more is evicted and each of `written` keys is there or was evicted, and returns how many are there.
#[track_caller]
fn settle(server: &TestServer, databases: &[u32], written: u64) -> u64 {
    let mut client = server.raw();
    // So that neither this nor what follows evicts anything.
    client.check("CONFIG SET maxmemory 0", "+OK");
    wait_until("each key is there or was evicted", || {
        keys_in(&mut client, databases) + number(server, "evicted_keys") == written
    });
    keys_in(&mut client, databases)
}

fn keys_in(client: &mut RawClient, databases: &[u32]) -> u64 {
    let keys = databases.iter().map(|database| {
        client.check(&format!("SELECT {database}"), "+OK");
        client.run("DBSIZE").integer().unsigned_abs()
    });
    keys.sum()
}

/// Sets keys `prefix:number` to values of so many bytes, many with each write; `tail` follows in each command.
#[track_caller]
fn fill(
    client: &mut RawClient,
    prefix: &str,
    numbers: std::ops::Range<u64>,
    bytes: usize,
    tail: &[&str],
) {
    let value = "x".repeat(bytes);
    let numbers: Vec<u64> = numbers.collect();
    for some in numbers.chunks(200) {
        let mut requests = Vec::new();
        for number in some {
            let key = format!("{prefix}:{number}");
            let head = ["SET", &key, &value];
            requests.extend(encode_command(&[&head, tail].concat()));
        }
        client.send_bytes(requests);
        for number in some {
            let reply = client.read();
            assert!(!reply.is_error(), "SET {prefix}:{number} answers {reply}");
        }
    }
}

/// Which keys `prefix:number` are there.
fn present(client: &mut RawClient, prefix: &str, numbers: std::ops::Range<u64>) -> Vec<u64> {
    let mut requests = Vec::new();
    for number in numbers.clone() {
        requests.extend(encode_command(&["EXISTS", &format!("{prefix}:{number}")]));
    }
    client.send_bytes(requests);
    let replies: Vec<_> = numbers.clone().map(|_| client.read().integer()).collect();
    numbers
        .zip(replies)
        .filter(|(_, there)| *there == 1)
        .map(|(number, _)| number)
        .collect()
}

#[test]
fn every_policy_keeps_memory_within_the_limit_without_an_error() {
    for policy in policies() {
        let server = limited(policy);
        let mut client = server.raw();
        let tail: &[&str] = match policy.starts_with("volatile") {
            true => &["EX", "10000"],
            false => &[],
        };
        fill(&mut client, "key", 0..20_000, 1000, tail);
        wait_within(&server, LIMIT);
        let keys = settle(&server, &[0], 20_000);
        assert!(keys > 6_000, "{policy}: only {keys} keys are left of 10 MB");
    }
}

#[test]
fn keys_without_an_expire_time_stay_under_volatile_policies() {
    for policy in policies() {
        if !policy.starts_with("volatile") {
            continue;
        }
        let server = limited(policy);
        let mut client = server.raw();
        fill(&mut client, "kept", 0..2_000, 1000, &[]);
        fill(&mut client, "key", 0..15_000, 1000, &["EX", "10000"]);
        wait_within(&server, LIMIT);
        assert!(number(&server, "evicted_keys") > 5_000, "{policy}");
        assert_eq!(
            present(&mut client, "kept", 0..2_000).len(),
            2_000,
            "{policy}"
        );
        // What has lost its expire time stays, and what has got one may go.
        client.check("SET was v EX 10000", "+OK");
        client.check("PERSIST was", ":1");
        for number in 0..1_000 {
            client.check(&format!("EXPIRE kept:{number} 10"), ":1");
        }
        fill(&mut client, "more", 0..15_000, 1000, &["EX", "10000"]);
        client.check("EXISTS was", ":1");
        let left = present(&mut client, "kept", 0..2_000);
        assert_eq!(
            left.iter().filter(|&&kept| kept >= 1_000).count(),
            1_000,
            "{policy}"
        );
        // Others may keep them because they have been used.
        if ["random", "ttl", "fifo"]
            .iter()
            .any(|it| policy.ends_with(it))
            && !policy.contains("s3")
        {
            assert!(left.len() < 1_900, "{policy}: {} are left", left.len());
        }
    }
}

#[test]
fn keys_that_expire_sooner_go_first_under_volatile_ttl() {
    let server = limited("volatile-ttl");
    let mut client = server.raw();
    fill(&mut client, "late", 0..3_000, 1000, &["EX", "500000"]);
    fill(&mut client, "soon", 0..4_000, 1000, &["EX", "1000"]);
    fill(&mut client, "later", 0..1_000, 1000, &["EX", "900000"]);
    fill(&mut client, "plain", 0..3_000, 1000, &[]);
    wait_within(&server, LIMIT);
    assert_eq!(present(&mut client, "plain", 0..3_000).len(), 3_000);
    assert_eq!(present(&mut client, "late", 0..3_000).len(), 3_000);
    assert_eq!(present(&mut client, "later", 0..1_000).len(), 1_000);
    let soon = present(&mut client, "soon", 0..4_000).len();
    assert!((500..3_500).contains(&soon), "{soon} are left");
}

#[test]
fn the_keys_that_came_first_go_first_under_fifo() {
    if !ServerKind::of_binary().is_nuthatch() {
        return;
    }
    let server = limited("allkeys-fifo");
    let mut client = server.raw();
    for round in 0..20 {
        fill(
            &mut client,
            "key",
            round * 1_000..(round + 1) * 1_000,
            1000,
            &[],
        );
        // Being read does not help.
        let oldest = round.saturating_sub(7) * 1_000;
        present(&mut client, "key", oldest..oldest + 500);
    }
    wait_within(&server, LIMIT);
    assert_eq!(present(&mut client, "key", 0..8_000), []);
    assert_eq!(present(&mut client, "key", 16_000..20_000).len(), 4_000);
}

#[test]
fn keys_that_are_read_survive_a_scan() {
    for policy in policies() {
        let tail: &[&str] = match policy.starts_with("volatile") {
            true => &["EX", "10000"],
            false => &[],
        };
        if !["lfu", "s3fifo"].iter().any(|it| policy.ends_with(it)) {
            continue;
        }
        let server = limited(policy);
        let mut client = server.raw();
        fill(&mut client, "hot", 0..200, 1000, tail);
        for round in 0..150 {
            fill(
                &mut client,
                "cold",
                round * 200..(round + 1) * 200,
                1000,
                tail,
            );
            let gets = (0..200).map(|key| encode_command(&["GET", &format!("hot:{key}")]));
            client.send_bytes(gets.collect::<Vec<_>>().concat());
            (0..200).for_each(|_| drop(client.read()));
        }
        let left = present(&mut client, "hot", 0..200).len();
        assert!(left >= 190, "{policy}: {left} of 200 hot keys are left");
        assert!(number(&server, "evicted_keys") > 15_000, "{policy}");
    }
}

#[test]
fn keys_used_lately_survive_under_lru() {
    for policy in ["allkeys-lru", "volatile-lru"] {
        let tail: &[&str] = match policy.starts_with("volatile") {
            true => &["EX", "10000"],
            false => &[],
        };
        let server = limited(policy);
        let mut client = server.raw();
        fill(&mut client, "hot", 0..200, 1000, tail);
        fill(&mut client, "cold", 0..7_000, 1000, tail);
        // The clock of LRU ticks in seconds.
        wait_until("the keys have been idle", || {
            client.run("OBJECT IDLETIME cold:6999").integer() >= 2
        });
        for key in 0..200 {
            client.check(&format!("STRLEN hot:{key}"), ":1000");
        }
        fill(&mut client, "new", 0..4_000, 1000, tail);
        let left = present(&mut client, "hot", 0..200).len();
        assert!(left >= 190, "{policy}: {left} of 200 hot keys are left");
        let new = present(&mut client, "new", 0..4_000).len();
        assert!(new >= 3_800, "{policy}: {new} of 4000 new keys are left");
        assert!(number(&server, "evicted_keys") > 1_000, "{policy}");
    }
}

#[test]
fn a_lowered_limit_takes_the_keys_that_the_policy_names() {
    if !ServerKind::of_binary().is_nuthatch() {
        return;
    }
    for policy in ["allkeys-fifo", "allkeys-lfu", "allkeys-s3fifo"] {
        let server = limited_to(policy, "0");
        let mut client = server.raw();
        // The second half is the later one, and the one that is read.
        fill(&mut client, "key", 0..20_000, 1000, &[]);
        for _ in 0..10 {
            let gets = (10_000..20_000).map(|key| encode_command(&["GET", &format!("key:{key}")]));
            for some in gets.collect::<Vec<_>>().chunks(500) {
                client.send_bytes(some.concat());
                (0..some.len()).for_each(|_| drop(client.read()));
            }
        }
        let limit = number(&server, "used_memory") * 3 / 4;
        client.check(&format!("CONFIG SET maxmemory {limit}"), "+OK");
        wait_within(&server, limit);
        let lost = |left: usize| 10_000 - left;
        let first = lost(present(&mut client, "key", 0..10_000).len());
        let second = lost(present(&mut client, "key", 10_000..20_000).len());
        assert!(
            (4_000..8_000).contains(&first),
            "{policy}: {first} of the first half are gone"
        );
        assert!(
            second < first / 10,
            "{policy}: {first} and {second} are gone"
        );
    }
}

#[test]
fn large_values_find_room_before_they_are_stored() {
    let value = "x".repeat(6 << 20);
    let set = |client: &mut RawClient, key: &str, reply: &str| {
        client.send_bytes(encode_command(&["SET", key, &value]));
        client.expect_reply(reply);
    };
    for policy in policies() {
        let server = limited(policy);
        let mut client = server.raw();
        fill(&mut client, "key", 0..1_000, 1000, &["EX", "10000"]);
        set(&mut client, "first", "+OK");
        client.check("EXPIRE first 10000", ":1");
        set(&mut client, "second", "+OK");
        let used = number(&server, "used_memory");
        assert!(used <= LIMIT + LIMIT / 50, "{policy}: {used} are used");
        // What is there now cannot go under a policy for keys that expire.
        let reply = match policy.starts_with("volatile") {
            true => OOM,
            false => "+OK",
        };
        set(&mut client, "third", reply);
        client.check("EXISTS first second third", ":1");
    }
    let server = limited("noeviction");
    let mut client = server.raw();
    set(&mut client, "first", "+OK");
    set(&mut client, "second", OOM);
    client.check("STRLEN first", &format!(":{}", value.len()));
}

#[test]
fn a_large_value_that_is_asked_for_is_not_driven_out_by_its_shard() {
    if !ServerKind::of_binary().is_nuthatch() {
        return;
    }
    for policy in ["allkeys-lfu", "allkeys-s3fifo"] {
        let server = limited(policy);
        let mut client = server.raw();
        // Eight times what the other shards hold.
        let length = 1_000_000;
        client.send_bytes(encode_command(&["SET", "large", &"x".repeat(length)]));
        client.expect_reply("+OK");
        for round in 0..150 {
            let some = round * 200..(round + 1) * 200;
            fill(&mut client, "cold", some, 1000, &[]);
            for _ in 0..3 {
                client.check("STRLEN large", &format!(":{length}"));
            }
        }
        assert!(number(&server, "evicted_keys") > 15_000, "{policy}");
    }
}

#[test]
fn nothing_goes_for_what_will_not_fit_in_the_end() {
    let server = limited("allkeys-lru");
    let mut client = server.raw();
    fill(&mut client, "key", 0..5_000, 1000, &[]);
    // Nothing else than this value would be there, and yet it would be too much.
    let value = "x".repeat(LIMIT as usize - 50_000);
    client.send_bytes(encode_command(&["SET", "large", &value]));
    client.expect_reply(OOM);
    // One of them fits, but the transaction does not.
    let half = "x".repeat(LIMIT as usize * 6 / 10);
    client.check("MULTI", "+OK");
    client.send_bytes(encode_command(&["SET", "first", &half]));
    client.expect_reply("+QUEUED");
    client.send_bytes(encode_command(&["SET", "second", &half]));
    client.expect_reply(OOM);
    client.check("EXEC", ABORTED);
    assert!(client.run("DBSIZE").integer() > 3_000);
}

#[test]
fn values_are_replaced_up_to_the_limit_where_nothing_goes() {
    let server = limited("noeviction");
    let mut client = server.raw();
    let value = "x".repeat(100_000);
    for n in 0..90 {
        client.send_bytes(encode_command(&["SET", &format!("key:{n}"), &value]));
        client.expect_reply("+OK");
    }
    let mut pads = 0;
    while number(&server, "used_memory") < LIMIT - 50_000 {
        fill(&mut client, "pad", pads..pads + 1, 10_000, &[]);
        pads += 1;
    }
    client.send_bytes(encode_command(&["SET", "key:3", &value]));
    client.expect_reply("+OK");
}

#[test]
fn writes_go_on_while_memory_follows_a_lower_limit() {
    for policy in ["allkeys-s3fifo", "allkeys-lru"] {
        let server = limited_to(policy, "0");
        let mut client = server.raw();
        fill(&mut client, "key", 0..100_000, 1000, &[]);
        let used = number(&server, "used_memory");
        let (limit, mut writes) = (used / 2, 0);
        client.check(&format!("CONFIG SET maxmemory {limit}"), "+OK");
        while number(&server, "used_memory") > limit {
            for _ in 0..10 {
                client.check(&format!("SET new:{writes} v"), "+OK");
                writes += 1;
            }
        }
        assert!(writes > 20, "{policy}: {writes}");
        wait_within(&server, limit);
    }
}

#[test]
fn a_limit_below_what_is_used_is_followed() {
    let server = limited_to("allkeys-lru", "0");
    let mut client = server.raw();
    fill(&mut client, "key", 0..20_000, 1000, &[]);
    assert_eq!(number(&server, "evicted_keys"), 0);
    // Nobody writes: it is done all the same.
    client.check("CONFIG SET maxmemory 10mb", "+OK");
    wait_within(&server, LIMIT);
    client.check("CONFIG SET maxmemory 5mb", "+OK");
    wait_within(&server, LIMIT / 2);
    let keys = settle(&server, &[0], 20_000);
    assert!(keys > 2_500, "only {keys} keys are left of 5 MB");
    client.check("SET k v", "+OK");

    // A limit that not even an empty server keeps takes everything, and then there is no room.
    client.check("CONFIG SET maxmemory 1", "+OK");
    wait_until("all keys are gone", || client.run("DBSIZE").integer() == 0);
    if number(&server, "used_memory") > 1 {
        client.check("SET k v", OOM);
    }
    client.check("GET k", "$nil");
    client.check("CONFIG SET maxmemory 0", "+OK");
    client.check("SET k v", "+OK");
    // So it does with keys that weigh next to nothing.
    fill(&mut client, "key", 0..30, 10, &[]);
    client.check("CONFIG SET maxmemory 1", "+OK");
    client.check("SET k v", OOM);
    wait_until("all keys are gone", || client.run("DBSIZE").integer() == 0);
}

#[test]
fn nothing_goes_under_noeviction() {
    let server = limited_to("noeviction", "0");
    let mut client = server.raw();
    fill(&mut client, "key", 0..10_000, 1000, &["EX", "10000"]);
    client.check("CONFIG SET maxmemory 5mb", "+OK");
    client.check("SET k v", OOM);
    client.check("LPUSH l v", OOM);
    client.check("STRLEN key:1", ":1000");
    client.check("DBSIZE", ":10000");
    client.check("DEL key:1 key:2", ":2");
    client.check("EXPIRE key:3 100", ":1");
    client.check("SET k v", OOM);
    for key in 4..10_000 {
        client.check(&format!("DEL key:{key}"), ":1");
    }
    client.check("SET k v", "+OK");
    assert_eq!(number(&server, "evicted_keys"), 0);

    // A policy that evicts makes room in the same place.
    fill(&mut client, "key", 4..3_000, 1000, &[]);
    client.check("CONFIG SET maxmemory 2mb", "+OK");
    client.check("SET k v", OOM);
    client.check("CONFIG SET maxmemory-policy allkeys-random", "+OK");
    client.check("SET k v", "+OK");
    wait_within(&server, 2 * MIB);
}

#[test]
fn there_is_no_room_where_no_key_may_go() {
    for policy in policies() {
        if !policy.starts_with("volatile") {
            continue;
        }
        let server = limited_to(policy, "0");
        let mut client = server.raw();
        fill(&mut client, "key", 0..6_000, 1000, &[]);
        client.check("CONFIG SET maxmemory 5mb", "+OK");
        client.check("SET k v", OOM);
        client.check("SET k v EX 100", OOM);
        client.check("DBSIZE", ":6000");

        // Neither in a transaction.
        client.check("MULTI", "+OK");
        client.check("SET k v", OOM);
        client.check("EXEC", ABORTED);

        // Deleting makes room, and so does a key that may go.
        client.check("EXPIRE key:5999 10000", ":1");
        client.check("SET k v", OOM);
        client.check("EXISTS key:5999", ":0");
        assert_eq!(number(&server, "evicted_keys"), 1, "{policy}");
        for key in 0..3_000 {
            client.check(&format!("DEL key:{key}"), ":1");
        }
        client.check("SET k v", "+OK");
        client.check("DBSIZE", ":3000");
    }
}

#[test]
fn a_value_that_will_never_fit_costs_no_other_key() {
    if !ServerKind::of_binary().is_nuthatch() {
        // Redis counts the request itself, and evicts everything for it.
        return;
    }
    let server = limited("allkeys-lru");
    let mut client = server.raw();
    fill(&mut client, "key", 0..5_000, 1000, &[]);
    let big = "x".repeat(11 << 20);
    client.call(&["SET", "small", "v"]);
    for command in [
        vec!["SET", "big", &big],
        vec!["APPEND", "small", &big],
        vec!["SETRANGE", "small", "11534336", "x"],
        vec!["SETBIT", "small", "92274688", "1"],
        vec!["LPUSH", "list", &big],
        vec!["HSET", "hash", "field", &big],
    ] {
        let reply = client.call(&command);
        assert_eq!(reply.to_string(), OOM, "{} {}", command[0], command[1]);
    }
    client.check("DBSIZE", ":5001");
    assert_eq!(number(&server, "evicted_keys"), 0);
    assert_eq!(number(&server, "used_memory") / MIB, 5);
}

#[test]
fn the_limit_is_read_as_redis_reads_it() {
    let server = TestServer::start();
    let mut client = server.raw();
    for (given, bytes) in [
        ("0", "0"),
        ("1", "1"),
        ("100mb", "104857600"),
        ("1gb", "1073741824"),
        ("1GB", "1073741824"),
        ("1g", "1000000000"),
        ("10k", "10000"),
        ("3b", "3"),
        // More than any machine has.
        ("1048576gb", "1125899906842624"),
        ("18446744073709551615", "18446744073709551615"),
    ] {
        client.check(&format!("CONFIG SET maxmemory {given}"), "+OK");
        let shown = format!("[\"maxmemory\", \"{bytes}\"]");
        client.check("CONFIG GET maxmemory", &shown);
        if given.len() > 4 {
            client.check("SET k v", "+OK");
        }
    }
    client.check("CONFIG SET maxmemory 0", "+OK");
    for given in ["-1", "-1mb", "5%", "1.5gb", "1mbb", "0x10", "\"1 mb\""] {
        client.check(
            &format!("CONFIG SET maxmemory {given}"),
            "-ERR CONFIG SET failed (possibly related to argument 'maxmemory') - argument must be a memory value",
        );
    }
    client.check("CONFIG GET maxmemory", "[\"maxmemory\", \"0\"]");
}

#[test]
fn settings_of_eviction_are_refused_in_redis_words() {
    let server = limited("allkeys-lru");
    let mut client = server.raw();
    let failed =
        |name: &str| format!("ERR CONFIG SET failed (possibly related to argument '{name}') - ");
    for (name, value, reason) in [
        (
            "maxmemory-samples",
            "0",
            "argument must be between 1 and 2147483647 inclusive",
        ),
        (
            "maxmemory-samples",
            "-1",
            "argument must be between 1 and 2147483647 inclusive",
        ),
        (
            "maxmemory-samples",
            "2147483648",
            "argument must be between 1 and 2147483647 inclusive",
        ),
        (
            "maxmemory-samples",
            "many",
            "argument couldn't be parsed into an integer",
        ),
        (
            "lfu-log-factor",
            "-1",
            "argument must be between 0 and 2147483647 inclusive",
        ),
        (
            "lfu-log-factor",
            "1.5",
            "argument couldn't be parsed into an integer",
        ),
        (
            "lfu-decay-time",
            "-1",
            "argument must be between 0 and 2147483647 inclusive",
        ),
        (
            "lfu-decay-time",
            "",
            "argument couldn't be parsed into an integer",
        ),
    ] {
        let reply = client.call(&["CONFIG", "SET", name, value]);
        assert_eq!(reply, Value::Error(failed(name) + reason), "{name} {value}");
    }
    let reply = client.run("CONFIG SET maxmemory-policy lru").to_string();
    let words = "argument(s) must be one of the following: volatile-lru, volatile-lfu, volatile-random, volatile-ttl, \
         allkeys-lru, allkeys-lfu, allkeys-random, noeviction";
    let expected = format!("-{}{words}", failed("maxmemory-policy"));
    assert!(reply.starts_with(&expected), "{reply}");
    client.check("CONFIG SET maxmemory-policy ALLKEYS-lfu", "+OK");
    client.check(
        "CONFIG GET maxmemory-policy",
        "[\"maxmemory-policy\", \"allkeys-lfu\"]",
    );
    assert_eq!(server.info("maxmemory_policy"), "allkeys-lfu");
    // One that is refused refuses all.
    let both = client.run("CONFIG SET maxmemory-policy allkeys-lru maxmemory-samples 0");
    assert!(both.is_error());
    assert_eq!(server.info("maxmemory_policy"), "allkeys-lfu");
}

#[test]
fn extreme_settings_do_no_harm() {
    if !ServerKind::of_binary().is_nuthatch() {
        // So many samples end Redis.
        return;
    }
    let mut server = limited("allkeys-lfu");
    let mut client = server.raw();
    fill(&mut client, "key", 0..7_000, 1000, &[]);
    for (samples, factor, decay) in [(1, 0, 0), (64, 1, 1), (2147483647, 2147483647, 2147483647)] {
        client.check(
            &format!("CONFIG SET maxmemory-samples {samples} lfu-log-factor {factor} lfu-decay-time {decay}"),
            "+OK",
        );
        for _ in 0..300 {
            client.check("STRLEN key:6999", "int");
        }
        let policies = policies();
        for policy in policies.iter().chain(&["allkeys-lfu"]) {
            client.check(&format!("CONFIG SET maxmemory-policy {policy}"), "+OK");
            let tail: &[&str] = match policy.starts_with("volatile") {
                true => &["EX", "10000"],
                false => &[],
            };
            if tail.is_empty() {
                fill(&mut client, policy, 0..1_000, 1000, tail);
            }
        }
    }
    wait_within(&server, LIMIT);
    server.assert_alive();
}

#[test]
fn frequencies_are_shown_under_lfu_and_idle_times_otherwise() {
    let server = limited("allkeys-lfu");
    let mut client = server.raw();
    let not_timed = "-ERR An LFU maxmemory policy is selected, idle time not tracked. Please note that when switching \
         between policies at runtime LRU and LFU data will take some time to adjust.";
    let not_counted = "-ERR An LFU maxmemory policy is not selected, access frequency not tracked. Please note that \
         when switching between policies at runtime LRU and LFU data will take some time to adjust.";
    client.check("SET k v", "+OK");
    client.check("OBJECT FREQ k", ":5");
    client.check("GET k", "\"v\"");
    client.check("OBJECT FREQ k", ":6");
    client.check("OBJECT FREQ k", ":6");
    client.check("OBJECT IDLETIME k", not_timed);
    client.check("OBJECT FREQ nosuch", "$nil");
    client.check("OBJECT IDLETIME nosuch", "$nil");
    client.check("CONFIG SET lfu-log-factor 0", "+OK");
    for _ in 0..300 {
        client.check("GET k", "\"v\"");
    }
    client.check("OBJECT FREQ k", ":255");
    client.check("SET k w", "+OK");
    let after = client.run("OBJECT FREQ k").integer();
    assert!(
        after >= 254,
        "a key that is overwritten keeps its frequency: {after}"
    );
    client.check("CONFIG SET maxmemory-policy volatile-lfu", "+OK");
    client.check("OBJECT FREQ k", ":255");
    // A copy is a new key; one that is renamed or moved is not.
    client.check("COPY k copy", ":1");
    client.check("OBJECT FREQ copy", ":5");
    client.check("RENAME k other", "+OK");
    client.check("OBJECT FREQ other", ":255");
    client.check("MOVE other 1", ":1");
    client.check("SELECT 1", "+OK");
    client.check("OBJECT FREQ other", ":255");
    client.check("MOVE other 0", ":1");
    client.check("SELECT 0", "+OK");
    client.check("RENAME other k", "+OK");
    for policy in policies().into_iter().chain(["noeviction"]) {
        client.check(&format!("CONFIG SET maxmemory-policy {policy}"), "+OK");
        if !policy.ends_with("lfu") {
            client.check("OBJECT FREQ k", not_counted);
            // What was counted is no time, and no time is a count.
            if ServerKind::of_binary().is_nuthatch() {
                let idle_seconds = client.run("OBJECT IDLETIME k").integer();
                assert!((0..100).contains(&idle_seconds), "{policy}: {idle_seconds}");
                client.check("CONFIG SET maxmemory-policy allkeys-lfu", "+OK");
                let counter = client.run("OBJECT FREQ k").integer();
                // Unless it is what was counted before.
                assert!(matches!(counter, 5..=8 | 255), "{policy}: {counter}");
                client.check(&format!("CONFIG SET maxmemory-policy {policy}"), "+OK");
            }
        }
        client.check("OBJECT FREQ nosuch", "$nil");
    }
}

#[test]
fn transactions_evict_and_are_refused_as_a_whole() {
    let server = limited("allkeys-lru");
    let mut client = server.raw();
    fill(&mut client, "key", 0..15_000, 1000, &[]);
    let before = number(&server, "evicted_keys");
    client.check("MULTI", "+OK");
    let value = "x".repeat(20_000);
    for key in 0..100 {
        let reply = client.call(&["SET", &format!("big:{key}"), &value]);
        assert_eq!(reply.to_string(), "+QUEUED");
    }
    let reply = client.run("EXEC");
    assert_eq!(reply.items().len(), 100);
    assert!(reply.items().iter().all(|reply| reply.to_string() == "+OK"));
    client.check("SET k v", "+OK");
    wait_within(&server, LIMIT);
    assert!(number(&server, "evicted_keys") > before);

    // Over the limit only when it is to run, and nothing to evict.
    let mut other = server.raw();
    client.check("CONFIG SET maxmemory-policy volatile-lru", "+OK");
    client.check("CONFIG SET maxmemory 0", "+OK");
    client.check("MULTI", "+OK");
    client.check("SET k w", "+QUEUED");
    other.check("CONFIG SET maxmemory 5mb", "+OK");
    client.check(
        "EXEC",
        "-EXECABORT Transaction discarded because of: \
         OOM command not allowed when used memory > 'maxmemory'.",
    );
    client.check("GET k", "\"v\"");
    // One that deletes runs.
    other.check("CONFIG SET maxmemory 0", "+OK");
    client.check("MULTI", "+OK");
    client.check("DEL k", "+QUEUED");
    other.check("CONFIG SET maxmemory 5mb", "+OK");
    client.check("EXEC", "[:1]");
}

#[test]
fn a_pipeline_in_one_write_goes_far_beyond_the_limit() {
    let server = limited("allkeys-lru");
    let mut client = server.raw();
    let value = "x".repeat(40_000);
    let mut requests = Vec::new();
    for key in 0..1_000 {
        requests.extend(encode_command(&["SET", &format!("key:{key}"), &value]));
        requests.extend(encode_command(&["STRLEN", &format!("key:{key}")]));
    }
    client.send_bytes(requests);
    for key in 0..1_000 {
        client.expect_reply("+OK");
        let length = client.read().integer();
        assert!(length == 40_000 || length == 0, "key:{key}: {length}");
    }
    wait_within(&server, LIMIT);
    let keys = settle(&server, &[0], 1_000);
    assert!(keys > 150, "only {keys} keys of 40 kB are left of 10 MB");
}

#[test]
fn big_values_are_evicted_one_at_a_time() {
    for policy in ["allkeys-lru", "allkeys-lfu", "allkeys-random"] {
        let server = limited_to(policy, "20mb");
        let mut client = server.raw();
        for key in 0..60 {
            client.check(&format!("SET key:{key} \"x\"*1000000"), "+OK");
        }
        wait_within(&server, 20 * MIB);
        let keys = client.run("DBSIZE").integer();
        assert!(keys >= 15, "{policy}: {keys} of 20 are left");
        assert!(keys <= 20, "{policy}: {keys} of 20 are left");
    }
}

/// One command that adds `count` elements of 50 bytes.
fn push(client: &mut RawClient, key: &str, count: usize) {
    for some in 0..count / 1_000 {
        let elements = (0..1_000).map(|at| format!("{:050}", some * 1_000 + at));
        let words: Vec<String> = ["RPUSH".into(), key.into()]
            .into_iter()
            .chain(elements)
            .collect();
        let reply = client.call(&words);
        assert!(!reply.is_error(), "RPUSH {key}: {reply}");
    }
}

#[test]
fn big_collections_are_evicted_and_their_memory_comes_back() {
    let server = limited_to("allkeys-lru", "64mb");
    let mut client = server.raw();
    // Each takes about 5.5 MB: not all of them fit.
    for list in 0..30 {
        push(&mut client, &format!("list:{list}"), 100_000);
    }
    wait_within(&server, 64 * MIB);
    let lists = client.run("DBSIZE").integer();
    assert!((8..=13).contains(&lists), "{lists} lists are left");
    client.check("CONFIG SET maxmemory 16mb", "+OK");
    wait_within(&server, 16 * MIB);
    wait_until("memory is given back", || server.rss_bytes() < 45 * MIB);
    client.check("SET k v", "+OK");
    wait_until("lists are left", || client.run("DBSIZE").integer() >= 2);
}

#[test]
fn a_list_beyond_the_limit_goes_and_begins_anew() {
    for policy in ["allkeys-lru", "allkeys-lfu", "allkeys-random"] {
        let server = limited(policy);
        let mut client = server.raw();
        push(&mut client, "list", 500_000);
        wait_within(&server, LIMIT);
        assert!(number(&server, "evicted_keys") > 0, "{policy}");
        client.check("SET k v", "+OK");
    }
}

#[test]
fn what_is_deleted_makes_room_at_once_without_eviction() {
    let server = limited("noeviction");
    let mut client = server.raw();
    let element = "x".repeat(1000);
    for delete in [
        "DEL list",
        "FLUSHALL",
        "FLUSHDB",
        "RENAME other list",
        "LTRIM list 1 0",
    ] {
        client.check("SET other v", "+OK");
        let full = (0..20_000).any(|_| client.call(&["RPUSH", "list", &element]).is_error());
        assert!(full, "20 MB went into 10");
        assert!(!client.run(delete).is_error());
        let reply = client.run("SET k v").to_string();
        assert_eq!(reply, "+OK", "after {delete}");
        let _ = client.run("DEL list");
    }
}

#[test]
fn nothing_goes_while_clients_are_paused() {
    let server = limited("allkeys-lru");
    let mut client = server.raw();
    let mut writer = server.raw();
    fill(&mut client, "key", 0..8_000, 1000, &[]);
    client.check("CLIENT PAUSE 1000000 WRITE", "+OK");
    client.check("CONFIG SET maxmemory 5mb", "+OK");
    writer.send(&["SET", "k", "v"]);
    server.wait_for_blocked(1);
    // What is not held runs, and need not make room.
    client.check("MULTI", "+OK");
    client.check("GET key:1", "+QUEUED");
    client.check("EXEC", "[bulk]");
    client.check("DBSIZE", ":8000");
    assert_eq!(number(&server, "evicted_keys"), 0);
    client.check("CLIENT UNPAUSE", "+OK");
    writer.expect_reply("+OK");
    wait_within(&server, 5 * MIB);
    settle(&server, &[0], 8_001);
}

#[test]
fn all_databases_are_evicted_from() {
    for policy in policies() {
        // Redis evicts from the others when what is there is as old: not here.
        let is_even = ServerKind::of_binary().is_nuthatch() || policy == "allkeys-random";
        if policy.starts_with("volatile") || !is_even {
            continue;
        }
        let server = limited(policy);
        let mut client = server.raw();
        client.check("SELECT 1", "+OK");
        fill(&mut client, "key", 0..7_000, 1000, &[]);
        client.check("SELECT 9", "+OK");
        fill(&mut client, "key", 0..1_000, 1000, &[]);
        client.check("SELECT 0", "+OK");
        fill(&mut client, "key", 0..15_000, 1000, &[]);
        wait_within(&server, LIMIT);
        settle(&server, &[0, 1, 9], 23_000);
        let one = keys_in(&mut client, &[1]);
        assert!(one < 6_000, "{policy}: {one} keys of database 1 are left");
        assert!(keys_in(&mut client, &[9]) < 950, "{policy}");
    }
}

#[test]
fn keys_that_have_expired_go_before_those_that_live() {
    if !ServerKind::of_binary().is_nuthatch() {
        return;
    }
    for policy in [
        "allkeys-lru",
        "allkeys-s3fifo",
        "volatile-ttl",
        "noeviction",
    ] {
        let server = limited(policy);
        let mut client = server.raw();
        client.check("DEBUG SET-ACTIVE-EXPIRE 0", "+OK");
        fill(&mut client, "live", 0..2_000, 1000, &["EX", "10000"]);
        fill(&mut client, "short", 0..6_000, 1000, &["PX", "1"]);
        // Longer than it takes until a server that looks at times in steps sees that they have.
        client.check("SET clock v PX 100", "+OK");
        wait_until("they have expired", || {
            client.run("GET clock").to_string() == "$nil"
        });
        fill(&mut client, "key", 0..6_000, 1000, &[]);
        assert_eq!(number(&server, "evicted_keys"), 0, "{policy}");
        assert_eq!(present(&mut client, "live", 0..2_000).len(), 2_000);
        assert_eq!(present(&mut client, "key", 0..6_000).len(), 6_000);
        wait_within(&server, LIMIT);
    }
}

#[test]
fn evictions_are_events() {
    let server = limited("allkeys-lru");
    let mut client = server.raw();
    client.check("CONFIG SET notify-keyspace-events Ee", "+OK");
    let mut listener = server.raw();
    listener.check(
        "SUBSCRIBE __keyevent@0__:evicted __keyevent@0__:del __keyevent@0__:expired",
        "array",
    );
    listener.expect_reply("array");
    listener.expect_reply("array");
    fill(&mut client, "key", 0..12_000, 1000, &[]);
    wait_within(&server, LIMIT);
    let evicted = 12_000 - settle(&server, &[0], 12_000);
    assert!(evicted > 1_000, "{evicted} keys are evicted");
    let mut gone = Vec::new();
    for _ in 0..evicted {
        let message = listener.read();
        assert_eq!(message.items()[1].text(), "__keyevent@0__:evicted");
        let key = message.items()[2].text().strip_prefix("key:");
        gone.push(
            key.expect("a key of ours")
                .parse::<u64>()
                .expect("a number"),
        );
    }
    gone.sort_unstable();
    let left = present(&mut client, "key", 0..12_000);
    assert!(gone.iter().all(|key| left.binary_search(key).is_err()));
    gone.dedup();
    assert_eq!(gone.len() + left.len(), 12_000);
}

#[test]
fn a_watched_key_that_is_evicted_fails_the_transaction() {
    let server = limited("volatile-ttl");
    let mut client = server.raw();
    client.check("SET watched v EX 1000", "+OK");
    client.check("SET other v", "+OK");
    let mut unhurt = server.raw();
    unhurt.check("WATCH other", "+OK");
    client.check("WATCH watched", "+OK");
    let mut writer = server.raw();
    fill(&mut writer, "key", 0..15_000, 1000, &["EX", "90000"]);
    writer.check("EXISTS watched", ":0");
    client.check("MULTI", "+OK");
    client.check("SET other w", "+QUEUED");
    client.check("EXEC", "*nil");
    unhurt.check("MULTI", "+OK");
    unhurt.check("GET other", "+QUEUED");
    unhurt.check("EXEC", "[\"v\"]");
}

#[test]
fn who_waits_for_a_stream_that_is_evicted_hears_of_it() {
    let server = limited("volatile-ttl");
    let mut client = server.raw();
    client.check("XGROUP CREATE stream group $ MKSTREAM", "+OK");
    client.check("EXPIRE stream 1000", ":1");
    let command = "XREADGROUP GROUP group me BLOCK 0 STREAMS stream >";
    let mut evicted = server.block(command, 1);
    fill(&mut client, "key", 0..15_000, 1000, &["EX", "90000"]);
    client.check("EXISTS stream", ":0");
    let error = evicted.read();
    server.wait_for_blocked(0);

    client.check("XGROUP CREATE stream group $ MKSTREAM", "+OK");
    let mut waiting = server.block(command, 1);
    client.check("DEL stream", ":1");
    assert_eq!(waiting.read(), error);
    assert!(error.is_error(), "{error}");
}

#[test]
fn the_policy_may_change_while_many_write() {
    let mut server = limited("allkeys-lru");
    let done = AtomicBool::new(false);
    let rounds = long_or(40, 4);
    in_parallel(5, |writer| {
        let mut client = server.raw();
        if writer == 0 {
            for _ in 0..rounds {
                for policy in policies() {
                    // Those that may evict nothing would refuse writes.
                    if policy.starts_with("volatile") {
                        continue;
                    }
                    let evicted = number(&server, "evicted_keys");
                    client.check(&format!("CONFIG SET maxmemory-policy {policy}"), "+OK");
                    wait_until("it evicts", || {
                        number(&server, "evicted_keys") > evicted + 500
                    });
                }
            }
            // Relaxed: it stands for itself.
            done.store(true, Ordering::Relaxed);
        }
        let mut round = 0;
        while !done.load(Ordering::Relaxed) {
            let from = round % 50 * 1_000;
            fill(
                &mut client,
                &format!("key:{writer}"),
                from..from + 1_000,
                600,
                &["EX", "10000"],
            );
            round += 1;
        }
    });
    wait_within(&server, LIMIT);
    // All of them may go under the others, too.
    for policy in policies() {
        server
            .raw()
            .check(&format!("CONFIG SET maxmemory-policy {policy}"), "+OK");
        let evicted = number(&server, "evicted_keys");
        fill(&mut server.raw(), policy, 0..1_500, 1000, &["EX", "10000"]);
        assert!(
            number(&server, "evicted_keys") > evicted + 1_000,
            "{policy}"
        );
        wait_within(&server, LIMIT);
    }
    server.assert_alive();
}

#[test]
fn the_limit_may_be_lowered_while_many_write() {
    for policy in policies() {
        if policy.starts_with("volatile") {
            continue;
        }
        let mut server = limited_to(policy, "20mb");
        let done = AtomicBool::new(false);
        in_parallel(4, |writer| {
            let mut client = server.raw();
            if writer == 0 {
                wait_until("keys are evicted", || {
                    number(&server, "evicted_keys") > 1_000
                });
                client.check("CONFIG SET maxmemory 10mb", "+OK");
                wait_until("memory is below the new limit", || {
                    number(&server, "used_memory") <= LIMIT + LIMIT / 50
                });
                done.store(true, Ordering::Relaxed);
            }
            let mut from = 0;
            while !done.load(Ordering::Relaxed) {
                fill(
                    &mut client,
                    &format!("key:{writer}"),
                    from..from + 1_000,
                    1000,
                    &[],
                );
                from += 1_000;
            }
        });
        wait_within(&server, LIMIT);
        let keys = server.raw().run("DBSIZE").integer();
        assert!(keys > 5_000, "{policy}: only {keys} keys are left of 10 MB");
        server.assert_alive();
    }
}

#[test]
fn many_connections_write_at_the_limit() {
    let own: &[&str] = match ServerKind::of_binary().is_nuthatch() {
        true => &["allkeys-s3fifo", "allkeys-fifo"],
        false => &[],
    };
    for policy in ["allkeys-lru", "allkeys-lfu", "allkeys-random"]
        .iter()
        .chain(own)
    {
        let options = [
            ("threads", "2"),
            ("maxmemory", "10mb"),
            ("maxmemory-policy", policy),
        ];
        let mut server = TestServer::start_with(&options);
        let writers = AtomicBool::new(true);
        in_parallel(9, |writer| {
            if writer == 8 {
                let mut most = 0;
                while writers.load(Ordering::Relaxed) {
                    most = most.max(number(&server, "used_memory"));
                }
                // What is in flight: 200 values of each of eight writers.
                let bound = LIMIT + LIMIT / 100 + 8 * 200 * 600;
                assert!(most <= bound, "{policy}: {most} bytes were used");
                return;
            }
            let mut client = server.raw();
            fill(
                &mut client,
                &format!("key:{writer}"),
                0..long_or(100_000, 8_000),
                600,
                &[],
            );
            if writer == 0 {
                writers.store(false, Ordering::Relaxed);
            }
        });
        wait_within(&server, LIMIT);
        let keys = settle(&server, &[0], 8 * long_or(100_000, 8_000));
        assert!(keys > 8_000, "{policy}: only {keys} keys are left of 10 MB");
        server.assert_alive();
    }
}

#[test]
fn a_client_library_notices_nothing() {
    let server = limited("allkeys-lru");
    let mut client = server.client();
    let value = vec![b'x'; 2_000];
    for key in 0..3_000 {
        let _: () = client.set(format!("string:{key}"), &value).unwrap();
        let _: () = client.hset(format!("hash:{key}"), "field", &value).unwrap();
        let _: () = client.zadd(format!("zset:{key}"), &value, 1).unwrap();
    }
    let keys: u64 = query(&mut client, "DBSIZE");
    assert!(keys < 6_000, "{keys} are left");
    wait_within(&server, LIMIT);
    settle(&server, &[0], 9_000);
}
