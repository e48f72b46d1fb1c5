//! Many waits, and many threads: nothing is left, lost, doubled or overtaken.

use std::sync::atomic::AtomicBool;

use super::*;

/// A small generator; each thread has its own seed.
struct Random(u64);

impl Random {
    fn below(&mut self, bound: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 16) as usize % bound
    }
}

#[test]
fn a_million_waits_on_two_keys_leave_nothing_behind() {
    let waits = if cfg!(debug_assertions) {
        50_000
    } else {
        1_000_000
    };
    let world = World::new();
    let mut random = Random(1);
    let mut blocked = VecDeque::new();
    let mut served = 0;
    for wait in 0..waits {
        blocked.push_back(world.wait(&["q", "stop"], Wants::new(None)));
        if blocked.len() > random.below(30) {
            let waiter = blocked.pop_front().expect("one was just added");
            if random.below(2) == 0 {
                assert!(waiter.cancel());
            } else {
                world.push(["q", "stop"][random.below(2)], &[wait]);
                assert_eq!(waiter.state(), WaitState::Served);
                served += 1;
            }
            world.clean_up(&waiter);
            assert_eq!(world.registrations(), 2 * blocked.len());
        }
    }
    for waiter in blocked.drain(..) {
        assert!(waiter.cancel());
        world.clean_up(&waiter);
    }
    assert_eq!(world.registrations(), 0);
    assert!(served > waits / 4);
    for shard in &world.shards {
        let shard = shard.lock();
        assert!(shard.table.queues.is_empty() && shard.table.ready.is_empty());
        assert_eq!(shard.lists.len(), 0);
    }
}

const KEYS: [&str; 6] = ["a", "b", "c", "d", "e", "f"];

impl Unit<'_> {
    /// What a blocking command does first.
    fn pop_unless_deferred(&mut self, key: &[u8]) -> Option<u64> {
        let shard = self.shard(key);
        if shard.table.is_deferred(0, key) {
            return None;
        }
        let somebody_waits = shard.table.first_live(0, key).is_some();
        let value = self.pop(0, key);
        assert!(value.is_none() || !somebody_waits, "a waiter was forgotten");
        value
    }
}

/// One client: blocks on some keys, again and again, until the pushers are done. Returns what it
/// was given and did not move on.
fn run_client(
    world: &World,
    blocked: &Mutex<Option<TestWaiter>>,
    closing: &AtomicBool,
    seed: u64,
) -> Vec<u64> {
    let mut random = Random(seed);
    let mut values = Vec::new();
    while !closing.load(Ordering::SeqCst) {
        let keys: Vec<&str> = (0..=random.below(3))
            .map(|_| KEYS[random.below(KEYS.len())])
            .collect();
        let destination = (random.below(4) == 0).then(|| KEYS[random.below(KEYS.len())]);
        let mut unit = world.lock_keys(&[&keys[..], destination.as_slice()].concat());
        let available = keys
            .iter()
            .find_map(|key| unit.pop_unless_deferred(key.as_bytes()));
        if let Some(value) = available {
            match destination {
                Some(destination) => unit.push(0, destination, &[value]),
                None => values.push(value),
            }
            world.finish(unit);
            continue;
        }
        let waiter = unit.register(&keys, Wants::new(destination));
        *blocked.lock() = Some(waiter.clone());
        drop(unit);

        if random.below(3) == 0 {
            waiter.cancel();
        }
        let wants = waiter.payload();
        let mut delivered = wants.delivered.lock();
        while delivered.is_none() && waiter.state() != WaitState::Cancelled {
            wants.arrived.wait(&mut delivered);
        }
        let given = delivered.take();
        drop(delivered);
        match waiter.state() {
            WaitState::Served if destination.is_none() => {
                values.extend(given.map(|(_, value)| value))
            }
            WaitState::Served => assert!(given.is_some()),
            WaitState::Cancelled => assert_eq!(given, None),
            WaitState::Waiting => panic!("woken without reason"),
        }
        world.clean_up(&waiter);
    }
    values
}

/// Ends the wait of whoever is blocked there, as a timeout does.
fn time_out(blocked: &Mutex<Option<TestWaiter>>) {
    if let Some(waiter) = blocked.lock().take()
        && waiter.cancel()
    {
        // The lock orders this after the sleeper's look at the state.
        drop(waiter.payload().delivered.lock());
        waiter.payload().arrived.notify_all();
    }
}

/// Returns what it pushed.
fn run_pusher(world: &World, pusher: u64, pushes: u64) -> Vec<u64> {
    let mut random = Random(pusher + 1_000);
    let mut pushed = Vec::new();
    for n in 0..pushes {
        let keys: Vec<&str> = (0..=random.below(2))
            .map(|_| KEYS[random.below(KEYS.len())])
            .collect();
        let mut unit = world.lock_keys(&keys);
        for (nth, key) in keys.iter().enumerate() {
            let value = pusher * 1_000_000 + n * 10 + nth as u64;
            unit.push(0, key, &[value]);
            pushed.push(value);
        }
        world.finish(unit);
    }
    pushed
}

#[test]
fn many_threads_lose_double_and_overtake_nothing() {
    const CLIENTS: u64 = 6;
    const PUSHERS: u64 = 2;
    let pushes = if cfg!(debug_assertions) {
        3_000
    } else {
        50_000
    };
    let world = World::new();
    let closing = AtomicBool::new(false);
    let pushers_done = AtomicBool::new(false);
    let blocked: Vec<Mutex<Option<TestWaiter>>> = (0..CLIENTS).map(|_| Mutex::default()).collect();

    let (mut values, mut pushed): (Vec<u64>, Vec<u64>) = std::thread::scope(|scope| {
        let client = |seed: u64| {
            let (world, closing, blocked) = (&world, &closing, &blocked[seed as usize]);
            scope.spawn(move || run_client(world, blocked, closing, seed + 1))
        };
        let clients: Vec<_> = (0..CLIENTS).map(client).collect();
        let timer = scope.spawn(|| {
            let mut random = Random(77);
            while !pushers_done.load(Ordering::SeqCst) {
                time_out(&blocked[random.below(CLIENTS as usize)]);
                std::thread::yield_now();
            }
        });
        let world = &world;
        let pusher = |number| scope.spawn(move || run_pusher(world, number, pushes));
        let pushers: Vec<_> = (0..PUSHERS).map(pusher).collect();
        let pushed = pushers
            .into_iter()
            .flat_map(|pusher| pusher.join().expect("a pusher"))
            .collect();
        pushers_done.store(true, Ordering::SeqCst);
        timer.join().expect("the timer");

        closing.store(true, Ordering::SeqCst);
        while !clients.iter().all(|client| client.is_finished()) {
            blocked.iter().for_each(time_out);
            std::thread::yield_now();
        }
        let values = clients
            .into_iter()
            .flat_map(|client| client.join().expect("a client"))
            .collect();
        (values, pushed)
    });

    assert_eq!(world.registrations(), 0);
    for shard in &world.shards {
        let shard = shard.lock();
        assert!(shard.table.queues.is_empty() && shard.table.ready.is_empty());
    }
    let taken = values.len();
    for key in KEYS {
        values.extend(world.list(key));
    }
    values.sort_unstable();
    let count = values.len();
    values.dedup();
    assert_eq!(values.len(), count, "an element was given to two");
    pushed.sort_unstable();
    assert_eq!(values, pushed, "elements were lost");
    assert!(taken > 0);
}
