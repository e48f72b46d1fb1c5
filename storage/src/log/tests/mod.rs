//! Tests of the log, with a framing of their own in place of RESP.

mod cursors;
mod cuts;
mod groups;
mod model;

use bytes::Bytes;

use super::{Cursor, Framing, Log, Readiness};

/// One frame as the tests write it: a kind, a length in four bytes, that many bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Frame {
    Select(u32),
    Begin,
    End,
    Effect(Vec<u8>),
}

struct TestFraming;

impl Framing for TestFraming {
    fn select(&self, database: u32, out: &mut Vec<u8>) {
        encode(b'S', &database.to_le_bytes(), out);
    }
    fn group_begin(&self, out: &mut Vec<u8>) {
        encode(b'(', b"", out);
    }
    fn group_end(&self, out: &mut Vec<u8>) {
        encode(b')', b"", out);
    }
}

fn encode(kind: u8, payload: &[u8], out: &mut Vec<u8>) {
    out.push(kind);
    out.extend_from_slice(&(payload.len() as u32).to_le_bytes());
    out.extend_from_slice(payload);
}

fn effect(payload: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    encode(b'E', payload, &mut out);
    out
}

/// The frames that `bytes` are; panics if they are not whole.
fn decode(mut bytes: &[u8]) -> Vec<Frame> {
    let mut frames = Vec::new();
    while !bytes.is_empty() {
        let len = u32::from_le_bytes(bytes[1..5].try_into().unwrap()) as usize;
        let payload = &bytes[5..5 + len];
        frames.push(match bytes[0] {
            b'S' => Frame::Select(u32::from_le_bytes(payload.try_into().unwrap())),
            b'(' => Frame::Begin,
            b')' => Frame::End,
            b'E' => Frame::Effect(payload.to_vec()),
            other => panic!("no frame begins with {other}"),
        });
        bytes = &bytes[5 + len..];
    }
    frames
}

/// What the cursor sees up to its end, in the pieces it sees it in.
fn read_pieces(cursor: &mut Cursor) -> Vec<Bytes> {
    let mut pieces = Vec::new();
    while cursor.wait() == Readiness::Readable {
        pieces.push(cursor.read().expect("the cursor is readable"));
    }
    assert_eq!(cursor.read(), None);
    pieces
}

/// What the cursor sees up to its end.
fn read_frames(cursor: &mut Cursor) -> Vec<Frame> {
    decode(&read_pieces(cursor).concat())
}

/// The payloads of the effects among `frames`.
fn effects(frames: &[Frame]) -> Vec<&[u8]> {
    let mut effects = Vec::new();
    for frame in frames {
        if let Frame::Effect(payload) = frame {
            effects.push(payload.as_slice());
        }
    }
    effects
}

/// A started log and a cursor that sees everything.
fn started(slots: usize) -> (Log, Cursor) {
    let log = Log::with_slots(slots);
    assert!(log.start(Box::new(TestFraming)).expect("a thread"));
    let cursor = log.cursor_at(log.tail());
    (log, cursor)
}
