//! Which commands are looked at: by the time they take, so that those that take long are not overlooked, and one that was
//! held up by chance does not count for many.
//!
//! Each command's cost, its time and a flat charge, is taken from a countdown; the command with which that passes zero is
//! looked at, and the countdown begins anew at a random number around [`GAP_NANOS`]. So a command is looked at `cost /
//! GAP_NANOS` times, on average, and stands for `GAP_NANOS / cost` of its like: an estimate without bias of accesses, of
//! time and of bytes alike.

use super::sketch::ACCESS_NANOS;
use super::{HotKeys, Session};

/// The cost between two looks, on average. Short commands in pipelines cost 1.5 µs or so: one in eighty is looked at.
const GAP_NANOS: u64 = 128_000;
/// More than this of a command's time is not counted, so that the gaps to be drawn for it are not too many.
const COST_NANOS_MAX: u64 = 1_000_000_000;

/// A worker's countdown.
#[derive(Debug)]
pub(crate) struct Sampler {
    left: i64,
    random: u64,
    /// The session of `HOTKEYS START` that is under way, in which every command is looked at.
    session: Option<Session>,
    /// What of [`HotKeys::generation`] it has seen.
    generation: u64,
    /// While a session is under way: the countdown.
    left_aside: i64,
}

impl Sampler {
    pub(crate) fn new(seed: u64) -> Self {
        let mut sampler = Self {
            left: 0,
            random: seed | 1,
            session: None,
            generation: 0,
            left_aside: 0,
        };
        sampler.left = sampler.gap();
        sampler
    }

    /// Counts a command; whether it is to be looked at.
    #[inline]
    pub(crate) fn is_due(&mut self, nanos: u64) -> bool {
        self.left = self
            .left
            .wrapping_sub_unsigned(nanos.wrapping_add(ACCESS_NANOS));
        self.left < 0
    }

    /// For how many of its like a command stands that is due; 0 if only the session wants to hear of it.
    pub(crate) fn weight(&mut self, nanos: u64) -> f64 {
        let cost = nanos.saturating_add(ACCESS_NANOS).min(COST_NANOS_MAX);
        let mut countdown = if self.session.is_some() {
            self.left_aside - cost as i64
        } else {
            self.left.max(-(COST_NANOS_MAX as i64))
        };
        let mut looks = 0;
        while countdown < 0 {
            countdown += self.gap();
            looks += 1;
        }
        if self.session.is_some() {
            self.left = 0;
            self.left_aside = countdown;
        } else {
            self.left = countdown;
        }
        (looks * GAP_NANOS) as f64 / cost as f64
    }

    /// Between half the average and half as much again.
    fn gap(&mut self) -> i64 {
        (GAP_NANOS / 2 + self.random() % GAP_NANOS) as i64
    }

    /// A random number.
    pub(crate) fn random(&mut self) -> u64 {
        // Xorshift64.
        self.random ^= self.random << 13;
        self.random ^= self.random >> 7;
        self.random ^= self.random << 17;
        self.random
    }

    /// The session under way, as far as this worker knows.
    pub(crate) fn session(&self) -> Option<&Session> {
        self.session.as_ref()
    }

    /// Learns of sessions that have begun or ended.
    #[inline]
    pub(crate) fn heed(&mut self, hot_keys: &HotKeys) {
        if self.generation != hot_keys.generation() {
            self.heed_now(hot_keys);
        }
    }

    #[cold]
    fn heed_now(&mut self, hot_keys: &HotKeys) {
        self.generation = hot_keys.generation();
        self.enter(hot_keys.running());
    }

    /// Enters a session, or leaves it.
    pub(crate) fn enter(&mut self, session: Option<Session>) {
        match (self.session.is_some(), session.is_some()) {
            (false, true) => self.left_aside = std::mem::take(&mut self.left),
            (true, false) => self.left = self.left_aside,
            _ => {}
        }
        self.session = session;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Runs commands of these times, each `rounds` times, and returns how many accesses and nanoseconds the looks stand
    /// for, each command for itself.
    fn estimate<const N: usize>(nanos: [u64; N], rounds: u32) -> [(f64, f64); N] {
        let mut sampler = Sampler::new(17);
        let mut estimates = [(0.0, 0.0); N];
        for _ in 0..rounds {
            for (estimate, nanos) in estimates.iter_mut().zip(nanos) {
                if sampler.is_due(nanos) {
                    let weight = sampler.weight(nanos);
                    estimate.0 += weight;
                    estimate.1 += weight * nanos as f64;
                }
            }
        }
        estimates
    }

    #[test]
    fn accesses_and_time_are_estimated_without_bias() {
        let nanos = [300, 700, 2_000, 50_000, 3_000_000];
        let rounds = 200_000;
        for (estimate, nanos) in estimate(nanos, rounds).into_iter().zip(nanos) {
            let accesses = estimate.0 / f64::from(rounds);
            assert!((0.95..1.05).contains(&accesses), "{nanos}: {accesses}");
            let time = estimate.1 / f64::from(rounds) / nanos as f64;
            assert!((0.95..1.05).contains(&time), "{nanos}: {time}");
        }
    }

    #[test]
    fn one_that_takes_for_ever_counts_once() {
        let mut sampler = Sampler::new(1);
        assert!(sampler.is_due(1 << 62));
        let weight = sampler.weight(1 << 62);
        assert!(weight < 1.01, "{weight}");
        assert!(sampler.left > 0);
    }
}
