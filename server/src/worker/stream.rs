//! A client's socket, TCP or unix, and what is known of its readiness.

use std::io;
use std::io::IoSlice;
use std::os::fd::{AsRawFd, OwnedFd};

use rustix::io::Errno;
use rustix::net::SendFlags;

use super::poller::{Readiness, Sockets};
use crate::os;
use crate::session::registry::Peer;

/// A connection that has been accepted but belongs to no worker yet.
pub(crate) struct NewConnection {
    /// The socket, non-blocking, registered nowhere.
    pub(crate) socket: OwnedFd,
    /// Who it is.
    pub(crate) peer: Peer,
    /// Its number.
    pub(crate) id: u64,
    /// It carries a primary's stream.
    pub(crate) is_primary: bool,
}

/// A connected socket of a worker. The poller tells of changes only, so what it has told is kept here until a system
/// call finds otherwise.
pub(super) struct Stream {
    socket: OwnedFd,
    /// A read may find something.
    readable: bool,
    /// A write may find room.
    writable: bool,
    /// The peer has closed or the connection is broken: nothing new will be told, and every read finds something.
    hung_up: bool,
    /// The connection is broken, or closed in both directions: nothing that is sent arrives.
    gone: bool,
}

impl Stream {
    /// Registers a socket; the poller will tell about it as `index`.
    pub(super) fn register(socket: OwnedFd, sockets: &Sockets, index: u32) -> io::Result<Self> {
        sockets.register(socket.as_raw_fd(), index)?;
        Ok(Self {
            socket,
            readable: false,
            writable: true,
            hung_up: false,
            gone: false,
        })
    }

    /// Takes note of what the poller told.
    #[inline]
    pub(super) fn note(&mut self, readiness: Readiness) {
        self.readable |= readiness.readable;
        self.writable |= readiness.writable;
        self.hung_up |= readiness.hung_up;
        self.gone |= readiness.gone;
    }

    /// Whether a read would find something, or the end.
    #[inline]
    pub(super) fn is_readable(&self) -> bool {
        self.readable | self.hung_up
    }

    /// Whether nobody is there any more who could be sent something. A TCP peer that has closed without a reset, and may
    /// only have stopped sending, still counts as there, until something is sent to it.
    #[inline]
    pub(super) fn is_gone(&self) -> bool {
        self.gone
    }

    /// Reads up to `max` bytes behind what is in `buffer`; 0 means that the peer has closed, `None` that there is
    /// nothing now. One system call at most: a read that does not fill the room has emptied the socket.
    #[inline]
    pub(super) fn read(&mut self, buffer: &mut Vec<u8>, max: usize) -> io::Result<Option<usize>> {
        if !self.is_readable() {
            return Ok(None);
        }
        match rustix::io::retry_on_intr(|| os::receive(&self.socket, buffer, max)) {
            Ok(count) => {
                self.readable = count == max;
                Ok(Some(count))
            }
            Err(Errno::AGAIN) => {
                // Nor is it over, whatever was told.
                (self.readable, self.hung_up) = (false, false);
                Ok(None)
            }
            Err(error) => Err(error.into()),
        }
    }

    /// Writes what the socket takes; `None` if it takes nothing now.
    #[inline]
    pub(super) fn write(&mut self, bytes: &[u8]) -> io::Result<Option<usize>> {
        if !self.writable {
            return Ok(None);
        }
        let written = rustix::io::retry_on_intr(|| {
            rustix::net::send(&self.socket, bytes, SendFlags::NOSIGNAL)
        });
        self.written(written)
    }

    /// Like [`Stream::write`] for several pieces.
    pub(super) fn write_vectored(&mut self, pieces: &[IoSlice<'_>]) -> io::Result<Option<usize>> {
        if !self.writable {
            return Ok(None);
        }
        let written = rustix::io::retry_on_intr(|| rustix::io::writev(&self.socket, pieces));
        self.written(written)
    }

    fn written(&mut self, written: rustix::io::Result<usize>) -> io::Result<Option<usize>> {
        match written {
            Ok(0) => Err(io::ErrorKind::WriteZero.into()),
            Ok(count) => Ok(Some(count)),
            Err(Errno::AGAIN) => {
                self.writable = false;
                Ok(None)
            }
            Err(error) => Err(error.into()),
        }
    }
}
