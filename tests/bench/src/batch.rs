//! Commands that differ from one to the next, many to a write, every reply looked at.
//!
//! A [`Mix`](crate::commands::Mix) repeats prepared requests as fast as the generator can; this is for
//! what has to be composed, such as the elements of a collection.

use crate::client::{Client, Value};
use crate::error::{BenchError, Result};

/// Requests go out once they take so many bytes unless something else is said, so that no server has to grow its buffers for them.
const BYTES_MAX: usize = 64 * 1024;

/// A connection whose commands go out many at a time.
#[derive(Debug)]
pub(crate) struct Batch {
    client: Client,
    requests: Vec<u8>,
    pending: usize,
    commands_max: usize,
    bytes_max: usize,
    check: fn(Value) -> Result<()>,
}

impl Batch {
    /// Sends up to `commands_max` commands with one write and gives each reply to `check`.
    pub(crate) fn new(
        client: Client,
        commands_max: usize,
        check: fn(Value) -> Result<()>,
    ) -> Batch {
        Batch {
            client,
            requests: Vec::new(),
            pending: 0,
            commands_max,
            bytes_max: BYTES_MAX,
            check,
        }
    }

    /// The same, but requests go out only once they take so many bytes.
    pub(crate) fn with_bytes_max(self, bytes_max: usize) -> Batch {
        Batch { bytes_max, ..self }
    }

    /// Adds a command.
    ///
    /// # Errors
    /// `BenchError` when this sends the batch and that fails, or `check` refuses a reply.
    pub(crate) fn push(&mut self, arguments: &[&[u8]]) -> Result<()> {
        let out = &mut self.requests;
        out.extend(format!("*{}\r\n", arguments.len()).bytes());
        for argument in arguments {
            out.extend(format!("${}\r\n", argument.len()).bytes());
            out.extend(*argument);
            out.extend(b"\r\n");
        }
        self.pending += 1;
        if self.pending >= self.commands_max || self.requests.len() >= self.bytes_max {
            self.flush()?;
        }
        Ok(())
    }

    /// Sends what waits and takes all replies.
    ///
    /// # Errors
    /// `BenchError` when that fails or `check` refuses a reply.
    pub(crate) fn flush(&mut self) -> Result<()> {
        self.client.send(&self.requests)?;
        self.requests.clear();
        for _ in 0..std::mem::take(&mut self.pending) {
            let reply = self.client.read()?;
            (self.check)(reply)?;
        }
        Ok(())
    }

    /// The connection, for what is asked between batches.
    pub(crate) fn client(&mut self) -> &mut Client {
        &mut self.client
    }
}

/// Takes any reply that is no error.
pub(crate) fn no_error(reply: Value) -> Result<()> {
    match reply {
        Value::Error(first) => Err(BenchError::ErrorReplies { count: 1, first }),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use std::io::{Read, Write};
    use std::net::TcpListener;
    use std::thread;

    use super::*;

    /// Takes `bytes` bytes and returns them; answers with `replies` once it has them.
    fn serve(bytes: usize, replies: &'static [u8]) -> (Client, thread::JoinHandle<Vec<u8>>) {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let client = Client::connect(listener.local_addr().unwrap()).unwrap();
        let served = thread::spawn(move || {
            let mut stream = listener.accept().unwrap().0;
            let mut seen = vec![0; bytes];
            stream.read_exact(&mut seen).unwrap();
            stream.write_all(replies).unwrap();
            seen
        });
        (client, served)
    }

    #[test]
    fn commands_go_out_together() {
        let expected = b"*2\r\n$3\r\nGET\r\n$1\r\na\r\n*1\r\n$4\r\nPING\r\n";
        let (client, served) = serve(expected.len(), b"$-1\r\n+PONG\r\n");
        let mut batch = Batch::new(client, 2, no_error);
        batch.push(&[b"GET", b"a"]).unwrap();
        batch.push(&[b"PING"]).unwrap();
        assert_eq!(served.join().unwrap(), expected);
        assert_eq!((batch.pending, batch.requests.len()), (0, 0));
    }

    #[test]
    fn an_error_reply_ends_it() {
        let (client, _served) = serve(14, b"-ERR no\r\n");
        let mut batch = Batch::new(client, 10, no_error);
        batch.push(&[b"PING"]).unwrap();
        let error = batch.flush().unwrap_err().to_string();
        assert_eq!(error, "1 error replies, the first: ERR no");
    }
}
