//! What reaches a session and what does not: messages in every order of events, replies that were not wanted, requests
//! that had to wait.

mod harness;

use std::time::Duration;

use harness::{TestClient, TestServer, request};
use nuthatch_server::config::Permission;

const SUBSCRIBED: &str = "*3\r\n$9\r\nsubscribe\r\n$1\r\nc\r\n:1\r\n";

fn message(text: &str) -> String {
    format!(
        "*3\r\n$7\r\nmessage\r\n$1\r\nc\r\n${}\r\n{text}\r\n",
        text.len()
    )
}

fn all(requests: &[&[&str]]) -> Vec<u8> {
    requests.iter().flat_map(|args| request(args)).collect()
}

#[test]
fn a_publisher_that_had_to_wait_for_a_full_inbox_goes_on() {
    const MESSAGES: usize = 70;
    let server = TestServer::start_with(|config| {
        config.client_output_buffer_limit.pubsub = Default::default();
    });
    let (mut subscriber, mut publisher) = (server.client(), server.client());
    subscriber.call(&["SUBSCRIBE", "c"], SUBSCRIBED);
    let text = "x".repeat(1 << 20);
    publisher.call(&["MULTI"], "+OK\r\n");
    for _ in 0..MESSAGES {
        publisher.call(&["PUBLISH", "c", &text], "+QUEUED\r\n");
    }
    // The last one finds the subscriber's worker with more than it may have waiting.
    publisher.send(all(&[&["EXEC"], &["PUBLISH", "c", "last"]]));
    for _ in 0..MESSAGES {
        subscriber.expect(message(&text));
    }
    publisher.expect(format!(
        "*{MESSAGES}\r\n{}:1\r\n",
        ":1\r\n".repeat(MESSAGES)
    ));
    subscriber.expect(message("last"));
}

#[test]
fn a_reply_that_is_to_be_skipped_is_skipped_after_a_wait_too() {
    let server = TestServer::start();
    let (mut client, mut other) = (server.client(), server.client());
    client.send(all(&[&["PING"], &["CLIENT", "REPLY", "SKIP"]]));
    client.expect("+PONG\r\n");
    other.call(&["CLIENT", "PAUSE", "100000", "WRITE"], "+OK\r\n");
    client.send(all(&[&["SET", "k", "v"], &["GET", "k"]]));
    // The wait has begun when it can be seen.
    harness::wait_until("the client waits", || {
        other.send(request(&["CLIENT", "LIST"]));
        let mut piece = [0; 4096];
        let count = std::io::Read::read(&mut other.stream, &mut piece).unwrap();
        String::from_utf8_lossy(&piece[..count]).contains("flags=b")
    });
    other.call(&["CLIENT", "UNPAUSE"], "+OK\r\n");
    client.expect("$1\r\nv\r\n");
}

#[test]
fn the_reply_of_a_command_in_slices_is_skipped_and_no_other() {
    let server = TestServer::start();
    let mut client = server.client();
    client.call(&["SET", "k", "v"], "+OK\r\n");
    client.send(all(&[
        &["CLIENT", "REPLY", "SKIP"],
        &["KEYS", "*"],
        &["PING"],
    ]));
    client.expect("+PONG\r\n");
    client.send(all(&[
        &["CLIENT", "REPLY", "OFF"],
        &["KEYS", "*"],
        &["CLIENT", "REPLY", "ON"],
        &["KEYS", "*"],
    ]));
    client.expect("+OK\r\n*1\r\n$1\r\nk\r\n");
}

#[test]
fn messages_arrive_whatever_becomes_of_replies() {
    let server = TestServer::start();
    let (mut client, mut other) = (server.client(), server.client());
    let push = |text: &str| message(text).replacen('*', ">", 1);
    client.send(request(&["HELLO", "3"]));
    client.send(all(&[&["SUBSCRIBE", "c"], &["PING"]]));
    skip_to(&mut client, "+PONG\r\n");
    // The reply to PUBLISH is not wanted; what it publishes is.
    client.send(all(&[
        &["CLIENT", "REPLY", "SKIP"],
        &["PUBLISH", "c", "own"],
        &["PING"],
    ]));
    client.expect(format!("{}+PONG\r\n", push("own")));
    client.send(all(&[
        &["CLIENT", "REPLY", "OFF"],
        &["PUBLISH", "c", "silent"],
        &["SET", "k", "v"],
    ]));
    client.expect(push("silent"));
    other.call(&["PUBLISH", "c", "other"], ":1\r\n");
    client.expect(push("other"));
    // What a subscription says comes as a message does.
    client.send(request(&["SUBSCRIBE", "d"]));
    client.expect(">3\r\n$9\r\nsubscribe\r\n$1\r\nd\r\n:2\r\n");
}

#[test]
fn what_was_published_before_a_subscription_ends_still_arrives() {
    let server = TestServer::start_with(|config| {
        config.threads = 1;
        config.enable_debug_command = Permission::Yes;
    });
    let (mut subscriber, mut publisher) = (server.client(), server.client());
    let mut sleeper = server.client();
    for ends in [
        &["UNSUBSCRIBE"][..],
        &["UNSUBSCRIBE", "c"],
        &["RESET"],
        &["QUIT"],
    ] {
        subscriber.call(&["SUBSCRIBE", "c"], SUBSCRIBED);
        publisher.call(&["PING"], "+PONG\r\n");
        // Both requests wait when the worker comes back, the message's first.
        sleeper.send(request(&["DEBUG", "SLEEP", "0.2"]));
        std::thread::sleep(Duration::from_millis(50));
        publisher.send(request(&["PUBLISH", "c", "m"]));
        std::thread::sleep(Duration::from_millis(50));
        subscriber.send(request(ends));
        sleeper.expect("+OK\r\n");
        publisher.expect(":1\r\n");
        subscriber.expect(message("m"));
        match ends[0] {
            "UNSUBSCRIBE" => subscriber.expect("*3\r\n$11\r\nunsubscribe\r\n$1\r\nc\r\n:0\r\n"),
            "RESET" => subscriber.expect("+RESET\r\n"),
            _ => subscriber.expect("+OK\r\n"),
        }
    }
}

/// Reads until what has been read ends with `end`.
fn skip_to(client: &mut TestClient, end: &str) {
    let mut got = Vec::new();
    while !got.ends_with(end.as_bytes()) {
        let mut byte = [0];
        std::io::Read::read_exact(&mut client.stream, &mut byte).unwrap();
        got.push(byte[0]);
    }
}
