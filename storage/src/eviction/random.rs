//! Any key.

use super::{Policy, Residents, Search, Victim};
use crate::table::position_of;

/// See the module.
#[derive(Debug)]
pub(crate) struct AnyKey;

impl Policy for AnyKey {
    fn victim(&mut self, residents: &mut Residents<'_>) -> Search {
        if residents.keys == 0 {
            return Search::Nobody;
        }
        while residents.step() {
            let random = &mut *residents.random;
            let Some(word) = residents.table.draw(|| random.next()) else {
                return Search::Nobody;
            };
            if residents.eligible.is(word) {
                let position = position_of(word, residents.hasher);
                return Search::Found(Victim { position, word });
            }
        }
        Search::NotYet
    }
}
