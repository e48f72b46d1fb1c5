//! The reply writer: values to RESP2 or RESP3 bytes, appended to a session's output buffer.
//!
//! One command function writes one reply and need not ask which version the client speaks: what
//! RESP2 lacks is written as what Redis sends in its place (a map as a flat array, a double as a
//! bulk string, `true` as `:1`, …).

#[cfg(test)]
mod tests;

use crate::double::DoubleText;
use crate::error::ProtocolError;

/// The protocol version a client has chosen with `HELLO`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Version {
    /// Version 2, which every connection starts with.
    #[default]
    Resp2,
    /// Version 3.
    Resp3,
}

/// Appends replies to a buffer. Cheap to make: one per command.
///
/// ```
/// use protocol::{Reply, Version};
///
/// let mut buf = Vec::new();
/// let mut reply = Reply::new(&mut buf, Version::Resp2);
/// reply.map(1);
/// reply.bulk(b"hits");
/// reply.integer(7);
/// assert_eq!(buf, b"*2\r\n$4\r\nhits\r\n:7\r\n");
/// ```
#[derive(Debug)]
pub struct Reply<'b> {
    buf: &'b mut Vec<u8>,
    version: Version,
}

/// A place where the header of an array, set or map goes once its length is known.
#[derive(Debug)]
#[must_use = "without its header the reply is broken"]
pub struct Deferred {
    at: usize,
}

impl<'b> Reply<'b> {
    /// A writer that appends to `buf`.
    #[inline]
    pub fn new(buf: &'b mut Vec<u8>, version: Version) -> Self {
        Reply { buf, version }
    }

    /// The version this writer speaks.
    #[inline]
    pub fn version(&self) -> Version {
        self.version
    }

    /// Switches to another version from the next value on: `HELLO` answers in the one it chooses.
    #[inline]
    pub fn set_version(&mut self, version: Version) {
        self.version = version;
    }

    /// Bytes in the buffer, with what was there before this reply.
    #[inline]
    pub fn position(&self) -> usize {
        self.buf.len()
    }

    /// `+OK`.
    #[inline]
    pub fn ok(&mut self) {
        self.buf.extend_from_slice(b"+OK\r\n");
    }

    /// A status line. Line breaks in `text` become spaces.
    pub fn simple(&mut self, text: impl AsRef<[u8]>) {
        self.line(b'+', text.as_ref());
    }

    /// An error line; `text` begins with its prefix (`ERR `, `WRONGTYPE `, …). It may hold any
    /// bytes, such as a client's own; line breaks at its ends are dropped, others become spaces.
    pub fn error(&mut self, text: impl AsRef<[u8]>) {
        let is_break = |byte: &u8| matches!(byte, b'\r' | b'\n');
        let text = text.as_ref();
        let start = text
            .iter()
            .position(|byte| !is_break(byte))
            .unwrap_or(text.len());
        let end = text
            .iter()
            .rposition(|byte| !is_break(byte))
            .map_or(start, |last| last + 1);
        self.line(b'-', &text[start..end]);
    }

    /// The error line for a malformed request, byte for byte as Redis words it.
    pub fn protocol_error(&mut self, error: ProtocolError) {
        match error {
            // Only text can be displayed; on the wire the byte stands as it came.
            ProtocolError::ExpectedDollar(byte) => {
                self.error(
                    [
                        b"ERR Protocol error: expected '$', got '",
                        &[byte][..],
                        b"'",
                    ]
                    .concat(),
                );
            }
            _ => self.error(format!("ERR {error}")),
        }
    }

    /// An integer.
    #[inline]
    pub fn integer(&mut self, value: i64) {
        match u8::try_from(value) {
            Ok(digit @ 0..=9) => self
                .buf
                .extend_from_slice(&[b':', b'0' + digit, b'\r', b'\n']),
            _ => self.number_line(b':', value),
        }
    }

    /// A bulk string.
    #[inline]
    pub fn bulk(&mut self, value: &[u8]) {
        self.buf.reserve(value.len() + BULK_FRAME_LEN_MAX);
        self.bulk_header(value.len());
        self.buf.extend_from_slice(value);
        self.crlf();
    }

    /// A bulk string, or null.
    #[inline]
    pub fn bulk_or_null(&mut self, value: Option<&[u8]>) {
        match value {
            Some(value) => self.bulk(value),
            None => self.null(),
        }
    }

    /// An integer as a bulk string.
    pub fn bulk_integer(&mut self, value: i64) {
        self.bulk(itoa::Buffer::new().format(value).as_bytes());
    }

    /// The start of a bulk string of `len` bytes. [`raw`](Self::raw) or whoever sends the buffer
    /// adds the bytes, [`crlf`](Self::crlf) ends it.
    #[inline]
    pub fn bulk_header(&mut self, len: usize) {
        push_length(self.buf, b'$', len);
    }

    /// Bytes as they are: a part of a bulk string, or a reply encoded elsewhere.
    #[inline]
    pub fn raw(&mut self, bytes: &[u8]) {
        self.buf.extend_from_slice(bytes);
    }

    /// The end of a bulk string.
    #[inline]
    pub fn crlf(&mut self) {
        self.buf.extend_from_slice(b"\r\n");
    }

    /// Null where a single value was asked for.
    #[inline]
    pub fn null(&mut self) {
        self.buf.extend_from_slice(match self.version {
            Version::Resp2 => b"$-1\r\n",
            Version::Resp3 => b"_\r\n",
        });
    }

    /// Null where an array was asked for (`BLPOP` after its timeout, `EXEC` after a change).
    #[inline]
    pub fn null_array(&mut self) {
        self.buf.extend_from_slice(match self.version {
            Version::Resp2 => b"*-1\r\n",
            Version::Resp3 => b"_\r\n",
        });
    }

    /// The start of an array; `len` values follow.
    #[inline]
    pub fn array(&mut self, len: usize) {
        push_length(self.buf, b'*', len);
    }

    /// The start of a map; `len` pairs follow. RESP2: a flat array.
    #[inline]
    pub fn map(&mut self, len: usize) {
        let (prefix, len) = self.map_header(len);
        push_length(self.buf, prefix, len);
    }

    /// The start of a set; `len` values follow. RESP2: an array.
    #[inline]
    pub fn set(&mut self, len: usize) {
        push_length(self.buf, self.in_resp3(b'~'), len);
    }

    /// The start of an out-of-band message; `len` values follow. RESP2: an array.
    #[inline]
    pub fn push(&mut self, len: usize) {
        push_length(self.buf, self.in_resp3(b'>'), len);
    }

    /// The start of an attribute; `len` pairs follow, then the reply they belong to.
    ///
    /// RESP2 has none: nothing is written, `false` returned, and the caller leaves the pairs out.
    #[must_use = "the pairs may only be written when this is true"]
    pub fn attribute(&mut self, len: usize) -> bool {
        if self.version == Version::Resp3 {
            push_length(self.buf, b'|', len);
        }
        self.version == Version::Resp3
    }

    /// A double, in Redis's notation ([`DoubleText`]). RESP2: a bulk string.
    pub fn double(&mut self, value: f64) {
        let text = DoubleText::new(value);
        match self.version {
            Version::Resp2 => self.bulk(text.as_bytes()),
            Version::Resp3 => self.line(b',', text.as_bytes()),
        }
    }

    /// A boolean. RESP2: `:1` or `:0`.
    pub fn boolean(&mut self, value: bool) {
        self.buf.extend_from_slice(match (self.version, value) {
            (Version::Resp2, true) => b":1\r\n",
            (Version::Resp2, false) => b":0\r\n",
            (Version::Resp3, true) => b"#t\r\n",
            (Version::Resp3, false) => b"#f\r\n",
        });
    }

    /// An integer of any size, in decimal digits. RESP2: a bulk string.
    pub fn big_number(&mut self, digits: &str) {
        match self.version {
            Version::Resp2 => self.bulk(digits.as_bytes()),
            Version::Resp3 => self.line(b'(', digits.as_bytes()),
        }
    }

    /// Text for people, with its format (`txt`, `mkd`). RESP2: a bulk string without the format.
    pub fn verbatim(&mut self, format: &[u8; 3], text: &[u8]) {
        match self.version {
            Version::Resp2 => self.bulk(text),
            Version::Resp3 => {
                push_length(self.buf, b'=', text.len() + format.len() + 1);
                self.buf.extend_from_slice(format);
                self.buf.push(b':');
                self.buf.extend_from_slice(text);
                self.crlf();
            }
        }
    }

    /// Keeps the place for the header of a collection whose length is not known yet. Its values
    /// follow; then one of the `end_deferred_` methods puts the header in.
    pub fn begin_deferred(&mut self) -> Deferred {
        Deferred { at: self.buf.len() }
    }

    /// Makes what was written since [`begin_deferred`](Self::begin_deferred) an array of `len`
    /// values. It moves by the returned number of bytes: offsets into the buffer that the caller
    /// noted meanwhile grow by as much.
    pub fn end_deferred_array(&mut self, deferred: Deferred, len: usize) -> usize {
        self.insert_header(deferred, b'*', len)
    }

    /// As [`end_deferred_array`](Self::end_deferred_array), for a set.
    pub fn end_deferred_set(&mut self, deferred: Deferred, len: usize) -> usize {
        self.insert_header(deferred, self.in_resp3(b'~'), len)
    }

    /// As [`end_deferred_array`](Self::end_deferred_array), for a map of `len` pairs.
    pub fn end_deferred_map(&mut self, deferred: Deferred, len: usize) -> usize {
        let (prefix, len) = self.map_header(len);
        self.insert_header(deferred, prefix, len)
    }

    /// Drops what was written since [`begin_deferred`](Self::begin_deferred), say because an
    /// error is to be the reply.
    pub fn cancel_deferred(&mut self, deferred: Deferred) {
        self.buf.truncate(deferred.at);
    }

    fn insert_header(&mut self, deferred: Deferred, prefix: u8, len: usize) -> usize {
        let end = self.buf.len();
        push_length(self.buf, prefix, len);
        let header_len = self.buf.len() - end;
        self.buf[deferred.at..].rotate_right(header_len);
        header_len
    }

    fn map_header(&self, len: usize) -> (u8, usize) {
        match self.version {
            Version::Resp2 => (b'*', len * 2),
            Version::Resp3 => (b'%', len),
        }
    }

    fn in_resp3(&self, prefix: u8) -> u8 {
        match self.version {
            Version::Resp2 => b'*',
            Version::Resp3 => prefix,
        }
    }

    fn number_line(&mut self, prefix: u8, value: i64) {
        let mut digits = itoa::Buffer::new();
        let digits = digits.format(value).as_bytes();
        // Put together here, so that the buffer grows, and is looked at, but once.
        let mut line = [0; NUMBER_LINE_LEN_MAX];
        let len = digits.len() + 3;
        line[0] = prefix;
        line[1..len - 2].copy_from_slice(digits);
        line[len - 2..len].copy_from_slice(b"\r\n");
        self.buf.extend_from_slice(&line[..len]);
    }

    /// A line of any bytes; line breaks within become spaces, else the reply would end there.
    fn line(&mut self, prefix: u8, text: &[u8]) {
        self.buf.reserve(text.len() + 3);
        self.buf.push(prefix);
        let start = self.buf.len();
        self.buf.extend_from_slice(text);
        for byte in &mut self.buf[start..] {
            if matches!(*byte, b'\r' | b'\n') {
                *byte = b' ';
            }
        }
        self.crlf();
    }
}

/// Most bytes around the value of a bulk string: `$`, the length, two line ends.
const BULK_FRAME_LEN_MAX: usize = 1 + 20 + 2 + 2;
/// A prefix, the longest `i64` and a line break.
const NUMBER_LINE_LEN_MAX: usize = 1 + 20 + 2;

/// Appends `prefix`, `len` in decimal and a line end. One or two digits, nearly all there are, go
/// in as one write of fixed size.
#[inline]
pub(crate) fn push_length(out: &mut Vec<u8>, prefix: u8, len: usize) {
    match len {
        0..=9 => out.extend_from_slice(&[prefix, b'0' + len as u8, b'\r', b'\n']),
        10..=99 => {
            let (tens, ones) = (b'0' + (len / 10) as u8, b'0' + (len % 10) as u8);
            out.extend_from_slice(&[prefix, tens, ones, b'\r', b'\n']);
        }
        _ => push_long_length(out, prefix, len),
    }
}

fn push_long_length(out: &mut Vec<u8>, prefix: u8, len: usize) {
    out.push(prefix);
    out.extend_from_slice(itoa::Buffer::new().format(len).as_bytes());
    out.extend_from_slice(b"\r\n");
}
