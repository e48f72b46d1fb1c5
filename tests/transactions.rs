//! Transactions with many clients at once: all or nothing, and WATCH.

use harness::{Random, RawClient, TestServer, in_parallel, long_or, wait_until};
use redis::Commands;

/// What a transaction of one `PING` answers.
fn transaction(client: &mut RawClient) -> String {
    client.check("MULTI", "+OK");
    client.check("PING", "+QUEUED");
    client.run("EXEC").to_string()
}

/// Waits until keys that were given up to `milliseconds` before are past their end. Nobody touches them: another one with
/// such a time to live tells the time.
fn wait_past(client: &mut RawClient, milliseconds: u32) {
    client.check(&format!("SET clock v PX {milliseconds}"), "+OK");
    wait_until("the clock key is past its end", || {
        client.run("GET clock").to_string() == "$nil"
    });
}

#[test]
fn watch_loops_lose_no_update() {
    let server = TestServer::start();
    let (clients, each) = (6, long_or(2_000, 100));
    let _: () = server.client().set("n", 0).unwrap();
    in_parallel(clients, |_| {
        let mut client = server.client();
        for _ in 0..each {
            let _: () = redis::transaction(&mut client, &["n"], |client, pipe| {
                let old: usize = client.get("n")?;
                pipe.set("n", old + 1).ignore().query(client)
            })
            .unwrap();
        }
    });
    assert_eq!(
        server.client().get::<_, usize>("n").unwrap(),
        clients * each
    );
}

#[test]
fn a_transaction_over_several_shards_is_seen_whole_or_not_at_all() {
    let server = TestServer::start();
    let keys: Vec<String> = (0..12).map(|number| format!("key:{number}")).collect();
    let _: () = server
        .client()
        .mset(&keys.iter().map(|k| (k, 0)).collect::<Vec<_>>())
        .unwrap();
    in_parallel(5, |number| {
        let mut client = server.client();
        for _ in 0..long_or(5_000, 300) {
            let mut pipe = redis::pipe();
            pipe.atomic();
            if number < 2 {
                for key in &keys {
                    pipe.incr(key, 1).ignore();
                }
                let _: () = pipe.query(&mut client).unwrap();
            } else {
                for key in &keys {
                    pipe.get(key);
                }
                let values: Vec<usize> = pipe.query(&mut client).unwrap();
                assert!(values.iter().all(|value| *value == values[0]), "{values:?}");
            }
        }
    });
    let values: Vec<usize> = server.client().mget(&keys).unwrap();
    assert_eq!(values, vec![2 * long_or(5_000, 300); keys.len()]);
}

#[test]
fn transactions_over_databases_keep_the_sum() {
    let server = TestServer::start();
    let mut client = server.raw();
    for database in 0..4 {
        client.check(&format!("SELECT {database}"), "+OK");
        client.check("SET purse 1000", "+OK");
    }
    in_parallel(4, |number| {
        let mut random = Random::new(number as u64 + 1);
        let mut client = server.raw();
        for _ in 0..long_or(5_000, 300) {
            let amount = random.below(20);
            client.check("MULTI", "+OK");
            client.check(&format!("SELECT {}", random.below(4)), "+QUEUED");
            client.check(&format!("DECRBY purse {amount}"), "+QUEUED");
            client.check(&format!("SELECT {}", random.below(4)), "+QUEUED");
            client.check(&format!("INCRBY purse {amount}"), "+QUEUED");
            client.check("EXEC", "[+OK, int, +OK, int]");
        }
    });
    let mut total = 0;
    for database in 0..4 {
        client.check(&format!("SELECT {database}"), "+OK");
        total += client.run("GET purse").text().parse::<i64>().unwrap();
    }
    assert_eq!(total, 4000);
}

#[test]
fn whatever_changes_a_watched_key_fails_the_transaction() {
    let server = TestServer::start();
    let mut client = server.raw();
    let mut other = server.raw();
    // What is there before, the change, and whether it counts.
    let checks = [
        ("SET k v", "SET k w", true),
        ("SET k v", "APPEND k w", true),
        ("SET k v", "APPEND k \"\"", true),
        ("SET k v", "SETRANGE k 0 x", true),
        ("SET k v", "SETBIT k 0 1", true),
        ("SET k v", "DEL k", true),
        ("SET k v", "UNLINK k", true),
        ("SET k v", "GETDEL k", true),
        ("SET k v", "GETSET k w", true),
        ("SET k v", "EXPIRE k 100", true),
        ("SET k v", "EXPIRE k -1", true),
        ("SET k v EX 100", "PERSIST k", true),
        ("SET k v EX 100", "GETEX k PERSIST", true),
        ("SET k v", "RENAME k other", true),
        ("SET from v", "RENAME from k", true),
        ("SET from v", "COPY from k", true),
        ("SET k v", "MOVE k 1", true),
        ("SET k v", "FLUSHALL", true),
        ("SET k v", "FLUSHDB", true),
        ("SET k v", "SWAPDB 0 1", true),
        ("SET from v", "BITOP NOT k from", true),
        ("SET k v", "BITFIELD k SET u8 0 1", true),
        ("SET k 1", "INCR k", true),
        ("SET k 1", "INCRBYFLOAT k 0", true),
        ("SET k v", "MSET other 1 k 2", true),
        ("PING", "MSETNX other 1 k 2", true),
        ("SET k v", "GET k", false),
        ("SET k v", "GETEX k", false),
        ("SET k v", "TOUCH k", false),
        ("SET k v", "SETNX k w", false),
        ("SET k v", "MSETNX other 1 k 2", false),
        ("SET k v", "SET k w XX NX", false),
        ("SET k v", "SETRANGE k 0 \"\"", false),
        ("SET k v", "SETBIT k 0 0", false),
        ("SET k v", "PERSIST k", false),
        ("SET k v", "EXPIRE k 100 XX", false),
        ("SET k v", "RENAMENX other k", false),
        ("SET k v", "COPY missing k", false),
        ("SET k v", "BITFIELD k GET u8 0", false),
        ("SET k v", "INCR k", false),
        ("PING", "DEL k", false),
        ("PING", "FLUSHALL", false),
        ("PING", "SWAPDB 0 1", false),
        ("SET k v", "SWAPDB 1 2", false),
        ("SET k v", "SWAPDB 0 0", false),
    ];
    for (before, change, fails) in checks {
        other.check("FLUSHALL", "+OK");
        other.run(before);
        client.check("WATCH k", "+OK");
        other.run(change);
        let reply = transaction(&mut client);
        assert_eq!(
            reply,
            if fails { "*nil" } else { "[+PONG]" },
            "{before}, then {change}"
        );
    }
}

#[test]
fn a_watched_key_that_expires_fails_the_transaction() {
    let server = TestServer::start();
    let mut client = server.raw();
    let mut other = server.raw();
    for active in ["0", "1"] {
        other.check(&format!("DEBUG SET-ACTIVE-EXPIRE {active}"), "+OK");
        other.check("SET k v PX 200", "+OK");
        client.check("WATCH k", "+OK");
        wait_past(&mut other, 205);
        assert_eq!(transaction(&mut client), "*nil");
    }
}

#[test]
fn a_watched_key_that_is_missing_before_and_after_a_swap_has_not_changed() {
    let server = TestServer::start();
    let mut client = server.raw();
    let mut other = server.raw();
    other.check("DEBUG SET-ACTIVE-EXPIRE 0", "+OK");
    other.check("SET k v PX 1", "+OK");
    wait_past(&mut other, 5);
    client.check("SELECT 1", "+OK");
    for (change, reply) in [
        // The expired key is still in database 0.
        ("SWAPDB 0 1", "[+PONG]"),
        ("SWAPDB 1 0", "[+PONG]"),
        ("FLUSHALL", "[+PONG]"),
    ] {
        client.check("WATCH k", "+OK");
        other.check(change, "+OK");
        assert_eq!(transaction(&mut client), reply);
    }
    // Expired at the swap, but not when it was watched.
    client.check("SET k v PX 200", "+OK");
    client.check("WATCH k", "+OK");
    wait_past(&mut other, 205);
    other.check("SWAPDB 0 1", "+OK");
    assert_eq!(transaction(&mut client), "*nil");
}

#[test]
fn a_key_that_had_expired_before_watch_may_be_removed_after_it() {
    let server = TestServer::start();
    let mut client = server.raw();
    let mut other = server.raw();
    other.check("DEBUG SET-ACTIVE-EXPIRE 0", "+OK");
    other.check("SET k v PX 1", "+OK");
    wait_past(&mut other, 5);
    client.check("WATCH k", "+OK");
    // The lookup removes it, which changes nothing that anybody could have seen.
    other.check("GET k", "$nil");
    assert_eq!(transaction(&mut client), "[+PONG]");
}

#[test]
fn watching_many_keys_costs_nothing_afterwards() {
    let server = TestServer::start();
    let mut client = server.raw();
    let mut command = vec!["WATCH".to_owned()];
    command.extend((0..10_000).map(|number| format!("key:{number}")));
    assert_eq!(client.call(&command).text(), "OK");
    client.check("WATCH key:1 key:1", "+OK");
    server.raw().check("SET key:9999 v", "+OK");
    client.check("MULTI", "+OK");
    client.check("EXEC", "*nil");
    server.raw().check("SET key:1 v", "+OK");
    client.check("MULTI", "+OK");
    client.check("EXEC", "[]");
}

#[test]
fn a_long_transaction_runs_as_one() {
    let server = TestServer::start();
    let mut client = server.raw();
    let count = long_or(200_000, 20_000);
    client.check("MULTI", "+OK");
    for _ in 0..count {
        client.send(&["INCR", "n"]);
    }
    for _ in 0..count {
        client.expect_reply("+QUEUED");
    }
    let reply = client.run("EXEC");
    assert_eq!(reply.items().len(), count);
    assert_eq!(reply.items()[count - 1].integer(), count as i64);
}

#[test]
fn the_queue_shows_in_the_client_list() {
    let server = TestServer::start();
    let mut client = server.raw();
    let mut control = server.raw();
    let multi = |control: &mut harness::RawClient| {
        let list = control.run("CLIENT LIST").text().to_owned();
        list.contains(" multi=2 ") && list.contains(" flags=x ")
    };
    client.check("MULTI", "+OK");
    client.check("PING", "+QUEUED");
    assert!(!multi(&mut control));
    client.check("PING", "+QUEUED");
    assert!(multi(&mut control));
    client.check("EXEC", "[+PONG, +PONG]");
    assert!(!multi(&mut control));
}

#[test]
fn commands_that_make_no_sense_inside_are_refused() {
    let server = TestServer::start();
    let mut client = server.raw();
    for command in ["WATCH k", "MULTI", "SHUTDOWN"] {
        client.check("MULTI", "+OK");
        assert!(client.run(command).is_error(), "{command}");
        client.check("DISCARD", "+OK");
    }
    client.check("PING", "+PONG");
}

#[test]
fn reset_and_a_lost_connection_end_a_transaction() {
    let server = TestServer::start();
    let mut client = server.raw();
    client.check("MULTI", "+OK");
    client.check("SET k v", "+QUEUED");
    client.check("RESET", "+RESET");
    client.check("EXEC", "-ERR EXEC without MULTI");
    client.check("EXISTS k", ":0");
    client.check("MULTI", "+OK");
    client.check("SET k v", "+QUEUED");
    drop(client);
    server.raw().check("EXISTS k", ":0");
}
