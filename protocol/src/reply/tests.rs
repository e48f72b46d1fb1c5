use super::*;

/// Checks what `write` writes in RESP2 and in RESP3.
#[track_caller]
fn check(write: impl Fn(&mut Reply<'_>), resp2: &str, resp3: &str) {
    for (version, expected) in [(Version::Resp2, resp2), (Version::Resp3, resp3)] {
        let mut buf = b"+before\r\n".to_vec();
        write(&mut Reply::new(&mut buf, version));
        let written = buf.strip_prefix(b"+before\r\n").unwrap();
        let expected = expected.as_bytes();
        assert_eq!(
            written.escape_ascii().to_string(),
            expected.escape_ascii().to_string(),
            "{version:?}"
        );
    }
}

#[track_caller]
fn check_same(write: impl Fn(&mut Reply<'_>), expected: &str) {
    check(write, expected, expected);
}

#[test]
fn scalars_that_both_versions_share() {
    check_same(|r| r.ok(), "+OK\r\n");
    check_same(|r| r.simple("PONG"), "+PONG\r\n");
    check_same(|r| r.simple("a\r\nb"), "+a  b\r\n");
    for value in [0, 7, 9, 10, 99, 100, -1, 12345, i64::MAX, i64::MIN] {
        check_same(|r| r.integer(value), &format!(":{value}\r\n"));
    }
    check_same(|r| r.bulk_integer(-12), "$3\r\n-12\r\n");
    check_same(|r| r.bulk(b""), "$0\r\n\r\n");
    check_same(|r| r.bulk(b"a\r\nb"), "$4\r\na\r\nb\r\n");
    check_same(|r| r.bulk_or_null(Some(b"v")), "$1\r\nv\r\n");
    check_same(
        |r| {
            r.bulk_header(5);
            r.raw(b"he");
            r.raw(b"llo");
            r.crlf();
        },
        "$5\r\nhello\r\n",
    );
}

#[test]
fn lengths_of_every_width() {
    for len in [0, 1, 9, 10, 11, 99, 100, 101, 999, 1000, 65536, usize::MAX] {
        check_same(|r| r.array(len), &format!("*{len}\r\n"));
        check_same(|r| r.bulk_header(len), &format!("${len}\r\n"));
    }
}

#[test]
fn errors_stay_on_one_line() {
    check_same(|r| r.error("ERR no such key"), "-ERR no such key\r\n");
    check_same(|r| r.error("ERR 'a\r\nb'\r\n\r\n"), "-ERR 'a  b'\r\n");
    check_same(|r| r.error("\r\n"), "-\r\n");
    check_same(|r| r.error(""), "-\r\n");
    check_same(|r| r.error("\nERR x"), "-ERR x\r\n");
}

#[test]
fn protocol_errors_carry_the_byte_as_it_came() {
    let write = |error| {
        let mut buf = Vec::new();
        Reply::new(&mut buf, Version::Resp2).protocol_error(error);
        buf
    };
    assert_eq!(
        write(ProtocolError::InvalidBulkLength),
        b"-ERR Protocol error: invalid bulk length\r\n"
    );
    for (byte, shown) in [
        (b'X', b'X'),
        (0xff, 0xff),
        (b'\r', b' '),
        (b'\n', b' '),
        (0, 0),
    ] {
        let expected = [
            &b"-ERR Protocol error: expected '$', got '"[..],
            &[shown],
            b"'\r\n",
        ];
        assert_eq!(
            write(ProtocolError::ExpectedDollar(byte)),
            expected.concat()
        );
    }
}

#[test]
fn nulls() {
    check(|r| r.null(), "$-1\r\n", "_\r\n");
    check(|r| r.bulk_or_null(None), "$-1\r\n", "_\r\n");
    check(|r| r.null_array(), "*-1\r\n", "_\r\n");
}

#[test]
fn collections() {
    check_same(|r| r.array(3), "*3\r\n");
    check(|r| r.map(2), "*4\r\n", "%2\r\n");
    check(|r| r.map(50), "*100\r\n", "%50\r\n");
    check(|r| r.set(2), "*2\r\n", "~2\r\n");
    check(|r| r.push(3), "*3\r\n", ">3\r\n");
    check(
        |r| {
            if r.attribute(1) {
                r.bulk(b"ttl");
                r.integer(3600);
            }
            r.ok();
        },
        "+OK\r\n",
        "|1\r\n$3\r\nttl\r\n:3600\r\n+OK\r\n",
    );
}

#[test]
fn scalars_that_only_resp3_has() {
    check(|r| r.double(1.5), "$3\r\n1.5\r\n", ",1.5\r\n");
    check(|r| r.double(-f64::INFINITY), "$4\r\n-inf\r\n", ",-inf\r\n");
    check(|r| r.boolean(true), ":1\r\n", "#t\r\n");
    check(|r| r.boolean(false), ":0\r\n", "#f\r\n");
    check(|r| r.big_number("-123"), "$4\r\n-123\r\n", "(-123\r\n");
    check(
        |r| r.verbatim(b"txt", b"a\nb"),
        "$3\r\na\nb\r\n",
        "=7\r\ntxt:a\nb\r\n",
    );
}

#[test]
fn deferred_headers_go_in_front() {
    check(
        |r| {
            let outer = r.begin_deferred();
            for i in 0..2 {
                let inner = r.begin_deferred();
                r.integer(i);
                assert_eq!(r.end_deferred_set(inner, 1), 4);
            }
            let empty = r.begin_deferred();
            assert_eq!(r.end_deferred_array(empty, 0), 4);
            r.ok();
            assert_eq!(r.end_deferred_map(outer, 2), 4);
        },
        "*4\r\n*1\r\n:0\r\n*1\r\n:1\r\n*0\r\n+OK\r\n",
        "%2\r\n~1\r\n:0\r\n~1\r\n:1\r\n*0\r\n+OK\r\n",
    );
    check_same(
        |r| {
            let deferred = r.begin_deferred();
            (0..1000).for_each(|_| r.integer(5));
            assert_eq!(r.end_deferred_array(deferred, 1000), 7);
        },
        &format!("*1000\r\n{}", ":5\r\n".repeat(1000)),
    );
}

#[test]
fn a_cancelled_deferred_leaves_nothing() {
    check_same(
        |r| {
            let deferred = r.begin_deferred();
            r.bulk(b"x");
            r.cancel_deferred(deferred);
            r.error("ERR x");
        },
        "-ERR x\r\n",
    );
}
