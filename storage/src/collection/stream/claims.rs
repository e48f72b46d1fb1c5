//! Claiming what is pending, in steps: from an ID on, or what has waited longest first.

use smallvec::SmallVec;

use crate::blocks::Blocks;
use crate::time::UnixMillis;

use super::group::{Claim, Claimed, GroupMut};
use super::id::StreamId;
use super::pending::{ConsumerNumber, PendingEntry, TimeOrder};

/// So many pending entries are looked at for each that may be claimed.
const ATTEMPTS_EACH: usize = 10;
/// IDs that are looked up together.
const IDS_AT_ONCE: usize = 32;

/// Claims of pending entries from an ID on, under way: `XAUTOCLAIM`.
#[derive(Clone, Debug)]
pub struct AutoClaim {
    /// The lowest ID that may be looked at next; `None`: there are no higher ones.
    from: Option<StreamId>,
    /// How many may still be claimed, or be gone.
    left: usize,
    /// How many may still be looked at.
    attempts_left: usize,
    claimed: Blocks<StreamId>,
    gone: Blocks<(StreamId, PendingEntry)>,
}

impl AutoClaim {
    /// Claims of up to `count` entries from `first` on. Those that are gone from the stream count, too; and no more than
    /// ten times as many are looked at.
    pub fn new(first: StreamId, count: usize) -> Self {
        Self {
            from: Some(first),
            left: count,
            attempts_left: attempts_for(count),
            claimed: Blocks::new(),
            gone: Blocks::new(),
        }
    }

    /// Where it goes on, and how many may still be claimed, or be gone.
    pub fn wanted(&self) -> (StreamId, usize) {
        (self.from.unwrap_or(StreamId::MAX), self.left)
    }

    /// What is the consumer's now.
    pub fn claimed(&self) -> &Blocks<StreamId> {
        &self.claimed
    }

    /// What was pending, but is not in the stream any more; now it is not pending either. With how it was.
    pub fn gone(&self) -> &Blocks<(StreamId, PendingEntry)> {
        &self.gone
    }

    /// Those that were claimed and those that were gone.
    pub fn into_parts(self) -> (Blocks<StreamId>, Blocks<(StreamId, PendingEntry)>) {
        (self.claimed, self.gone)
    }
}

fn attempts_for(count: usize) -> usize {
    count.saturating_mul(ATTEMPTS_EACH)
}

/// Pending entries in the order of time, those that have waited longest first, as they are when the first one is asked for.
#[derive(Clone)]
pub struct IdleScan {
    /// Entries that were delivered later have not waited for long enough.
    until_ms: i64,
    /// How many are wanted that the stream has.
    wanted: usize,
    /// How many of these there were.
    seen: usize,
    /// How many may still be looked at.
    attempts_left: usize,
    order: Order,
    /// Where to go on.
    from: (i64, StreamId),
}

/// The order of time.
#[derive(Clone)]
enum Order {
    /// It is being made; from this ID on entries are missing in it.
    Making(TimeOrder, StreamId),
    Made(TimeOrder),
    /// Everything that was wanted has been shown.
    Over,
}

impl std::fmt::Debug for IdleScan {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "IdleScan({} of {})", self.seen, self.wanted)
    }
}

impl GroupMut<'_> {
    /// Looks at up to `work` entries more for `auto`; whether that is not the end of it.
    pub fn claim_some(
        &mut self,
        auto: &mut AutoClaim,
        consumer: ConsumerNumber,
        claim: &Claim,
        now: UnixMillis,
        mut work: usize,
    ) -> bool {
        while auto.left > 0 && auto.attempts_left > 0 {
            let Some(from) = auto.from else {
                return false;
            };
            if work == 0 {
                return true;
            }
            let most = work.min(auto.attempts_left).min(IDS_AT_ONCE);
            let ids: SmallVec<[StreamId; IDS_AT_ONCE]> = self
                .as_group()
                .pending()
                .iter_from(from)
                .map(|(id, _)| id)
                .take(most)
                .collect();
            if ids.is_empty() {
                auto.from = None;
            }
            for id in ids {
                if auto.left == 0 {
                    break;
                }
                match self.claim(consumer, id, claim, now) {
                    Claimed::Yes => {
                        auto.claimed.push(id);
                        auto.left -= 1;
                    }
                    Claimed::Gone(before) => {
                        auto.gone.push((id, before));
                        auto.left -= 1;
                    }
                    Claimed::No => {}
                }
                auto.from = id.next();
                (auto.attempts_left, work) = (auto.attempts_left - 1, work - 1);
            }
        }
        false
    }

    /// Where `XAUTOCLAIM` should go on behind `auto`; `0-0` at the end.
    pub fn next_of(&self, auto: &AutoClaim) -> StreamId {
        let next = auto.from.and_then(|from| {
            let (id, _) = self.as_group().pending().iter_from(from).next()?;
            Some(id)
        });
        next.unwrap_or(StreamId::MIN)
    }

    /// The entries that have been pending for `min_idle_ms` or longer: up to `count` that the stream has, and between them
    /// such as it has no more, but no more than ten times as many, unless all of these are gone.
    pub fn scan_idle(&self, min_idle_ms: i64, count: usize, now: UnixMillis) -> IdleScan {
        let order = match self.as_group().pending().by_time() {
            Some(by_time) => Order::Made(by_time.clone()),
            None => Order::Making(TimeOrder::default(), StreamId::MIN),
        };
        IdleScan {
            until_ms: now.0.saturating_sub(min_idle_ms),
            wanted: count,
            seen: 0,
            attempts_left: attempts_for(count),
            order,
            from: (i64::MIN, StreamId::MIN),
        }
    }

    /// Puts up to `work` entries more in the order of time, which has to be done before [`GroupMut::next_idle`] is asked;
    /// whether that is not the end of it. Nothing may become pending otherwise meanwhile.
    pub fn order_some(&mut self, scan: &mut IdleScan, mut work: usize) -> bool {
        let Order::Making(by_time, from) = &mut scan.order else {
            return false;
        };
        for (id, entry) in self.as_group().pending().iter_from(*from) {
            if work == 0 {
                *from = id;
                return true;
            }
            by_time.insert((entry.since, id), ());
            work -= 1;
        }
        let by_time = std::mem::take(by_time);
        self.group.pending.set_by_time(by_time.clone());
        scan.order = Order::Made(by_time);
        false
    }

    /// The next entry of `scan`, and how it is pending. It may be claimed before the one behind it is asked for.
    ///
    /// # Panics
    /// If the order has not been made.
    pub fn next_idle(&mut self, scan: &mut IdleScan) -> Option<(StreamId, PendingEntry)> {
        loop {
            let by_time = match &scan.order {
                Order::Made(by_time) => by_time,
                Order::Over => return None,
                Order::Making(..) => panic!("the order of time has not been made"),
            };
            let next = by_time.iter_from(&scan.from).next();
            let next = next.map(|(place, ())| place);
            let place = next.filter(|&(since, _)| since <= scan.until_ms && scan.attempts_left > 0);
            let Some((since, id)) = place else {
                scan.order = Order::Over;
                return None;
            };
            let is_there = self.entries().contains(id);
            if is_there && scan.seen == scan.wanted {
                scan.order = Order::Over;
                return None;
            }
            scan.seen += usize::from(is_there);
            scan.attempts_left -= 1;
            if scan.attempts_left == 0 && scan.seen == 0 {
                // Where all are gone there may be others behind them.
                scan.attempts_left = attempts_for(scan.wanted);
            }
            scan.from = match id.next() {
                Some(next) => (since, next),
                None => (since.saturating_add(1), StreamId::MIN),
            };
            if let Some(pending) = self.as_group().pending().get(id) {
                return Some((id, pending));
            }
        }
    }
}
