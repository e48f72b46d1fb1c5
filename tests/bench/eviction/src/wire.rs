//! A connection to a server: one request, then its reply, because a look-aside cache cannot know what it sends next
//! before it has heard whether the key was there.

use std::io::{BufRead, BufReader, Read, Write};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::Duration;

use crate::error::{ReplayError, Result};

/// How long a reply may take.
const REPLY_TIMEOUT: Duration = Duration::from_secs(60);

/// A RESP2 reply of the kinds that come up here.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Reply {
    Status,
    Integer(i64),
    Bulk(Vec<u8>),
    Null,
}

/// One blocking connection.
pub(crate) struct Wire {
    stream: BufReader<UnixStream>,
    request: Vec<u8>,
}

impl Wire {
    pub(crate) fn connect(socket: &Path) -> Result<Self> {
        let failed =
            |source| ReplayError::io(format!("connecting to {}", socket.display()), source);
        let stream = UnixStream::connect(socket).map_err(failed)?;
        stream
            .set_read_timeout(Some(REPLY_TIMEOUT))
            .map_err(failed)?;
        Ok(Self {
            stream: BufReader::new(stream),
            request: Vec::new(),
        })
    }

    /// Sends a command and waits for its reply; an error reply is an error.
    pub(crate) fn command(&mut self, words: &[&[u8]]) -> Result<Reply> {
        self.request.clear();
        // Into a `Vec`, which takes everything.
        let _ = write!(self.request, "*{}\r\n", words.len());
        for word in words {
            let _ = write!(self.request, "${}\r\n", word.len());
            self.request.extend_from_slice(word);
            self.request.extend_from_slice(b"\r\n");
        }
        let stream = self.stream.get_mut();
        stream
            .write_all(&self.request)
            .map_err(|source| ReplayError::io("writing to the server".into(), source))?;
        self.reply(words)
    }

    fn reply(&mut self, words: &[&[u8]]) -> Result<Reply> {
        let failed = |source| ReplayError::io("reading from the server".into(), source);
        let mut line = String::new();
        self.stream.read_line(&mut line).map_err(failed)?;
        let text = line.trim_end();
        let unexpected = || ReplayError::Reply {
            command: String::from_utf8_lossy(words[0]).into_owned(),
            reply: text.to_owned(),
        };
        let (kind, rest) = text.split_at_checked(1).ok_or_else(unexpected)?;
        match (kind, rest) {
            ("+", _) => Ok(Reply::Status),
            (":", number) => Ok(Reply::Integer(number.parse().map_err(|_| unexpected())?)),
            ("$", "-1") => Ok(Reply::Null),
            ("$", length) => {
                let length: usize = length.parse().map_err(|_| unexpected())?;
                let mut bytes = vec![0; length + 2];
                self.stream.read_exact(&mut bytes).map_err(failed)?;
                bytes.truncate(length);
                Ok(Reply::Bulk(bytes))
            }
            _ => Err(unexpected()),
        }
    }

    /// Whether the key is there.
    pub(crate) fn get(&mut self, key: &[u8]) -> Result<bool> {
        Ok(self.command(&[b"GET", key])? != Reply::Null)
    }

    pub(crate) fn set(&mut self, key: &[u8], value: &[u8]) -> Result<()> {
        self.command(&[b"SET", key, value]).map(drop)
    }

    /// Sets a configuration directive.
    pub(crate) fn configure(&mut self, directive: &str, value: &str) -> Result<()> {
        let words = [
            b"CONFIG".as_slice(),
            b"SET",
            directive.as_bytes(),
            value.as_bytes(),
        ];
        self.command(&words).map(drop)
    }

    /// How many keys there are.
    pub(crate) fn keys(&mut self) -> Result<u64> {
        match self.command(&[b"DBSIZE"])? {
            Reply::Integer(keys) => Ok(keys as u64),
            other => Err(ReplayError::Reply {
                command: "DBSIZE".into(),
                reply: format!("{other:?}"),
            }),
        }
    }

    /// What counts against `maxmemory`.
    pub(crate) fn used_memory(&mut self) -> Result<u64> {
        let reply = self.command(&[b"INFO", b"memory"])?;
        let used = match &reply {
            Reply::Bulk(text) => String::from_utf8_lossy(text)
                .lines()
                .find_map(|line| line.strip_prefix("used_memory:")?.trim().parse().ok()),
            _ => None,
        };
        used.ok_or_else(|| ReplayError::Reply {
            command: "INFO memory".into(),
            reply: format!("{reply:?}"),
        })
    }
}
