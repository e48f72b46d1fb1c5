//! What the log of effects carries, and that it suffices to make the same data again.

mod harness;

use std::io::Read;

use harness::{TestClient, TestServer, request};
use nuthatch_server::config::Permission;
use storage::log::{Cursor, Readiness};

/// Reads until the stream holds the marker that was published last; returns the commands before it.
fn read_to_marker(cursor: &mut Cursor) -> Vec<Vec<String>> {
    let mut bytes = Vec::new();
    loop {
        while let Some(piece) = cursor.read() {
            bytes.extend_from_slice(&piece);
        }
        let commands = parse(&bytes);
        if commands
            .last()
            .is_some_and(|last| last.iter().any(|arg| arg == "the-marker"))
        {
            return commands[..commands.len() - 1].to_vec();
        }
        assert!(cursor.wait() != Readiness::Ended, "the log ended");
    }
}

fn parse(mut bytes: &[u8]) -> Vec<Vec<String>> {
    let mut commands = Vec::new();
    let (mut parser, mut spans) = (protocol::RequestParser::default(), Vec::new());
    loop {
        spans.clear();
        match parser
            .parse(bytes, &protocol::Limits::default(), &mut spans)
            .unwrap()
        {
            protocol::Progress::Complete { consumed } => {
                let args = spans
                    .iter()
                    .map(|span| String::from_utf8_lossy(span.of(bytes)).into_owned());
                commands.push(args.collect());
                bytes = &bytes[consumed..];
            }
            _ => return commands,
        }
    }
}

/// Sends commands given as lines of words.
fn run(client: &mut TestClient, lines: &[&str]) {
    let mut end = b":0\r\n".to_vec();
    for line in lines {
        let words: Vec<&str> = line.split(' ').collect();
        client.send(request(&words));
    }
    client.send(request(&["PUBLISH", "end", "the-marker"]));
    // Replies are other tests' business; the marker's is the last.
    let mut got = Vec::new();
    let mut byte = [0];
    end.insert(0, b'\n');
    while !(got.ends_with(&end) && count_replies(&got) > lines.len()) {
        client.stream.read_exact(&mut byte).unwrap();
        got.push(byte[0]);
    }
}

/// Whole replies in `bytes`; nested ones count with their array.
fn count_replies(bytes: &[u8]) -> usize {
    fn skip(bytes: &[u8], at: usize) -> Option<usize> {
        let end = at + bytes.get(at..)?.iter().position(|&byte| byte == b'\n')? + 1;
        let line = std::str::from_utf8(&bytes[at + 1..end - 2]).unwrap_or_default();
        match bytes[at] {
            b'$' if line == "-1" => Some(end),
            b'$' => Some(end + line.parse::<usize>().ok()? + 2).filter(|&end| end <= bytes.len()),
            b'*' if line == "-1" => Some(end),
            b'*' => (0..line.parse::<usize>().ok()?).try_fold(end, |at, _| skip(bytes, at)),
            _ => Some(end),
        }
    }
    let (mut at, mut count) = (0, 0);
    while at < bytes.len() {
        match skip(bytes, at) {
            Some(next) => at = next,
            None => break,
        }
        count += 1;
    }
    count
}

#[test]
fn commands_are_logged_as_their_effects() {
    // What is sent, and what the stream carries; `#` stands for an instant.
    let cases: &[(&[&str], &[&str])] = &[
        (&["SET k v"], &["SELECT 0", "SET k v"]),
        (&["set k v EX 100"], &["SELECT 0", "SET k v PXAT #"]),
        (&["SET k v PX 100000"], &["SELECT 0", "SET k v PXAT #"]),
        (&["SETEX k 100 v"], &["SELECT 0", "SET k v PXAT #"]),
        (
            &["SET k v XX", "GET k", "DEL k", "EXPIRE k 10", "APPEND"],
            &[],
        ),
        (
            &["SET k 1", "INCR k", "GETDEL k"],
            &["SELECT 0", "SET k 1", "INCR k", "DEL k"],
        ),
        (
            &["SET k v", "EXPIRE k 100"],
            &["SELECT 0", "SET k v", "PEXPIREAT k #"],
        ),
        (
            &["SET k v", "EXPIRE k -1"],
            &["SELECT 0", "SET k v", "DEL k"],
        ),
        (
            &["SET k v", "GETEX k EX 100", "GETEX k PERSIST"],
            &["SELECT 0", "SET k v", "PEXPIREAT k #", "PERSIST k"],
        ),
        (
            &["SET k 1", "INCRBYFLOAT k 0.5"],
            &["SELECT 0", "SET k 1", "SET k 1.5 KEEPTTL"],
        ),
        (
            &["MULTI", "SET a 1", "GET a", "SET b 2", "EXEC"],
            &["SELECT 0", "MULTI", "SET a 1", "SET b 2", "EXEC"],
        ),
        (&["MULTI", "SET a 1", "EXEC"], &["SELECT 0", "SET a 1"]),
        (&["MULTI", "GET a", "EXEC"], &[]),
        (
            &["SET a 1", "SELECT 3", "SET a 2", "MOVE a 4", "SWAPDB 4 5"],
            &[
                "SELECT 0",
                "SET a 1",
                "SELECT 3",
                "SET a 2",
                "MOVE a 4",
                "SWAPDB 4 5",
            ],
        ),
        (
            &["MULTI", "SET a 1", "SELECT 2", "SET b 1", "EXEC"],
            &[
                "SELECT 0", "MULTI", "SET a 1", "SELECT 2", "SET b 1", "EXEC",
            ],
        ),
        (&["PUBLISH c m"], &["PUBLISH c m"]),
        (
            &["RPUSH l a b c d", "LPUSH l z", "LPUSHX m a", "RPUSHX l e"],
            &["SELECT 0", "RPUSH l a b c d", "LPUSH l z", "RPUSHX l e"],
        ),
        (
            &[
                "RPUSH l a b c d e f",
                "LPOP l",
                "RPOP l 2",
                "LPOP l 0",
                "LPOP m",
                "LMPOP 2 m l RIGHT COUNT 2",
                "LMPOP 1 l LEFT",
                "LMPOP 1 l LEFT",
            ],
            &[
                "SELECT 0",
                "RPUSH l a b c d e f",
                "LPOP l",
                "RPOP l 2",
                "RPOP l 2",
                "LPOP l 1",
            ],
        ),
        (
            &[
                "RPUSH l a b c",
                "LSET l 0 x",
                "LSET l 9 x",
                "LINSERT l BEFORE b y",
                "LINSERT l BEFORE nope y",
                "LREM l 0 y",
                "LREM l 0 y",
                "LTRIM l 0 1",
                "LTRIM l 0 1",
                "LINDEX l 0",
            ],
            &[
                "SELECT 0",
                "RPUSH l a b c",
                "LSET l 0 x",
                "LINSERT l BEFORE b y",
                "LREM l 0 y",
                "LTRIM l 0 1",
            ],
        ),
        (
            &[
                "RPUSH l a b",
                "LMOVE l m LEFT RIGHT",
                "RPOPLPUSH m m",
                "RPOPLPUSH nope m",
            ],
            &[
                "SELECT 0",
                "RPUSH l a b",
                "LMOVE l m LEFT RIGHT",
                "RPOPLPUSH m m",
            ],
        ),
        (
            &["MSET a 1 b 2", "RENAME a c", "COPY b d", "FLUSHALL"],
            &[
                "SELECT 0",
                "MSET a 1 b 2",
                "RENAME a c",
                "COPY b d",
                "FLUSHALL",
            ],
        ),
        // Only what changes a HyperLogLog, be it the count that it keeps.
        (
            &[
                "PFADD h a",
                "PFADD h a",
                "PFCOUNT h",
                "PFCOUNT h",
                "PFCOUNT h none",
                "PFMERGE h i",
                "PFMERGE i h",
                "PFDEBUG TODENSE h",
                "PFDEBUG TODENSE h",
                "PFADD h",
                "PFCOUNT none",
            ],
            &[
                "SELECT 0",
                "PFADD h a",
                "PFCOUNT h",
                "PFMERGE h i",
                "PFMERGE i h",
                "PFDEBUG TODENSE h",
            ],
        ),
        // Places go out as scores; what a search stores is found again by whoever hears of it.
        (
            &[
                "GEOADD g 13.361389 38.115556 Palermo 15.087269 37.502669 Catania",
                "GEOADD g NX 1 1 Palermo",
                "GEOADD g NX CH 1 1 Palermo 2.35 48.85 Paris",
                "GEOADD g XX 2.35 48.85 Paris 1 1 Nowhere",
                "GEOADD g CH 0 0 Paris",
                "GEOADD g 200 1 Paris",
                "GEOSEARCH g FROMLONLAT 15 37 BYRADIUS 200 km",
                "GEOSEARCHSTORE d g FROMLONLAT 15 37 BYRADIUS 200 km STOREDIST",
                "GEORADIUS g 15 37 200 km STORE d",
                "GEORADIUS g 15 37 200 km",
                "GEORADIUSBYMEMBER g Palermo 1 km STOREDIST d",
                "GEORADIUSBYMEMBER g Palermo 1 km",
                "GEORADIUS g 50 50 1 km STORE d",
                "GEORADIUS g 50 50 1 km STORE d",
                "GEOSEARCHSTORE d none FROMLONLAT 15 37 BYRADIUS 200 km",
                "GEOPOS g Palermo",
            ],
            &[
                "SELECT 0",
                "ZADD g 3479099956230698 Palermo 3479447370796909 Catania",
                "ZADD g NX CH 3377822707026402 Palermo 3663832751688490 Paris",
                "ZADD g CH 3377699720527872 Paris",
                "GEOSEARCHSTORE d g FROMLONLAT 15 37 BYRADIUS 200 km STOREDIST",
                "GEORADIUS g 15 37 200 km STORE d",
                "GEORADIUSBYMEMBER g Palermo 1 km STOREDIST d",
                "GEORADIUS g 50 50 1 km STORE d",
            ],
        ),
    ];
    for (sent, expected) in cases {
        let server = TestServer::start();
        let mut cursor = server.running().start_log().unwrap();
        run(&mut server.client(), sent);
        let commands = read_to_marker(&mut cursor);
        let shown: Vec<String> = commands
            .iter()
            .map(|args| {
                let is_instant =
                    |arg: &String| arg.len() == 13 && arg.bytes().all(|byte| byte.is_ascii_digit());
                let words = args
                    .iter()
                    .map(|arg| if is_instant(arg) { "#" } else { arg });
                words.collect::<Vec<_>>().join(" ")
            })
            .collect();
        assert!(
            shown.len() == expected.len()
                && shown
                    .iter()
                    .zip(*expected)
                    .all(|(a, b)| a.eq_ignore_ascii_case(b)),
            "{sent:?}\n gave {shown:?}\n not  {expected:?}"
        );
        drop(cursor);
        server.running().stop_log();
    }
}

#[test]
fn an_expired_key_is_deleted_in_the_log_before_what_replaces_it() {
    let server = TestServer::start();
    let mut cursor = server.running().start_log().unwrap();
    let mut client = server.client();
    run(&mut client, &["SET k v PX 1"]);
    assert_eq!(read_to_marker(&mut cursor).len(), 2);
    harness::wait_until("the key is gone", || {
        client.send(request(&["EXISTS", "k"]));
        let mut reply = [0; 4];
        client.stream.read_exact(&mut reply).unwrap();
        reply == *b":0\r\n"
    });
    run(&mut client, &["SET k w"]);
    let commands = read_to_marker(&mut cursor);
    assert_eq!(
        commands,
        [["DEL", "k", ""], ["SET", "k", "w"]].map(|args| {
            args.iter()
                .filter(|arg| !arg.is_empty())
                .map(ToString::to_string)
                .collect::<Vec<_>>()
        })
    );
    drop(cursor);
    server.running().stop_log();
}

#[test]
fn a_command_that_fails_logs_the_expired_key_it_has_removed() {
    let server = TestServer::start_with(|config| {
        config.enable_debug_command = Permission::Yes;
    });
    let mut cursor = server.running().start_log().unwrap();
    let mut client = server.client();
    client.call(&["DEBUG", "SET-ACTIVE-EXPIRE", "0"], "+OK\r\n");
    run(&mut client, &["SET k v PX 1"]);
    assert_eq!(read_to_marker(&mut cursor).len(), 2);
    client.call(&["DEBUG", "SLEEP", "0.01"], "+OK\r\n");
    client.call(&["RENAME", "k", "l"], "-ERR no such key\r\n");
    run(&mut client, &["GET k"]);
    let commands = read_to_marker(&mut cursor);
    assert_eq!(commands.last().unwrap(), &["DEL", "k"]);
    drop(cursor);
    server.running().stop_log();
}
