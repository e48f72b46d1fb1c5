//! Hot keys: the keys on which the server spends most. Every worker looks at some of its commands ([`Sampler`]) and
//! keeps the keys with the most cost ([`TopKeys`]); whoever asks (`HOTKEYS GET`) adds the workers up.
//!
//! There are two windows. The one that is always there sees a sample of the commands, and what it has seen fades, by half in
//! [`HALF_LIFE_MS`]. The other is that of the session between `HOTKEYS START` and `STOP`, as Redis 8.6 has them: it sees
//! every command, or as many as it asks for, and forgets nothing.

mod sampler;
mod sketch;

pub(crate) use sampler::Sampler;
pub(crate) use sketch::{KeyId, Spent};

use std::collections::HashMap;
use std::f64::consts::LN_2;
use std::sync::atomic::{AtomicU64, Ordering};

use crossbeam_utils::CachePadded;
use parking_lot::Mutex;
use storage::UnixMillis;

use sketch::TopKeys;

/// Keys that a worker keeps of the window that is always there.
const CAPACITY: usize = 256;
/// And of a session, for each key that is to be told.
const CAPACITY_PER_TOLD: usize = 10;
/// In this time what was seen fades by half.
pub(crate) const HALF_LIFE_MS: f64 = 60_000.0;
/// How often a worker lets it fade.
const FADE_MS: i64 = 1_000;

/// All hot keys.
pub(crate) struct HotKeys {
    workers: Box<[CachePadded<Mutex<Windows>>]>,
    session: Mutex<Option<Session>>,
    /// Changes with each session that begins or ends.
    generation: AtomicU64,
}

/// What one worker has seen.
struct Windows {
    always: Fading,
    /// Of the session with this number.
    session: Option<(u64, Exact)>,
}

/// The window that is always there.
struct Fading {
    top: TopKeys,
    all: Spent,
    /// Up to when it has faded.
    at: UnixMillis,
    began_at: UnixMillis,
}

/// The window of a session.
struct Exact {
    top: TopKeys,
    /// What all commands with keys took.
    all: Spent,
    /// And what those took whose keys were noted.
    noted: Spent,
}

/// What a session measures.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Metrics {
    pub(crate) cpu: bool,
    pub(crate) net: bool,
}

/// A session: what `HOTKEYS START` asked for, and how far it has come.
#[derive(Clone, Debug)]
pub(crate) struct Session {
    number: u64,
    pub(crate) metrics: Metrics,
    /// How many keys it tells.
    pub(crate) count: usize,
    /// Of so many commands it notes one.
    pub(crate) ratio: u32,
    pub(crate) began_at: UnixMillis,
    /// How long it is to last; 0: until it is stopped.
    duration_ms: i64,
    /// How long it lasted, once it has been stopped.
    stopped_after_ms: Option<i64>,
    /// The process's user and system time when it began.
    pub(crate) process_ms: [u64; 2],
}

impl Session {
    /// A session that begins now.
    pub(crate) fn new(metrics: Metrics, count: usize, ratio: u32, duration_ms: i64) -> Self {
        Self {
            number: 0,
            metrics,
            count,
            ratio,
            began_at: UnixMillis(0),
            duration_ms,
            stopped_after_ms: None,
            process_ms: [0; 2],
        }
    }

    /// Whether it is under way.
    pub(crate) fn is_active(&self, now: UnixMillis) -> bool {
        let is_over = self.duration_ms > 0 && now.0 - self.began_at.0 >= self.duration_ms;
        self.stopped_after_ms.is_none() && !is_over
    }

    /// How long it has lasted.
    pub(crate) fn lasted_ms(&self, now: UnixMillis) -> i64 {
        let elapsed_ms = (now.0 - self.began_at.0).max(0);
        match self.stopped_after_ms {
            Some(stopped) => stopped,
            None if self.is_active(now) => elapsed_ms,
            None => self.duration_ms,
        }
    }
}

/// A key of a database and what was spent on it.
#[derive(Clone, Debug)]
pub(crate) struct HotKey {
    pub(crate) id: KeyId,
    /// Its name, or the beginning of a long one.
    pub(crate) name: Vec<u8>,
    pub(crate) spent: Spent,
}

/// What all workers have seen.
#[derive(Debug, Default)]
pub(crate) struct Seen {
    /// In no order.
    pub(crate) keys: Vec<HotKey>,
    /// What all commands with keys took.
    pub(crate) all: Spent,
    /// And those whose keys were noted.
    pub(crate) noted: Spent,
    /// The time in which steady traffic would have left so much: what fades weighs less.
    pub(crate) lasted_ms: i64,
}

impl HotKeys {
    pub(crate) fn new(workers: usize, now: UnixMillis) -> Self {
        let windows = || Windows {
            always: Fading::new(now),
            session: None,
        };
        let workers = (0..workers).map(|_| CachePadded::new(Mutex::new(windows())));
        Self {
            workers: workers.collect(),
            session: Mutex::new(None),
            generation: AtomicU64::new(0),
        }
    }

    /// Changes when a session begins or ends.
    #[inline]
    pub(crate) fn generation(&self) -> u64 {
        // Acquire, with the release of who changes it: then the session is there to be read. A command that is sent after
        // the reply to START finds it, for its worker looks after it has read the command.
        self.generation.load(Ordering::Acquire)
    }

    /// The session that has not been stopped; its time may be over.
    fn running(&self) -> Option<Session> {
        let session = self.session();
        session.filter(|session| session.stopped_after_ms.is_none())
    }

    /// The latest session.
    pub(crate) fn session(&self) -> Option<Session> {
        self.session.lock().clone()
    }

    /// Begins a session; false if one is under way.
    pub(crate) fn start(&self, session: Session, now: UnixMillis) -> bool {
        let mut guard = self.session.lock();
        if guard.as_ref().is_some_and(|last| last.is_active(now)) {
            return false;
        }
        let number = 1 + self.generation.fetch_add(1, Ordering::Release);
        *guard = Some(Session {
            number,
            began_at: now,
            ..session
        });
        drop(guard);
        self.drop_windows(number);
        true
    }

    /// Ends the session that is under way; false if there is none.
    pub(crate) fn stop(&self, now: UnixMillis) -> bool {
        let mut guard = self.session.lock();
        let Some(session) = guard.as_mut().filter(|session| session.is_active(now)) else {
            return false;
        };
        session.stopped_after_ms = Some(session.lasted_ms(now));
        self.generation.fetch_add(1, Ordering::Release);
        true
    }

    /// Forgets the last session; false if it is under way.
    pub(crate) fn forget_session(&self, now: UnixMillis) -> bool {
        let mut guard = self.session.lock();
        if guard.as_ref().is_some_and(|last| last.is_active(now)) {
            return false;
        }
        *guard = None;
        let number = 1 + self.generation.fetch_add(1, Ordering::Release);
        drop(guard);
        self.drop_windows(number);
        true
    }

    /// Frees what workers have of sessions before `number`.
    fn drop_windows(&self, number: u64) {
        for worker in &self.workers {
            let mut windows = worker.lock();
            if windows.session.as_ref().is_some_and(|of| of.0 < number) {
                windows.session = None;
            }
        }
    }

    /// Has the window that is always there begin anew.
    pub(crate) fn reset(&self, now: UnixMillis) {
        for worker in &self.workers {
            worker.lock().always = Fading::new(now);
        }
    }

    /// Notes a command of `weight` in the window that is always there: its keys, and what was spent on each.
    pub(crate) fn note<'k>(
        &self,
        worker: usize,
        weight: f64,
        all: Spent,
        keys: impl Iterator<Item = (KeyId, &'k [u8], Spent)>,
        now: UnixMillis,
    ) {
        let mut windows = self.workers[worker].lock();
        let window = &mut windows.always;
        if !(0..FADE_MS).contains(&(now.0 - window.at.0)) {
            window.fade(now);
        }
        window.all += all * weight;
        for (id, name, spent) in keys {
            window.top.add(id, name, spent * weight);
        }
    }

    /// Notes a command in the session's window; without `keys`, only that there was one.
    pub(crate) fn note_in_session<'k>(
        &self,
        worker: usize,
        session: &Session,
        all: Spent,
        keys: Option<impl Iterator<Item = (KeyId, &'k [u8], Spent)>>,
    ) {
        let mut windows = self.workers[worker].lock();
        if windows
            .session
            .as_ref()
            .is_none_or(|of| of.0 != session.number)
        {
            let window = Exact::new(session.count * CAPACITY_PER_TOLD);
            windows.session = Some((session.number, window));
        }
        let Some((_, window)) = &mut windows.session else {
            return;
        };
        window.all += all;
        if let Some(keys) = keys {
            window.noted += all;
            for (id, name, spent) in keys {
                window.top.add(id, name, session.metrics.of(spent));
            }
        }
    }

    /// What the window that is always there holds.
    pub(crate) fn seen(&self, now: UnixMillis) -> Seen {
        let mut sum = Sum::default();
        let mut lasted_ms = 0;
        for worker in &self.workers {
            let window = &mut worker.lock().always;
            window.fade(now);
            sum.add(&window.top);
            sum.seen.all += window.all;
            lasted_ms = lasted_ms.max(window.lasted_ms());
        }
        let mut seen = sum.seen;
        (seen.noted, seen.lasted_ms) = (seen.all, lasted_ms);
        seen
    }

    /// What the session's window holds.
    pub(crate) fn seen_in(&self, session: &Session, now: UnixMillis) -> Seen {
        let mut sum = Sum::default();
        for worker in &self.workers {
            if let Some((number, window)) = &worker.lock().session
                && *number == session.number
            {
                sum.add(&window.top);
                sum.seen.all += window.all;
                sum.seen.noted += window.noted;
            }
        }
        let mut seen = sum.seen;
        seen.lasted_ms = session.lasted_ms(now);
        seen
    }
}

impl Fading {
    fn new(now: UnixMillis) -> Self {
        Self {
            top: TopKeys::new(CAPACITY),
            all: Spent::default(),
            at: now,
            began_at: now,
        }
    }

    fn fade(&mut self, now: UnixMillis) {
        // A clock that was set back makes nothing fade.
        let elapsed_ms = (now.0 - self.at.0).max(0);
        let factor = (-(elapsed_ms as f64) / HALF_LIFE_MS).exp2();
        self.top.scale(factor);
        self.all = self.all * factor;
        self.at = now;
    }

    fn lasted_ms(&self) -> i64 {
        let age_ms = (self.at.0 - self.began_at.0).max(0) as f64;
        let left = (-age_ms / HALF_LIFE_MS).exp2();
        (HALF_LIFE_MS / LN_2 * (1.0 - left)) as i64
    }
}

impl Exact {
    fn new(capacity: usize) -> Self {
        Self {
            top: TopKeys::new(capacity),
            all: Spent::default(),
            noted: Spent::default(),
        }
    }
}

impl Metrics {
    /// What is measured of what was spent, so that only that decides which keys are kept.
    fn of(self, spent: Spent) -> Spent {
        Spent {
            accesses: 0.0,
            cpu_nanos: if self.cpu { spent.cpu_nanos } else { 0.0 },
            net_bytes: if self.net { spent.net_bytes } else { 0.0 },
        }
    }
}

/// Workers added up.
#[derive(Default)]
struct Sum {
    seen: Seen,
    places: HashMap<KeyId, usize>,
}

impl Sum {
    fn add(&mut self, top: &TopKeys) {
        for (id, name, spent) in top.iter() {
            let keys = &mut self.seen.keys;
            let at = *self.places.entry(id).or_insert(keys.len());
            match keys.get_mut(at) {
                Some(key) => key.spent += spent,
                None => keys.push(HotKey {
                    id,
                    name: name.to_vec(),
                    spent,
                }),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use storage::{KeyHash, KeyHasher};

    use super::*;

    /// Numbers drawn from a seed.
    pub(super) struct Random(u64);

    impl Random {
        pub(super) fn new(seed: u64) -> Self {
            Self(seed)
        }

        pub(super) fn next(&mut self) -> u64 {
            self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
            let mixed = (self.0 ^ self.0 >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
            let mixed = (mixed ^ mixed >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
            mixed ^ mixed >> 31
        }

        /// Between 0 and 1.
        pub(super) fn fraction(&mut self) -> f64 {
            (self.next() >> 11) as f64 / (1u64 << 53) as f64
        }
    }

    const START: UnixMillis = UnixMillis(1_000_000);
    const ONE: Spent = Spent {
        accesses: 1.0,
        cpu_nanos: 2_000.0,
        net_bytes: 50.0,
    };
    const BOTH: Metrics = Metrics {
        cpu: true,
        net: true,
    };

    fn after(ms: i64) -> UnixMillis {
        UnixMillis(START.0 + ms)
    }

    fn hash(name: &str) -> KeyHash {
        KeyHasher::new(16, 99).hash(name.as_bytes())
    }

    fn key(db: u32, name: &str) -> (KeyId, &[u8], Spent) {
        (KeyId::new(db, hash(name)), name.as_bytes(), ONE)
    }

    fn note(hot_keys: &HotKeys, worker: usize, db: u32, name: &str, weight: f64, ms: i64) {
        let keys = [key(db, name)].into_iter();
        hot_keys.note(worker, weight, ONE, keys, after(ms));
    }

    fn accesses(seen: &Seen, db: u32, name: &str) -> f64 {
        let id = KeyId::new(db, hash(name));
        let found = seen.keys.iter().find(|key| key.id == id);
        found.map_or(0.0, |key| key.spent.accesses)
    }

    #[test]
    fn workers_are_added_up_and_databases_told_apart() {
        let hot_keys = HotKeys::new(2, START);
        note(&hot_keys, 0, 0, "k", 64.0, 0);
        note(&hot_keys, 1, 0, "k", 32.0, 0);
        note(&hot_keys, 1, 7, "k", 8.0, 0);
        let seen = hot_keys.seen(START);
        assert_eq!(accesses(&seen, 0, "k"), 96.0);
        assert_eq!(accesses(&seen, 7, "k"), 8.0);
        assert_eq!(seen.all.cpu_nanos, 208_000.0);
        hot_keys.reset(after(20));
        assert!(hot_keys.seen(after(20)).keys.is_empty());
    }

    #[test]
    fn what_was_hot_fades_and_what_is_takes_its_place() {
        let hot_keys = HotKeys::new(1, START);
        for ms in 0..60_000 {
            note(&hot_keys, 0, 0, "old", 1.0, ms);
        }
        let before = accesses(&hot_keys.seen(after(60_000)), 0, "old");
        for ms in 60_000..120_000 {
            note(&hot_keys, 0, 0, "new", 1.0, ms);
        }
        let seen = hot_keys.seen(after(120_000));
        let (old, new) = (accesses(&seen, 0, "old"), accesses(&seen, 0, "new"));
        assert!((old / before - 0.5).abs() < 0.01, "{old} of {before}");
        assert!((new / before - 1.0).abs() < 0.01, "{new}, {before}");
        // Steady traffic of one access per millisecond.
        let rate = seen.all.accesses / seen.lasted_ms as f64;
        assert!((rate - 1.0).abs() < 0.02, "{rate}");
        let gone = hot_keys.seen(after(3_600_000));
        assert!(gone.all.accesses < 1e-6);
        // The clock is set back: nothing fades, nothing panics.
        assert!(hot_keys.seen(after(-5_000)).lasted_ms >= 0);
    }

    #[test]
    fn a_session_has_its_own_window() {
        let hot_keys = HotKeys::new(2, START);
        note(&hot_keys, 0, 0, "before", 1.0, 0);
        let session = |duration_ms| Session::new(BOTH, 10, 1, duration_ms);
        assert!(!hot_keys.stop(after(1)));
        assert!(hot_keys.start(session(0), after(1)));
        assert!(!hot_keys.start(session(0), after(2)));
        assert!(!hot_keys.forget_session(after(2)));
        let running = hot_keys.session().unwrap();
        for worker in [0, 1] {
            let keys = [key(0, "k")].into_iter();
            hot_keys.note_in_session(worker, &running, ONE, Some(keys));
        }
        let unnoted = None::<std::iter::Empty<_>>;
        hot_keys.note_in_session(0, &running, ONE, unnoted);
        assert!(hot_keys.stop(after(101)));
        let stopped = hot_keys.session().unwrap();
        let seen = hot_keys.seen_in(&stopped, after(9_999));
        assert_eq!((seen.keys.len(), seen.lasted_ms), (1, 100));
        assert_eq!(seen.keys[0].spent.cpu_nanos, 4_000.0);
        assert_eq!((seen.all.accesses, seen.noted.accesses), (3.0, 2.0));
        assert!(hot_keys.forget_session(after(102)));
        assert!(
            hot_keys
                .workers
                .iter()
                .all(|of| of.lock().session.is_none())
        );
        assert_eq!(hot_keys.seen(after(102)).keys.len(), 1);

        assert!(hot_keys.start(session(1_000), after(200)));
        assert!(!hot_keys.start(session(0), after(1_199)));
        assert_eq!(hot_keys.session().unwrap().lasted_ms(after(5_000)), 1_000);
        assert!(hot_keys.start(session(0), after(1_200)));
    }

    #[test]
    fn only_what_is_measured_decides_who_is_kept() {
        let hot_keys = HotKeys::new(1, START);
        let net = Metrics {
            cpu: false,
            net: true,
        };
        hot_keys.start(Session::new(net, 1, 1, 0), START);
        let running = hot_keys.session().unwrap();
        for number in 0..1_000 {
            let dear = Spent {
                cpu_nanos: 1e9,
                ..ONE
            };
            let name = format!("dear:{number}");
            let passing = (KeyId::new(0, hash(&name)), name.as_bytes(), dear);
            let large = (KeyId::new(0, hash("large")), &b"large"[..], ONE * 20.0);
            let keys = [passing, large].into_iter();
            hot_keys.note_in_session(0, &running, ONE, Some(keys));
        }
        let seen = hot_keys.seen_in(&running, START);
        assert_eq!(seen.keys.len(), CAPACITY_PER_TOLD);
        let large = seen.keys.iter().find(|key| key.name == b"large").unwrap();
        assert_eq!(large.spent.net_bytes, 1_000_000.0);
        assert_eq!(large.spent.cpu_nanos, 0.0);
    }
}
