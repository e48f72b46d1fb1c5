//! A reply as it stood on the wire: each RESP type is its own variant, so that a test can tell
//! `$-1` from `*-1` from `_`, and `:1` from `#t`.

use std::fmt;

/// One decoded reply. The decoder takes the canonical encoding only, so two replies are equal as
/// values exactly when they are equal as bytes.
#[derive(Clone, PartialEq, Eq)]
pub enum Value {
    /// `+text`
    Simple(String),
    /// `-text`
    Error(String),
    /// `:number`
    Integer(i64),
    /// `$length`
    Bulk(Vec<u8>),
    /// `$-1`, RESP2's null
    NullBulk,
    /// `*-1`, RESP2's null array
    NullArray,
    /// `_`, RESP3's null
    Null,
    /// `*count`
    Array(Vec<Value>),
    /// `%count`
    Map(Vec<(Value, Value)>),
    /// `~count`
    Set(Vec<Value>),
    /// `>count`
    Push(Vec<Value>),
    /// `,text`, kept as it was written
    Double(String),
    /// `#t` or `#f`
    Boolean(bool),
    /// `(digits`
    BigNumber(String),
    /// `=length`, with its three-letter format and the colon
    Verbatim(Vec<u8>),
}

/// Why bytes are not a reply.
#[derive(Debug, PartialEq, Eq)]
pub enum DecodeError {
    /// They end before the reply does.
    Incomplete,
    /// No further bytes could make them one.
    Malformed(String),
}

/// Replies nested deeper than this are refused rather than followed.
const NESTING_MAX: usize = 32;

impl Value {
    /// Decodes one reply from the front of `input`: the value and how many bytes it took.
    ///
    /// # Errors
    /// [`DecodeError::Incomplete`] when more bytes are needed, `Malformed` when they cannot help.
    pub fn decode(input: &[u8]) -> Result<(Value, usize), DecodeError> {
        let mut decoder = Decoder { input, at: 0 };
        let value = decoder.value(0)?;
        Ok((value, decoder.at))
    }

    /// The bytes of a bulk, verbatim or simple string.
    ///
    /// # Panics
    /// When it is none of them.
    #[track_caller]
    pub fn bytes(&self) -> &[u8] {
        match self {
            Value::Bulk(bytes) => bytes,
            Value::Verbatim(bytes) => &bytes[4..],
            Value::Simple(text) => text.as_bytes(),
            other => panic!("not a string: {other}"),
        }
    }

    /// The text of a bulk, verbatim or simple string.
    ///
    /// # Panics
    /// When it is none of them or not UTF-8.
    #[track_caller]
    pub fn text(&self) -> &str {
        std::str::from_utf8(self.bytes()).expect("the reply is text")
    }

    /// The number of an integer reply.
    ///
    /// # Panics
    /// When it is something else.
    #[track_caller]
    pub fn integer(&self) -> i64 {
        match self {
            Value::Integer(number) => *number,
            other => panic!("not an integer: {other}"),
        }
    }

    /// The elements of an array, set or push.
    ///
    /// # Panics
    /// When it is none of them.
    #[track_caller]
    pub fn items(&self) -> &[Value] {
        match self {
            Value::Array(items) | Value::Set(items) | Value::Push(items) => items,
            other => panic!("not an array: {other}"),
        }
    }

    /// The pairs of a map, or of the flat array that RESP2 has in its place.
    ///
    /// # Panics
    /// When it is neither.
    #[track_caller]
    pub fn pairs(&self) -> Vec<(Value, Value)> {
        match self {
            Value::Map(pairs) => pairs.clone(),
            Value::Array(items) if items.len().is_multiple_of(2) => items
                .chunks(2)
                .map(|pair| (pair[0].clone(), pair[1].clone()))
                .collect(),
            other => panic!("not a map: {other}"),
        }
    }

    /// What a map, or RESP2's flat array, holds under `key`.
    ///
    /// # Panics
    /// When it is neither or has no such key.
    #[track_caller]
    pub fn field(&self, key: &str) -> Value {
        let found = self
            .pairs()
            .into_iter()
            .find(|(name, _)| name.text() == key);
        found
            .unwrap_or_else(|| panic!("no field {key} in {self}"))
            .1
    }

    /// Whether it is an error.
    pub fn is_error(&self) -> bool {
        matches!(self, Value::Error(_))
    }
}

struct Decoder<'a> {
    input: &'a [u8],
    at: usize,
}

impl<'a> Decoder<'a> {
    fn value(&mut self, depth: usize) -> Result<Value, DecodeError> {
        if depth > NESTING_MAX {
            return Err(DecodeError::Malformed("nested too deeply".into()));
        }
        let line = self.line()?;
        let (&kind, rest) = line
            .split_first()
            .ok_or_else(|| DecodeError::Malformed("an empty line".into()))?;
        Ok(match kind {
            b'+' => Value::Simple(text(rest)?),
            b'-' => Value::Error(text(rest)?),
            b':' => Value::Integer(number(rest)?),
            b'$' if rest == b"-1" => Value::NullBulk,
            b'*' if rest == b"-1" => Value::NullArray,
            b'$' => Value::Bulk(self.counted(rest)?),
            b'=' => self.verbatim(rest)?,
            b'_' if rest.is_empty() => Value::Null,
            b'#' if rest == b"t" => Value::Boolean(true),
            b'#' if rest == b"f" => Value::Boolean(false),
            b',' => Value::Double(text(rest)?),
            b'(' => Value::BigNumber(text(rest)?),
            b'*' => Value::Array(self.values(rest, depth)?),
            b'~' => Value::Set(self.values(rest, depth)?),
            b'>' => Value::Push(self.values(rest, depth)?),
            b'%' => Value::Map(self.pairs(rest, depth)?),
            _ => {
                return Err(DecodeError::Malformed(
                    String::from_utf8_lossy(line).into_owned(),
                ));
            }
        })
    }

    /// The bytes up to the next CRLF, and past it.
    fn line(&mut self) -> Result<&'a [u8], DecodeError> {
        let rest = &self.input[self.at..];
        let end = rest
            .iter()
            .position(|&byte| byte == b'\n')
            .ok_or(DecodeError::Incomplete)?;
        self.at += end + 1;
        match rest[..end].split_last() {
            Some((b'\r', line)) => Ok(line),
            _ => Err(DecodeError::Malformed(
                "a line that does not end in CRLF".into(),
            )),
        }
    }

    fn counted(&mut self, length: &[u8]) -> Result<Vec<u8>, DecodeError> {
        let length = count(length)?;
        let rest = &self.input[self.at..];
        if rest.len() < length + 2 {
            return Err(DecodeError::Incomplete);
        }
        if &rest[length..length + 2] != b"\r\n" {
            return Err(DecodeError::Malformed(
                "a string without its final CRLF".into(),
            ));
        }
        self.at += length + 2;
        Ok(rest[..length].to_vec())
    }

    fn verbatim(&mut self, length: &[u8]) -> Result<Value, DecodeError> {
        let bytes = self.counted(length)?;
        match bytes.get(3) {
            Some(b':') => Ok(Value::Verbatim(bytes)),
            _ => Err(DecodeError::Malformed(
                "a verbatim string without its format".into(),
            )),
        }
    }

    fn values(&mut self, length: &[u8], depth: usize) -> Result<Vec<Value>, DecodeError> {
        (0..count(length)?).map(|_| self.value(depth + 1)).collect()
    }

    fn pairs(&mut self, length: &[u8], depth: usize) -> Result<Vec<(Value, Value)>, DecodeError> {
        (0..count(length)?)
            .map(|_| Ok((self.value(depth + 1)?, self.value(depth + 1)?)))
            .collect()
    }
}

fn text(bytes: &[u8]) -> Result<String, DecodeError> {
    String::from_utf8(bytes.to_vec()).map_err(|error| DecodeError::Malformed(error.to_string()))
}

/// A number in its one canonical form: `+1`, `01` and `-0` are refused.
fn number(bytes: &[u8]) -> Result<i64, DecodeError> {
    let text = text(bytes)?;
    match text.parse::<i64>() {
        Ok(number) if number.to_string() == text => Ok(number),
        _ => Err(DecodeError::Malformed(format!(
            "not a canonical number: {text}"
        ))),
    }
}

fn count(bytes: &[u8]) -> Result<usize, DecodeError> {
    let number = number(bytes)?;
    usize::try_from(number).map_err(|_| DecodeError::Malformed(format!("a length of {number}")))
}

/// The notation that transcripts use; see [`crate::Pattern`].
impl fmt::Display for Value {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            // A space at the end of a line does not survive every editor.
            Value::Error(text) if !text.ends_with(' ') => write!(out, "-{text}"),
            other => write_nested(out, other),
        }
    }
}

impl fmt::Debug for Value {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, out)
    }
}

fn write_nested(out: &mut fmt::Formatter<'_>, value: &Value) -> fmt::Result {
    match value {
        Value::Simple(text) if is_word(text) => write!(out, "+{text}"),
        Value::Simple(text) => write!(out, "+{}", quoted(text.as_bytes())),
        Value::Error(text) => write!(out, "-{}", quoted(text.as_bytes())),
        Value::Integer(number) => write!(out, ":{number}"),
        Value::Bulk(bytes) => write!(out, "{}", quoted(bytes)),
        Value::NullBulk => write!(out, "$nil"),
        Value::NullArray => write!(out, "*nil"),
        Value::Null => write!(out, "_"),
        Value::Array(items) => write_items(out, "[", items),
        Value::Set(items) => write_items(out, "~[", items),
        Value::Push(items) => write_items(out, ">[", items),
        Value::Map(pairs) => write_pairs(out, pairs),
        Value::Double(text) => write!(out, ",{text}"),
        Value::Boolean(true) => write!(out, "#t"),
        Value::Boolean(false) => write!(out, "#f"),
        Value::BigNumber(text) => write!(out, "({text}"),
        Value::Verbatim(bytes) => write!(out, "={}", quoted(bytes)),
    }
}

fn write_items(out: &mut fmt::Formatter<'_>, open: &str, items: &[Value]) -> fmt::Result {
    out.write_str(open)?;
    for (index, item) in items.iter().enumerate() {
        out.write_str(if index == 0 { "" } else { ", " })?;
        write_nested(out, item)?;
    }
    out.write_str("]")
}

fn write_pairs(out: &mut fmt::Formatter<'_>, pairs: &[(Value, Value)]) -> fmt::Result {
    out.write_str("{")?;
    for (index, (key, value)) in pairs.iter().enumerate() {
        out.write_str(if index == 0 { "" } else { ", " })?;
        write_nested(out, key)?;
        out.write_str(": ")?;
        write_nested(out, value)?;
    }
    out.write_str("}")
}

fn is_word(text: &str) -> bool {
    !text.is_empty()
        && text
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || b"_-.".contains(&byte))
}

/// `bytes` between double quotes, with `\xHH` for what does not print.
fn quoted(bytes: &[u8]) -> String {
    let mut text = String::from("\"");
    for &byte in bytes {
        match byte {
            b'"' => text.push_str("\\\""),
            b'\\' => text.push_str("\\\\"),
            b'\r' => text.push_str("\\r"),
            b'\n' => text.push_str("\\n"),
            b'\t' => text.push_str("\\t"),
            b' '..=b'~' => text.push(char::from(byte)),
            _ => text.push_str(&format!("\\x{byte:02x}")),
        }
    }
    text.push('"');
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(bytes: &[u8], notation: &str) {
        let (value, used) = Value::decode(bytes).unwrap();
        assert_eq!((value.to_string().as_str(), used), (notation, bytes.len()));
    }

    #[test]
    fn each_wire_type_has_its_own_notation() {
        check(b"+OK\r\n", "+OK");
        check(b"+Background saving\r\n", "+\"Background saving\"");
        check(b"-ERR no, not \"this\"\r\n", "-ERR no, not \"this\"");
        check(b":-7\r\n", ":-7");
        check(b"$3\r\na\r\n\r\n", "\"a\\r\\n\"");
        check(b"$-1\r\n", "$nil");
        check(b"*-1\r\n", "*nil");
        check(b"_\r\n", "_");
        check(b"*2\r\n:1\r\n-ERR x\r\n", "[:1, -\"ERR x\"]");
        check(b"%1\r\n$1\r\na\r\n,1.5\r\n", "{\"a\": ,1.5}");
        check(b"~1\r\n+a\r\n", "~[+a]");
        check(b">1\r\n#t\r\n", ">[#t]");
        check(b"(123\r\n", "(123");
        check(b"=5\r\ntxt:x\r\n", "=\"txt:x\"");
    }

    #[test]
    fn every_proper_prefix_is_incomplete() {
        let bytes = b"*3\r\n$2\r\nab\r\n%1\r\n+k\r\n:1\r\n=6\r\ntxt:ab\r\n";
        for end in 0..bytes.len() {
            assert_eq!(
                Value::decode(&bytes[..end]).unwrap_err(),
                DecodeError::Incomplete
            );
        }
    }

    #[test]
    fn other_encodings_of_the_same_value_are_refused() {
        for bytes in [
            &b":01\r\n"[..],
            b":+1\r\n",
            b"$-2\r\n",
            b"$1\r\nabc",
            b"+a\n",
            b"#x\r\n",
        ] {
            assert!(
                matches!(Value::decode(bytes), Err(DecodeError::Malformed(_))),
                "{bytes:?}"
            );
        }
    }
}
