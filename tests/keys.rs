//! Keys of any type: expiry, scanning, moving about, events.

use std::collections::HashSet;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use harness::{RawClient, TestServer, Value, in_parallel, long_or, wait_until};
use redis::Commands;

/// A server that removes expired keys only when somebody looks.
fn server_without_active_expiry() -> TestServer {
    let server = TestServer::start();
    server.raw().check("DEBUG SET-ACTIVE-EXPIRE 0", "+OK");
    server
}

/// Waits, by the server's own clock, until keys that got 1 ms are past it.
fn let_a_millisecond_pass(client: &mut RawClient) {
    client.check("SET probe v PX 1", "+OK");
    wait_until("a key of one millisecond is gone", || {
        client.run("GET probe").to_string() == "$nil"
    });
}

#[test]
fn expired_keys_leave_memory_without_being_looked_at() {
    let server = TestServer::start();
    let mut client = server.raw();
    for number in 0..1000 {
        client.call(&["SET", &format!("short:{number}"), "v", "PX", "20"]);
    }
    client.check("SET stays v PX 100000", "+OK");
    wait_until("they are removed", || client.run("DBSIZE").integer() == 1);
    assert!(server.info("expired_keys").parse::<usize>().unwrap() >= 1000);
}

#[test]
fn expired_keys_are_absent_for_every_command_even_before_they_are_removed() {
    let server = server_without_active_expiry();
    let mut client = server.raw();
    let checks = [
        ("GET gone", "$nil"),
        ("EXISTS gone", ":0"),
        ("TYPE gone", "+none"),
        ("TTL gone", ":-2"),
        ("PEXPIRETIME gone", ":-2"),
        ("STRLEN gone", ":0"),
        ("GETRANGE gone 0 -1", "\"\""),
        ("GETBIT gone 0", ":0"),
        ("BITCOUNT gone", ":0"),
        ("KEYS gone", "[]"),
        ("TOUCH gone", ":0"),
        ("PERSIST gone", ":0"),
        ("EXPIRE gone 100", ":0"),
        ("DEL gone", ":0"),
        ("UNLINK gone", ":0"),
        ("MGET gone", "[$nil]"),
        ("OBJECT ENCODING gone", "$nil"),
        ("RENAME gone other", "-ERR no such key"),
        ("COPY gone other", ":0"),
        ("MOVE gone 1", ":0"),
        ("GETDEL gone", "$nil"),
        ("GETEX gone PERSIST", "$nil"),
        ("GETSET gone new", "$nil"),
        ("SETNX gone new", ":1"),
        ("INCR gone", ":1"),
        ("APPEND gone new", ":3"),
        ("SET gone new XX", "$nil"),
        ("SET gone new NX", "+OK"),
        ("MSETNX gone new", ":1"),
        ("SETRANGE gone 1 x", ":2"),
        ("SETBIT gone 0 1", ":0"),
        ("SCAN 0 MATCH gone COUNT 1000", "[\"0\", []]"),
    ];
    for (command, expected) in checks {
        client.check("FLUSHALL", "+OK");
        client.check("SET gone old PX 1", "+OK");
        let_a_millisecond_pass(&mut client);
        client.check(command, expected);
        // Whatever made it anew did not inherit the old expire time.
        assert_ne!(client.run("GET gone").to_string(), "\"old\"", "{command}");
        if client.run("EXISTS gone").integer() == 1 {
            client.check("TTL gone", ":-1");
        }
    }
}

#[test]
fn an_expired_destination_counts_as_absent() {
    let server = server_without_active_expiry();
    let mut client = server.raw();
    for command in ["RENAMENX from to", "COPY from to"] {
        client.check("SET from v", "+OK");
        client.check("SET to old PX 1", "+OK");
        let_a_millisecond_pass(&mut client);
        client.check(command, ":1");
        client.check("TTL to", ":-1");
    }
    client.check("SET a v", "+OK");
    client.check("SELECT 1", "+OK");
    client.check("SET a old PX 1", "+OK");
    let_a_millisecond_pass(&mut client);
    client.check("SELECT 0", "+OK");
    client.check("MOVE a 1", ":1");
}

#[test]
fn randomkey_never_names_an_expired_key() {
    let server = server_without_active_expiry();
    let mut client = server.raw();
    for number in 0..200 {
        client.call(&["SET", &format!("short:{number}"), "v", "PX", "1"]);
    }
    client.check("SET stays v", "+OK");
    let_a_millisecond_pass(&mut client);
    for _ in 0..50 {
        client.check("RANDOMKEY", "\"stays\"");
    }
}

#[test]
fn randomkey_names_every_key_sooner_or_later() {
    let server = TestServer::start();
    let mut client = server.raw();
    (0..20).for_each(|n| client.check(&format!("SET key:{n} v"), "+OK"));
    let mut seen = HashSet::new();
    wait_until("every key was named", || {
        seen.insert(client.run("RANDOMKEY").text().to_owned());
        seen.len() == 20
    });
}

/// A whole iteration with these options.
fn scan_all(client: &mut RawClient, options: &[&str]) -> Vec<String> {
    let mut cursor = "0".to_owned();
    let mut found = Vec::new();
    loop {
        let reply = client.call(&[&["SCAN", &cursor], options].concat());
        let [next, keys] = reply.items() else {
            panic!("SCAN answers {reply}")
        };
        found.extend(keys.items().iter().map(|key| key.text().to_owned()));
        cursor = next.text().to_owned();
        if cursor == "0" {
            return found;
        }
    }
}

#[test]
fn scan_returns_each_key_of_a_resting_keyspace_once() {
    let server = TestServer::start();
    let mut client = server.raw();
    let total = long_or(100_000, 5_000);
    client.check(&format!("DEBUG POPULATE {total} key 1"), "+OK");
    for count in ["1", "10", "1000", "1000000"] {
        let mut found = scan_all(&mut client, &["COUNT", count]);
        assert_eq!(found.len(), total, "COUNT {count}");
        found.sort();
        found.dedup();
        assert_eq!(found.len(), total, "COUNT {count}: a key came twice");
    }
    let found = scan_all(&mut client, &["MATCH", "key:*7", "COUNT", "100"]);
    assert_eq!(found.len(), total / 10);
    client.check("SELECT 5", "+OK");
    assert!(scan_all(&mut client, &[]).is_empty());
}

#[test]
fn scan_misses_no_key_that_was_there_all_the_time() {
    let server = TestServer::start();
    let mut client = server.raw();
    let resting = long_or(20_000, 2_000);
    client.check(&format!("DEBUG POPULATE {resting} rest 1"), "+OK");
    let stop = AtomicBool::new(false);
    thread::scope(|scope| {
        scope.spawn(|| grow_and_shrink(&mut server.raw(), &stop));
        for _ in 0..long_or(50, 5) {
            let found = scan_all(&mut client, &["COUNT", "20"]);
            let found: HashSet<&String> = found.iter().filter(|k| k.starts_with("rest:")).collect();
            assert_eq!(found.len(), resting);
        }
        // Relaxed: it carries no data, and the end of the scope joins.
        stop.store(true, Ordering::Relaxed);
    });
}

/// Makes the tables grow and shrink until told to stop.
fn grow_and_shrink(client: &mut RawClient, stop: &AtomicBool) {
    let keys: Vec<String> = (0..5_000)
        .map(|number| format!("passing:{number}"))
        .collect();
    // Relaxed: see where it is set.
    while !stop.load(Ordering::Relaxed) {
        for some in keys.chunks(500) {
            let set: Vec<&str> = some.iter().flat_map(|key| [key.as_str(), "v"]).collect();
            client.call(&[&["MSET"], set.as_slice()].concat());
        }
        for some in keys.chunks(500) {
            let keys: Vec<&str> = some.iter().map(String::as_str).collect();
            client.call(&[&["DEL"], keys.as_slice()].concat());
        }
    }
}

#[test]
fn cursors_from_nowhere_do_no_harm() {
    let mut server = TestServer::start();
    let mut client = server.raw();
    client.check("DEBUG POPULATE 1000", "+OK");
    for cursor in [
        "1",
        "12345",
        "4294967295",
        "9007199254740993",
        "18446744073709551615",
    ] {
        let reply = client.call(&["SCAN", cursor]);
        assert_eq!(reply.items().len(), 2, "{reply}");
    }
    server.assert_alive();
}

#[test]
fn scan_works_through_a_client_library() {
    let server = TestServer::start();
    let mut client = server.client();
    for number in 0..100 {
        let _: () = client.set(format!("k:{number}"), number).unwrap();
    }
    let found: HashSet<String> = client
        .scan_match("k:*")
        .unwrap()
        .map(|key| key.unwrap())
        .collect();
    assert_eq!(found.len(), 100);
}

#[test]
fn renaming_back_and_forth_never_shows_two_or_none() {
    let server = TestServer::start();
    let _: () = server.client().set("left", "token").unwrap();
    in_parallel(4, |number| {
        let mut client = server.raw();
        for _ in 0..long_or(10_000, 500) {
            match number {
                0 => drop(client.run("RENAME left right")),
                1 => drop(client.run("RENAME right left")),
                _ => client.check("EXISTS left right", ":1"),
            }
        }
    });
}

#[test]
fn a_key_moved_between_databases_is_in_exactly_one() {
    let server = TestServer::start();
    let _: () = server.client().set("token", "v").unwrap();
    in_parallel(3, |number| {
        let mut client = server.raw();
        if number == 1 {
            client.check("SELECT 1", "+OK");
        }
        for _ in 0..long_or(10_000, 500) {
            match number {
                0 => drop(client.run("MOVE token 1")),
                1 => drop(client.run("MOVE token 0")),
                _ => {
                    client.check("MULTI", "+OK");
                    for command in ["SELECT 0", "EXISTS token", "SELECT 1", "EXISTS token"] {
                        client.check(command, "+QUEUED");
                    }
                    let reply = client.run("EXEC");
                    let found = reply.items()[1].integer() + reply.items()[3].integer();
                    assert_eq!(found, 1, "{reply}");
                }
            }
        }
    });
}

#[test]
fn value_and_expire_time_go_along_with_a_key() {
    let server = TestServer::start();
    let mut client = server.raw();
    let big = "x".repeat(100_000);
    for value in ["12", "text", big.as_str()] {
        client.check("FLUSHALL", "+OK");
        client.call(&["SET", "a", value, "PXAT", "33177117420123"]);
        let digest = client.run("DEBUG DIGEST-VALUE a");
        client.check("RENAME a b", "+OK");
        client.check("COPY b c", ":1");
        client.check("MOVE c 3", ":1");
        client.check("SELECT 3", "+OK");
        client.check("PEXPIRETIME c", ":33177117420123");
        assert_eq!(client.run("GET c").text(), value);
        assert_eq!(client.run("DEBUG DIGEST-VALUE c"), digest);
        client.check("SWAPDB 3 0", "+OK");
        client.check("SELECT 0", "+OK");
        client.check("PEXPIRETIME c", ":33177117420123");
        client.check("EXISTS b", ":0");
    }
}

#[test]
fn a_copy_is_a_value_of_its_own() {
    let server = TestServer::start();
    let mut client = server.raw();
    client.call(&["SET", "a", &"x".repeat(200_000)]);
    client.check("COPY a b", ":1");
    client.check("SETRANGE a 100 yyy", ":200000");
    client.check("APPEND b zzz", ":200003");
    client.check("GETRANGE b 99 103", "\"xxxxx\"");
    client.check("GETRANGE a 99 103", "\"xyyyx\"");
    client.check("STRLEN a", ":200000");
}

#[test]
fn idle_time_grows_and_a_touch_ends_it() {
    let server = TestServer::start();
    let mut client = server.raw();
    client.check("SET k v", "+OK");
    for touch in ["TOUCH k", "GET k"] {
        wait_until("it was idle for some seconds", || {
            client.run("OBJECT IDLETIME k").integer() >= 2
        });
        client.run(touch);
        client.check("OBJECT IDLETIME k", "int(0..1)");
    }
}

#[test]
fn there_are_as_many_databases_as_configured() {
    let server = TestServer::start_with(&[("databases", "3")]);
    let mut client = server.raw();
    client.check("SELECT 2", "+OK");
    client.check("SELECT 3", "-ERR DB index is out of range");
    client.check("SET k v", "+OK");
    client.check("MOVE k 3", "-ERR DB index is out of range");
    client.check("SWAPDB 0 3", "-ERR DB index is out of range");
    client.check("COPY k k DB 3", "-ERR DB index is out of range");
    client.check("CONFIG GET databases", "[\"databases\", \"3\"]");
    let info = client.run("INFO keyspace");
    assert_eq!(
        info.text(),
        "# Keyspace\r\ndb2:keys=1,expires=0,avg_ttl=0\r\n"
    );
}

/// The next event that `client`, subscribed by pattern, receives: its channel and message.
fn next_event(client: &mut RawClient) -> (String, String) {
    let reply = client.read();
    let [_, _, channel, message] = reply.items() else {
        panic!("an event is {reply}")
    };
    (channel.text().to_owned(), message.text().to_owned())
}

#[test]
fn every_change_has_its_keyspace_event() {
    let server = TestServer::start_with(&[("notify-keyspace-events", "KEA")]);
    let mut listener = server.raw();
    listener.check("PSUBSCRIBE __key*@*__:*", "array");
    let mut client = server.raw();
    let checks: &[(&str, &[(&str, &str)])] = &[
        ("SET k v", &[("set", "k")]),
        ("SET k v EX 100", &[("set", "k"), ("expire", "k")]),
        ("APPEND k w", &[("append", "k")]),
        ("SETRANGE k 0 x", &[("setrange", "k")]),
        ("SETBIT k 0 1", &[("setbit", "k")]),
        ("EXPIRE k 50", &[("expire", "k")]),
        ("PERSIST k", &[("persist", "k")]),
        ("GETEX k EX 100", &[("expire", "k")]),
        ("GETEX k PERSIST", &[("persist", "k")]),
        ("GETSET k v", &[("set", "k")]),
        ("INCR n", &[("incrby", "n")]),
        ("DECR n", &[("incrby", "n")]),
        ("INCRBYFLOAT n 1.5", &[("incrbyfloat", "n")]),
        ("MSET a 1 b 2", &[("set", "a"), ("set", "b")]),
        ("SETNX c 1", &[("set", "c")]),
        ("RENAME a d", &[("rename_from", "a"), ("rename_to", "d")]),
        ("COPY d e", &[("copy_to", "e")]),
        ("MOVE e 1", &[("move_from", "e"), ("move_to", "e")]),
        ("BITOP NOT f k", &[("set", "f")]),
        ("BITFIELD f SET u8 0 1", &[("setbit", "f")]),
        ("GETDEL f", &[("del", "f")]),
        ("DEL b missing", &[("del", "b")]),
        ("UNLINK c", &[("del", "c")]),
        ("EXPIRE d -1", &[("del", "d")]),
        ("SETEX s 100 v", &[("set", "s"), ("expire", "s")]),
    ];
    for (command, events) in checks {
        client.run(command);
        for (event, key) in *events {
            let database = if *event == "move_to" { 1 } else { 0 };
            let by_key = (
                format!("__keyspace@{database}__:{key}"),
                (*event).to_owned(),
            );
            let by_event = (
                format!("__keyevent@{database}__:{event}"),
                (*key).to_owned(),
            );
            assert_eq!(next_event(&mut listener), by_key, "{command}");
            assert_eq!(next_event(&mut listener), by_event, "{command}");
        }
    }
    // What changes nothing says nothing: the next event is that of the last command.
    for silent in [
        "GET k",
        "SETNX k v",
        "DEL missing",
        "PERSIST missing",
        "EXPIRE missing 10",
    ] {
        client.run(silent);
    }
    client.check("SET last v", "+OK");
    assert_eq!(next_event(&mut listener).0, "__keyspace@0__:last");
}

#[test]
fn missed_and_new_keys_have_events_when_asked_for() {
    let server = TestServer::start_with(&[("notify-keyspace-events", "EAnm")]);
    let mut listener = server.raw();
    listener.check("PSUBSCRIBE __keyevent@*", "array");
    let mut client = server.raw();
    let checks: &[(&str, &[(&str, &str)])] = &[
        ("GET no", &[("keymiss", "no")]),
        ("MGET no no2", &[("keymiss", "no"), ("keymiss", "no2")]),
        ("EXISTS no", &[("keymiss", "no")]),
        ("TTL no", &[("keymiss", "no")]),
        ("TYPE no", &[("keymiss", "no")]),
        ("GETDEL no", &[("keymiss", "no")]),
        ("COPY no x", &[("keymiss", "no")]),
        ("SET k v", &[("new", "k"), ("set", "k")]),
        ("SET k v", &[("set", "k")]),
        (
            "SET g v GET",
            &[("keymiss", "g"), ("new", "g"), ("set", "g")],
        ),
        ("APPEND a v", &[("new", "a"), ("append", "a")]),
        ("APPEND a v", &[("append", "a")]),
        ("INCR n", &[("new", "n"), ("incrby", "n")]),
        ("INCR n", &[("incrby", "n")]),
        ("SETBIT b 1 1", &[("new", "b"), ("setbit", "b")]),
        (
            "MSET m1 1 k 2 m2 3",
            &[
                ("new", "m1"),
                ("set", "m1"),
                ("set", "k"),
                ("new", "m2"),
                ("set", "m2"),
            ],
        ),
        // What these overwrite is another key of the same name.
        (
            "RENAME m1 k",
            &[("new", "k"), ("rename_from", "m1"), ("rename_to", "k")],
        ),
        ("COPY k m2 REPLACE", &[("new", "m2"), ("copy_to", "m2")]),
        (
            "MOVE m2 1",
            &[("new", "m2"), ("move_from", "m2"), ("move_to", "m2")],
        ),
    ];
    for (command, events) in checks {
        client.run(command);
        for (event, key) in *events {
            let (channel, message) = next_event(&mut listener);
            let name = channel.split_once("__:").map_or("", |(_, name)| name);
            assert_eq!((name, message.as_str()), (*event, *key), "{command}");
        }
    }
    // Looked up in order to be changed, or only inspected: no read, so nothing is missed.
    for silent in [
        "DEL no",
        "EXPIRE no 10",
        "PERSIST no",
        "OBJECT ENCODING no",
        "MOVE no 1",
        "SETRANGE no 0 \"\"",
    ] {
        client.run(silent);
    }
    client.check("PUBLISH __keyevent@end x", ":1");
    assert_eq!(next_event(&mut listener).0, "__keyevent@end");
}

#[test]
fn expired_events_come_for_keys_that_nobody_looks_at() {
    let server = TestServer::start_with(&[("notify-keyspace-events", "Ex")]);
    let mut listener = server.raw();
    listener.check("SUBSCRIBE __keyevent@0__:expired", "array");
    let mut client = server.raw();
    let count = 1000;
    for number in 0..count {
        client.call(&["SET", &format!("short:{number}"), "v", "PX", "30"]);
    }
    let mut seen = HashSet::new();
    for _ in 0..count {
        let event = listener.read();
        assert!(
            seen.insert(event.items()[2].text().to_owned()),
            "{event} came twice"
        );
    }
    assert!(seen.iter().all(|key| key.starts_with("short:")));
}

#[test]
fn only_the_configured_events_are_sent() {
    let server = TestServer::start();
    let mut listener = server.raw();
    listener.check("PSUBSCRIBE *", "array");
    let mut client = server.raw();
    let mut check = |flags: &str, shown: &str, channels: &[&str]| {
        client.check(
            &format!("CONFIG SET notify-keyspace-events \"{flags}\""),
            "+OK",
        );
        let reply = client.run("CONFIG GET notify-keyspace-events");
        assert_eq!(reply.field("notify-keyspace-events").text(), shown);
        client.check("SET k v", "+OK");
        client.check("DEL k", ":1");
        client.check("PUBLISH end x", ":1");
        for channel in channels {
            assert_eq!(next_event(&mut listener).0, *channel, "with {flags}");
        }
        assert_eq!(next_event(&mut listener).0, "end", "with {flags}");
    };
    check("", "", &[]);
    check(
        "KEA",
        "AKE",
        &[
            "__keyspace@0__:k",
            "__keyevent@0__:set",
            "__keyspace@0__:k",
            "__keyevent@0__:del",
        ],
    );
    check("E$", "$E", &["__keyevent@0__:set"]);
    check("Kg", "gK", &["__keyspace@0__:k"]);
    check("Klsh", "lshK", &[]);
    client.check(
        "CONFIG SET notify-keyspace-events Q",
        "-~\"ERR CONFIG SET failed (possibly related to argument 'notify-keyspace-events') - Invalid event class character*\"",
    );
}

#[test]
fn keys_may_be_empty_long_and_of_any_bytes() {
    let server = TestServer::start();
    let mut client = server.raw();
    let long = vec![b'k'; 1 << 20];
    for key in [
        &b""[..],
        b"\x00",
        b"{",
        b"}{",
        b"{}",
        b"{a}{b}",
        b"a b\r\n\"'",
        &long,
    ] {
        assert_eq!(client.call(&[b"SET", key, b"v"]).text(), "OK");
        assert_eq!(client.call(&[b"GET", key]).text(), "v");
        assert_eq!(
            client.call(&[b"KEYS".as_slice(), b"*"]).items(),
            [Value::Bulk(key.to_vec())]
        );
        assert_eq!(client.call(&[b"RANDOMKEY"]).bytes(), key);
        assert_eq!(client.call(&[b"DEL", key]).integer(), 1);
    }
}

#[test]
fn glob_patterns_match_as_in_redis() {
    let server = TestServer::start();
    let mut client = server.raw();
    let checks = [
        ("h?llo", "hello", true),
        ("h?llo", "hllo", false),
        ("h*llo", "hllo", true),
        ("h*llo", "heeeello", true),
        ("h[ae]llo", "hallo", true),
        ("h[ae]llo", "hillo", false),
        ("h[^e]llo", "hallo", true),
        ("h[^e]llo", "hello", false),
        ("h[a-b]llo", "hbllo", true),
        ("h[b-a]llo", "hallo", true),
        ("h[a-]llo", "h-llo", false),
        ("h\\*llo", "h*llo", true),
        ("h\\*llo", "hxllo", false),
        ("[\\]]", "]", true),
        ("[a", "a", true),
        ("a\\", "a\\", true),
        ("***a***", "bab", true),
        ("", "a", false),
        ("*", "", true),
        ("a*b*c*d", "axxbxxcxxd", true),
        ("a*b*c*d", "axxbxxcxx", false),
        ("H*", "hello", false),
    ];
    for (pattern, key, matches) in checks {
        client.check("FLUSHALL", "+OK");
        client.call(&["SET", key, "v"]);
        let found = client.call(&["KEYS", pattern]).items().len() == 1;
        assert_eq!(found, matches, "KEYS {pattern} against {key}");
        let found = client.call(&["SCAN", "0", "MATCH", pattern, "COUNT", "1000"]);
        assert_eq!(
            found.items()[1].items().len() == 1,
            matches,
            "SCAN {pattern} against {key}"
        );
    }
}

#[test]
fn a_pattern_made_to_be_slow_is_not() {
    let mut server = TestServer::start();
    let mut client = server.raw();
    client.call(&["SET", &"a".repeat(10_000), "v"]);
    let pattern = "a*".repeat(60) + "b";
    assert_eq!(client.call(&["KEYS", &pattern]).items().len(), 0);
    server.assert_alive();
}

#[test]
fn keys_lists_everything_while_others_write() {
    let server = TestServer::start();
    let mut client = server.raw();
    client.check("DEBUG POPULATE 2000 rest 1", "+OK");
    let stop = AtomicBool::new(false);
    thread::scope(|scope| {
        scope.spawn(|| grow_and_shrink(&mut server.raw(), &stop));
        for _ in 0..long_or(100, 10) {
            let found = client.run("KEYS rest:*");
            let found: HashSet<&str> = found.items().iter().map(Value::text).collect();
            assert_eq!(found.len(), 2000);
        }
        // Relaxed: it carries no data, and the end of the scope joins.
        stop.store(true, Ordering::Relaxed);
    });
}
