//! Publish and subscribe across connections: order, counts, and what others see.

use std::thread;

use harness::{RawClient, TestServer, in_parallel, long_or, wait_until};
use redis::Commands;

/// A connection that is subscribed to `channel`.
fn subscriber(server: &TestServer, channel: &str) -> RawClient {
    let mut client = server.raw();
    client.check(&format!("SUBSCRIBE {channel}"), "array");
    client
}

/// The payload of the next message.
#[track_caller]
fn next_payload(client: &mut RawClient) -> String {
    client
        .read()
        .items()
        .last()
        .expect("a message has a payload")
        .text()
        .to_owned()
}

#[test]
fn every_subscriber_gets_every_message_in_one_order() {
    let server = TestServer::start();
    let (publishers, each) = (4, long_or(5_000, 500));
    // More than there are workers, so that some share one.
    let mut subscribers: Vec<RawClient> = (0..10)
        .map(|number| match number % 2 {
            0 => subscriber(&server, "news"),
            _ => {
                let mut client = server.raw();
                client.check("PSUBSCRIBE n?ws", "array");
                client
            }
        })
        .collect();
    let received: Vec<Vec<String>> = thread::scope(|scope| {
        for publisher in 0..publishers {
            let mut client = server.raw();
            scope.spawn(move || {
                for number in 0..each {
                    let message = format!("{publisher}:{number}");
                    assert_eq!(client.call(&["PUBLISH", "news", &message]).integer(), 10);
                }
            });
        }
        let readers: Vec<_> = subscribers
            .iter_mut()
            .map(|client| {
                scope.spawn(move || {
                    (0..publishers * each)
                        .map(|_| next_payload(client))
                        .collect::<Vec<_>>()
                })
            })
            .collect();
        readers
            .into_iter()
            .map(|reader| reader.join().unwrap())
            .collect()
    });
    for other in &received[1..] {
        assert!(
            *other == received[0],
            "two subscribers saw different orders"
        );
    }
    for publisher in 0..publishers {
        let prefix = format!("{publisher}:");
        let own = received[0]
            .iter()
            .filter(|message| message.starts_with(&prefix));
        let numbers: Vec<usize> = own.map(|m| m[prefix.len()..].parse().unwrap()).collect();
        assert_eq!(
            numbers,
            (0..each).collect::<Vec<_>>(),
            "of publisher {publisher}"
        );
    }
}

#[test]
fn what_is_published_after_the_confirmation_is_received() {
    let server = TestServer::start();
    let mut publisher = server.raw();
    for round in 0..200 {
        let mut client = subscriber(&server, "ch");
        assert_eq!(
            publisher
                .call(&["PUBLISH", "ch", &round.to_string()])
                .integer(),
            1
        );
        assert_eq!(next_payload(&mut client), round.to_string());
        client.check("UNSUBSCRIBE ch", "array");
        publisher.check("PUBLISH ch lost", ":0");
    }
}

#[test]
fn a_message_is_visible_before_the_publisher_goes_on() {
    // Read-your-writes across connections: whoever got the message sees what was written before.
    let server = TestServer::start();
    let mut reader = server.raw();
    let mut client = subscriber(&server, "ch");
    let mut writer = server.raw();
    for number in 0..500 {
        let number = number.to_string();
        writer.call(&["SET", "k", &number]);
        writer.call(&["PUBLISH", "ch", &number]);
        assert_eq!(next_payload(&mut client), number);
        assert_eq!(reader.call(&["GET", "k"]).text(), number);
    }
}

#[test]
fn messages_of_a_transaction_come_together_and_in_order() {
    let server = TestServer::start();
    let mut client = server.raw();
    client.check("PSUBSCRIBE ch:*", "array");
    in_parallel(4, |number| {
        let mut publisher = server.raw();
        for _ in 0..long_or(500, 50) {
            publisher.check("MULTI", "+OK");
            for part in 0..5 {
                let message = format!("{number}:{part}");
                publisher.call(&["PUBLISH", "ch:one", &message]);
            }
            publisher.check("EXEC", "[:1, :1, :1, :1, :1]");
        }
    });
    for _ in 0..4 * long_or(500, 50) {
        let first = next_payload(&mut client);
        let number = first
            .strip_suffix(":0")
            .expect("a transaction starts with its first message");
        for part in 1..5 {
            assert_eq!(next_payload(&mut client), format!("{number}:{part}"));
        }
    }
}

#[test]
fn a_discarded_or_failed_transaction_publishes_nothing() {
    let server = TestServer::start();
    let mut client = subscriber(&server, "ch");
    let mut publisher = server.raw();
    publisher.check("MULTI", "+OK");
    publisher.check("PUBLISH ch discarded", "+QUEUED");
    publisher.check("DISCARD", "+OK");
    publisher.check("WATCH k", "+OK");
    server.raw().check("SET k v", "+OK");
    publisher.check("MULTI", "+OK");
    publisher.check("PUBLISH ch failed", "+QUEUED");
    publisher.check("EXEC", "*nil");
    publisher.check("PUBLISH ch last", ":1");
    assert_eq!(next_payload(&mut client), "last");
}

#[test]
fn resp3_mixes_messages_and_replies_on_one_connection() {
    let server = TestServer::start();
    let mut client = server.raw_resp3();
    client.check("SUBSCRIBE ch", ">[\"subscribe\", \"ch\", :1]");
    let mut publisher = server.raw();
    for round in 0..100 {
        publisher.check(&format!("PUBLISH ch {round}"), ":1");
        client.expect_reply(&format!(">[\"message\", \"ch\", \"{round}\"]"));
        client.check(&format!("SET k {round}"), "+OK");
        client.check("GET k", &format!("\"{round}\""));
    }
}

#[test]
fn big_messages_arrive_whole() {
    let server = TestServer::start();
    let mut clients = [subscriber(&server, "ch"), subscriber(&server, "ch")];
    let mut publisher = server.raw();
    for size in [0, 1, 16 * 1024, 100_000, 4 << 20] {
        let message = "m".repeat(size);
        publisher.call(&["PUBLISH", "ch", &message]);
        for client in &mut clients {
            assert!(next_payload(client) == message, "{size} bytes");
        }
    }
}

#[test]
fn shard_channels_are_apart_from_channels() {
    let server = TestServer::start();
    let mut shard = server.raw();
    shard.check("SSUBSCRIBE ch", "array");
    let mut plain = subscriber(&server, "ch");
    let mut pattern = server.raw();
    pattern.check("PSUBSCRIBE *", "array");
    let mut publisher = server.raw();
    publisher.check("SPUBLISH ch to-shard", ":1");
    publisher.check("PUBLISH ch to-all", ":2");
    assert_eq!(next_payload(&mut shard), "to-shard");
    assert_eq!(next_payload(&mut plain), "to-all");
    assert_eq!(next_payload(&mut pattern), "to-all");
    publisher.check("PUBSUB SHARDCHANNELS", "[\"ch\"]");
    publisher.check("PUBSUB CHANNELS", "[\"ch\"]");
}

#[test]
fn counts_follow_subscriptions_and_lost_connections() {
    let server = TestServer::start();
    let mut control = server.raw();
    let mut clients: Vec<RawClient> = (0..5).map(|_| subscriber(&server, "a")).collect();
    clients[0].check("SUBSCRIBE b", "array");
    clients[0].check("PSUBSCRIBE p*", "array");
    clients[1].check("PSUBSCRIBE p*", "array");
    control.check("PUBSUB NUMSUB a b c", "[\"a\", :5, \"b\", :1, \"c\", :0]");
    control.check("PUBSUB NUMPAT", ":1");
    let list = control.run("CLIENT LIST TYPE pubsub");
    assert!(list.text().contains(" sub=2 psub=1 "), "{list}");
    clients.remove(0);
    wait_until("the first one is gone", || {
        control.run("PUBSUB NUMSUB a b").to_string() == "[\"a\", :4, \"b\", :0]"
    });
    clients.clear();
    wait_until("nobody is left", || {
        control.run("PUBSUB CHANNELS").items().is_empty()
    });
    wait_until("no pattern is left", || {
        control.run("PUBSUB NUMPAT").integer() == 0
    });
    control.check("PUBLISH a x", ":0");
    assert_eq!(server.info("pubsub_channels"), "0");
    assert_eq!(server.info("pubsub_patterns"), "0");
}

#[test]
fn subscribing_and_publishing_at_once_loses_nothing_in_between() {
    let server = TestServer::start();
    in_parallel(6, |number| {
        let mut client = server.raw();
        for round in 0..long_or(2_000, 100) {
            if number < 3 {
                client.check("SUBSCRIBE busy", "array");
                // Messages of the others may come before the confirmation, but never after it.
                client.send(&["UNSUBSCRIBE", "busy"]);
                loop {
                    let reply = client.read();
                    match reply.items()[0].text() {
                        "message" => {}
                        "unsubscribe" => break,
                        _ => panic!("{reply}"),
                    }
                }
                client.check("GET k", "$nil");
            } else {
                let receivers = client
                    .call(&["PUBLISH", "busy", &round.to_string()])
                    .integer();
                assert!((0..=3).contains(&receivers));
            }
        }
    });
}

#[test]
fn a_client_library_receives_messages_in_both_dialects() {
    let server = TestServer::start();
    for mut connection in [server.client(), server.client_resp3()] {
        let mut pubsub = connection.as_pubsub();
        pubsub.subscribe("exact").unwrap();
        pubsub.psubscribe("pat*").unwrap();
        let mut publisher = server.client();
        let _: () = publisher.publish("exact", "one").unwrap();
        let _: () = publisher.publish("pattern", "two").unwrap();
        let first = pubsub.get_message().unwrap();
        assert_eq!(
            (first.get_channel_name(), first.from_pattern()),
            ("exact", false)
        );
        assert_eq!(first.get_payload::<String>().unwrap(), "one");
        let second = pubsub.get_message().unwrap();
        assert_eq!(second.get_pattern::<String>().unwrap(), "pat*");
        assert_eq!(second.get_payload::<String>().unwrap(), "two");
    }
}
