//! The latency monitor: spikes above `latency-monitor-threshold`, per event, for `LATENCY HISTORY` and the like.

use std::collections::{BTreeMap, VecDeque};

use parking_lot::Mutex;
use storage::UnixMillis;

/// Spikes kept per event.
const HISTORY_MAX: usize = 160;

/// One event's spikes, oldest first.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct LatencyEvent {
    /// `(Unix seconds, milliseconds)`; one entry per second, holding that second's worst.
    pub(crate) history: VecDeque<(i64, u64)>,
    /// The worst ever, in milliseconds.
    pub(crate) max_ms: u64,
}

/// All events of the server.
#[derive(Debug, Default)]
pub(crate) struct LatencyMonitor {
    events: Mutex<BTreeMap<&'static str, LatencyEvent>>,
}

impl LatencyMonitor {
    /// Notes that `event` took `ms` milliseconds.
    pub(crate) fn add(&self, event: &'static str, at_seconds: i64, ms: u64) {
        let mut events = self.events.lock();
        let event = events.entry(event).or_default();
        event.max_ms = event.max_ms.max(ms);
        match event.history.back_mut() {
            Some((second, worst)) if *second == at_seconds => *worst = ms.max(*worst),
            _ => {
                event.history.push_back((at_seconds, ms));
                if event.history.len() > HISTORY_MAX {
                    event.history.pop_front();
                }
            }
        }
    }

    /// Notes that `event` took so many nanoseconds, if that is as long as the threshold, in milliseconds; 0 means that
    /// nothing is.
    pub(crate) fn add_if_slow(
        &self,
        threshold_ms: i64,
        event: &'static str,
        at: UnixMillis,
        nanos: u64,
    ) {
        let millis = nanos / 1_000_000;
        if threshold_ms > 0 && millis >= threshold_ms as u64 {
            self.add(event, at.0 / 1_000, millis);
        }
    }

    /// All events, by name.
    pub(crate) fn all(&self) -> Vec<(&'static str, LatencyEvent)> {
        self.events
            .lock()
            .iter()
            .map(|(name, event)| (*name, event.clone()))
            .collect()
    }

    /// One event.
    pub(crate) fn get(&self, name: &[u8]) -> Option<LatencyEvent> {
        self.events
            .lock()
            .iter()
            .find(|(known, _)| known.as_bytes() == name)
            .map(|(_, event)| event.clone())
    }

    /// Forgets the events that `which` selects and says how many there were.
    pub(crate) fn reset(&self, which: impl Fn(&str) -> bool) -> usize {
        let mut events = self.events.lock();
        let before = events.len();
        events.retain(|name, _| !which(name));
        before - events.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_second_keeps_its_worst_and_history_is_bounded() {
        let monitor = LatencyMonitor::default();
        monitor.add("command", 1, 30);
        monitor.add("command", 1, 20);
        for second in 2..=HISTORY_MAX as i64 + 1 {
            monitor.add("command", second, 10);
        }
        let event = monitor.get(b"command").unwrap();
        assert_eq!((event.max_ms, event.history.len()), (30, HISTORY_MAX));
        assert_eq!(event.history.front(), Some(&(2, 10)));
        monitor.add_if_slow(0, "expire-cycle", UnixMillis(1_000), 9_000_000);
        monitor.add_if_slow(10, "expire-cycle", UnixMillis(1_000), 9_999_999);
        assert_eq!(monitor.get(b"expire-cycle"), None);
        monitor.add_if_slow(10, "expire-cycle", UnixMillis(1_999), 10_000_000);
        assert_eq!(monitor.get(b"expire-cycle").unwrap().history, [(1, 10)]);
        assert_eq!(monitor.reset(|name| name == "expire-cycle"), 1);
        assert_eq!(monitor.reset(|name| name == "fork"), 0);
        assert_eq!(monitor.reset(|_| true), 1);
        assert!(monitor.all().is_empty());
    }
}
