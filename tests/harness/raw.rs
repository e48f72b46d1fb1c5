//! A client that sees the bytes.

use std::fmt;
use std::io::{ErrorKind, Read, Write};
use std::net::{Shutdown, TcpStream};
use std::time::Duration;

use crate::{DecodeError, Pattern, Value};

/// How long a reply may take before the test fails.
const REPLY_PATIENCE: Duration = Duration::from_secs(20);

/// A plain connection that sends any bytes and decodes replies without interpreting them.
pub struct RawClient {
    stream: TcpStream,
    received: Vec<u8>,
}

impl RawClient {
    /// Connects to `port` of this machine.
    ///
    /// # Panics
    /// When nobody listens there.
    #[track_caller]
    pub fn connect(port: u16) -> RawClient {
        let stream = TcpStream::connect(("127.0.0.1", port)).expect("the server accepts");
        stream.set_nodelay(true).expect("TCP_NODELAY can be set");
        stream
            .set_read_timeout(Some(REPLY_PATIENCE))
            .expect("a timeout can be set");
        RawClient {
            stream,
            received: Vec::new(),
        }
    }

    /// The socket, for tests that half-close it or do not read from it.
    pub fn stream(&self) -> &TcpStream {
        &self.stream
    }

    /// Sends `bytes` as they are.
    #[track_caller]
    pub fn send_bytes(&mut self, bytes: impl AsRef<[u8]>) {
        self.stream
            .write_all(bytes.as_ref())
            .expect("the server reads");
    }

    /// Sends `bytes`; false when the server has already closed.
    pub fn try_send_bytes(&mut self, bytes: impl AsRef<[u8]>) -> bool {
        self.stream.write_all(bytes.as_ref()).is_ok()
    }

    /// Sends one command.
    #[track_caller]
    pub fn send<A: AsRef<[u8]>>(&mut self, args: &[A]) {
        self.send_bytes(encode_command(args));
    }

    /// Sends one command and returns its reply.
    #[track_caller]
    pub fn call<A: AsRef<[u8]>>(&mut self, args: &[A]) -> Value {
        self.send(args);
        self.read()
    }

    /// Sends the command that `line` spells as `redis-cli` would read it, and returns its reply.
    #[track_caller]
    pub fn run(&mut self, line: &str) -> Value {
        self.call(&split_line(line).expect("a command line"))
    }

    /// Runs `line` and compares its reply with a pattern.
    ///
    /// # Panics
    /// When the reply does not match.
    #[track_caller]
    pub fn check(&mut self, line: &str, pattern: &str) {
        let reply = self.run(line);
        assert_matches(line, &reply, pattern);
    }

    /// Reads one reply and compares it with a pattern.
    ///
    /// # Panics
    /// When it does not match.
    #[track_caller]
    pub fn expect_reply(&mut self, pattern: &str) {
        let reply = self.read();
        assert_matches("the next reply", &reply, pattern);
    }

    /// The next reply.
    ///
    /// # Panics
    /// When none comes in time, the connection ends, or the bytes are not a reply.
    #[track_caller]
    pub fn read(&mut self) -> Value {
        match self.try_read() {
            Ok(value) => value,
            Err(end) => panic!("no reply: {end}"),
        }
    }

    /// The next reply, or how the connection ended instead.
    ///
    /// # Errors
    /// [`End::Closed`] when the server closed, `Silent` when nothing came in time.
    ///
    /// # Panics
    /// When the bytes are not a reply.
    #[track_caller]
    pub fn try_read(&mut self) -> Result<Value, End> {
        loop {
            match Value::decode(&self.received) {
                Ok((value, used)) => {
                    self.received.drain(..used);
                    return Ok(value);
                }
                Err(DecodeError::Malformed(reason)) => {
                    panic!("not a reply ({reason}): {}", self.received.escape_ascii())
                }
                Err(DecodeError::Incomplete) => self.receive()?,
            }
        }
    }

    /// Reads exactly `bytes`.
    ///
    /// # Panics
    /// When other bytes come, or too few.
    #[track_caller]
    pub fn expect(&mut self, bytes: impl AsRef<[u8]>) {
        let bytes = bytes.as_ref();
        while self.received.len() < bytes.len() {
            if let Err(end) = self.receive() {
                panic!(
                    "{end} after `{}`, expected `{}`",
                    self.received.escape_ascii(),
                    bytes.escape_ascii()
                );
            }
        }
        let got: Vec<u8> = self.received.drain(..bytes.len()).collect();
        assert_eq!(
            got.escape_ascii().to_string(),
            bytes.escape_ascii().to_string()
        );
    }

    /// Reads whatever still comes until the server closes.
    ///
    /// # Panics
    /// When it does not close.
    #[track_caller]
    pub fn read_to_close(&mut self) -> Vec<u8> {
        loop {
            match self.receive() {
                Ok(()) => {}
                Err(End::Closed) => return std::mem::take(&mut self.received),
                Err(End::Silent) => {
                    panic!(
                        "the connection stays open after `{}`",
                        self.received.escape_ascii()
                    )
                }
            }
        }
    }

    /// Waits for the server to close.
    ///
    /// # Panics
    /// When it does not, or sends anything before.
    #[track_caller]
    pub fn expect_close(&mut self) {
        let rest = self.read_to_close();
        assert_eq!(
            rest.escape_ascii().to_string(),
            "",
            "nothing was to come before the close"
        );
    }

    /// What comes until the server pauses, in notation. Only for recording: a test waits for what
    /// it expects.
    pub(crate) fn read_what_comes(&mut self) -> Vec<String> {
        let pause = |client: &RawClient, time| {
            client
                .stream
                .set_read_timeout(Some(time))
                .expect("a timeout can be set");
        };
        let mut replies = Vec::new();
        pause(self, Duration::from_millis(300));
        loop {
            match self.try_read() {
                Ok(value) => {
                    replies.push(value.to_string());
                    pause(self, Duration::from_millis(4));
                }
                Err(End::Closed) => {
                    replies.push("closed".into());
                    break;
                }
                Err(End::Silent) => break,
            }
        }
        pause(self, REPLY_PATIENCE);
        match replies.is_empty() {
            true => vec!["none".into()],
            false => replies,
        }
    }

    /// Tells the server that nothing more will be sent.
    pub fn finish(&mut self) {
        // The server may have closed first, which is just as finished.
        let _ = self.stream.shutdown(Shutdown::Write);
    }

    /// Reads what is there into `received`, at least one byte.
    fn receive(&mut self) -> Result<(), End> {
        let mut chunk = [0; 64 * 1024];
        match self.stream.read(&mut chunk) {
            Ok(0) => Err(End::Closed),
            Ok(length) => {
                self.received.extend_from_slice(&chunk[..length]);
                Ok(())
            }
            Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {
                Err(End::Silent)
            }
            Err(error) if error.kind() == ErrorKind::Interrupted => Ok(()),
            // A reset is how a close looks when unread bytes were still under way.
            Err(_) => Err(End::Closed),
        }
    }
}

/// Why no reply came.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum End {
    /// The server closed the connection.
    Closed,
    /// Nothing came in time.
    Silent,
}

impl fmt::Display for End {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(match self {
            End::Closed => "the server closed the connection",
            End::Silent => "nothing came in time",
        })
    }
}

#[track_caller]
fn assert_matches(what: &str, reply: &Value, pattern: &str) {
    let parsed = Pattern::parse(pattern).expect("a pattern");
    assert!(
        parsed.matches(reply),
        "{what}\n  answered {reply}\n  expected {pattern}"
    );
}

/// A command as RESP sends it.
pub fn encode_command<A: AsRef<[u8]>>(args: &[A]) -> Vec<u8> {
    let mut bytes = format!("*{}\r\n", args.len()).into_bytes();
    for arg in args {
        let arg = arg.as_ref();
        bytes.extend_from_slice(format!("${}\r\n", arg.len()).as_bytes());
        bytes.extend_from_slice(arg);
        bytes.extend_from_slice(b"\r\n");
    }
    bytes
}

/// Splits a command line as `redis-cli` does: words between spaces, `"…"` with escapes. A repeat
/// count may follow a quoted argument: `"ab"*3` is `ababab`.
///
/// # Errors
/// With what is wrong in it.
pub fn split_line(line: &str) -> Result<Vec<Vec<u8>>, String> {
    let mut args = Vec::new();
    let mut rest = line.trim_start().as_bytes();
    while let Some(first) = rest.first() {
        let (arg, used) = match first {
            b'"' => read_repeated(&rest[1..])?,
            _ => {
                let end = rest
                    .iter()
                    .position(|&byte| byte == b' ')
                    .unwrap_or(rest.len());
                (rest[..end].to_vec(), end)
            }
        };
        args.push(arg);
        rest = rest[used..].trim_ascii_start();
    }
    Ok(args)
}

/// A quoted argument and its repeat count; `text` starts behind the opening quote.
fn read_repeated(text: &[u8]) -> Result<(Vec<u8>, usize), String> {
    let (bytes, used) = read_quoted(text)?;
    let rest = &text[used..];
    let Some(rest) = rest.strip_prefix(b"*") else {
        return Ok((bytes, used + 1));
    };
    let digits = rest.iter().take_while(|byte| byte.is_ascii_digit()).count();
    let count = String::from_utf8_lossy(&rest[..digits]);
    let count: usize = count
        .parse()
        .map_err(|_| "a repeat count is missing".to_owned())?;
    Ok((bytes.repeat(count), used + 2 + digits))
}

/// The bytes up to the closing quote, and how much of `text` they took with it.
pub(crate) fn read_quoted(text: &[u8]) -> Result<(Vec<u8>, usize), String> {
    let mut bytes = Vec::new();
    let mut at = 0;
    loop {
        let byte = *text.get(at).ok_or("a quote is not closed")?;
        at += 1;
        match byte {
            b'"' => return Ok((bytes, at)),
            b'\\' => {
                let escape = *text.get(at).ok_or("an escape is cut short")?;
                at += 1;
                bytes.push(match escape {
                    b'n' => b'\n',
                    b'r' => b'\r',
                    b't' => b'\t',
                    b'x' => {
                        let digits = text.get(at..at + 2).ok_or("an escape is cut short")?;
                        at += 2;
                        let digits = String::from_utf8_lossy(digits);
                        u8::from_str_radix(&digits, 16).map_err(|error| error.to_string())?
                    }
                    other => other,
                });
            }
            other => bytes.push(other),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_split_as_in_redis_cli() {
        let args = split_line(r#" SET  k "a b\x00\n\"" "" "ab"*3 "#).unwrap();
        let expected: [&[u8]; 5] = [b"SET", b"k", b"a b\x00\n\"", b"", b"ababab"];
        assert_eq!(args, expected);
        assert!(split_line("\"open").is_err());
    }

    #[test]
    fn a_command_is_an_array_of_bulks() {
        assert_eq!(
            encode_command(&["GET", ""]),
            b"*2\r\n$3\r\nGET\r\n$0\r\n\r\n"
        );
    }
}
