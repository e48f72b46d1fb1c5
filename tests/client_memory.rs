//! What clients take, and what they leave in keys: `maxmemory-clients`, `CLIENT NO-EVICT`, `CLIENT NO-TOUCH`.

use harness::{RawClient, TestServer, encode_command, wait_until};

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
