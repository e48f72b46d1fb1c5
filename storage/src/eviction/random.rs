//! Any key.

use super::draws::Draws;
use super::{Policy, Residents, Search, Victim};
use crate::table::position_of;

/// See the module.
#[derive(Debug, Default)]
pub(crate) struct AnyKey {
    draws: Draws,
}

impl Policy for AnyKey {
    fn victim(&mut self, residents: &mut Residents<'_>) -> Search {
        if residents.keys == 0 {
            return Search::Nobody;
        }
        while residents.step() {
            let drawn = self.draws.key(residents.table, residents.random);
            if let Some((_, word)) = drawn
                && residents.eligible.is(word)
            {
                let position = position_of(word, residents.hasher);
                return Search::Found(Victim { position, word });
            }
        }
        Search::NotYet
    }
}
