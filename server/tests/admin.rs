//! What operators do to a running server: settings that take effect, figures, DEBUG.

mod harness;

use std::io::{BufRead, BufReader, Read};

use harness::{TestClient, TestServer, request, wait_until};
use nuthatch_server::config::Permission;

fn debug_server() -> TestServer {
    TestServer::start_with(|config| config.enable_debug_command = Permission::Yes)
}

/// Sends a request whose reply is a bulk string.
#[track_caller]
fn text(client: &mut TestClient, args: &[&str]) -> String {
    client.send(request(args));
    let mut reader = BufReader::with_capacity(1, &client.stream);
    let mut line = String::new();
    reader.read_line(&mut line).unwrap();
    let len: usize = line
        .trim_end()
        .strip_prefix('$')
        .and_then(|len| len.parse().ok())
        .expect(&line);
    let mut bytes = vec![0; len + 2];
    reader.read_exact(&mut bytes).unwrap();
    bytes.truncate(len);
    String::from_utf8(bytes).unwrap()
}

/// One field of `INFO`.
#[track_caller]
fn info(client: &mut TestClient, field: &str) -> String {
    let report = text(client, &["INFO", "everything"]);
    let found = report
        .lines()
        .find_map(|line| line.strip_prefix(field)?.strip_prefix(':'));
    found
        .unwrap_or_else(|| panic!("no {field} in {report}"))
        .to_owned()
}

#[test]
fn the_next_command_of_a_pipeline_obeys_a_new_setting() {
    let server = TestServer::start();
    let mut client = server.client();
    client.call(
        &["CONFIG", "SET", "slowlog-log-slower-than", "-1"],
        "+OK\r\n",
    );
    client.call(&["SLOWLOG", "RESET"], "+OK\r\n");
    let pipeline = [
        request(&["CONFIG", "SET", "slowlog-log-slower-than", "0"]),
        request(&["PING"]),
        request(&["CONFIG", "SET", "slowlog-log-slower-than", "-1"]),
        request(&["CONFIG", "GET", "slowlog-log-slower-than"]),
        request(&["SLOWLOG", "LEN"]),
    ];
    client.send(pipeline.concat());
    client.expect(
        "+OK\r\n+PONG\r\n+OK\r\n*2\r\n$23\r\nslowlog-log-slower-than\r\n$2\r\n-1\r\n:2\r\n",
    );
}

#[test]
fn a_new_memory_limit_counts_from_the_next_command_on() {
    let server = TestServer::start();
    let mut client = server.client();
    client.call(&["SET", "a", "1"], "+OK\r\n");
    client.call(&["CONFIG", "SET", "maxmemory", "1"], "+OK\r\n");
    let refused = "-OOM command not allowed when used memory > 'maxmemory'.\r\n";
    client.call(&["SET", "b", "1"], refused);
    server.client().call(&["SET", "b", "1"], refused);
    client.call(&["CONFIG", "SET", "maxmemory", "0"], "+OK\r\n");
    client.call(&["SET", "b", "1"], "+OK\r\n");
}

#[test]
fn a_refused_setting_changes_none() {
    let server = TestServer::start();
    let mut client = server.client();
    client.call(
        &["CONFIG", "SET", "timeout", "7", "maxmemory-policy", "nonsense"],
        "-ERR CONFIG SET failed (possibly related to argument 'maxmemory-policy') - argument(s) must be one of the \
         following: volatile-lru, volatile-lfu, volatile-random, volatile-ttl, allkeys-lru, allkeys-lfu, \
         allkeys-random, noeviction, allkeys-s3fifo, volatile-s3fifo, allkeys-fifo, volatile-fifo\r\n",
    );
    client.call(
        &["CONFIG", "GET", "timeout"],
        "*2\r\n$7\r\ntimeout\r\n$1\r\n0\r\n",
    );
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port().to_string();
    client.call(
        &["CONFIG", "SET", "timeout", "7", "port", &port],
        "-ERR CONFIG SET failed (possibly related to argument 'port') - Unable to listen on this port. Check server \
         logs.\r\n",
    );
    client.call(
        &["CONFIG", "GET", "timeout"],
        "*2\r\n$7\r\ntimeout\r\n$1\r\n0\r\n",
    );
    server.client().call(&["PING"], "+PONG\r\n");
}

#[test]
fn memory_of_data_is_known_to_the_key() {
    let server = TestServer::start();
    let mut client = server.client();
    let mut last: u64 = info(&mut client, "used_memory_dataset").parse().unwrap();
    for number in 0..20 {
        client.call(
            &["SET", &format!("key:{number}"), &"x".repeat(100)],
            "+OK\r\n",
        );
        let used: u64 = info(&mut client, "used_memory_dataset").parse().unwrap();
        assert!(used >= last + 100, "{last} and then {used}");
        last = used;
    }
    assert!(info(&mut client, "db0").starts_with("keys=20,expires=0,"));
}

#[test]
fn figures_count_what_was_done_until_they_are_reset() {
    let server = TestServer::start();
    let mut client = server.client();
    client.call(&["SET", "k", "v"], "+OK\r\n");
    client.call(&["GET", "k"], "$1\r\nv\r\n");
    client.call(&["GET", "missing"], "$-1\r\n");
    client.call(
        &["INCR", "k"],
        "-ERR value is not an integer or out of range\r\n",
    );
    client.call(
        &["GET"],
        "-ERR wrong number of arguments for 'get' command\r\n",
    );
    let report = text(
        &mut client,
        &["INFO", "stats", "commandstats", "errorstats"],
    );
    for line in [
        "keyspace_hits:1",
        "keyspace_misses:1",
        "total_error_replies:2",
        "errorstat_ERR:count=2",
    ] {
        assert!(
            report.lines().any(|found| found == line),
            "no {line} in {report}"
        );
    }
    let ends = [
        ("cmdstat_get:calls=2,", "rejected_calls=1,failed_calls=0"),
        ("cmdstat_incr:calls=1,", "failed_calls=1"),
    ];
    for (start, end) in ends {
        let found = report
            .lines()
            .any(|line| line.starts_with(start) && line.ends_with(end));
        assert!(found, "no {start}…{end} in {report}");
    }
    client.call(&["CONFIG", "RESETSTAT"], "+OK\r\n");
    assert_eq!(info(&mut client, "keyspace_hits"), "0");
    assert_eq!(info(&mut client, "total_error_replies"), "0");
    assert!(!text(&mut client, &["INFO", "commandstats"]).contains("cmdstat_get"));
}

#[test]
fn sections_are_shown_once_and_in_their_order() {
    let server = TestServer::start();
    let mut client = server.client();
    let titles = |client: &mut TestClient, args: &[&str]| -> Vec<String> {
        let report = text(client, args);
        report
            .lines()
            .filter_map(|line| line.strip_prefix("# "))
            .map(str::to_owned)
            .collect()
    };
    assert_eq!(
        titles(&mut client, &["INFO", "keyspace", "CPU", "cpu"]),
        ["CPU", "Keyspace"]
    );
    assert!(titles(&mut client, &["INFO", "nosuch"]).is_empty());
    let default = titles(&mut client, &["INFO"]);
    assert!(!default.contains(&"Commandstats".to_owned()));
    assert_eq!(default, titles(&mut client, &["INFO", "default"]));
    assert_eq!(
        titles(&mut client, &["INFO", "all"]).len(),
        default.len() + 2
    );
}

#[test]
fn without_active_expiry_a_key_stays_until_it_is_looked_at() {
    let server = debug_server();
    let mut client = server.client();
    client.call(&["DEBUG", "SET-ACTIVE-EXPIRE", "0"], "+OK\r\n");
    client.call(&["SET", "k", "v", "PX", "20"], "+OK\r\n");
    client.call(&["SET", "l", "v", "PX", "20"], "+OK\r\n");
    // The second is only looked at once it has expired, and that removes it; the first is still counted then.
    wait_until("the second key has expired", || {
        client.send(request(&["GET", "l"]));
        let mut start = [0; 5];
        client.stream.read_exact(&mut start).unwrap();
        if &start == b"$1\r\nv" {
            client.expect("\r\n");
        }
        &start == b"$-1\r\n"
    });
    client.call(&["DBSIZE"], ":1\r\n");
    client.call(&["DEBUG", "SET-ACTIVE-EXPIRE", "1"], "+OK\r\n");
    wait_until("the first key is removed", || {
        info(&mut client, "expired_keys") == "2"
    });
    client.call(&["DBSIZE"], ":0\r\n");
}

#[test]
fn populate_makes_the_keys_that_are_missing() {
    let server = debug_server();
    let mut client = server.client();
    client.call(&["SET", "key:1", "mine"], "+OK\r\n");
    client.call(&["DEBUG", "POPULATE", "1000"], "+OK\r\n");
    client.call(&["DBSIZE"], ":1000\r\n");
    client.call(&["GET", "key:1"], "$4\r\nmine\r\n");
    client.call(&["GET", "key:999"], "$9\r\nvalue:999\r\n");
    client.call(&["DEBUG", "POPULATE", "2", "p", "10"], "+OK\r\n");
    client.call(&["GET", "p:1"], "$10\r\nvalue:1\0\0\0\r\n");
    client.call(&["MULTI"], "+OK\r\n");
    client.call(&["DEBUG", "POPULATE", "3", "q"], "+QUEUED\r\n");
    client.call(&["GET", "q:2"], "+QUEUED\r\n");
    client.call(&["EXEC"], "*2\r\n+OK\r\n$7\r\nvalue:2\r\n");
}

#[test]
fn equal_data_has_an_equal_digest() {
    let server = debug_server();
    let other = debug_server();
    let digest = |server: &TestServer| {
        let mut client = server.client();
        client.send(request(&["DEBUG", "DIGEST"]));
        let mut reply = [0; 43];
        client.stream.read_exact(&mut reply).unwrap();
        reply
    };
    assert_eq!(
        &digest(&server)[..],
        format!("+{}\r\n", "0".repeat(40)).as_bytes()
    );
    server
        .client()
        .call(&["DEBUG", "POPULATE", "100"], "+OK\r\n");
    other
        .client()
        .call(&["DEBUG", "POPULATE", "100"], "+OK\r\n");
    assert_eq!(digest(&server), digest(&other));
    other.client().call(&["SET", "key:7", "other"], "+OK\r\n");
    assert_ne!(digest(&server), digest(&other));
}

#[test]
fn a_panic_in_a_command_is_an_error_and_nothing_more() {
    let server = debug_server();
    let mut client = server.client();
    for _ in 0..3 {
        client.call(
            &["DEBUG", "PANIC"],
            "-ERR internal error while executing 'debug'\r\n",
        );
    }
    client.call(&["SET", "k", "v"], "+OK\r\n");
    server.client().call(&["GET", "k"], "$1\r\nv\r\n");
}

#[test]
fn debug_is_off_unless_it_is_allowed() {
    let server = TestServer::start();
    server.client().call(
        &["DEBUG", "SLEEP", "0"],
        "-ERR DEBUG command not allowed. If the enable-debug-command option is set to \"local\", you can run it from \
         a local connection, otherwise you need to set this option in the configuration file, and then restart the \
         server.\r\n",
    );
}

#[test]
fn a_save_that_cannot_be_keeps_the_server_up() {
    let server = TestServer::start();
    let mut client = server.client();
    client.call(
        &["SHUTDOWN", "SAVE"],
        "-ERR Errors trying to SHUTDOWN. Check logs.\r\n",
    );
    client.call(&["PING"], "+PONG\r\n");
    client.send(request(&["SHUTDOWN", "SAVE", "FORCE"]));
    client.expect_end();
}
