//! A small blocking client for what scenarios ask besides the load: INFO, SCAN, SUBSCRIBE and such.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use rustix::event::{PollFd, PollFlags};
use rustix::time::Timespec;

use crate::error::{BenchError, Doing, Result};

/// How long one reply may take; emptying a database of millions of keys takes seconds.
const REPLY_TIMEOUT: Duration = Duration::from_secs(120);

/// A RESP2 reply.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Value {
    /// `+text`
    Simple(String),
    /// `-text`
    Error(String),
    /// `:number`
    Integer(i64),
    /// `$length` and bytes
    Bulk(Vec<u8>),
    /// `$-1` or `*-1`
    Null,
    /// `*count` and values
    Array(Vec<Value>),
}

impl Value {
    /// The bytes of a string reply.
    pub(crate) fn bytes(&self) -> Option<&[u8]> {
        match self {
            Value::Bulk(bytes) => Some(bytes),
            Value::Simple(text) => Some(text.as_bytes()),
            _ => None,
        }
    }
}

/// One blocking connection.
#[derive(Debug)]
pub(crate) struct Client {
    stream: BufReader<TcpStream>,
}

impl Client {
    /// # Errors
    /// `BenchError::Io` when the server does not accept.
    pub(crate) fn connect(address: SocketAddr) -> Result<Client> {
        Client::connect_with(address, 64 * 1024)
    }

    /// As [`Client::connect`], with a buffer so small that thousands of clients cost little.
    ///
    /// # Errors
    /// `BenchError::Io` when the server does not accept.
    pub(crate) fn connect_lean(address: SocketAddr) -> Result<Client> {
        Client::connect_with(address, 64)
    }

    fn connect_with(address: SocketAddr, buffer_bytes: usize) -> Result<Client> {
        let stream = TcpStream::connect(address).doing(|| format!("connect to {address}"))?;
        stream
            .set_nodelay(true)
            .and_then(|()| stream.set_read_timeout(Some(REPLY_TIMEOUT)))
            .doing(|| format!("prepare a connection to {address}"))?;
        Ok(Client {
            stream: BufReader::with_capacity(buffer_bytes, stream),
        })
    }

    /// Whether a reply begins to come within `timeout`.
    pub(crate) fn is_readable(&mut self, timeout: Duration) -> Result<bool> {
        if !self.stream.buffer().is_empty() {
            return Ok(true);
        }
        let timeout = Timespec::try_from(timeout).unwrap_or_default();
        let mut poll = [PollFd::new(self.stream.get_ref(), PollFlags::IN)];
        match rustix::event::poll(&mut poll, Some(&timeout)) {
            Ok(ready) => Ok(ready > 0),
            Err(rustix::io::Errno::INTR) => Ok(false),
            Err(error) => Err(error).doing(|| "wait for a reply".into()),
        }
    }

    /// Sends one command, its words separated by spaces, and returns the reply.
    ///
    /// # Errors
    /// An error reply comes as `BenchError::ErrorReplies`.
    pub(crate) fn command(&mut self, words: &str) -> Result<Value> {
        self.send(&encode(words))?;
        match self.read()? {
            Value::Error(first) => Err(BenchError::ErrorReplies { count: 1, first }),
            value => Ok(value),
        }
    }

    /// As [`Client::command`], for an integer reply.
    pub(crate) fn integer(&mut self, words: &str) -> Result<i64> {
        match self.command(words)? {
            Value::Integer(number) => Ok(number),
            other => Err(unexpected(words, &other)),
        }
    }

    /// A field of an INFO section, `None` where the server does not know it.
    pub(crate) fn info(&mut self, section: &str, field: &str) -> Result<Option<String>> {
        let words = format!("INFO {section}");
        let reply = self.command(&words)?;
        let text = reply.bytes().ok_or_else(|| unexpected(&words, &reply))?;
        let text = String::from_utf8_lossy(text);
        Ok(text.lines().find_map(|line| {
            let (name, value) = line.split_once(':')?;
            (name == field).then(|| value.trim().to_string())
        }))
    }

    /// A numeric field of an INFO section.
    pub(crate) fn info_number(&mut self, section: &str, field: &str) -> Result<u64> {
        let value = self.info(section, field)?;
        value
            .as_deref()
            .and_then(|text| text.parse().ok())
            .ok_or_else(|| BenchError::UnexpectedReply {
                command: format!("INFO {section}"),
                reply: format!("{field}:{}", value.unwrap_or_default()),
            })
    }

    /// Sends bytes that are already RESP.
    pub(crate) fn send(&mut self, requests: &[u8]) -> Result<()> {
        self.stream
            .get_mut()
            .write_all(requests)
            .doing(|| "write to the server".into())
    }

    /// Reads one reply.
    pub(crate) fn read(&mut self) -> Result<Value> {
        let mut line = String::new();
        let read = self
            .stream
            .read_line(&mut line)
            .doing(|| "read a reply".into())?;
        let text = line
            .strip_suffix("\r\n")
            .filter(|text| read > 0 && !text.is_empty())
            .ok_or_else(|| BenchError::Protocol(line.escape_debug().to_string()))?;
        let malformed = || BenchError::Protocol(text.to_string());
        let (kind, rest) = text.split_at_checked(1).ok_or_else(malformed)?;
        match kind {
            "+" => Ok(Value::Simple(rest.to_string())),
            "-" => Ok(Value::Error(rest.to_string())),
            ":" => rest.parse().map(Value::Integer).map_err(|_| malformed()),
            "$" | "*" if rest == "-1" => Ok(Value::Null),
            "$" => self.read_bulk(rest.parse().map_err(|_| malformed())?),
            "*" => {
                let count: usize = rest.parse().map_err(|_| malformed())?;
                (0..count)
                    .map(|_| self.read())
                    .collect::<Result<_>>()
                    .map(Value::Array)
            }
            _ => Err(malformed()),
        }
    }

    fn read_bulk(&mut self, length: usize) -> Result<Value> {
        let mut bytes = vec![0; length + 2];
        self.stream
            .read_exact(&mut bytes)
            .doing(|| "read a reply".into())?;
        bytes.truncate(length);
        Ok(Value::Bulk(bytes))
    }
}

/// Encodes a command whose words are separated by spaces.
pub(crate) fn encode(words: &str) -> Vec<u8> {
    let words: Vec<&str> = words.split_whitespace().collect();
    let mut out = format!("*{}\r\n", words.len()).into_bytes();
    for word in words {
        out.extend(format!("${}\r\n{word}\r\n", word.len()).bytes());
    }
    out
}

/// The error for a reply of a shape that `command` should not give.
pub(crate) fn unexpected(command: &str, reply: &Value) -> BenchError {
    BenchError::UnexpectedReply {
        command: command.to_string(),
        reply: format!("{reply:?}").chars().take(200).collect(),
    }
}
