//! Connections: names, lists, pauses, passwords.

use std::collections::HashMap;

use harness::{RawClient, TestServer, Value, wait_until};
use redis::Commands;

/// The lines of CLIENT LIST, each as its fields.
fn clients(control: &mut RawClient, filter: &str) -> Vec<HashMap<String, String>> {
    let list = control.run(&format!("CLIENT LIST {filter}"));
    let fields = |line: &str| {
        let pairs = line.split(' ').filter_map(|field| field.split_once('='));
        pairs
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .collect()
    };
    list.text().lines().map(fields).collect()
}

#[test]
fn ids_grow_and_are_never_used_again() {
    let server = TestServer::start();
    let mut last = 0;
    for _ in 0..50 {
        let id = server.raw().run("CLIENT ID").integer();
        assert!(id > last, "{id} after {last}");
        last = id;
    }
}

#[test]
fn the_client_list_tells_the_truth() {
    let server = TestServer::start();
    let mut control = server.raw();
    let mut named = server.raw();
    named.check("CLIENT SETNAME worker", "+OK");
    named.check("SELECT 7", "+OK");
    let mut subscriber = server.raw_resp3();
    subscriber.check("SUBSCRIBE a b", "push");
    subscriber.expect_reply("push");
    subscriber.check("PSUBSCRIBE p*", "push");
    subscriber.check("SSUBSCRIBE s", "push");
    let mut monitor = server.raw();
    monitor.check("MONITOR", "+OK");

    let list = clients(&mut control, "");
    assert_eq!(list.len(), 4);
    let ids: Vec<u64> = list
        .iter()
        .map(|client| client["id"].parse().unwrap())
        .collect();
    assert!(ids.is_sorted(), "{ids:?}");
    let with = |name: &str, value: &str| {
        let mut found = list.iter().filter(|client| client[name] == value);
        let first = found
            .next()
            .unwrap_or_else(|| panic!("nobody has {name}={value}"));
        assert!(found.next().is_none(), "two have {name}={value}");
        first.clone()
    };
    let worker = with("name", "worker");
    assert_eq!(
        (worker["db"].as_str(), worker["flags"].as_str()),
        ("7", "N")
    );
    assert_eq!(
        (worker["cmd"].as_str(), worker["resp"].as_str()),
        ("select", "2")
    );
    let listener = with("flags", "P");
    assert_eq!(
        ["sub", "psub", "ssub", "resp"].map(|f| &listener[f][..]),
        ["2", "1", "1", "3"]
    );
    with("flags", "O");
    assert_eq!(with("cmd", "client|list")["multi"], "-1");
    for client in &list {
        assert!(client["addr"].starts_with("127.0.0.1:"));
        assert_eq!(client["laddr"], format!("127.0.0.1:{}", server.port()));
        assert_eq!(client["user"], "default");
        for field in [
            "fd",
            "age",
            "idle",
            "qbuf",
            "qbuf-free",
            "obl",
            "oll",
            "omem",
            "tot-mem",
        ] {
            assert!(
                client[field].parse::<u64>().is_ok(),
                "{field}={}",
                client[field]
            );
        }
    }
    let id = &worker["id"];
    assert_eq!(clients(&mut control, &format!("ID {id}")).len(), 1);
    assert_eq!(clients(&mut control, "TYPE pubsub").len(), 1);
}

#[test]
fn clients_are_killed_by_what_they_are() {
    let server = TestServer::start();
    let mut control = server.raw();
    let own = control.run("CLIENT ID").integer();
    let mut kill = |filter: String, victim: &mut RawClient| {
        control.check(&format!("CLIENT KILL {filter}"), ":1");
        victim.expect_close();
        control.check("PING", "+PONG");
    };
    let mut victim = server.raw();
    let id = victim.run("CLIENT ID").integer();
    kill(format!("ID {id}"), &mut victim);

    let mut victim = server.raw();
    victim.check("PING", "+PONG");
    let address = victim.stream().local_addr().unwrap();
    kill(format!("ADDR {address}"), &mut victim);

    let mut victim = server.raw();
    victim.check("SUBSCRIBE ch", "array");
    kill("TYPE pubsub".into(), &mut victim);

    let mut victim = server.raw();
    victim.check("PING", "+PONG");
    kill(
        format!("LADDR 127.0.0.1:{} SKIPME yes", server.port()),
        &mut victim,
    );

    let mut victim = server.raw();
    victim.check("PING", "+PONG");
    kill("USER default".into(), &mut victim);

    // The old form answers differently.
    let mut victim = server.raw();
    victim.check("PING", "+PONG");
    let address = victim.stream().local_addr().unwrap();
    control.check(&format!("CLIENT KILL {address}"), "+OK");
    victim.expect_close();

    // Oneself: the reply still comes.
    control.check(&format!("CLIENT KILL ID {own} SKIPME no"), ":1");
    control.expect_close();
}

#[test]
fn several_filters_must_all_hold() {
    let server = TestServer::start();
    let mut control = server.raw();
    let mut client = server.raw();
    let id = client.run("CLIENT ID").integer();
    control.check(&format!("CLIENT KILL ID {id} TYPE pubsub"), ":0");
    client.check("PING", "+PONG");
    control.check(&format!("CLIENT KILL ID {id} TYPE normal"), ":1");
    client.expect_close();
}

#[test]
fn a_pause_of_writes_holds_writes_and_lets_reads_through() {
    let server = TestServer::start();
    let mut control = server.raw();
    control.check("SET k old", "+OK");
    let mut transaction = server.raw();
    transaction.check("MULTI", "+OK");
    transaction.check("INCR n", "+QUEUED");
    control.check("CLIENT PAUSE 1000000 WRITE", "+OK");
    let mut writers: Vec<RawClient> = (0..8).map(|_| server.raw()).collect();
    for (number, writer) in writers.iter_mut().enumerate() {
        writer.send(&["SET", "k", &number.to_string()]);
    }
    let mut publisher = server.raw();
    publisher.send(&["PUBLISH", "ch", "x"]);
    transaction.send(&["EXEC"]);
    // All of them have arrived: each shows as blocked.
    wait_until("they are held", || {
        control
            .run("INFO clients")
            .text()
            .contains("blocked_clients:10\r\n")
    });
    control.check("GET k", "\"old\"");
    control.check("EXISTS n", ":0");
    let mut reader = server.raw();
    reader.check("MULTI", "+OK");
    reader.check("GET k", "+QUEUED");
    reader.check("EXEC", "[\"old\"]");
    control.check("CLIENT UNPAUSE", "+OK");
    writers
        .iter_mut()
        .for_each(|writer| writer.expect_reply("+OK"));
    publisher.expect_reply(":0");
    transaction.expect_reply("[:1]");
    assert_ne!(control.run("GET k").text(), "old");
}

#[test]
fn a_pause_of_all_holds_reads_too_and_ends_by_itself() {
    let server = TestServer::start();
    let mut control = server.raw();
    control.check("SET k v", "+OK");
    let mut reader = server.raw();
    reader.check("PING", "+PONG");
    control.check("CLIENT PAUSE 100 ALL", "+OK");
    reader.send(&["GET", "k"]);
    reader.expect_reply("\"v\"");
}

#[test]
fn keys_do_not_expire_away_while_writes_are_paused() {
    let server = TestServer::start();
    let mut control = server.raw();
    control.check("SET k v PX 10", "+OK");
    control.check("CLIENT PAUSE 1000000 WRITE", "+OK");
    // Absent for readers, yet not removed.
    wait_until("it is past its end", || {
        control.run("GET k").to_string() == "$nil"
    });
    assert_eq!(server.info("expired_keys"), "0");
    control.check("DBSIZE", ":1");
    control.check("CLIENT UNPAUSE", "+OK");
    wait_until("it is removed", || control.run("DBSIZE").integer() == 0);
}

#[test]
fn a_client_killed_while_paused_writes_nothing() {
    let server = TestServer::start();
    let mut control = server.raw();
    control.check("CLIENT PAUSE 1000000 WRITE", "+OK");
    let mut writer = server.raw();
    let id = writer.run("CLIENT ID").integer();
    writer.send(&["SET", "k", "v"]);
    wait_until("it is held", || {
        control
            .run("INFO clients")
            .text()
            .contains("blocked_clients:1\r\n")
    });
    control.check(&format!("CLIENT KILL ID {id}"), ":1");
    writer.expect_close();
    control.check("CLIENT UNPAUSE", "+OK");
    control.check("EXISTS k", ":0");
}

#[test]
fn replies_can_be_switched_off_in_a_pipeline() {
    let server = TestServer::start();
    let mut client = server.raw();
    client.send_bytes(
        "CLIENT REPLY OFF\r\nSET a 1\r\nGET nothing\r\nBAD\r\nCLIENT REPLY ON\r\nGET a\r\n\
         CLIENT REPLY SKIP\r\nSET a 2\r\nGET a\r\nCLIENT REPLY SKIP\r\nPING\r\nPING\r\n",
    );
    client.expect("+OK\r\n$1\r\n1\r\n$1\r\n2\r\n+PONG\r\n");
}

#[test]
fn a_password_guards_everything_but_a_few_commands() {
    let server = TestServer::start_with(&[("requirepass", "secret")]);
    let mut client = server.raw();
    let denied = "-NOAUTH Authentication required.";
    for command in [
        "GET k",
        "PING",
        "CLIENT ID",
        "SUBSCRIBE ch",
        "MULTI",
        "COMMAND",
    ] {
        client.check(command, denied);
    }
    let aborted = format!(
        "-EXECABORT Transaction discarded because of: {}",
        &denied[1..]
    );
    client.check("EXEC", &aborted);
    // What is not a command, or has a wrong number of arguments, is told first.
    client.check("NOSUCH", "-~\"ERR unknown command *\"");
    client.check("GET", "-ERR wrong number of arguments for 'get' command");
    client.check("RESET", "+RESET");
    client.check("HELLO 3 AUTH default secret", "map");
    client.check("GET k", "_");

    // Changing it leaves those who are in.
    client.check("CONFIG SET requirepass other", "+OK");
    client.check("PING", "+PONG");
    server.raw().check(
        "AUTH secret",
        "-WRONGPASS invalid username-password pair or user is disabled.",
    );
    server.raw().check("AUTH other", "+OK");
    server.raw().check("AUTH default other", "+OK");
    client.check("CONFIG SET requirepass \"\"", "+OK");
    server.raw().check("PING", "+PONG");
}

#[test]
fn a_client_library_authenticates_and_selects() {
    let server = TestServer::start_with(&[("requirepass", "\"pass word\"")]);
    for query in ["", "?protocol=resp3"] {
        let url = format!("redis://:pass%20word@127.0.0.1:{}/3{query}", server.port());
        let mut client = redis::Client::open(url).unwrap().get_connection().unwrap();
        let _: () = client.set("k", "v").unwrap();
        let info: String = redis::cmd("CLIENT").arg("INFO").query(&mut client).unwrap();
        assert!(info.contains(" db=3 "), "{info}");
        assert!(
            info.contains(" lib-name=redis-rs") || !server.kind().at_least(7, 2),
            "{info}"
        );
    }
    let wrong = format!("redis://:wrong@127.0.0.1:{}/", server.port());
    assert!(
        redis::Client::open(wrong)
            .unwrap()
            .get_connection()
            .is_err()
    );
}

#[test]
fn connections_are_counted() {
    let server = TestServer::start();
    let number = |field: &str| server.info(field).parse::<i64>().unwrap();
    let before = number("total_connections_received");
    let held: Vec<RawClient> = (0..10)
        .map(|_| {
            let mut client = server.raw();
            client.check("PING", "+PONG");
            client
        })
        .collect();
    assert_eq!(number("total_connections_received"), before + 11);
    assert!(number("connected_clients") >= 11);
    assert_eq!(number("maxclients"), 10_000);
    drop(held);
    // The one that asks is counted as well.
    wait_until("they are gone", || number("connected_clients") == 1);
}

#[test]
fn databases_belong_to_the_connection() {
    let server = TestServer::start();
    let mut clients: Vec<RawClient> = (0..16).map(|_| server.raw()).collect();
    for (number, client) in clients.iter_mut().enumerate() {
        client.check(&format!("SELECT {number}"), "+OK");
        client.check(&format!("SET k {number}"), "+OK");
    }
    for (number, client) in clients.iter_mut().enumerate() {
        assert_eq!(
            client.run("GET k"),
            Value::Bulk(number.to_string().into_bytes())
        );
    }
}
