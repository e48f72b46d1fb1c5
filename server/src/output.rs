//! Replies on their way to the socket: bytes, and long strings spliced in without copying.

use std::collections::VecDeque;
use std::fmt::Debug;
use std::io::IoSlice;
use std::ops::{Deref, DerefMut};
use std::time::{Duration, Instant};

use protocol::{Deferred, Reply, Version};
use storage::StringRef;
use storage::big_string::{BigString, CHUNK_BYTES};
use storage::listpack::Value;

/// What one turn of a session writes. A worker owns one for the turn that runs, and one per stage, where what a turn
/// wrote waits to be sent (without long strings: those wait in the session).
#[derive(Debug, Default)]
pub(crate) struct Outbox {
    /// Reply bytes, long strings left out.
    pub(crate) bytes: Vec<u8>,
    /// What is too long to be among them.
    splices: Splices,
}

/// The long strings and rests of an outbox.
#[derive(Debug, Default)]
struct Splices {
    /// Ascending by place.
    all: Vec<Splice>,
    /// What they count for together.
    bytes: usize,
}

impl Splices {
    fn push(&mut self, at: usize, value: Spliced) {
        self.bytes += value.bytes();
        self.all.push(Splice { at, value });
    }

    /// Leaves the first `count`.
    fn truncate(&mut self, count: usize) {
        for splice in self.all.drain(count..) {
            self.bytes -= splice.value.bytes();
        }
    }

    #[inline]
    fn clear(&mut self) {
        self.all.clear();
        self.bytes = 0;
    }
}

/// Something long that belongs in front of `bytes[at]`.
#[derive(Debug)]
struct Splice {
    at: usize,
    value: Spliced,
}

/// What is too long to be copied into the outbox.
#[derive(Debug)]
enum Spliced {
    /// A string, sent from where it lies.
    Long(BigString),
    /// Elements, written piece by piece.
    Rest(Rest),
}

impl Spliced {
    /// What it counts for among the bytes that wait.
    fn bytes(&self) -> usize {
        match self {
            Spliced::Long(value) => value.len(),
            Spliced::Rest(rest) => rest.bytes,
        }
    }
}

/// The rest of a long reply: elements that are written piece by piece, as the client takes them, from a pinned
/// collection.
pub(crate) trait ReplySource: Debug + Send {
    /// Writes the next elements, each whole, until they are `bytes` bytes or more; whether some are left.
    fn write_some(&mut self, reply: &mut Reply<'_>, bytes: usize) -> bool;

    /// The memory that it holds until its last element is written, found without going through the elements: the whole
    /// collection, though it may share it with a key, because nobody knows for how long it does.
    fn held_bytes(&self) -> usize;
}

#[derive(Debug)]
struct Rest {
    source: Box<dyn ReplySource>,
    version: Version,
    /// What it counts for among the bytes that wait.
    bytes: usize,
}

impl Rest {
    /// What it counts for at least: as much as is written of it at a time.
    const BYTES_MIN: usize = 64 * 1024;
    /// Bytes written at a time.
    const PIECE_BYTES: usize = 32 * 1024;
    /// After so long a piece ends with fewer bytes: some elements take long to find.
    const PIECE_TIME: Duration = Duration::from_micros(50);
    /// Bytes after which it is first seen how long they took.
    const STEP_BYTES: usize = 512;

    fn new(source: Box<dyn ReplySource>, version: Version) -> Self {
        let bytes = Self::bytes_of(&*source);
        Self {
            source,
            version,
            bytes,
        }
    }

    /// It counts as what it holds, so that a client that asks for many long replies and reads none is stopped, and its
    /// limit concerns them as if they had been copied.
    fn bytes_of(source: &dyn ReplySource) -> usize {
        source.held_bytes().max(Self::BYTES_MIN)
    }

    /// Writes the next piece; whether something is left.
    fn write_piece(&mut self, piece: &mut Vec<u8>) -> bool {
        let started = Instant::now();
        let mut step = Self::STEP_BYTES;
        loop {
            let mut reply = Reply::new(piece, self.version);
            if !self.source.write_some(&mut reply, step) {
                return false;
            }
            let elapsed = started.elapsed();
            if piece.len() >= Self::PIECE_BYTES || elapsed >= Self::PIECE_TIME {
                return true;
            }
            // What is quick is not looked at so often.
            if elapsed < Self::PIECE_TIME / 4 {
                step *= 4;
            }
            step = step.min(Self::PIECE_BYTES - piece.len());
        }
    }
}

/// An outbox above this size gives its memory back after the turn. A hundred values of 1 KiB fit: when their outbox had
/// to grow anew each turn, a third of the instructions went into that.
const OUTBOX_KEPT_BYTES: usize = 192 * 1024;

impl Outbox {
    /// Bytes to send, with long strings, and what the rests of long replies hold.
    #[inline]
    pub(crate) fn len(&self) -> usize {
        self.bytes.len() + self.splices.bytes
    }

    /// Whether there are long strings or rests in it, which only [`PendingOutput`] can send.
    #[inline]
    pub(crate) fn has_splices(&self) -> bool {
        !self.splices.all.is_empty()
    }

    /// Whether there is nothing to send.
    #[inline]
    pub(crate) fn is_empty(&self) -> bool {
        self.bytes.is_empty()
    }

    /// Empties it, keeping a moderate buffer.
    #[inline]
    pub(crate) fn clear(&mut self) {
        self.bytes.clear();
        if self.bytes.capacity() > OUTBOX_KEPT_BYTES {
            self.bytes = Vec::new();
        }
        self.splices.clear();
    }

    /// Where the next reply will begin; [`Outbox::truncate`] takes back what follows.
    #[inline]
    pub(crate) fn mark(&self) -> OutboxMark {
        OutboxMark {
            bytes: self.bytes.len(),
            splices: self.splices.all.len(),
        }
    }

    /// The bytes written since `mark`.
    pub(crate) fn bytes_since(&self, mark: OutboxMark) -> usize {
        let splices = self.splices.all.get(mark.splices..).unwrap_or_default();
        let spliced = splices.iter().map(|splice| splice.value.bytes());
        self.bytes.len().saturating_sub(mark.bytes) + spliced.sum::<usize>()
    }

    /// Drops everything written since `mark`.
    pub(crate) fn truncate(&mut self, mark: OutboxMark) {
        self.bytes.truncate(mark.bytes);
        self.splices.truncate(mark.splices);
    }

    /// A writer for one reply in `version`'s dialect.
    #[inline]
    pub(crate) fn reply(&mut self, version: Version) -> Output<'_> {
        Output {
            reply: Reply::new(&mut self.bytes, version),
            splices: &mut self.splices,
        }
    }
}

/// See [`Outbox::mark`].
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct OutboxMark {
    bytes: usize,
    splices: usize,
}

/// The reply writer of one command: [`Reply`] plus strings that may be too long to copy.
#[derive(Debug)]
pub(crate) struct Output<'o> {
    reply: Reply<'o>,
    splices: &'o mut Splices,
}

impl<'o> Deref for Output<'o> {
    type Target = Reply<'o>;

    #[inline]
    fn deref(&self) -> &Reply<'o> {
        &self.reply
    }
}

impl DerefMut for Output<'_> {
    #[inline]
    fn deref_mut(&mut self) -> &mut Self::Target {
        &mut self.reply
    }
}

/// The place of a collection header, see [`Output::begin_deferred`].
#[derive(Debug)]
#[must_use = "without its header the reply is broken"]
pub(crate) struct DeferredHeader {
    header: Deferred,
    splices: usize,
}

impl Output<'_> {
    /// A stored string as a bulk string. A long one is pinned, not copied.
    #[inline]
    pub(crate) fn string(&mut self, value: StringRef<'_>) {
        match value {
            StringRef::Raw(bytes) => self.reply.bulk(bytes),
            StringRef::Int(integer) => self.reply.bulk_integer(integer),
            StringRef::Big(value) => self.big_string(value.clone()),
        }
    }

    /// An element of a collection as a bulk string.
    #[inline]
    pub(crate) fn value(&mut self, value: Value<'_>) {
        write_value(&mut self.reply, value);
    }

    /// A long string as a bulk string, sent from where it lies.
    #[cold]
    pub(crate) fn big_string(&mut self, value: BigString) {
        self.reply.bulk_header(value.len());
        self.splices
            .push(self.reply.position(), Spliced::Long(value));
        self.reply.crlf();
    }

    /// The elements of a collection whose header has been written, from `source` as the client takes them.
    pub(crate) fn rest_from(&mut self, source: Box<dyn ReplySource>) {
        let rest = Rest::new(source, self.reply.version());
        self.splices
            .push(self.reply.position(), Spliced::Rest(rest));
    }

    /// Like [`Reply::begin_deferred`].
    pub(crate) fn begin_deferred(&mut self) -> DeferredHeader {
        DeferredHeader {
            header: self.reply.begin_deferred(),
            splices: self.splices.all.len(),
        }
    }

    /// Like [`Reply::end_deferred_array`]; long strings in between move along.
    pub(crate) fn end_deferred_array(&mut self, begun: DeferredHeader, len: usize) {
        let shift = self.reply.end_deferred_array(begun.header, len);
        self.shift_splices(begun.splices, shift);
    }

    /// Like [`Reply::end_deferred_set`]; long strings in between move along.
    pub(crate) fn end_deferred_set(&mut self, begun: DeferredHeader, len: usize) {
        let shift = self.reply.end_deferred_set(begun.header, len);
        self.shift_splices(begun.splices, shift);
    }

    /// Like [`Reply::end_deferred_map`]; long strings in between move along.
    pub(crate) fn end_deferred_map(&mut self, begun: DeferredHeader, len: usize) {
        let shift = self.reply.end_deferred_map(begun.header, len);
        self.shift_splices(begun.splices, shift);
    }

    fn shift_splices(&mut self, from: usize, shift: usize) {
        for splice in &mut self.splices.all[from..] {
            splice.at += shift;
        }
    }
}

/// Writes an element of a collection as a bulk string.
#[inline]
pub(crate) fn write_value(reply: &mut Reply<'_>, value: Value<'_>) {
    match value {
        Value::Bytes(bytes) => reply.bulk(bytes),
        Value::Int(integer) => reply.bulk_integer(integer),
    }
}

/// Output that the socket has not taken yet.
#[derive(Debug, Default)]
pub(crate) struct PendingOutput {
    segments: VecDeque<Segment>,
    /// Bytes of the first segment that have been sent.
    sent: usize,
    /// See [`PendingOutput::len`].
    len: usize,
}

#[derive(Debug)]
enum Segment {
    Bytes(Vec<u8>),
    Long(BigString),
    Rest(Rest),
}

impl Segment {
    /// What it counts for when its first `sent` bytes have been sent.
    fn held_bytes(&self, sent: usize) -> usize {
        match self {
            Segment::Bytes(bytes) => bytes.len() - sent,
            Segment::Long(value) if sent >= value.len() => 0,
            Segment::Long(value) => value.len() - sent / CHUNK_BYTES * CHUNK_BYTES,
            Segment::Rest(rest) => rest.bytes,
        }
    }
}

/// A new segment begins when the last one is longer than this, so that sent bytes are freed soon.
const SEGMENT_BYTES_MAX: usize = 64 * 1024;
/// Most slices handed to one `writev`.
pub(crate) const SLICES_MAX: usize = 64;

impl PendingOutput {
    /// Bytes still to send. What holds more counts as what it holds: a long string as its chunks that are not sent to
    /// their end, the rest of a long reply as its collection.
    #[inline]
    pub(crate) fn len(&self) -> usize {
        self.len
    }

    /// Whether everything has been sent.
    #[inline]
    pub(crate) fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Segments that wait (`oll` of `CLIENT LIST`).
    pub(crate) fn segments(&self) -> usize {
        self.segments.len()
    }

    /// Adds bytes.
    pub(crate) fn push(&mut self, bytes: &[u8]) {
        if bytes.is_empty() {
            return;
        }
        self.len += bytes.len();
        match self.segments.back_mut() {
            Some(Segment::Bytes(last)) if last.len() < SEGMENT_BYTES_MAX => {
                last.extend_from_slice(bytes)
            }
            _ => self.segments.push_back(Segment::Bytes(bytes.to_vec())),
        }
    }

    /// Adds everything in `outbox`, whose first `skip` bytes (only if it has no splices) are sent
    /// already, and empties it.
    pub(crate) fn take(&mut self, outbox: &mut Outbox, skip: usize) {
        let mut from = skip;
        for splice in outbox.splices.all.drain(..) {
            self.push(&outbox.bytes[from..splice.at]);
            from = splice.at;
            self.len += splice.value.bytes();
            self.segments.push_back(match splice.value {
                Spliced::Long(value) => Segment::Long(value),
                Spliced::Rest(rest) => Segment::Rest(rest),
            });
        }
        self.push(&outbox.bytes[from..]);
        outbox.clear();
    }

    /// Adds everything in `outbox`, which has no splices, in front of what came later and is not sent yet, and empties
    /// it.
    #[cold]
    pub(crate) fn take_in_front(&mut self, outbox: &mut Outbox) {
        debug_assert!(!outbox.has_splices());
        if outbox.is_empty() {
            return;
        }
        debug_assert!(self.sent == 0, "a message is not cut in two");
        self.len += outbox.bytes.len();
        self.segments
            .push_front(Segment::Bytes(std::mem::take(&mut outbox.bytes)));
    }

    /// Writes a piece of the long reply that comes next, if it is one's turn; whether it was.
    pub(crate) fn write_ahead(&mut self) -> bool {
        let Some(Segment::Rest(rest)) = self.segments.front_mut() else {
            return false;
        };
        let mut piece = Vec::with_capacity(Rest::PIECE_BYTES + Rest::PIECE_BYTES / 8);
        self.len -= rest.bytes;
        if rest.write_piece(&mut piece) {
            rest.bytes = Rest::bytes_of(&*rest.source);
            self.len += rest.bytes;
        } else {
            self.segments.pop_front();
        }
        self.len += piece.len();
        if !piece.is_empty() {
            self.segments.push_front(Segment::Bytes(piece));
        }
        true
    }

    /// Fills `slices` with what comes next, up to the rest of a long reply, and returns how many were used.
    pub(crate) fn slices<'s>(&'s self, slices: &mut [IoSlice<'s>; SLICES_MAX]) -> usize {
        let mut used = 0;
        let mut skip = self.sent;
        let mut add = |bytes: &'s [u8]| {
            let skipped = skip.min(bytes.len());
            skip -= skipped;
            if skipped < bytes.len() && used < SLICES_MAX {
                slices[used] = IoSlice::new(&bytes[skipped..]);
                used += 1;
            }
            used < SLICES_MAX
        };
        'segments: for segment in &self.segments {
            match segment {
                Segment::Bytes(bytes) => {
                    if !add(bytes) {
                        break;
                    }
                }
                Segment::Long(value) => {
                    for chunk in value.read_range(0..value.len()) {
                        if !add(chunk) {
                            break 'segments;
                        }
                    }
                }
                Segment::Rest(_) => break,
            }
        }
        used
    }

    /// Notes that `count` more bytes were sent and frees what is done: segments, and chunks of a long string.
    pub(crate) fn advance(&mut self, mut count: usize) {
        while let Some(first) = self.segments.front_mut() {
            let from = self.sent;
            let len = match first {
                Segment::Bytes(bytes) => bytes.len(),
                Segment::Long(value) => value.len(),
                Segment::Rest(_) => return,
            };
            let to = len.min(from + count);
            count -= to - from;
            self.len -= first.held_bytes(from) - first.held_bytes(to);
            if to < len {
                if let Segment::Long(value) = first {
                    value.release_range(from..to);
                }
                self.sent = to;
                return;
            }
            self.sent = 0;
            self.segments.pop_front();
        }
        // The queue's own memory goes too: a session that caught up holds no buffer.
        self.segments = VecDeque::new();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn drain(pending: &mut PendingOutput, step: usize) -> Vec<u8> {
        let mut all = Vec::new();
        while !pending.is_empty() {
            let mut slices = [IoSlice::new(&[]); SLICES_MAX];
            let used = pending.slices(&mut slices);
            let flat: Vec<u8> = slices[..used]
                .iter()
                .flat_map(|slice| slice.to_vec())
                .collect();
            let count = flat.len().min(step);
            all.extend_from_slice(&flat[..count]);
            pending.advance(count);
        }
        all
    }

    #[test]
    fn long_strings_come_out_in_place_whatever_the_socket_takes() {
        let long = vec![b'x'; 200_000];
        let value = BigString::from_bytes(&long);
        let mut expected = b"*2\r\n$200000\r\n".to_vec();
        expected.extend_from_slice(&long);
        expected.extend_from_slice(b"\r\n:7\r\n");
        for step in [1_000, 65_536, 70_001, usize::MAX] {
            let mut outbox = Outbox::default();
            let mut reply = outbox.reply(Version::Resp2);
            let header = reply.begin_deferred();
            reply.string(StringRef::Big(&value));
            reply.integer(7);
            reply.end_deferred_array(header, 2);
            assert_eq!(outbox.len(), expected.len());
            let mut pending = PendingOutput::default();
            pending.take(&mut outbox, 0);
            assert!(outbox.is_empty());
            assert_eq!(pending.len(), expected.len());
            assert!(drain(&mut pending, step) == expected, "step {step}");
            assert_eq!(pending.segments(), 0);
        }
    }

    #[test]
    fn a_long_string_counts_as_its_chunks_that_are_not_sent_to_their_end() {
        let value = BigString::from_bytes(&vec![b'x'; 3 * CHUNK_BYTES + 100]);
        let (mut outbox, mut pending) = (Outbox::default(), PendingOutput::default());
        outbox.reply(Version::Resp2).string(StringRef::Big(&value));
        drop(value);
        pending.take(&mut outbox, 0);
        let held = |pending: &PendingOutput| match pending.segments.front() {
            Some(Segment::Long(value)) => value.memory_bytes() / CHUNK_BYTES,
            _ => 0,
        };
        pending.advance("$196708\r\n".len() + 10);
        assert_eq!(pending.len(), 3 * CHUNK_BYTES + 100 + 2);
        assert_eq!(held(&pending), 3);
        pending.advance(2 * CHUNK_BYTES - 11);
        assert_eq!(pending.len(), 2 * CHUNK_BYTES + 100 + 2);
        assert_eq!(held(&pending), 2);
        pending.advance(1);
        assert_eq!(pending.len(), CHUNK_BYTES + 100 + 2);
        assert_eq!(held(&pending), 1);
        pending.advance(CHUNK_BYTES + 99);
        assert_eq!((pending.len(), held(&pending)), (100 + 2, 0));
        pending.advance(1);
        assert_eq!(pending.len(), 2);
        pending.advance(2);
        assert_eq!((pending.len(), pending.segments()), (0, 0));
    }

    /// Counts down.
    #[derive(Debug)]
    struct Countdown(usize);

    impl ReplySource for Countdown {
        fn write_some(&mut self, reply: &mut Reply<'_>, bytes: usize) -> bool {
            let begin = reply.position();
            while self.0 > 0 && reply.position() < begin + bytes {
                self.0 -= 1;
                reply.integer(self.0 as i64);
            }
            self.0 > 0
        }

        fn held_bytes(&self) -> usize {
            100 * self.0
        }
    }

    #[test]
    fn long_replies_are_written_as_the_socket_takes_them() {
        let mut expected = b"*30001\r\n".to_vec();
        for number in (0..30_000).rev() {
            expected.extend_from_slice(format!(":{number}\r\n").as_bytes());
        }
        expected.extend_from_slice(b":7\r\n+next\r\n");
        for step in [1_000, 65_536, 70_001, usize::MAX] {
            let (mut outbox, mut pending) = (Outbox::default(), PendingOutput::default());
            let mut reply = outbox.reply(Version::Resp2);
            let header = reply.begin_deferred();
            reply.rest_from(Box::new(Countdown(30_000)));
            reply.integer(7);
            reply.end_deferred_array(header, 30_001);
            pending.take(&mut outbox, 0);
            pending.push(b"+next\r\n");
            // The whole of what is held counts.
            assert_eq!(outbox.len(), 0);
            assert!((3_000_000..3_000_100).contains(&pending.len()));
            let (mut all, mut pieces) = (Vec::new(), 0);
            while !pending.is_empty() {
                let before = pending.len();
                if pending.write_ahead() {
                    pieces += 1;
                    assert!(pending.len() < before, "some of it is let go");
                }
                let mut slices = [IoSlice::new(&[]); SLICES_MAX];
                let used = pending.slices(&mut slices);
                let flat: Vec<u8> = slices[..used]
                    .iter()
                    .flat_map(|slice| slice.to_vec())
                    .collect();
                let count = flat.len().min(step);
                all.extend_from_slice(&flat[..count]);
                pending.advance(count);
            }
            assert!(all == expected, "step {step}");
            assert!(pieces > 3, "{pieces} pieces");
            assert_eq!(pending.segments(), 0);
        }
    }

    /// Zeros, each of which takes its time.
    #[derive(Debug)]
    struct Slow(usize);

    impl ReplySource for Slow {
        fn write_some(&mut self, reply: &mut Reply<'_>, bytes: usize) -> bool {
            let end = reply.position() + bytes;
            while self.0 > 0 && reply.position() < end {
                std::thread::sleep(Duration::from_micros(1));
                self.0 -= 1;
                reply.integer(0);
            }
            self.0 > 0
        }

        fn held_bytes(&self) -> usize {
            0
        }
    }

    #[test]
    fn what_takes_long_to_find_comes_in_smaller_pieces() {
        let (source, version) = (Box::new(Slow(1_000)), Version::Resp2);
        let mut rest = Rest::new(source, version);
        let (mut bytes, mut pieces) = (0, 0);
        loop {
            let mut piece = Vec::new();
            let more = rest.write_piece(&mut piece);
            bytes += piece.len();
            pieces += 1;
            if !more {
                break;
            }
            assert_eq!(piece.len(), Rest::STEP_BYTES, "each took long enough");
        }
        assert_eq!((bytes, pieces), (4_000, 8));
    }

    #[test]
    fn a_partly_sent_outbox_goes_on_where_the_socket_stopped() {
        let mut outbox = Outbox::default();
        outbox.reply(Version::Resp2).bulk(b"hello");
        let mut pending = PendingOutput::default();
        pending.take(&mut outbox, 3);
        pending.push(b"+later\r\n");
        assert_eq!(drain(&mut pending, 2), b"\nhello\r\n+later\r\n");
    }

    #[test]
    fn a_reply_goes_in_front_of_messages_that_came_later() {
        let mut outbox = Outbox::default();
        let mut pending = PendingOutput::default();
        pending.push(b"+message\r\n");
        pending.take_in_front(&mut outbox);
        assert_eq!(pending.segments(), 1, "there was no reply");
        outbox.reply(Version::Resp2).bulk(b"hello");
        pending.take_in_front(&mut outbox);
        pending.push(b"+later\r\n");
        assert!(outbox.is_empty());
        let expected = b"$5\r\nhello\r\n+message\r\n+later\r\n";
        assert_eq!(pending.len(), expected.len());
        assert_eq!(drain(&mut pending, 3), expected);
    }

    #[test]
    fn truncating_to_a_mark_takes_splices_back() {
        let mut outbox = Outbox::default();
        outbox.reply(Version::Resp2).ok();
        let mark = outbox.mark();
        outbox
            .reply(Version::Resp2)
            .string(StringRef::Big(&BigString::from_bytes(&[b'x'; 9000])));
        outbox.truncate(mark);
        assert_eq!((outbox.len(), outbox.has_splices()), (5, false));
    }
}
