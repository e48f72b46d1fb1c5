//! First in, first out: the queue of S3-FIFO, which here is all there is.

use super::ring::Ring;
use super::{Policy, Queue, Residents, Search, Victim};
use crate::table::position_of;
use crate::wheel::Record40;

/// See the module.
#[derive(Debug, Default)]
pub(crate) struct Fifo {
    queue: Ring,
    keys: usize,
}

impl Policy for Fifo {
    fn admit(&mut self, position: u64, _bytes: usize) -> Queue {
        self.queue.push(Record40::from_position(position));
        self.keys += 1;
        Queue::Small
    }

    fn adopt(&mut self, position: u64, bytes: usize) -> Queue {
        self.admit(position, bytes)
    }

    fn departed(&mut self, _bytes: usize) {
        self.keys -= 1;
    }

    fn victim(&mut self, residents: &mut Residents<'_>) -> Search {
        if residents.keys == 0 {
            return Search::Nobody;
        }
        while residents.step() {
            let Some(record) = residents.pop(&mut self.queue) else {
                // Not all keys are enrolled yet: the policy is new.
                return Search::NotYet;
            };
            let Some(word) = residents.queued(record) else {
                continue;
            };
            if !residents.eligible.is(word) {
                self.queue.push(record);
                continue;
            }
            let position = position_of(word, residents.hasher);
            return Search::Found(Victim { position, word });
        }
        Search::NotYet
    }

    fn bytes(&self) -> usize {
        self.queue.bytes()
    }

    fn records(&mut self) -> Option<(&mut Ring, usize)> {
        Some((&mut self.queue, self.keys))
    }
}
