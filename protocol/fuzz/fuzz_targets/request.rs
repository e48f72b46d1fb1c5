//! Any bytes in any pieces through the request parser.
//!
//! Claims: it never panics, gives the same requests however the bytes are cut, keeps the promise
//! of `bytes_needed`, reads back what `encode_command` wrote, and keeps no more than the input
//! pays for. Run, from `protocol/`:
//!
//! ```sh
//! cargo install cargo-fuzz
//! cargo +nightly fuzz run request -- -dict=fuzz/request.dict -max_len=4096 -max_total_time=60
//! ```
#![no_main]

use libfuzzer_sys::fuzz_target;
use protocol::{ArgSpan, Limits, Progress, ProtocolError, RequestParser, encode_command};

fuzz_target!(|data: &[u8]| {
    let [settings, data @ ..] = data else { return };
    let pieces_len = usize::from(settings & 0x0f).min(data.len());
    let (pieces, stream) = data.split_at(pieces_len);
    let limits = limits(settings & 0x10 != 0, settings & 0x20 != 0);

    let whole = run_session(stream, &[], &limits);
    assert_eq!(run_session(stream, pieces, &limits), whole);
    assert_eq!(run_session(stream, &[0], &limits), whole);
    for request in &whole.requests {
        assert_round_trip(request);
    }
});

#[derive(Debug, Default, PartialEq)]
struct Outcome {
    requests: Vec<Vec<Vec<u8>>>,
    error: Option<ProtocolError>,
    unused: usize,
}

/// Redis's limits, or ones that short inputs run into.
fn limits(small: bool, authenticated: bool) -> Limits {
    let limits = Limits {
        authenticated,
        ..Limits::default()
    };
    if !small {
        return limits;
    }
    Limits {
        bulk_len_max: 300,
        args_max: 40,
        inline_len_max: 100,
        ..limits
    }
}

/// Parses `stream` as it arrives in pieces of these sizes (less one) again and again; all at once
/// when there are none.
fn run_session(stream: &[u8], pieces: &[u8], limits: &Limits) -> Outcome {
    let mut sizes = pieces.iter().map(|&size| usize::from(size) + 1).cycle();
    let mut parser = RequestParser::default();
    let mut args = Vec::new();
    let mut outcome = Outcome::default();
    let (mut start, mut end) = (0, 0);
    while end < stream.len() {
        end = (end + sizes.next().unwrap_or(stream.len())).min(stream.len());
        while start < end {
            let input = &stream[start..end];
            args.clear();
            let promised = parser.bytes_needed();
            match parser.parse(input, limits, &mut args) {
                Ok(Progress::Complete { consumed }) => {
                    assert!(input.len() >= promised && consumed <= input.len());
                    // An argument costs the peer two bytes inline, else six.
                    assert!(args.len() <= consumed.div_ceil(2));
                    outcome.requests.push(owned(&args, input));
                    start += consumed;
                }
                Ok(Progress::Inline { consumed, args }) => {
                    assert!(input.len() >= promised && consumed <= input.len());
                    assert!(args.iter().map(Vec::len).sum::<usize>() < consumed);
                    outcome.requests.push(args);
                    start += consumed;
                }
                Ok(Progress::Incomplete) => {
                    assert!(args.is_empty() && args.capacity() <= 16 + stream.len());
                    assert!(parser.bytes_needed() > input.len());
                    break;
                }
                Err(error) => {
                    assert!(args.is_empty());
                    outcome.error = Some(error);
                    return outcome;
                }
            }
        }
    }
    outcome.unused = stream.len() - start;
    outcome
}

fn owned(args: &[ArgSpan], input: &[u8]) -> Vec<Vec<u8>> {
    args.iter().map(|span| span.of(input).to_vec()).collect()
}

fn assert_round_trip(request: &[Vec<u8>]) {
    let mut encoded = Vec::new();
    encode_command(&mut encoded, request);
    let mut args = Vec::new();
    let progress = RequestParser::default().parse(&encoded, &Limits::default(), &mut args);
    let consumed = encoded.len();
    assert_eq!(progress, Ok(Progress::Complete { consumed }));
    assert_eq!(owned(&args, &encoded), request);
}
