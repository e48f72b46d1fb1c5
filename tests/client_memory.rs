//! What clients take, and what they leave in keys: `maxmemory-clients`, `CLIENT NO-EVICT`, `CLIENT NO-TOUCH`.

use harness::{RawClient, ServerKind, TestServer, encode_command, wait_until};

const MIB: usize = 1 << 20;

/// Asks for a value of 5 MiB so often, and does not read the replies.
fn ask_for_much(client: &mut RawClient, times: usize) {
    let requests = encode_command(&["GET", "big"]).repeat(times);
    client.send_bytes(requests);
}

fn evicted_clients(server: &TestServer) -> u64 {
    server.info("evicted_clients").parse().expect("a number")
}

#[test]
fn who_takes_the_most_is_disconnected_when_all_take_too_much() {
    let server = TestServer::start_with(&[("maxmemory-clients", "60mb")]);
    let mut client = server.raw();
    client.call(&["SET", "big", &"x".repeat(5 * MIB)]);
    let mut protected = server.raw();
    protected.check("CLIENT NO-EVICT ON", "+OK");
    ask_for_much(&mut protected, 8);
    let mut small = server.raw();
    ask_for_much(&mut small, 4);
    wait_until("replies wait", || {
        let list = client.run("CLIENT LIST").text().to_owned();
        list.lines()
            .filter(|line| !line.contains(" omem=0 "))
            .count()
            == 2
    });
    assert_eq!(evicted_clients(&server), 0);
    let mut large = server.raw();
    ask_for_much(&mut large, 10);
    wait_until("a client is evicted", || evicted_clients(&server) > 0);
    // It goes though it would read now; the others get all that they have asked for.
    large.read_to_close();
    for _ in 0..8 {
        assert_eq!(protected.read().bytes().len(), 5 * MIB);
    }
    if evicted_clients(&server) == 1 {
        for _ in 0..4 {
            assert_eq!(small.read().bytes().len(), 5 * MIB);
        }
    }
    client.check("PING", "+PONG");
    client.check("CONFIG SET maxmemory-clients 0", "+OK");
}

/// A field of a client's line in CLIENT LIST; `None` if the client is not there.
fn listed(client: &mut RawClient, id: i64, field: &str) -> Option<u64> {
    let list = client.run("CLIENT LIST").text().to_owned();
    let prefix = format!("id={id} ");
    let line = list.lines().find(|line| line.starts_with(&prefix))?;
    let pairs = line.split(' ').filter_map(|pair| pair.split_once('='));
    let value = pairs.into_iter().find(|(name, _)| *name == field)?.1;
    value.parse().ok()
}

/// A client that has sent the beginning of a SET of 4 MiB, 3 MiB of it; the client and its id.
fn unfinished_set(server: &TestServer, watcher: &mut RawClient) -> (RawClient, i64) {
    let mut client = server.raw();
    let id = client.call(&["CLIENT", "ID"]).integer();
    let request = encode_command(&["SET", "k", &"x".repeat(4 * MIB)]);
    client.send_bytes(&request[..3 * MIB]);
    wait_until("it has all arrived", || {
        listed(watcher, id, "tot-mem") >= Some(3 * MIB as u64)
    });
    (client, id)
}

#[test]
fn a_lower_limit_disconnects_clients_that_do_nothing() {
    let server = TestServer::start_with(&[("maxmemory", "1000mb")]);
    let mut client = server.raw();
    for lower in [
        "CONFIG SET maxmemory-clients 2mb",
        "CONFIG SET maxmemory 20mb",
    ] {
        client.check("CONFIG SET maxmemory-clients 10%", "+OK");
        let before = evicted_clients(&server);
        let (mut large, _) = unfinished_set(&server, &mut client);
        assert_eq!(evicted_clients(&server), before);
        client.check(lower, "+OK");
        large.expect_close();
        assert_eq!(evicted_clients(&server), before + 1, "after {lower}");
    }
}

#[test]
fn who_is_no_longer_protected_is_disconnected() {
    // Redis does not count the names of watched keys.
    if !ServerKind::of_binary().is_nuthatch() {
        return;
    }
    let server = TestServer::start();
    let mut client = server.raw();
    // What the other one takes is above the limit by itself, so this one would have to go.
    client.check("CLIENT NO-EVICT ON", "+OK");
    let mut protected = server.raw();
    protected.check("CLIENT NO-EVICT ON", "+OK");
    let keys = [b'a', b'b', b'c'].map(|letter| vec![letter; MIB]);
    protected.send(&[b"WATCH".as_slice(), &keys[0], &keys[1], &keys[2]]);
    protected.expect_reply("+OK");
    client.check("CONFIG SET maxmemory-clients 2mb", "+OK");
    protected.check("PING", "+PONG");
    protected.send(&["CLIENT", "NO-EVICT", "OFF"]);
    protected.read_to_close();
    let stats = client.run("INFO stats").text().to_owned();
    assert!(stats.contains("evicted_clients:1\r\n"), "{stats}");
}

#[test]
fn what_has_been_sent_of_a_long_string_is_given_back_when_its_key_goes() {
    const READERS: usize = 30;
    let server = TestServer::start();
    let mut client = server.raw();
    let value = "x".repeat(4 * MIB);
    let before = server.rss_bytes();
    let mut readers = Vec::new();
    for number in 0..READERS {
        let key = format!("v{number}");
        client.call(&["SET", &key, &value]);
        let mut reader = server.raw();
        let id = reader.call(&["CLIENT", "ID"]).integer();
        reader.send(&["GET", &key]);
        readers.push((reader, id));
    }
    // What the sockets have not taken: some take all.
    let waiting = |client: &mut RawClient| -> u64 {
        let of = |(_, id): &(RawClient, i64)| listed(client, *id, "omem").expect("it is there");
        readers.iter().map(of).sum()
    };
    wait_until("every reader's command has run", || {
        let list = client.run("CLIENT LIST").text().to_owned();
        list.matches("cmd=get ").count() == READERS
    });
    client.check("FLUSHALL", "+OK");
    wait_until("only what waits is kept", || {
        let waiting = waiting(&mut client);
        server.rss_bytes() < before + waiting + 32 * MIB as u64
    });
    for (reader, _) in &mut readers {
        assert_eq!(reader.read().bytes().len(), value.len());
    }
}

#[test]
fn a_client_may_read_keys_without_leaving_a_trace() {
    let server = TestServer::start_with(&[
        ("maxmemory", "100mb"),
        ("maxmemory-policy", "allkeys-lfu"),
        ("lfu-log-factor", "0"),
    ]);
    if !server.kind().at_least(7, 2) {
        return;
    }
    let (mut quiet, mut other) = (server.raw(), server.raw());
    other.check("SET k v", "+OK");
    other.check("RPUSH l a b", ":2");
    other.check("GET k", "\"v\"");
    other.check("OBJECT FREQ k", ":6");
    quiet.check("CLIENT NO-TOUCH ON", "+OK");
    quiet.check("GET k", "\"v\"");
    quiet.check("MGET k nosuch k", "[\"v\", $nil, \"v\"]");
    quiet.check("LRANGE l 0 -1", "[\"a\", \"b\"]");
    quiet.check("MULTI", "+OK");
    quiet.check("GET k", "+QUEUED");
    quiet.check("EXEC", "[\"v\"]");
    other.check("OBJECT FREQ k", ":6");
    other.check("OBJECT FREQ l", ":5");
    // That is what TOUCH is for.
    quiet.check("TOUCH k", ":1");
    other.check("OBJECT FREQ k", ":7");
    quiet.check("CLIENT NO-TOUCH OFF", "+OK");
    quiet.check("GET k", "\"v\"");
    other.check("OBJECT FREQ k", ":8");
}
