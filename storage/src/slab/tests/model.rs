//! Random allocation, release and compaction against a plain map, in several threads over the same
//! arenas.

use std::thread;

use super::owner::{Owner, Random};
use super::verify;

const THREADS: u64 = 6;
const STEPS: usize = 20_000;

#[test]
fn random_operations_agree_with_a_map() {
    let threads: Vec<_> = (0..THREADS)
        .map(|seed| {
            let work = move || {
                let mut owner = Owner::new(seed);
                run(&mut owner);
                owner
            };
            thread::Builder::new()
                .name(format!("seed {seed}"))
                .spawn(work)
                .expect("a thread starts")
        })
        .collect();
    // Half of the slabs are emptied block by block by another thread, the others dropped as they
    // are.
    for (index, thread) in threads.into_iter().enumerate() {
        let mut owner = thread
            .join()
            .expect("the thread named above says what failed");
        if index % 2 == 0 {
            owner.delete_down_to(0);
            verify(&owner.slab);
            owner.verify_contents();
        }
    }
}

fn run(owner: &mut Owner) {
    let mut sizes = sizes(&mut owner.random);
    let mut target = 1_000;
    for step in 0..STEPS {
        if step % 2_000 == 0 {
            sizes = self::sizes(&mut owner.random);
            target = [0, 10, 500, 4_000][owner.random.below(4)];
            owner.declines = [|_| false, |id| id % 3 == 0][owner.random.below(2)];
            verify(&owner.slab);
            owner.verify_contents();
        }
        let grows = if owner.len() < target { 70 } else { 30 };
        if owner.len() == 0 || owner.random.below(100) < grows {
            let bytes = sizes.0 + owner.random.below(sizes.1);
            owner.insert(bytes);
        } else {
            owner.delete_random();
        }
        if owner.random.below(4) == 0 {
            owner.compact_step(16);
        }
        owner.verify_counters();
    }
    verify(&owner.slab);
    owner.verify_contents();
}

/// The smallest size of a phase, and the width of its range.
fn sizes(random: &mut Random) -> (usize, usize) {
    [
        (8, 8),
        (8, 120),
        (40, 1),
        (100, 900),
        (1000, 100),
        (900, 8_500),
        (8, 30_000),
        (9_350, 20),
    ][random.below(8)]
}
