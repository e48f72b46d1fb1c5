//! Splitting one line of redis.conf into arguments, and quoting an argument so that it splits back.
//!
//! The rules are those of redis.conf: blanks separate; `"…"` knows `\n \r \t \b \a \xHH` and `\c` for any
//! other `c`; `'…'` knows only `\'`; a closing quote must be followed by a blank or the end of the line.

/// The arguments of `line`, or `None` when its quotes are not balanced.
pub(super) fn split_args(line: &[u8]) -> Option<Vec<Vec<u8>>> {
    let mut rest = line;
    let mut args = Vec::new();
    loop {
        rest = rest.trim_ascii_start();
        if rest.is_empty() {
            return Some(args);
        }
        let (arg, after) = split_first(rest)?;
        args.push(arg);
        rest = after;
    }
}

/// The first argument of `input` (which does not start with a blank) and what follows it.
fn split_first(input: &[u8]) -> Option<(Vec<u8>, &[u8])> {
    let mut arg = Vec::new();
    let mut rest = input;
    loop {
        match rest {
            [b'"', after @ ..] => return double_quoted(arg, after),
            [b'\'', after @ ..] => return single_quoted(arg, after),
            [byte, after @ ..] if !byte.is_ascii_whitespace() => {
                arg.push(*byte);
                rest = after;
            }
            _ => return Some((arg, rest)),
        }
    }
}

fn double_quoted(mut arg: Vec<u8>, mut rest: &[u8]) -> Option<(Vec<u8>, &[u8])> {
    loop {
        match rest {
            [b'\\', b'x', high, low, after @ ..] if hex(*high).is_some() && hex(*low).is_some() => {
                arg.push(hex(*high)? << 4 | hex(*low)?);
                rest = after;
            }
            [b'\\', byte, after @ ..] => {
                arg.push(unescape(*byte));
                rest = after;
            }
            [b'"', after @ ..] => return closed(arg, after),
            [byte, after @ ..] => {
                arg.push(*byte);
                rest = after;
            }
            [] => return None,
        }
    }
}

fn single_quoted(mut arg: Vec<u8>, mut rest: &[u8]) -> Option<(Vec<u8>, &[u8])> {
    loop {
        match rest {
            [b'\\', b'\'', after @ ..] => {
                arg.push(b'\'');
                rest = after;
            }
            [b'\'', after @ ..] => return closed(arg, after),
            [byte, after @ ..] => {
                arg.push(*byte);
                rest = after;
            }
            [] => return None,
        }
    }
}

fn closed(arg: Vec<u8>, rest: &[u8]) -> Option<(Vec<u8>, &[u8])> {
    let ends = rest.first().is_none_or(u8::is_ascii_whitespace);
    ends.then_some((arg, rest))
}

fn unescape(byte: u8) -> u8 {
    match byte {
        b'n' => b'\n',
        b'r' => b'\r',
        b't' => b'\t',
        b'b' => 0x08,
        b'a' => 0x07,
        other => other,
    }
}

fn hex(byte: u8) -> Option<u8> {
    (byte as char).to_digit(16).map(|digit| digit as u8)
}

/// `value` between double quotes, such that [`split_args`] gives it back byte for byte.
pub(crate) fn quote(value: &[u8]) -> Vec<u8> {
    let mut quoted = Vec::with_capacity(value.len() + 2);
    quoted.push(b'"');
    for &byte in value {
        match byte {
            b'\\' | b'"' => quoted.extend([b'\\', byte]),
            b'\n' => quoted.extend(b"\\n"),
            b'\r' => quoted.extend(b"\\r"),
            b'\t' => quoted.extend(b"\\t"),
            0x08 => quoted.extend(b"\\b"),
            0x07 => quoted.extend(b"\\a"),
            b' '..=b'~' => quoted.push(byte),
            other => quoted.extend(format!("\\x{other:02x}").into_bytes()),
        }
    }
    quoted.push(b'"');
    quoted
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(line: &str, expected: Option<&[&[u8]]>) {
        let args = split_args(line.as_bytes());
        let args: Option<Vec<&[u8]>> = args
            .as_ref()
            .map(|args| args.iter().map(Vec::as_slice).collect());
        assert_eq!(args.as_deref(), expected, "{line:?}");
    }

    #[test]
    fn lines_split_as_redis_conf_says() {
        check("", Some(&[]));
        check("  \t ", Some(&[]));
        check("port 6379", Some(&[b"port", b"6379"]));
        check("  port\t 6379 ", Some(&[b"port", b"6379"]));
        check("save ''", Some(&[b"save", b""]));
        check("save \"\"", Some(&[b"save", b""]));
        check(r#"a "b c" 'd e'"#, Some(&[b"a", b"b c", b"d e"]));
        check(r#"a "\x41\n\t\"\\\q""#, Some(&[b"a", b"A\n\t\"\\q"]));
        check(r#"a "\xzz""#, Some(&[b"a", b"xzz"]));
        check(r"a 'it\'s' 'a\nb'", Some(&[b"a", b"it's", b"a\\nb"]));
        check(r#"a b"c""#, Some(&[b"a", b"bc"]));
    }

    #[test]
    fn unbalanced_quotes_are_refused() {
        for line in [
            "a \"b", "a 'b", "a \"b\"c", "a 'b'c", "\"", "a \"\\", "a \"\\\"",
        ] {
            check(line, None);
        }
    }

    #[test]
    fn quoted_text_splits_back() {
        let all: Vec<u8> = (0..=255).collect();
        for value in [&b""[..], b"plain", b"a b", b"\"'\\", b"\\x41", &all] {
            assert_eq!(split_args(&quote(value)), Some(vec![value.to_vec()]));
        }
    }
}
