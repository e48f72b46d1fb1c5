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

/// What the threads share. They are not scoped: a failure in one fails the test at once instead of
/// waiting for threads that wait for the failed one.
struct Contest {
    world: World,
    /// Where each client is blocked.
    blocked: Vec<Mutex<Option<TestWaiter>>>,
    closing: AtomicBool,
}

/// One client: blocks on some keys, again and again, until the end. Returns what it was given and
/// did not move on.
fn run_client(contest: &Contest, number: usize) -> Vec<u64> {
    let Contest {
        world,
        closing,
        blocked,
    } = contest;
    let mut random = Random(number as u64 + 1);
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
        *blocked[number].lock() = Some(waiter.clone());
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

/// Ends waits here and there until the end of the contest.
fn run_timer(contest: &Contest) {
    let mut random = Random(77);
    while !contest.closing.load(Ordering::SeqCst) {
        time_out(&contest.blocked[random.below(contest.blocked.len())]);
        std::thread::yield_now();
    }
}

#[test]
fn many_threads_lose_double_and_overtake_nothing() {
    const CLIENTS: usize = 6;
    const PUSHERS: u64 = 2;
    let pushes = if cfg!(debug_assertions) {
        3_000
    } else {
        50_000
    };
    let contest = Arc::new(Contest {
        world: World::new(),
        blocked: (0..CLIENTS).map(|_| Mutex::default()).collect(),
        closing: AtomicBool::new(false),
    });
    let clients: Vec<_> = (0..CLIENTS)
        .map(|number| (contest.clone(), number))
        .map(|(contest, number)| std::thread::spawn(move || run_client(&contest, number)))
        .collect();
    let pushers: Vec<_> = (0..PUSHERS)
        .map(|number| (contest.clone(), number))
        .map(|(contest, number)| {
            std::thread::spawn(move || run_pusher(&contest.world, number, pushes))
        })
        .collect();
    let timer = std::thread::spawn({
        let contest = contest.clone();
        move || run_timer(&contest)
    });

    let mut pushed: Vec<u64> = Vec::new();
    for pusher in pushers {
        pushed.extend(pusher.join().expect("a pusher"));
    }
    contest.closing.store(true, Ordering::SeqCst);
    timer.join().expect("the timer");
    let mut values: Vec<u64> = Vec::new();
    for client in clients {
        while !client.is_finished() {
            contest.blocked.iter().for_each(time_out);
            std::thread::yield_now();
        }
        values.extend(client.join().expect("a client"));
    }
    assert!(!values.is_empty());

    let world = &contest.world;
    assert_eq!(world.registrations(), 0);
    for shard in &world.shards {
        let shard = shard.lock();
        assert!(shard.table.queues.is_empty() && shard.table.ready.is_empty());
    }
    KEYS.iter().for_each(|key| values.extend(world.list(key)));
    values.sort_unstable();
    pushed.sort_unstable();
    assert!(
        values.is_sorted_by(|a, b| a < b),
        "an element was given to two"
    );
    assert_eq!(values, pushed, "elements were lost");
}
