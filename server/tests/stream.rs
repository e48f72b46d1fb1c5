//! The test that proves the engine: a snapshot and the log's stream after it make the same data again.
//!
//! Many connections run commands that mostly do not commute, on few keys, over several workers, shards and databases.
//! Meanwhile the log is switched on and off at random moments. Each time it is on, the snapshot of the cut that switched
//! it on, loaded into an empty server, and the stream, applied by one connection, must give what the cut that switched it
//! off has seen. `NUTHATCH_LONG=1` runs ten times as many commands; `NUTHATCH_SEED` repeats a run's commands, not its
//! interleaving.

mod harness;

#[path = "stream/commands.rs"]
mod commands;
#[path = "stream/replay.rs"]
mod replay;

use std::io::Read;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use commands::{DATABASES, Generator, Random};
use harness::{TestClient, TestServer, request};
use nuthatch_server::config::Permission;
use replay::{Image, image_of};
use storage::log::Cursor;

const CONNECTIONS: u64 = 32;
const WORKERS: u32 = 4;
const SHARDS: u32 = 8;
/// Commands that a connection sends before it reads their replies, at most.
const BATCH_MAX: u64 = 100;

/// How far the writers may go and how far they are, in commands.
struct Progress {
    allowed: AtomicU64,
    done: AtomicU64,
    failed: AtomicBool,
}

impl Progress {
    /// Returns when the writers have run `count` commands.
    fn wait_for(&self, count: u64) {
        let mut done = self.done.load(Ordering::Relaxed);
        while done < count {
            let before = done;
            harness::wait_until("the writers go on", || {
                assert!(!self.failed.load(Ordering::Relaxed), "a writer has failed");
                done = self.done.load(Ordering::Relaxed);
                done > before
            });
        }
    }

    /// Lets the writers run up to `count` commands.
    fn allow(&self, count: u64) {
        self.allowed.fetch_max(count, Ordering::Relaxed);
    }
}

/// Sets the flag if its thread panics.
struct Witness(Arc<Progress>);

impl Drop for Witness {
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.0.failed.store(true, Ordering::Relaxed);
        }
    }
}

/// One connection: sends batches for as long as it may, until it has sent `quota` commands.
fn write_commands(address: SocketAddr, progress: &Arc<Progress>, seed: u64, total: u64) {
    let _witness = Witness(Arc::clone(progress));
    let mut generator = Generator::new(seed);
    let mut client = TestClient::connect(address);
    let (mut batch, mut replies) = (Vec::new(), Vec::new());
    let mut buffer = vec![0; 64 * 1024];
    for number in 0u64.. {
        let done = progress.done.load(Ordering::Relaxed);
        if done >= total {
            break;
        }
        if done >= progress.allowed.load(Ordering::Relaxed) {
            std::thread::sleep(Duration::from_millis(1));
            continue;
        }
        batch.clear();
        let size = 1 + generator.random.below(BATCH_MAX);
        let sent = (0..size).map(|_| generator.next(&mut batch)).sum();
        let marker = format!("the end of batch {number} of connection {seed}");
        batch.extend_from_slice(&request(&["ECHO", &marker]));
        client.send(&batch);
        let end = format!("${}\r\n{marker}\r\n", marker.len()).into_bytes();
        replies.clear();
        while !replies.ends_with(&end) {
            let count = client.stream.read(&mut buffer).unwrap();
            assert!(count > 0, "the server has closed the connection");
            replies.extend_from_slice(&buffer[..count]);
            let excess = replies.len().saturating_sub(end.len());
            replies.drain(..excess);
        }
        progress.done.fetch_add(sent, Ordering::Relaxed);
    }
}

/// Reads the stream to its end on a thread of its own, as a replica would.
fn drain(mut cursor: Cursor) -> std::thread::JoinHandle<Vec<u8>> {
    std::thread::spawn(move || {
        let mut bytes = Vec::new();
        loop {
            while let Some(piece) = cursor.read() {
                bytes.extend_from_slice(&piece);
            }
            if cursor.wait() == storage::log::Readiness::Ended {
                return bytes;
            }
        }
    })
}

#[test]
fn a_snapshot_and_the_stream_after_it_give_the_same_data() {
    let is_long = std::env::var_os("NUTHATCH_LONG").is_some();
    let total: u64 = if is_long { 5_000_000 } else { 500_000 };
    let seed = std::env::var("NUTHATCH_SEED").map_or_else(
        |_| u64::from(std::process::id()),
        |seed| seed.parse().unwrap(),
    );
    println!("NUTHATCH_SEED={seed}");
    let mut server = TestServer::start_with(|config| {
        config.threads = WORKERS;
        config.shards = SHARDS;
        config.databases = DATABASES;
        config.enable_debug_command = Permission::Yes;
    });
    let progress = Arc::new(Progress {
        allowed: AtomicU64::new(0),
        done: AtomicU64::new(0),
        failed: AtomicBool::new(false),
    });
    let writers: Vec<_> = (0..CONNECTIONS)
        .map(|writer| {
            let (progress, address) = (Arc::clone(&progress), server.address);
            let seed = seed.wrapping_mul(1_000_003) + writer;
            std::thread::spawn(move || write_commands(address, &progress, seed, total))
        })
        .collect();

    let mut random = Random::new(seed);
    let (mut phases, mut streamed, mut pending) = (0, 0, 0);
    let mut last = None;
    while progress.done.load(Ordering::Relaxed) < total {
        let done = progress.done.load(Ordering::Relaxed);
        let on = done + random.below(total / 25);
        // Some phases are so short that the snapshot is still being walked when the log stops.
        let off = on
            + match random.below(4) {
                0 => random.below(200),
                _ => random.below(total / 8),
            };
        // Beyond the end of the phase too: the writers are to be busy when the log stops.
        progress.allow(off + total / 25);
        progress.wait_for(on.min(total));
        let (cursor, snapshot) = server
            .running()
            .start_log_with_snapshot()
            .unwrap()
            .expect("no other snapshot runs");
        let stream = drain(cursor);
        let start = image_of(&server, snapshot);
        progress.wait_for(off.min(total));
        let snapshot = server
            .running()
            .stop_log_with_snapshot()
            .expect("no other snapshot runs");
        let end = image_of(&server, snapshot);
        let stream = stream.join().unwrap();
        phases += 1;
        pending += end.pending();
        streamed += stream.len();
        last = Some(check(&start, &stream, &end, phases, seed));
    }
    for writer in writers {
        writer.join().unwrap();
    }
    assert!(phases >= 4, "only {phases} phases");
    println!("{phases} phases, {streamed} bytes of stream, {pending} entries pending");
    assert!(pending > 0, "no group had anything");

    // Once more with nobody writing, the way an operator would look at it.
    drop(last);
    let (cursor, snapshot) = server.running().start_log_with_snapshot().unwrap().unwrap();
    let stream = drain(cursor);
    let start = image_of(&server, snapshot);
    replay::let_short_lived_keys_expire(&start);
    replay::let_due_keys_go(server.running().keyspace());
    let snapshot = server.running().stop_log_with_snapshot().unwrap();
    let end = image_of(&server, snapshot);
    let replica = check(&start, &stream.join().unwrap(), &end, phases + 1, seed);
    assert_eq!(
        debug_digest(&mut server.client()),
        debug_digest(&mut replica.client()),
        "seed {seed}"
    );
    server.stop();
}

/// Makes a replica of `start` and `stream`, which must be what `end` says.
fn check(start: &Image, stream: &[u8], end: &Image, phase: u32, seed: u64) -> TestServer {
    let replica = replay::replica_of(start);
    replay::apply(&replica, stream);
    let snapshot = replica.running().cut(|cut| cut.start_snapshot()).unwrap();
    let got = image_of(&replica, snapshot);
    if got.digest != end.digest || !got.has_groups_of(end) {
        replay::explain(&got, end);
        panic!(
            "phase {phase}, seed {seed}: the stream ({} bytes after {} keys) gives other data than the log's end has seen",
            stream.len(),
            start.keys.len()
        );
    }
    replica
}

fn debug_digest(client: &mut TestClient) -> String {
    client.send(request(&["DEBUG", "DIGEST"]));
    let mut reply = [0; 43];
    client.stream.read_exact(&mut reply).unwrap();
    assert_eq!(reply[0], b'+');
    String::from_utf8_lossy(&reply).into_owned()
}
