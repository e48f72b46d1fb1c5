use std::cell::Cell;

use super::*;

thread_local! {
    /// Steps the parser has taken on this thread.
    pub(super) static WORK: Cell<usize> = const { Cell::new(0) };
}

/// Small limits, so that tests can reach them.
const SMALL: Limits = Limits {
    bulk_len_max: 100_000,
    args_max: 2000,
    inline_len_max: 64,
    authenticated: true,
};

const GUEST: Limits = Limits {
    authenticated: false,
    ..SMALL
};

/// One request as a caller sees it: its arguments and the bytes it took, or what is wrong.
type Outcome = Result<Option<(Vec<Vec<u8>>, usize)>, ProtocolError>;

fn parse_step(parser: &mut RequestParser, input: &[u8], limits: &Limits) -> Outcome {
    let foreign = ArgSpan {
        start: 1 << 40,
        len: 1,
    };
    let mut args = vec![foreign];
    let outcome = match parser.parse(input, limits, &mut args) {
        Ok(Progress::Complete { consumed }) => {
            let args = args[1..].iter().map(|span| span.of(input).to_vec());
            return Ok(Some((args.collect(), consumed)));
        }
        Ok(Progress::Inline { consumed, args }) => Ok(Some((args, consumed))),
        Ok(Progress::Incomplete) => Ok(None),
        Err(error) => Err(error),
    };
    assert_eq!(args, [foreign], "only a complete request leaves spans");
    outcome
}

fn parse_whole(input: &[u8], limits: &Limits) -> Outcome {
    parse_step(&mut RequestParser::default(), input, limits)
}

/// Feeds `input` in growing prefixes that end at `cuts` and then whole. The outcome must come as
/// soon as there is one, and `bytes_needed` must keep its word.
fn parse_cut(input: &[u8], cuts: impl IntoIterator<Item = usize>, limits: &Limits) -> Outcome {
    let mut parser = RequestParser::default();
    for cut in cuts.into_iter().chain([input.len()]) {
        let promised = parser.bytes_needed();
        let outcome = parse_step(&mut parser, &input[..cut], limits);
        if outcome != Ok(None) {
            assert!(cut >= promised, "no outcome below bytes_needed");
            return outcome;
        }
        assert!(parser.bytes_needed() > cut);
    }
    Ok(None)
}

#[track_caller]
fn check_with(limits: &Limits, input: &[u8], expected: Outcome) {
    let shown = input[..input.len().min(80)].escape_ascii();
    assert_eq!(parse_whole(input, limits), expected, "{shown}");
    assert_eq!(
        parse_cut(input, 0..input.len(), limits),
        expected,
        "bytewise {shown}"
    );
    if input.len() < 300 {
        for cut in 0..input.len() {
            assert_eq!(
                parse_cut(input, [cut], limits),
                expected,
                "cut at {cut}: {shown}"
            );
        }
    }
}

#[track_caller]
fn check(input: &[u8], args: &[&[u8]], consumed: usize) {
    let args = args.iter().map(|arg| arg.to_vec()).collect();
    check_with(&SMALL, input, Ok(Some((args, consumed))));
}

#[track_caller]
fn check_error(input: &[u8], expected: ProtocolError) {
    check_with(&SMALL, input, Err(expected));
}

fn request(args: &[&[u8]]) -> Vec<u8> {
    let mut out = Vec::new();
    crate::encode_command(&mut out, args);
    out
}

#[test]
fn arrays_of_bulk_strings() {
    check(b"*1\r\n$4\r\nPING\r\n", &[b"PING"], 14);
    check(b"*1\r\n$4\r\nPING\r\n*1\r\n", &[b"PING"], 14);
    check(b"*2\r\n$3\r\nGET\r\n$0\r\n\r\n", &[b"GET", b""], 19);
    check(b"*1\r\n$6\r\n*1\r\n$4\r\n", &[b"*1\r\n$4"], 16);
    check(b"*1\r\n$3\r\n\0\r\xff\r\n", &[b"\0\r\xff"], 13);
    for len in [9, 10, 11, 99, 100, 101, 999, 1000, 9999] {
        let value = vec![b'v'; len];
        let input = request(&[b"SET", b"k", &value]);
        check(&input, &[b"SET", b"k", &value], input.len());
    }
    for count in [9, 10, 11, 16, 17, 18, 99, 100, 1000] {
        let args = vec![&b"arg"[..]; count];
        let input = request(&args);
        check(&input, &args, input.len());
    }
}

#[test]
fn requests_without_arguments() {
    check(b"*0\r\nPING\r\n", &[], 4);
    check(b"*-1\r\nPING\r\n", &[], 5);
    check(b"*-9223372036854775808\r\nPING\r\n", &[], 23);
    check(b"\r\nPING\r\n", &[], 2);
    check(b"\nPING\r\n", &[], 1);
    check(b" \t\r\nPING\r\n", &[], 4);
}

#[test]
fn line_ends_are_taken_on_trust() {
    check(b"*1\rX$4\rYPINGzz*1\r\n", &[b"PING"], 14);
    check(b"*-1\rX", &[], 5);
}

#[test]
fn inline_requests() {
    check(b"PING\r\n", &[b"PING"], 6);
    check(b"PING\n*1\r\n", &[b"PING"], 5);
    check(b"SET  k v\r\n", &[b"SET", b"k", b"v"], 10);
    check(b"ECHO a\r\r\n", &[b"ECHO", b"a"], 9);
    check(b"SET k 'a b'\r\nPING\r\n", &[b"SET", b"k", b"a b"], 13);
    check(b"\"\"\r\n", &[b""], 4);
    check(b"$4\r\n", &[b"$4"], 4);
    check(b"PING\0X\r\n", &[b"PING\0X"], 8);
    check_error(b"ECHO \"a\r\n", ProtocolError::UnbalancedQuotes);
    check_error(b"ECHO 'a'b\r\n", ProtocolError::UnbalancedQuotes);
}

#[test]
fn bad_counts() {
    for count in [
        "", "-0", "+1", "01", "00", " 1", "1 ", "a", "1a", "1\0", "-", "-01", "\n",
    ] {
        let input = format!("*{count}\r\n$4\r\nPING\r\n");
        check_error(input.as_bytes(), ProtocolError::InvalidMultibulkLength);
    }
    for count in [
        "2001",
        "2147483648",
        "9223372036854775807",
        "9223372036854775808",
    ] {
        let input = format!("*{count}\r\n");
        check_error(input.as_bytes(), ProtocolError::InvalidMultibulkLength);
    }
    for count in [
        "99999999999999999999",
        "18446744073709551617",
        "-9223372036854775809",
    ] {
        let input = format!("*{count}\r\n");
        check_error(input.as_bytes(), ProtocolError::InvalidMultibulkLength);
    }
    check_with(&SMALL, b"*2000\r\n", Ok(None));
}

#[test]
fn bad_bulk_lengths() {
    for len in [
        "", "-0", "-1", "+4", "04", "00", " 4", "4 ", "x", "4x", "4\0", "-",
    ] {
        let input = format!("*1\r\n${len}\r\nPING\r\n");
        check_error(input.as_bytes(), ProtocolError::InvalidBulkLength);
    }
    for len in [
        "100001",
        "9223372036854775807",
        "9223372036854775808",
        "18446744073709551620",
    ] {
        let input = format!("*2\r\n$3\r\nGET\r\n${len}\r\n");
        check_error(input.as_bytes(), ProtocolError::InvalidBulkLength);
    }
    check_with(&SMALL, b"*1\r\n$100000\r\n", Ok(None));
}

#[test]
fn other_types_within_a_request() {
    for byte in [b'X', b':', b'*', b'\n', b'\0', 0xff] {
        let input = [&b"*1\r\n"[..], &[byte], b"4\r\n"].concat();
        check_error(&input, ProtocolError::ExpectedDollar(byte));
    }
    check_error(b"*1\r\n\r\n", ProtocolError::ExpectedDollar(b'\r'));
    let mut late = request(&[&b"x"[..]; 20]);
    late.splice(..5, *b"*21\r\n");
    late.extend_from_slice(b":1\r\n");
    check_error(&late, ProtocolError::ExpectedDollar(b':'));
}

#[test]
fn lines_that_never_end() {
    let line = |start: &[u8], len: usize, end: &[u8]| {
        let mut line = start.to_vec();
        line.resize(len, b'1');
        line.extend_from_slice(end);
        line
    };
    check_with(&SMALL, &line(b"*", 64, b""), Ok(None));
    check_error(
        &line(b"*", 64, b"\r\n"),
        ProtocolError::InvalidMultibulkLength,
    );
    check_error(&line(b"*", 65, b""), ProtocolError::TooBigCountLine);
    check_error(&line(b"*", 65, b"\r\n"), ProtocolError::TooBigCountLine);
    check_with(&SMALL, &line(b"*1\r\n$", 68, b""), Ok(None));
    check_error(
        &line(b"*1\r\n$", 68, b"\r\n"),
        ProtocolError::InvalidBulkLength,
    );
    check_error(
        &line(b"*1\r\nX", 68, b"\r\n"),
        ProtocolError::ExpectedDollar(b'X'),
    );
    check_error(&line(b"*1\r\n$", 69, b""), ProtocolError::TooBigBulkLine);
    check_error(&line(b"*1\r\nX", 69, b""), ProtocolError::TooBigBulkLine);
    check_with(&SMALL, &line(b"A", 64, b""), Ok(None));
    let longest = line(b"A", 64, b"\n");
    check(&longest, &[&longest[..64]], 65);
    check_error(&line(b"A", 65, b""), ProtocolError::TooBigInline);
    check_error(&line(b"A", 65, b"\n"), ProtocolError::TooBigInline);
}

#[test]
fn guests_have_narrower_limits() {
    let unauthenticated = Err(ProtocolError::UnauthenticatedMultibulkLength);
    check_with(&GUEST, b"*10\r\n", Ok(None));
    check_with(&GUEST, b"*11\r\n", unauthenticated);
    check_with(
        &GUEST,
        b"*2001\r\n",
        Err(ProtocolError::InvalidMultibulkLength),
    );
    let unauthenticated = Err(ProtocolError::UnauthenticatedBulkLength);
    check_with(&GUEST, b"*1\r\n$16384\r\n", Ok(None));
    check_with(&GUEST, b"*1\r\n$16385\r\n", unauthenticated);
    check_with(
        &GUEST,
        b"*1\r\n$100001\r\n",
        Err(ProtocolError::InvalidBulkLength),
    );
}

#[test]
fn a_refused_request_passes_once_the_limits_allow_it() {
    let input = request(&[&b"x"[..]; 11]);
    let mut parser = RequestParser::default();
    let refused = parse_step(&mut parser, &input, &GUEST);
    assert_eq!(refused, Err(ProtocolError::UnauthenticatedMultibulkLength));
    assert!(
        matches!(parse_step(&mut parser, &input, &SMALL), Ok(Some((args, _))) if args.len() == 11)
    );
}

#[test]
fn the_largest_limits_cannot_overflow() {
    let limits = Limits {
        bulk_len_max: usize::MAX,
        args_max: usize::MAX,
        inline_len_max: usize::MAX,
        authenticated: true,
    };
    check_with(&limits, b"*1\r\n$9223372036854775807\r\nx", Ok(None));
    check_with(&limits, b"*1\r\n$9999999999999999999\r\nx", Ok(None));
    check_with(&limits, b"*9999999999999999999\r\n$1\r\nx\r\n", Ok(None));
    check_with(&limits, b"PING", Ok(None));
}

#[test]
fn bytes_needed_names_the_end_of_a_big_argument() {
    let mut parser = RequestParser::default();
    assert_eq!(parser.bytes_needed(), 1);
    let input = b"*2\r\n$3\r\nGET\r\n$50000\r\nv";
    assert_eq!(parse_step(&mut parser, input, &SMALL), Ok(None));
    assert_eq!(parser.bytes_needed(), 21 + 50_000 + 2);
    parser.reset();
    assert_eq!(parser.bytes_needed(), 1);
}

#[test]
fn a_shrunken_input_is_incomplete_not_a_panic() {
    let input = request(&[&b"argument"[..]; 50]);
    for cut in 0..input.len() {
        let mut parser = RequestParser::default();
        assert_eq!(parse_step(&mut parser, &input[..cut], &SMALL), Ok(None));
        for shorter in [0, 1, cut / 2] {
            assert_eq!(
                parse_step(&mut parser, &input[..shorter.min(cut)], &SMALL),
                Ok(None)
            );
        }
    }
}

#[test]
fn partial_requests_do_not_mix_with_those_of_other_sessions() {
    let inputs: Vec<Vec<u8>> = (0..5)
        .map(|session| request(&vec![&[b'0' + session][..]; 40]))
        .collect();
    let mut parsers: Vec<RequestParser> = (0..5).map(|_| RequestParser::default()).collect();
    let mut args = Vec::new();
    for cut in 0..inputs[0].len() {
        for (parser, input) in parsers.iter_mut().zip(&inputs) {
            let progress = parser.parse(&input[..cut], &SMALL, &mut args);
            assert_eq!(progress, Ok(Progress::Incomplete));
        }
    }
    for (session, (parser, input)) in parsers.iter_mut().zip(&inputs).enumerate() {
        let consumed = input.len();
        let progress = parser.parse(input, &SMALL, &mut args);
        assert_eq!(progress, Ok(Progress::Complete { consumed }));
        assert!(
            args[session * 40..]
                .iter()
                .all(|span| span.of(input) == [b'0' + session as u8])
        );
    }
    assert_eq!(args.len(), 5 * 40);
}

/// Steps taken to parse `input` when it arrives in pieces of `piece` bytes.
fn work_of(input: &[u8], piece: usize) -> usize {
    WORK.with(|work| work.set(0));
    let limits = Limits::default();
    let cuts = (1..)
        .map(|i| i * piece)
        .take_while(|&cut| cut < input.len());
    // Errors and incomplete requests count as well; what matters here is the work.
    let _ = parse_cut(input, cuts, &limits);
    WORK.with(Cell::get)
}

#[test]
fn work_is_linear_however_the_bytes_arrive() {
    let big_value = request(&[b"SET", b"k", &vec![b'v'; 1 << 20]]);
    let many_args = request(&vec![&b"a"[..]; 50_000]);
    let inline = vec![b'i'; 60_000];
    let count_line = [&b"*"[..], &vec![b'1'; 60_000]].concat();
    let bulk_line = [&b"*1\r\n$"[..], &vec![b'1'; 60_000]].concat();
    for input in [&big_value, &many_args, &inline, &count_line, &bulk_line] {
        let bytes = input.len();
        for piece in [1, 7, 1000, bytes] {
            let work = work_of(input, piece);
            assert!(
                work <= 3 * bytes,
                "{work} steps for {bytes} bytes in {piece}s"
            );
        }
    }
    assert!(
        work_of(&big_value, 1) < 100,
        "the bytes of an argument are not looked at"
    );
}

#[test]
fn starting_over_costs_a_few_steps_per_call() {
    let input = request(&[&b"a"[..]; RESTART_ARGS_MAX]);
    assert!(work_of(&input, 1) <= (RESTART_ARGS_MAX + 1) * input.len());
}

#[test]
fn a_huge_count_reserves_nothing() {
    let mut parser = RequestParser::default();
    let mut args = Vec::new();
    let progress = parser.parse(b"*1048576\r\n$1\r\n", &Limits::default(), &mut args);
    assert_eq!(progress, Ok(Progress::Incomplete));
    assert_eq!(args.capacity(), 0);
    assert!(parser.partial.is_none());
}

#[test]
fn a_long_list_of_arguments_says_that_its_end_is_far() {
    let mut input = b"*40\r\n".to_vec();
    let mut parser = RequestParser::default();
    let mut read = |input: &[u8]| {
        let progress = parser.parse(input, &Limits::default(), &mut Vec::new());
        assert_eq!(progress, Ok(Progress::Incomplete));
        parser.is_end_far()
    };
    for _ in 0..10 {
        input.extend_from_slice(b"$1\r\na\r\n");
    }
    input.extend_from_slice(b"$2\r\n");
    assert!(!read(&input), "few are read again from the start");
    input.truncate(input.len() - 4);
    for _ in 10..38 {
        input.extend_from_slice(b"$1\r\na\r\n");
    }
    assert!(read(&input));
    input.extend_from_slice(b"$1\r\na\r\n$9");
    assert!(read(&input), "it may be a long one");
    input.extend_from_slice(b"\r\n");
    assert!(!read(&input), "the last one says where it ends");
}

#[test]
fn a_line_does_not_say_where_it_ends() {
    let mut parser = RequestParser::default();
    let mut args = Vec::new();
    for input in [&b"SET key"[..], b"SET key 5000 times"] {
        let progress = parser.parse(input, &Limits::default(), &mut args);
        assert_eq!(progress, Ok(Progress::Incomplete));
        assert!(parser.is_end_far());
    }
}
