//! A panic at every step of commands and of what workers do for themselves: it costs the one who met it a reply, perhaps
//! the connection, and nobody else anything.

#![cfg(debug_assertions)]

mod harness;

use std::io::Read;
use std::time::Duration;

use harness::{TestClient, TestServer, request, wait_until};
use nuthatch_server::config::{Config, KeyspaceEvents, Permission};
use storage::log::{Cursor, Readiness};
use storage::{LockPlan, Unit, UnixMillis};

fn debug(config: &mut Config) {
    config.enable_debug_command = Permission::Yes;
    config.notify_keyspace_events = KeyspaceEvents::parse("KEA").unwrap();
}

/// Requests of one connection, as lines of words.
const SCRIPTS: &[&[&str]] = &[
    &["SET a 1", "GET a"],
    &["MSET a 1 b 2 c 3 d 4", "MGET a b c d"],
    &["GET gone", "GET a"],
    &["SET gone 1 XX", "INCR gone", "APPEND a more"],
    &["RENAME a z", "COPY z y", "DEL z y nothing"],
    &[
        "SETRANGE a 20000 tail",
        "SETBIT b 100000 1",
        "BITOP OR c a b",
    ],
    &["EXPIRE a -1", "GETEX b PX 100000", "PERSIST b"],
    &[
        "WATCH a gone b",
        "MULTI",
        "SET a 1",
        "PUBLISH c m",
        "INCR a",
        "DEL b",
        "EXEC",
        "GET a",
    ],
    &["WATCH a", "SET a 2", "MULTI", "SET a 1", "EXEC"],
    &["MULTI", "KEYS *", "FLUSHALL", "SET a 1", "EXEC"],
    &["MULTI", "PUBLISH c 1", "PUBLISH d 2", "EXEC"],
    &["KEYS *", "GET a"],
    &["DEBUG POPULATE 200 p", "DBSIZE"],
    &[
        "SUBSCRIBE c d",
        "PSUBSCRIBE c* d*",
        "UNSUBSCRIBE",
        "PUNSUBSCRIBE",
    ],
    &[
        "HELLO 3",
        "SUBSCRIBE c",
        "PUBLISH c own",
        "WATCH a",
        "RESET",
        "GET a",
    ],
    &["CLIENT PAUSE 1 WRITE", "SET a 1"],
    &["CLIENT REPLY OFF", "SET a 1", "CLIENT REPLY ON", "GET a"],
    &["FLUSHDB", "SWAPDB 0 1", "SWAPDB 0 1"],
    &["NO SUCH", "GET", "INCR word"],
];

#[test]
fn a_panic_at_any_step_of_a_command_harms_nobody_else() {
    let mut scene = Scene::new();
    for script in SCRIPTS {
        scene.learn_memory(script);
        let mut step = 1;
        while scene.play(script, step) {
            step += 1;
        }
        assert!(step > script.len() as u32, "{script:?} has steps");
    }
}

/// A server with its log on, and one that is fed with it.
struct Scene {
    server: TestServer,
    checker: TestClient,
    follower: TestServer,
    feed: TestClient,
    cursor: Cursor,
    used_bytes: Option<u64>,
}

impl Scene {
    fn new() -> Self {
        let (server, follower) = (TestServer::start_with(debug), TestServer::start_with(debug));
        let (mut checker, mut feed) = (server.client(), follower.client());
        checker.call(&["DEBUG", "SET-ACTIVE-EXPIRE", "0"], "+OK\r\n");
        feed.call(&["DEBUG", "SET-ACTIVE-EXPIRE", "0"], "+OK\r\n");
        feed.call(&["CLIENT", "REPLY", "ON"], "+OK\r\n");
        let cursor = server.running().start_log().unwrap();
        Self {
            server,
            checker,
            follower,
            feed,
            cursor,
            used_bytes: None,
        }
    }

    /// What is in use once the script has run without a panic and all its data is gone: empty tables and pages.
    fn learn_memory(&mut self, script: &[&str]) {
        self.used_bytes = None;
        assert!(self.play(script, 0));
        let mut last = u64::MAX;
        wait_until("the background has nothing to do", || {
            std::thread::sleep(Duration::from_millis(110));
            let now = self.used_bytes();
            std::mem::replace(&mut last, now) == now
        });
        self.used_bytes = Some(last);
    }

    /// Runs the script with a panic at this step; whether there was such a step.
    fn play(&mut self, script: &[&str], step: u32) -> bool {
        self.prepare();
        let history = self.replication_id();
        let mut client = self.server.client();
        self.server.running().panic_at_step(step);
        let words = |line: &&str| request(&line.split(' ').collect::<Vec<_>>());
        client.send(script.iter().flat_map(words).collect::<Vec<u8>>());
        // It may be closed already.
        let _ = client.stream.shutdown(std::net::Shutdown::Write);
        let mut replies = Vec::new();
        let ended = client.stream.read_to_end(&mut replies);
        let fired = self.server.running().panic_at_step(0) == 0;
        let what = || format!("{script:?}, step {step}: {}", replies.escape_ascii());
        // A close with requests unread resets the connection, and what was on its way may be lost.
        let errors =
            count_whole_replies(&replies, ended.is_err()).unwrap_or_else(|| panic!("{}", what()));
        assert!(errors <= usize::from(fired), "{}", what());
        self.check_log(&history, &what());
        self.check_locks();
        self.check_counters(&what());
        fired
    }

    fn prepare(&mut self) {
        self.checker
            .call(&["MSET", "a", "1", "b", "2", "word", "w"], "+OK\r\n");
        self.checker
            .call(&["SET", "gone", "g", "PX", "1"], "+OK\r\n");
        std::thread::sleep(Duration::from_millis(3));
    }

    fn replication_id(&mut self) -> String {
        let info = self.ask(&["INFO", "replication"]);
        let line = info.lines().find(|line| line.starts_with("master_replid:"));
        line.unwrap().to_owned()
    }

    fn ask(&mut self, args: &[&str]) -> String {
        ask(&mut self.checker, args)
    }

    /// What the log says makes the same data, unless it says itself that it does not.
    fn check_log(&mut self, history: &str, what: &str) {
        self.checker
            .call(&["PUBLISH", "end", "the-marker"], ":0\r\n");
        let mut stream = Vec::new();
        while !stream.ends_with(b"the-marker\r\n") {
            match self.cursor.read() {
                Some(piece) => stream.extend_from_slice(&piece),
                None => assert!(self.cursor.wait() == Readiness::Readable),
            }
        }
        self.feed.send(request(&["CLIENT", "REPLY", "OFF"]));
        self.feed.send(stream);
        self.feed.call(&["CLIENT", "REPLY", "ON"], "+OK\r\n");
        let has_diverged = self.replication_id() != history;
        if !has_diverged {
            let digest = self.ask(&["DEBUG", "DIGEST"]);
            assert_eq!(ask(&mut self.feed, &["DEBUG", "DIGEST"]), digest, "{what}");
        }
    }

    /// Every shard, the gate and every stripe can be had.
    fn check_locks(&mut self) {
        let pairs: Vec<String> = (0..200).map(|at| format!("k{at}")).collect();
        let mut mset = vec!["MSET"];
        pairs.iter().for_each(|key| mset.extend([key, "v"]));
        self.checker.call(&mset, "+OK\r\n");
        self.checker.call(&["FLUSHALL"], "+OK\r\n");
        self.server.running().cut(|_| ());
        let mut other = self.server.client();
        other.call(
            &["PSUBSCRIBE", "c*"],
            "*3\r\n$10\r\npsubscribe\r\n$2\r\nc*\r\n:1\r\n",
        );
        self.checker.call(&["PUBLISH", "c", "m"], ":1\r\n");
        other.expect("*4\r\n$8\r\npmessage\r\n$2\r\nc*\r\n$1\r\nc\r\n$1\r\nm\r\n");
    }

    /// Nothing is left of the connection that panicked, and of its data no byte.
    fn check_counters(&mut self, what: &str) {
        wait_until(&format!("others are gone: {what}"), || {
            self.ask(&["INFO", "clients"])
                .contains("connected_clients:1\r\n")
                && self
                    .ask(&["CLIENT", "LIST"])
                    .lines()
                    .filter(|line| line.starts_with("id="))
                    .count()
                    == 1
        });
        self.checker.call(&["PUBSUB", "CHANNELS"], "*0\r\n");
        self.checker.call(&["PUBSUB", "NUMPAT"], ":0\r\n");
        self.checker.call(&["MEMORY", "PURGE"], "+OK\r\n");
        if let Some(expected) = self.used_bytes {
            wait_until(&format!("memory is back at {expected}: {what}"), || {
                self.used_bytes() == expected
            });
        }
        let memory = self.server.running().keyspace().memory();
        wait_until(&format!("no data is left: {what}"), || {
            memory.dataset_bytes() == 0
        });
    }

    fn used_bytes(&self) -> u64 {
        let keyspace = self.server.running().keyspace();
        Unit::begin(keyspace, LockPlan::Exclusive, UnixMillis(0)).publish_memory();
        keyspace.memory().used_bytes()
    }
}

impl Drop for Scene {
    fn drop(&mut self) {
        self.follower.stop();
        self.server.stop();
    }
}

/// The one reply to a request, which is a bulk or a simple string.
fn ask(client: &mut TestClient, args: &[&str]) -> String {
    client.send(request(args));
    let mut got = Vec::new();
    let mut piece = [0; 4096];
    while skip(&got, 0).is_none_or(|end| end > got.len()) {
        let count = client.stream.read(&mut piece).unwrap();
        assert!(count > 0, "{args:?}: {}", got.escape_ascii());
        got.extend_from_slice(&piece[..count]);
    }
    String::from_utf8(got).unwrap()
}

/// How many of the replies tell of an internal error; `None` if there is half a reply and there should not be.
fn count_whole_replies(bytes: &[u8], may_be_cut: bool) -> Option<usize> {
    let (mut at, mut errors) = (0, 0);
    while at < bytes.len() {
        let Some(end) = skip(bytes, at).filter(|&end| end <= bytes.len()) else {
            return may_be_cut.then_some(errors);
        };
        errors += bytes[at..end]
            .windows(19)
            .filter(|text| text == b"-ERR internal error")
            .count();
        at = end;
    }
    Some(errors)
}

/// Where the reply at `at` ends.
fn skip(bytes: &[u8], at: usize) -> Option<usize> {
    let end = at
        + bytes
            .get(at..)?
            .windows(2)
            .position(|pair| pair == b"\r\n")?
        + 2;
    let number = || {
        std::str::from_utf8(&bytes[at + 1..end - 2])
            .ok()?
            .parse::<i64>()
            .ok()
    };
    match bytes[at] {
        b'$' | b'=' => Some(match number()? {
            ..0 => end,
            len => end + len as usize + 2,
        }),
        b'*' | b'>' => (0..number()?).try_fold(end, |at, _| skip(bytes, at)),
        b'%' => (0..2 * number()?).try_fold(end, |at, _| skip(bytes, at)),
        b'+' | b'-' | b':' | b'_' | b',' | b'#' => Some(end),
        _ => None,
    }
}

#[test]
fn a_panic_in_a_workers_own_work_ends_that_step_only() {
    let server = TestServer::start_with(|config| {
        debug(config);
        config.threads = 1;
    });
    let mut client = server.client();
    for step in 1..20 {
        client.call(&["SET", "k", "v", "PX", "1"], "+OK\r\n");
        server.running().panic_at_background_step(step);
        let mut other = server.client();
        // The step may have been the one that was to serve this connection.
        let _ = std::io::Write::write_all(&mut other.stream, b"SUBSCRIBE c\r\n");
        other
            .stream
            .set_read_timeout(Some(Duration::from_millis(200)))
            .unwrap();
        let _ = other.stream.read(&mut [0; 4]);
        client.send(request(&["PUBLISH", "c", "m"]));
        let mut reply = [0; 4];
        client.stream.read_exact(&mut reply).unwrap();
        wait_until("the key expires", || {
            client.send(request(&["DBSIZE"]));
            let mut reply = [0; 4];
            client.stream.read_exact(&mut reply).unwrap();
            reply == *b":0\r\n"
        });
    }
    server.running().panic_at_background_step(0);
    server.client().call(&["PING"], "+PONG\r\n");
}

#[test]
fn a_panic_in_a_storage_module_with_unsafe_code_ends_the_process() {
    const CHILD: &str = "NUTHATCH_TEST_ABORTS";
    if std::env::var_os(CHILD).is_some() {
        nuthatch_server::logging::init(&Config::default()).unwrap();
        let server = TestServer::start();
        let keyspace = server.running().keyspace();
        let key = keyspace.key(b"k");
        let undeclared = LockPlan::Read(key.hash.shard ^ 1);
        Unit::begin(keyspace, undeclared, UnixMillis(0)).find(0, &key);
        unreachable!("the unit has not declared the shard");
    }
    let child = std::process::Command::new(std::env::current_exe().unwrap())
        .args([
            "--exact",
            "a_panic_in_a_storage_module_with_unsafe_code_ends_the_process",
        ])
        .args(["--nocapture", "--test-threads=1"])
        .env(CHILD, "1")
        .output()
        .unwrap();
    let log = String::from_utf8_lossy(&child.stdout);
    let signal = std::os::unix::process::ExitStatusExt::signal(&child.status);
    assert_eq!(signal, Some(6), "{log}");
    assert!(log.contains("Panic at storage/src/unit.rs:"), "{log}");
    assert!(
        log.contains("in a module that keeps memory safe by hand: aborting"),
        "{log}"
    );
}
