//! Commands newer than Redis 7.2, with many clients at once.

use std::sync::atomic::{AtomicUsize, Ordering};

use harness::{TestServer, in_parallel, long_or};
use redis::{Commands, Value};

/// Whether the server under test has the command: another one than ours may be older.
fn has(server: &TestServer, command: &str) -> bool {
    let list: Vec<String> = redis::cmd("COMMAND")
        .arg("LIST")
        .query(&mut server.client())
        .unwrap();
    assert!(
        !server.kind().is_nuthatch() || list.iter().any(|name| name == command),
        "{command}"
    );
    list.iter().any(|name| name == command)
}

#[test]
fn compare_and_set_loops_lose_no_update() {
    let server = TestServer::start();
    if !has(&server, "delifeq") {
        return;
    }
    let (clients, each) = (6, long_or(2_000, 100));
    let _: () = server.client().set("n", 0).unwrap();
    in_parallel(clients, |_| {
        let mut client = server.client();
        let mut done = 0;
        while done < each {
            let old: usize = client.get("n").unwrap();
            let reply: Value = redis::cmd("SET")
                .arg("n")
                .arg(old + 1)
                .arg("IFEQ")
                .arg(old)
                .query(&mut client)
                .unwrap();
            done += usize::from(reply == Value::Okay);
        }
    });
    assert_eq!(
        server.client().get::<_, usize>("n").unwrap(),
        clients * each
    );
}

#[test]
fn a_lock_is_released_only_by_its_holder() {
    let server = TestServer::start();
    if !has(&server, "delifeq") {
        return;
    }
    let holders = AtomicUsize::new(0);
    in_parallel(6, |number| {
        let mut client = server.client();
        for _ in 0..long_or(1_000, 100) {
            while !client.set_nx::<_, _, bool>("lock", number).unwrap() {
                // Somebody else's lock is not ours to release.
                let released: usize = redis::cmd("DELIFEQ")
                    .arg("lock")
                    .arg(number)
                    .query(&mut client)
                    .unwrap();
                assert_eq!(released, 0);
            }
            assert_eq!(
                holders.fetch_add(1, Ordering::SeqCst),
                0,
                "two hold the lock"
            );
            holders.fetch_sub(1, Ordering::SeqCst);
            let released: usize = redis::cmd("DELIFEQ")
                .arg("lock")
                .arg(number)
                .query(&mut client)
                .unwrap();
            assert_eq!(released, 1);
        }
    });
}

#[test]
fn msetex_sets_all_keys_or_none() {
    let server = TestServer::start();
    if !has(&server, "msetex") {
        return;
    }
    let keys: Vec<String> = (0..16).map(|number| format!("key:{number}")).collect();
    let won = AtomicUsize::new(0);
    in_parallel(4, |number| {
        let mut client = server.client();
        let mut command = redis::cmd("MSETEX");
        command.arg(keys.len());
        for key in &keys {
            command.arg(key).arg(number);
        }
        let set: usize = command
            .arg("NX")
            .arg("EX")
            .arg(100)
            .query(&mut client)
            .unwrap();
        won.fetch_add(set, Ordering::SeqCst);
        let values: Vec<usize> = client.mget(&keys).unwrap();
        assert!(values.iter().all(|value| *value == values[0]), "{values:?}");
    });
    assert_eq!(won.into_inner(), 1);
}

#[test]
fn a_bounded_counter_never_leaves_its_bounds() {
    let server = TestServer::start();
    if !has(&server, "increx") {
        return;
    }
    let applied = AtomicUsize::new(0);
    in_parallel(6, |_| {
        let mut client = server.client();
        for _ in 0..200 {
            let (value, step): (usize, usize) = redis::cmd("INCREX")
                .arg(&["n", "BYINT", "3", "UBOUND", "1000", "EX", "100"])
                .query(&mut client)
                .unwrap();
            assert!(value <= 1000);
            applied.fetch_add(step, Ordering::SeqCst);
        }
    });
    assert_eq!(applied.into_inner(), 999);
    assert_eq!(server.client().get::<_, usize>("n").unwrap(), 999);
}

#[test]
fn the_digest_depends_on_the_bytes_only() {
    let server = TestServer::start();
    if !has(&server, "digest") {
        return;
    }
    let mut client = server.raw();
    // The same bytes as a number in place, as text, and grown by APPEND.
    client.check("SET number 12345", "+OK");
    client.check("SET grown 1234", "+OK");
    client.check("APPEND grown 5", ":5");
    let digest = client.run("DIGEST number").text().to_owned();
    assert_eq!(client.run("DIGEST grown").text(), digest);
    assert!(digest.len() == 16 && digest.bytes().all(|b| b.is_ascii_hexdigit()));
    for size in [8191, 8192, 65_537, 1 << 20] {
        client.call(&["SET", "a", &"x".repeat(size)]);
        client.call(&["SET", "b", &"x".repeat(size - 1)]);
        client.check("APPEND b x", "int");
        assert_eq!(
            client.run("DIGEST a"),
            client.run("DIGEST b"),
            "{size} bytes"
        );
    }
}
