//! Counts complete RESP2/RESP3 replies in a byte stream without building values.
//!
//! The generator reads into one buffer that all connections share, so a reply may be cut anywhere.
//! [`ReplySkipper`] keeps only what is needed to go on: the bytes of an unfinished line, how much of
//! a bulk is still to come, and how many elements each open aggregate still lacks.

use crate::error::{BenchError, Result};

/// Longest line that a reply may have; error texts are the longest in practice.
const LINE_BYTES_MAX: usize = 64 * 1024;
/// Deepest nesting that is followed.
const DEPTH_MAX: usize = 64;

/// Follows the replies of one connection.
#[derive(Debug, Default)]
pub(crate) struct ReplySkipper {
    /// The beginning of a line whose end has not come yet.
    line: Vec<u8>,
    /// Bytes of the current bulk still to come, its CRLF included.
    bulk_left: u64,
    open: Vec<Aggregate>,
    nulls: u64,
    errors: u64,
    first_error: Option<String>,
    pushes: u64,
}

#[derive(Debug)]
struct Aggregate {
    left: u64,
    shape: Shape,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Shape {
    Value,
    /// Out of band: at top level it answers no request.
    Push,
    /// Stands before a value and is no value itself.
    Attribute,
}

impl ReplySkipper {
    /// Takes the next bytes and returns how many replies they complete.
    ///
    /// # Errors
    /// `BenchError::Protocol` when the bytes are no RESP.
    pub(crate) fn feed(&mut self, bytes: &[u8]) -> Result<u64> {
        let mut replies = 0;
        let mut rest = bytes;
        while !rest.is_empty() {
            if self.bulk_left > 0 {
                rest = self.skip_bulk(rest, &mut replies)?;
                continue;
            }
            let Some(end) = memchr::memchr(b'\n', rest) else {
                self.keep_partial_line(rest)?;
                break;
            };
            let (head, tail) = rest.split_at(end + 1);
            rest = tail;
            if self.line.is_empty() {
                self.take_line(head, &mut replies)?;
            } else {
                self.keep_partial_line(head)?;
                let line = std::mem::take(&mut self.line);
                self.take_line(&line, &mut replies)?;
                self.line = line;
                self.line.clear();
            }
        }
        Ok(replies)
    }

    /// How many nulls came so far, nested ones included.
    pub(crate) fn nulls(&self) -> u64 {
        self.nulls
    }

    /// How many error replies came so far, nested ones included.
    pub(crate) fn errors(&self) -> u64 {
        self.errors
    }

    /// The text of the first error reply.
    pub(crate) fn first_error(&self) -> Option<&str> {
        self.first_error.as_deref()
    }

    fn keep_partial_line(&mut self, bytes: &[u8]) -> Result<()> {
        if self.line.len() + bytes.len() > LINE_BYTES_MAX {
            return Err(BenchError::Protocol("a line does not end".into()));
        }
        self.line.extend_from_slice(bytes);
        Ok(())
    }

    fn skip_bulk<'a>(&mut self, bytes: &'a [u8], replies: &mut u64) -> Result<&'a [u8]> {
        let here =
            usize::try_from(self.bulk_left).map_or(bytes.len(), |left| left.min(bytes.len()));
        let (skipped, rest) = bytes.split_at(here);
        self.bulk_left -= here as u64;
        if self.bulk_left == 0 {
            if !b"\r\n".ends_with(&skipped[here.saturating_sub(2)..]) {
                return Err(BenchError::Protocol("a bulk does not end with CRLF".into()));
            }
            self.value_done(replies);
        }
        Ok(rest)
    }

    /// `line` ends with `\n`.
    fn take_line(&mut self, line: &[u8], replies: &mut u64) -> Result<()> {
        let Some((&first, text)) = line.strip_suffix(b"\r\n").and_then(<[u8]>::split_first) else {
            return Err(malformed(line));
        };
        match first {
            b'+' | b':' | b',' | b'(' | b'#' => self.value_done(replies),
            b'_' => self.null_done(replies),
            b'-' => {
                self.note_error(text);
                self.value_done(replies);
            }
            b'$' | b'=' | b'!' => self.open_bulk(first, text, line, replies)?,
            b'*' | b'~' | b'>' | b'%' | b'|' => self.open_aggregate(first, text, line, replies)?,
            _ => return Err(malformed(line)),
        }
        Ok(())
    }

    fn open_bulk(&mut self, first: u8, text: &[u8], line: &[u8], replies: &mut u64) -> Result<()> {
        if first == b'!' {
            self.note_error(b"(bulk error)");
        }
        match length(text).ok_or_else(|| malformed(line))? {
            None => self.null_done(replies),
            Some(length) => self.bulk_left = length + 2,
        }
        Ok(())
    }

    fn open_aggregate(
        &mut self,
        first: u8,
        text: &[u8],
        line: &[u8],
        replies: &mut u64,
    ) -> Result<()> {
        let shape = match first {
            b'>' => Shape::Push,
            b'|' => Shape::Attribute,
            _ => Shape::Value,
        };
        let per_element = if matches!(first, b'%' | b'|') { 2 } else { 1 };
        let Some(count) = length(text).ok_or_else(|| malformed(line))? else {
            self.null_done(replies);
            return Ok(());
        };
        let left = count * per_element;
        match (left, shape) {
            (0, Shape::Attribute) => {}
            (0, _) => self.value_done(replies),
            _ if self.open.len() == DEPTH_MAX => {
                return Err(BenchError::Protocol("nested too deeply".into()));
            }
            _ => self.open.push(Aggregate { left, shape }),
        }
        Ok(())
    }

    fn null_done(&mut self, replies: &mut u64) {
        self.nulls += 1;
        self.value_done(replies);
    }

    /// A value is complete: closes the aggregates that it completes.
    fn value_done(&mut self, replies: &mut u64) {
        while let Some(aggregate) = self.open.last_mut() {
            aggregate.left -= 1;
            if aggregate.left > 0 {
                return;
            }
            let shape = aggregate.shape;
            self.open.pop();
            if shape == Shape::Attribute {
                return;
            }
            if shape == Shape::Push && self.open.is_empty() {
                self.pushes += 1;
                return;
            }
        }
        *replies += 1;
    }

    #[cold]
    fn note_error(&mut self, text: &[u8]) {
        self.errors += 1;
        self.first_error
            .get_or_insert_with(|| String::from_utf8_lossy(text).into_owned());
    }
}

#[cold]
fn malformed(line: &[u8]) -> BenchError {
    let shown = &line[..line.len().min(80)];
    BenchError::Protocol(shown.escape_ascii().to_string())
}

/// A length after `$`, `*` and their like: `Some(None)` is the null `-1`, `None` is malformed.
fn length(text: &[u8]) -> Option<Option<u64>> {
    if text == b"-1" {
        return Some(None);
    }
    // Nineteen digits would not fit; no length that a server means has more than eighteen.
    if text.is_empty() || text.len() > 18 {
        return None;
    }
    let mut value = 0;
    for &digit in text {
        if !digit.is_ascii_digit() {
            return None;
        }
        value = value * 10 + u64::from(digit - b'0');
    }
    Some(Some(value))
}

#[cfg(test)]
mod tests {
    use super::*;

    const STREAM: &[u8] = b"+OK\r\n$3\r\na\r\n\r\n$-1\r\n$0\r\n\r\n:12\r\n*2\r\n$1\r\na\r\n*1\r\n:1\r\n*0\r\n*-1\r\n\
        %1\r\n+k\r\n~2\r\n#t\r\n_\r\n>2\r\n+message\r\n+hello\r\n,1.5\r\n(123456789012345678901\r\n\
        |1\r\n+ttl\r\n:3600\r\n+after\r\n=7\r\ntxt:abc\r\n-ERR no\r\n*2\r\n-WRONG nested\r\n!5\r\nERR x\r\n|0\r\n+last\r\n";
    const STREAM_REPLIES: u64 = 16;

    #[test]
    fn replies_are_counted_over_any_split() {
        for first in 0..=STREAM.len() {
            for second in [first, (first + 1).min(STREAM.len()), STREAM.len()] {
                let mut skipper = ReplySkipper::default();
                let mut replies = 0;
                for part in [&STREAM[..first], &STREAM[first..second], &STREAM[second..]] {
                    replies += skipper.feed(part).unwrap();
                }
                assert_eq!(replies, STREAM_REPLIES, "split at {first} and {second}");
                assert_eq!(skipper.errors(), 3);
                assert_eq!(skipper.nulls(), 3);
                assert_eq!(skipper.first_error(), Some("ERR no"));
                assert_eq!(skipper.pushes, 1);
            }
        }
    }

    #[test]
    fn replies_are_counted_byte_by_byte() {
        let mut skipper = ReplySkipper::default();
        let counted: u64 = STREAM
            .iter()
            .map(|byte| skipper.feed(&[*byte]).unwrap())
            .sum();
        assert_eq!(counted, STREAM_REPLIES);
    }

    #[test]
    fn an_unfinished_reply_is_not_counted() {
        for unfinished in [
            &b"$5\r\nhello"[..],
            b"$5\r\nhello\r",
            b"*2\r\n:1\r\n",
            b"+OK\r",
            b"|1\r\n+a\r\n+b\r\n",
        ] {
            assert_eq!(ReplySkipper::default().feed(unfinished).unwrap(), 0);
        }
    }

    #[test]
    fn other_bytes_are_refused() {
        let endless = vec![b'+'; LINE_BYTES_MAX + 1];
        let deep = b"*1\r\n".repeat(DEPTH_MAX + 1);
        for wrong in [
            &b"hello\r\n"[..],
            b"+OK\n",
            b"\r\n",
            b"$x\r\n",
            b"$-2\r\n",
            b"*\r\n",
            b"$1\r\nabc",
            b"$9999999999999999999\r\n",
            &endless,
            &deep,
        ] {
            assert!(
                ReplySkipper::default().feed(wrong).is_err(),
                "{}",
                wrong.escape_ascii()
            );
        }
    }
}
