//! The sessions of one worker.

use super::stream::Stream;
use crate::session::Session;

/// A session and its socket.
pub(crate) struct Connection {
    pub(super) session: Session,
    pub(super) stream: Stream,
}

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
    Here(Box<Connection>),
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
    pub(super) fn take(&mut self, index: u32) -> Option<Box<Connection>> {
        let place = self.places.get_mut(index as usize)?;
        match std::mem::replace(place, Place::Out) {
            Place::Here(connection) => Some(connection),
            other => {
                *place = other;
                None
            }
        }
    }

    /// Takes a session out if it is queued for a turn, and notes that it is not any more. A number in the queue may be
    /// left over from a session that has ended, and mean another one by now.
    #[inline]
    pub(super) fn take_queued(&mut self, index: u32) -> Option<Box<Connection>> {
        if self.get_mut(index)?.queued.replace(false) {
            self.take(index)
        } else {
            None
        }
    }

    /// Puts a session back, or a new one into its reserved place.
    #[inline]
    pub(super) fn put(&mut self, index: u32, connection: Box<Connection>) {
        self.places[index as usize] = Place::Here(connection);
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
        self.connection_mut(index)
            .map(|connection| &mut connection.session)
    }

    /// A session that is not having its turn, and its socket.
    #[inline]
    pub(super) fn connection_mut(&mut self, index: u32) -> Option<&mut Connection> {
        match self.places.get_mut(index as usize) {
            Some(Place::Here(connection)) => Some(connection),
            _ => None,
        }
    }

    /// All sessions that are not having their turn.
    pub(crate) fn iter_mut(&mut self) -> impl Iterator<Item = &mut Session> {
        self.places.iter_mut().filter_map(|place| match place {
            Place::Here(connection) => Some(&mut connection.session),
            _ => None,
        })
    }

    /// How many sessions there are.
    pub(crate) fn len(&self) -> usize {
        self.count
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::net::UnixStream;
    use std::rc::Rc;
    use std::sync::Arc;

    use super::super::poller::{Poller, ReadyQueue};
    use super::*;
    use crate::session::ClientEntry;
    use crate::session::registry::Peer;

    #[test]
    fn a_queue_entry_of_an_ended_session_gives_its_successor_no_turn() {
        let (_poller, sockets, _waker) = Poller::new().unwrap();
        let ready: Rc<ReadyQueue> = Rc::default();
        let connection = |id, index| {
            let peer = Peer {
                addr: "".into(),
                laddr: "".into(),
                fd: -1,
                is_unix: true,
                is_local: true,
            };
            let entry = Arc::new(ClientEntry::new(id, 0, index, peer, 0));
            let (socket, _) = UnixStream::pair().unwrap();
            Box::new(Connection {
                session: Session::new(entry, Rc::clone(&ready), true, 0),
                stream: Stream::register(socket.into(), &sockets, index).unwrap(),
            })
        };
        let mut sessions = Sessions::default();
        // Keeps the table from starting afresh.
        sessions.reserve();
        let index = sessions.reserve();
        sessions.put(index, connection(1, index));
        sessions.get_mut(index).unwrap().wake();
        sessions.get_mut(index).unwrap().wake();
        assert_eq!(ready.pop(), Some(index));
        assert_eq!(ready.pop(), None);
        let ending = sessions.take_queued(index).unwrap();
        ending.session.wake();
        drop(ending);
        sessions.free(index);

        assert_eq!(sessions.reserve(), index);
        sessions.put(index, connection(2, index));
        sessions.get_mut(index).unwrap().wake();
        assert_eq!((ready.pop(), ready.pop()), (Some(index), Some(index)));
        let successor = sessions.take_queued(index).unwrap();
        assert_eq!(successor.session.id(), 2);
        sessions.put(index, successor);
        assert!(sessions.take_queued(index).is_none());
    }
}
