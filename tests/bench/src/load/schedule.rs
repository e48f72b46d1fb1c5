//! When a fixed-rate (open loop) load intends to send each request.
//!
//! The times are fixed before anything is sent and never move: a request that goes out late because
//! the server stalled still counts from its intended time. Leaving that out would hide the stall
//! ("coordinated omission").

/// Times in nanoseconds since the load began.
pub(crate) type Nanos = u64;

/// Evenly spaced intended send times.
#[derive(Debug, Clone)]
pub(crate) struct Schedule {
    nanos_per_request: f64,
    next: u64,
    total: u64,
}

impl Schedule {
    /// `total` requests at `per_second`, the first at time 0.
    pub(crate) fn new(per_second: f64, total: u64) -> Schedule {
        Schedule {
            nanos_per_request: 1e9 / per_second,
            next: 0,
            total,
        }
    }

    /// The intended time of the next request if that time has come.
    pub(crate) fn take_due(&mut self, now: Nanos) -> Option<Nanos> {
        let due = self.peek()?;
        (due <= now).then(|| {
            self.next += 1;
            due
        })
    }

    /// The intended time of the next request, or `None` when all are taken.
    pub(crate) fn peek(&self) -> Option<Nanos> {
        // Computed from the index, so that rounding never adds up to a drift.
        (self.next < self.total).then_some((self.next as f64 * self.nanos_per_request) as Nanos)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests_come_due_at_the_rate() {
        let mut schedule = Schedule::new(1000.0, 10_000);
        assert_eq!(schedule.take_due(0), Some(0));
        assert_eq!(schedule.take_due(999_999), None);
        assert_eq!(schedule.take_due(1_000_000), Some(1_000_000));
        assert_eq!(schedule.peek(), Some(2_000_000));
    }

    #[test]
    fn a_stall_leaves_the_intended_times_in_place() {
        let mut schedule = Schedule::new(1000.0, 10_000);
        let stalled_until = 5_500_000;
        let taken: Vec<Nanos> = std::iter::from_fn(|| schedule.take_due(stalled_until)).collect();
        assert_eq!(
            taken,
            [0, 1_000_000, 2_000_000, 3_000_000, 4_000_000, 5_000_000]
        );
        let latencies: Vec<Nanos> = taken.iter().map(|due| stalled_until - due).collect();
        assert_eq!(latencies[0], 5_500_000);
    }

    #[test]
    fn rounding_does_not_drift_and_the_total_ends_it() {
        let mut schedule = Schedule::new(300_000.0, 300_001);
        let mut last = 0;
        while let Some(due) = schedule.take_due(Nanos::MAX) {
            last = due;
        }
        assert!((999_999_990..=1_000_000_000).contains(&last), "{last}");
        assert_eq!(schedule.peek(), None);
    }
}
