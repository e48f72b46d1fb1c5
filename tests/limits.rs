//! What the server refuses rather than grow: clients, buffers, memory, idle time.

use std::io::Read;

use harness::{RawClient, TestServer, encode_command, wait_until};

#[test]
fn clients_beyond_maxclients_are_told_and_closed() {
    let server = TestServer::start_with(&[("maxclients", "5")]);
    let mut clients: Vec<RawClient> = (0..5).map(|_| server.raw()).collect();
    clients
        .iter_mut()
        .for_each(|client| client.check("PING", "+PONG"));
    for _ in 0..20 {
        let mut refused = server.raw();
        refused.expect("-ERR max number of clients reached\r\n");
        refused.expect_close();
    }
    let info = clients[0].run("INFO stats").text().to_owned();
    assert!(info.contains("rejected_connections:20\r\n"), "{info}");
    // A place that becomes free can be taken.
    clients.pop();
    wait_until("the place is free", || {
        clients[0]
            .run("INFO clients")
            .text()
            .contains("connected_clients:4\r\n")
    });
    server.raw().check("PING", "+PONG");
    // The limit can be raised while the server runs.
    clients[0].check("CONFIG SET maxclients 50", "+OK");
    let mut more: Vec<RawClient> = (0..20).map(|_| server.raw()).collect();
    more.iter_mut()
        .for_each(|client| client.check("PING", "+PONG"));
}

#[test]
fn idle_clients_are_closed_after_the_timeout_but_subscribers_are_not() {
    let server = TestServer::start_with(&[("timeout", "1")]);
    let mut subscriber = server.raw();
    subscriber.check("SUBSCRIBE ch", "array");
    let mut idle = server.raw();
    idle.check("PING", "+PONG");
    idle.expect_close();
    server.raw().check("PUBLISH ch still-here", ":1");
    subscriber.expect_reply("[\"message\", \"ch\", \"still-here\"]");
}

#[test]
fn a_timeout_of_zero_set_later_keeps_clients() {
    let server = TestServer::start_with(&[("timeout", "1")]);
    let mut client = server.raw();
    client.check("CONFIG SET timeout 0", "+OK");
    let mut other = server.raw();
    other.check("PING", "+PONG");
    // The clock of the server passes the old timeout.
    let seconds = |client: &mut RawClient| -> i64 {
        client.run("TIME").items()[0]
            .text()
            .parse()
            .expect("TIME answers seconds")
    };
    let start = seconds(&mut client);
    wait_until("more than the old timeout passed", || {
        seconds(&mut client) > start + 2
    });
    other.check("PING", "+PONG");
}

#[test]
fn memory_at_the_limit_refuses_writes_and_allows_reads_and_deletes() {
    let server = TestServer::start();
    let mut client = server.raw();
    client.call(&["SET", "kept", &"x".repeat(1000)]);
    client.check("MSET a 1 b 2", "+OK");
    client.check("CONFIG SET maxmemory 1", "+OK");
    let oom = "-OOM command not allowed when used memory > 'maxmemory'.";
    for write in [
        "SET k v",
        "SETEX k 10 v",
        "APPEND a v",
        "INCR a",
        "INCRBYFLOAT a 1",
        "MSET k v",
        "SETRANGE a 0 v",
        "SETBIT a 0 1",
        "BITFIELD a SET u8 0 1",
        "BITOP NOT k a",
        "GETSET a v",
        "COPY a k",
        "SETNX k v",
        "MSETNX k v",
        "PSETEX k 10 v",
        "DECR a",
    ] {
        client.check(write, oom);
    }
    client.check("GET a", "\"1\"");
    client.check("EXISTS k", ":0");
    client.check("EXPIRE a 100", ":1");
    client.check("RENAME a c", "+OK");
    client.check("GETEX c PERSIST", "\"1\"");
    client.check("GETDEL c", "\"1\"");
    client.check("DEL b", ":1");
    client.check("PUBLISH ch x", ":0");
    client.check("CONFIG SET maxmemory 0", "+OK");
    client.check("SET k v", "+OK");
}

#[test]
fn memory_at_the_limit_dooms_transactions_that_would_grow() {
    let server = TestServer::start();
    let mut client = server.raw();
    let oom = "-OOM command not allowed when used memory > 'maxmemory'.";
    client.check("SET a 1", "+OK");
    let mut other = server.raw();

    // Over the limit when it is queued.
    other.check("CONFIG SET maxmemory 1", "+OK");
    client.check("MULTI", "+OK");
    client.check("SET k v", oom);
    client.check(
        "EXEC",
        "-EXECABORT Transaction discarded because of previous errors.",
    );

    // Over the limit only when it is to run.
    other.check("CONFIG SET maxmemory 0", "+OK");
    client.check("MULTI", "+OK");
    client.check("SET k v", "+QUEUED");
    other.check("CONFIG SET maxmemory 1", "+OK");
    client.check(
        "EXEC",
        "-EXECABORT Transaction discarded because of: \
         OOM command not allowed when used memory > 'maxmemory'.",
    );
    client.check("EXISTS k", ":0");

    // A queue takes memory as well, so nothing else can be queued, either.
    client.check("MULTI", "+OK");
    client.check("GET a", oom);
    client.check("DISCARD", "+OK");

    // One that only reads and deletes runs, if it was queued before.
    other.check("CONFIG SET maxmemory 0", "+OK");
    client.check("MULTI", "+OK");
    client.check("GET a", "+QUEUED");
    client.check("DEL a", "+QUEUED");
    other.check("CONFIG SET maxmemory 1", "+OK");
    client.check("EXEC", "[\"1\", :1]");
}

#[test]
fn filling_up_ends_with_oom_near_the_limit_and_deleting_makes_room() {
    let limit = 20 << 20;
    let server = TestServer::start_with(&[("maxmemory", "20mb")]);
    let mut client = server.raw();
    let value = "x".repeat(1000);
    let mut stored = 0;
    let refused = (0..40_000).any(|number| {
        let reply = client.call(&["SET", &format!("key:{number}"), &value]);
        stored += usize::from(!reply.is_error());
        reply.is_error()
    });
    assert!(refused, "40 MB went into 20");
    assert!(
        stored * 1000 > limit / 2,
        "only {stored} values of 1000 bytes fit"
    );
    let used: usize = server.info("used_memory").parse().expect("a number");
    assert!(used < limit + limit / 10, "used_memory is {used}");
    for number in 0..stored {
        client.call(&["DEL", &format!("key:{number}")]);
    }
    client.check("SET k v", "+OK");
}

#[test]
fn a_client_that_never_reads_is_cut_off_at_the_output_limit() {
    let mut server = TestServer::start();
    let mut control = server.raw();
    control.call(&["SET", "big", &"x".repeat(1 << 20)]);
    control.check(
        "CONFIG SET client-output-buffer-limit \"normal 8mb 0 0\"",
        "+OK",
    );
    let mut greedy = server.raw();
    // It asks for 200 MB, and reads nothing.
    for _ in 0..200 {
        if !greedy.try_send_bytes("GET big\r\n") {
            break;
        }
    }
    wait_until("it is cut off, or held back", || {
        let clients = control
            .run("INFO clients")
            .text()
            .contains("connected_clients:1\r\n");
        clients || server.kind().is_nuthatch() && is_held_back(&mut control)
    });
    let rss = server.rss_bytes();
    assert!(rss < 150 << 20, "{rss} bytes resident");
    server.assert_alive();
}

/// Whether some client's output is waiting while it is no longer read from: the server may slow
/// a client down before it has to cut it off.
fn is_held_back(control: &mut RawClient) -> bool {
    let list = control.run("CLIENT LIST").text().to_owned();
    let waiting = |line: &str| {
        line.split(' ')
            .any(|field| field.starts_with("omem=") && field != "omem=0")
    };
    list.lines().any(waiting)
}

#[test]
fn a_subscriber_that_never_reads_is_cut_off_and_others_are_served() {
    let server = TestServer::start_with(&[("client-output-buffer-limit", "pubsub 1mb 0 0")]);
    let mut lazy = server.raw();
    lazy.check("SUBSCRIBE ch", "array");
    let mut good = server.raw();
    good.check("SUBSCRIBE ch", "array");
    let mut publisher = server.raw();
    let message = "m".repeat(64 * 1024);
    let mut lost = false;
    for _ in 0..1000 {
        let receivers = publisher.call(&["PUBLISH", "ch", &message]).integer();
        assert_eq!(good.read().items()[2].bytes(), message.as_bytes());
        if receivers == 1 {
            lost = true;
            break;
        }
    }
    assert!(lost, "64 MB wait for a client that may have 1 MB");
    drop(lazy);
}

#[test]
fn a_query_beyond_the_buffer_limit_ends_the_connection() {
    let mut server = TestServer::start_with(&[("client-query-buffer-limit", "1mb")]);
    let mut client = server.raw();
    client.send_bytes("*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$4000000\r\n");
    let chunk = vec![b'x'; 64 * 1024];
    for _ in 0..60 {
        if !client.try_send_bytes(&chunk) {
            break;
        }
    }
    client.read_to_close();
    server.raw().check("EXISTS k", ":0");
    server.assert_alive();
}

#[test]
fn strings_may_not_grow_beyond_proto_max_bulk_len() {
    let server = TestServer::start_with(&[("proto-max-bulk-len", "2mb")]);
    let mut client = server.raw();
    client.call(&["SET", "k", &"x".repeat(2 << 20)]);
    let error = "-ERR string exceeds maximum allowed size (proto-max-bulk-len)";
    client.check("APPEND k x", error);
    client.check("SETRANGE k 2097152 x", error);
    client.check("STRLEN k", ":2097152");
    let mut other = server.raw();
    other.send_bytes("*2\r\n$4\r\nECHO\r\n$2097153\r\n");
    other.expect("-ERR Protocol error: invalid bulk length\r\n");
    other.expect_close();
    client.check("CONFIG SET proto-max-bulk-len 3mb", "+OK");
    client.check("APPEND k x", ":2097153");
}

#[test]
fn big_numbers_of_bits_are_refused_before_they_are_stored() {
    let server = TestServer::start_with(&[("proto-max-bulk-len", "1mb")]);
    let mut client = server.raw();
    let error = "-ERR bit offset is not an integer or out of range";
    client.check("SETBIT k 8388608 1", error);
    client.check("SETBIT k 8388607 0", ":0");
    client.check("STRLEN k", ":1048576");
    client.check("BITFIELD k SET u8 8388608 1", error);
}

#[test]
fn a_slow_reader_does_not_slow_others() {
    let server = TestServer::start();
    let mut control = server.raw();
    control.call(&["SET", "big", &"x".repeat(4 << 20)]);
    let mut slow = server.raw();
    for _ in 0..8 {
        slow.send_bytes(encode_command(&["GET", "big"]));
    }
    // Many more than there are workers, so that some share one with the slow reader.
    for _ in 0..32 {
        server.raw().check("PING", "+PONG");
    }
    let mut received = 0;
    let mut chunk = vec![0; 1 << 20];
    let expected = 8 * ((4 << 20) + "$4194304\r\n\r\n".len());
    while received < expected {
        received += slow.stream().read(&mut chunk).expect("the rest arrives");
    }
    assert_eq!(received, expected);
}
