//! The IDs of entries as clients write and read them.

use protocol::Reply;
use storage::collection::stream::StreamId;

use crate::command::CommandError;

const INVALID: CommandError =
    CommandError::Line("ERR Invalid stream ID specified as stream command argument");
const INVALID_START: CommandError = CommandError::Line("ERR invalid start ID for the interval");
const INVALID_END: CommandError = CommandError::Line("ERR invalid end ID for the interval");

/// An ID in full or without its second part, which is `missing_seq` then; neither `-` nor `+`.
pub(super) fn exact_id(text: &[u8], missing_seq: u64) -> Result<StreamId, CommandError> {
    StreamId::parse(text, missing_seq).ok_or(INVALID)
}

/// The same, or `-` or `+` for the smallest and the largest ID.
pub(super) fn id(text: &[u8], missing_seq: u64) -> Result<StreamId, CommandError> {
    match text {
        b"-" => Ok(StreamId::MIN),
        b"+" => Ok(StreamId::MAX),
        _ => exact_id(text, missing_seq),
    }
}

/// Where an interval begins: an ID, or one behind an open bracket, which is left out.
pub(super) fn first_id(text: &[u8]) -> Result<StreamId, CommandError> {
    match text.strip_prefix(b"(") {
        Some(text) => exact_id(text, 0)?.next().ok_or(INVALID_START),
        None => id(text, 0),
    }
}

/// Where an interval ends.
pub(super) fn last_id(text: &[u8]) -> Result<StreamId, CommandError> {
    match text.strip_prefix(b"(") {
        Some(text) => exact_id(text, u64::MAX)?.previous().ok_or(INVALID_END),
        None => id(text, u64::MAX),
    }
}

/// The ID of an entry to be added, other than `*`.
pub(super) fn new_id(text: &[u8]) -> Result<storage::collection::stream::NewId, CommandError> {
    storage::collection::stream::NewId::parse(text).ok_or(INVALID)
}

/// An ID as text, which needs no allocation.
pub(super) struct IdText {
    bytes: [u8; IdText::BYTES_MAX],
    len: usize,
}

impl IdText {
    /// Two numbers of 64 bits and a hyphen.
    const BYTES_MAX: usize = 20 + 1 + 20;

    /// The text of `id`.
    pub(super) fn new(id: StreamId) -> Self {
        let mut text = Self {
            bytes: [0; Self::BYTES_MAX],
            len: 0,
        };
        text.push(itoa::Buffer::new().format(id.ms).as_bytes());
        text.push(b"-");
        text.push(itoa::Buffer::new().format(id.seq).as_bytes());
        text
    }

    fn push(&mut self, part: &[u8]) {
        self.bytes[self.len..self.len + part.len()].copy_from_slice(part);
        self.len += part.len();
    }

    /// The text.
    pub(super) fn as_bytes(&self) -> &[u8] {
        &self.bytes[..self.len]
    }
}

/// Writes an ID as a bulk string.
#[inline]
pub(super) fn write_id(reply: &mut Reply<'_>, id: StreamId) {
    reply.bulk(IdText::new(id).as_bytes());
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_shown_as_storage_shows_them() {
        for id in [StreamId::MIN, StreamId::new(1, 20), StreamId::MAX] {
            assert_eq!(IdText::new(id).as_bytes(), id.to_string().as_bytes());
        }
    }

    #[test]
    fn intervals_may_leave_their_ends_out() {
        let id = StreamId::new;
        let max = u64::MAX;
        let firsts = [
            ("-", Ok(id(0, 0))),
            ("+", Ok(StreamId::MAX)),
            ("5", Ok(id(5, 0))),
            ("(5", Ok(id(5, 1))),
            ("(5-18446744073709551615", Ok(id(6, 0))),
            (
                "(18446744073709551615-18446744073709551615",
                Err(INVALID_START),
            ),
            ("(-", Err(INVALID)),
            ("(", Err(INVALID)),
            ("", Err(INVALID)),
        ];
        for (text, expected) in firsts {
            assert_eq!(first_id(text.as_bytes()), expected, "{text}");
        }
        let lasts = [
            ("5", Ok(id(5, max))),
            ("(5", Ok(id(5, max - 1))),
            ("(5-0", Ok(id(4, max))),
            ("(0-0", Err(INVALID_END)),
            ("(+", Err(INVALID)),
        ];
        for (text, expected) in lasts {
            assert_eq!(last_id(text.as_bytes()), expected, "{text}");
        }
    }
}
