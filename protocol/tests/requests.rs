//! Requests and replies against the `redis-protocol` crate, an implementation of its own.
//!
//! What it encodes we parse, what we write it decodes; and requests give the same result in
//! whatever pieces they arrive.

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::Index;
use protocol::{ArgSpan, Limits, Progress, ProtocolError, RequestParser, encode_command};
use redis_protocol::{resp2, resp3};

type Command = Vec<Vec<u8>>;

/// Small enough for random requests to run into.
const LIMITS: Limits = Limits {
    bulk_len_max: 5000,
    args_max: 50,
    inline_len_max: 200,
    authenticated: true,
};

/// What a session gets out of a stream of bytes: requests, and the error that ended it.
#[derive(Debug, Default, PartialEq)]
struct Outcome {
    requests: Vec<Command>,
    error: Option<ProtocolError>,
    unused: usize,
}

/// Parses `stream` as a session does that reads up to each of `cuts` in turn, then to the end.
fn run_session(stream: &[u8], cuts: &[usize]) -> Outcome {
    let mut parser = RequestParser::default();
    let mut args = Vec::new();
    let mut outcome = Outcome::default();
    let mut start = 0;
    for end in cuts.iter().copied().chain([stream.len()]) {
        while start < end {
            let input = &stream[start..end];
            args.clear();
            match parser.parse(input, &LIMITS, &mut args) {
                Ok(Progress::Complete { consumed }) => {
                    outcome.requests.push(owned(&args, input));
                    start += consumed;
                }
                Ok(Progress::Inline { consumed, args }) => {
                    outcome.requests.push(args);
                    start += consumed;
                }
                Ok(Progress::Incomplete) => {
                    assert!(args.is_empty());
                    assert!(parser.bytes_needed() > input.len());
                    break;
                }
                Err(error) => {
                    outcome.error = Some(error);
                    return outcome;
                }
            }
        }
    }
    outcome.unused = stream.len() - start;
    outcome
}

fn owned(args: &[ArgSpan], input: &[u8]) -> Command {
    args.iter().map(|span| span.of(input).to_vec()).collect()
}

/// `cuts` as ascending offsets into `len` bytes.
fn offsets(cuts: &[Index], len: usize) -> Vec<usize> {
    let mut offsets: Vec<usize> = cuts.iter().map(|cut| cut.index(len + 1)).collect();
    offsets.sort_unstable();
    offsets
}

fn argument() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        4 => vec(any::<u8>(), 0..12),
        1 => vec(any::<u8>(), 90..120),
        1 => vec(any::<u8>(), 990..1020),
        1 => vec(prop::sample::select(b"\r\n*$0123 '\"\\".to_vec()), 0..20),
    ]
}

fn command() -> impl Strategy<Value = Command> {
    prop_oneof![5 => vec(argument(), 1..6), 1 => vec(argument(), 6..50)]
}

/// Requests at the edge, and past it.
const SAMPLES: &[&[u8]] = &[
    b"PING\r\n",
    b"SET k \"a b\"\n",
    b"*0\r\n",
    b"*-1\r\n",
    b"\r\n",
    b"*51\r\n",
    b"*1\r\n$5001\r\n",
    b"*2\r\n$-1\r\n",
    b"*1\r\n:1\r\n",
    b"ECHO 'x\r\n",
];

/// Bytes that are nearly a stream of requests.
fn damaged_stream() -> impl Strategy<Value = Vec<u8>> {
    let piece = prop_oneof![
        6 => command().prop_map(|command| {
            let mut bytes = Vec::new();
            encode_command(&mut bytes, &command);
            bytes
        }),
        2 => vec(prop::sample::select(b"\r\n*$0123 '\"\\ax".to_vec()), 0..30),
        1 => prop::sample::select(SAMPLES).prop_map(|bytes| bytes.to_vec()),
        1 => (prop::sample::select(b"*$A".to_vec()), 195usize..205).prop_map(|(first, len)| {
            let mut line = vec![b'1'; len];
            line[0] = first;
            line
        }),
    ];
    let damage = vec((any::<Index>(), any::<u8>()), 0..3);
    (vec(piece, 1..8), damage).prop_map(|(pieces, damage)| {
        let mut stream = pieces.concat();
        for (at, byte) in damage {
            if !stream.is_empty() {
                let at = at.index(stream.len());
                stream[at] = byte;
            }
        }
        stream
    })
}

proptest! {
    #[test]
    fn requests_encoded_elsewhere_are_understood(
        commands in vec(command(), 1..10),
        cuts in vec(any::<Index>(), 0..20),
        in_resp3: bool,
    ) {
        let stream: Vec<u8> = commands
            .iter()
            .flat_map(|command| if in_resp3 { resp3_request(command) } else { resp2_request(command) })
            .collect();
        let expected = Outcome { requests: commands, error: None, unused: 0 };
        prop_assert_eq!(run_session(&stream, &offsets(&cuts, stream.len())), expected);
    }

    #[test]
    fn our_requests_are_those_of_the_other_encoder(command in command()) {
        let mut encoded = Vec::new();
        encode_command(&mut encoded, &command);
        prop_assert_eq!(encoded, resp2_request(&command));
    }

    #[test]
    fn pieces_make_no_difference(stream in damaged_stream(), cuts in vec(any::<Index>(), 0..20)) {
        let whole = run_session(&stream, &[]);
        prop_assert_eq!(&run_session(&stream, &offsets(&cuts, stream.len())), &whole);
        let every_byte: Vec<usize> = (0..stream.len()).collect();
        prop_assert_eq!(&run_session(&stream, &every_byte), &whole);
    }
}

fn resp2_request(command: &Command) -> Vec<u8> {
    use resp2::types::{OwnedFrame, Resp2Frame};
    let args = command
        .iter()
        .cloned()
        .map(OwnedFrame::BulkString)
        .collect();
    let frame = OwnedFrame::Array(args);
    let mut bytes = vec![0; frame.encode_len(false)];
    resp2::encode::encode(&mut bytes, &frame, false).unwrap();
    bytes
}

fn resp3_request(command: &Command) -> Vec<u8> {
    use resp3::types::{OwnedFrame, Resp3Frame};
    let blob = |data: Vec<u8>| OwnedFrame::BlobString {
        data,
        attributes: None,
    };
    let data = command.iter().cloned().map(blob).collect();
    let frame = OwnedFrame::Array {
        data,
        attributes: None,
    };
    let mut bytes = vec![0; frame.encode_len(false)];
    resp3::encode::complete::encode(&mut bytes, &frame, false).unwrap();
    bytes
}
