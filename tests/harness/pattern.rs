//! Patterns for replies, in the notation in which [`Value`] prints itself.
//!
//! | pattern | matches |
//! |---|---|
//! | `+OK` `+"two words"` | a simple string |
//! | `-ERR text to the end` (inside a collection `-"ERR text"`) | an error |
//! | `:1` `$nil` `*nil` `_` `#t` `,1.5` `(12` `="txt:a"` | an integer, RESP2's nulls, RESP3's null, boolean, double, big number, verbatim string |
//! | `"bytes\x00"` | a bulk string |
//! | `[a, b]` `~[a, b]` `>[a, b]` `{k: v}` | array, set (in any order), push, map |
//! | `?[a, b]` `?{k: v}` | array or map in any order |
//! | `[a, b ...]` `{k: v ...}` | `b`, or `k: v`, any number of times, also never |
//! | `[a, ...]` `{a: b, ...}` | and anything after it (in any order: also before it) |
//! | `~"glob*"` `-~"glob"` `=~"glob"` `+~"glob"` | such a string, by `*` and `?` |
//! | `int` `int(1..9)` `bulk` `simple` `error` `double` `verbatim` `array` `map` `any` | anything of that kind |

use crate::Value;
use crate::raw::read_quoted;

/// What a reply must look like; the module's page gives the notation.
#[derive(Debug, Clone, PartialEq)]
pub enum Pattern {
    /// Exactly this value.
    Exact(Value),
    /// A string of the kind that this byte opens (`$` bulk, `+`, `-`, `=`), matching the glob.
    Glob(u8, Vec<u8>),
    /// An integer in this range, ends included.
    Between(i64, i64),
    /// A value whose kind has this name.
    Kind(String),
    /// A collection.
    Items(Items),
    /// A map, or RESP3's map.
    Pairs(Pairs),
}

/// A pattern for an array, set or push.
#[derive(Debug, Clone, PartialEq)]
pub struct Items {
    open: u8,
    any_order: bool,
    each: Vec<Pattern>,
    rest: Rest<Pattern>,
}

/// A pattern for a map.
#[derive(Debug, Clone, PartialEq)]
pub struct Pairs {
    any_order: bool,
    each: Vec<(Pattern, Pattern)>,
    rest: Rest<(Pattern, Pattern)>,
}

/// What may follow the listed elements.
#[derive(Debug, Clone, PartialEq)]
enum Rest<T> {
    Nothing,
    Anything,
    Repeated(Box<T>),
}

impl Pattern {
    /// Reads a pattern.
    ///
    /// # Errors
    /// With what is wrong and where.
    pub fn parse(text: &str) -> Result<Pattern, String> {
        // An error on its own runs to the end of the line, quotes and commas included.
        if let Some(error) = text.strip_prefix('-')
            && !error.starts_with("~\"")
            && !error.starts_with('"')
        {
            return Ok(Pattern::Exact(Value::Error(error.to_owned())));
        }
        let mut parser = Parser {
            text: text.as_bytes(),
            at: 0,
        };
        let pattern = parser.pattern()?;
        parser.spaces();
        match parser.at == text.len() {
            true => Ok(pattern),
            false => Err(format!("unexpected `{}`", &text[parser.at..])),
        }
    }

    /// Whether `value` is what this describes.
    pub fn matches(&self, value: &Value) -> bool {
        match self {
            Pattern::Exact(exact) => exact == value,
            Pattern::Glob(kind, glob) => string_of(*kind, value).is_some_and(|s| globs(glob, s)),
            Pattern::Between(low, high) => {
                matches!(value, Value::Integer(number) if (low..=high).contains(&number))
            }
            Pattern::Kind(name) => name == "any" || name == kind_of(value),
            Pattern::Items(items) => match (items.open, value) {
                (b'[', Value::Array(values)) | (b'>', Value::Push(values)) => {
                    items.match_all(values)
                }
                (b'~', Value::Set(values)) => items.match_all(values),
                _ => false,
            },
            Pattern::Pairs(pairs) => match value {
                Value::Map(values) => match_list(
                    &pairs.each,
                    &pairs.rest,
                    pairs.any_order,
                    values,
                    |(key, value), (k, v)| key.matches(k) && value.matches(v),
                ),
                _ => false,
            },
        }
    }

    /// Whether it describes an error reply.
    pub fn is_error(&self) -> bool {
        match self {
            Pattern::Exact(value) => value.is_error(),
            Pattern::Glob(kind, _) => *kind == b'-',
            Pattern::Kind(name) => name == "error",
            _ => false,
        }
    }
}

impl Items {
    fn match_all(&self, values: &[Value]) -> bool {
        match_list(
            &self.each,
            &self.rest,
            self.any_order,
            values,
            Pattern::matches,
        )
    }
}

fn match_list<P, V>(
    each: &[P],
    rest: &Rest<P>,
    any_order: bool,
    values: &[V],
    matches: impl Fn(&P, &V) -> bool,
) -> bool {
    let mut left: Vec<&V> = values.iter().collect();
    for pattern in each {
        let found = match any_order {
            true => left.iter().position(|value| matches(pattern, value)),
            false => left
                .first()
                .is_some_and(|value| matches(pattern, value))
                .then_some(0),
        };
        match found {
            Some(index) => left.remove(index),
            None => return false,
        };
    }
    match rest {
        Rest::Nothing => left.is_empty(),
        Rest::Anything => true,
        Rest::Repeated(pattern) => left.iter().all(|value| matches(pattern, value)),
    }
}

fn string_of(kind: u8, value: &Value) -> Option<&[u8]> {
    match (kind, value) {
        (b'$', Value::Bulk(bytes)) => Some(bytes),
        (b'=', Value::Verbatim(bytes)) => Some(bytes),
        (b'+', Value::Simple(text)) | (b'-', Value::Error(text)) => Some(text.as_bytes()),
        _ => None,
    }
}

fn kind_of(value: &Value) -> &'static str {
    match value {
        Value::Simple(_) => "simple",
        Value::Error(_) => "error",
        Value::Integer(_) => "int",
        Value::Bulk(_) => "bulk",
        Value::NullBulk | Value::NullArray | Value::Null => "null",
        Value::Array(_) => "array",
        Value::Map(_) => "map",
        Value::Set(_) => "set",
        Value::Push(_) => "push",
        Value::Double(_) => "double",
        Value::Boolean(_) => "bool",
        Value::BigNumber(_) => "bignumber",
        Value::Verbatim(_) => "verbatim",
    }
}

/// `*` is any run of bytes, `?` any one byte; everything else is itself.
fn globs(glob: &[u8], text: &[u8]) -> bool {
    match glob.split_first() {
        None => text.is_empty(),
        Some((b'*', rest)) => (0..=text.len()).any(|start| globs(rest, &text[start..])),
        Some((byte, rest)) => {
            text.first()
                .is_some_and(|first| *byte == b'?' || byte == first)
                && globs(rest, &text[1..])
        }
    }
}

struct Parser<'a> {
    text: &'a [u8],
    at: usize,
}

impl Parser<'_> {
    fn pattern(&mut self) -> Result<Pattern, String> {
        self.spaces();
        if self.take("~\"") {
            return Ok(Pattern::Glob(b'$', self.string()?));
        }
        if self.take("?[") {
            return self.items(b'[', true);
        }
        if self.take("~[") {
            return self.items(b'~', true);
        }
        if self.take(">[") {
            return self.items(b'>', false);
        }
        if self.take("?{") {
            return self.pairs(true);
        }
        match self.next()? {
            b'"' => Ok(Pattern::Exact(Value::Bulk(self.string()?))),
            b'[' => self.items(b'[', false),
            b'{' => self.pairs(false),
            kind @ (b'+' | b'-' | b'=') => self.text(kind),
            b'_' => Ok(Pattern::Exact(Value::Null)),
            b'$' => self.expect("nil", Value::NullBulk),
            b'*' => self.expect("nil", Value::NullArray),
            b':' => Ok(Pattern::Exact(Value::Integer(self.number()?))),
            b',' => Ok(Pattern::Exact(Value::Double(self.word()))),
            b'(' => Ok(Pattern::Exact(Value::BigNumber(self.word()))),
            b'#' => Ok(Pattern::Exact(Value::Boolean(self.word() == "t"))),
            b'a'..=b'z' => {
                self.at -= 1;
                self.kind()
            }
            other => Err(format!("unexpected `{}`", char::from(other))),
        }
    }

    fn text(&mut self, kind: u8) -> Result<Pattern, String> {
        if self.take("~\"") {
            return Ok(Pattern::Glob(kind, self.string()?));
        }
        let bytes = match self.take("\"") {
            true => self.string()?,
            false => self.word().into_bytes(),
        };
        let text = String::from_utf8_lossy(&bytes).into_owned();
        Ok(Pattern::Exact(match kind {
            b'+' => Value::Simple(text),
            b'-' => Value::Error(text),
            _ => Value::Verbatim(bytes),
        }))
    }

    fn kind(&mut self) -> Result<Pattern, String> {
        let name = self.word();
        if name != "int" || !self.take("(") {
            return Ok(Pattern::Kind(name));
        }
        let low = self.number()?;
        if !self.take("..") {
            return Err("expected `..`".into());
        }
        let high = self.number()?;
        match self.take(")") {
            true => Ok(Pattern::Between(low, high)),
            false => Err("expected `)`".into()),
        }
    }

    fn items(&mut self, open: u8, any_order: bool) -> Result<Pattern, String> {
        let (each, rest) = self.list("]", Parser::pattern)?;
        Ok(Pattern::Items(Items {
            open,
            any_order,
            each,
            rest,
        }))
    }

    fn pairs(&mut self, any_order: bool) -> Result<Pattern, String> {
        let (each, rest) = self.list("}", |parser| {
            let key = parser.pattern()?;
            parser.spaces();
            match parser.take(":") {
                true => Ok((key, parser.pattern()?)),
                false => Err("expected `:`".into()),
            }
        })?;
        Ok(Pattern::Pairs(Pairs {
            any_order,
            each,
            rest,
        }))
    }

    fn list<T>(
        &mut self,
        close: &str,
        mut element: impl FnMut(&mut Self) -> Result<T, String>,
    ) -> Result<(Vec<T>, Rest<T>), String> {
        let mut each = Vec::new();
        let mut rest = Rest::Nothing;
        loop {
            self.spaces();
            if self.take(close) {
                return Ok((each, rest));
            }
            if self.take("...") {
                rest = Rest::Anything;
                continue;
            }
            each.push(element(self)?);
            self.spaces();
            if self.take("...") {
                rest = Rest::Repeated(Box::new(each.pop().expect("it was just pushed")));
            }
            self.spaces();
            self.take(",");
        }
    }

    fn string(&mut self) -> Result<Vec<u8>, String> {
        let (bytes, used) = read_quoted(&self.text[self.at..])?;
        self.at += used;
        Ok(bytes)
    }

    fn number(&mut self) -> Result<i64, String> {
        let start = self.at;
        while self
            .text
            .get(self.at)
            .is_some_and(|b| b.is_ascii_digit() || *b == b'-')
        {
            self.at += 1;
        }
        let text = String::from_utf8_lossy(&self.text[start..self.at]);
        text.parse().map_err(|_| format!("not a number: `{text}`"))
    }

    fn word(&mut self) -> String {
        let start = self.at;
        let ends = |byte: &u8| b" ,]}:(){".contains(byte);
        while self.text.get(self.at).is_some_and(|byte| !ends(byte)) {
            self.at += 1;
        }
        String::from_utf8_lossy(&self.text[start..self.at]).into_owned()
    }

    fn expect(&mut self, text: &str, value: Value) -> Result<Pattern, String> {
        match self.take(text) {
            true => Ok(Pattern::Exact(value)),
            false => Err(format!("expected `{text}`")),
        }
    }

    fn take(&mut self, text: &str) -> bool {
        let found = self.text[self.at..].starts_with(text.as_bytes());
        self.at += if found { text.len() } else { 0 };
        found
    }

    fn next(&mut self) -> Result<u8, String> {
        let byte = self
            .text
            .get(self.at)
            .copied()
            .ok_or("the pattern ends too early")?;
        self.at += 1;
        Ok(byte)
    }

    fn spaces(&mut self) {
        while self.text.get(self.at) == Some(&b' ') {
            self.at += 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(pattern: &str, bytes: &[u8], expected: bool) {
        let value = Value::decode(bytes).unwrap().0;
        let pattern = Pattern::parse(pattern).unwrap();
        assert_eq!(
            pattern.matches(&value),
            expected,
            "{pattern:?} against {value}"
        );
    }

    #[test]
    fn a_value_matches_its_own_notation() {
        for bytes in [
            &b"+OK\r\n"[..],
            b"-ERR no, not \"this\"\r\n",
            b"*3\r\n:1\r\n-ERR x, y\r\n$-1\r\n",
            b"%1\r\n$1\r\na\r\n,1.5\r\n",
            b"~2\r\n+a\r\n#f\r\n",
            b">1\r\n*-1\r\n",
            b"=7\r\ntxt:a\"b\r\n",
            b"$2\r\n\x00\xff\r\n",
        ] {
            check(&Value::decode(bytes).unwrap().0.to_string(), bytes, true);
        }
    }

    #[test]
    fn nulls_of_the_dialects_differ() {
        for (notation, bytes) in [("$nil", "$-1\r\n"), ("*nil", "*-1\r\n"), ("_", "_\r\n")] {
            for (other, _) in [("$nil", ""), ("*nil", ""), ("_", "")] {
                check(other, bytes.as_bytes(), notation == other);
            }
        }
    }

    #[test]
    fn shapes_match_what_they_say_and_nothing_else() {
        let array = b"*3\r\n:1\r\n:5\r\n:9\r\n";
        check("[int ...]", array, true);
        check("[bulk ...]", array, false);
        check("[:1, ...]", array, true);
        check("[:5, ...]", array, false);
        check("?[:5, ...]", array, true);
        check("?[:9, :1, :5]", array, true);
        check("[:1, :5]", array, false);
        check("int(1..3)", b":3\r\n", true);
        check("int(1..3)", b":4\r\n", false);
        check("~\"a*c?\"", b"$5\r\nabbcd\r\n", true);
        check("~\"a*c?\"", b"$4\r\nabbc\r\n", false);
        check(
            "?{\"b\": any, ...}",
            b"%2\r\n$1\r\na\r\n:1\r\n$1\r\nb\r\n:2\r\n",
            true,
        );
        check(
            "{\"b\": any, ...}",
            b"%2\r\n$1\r\na\r\n:1\r\n$1\r\nb\r\n:2\r\n",
            false,
        );
    }
}
