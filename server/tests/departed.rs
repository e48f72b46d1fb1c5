//! Long commands of clients that have gone meanwhile, or have said all they have to say.

mod harness;

use std::io::Write;
use std::os::unix::net::UnixStream;

use harness::{TestClient, TestServer, request, wait_until};

/// The letters `a` and `b` in an order that says little about what comes next.
fn letters(count: usize, mut seed: u32) -> String {
    let mut next = || {
        seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        if seed >> 31 == 0 { 'a' } else { 'b' }
    };
    (0..count).map(|_| next()).collect()
}

/// Two strings with which `LCS` takes its time.
fn set_strings(client: &mut TestClient, count: usize) {
    client.call(&["SET", "one", &letters(count, 1)], "+OK\r\n");
    client.call(&["SET", "other", &letters(count, 2)], "+OK\r\n");
}

/// So long that nobody waits for the end.
const VERY_LONG: usize = 1_000_000;

/// Above the table that `LCS` would need in Redis, which it is refused for.
const LCS_BYTES_MAX: u64 = 1 << 50;

fn clients(asking: &mut TestClient) -> String {
    asking.send(request(&["CLIENT", "LIST"]));
    asking.read_bulk()
}

/// A server that has a unix socket, and where.
fn unix_server(name: &str) -> (TestServer, std::path::PathBuf) {
    let name = format!("nuthatch-{name}-{}.sock", std::process::id());
    let path = std::env::temp_dir().join(name);
    let text = path.to_str().unwrap().to_owned();
    let server = TestServer::start_with(|config| {
        config.unixsocket = text;
        config.proto_max_bulk_len_bytes = LCS_BYTES_MAX;
    });
    (server, path)
}

#[test]
fn what_is_computed_for_a_reset_connection_ends_with_it() {
    let server = TestServer::start_with(|config| config.proto_max_bulk_len_bytes = LCS_BYTES_MAX);
    let mut other = server.client();
    set_strings(&mut other, VERY_LONG);
    let mut client = server.client();
    // A connection that is closed while something is unread is reset.
    client.send([request(&["PING"]), request(&["LCS", "one", "other", "LEN"])].concat());
    let mut byte = [0];
    client.stream.peek(&mut byte).unwrap();
    wait_until("it is under way", || {
        clients(&mut other).contains("cmd=lcs")
    });
    drop(client);
    wait_until("nobody works on it", || {
        !clients(&mut other).contains("cmd=lcs")
    });
}

#[test]
fn what_is_computed_for_a_closed_unix_socket_ends_with_it() {
    let (server, path) = unix_server("departed");
    let mut other = server.client();
    set_strings(&mut other, VERY_LONG);
    let mut streams: Vec<_> = (0..8)
        .map(|_| UnixStream::connect(&path).unwrap())
        .collect();
    for stream in &mut streams {
        stream
            .write_all(&request(&["LCS", "one", "other", "LEN"]))
            .unwrap();
    }
    wait_until("all are under way", || {
        clients(&mut other).matches("cmd=lcs").count() == 8
    });
    drop(streams);
    wait_until("nobody works on them", || {
        !clients(&mut other).contains("cmd=lcs")
    });
}

#[test]
fn what_is_to_be_stored_is_stored_though_nobody_waits_for_it() {
    let (server, path) = unix_server("stored");
    let mut other = server.client();
    for from in (0..20_000).step_by(1_000) {
        let members: Vec<String> = (from..from + 1_000).map(|n| format!("m{n}")).collect();
        let mut add = vec!["SADD", "set"];
        add.extend(members.iter().map(String::as_str));
        other.call(&add, ":1000\r\n");
    }
    let mut stream = UnixStream::connect(&path).unwrap();
    stream
        .write_all(&request(&["SUNIONSTORE", "union", "set", "none"]))
        .unwrap();
    drop(stream);
    let mut stream = UnixStream::connect(&path).unwrap();
    stream
        .write_all(&request(&["SORT", "set", "ALPHA", "STORE", "sorted"]))
        .unwrap();
    drop(stream);
    wait_until("it is stored", || {
        other.send(request(&["EXISTS", "union", "sorted"]));
        let mut reply = [0; 4];
        std::io::Read::read_exact(&mut other.stream, &mut reply).unwrap();
        reply == *b":2\r\n"
    });
}

#[test]
fn a_client_that_has_only_stopped_sending_gets_the_replies_of_long_commands() {
    let (server, path) = unix_server("half");
    let mut other = server.client();
    set_strings(&mut other, 5_000);
    other.send(request(&["LCS", "one", "other", "LEN"]));
    let mut len = String::new();
    while !len.ends_with("\r\n") {
        let mut byte = [0];
        std::io::Read::read_exact(&mut other.stream, &mut byte).unwrap();
        len.push(char::from(byte[0]));
    }
    let pipeline = [
        request(&["LCS", "one", "other", "LEN"]).repeat(2),
        request(&["PING"]),
    ]
    .concat();
    let expected = format!("{len}{len}+PONG\r\n");
    let mut client = server.client();
    client.send(&pipeline);
    client.close_write();
    client.expect(&expected);
    client.expect_end();
    let mut stream = UnixStream::connect(&path).unwrap();
    stream.write_all(&pipeline).unwrap();
    stream.shutdown(std::net::Shutdown::Write).unwrap();
    let mut replies = String::new();
    std::io::Read::read_to_string(&mut stream, &mut replies).unwrap();
    assert_eq!(replies, expected);
}
