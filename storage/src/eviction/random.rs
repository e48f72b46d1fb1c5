//! Any key.

use super::draws::Draws;
use super::hand::Hand;
use super::{Policy, Residents, Search, Victim};
use crate::table::position_of;

/// See the module.
#[derive(Debug, Default)]
pub(crate) struct AnyKey {
    draws: Draws,
    /// Finds the keys that may be evicted where few may, in the order of the table, which is as good as any.
    hand: Hand,
}

impl Policy for AnyKey {
    fn victim(&mut self, residents: &mut Residents<'_>) -> Search {
        if residents.keys == 0 {
            return Search::Nobody;
        }
        if residents.are_rare() {
            let victim = self.hand.next(residents, |_| true);
            return victim.map_or(Search::NotYet, Search::Found);
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
