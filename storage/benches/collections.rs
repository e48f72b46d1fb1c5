//! In-process figures of big collections: nanoseconds per operation and bytes per element.
//!
//! ```text
//! cargo bench -p nuthatch-storage --bench collections -- [fields|ranked|list] [memory] [count=1000000]
//! valgrind --tool=callgrind --toggle-collect='*::operation' target/release/deps/collections-* fields
//! ```
//!
//! Prints a Markdown row per figure. Times are CPU time of the thread, so a busy machine shows in them only as far as it
//! takes the caches away. Elements come in random order.

use std::hint::black_box;
use std::time::Duration;

use nuthatch_storage::KeyHasher;
use nuthatch_storage::collection::fields::{Element, ElementHash, FieldTree};
use nuthatch_storage::collection::list::ListTree;
use nuthatch_storage::collection::ranked::RankedTree;
use rustix::time::{ClockId, clock_gettime};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() {
    let mut count = 1_000_000;
    let mut chosen = Vec::new();
    for arg in std::env::args().skip(1) {
        match arg.strip_prefix("count=") {
            Some(number) => count = number.parse().expect("count=<number>"),
            None if arg.starts_with("--") => {}
            None => chosen.push(arg),
        }
    }
    let wanted = |name: &str| chosen.is_empty() || chosen.iter().any(|arg| arg == name);
    println!("| figure | value |\n|---|--:|");
    let elements = Elements::new(count);
    if wanted("fields") {
        fields(&elements);
    }
    if wanted("ranked") {
        ranked(&elements);
    }
    if wanted("list") {
        list(&elements);
    }
    if wanted("memory") {
        memory(&elements);
    }
}

/// Names of 16 bytes with their hashes, in random order.
struct Elements(Vec<([u8; 16], ElementHash)>);

impl Elements {
    fn new(count: u64) -> Self {
        let hasher = KeyHasher::new(1, 42).elements();
        let element = |n| {
            let name = *format!("{:016x}", mix(n))
                .as_bytes()
                .first_chunk()
                .expect("16");
            (name, hasher.hash(&name))
        };
        Self((0..count).map(element).collect())
    }

    /// Runs `operation` with each element and prints how long it took, one as the other.
    fn time(&self, what: &str, mut operation: impl FnMut(usize, ElementHash, &[u8; 16])) {
        let started = thread_cpu();
        for (n, (name, hash)) in self.0.iter().enumerate() {
            operation(n, *hash, name);
        }
        let each = (thread_cpu() - started).as_nanos() as f64 / self.0.len() as f64;
        println!("| {what} | {each:.0} ns |");
    }
}

fn thread_cpu() -> Duration {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    Duration::new(time.tv_sec as u64, time.tv_nsec as u32)
}

fn mix(n: u64) -> u64 {
    let n = (n ^ n >> 31).wrapping_mul(0x7fb5_d329_728e_a185);
    (n ^ n >> 27).wrapping_mul(0x81da_def4_bc2d_d44d) >> 8
}

fn element<'a>(name: &'a [u8], value: &'a [u8]) -> Element<'a> {
    Element {
        name,
        value,
        expire_at: None,
    }
}

fn fields(elements: &Elements) {
    let mut tree = FieldTree::default();
    elements.time("hash, new field", |_, hash, name| {
        tree.set(hash, &element(name, b"value..8"));
    });
    elements.time("hash, get", |_, hash, name| {
        black_box(tree.get(hash, name).expect("it is there").value);
    });
    elements.time("hash, get of an absent one", |_, hash, name| {
        black_box(tree.get(!hash, name).is_none());
    });
    elements.time("hash, overwrite", |_, hash, name| {
        tree.set(hash, &element(name, b"another8"));
    });
    elements.time("hash, remove", |_, hash, name| {
        tree.remove(hash, name);
    });
}

fn ranked(elements: &Elements) {
    let mut tree = RankedTree::default();
    let count = elements.0.len() as u64;
    elements.time("sorted set, new member", |n, hash, name| {
        tree.set(hash, name, (mix(n as u64) % 1_000_000_000) as f64);
    });
    elements.time("sorted set, score", |_, hash, name| {
        black_box(tree.score(hash, name));
    });
    elements.time("sorted set, rank of a member", |n, _, name| {
        black_box(tree.rank((mix(n as u64) % 1_000_000_000) as f64, name));
    });
    elements.time("sorted set, by rank", |n, _, _| {
        black_box(tree.at(mix(n as u64) % count));
    });
    elements.time("sorted set, the same score", |n, hash, name| {
        tree.set(hash, name, (mix(n as u64) % 1_000_000_000) as f64);
    });
    elements.time("sorted set, a score near", |n, hash, name| {
        tree.set(hash, name, (mix(n as u64) % 1_000_000_000 + 1) as f64);
    });
    elements.time("sorted set, a score anywhere", |n, hash, name| {
        tree.set(hash, name, (mix(!n as u64) % 1_000_000_000) as f64);
    });
    elements.time("sorted set, remove", |_, hash, name| {
        tree.remove(hash, name);
    });
}

fn list(elements: &Elements) {
    let mut list = ListTree::default();
    elements.time("list, push at the end", |_, _, name| list.push_back(name));
    elements.time("list, by index", |n, _, _| {
        black_box(list.get(mix(n as u64) % elements.0.len() as u64));
    });
    elements.time("list, pop at the end", |_, _, _| {
        black_box(list.pop_back(|value| value.len()));
    });
    elements.time("list, push at the front", |_, _, name| {
        list.push_front(name)
    });
    elements.time("list, pop at the front", |_, _, _| {
        black_box(list.pop_front(|value| value.len()));
    });
    elements.0[..1_000]
        .iter()
        .for_each(|(name, _)| list.push_back(name));
    elements.time(
        "list, queue: push at the front, pop at the end",
        |_, _, name| {
            list.push_front(name);
            black_box(list.pop_back(|value| value.len()));
        },
    );
}

/// Bytes of memory per element, of 16 bytes each.
fn memory(elements: &Elements) {
    let print = |what: &str, bytes: usize, len: u64| {
        println!("| {what} | {:.1} B |", bytes as f64 / len as f64);
    };
    let (mut set, mut hash) = (FieldTree::default(), FieldTree::default());
    let mut ranked = RankedTree::default();
    let (mut front, mut back) = (ListTree::default(), ListTree::default());
    for (n, (name, name_hash)) in elements.0.iter().enumerate() {
        set.set(*name_hash, &element(name, b""));
        hash.set(*name_hash, &element(name, b"value..8"));
        ranked.set(*name_hash, name, mix(n as u64) as f64);
        front.push_front(name);
        back.push_back(name);
    }
    print("set, per member", set.memory_bytes(), set.len());
    print(
        "hash, per field with a value of 8 bytes",
        hash.memory_bytes(),
        hash.len(),
    );
    print(
        "sorted set, per member",
        ranked.memory_bytes(),
        ranked.len(),
    );
    print("list, pushed at the end", back.memory_bytes(), back.len());
    print(
        "list, pushed at the front",
        front.memory_bytes(),
        front.len(),
    );
}
