//! The sessions of one worker.

use crate::session::Session;

/// A table of sessions by number. The running session is taken out for its turn and put back after it.
#[derive(Default)]
pub(crate) struct Sessions {
    places: Vec<Place>,
    free: Vec<u32>,
    count: usize,
}

enum Place {
    Free,
    /// The session has its turn.
    Out,
    Here(Box<Session>),
}

impl Sessions {
    /// Reserves a place for a new session.
    pub(crate) fn reserve(&mut self) -> u32 {
        self.count += 1;
        match self.free.pop() {
            Some(index) => {
                self.places[index as usize] = Place::Out;
                index
            }
            None => {
                self.places.push(Place::Out);
                u32::try_from(self.places.len() - 1).expect("far fewer connections than 2^32")
            }
        }
    }

    /// Takes a session out for its turn.
    #[inline]
    pub(crate) fn take(&mut self, index: u32) -> Option<Box<Session>> {
        let place = self.places.get_mut(index as usize)?;
        match std::mem::replace(place, Place::Out) {
            Place::Here(session) => Some(session),
            other => {
                *place = other;
                None
            }
        }
    }

    /// Puts a session back, or a new one into its reserved place.
    #[inline]
    pub(crate) fn put(&mut self, index: u32, session: Box<Session>) {
        self.places[index as usize] = Place::Here(session);
    }

    /// Gives up the place of a session that has ended.
    pub(crate) fn free(&mut self, index: u32) {
        self.places[index as usize] = Place::Free;
        self.free.push(index);
        self.count -= 1;
        if self.count == 0 {
            // After a wave of connections the table's memory goes too.
            *self = Self::default();
        }
    }

    /// A session that is not having its turn.
    pub(crate) fn get_mut(&mut self, index: u32) -> Option<&mut Session> {
        match self.places.get_mut(index as usize) {
            Some(Place::Here(session)) => Some(session),
            _ => None,
        }
    }

    /// All sessions that are not having their turn.
    pub(crate) fn iter_mut(&mut self) -> impl Iterator<Item = &mut Session> {
        self.places.iter_mut().filter_map(|place| match place {
            Place::Here(session) => Some(&mut **session),
            _ => None,
        })
    }

    /// How many sessions there are.
    pub(crate) fn len(&self) -> usize {
        self.count
    }
}
