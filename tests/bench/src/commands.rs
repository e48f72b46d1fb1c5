//! Command mixes: requests encoded once, with holes for what changes from one to the next.
//!
//! A literal is split at white space; these words inside it are replaced:
//! `__key__` a key of the keyspace, `__data__` the value (letters, the same for every request),
//! `__ttl__` a random number of seven digits (as milliseconds: between 17 minutes and 2.8 hours),
//! `__rand:N__` a random number below N, padded with zeros to as many digits as N − 1 has, or to W
//! digits as `__rand:N:W__`.
//! All have a fixed width, so the bulk lengths never change and only the holes are rewritten.

use crate::error::{BenchError, Result};
use crate::keys::{KeyPicker, KeySpace, digits_below, write_digits};
use crate::random::Random;

/// How many pairs the `mset` mix writes with one command.
const MSET_PAIRS: usize = 10;
/// A mix repeats after this many commands at most.
const PATTERN_MAX: usize = 100_000;
/// Digits of the widest random number.
const RANDOM_DIGITS_MAX: usize = 20;

/// Requests in fixed proportions, in an order that repeats.
#[derive(Debug, Clone)]
pub(crate) struct Mix {
    templates: Vec<Template>,
    /// Indexes into `templates`; the load goes round it.
    pattern: Vec<u16>,
    at: usize,
}

#[derive(Debug, Clone, Default)]
struct Template {
    bytes: Vec<u8>,
    holes: Vec<Hole>,
}

#[derive(Debug, Clone)]
struct Hole {
    start: usize,
    end: usize,
    content: HoleContent,
}

#[derive(Debug, Clone, Copy)]
enum HoleContent {
    Key,
    Ttl,
    /// A number below this.
    Below(u64),
}

impl Mix {
    /// Builds a mix from names (`get`, `set`, `incr`, `ping`, `mset`, `10:1`) and literals
    /// (`LPUSH __key__ __data__`), each with an optional weight in front (`10*get`).
    ///
    /// # Errors
    /// `BenchError::Usage` for an empty mix or a weight that is no number from 1.
    pub(crate) fn new(items: &[String], keys: &KeySpace, data_bytes: usize) -> Result<Mix> {
        let data = Random::new(0xDA7A).letters(data_bytes);
        let mut templates = Vec::new();
        let mut weights = Vec::new();
        for item in items {
            let (weight, command) = split_weight(item)?;
            for (share, literal) in literals(command) {
                templates.push(encode(&literal, keys, &data)?);
                weights.push(weight * share);
            }
        }
        Ok(Mix {
            templates,
            pattern: interleave(&weights)?,
            at: 0,
        })
    }

    /// Appends the next request to `out`.
    pub(crate) fn append(
        &mut self,
        out: &mut Vec<u8>,
        picker: &mut KeyPicker,
        random: &mut Random,
    ) {
        let template = &self.templates[usize::from(self.pattern[self.at])];
        self.at = if self.at + 1 == self.pattern.len() {
            0
        } else {
            self.at + 1
        };
        let start = out.len();
        out.extend_from_slice(&template.bytes);
        for hole in &template.holes {
            let number = match hole.content {
                HoleContent::Key => picker.pick(random),
                HoleContent::Ttl => 1_000_000 + random.below(9_000_000),
                HoleContent::Below(bound) => random.below(bound),
            };
            write_digits(&mut out[start + hole.start..start + hole.end], number);
        }
    }
}

fn split_weight(item: &str) -> Result<(usize, &str)> {
    match item.split_once('*') {
        Some((weight, command)) if weight.bytes().all(|byte| byte.is_ascii_digit()) => {
            match weight.parse() {
                Ok(weight @ 1..=PATTERN_MAX) => Ok((weight, command)),
                _ => Err(BenchError::Usage(format!("no weight: {weight:?}"))),
            }
        }
        _ => Ok((1, item)),
    }
}

/// The literals behind a name, with their shares.
fn literals(name: &str) -> Vec<(usize, String)> {
    let get = "GET __key__".to_string();
    let set = "SET __key__ __data__".to_string();
    match name {
        "get" => vec![(1, get)],
        "set" => vec![(1, set)],
        "10:1" => vec![(10, get), (1, set)],
        "incr" => vec![(1, "INCR __key__".into())],
        "ping" => vec![(1, "PING".into())],
        "mset" => vec![(1, format!("MSET{}", " __key__ __data__".repeat(MSET_PAIRS)))],
        literal => vec![(1, literal.to_string())],
    }
}

fn encode(literal: &str, keys: &KeySpace, data: &[u8]) -> Result<Template> {
    let words: Vec<&str> = literal.split_whitespace().collect();
    if words.is_empty() {
        return Err(BenchError::Usage("an empty command".into()));
    }
    let mut template = Template::default();
    template
        .bytes
        .extend(format!("*{}\r\n", words.len()).bytes());
    for word in words {
        let argument = fill_word(word, keys, data)?;
        let header = format!("${}\r\n", argument.bytes.len());
        let start = template.bytes.len() + header.len();
        template.bytes.extend(header.bytes());
        template.bytes.extend(&argument.bytes);
        template.bytes.extend(b"\r\n");
        template
            .holes
            .extend(argument.holes.into_iter().map(|hole| Hole {
                start: hole.start + start,
                end: hole.end + start,
                ..hole
            }));
    }
    Ok(template)
}

fn fill_word(word: &str, keys: &KeySpace, data: &[u8]) -> Result<Template> {
    let mut out = Template::default();
    let mut rest = word;
    while let Some(first) = rest.chars().next() {
        if let Some(after) = rest.strip_prefix("__key__") {
            out.bytes.extend(keys.prefix.bytes());
            out.push_hole(keys.digits(), HoleContent::Key);
            rest = after;
        } else if let Some(after) = rest.strip_prefix("__ttl__") {
            out.push_hole(7, HoleContent::Ttl);
            rest = after;
        } else if let Some(after) = rest.strip_prefix("__data__") {
            out.bytes.extend(data);
            rest = after;
        } else if let Some(after) = rest.strip_prefix("__rand:") {
            let (hole, after) = after
                .split_once("__")
                .and_then(|(bounds, after)| Some((random_bounds(bounds)?, after)))
                .ok_or_else(|| {
                    BenchError::Usage(format!("no __rand:N__ or __rand:N:W__: {word}"))
                })?;
            out.push_hole(hole.1, HoleContent::Below(hole.0));
            rest = after;
        } else {
            let (literal, after) = rest.split_at(first.len_utf8());
            out.bytes.extend(literal.bytes());
            rest = after;
        }
    }
    Ok(out)
}

/// Bound and digits from `N` or `N:W`.
fn random_bounds(text: &str) -> Option<(u64, usize)> {
    let (bound, width) = match text.split_once(':') {
        Some((bound, width)) => (bound.parse().ok()?, width.parse().ok()?),
        None => {
            let bound: u64 = text.parse().ok()?;
            (bound, digits_below(bound))
        }
    };
    (bound > 0 && (digits_below(bound)..=RANDOM_DIGITS_MAX).contains(&width))
        .then_some((bound, width))
}

impl Template {
    fn push_hole(&mut self, width: usize, content: HoleContent) {
        let start = self.bytes.len();
        self.bytes.resize(start + width, b'0');
        self.holes.push(Hole {
            start,
            end: start + width,
            content,
        });
    }
}

/// An order of the template indexes in which each keeps its share of every stretch.
fn interleave(weights: &[usize]) -> Result<Vec<u16>> {
    let total: usize = weights.iter().sum();
    if total == 0 || total > PATTERN_MAX || weights.len() > usize::from(u16::MAX) {
        return Err(BenchError::Usage(
            "a mix needs between 1 and 100 000 parts".into(),
        ));
    }
    let mut owed = vec![0i64; weights.len()];
    let mut pattern = Vec::with_capacity(total);
    for _ in 0..total {
        for (owed, weight) in owed.iter_mut().zip(weights) {
            *owed += *weight as i64;
        }
        let next = (0..owed.len())
            .max_by_key(|&index| owed[index])
            .unwrap_or(0);
        owed[next] -= total as i64;
        pattern.push(next as u16);
    }
    Ok(pattern)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::keys::KeyOrder;

    fn first(items: &[&str], count: usize) -> String {
        let keys = KeySpace::new(10, 5, "k").unwrap();
        let items: Vec<String> = items.iter().map(ToString::to_string).collect();
        let mut mix = Mix::new(&items, &keys, 3).unwrap();
        let (mut out, mut random) = (Vec::new(), Random::new(1));
        let mut picker = KeyPicker::new(10, KeyOrder::Sequential);
        for _ in 0..count {
            mix.append(&mut out, &mut picker, &mut random);
        }
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn requests_carry_changing_keys() {
        assert_eq!(
            first(&["get"], 2),
            "*2\r\n$3\r\nGET\r\n$5\r\nk0000\r\n*2\r\n$3\r\nGET\r\n$5\r\nk0001\r\n"
        );
    }

    #[test]
    fn words_are_replaced_inside_an_argument() {
        let request = first(&["EVAL a{__key__}b __data__ é"], 1);
        assert!(
            request.starts_with("*4\r\n$4\r\nEVAL\r\n$9\r\na{k0000}b\r\n$3\r\n"),
            "{request:?}"
        );
        assert!(request.ends_with("\r\n$2\r\né\r\n"), "{request:?}");
        let ttl = first(&["SET __key__ v PX __ttl__"], 1);
        assert!(
            ttl.contains("\r\n$7\r\n") && !ttl.contains("0000000"),
            "{ttl:?}"
        );
    }

    #[test]
    fn random_numbers_keep_their_width() {
        let request = first(&["SADD s m:__rand:200:9__ 2.__rand:1000__"], 1);
        let words: Vec<&str> = request.split("\r\n").collect();
        assert_eq!((words[5], words[7]), ("$11", "$5"), "{request:?}");
        let member = words[6].strip_prefix("m:").unwrap();
        assert!(member.parse::<u64>().unwrap() < 200, "{request:?}");
        assert_ne!(first(&["SADD s __rand:1000000__"], 1), {
            let two = first(&["SADD s __rand:1000000__"], 2);
            two[two.len() / 2..].to_string()
        });
    }

    #[test]
    fn shares_are_kept() {
        let requests = first(&["10:1"], 22);
        assert_eq!(requests.matches("GET").count(), 20);
        assert_eq!(requests.matches("SET").count(), 2);
        let weighted = first(&["3*ping", "get"], 8);
        assert_eq!(weighted.matches("PING").count(), 6);
    }

    #[test]
    fn nonsense_is_refused() {
        let keys = KeySpace::new(10, 5, "k").unwrap();
        for wrong in [
            vec![],
            vec!["".to_string()],
            vec!["0*get".to_string()],
            vec!["99999999*get".into()],
            vec!["SADD s __rand:0__".into()],
            vec!["SADD s __rand:200:2__".into()],
            vec!["SADD s __rand:200:99__".into()],
            vec!["SADD s __rand:x__".into()],
            vec!["SADD s __rand:200".into()],
        ] {
            assert!(Mix::new(&wrong, &keys, 3).is_err(), "{wrong:?}");
        }
    }
}
