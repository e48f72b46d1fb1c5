//! The key that expires the soonest, which the timing wheel knows.

use super::{Policy, Queue, Residents, Search, Victim};
use crate::shard::expiries_of;
use crate::table::position_of;

/// See the module. As exact as the wheel's buckets are: to 16 ms for keys of the next second, to 69 minutes for those of the
/// next three days.
#[derive(Debug)]
pub(crate) struct SoonestExpiry;

impl Policy for SoonestExpiry {
    fn admit(&mut self, _position: u64, _bytes: usize) -> Queue {
        Queue::Main
    }

    fn departed(&mut self, _queue: Queue, _bytes: usize) {}

    fn victim(&mut self, residents: &mut Residents<'_>) -> Search {
        let now = residents.now;
        if residents.keys == 0 {
            return Search::Nobody;
        }
        while residents.step() {
            let Some(wheel) = residents.wheel.as_deref_mut() else {
                return Search::Nobody;
            };
            let Some((record, by)) = wheel.pop_soonest(now) else {
                return Search::Nobody;
            };
            let mut found = None;
            for word in residents.table.matches(record, residents.hasher) {
                let (expire_at, earliest) = expiries_of(word);
                let Some(at) = earliest else {
                    continue;
                };
                let is_it = expire_at.is_some_and(|at| at < by);
                if found.is_none() && is_it && residents.eligible.is(word) {
                    let position = position_of(word, residents.hasher);
                    found = Some(Victim { position, word });
                } else {
                    wheel.file(record, at);
                }
            }
            if let Some(victim) = found {
                return Search::Found(victim);
            }
        }
        Search::NotYet
    }
}
