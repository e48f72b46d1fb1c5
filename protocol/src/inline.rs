//! Inline requests: a line of words, as a person types them into `telnet` or `nc`.
//!
//! The quoting rules are those of Redis: double quotes know the escapes `\n \r \t \b \a \xHH` (any
//! other escaped byte stands for itself), single quotes only `\'`; a quote may open in the middle
//! of a word, but a closing one ends it. Outside quotes a backslash is an ordinary byte.

use crate::request::ArgSpan;

/// Whether `line` needs [`split_quoted`]; without quotes its words are slices of the line.
pub(crate) fn has_quotes(line: &[u8]) -> bool {
    memchr::memchr2(b'"', b'\'', line).is_some()
}

/// Appends where the words of a line without quotes lie; `line` starts at offset 0.
pub(crate) fn split_plain(line: &[u8], args: &mut Vec<ArgSpan>) {
    let mut start = 0;
    while let Some(skipped) = line[start..].iter().position(|&byte| !is_space(byte)) {
        start += skipped;
        let word = &line[start..];
        let len = word
            .iter()
            .position(|&byte| ends_word(byte))
            .unwrap_or(word.len());
        args.push(ArgSpan { start, len });
        start += len;
    }
}

/// The words of a line with quotes, unescaped; `None` when the quotes do not balance.
pub(crate) fn split_quoted(mut line: &[u8]) -> Option<Vec<Vec<u8>>> {
    let mut words = Vec::new();
    while let Some(start) = line.iter().position(|&byte| !is_space(byte)) {
        let mut word = Vec::new();
        line = take_word(&line[start..], &mut word)?;
        words.push(word);
    }
    Some(words)
}

/// Unescapes the word at the front of `line` into `word`; returns what follows it.
fn take_word<'l>(line: &'l [u8], word: &mut Vec<u8>) -> Option<&'l [u8]> {
    for (i, &byte) in line.iter().enumerate() {
        match byte {
            b'"' => return after_closing(take_double_quoted(&line[i + 1..], word)?),
            b'\'' => return after_closing(take_single_quoted(&line[i + 1..], word)?),
            _ if ends_word(byte) => return Some(&line[i..]),
            _ => word.push(byte),
        }
    }
    Some(&[])
}

/// Unescapes up to the closing double quote; returns what follows it, `None` without one.
fn take_double_quoted<'l>(mut line: &'l [u8], word: &mut Vec<u8>) -> Option<&'l [u8]> {
    loop {
        line = match line {
            [] => return None,
            [b'"', rest @ ..] => return Some(rest),
            [b'\\', b'x', high, low, rest @ ..]
                if high.is_ascii_hexdigit() && low.is_ascii_hexdigit() =>
            {
                word.push(hex_value(*high) << 4 | hex_value(*low));
                rest
            }
            [b'\\', escaped, rest @ ..] => {
                word.push(unescape(*escaped));
                rest
            }
            [byte, rest @ ..] => {
                word.push(*byte);
                rest
            }
        }
    }
}

/// Unescapes up to the closing single quote; returns what follows it, `None` without one.
fn take_single_quoted<'l>(mut line: &'l [u8], word: &mut Vec<u8>) -> Option<&'l [u8]> {
    loop {
        line = match line {
            [] => return None,
            [b'\'', rest @ ..] => return Some(rest),
            [b'\\', b'\'', rest @ ..] => {
                word.push(b'\'');
                rest
            }
            [byte, rest @ ..] => {
                word.push(*byte);
                rest
            }
        }
    }
}

/// `rest` when it may follow a closing quote: nothing, or a space first.
fn after_closing(rest: &[u8]) -> Option<&[u8]> {
    rest.first()
        .is_none_or(|&byte| is_space(byte))
        .then_some(rest)
}

fn unescape(escaped: u8) -> u8 {
    match escaped {
        b'n' => b'\n',
        b'r' => b'\r',
        b't' => b'\t',
        b'b' => 0x08,
        b'a' => 0x07,
        other => other,
    }
}

/// The value of an ASCII hex digit.
fn hex_value(digit: u8) -> u8 {
    match digit {
        b'0'..=b'9' => digit - b'0',
        _ => (digit | 0x20) - b'a' + 10,
    }
}

/// What may stand between words: C's `isspace`.
fn is_space(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t'..=b'\r')
}

/// What ends a word outside quotes. Narrower than [`is_space`], as in Redis: a vertical tab or a
/// form feed does not begin a word, yet may lie within one.
fn ends_word(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t' | b'\n' | b'\r')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn split(line: &[u8]) -> Option<Vec<Vec<u8>>> {
        let quoted = split_quoted(line);
        if !has_quotes(line) {
            let mut spans = Vec::new();
            split_plain(line, &mut spans);
            let plain = spans.iter().map(|span| span.of(line).to_vec()).collect();
            assert_eq!(quoted, Some(plain), "both ways split {line:?} alike");
        }
        quoted
    }

    #[test]
    fn lines_split_as_redis_splits_them() {
        let check = |line: &[u8], words: &[&[u8]]| {
            let expected: Vec<Vec<u8>> = words.iter().map(|word| word.to_vec()).collect();
            assert_eq!(split(line), Some(expected), "{:?}", line.escape_ascii());
        };
        check(b"", &[]);
        check(b"  \t", &[]);
        check(b"PING", &[b"PING"]);
        check(b" SET  k\tv ", &[b"SET", b"k", b"v"]);
        check(b"\x0b\x0cECHO\x0bA x", &[b"ECHO\x0bA", b"x"]);
        check(b"ECHO a\x0b\x0c", &[b"ECHO", b"a\x0b\x0c"]);
        check(b"ECHO a\rPING", &[b"ECHO", b"a", b"PING"]);
        check(b"ECHO a\\nb", &[b"ECHO", b"a\\nb"]);
        check(b"ECHO \"\" ''", &[b"ECHO", b"", b""]);
        check(b"ECHO fo\"o b\"", &[b"ECHO", b"foo b"]);
        check(b"ECHO fo'o b'", &[b"ECHO", b"foo b"]);
        check(b"ECHO \"a\"\x0bb", &[b"ECHO", b"a", b"b"]);
        check(
            b"\"a\\x41\\n\\r\\t\\b\\a\\q\\\\\\xZZ\\\"\"",
            &[b"aA\n\r\t\x08\x07q\\xZZ\""],
        );
        check(b"\"\\xaF\\xAf\\x4\"", &[b"\xaf\xafx4"]);
        check(b"'a\\'b\\n\"'", &[b"a'b\\n\""]);
        check(b"a\0b \xff", &[b"a\0b", b"\xff"]);
    }

    #[test]
    fn unbalanced_quotes_are_refused() {
        for line in [
            &b"\""[..],
            b"'",
            b"ECHO \"abc",
            b"ECHO 'abc",
            b"ECHO \"a\"b",
            b"ECHO 'a'b",
            b"ECHO 'a''b'",
            b"ECHO x\"a",
            b"ECHO \"abc\\",
            b"ECHO \"abc\\\"",
            b"ECHO 'abc\\'",
        ] {
            assert_eq!(split(line), None, "{:?}", line.escape_ascii());
        }
    }
}
