//! A client's socket, TCP or unix.

use std::io;
use std::io::IoSlice;
use std::pin::{Pin, pin};
use std::task::{Context, Poll, ready};

use bytes::BufMut;
use tokio::io::{AsyncReadExt, AsyncWrite};
use tokio::net::{TcpStream, UnixStream};

use crate::session::registry::Peer;

/// A connection that has been accepted but belongs to no worker yet.
pub(crate) struct NewConnection {
    /// The socket, non-blocking, registered with no runtime.
    pub(crate) socket: Socket,
    /// Who it is.
    pub(crate) peer: Peer,
    /// Its number.
    pub(crate) id: u64,
    /// It carries a primary's stream.
    pub(crate) is_primary: bool,
}

/// A socket registered with no runtime.
pub(crate) enum Socket {
    /// TCP.
    Tcp(std::net::TcpStream),
    /// Unix.
    Unix(std::os::unix::net::UnixStream),
}

impl Socket {
    /// Registers the socket with the runtime of this thread.
    pub(crate) fn register(self) -> io::Result<Stream> {
        Ok(match self {
            Socket::Tcp(socket) => Stream::Tcp(TcpStream::from_std(socket)?),
            Socket::Unix(socket) => Stream::Unix(UnixStream::from_std(socket)?),
        })
    }
}

/// A connected socket of a worker.
pub(crate) enum Stream {
    /// TCP.
    Tcp(TcpStream),
    /// Unix.
    Unix(UnixStream),
}

/// The same expression for either kind of socket.
macro_rules! either {
    ($stream:expr, $socket:ident => $action:expr) => {
        match $stream {
            Stream::Tcp($socket) => $action,
            Stream::Unix($socket) => $action,
        }
    };
}

impl Stream {
    /// Reads up to `max` bytes behind what is in `buffer`; 0 means that the peer has closed. One system call at most: a
    /// read that does not fill the room clears the readiness, so the next one waits without asking the kernel.
    #[inline]
    pub(crate) fn poll_read(
        &mut self,
        cx: &mut Context<'_>,
        buffer: &mut Vec<u8>,
        max: usize,
    ) -> Poll<io::Result<usize>> {
        let mut room = buffer.limit(max);
        either!(self, socket => pin!(socket.read_buf(&mut room)).poll(cx))
    }

    /// Whether a read would find something (or the end); otherwise the task is woken when it would.
    #[inline]
    pub(crate) fn poll_readable(&self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        either!(self, socket => socket.poll_read_ready(cx))
    }

    /// Writes what the socket takes; if it takes nothing now, the task is woken when it does.
    #[inline]
    pub(crate) fn poll_write(
        &mut self,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let count = ready!(either!(self, socket => Pin::new(socket).poll_write(cx, bytes)))?;
        Poll::Ready(not_zero(count))
    }

    /// Like [`Stream::poll_write`] for several pieces.
    pub(crate) fn poll_write_vectored(
        &mut self,
        cx: &mut Context<'_>,
        pieces: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let count =
            ready!(either!(self, socket => Pin::new(socket).poll_write_vectored(cx, pieces)))?;
        Poll::Ready(not_zero(count))
    }
}

fn not_zero(count: usize) -> io::Result<usize> {
    if count == 0 {
        Err(io::ErrorKind::WriteZero.into())
    } else {
        Ok(count)
    }
}
