//! The request parser: from the bytes a client sent to where each argument lies.
//!
//! A request is a RESP array of bulk strings (`*2\r\n$3\r\nGET\r\n$1\r\nk\r\n`) or an inline line
//! (`GET k\r\n`). The bytes arrive in any pieces, so the parser is incremental: it is called with
//! all bytes of the request so far and says "not yet" until they suffice. What it has understood it
//! does not look at again, so the work is linear in the request, however it is cut.
//!
//! The usual case is a whole request in the buffer. It is parsed in one pass, without allocation,
//! and leaves the parser untouched; all else lives in `#[cold]` functions.
//!
//! As in Redis, line ends are taken on trust: the byte after `\r` and the two after an argument are
//! skipped, not checked. Unlike Redis, a zero byte in a line is a byte like any other; Redis stops
//! looking for the line's end there and waits for ever.

#[cfg(test)]
mod tests;

use memchr::memchr;

use crate::error::ProtocolError;
use crate::inline;
use crate::limits::Limits;
use crate::number::{parse_i64, take_length};

/// Where an argument lies in the input given to the parser (byte offsets from its start).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ArgSpan {
    /// Offset of the first byte.
    pub start: usize,
    /// Length in bytes.
    pub len: usize,
}

impl ArgSpan {
    /// The argument itself; `input` is what was given to the parser.
    ///
    /// # Panics
    /// When `input` is shorter than what was given to the parser.
    #[inline]
    pub fn of(self, input: &[u8]) -> &[u8] {
        &input[self.start..self.start + self.len]
    }
}

/// How far [`RequestParser::parse`] came.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Progress {
    /// A whole request; its arguments were appended as spans. There may be none (an empty line,
    /// `*0`, `*-1`): nothing to run then, and no reply.
    Complete {
        /// Bytes of the input that the request takes up.
        consumed: usize,
    },
    /// A whole inline request with quotes: its arguments do not stand in the input as they are.
    Inline {
        /// Bytes of the input that the request takes up.
        consumed: usize,
        /// The arguments, at least one.
        args: Vec<Vec<u8>>,
    },
    /// The input ends before the request does: call again with the same bytes plus more.
    Incomplete,
}

/// Reads one request at a time from the front of the input; remembers its way through a request
/// that has not arrived whole.
///
/// ```
/// use protocol::{Limits, Progress, RequestParser};
///
/// let mut parser = RequestParser::default();
/// let mut args = Vec::new();
/// let input = b"*2\r\n$3\r\nGET\r\n$1\r\nk\r\n";
/// let progress = parser.parse(&input[..9], &Limits::default(), &mut args);
/// assert_eq!(progress, Ok(Progress::Incomplete));
/// let progress = parser.parse(input, &Limits::default(), &mut args);
/// assert_eq!(progress, Ok(Progress::Complete { consumed: 20 }));
/// assert_eq!(args[1].of(input), b"k");
/// ```
#[derive(Debug, Default)]
pub struct RequestParser {
    /// With fewer bytes a call cannot get further; 0 between requests.
    bytes_needed: usize,
    /// The line that the input ends in has no end before this offset; 0 if it does not end in one.
    scanned: usize,
    /// Where to go on in a request of which many arguments have been read.
    partial: Option<Box<Partial>>,
}

const _: () = assert!(size_of::<RequestParser>() <= 32);

/// A request of which more than [`RESTART_ARGS_MAX`] arguments have been read, but not all.
#[derive(Debug)]
struct Partial {
    /// The arguments so far.
    spans: Vec<ArgSpan>,
    /// Where the next argument's line starts.
    pos: usize,
    /// Arguments still to come.
    remaining: usize,
}

/// A partial request with at most so many arguments is read again from its start, which costs a
/// few steps per call and spares the common case (a command cut by the end of a read) from
/// allocating.
const RESTART_ARGS_MAX: usize = 16;

impl RequestParser {
    /// Reads the request at the front of `input` and appends its arguments to `args`.
    ///
    /// `input` starts at the request's first byte, the same one until the request is complete or
    /// has failed. Unless the result is [`Progress::Complete`], `args` is left as it was: spans of
    /// a partial request stay in the parser, so one `args` can serve many sessions.
    ///
    /// # Errors
    /// [`ProtocolError`] when no further bytes could make the request valid. The parser is as new
    /// then: the same input with other limits (say, after the `AUTH` before it has run) may pass.
    ///
    /// Format: RESP specification, "Sending commands to a Redis server" and "Inline commands".
    #[inline]
    pub fn parse(
        &mut self,
        input: &[u8],
        limits: &Limits,
        args: &mut Vec<ArgSpan>,
    ) -> Result<Progress, ProtocolError> {
        if self.bytes_needed != 0 {
            return self.parse_again(input, limits, args);
        }
        self.parse_from_start(input, limits, args)
    }

    /// Bytes that the input must at least have before another call can make progress, counted from
    /// the request's first byte. Lets a read buffer be sized for a big argument; the number is the
    /// peer's word, up to the limits, so how much to reserve on it is the caller's business.
    pub fn bytes_needed(&self) -> usize {
        self.bytes_needed.max(1)
    }

    /// Whether more than `bytes_needed` is likely to be missing: the input ends in a line, of which nobody knows how long
    /// it is, or many arguments have been read and more are to come.
    pub fn is_end_far(&self) -> bool {
        let is_amid = |partial: &Partial| partial.remaining > 1;
        self.scanned > 0 || self.partial.as_deref().is_some_and(is_amid)
    }

    /// Forgets a partial request.
    pub fn reset(&mut self) {
        *self = RequestParser::default();
    }

    /// Goes on with a request that was incomplete before.
    #[cold]
    fn parse_again(
        &mut self,
        input: &[u8],
        limits: &Limits,
        args: &mut Vec<ArgSpan>,
    ) -> Result<Progress, ProtocolError> {
        // Every offset kept in the parser lies below `bytes_needed`, so this also guards the
        // slices below against an input that has become shorter.
        if input.len() < self.bytes_needed {
            return Ok(Progress::Incomplete);
        }
        let result = if self.partial.is_some() {
            self.parse_rest(input, limits, args)
        } else {
            self.parse_from_start(input, limits, args)
        };
        if result != Ok(Progress::Incomplete) {
            self.reset();
        }
        result
    }

    #[inline]
    fn parse_from_start(
        &mut self,
        input: &[u8],
        limits: &Limits,
        args: &mut Vec<ArgSpan>,
    ) -> Result<Progress, ProtocolError> {
        let [b'*', line @ ..] = input else {
            return self.parse_inline(input, limits, args);
        };
        let Some((count, line_len)) = take_length(line) else {
            return self.explain_count(input, limits);
        };
        if count > limits.args_max_now() as u64 {
            return Err(limits.refuse_count(count));
        }
        let (count, first) = (count as usize, args.len());
        let bulk_len_max = limits.bulk_len_max_now();
        let (pos, remaining) = take_bulks(input, 1 + line_len, count, bulk_len_max, args);
        if remaining == 0 {
            return Ok(Progress::Complete { consumed: pos });
        }
        self.set_aside(pos, remaining, first, args);
        self.explain_bulk(input, pos, limits)
    }

    /// Goes on behind the arguments that are kept in `partial`.
    fn parse_rest(
        &mut self,
        input: &[u8],
        limits: &Limits,
        args: &mut Vec<ArgSpan>,
    ) -> Result<Progress, ProtocolError> {
        let Some(partial) = &mut self.partial else {
            return self.parse_from_start(input, limits, args);
        };
        let (pos, remaining) = take_bulks(
            input,
            partial.pos,
            partial.remaining,
            limits.bulk_len_max_now(),
            &mut partial.spans,
        );
        if remaining == 0 {
            args.append(&mut partial.spans);
            return Ok(Progress::Complete { consumed: pos });
        }
        (partial.pos, partial.remaining) = (pos, remaining);
        self.explain_bulk(input, pos, limits)
    }

    /// Takes the arguments of a partial request, from index `first`, out of `args`.
    #[cold]
    fn set_aside(&mut self, pos: usize, remaining: usize, first: usize, args: &mut Vec<ArgSpan>) {
        if args.len() - first > RESTART_ARGS_MAX {
            self.partial = Some(Box::new(Partial {
                spans: args[first..].to_vec(),
                pos,
                remaining,
            }));
        }
        args.truncate(first);
    }

    /// Why the first line is not a plain count: not all there, negative, or wrong.
    #[cold]
    fn explain_count(&mut self, input: &[u8], limits: &Limits) -> Result<Progress, ProtocolError> {
        let too_long = ProtocolError::TooBigCountLine;
        let Some(end) = self.find_length_end(input, 0, limits, too_long)? else {
            return Ok(Progress::Incomplete);
        };
        match parse_i64(&input[1..end]) {
            // `*-1` is a null array, and any negative count passes for one: nothing to run.
            Some(count) if count < 0 => Ok(Progress::Complete { consumed: end + 2 }),
            _ => Err(ProtocolError::InvalidMultibulkLength),
        }
    }

    /// Why no argument could be taken at `pos`: not all there, or wrong.
    #[cold]
    fn explain_bulk(
        &mut self,
        input: &[u8],
        pos: usize,
        limits: &Limits,
    ) -> Result<Progress, ProtocolError> {
        let result = self.explain_bulk_line(input, pos, limits);
        if result.is_err() {
            self.reset();
        }
        result
    }

    fn explain_bulk_line(
        &mut self,
        input: &[u8],
        pos: usize,
        limits: &Limits,
    ) -> Result<Progress, ProtocolError> {
        if let [b'$', line @ ..] = &input[pos..]
            && let Some((len, line_len)) = take_length(line)
        {
            if len > limits.bulk_len_max_now() as u64 {
                return Err(limits.refuse_bulk(len));
            }
            let start = pos + 1 + line_len;
            self.bytes_needed = start.saturating_add(len as usize).saturating_add(2);
            self.scanned = 0;
            return Ok(Progress::Incomplete);
        }
        let too_long = ProtocolError::TooBigBulkLine;
        let Some(end) = self.find_length_end(input, pos, limits, too_long)? else {
            return Ok(Progress::Incomplete);
        };
        // A whole line that `take_length` does not understand: only what is wrong is open.
        debug_assert!(end >= pos);
        match input[pos] {
            b'$' => Err(ProtocolError::InvalidBulkLength),
            other => Err(ProtocolError::ExpectedDollar(other)),
        }
    }

    /// Where the line that starts at `pos` and holds a length ends: at a `\r` with a byte after it.
    fn find_length_end(
        &mut self,
        input: &[u8],
        pos: usize,
        limits: &Limits,
        too_long: ProtocolError,
    ) -> Result<Option<usize>, ProtocolError> {
        let end = self.find_line_end(b'\r', input, pos, limits, too_long)?;
        if end.is_some_and(|end| end + 1 == input.len()) {
            self.wait_for_line(input.len() - 1, input.len() + 1);
            return Ok(None);
        }
        Ok(end)
    }

    /// The first `end_byte` at or after `pos`, the start of the line that `input` ends in.
    fn find_line_end(
        &mut self,
        end_byte: u8,
        input: &[u8],
        pos: usize,
        limits: &Limits,
        too_long: ProtocolError,
    ) -> Result<Option<usize>, ProtocolError> {
        let from = self.scanned.max(pos);
        let until = input
            .len()
            .min(pos.saturating_add(limits.inline_len_max).saturating_add(1));
        count_work(until.saturating_sub(from));
        if let Some(found) = input
            .get(from..until)
            .and_then(|line| memchr(end_byte, line))
        {
            return Ok(Some(from + found));
        }
        if until - pos > limits.inline_len_max {
            self.reset();
            return Err(too_long);
        }
        self.wait_for_line(input.len(), input.len() + 1);
        Ok(None)
    }

    fn wait_for_line(&mut self, scanned: usize, bytes_needed: usize) {
        self.scanned = scanned;
        self.bytes_needed = bytes_needed;
    }

    #[cold]
    fn parse_inline(
        &mut self,
        input: &[u8],
        limits: &Limits,
        args: &mut Vec<ArgSpan>,
    ) -> Result<Progress, ProtocolError> {
        if input.is_empty() {
            return Ok(Progress::Incomplete);
        }
        let too_long = ProtocolError::TooBigInline;
        let Some(newline) = self.find_line_end(b'\n', input, 0, limits, too_long)? else {
            return Ok(Progress::Incomplete);
        };
        let line = &input[..newline];
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        let consumed = newline + 1;
        if !inline::has_quotes(line) {
            inline::split_plain(line, args);
            return Ok(Progress::Complete { consumed });
        }
        match inline::split_quoted(line) {
            Some(args) => Ok(Progress::Inline { consumed, args }),
            None => Err(ProtocolError::UnbalancedQuotes),
        }
    }
}

/// Takes as many whole arguments as there are, up to `remaining`, from `pos` on. Returns where it
/// stopped and how many are still to come.
#[inline]
fn take_bulks(
    input: &[u8],
    mut pos: usize,
    mut remaining: usize,
    bulk_len_max: usize,
    args: &mut Vec<ArgSpan>,
) -> (usize, usize) {
    while remaining > 0 {
        count_work(1);
        let Some([b'$', line @ ..]) = input.get(pos..) else {
            break;
        };
        let Some((len, line_len)) = take_length(line) else {
            break;
        };
        // Compared before anything is added to the peer's number, so no sum can overflow.
        let Some(room) = (line.len() - line_len).checked_sub(2) else {
            break;
        };
        if len > bulk_len_max.min(room) as u64 {
            break;
        }
        let (start, len) = (pos + 1 + line_len, len as usize);
        args.push(ArgSpan { start, len });
        pos = start + len + 2;
        remaining -= 1;
    }
    (pos, remaining)
}

/// Adds to what the linearity tests count: arguments looked at and bytes searched.
#[cfg(test)]
fn count_work(steps: usize) {
    tests::WORK.with(|work| work.set(work.get() + steps));
}

#[cfg(not(test))]
#[inline(always)]
fn count_work(_steps: usize) {}
