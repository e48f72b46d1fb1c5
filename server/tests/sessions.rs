//! Sessions over real sockets: framing, order of checks, transactions, publish/subscribe, limits.

mod harness;

use std::io::Read;

use harness::{TestServer, request, wait_until};
use storage::{LockPlan, Unit, UnixMillis};

#[test]
fn requests_split_at_every_byte_get_the_same_replies() {
    let server = TestServer::start();
    let mut input = request(&["SET", "key", "value"]);
    input.extend_from_slice(b"GET key\r\n");
    input.extend_from_slice(&request(&["ECHO", ""]));
    input.extend_from_slice(b"\r\n*0\r\nECHO \"a b\"\r\n");
    let reply = "+OK\r\n$5\r\nvalue\r\n$0\r\n\r\n$3\r\na b\r\n";
    for at in 1..input.len() {
        let mut client = server.client();
        client.send(&input[..at]);
        // The reply to another client's request shows that the server has gone on.
        server.client().call(&["PING"], "+PONG\r\n");
        client.send(&input[at..]);
        client.expect(reply);
    }
}

#[test]
fn a_long_pipeline_is_answered_in_order() {
    let server = TestServer::start();
    let mut client = server.client();
    let (mut input, mut reply) = (Vec::new(), String::new());
    for i in 0..20_000 {
        let (key, value) = (
            format!("key:{}", i % 97),
            format!("{i:0width$}", width = i % 40 + 6),
        );
        input.extend_from_slice(&request(&["SET", &key, &value]));
        input.extend_from_slice(&request(&["GET", &key]));
        reply.push_str(&format!("+OK\r\n${}\r\n{value}\r\n", value.len()));
    }
    let mut writer = client.stream.try_clone().unwrap();
    let sender =
        std::thread::spawn(move || std::io::Write::write_all(&mut writer, &input).unwrap());
    client.expect(reply);
    sender.join().unwrap();
}

#[test]
fn long_values_come_back_whole() {
    let server = TestServer::start();
    let mut client = server.client();
    for len in [8_191, 8_192, 8_193, 16_384, 65_536, 65_537, 5_000_000] {
        let value: String = (0..len)
            .map(|i| char::from(b'a' + (i % 23) as u8))
            .collect();
        client.call(&["SET", "long", &value], "+OK\r\n");
        client.send([request(&["GET", "long"]), request(&["PING"])].concat());
        client.expect(format!("${len}\r\n{value}\r\n+PONG\r\n"));
    }
}

#[test]
fn malformed_requests_get_one_error_and_the_end() {
    let server = TestServer::start();
    let cases: [(&[u8], &str); 4] = [
        (
            b"*1\r\nPING\r\n",
            "-ERR Protocol error: expected '$', got 'P'\r\n",
        ),
        (
            b"*1\r\n$x\r\n",
            "-ERR Protocol error: invalid bulk length\r\n",
        ),
        (
            b"*x\r\n",
            "-ERR Protocol error: invalid multibulk length\r\n",
        ),
        (
            b"PING \"\r\n",
            "-ERR Protocol error: unbalanced quotes in request\r\n",
        ),
    ];
    for (input, reply) in cases {
        let mut client = server.client();
        client.send([b"PING\r\n", input].concat());
        client.expect(format!("+PONG\r\n{reply}"));
        client.expect_end();
    }
}

#[test]
fn refusals_are_worded_as_the_reference_words_them() {
    let server = TestServer::start();
    let mut client = server.client();
    let cases: [(&[&str], &str); 6] = [
        (
            &["get"],
            "-ERR wrong number of arguments for 'get' command\r\n",
        ),
        (
            &["NoSuch"],
            "-ERR unknown command 'NoSuch', with args beginning with: \r\n",
        ),
        (
            &["foo", "a\r\nb", "c"],
            "-ERR unknown command 'foo', with args beginning with: 'a  b' 'c' \r\n",
        ),
        (
            &["pubsub", "nope"],
            "-ERR unknown subcommand 'nope'. Try PUBSUB HELP.\r\n",
        ),
        (
            &["pubsub"],
            "-ERR wrong number of arguments for 'pubsub' command\r\n",
        ),
        (
            &["pubsub", "numpat", "x"],
            "-ERR wrong number of arguments for 'pubsub|numpat' command\r\n",
        ),
    ];
    for (args, reply) in cases {
        client.call(args, reply);
    }
    let long = "x".repeat(200);
    let shown = &long[..128];
    client.call(
        &[&long, &long, "z"],
        &format!("-ERR unknown command '{shown}', with args beginning with: '{shown}' \r\n"),
    );
}

#[test]
fn transactions_run_as_one_and_fail_as_the_reference_does() {
    let server = TestServer::start();
    let mut client = server.client();
    client.call(&["EXEC"], "-ERR EXEC without MULTI\r\n");
    client.call(&["DISCARD"], "-ERR DISCARD without MULTI\r\n");
    client.call(&["MULTI"], "+OK\r\n");
    client.call(&["MULTI"], "-ERR MULTI calls can not be nested\r\n");
    client.call(
        &["WATCH", "k"],
        "-ERR WATCH inside MULTI is not allowed\r\n",
    );
    client.call(&["SET", "k", "1"], "+QUEUED\r\n");
    client.call(&["GET", "k"], "+QUEUED\r\n");
    client.call(&["EXEC"], "*2\r\n+OK\r\n$1\r\n1\r\n");

    client.call(&["MULTI"], "+OK\r\n");
    client.call(
        &["GET"],
        "-ERR wrong number of arguments for 'get' command\r\n",
    );
    client.call(&["SET", "k", "2"], "+QUEUED\r\n");
    client.call(
        &["EXEC"],
        "-EXECABORT Transaction discarded because of previous errors.\r\n",
    );
    client.call(&["GET", "k"], "$1\r\n1\r\n");

    client.call(&["MULTI"], "+OK\r\n");
    client.call(&["SET", "k", "3"], "+QUEUED\r\n");
    client.call(&["DISCARD"], "+OK\r\n");
    client.call(&["GET", "k"], "$1\r\n1\r\n");
    client.call(&["MULTI"], "+OK\r\n");
    client.call(&["EXEC"], "*0\r\n");
}

#[test]
fn a_watched_key_that_changes_spoils_the_transaction() {
    let server = TestServer::start();
    let (mut client, mut other) = (server.client(), server.client());
    client.call(&["WATCH", "a", "b", "c"], "+OK\r\n");
    other.call(&["SET", "b", "1"], "+OK\r\n");
    client.call(&["MULTI"], "+OK\r\n");
    client.call(&["SET", "a", "1"], "+QUEUED\r\n");
    client.call(&["EXEC"], "*-1\r\n");
    // The watch ended with EXEC.
    other.call(&["SET", "b", "2"], "+OK\r\n");
    client.call(&["MULTI"], "+OK\r\n");
    client.call(&["GET", "a"], "+QUEUED\r\n");
    client.call(&["EXEC"], "*1\r\n$-1\r\n");

    client.call(&["WATCH", "b"], "+OK\r\n");
    other.call(&["SET", "b", "3"], "+OK\r\n");
    client.call(&["UNWATCH"], "+OK\r\n");
    client.call(&["MULTI"], "+OK\r\n");
    client.call(&["PING"], "+QUEUED\r\n");
    client.call(&["EXEC"], "*1\r\n+PONG\r\n");
}

#[test]
fn transactions_of_many_clients_over_many_shards_never_mix() {
    let server = TestServer::start();
    let address = server.address;
    let keys: Vec<String> = (0..16).map(|i| format!("shared:{i}")).collect();
    let writers: Vec<_> = (0..4)
        .map(|writer| {
            let keys = keys.clone();
            std::thread::spawn(move || {
                let mut client = harness::TestClient::connect(address);
                for round in 0..200 {
                    let value = format!("{writer}:{round}");
                    let mut input = request(&["MULTI"]);
                    keys.iter()
                        .for_each(|key| input.extend_from_slice(&request(&["SET", key, &value])));
                    input.extend_from_slice(&request(&["EXEC"]));
                    client.send(&input);
                    let oks = "+OK\r\n".repeat(keys.len());
                    client.expect(format!(
                        "+OK\r\n{}*16\r\n{oks}",
                        "+QUEUED\r\n".repeat(keys.len())
                    ));
                    let mut input = request(&["MULTI"]);
                    keys.iter()
                        .for_each(|key| input.extend_from_slice(&request(&["GET", key])));
                    input.extend_from_slice(&request(&["EXEC"]));
                    client.send(&input);
                    client.expect(format!(
                        "+OK\r\n{}*16\r\n$",
                        "+QUEUED\r\n".repeat(keys.len())
                    ));
                    let mut rest = Vec::new();
                    let mut byte = [0];
                    while rest.iter().filter(|&&b| b == b'\n').count() < 32 {
                        client.stream.read_exact(&mut byte).unwrap();
                        rest.push(byte[0]);
                    }
                    let text = String::from_utf8(rest).unwrap();
                    let values: Vec<&str> =
                        text.split("\r\n").skip(1).step_by(2).take(16).collect();
                    assert!(values.iter().all(|value| *value == values[0]), "{values:?}");
                }
            })
        })
        .collect();
    writers
        .into_iter()
        .for_each(|writer| writer.join().unwrap());
}

#[test]
fn messages_arrive_in_order_and_counts_are_right() {
    let server = TestServer::start();
    let (mut subscriber, mut publisher) = (server.client(), server.client());
    subscriber.call(
        &["SUBSCRIBE", "a", "b", "a"],
        "*3\r\n$9\r\nsubscribe\r\n$1\r\na\r\n:1\r\n*3\r\n$9\r\nsubscribe\r\n$1\r\nb\r\n:2\r\n\
         *3\r\n$9\r\nsubscribe\r\n$1\r\na\r\n:2\r\n",
    );
    subscriber.call(
        &["PSUBSCRIBE", "[ab]"],
        "*3\r\n$10\r\npsubscribe\r\n$4\r\n[ab]\r\n:3\r\n",
    );
    subscriber.call(
        &["SSUBSCRIBE", "a"],
        "*3\r\n$10\r\nssubscribe\r\n$1\r\na\r\n:1\r\n",
    );
    subscriber.call(
        &["GET", "k"],
        "-ERR Can't execute 'get': only (P|S)SUBSCRIBE / (P|S)UNSUBSCRIBE / PING / QUIT / RESET are allowed in this \
         context\r\n",
    );
    subscriber.call(&["PING", "x"], "*2\r\n$4\r\npong\r\n$1\r\nx\r\n");
    let (mut input, mut expected, mut replies) = (Vec::new(), String::new(), String::new());
    for i in 0..500 {
        let (channel, text) = (["a", "b"][i % 2], format!("{i:05}"));
        input.extend_from_slice(&request(&["PUBLISH", channel, &text]));
        expected.push_str(&format!(
            "*3\r\n$7\r\nmessage\r\n$1\r\n{channel}\r\n$5\r\n{text}\r\n"
        ));
        expected.push_str(&format!(
            "*4\r\n$8\r\npmessage\r\n$4\r\n[ab]\r\n$1\r\n{channel}\r\n$5\r\n{text}\r\n"
        ));
        replies.push_str(":2\r\n");
    }
    input.extend_from_slice(&request(&["SPUBLISH", "a", "s"]));
    expected.push_str("*3\r\n$8\r\nsmessage\r\n$1\r\na\r\n$1\r\ns\r\n");
    replies.push_str(":1\r\n");
    publisher.send(input);
    publisher.expect(replies);
    subscriber.expect(expected);
    publisher.call(
        &["PUBSUB", "NUMSUB", "a", "z"],
        "*4\r\n$1\r\na\r\n:1\r\n$1\r\nz\r\n:0\r\n",
    );
    publisher.call(&["PUBSUB", "CHANNELS", "?"], "*2\r\n$1\r\na\r\n$1\r\nb\r\n");
    publisher.call(&["PUBSUB", "NUMPAT"], ":1\r\n");
    subscriber.call(
        &["PUNSUBSCRIBE"],
        "*3\r\n$12\r\npunsubscribe\r\n$4\r\n[ab]\r\n:2\r\n",
    );
    subscriber.call(
        &["PUNSUBSCRIBE"],
        "*3\r\n$12\r\npunsubscribe\r\n$-1\r\n:2\r\n",
    );
    drop(subscriber);
    wait_until("the subscriptions end with their connection", || {
        publisher.send(request(&["PUBLISH", "a", "x"]));
        let mut reply = [0; 4];
        publisher.stream.read_exact(&mut reply).unwrap();
        reply == *b":0\r\n"
    });
}

#[test]
fn what_a_transaction_publishes_to_many_is_delivered_once_each() {
    let server = TestServer::start();
    let mut subscribers: Vec<_> = (0..5).map(|_| server.client()).collect();
    for subscriber in &mut subscribers {
        subscriber.call(
            &["SUBSCRIBE", "c"],
            "*3\r\n$9\r\nsubscribe\r\n$1\r\nc\r\n:1\r\n",
        );
    }
    let mut client = server.client();
    client.call(&["MULTI"], "+OK\r\n");
    client.call(&["PUBLISH", "c", "1"], "+QUEUED\r\n");
    client.call(&["SET", "k", "v"], "+QUEUED\r\n");
    client.call(&["PUBLISH", "c", "2"], "+QUEUED\r\n");
    client.call(&["PUBLISH", "d", "3"], "+QUEUED\r\n");
    client.call(&["EXEC"], "*4\r\n:5\r\n+OK\r\n:5\r\n:0\r\n");
    for subscriber in &mut subscribers {
        subscriber.expect("*3\r\n$7\r\nmessage\r\n$1\r\nc\r\n$1\r\n1\r\n*3\r\n$7\r\nmessage\r\n$1\r\nc\r\n$1\r\n2\r\n");
    }
    // In RESP2 a confirmation is an element of the transaction's reply.
    client.call(&["MULTI"], "+OK\r\n");
    client.call(&["SUBSCRIBE", "c"], "+QUEUED\r\n");
    client.call(&["PUBLISH", "c", "4"], "+QUEUED\r\n");
    client.call(
        &["EXEC"],
        "*2\r\n*3\r\n$9\r\nsubscribe\r\n$1\r\nc\r\n:1\r\n:6\r\n*3\r\n$7\r\nmessage\r\n$1\r\nc\r\n$1\r\n4\r\n",
    );
}

#[test]
fn keyspace_events_name_key_and_event() {
    let events = nuthatch_server::config::KeyspaceEvents::parse("KEA").unwrap();
    let server = TestServer::start_with(|config| config.notify_keyspace_events = events);
    let mut subscriber = server.client();
    subscriber.call(
        &["PSUBSCRIBE", "__key*"],
        "*3\r\n$10\r\npsubscribe\r\n$6\r\n__key*\r\n:1\r\n",
    );
    server.client().call(&["SET", "foo", "1"], "+OK\r\n");
    subscriber.expect(
        "*4\r\n$8\r\npmessage\r\n$6\r\n__key*\r\n$18\r\n__keyspace@0__:foo\r\n$3\r\nset\r\n\
         *4\r\n$8\r\npmessage\r\n$6\r\n__key*\r\n$18\r\n__keyevent@0__:set\r\n$3\r\nfoo\r\n",
    );
}

#[test]
fn a_key_that_expires_is_announced_and_gone() {
    let events = nuthatch_server::config::KeyspaceEvents::parse("Ex").unwrap();
    let server = TestServer::start_with(|config| config.notify_keyspace_events = events);
    let mut subscriber = server.client();
    subscriber.call(
        &["SUBSCRIBE", "__keyevent@0__:expired"],
        "*3\r\n$9\r\nsubscribe\r\n$22\r\n__keyevent@0__:expired\r\n:1\r\n",
    );
    let now = std::time::SystemTime::now()
        .duration_since(std::time::UNIX_EPOCH)
        .unwrap()
        .as_millis() as i64;
    let keyspace = server.running().keyspace();
    let key = keyspace.key(b"brief");
    let mut unit = Unit::begin(keyspace, LockPlan::Write(key.hash.shard), UnixMillis(now));
    unit.set(
        0,
        &key,
        storage::NewValue::Bytes(b"v"),
        storage::NewExpiry::At(UnixMillis(now + 30)),
    );
    drop(unit);
    subscriber.expect("*3\r\n$7\r\nmessage\r\n$22\r\n__keyevent@0__:expired\r\n$5\r\nbrief\r\n");
    server.client().call(&["GET", "brief"], "$-1\r\n");
}

#[test]
fn a_client_that_never_reads_stops_being_served_and_others_go_on() {
    let server = TestServer::start();
    let mut client = server.client();
    let value = "v".repeat(8_000);
    client.call(&["SET", "k", &value], "+OK\r\n");
    client.stream.set_nonblocking(true).unwrap();
    let batch = request(&["GET", "k"]).repeat(1_000);
    let mut sent = 0;
    // The server stops reading once enough replies wait, so that the kernel takes no more from us either.
    loop {
        match std::io::Write::write(&mut client.stream, &batch) {
            Ok(count) => sent += count,
            Err(_) if sent > 64 * 1024 * 1024 / 8_000 * 23 => break,
            Err(_) => std::thread::yield_now(),
        }
        assert!(sent < 256 * 1024 * 1024, "the server never stopped reading");
    }
    server.client().call(&["PING"], "+PONG\r\n");
}

#[test]
fn connections_beyond_maxclients_are_refused_until_one_leaves() {
    let server = TestServer::start_with(|config| config.maxclients = 2);
    let (mut first, mut second) = (server.client(), server.client());
    first.call(&["PING"], "+PONG\r\n");
    second.call(&["PING"], "+PONG\r\n");
    let mut third = server.client();
    third.expect("-ERR max number of clients reached\r\n");
    third.expect_end();
    drop(first);
    wait_until("there is room again", || {
        let mut client = server.client();
        let mut reply = [0; 5];
        let sent = std::io::Write::write_all(&mut client.stream, b"PING\r\n");
        sent.is_ok() && client.stream.read_exact(&mut reply).is_ok() && reply == *b"+PONG"
    });
}

#[test]
fn announced_lengths_take_no_memory() {
    let server = TestServer::start();
    let mut clients: Vec<_> = (0..200).map(|_| server.client()).collect();
    for client in &mut clients {
        client.send(b"*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$536870912\r\n");
    }
    server.client().call(&["PING"], "+PONG\r\n");
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let size = status
        .lines()
        .find(|line| line.starts_with("VmRSS"))
        .unwrap();
    let kib: u64 = size.split_whitespace().nth(1).unwrap().parse().unwrap();
    assert!(kib < 512 * 1024, "{size}");
}

#[test]
fn a_password_is_asked_for() {
    let server = TestServer::start_with(|config| config.requirepass = b"secret".to_vec());
    let mut client = server.client();
    client.call(&["GET", "k"], "-NOAUTH Authentication required.\r\n");
    client.call(
        &["NOSUCH"],
        "-ERR unknown command 'NOSUCH', with args beginning with: \r\n",
    );
    client.send(b"*1000\r\n");
    client.expect("-ERR Protocol error: unauthenticated multibulk length\r\n");
    client.expect_end();
}

#[test]
fn stopping_sends_what_is_due_and_closes() {
    let mut server = TestServer::start();
    let mut client = server.client();
    client.call(&["SET", "k", "v"], "+OK\r\n");
    server.stop();
    client.expect_end();
    assert!(std::net::TcpStream::connect(server.address).is_err());
}

#[test]
fn a_write_half_closed_client_gets_its_replies() {
    let server = TestServer::start();
    let mut client = server.client();
    client.send(request(&["SET", "k", "v"]));
    client.send(request(&["GET", "k"]));
    client.close_write();
    client.expect("+OK\r\n$1\r\nv\r\n");
    client.expect_end();
}

#[test]
fn what_a_session_publishes_to_itself_follows_the_reply() {
    let server = TestServer::start();
    let mut client = server.client();
    client.send(request(&["HELLO", "3"]));
    client.send(request(&["SUBSCRIBE", "c"]));
    client.send(request(&["PING"]));
    let mut got = Vec::new();
    let mut byte = [0];
    while !got.ends_with(b"+PONG\r\n") {
        client.stream.read_exact(&mut byte).unwrap();
        got.push(byte[0]);
    }
    let mut input = request(&["PUBLISH", "c", "1"]);
    input.extend_from_slice(&request(&["PING"]));
    input.extend_from_slice(&request(&["MULTI"]));
    input.extend_from_slice(&request(&["PUBLISH", "c", "2"]));
    input.extend_from_slice(&request(&["PUBLISH", "c", "3"]));
    input.extend_from_slice(&request(&["EXEC"]));
    input.extend_from_slice(&request(&["PING"]));
    client.send(input);
    let message = |text: &str| format!(">3\r\n$7\r\nmessage\r\n$1\r\nc\r\n$1\r\n{text}\r\n");
    client.expect(format!(
        ":1\r\n{}+PONG\r\n+OK\r\n+QUEUED\r\n+QUEUED\r\n*2\r\n:1\r\n:1\r\n{}{}+PONG\r\n",
        message("1"),
        message("2"),
        message("3")
    ));
}

#[test]
fn a_command_that_panics_answers_an_error_and_nothing_else_happens() {
    let server = TestServer::start_with(|config| {
        config.enable_debug_command = nuthatch_server::config::Permission::Yes;
    });
    let mut client = server.client();
    client.call(&["SET", "k", "v"], "+OK\r\n");
    client.send([request(&["DEBUG", "PANIC"]), request(&["GET", "k"])].concat());
    client.expect("-ERR internal error while executing 'debug'\r\n$1\r\nv\r\n");
    client.call(&["MULTI"], "+OK\r\n");
    client.call(&["SET", "k", "w"], "+QUEUED\r\n");
    client.call(&["DEBUG", "PANIC"], "+QUEUED\r\n");
    client.call(&["GET", "k"], "+QUEUED\r\n");
    client.call(
        &["EXEC"],
        "*3\r\n+OK\r\n-ERR internal error while executing 'debug'\r\n$1\r\nw\r\n",
    );
    server.client().call(&["GET", "k"], "$1\r\nw\r\n");
}

#[test]
fn an_idle_client_is_closed_after_the_timeout() {
    let server = TestServer::start_with(|config| config.timeout_seconds = 1);
    let (mut idle, mut subscriber) = (server.client(), server.client());
    idle.call(&["PING"], "+PONG\r\n");
    subscriber.call(
        &["SUBSCRIBE", "c"],
        "*3\r\n$9\r\nsubscribe\r\n$1\r\nc\r\n:1\r\n",
    );
    idle.expect_end();
    server.client().call(&["PUBLISH", "c", "m"], ":1\r\n");
    subscriber.expect("*3\r\n$7\r\nmessage\r\n$1\r\nc\r\n$1\r\nm\r\n");
}

#[test]
fn a_subscriber_that_does_not_read_is_closed_at_its_limit() {
    let server = TestServer::start_with(|config| {
        config.client_output_buffer_limit.pubsub.hard_bytes = 1024 * 1024;
    });
    let mut subscriber = server.client();
    subscriber.call(
        &["SUBSCRIBE", "c"],
        "*3\r\n$9\r\nsubscribe\r\n$1\r\nc\r\n:1\r\n",
    );
    let mut publisher = server.client();
    let text = "x".repeat(100_000);
    wait_until("nobody listens any more", || {
        publisher.send(request(&["PUBLISH", "c", &text]));
        let mut reply = [0; 4];
        publisher.stream.read_exact(&mut reply).unwrap();
        reply == *b":0\r\n"
    });
    assert_eq!(
        server.running().keyspace().state(),
        storage::State::default()
    );
}

#[test]
fn a_paused_client_goes_on_where_it_stopped() {
    let server = TestServer::start();
    let (mut client, mut other) = (server.client(), server.client());
    other.call(&["CLIENT", "PAUSE", "100000", "WRITE"], "+OK\r\n");
    client.send(
        [
            request(&["GET", "k"]),
            request(&["SET", "k", "v"]),
            request(&["GET", "k"]),
        ]
        .concat(),
    );
    client.expect("$-1\r\n");
    other.call(&["GET", "k"], "$-1\r\n");
    other.call(&["CLIENT", "UNPAUSE"], "+OK\r\n");
    client.expect("+OK\r\n$1\r\nv\r\n");
    // A pause also ends by itself.
    other.call(&["CLIENT", "PAUSE", "50", "ALL"], "+OK\r\n");
    client.call(&["GET", "k"], "$1\r\nv\r\n");
}

#[test]
fn a_unix_socket_serves_too() {
    let path = std::env::temp_dir().join(format!("nuthatch-test-{}.sock", std::process::id()));
    let name = path.to_str().unwrap().to_owned();
    let mut server = TestServer::start_with(|config| config.unixsocket = name);
    let mut stream = std::os::unix::net::UnixStream::connect(&path).unwrap();
    std::io::Write::write_all(&mut stream, b"PING\r\n").unwrap();
    let mut reply = [0; 7];
    stream.read_exact(&mut reply).unwrap();
    assert_eq!(&reply, b"+PONG\r\n");
    server.stop();
    assert!(!path.exists());
}
