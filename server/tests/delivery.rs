//! What reaches a session and what does not: messages in every order of events, replies that were not wanted, requests
//! that had to wait.

mod harness;

use std::time::Duration;

use harness::{TestClient, TestServer, request, wait_until};
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

#[test]
fn a_monitor_that_does_not_read_misses_lines() {
    const LINES: usize = 100;
    let server = TestServer::start();
    let (mut monitor, mut client) = (server.client(), server.client());
    monitor.call(&["MONITOR"], "+OK\r\n");
    let text = "x".repeat(1 << 20);
    for _ in 0..LINES {
        client.send(request(&["ECHO", &text]));
        client.expect(format!("${}\r\n{text}\r\n", text.len()));
    }
    client.call(&["SET", "end", "v"], "+OK\r\n");
    // What it was to get is bounded, and it goes on once it reads.
    let mut read_bytes = 0;
    let mut piece = vec![0; 1 << 20];
    monitor
        .stream
        .set_read_timeout(Some(Duration::from_millis(500)))
        .unwrap();
    while let Ok(count) = std::io::Read::read(&mut monitor.stream, &mut piece) {
        read_bytes += count;
    }
    assert!(read_bytes < (LINES / 2) << 20, "{read_bytes} bytes");
    client.call(&["PING"], "+PONG\r\n");
    skip_to(&mut monitor, "\"PING\"\r\n");
}

#[test]
fn a_hundred_thousand_watched_keys_cost_no_quadratic_time() {
    let server = TestServer::start();
    let (mut client, mut other) = (server.client(), server.client());
    let keys: Vec<String> = (0..100_000).map(|at| format!("key:{at}")).collect();
    let mut watch = vec!["WATCH"];
    watch.extend(keys.iter().map(String::as_str));
    let begun = std::time::Instant::now();
    client.call(&watch, "+OK\r\n");
    assert!(
        begun.elapsed() < Duration::from_secs(10),
        "{:?}",
        begun.elapsed()
    );
    other.call(&["SET", "key:99999", "v"], "+OK\r\n");
    client.send(all(&[&["MULTI"], &["PING"], &["EXEC"]]));
    client.expect("+OK\r\n+QUEUED\r\n*-1\r\n");
}

#[test]
fn what_is_kept_for_a_client_is_bounded_whatever_it_is() {
    let server = TestServer::start_with(|config| {
        config.client_query_buffer_limit_bytes = 1024 * 1024;
    });
    for command in ["WATCH", "SUBSCRIBE", "PSUBSCRIBE", "SSUBSCRIBE"] {
        let mut client = server.client();
        let mut sent = 0;
        harness::wait_until(command, || {
            let name = format!("{command}{sent}{}", "x".repeat(10_000));
            sent += 1;
            let mut piece = [0; 32 * 1024];
            std::io::Write::write_all(&mut client.stream, &request(&[command, &name])).is_err()
                || !matches!(std::io::Read::read(&mut client.stream, &mut piece), Ok(1..))
        });
        assert!((10..200).contains(&sent), "{command}: {sent}");
    }
    server.client().call(&["PUBSUB", "NUMPAT"], ":0\r\n");
}

#[test]
fn a_watched_key_that_expires_during_a_pause_spoils_the_transaction() {
    let server = TestServer::start();
    let (mut client, mut other) = (server.client(), server.client());
    other.call(&["SET", "k", "v", "PX", "100"], "+OK\r\n");
    other.call(&["CLIENT", "PAUSE", "100000", "WRITE"], "+OK\r\n");
    client.call(&["WATCH", "k"], "+OK\r\n");
    client.call(&["GET", "k"], "$1\r\nv\r\n");
    std::thread::sleep(Duration::from_millis(120));
    client.send(all(&[&["MULTI"], &["GET", "k"], &["EXEC"]]));
    client.expect("+OK\r\n+QUEUED\r\n*-1\r\n");
    // One that has expired before it is watched is absent, and stays so.
    client.send(all(&[
        &["WATCH", "k"],
        &["MULTI"],
        &["GET", "k"],
        &["EXEC"],
    ]));
    client.expect("+OK\r\n+OK\r\n+QUEUED\r\n*1\r\n$-1\r\n");
}

#[test]
fn populate_announces_the_expired_keys_that_it_replaces() {
    let server = TestServer::start_with(|config| {
        config.enable_debug_command = Permission::Yes;
        config.notify_keyspace_events =
            nuthatch_server::config::KeyspaceEvents::parse("Kx").unwrap();
    });
    let (mut client, mut listener) = (server.client(), server.client());
    client.call(&["DEBUG", "SET-ACTIVE-EXPIRE", "0"], "+OK\r\n");
    client.call(&["SET", "key:1", "v", "PX", "1"], "+OK\r\n");
    std::thread::sleep(Duration::from_millis(5));
    let channel = "__keyspace@0__:key:1";
    listener.call(
        &["SUBSCRIBE", channel],
        "*3\r\n$9\r\nsubscribe\r\n$20\r\n__keyspace@0__:key:1\r\n:1\r\n",
    );
    client.call(&["DEBUG", "POPULATE", "3"], "+OK\r\n");
    listener.expect("*3\r\n$7\r\nmessage\r\n$20\r\n__keyspace@0__:key:1\r\n$7\r\nexpired\r\n");
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

/// Two sets of so many members each, which have none in common.
const MEMBERS: usize = 30_000;

fn add_sets(client: &mut TestClient) {
    for (set, first) in [("s0", 0), ("s1", MEMBERS)] {
        for from in (first..first + MEMBERS).step_by(1_000) {
            let members: Vec<String> = (from..from + 1_000)
                .map(|number| format!("member:{number:012}"))
                .collect();
            let mut request = vec!["SADD", set];
            request.extend(members.iter().map(String::as_str));
            client.call(&request, ":1000\r\n");
        }
    }
}

/// A client's number.
fn id_of(client: &mut TestClient) -> String {
    client.send(request(&["CLIENT", "ID"]));
    let mut id = String::new();
    while !id.ends_with("\r\n") {
        let mut byte = [0];
        std::io::Read::read_exact(&mut client.stream, &mut byte).unwrap();
        id.push(char::from(byte[0]));
    }
    id[1..].trim_end().to_owned()
}

/// What `CLIENT LIST` says of a client; nothing if it is gone.
fn listed(asking: &mut TestClient, id: &str) -> String {
    asking.send(request(&["CLIENT", "LIST", "ID", id]));
    asking.read_bulk()
}

/// A figure of such a line.
fn figure(line: &str, name: &str) -> usize {
    let field = line.split(' ').find_map(|field| field.strip_prefix(name));
    field.map_or(0, |figure| figure.parse().unwrap())
}

#[test]
fn a_client_that_leaves_results_unread_is_closed_at_its_limit() {
    let server = TestServer::start_with(|config| {
        config.client_output_buffer_limit.normal.hard_bytes = 1024 * 1024;
    });
    let (mut client, mut other) = (server.client(), server.client());
    add_sets(&mut other);
    let id = id_of(&mut client);
    client.send(request(&["SUNION", "s0", "s1"]).repeat(50));
    wait_until("it is closed", || listed(&mut other, &id).is_empty());
}

#[test]
fn few_results_are_held_for_a_client_that_does_not_read() {
    let server = TestServer::start();
    let (mut client, mut other) = (server.client(), server.client());
    add_sets(&mut other);
    let id = id_of(&mut client);
    let times = 20;
    client.send(
        [
            request(&["SUNION", "s0", "s1"]).repeat(times),
            request(&["PING"]),
        ]
        .concat(),
    );
    // Sockets take some replies; what is behind them stands still.
    let mut last = String::new();
    wait_until("a result waits", || {
        std::thread::sleep(std::time::Duration::from_millis(200));
        let line = listed(&mut other, &id);
        let (held, before) = (figure(&line, "omem="), figure(&last, "omem="));
        last = line;
        held == before && held > 1024 * 1024
    });
    assert!(figure(&last, "oll=") < 6, "{last}");
    // All of them come nevertheless.
    let header = format!("*{}\r\n", 2 * MEMBERS);
    let body = 2 * MEMBERS * "$19\r\nmember:000000000000\r\n".len();
    for _ in 0..times {
        client.expect(&header);
        let mut members = vec![0; body];
        std::io::Read::read_exact(&mut client.stream, &mut members).unwrap();
    }
    client.expect("+PONG\r\n");
}

#[test]
fn replies_of_one_pipeline_count_before_they_are_sent() {
    let server = TestServer::start_with(|config| {
        config.client_output_buffer_limit.normal.hard_bytes = 128 * 1024 * 1024;
    });
    let (mut client, mut other) = (server.client(), server.client());
    add_sets(&mut other);
    let id = id_of(&mut client);
    // Together they would be above the limit; nobody has to be closed for what need not be made yet.
    client.send(request(&["SMEMBERS", "s0"]).repeat(500));
    wait_until("output waits", || {
        figure(&listed(&mut other, &id), "omem=") > 1024 * 1024
    });
    std::thread::sleep(std::time::Duration::from_millis(100));
    assert!(!listed(&mut other, &id).is_empty());
}
