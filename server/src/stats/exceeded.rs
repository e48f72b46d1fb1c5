//! How long something has been too much.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// How long something has been too much: altogether, and since it last became so. Any thread may tell how it is; who
/// finds it as it was writes nothing.
#[derive(Debug)]
pub(crate) struct ExceededTime {
    origin: Instant,
    /// Since when, in nanoseconds from `origin`; 0: it is not.
    since: AtomicU64,
    /// Nanoseconds of the times that are over.
    past: AtomicU64,
}

impl ExceededTime {
    /// Nothing is too much, and never was.
    pub(crate) fn new(origin: Instant) -> Self {
        Self {
            origin,
            since: AtomicU64::new(0),
            past: AtomicU64::new(0),
        }
    }

    /// Takes down how it is now.
    #[inline]
    pub(crate) fn note(&self, is_exceeded: bool) {
        // Relaxed, here and below: figures. Of two threads that disagree the later one is right, or the next one is.
        if is_exceeded != (self.since.load(Ordering::Relaxed) != 0) {
            self.note_at(is_exceeded, Instant::now());
        }
    }

    #[cold]
    fn note_at(&self, is_exceeded: bool, now: Instant) {
        let now = (now.saturating_duration_since(self.origin).as_nanos() as u64).max(1);
        if is_exceeded {
            let relaxed = Ordering::Relaxed;
            let _ = self.since.compare_exchange(0, now, relaxed, relaxed);
            return;
        }
        let since = self.since.swap(0, Ordering::Relaxed);
        if since != 0 {
            let took = now.saturating_sub(since);
            self.past.fetch_add(took, Ordering::Relaxed);
        }
    }

    /// For how long it has been too much, altogether and since it last became so.
    pub(crate) fn read(&self) -> (Duration, Duration) {
        self.read_at(Instant::now())
    }

    fn read_at(&self, now: Instant) -> (Duration, Duration) {
        let now = now.saturating_duration_since(self.origin).as_nanos() as u64;
        let current = match self.since.load(Ordering::Relaxed) {
            0 => 0,
            since => now.saturating_sub(since),
        };
        let total = self.past.load(Ordering::Relaxed) + current;
        (Duration::from_nanos(total), Duration::from_nanos(current))
    }

    /// Starts over.
    pub(crate) fn reset(&self) {
        self.since.store(0, Ordering::Relaxed);
        self.past.store(0, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_add_up_and_the_current_one_counts() {
        let origin = Instant::now();
        let at = |ms| origin + Duration::from_millis(ms);
        let ms = |(total, current): (Duration, Duration)| (total.as_millis(), current.as_millis());
        let time = ExceededTime::new(origin);
        assert_eq!(ms(time.read_at(at(5))), (0, 0));
        time.note_at(true, at(10));
        // Who finds the same later changes nothing.
        time.note_at(true, at(15));
        assert_eq!(ms(time.read_at(at(30))), (20, 20));
        time.note_at(false, at(40));
        time.note_at(false, at(50));
        assert_eq!(ms(time.read_at(at(90))), (30, 0));
        time.note_at(true, at(100));
        assert_eq!(ms(time.read_at(at(105))), (35, 5));
        time.reset();
        assert_eq!(ms(time.read_at(at(110))), (0, 0));
    }
}
