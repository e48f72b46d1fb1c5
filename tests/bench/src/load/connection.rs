//! One connection of a load: what was sent and when, what is still to be written, replies counted.

use std::collections::VecDeque;
use std::io::{ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};

use super::schedule::Nanos;
use crate::error::{Doing, Result};
use crate::reply::ReplySkipper;

/// A non-blocking connection with requests under way.
#[derive(Debug)]
pub(crate) struct Connection {
    pub(super) stream: TcpStream,
    /// What the socket did not take yet.
    unwritten: Vec<u8>,
    skipper: ReplySkipper,
    sent: VecDeque<Sent>,
    in_flight: u64,
}

/// Requests that share one (intended) send time.
#[derive(Debug)]
struct Sent {
    at: Nanos,
    count: u64,
}

impl Connection {
    /// # Errors
    /// `BenchError::Io` when the server does not accept.
    pub(super) fn open(address: SocketAddr) -> Result<Connection> {
        let stream = TcpStream::connect(address).doing(|| format!("connect to {address}"))?;
        stream
            .set_nodelay(true)
            .and_then(|()| stream.set_nonblocking(true))
            .doing(|| format!("prepare a connection to {address}"))?;
        Ok(Connection {
            stream,
            unwritten: Vec::new(),
            skipper: ReplySkipper::default(),
            sent: VecDeque::new(),
            in_flight: 0,
        })
    }

    /// How many replies are still to come.
    pub(super) fn in_flight(&self) -> u64 {
        self.in_flight
    }

    /// How many error replies came, and the first.
    pub(super) fn errors(&self) -> (u64, Option<&str>) {
        (self.skipper.errors(), self.skipper.first_error())
    }

    /// How many replies, or parts of replies, were null.
    pub(super) fn nulls(&self) -> u64 {
        self.skipper.nulls()
    }

    /// Whether the socket has yet to take bytes.
    pub(super) fn has_unwritten(&self) -> bool {
        !self.unwritten.is_empty()
    }

    /// Notes `count` requests whose latency counts from `at`.
    pub(super) fn note_sent(&mut self, at: Nanos, count: u64) {
        self.in_flight += count;
        match self.sent.back_mut() {
            Some(last) if last.at == at => last.count += count,
            _ => self.sent.push_back(Sent { at, count }),
        }
    }

    /// Writes `requests`, keeping what the socket does not take.
    pub(super) fn send(&mut self, requests: &[u8]) -> Result<()> {
        if self.has_unwritten() {
            self.unwritten.extend_from_slice(requests);
            return Ok(());
        }
        let written = self.write_some(requests)?;
        self.unwritten.extend_from_slice(&requests[written..]);
        Ok(())
    }

    /// Writes what was kept.
    pub(super) fn flush(&mut self) -> Result<()> {
        let waiting = std::mem::take(&mut self.unwritten);
        let written = self.write_some(&waiting)?;
        self.unwritten.extend_from_slice(&waiting[written..]);
        Ok(())
    }

    fn write_some(&mut self, mut bytes: &[u8]) -> Result<usize> {
        let all = bytes.len();
        while !bytes.is_empty() {
            match self.stream.write(bytes) {
                Ok(written) => bytes = &bytes[written..],
                Err(error) if error.kind() == ErrorKind::WouldBlock => break,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(error).doing(|| "write to the server".into()),
            }
        }
        Ok(all - bytes.len())
    }

    /// Reads once and calls `on_replies(sent_at, count)` for the replies that this completes.
    pub(super) fn receive(
        &mut self,
        buffer: &mut [u8],
        on_replies: impl FnMut(Nanos, u64),
    ) -> Result<u64> {
        let read = self.read(buffer)?;
        self.take(&buffer[..read], on_replies)
    }

    /// Reads once; how many bytes there were.
    pub(super) fn read(&mut self, buffer: &mut [u8]) -> Result<usize> {
        match self.stream.read(buffer) {
            Ok(0) => Err(std::io::Error::from(ErrorKind::UnexpectedEof)),
            Ok(read) => Ok(read),
            Err(error)
                if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::Interrupted) =>
            {
                Ok(0)
            }
            Err(error) => Err(error),
        }
        .doing(|| "read from the server".into())
    }

    /// Takes bytes that were read, as [`Connection::receive`] does.
    pub(super) fn take(
        &mut self,
        bytes: &[u8],
        mut on_replies: impl FnMut(Nanos, u64),
    ) -> Result<u64> {
        let replies = self.skipper.feed(bytes)?;
        let mut left = replies.min(self.in_flight);
        self.in_flight -= left;
        while left > 0 {
            let Some(first) = self.sent.front_mut() else {
                break;
            };
            let count = left.min(first.count);
            on_replies(first.at, count);
            left -= count;
            first.count -= count;
            if first.count == 0 {
                self.sent.pop_front();
            }
        }
        Ok(replies)
    }

    /// The send times of what was never answered.
    pub(super) fn unanswered(&self) -> impl Iterator<Item = (Nanos, u64)> + '_ {
        self.sent.iter().map(|sent| (sent.at, sent.count))
    }
}
