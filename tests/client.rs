//! CLIENT across workers: what one client sees of another and does to it, whichever worker serves it.
//!
//! The harness starts servers with four workers, and connections spread evenly over them, so eight
//! connections are two on each.

use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use harness::{RawClient, TestServer, Value, encode_command, wait_until};

/// Two connections per worker.
const CLIENTS: usize = 8;

/// The ids of the clients that CLIENT LIST shows.
fn ids(control: &mut RawClient) -> Vec<i64> {
    let list = control.run("CLIENT LIST");
    let id = |line: &str| {
        let id = line.split(' ').find_map(|field| field.strip_prefix("id="));
        id.and_then(|id| id.parse().ok())
            .expect("a line begins with its id")
    };
    list.text().lines().map(id).collect()
}

/// How many clients wait.
fn blocked(control: &mut RawClient) -> usize {
    let list = control.run("CLIENT LIST");
    let flags = list
        .text()
        .split(' ')
        .filter_map(|field| field.strip_prefix("flags="));
    flags.filter(|flags| flags.contains('b')).count()
}

#[test]
fn the_list_shows_what_a_reply_has_told() {
    let server = TestServer::start();
    let mut control = server.raw();
    for round in 0..100 {
        let mut client = server.raw();
        let id = client.run("CLIENT ID").integer();
        client.check(&format!("CLIENT SETNAME round-{round}"), "+OK");
        client.check("SELECT 3", "+OK");
        client.check("SUBSCRIBE a b", "array");
        client.expect_reply("array");
        let line = control.run(&format!("CLIENT LIST ID {id}"));
        let expected = [
            format!(" name=round-{round} "),
            " db=3 ".to_owned(),
            " flags=P ".to_owned(),
            " sub=2 ".to_owned(),
            " cmd=subscribe ".to_owned(),
        ];
        for field in expected {
            assert!(line.text().contains(&field), "{field}in {}", line.text());
        }
    }
}

#[test]
fn the_killed_are_gone_from_the_list_at_once() {
    let server = TestServer::start();
    let mut control = server.raw();
    let own = control.run("CLIENT ID").integer();
    for _ in 0..20 {
        let mut victims: Vec<RawClient> = (0..CLIENTS).map(|_| server.raw()).collect();
        victims
            .iter_mut()
            .for_each(|victim| victim.check("PING", "+PONG"));
        assert_eq!(ids(&mut control).len(), CLIENTS + 1);
        control.check("CLIENT KILL TYPE normal", &format!(":{CLIENTS}"));
        assert_eq!(ids(&mut control), [own]);
        control.check("CLIENT KILL TYPE normal", ":0");
        victims.iter_mut().for_each(RawClient::expect_close);
    }
}

#[test]
fn the_killed_end_whatever_they_are_doing() {
    let server = TestServer::start();
    let mut control = server.raw();
    let mut victims: Vec<RawClient> = (0..CLIENTS).map(|_| server.raw()).collect();
    for (number, victim) in victims.iter_mut().enumerate() {
        match number % 4 {
            0 => victim.check("MULTI", "+OK"),
            1 => victim.check("WATCH k", "+OK"),
            // Half a request.
            2 => victim.send_bytes("*2\r\n$3\r\nGET\r\n$5\r\nab"),
            _ => victim.check("MONITOR", "+OK"),
        }
    }
    wait_until("all are there", || ids(&mut control).len() == CLIENTS + 1);
    control.check("CLIENT KILL TYPE normal", &format!(":{CLIENTS}"));
    for victim in &mut victims {
        // Those that monitor have seen a command or two.
        victim.read_to_close();
    }
    wait_until("nobody watches any more", || {
        control
            .run("INFO clients")
            .text()
            .contains("connected_clients:1\r\n")
    });
}

#[test]
fn who_kills_itself_hears_so_and_does_nothing_more() {
    let server = TestServer::start();
    let mut client = server.raw();
    let id = client.run("CLIENT ID").integer().to_string();
    let requests: [&[&str]; 3] = [
        &["SET", "k", "before"],
        &["CLIENT", "KILL", "ID", &id, "SKIPME", "no"],
        &["SET", "k", "after"],
    ];
    client.send_bytes(requests.map(encode_command).concat());
    client.expect("+OK\r\n:1\r\n");
    client.expect_close();
    server.raw().check("GET k", "\"before\"");

    // The same inside a transaction: what was queued behind it still runs, as part of the unit.
    let mut client = server.raw();
    let address = client.stream().local_addr().unwrap().to_string();
    client.check("MULTI", "+OK");
    client.check(&format!("CLIENT KILL {address}"), "+QUEUED");
    client.check("SET k queued", "+QUEUED");
    client.send(&["EXEC"]);
    client.read_to_close();
    server.raw().check("GET k", "\"queued\"");
}

/// Runs its function when it goes, in a panic too: threads of a scope that do not end would hang the test.
struct AtEnd<F: FnMut()>(F);

impl<F: FnMut()> Drop for AtEnd<F> {
    fn drop(&mut self) {
        (self.0)();
    }
}

#[test]
fn no_write_runs_once_the_pause_is_answered() {
    let server = TestServer::start();
    let mut control = server.raw();
    let done = AtomicBool::new(false);
    thread::scope(|scope| {
        for number in 0..CLIENTS {
            let (server, done) = (&server, &done);
            scope.spawn(move || {
                let mut client = server.raw();
                let key = format!("counter-{number}");
                // Relaxed: nothing but the end of the loop depends on it.
                while !done.load(Ordering::Relaxed) {
                    // One key of its own and one of all, so that some units hold several shards.
                    client.check(&format!("INCR {key}"), "int");
                    client.check("MULTI", "+OK");
                    client.check(&format!("INCR {key}"), "+QUEUED");
                    client.check("INCR all", "+QUEUED");
                    client.check("EXEC", "[int, int]");
                }
            });
        }
        let _end = AtEnd(|| done.store(true, Ordering::Relaxed));
        let counters: Vec<String> = (0..CLIENTS).map(|n| format!("counter-{n}")).collect();
        let question = format!("MGET all {}", counters.join(" "));
        for _ in 0..20 {
            control.check("CLIENT PAUSE 1000000 WRITE", "+OK");
            let first = control.run(&question);
            wait_until("all are held", || blocked(&mut control) == CLIENTS);
            assert_eq!(control.run(&question), first, "a write ran in the pause");
            control.check("CLIENT UNPAUSE", "+OK");
            wait_until("they go on", || control.run(&question) != first);
        }
    });
    let own: i64 = (0..CLIENTS)
        .map(|number| control.run(&format!("GET counter-{number}")))
        .map(|counter| counter.text().parse::<i64>().unwrap())
        .sum();
    let all: i64 = control.run("GET all").text().parse().unwrap();
    assert_eq!(own, 2 * all);
}

#[test]
fn of_two_pauses_the_later_end_counts() {
    let server = TestServer::start();
    let mut control = server.raw();
    // A clock: it is past when the second pause would be over.
    control.check("SET clock v PX 300", "+OK");
    control.check("CLIENT PAUSE 1000000 WRITE", "+OK");
    control.check("CLIENT PAUSE 1 WRITE", "+OK");
    control.check("CLIENT PAUSE 0 WRITE", "+OK");
    let mut writer = server.raw();
    writer.send(&["SET", "k", "v"]);
    wait_until("the second pause is over", || {
        control.run("GET clock") == Value::NullBulk
    });
    wait_until("the writer is held", || blocked(&mut control) == 1);
    control.check("EXISTS k", ":0");
    control.check("CLIENT UNPAUSE", "+OK");
    writer.expect_reply("+OK");
}

#[test]
fn a_pause_of_nothing_holds_nobody() {
    let server = TestServer::start();
    let mut control = server.raw();
    for mode in ["", "WRITE", "ALL"] {
        control.check(&format!("CLIENT PAUSE 0 {mode}"), "+OK");
        control.check("SET k v", "+OK");
    }
    assert_eq!(blocked(&mut control), 0);
}

#[test]
fn a_pause_that_is_queued_begins_when_the_transaction_has_run() {
    let server = TestServer::start();
    let mut control = server.raw();
    control.check("MULTI", "+OK");
    control.check("CLIENT PAUSE 1000000 WRITE", "+QUEUED");
    control.check("SET k v", "+QUEUED");
    control.check("EXEC", "[+OK, +OK]");
    let mut writer = server.raw();
    writer.send(&["SET", "k", "w"]);
    wait_until("the writer is held", || blocked(&mut control) == 1);
    control.check("GET k", "\"v\"");
    control.check("CLIENT UNBLOCK 1 TIMEOUT", ":0");
    control.check("CLIENT UNPAUSE", "+OK");
    writer.expect_reply("+OK");
}

#[test]
fn who_leaves_in_a_pause_writes_nothing() {
    let server = TestServer::start();
    let mut control = server.raw();
    control.check("SET k old", "+OK");
    control.check("CLIENT PAUSE 1000000 WRITE", "+OK");
    let mut leaving: Vec<RawClient> = (0..CLIENTS).map(|_| server.raw()).collect();
    for client in &mut leaving {
        client.send_bytes("SET k new\r\n");
    }
    wait_until("all are held", || blocked(&mut control) == CLIENTS);
    // More arrives while they are held.
    for client in &mut leaving {
        client.send_bytes("SET k newer\r\nPING\r\n");
    }
    drop(leaving);
    wait_until("all are gone", || ids(&mut control).len() == 1);
    control.check("CLIENT UNPAUSE", "+OK");
    control.check("SET other v", "+OK");
    control.check("GET k", "\"old\"");
}

#[test]
fn what_arrives_in_a_pause_is_done_after_it_in_order() {
    let server = TestServer::start();
    let mut control = server.raw();
    control.check("CLIENT PAUSE 1000000 WRITE", "+OK");
    let mut client = server.raw();
    client.send_bytes("APPEND k a\r\n");
    wait_until("it is held", || blocked(&mut control) == 1);
    // In pieces, and more than is read while it is held.
    let long = "x".repeat(100_000);
    client.send_bytes("APPEND k b\r\nAPP");
    client.send_bytes("END k c\r\n");
    client.send_bytes(encode_command(&["APPEND", "k", &long]));
    client.send_bytes("APPEND k d\r\n");
    control.check("CLIENT UNPAUSE", "+OK");
    client.expect(":1\r\n:2\r\n:3\r\n:100003\r\n:100004\r\n");
    control.check("GETRANGE k 0 3", "\"abcx\"");
}

#[test]
fn hello_in_a_transaction_changes_the_dialect_of_the_rest() {
    let server = TestServer::start();
    let mut client = server.raw();
    client.check("MULTI", "+OK");
    client.check("GET missing", "+QUEUED");
    client.check("HELLO 3", "+QUEUED");
    client.check("GET missing", "+QUEUED");
    client.check("EXEC", "[$nil, map, _]");
    client.check("GET missing", "_");
}

#[test]
fn a_reset_client_hears_nothing_more() {
    let server = TestServer::start();
    let mut control = server.raw();
    let mut clients: Vec<RawClient> = (0..CLIENTS).map(|_| server.raw()).collect();
    for client in &mut clients {
        client.check("HELLO 3", "map");
        client.check("SUBSCRIBE ch", "push");
        client.check("PSUBSCRIBE c*", "push");
        client.check("SSUBSCRIBE ch", "push");
        client.check("MONITOR", "+OK");
    }
    control.check("PUBLISH ch one", &format!(":{}", 2 * CLIENTS));
    for client in &mut clients {
        client.send(&["RESET"]);
        while client.read() != Value::Simple("RESET".into()) {}
        client.check("GET missing", "$nil");
    }
    control.check("PUBLISH ch two", ":0");
    control.check("SPUBLISH ch two", ":0");
    control.check("PUBSUB NUMPAT", ":0");
    for client in &mut clients {
        client.check("ECHO hi", "\"hi\"");
    }
}
