//! Connections that die in the middle of everything. The server goes on, and what must hold holds.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;

use harness::{
    Random, RawClient, TestServer, encode_command, long_or, raise_open_file_limit, wait_until,
};

#[test]
fn requests_that_break_off_anywhere_change_nothing_or_all() {
    let mut server = TestServer::start();
    // Both keys get the same value in one transaction, of which any part may be missing.
    let transaction = |value: &str| {
        let mut bytes = encode_command(&["MULTI"]);
        bytes.extend(encode_command(&["SET", "left", value]));
        bytes.extend(encode_command(&["SET", "right", value]));
        bytes.extend(encode_command(&["EXEC"]));
        bytes
    };
    let length = transaction("0000").len();
    for cut in 0..=length {
        let value = format!("{cut:04}");
        let mut client = server.raw();
        client.send_bytes(&transaction(&value)[..cut]);
        client.finish();
        client.read_to_close();
        let mut observer = server.raw();
        let reply = observer.call(&["MGET", "left", "right"]);
        let pair = reply.items();
        assert_eq!(pair[0], pair[1], "cut at {cut}");
    }
    assert_eq!(
        server.raw().call(&["GET", "left"]).text(),
        format!("{length:04}")
    );
    server.assert_alive();
}

#[test]
fn connections_die_under_load_and_no_transfer_is_lost() {
    const ACCOUNTS: u64 = 16;
    const STARTED_WITH: i64 = 1000;
    let mut server = TestServer::start();
    let mut control = server.raw();
    for account in 0..ACCOUNTS {
        control.call(&[
            "SET",
            &format!("account:{account}"),
            &STARTED_WITH.to_string(),
        ]);
    }
    thread::scope(|scope| {
        for worker in 0..8 {
            let server = &server;
            scope.spawn(move || transfer_and_die(server, worker, ACCOUNTS));
        }
        for _ in 0..long_or(2000, 100) {
            assert_eq!(
                total(&mut control, ACCOUNTS),
                ACCOUNTS as i64 * STARTED_WITH
            );
        }
    });
    // What they sent last may still be running, or wait to be accepted; it makes no difference.
    assert_eq!(
        total(&mut control, ACCOUNTS),
        ACCOUNTS as i64 * STARTED_WITH
    );
    server.assert_alive();
}

/// What is in all accounts at one moment: one command, so that no transfer comes between.
fn total(client: &mut RawClient, accounts: u64) -> i64 {
    let names = (0..accounts).map(|account| format!("account:{account}"));
    let request: Vec<String> = std::iter::once("MGET".to_owned()).chain(names).collect();
    let reply = client.call(&request);
    let values = reply.items().iter();
    values
        .map(|value| value.text().parse::<i64>().expect("a number"))
        .sum()
}

/// Moves money between accounts, and drops the connection at any moment.
fn transfer_and_die(server: &TestServer, seed: u64, accounts: u64) {
    let mut random = Random::new(seed + 1);
    for _ in 0..long_or(2000, 150) {
        let mut client = server.raw();
        for _ in 0..random.below(5) {
            let (from, to) = (random.below(accounts), random.below(accounts));
            let (from, to) = (format!("account:{from}"), format!("account:{to}"));
            let amount = random.below(10).to_string();
            let mut bytes = encode_command(&["WATCH", &from]);
            bytes.extend(encode_command(&["MULTI"]));
            bytes.extend(encode_command(&["DECRBY", &from, &amount]));
            bytes.extend(encode_command(&["INCRBY", &to, &amount]));
            bytes.extend(encode_command(&["EXEC"]));
            let cut = random.below(bytes.len() as u64 * 2) as usize;
            client.send_bytes(&bytes[..cut.min(bytes.len())]);
            if cut < bytes.len() {
                break;
            }
        }
        // Dropped with replies unread, which resets the connection.
    }
}

#[test]
fn subscribers_that_die_are_forgotten() {
    let mut server = TestServer::start();
    let mut publisher = server.raw();
    for _ in 0..long_or(200, 20) {
        let subscribers: Vec<RawClient> = (0..20)
            .map(|number| {
                let mut client = server.raw();
                client.send(&["SUBSCRIBE", "ch", &format!("own:{number}")]);
                client.send(&["PSUBSCRIBE", "c*"]);
                client.send(&["SSUBSCRIBE", "shard"]);
                client
            })
            .collect();
        publisher.send(&["PUBLISH", "ch", "x"]);
        drop(subscribers);
        publisher.read();
    }
    wait_until("no subscription is left", || {
        publisher.run("PUBSUB CHANNELS").items().is_empty()
            && publisher.run("PUBSUB SHARDCHANNELS").items().is_empty()
            && publisher.run("PUBSUB NUMPAT").integer() == 0
    });
    publisher.check("PUBLISH ch x", ":0");
    publisher.check("SPUBLISH shard x", ":0");
    server.assert_alive();
}

#[test]
fn monitors_and_watchers_that_die_are_forgotten() {
    let mut server = TestServer::start();
    for _ in 0..long_or(200, 30) {
        let mut monitor = server.raw();
        monitor.check("MONITOR", "+OK");
        let mut watcher = server.raw();
        watcher.check("WATCH a b c", "+OK");
        server.raw().check("SET a 1", "+OK");
    }
    let mut control = server.raw();
    wait_until("they are gone", || {
        control
            .run("INFO clients")
            .text()
            .contains("connected_clients:1\r\n")
    });
    control.check("SET a 2", "+OK");
    server.assert_alive();
}

#[test]
fn killing_clients_while_they_work_harms_nobody_else() {
    let mut server = TestServer::start();
    let stop = AtomicBool::new(false);
    let done = AtomicU64::new(0);
    thread::scope(|scope| {
        for worker in 0..6 {
            let (server, stop, done) = (&server, &stop, &done);
            scope.spawn(move || increment_until(server, worker, stop, done));
        }
        let mut killer = server.raw();
        for _ in 0..long_or(2000, 200) {
            killer.check("CLIENT KILL TYPE normal SKIPME yes", "int");
            killer.check("PING", "+PONG");
        }
        // Relaxed: it carries no data, and the end of the scope joins.
        stop.store(true, Ordering::Relaxed);
    });
    // Every acknowledged increment counts; a few may have counted without an answer.
    let counted = server.raw().call(&["GET", "n"]);
    let counted: u64 = counted.text().parse().expect("a number");
    assert!(counted >= done.load(Ordering::Relaxed));
    server.assert_alive();
}

fn increment_until(server: &TestServer, worker: u64, stop: &AtomicBool, done: &AtomicU64) {
    let mut random = Random::new(worker + 77);
    // Relaxed: see where it is set.
    while !stop.load(Ordering::Relaxed) {
        let mut client = server.raw();
        let depth = 1 + random.below(50);
        let alive = (0..depth).all(|_| client.try_send_bytes(encode_command(&["INCR", "n"])));
        for _ in 0..depth {
            match client.try_read() {
                // Relaxed: a counter.
                Ok(_) => done.fetch_add(1, Ordering::Relaxed),
                Err(_) => break,
            };
        }
        if alive {
            // One more read decides whether it was killed or had nothing left to say.
            client.finish();
        }
    }
}

#[test]
fn a_storm_of_connections_passes() {
    raise_open_file_limit().expect("the limit can be raised");
    let mut server = TestServer::start();
    thread::scope(|scope| {
        for worker in 0..4 {
            let server = &server;
            scope.spawn(move || {
                let mut random = Random::new(worker + 5);
                for _ in 0..long_or(5000, 300) {
                    let mut client = server.raw();
                    match random.below(4) {
                        0 => {}
                        1 => client.send_bytes("PING"),
                        2 => client.send_bytes("PING\r\nPING\r\n"),
                        _ => client.check("PING", "+PONG"),
                    }
                }
            });
        }
    });
    let mut control = server.raw();
    wait_until("all are gone", || {
        control
            .run("INFO clients")
            .text()
            .contains("connected_clients:1\r\n")
    });
    server.assert_alive();
}

#[test]
fn flushing_and_swapping_under_load_keeps_the_counts_right() {
    let mut server = TestServer::start();
    let stop = AtomicBool::new(false);
    thread::scope(|scope| {
        for worker in 0..4 {
            let (server, stop) = (&server, &stop);
            scope.spawn(move || {
                let mut random = Random::new(worker + 11);
                let mut client = server.raw();
                // Relaxed: see where it is set.
                while !stop.load(Ordering::Relaxed) {
                    let key = format!("k:{}", random.below(100));
                    match random.below(6) {
                        0 => client.call(&["DEL", &key]),
                        1 => client.call(&["SELECT", &random.below(4).to_string()]),
                        2 => client.call(&["RENAME", &key, &format!("k:{}", random.below(100))]),
                        3 => client.call(&["MOVE", &key, &random.below(4).to_string()]),
                        4 => client.call(&["SET", &key, "v", "PX", "1"]),
                        _ => client.call(&["SET", &key, "v"]),
                    };
                }
            });
        }
        let mut control = server.raw();
        for _ in 0..long_or(2000, 200) {
            control.check("SWAPDB 0 1", "+OK");
            control.check("FLUSHDB", "+OK");
            control.check("SWAPDB 1 2", "+OK");
        }
        // Relaxed: it carries no data, and the end of the scope joins.
        stop.store(true, Ordering::Relaxed);
    });
    let mut client = server.raw();
    for database in 0..4 {
        client.check(&format!("SELECT {database}"), "+OK");
        // Keys that have expired are counted until they are removed; KEYS never shows them.
        wait_until("expired keys are removed", || {
            client.run("DBSIZE").integer() == client.run("KEYS *").items().len() as i64
        });
    }
    client.check("FLUSHALL", "+OK");
    client.check("DBSIZE", ":0");
    server.assert_alive();
}
