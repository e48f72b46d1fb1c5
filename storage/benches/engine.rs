//! In-process figures of the storage engine: scaling over two threads, worst insert, table bytes under one
//! hash tag.
//!
//! ```text
//! cargo bench -p nuthatch-storage --bench engine -- [scaling|policies|fill|onetag|ops]
//! valgrind --tool=callgrind target/release/deps/engine-* hot    # instructions; or hot-get, hot-set
//! ```
//!
//! Prints a Markdown row per figure. Times of single inserts are CPU time of the thread, page faults
//! included, so a busy machine does not show in them.

use std::hint::black_box;
use std::sync::Barrier;
use std::time::{Duration, Instant};

use nuthatch_storage::{
    EvictionAlgorithm, EvictionSettings, Key, Keyspace, KeyspaceOptions, LockPlan, NewExpiry,
    NewValue, Unit, UnixMillis,
};
use rustix::time::{ClockId, clock_gettime};

const NOW: UnixMillis = UnixMillis(1_700_000_000_000);
const VALUE: &[u8] = &[b'v'; 64];

fn main() {
    let chosen: Vec<String> = std::env::args()
        .skip(1)
        .filter(|arg| !arg.starts_with("--"))
        .collect();
    let wanted = |name: &str| chosen.is_empty() || chosen.iter().any(|arg| arg == name);
    println!("| figure | value |\n|---|--:|");
    nuthatch_storage::slab::use_huge_pages().expect("a thread can be had");
    // Only on request: meant for an instruction count, not for a clock.
    for (name, reads, writes) in [("hot", 1, 1), ("hot-get", 1, 0), ("hot-set", 0, 1)] {
        if chosen.iter().any(|arg| arg == name) {
            hot(reads, writes);
        }
    }
    if wanted("ops") {
        operations();
    }
    if wanted("scaling") {
        scaling();
    }
    if wanted("policies") {
        scaling_with_policies();
    }
    if wanted("fill") {
        fill("16-byte keys, 10 M, 64 shards", 64, 10_000_000, |n| {
            format!("key:{n:012}")
        });
    }
    if wanted("onetag") {
        fill("one hash tag, 10 M keys", 64, 10_000_000, |n| {
            format!("{{tag}}:{n:010}")
        });
    }
}

fn keyspace(shards: usize) -> Keyspace {
    Keyspace::new(KeyspaceOptions {
        shards,
        databases: 16,
        seed: 42,
        maxmemory_bytes: 0,
    })
}

fn set(keyspace: &Keyspace, key: &[u8]) {
    let key = keyspace.key(key);
    let mut unit = Unit::begin(keyspace, LockPlan::Write(key.hash.shard), NOW);
    unit.set(0, &key, NewValue::Bytes(VALUE), NewExpiry::None);
}

fn get(keyspace: &Keyspace, key: &[u8]) -> usize {
    let key = keyspace.key(key);
    let mut unit = Unit::begin(keyspace, LockPlan::Read(key.hash.shard), NOW);
    unit.string(0, &key)
        .expect("a string")
        .map_or(0, |value| value.len() as usize)
}

fn thread_cpu() -> Duration {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    Duration::new(time.tv_sec as u64, time.tv_nsec as u32)
}

/// A fixed number of reads, overwrites or both in turn in a small keyspace.
fn hot(reads: usize, writes: usize) {
    let keyspace = keyspace(64);
    let names: Vec<String> = (0..1000).map(|n| format!("key:{n:012}")).collect();
    names.iter().for_each(|key| set(&keyspace, key.as_bytes()));
    for _ in 0..100 {
        names.iter().take(reads * names.len()).for_each(|key| {
            black_box(get(&keyspace, key.as_bytes()));
        });
        names
            .iter()
            .take(writes * names.len())
            .for_each(|key| set(&keyspace, key.as_bytes()));
    }
}

/// Nanoseconds per operation on one thread.
fn operations() {
    for keys in [100_000u64, 10_000_000] {
        let keyspace = keyspace(64);
        (0..keys).for_each(|n| set(&keyspace, format!("key:{n:012}").as_bytes()));
        let names: Vec<String> = (0..2_000_000)
            .map(|n| format!("key:{:012}", mix(n) % keys))
            .collect();
        let time = |name: &str, run: &dyn Fn(&[u8])| {
            let started = thread_cpu();
            names.iter().for_each(|key| run(key.as_bytes()));
            let each = (thread_cpu() - started).as_nanos() as f64 / names.len() as f64;
            println!("| {name}, {keys} keys | {each:.0} ns |");
        };
        time("GET", &|key| {
            black_box(get(&keyspace, key));
        });
        time("SET (overwrite)", &|key| set(&keyspace, key));
        let started = thread_cpu();
        for batch in names.chunks(16) {
            let hashes: Vec<_> = batch
                .iter()
                .map(|key| keyspace.hasher().hash(key.as_bytes()))
                .collect();
            keyspace.warm_table(0, hashes.iter().copied());
            keyspace.warm_entries(0, hashes.iter().copied());
            for (key, hash) in batch.iter().zip(hashes) {
                let mut unit = Unit::begin(&keyspace, LockPlan::Read(hash.shard), NOW);
                let _ = black_box(unit.string(
                    0,
                    &Key {
                        bytes: key.as_bytes(),
                        hash,
                    },
                ));
            }
        }
        let each = (thread_cpu() - started).as_nanos() as f64 / names.len() as f64;
        println!("| GET, warmed in batches of 16, {keys} keys | {each:.0} ns |");
    }
}

fn mix(n: u64) -> u64 {
    let n = (n ^ n >> 31).wrapping_mul(0x7fb5_d329_728e_a185);
    (n ^ n >> 27).wrapping_mul(0x81da_def4_bc2d_d44d) >> 8
}

/// How often [`scaling`] tries each case, and what each thread does then: a few milliseconds.
const RUNS: usize = 200;
const OPERATIONS: usize = 15_000;

/// Throughput of two threads over that of one: uniform reads and writes, one hot key, and what the machine gives two
/// threads that share nothing.
fn scaling() {
    let (shared, own) = (filled(None), [filled(None), filled(None)]);
    let names = names();
    let uniform = |n: usize| names[n % names.len()].as_bytes();
    let hot = |_: usize| &b"key:000000000007"[..];
    let read = |keyspace: &Keyspace, key: &[u8]| {
        black_box(get(keyspace, key));
    };
    let mixed = |n: usize, key: &[u8]| match n % 11 {
        0 => set(&shared, key),
        _ => read(&shared, key),
    };
    let cases: [(&str, Run<'_>); 8] = [
        ("uniform GET", &|_, n| read(&shared, uniform(n))),
        ("uniform SET", &|_, n| set(&shared, uniform(n))),
        ("one hot key, GET", &|_, n| read(&shared, hot(n))),
        ("one hot key, SET", &|_, n| set(&shared, hot(n))),
        ("uniform, 10 GETs to a SET", &|_, n| mixed(n, uniform(n))),
        ("one hot key, 10 GETs to a SET", &|_, n| mixed(n, hot(n))),
        ("uniform GET, a keyspace each", &|thread, n| {
            read(&own[thread], uniform(n))
        }),
        ("uniform SET, a keyspace each", &|thread, n| {
            set(&own[thread], uniform(n))
        }),
    ];
    for (name, run) in cases {
        compare(name, run);
    }
}

/// The same with every policy, by which a hit may write.
fn scaling_with_policies() {
    let policies = [
        ("s3fifo", EvictionAlgorithm::S3Fifo),
        ("lru", EvictionAlgorithm::Lru),
        ("lfu", EvictionAlgorithm::Lfu),
        ("fifo", EvictionAlgorithm::Fifo),
        ("random", EvictionAlgorithm::Random),
    ];
    let names = names();
    let uniform = |n: usize| names[n % names.len()].as_bytes();
    for (policy, algorithm) in policies {
        let keyspace = filled(Some(algorithm));
        let read = |key: &[u8]| {
            black_box(get(&keyspace, key));
        };
        compare(&format!("{policy}, uniform GET"), &|_, n| read(uniform(n)));
        compare(&format!("{policy}, uniform SET"), &|_, n| {
            set(&keyspace, uniform(n))
        });
        compare(&format!("{policy}, one hot key, GET"), &|_, _| {
            read(b"key:000000000007")
        });
    }
}

/// Keys of the keyspaces that two threads share.
const SHARED_KEYS: u64 = 100_000;

fn filled(algorithm: Option<EvictionAlgorithm>) -> Keyspace {
    let keyspace = keyspace(64);
    keyspace.set_eviction(algorithm.map(|algorithm| EvictionSettings {
        algorithm,
        volatile_only: false,
        samples: 5,
        lfu_log_factor: 10,
        lfu_decay_minutes: 1,
    }));
    (0..SHARED_KEYS).for_each(|n| set(&keyspace, format!("key:{n:012}").as_bytes()));
    keyspace
}

/// Names of keys that are there, in no order.
fn names() -> Vec<String> {
    (0..1_000_000)
        .map(|n| format!("key:{:012}", mix(n) % SHARED_KEYS))
        .collect()
}

/// What a thread does, by its number, for the how manieth time.
type Run<'a> = &'a (dyn Fn(usize, usize) + Sync);

/// Prints the throughput of two threads over that of one.
fn compare(name: &str, run: Run<'_>) {
    let mut rates = [(); 2].map(|()| Vec::new());
    for turn in 0..RUNS {
        for threads in [1, 2] {
            rates[threads - 1].extend(throughput(threads, turn * OPERATIONS, run));
        }
    }
    let [one, two] = rates.map(|mut rates| {
        rates.sort_by(f64::total_cmp);
        rates.get(rates.len() / 2).copied().unwrap_or(f64::NAN)
    });
    let (ratio, alone) = (two / one, 1e9 / one);
    println!("| {name}: two threads against one | {ratio:.2} x ({alone:.0} ns alone) |");
}

/// Operations per second over all threads, each of which does its own from number `from` on. `None` if a thread had to
/// make room for somebody else, or they did not run at the same time.
fn throughput(threads: usize, from: usize, run: Run<'_>) -> Option<f64> {
    let barrier = &Barrier::new(threads);
    let work = |thread: usize| {
        move || {
            let from = from + thread * 333_333;
            let preempted = preemptions();
            barrier.wait();
            let started = Instant::now();
            (from..from + OPERATIONS).for_each(|n| run(thread, n));
            (started, Instant::now(), preemptions() - preempted)
        }
    };
    let runs: Vec<_> = std::thread::scope(|scope| {
        let workers: Vec<_> = (0..threads)
            .map(|thread| scope.spawn(work(thread)))
            .collect();
        let done = workers
            .into_iter()
            .map(|worker| worker.join().expect("no panic"));
        done.collect()
    });
    let starts = runs.iter().map(|run| run.0);
    let ends = runs.iter().map(|run| run.1);
    let all = ends.clone().max()? - starts.clone().min()?;
    let together = ends.min()?.saturating_duration_since(starts.max()?);
    let undisturbed = runs.iter().all(|run| run.2 == 0) && 2 * together > all;
    undisturbed.then(|| (threads * OPERATIONS) as f64 / all.as_secs_f64())
}

/// How often this thread lost the processor without having asked for it.
fn preemptions() -> u64 {
    let status = std::fs::read_to_string("/proc/thread-self/status").expect("Linux");
    let count = status
        .lines()
        .find_map(|line| line.strip_prefix("nonvoluntary_ctxt_switches:"));
    count
        .and_then(|count| count.trim().parse().ok())
        .expect("a number")
}

/// How often [`fill`] fills.
const FILLS: usize = 3;

/// Worst insert while filling, and what the table takes per key.
///
/// The same keys go in several times, each time into an empty keyspace. What an insert costs each time is the insert's
/// own; what it costs once (an interrupt, the host's other guests) is the machine's. So of each insert the cheapest run
/// counts; the dearest insert of all runs is printed beside.
fn fill(name: &str, shards: usize, keys: u64, key: impl Fn(u64) -> String) {
    let mut cheapest = vec![Duration::MAX; keys as usize];
    let mut worst = [Duration::ZERO; FILLS];
    let mut table_bytes = 0;
    for worst in &mut worst {
        let keyspace = keyspace(shards);
        for n in 0..keys {
            let key = key(n);
            let started = thread_cpu();
            set(&keyspace, key.as_bytes());
            let took = thread_cpu() - started;
            *worst = (*worst).max(took);
            let cheapest = &mut cheapest[n as usize];
            *cheapest = (*cheapest).min(took);
        }
        table_bytes = keyspace.memory().used_bytes() - keyspace.memory().dataset_bytes();
    }
    cheapest.sort_unstable();
    let micros = worst.map(|worst| worst.as_micros().to_string()).join(", ");
    println!(
        "| {name}: worst insert, CPU time, of each the cheapest of {FILLS} runs | {} µs |",
        cheapest[cheapest.len() - 1].as_micros()
    );
    println!(
        "| {name}: p99.999 of these | {} µs |",
        cheapest[cheapest.len() - cheapest.len() / 100_000].as_micros()
    );
    println!("| {name}: the dearest insert of each run | {micros} µs |");
    println!(
        "| {name}: table bytes per key | {:.1} |",
        table_bytes as f64 / keys as f64
    );
}
