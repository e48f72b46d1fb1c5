//! The key that expires the soonest, which the timing wheel knows.

use smallvec::SmallVec;

use super::{Policy, Residents, Search, Victim};
use crate::shard::expiries_of;
use crate::table::position_of;
use crate::time::UnixMillis;
use crate::wheel::Record40;

/// See the module. As exact as the wheel's buckets are: to 16 ms for keys of the next second, to 69 minutes for those of the
/// next three days.
#[derive(Debug)]
pub(crate) struct SoonestExpiry;

impl Policy for SoonestExpiry {
    fn claim(&mut self, residents: &mut Residents<'_>) -> Option<u64> {
        let wheel = residents.wheel.as_deref();
        let next = wheel.and_then(|wheel| wheel.next_due());
        next.map(|at| u64::MAX - at.0.max(0) as u64)
    }

    fn victim(&mut self, residents: &mut Residents<'_>) -> Search {
        if residents.keys == 0 {
            return Search::Nobody;
        }
        let mut aside = SmallVec::new();
        let victim = soonest(residents, &mut aside);
        if let Some(wheel) = residents.wheel.as_deref_mut() {
            for (record, at) in aside {
                wheel.file(record, at);
            }
        }
        // Without one there are keys nevertheless: those that were put aside, or a compaction of the wheel holds them.
        victim.map_or(Search::NotYet, Search::Found)
    }
}

/// The key that expires first. What lies before it and is not to go is put `aside`: filed at once, it would come out at once.
fn soonest(
    residents: &mut Residents<'_>,
    aside: &mut SmallVec<[(Record40, UnixMillis); 8]>,
) -> Option<Victim> {
    while residents.step() {
        let wheel = residents.wheel.as_deref_mut()?;
        let (record, by) = wheel.pop_soonest(residents.now)?;
        let mut found = None;
        for word in residents.table.matches(record, residents.hasher) {
            let (expire_at, earliest) = expiries_of(word);
            let Some(at) = earliest else {
                continue;
            };
            let is_it = expire_at.is_some_and(|at| at <= by);
            if found.is_none() && is_it && residents.eligible.is(word) {
                let position = position_of(word, residents.hasher);
                found = Some(Victim { position, word });
            } else if at <= by {
                aside.push((record, at));
            } else {
                wheel.file(record, at);
            }
        }
        if found.is_some() {
            return found;
        }
    }
    None
}
