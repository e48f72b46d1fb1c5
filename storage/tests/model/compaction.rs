//! The hard case for a cache: a steady budget whose sizes shift. Blocks move under live keys, and memory that is
//! held comes down to what is stored.

use std::collections::HashMap;

use nuthatch_storage::Keyspace;

use super::support::{NOW, Random, delete, exclusive, get, is_long, keyspace, maintain, set};

/// Smallest and largest value of each phase.
const PHASES: [(u64, u64); 4] = [(16, 128), (100, 400), (300, 1500), (20, 3000)];

/// Size classes that values of these lengths use.
const CLASSES: u64 = 64;

struct Cache {
    keyspace: Keyspace,
    random: Random,
    /// Number and length of the value of each key, which is made of the number.
    present: Vec<(u64, usize)>,
    next: u64,
}

fn name(n: u64) -> Vec<u8> {
    format!("key:{n:010}").into_bytes()
}

fn value(n: u64, len: usize) -> Vec<u8> {
    let mut value = vec![n as u8; len];
    value[..8].copy_from_slice(&n.to_le_bytes());
    value
}

impl Cache {
    /// Writes `bytes` of values of the phase's sizes, throwing out random keys above the budget.
    fn run_phase(&mut self, (least, most): (u64, u64), bytes: u64, budget: u64) {
        let mut written = 0;
        while written < bytes {
            let (n, len) = (
                self.next,
                (least + self.random.below(most - least)) as usize,
            );
            self.next += 1;
            set(&self.keyspace, 0, &name(n), &value(n, len), None, NOW);
            self.present.push((n, len));
            written += len as u64;
            while self.keyspace.memory().dataset_bytes() > budget {
                let at = self.random.below(self.present.len() as u64) as usize;
                assert!(delete(
                    &self.keyspace,
                    0,
                    &name(self.present.swap_remove(at).0),
                    NOW
                ));
            }
            if n.is_multiple_of(256) {
                maintain(&self.keyspace, NOW);
            }
        }
    }

    fn check_all(&self) {
        for &(n, len) in &self.present {
            assert_eq!(get(&self.keyspace, 0, &name(n), NOW), Some(value(n, len)));
        }
    }
}

fn check_shift(shards: usize, budget: u64) {
    let mut cache = Cache {
        keyspace: keyspace(shards),
        random: Random(9),
        present: Vec::new(),
        next: 0,
    };
    for phase in PHASES {
        cache.run_phase(phase, 2 * budget, budget);
        (0..200).for_each(|_| _ = maintain(&cache.keyspace, NOW));
        let (resident, live) = (
            cache.keyspace.resident_bytes(),
            cache.keyspace.memory().dataset_bytes(),
        );
        assert!(
            resident * 100 <= live * 125,
            "{shards} shards, {phase:?}: {resident} held for {live}"
        );
        cache.check_all();
    }
    // Three quarters go: so does their memory.
    let keep = cache.present.len() / 4;
    for (n, _) in cache.present.drain(keep..) {
        assert!(delete(&cache.keyspace, 0, &name(n), NOW));
    }
    (0..400).for_each(|_| _ = maintain(&cache.keyspace, NOW));
    let (resident, live) = (
        cache.keyspace.resident_bytes(),
        cache.keyspace.memory().dataset_bytes(),
    );
    // A unit of memory per size class and shard is never worth moving for.
    let slack = shards as u64 * CLASSES * 4096;
    assert!(
        resident <= live / 100 * 125 + slack,
        "{shards} shards: {resident} held for {live} after the deletes"
    );
    cache.check_all();
}

#[test]
fn memory_follows_a_budget_whose_sizes_shift() {
    let scale = if is_long() { 8 } else { 1 };
    check_shift(1, scale * (4 << 20));
    check_shift(4, scale * (8 << 20));
}

#[test]
fn blocks_move_while_a_snapshot_holds_old_ones() {
    let keyspace = keyspace(1);
    let mut random = Random(4);
    let mut lens = HashMap::new();
    for n in 0..20_000 {
        let len = 16 + random.below(200) as usize;
        set(&keyspace, 0, &name(n), &value(n, len), None, NOW);
        lens.insert(n, len);
    }
    let mut snapshot = keyspace
        .cut(|cut| cut.start_snapshot())
        .expect("none is running");
    let before = lens.clone();
    for n in 0..20_000 {
        match n % 3 {
            0 => assert!(delete(&keyspace, 0, &name(n), NOW) && lens.remove(&n).is_some()),
            1 => {
                let len = 1000 + random.below(500) as usize;
                set(&keyspace, 0, &name(n), &value(n, len), None, NOW);
                lens.insert(n, len);
            }
            _ => {}
        }
        if n.is_multiple_of(50) {
            maintain(&keyspace, NOW);
        }
    }
    let mut shown = HashMap::new();
    loop {
        let more = snapshot.step(&keyspace, &mut |_, entry| {
            shown.insert(entry.key().to_vec(), entry.string().unwrap().to_vec());
        });
        maintain(&keyspace, NOW);
        if !more {
            break;
        }
    }
    assert_eq!(shown.len(), before.len());
    assert!(
        before
            .iter()
            .all(|(&n, &len)| shown.get(&name(n)) == Some(&value(n, len)))
    );
    (0..400).for_each(|_| _ = maintain(&keyspace, NOW));
    assert!(
        lens.iter()
            .all(|(&n, &len)| get(&keyspace, 0, &name(n), NOW) == Some(value(n, len)))
    );
    assert_eq!(exclusive(&keyspace, NOW).db_len(0), lens.len() as u64);
}
