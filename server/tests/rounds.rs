//! Sessions that are ready together: their sockets are read before the first of them runs, and what the first ones do
//! must reach the later ones all the same.

mod harness;

use std::time::Duration;

use harness::{TestClient, TestServer, request};
use storage::{LockPlan, Unit, UnixMillis};

/// Long enough for the worker to come to the lock that it has to wait for. Should it take longer once, the test sees
/// less, and passes.
const A_WHILE: Duration = Duration::from_millis(100);

/// One worker, so that all sessions share it.
fn server() -> TestServer {
    TestServer::start_with(|config| config.threads = 1)
}

/// Keeps the worker busy while `send` makes sessions ready, in order.
fn together(server: &TestServer, send: impl FnOnce()) {
    let mut blocked = server.client();
    blocked.call(&["PING"], "+PONG\r\n");
    server.running().cut(|_| {
        blocked.send(request(&["GET", "none"]));
        std::thread::sleep(A_WHILE);
        send();
    });
    blocked.expect("$-1\r\n");
}

#[test]
fn a_session_killed_by_one_before_it_runs_nothing() {
    let server = server();
    let mut killer = server.client();
    killer.call(&["CLIENT", "ID"], ":1\r\n");
    let mut victim = server.client();
    victim.call(&["CLIENT", "ID"], ":2\r\n");
    together(&server, || {
        killer.send(request(&["CLIENT", "KILL", "ID", "2"]));
        victim.send(request(&["SET", "key", "value"]));
    });
    killer.expect(":1\r\n");
    victim.expect_end();
    killer.call(&["EXISTS", "key"], ":0\r\n");
}

#[test]
fn what_others_publish_to_a_session_comes_before_its_own_reply() {
    let server = server();
    let (mut subscriber, mut other) = (server.client(), server.client());
    for (client, channel) in [(&mut subscriber, "news"), (&mut other, "else")] {
        client.send(request(&["HELLO", "3"]));
        client.send(request(&["SUBSCRIBE", channel]));
        client.skip_to(&format!("$9\r\nsubscribe\r\n$4\r\n{channel}\r\n:1\r\n"));
    }
    let mut publisher = server.client();
    publisher.call(&["PING"], "+PONG\r\n");
    // A short message, and one behind which the subscriber's own request has to wait for its socket.
    for len in [2, 24_000_000] {
        let message = "x".repeat(len);
        publisher.call(&["MULTI"], "+OK\r\n");
        publisher.call(&["PUBLISH", "news", &message], "+QUEUED\r\n");
        together(&server, || {
            publisher.send(request(&["EXEC"]));
            // The first command of a subscriber hands the message out, to all.
            other.send(request(&["PING"]));
            subscriber.send(request(&["PING", "after"]));
        });
        subscriber.expect(format!(
            ">3\r\n$7\r\nmessage\r\n$4\r\nnews\r\n${len}\r\n{message}\r\n$5\r\nafter\r\n"
        ));
        publisher.expect("*1\r\n:1\r\n");
        other.expect("+PONG\r\n");
    }
}

#[test]
fn a_reply_goes_out_before_what_later_turns_publish_to_its_session() {
    let server = server();
    let (mut subscriber, mut publisher) = (server.client(), server.client());
    let long = "x".repeat(20_000);
    publisher.call(&["SET", "long", &long], "+OK\r\n");
    for client in [&mut subscriber, &mut publisher] {
        client.send(request(&["HELLO", "3"]));
        client.send(request(&["SUBSCRIBE", "news"]));
        client.skip_to("$9\r\nsubscribe\r\n$4\r\nnews\r\n:1\r\n");
    }
    let message = ">3\r\n$7\r\nmessage\r\n$4\r\nnews\r\n$2\r\nhi\r\n";
    let bulk = |text: &str| format!("${}\r\n{text}\r\n", text.len());
    for (asked, reply) in [("PING before", bulk("before")), ("GET long", bulk(&long))] {
        let asked: Vec<&str> = asked.split(' ').collect();
        together(&server, || {
            subscriber.send(request(&asked));
            // What a subscriber publishes is handed out at once, to all.
            publisher.send(request(&["PUBLISH", "news", "hi"]));
        });
        subscriber.expect(format!("{reply}{message}"));
        publisher.expect(format!(":2\r\n{message}"));
    }
}

#[test]
fn a_reply_does_not_wait_for_a_turn_that_may_take_long() {
    let server = server();
    let keyspace = server.running().keyspace();
    let shard = |name: &str| keyspace.key(name.as_bytes()).hash.shard;
    let (mut blocked, mut quick, mut slow) = (server.client(), server.client(), server.client());
    for client in [&mut blocked, &mut quick, &mut slow] {
        client.call(&["PING"], "+PONG\r\n");
    }
    let names = ["one", "two", "three"];
    let [first, second, third] = names.map(shard);
    assert!(first != second && second != third && third != first);
    let lock = |shard| Unit::begin(keyspace, LockPlan::Write(shard), UnixMillis(0));
    let (held_first, held_third) = (lock(first), lock(third));
    blocked.send(request(&["GET", "one"]));
    std::thread::sleep(A_WHILE);
    quick.send(request(&["SET", "two", "2"]));
    // Counts the bits of a string that may be long.
    slow.send(request(&["BITCOUNT", "three"]));
    drop(held_first);
    blocked.expect("$-1\r\n");
    quick.expect("+OK\r\n");
    drop(held_third);
    slow.expect(":0\r\n");
}

#[test]
fn a_session_that_quits_gets_no_message_behind_its_reply() {
    let server = server();
    let (mut subscriber, mut publisher) = (server.client(), server.client());
    for client in [&mut subscriber, &mut publisher] {
        client.send(request(&["HELLO", "3"]));
        client.send(request(&["SUBSCRIBE", "news"]));
        client.skip_to("$9\r\nsubscribe\r\n$4\r\nnews\r\n:1\r\n");
    }
    together(&server, || {
        subscriber.send(request(&["QUIT"]));
        publisher.send(request(&["PUBLISH", "news", "hi"]));
    });
    subscriber.expect("+OK\r\n");
    subscriber.expect_end();
}

#[test]
fn a_session_killed_by_one_behind_it_still_gets_its_reply() {
    let server = server();
    let mut victim = server.client();
    victim.call(&["CLIENT", "ID"], ":1\r\n");
    let mut killer = server.client();
    killer.call(&["CLIENT", "ID"], ":2\r\n");
    together(&server, || {
        victim.send(request(&["SET", "key", "value"]));
        killer.send(request(&["CLIENT", "KILL", "ID", "1"]));
    });
    killer.expect(":1\r\n");
    victim.expect("+OK\r\n");
    victim.expect_end();
    killer.call(&["GET", "key"], "$5\r\nvalue\r\n");
}

#[test]
fn many_sessions_with_pipelines_each_get_their_own_replies() {
    let server = server();
    let mut clients: Vec<TestClient> = (0..40).map(|_| server.client()).collect();
    for client in &mut clients {
        client.call(&["PING"], "+PONG\r\n");
    }
    let mut rests = Vec::new();
    together(&server, || {
        for (number, client) in clients.iter_mut().enumerate() {
            let mut input = Vec::new();
            for step in 0..50 {
                let (key, value) = (format!("key:{number}"), format!("{number}.{step}"));
                input.extend(request(&["APPEND", "all", "."]));
                input.extend(request(&["SET", &key, &value]));
                input.extend(request(&["GET", &key]));
            }
            // The last request comes in two parts.
            let rest = input.split_off(input.len() - 7);
            client.send(input);
            rests.push(rest);
        }
    });
    let mut appended = 0;
    for (client, rest) in clients.iter_mut().zip(&rests).rev() {
        client.send(rest);
    }
    for (number, client) in clients.iter_mut().enumerate() {
        for step in 0..50 {
            appended += 1;
            let value = format!("{number}.{step}");
            client.expect(format!(
                ":{appended}\r\n+OK\r\n${}\r\n{value}\r\n",
                value.len()
            ));
        }
    }
}

#[test]
fn a_session_that_leaves_with_requests_under_way_has_them_run() {
    let server = server();
    let (mut first, mut leaving) = (server.client(), server.client());
    first.call(&["PING"], "+PONG\r\n");
    leaving.call(&["PING"], "+PONG\r\n");
    together(&server, || {
        first.send(request(&["SET", "key", "1"]));
        leaving.send(request(&["INCR", "key"]));
        drop(leaving);
    });
    first.expect("+OK\r\n");
    first.call(&["GET", "key"], "$1\r\n2\r\n");
}
